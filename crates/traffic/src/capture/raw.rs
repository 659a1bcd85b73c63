//! The recorder's logs: events of 40 bytes, see the head of `traces/capture/recorder.c`.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::CaptureError;

/// What a thread did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    Read { addr: u64, bytes: u64 },
    Write { addr: u64, bytes: u64 },
    Set { addr: u64, bytes: u64, value: u64 },
    Add { addr: u64, size: u8, by: u64 },
    Swap { addr: u64, size: u8, new: u64 },
    Cas { addr: u64, size: u8, expected: u64, new: u64 },
    Fence,
    Barrier { number: u32, members: u32 },
    Copy { from: u64, to: u64, bytes: u64 },
    Lock { addr: u64 },
    Unlock { addr: u64 },
    Create { thread: u32 },
    Join { thread: u32 },
    Blocks { count: u64 },
}

const EVENT_BYTES: usize = 40;
/// Read at once: a whole number of events.
const BLOCK_BYTES: u64 = 1024 * EVENT_BYTES as u64;

/// The threads that have a log, in order.
pub(super) fn threads(folder: &Path) -> Result<Vec<u32>, CaptureError> {
    let mut found = Vec::new();
    let doing = "list the recorder's logs";
    for entry in fs::read_dir(folder).map_err(CaptureError::io(doing))? {
        let name = entry.map_err(CaptureError::io(doing))?.file_name();
        let name = name.to_string_lossy();
        let number = name.strip_prefix("thread-").and_then(|n| n.strip_suffix(".raw"));
        found.extend(number.and_then(|n| n.parse::<u32>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// An event and its place among those of all threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Numbered {
    pub(super) sequence: u64,
    pub(super) event: Event,
}

/// The events of one thread. Between two blocks the file is closed, so that there may be more
/// logs than a process may have open files.
pub(super) struct Log {
    thread: u32,
    path: PathBuf,
    /// Of the block that is read next.
    offset: u64,
    block: Vec<u8>,
    at: usize,
    // Invariant: all events given so far have lower numbers.
    sequence_min: u64,
}

impl Log {
    pub(super) fn new(folder: &Path, thread: u32) -> Self {
        let path = folder.join(format!("thread-{thread}.raw"));
        Self { thread, path, offset: 0, block: Vec::new(), at: 0, sequence_min: 0 }
    }

    /// The number of the next event, or `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u64>, CaptureError> {
        self.refill()?;
        Ok(self.block[self.at..].first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes)))
    }

    fn read(&mut self) -> Result<Option<Numbered>, CaptureError> {
        self.refill()?;
        let Some(bytes) = self.block[self.at..].first_chunk::<EVENT_BYTES>() else {
            return Ok(None);
        };
        let damaged = |why| CaptureError::DamagedLog { thread: self.thread, why };
        let numbered = parse(bytes).map_err(damaged)?;
        if numbered.sequence < self.sequence_min {
            return Err(damaged("its numbers do not ascend"));
        }
        self.sequence_min = numbered.sequence.saturating_add(1);
        self.at += EVENT_BYTES;
        Ok(Some(numbered))
    }

    /// Reads the next block once all of this one is given. At the end the block is empty.
    fn refill(&mut self) -> Result<(), CaptureError> {
        if self.at < self.block.len() {
            return Ok(());
        }
        let failed = CaptureError::io("read the recorder's log");
        let mut read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.offset))?;
            self.block.clear();
            file.take(BLOCK_BYTES).read_to_end(&mut self.block)
        };
        read().map_err(failed)?;
        self.offset += self.block.len() as u64;
        self.at = 0;
        // The recorder writes whole events, but a killed program may leave half of one.
        self.block.truncate(self.block.len() / EVENT_BYTES * EVENT_BYTES);
        if self.block.is_empty() {
            self.block = Vec::new();
        }
        Ok(())
    }
}

impl Iterator for Log {
    type Item = Result<Numbered, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// No single event of a program covers more.
const BYTES_MAX: u64 = 1 << 40;

fn parse(bytes: &[u8; EVENT_BYTES]) -> Result<Numbered, &'static str> {
    let word = |at: usize| {
        let mut w = [0; 8];
        w.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(w)
    };
    let (sequence, addr, a, b) = (word(0), word(8), word(16), word(24));
    let n = u32::from_le_bytes([bytes[32], bytes[33], bytes[34], bytes[35]]);
    let (kind, size) = (bytes[36], bytes[37]);
    // A single value has its size, a range its length.
    let length = if b == 0 { u64::from(size) } else { b };
    let event = match kind {
        0 => Event::Read { addr, bytes: b },
        1 => Event::Write { addr, bytes: b },
        2 => Event::Set { addr, bytes: length, value: a },
        3 => Event::Add { addr, size, by: a },
        4 => Event::Swap { addr, size, new: a },
        5 => Event::Cas { addr, size, expected: a, new: b },
        6 => Event::Fence,
        7 => {
            let members = u32::try_from(a).map_err(|_| "a barrier has too many members")?;
            Event::Barrier { number: n, members }
        }
        8 => Event::Copy { from: addr, to: a, bytes: b },
        9 => Event::Lock { addr },
        10 => Event::Unlock { addr },
        11 => Event::Create { thread: n },
        12 => Event::Join { thread: n },
        13 => Event::Blocks { count: a },
        _ => return Err("an event is of no known kind"),
    };
    for (from, bytes) in event.touches().into_iter().flatten() {
        if bytes == 0 || bytes > BYTES_MAX || from.checked_add(bytes).is_none() {
            return Err("an access is out of range");
        }
    }
    Ok(Numbered { sequence, event })
}

impl Event {
    /// First byte and length of what it touches.
    pub(super) const fn touches(&self) -> [Option<(u64, u64)>; 2] {
        match *self {
            Self::Read { addr, bytes }
            | Self::Write { addr, bytes }
            | Self::Set { addr, bytes, .. } => [Some((addr, bytes)), None],
            Self::Add { addr, size, .. }
            | Self::Swap { addr, size, .. }
            | Self::Cas { addr, size, .. } => [Some((addr, size as u64)), None],
            Self::Lock { addr } | Self::Unlock { addr } => [Some((addr, 4)), None],
            Self::Copy { from, to, bytes } => [Some((from, bytes)), Some((to, bytes))],
            Self::Fence
            | Self::Barrier { .. }
            | Self::Create { .. }
            | Self::Join { .. }
            | Self::Blocks { .. } => [None, None],
        }
    }
}
