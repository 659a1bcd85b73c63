//! What can be wrong with a trace, where it is wrong, and how to mend it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::check::OpFault;

/// Where in a file an error lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line of text; both count from 1, columns in characters.
    Line {
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
    },
    /// A byte offset from the start of the file.
    Byte(u64),
}

/// A trace that could not be read, written or imported: the file, the place and the reason.
///
/// Its `Display` is one message of up to three lines: what and where, and after `mend:` the way
/// out.
#[derive(Debug, thiserror::Error)]
pub struct TraceError {
    /// The file, or a stand-in such as `<memory>`.
    pub path: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    #[source]
    pub kind: Box<ErrorKind>,
}

/// What is wrong with a trace. `Display` says what was found; [`mend`](Self::mend) what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused.
    #[error("could not {doing}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The path names something that a trace must not replace or cannot be read from.
    #[error("not a regular file")]
    NotAFile,
    /// No records at all.
    #[error("the trace holds no records")]
    Empty,
    /// A thread number beyond the format.
    #[error("thread {0} is out of range")]
    ThreadRange(u64),
    /// A thread that the trace does not have.
    #[error("there is no thread {thread}: the trace has {threads}")]
    NoSuchThread {
        /// What was asked for.
        thread: u32,
        /// How many there are.
        threads: u32,
    },
    /// A record outside the ranges of its operation.
    #[error("{0}")]
    Op(OpFault),
    /// A name or provenance too long for the header.
    #[error("the {what} is {bytes} bytes long")]
    LongHeader {
        /// Which string.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },

    /// A line beyond the limit.
    #[error("the line is longer than {limit} bytes")]
    LineTooLong {
        /// Bytes.
        limit: usize,
    },
    /// A byte that text does not hold.
    #[error("byte {byte:#04x} is not text")]
    NotText {
        /// The byte.
        byte: u8,
    },
    /// A field is not there.
    #[error("`{word}` lacks its {what}")]
    MissingField {
        /// The operation.
        word: String,
        /// The field.
        what: &'static str,
    },
    /// More fields than the operation takes.
    #[error("`{found}` is one field too many for `{word}`")]
    ExtraField {
        /// The operation.
        word: String,
        /// The field.
        found: String,
    },
    /// A word that is no operation or directive.
    #[error("`{found}` is no operation")]
    UnknownWord {
        /// The word.
        found: String,
        /// The nearest word that is one.
        suggestion: Option<&'static str>,
    },
    /// A field that is not the number it should be.
    #[error("`{found}` is no {what}: {why}")]
    BadNumber {
        /// The field.
        what: &'static str,
        /// Its text.
        found: String,
        /// Why not.
        why: &'static str,
        /// The largest that may stand there.
        max: u64,
    },
    /// A way to combine words that there is not.
    #[error("`{0}` is no way to combine words")]
    UnknownCombine(String),
    /// A value that the accessed bytes cannot hold.
    #[error("`{found}` does not fit in an access of size {size}")]
    ValueTooLarge {
        /// Its text.
        found: String,
        /// Bytes.
        size: u8,
    },
    /// A line that is not of the imported format.
    #[error("`{found}` is not {format}: {why}")]
    BadImport {
        /// The format.
        format: &'static str,
        /// The text.
        found: String,
        /// Why not.
        why: &'static str,
        /// What to do.
        mend: &'static str,
    },

    /// A file of another tool without a single access.
    #[error("there is nothing to import: {why}")]
    NothingToImport {
        /// What the file holds instead.
        why: &'static str,
        /// What to do.
        mend: &'static str,
    },

    /// A file of some other kind.
    #[error("this is not a trace but {looks}")]
    Foreign {
        /// What it seems to be.
        looks: &'static str,
    },
    /// Written by a later version.
    #[error("the file has format version {version}, this build reads up to {known}")]
    Newer {
        /// Of the file.
        version: u16,
        /// Of this build.
        known: u16,
    },
    /// The file ends early.
    #[error("the file is cut short: {found} of {expected} bytes")]
    Truncated {
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// The file goes on after its end.
    #[error("{extra} bytes follow the end of the trace")]
    TrailingGarbage {
        /// Bytes too many.
        extra: u64,
    },
    /// The writer never finished the file.
    #[error("the file was never finished by its writer")]
    Unfinished,
    /// The header contradicts itself or its checksum.
    #[error("the header is damaged: {0}")]
    HeaderDamaged(&'static str),
    /// The trailer contradicts itself or its checksum.
    #[error("the trailer is damaged: {0}")]
    TrailerDamaged(&'static str),
    /// The index contradicts itself or its checksum.
    #[error("the index is damaged: {0}")]
    IndexDamaged(&'static str),
    /// A chunk contradicts the index or its checksum.
    #[error("a chunk of thread {thread} is damaged: {why}")]
    ChunkDamaged {
        /// Whose.
        thread: u32,
        /// How.
        why: &'static str,
    },
    /// The interleaving contradicts itself, the records or its checksum.
    #[error("the interleaving of the threads is damaged: {0}")]
    OrderDamaged(&'static str),

    /// Threads that would wait forever.
    #[error(
        "replay would hang: thread {thread} waits at barrier {id}, \
         which {arrived} of {members} threads reach"
    )]
    BarrierHangs {
        /// One of the waiting threads.
        thread: u32,
        /// The barrier.
        id: u32,
        /// How many wait there.
        arrived: u32,
        /// How many it needs.
        members: u32,
    },
    /// A barrier whose members disagree on their number.
    #[error("thread {thread} gives barrier {id} {found} members, others give it {members}")]
    BarrierDisagrees {
        /// Who.
        thread: u32,
        /// The barrier.
        id: u32,
        /// Its number.
        found: u32,
        /// The others'.
        members: u32,
    },
}

impl ErrorKind {
    /// How to mend it, in the imperative.
    pub fn mend(&self) -> String {
        let fixed = match self {
            Self::Io { source, .. }
                if matches!(
                    source.kind(),
                    io::ErrorKind::UnexpectedEof
                        | io::ErrorKind::InvalidData
                        | io::ErrorKind::InvalidInput
                ) =>
            {
                "copy the file again from its source, it is cut short or damaged"
            }
            Self::Io { .. } => "check that the path exists, may be accessed and has room",
            Self::NotAFile => "name a regular file, or a new one in a directory that exists",
            Self::Empty => "give at least one line such as `0 load 0x1000 8`",
            Self::ThreadRange(_) => "number the threads from 0 to 65535",
            Self::NoSuchThread { .. } => {
                "number threads from 0 and below that, or raise `@threads` in a text trace"
            }
            Self::Op(fault) => fault.mend(),
            Self::LongHeader { .. } => "keep the name to 1024 and the provenance to 32768 bytes",
            Self::LineTooLong { .. } => "break the line, or check that this is a text trace",
            Self::NotText { .. } => {
                "save the file as UTF-8 text without control characters, or check what it is"
            }
            Self::MissingField { word, .. } | Self::ExtraField { word, .. } => {
                return match crate::text::usage(word) {
                    Some(usage) => format!("write `{usage}`"),
                    None => "write `<thread> <operation> <arguments>`".to_owned(),
                };
            }
            Self::UnknownWord { suggestion: Some(word), .. } => {
                return format!("did you mean `{word}`?");
            }
            Self::UnknownWord { suggestion: None, .. } => crate::text::WORDS_HELP,
            Self::BadNumber { what: "thread", found, .. }
                if crate::text::usage(found).is_some() =>
            {
                return format!("put the thread in front: `0 {found} ...`");
            }
            Self::BadNumber { max, .. } => {
                let up_to = if *max == u64::MAX { String::new() } else { format!(" up to {max}") };
                return format!("write a number{up_to}, decimal or with `0x` in front hexadecimal");
            }
            Self::UnknownCombine(_) => "use sum, min, max, and or or",
            Self::ValueTooLarge { .. } => "give a smaller value, or a larger size",
            Self::BadImport { mend, .. } | Self::NothingToImport { mend, .. } => mend,
            Self::Foreign { .. } => {
                "give a native trace (text or .lkst); \
                 import traces of other tools with `lockstep import`"
            }
            Self::Newer { .. } => "update lockstep, or pack the trace again with this version",
            Self::Truncated { .. } => "copy or download the file again, it is incomplete",
            Self::TrailingGarbage { .. } => "cut the file back to its length, or copy it again",
            Self::Unfinished => "record or pack the trace again, and let it run to its end",
            Self::HeaderDamaged(_)
            | Self::TrailerDamaged(_)
            | Self::IndexDamaged(_)
            | Self::OrderDamaged(_)
            | Self::ChunkDamaged { .. } => "copy the file again from its source, or record it anew",
            Self::BarrierHangs { .. } => {
                "let as many threads arrive as the barrier has members, equally often; \
                 in a captured program, join every thread before it exits"
            }
            Self::BarrierDisagrees { .. } => "give a barrier the same members everywhere",
        };
        fixed.to_owned()
    }
}

impl TraceError {
    /// An error about `path` as a whole.
    pub(crate) fn file(path: &Path, kind: ErrorKind) -> Self {
        Self { path: path.to_owned(), place: Place::File, kind: Box::new(kind) }
    }

    /// An error at a byte offset.
    pub(crate) fn byte(path: &Path, offset: u64, kind: ErrorKind) -> Self {
        Self { path: path.to_owned(), place: Place::Byte(offset), kind: Box::new(kind) }
    }

    /// An error at a line and column.
    pub(crate) fn line(path: &Path, line: u64, column: u64, kind: ErrorKind) -> Self {
        Self { path: path.to_owned(), place: Place::Line { line, column }, kind: Box::new(kind) }
    }

    /// What the system answered while `doing`.
    pub(crate) fn io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        Self::file(path, ErrorKind::Io { doing, source })
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.place {
            Place::File => write!(f, "{path}: ")?,
            Place::Line { line, column } => write!(f, "{path}:{line}:{column}: ")?,
            Place::Byte(at) => write!(f, "{path}, byte {at}: ")?,
        }
        write!(f, "{}\n  mend: {}", self.kind, self.kind.mend())
    }
}

/// `text` as it may be quoted in a message: control characters escaped, cut to a sane length.
pub(crate) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut out: String = text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        out.push_str("...");
    }
    out
}
