//! Value checks of framed links, and of the clocks at their ends.

use super::form::Chance;
use super::spec::PhySpec;
use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::spec::{End, MachineSpec};
use crate::validate::range;

/// Frames at most of a timeout, or while an ack waits.
const FRAMES_MAX: u128 = 1 << 20;

/// Checks the figures of the class called `name`, for flits of `flit_bytes`.
pub(crate) fn values(name: &str, s: &PhySpec, flit_bytes: u32) -> Result<(), Problem> {
    let key = |field: &str| format!("links.\"{name}\".{field}");
    let within =
        |field: &str, n: u32, least: u64, most: u64| range(&key(field), n.into(), least, most);
    within("lanes", s.lanes, 1, 1024)?;
    range(&key("lane_rate"), s.lane_bits_per_s, 1_000_000, 1_000_000_000_000_000)?;
    within("frame.slot", s.slot_bits, 8, 1 << 17)?;
    within("frame.payload", s.payload_bits, 8, 1 << 17)?;
    within("frame.header", s.header_bits, 0, 1 << 17)?;
    within("frame.crc_bits", s.crc_bits, 0, 1 << 16)?;
    within("frame.parity_bits", s.parity_bits, 0, 1 << 17)?;
    within("frame.sync_bits", s.sync_bits, 0, 1 << 17)?;
    within("frame.credits", s.credits, 1, u64::MAX)?;
    if !s.payload_bits.is_multiple_of(s.slot_bits) {
        let what = format!(
            "a payload of {} B is no whole number of slots of {} B",
            s.payload_bits / 8,
            s.slot_bits / 8
        );
        let mend = "make frame.payload a multiple of frame.slot";
        return Err(Problem::new(ErrorKind::Value, key("frame.slot"), what, mend));
    }
    if !s.straddle && s.flit_slots(flit_bytes) > s.slots() {
        let what = format!(
            "a flit of {flit_bytes} B does not fit into a payload of {} B",
            s.payload_bits / 8
        );
        let mend = "use a smaller flit, a larger frame.payload, or `frame: (straddle: true)`";
        return Err(Problem::new(ErrorKind::Structure, key("frame.payload"), what, mend));
    }
    for (field, span) in [("serdes", s.serdes), ("fec", s.fec)] {
        range(&key(field), span.0, 0, base::Fs::PER_SECOND)?;
    }
    range(&key("flight"), s.flight_per_m.0, 0, 1_000_000_000)?;
    let slot_rate = u128::from(s.lanes) * u128::from(s.lane_bits_per_s) * u128::from(s.slots());
    if slot_rate > u128::from(s.frame_bits()) * u128::from(base::Fs::PER_SECOND) {
        let mend = "use fewer lanes, a lower lane_rate or a larger frame.slot";
        let what = "a slot takes less than a femtosecond";
        return Err(Problem::new(ErrorKind::Value, key("lane_rate"), what, mend));
    }
    block(s, flit_bytes, &key)?;
    code(s, &key)?;
    noise(s, &key)?;
    replay(s, flit_bytes, &key)?;
    lanes(s, &key)
}

type Key<'a> = &'a dyn Fn(&str) -> String;

fn chance(key: String, given: Chance, most: f64) -> Result<(), Problem> {
    if (0.0..=most).contains(&given.0) {
        return Ok(());
    }
    let what = format!("{} is no number from 0 to {most}", given.0);
    Err(Problem::new(ErrorKind::Value, key, what, "write it like 1e-15"))
}

fn block(s: &PhySpec, flit_bytes: u32, key: Key<'_>) -> Result<(), Problem> {
    let Some(b) = s.block else { return Ok(()) };
    range(&key("block.unit"), b.unit_slots.into(), 1, u64::from(s.slots()))?;
    range(&key("block.units"), u64::from(b.slots / b.unit_slots), 1, 1 << 16)?;
    let structure = |field: &str, what: String, mend: &str| {
        Err(Problem::new(ErrorKind::Structure, key(field), what, mend))
    };
    if !s.straddle {
        let what = "blocks go on from frame to frame, and flits of this class do not".to_owned();
        return structure("frame.straddle", what, "add `frame: (straddle: true)`");
    }
    if !s.slots().is_multiple_of(b.unit_slots) {
        let what = format!(
            "a payload of {} B is no whole number of units of {} B",
            s.payload_bits / 8,
            u64::from(b.unit_slots) * u64::from(s.slot_bits) / 8
        );
        return structure("block.unit", what, "make frame.payload a multiple of block.unit");
    }
    let header = b.header_slots.max(b.next_header_slots);
    let least = u64::from(header) + u64::from(b.check_slots) + u64::from(s.flit_slots(flit_bytes));
    if least > u64::from(b.slots) {
        let what = format!(
            "a flit of {flit_bytes} B, a header and a check do not fit into a block of {} B",
            u64::from(b.slots) * u64::from(s.slot_bits) / 8
        );
        return structure("block.units", what, "use more units, or a smaller flit");
    }
    Ok(())
}

