//! Keys hold whatever the allocator and the arbiter: class priority, then age.

use std::collections::BTreeMap;

use base::arch::{Arbitration, Priority};
use base::rng::draw;
use base::{CLASS_COUNT, Class};

use super::{Bench, Request, all_ones, kinds};
use crate::alloc::{Key, KeyRule};

/// Random requests of a cycle, `[0, percent)` of all, all with different births.
fn aged(side: usize, cycle: u64, percent: u64) -> Vec<Request> {
    let mut requests = all_ones(side, side);
    requests.retain(|(i, o, _)| draw(5, (i * side + o) as u64, 0, cycle) % 100 < percent);
    for (at, request) in requests.iter_mut().enumerate() {
        // The low bits tell births of equal draws apart.
        let birth = draw(6, at as u64, 0, cycle) >> 32 << 8 | at as u64;
        request.2 = Key::aged(0, birth);
    }
    requests
}

#[test]
fn the_oldest_of_all_is_granted_at_once() {
    for kind in kinds(2) {
        let mut bench = Bench::any(kind, 9, 9);
        for cycle in 0..200 {
            let requests = aged(9, cycle, 20 + cycle % 70);
            let oldest = requests.iter().max_by_key(|(_, _, key)| *key).unwrap();
            let pairs = bench.step(&requests);
            assert!(pairs.contains(&(oldest.0, oldest.1)), "{kind:?} in cycle {cycle}");
        }
    }
}

#[test]
fn with_ages_a_packet_waits_at_most_for_the_older_ones() {
    // One packet an input at a time, each for a random output; served, the next one is younger. A
    // packet waits only for older ones at its output, of which there are at most `side - 1`.
    let side = 7;
    for kind in kinds(2) {
        let mut bench = Bench::any(kind, side, side);
        let packet = |input: usize, now: u64| {
            let draw = draw(8, input as u64, 0, now);
            (usize::try_from(draw % side as u64).unwrap(), now)
        };
        let mut waiting: BTreeMap<usize, _> = (0..side).map(|i| (i, packet(i, 0))).collect();
        for now in 1..500 {
            let request = |(input, packet): (&usize, &(usize, u64))| {
                (*input, packet.0, Key::aged(0, packet.1))
            };
            let requests: Vec<_> = waiting.iter().map(request).collect();
            for (input, _) in bench.step(&requests) {
                let born = waiting.insert(input, packet(input, now)).unwrap().1;
                assert!(now - born <= side as u64, "{kind:?}: born at {born}, served at {now}");
            }
        }
    }
}

#[test]
fn equal_births_take_turns() {
    for kind in kinds(2) {
        let mut bench = Bench::any(kind, 4, 1);
        // Input 3 is the youngest and gets nothing; the others are of one age.
        let requests: Vec<_> =
            (0..4).map(|input| (input, 0, Key::aged(0, 7 + input as u64 / 3))).collect();
        let mut served = [0; 4];
        for _ in 0..12 {
            served[bench.step(&requests)[0].0] += 1;
        }
        assert_eq!(served[3], 0, "{kind:?}");
        assert_eq!(served[..3].iter().sum::<u32>(), 12);
        assert!(served[..3].iter().all(|count| *count >= 3), "{kind:?}: {served:?}");
    }
}

#[test]
fn a_class_waits_while_a_later_one_asks() {
    let rule = KeyRule::new(Priority::Class, Arbitration::RoundRobin);
    for kind in kinds(2) {
        let mut bench = Bench::any(kind, CLASS_COUNT, 1);
        let mut requests: Vec<_> =
            Class::ALL.iter().map(|class| (class.at(), 0, rule.key(*class, 0))).collect();
        let mut order = Vec::new();
        while !requests.is_empty() {
            let (input, _) = bench.step(&requests)[0];
            requests.retain(|request| request.0 != input);
            order.push(input);
        }
        assert_eq!(order, [4, 3, 2, 1, 0], "{kind:?}");
    }
}
