//! The recorder's logs: events of 32 bytes, see the head of `traces/capture/recorder.c`.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
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

const EVENT_BYTES: usize = 32;

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

/// The events of one thread.
pub(super) struct Log {
    thread: u32,
    from: BufReader<File>,
}

impl Log {
    pub(super) fn open(folder: &Path, thread: u32) -> Result<Self, CaptureError> {
        let path: PathBuf = folder.join(format!("thread-{thread}.raw"));
        let file = File::open(path).map_err(CaptureError::io("open the recorder's log"))?;
        Ok(Self { thread, from: BufReader::with_capacity(1 << 18, file) })
    }

    fn read(&mut self) -> Result<Option<Event>, CaptureError> {
        let mut bytes = [0; EVENT_BYTES];
        match self.from.read_exact(&mut bytes) {
            Ok(()) => {}
            // The recorder writes whole events, but a killed program may leave half of one.
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(CaptureError::io("read the recorder's log")(e)),
        }
        parse(&bytes).map(Some).map_err(|why| CaptureError::DamagedLog { thread: self.thread, why })
    }
}

impl Iterator for Log {
    type Item = Result<Event, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// No single event of a program covers more.
const BYTES_MAX: u64 = 1 << 40;

fn parse(bytes: &[u8; EVENT_BYTES]) -> Result<Event, &'static str> {
    let word = |at: usize| {
        let mut w = [0; 8];
        w.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(w)
    };
    let (addr, a, b) = (word(0), word(8), word(16));
    let n = u32::from_le_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]);
    let (kind, size) = (bytes[28], bytes[29]);
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
    Ok(event)
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
