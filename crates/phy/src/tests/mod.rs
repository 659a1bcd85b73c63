//! Laws of links: rate, order, latency, credits.

use base::{Class, Flit, Fs, LinkIdx, NodeIdx, PacketIdx, VcIdx};
use clock::{Crossing, Domain, Edge};
use proptest::prelude::*;

use crate::{Impairment, LinkParams, Links, Timing};

mod framed;
mod stepped;
mod support;

pub(crate) use support::class;

pub(crate) fn flit(n: u32) -> Flit {
    Flit {
        packet: PacketIdx(n),
        dst: NodeIdx(0),
        src: NodeIdx(0),
        flits: 1,
        state: 0,
        flow: 0,
        vc: VcIdx(0),
        class: Class::Req,
        head: true,
        tail: true,
    }
}

fn mhz(m: u64) -> Domain {
    Domain::new((m * 1_000_000, 1), Fs::ZERO).unwrap()
}

fn params(timing: Timing, sender: Domain, receiver: Domain) -> LinkParams {
    LinkParams {
        timing,
        sender: sender.clone(),
        receiver: Crossing { to: receiver, synchronizer_edges: 2 },
        credit: Crossing { to: sender, synchronizer_edges: 2 },
        credit_cycles: 1,
        fifo_depth: None,
    }
}

/// 32-byte flits at 25 GB/s: 1.28 ns each.
fn nvlink() -> Timing {
    let ns = Fs::from_ns;
    Timing::serial(256, (200_000_000_000, 1), ns(20), ns(30), ns(5)).unwrap()
}

#[test]
fn a_lone_flit_takes_the_sum_of_its_stages() {
    let mut links = Links::lossless(vec![params(nvlink(), mhz(1000), mhz(500))]);
    let t = links.send(LinkIdx(0), flit(1), Edge(10));
    assert_eq!(t.serialized, Fs(11_280_000));
    assert_eq!(t.flight, Fs(66_280_000));
    // 66.28 ns is latched by the 2 ns clock's edge 34 (68 ns), visible two edges later.
    assert_eq!((t.visible, t.crossed), (Edge(36), Fs::from_ns(72)));
    assert_eq!(links.receive(LinkIdx(0), Edge(35)), None);
    assert_eq!(links.receive(LinkIdx(0), Edge(36)), Some(flit(1)));
}

#[test]
fn an_on_die_wire_counts_edges_and_keeps_its_interval() {
    let timing = Timing::OnDie { latency_cycles: 3, interval_cycles: 2 };
    let mut links = Links::lossless(vec![params(timing, mhz(1000), mhz(1000))]);
    assert_eq!(links.send(LinkIdx(0), flit(1), Edge(10)).visible, Edge(13));
    assert_eq!(links.ready(LinkIdx(0)), Edge(12));
}

#[test]
fn a_credit_takes_the_way_back_and_its_processing() {
    let mut links = Links::lossless(vec![params(nvlink(), mhz(1000), mhz(500))]);
    // Leaves at 100 ns, arrives at 155 ns, plus two synchronizer edges, plus one to process.
    assert_eq!(links.send_credit(LinkIdx(0), VcIdx(4), Edge(50)), Edge(158));
    assert_eq!(links.receive_credit(LinkIdx(0), Edge(157)), None);
    assert_eq!(links.receive_credit(LinkIdx(0), Edge(158)), Some(VcIdx(4)));
}

#[test]
fn a_replay_delays_its_flit_and_all_behind_it() {
    struct Second;
    impl Impairment for Second {
        fn replay(&mut self, _: LinkIdx, count: u64, _: Fs) -> Fs {
            if count == 2 { Fs::from_ns(100) } else { Fs::ZERO }
        }
    }
    let mut links = Links::new(vec![params(nvlink(), mhz(1000), mhz(1000))], Second);
    let mut seen = Vec::new();
    for n in 0..3 {
        let at = links.ready(LinkIdx(0));
        seen.push(links.send(LinkIdx(0), flit(n), at).visible.0);
    }
    assert!(seen[1] - seen[0] >= 100 && seen[2] > seen[1], "{seen:?}");
}

