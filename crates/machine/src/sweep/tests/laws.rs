//! What holds whatever the load.

use base::{NodeIdx, RouterIdx, VcIdx};
use traffic::synthetic::{Exchange, PacketSizes, TrafficSpec};

use super::{mesh, run, uniform};
use crate::cycle::{CycleNetwork, Next, Passage, Terminals};
use crate::sweep::record::Record;
use crate::sweep::terminals::Synthetic;
use crate::sweep::{Options, fits, shape};

/// Terminals whose sources dry up at a cycle.
struct Stops<'a> {
    inner: Synthetic<'a>,
    at: u64,
}

impl Terminals for Stops<'_> {
    fn next(&mut self, node: NodeIdx, class: u8, now: u64) -> Next {
        if class == 0 && now >= self.at { Next::Wait } else { self.inner.next(node, class, now) }
    }

    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        self.inner.delivered(passage, now)
    }
}

#[test]
fn a_drained_network_has_every_flit_out_and_every_credit_back() {
    let spec = mesh(4);
    let sizes: PacketSizes = "1:0.5,5:0.5".parse().unwrap();
    for exchange in [Exchange::OneWay(sizes), Exchange::request_reply(2, 3)] {
        let traffic = TrafficSpec { rate: 0.6, exchange, ..TrafficSpec::default() };
        let traffic = traffic.on(&shape(&spec)).unwrap();
        let classes = Synthetic::classes(&traffic);
        let routing = spec.fabric.routing.clone();
        let mut net = CycleNetwork::new(&spec, routing, classes, 1, ()).unwrap();
        let inner = Synthetic::new(&traffic, 16, Record::new(classes, None, (false, false)));
        let mut all = Stops { inner, at: 2000 };
        net.start();
        while net.now() < 2000 || net.packets_in_flight() > 0 {
            net.cycle(&mut all);
            assert!(net.now() < 20_000, "it does not drain");
        }
        let (entered, left) = net.flits();
        assert!(entered == left && entered > 10_000, "{entered} {left}");
        let handed = all.inner.record.handed;
        assert_eq!((handed.flits, handed.packets), (left, net.packets_delivered()));
        // The last credits are on their way for some cycles.
        (0..100).for_each(|_| net.cycle(&mut all));
        for (r, router) in spec.fabric.routers.iter().enumerate() {
            for port in 0..router.ports.len() {
                for vc in 0..u8::try_from(net.routers().vcs()).unwrap() {
                    let (there, of) = net.routers().credits(RouterIdx::new(r), port, VcIdx(vc));
                    assert_eq!(there, of, "router {r} port {port} VC {vc}");
                }
            }
        }
    }
}

#[test]
fn the_same_options_give_the_same_run_and_another_seed_another() {
    let spec = mesh(4);
    let first = run(&spec, &uniform(0.3, 500, 1000));
    assert_eq!(first, run(&spec, &uniform(0.3, 500, 1000)));
    let mut other = uniform(0.3, 500, 1000);
    other.traffic.seed = 2;
    assert_ne!(first.digest, run(&spec, &other).digest);
}

#[test]
fn watching_changes_nothing() {
    let spec = mesh(4);
    let plain = uniform(0.3, 500, 1500);
    let follow = vec![0, 5];
    let watched =
        Options { stats: true, matrix: true, series_cycles: Some(100), follow, ..plain.clone() };
    let (a, b) = (run(&spec, &plain), run(&spec, &watched));
    assert_eq!((a.digest, a.flit_hops, a.cycles), (b.digest, b.flit_hops, b.cycles));
    assert!((a.packet_latency - b.packet_latency).abs() < 1e-12);
}

#[test]
fn traffic_that_means_nothing_on_the_machine_is_an_error() {
    let spec = mesh(3);
    let traffic = TrafficSpec { pattern: "transpose".parse().unwrap(), ..TrafficSpec::default() };
    assert!(fits(&spec, &traffic).unwrap_err().to_string().contains("even power of two"));
    assert!(fits(&spec, &TrafficSpec::default()).is_ok());
    let tornado = TrafficSpec { pattern: "tornado".parse().unwrap(), ..TrafficSpec::default() };
    assert!(fits(&spec, &tornado).is_ok(), "the grid is known");
}

/// By hand: 100 packets of 1 flit and of 5 in turn make 3 flits in the mean.
#[test]
fn packets_of_several_lengths_offer_the_flits_that_were_asked_for() {
    let sizes: PacketSizes = "1:0.5,5:0.5".parse().unwrap();
    let mut options = uniform(0.3, 1000, 6000);
    options.traffic.exchange = Exchange::OneWay(sizes);
    let m = run(&mesh(4), &options);
    assert!((m.accepted / 0.3 - 1.0).abs() < 0.03, "{}", m.accepted);
    let packets = m.packets as f64 / (6000.0 * 16.0);
    assert!((packets / 0.1 - 1.0).abs() < 0.03, "{packets}");
    assert!(m.packet_latency > m.flit_latency, "a packet ends with its last flit");
}
