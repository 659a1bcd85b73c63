//! One state of a system, as packed words.

use core::hash::{Hash, Hasher};

/// Words that a world has room for.
pub(crate) const WORDS_MAX: usize = 52;

/// One state: caches, directories with their memory, last writes, messages under way. Small and
/// cheap to copy; equal if and only if the states are. What it holds is told by its
/// [`System`](super::System).
#[derive(Clone, Copy)]
pub struct World {
    /// Words in use.
    len: u8,
    words: [u32; WORDS_MAX],
}

impl World {
    pub(crate) fn from_words(words: &[u32]) -> Self {
        let mut to = [0; WORDS_MAX];
        to[..words.len()].copy_from_slice(words);
        Self { len: u8::try_from(words.len()).unwrap_or(u8::MAX), words: to }
    }

    /// Becomes `other`; copies no more than is in use.
    #[inline]
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.len = other.len;
        let len = usize::from(other.len);
        // By the word: a call to copy some sixty bytes costs more than it does.
        for (to, from) in self.words[..len].iter_mut().zip(&other.words[..len]) {
            *to = *from;
        }
    }

    /// The state as words: cells `[cache][line]`, directories `[line]`, messages.
    #[inline]
    pub fn words(&self) -> &[u32] {
        &self.words[..usize::from(self.len)]
    }

    #[inline]
    pub(crate) fn words_mut(&mut self) -> &mut [u32] {
        &mut self.words[..usize::from(self.len)]
    }

    /// Puts `word` at `at`; false if there is no room.
    #[inline]
    pub(crate) fn insert(&mut self, at: usize, word: u32) -> bool {
        let len = usize::from(self.len);
        if len == WORDS_MAX {
            return false;
        }
        let mut to = len;
        while to > at {
            self.words[to] = self.words[to - 1];
            to -= 1;
        }
        self.words[at] = word;
        self.len += 1;
        true
    }

    #[inline]
    pub(crate) fn remove(&mut self, at: usize) {
        let len = usize::from(self.len);
        for to in at..len - 1 {
            self.words[to] = self.words[to + 1];
        }
        self.len -= 1;
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.words() == other.words()
    }
}

impl Eq for World {}

impl PartialOrd for World {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for World {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.words().cmp(other.words())
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.words().hash(state);
    }
}

impl core::fmt::Debug for World {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:08x?}", self.words())
    }
}
