//! Writes the binary form: one open chunk per thread, into a temporary file that takes its name
//! only when it is whole.

use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use base::{Record, ThreadIdx};
use tempfile::{NamedTempFile, SpooledTempFile};

use super::codec::Encoder;
use super::layout::{
    CHUNK_BYTES, CHUNK_RECORDS, Chunk, Header, Index, NAME_BYTES_MAX, PROVENANCE_BYTES_MAX,
    Trailer, VERSION,
};
use super::order::OrderEncoder;
use super::source::{Source, spool};
use crate::check::{THREADS_MAX, canonical, check};
use crate::draft;
use crate::error::{ErrorKind, TraceError};
use crate::trace::Trace;

/// Twice zstd's default: a tenth smaller files, still faster than any importer.
const ZSTD_LEVEL: i32 = 6;
/// All open chunks together; beyond it they are closed early, so that very many threads cannot
/// fill the memory.
const OPEN_BYTES_MAX: usize = 128 << 20;

/// Takes records of any interleaving of threads and writes a binary trace.
///
/// The order in which records are pushed is kept as the interleaving of the threads, unless
/// [`forget_order`](Self::forget_order) says that it means nothing.
///
/// Nothing is visible at the path until [`finish`](Self::finish); a writer that is dropped leaves
/// nothing behind. Holds at most one open chunk per thread, and 128 MiB in all.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    sink: Sink,
    header: Header,
    threads: Vec<Encoder>,
    index: Index,
    order: OrderEncoder,
    at: u64,
    // Invariant: the bytes of all open chunks.
    open_bytes: usize,
    records: u64,
}

#[derive(Debug)]
enum Sink {
    Named(NamedTempFile),
    Spool(SpooledTempFile),
}

impl Sink {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Named(f) => f.write_all(bytes),
            Self::Spool(f) => f.write_all(bytes),
        }
    }

    fn rewrite_start(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Named(f) => f.seek(SeekFrom::Start(0))?,
            Self::Spool(f) => f.seek(SeekFrom::Start(0))?,
        };
        self.write_all(bytes)
    }
}

impl Writer {
    /// A writer whose trace will lie at `path`, replacing a regular file that is there.
    ///
    /// Control characters in `name` and `provenance` become blanks.
    ///
    /// # Errors
    /// If `path` is no regular file, its directory cannot be written, or a string is too long.
    pub fn create(
        path: impl AsRef<Path>,
        name: &str,
        provenance: &str,
    ) -> Result<Self, TraceError> {
        let (target, file) = draft_of(path.as_ref())?;
        Self::new(target, Sink::Named(file), name, provenance)
    }

