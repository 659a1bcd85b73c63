//! A slow model of every allocator: dense loops over all pairs, arbiters as textbooks draw them.
//! It shares no code with the allocators, and can be given a mistake.

use std::collections::BTreeSet;

use base::arch::{Allocation, Arbitration};

use super::Request;
use crate::alloc::Key;

/// A mistake of the model's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    None,
    /// Pointers of proposers move though the proposal lost.
    MovesOnLoss,
    /// Pointers move in every iteration.
    MovesLater,
    /// A wave starts at the same diagonal always.
    StillDiagonal,
    /// The first diagonal moves behind the one that was granted first.
    SkipsDiagonals,
    /// Keys do not count.
    IgnoresKeys,
}

/// Pointer, or a bit for each pair telling who goes before whom.
enum SlowArbiter {
    RoundRobin { pointer: usize, size: usize },
    Matrix(Vec<Vec<bool>>),
}

impl SlowArbiter {
    fn new(arbitration: Arbitration, size: usize) -> Self {
        if arbitration == Arbitration::Matrix {
            let row = |i| (0..size).map(|j| i > j).collect();
            Self::Matrix((0..size).map(row).collect())
        } else {
            Self::RoundRobin { pointer: 0, size }
        }
    }

    fn pick(&self, requesters: &[(usize, Key)]) -> Option<usize> {
        let best = requesters.iter().map(|r| r.1).max()?;
        let equals: Vec<usize> = requesters.iter().filter(|r| r.1 == best).map(|r| r.0).collect();
        match self {
            Self::RoundRobin { pointer, size } => {
                equals.into_iter().min_by_key(|r| (r + size - pointer) % size)
            }
            Self::Matrix(before) => {
                let first = |r: &usize| equals.iter().all(|other| !before[*other][*r]);
                equals.iter().copied().find(first)
            }
        }
    }

    fn granted(&mut self, requester: usize) {
        match self {
            Self::RoundRobin { pointer, size } => *pointer = (requester + 1) % *size,
            Self::Matrix(before) => {
                for other in (0..before.len()).filter(|other| *other != requester) {
                    before[requester][other] = false;
                    before[other][requester] = true;
                }
            }
        }
    }
}

pub(super) struct Slow {
    allocation: Allocation,
    fault: Fault,
    inputs: Vec<SlowArbiter>,
    outputs: Vec<SlowArbiter>,
    diagonal: usize,
}

impl Slow {
    pub(super) fn new(
        kind: (Allocation, Arbitration),
        inputs: usize,
        outputs: usize,
        fault: Fault,
    ) -> Self {
        let side = |count, size| (0..count).map(|_| SlowArbiter::new(kind.1, size)).collect();
        Self {
            allocation: kind.0,
            fault,
            inputs: side(inputs, outputs),
            outputs: side(outputs, inputs),
            diagonal: 0,
        }
    }

    /// One edge: the grants in order of inputs, and pointers moved.
    pub(super) fn step(&mut self, requests: &[Request]) -> Vec<(usize, usize)> {
        let mut cells = vec![vec![None; self.outputs.len()]; self.inputs.len()];
        for (input, output, key) in requests {
            let key = if self.fault == Fault::IgnoresKeys { Key::EQUAL } else { *key };
            let cell: &mut Option<Key> = &mut cells[*input][*output];
            *cell = Some(cell.map_or(key, |old| old.max(key)));
        }
        let mut grants = match self.allocation {
            Allocation::Wavefront => self.wavefront(&cells),
            Allocation::InputFirst => self.rounds(&cells, true, 1),
            Allocation::OutputFirst => self.rounds(&cells, false, 1),
            Allocation::Islip { iterations } => self.rounds(&cells, false, iterations),
        };
        grants.sort_unstable();
        grants
    }

    fn rounds(
        &mut self,
        cells: &[Vec<Option<Key>>],
        inputs_propose: bool,
        iterations: u8,
    ) -> Vec<(usize, usize)> {
        let mut grants: Vec<(usize, usize)> = Vec::new();
        let swap = |a, b| if inputs_propose { (a, b) } else { (b, a) };
        let (from, to) = if inputs_propose {
            (&mut self.inputs, &mut self.outputs)
        } else {
            (&mut self.outputs, &mut self.inputs)
        };
        for iteration in 0..iterations {
            let taken = grants.clone();
            let free = |a: usize, b: usize| -> Option<(usize, Key)> {
                let (input, output) = swap(a, b);
                let is_free = taken.iter().all(|(i, o)| *i != input && *o != output);
                cells[input][output].filter(|_| is_free).map(|key| (b, key))
            };
            let pick = |a: usize| {
                let open: Vec<_> = (0..to.len()).filter_map(|b| free(a, b)).collect();
                from[a].pick(&open)
            };
            let picks: Vec<Option<usize>> = (0..from.len()).map(pick).collect();
            for (b, chooser) in to.iter_mut().enumerate() {
                let asks = |a: usize| free(a, b).map(|(_, key)| (a, key));
                let picked = |a: &usize| picks[*a] == Some(b);
                let proposals: Vec<_> = (0..from.len()).filter(picked).filter_map(asks).collect();
                let Some(a) = chooser.pick(&proposals) else { continue };
                grants.push(swap(a, b));
                if iteration == 0 || self.fault == Fault::MovesLater {
                    from[a].granted(b);
                    chooser.granted(a);
                }
                if self.fault == Fault::MovesOnLoss {
                    for (proposer, _) in proposals {
                        from[proposer].granted(b);
                    }
                }
            }
        }
        grants
    }

    fn wavefront(&mut self, cells: &[Vec<Option<Key>>]) -> Vec<(usize, usize)> {
        let side = self.inputs.len().max(self.outputs.len());
        let keys: BTreeSet<Key> = cells.iter().flatten().copied().flatten().collect();
        let mut grants: Vec<(usize, usize)> = Vec::new();
        for key in keys.into_iter().rev() {
            for diagonal in (0..side).map(|ahead| (self.diagonal + ahead) % side) {
                for (input, row) in cells.iter().enumerate() {
                    let output = (diagonal + side - input) % side;
                    let free = grants.iter().all(|(i, o)| *i != input && *o != output);
                    if free && row.get(output) == Some(&Some(key)) {
                        grants.push((input, output));
                    }
                }
            }
        }
        if let Some((input, output)) = grants.first() {
            self.diagonal = match self.fault {
                Fault::StillDiagonal => 0,
                Fault::SkipsDiagonals => (input + output + 1) % side,
                _ => (self.diagonal + 1) % side,
            };
        }
        grants
    }
}
