//! What framed links did: their accounts as data, and as text.

use core::fmt::Write;

use serde::Serialize;

use crate::run::BusyLink;
use crate::terminal::{Style, grouped};

/// What all framed links of a run did together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PhyTotals {
    /// Framed links, each direction counted.
    pub links: u64,
    /// Frames with flits, each once.
    pub frames: u64,
    /// Frames of idle fill.
    pub idle_frames: u64,
    /// Frames sent again.
    pub replays: u64,
    /// Symbols that codes mended.
    pub corrected_symbols: u64,
    /// Frames beyond repair.
    pub uncorrectable_frames: u64,
    /// Those that the CRC let pass.
    pub undetected_frames: u64,
    /// Trainings after the start.
    pub retrains: u64,
    /// How often tables changed because links went down or came up.
    pub reroutes: u64,
    /// Packets that their sources sent again when tables changed.
    pub resent_packets: u64,
    /// Flits that were under way when tables changed, of those packets, and were dropped.
    pub dropped_flits: u64,
    /// Packets that arrived poisoned.
    pub poisoned_packets: u64,
    /// Packets whose data arrived wrong unnoticed.
    pub corrupted_packets: u64,
    /// Femtojoules.
    pub energy_fj: u64,
}

/// What the link layer of a direction did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PhyAccount {
    /// Frames with flits, each once.
    pub frames: u64,
    /// Bytes of flits.
    pub payload_bytes: u64,
    /// Frames of idle fill.
    pub idle_frames: u64,
    /// Frames sent again.
    pub replays: u64,
    /// Symbols that the code mended.
    pub corrected_symbols: u64,
    /// Frames beyond repair, idle ones included.
    pub uncorrectable_frames: u64,
    /// Those that the CRC let pass.
    pub undetected_frames: u64,
    /// Flits that arrived wrong.
    pub wrong_flits: u64,
    /// Naks that the sender heard.
    pub naks: u64,
    /// Replays that its timer started.
    pub timeouts: u64,
    /// Trainings after the start, of both directions.
    pub retrains: u64,
    /// Lanes in use at the end.
    pub lanes: u32,
    /// Lanes of both directions that failed.
    pub lanes_failed: u32,
    /// How long the link was down.
    pub down_ns: f64,
    /// Frames that waited for room in the replay buffer.
    pub buffer_stalls: u64,
    /// Femtojoules.
    pub energy_fj: u64,
    /// Share of the time spent on flits, slice by slice.
    pub utilization_over_time: OverTime,
    /// Why it is down for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<String>,
}

/// A share, slice by slice.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OverTime {
    /// Length of a slice.
    pub slice_ns: f64,
    /// The shares.
    pub share: Vec<f64>,
}

/// The totals and the sickest links.
pub(crate) fn sections(
    out: &mut String,
    totals: Option<&PhyTotals>,
    sickest: &[BusyLink],
    style: Style,
) {
    let Some(t) = totals else { return };
    let _ = writeln!(out, "\n{}", style.title("link layer"));
    let _ = writeln!(
        out,
        "  {} frames with flits, {} idle, {} sent again; {} symbols corrected, {} frames beyond repair",
        grouped(t.frames),
        grouped(t.idle_frames),
        grouped(t.replays),
        grouped(t.corrected_symbols),
        grouped(t.uncorrectable_frames)
    );
    let _ = writeln!(
        out,
        "  {} links trained again, {:.3} mJ",
        grouped(t.retrains),
        t.energy_fj as f64 / 1e12
    );
    if t.reroutes > 0 {
        let _ = writeln!(
            out,
            "  tables changed {} times: {} flits under way dropped, {} packets sent again by their sources",
            grouped(t.reroutes),
            grouped(t.dropped_flits),
            grouped(t.resent_packets)
        );
    }
    if t.undetected_frames > 0 {
        let _ = writeln!(
            out,
            "  {} frames wrong unnoticed: {} packets poisoned, {} with wrong data",
            grouped(t.undetected_frames),
            grouped(t.poisoned_packets),
            grouped(t.corrupted_packets)
        );
    }
    if sickest.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.title("sickest links"));
    for link in sickest {
        let Some(phy) = &link.phy else { continue };
        let _ = writeln!(out, "  {:<28} {:<12} {}", link.link, link.class, symptoms(phy));
    }
}

/// What is wrong with a link, in words.
fn symptoms(p: &PhyAccount) -> String {
    let mut all = Vec::new();
    if let Some(dead) = &p.dead {
        all.push(dead.clone());
    }
    let mut count = |n: u64, what: &str| {
        if n > 0 {
            all.push(format!("{} {what}", grouped(n)));
        }
    };
    count(p.uncorrectable_frames, "frames beyond repair");
    count(p.replays, "replays");
    count(p.naks, "naks");
    count(p.timeouts, "timeouts");
    count(p.wrong_flits, "flits wrong");
    count(p.retrains, "trainings");
    count(p.lanes_failed.into(), "lanes failed");
    if p.retrains > 0 || p.dead.is_some() {
        all.push(format!("{} lanes left, down {:.1} ns", p.lanes, p.down_ns));
    }
    all.join(", ")
}

/// A share over time in eighths of a line.
pub(crate) fn sparkline(over: &OverTime) -> String {
    const STEPS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let cell = |share: &f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 8"
        )]
        let step = (share.clamp(0.0, 1.0) * 8.0).ceil() as usize;
        STEPS[step]
    };
    over.share.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sick_link_says_what_it_has() {
        let phy =
            PhyAccount { replays: 1200, naks: 3, retrains: 1, lanes: 2, ..Default::default() };
        assert_eq!(symptoms(&phy), "1 200 replays, 3 naks, 1 trainings, 2 lanes left, down 0.0 ns");
        let mut out = String::new();
        let link = BusyLink { link: "a -> b".to_owned(), phy: Some(phy), ..BusyLink::default() };
        sections(&mut out, None, std::slice::from_ref(&link), Style::default());
        assert!(out.is_empty());
        sections(&mut out, Some(&PhyTotals::default()), &[link], Style::default());
        assert!(out.contains("sickest links") && out.contains("a -> b"), "{out}");
    }

    #[test]
    fn changes_of_tables_say_what_they_dropped() {
        let text = |reroutes| {
            let totals =
                PhyTotals { reroutes, resent_packets: 7, dropped_flits: 19, ..Default::default() };
            let mut out = String::new();
            sections(&mut out, Some(&totals), &[], Style::default());
            out
        };
        let told = "tables changed 2 times: 19 flits under way dropped, 7 packets sent again";
        assert!(text(2).contains(told), "{}", text(2));
        assert!(!text(0).contains("tables"));
    }

    #[test]
    fn a_line_is_as_high_as_its_share() {
        let over = OverTime { slice_ns: 1.0, share: vec![0.0, 0.01, 0.5, 1.0] };
        assert_eq!(sparkline(&over), " ▁▄█");
    }
}
