//! Who asks for what at one edge: a sparse matrix of inputs and outputs.
//!
//! ```text
//!                outputs                    kept as
//!            0   1   2   3                  by_input   rows of bits, one an input
//!  inputs 0  .   k   .   k                  by_output  the same, one an output
//!         1  k   .   .   .                  cells      key and label of each bit that is set
//!         2  .   .   .   .  (not active)    active_*   rows and columns with a bit
//! ```
//!
//! Made once for the largest router and used for all of them: clearing a large matrix touches active
//! rows and columns only.

use super::key::Key;
use super::mask::{contains, ones, set, wipe, words};

/// The requests of one allocation.
#[derive(Clone, Debug)]
pub struct Requests {
    inputs: usize,
    outputs: usize,
    /// `[input][word of outputs]` and `[output][word of inputs]`.
    by_input: Vec<u64>,
    by_output: Vec<u64>,
    active_inputs: Vec<u64>,
    active_outputs: Vec<u64>,
    /// `[input][output]`: key and label, valid where the bit is set.
    cells: Vec<u64>,
    /// The key of the first request, and whether another one differs.
    first: Option<Key>,
    mixed: bool,
}

impl Requests {
    /// Room for requests of up to `inputs` for up to `outputs`: 8 bytes a pair and some bits.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            by_input: vec![0; inputs * words(outputs)],
            by_output: vec![0; outputs * words(inputs)],
            active_inputs: vec![0; words(inputs)],
            active_outputs: vec![0; words(outputs)],
            cells: vec![0; inputs * outputs],
            first: None,
            mixed: false,
        }
    }

    /// Adds a request. `label` is the caller's, to tell who of several behind the input asked (the
    /// VC, at a switch allocator). Of two requests of one pair the one with the greater key counts,
    /// of equals the first.
    ///
    /// # Panics
    /// If `input` or `output` is outside the matrix.
    #[inline]
    pub fn add(&mut self, input: usize, output: usize, key: Key, label: u8) {
        assert!(
            input < self.inputs && output < self.outputs,
            "request ({input}, {output}) is outside a matrix of {} x {}",
            self.inputs,
            self.outputs,
        );
        let cell = &mut self.cells[input * self.outputs + output];
        let row = &mut self.by_input[input * words(self.outputs)..][..words(self.outputs)];
        if contains(row, output) && Key::unpack(*cell) >= key {
            return;
        }
        *cell = key.pack(label);
        set(row, output);
        set(&mut self.by_output[output * words(self.inputs)..], input);
        set(&mut self.active_inputs, input);
        set(&mut self.active_outputs, output);
        // A replaced key still counts as another one: keys are then compared to no effect.
        self.mixed |= *self.first.get_or_insert(key) != key;
    }

    /// Takes all requests out.
    #[inline]
    pub fn clear(&mut self) {
        wipe(&mut self.by_input, words(self.outputs), &self.active_inputs);
        wipe(&mut self.by_output, words(self.inputs), &self.active_outputs);
        self.active_inputs.fill(0);
        self.active_outputs.fill(0);
        self.first = None;
        self.mixed = false;
    }

    /// Whether nobody asks.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether `input` asks for `output`; false for pairs outside the matrix.
    #[inline]
    pub fn contains(&self, input: usize, output: usize) -> bool {
        let inside = input < self.inputs && output < self.outputs;
        inside && contains(&self.by_input[input * words(self.outputs)..], output)
    }

    /// Whether `input` asks for anything.
    #[inline]
    pub fn has_input(&self, input: usize) -> bool {
        input < self.inputs && contains(&self.active_inputs, input)
    }

    /// Whether anyone asks for `output`.
    #[inline]
    pub fn has_output(&self, output: usize) -> bool {
        output < self.outputs && contains(&self.active_outputs, output)
    }

    /// The key of a request, if it was made.
    #[inline]
    pub fn key(&self, input: usize, output: usize) -> Option<Key> {
        let cell = self.cells.get(input * self.outputs + output)?;
        self.contains(input, output).then(|| Key::unpack(*cell))
    }

    /// The label of a request, if it was made.
    #[inline]
    pub fn label(&self, input: usize, output: usize) -> Option<u8> {
        let cell = self.cells.get(input * self.outputs + output)?;
        self.contains(input, output).then(|| cell.to_le_bytes()[0])
    }

    /// The outputs that `input` asks for, lowest first.
    #[inline]
    pub fn outputs_of(&self, input: usize) -> impl Iterator<Item = usize> {
        ones(self.inputs_view().row(input))
    }

    /// The inputs that ask, lowest first.
    #[inline]
    pub fn inputs(&self) -> impl Iterator<Item = usize> {
        ones(&self.active_inputs)
    }

    /// The greatest number of inputs and of outputs.
    #[inline]
    pub const fn size(&self) -> (usize, usize) {
        (self.inputs, self.outputs)
    }

    /// Whether requests have different keys.
    #[inline]
    pub(super) const fn mixed(&self) -> bool {
        self.mixed
    }

    /// The matrix with inputs as rows.
    #[inline]
    pub(super) fn inputs_view(&self) -> View<'_> {
        View {
            masks: &self.by_input,
            words: words(self.outputs),
            active: &self.active_inputs,
            cells: &self.cells,
            strides: (self.outputs, 1),
            mixed: self.mixed,
        }
    }

    /// The matrix with outputs as rows.
    #[inline]
    pub(super) fn outputs_view(&self) -> View<'_> {
        View {
            masks: &self.by_output,
            words: words(self.inputs),
            active: &self.active_outputs,
            cells: &self.cells,
            strides: (1, self.outputs),
            mixed: self.mixed,
        }
    }
}

