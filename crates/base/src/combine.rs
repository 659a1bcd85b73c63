//! What a reduction does with the words that its members bring.

/// How two words become one. All are commutative and associative on 64 bits, so a reduction gives the
/// same word in whatever order its tree combines.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[repr(u8)]
pub enum Combine {
    /// The sum, wrapping.
    Sum = 1,
    /// The least, unsigned.
    Min = 2,
    /// The greatest, unsigned.
    Max = 3,
    /// Bit by bit and.
    And = 4,
    /// Bit by bit or.
    Or = 5,
}

impl Combine {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::Sum, Self::Min, Self::Max, Self::And, Self::Or];

    /// Two words as one.
    #[inline]
    pub fn apply(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Sum => a.wrapping_add(b),
            Self::Min => a.min(b),
            Self::Max => a.max(b),
            Self::And => a & b,
            Self::Or => a | b,
        }
    }

    /// What it is called in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::And => "and",
            Self::Or => "or",
        }
    }

    /// The one with this name, in any letter case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|how| how.name().eq_ignore_ascii_case(name))
    }

    /// The one with this number, which is its discriminant.
    pub fn numbered(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|how| *how as u64 == number)
    }
}

/// What a member brings to a barrier: nothing, or a word and how it is combined.
pub type Share = Option<(Combine, u64)>;

/// What two members bring, as one; `None` if they do not agree on whether words are combined, and how.
#[inline]
pub fn join(a: Share, b: Share) -> Option<Share> {
    match (a, b) {
        (None, None) => Some(None),
        (Some((how, a)), Some((also, b))) if how == also => Some(Some((how, how.apply(a, b)))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_join_where_members_agree() {
        let (sum, min) = (Some((Combine::Sum, 5)), Some((Combine::Min, 5)));
        assert_eq!(join(sum, Some((Combine::Sum, 3))), Some(Some((Combine::Sum, 8))));
        assert_eq!(join(None, None), Some(None));
        assert_eq!([join(sum, min), join(sum, None), join(None, min)], [None; 3]);
    }

    #[test]
    fn names_and_numbers_lead_back() {
        for how in Combine::ALL {
            assert_eq!(Combine::named(how.name()), Some(how));
            assert_eq!(Combine::numbered(how as u64), Some(how));
        }
        assert_eq!((Combine::named("avg"), Combine::numbered(0)), (None, None));
    }

    #[test]
    fn the_order_of_combining_does_not_matter() {
        let words = [u64::MAX, 3, 0, 1 << 63, 0xff00];
        for how in Combine::ALL {
            let forth = words.into_iter().reduce(|a, b| how.apply(a, b));
            let back = words.into_iter().rev().reduce(|a, b| how.apply(a, b));
            assert_eq!(forth, back, "{how:?}");
        }
    }
}
