//! Randomness without state: a value is `hash(seed, component, stream, count)`, so that no draw
//! depends on who drew before.

/// A well mixed hash of one word (the finalizer of SplitMix64, Steele et al., OOPSLA 2014).
#[inline]
pub const fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The `count`-th draw of `stream` at `component` under `seed`.
#[inline]
pub const fn draw(seed: u64, component: u64, stream: u64, count: u64) -> u64 {
    mix(mix(mix(mix(seed) ^ component) ^ stream) ^ count)
}

/// Shuffles `items` by a seed: Fisher-Yates over [`draw`].
pub fn shuffle<T>(items: &mut [T], seed: u64, component: u64) {
    for last in (1..items.len()).rev() {
        let span = last as u64 + 1;
        let at = draw(seed, component, 0, last as u64) % span;
        items.swap(last, usize::try_from(at).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_in_every_argument() {
        let base = draw(1, 2, 3, 4);
        for other in [draw(0, 2, 3, 4), draw(1, 0, 3, 4), draw(1, 2, 0, 4), draw(1, 2, 3, 0)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn a_shuffle_keeps_every_item_and_moves_some() {
        let mut items: Vec<u32> = (0..100).collect();
        shuffle(&mut items, 7, 0);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
