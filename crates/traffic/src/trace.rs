//! A trace, whatever form it came in.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base::{Record, ThreadIdx};

use crate::binary::layout::{Chunk, Index, MAGIC};
use crate::binary::source::{Source, open};
use crate::binary::stream::Stream;
use crate::binary::writer::Writer;
use crate::error::{ErrorKind, TraceError};
use crate::interleaved::Interleaved;
use crate::lines::GZIP_MAGIC;
use crate::text;

/// Bytes that tell what a file is.
const START_BYTES: u64 = 512;

/// What a trace's file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// The text form, gzip or not.
    Text,
    /// The binary form of this version.
    Binary(u16),
    /// Made by this process, no file.
    Memory,
}

/// What a trace says of itself, known without reading its records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Info {
    /// The form of the file.
    pub form: Form,
    /// Its name; of a file without one, the file's.
    pub name: String,
    /// Where the records come from, in a sentence; may be empty.
    pub provenance: String,
    /// How many threads; they are numbered from 0.
    pub threads: u32,
    /// Records of all threads.
    pub records: u64,
    /// Records of each thread: `[thread]`.
    pub thread_records: Vec<u64>,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of the packed chunks.
    pub packed_bytes: u64,
    /// Bytes of the records before compression.
    pub raw_bytes: u64,
    /// Whether the interleaving of the threads is known; else only the order within each is.
    pub ordered: bool,
    /// Bytes of the packed interleaving.
    pub order_bytes: u64,
}

/// An open trace. Cheap to clone; clones and their streams share one file.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    pub(crate) source: Source,
    pub(crate) info: Info,
    /// `[thread][chunk]`
    pub(crate) chunks: Vec<Vec<Chunk>>,
    /// The chunks of the interleaving.
    pub(crate) order: Vec<Chunk>,
}

