//! A choice among items by weight, at a fixed cost: the alias method.
//!
//! Every item has a column of equal width, which it shares with at most one other item: a draw picks
//! the column, and what is left of the draw picks between the two (Walker, ACM TOMS 3(3), 1977; built
//! as Vose does, IEEE TSE 17(9), 1991).

use super::draws::{Chance, scale};
use super::error::SyntheticError;

/// Items that can be had at once.
const ITEMS_MAX: usize = 1 << 20;

/// Items, drawn in proportion to their weights.
#[derive(Clone, Debug)]
pub(crate) struct Weighted<T> {
    columns: Box<[Column<T>]>,
    count: u32,
}

/// An item, how much of its column it has, and who has the rest.
#[derive(Clone, Copy, Debug)]
struct Column<T> {
    own: Chance,
    item: T,
    other: T,
}

impl<T: Copy> Weighted<T> {
    /// Items with their weights, which need not add up to 1; `key` is what errors name.
    ///
    /// # Errors
    /// No item, too many, a weight that is negative or no number, or weights that are all 0.
    pub(crate) fn new(key: &'static str, items: &[(T, f64)]) -> Result<Self, SyntheticError> {
        let bad = |message: &str, mend: &str| Err(SyntheticError::new(key, message, mend));
        if items.is_empty() || items.len() > ITEMS_MAX {
            return bad("the list is empty or too long", "name between 1 and 2^20 items");
        }
        if items.iter().any(|(_, weight)| !weight.is_finite() || *weight < 0.0) {
            return bad("a weight is negative or no number", "use weights of 0 or more");
        }
        let sum: f64 = items.iter().map(|(_, weight)| weight).sum();
        if sum <= 0.0 || !sum.is_finite() {
            return bad("the weights add up to nothing", "make one of them more than 0");
        }
        let columns = columns(items, sum);
        let count = u32::try_from(columns.len()).unwrap_or(u32::MAX);
        Ok(Self { columns, count })
    }

    /// The item of a draw.
    #[inline]
    pub(crate) fn pick(&self, draw: u64) -> T {
        let (at, rest) = scale(draw, self.count);
        let column = &self.columns[at as usize];
        if column.own.hits(rest) { column.item } else { column.other }
    }
}

/// Fills columns that have too little of their own from items that have too much.
fn columns<T: Copy>(items: &[(T, f64)], sum: f64) -> Box<[Column<T>]> {
    let whole = |item| Column { own: Chance::ALWAYS, item, other: item };
    let mut columns: Box<[Column<T>]> = items.iter().map(|(item, _)| whole(*item)).collect();
    let mut left: Vec<f64> = items.iter().map(|(_, w)| w / sum * items.len() as f64).collect();
    let (mut poor, mut rich): (Vec<usize>, Vec<usize>) =
        (0..items.len()).partition(|at| left[*at] < 1.0);
    while let (Some(&from), Some(to)) = (rich.last(), poor.pop()) {
        columns[to].own = Chance::of(left[to]);
        columns[to].other = items[from].0;
        left[from] -= 1.0 - left[to];
        if left[from] < 1.0 {
            rich.pop();
            poor.push(from);
        }
    }
    // What rounding leaves over has its column to itself, unless it weighs nothing at all.
    let heaviest = (0..items.len()).max_by(|a, b| items[*a].1.total_cmp(&items[*b].1));
    for at in poor {
        if items[at].1 <= 0.0 {
            columns[at].item = items[heaviest.unwrap_or(at)].0;
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The exact share of `item`: its own part of its column, and its parts of others.
    fn share(weighted: &Weighted<usize>, item: usize) -> f64 {
        let part = |c: &Column<usize>| {
            let own = if c.own == Chance::ALWAYS { 1.0 } else { own(c.own) };
            own * f64::from(u8::from(c.item == item))
                + (1.0 - own) * f64::from(u8::from(c.other == item))
        };
        weighted.columns.iter().map(part).sum::<f64>() / weighted.columns.len() as f64
    }

    /// The chance as a number, by bisection over draws.
    fn own(chance: Chance) -> f64 {
        let mut below = 0_u64;
        for bit in (0..63).rev() {
            let at = below | (1 << bit);
            if chance.hits((at - 1) << 1) {
                below = at;
            }
        }
        below as f64 / 9_223_372_036_854_775_808.0
    }

    proptest! {
        #[test]
        fn each_item_has_its_share(weights in prop::collection::vec(0_u32..1000, 1..40)) {
            let sum: u32 = weights.iter().sum();
            prop_assume!(sum > 0);
            let items: Vec<(usize, f64)> =
                weights.iter().map(|w| f64::from(*w)).enumerate().collect();
            let weighted = Weighted::new("traffic", &items).unwrap();
            for (item, weight) in weights.iter().enumerate() {
                let expected = f64::from(*weight) / f64::from(sum);
                prop_assert!((share(&weighted, item) - expected).abs() < 1e-12);
                if *weight == 0 {
                    prop_assert!(weighted.columns.iter().all(|c| c.item != item
                        || c.own == Chance::of(0.0)));
                }
            }
        }
    }

    #[test]
    fn lists_that_cannot_be_drawn_from_are_errors() {
        for items in [&[][..], &[(0, -1.0)], &[(0, f64::NAN)], &[(0, 0.0)], &[(0, f64::INFINITY)]] {
            assert!(Weighted::new("traffic", items).is_err(), "{items:?}");
        }
    }
}
