//! Which sources have something to do, and when those wake that wait for a cycle.
//!
//! A network may have thousands of sources of which few do anything in a cycle. So sets of them have a summary, and
//! what is empty is not looked at.

use core::ops::Range;

/// Sources of a word of a set.
const WORD: usize = 64;

/// A set of sources.
#[derive(Clone, Debug)]
pub(super) struct SourceSet {
    /// Bit per source.
    words: Vec<u64>,
    /// Bit per block of words: may have a source.
    blocks: u64,
    /// Words of a block: two to this power.
    shift: u32,
}

impl SourceSet {
    /// None of so many sources.
    pub(super) fn new(sources: usize) -> Self {
        let words = sources.div_ceil(WORD);
        let shift = words.div_ceil(WORD).next_power_of_two().ilog2();
        Self { words: vec![0; words], blocks: 0, shift }
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.blocks == 0
    }

    /// Whether it has one word.
    #[inline]
    pub(super) const fn is_small(&self) -> bool {
        self.words.len() == 1
    }

    /// The block of a word, as a bit.
    #[inline]
    const fn block(&self, word: usize) -> u64 {
        1 << (word >> self.shift)
    }

    #[inline]
    pub(super) fn insert(&mut self, source: usize) {
        self.add(source / WORD, 1 << (source % WORD));
    }

    /// Adds the sources of a word.
    #[inline]
    pub(super) fn add(&mut self, word: usize, sources: u64) {
        self.words[word] |= sources;
        self.blocks |= self.block(word);
    }

    /// Takes the sources of a word.
    #[inline]
    pub(super) fn take(&mut self, word: usize) -> u64 {
        core::mem::take(&mut self.words[word])
    }

    /// Takes the blocks that may have sources, to go through [their words](Self::words) and [take](Self::take) these.
    #[inline]
    pub(super) const fn take_blocks(&mut self) -> Blocks {
        Blocks(core::mem::replace(&mut self.blocks, 0))
    }

    /// The words of a block.
    #[inline]
    pub(super) fn words(&self, block: usize) -> Range<usize> {
        let first = block << self.shift;
        first..(first + (1 << self.shift)).min(self.words.len())
    }
}

/// Blocks of words in order.
#[derive(Clone, Debug)]
pub(super) struct Blocks(u64);

impl Iterator for Blocks {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let first = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (first < u64::BITS).then_some(first as usize)
    }
}

/// Cycles ahead that have a set each: two to these powers. The more sources, the fewer, so that the sets stay in the caches.
const NEAR_LOG: core::ops::RangeInclusive<u32> = 9..=11;
/// Words that these sets are to have together, at most: two to this power.
const WORDS_LOG: u32 = 13;
/// Spans of so many cycles beyond of which there is a list each.
const SPANS: u64 = 64;

/// When sources are woken.
#[derive(Clone, Debug)]
pub(super) struct SourceWakes {
    /// `[cycle modulo their number]`: blocks of words that have any, and `[cycle modulo their number][word]` those that
    /// wake in it.
    blocks: Vec<u64>,
    sets: Vec<u64>,
    /// How many cycles that are: two to a power.
    near: u64,
    words: usize,
    shift: u32,
    /// `[span modulo their number]`: those that wake in it, and when.
    spans: Vec<Vec<(u64, u32)>>,
    /// How many those are.
    far: usize,
}

impl SourceWakes {
    /// Cycles that a wake lies ahead, at most.
    pub(super) const REACH: u64 = (1 << *NEAR_LOG.start()) * (SPANS - 1);