impl Trace {
    /// Opens a native trace; the form is told by the content. A text trace is packed into a
    /// temporary place first; what comes through a pipe is taken there whole.
    ///
    /// # Errors
    /// If the file cannot be read, is no trace, or is damaged. The records of a binary trace are
    /// checked when they are streamed, all else at once.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let path = path.as_ref();
        let failed = |e| TraceError::io(path, "open the file", e);
        let meta = fs::metadata(path).map_err(failed)?;
        if meta.is_dir() {
            return Err(TraceError::file(path, ErrorKind::NotAFile));
        }
        let mut file = File::open(path).map_err(failed)?;
        let mut start = Vec::new();
        file.by_ref().take(START_BYTES).read_to_end(&mut start).map_err(failed)?;
        if start.is_empty() {
            return Err(TraceError::file(path, ErrorKind::Empty));
        }
        let binary = MAGIC.starts_with(&start[..start.len().min(MAGIC.len())]);
        if !binary && let Some(looks) = foreign(&start) {
            return Err(TraceError::byte(path, 0, ErrorKind::Foreign { looks }));
        }
        if meta.is_file() {
            file.rewind().map_err(failed)?;
            return if binary {
                Self::from_source(path.to_owned(), Source::File(Mutex::new(file)))
            } else {
                Self::open_text(file, path, meta.len())
            };
        }
        // A pipe cannot be read twice.
        let whole = Cursor::new(start).chain(file);
        if binary {
            let failed = |e| TraceError::io(path, "take in the pipe", e);
            return Self::from_source(path.to_owned(), Source::spooled(whole).map_err(failed)?);
        }
        Self::open_text(whole, path, 0)
    }

    /// Reads a text trace from `reader`; `path` is what errors call it.
    ///
    /// # Errors
    /// At the first line that is no record.
    pub fn from_text(reader: impl Read, path: impl AsRef<Path>) -> Result<Self, TraceError> {
        Self::open_text(reader, path.as_ref(), 0)
    }

    /// A binary trace in memory; `path` is what errors call it.
    ///
    /// # Errors
    /// If the bytes are no trace, or a damaged one.
    pub fn from_bytes(bytes: Vec<u8>, path: impl AsRef<Path>) -> Result<Self, TraceError> {
        Self::from_source(path.as_ref().to_owned(), Source::Memory(bytes))
    }

    /// A trace of these records, kept in memory while small, else in a temporary file.
    ///
    /// # Errors
    /// If a record is out of range, there are none, or the temporary file cannot be written.
    pub fn from_records(records: impl IntoIterator<Item = Record>) -> Result<Self, TraceError> {
        let mut writer = Writer::spool("<memory>", "", "")?;
        for record in records {
            writer.push(record)?;
        }
        writer.finish()?.with(Form::Memory, None)
    }

    /// How many threads there are; they are numbered from 0.
    pub fn threads(&self) -> u32 {
        self.0.info.threads
    }

    /// What the trace says of itself.
    pub fn info(&self) -> &Info {
        &self.0.info
    }

    /// A hash over the records of every thread, by the sums of the chunks that they are packed in: the same
    /// records in a text and in a binary file have the same, if they were packed by one version.
    pub fn fingerprint(&self) -> u128 {
        let mut all = base::Digest::default();
        for (thread, chunks) in self.0.chunks.iter().enumerate() {
            for (at, c) in chunks.iter().enumerate() {
                let words = [c.packed, c.raw, c.records, c.crc].map(u64::from);
                all.add(&[thread as u64, at as u64, words[0], words[1], words[2], words[3]]);
            }
        }
        all.add(&[u64::from(self.threads())]);
        all.sum()
    }

    /// The file, or its stand-in.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The operations of one thread from the start.
    ///
    /// # Errors
    /// If there is no such thread.
    pub fn stream(&self, thread: ThreadIdx) -> Result<Stream, TraceError> {
        if thread.0 >= self.threads() {
            let kind = ErrorKind::NoSuchThread { thread: thread.0, threads: self.threads() };
            return Err(TraceError::file(&self.0.path, kind));
        }
        Ok(Stream::new(Arc::clone(&self.0), thread))
    }

    /// The records of all threads, in the order in which they were recorded.
    ///
    /// Where that is not known ([`Info::ordered`]), threads take turns of one record each, in the
    /// order of their numbers, and wait at barriers for each other.
    ///
    /// # Errors
    /// If the interleaving's first chunk is damaged.
    pub fn interleaved(&self) -> Result<Interleaved, TraceError> {
        Interleaved::new(Arc::clone(&self.0))
    }

    /// Copies the trace into a binary file at `path`.
    ///
    /// # Errors
    /// If the trace is damaged or the file cannot be written; then nothing is left at `path`.
    pub fn write_binary(&self, path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let info = self.info();
        let mut writer = Writer::create(path, &info.name, &info.provenance)?;
        writer.reserve_threads(info.threads)?;
        if info.ordered {
            for record in self.interleaved()? {
                writer.push(record?)?;
            }
            return writer.finish();
        }
        writer.forget_order();
        for thread in (0..info.threads).map(ThreadIdx) {
            for op in self.stream(thread)? {
                writer.push(Record { thread, op: op? })?;
            }
        }
        writer.finish()
    }

    #[cfg(test)]
    pub(crate) fn inner(&self) -> Arc<Inner> {
        Arc::clone(&self.0)
    }

    /// Opens the binary trace in `source`.
    pub(crate) fn from_source(path: PathBuf, source: Source) -> Result<Self, TraceError> {
        let (header, Index { threads: chunks, order }) = open(&source, &path)?;
        let sum = |list: &[Chunk], of: fn(&Chunk) -> u32| {
            list.iter().map(|c| u64::from(of(c))).sum::<u64>()
        };
        let thread_records: Vec<u64> = chunks.iter().map(|l| sum(l, |c| c.records)).collect();
        let name = if header.name.is_empty() { file_name(&path) } else { header.name };
        let info = Info {
            form: Form::Binary(header.version),
            name,
            provenance: header.provenance,
            threads: header.threads,
            records: thread_records.iter().sum(),
            thread_records,
            file_bytes: header.file_bytes,
            packed_bytes: chunks.iter().map(|l| sum(l, |c| c.packed)).sum(),
            raw_bytes: chunks.iter().map(|l| sum(l, |c| c.raw)).sum(),
            ordered: header.ordered,
            order_bytes: sum(&order, |c| c.packed),
        };
        Ok(Self(Arc::new(Inner { path, source, info, chunks, order })))
    }

    fn open_text(reader: impl Read, path: &Path, bytes: u64) -> Result<Self, TraceError> {
        text::pack(reader, path, &file_name(path))?.with(Form::Text, Some(bytes))
    }

    /// The same trace, which says that it came in another form.
    fn with(self, form: Form, file_bytes: Option<u64>) -> Result<Self, TraceError> {
        let path = self.0.path.clone();
        let mut inner = Arc::into_inner(self.0)
            .ok_or_else(|| TraceError::file(&path, ErrorKind::Unfinished))?;
        inner.info.form = form;
        inner.info.file_bytes = file_bytes.unwrap_or(inner.info.file_bytes);
        Ok(Self(Arc::new(inner)))
    }
}

/// The file's name without folder and extension.
fn file_name(path: &Path) -> String {
    path.file_stem().map(OsStr::to_string_lossy).unwrap_or_default().into_owned()
}

/// What the first bytes of a file are, if they are no text and no gzip.
fn foreign(start: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 8] = [
        (b"\x7fELF", "a program (ELF)"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\xfd7zXZ", "an xz file"),
        (b"BZh", "a bzip2 file"),
        (b"PAR1", "a Parquet file"),
        (b"\xff\xfe", "text in UTF-16, not in UTF-8"),
        (b"\xfe\xff", "text in UTF-16, not in UTF-8"),
    ];
    if start.starts_with(&GZIP_MAGIC) {
        return None;
    }
    if let Some((_, looks)) = known.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some(looks);
    }
    // The first bytes of the binary form are neither UTF-8 nor printable, so a damaged mark is
    // told from text.
    let control = start.iter().any(|&b| b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r'));
    let utf8 = match std::str::from_utf8(start) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none() && start.len() as u64 == START_BYTES,
    };
    (control || !utf8).then_some("some binary file")
}
