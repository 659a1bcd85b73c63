//! Mean, spread and range of whole numbers, exactly.

/// Observations added up as they come: latencies in cycles, lengths in flits, hops.
///
/// Sums are exact up to 2^64 observations of up to 2^32, and stop at the largest number beyond.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    count: u64,
    sum: u128,
    sum_squares: u128,
    range: Option<(u64, u64)>,
}

impl Tally {
    /// Adds one observation.
    #[inline]
    pub fn push(&mut self, value: u64) {
        self.push_many(value, 1);
    }

    /// Adds as many observations of one value.
    #[inline]
    pub fn push_many(&mut self, value: u64, count: u64) {
        if count == 0 {
            return;
        }
        let (wide, many) = (u128::from(value), u128::from(count));
        self.count += count;
        self.sum = self.sum.saturating_add(wide * many);
        self.sum_squares = self.sum_squares.saturating_add((wide * wide).saturating_mul(many));
        let (least, most) = self.range.unwrap_or((value, value));
        self.range = Some((least.min(value), most.max(value)));
    }

    /// Adds all observations of another.
    pub fn merge(&mut self, other: &Self) {
        let Some((low, high)) = other.range else { return };
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.sum_squares = self.sum_squares.saturating_add(other.sum_squares);
        let (least, most) = self.range.unwrap_or((low, high));
        self.range = Some((least.min(low), most.max(high)));
    }

    /// How many observations there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The least of them.
    pub fn min(&self) -> Option<u64> {
        self.range.map(|(least, _)| least)
    }

    /// The largest of them.
    pub fn max(&self) -> Option<u64> {
        self.range.map(|(_, most)| most)
    }

    /// Their mean.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// Their variance, with one degree of freedom taken off; `None` for less than two.
    pub fn variance(&self) -> Option<f64> {
        let (mean, count) = (self.mean()?, self.count as f64);
        if self.count < 2 {
            return None;
        }
        // n * squares - sum^2 in whole numbers as long as it fits: no digits are lost.
        let exact = self
            .sum_squares
            .checked_mul(u128::from(self.count))
            .zip(self.sum.checked_mul(self.sum))
            .and_then(|(squares, square)| squares.checked_sub(square));
        let spread = match exact {
            Some(exact) => exact as f64 / count,
            None => (self.sum_squares as f64 - self.sum as f64 * mean).max(0.0),
        };
        Some(spread / (count - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn two_tallies_merge_into_the_tally_of_all(
            values in prop::collection::vec(0_u64..1 << 40, 0..50),
            parted in 0_usize..50,
        ) {
            let tally = |values: &[u64]| {
                let mut tally = Tally::default();
                for value in values {
                    tally.push(*value);
                }
                tally
            };
            let (left, right) = values.split_at(parted.min(values.len()));
            let mut merged = tally(left);
            merged.merge(&tally(right));
            prop_assert_eq!(merged, tally(&values));
            prop_assert_eq!(merged.min(), values.iter().min().copied());
            prop_assert_eq!(merged.max(), values.iter().max().copied());
            prop_assert_eq!(merged.sum(), values.iter().map(|v| u128::from(*v)).sum::<u128>());
        }
    }

    #[test]
    fn many_of_one_value_are_as_many_pushes() {
        let (mut one_by_one, mut at_once) = (Tally::default(), Tally::default());
        for (value, count) in [(7, 3), (0, 0), (u64::MAX, 2), (5, 1)] {
            (0..count).for_each(|_| one_by_one.push(value));
            at_once.push_many(value, count);
        }
        assert_eq!(one_by_one, at_once);
        assert_eq!(at_once.count(), 6);
    }

    #[test]
    fn variance_keeps_the_digits_of_a_small_spread_on_a_large_mean() {
        let mut tally = Tally::default();
        assert_eq!((tally.mean(), tally.variance()), (None, None));
        for value in [4, 7, 13, 16] {
            tally.push(1_000_000_000_000 + value);
        }
        assert_eq!(tally.variance(), Some(30.0));
        assert_eq!(tally.mean(), Some(1_000_000_000_010.0));
    }
}