    pub(super) fn new(sources: usize) -> Self {
        let SourceSet { words, shift, .. } = SourceSet::new(sources);
        let words_log = words.len().next_power_of_two().ilog2();
        let log = WORDS_LOG.saturating_sub(words_log).clamp(*NEAR_LOG.start(), *NEAR_LOG.end());
        Self {
            blocks: vec![0; 1 << log],
            sets: vec![0; words.len() << log],
            near: 1 << log,
            words: words.len(),
            shift,
            spans: vec![Vec::new(); 1 << SPANS.ilog2()],
            far: 0,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[inline]
    const fn place(&self, at: u64) -> usize {
        (at & (self.near - 1)) as usize
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[inline]
    const fn span(&self, at: u64) -> usize {
        (at >> self.near.trailing_zeros()) as usize % (SPANS as usize)
    }

    /// Has a source wake at cycle `at`, which is after `now` and within [reach](Self::REACH). Gives the cycle in which
    /// wakes must be [taken](Self::take) for that, which may be an earlier one.
    #[inline]
    pub(super) fn wake(&mut self, source: usize, at: u64, now: u64) -> u64 {
        if at - now < self.near {
            self.wake_near(source, at);
            return at;
        }
        self.wake_far(source, at);
        self.turn(now)
    }

    #[inline]
    fn wake_near(&mut self, source: usize, at: u64) {
        let (place, word) = (self.place(at), source / WORD);
        if self.words == 1 {
            self.sets[place] |= 1 << source;
            return;
        }
        self.blocks[place] |= 1 << (word >> self.shift);
        self.sets[place * self.words + word] |= 1 << (source % WORD);
    }

    #[inline(never)]
    fn wake_far(&mut self, source: usize, at: u64) {
        // Sources have numbers of 32 bits wherever they are kept.
        let span = self.span(at);
        self.spans[span].push((at, u32::try_from(source).unwrap_or(u32::MAX)));
        self.far += 1;
    }

    /// The first cycle of the next span.
    const fn turn(&self, now: u64) -> u64 {
        (now | (self.near - 1)) + 1
    }

    /// Adds the sources that wake at cycle `now` to a set. Tells of more cycles in which wakes must be taken.
    #[inline]
    pub(super) fn take(&mut self, now: u64, into: &mut SourceSet, look: impl FnMut(u64)) {
        if self.far > 0 && now & (self.near - 1) == 0 {
            self.open(now, look);
        }
        let place = self.place(now);
        if into.is_small() {
            into.add(0, core::mem::take(&mut self.sets[place]));
            return;
        }
        let blocks = core::mem::take(&mut self.blocks[place]);
        into.blocks |= blocks;
        for block in Blocks(blocks) {
            for word in into.words(block) {
                into.words[word] |= core::mem::take(&mut self.sets[place * self.words + word]);
            }
        }
    }

    /// Puts those that wake in the span that begins at cycle `now` into their sets. Tells of these cycles, and of that in
    /// which the next span begins if others wake later.
    #[cold]
    fn open(&mut self, now: u64, mut look: impl FnMut(u64)) {
        let at = self.span(now);
        let mut span = core::mem::take(&mut self.spans[at]);
        self.far -= span.len();
        for (at, source) in span.drain(..) {
            self.wake_near(source as usize, at);
            look(at);
        }
        self.spans[at] = span;
        if self.far > 0 {
            look(self.turn(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(set: &mut SourceSet) -> Vec<usize> {
        let mut all = Vec::new();
        for block in set.take_blocks() {
            for word in set.words(block) {
                let sources = set.take(word);
                all.extend((0..WORD).filter(|s| sources >> s & 1 == 1).map(|s| word * WORD + s));
            }
        }
        all
    }

    #[test]
    fn a_set_gives_its_sources_in_order_however_many_there_are() {
        for most in [1, 64, 65, 4096, 4097, 20_000] {
            let mut set = SourceSet::new(most);
            let some: Vec<usize> = (0..most).filter(|s| s % 61 == 0 || s + 1 == most).collect();
            assert!(set.is_empty());
            some.iter().rev().for_each(|s| set.insert(*s));
            assert!(!set.is_empty());
            assert_eq!(sources(&mut set), some);
            assert!(set.is_empty() && sources(&mut set).is_empty(), "{most}");
        }
    }

    #[test]
    fn sources_wake_in_their_cycle_however_far_ahead() {
        for (first, most) in [(0, 70), (511, 64), (100_000, 5000)] {
            let mut wakes = SourceWakes::new(most);
            let ahead = [1, 2, 63, 511, 512, 513, 1024, 5000, SourceWakes::REACH];
            let due: Vec<(u64, usize)> =
                ahead.iter().zip(0..).map(|(n, i)| (first + n, i * 17 % most)).collect();
            let mut looks: Vec<u64> =
                due.iter().map(|(at, source)| wakes.wake(*source, *at, first)).collect();
            let mut woken = Vec::new();
            for now in first + 1..=first + SourceWakes::REACH {
                if !looks.contains(&now) {
                    continue;
                }
                let mut set = SourceSet::new(most);
                wakes.take(now, &mut set, |at| looks.push(at));
                woken.extend(sources(&mut set).into_iter().map(|source| (now, source)));
            }
            assert_eq!(woken, due);
        }
    }
}