    /// Whether a trace can be written to `path`, asked before long work that ends there. Leaves
    /// nothing behind.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn probe(path: impl AsRef<Path>) -> Result<(), TraceError> {
        draft_of(path.as_ref()).map(drop)
    }

    /// A writer of a trace without a file: in memory while small, then in an anonymous temporary
    /// file. `path` is what errors call it.
    ///
    /// # Errors
    /// If a string is too long.
    pub fn spool(path: impl AsRef<Path>, name: &str, provenance: &str) -> Result<Self, TraceError> {
        let sink = Sink::Spool(spool());
        Self::new(path.as_ref().to_owned(), sink, name, provenance)
    }

    fn new(path: PathBuf, sink: Sink, name: &str, provenance: &str) -> Result<Self, TraceError> {
        let header = Header {
            version: VERSION,
            file_bytes: 0,
            threads: 0,
            ordered: true,
            name: String::new(),
            provenance: String::new(),
        };
        let mut writer = Self {
            path,
            sink,
            header,
            threads: Vec::new(),
            index: Index::default(),
            order: OrderEncoder::default(),
            at: 0,
            open_bytes: 0,
            records: 0,
        };
        writer.set_header(name, provenance)?;
        Ok(writer)
    }

    /// Changes name and provenance; only before the first chunk is written.
    pub(crate) fn set_header(&mut self, name: &str, provenance: &str) -> Result<(), TraceError> {
        assert_eq!(self.at, 0, "the header of {} is already written", self.path.display());
        self.header.name = plain(&self.path, "name", name, NAME_BYTES_MAX)?;
        self.header.provenance = plain(&self.path, "provenance", provenance, PROVENANCE_BYTES_MAX)?;
        Ok(())
    }

    /// Says that the order of records of different threads means nothing, so that none is kept.
    ///
    /// # Panics
    /// After the first record.
    pub fn forget_order(&mut self) {
        assert_eq!(self.records, 0, "{} already has records in order", self.path.display());
        self.header.ordered = false;
    }

    /// Makes the trace have at least `threads` threads, even if some have no records.
    ///
    /// # Errors
    /// If there are more than [`THREADS_MAX`].
    pub fn reserve_threads(&mut self, threads: u32) -> Result<(), TraceError> {
        if threads > THREADS_MAX {
            let kind = ErrorKind::ThreadRange(u64::from(threads) - 1);
            return Err(TraceError::file(&self.path, kind));
        }
        if threads as usize > self.threads.len() {
            self.threads.resize_with(threads as usize, Encoder::default);
            self.index.threads.resize_with(threads as usize, Vec::new);
        }
        Ok(())
    }

    /// Appends a record to its thread. Values are cut to the size of their access.
    ///
    /// # Errors
    /// If the record is out of range, or the disk refuses.
    pub fn push(&mut self, record: Record) -> Result<(), TraceError> {
        let (thread, op) = (record.thread, canonical(record.op));
        check(&op).map_err(|fault| TraceError::file(&self.path, ErrorKind::Op(fault)))?;
        if thread.at() >= self.threads.len() {
            if thread.0 >= THREADS_MAX {
                let kind = ErrorKind::ThreadRange(u64::from(thread.0));
                return Err(TraceError::file(&self.path, kind));
            }
            self.reserve_threads(thread.0 + 1)?;
        }
        let open = &mut self.threads[thread.at()];
        let before = open.bytes.len();
        open.push(&op);
        self.records += 1;
        if self.header.ordered {
            self.order.push(thread);
        }
        self.open_bytes += open.bytes.len() - before;
        if open.records >= CHUNK_RECORDS || open.bytes.len() >= CHUNK_BYTES {
            self.close_chunk(thread)?;
        } else if self.open_bytes > OPEN_BYTES_MAX {
            self.close_chunks()?;
        }
        if self.order.bytes.len() >= CHUNK_BYTES {
            self.close_order()?;
        }
        Ok(())
    }

    /// Records pushed so far.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Writes what is left, gives the file its name and opens it.
    ///
    /// # Errors
    /// If there are no records, or the disk refuses; then nothing is left behind.
    pub fn finish(mut self) -> Result<Trace, TraceError> {
        if self.records == 0 {
            return Err(TraceError::file(&self.path, ErrorKind::Empty));
        }
        self.close_chunks()?;
        self.order.close_run();
        if self.order.runs > 0 {
            self.close_order()?;
        }
        let index = self.index.encode();
        let trailer =
            Trailer { offset: self.at, bytes: index.len() as u64, crc: crc32fast::hash(&index) };
        self.put(&index)?;
        self.put(&trailer.encode())?;
        self.header.file_bytes = self.at;
        self.header.threads = ThreadIdx::new(self.threads.len()).0;
        let header = self.header.encode();
        let path = self.path;
        let failed = |e| TraceError::io(&path, "finish the file", e);
        self.sink.rewrite_start(&header).map_err(failed)?;
        let source = match self.sink {
            Sink::Named(file) => {
                file.as_file().sync_data().map_err(failed)?;
                let file = file.persist(&path).map_err(|e| failed(e.error))?;
                Source::File(Mutex::new(file))
            }
            Sink::Spool(spool) => spool.into(),
        };
        Trace::from_source(path, source)
    }

    fn close_chunks(&mut self) -> Result<(), TraceError> {
        for thread in 0..self.threads.len() {
            self.close_chunk(ThreadIdx::new(thread))?;
        }
        Ok(())
    }

    fn close_chunk(&mut self, thread: ThreadIdx) -> Result<(), TraceError> {
        let open = &mut self.threads[thread.at()];
        if open.records == 0 {
            return Ok(());
        }
        let (raw, records) = (std::mem::take(&mut open.bytes), open.records);
        open.clear();
        self.open_bytes -= raw.len();
        let chunk = self.put_chunk(&raw, records)?;
        self.index.threads[thread.at()].push(chunk);
        // Keeps its memory for the next chunk.
        let open = &mut self.threads[thread.at()];
        open.bytes = raw;
        open.bytes.clear();
        Ok(())
    }

    fn close_order(&mut self) -> Result<(), TraceError> {
        let (raw, runs) = (std::mem::take(&mut self.order.bytes), self.order.runs);
        self.order.clear();
        let chunk = self.put_chunk(&raw, runs)?;
        self.index.order.push(chunk);
        Ok(())
    }

    fn put_chunk(&mut self, raw: &[u8], records: u32) -> Result<Chunk, TraceError> {
        let packed = zstd::bulk::compress(raw, ZSTD_LEVEL)
            .map_err(|e| TraceError::io(&self.path, "compress a chunk", e))?;
        if self.at == 0 {
            // Not finished yet: file_bytes is 0.
            let header = self.header.encode();
            self.put(&header)?;
        }
        let length = |n: usize| u32::try_from(n).expect("a chunk is bounded by CHUNK_BYTES");
        let chunk = Chunk {
            offset: self.at,
            packed: length(packed.len()),
            raw: length(raw.len()),
            records,
            crc: crc32fast::hash(&packed),
        };
        self.put(&packed)?;
        Ok(chunk)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), TraceError> {
        self.sink.write_all(bytes).map_err(|e| TraceError::io(&self.path, "write the file", e))?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// Where a trace for `path` will really lie, and its draft beside that place.
fn draft_of(path: &Path) -> Result<(PathBuf, NamedTempFile), TraceError> {
    let target = match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => return Err(TraceError::file(path, ErrorKind::NotAFile)),
        // Follows a symbolic link, so that the link stays and its target is replaced.
        Ok(_) => fs::canonicalize(path).map_err(|e| TraceError::io(path, "find the file", e))?,
        Err(_) => path.to_owned(),
    };
    let file = draft::beside(&target).map_err(|e| TraceError::io(path, "create the file", e))?;
    Ok((target, file))
}

/// The text without control characters and blanks around it, if it is not too long.
fn plain(
    path: &Path,
    what: &'static str,
    text: &str,
    bytes_max: usize,
) -> Result<String, TraceError> {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    if text.len() > bytes_max {
        let kind = ErrorKind::LongHeader { what, bytes: text.len() };
        return Err(TraceError::file(path, kind));
    }
    Ok(text.to_owned())
}
