//! Windows, requests and replies.

use std::num::NonZeroU32;

use base::NodeIdx;
use traffic::synthetic::{Exchange, PatternSpec, TrafficSpec};

use super::{mesh, run, uniform};
use crate::cycle::{CycleNetwork, Next, Passage, Terminals};
use crate::sweep::record::Record;
use crate::sweep::terminals::Synthetic;
use crate::sweep::{Options, shape};

/// Terminals that count what each node has outstanding.
struct Counted<'a> {
    inner: Synthetic<'a>,
    outstanding: Vec<u32>,
    most: u32,
    replies: bool,
}

impl Terminals for Counted<'_> {
    fn next(&mut self, node: NodeIdx, class: u8, now: u64) -> Next {
        let next = self.inner.next(node, class, now);
        if class == 0 && matches!(next, Next::Packet(_)) {
            self.outstanding[node.at()] += 1;
            self.most = self.most.max(self.outstanding[node.at()]);
        }
        next
    }

    fn flit_injected(&mut self, passage: &Passage, now: u64) {
        self.inner.flit_injected(passage, now);
    }

    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        match (passage.class, self.replies) {
            (0, false) => self.outstanding[passage.src.at()] -= 1,
            (1, _) => self.outstanding[passage.dst.at()] -= 1,
            _ => {}
        }
        self.inner.delivered(passage, now)
    }
}

#[test]
fn nobody_has_more_outstanding_than_the_window_and_somebody_has_as_many() {
    for exchange in [TrafficSpec::default().exchange, Exchange::request_reply(1, 5)] {
        let spec = mesh(4);
        let replies = matches!(exchange, Exchange::RequestReply { .. });
        let (rate, window) = (0.9, NonZeroU32::new(3));
        let traffic = TrafficSpec { rate, window, exchange, ..TrafficSpec::default() };
        let traffic = traffic.on(&shape(&spec)).unwrap();
        let classes = Synthetic::classes(&traffic);
        let routing = spec.fabric.routing.clone();
        let mut net = CycleNetwork::new(&spec, routing, classes, 1, ()).unwrap();
        let inner = Synthetic::new(&traffic, 16, Record::new(classes, None, (false, false)));
        let mut all = Counted { inner, outstanding: vec![0; 16], most: 0, replies };
        net.start();
        for _ in 0..3000 {
            net.cycle(&mut all);
        }
        assert_eq!(all.most, 3);
        assert!(net.packets_delivered() > 1000);
    }
}

/// With a process that always wants to send, each node has its whole window outstanding, so its
/// packets take `window / rate` cycles (Little, 1961); but two packets that arrive in one cycle free
/// slots of which one is used a cycle later, since a process makes one packet a cycle.
#[test]
fn a_closed_loop_obeys_littles_law() {
    for window in [1, 2, 8] {
        let mut options = uniform(1.0, 1000, 4000);
        options.traffic.window = NonZeroU32::new(window);
        let m = run(&mesh(4), &options);
        let little = f64::from(window) / m.packet_latency;
        let share = m.accepted / little;
        let least = if window == 1 { 0.998 } else { 0.98 };
        assert!((least..1.002).contains(&share), "{window}: {} {little}", m.accepted);
        assert!(m.drained && m.saturated.is_none());
    }
}

/// A tornado on two routers a dimension goes to oneself: 7 cycles, then the next one at once.
#[test]
fn a_window_of_one_sends_the_next_packet_when_the_last_arrived() {
    let mut options = uniform(1.0, 0, 700);
    options.traffic.window = NonZeroU32::new(1);
    options.traffic.pattern = "tornado".parse::<PatternSpec>().unwrap();
    let m = run(&mesh(2), &options);
    assert_eq!((m.packets, m.packet_latency_min, m.packet_latency_max), (4 * 100, 7, 7));
}

#[test]
fn every_request_is_answered_once() {
    let exchange = Exchange::request_reply(1, 5);
    let traffic = TrafficSpec { rate: 0.3, exchange, ..TrafficSpec::default() };
    let options = Options {
        traffic,
        warmup_cycles: Some(0),
        measured_cycles: 6000,
        matrix: true,
        ..Options::default()
    };
    let m = run(&mesh(4), &options);
    let [requests, replies] = m.classes.as_slice() else { panic!("{:?}", m.classes) };
    assert_eq!((requests.class, replies.class), ("request", "reply"));
    // Replies are made a latency later, so some of the window's requests are answered after it.
    let late = requests.packets - replies.packets;
    assert!(late < 16 * 30 && requests.packets > 4500, "{requests:?} {replies:?}");
    assert_eq!(m.packets, requests.packets + replies.packets);
    assert!((m.accepted / 0.3 - 1.0).abs() < 0.03, "{}", m.accepted);
    assert!(replies.mean > requests.mean + 3.0, "a reply has four flits more");
    // From a to b go requests of a and replies to b's.
    let flits: u64 = m.matrix.iter().flatten().sum();
    assert!((flits as f64 / (6000.0 * 16.0) - m.accepted).abs() < 1e-9);
}
