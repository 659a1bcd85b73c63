//! Traces of other tools. Both importers take plain or gzip text, and write one thread.
//!
//! Neither format knows of other threads. Imports into an empty [`Writer`], one or several, make a
//! trace without interleaving; into one that has records, they follow those in its order.

mod lackey;
mod ramulator;

pub use lackey::import_lackey;
pub use ramulator::import_ramulator;

use std::path::{Path, PathBuf};

use base::ThreadIdx;

use crate::binary::writer::Writer;
use crate::error::{ErrorKind, TraceError};

/// How to import.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// What errors call the input.
    pub path: PathBuf,
    /// The thread that the records go to.
    pub thread: ThreadIdx,
    /// Cycles that an instruction without data access takes, where the format counts instructions.
    ///
    /// ASSUMED: 1 by default, a scalar core that never stalls but for memory; neither format
    /// carries timing.
    pub cycles_per_instruction: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { path: PathBuf::from("<input>"), thread: ThreadIdx(0), cycles_per_instruction: 1 }
    }
}

/// What an import took in.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Imported {
    /// Lines of input.
    pub lines: u64,
    /// Of those, lines that were no record: chatter and blanks.
    pub skipped: u64,
    /// Instructions (or bubbles) that became think time.
    pub instructions: u64,
    /// Records written.
    pub records: u64,
}

/// The records that `writer` has already. If it is empty, its order will mean nothing.
fn begin(writer: &mut Writer) -> u64 {
    if writer.records() == 0 {
        writer.forget_order();
    }
    writer.records()
}

/// An import that gave no record; `without` says what a file that is not empty lacks.
fn nothing(path: &Path, told: &Imported, without: &'static str, mend: &'static str) -> TraceError {
    let why = if told.lines == 0 { "the file is empty" } else { without };
    TraceError::file(path, ErrorKind::NothingToImport { why, mend })
}
