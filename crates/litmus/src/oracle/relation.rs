//! Relations between up to 64 events, as rows of bits.

/// `[from]`: bit `to`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Relation(pub(super) Vec<u64>);

impl Relation {
    pub(super) fn empty(events: usize) -> Self {
        Self(vec![0; events])
    }

    /// The pairs that `holds`.
    pub(super) fn of(events: usize, holds: impl Fn(usize, usize) -> bool) -> Self {
        let row = |a| (0..events).filter(|b| holds(a, *b)).fold(0, |row, b| row | 1 << b);
        Self((0..events).map(row).collect())
    }

    pub(super) fn add(&mut self, from: usize, to: usize) {
        self.0[from] |= 1 << to;
    }

    pub(super) fn has(&self, from: usize, to: usize) -> bool {
        self.0[from] >> to & 1 == 1
    }

    pub(super) fn or(mut self, other: &Self) -> Self {
        for (row, more) in self.0.iter_mut().zip(&other.0) {
            *row |= more;
        }
        self
    }

    /// The pairs that `keep`.
    pub(super) fn filter(&self, keep: impl Fn(usize, usize) -> bool) -> Self {
        Self::of(self.0.len(), |a, b| self.has(a, b) && keep(a, b))
    }

    /// First this, then `next`.
    pub(super) fn then(&self, next: &Self) -> Self {
        let row = |row: &u64| bits(*row).fold(0, |all, b| all | next.0[b]);
        Self(self.0.iter().map(row).collect())
    }

    /// One or more steps.
    pub(super) fn closure(mut self) -> Self {
        for through in 0..self.0.len() {
            let onward = self.0[through];
            for row in &mut self.0 {
                if *row >> through & 1 == 1 {
                    *row |= onward;
                }
            }
        }
        self
    }

    pub(super) fn is_irreflexive(&self) -> bool {
        (0..self.0.len()).all(|a| !self.has(a, a))
    }

    pub(super) fn acyclic(self) -> bool {
        self.closure().is_irreflexive()
    }
}

/// The places of the bits that are set.
pub(super) fn bits(mut row: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = row.trailing_zeros();
        (row != 0).then(|| {
            row &= row - 1;
            at as usize
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_a_cycle_and_a_chain_is_none() {
        let ring = |n: usize| Relation::of(n, |a, b| b == (a + 1) % n);
        assert!(!ring(5).acyclic());
        let chain = ring(5).filter(|a, _| a != 4);
        assert!(chain.clone().acyclic());
        assert!(chain.clone().closure().has(0, 4) && !chain.then(&ring(5)).has(0, 1));
    }
}
