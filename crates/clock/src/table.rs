//! A table that is filled in by need, and read by anyone: entries never change once they are there.

use std::sync::OnceLock;

/// Entries of a block, which is allocated as a whole.
const BLOCK: usize = 1 << 10;

/// Up to some number of entries, in blocks.
#[derive(Debug)]
pub(crate) struct Table<T> {
    blocks: Vec<OnceLock<Box<[OnceLock<T>]>>>,
}

impl<T> Table<T> {
    /// An empty table with room for `entries`.
    pub(crate) fn new(entries: usize) -> Self {
        Self { blocks: (0..entries.div_ceil(BLOCK)).map(|_| OnceLock::new()).collect() }
    }

    fn slot(&self, at: usize) -> Option<&OnceLock<T>> {
        let block = self.blocks.get(at / BLOCK)?;
        let block = block.get_or_init(|| (0..BLOCK).map(|_| OnceLock::new()).collect());
        block.get(at % BLOCK)
    }

    /// The entry at a place, if it is there.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.blocks.get(at / BLOCK)?.get()?.get(at % BLOCK)?.get()
    }

    /// The entry at a place, made if need be; `None` beyond the end.
    #[inline]
    pub(crate) fn get_or_init(&self, at: usize, make: impl FnOnce() -> T) -> Option<&T> {
        match self.get(at) {
            Some(entry) => Some(entry),
            None => Some(self.slot(at)?.get_or_init(make)),
        }
    }
}
