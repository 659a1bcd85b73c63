//! A router that makes up for edges does what it would have done at each of them.

use base::rng::draw;
use base::{Flit, PacketIdx, Part, VcIdx};
use clock::Edge;

use super::lone::{Lone, Pins};
use super::packet;

const PORTS: usize = 3;
const DEPTH: u32 = 8;

/// Packets in the order in which they come, each with its port and the edge of its first flit: about one in
/// `gap` edges, each flit `apart` edges behind the one before.
fn arrivals(seed: u64, gap: u64, apart: u64) -> Vec<(usize, Vec<Flit>, u64)> {
    let mut free = [0; PORTS];
    let mut room = [[DEPTH; 10]; PORTS];
    let mut all = Vec::new();
    let mut at = 1;
    for number in 0..40_u32 {
        let any = |stream: u64, of: u64| draw(seed, number.into(), stream, 0) % of;
        let small = |n: u64| u32::try_from(n).unwrap_or(0);
        at += any(0, 2 * gap);
        let port = small(any(1, PORTS as u64)) as usize;
        let (vc, length) = (small(any(2, 10)), 1 + small(any(3, 3)));
        let dst = (small(any(4, PORTS as u64 - 1)) + 1 + small(port as u64)) % small(PORTS as u64);
        // No buffer ever overflows.
        let left = &mut room[port][vc as usize];
        if *left < length {
            continue;
        }
        *left -= length;
        let first = at.max(free[port]);
        free[port] = first + apart * u64::from(length);
        let vc = u8::try_from(vc).unwrap_or(0);
        all.push((port, packet(number, dst, vc, length), first));
    }
    all
}

/// See [`run`].
const LOADS: [(u64, u32, u64, u64); 8] = [
    (1, 1, 5, 1),
    (1, 1, 50, 1),
    (4, 1, 100, 1),
    (4, 1, 5, 3),
    (12, 1, 5, 1),
    (12, 3, 5, 1),
    (12, 1, 5, 4),
    (12, 3, 50, 4),
];

/// All that is seen at the pins of a router: flits and credits that leave, and by packet what is charged.
type Seen = (Vec<(usize, Flit, Edge)>, Vec<(usize, VcIdx, Edge)>, Vec<(PacketIdx, Part, Edge)>);

/// Runs a router, with links that take a flit each `interval` edges and return its credit `back` edges after it left,
/// and those that come `apart` edges apart.
fn run(mut lone: Lone, seed: u64, load: (u64, u32, u64, u64)) -> (Seen, u64) {
    let (gap, interval, back, apart) = load;
    lone.pins.interval = interval;
    let arrivals = arrivals(seed, gap, apart);
    let mut credited = 0;
    for now in 0..2_000 {
        for (port, flits, _) in arrivals.iter().filter(|(.., first)| *first == now + 1) {
            for (n, flit) in (0..).zip(flits) {
                lone.arrive(*port, *flit, now + 1 + n * apart);
            }
        }
        lone.run(now);
        while let Some((port, flit, left)) = lone.pins.sent.get(credited).copied() {
            lone.credit(port, flit.vc.0, left.0 + back);
            credited += 1;
        }
    }
    let flits: usize = arrivals.iter().map(|(_, flits, _)| flits.len()).sum();
    assert_eq!(lone.pins.sent.len(), flits, "all have left");
    let Pins { sent, returned, mut charged, passed, .. } = lone.pins;
    charged.sort_by_key(|(packet, ..)| *packet);
    ((sent, returned, charged), passed)
}

#[test]
fn a_router_that_makes_up_for_edges_does_what_it_would_have_done() {
    let mut passed = 0;
    for seed in 0..40 {
        for load in LOADS {
            let lone = || Lone::new(PORTS, DEPTH, [1; 4]);
            let prompt = run(lone(), seed, load);
            let late = run(lone().patient(), seed, load);
            assert_eq!(prompt.0, late.0, "seed {seed}, {load:?}");
            passed += late.1;
        }
    }
    assert!(passed > 500, "{passed} packets passed an idle router in one go");
}
