//! One thread's records in order. Holds one decompressed chunk and nothing else.

use std::sync::Arc;

use base::{Op, ThreadIdx};

use super::codec::{Cursor, decode};
use super::layout::Chunk;
use super::source::load_chunk;
use crate::error::{ErrorKind, TraceError};
use crate::trace::Inner;

/// The operations of one thread, in program order. Ends after the first error.
#[derive(Debug)]
pub struct Stream {
    trace: Arc<Inner>,
    thread: ThreadIdx,
    next_chunk: usize,
    bytes: Vec<u8>,
    cursor: Cursor,
    // Invariant: records of `bytes` that were not yet given out.
    left: u32,
}

impl Stream {
    pub(crate) const fn new(trace: Arc<Inner>, thread: ThreadIdx) -> Self {
        let cursor = Cursor::START;
        Self { trace, thread, next_chunk: 0, bytes: Vec::new(), cursor, left: 0 }
    }

    /// Whose operations these are.
    pub const fn thread(&self) -> ThreadIdx {
        self.thread
    }

    /// Moves to the next chunk; `false` at the end of the thread.
    #[cold]
    fn refill(&mut self) -> Result<bool, TraceError> {
        let chunks = &self.trace.chunks[self.thread.at()];
        if self.next_chunk > 0 && self.cursor.at != self.bytes.len() {
            self.bytes = Vec::new();
            return Err(self.damaged("bytes follow its last record"));
        }
        let Some(chunk) = chunks.get(self.next_chunk) else {
            self.bytes = Vec::new();
            self.cursor = Cursor::START;
            return Ok(false);
        };
        self.next_chunk += 1;
        self.cursor = Cursor::START;
        self.bytes = self.load(chunk)?;
        self.left = chunk.records;
        Ok(true)
    }

    fn load(&self, chunk: &Chunk) -> Result<Vec<u8>, TraceError> {
        let kind = |why| ErrorKind::ChunkDamaged { thread: self.thread.0, why };
        load_chunk(&self.trace.source, &self.trace.path, chunk, kind)
    }

    /// Bytes of memory that the chunk takes.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Gives the chunk's memory back; before the next record, [`reload`](Self::reload).
    pub(crate) fn unload(&mut self) {
        // A chunk with bytes after its last record is kept: that is an error to come.
        if self.left > 0 {
            self.bytes = Vec::new();
        } else if self.cursor.at == self.bytes.len() {
            self.bytes = Vec::new();
            self.cursor = Cursor::START;
        }
    }

    /// Brings the chunk back if it was given back.
    #[inline]
    pub(crate) fn reload(&mut self) -> Result<(), TraceError> {
        if self.left > 0 && self.bytes.is_empty() {
            let chunk = self.trace.chunks[self.thread.at()][self.next_chunk - 1];
            self.bytes = self.load(&chunk)?;
        }
        Ok(())
    }

    fn damaged(&self, why: &'static str) -> TraceError {
        let chunk = self.trace.chunks[self.thread.at()].get(self.next_chunk.saturating_sub(1));
        let kind = ErrorKind::ChunkDamaged { thread: self.thread.0, why };
        TraceError::byte(&self.trace.path, chunk.map_or(0, |c| c.offset), kind)
    }

    /// After an error nothing follows.
    #[cold]
    fn stop(&mut self) {
        self.next_chunk = usize::MAX;
        self.bytes = Vec::new();
        self.cursor = Cursor::START;
        self.left = 0;
    }
}

impl Iterator for Stream {
    type Item = Result<Op, TraceError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            match self.refill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(e) => {
                    self.stop();
                    return Some(Err(e));
                }
            }
        }
        match decode(&self.bytes, &mut self.cursor) {
            Ok(op) => {
                self.left -= 1;
                Some(Ok(op))
            }
            Err(why) => {
                let e = self.damaged(why);
                self.stop();
                Some(Err(e))
            }
        }
    }
}