fn code(s: &PhySpec, key: Key<'_>) -> Result<(), Problem> {
    let Some(c) = s.code else { return Ok(()) };
    range(&key("code.symbols"), c.symbols.into(), 2, 1 << 16)?;
    range(&key("code.symbol_bits"), c.symbol_bits.into(), 1, 64)?;
    range(&key("code.strength"), c.strength.into(), 1, u64::from(c.symbols - 1).min(1024))?;
    range(&key("code.codewords"), c.codewords.into(), 1, 1024)?;
    range(&key("code.interleave"), c.interleave.into(), 1, c.codewords.into())?;
    if !c.codewords.is_multiple_of(c.interleave) {
        let what = format!("{} codewords are not dealt out {} by {0}", c.codewords, c.interleave);
        let mend = "use an interleave that divides the codewords";
        return Err(Problem::new(ErrorKind::Value, key("code.interleave"), what, mend));
    }
    let covered = u64::from(c.symbols) * u64::from(c.symbol_bits) * u64::from(c.codewords);
    let (frame, slack) = (u64::from(s.frame_bits()), u64::from(c.symbol_bits * c.codewords));
    if covered.abs_diff(frame) > slack {
        let what = format!("its codewords hold {covered} bits, and a frame has {frame}");
        let mend = "make symbols * symbol_bits * codewords the frame's bits, parity included";
        return Err(Problem::new(ErrorKind::Structure, key("code.symbols"), what, mend));
    }
    Ok(())
}

fn noise(s: &PhySpec, key: Key<'_>) -> Result<(), Problem> {
    chance(key("ber"), s.ber, 0.5)?;
    if let Some(b) = s.burst {
        chance(key("burst.rate"), b.rate, 0.1)?;
        chance(key("burst.error"), b.error, 1.0)?;
        chance(key("burst.mean_bits"), b.mean_bits, 1e6)?;
        if b.mean_bits.0 < 1.0 {
            let what = "a burst has at least one bit";
            return Err(Problem::new(
                ErrorKind::Value,
                key("burst.mean_bits"),
                what,
                "use 1 or more",
            ));
        }
    }
    chance(key("lane_failures_per_hour"), s.lane_failures_per_hour, 1e18)
}

fn replay(s: &PhySpec, flit_bytes: u32, key: Key<'_>) -> Result<(), Problem> {
    let r = &s.replay;
    range(&key("replay.crc_bits"), r.crc_bits.into(), 0, 64)?;
    range(&key("replay.sequence_bits"), r.sequence_bits.into(), 2, 32)?;
    let longest = s.block.map_or(s.flit_slots(flit_bytes), |b| b.slots);
    let flit_frames = u64::from(longest.div_ceil(s.slots())) + 1;
    let least = if s.straddle { flit_frames } else { 1 };
    range(&key("replay.buffer_frames"), r.buffer_frames.into(), least, 1 << 20)?;
    // The receiver tells a replay from a new frame by half of the numbers.
    if u64::from(r.buffer_frames) > 1 << (r.sequence_bits - 1) {
        let what = format!(
            "{} frames under way cannot be told apart by sequence numbers of {} bits",
            r.buffer_frames, r.sequence_bits
        );
        let mend =
            format!("use at most {} frames, or more sequence_bits", 1_u64 << (r.sequence_bits - 1));
        return Err(Problem::new(ErrorKind::Structure, key("replay.buffer_frames"), what, mend));
    }
    range(&key("replay.ack_every"), r.ack_every.into(), 1, r.buffer_frames.into())?;
    range(&key("replay.nak_copies"), r.nak_copies.into(), 1, 64)?;
    range(&key("replay.timeout"), r.timeout.0, 1, base::Fs::PER_SECOND)?;
    for (field, span) in [("replay.timeout", r.timeout), ("replay.ack_delay", r.ack_delay)] {
        let rate = u128::from(s.lanes) * u128::from(s.lane_bits_per_s);
        let second = u128::from(base::Fs::PER_SECOND);
        let frames = u128::from(span.0) * rate / (u128::from(s.frame_bits()) * second);
        if frames > FRAMES_MAX {
            let what = format!("{span} are {frames} frames, and at most {FRAMES_MAX} are counted");
            let most = base::Fs(
                u64::try_from(FRAMES_MAX * u128::from(s.frame_bits()) * second / rate)
                    .unwrap_or(base::Fs::PER_SECOND),
            );
            return Err(Problem::new(
                ErrorKind::Limit,
                key(field),
                what,
                format!("use at most {most}"),
            ));
        }
    }
    range(&key("replay.retries"), r.retries.into(), 1, 1 << 16)?;
    range(&key("replay.retrain"), r.retrain.0, 1, base::Fs::PER_SECOND)
}

