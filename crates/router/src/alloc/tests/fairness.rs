//! Fairness over time: equal service of equals, and bounds on waiting.

use base::arch::{Allocation, Arbitration};
use base::rng::draw;

use super::{Bench, all_ones, kinds};
use crate::alloc::{
    Allocator, Arbiter, InputFirst, Islip, Key, Matching, OutputFirst, RoundRobin, Wavefront,
    first_from,
};

/// Grants of each pair over `cycles`, `[input][output]`, while all ask for all.
fn service<A: Allocator>(bench: &mut Bench<A>, side: usize, cycles: usize) -> Vec<Vec<u32>> {
    let mut service = vec![vec![0; side]; side];
    for _ in 0..cycles {
        for (input, output) in bench.step(&all_ones(side, side)) {
            service[input][output] += 1;
        }
    }
    service
}

/// Most minus least of some counts.
fn spread(counts: impl Iterator<Item = u32> + Clone) -> u32 {
    counts.clone().max().unwrap_or(0) - counts.min().unwrap_or(0)
}

#[test]
fn persistent_requests_get_equal_service() {
    for side in [2, 3, 5, 8] {
        for kind in kinds(3) {
            let mut bench = Bench::any(kind, side, side);
            service(&mut bench, side, 10 * side * side);
            let service = service(&mut bench, side, 6 * side);
            let inputs = service.iter().map(|row| row.iter().sum::<u32>());
            assert!(spread(inputs) <= 1, "{kind:?} at {side}: {service:?}");
        }
    }
}

#[test]
fn pointers_of_round_robin_drift_apart_until_every_pair_has_its_turn() {
    // Full throughput, each pair once in `side` cycles: the time-division of McKeown's figure 5.
    for side in [2, 3, 5, 8] {
        let full = vec![vec![6; side]; side];
        let (input_first, output_first, islip) = (
            InputFirst::<RoundRobin>::new(side, side),
            OutputFirst::<RoundRobin>::new(side, side),
            Islip::<RoundRobin>::new(side, side, 2),
        );
        assert_eq!(settled(input_first, side), full);
        assert_eq!(settled(output_first, side), full);
        assert_eq!(settled(islip, side), full);
        assert_eq!(settled(Wavefront::new(side, side), side), full);
    }
}

fn settled<A: Allocator>(allocator: A, side: usize) -> Vec<Vec<u32>> {
    let mut bench = Bench::new(allocator, side, side);
    service(&mut bench, side, 4 * side);
    service(&mut bench, side, 6 * side)
}

/// A round-robin arbiter whose pointer never moves.
#[derive(Clone, Debug)]
struct Stuck;

impl Arbiter for Stuck {
    fn new(_size: usize) -> Self {
        Self
    }

    fn pick(&self, requesters: &[u64]) -> Option<usize> {
        first_from(requesters, 0)
    }

    fn granted(&mut self, _requester: usize) {}
}

#[test]
fn a_pointer_that_never_moves_is_found_unfair() {
    let service = settled(OutputFirst::<Stuck>::new(3, 3), 3);
    assert!(spread(service.iter().map(|row| row.iter().sum())) > 1, "{service:?}");
}

/// The longest wait in cycles of pair (0, 0), which asks always, among others that ask with a
/// probability of `percent`.
fn longest_wait<A: Allocator>(bench: &mut Bench<A>, side: usize, percent: u64, seed: u64) -> usize {
    let (mut longest, mut since) = (0, 0);
    for cycle in 0..3000 {
        let mut requests = all_ones(side, side);
        requests.retain(|(input, output, _)| {
            let at = (input * side + output) as u64;
            at == 0 || draw(seed, at, 0, cycle) % 100 < percent
        });
        since += 1;
        if bench.step(&requests).contains(&(0, 0)) {
            longest = longest.max(since);
            since = 0;
        }
    }
    longest.max(since)
}

#[test]
fn a_request_that_stays_is_granted_in_bounded_time_whoever_else_asks() {
    let side = 6;
    for kind in kinds(3) {
        // One turn of each pair of the row and the column; a wave comes by once in `side` cycles.
        let bound = if kind.0 == Allocation::Wavefront { side } else { side * side };
        for (seed, percent) in [(1, 10), (2, 50), (3, 90), (4, 100)] {
            let wait = longest_wait(&mut Bench::any(kind, side, side), side, percent, seed);
            assert!(wait <= bound, "{kind:?} at {percent} %: {wait} cycles");
        }
    }
    let stuck = longest_wait(&mut Bench::new(Reversed, side, side), side, 90, 3);
    assert!(stuck > 2 * side * side, "starvation is not seen: {stuck}");
}

/// Serves the last input that asks and nobody else.
struct Reversed;

impl Allocator for Reversed {
    fn allocate(&self, requests: &crate::alloc::Requests, matching: &mut Matching) {
        matching.clear();
        if let Some(input) = requests.inputs().last()
            && let Some(output) = requests.outputs_of(input).last()
        {
            matching.pairs.grant(input, output, true);
        }
    }

    fn commit(&mut self, _matching: &Matching) {}
}

#[test]
fn one_output_is_shared_in_strict_turns() {
    for kind in kinds(2) {
        let mut bench = Bench::any(kind, 5, 3);
        let requests: Vec<_> = (0..5).map(|input| (input, 2, Key::EQUAL)).collect();
        let turns: Vec<_> = (0..10).map(|_| bench.step(&requests)[0].0).collect();
        let mut once = turns[..5].to_vec();
        once.sort_unstable();
        assert_eq!(once, [0, 1, 2, 3, 4], "{kind:?}");
        assert_eq!(turns[..5], turns[5..], "{kind:?}");
    }
}

#[test]
fn the_first_turns_are_those_of_booksim() {
    let turns = |kind| {
        let mut bench = Bench::any(kind, 3, 1);
        let requests: Vec<_> = (0..3).map(|input| (input, 0, Key::EQUAL)).collect();
        (0..3).map(|_| bench.step(&requests)[0].0).collect::<Vec<_>>()
    };
    assert_eq!(turns((Allocation::InputFirst, Arbitration::RoundRobin)), [0, 1, 2]);
    assert_eq!(turns((Allocation::InputFirst, Arbitration::Matrix)), [2, 1, 0]);
    assert_eq!(turns((Allocation::Wavefront, Arbitration::RoundRobin)), [0, 1, 2]);
}