proptest! {
    #[test]
    fn a_busy_link_keeps_its_rate_exactly_and_its_order(
        sender in 200_u64..4000, receiver in 200_u64..4000, gbps in 1_u64..2000, efficiency in 1_u64..=544,
        flits in 2_u32..200,
    ) {
        let rate = (gbps * 1_000_000_000 * efficiency, 544);
        let timing = Timing::serial(256, rate, Fs(7), Fs(11), Fs(13)).unwrap();
        let p = params(timing, mhz(sender), mhz(receiver));
        let mut links = Links::lossless(vec![p]);
        let (mut first, mut last) = (None, Fs::ZERO);
        let mut visible = Vec::new();
        for n in 0..flits {
            let at = links.ready(LinkIdx(0));
            let t = links.send(LinkIdx(0), flit(n), at);
            prop_assert!(t.serialized > last);
            first.get_or_insert(t.serialized);
            last = t.serialized;
            visible.push(t.visible);
        }
        prop_assert!(visible.is_sorted());
        if let Timing::Serial { flit_time: (numer, denom), .. } = timing
            && numer / denom > 1 + 1_000_000_000 / sender
        {
            // The link is the slower one: from flit to flit nothing is lost to rounding.
            let (numer, denom) = (u128::from(numer), u128::from(denom));
            let all = numer * u128::from(flits) / denom - numer / denom;
            prop_assert_eq!(u128::from((last - first.unwrap()).0), all);
        }
        // As fast as the slower of the link and the sender's one flit a cycle, to a femtosecond.
        let flit_fs = 256.0 * 1e15 * 544.0 / (gbps as f64 * 1e9 * efficiency as f64);
        let cycle_fs = 1e9 / sender as f64;
        let expect = flit_fs.max(cycle_fs) * f64::from(flits - 1);
        let got = (last - first.unwrap()).0 as f64;
        // The first flits of a link that is only just faster than the clock may lag by a cycle.
        prop_assert!((got - expect).abs() <= cycle_fs.min(flit_fs) + 2.0, "{} against {}", got, expect);
        for n in 0..flits {
            prop_assert_eq!(links.receive(LinkIdx(0), Edge::NEVER), Some(flit(n)));
        }
        prop_assert_eq!(links.flits_in_flight(LinkIdx(0)), 0);
    }
}

/// Sends as soon as the link takes it; gives the instants at which flits are seen.
fn flood(params: LinkParams, flits: u32) -> Vec<Fs> {
    let (clock, receiver) = (params.sender.clone(), params.receiver.to.clone());
    let mut links = Links::lossless(vec![params]);
    let mut seen = Vec::new();
    for n in 0..flits {
        let edge = links.ready(LinkIdx(0));
        let t = links.send(LinkIdx(0), flit(n), edge);
        assert!(t.crossed > clock.instant(edge), "something takes time");
        assert_eq!(links.receive(LinkIdx(0), Edge(t.visible.0 - 1)), None);
        assert_eq!(links.receive(LinkIdx(0), t.visible), Some(flit(n)));
        seen.push(receiver.instant(t.visible));
    }
    seen
}

#[test]
fn a_fifo_that_is_too_shallow_holds_up_the_sender_by_its_loop() {
    // Flits of 1.28 ns between clocks of 1 ns. A place is taken from the write to three edges of each
    // clock later at most.
    let rate = |depth| {
        let params = LinkParams { fifo_depth: depth, ..params(nvlink(), mhz(1000), mhz(1000)) };
        let seen = flood(params, 1_001);
        seen[1_000].since(seen[0]).as_ns() / 1_000.0
    };
    let free = rate(None);
    assert!((1.27..1.29).contains(&free), "{free} ns a flit");
    // (3 + 3) ns / 1.28 ns: five places keep up.
    assert!((rate(Some(5)) - free).abs() < 1e-9);
    for depth in [2, 1] {
        let held = rate(Some(depth)) * f64::from(depth);
        // Edges that coincide: each pointer is seen after two edges, not three.
        assert!((held - 4.0).abs() < 0.05, "a loop of {held} ns with {depth} places");
    }
}
