//! Separable allocators: arbiters on one side propose, arbiters on the other choose.
//!
//! ```text
//!                     requests
//!                        │ of those without a grant
//!   proposers  [row]   pick one column each ──┐
//!   choosers   [column]                       └─▶ pick one proposer each ──▶ grants
//!                        ▲                                                    │
//!                        └────────────── iSLIP: again for the rest ───────────┘
//! ```
//!
//! Input-first: inputs propose, outputs choose. Output-first: the other way. iSLIP: output-first,
//! repeated. In a commit the arbiters of both sides move past a grant, of iSLIP past a grant of the
//! first iteration only, which is what keeps it from starving a request while requests stay until
//! they are granted (McKeown, IEEE/ACM Trans. Networking 7(2), 1999). These are BookSim 2's `separable_input_first`,
//! `separable_output_first` and `islip`; that `islip` knows no priorities, this one does.
//!
//! None is maximal: a proposal that loses is lost. iSLIP is when it has as many iterations as the
//! smaller side, for each but the last grants one more pair.

use super::arbiter::Arbiter;
use super::mask::{contains, ones};
use super::matching::Matching;
use super::requests::{Requests, View};
use super::{Allocator, assert_fits};

/// Separable, inputs propose: each picks one of its requests, then each output one of the inputs.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct InputFirst<A>(Arbiters<A>);

impl<A: Arbiter> InputFirst<A> {
    /// An allocator at reset.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self(Arbiters::new(inputs, outputs))
    }
}

impl<A: Arbiter> Allocator for InputFirst<A> {
    #[inline]
    fn allocate(&self, requests: &Requests, matching: &mut Matching) {
        start(requests, matching);
        self.0.round(true, requests).run(matching, true);
    }

    #[inline]
    fn commit(&mut self, matching: &Matching) {
        self.0.learn(matching);
    }
}

/// Separable, outputs propose: each picks one of its requesters, then each input one of the outputs.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct OutputFirst<A>(Arbiters<A>);

impl<A: Arbiter> OutputFirst<A> {
    /// An allocator at reset.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self(Arbiters::new(inputs, outputs))
    }
}

impl<A: Arbiter> Allocator for OutputFirst<A> {
    #[inline]
    fn allocate(&self, requests: &Requests, matching: &mut Matching) {
        start(requests, matching);
        self.0.round(false, requests).run(matching, true);
    }

    #[inline]
    fn commit(&mut self, matching: &Matching) {
        self.0.learn(matching);
    }
}

/// iSLIP: output-first, repeated among what is left.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Islip<A> {
    arbiters: Arbiters<A>,
    iterations: u8,
}

impl<A: Arbiter> Islip<A> {
    /// An allocator at reset. `iterations` is at least 1; 0 counts as 1.
    pub fn new(inputs: usize, outputs: usize, iterations: u8) -> Self {
        Self { arbiters: Arbiters::new(inputs, outputs), iterations: iterations.max(1) }
    }
}

impl<A: Arbiter> Allocator for Islip<A> {
    #[inline]
    fn allocate(&self, requests: &Requests, matching: &mut Matching) {
        start(requests, matching);
        let round = self.arbiters.round(false, requests);
        for iteration in 0..self.iterations {
            if !round.run(matching, iteration == 0) {
                break;
            }
        }
    }

    #[inline]
    fn commit(&mut self, matching: &Matching) {
        self.arbiters.learn(matching);
    }
}

/// The arbiters of one allocator: `[input]` over outputs, `[output]` over inputs.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct Arbiters<A> {
    inputs: Vec<A>,
    outputs: Vec<A>,
}

impl<A: Arbiter> Arbiters<A> {
    fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs: vec![A::new(outputs); inputs], outputs: vec![A::new(inputs); outputs] }
    }

    fn round<'a>(&'a self, inputs_propose: bool, requests: &'a Requests) -> Round<'a, A> {
        let inputs = Side { arbiters: &self.inputs, view: requests.inputs_view() };
        let outputs = Side { arbiters: &self.outputs, view: requests.outputs_view() };
        let (proposers, choosers) =
            if inputs_propose { (inputs, outputs) } else { (outputs, inputs) };
        Round { proposers, choosers, inputs_propose }
    }

    fn learn(&mut self, matching: &Matching) {
        for (input, output) in matching.learned() {
            self.inputs[input].granted(output);
            self.outputs[output].granted(input);
        }
    }
}

fn start(requests: &Requests, matching: &mut Matching) {
    assert_fits(requests, matching);
    matching.clear();
}

/// One side of the request matrix, with its arbiters.
struct Side<'a, A> {
    arbiters: &'a [A],
    view: View<'a>,
}

impl<A: Arbiter> Side<'_, A> {
    /// Whom `row` prefers of `candidates`; changes the candidates.
    #[inline]
    fn pick(&self, row: usize, candidates: &mut [u64]) -> Option<usize> {
        self.view.keep_first(row, candidates);
        let column = self.arbiters[row].pick(candidates)?;
        assert!(contains(candidates, column), "arbiter {row} picked {column}, which did not ask");
        Some(column)
    }
}

/// One iteration: a proposal of each row, a choice of each column.
struct Round<'a, A> {
    proposers: Side<'a, A>,
    choosers: Side<'a, A>,
    inputs_propose: bool,
}

impl<A: Arbiter> Round<'_, A> {
    /// Adds grants among the pairs that are free; whether there were any.
    #[inline]
    fn run(&self, matching: &mut Matching, first: bool) -> bool {
        self.propose(matching);
        self.choose(matching, first)
    }

    #[inline]
    fn propose(&self, matching: &mut Matching) {
        let Matching { pairs, scratch } = matching;
        let (rows, columns) = if self.inputs_propose {
            (&pairs.inputs, &pairs.outputs)
        } else {
            (&pairs.outputs, &pairs.inputs)
        };
        for row in ones(self.proposers.view.active) {
            if contains(rows, row) {
                continue;
            }
            let wanted = self.proposers.view.row(row);
            for ((candidate, word), taken) in scratch.candidates.iter_mut().zip(wanted).zip(columns)
            {
                *candidate = word & !taken;
            }
            if let Some(column) = self.proposers.pick(row, &mut scratch.candidates[..wanted.len()])
            {
                scratch.mark(column, row);
            }
        }
    }

    #[inline]
    fn choose(&self, matching: &mut Matching, first: bool) -> bool {
        let Matching { pairs, scratch } = matching;
        let mut any = false;
        for column in ones(&scratch.touched) {
            let line = &mut scratch.lines[column * scratch.words..][..scratch.words];
            if let Some(row) = self.choosers.pick(column, line) {
                let (input, output) =
                    if self.inputs_propose { (row, column) } else { (column, row) };
                pairs.grant(input, output, first);
                any = true;
            }
        }
        scratch.unmark();
        any
    }
}
