//! Who got what: at most one output an input and one input an output.

use core::cmp::Reverse;

use super::key::Key;
use super::mask::{clear, contains, ones, set, wipe, words};

const NONE: u32 = u32::MAX;

/// The grants of one allocation, and the room in which allocators make them. Used again from call
/// to call and from router to router; may be larger than the requests and the allocator are.
#[derive(Clone, Debug)]
pub struct Matching {
    pub(super) pairs: Pairs,
    pub(super) scratch: Scratch,
}

impl Matching {
    /// No grants, and room for up to `inputs` x `outputs`.
    ///
    /// # Panics
    /// If a side is not below `u32::MAX`.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        let side = inputs.max(outputs);
        assert!(u32::try_from(side).is_ok_and(|s| s < NONE), "{side} is no size of an allocator");
        Self { pairs: Pairs::new(inputs, outputs), scratch: Scratch::new(side) }
    }

    /// Takes all grants back.
    #[inline]
    pub fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Grants `output` to `input`.
    ///
    /// # Panics
    /// If one of them has a grant, or is outside.
    #[inline]
    pub fn grant(&mut self, input: usize, output: usize) {
        self.pairs.grant(input, output, true);
    }

    /// Takes the grant of `input` back, if it has one, so that no pointer learns of it.
    #[inline]
    pub fn revoke(&mut self, input: usize) {
        if let Some(output) = self.output_of(input) {
            self.pairs.output_of[input] = NONE;
            self.pairs.input_of[output] = NONE;
            clear(&mut self.pairs.inputs, input);
            clear(&mut self.pairs.outputs, output);
        }
    }

    /// What `input` got.
    #[inline]
    pub fn output_of(&self, input: usize) -> Option<usize> {
        granted(&self.pairs.output_of, input)
    }

    /// Who got `output`.
    #[inline]
    pub fn input_of(&self, output: usize) -> Option<usize> {
        granted(&self.pairs.input_of, output)
    }

    /// `(input, output)` of each grant, lowest input first.
    #[inline]
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        ones(&self.pairs.inputs).map(|input| (input, self.pairs.output_of[input] as usize))
    }

    /// The first grant of an input at or behind `from`.
    #[inline]
    pub(super) fn next_pair(&self, from: usize) -> Option<(usize, usize)> {
        let mut rest = self.pairs.output_of.iter().enumerate().skip(from);
        let (input, output) = rest.find(|(_, output)| **output != NONE)?;
        Some((input, *output as usize))
    }

    /// The greatest number of inputs and of outputs.
    #[inline]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.pairs.output_of.len(), self.pairs.input_of.len())
    }

    /// How many grants there are.
    #[inline]
    pub fn count(&self) -> usize {
        self.pairs.inputs.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is no grant.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.pairs.inputs.iter().all(|word| *word == 0)
    }

    /// The grants that arbiters learn from: of iSLIP those of the first iteration, else all.
    #[inline]
    pub(super) fn learned(&self) -> impl Iterator<Item = (usize, usize)> {
        self.pairs().filter(|(input, _)| contains(&self.pairs.first, *input))
    }
}

#[inline]
fn granted(partner_of: &[u32], at: usize) -> Option<usize> {
    partner_of.get(at).filter(|partner| **partner != NONE).map(|partner| *partner as usize)
}

/// The grants proper. Invariant: `output_of` and `input_of` are each other's inverse, `inputs` and
/// `outputs` are where they are not `NONE`.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    output_of: Vec<u32>,
    input_of: Vec<u32>,
    /// Those with a grant.
    pub(super) inputs: Vec<u64>,
    pub(super) outputs: Vec<u64>,
    /// Inputs whose last grant was made in a first iteration.
    first: Vec<u64>,
}

impl Pairs {
    fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            output_of: vec![NONE; inputs],
            input_of: vec![NONE; outputs],
            inputs: vec![0; words(inputs)],
            outputs: vec![0; words(outputs)],
            first: vec![0; words(inputs)],
        }
    }

    fn clear(&mut self) {
        for input in ones(&self.inputs) {
            self.output_of[input] = NONE;
        }
        for output in ones(&self.outputs) {
            self.input_of[output] = NONE;
        }
        self.inputs.fill(0);
        self.outputs.fill(0);
        self.first.fill(0);
    }

    /// Grants `output` to `input`, both free; arbiters learn of it if it is of a `first` iteration.
    #[inline]
    pub(super) fn grant(&mut self, input: usize, output: usize, first: bool) {
        assert!(
            self.is_free(input, output),
            "grant of ({input}, {output}) though one of them has a grant",
        );
        (self.output_of[input], self.input_of[output]) = (narrow(output), narrow(input));
        set(&mut self.inputs, input);
        set(&mut self.outputs, output);
        if first {
            set(&mut self.first, input);
        }
    }

    /// Whether neither side has a grant.
    #[inline]
    pub(super) fn is_free(&self, input: usize, output: usize) -> bool {
        !contains(&self.inputs, input) && !contains(&self.outputs, output)
    }
}

/// Sides are below `u32::MAX`: [`Matching::new`] refuses others.
#[inline]
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

/// A request in a queue of them: key, diagonals from the first one, input, output.
pub(super) type Ranked = (Reverse<Key>, usize, usize, usize);

/// What allocators need while they run. Invariant between calls: `lines` and `touched` are zero.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    /// One mask: the candidates of an arbiter.
    pub(super) candidates: Vec<u64>,
    /// `[row][words]`: a matrix with as many rows and columns as the greater side.
    pub(super) lines: Vec<u64>,
    /// Words in a row of `lines`.
    pub(super) words: usize,
    /// Rows of `lines` that are not zero.
    pub(super) touched: Vec<u64>,
    /// Requests in order; grows to the most there ever are.
    pub(super) ranked: Vec<Ranked>,
}

impl Scratch {
    fn new(side: usize) -> Self {
        let words = words(side);
        Self {
            candidates: vec![0; words],
            lines: vec![0; side * words],
            words,
            touched: vec![0; words],
            ranked: Vec::new(),
        }
    }

    /// Sets a bit of `lines`.
    #[inline]
    pub(super) fn mark(&mut self, row: usize, column: usize) {
        set(&mut self.lines[row * self.words..][..self.words], column);
        set(&mut self.touched, row);
    }

    /// Clears `lines`.
    #[inline]
    pub(super) fn unmark(&mut self) {
        wipe(&mut self.lines, self.words, &self.touched);
        self.touched.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_grant_leaves_nothing() {
        let mut matching = Matching::new(3, 70);
        matching.pairs.grant(2, 69, true);
        matching.pairs.grant(0, 1, false);
        assert_eq!(matching.pairs().collect::<Vec<_>>(), [(0, 1), (2, 69)]);
        assert_eq!(matching.learned().collect::<Vec<_>>(), [(2, 69)]);
        matching.revoke(2);
        matching.revoke(2);
        assert_eq!(
            (matching.count(), matching.input_of(69), matching.output_of(2)),
            (1, None, None)
        );
        assert_eq!(matching.learned().count(), 0);
        assert!(matching.pairs.is_free(2, 69));
        matching.clear();
        assert!(matching.is_empty() && matching.input_of(1).is_none());
        assert_eq!(matching.output_of(1000), None);
    }

    #[test]
    #[should_panic(expected = "grant of (1, 5) though one of them has a grant")]
    fn nothing_is_granted_twice() {
        let mut matching = Matching::new(3, 7);
        matching.pairs.grant(0, 5, true);
        matching.pairs.grant(1, 5, true);
    }
}
