//! A framed pair to try things on.

use std::sync::Arc;

use base::{Fs, LinkIdx, VcIdx};
use clock::{Crossing, Domain, Edge};

use crate::{
    Code, Energy, FrameClass, FramedPair, Layout, LinkEvent, LinkParams, Links, Noise, Replay,
    Spares, Timing, Undetected,
};

/// 4 lanes of 100 Gb/s; frames of 2,560 bits, 6.4 ns, with 8 slots of 800 ps; no code.
pub(crate) fn class() -> FrameClass {
    FrameClass {
        layout: Layout {
            frame_bits: 2560,
            slots: 8,
            flit_slots: 1,
            straddle: false,
            credits: 8,
            block: None,
        },
        lanes: 4,
        lane_bits_per_s: 100_000_000_000,
        code: Code::none(2560),
        noise: Noise::default(),
        replay: Replay {
            crc_bits: 32,
            undetected: Undetected::Poison,
            buffer_frames: 64,
            ack_every: 4,
            ack_delay: Fs::from_ns(20),
            nak_copies: 2,
            timeout: Fs::from_ns(400),
            retries: 4,
            retrain: Fs::from_ns(1000),
        },
        spares: Spares { lanes: 0, widths: vec![2, 1], failures_per_s: 0.0 },
        skip: None,
        elastic_bits: 0,
        ppm: [0, 0],
        energy: Energy { active_fj_per_bit: 500, idle_fj_per_bit: 100 },
    }
}

pub(super) fn mhz(m: u64) -> Domain {
    Domain::new((m * 1_000_000, 1), Fs::ZERO).unwrap()
}

/// A pair of links of a class: SerDes 5 ns, FEC 10 ns, flight as given.
pub(super) fn pair(
    class: FrameClass,
    flight: Fs,
    clock: Domain,
    events: &[(Fs, LinkEvent)],
    seed: u64,
) -> Links {
    let timing = Timing::Framed { at: 0, serdes: Fs::from_ns(5), fec: Fs::from_ns(10), flight };
    let to = Crossing { to: clock.clone(), synchronizer_edges: 2 };
    let of = LinkParams {
        timing,
        sender: clock,
        receiver: to.clone(),
        credit: to,
        credit_cycles: 1,
        fifo_depth: None,
    };
    let pair = FramedPair { link: 0, name: 0, class: Arc::new(class), events: events.to_vec() };
    Links::framed(vec![of; 2], &[pair], seed)
}

pub(super) const THERE: LinkIdx = LinkIdx(0);
pub(super) const BACK: LinkIdx = LinkIdx(1);

/// The end of time for a receiver.
pub(super) fn all(links: &mut Links, link: LinkIdx) -> Vec<u32> {
    core::iter::from_fn(|| links.receive(link, Edge(u64::MAX - 1))).map(|f| f.packet.0).collect()
}

/// All credits that ever arrive.
pub(super) fn credits(links: &mut Links, link: LinkIdx) -> usize {
    core::iter::from_fn(|| links.receive_credit(link, Edge(u64::MAX - 1)))
        .filter(|vc| *vc == VcIdx(3))
        .count()
}
