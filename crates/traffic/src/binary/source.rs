//! Where the bytes of a binary trace lie: in a file, or in memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tempfile::{SpooledData, SpooledTempFile};

use super::layout::{
    Chunk, HEADER_FIXED, Header, Index, MAGIC, TRAILER_BYTES, Trailer, VERSION, as_usize,
};
use crate::error::{ErrorKind, TraceError};

/// A trace up to this size stays in memory where it has no file of its own.
const SPOOL_BYTES: usize = 8 << 20;

/// A place for a trace without a file: memory while small, then an anonymous temporary file.
pub(crate) fn spool() -> SpooledTempFile {
    tempfile::spooled_tempfile(SPOOL_BYTES)
}

/// Random access to the bytes; shared by all streams of a trace.
#[derive(Debug)]
pub(crate) enum Source {
    /// A file. The lock is held for one chunk at a time.
    File(Mutex<File>),
    /// A small trace that never left memory.
    Memory(Vec<u8>),
}

impl From<SpooledTempFile> for Source {
    fn from(spool: SpooledTempFile) -> Self {
        match spool.into_inner() {
            SpooledData::InMemory(bytes) => Self::Memory(bytes.into_inner()),
            SpooledData::OnDisk(file) => Self::File(Mutex::new(file)),
        }
    }
}

impl Source {
    /// Takes in all of a pipe, which cannot be read twice.
    pub(crate) fn spooled(mut reader: impl Read) -> io::Result<Self> {
        let mut spool = spool();
        io::copy(&mut reader, &mut spool)?;
        Ok(spool.into())
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => {
                file.lock().unwrap_or_else(PoisonError::into_inner).seek(SeekFrom::End(0))
            }
            Self::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// The `count` bytes from `offset` on. The caller has bounded `count`.
    pub(crate) fn read(&self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(offset))?;
                let mut out = vec![0; count];
                file.read_exact(&mut out)?;
                Ok(out)
            }
            Self::Memory(bytes) => {
                let from = usize::try_from(offset).ok();
                let range = from.and_then(|f| bytes.get(f..f.checked_add(count)?));
                range.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }
        }
    }
}

/// Reads and checks header, trailer, index and the packed interleaving, in the order that names
/// each damage best.
///
/// Chunks of records are checked by their streams, which every reader of the trace goes through.
/// Those of the interleaving are checked here, as a reader of single threads never touches them:
/// one read of each, nothing is decompressed, and one chunk at a time is in memory.
pub(crate) fn open(source: &Source, path: &Path) -> Result<(Header, Index), TraceError> {
    let found = source.len().map_err(|e| TraceError::io(path, "measure the file", e))?;
    let read = |offset: u64, count: usize| {
        if offset.checked_add(count as u64).is_none_or(|end| end > found) {
            let kind =
                ErrorKind::Truncated { expected: offset.saturating_add(count as u64), found };
            return Err(TraceError::byte(path, found, kind));
        }
        source.read(offset, count).map_err(|e| TraceError::io(path, "read the file", e))
    };
    let header = open_header(path, &read)?;
    check_length(path, header.file_bytes, found)?;
    let header_bytes = header.bytes() as u64;
    let at = found.saturating_sub(TRAILER_BYTES);
    let damaged = |why| TraceError::byte(path, at, ErrorKind::TrailerDamaged(why));
    if at < header_bytes {
        return Err(damaged("there is no room for it"));
    }
    let bytes = read(at, usize::try_from(TRAILER_BYTES).unwrap_or(0))?;
    let trailer = Trailer::parse(&bytes).map_err(damaged)?;
    let end = trailer.offset.checked_add(trailer.bytes);
    if end != Some(at) || trailer.offset < header_bytes {
        return Err(damaged("it points outside the file"));
    }
    let count = usize::try_from(trailer.bytes).map_err(|_| damaged("the index is too large"))?;
    let index = read(trailer.offset, count)?;
    let damaged = |why| TraceError::byte(path, trailer.offset, ErrorKind::IndexDamaged(why));
    if crc32fast::hash(&index) != trailer.crc {
        return Err(damaged("its checksum does not match"));
    }
    let index = Index::parse(&index, &header, trailer.offset).map_err(damaged)?;
    if index.threads.iter().all(Vec::is_empty) {
        return Err(TraceError::file(path, ErrorKind::Empty));
    }
    for chunk in &index.order {
        load_packed(source, path, chunk, &ErrorKind::OrderDamaged)?;
    }
    Ok((header, index))
}

fn open_header(
    path: &Path,
    read: &impl Fn(u64, usize) -> Result<Vec<u8>, TraceError>,
) -> Result<Header, TraceError> {
    let fixed = read(0, HEADER_FIXED)?;
    if !fixed.starts_with(&MAGIC) {
        return Err(TraceError::byte(path, 0, ErrorKind::Foreign { looks: "some other file" }));
    }
    let version = u16::from_le_bytes([fixed[8], fixed[9]]);
    if version > VERSION {
        return Err(TraceError::byte(path, 8, ErrorKind::Newer { version, known: VERSION }));
    }
    let damaged = |why| TraceError::byte(path, 0, ErrorKind::HeaderDamaged(why));
    let claimed = Header::claimed_bytes(&fixed).map_err(damaged)?;
    Header::parse(&read(0, claimed)?).map_err(damaged)
}

fn check_length(path: &Path, expected: u64, found: u64) -> Result<(), TraceError> {
    let kind = match expected {
        0 => ErrorKind::Unfinished,
        _ if found < expected => ErrorKind::Truncated { expected, found },
        _ if found > expected => ErrorKind::TrailingGarbage { extra: found - expected },
        _ => return Ok(()),
    };
    Err(TraceError::byte(path, found.min(expected), kind))
}

/// The decompressed bytes of one chunk.
///
/// # Errors
/// If it cannot be read, or is damaged: then `kind` makes the error of the words that say how.
pub(crate) fn load_chunk(
    source: &Source,
    path: &Path,
    chunk: &Chunk,
    kind: impl Fn(&'static str) -> ErrorKind,
) -> Result<Vec<u8>, TraceError> {
    let packed = load_packed(source, path, chunk, &kind)?;
    let damaged = |why| TraceError::byte(path, chunk.offset, kind(why));
    let raw = zstd::bulk::decompress(&packed, as_usize(chunk.raw))
        .map_err(|_| damaged("it does not decompress within its length"))?;
    if raw.len() != as_usize(chunk.raw) {
        return Err(damaged("it decompresses to another length"));
    }
    Ok(raw)
}

/// The bytes of one chunk as they lie in the file, which match their checksum.
fn load_packed(
    source: &Source,
    path: &Path,
    chunk: &Chunk,
    kind: &impl Fn(&'static str) -> ErrorKind,
) -> Result<Vec<u8>, TraceError> {
    let packed = source
        .read(chunk.offset, as_usize(chunk.packed))
        .map_err(|e| TraceError::io(path, "read a chunk", e))?;
    if crc32fast::hash(&packed) != chunk.crc {
        return Err(TraceError::byte(path, chunk.offset, kind("its checksum does not match")));
    }
    Ok(packed)
}