fn lanes(s: &PhySpec, key: Key<'_>) -> Result<(), Problem> {
    range(&key("spare_lanes"), s.spare_lanes.into(), 0, 1024)?;
    if let Some(width) = s.widths.iter().find(|w| **w == 0 || **w > s.lanes) {
        let what = format!("{width} of {} lanes are no width to fall back to", s.lanes);
        return Err(Problem::new(
            ErrorKind::Value,
            key("widths"),
            what,
            "use widths below `lanes`",
        ));
    }
    if let Some((_, every)) = s.skip {
        range(&key("skip.every_frames"), every.into(), 1, 1 << 20)?;
    }
    let (Some(e), Some(budget)) = (s.elastic, s.ppm_budget()) else {
        return match s.elastic {
            Some(e) if e.ppm > 0 && s.skip.is_none() => Err(Problem::new(
                ErrorKind::Structure,
                key("elastic.ppm"),
                format!("clocks {} ppm apart need skips, and there are none", 2 * e.ppm),
                "add `skip: (bits: .., every_frames: ..)`",
            )),
            _ => Ok(()),
        };
    };
    if 2 * u64::from(e.ppm) > budget {
        return Err(Problem::new(
            ErrorKind::Structure,
            key("elastic.ppm"),
            format!(
                "two ends of {} ppm each are up to {} ppm apart; its skips and elastic buffer make up \
                 for {budget}",
                e.ppm,
                2 * e.ppm
            ),
            "make skips longer or more frequent, or elastic.buffer_bits larger",
        ));
    }
    Ok(())
}

/// Checks that no framed link joins clocks that are further off than its class tolerates, and none is
/// longer than its reach.
pub(crate) fn clocks(spec: &MachineSpec) -> Result<(), Problem> {
    let clock = |end: End| match end {
        End::Node(..) => spec.accelerator.clock,
        End::Router(r, _) => spec.fabric.routers[r.at()].clock,
    };
    for link in spec.fabric.links.iter().step_by(2) {
        let class = &spec.fabric.classes[link.class];
        let Some(phy) = &class.phy else { continue };
        if let Some(reach) = phy.reach_um
            && link.length_um > reach
        {
            return Err(Problem::new(
                ErrorKind::Structure,
                format!("links.\"{}\".reach", class.name),
                format!("a link of {} um is beyond its reach of {reach} um", link.length_um),
                "shorten the link, or give the class another `reach`",
            ));
        }
        let ends = [clock(link.from), clock(link.to)].map(|c| &spec.domains[c.at()]);
        let apart = crate::clocks::apart_ppm(ends[0], ends[1]);
        let tolerated = phy.elastic.map_or(0, |e| 2 * u64::from(e.ppm));
        if apart > tolerated {
            let worst = ends.into_iter().max_by_key(|c| c.ppm.abs()).unwrap_or(ends[0]);
            return Err(Problem::new(
                ErrorKind::Structure,
                format!("clocks.\"{}\"", worst.name),
                format!(
                    "the class `{}` joins `{}` and `{}`, whose clocks are {apart} ppm apart; it tolerates \
                     {tolerated}",
                    class.name, ends[0].name, ends[1].name
                ),
                "bring the clocks' `ppm` closer, or give the class a larger `elastic: (ppm: ..)` and skips",
            ));
        }
        debug_assert!(link.length_um <= limits::LENGTH_UM_MAX, "checked before");
    }
    Ok(())
}
