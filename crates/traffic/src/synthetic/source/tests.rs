//! What nodes send: repeatable, independent, at the rate that was asked for.

use core::num::NonZeroU32;

use super::*;

fn spec(rate: f64) -> TrafficSpec {
    TrafficSpec { rate, ..TrafficSpec::default() }
}

fn sent(traffic: &Traffic, node: u32, end: u64) -> Vec<Arrival> {
    let mut source = traffic.source(NodeIdx(node));
    let next = || source.next(traffic.pattern()).filter(|packet| packet.cycle < end);
    core::iter::from_fn(next).collect()
}

#[test]
fn a_source_is_a_function_of_seed_and_node() {
    let traffic = spec(0.3).on(&Shape::flat(16)).unwrap();
    let all = sent(&traffic, 4, 5000);
    assert!(all.len() > 1000 && all.windows(2).all(|two| two[0].cycle < two[1].cycle));
    assert_eq!(all, sent(&traffic, 4, 5000));
    assert_ne!(all, sent(&traffic, 5, 5000));
    let other = TrafficSpec { seed: 2, ..spec(0.3) }.on(&Shape::flat(16)).unwrap();
    assert_ne!(all, sent(&other, 4, 5000));
}

#[test]
fn the_packets_of_a_seed_never_change() {
    // If these do, so does every result that was published with a seed.
    let shape = Shape::flat(64);
    let first = |process: &str| {
        let process = process.parse().unwrap();
        let traffic = TrafficSpec { process, ..spec(0.2) }.on(&shape).unwrap();
        let packets = sent(&traffic, 9, 1_000_000);
        let packet = |n: usize| (packets[n].cycle, packets[n].dst.0);
        [packet(0), packet(1), packet(1000)]
    };
    assert_eq!(first("bernoulli"), [(6, 39), (7, 47), (5205, 56)]);
    assert_eq!(first("periodic"), [(3, 39), (8, 47), (5003, 56)]);
    assert_eq!(first("on_off(0.1,0.2)"), [(3, 39), (9, 47), (5211, 56)]);
    assert_eq!(first("self_similar(0.8)"), [(29, 39), (30, 47), (5012, 56)]);
}

#[test]
fn packet_lengths_change_neither_cycles_nor_destinations_but_by_the_rate() {
    let mixed = Exchange::OneWay("1:0.5,5:0.5".parse().unwrap());
    let mixed = TrafficSpec { exchange: mixed, ..spec(0.6) }.on(&Shape::flat(16)).unwrap();
    let short = spec(0.2).on(&Shape::flat(16)).unwrap();
    assert!((mixed.packet_rate() - 0.2).abs() < 1e-12);
    let (a, b) = (sent(&mixed, 3, 100_000), sent(&short, 3, 100_000));
    let ways = |all: &[Arrival]| -> Vec<_> { all.iter().map(|p| (p.cycle, p.dst)).collect() };
    // The packet rates differ by at most a bit, which no draw is near enough to see.
    assert_eq!(ways(&a), ways(&b));
    let flits: u32 = a.iter().map(|packet| packet.flits).sum();
    let deviation = (100_000.0_f64 * (0.2 * 13.0 - 0.36)).sqrt();
    assert!((f64::from(flits) - 60_000.0).abs() < 4.0 * deviation, "{flits}");
    assert!(a.iter().all(|packet| [1, 5].contains(&packet.flits)));
    let long = a.iter().filter(|packet| packet.flits == 5).count() as f64;
    assert!((long / a.len() as f64 - 0.5).abs() < 0.015, "{long}");
}

#[test]
fn requests_share_the_rate_with_their_replies() {
    let exchange = Exchange::RequestReply { request_flits: 1, reply_flits: 5 };
    let window = NonZeroU32::new(8);
    let spec = TrafficSpec { exchange, window, ..spec(0.6) };
    let traffic = spec.on(&Shape::flat(16)).unwrap();
    assert!((traffic.packet_rate() - 0.1).abs() < 1e-12);
    assert_eq!((traffic.reply_flits(), traffic.flits_max()), (Some(5), 5));
    assert_eq!(traffic.window(), window);
    let all = sent(&traffic, 0, 10_000);
    assert!((900..1100).contains(&all.len()));
    assert!(all.iter().all(|packet| packet.flits == 1 && packet.class == CLASS_REQUEST));
}

#[test]
fn a_terminal_that_may_not_send_hears_of_packets_only_after() {
    let traffic = spec(0.5).on(&Shape::flat(16)).unwrap();
    let mut source = traffic.source(NodeIdx(1));
    let mut at = 0;
    for _ in 0..1000 {
        let packet = source.next_from(at, traffic.pattern()).unwrap();
        assert!((at..at + 40).contains(&packet.cycle), "{at}: {packet:?}");
        at = packet.cycle + 25;
    }
    let idle = spec(0.0).on(&Shape::flat(16)).unwrap();
    assert_eq!(idle.source(NodeIdx(1)).next(idle.pattern()), None);
}

#[test]
fn all_sources_together_fill_a_uniform_matrix() {
    let traffic = spec(0.25).on(&Shape::flat(8)).unwrap();
    let mut pairs = [0.0; 64];
    for node in 0..8 {
        for packet in sent(&traffic, node, 20_000) {
            pairs[NodeIdx(node).at() * 8 + packet.dst.at()] += 1.0;
        }
    }
    let expected = 20_000.0 * 0.25 / 8.0;
    let square: f64 = pairs.iter().map(|n| (n - expected) * (n - expected) / expected).sum();
    assert!(square < 64.0 + 4.0 * 128.0_f64.sqrt(), "{square}");
}

#[test]
fn packet_lengths_are_read_as_they_print() {
    for text in ["1", "5", "1:0.5,5:0.5", "1:2,9:1,65535:0"] {
        let sizes: PacketSizes = text.parse().unwrap();
        assert_eq!(sizes.to_string(), text);
        assert_eq!(text.parse(), Ok(sizes));
    }
    assert!(("1:3,5:1".parse::<PacketSizes>().unwrap().mean_flits() - 2.0).abs() < 1e-12);
    for text in ["", "0", "65536", "-1", "1:", "1:x", "1,", "1:-1", "2:0", "1:inf"] {
        let error = text.parse::<PacketSizes>().unwrap_err();
        assert!(error.key() == "packet_flits" && !error.mend().is_empty(), "{text}: {error}");
    }
    let bad = Exchange::RequestReply { request_flits: 1, reply_flits: 0 };
    assert!(TrafficSpec { exchange: bad, ..spec(0.1) }.on(&Shape::flat(4)).is_err());
}
