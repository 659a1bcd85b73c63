//! The allocators against the slow model, over runs of random requests.

use base::arch::{Allocation, Arbitration};
use base::rng::draw;
use proptest::prelude::*;

use super::slow::{Fault, Slow};
use super::{Bench, Request, kinds};
use crate::alloc::Key;

/// What to ask for in a run.
#[derive(Clone, Copy, Debug)]
struct Load {
    inputs: usize,
    outputs: usize,
    /// Requests of each input in a cycle, drawn with repetition.
    requests: u64,
    /// How many different keys there are; births if more than 8.
    keys: u64,
    seed: u64,
}

impl Load {
    /// The requests of one cycle, some pairs more than once.
    fn at(&self, cycle: u64) -> Vec<Request> {
        let mut requests = Vec::new();
        for input in 0..self.inputs {
            for nth in 0..draw(self.seed, input as u64, 0, cycle) % (self.requests + 1) {
                let draw = draw(self.seed, input as u64, 1 + nth, cycle);
                let output = usize::try_from(draw % self.outputs as u64).unwrap();
                let rank = (draw >> 32) % self.keys;
                let class = u8::try_from(rank).unwrap_or(u8::MAX);
                let key = if self.keys > 8 { Key::aged(0, rank) } else { Key::new(class) };
                requests.push((input, output, key));
            }
        }
        requests
    }
}

/// The first cycle of `cycles` in which an allocator and the model differ.
fn differs(
    kind: (Allocation, Arbitration),
    load: &Load,
    cycles: u64,
    fault: Fault,
) -> Option<(u64, String)> {
    let mut bench = Bench::any(kind, load.inputs, load.outputs);
    let mut slow = Slow::new(kind, load.inputs, load.outputs, fault);
    for cycle in 0..cycles {
        let requests = load.at(cycle);
        let (got, expected) = (bench.step(&requests), slow.step(&requests));
        if got != expected {
            return Some((cycle, format!("{kind:?} grants {got:?}, not {expected:?}")));
        }
    }
    None
}

fn load(sides: [usize; 2], requests: u64) -> impl Strategy<Value = Load> {
    let sizes = (1..=sides[0], 1..=sides[1]);
    (sizes, 1..=requests, prop::sample::select(vec![1, 3, 1000]), any::<u64>()).prop_map(
        |((inputs, outputs), requests, keys, seed)| Load { inputs, outputs, requests, keys, seed },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn allocators_of_up_to_20_grant_what_the_model_grants(load in load([20, 20], 30)) {
        for kind in kinds(3) {
            prop_assert_eq!(differs(kind, &load, 12, Fault::None), None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn allocators_of_up_to_80_grant_what_the_model_grants(load in load([80, 80], 20)) {
        for kind in kinds(2) {
            prop_assert_eq!(differs(kind, &load, 5, Fault::None), None);
        }
    }
}

#[test]
fn allocators_of_80_and_of_more_than_a_thousand_grant_what_the_model_grants() {
    for keys in [1, 1000] {
        let load = Load { inputs: 80, outputs: 80, requests: 16, keys, seed: 3 };
        for kind in kinds(2) {
            assert_eq!(differs(kind, &load, 8, Fault::None), None);
        }
    }
    let load = Load { inputs: 1100, outputs: 1030, requests: 3, keys: 5, seed: 4 };
    for allocation in [Allocation::InputFirst, Allocation::Islip { iterations: 2 }] {
        assert_eq!(differs((allocation, Arbitration::RoundRobin), &load, 2, Fault::None), None);
    }
}

#[test]
fn every_mistake_of_a_model_is_seen() {
    let load = Load { inputs: 6, outputs: 7, requests: 8, keys: 1, seed: 9 };
    let keyed = Load { keys: 4, ..load };
    let islip = Allocation::Islip { iterations: 3 };
    let seen = |allocation, load: &Load, fault| {
        let kind = (allocation, Arbitration::RoundRobin);
        assert!(differs(kind, load, 50, fault).is_some(), "{allocation:?} hides {fault:?}");
    };
    for allocation in [Allocation::InputFirst, Allocation::OutputFirst, islip] {
        seen(allocation, &load, Fault::MovesOnLoss);
        seen(allocation, &keyed, Fault::IgnoresKeys);
    }
    seen(islip, &load, Fault::MovesLater);
    seen(Allocation::Wavefront, &load, Fault::StillDiagonal);
    seen(Allocation::Wavefront, &load, Fault::SkipsDiagonals);
    seen(Allocation::Wavefront, &keyed, Fault::IgnoresKeys);
    // And the other arbiter is another one.
    let mut bench = Bench::any((islip, Arbitration::Matrix), 6, 7);
    let mut slow = Slow::new((islip, Arbitration::RoundRobin), 6, 7, Fault::None);
    assert!((0..20).any(|cycle| bench.step(&load.at(cycle)) != slow.step(&load.at(cycle))));
}

#[test]
fn scratch_made_for_a_larger_router_changes_nothing() {
    let load = Load { inputs: 5, outputs: 4, requests: 4, keys: 1, seed: 2 };
    for kind in kinds(2) {
        let (mut exact, mut large) = (Bench::any(kind, 5, 4), Bench::any(kind, 5, 4));
        (large.requests, large.matching) =
            (crate::alloc::Requests::new(150, 170), crate::alloc::Matching::new(200, 200));
        for cycle in 0..30 {
            let requests = load.at(cycle);
            assert_eq!(exact.step(&requests), large.step(&requests), "{kind:?}");
        }
    }
}
