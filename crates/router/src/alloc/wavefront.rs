//! The wavefront allocator: the diagonals of the request matrix, one after the other.
//!
//! ```text
//!            outputs            diagonal (input + output) mod side; the wave starts at the first
//!          0   1   2   3        one and grants whatever is still free. No two cells of a diagonal
//!  in  0   d0  d1  d2  d3       share a row or a column, so their order does not matter, and what
//!      1   d1  d2  d3  d0       the wave has passed is granted or blocked: always maximal.
//!      2   d2  d3  d0  d1
//!      3   d3  d0  d1  d2
//! ```
//!
//! The first diagonal moves by one in each commit of a grant, whichever was granted: BookSim 2's
//! `wavefront`, not its `rr_wavefront`, which skips to behind the first diagonal with a grant. So a
//! pair that keeps asking is granted within as many such commits as the longer side has. Requests of
//! greater keys make their wave first, as there; among keys that all differ that is by key alone.
//! Source: Tamir and Chi, IEEE Trans. Parallel and Distributed Systems 4(1), 1993.

use core::cmp::Reverse;

use super::mask::ones;
use super::matching::Matching;
use super::requests::Requests;
use super::{Allocator, assert_fits};

/// Wavefront with a first diagonal that rotates.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Wavefront {
    /// The longer side, at least 1.
    side: usize,
    /// The first diagonal, below `side`.
    first: usize,
}

impl Wavefront {
    /// An allocator at reset: diagonal 0 is first.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { side: inputs.max(outputs).max(1), first: 0 }
    }

    /// From the first diagonal to that of a pair.
    #[inline]
    fn distance(&self, input: usize, output: usize) -> usize {
        let ahead = input + output + self.side - self.first;
        // Below 3 sides.
        let once = if ahead >= self.side { ahead - self.side } else { ahead };
        if once >= self.side { once - self.side } else { once }
    }

    /// All waves in one: keys are equal.
    fn sweep(&self, requests: &Requests, matching: &mut Matching) {
        let Matching { pairs, scratch } = matching;
        for input in requests.inputs() {
            for output in requests.outputs_of(input) {
                scratch.mark(self.distance(input, output), input);
            }
        }
        for distance in ones(&scratch.touched) {
            let line = &scratch.lines[distance * scratch.words..][..scratch.words];
            for input in ones(line) {
                let output = (distance + self.first + self.side - input) % self.side;
                if pairs.is_free(input, output) {
                    pairs.grant(input, output, true);
                }
            }
        }
        scratch.unmark();
    }

    /// A wave for each key, greatest first.
    fn sweep_by_key(&self, requests: &Requests, matching: &mut Matching) {
        let Matching { pairs, scratch } = matching;
        scratch.ranked.clear();
        for input in requests.inputs() {
            for output in requests.outputs_of(input) {
                let key = requests.key(input, output).unwrap_or_default();
                let distance = self.distance(input, output);
                scratch.ranked.push((Reverse(key), distance, input, output));
            }
        }
        scratch.ranked.sort_unstable();
        for &(_, _, input, output) in &scratch.ranked {
            if pairs.is_free(input, output) {
                pairs.grant(input, output, true);
            }
        }
    }
}

impl Allocator for Wavefront {
    #[inline]
    fn allocate(&self, requests: &Requests, matching: &mut Matching) {
        assert_fits(requests, matching);
        matching.clear();
        if requests.mixed() {
            self.sweep_by_key(requests, matching);
        } else {
            self.sweep(requests, matching);
        }
    }

    #[inline]
    fn commit(&mut self, matching: &Matching) {
        if !matching.is_empty() {
            self.first = if self.first + 1 == self.side { 0 } else { self.first + 1 };
        }
    }
}
