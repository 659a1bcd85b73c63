//! From framed link classes to the links of `phy`.

use std::sync::Arc;

use base::{Fs, LinkIdx};
use clock::Domain;
use phy::{
    Burst, Code, Energy, FrameClass, FramedPair, LaneFault, Layout, LinkEvent, Noise, Replay, Skip,
    Spares, Undetected,
};
use topology::spec::{End, Happening, MachineSpec, PhySpec};

use crate::BuildError;

/// The greatest share of frames that a link may lose: a frame needs ten tries then, and each loses all that is
/// under way.
const LOSS_MAX: f64 = 0.9;

/// Frames that are drawn to tell it where there are bursts.
const DRAWN: u64 = 16_000;

/// Seconds of an hour.
const HOUR: f64 = 3600.0;

/// What a framed link class is to `phy`, for flits of `flit_bytes`.
pub fn frame_class(s: &PhySpec, flit_bytes: u32) -> FrameClass {
    let r = &s.replay;
    FrameClass {
        layout: Layout {
            frame_bits: s.frame_bits(),
            slots: s.slots(),
            flit_slots: s.flit_slots(flit_bytes),
            straddle: s.straddle,
            credits: s.credits,
            block: s.block.map(|b| phy::Block {
                unit_slots: b.unit_slots,
                slots: b.slots,
                header_slots: [b.header_slots, b.next_header_slots],
                check_slots: b.check_slots,
            }),
        },
        lanes: s.lanes,
        lane_bits_per_s: s.lane_bits_per_s,
        code: s.code.map_or(Code::none(s.frame_bits()), |c| Code {
            symbols: c.symbols,
            symbol_bits: c.symbol_bits,
            strength: c.strength,
            codewords: c.codewords,
            interleave: c.interleave,
        }),
        noise: Noise {
            ber: s.ber.0,
            burst: s.burst.map(|b| Burst {
                rate: b.rate.0,
                mean_bits: b.mean_bits.0,
                error: b.error.0,
            }),
        },
        replay: Replay {
            crc_bits: r.crc_bits,
            undetected: match r.undetected {
                topology::phy::Undetected::Poison => Undetected::Poison,
                topology::phy::Undetected::Silent => Undetected::Silent,
            },
            buffer_frames: r.buffer_frames,
            ack_every: r.ack_every,
            ack_delay: r.ack_delay,
            nak_copies: r.nak_copies,
            timeout: r.timeout,
            retries: r.retries,
            retrain: r.retrain,
        },
        spares: Spares {
            lanes: s.spare_lanes,
            widths: s.widths.clone(),
            failures_per_s: s.lane_failures_per_hour.0 / HOUR,
        },
        elastic_bits: s.elastic.map_or(0, |e| e.buffer_bits),
        ppm: [0, 0],
        skip: s.skip.map(|(bits, every_frames)| Skip { bits, every_frames }),
        energy: Energy {
            active_fj_per_bit: s.energy_fj_per_bit.0,
            idle_fj_per_bit: s.energy_fj_per_bit.1,
        },
    }
}

/// A framed link class that loses so many frames that nothing would get through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Losing {
    /// Where the class is described.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What helps.
    pub mend: String,
}

/// The first such class of a machine.
pub fn losing_class(spec: &MachineSpec) -> Option<Losing> {
    let framed = spec.fabric.classes.iter().filter_map(|c| Some((c, c.phy.as_ref()?)));
    framed
        .map(|(c, phy)| (&c.name, frame_class(phy, spec.flit_bytes)))
        .find_map(|(n, c)| losing(n, &c))
}

fn losing(name: &str, class: &FrameClass) -> Option<Losing> {
    let (share, _) = phy::frame_loss(&class.shape(), &class.noise, 1, DRAWN);
    (share > LOSS_MAX).then(|| Losing {
        key: format!(
            "links.\"{name}\".{}",
            if class.code.frame_loss(class.noise.ber) > LOSS_MAX / 2.0 { "ber" } else { "burst" }
        ),
        what: format!(
            "the link class `{name}` loses {:.1} % of its frames, so nearly nothing would get through; {:.0} % are \
             borne",
            100.0 * share,
            100.0 * LOSS_MAX
        ),
        mend: "lower its `ber` and `burst`, or raise `code: (strength: ..)`".to_owned(),
    })
}

/// The framed pairs of a machine that are among `own` links, by their numbers there, with what happens to
/// each.
pub(crate) fn pairs(spec: &MachineSpec, own: &[LinkIdx]) -> Result<Vec<FramedPair>, BuildError> {
    let classes = spec.fabric.classes.iter().map(|c| {
        let Some(phy) = &c.phy else { return Ok(None) };
        let class = frame_class(phy, spec.flit_bytes);
        let sound = |width: u32| {
            class.slot_rate(width).and_then(|rate| Domain::new(rate, Fs::ZERO)).is_some()
        };
        let widths = class.spares.widths.iter().copied().chain([class.lanes]);
        let slots = class.layout.slots > 0 && class.layout.flit_slots > 0;
        if slots && let Some(Losing { what, mend, .. }) = losing(&c.name, &class) {
            return Err(BuildError::new(format!("{what}\n  mend: {mend}")));
        }
        if !slots || !widths.clone().all(|w| w > 0 && sound(w)) {
            let why = "its frames have no rate that can be kept";
            return Err(BuildError::new(format!("link class `{}`: {why}", c.name)));
        }
        Ok(Some(Arc::new(class)))
    });
    let classes = classes.collect::<Result<Vec<_>, _>>()?;
    let links = &spec.fabric.links;
    let framed = |(link, number): &(usize, usize)| {
        let class = classes[links[*link].class].as_ref()?;
        Some(FramedPair {
            link: *number,
            name: *link as u64,
            class: by_clocks(class, [links[*link].from, links[*link].to].map(|end| ppm(spec, end))),
            events: events(spec, *link),
        })
    };
    let own = own.iter().enumerate().step_by(2).map(|(number, link)| (link.at(), number));
    Ok(own.filter_map(|pair| framed(&pair)).collect())
}

/// A class between ends whose clocks are so many parts in a million fast.
fn by_clocks(class: &Arc<FrameClass>, ppm: [i32; 2]) -> Arc<FrameClass> {
    if ppm == [0, 0] {
        return Arc::clone(class);
    }
    Arc::new(FrameClass { ppm, ..FrameClass::clone(class) })
}

/// By how many parts in a million the clock of a link's end is fast.
fn ppm(spec: &MachineSpec, end: End) -> i32 {
    let clock = match end {
        End::Node(..) => spec.accelerator.clock,
        End::Router(r, _) => spec.fabric.routers[r.at()].clock,
    };
    spec.domains[clock.at()].ppm
}

/// What happens to a pair, by its even link.
fn events(spec: &MachineSpec, even: usize) -> Vec<(Fs, LinkEvent)> {
    let of = spec.events.iter().filter(|e| e.link.at() & !1 == even);
    let mut all: Vec<_> = of
        .map(|e| {
            let way = u8::from(e.link.at() & 1 == 1);
            let event = match e.what {
                Happening::LaneFails(lane) => LinkEvent::Lane(LaneFault { way, lane }),
                Happening::Retrain => LinkEvent::Retrain,
                Happening::Down => LinkEvent::Down,
                Happening::Up => LinkEvent::Up,
            };
            (e.at, event)
        })
        .collect();
    all.sort_by_key(|(at, _)| *at);
    all
}