/// The matrix as seen from one of its sides.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    masks: &'a [u64],
    words: usize,
    /// Rows with a request.
    pub(super) active: &'a [u64],
    cells: &'a [u64],
    /// From row to row and from column to column in `cells`.
    strides: (usize, usize),
    mixed: bool,
}

impl<'a> View<'a> {
    /// The columns that `row` asks for.
    #[inline]
    pub(super) fn row(&self, row: usize) -> &'a [u64] {
        &self.masks[row * self.words..][..self.words]
    }

    /// Leaves of `candidates`, columns of `row`, those with the greatest key.
    #[inline]
    pub(super) fn keep_first(&self, row: usize, candidates: &mut [u64]) {
        if !self.mixed {
            return;
        }
        let key = |column| Key::unpack(self.cells[row * self.strides.0 + column * self.strides.1]);
        let Some(best) = ones(candidates).map(key).max() else { return };
        for (at, word) in candidates.iter_mut().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if key(at * 64 + bit) != best {
                    *word &= !(1 << bit);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_requests_of_a_pair_the_greater_key_counts_and_of_equals_the_first() {
        let mut requests = Requests::new(2, 100);
        requests.add(1, 99, Key::new(2), 10);
        requests.add(1, 99, Key::new(2), 11);
        requests.add(1, 99, Key::new(1), 12);
        assert_eq!(requests.label(1, 99), Some(10));
        assert!(!requests.mixed());
        requests.add(1, 99, Key::new(3), 13);
        assert!(requests.mixed());
        assert_eq!((requests.label(1, 99), requests.key(1, 99)), (Some(13), Some(Key::new(3))));
    }

    #[test]
    fn a_cleared_matrix_is_a_new_one() {
        let mut requests = Requests::new(70, 3);
        requests.add(69, 2, Key::new(1), 1);
        requests.add(0, 2, Key::EQUAL, 1);
        assert!(requests.has_input(69) && requests.has_output(2) && !requests.has_output(1));
        assert_eq!(requests.inputs().collect::<Vec<_>>(), [0, 69]);
        assert_eq!(requests.outputs_of(69).collect::<Vec<_>>(), [2]);
        requests.clear();
        assert_eq!(format!("{:?}", (&requests.by_input, &requests.by_output)), {
            let fresh = Requests::new(70, 3);
            format!("{:?}", (&fresh.by_input, &fresh.by_output))
        });
        assert!(requests.is_empty() && !requests.mixed() && !requests.has_input(69));
        assert_eq!((requests.label(69, 2), requests.key(500, 500)), (None, None));
    }

    #[test]
    fn the_first_are_kept_seen_from_either_side() {
        let mut requests = Requests::new(3, 3);
        for (input, output, priority) in [(0, 0, 1), (0, 1, 2), (0, 2, 2), (1, 0, 3), (2, 0, 3)] {
            requests.add(input, output, Key::new(priority), 0);
        }
        let mut row = [0b111];
        requests.inputs_view().keep_first(0, &mut row);
        assert_eq!(row, [0b110]);
        let mut column = [0b111];
        requests.outputs_view().keep_first(0, &mut column);
        assert_eq!(column, [0b110]);
        requests.inputs_view().keep_first(0, &mut [0]);
    }
}
