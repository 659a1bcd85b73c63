//! Allocators against closed forms, brute force and a slow model of their own.

mod exhaustive;
mod fairness;
mod keys;
mod reference;
mod slow;

use base::arch::{Allocation, Arbitration};

use super::{Allocator, AnyAllocator, Key, Matching, Requests};

/// A request: input, output, key.
type Request = (usize, usize, Key);

/// Every allocator with every arbiter; iSLIP with one iteration, and with `many`.
fn kinds(many: u8) -> Vec<(Allocation, Arbitration)> {
    let mut kinds = vec![(Allocation::Wavefront, Arbitration::RoundRobin)];
    for arbiter in [Arbitration::RoundRobin, Arbitration::Matrix] {
        kinds.extend([
            (Allocation::InputFirst, arbiter),
            (Allocation::OutputFirst, arbiter),
            (Allocation::Islip { iterations: 1 }, arbiter),
            (Allocation::Islip { iterations: many }, arbiter),
        ]);
    }
    kinds
}

/// An allocator with its scratch.
struct Bench<A> {
    allocator: A,
    requests: Requests,
    matching: Matching,
}

impl Bench<AnyAllocator> {
    fn any(kind: (Allocation, Arbitration), inputs: usize, outputs: usize) -> Self {
        Self::new(AnyAllocator::new(kind.0, kind.1, inputs, outputs), inputs, outputs)
    }
}

impl<A: Allocator> Bench<A> {
    fn new(allocator: A, inputs: usize, outputs: usize) -> Self {
        let requests = Requests::new(inputs, outputs);
        Self { allocator, requests, matching: Matching::new(inputs, outputs) }
    }

    /// Decides without committing.
    fn decide(&mut self, requests: &[Request]) -> &Matching {
        self.requests.clear();
        for (input, output, key) in requests {
            self.requests.add(*input, *output, *key, 0);
        }
        self.allocator.allocate(&self.requests, &mut self.matching);
        &self.matching
    }

    /// One edge: the grants, committed.
    fn step(&mut self, requests: &[Request]) -> Vec<(usize, usize)> {
        let pairs = self.decide(requests).pairs().collect();
        self.allocator.commit(&self.matching);
        pairs
    }
}

/// All pairs, with equal keys.
fn all_ones(inputs: usize, outputs: usize) -> Vec<Request> {
    let row = |input| (0..outputs).map(move |output| (input, output, Key::EQUAL));
    (0..inputs).flat_map(row).collect()
}
