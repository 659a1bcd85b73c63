//! Traces of real multi-threaded C programs.
//!
//! The program is compiled with the compiler's own hooks for a race detector
//! (`-fsanitize=thread`), which then call our recorder in place of one: it logs each access, each
//! atomic with its operands, and the calls of pthread. The logs become a trace:
//!
//! | in the program | in the trace |
//! |---|---|
//! | read, write | `load`, `store` without value; above 64 bytes cut at lines |
//! | memset, atomic store | `store` with its value; and a `fence` if sequentially consistent |
//! | memcpy | `copy`; overlapping memmove: loads and stores |
//! | atomic add, sub, exchange, compare-exchange | `add`, `swap`, `cas` with their operands |
//! | atomic and, or, xor, nand | `cas` from what it found to what it left |
//! | atomic fence | `fence` |
//! | mutex lock; unlock | `cas` 0 to 1, `fence`; `fence`, `swap` 0 on its first four bytes |
//! | condition wait | its unlock and lock; the signal is not ordered |
//! | barrier wait | `barrier` |
//! | create and start of a thread; its end and join | a `barrier` of two members each |
//! | basic blocks entered | `think` |
//!
//! ASSUMED: 2 cycles for a basic block. A block is about five instructions (a branch each four to
//! seven, Hennessy and Patterson, Computer Architecture, ch. 3), some two of which are accesses
//! with records of their own; the other three take two cycles at 1.5 instructions a cycle.
//!
//! Addresses are moved so that captures do not depend on where the system put things: touched
//! pages of 4 KiB that lie within 64 KiB of each other form a region; regions are laid out from
//! 1 MiB on, each at a multiple of 64 KiB, in the order of first touch (thread 0 first, each in
//! program order). Within a region nothing moves.
//!
//! Every event takes a number from one counter of all threads, and the trace keeps the order of the
//! numbers as its interleaving: what synchronization put in order is in that order, while of two
//! accesses that raced within nanoseconds either may come first. Another run interleaves otherwise.
//!
//! Not seen: libraries that were not compiled along, threads not made by `pthread_create` (OpenMP,
//! C11 `thrd_create`), reader-writer locks, semaphores, 16-byte atomics. Accesses of a thread to
//! its own stack are left out unless [`Options::keep_stack`] is set.

mod compile;
mod convert;
mod raw;
mod rebase;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::barriers::check_barriers;
use crate::binary::writer::Writer;
use crate::error::TraceError;
use crate::trace::Trace;

/// What to capture, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// C sources, compiled and linked together.
    pub sources: Vec<PathBuf>,
    /// Arguments of the program.
    pub args: Vec<String>,
    /// Further flags for the compiler, such as `-DN=4` or `-lm`.
    pub flags: Vec<String>,
    /// The compiler; by default what `CC` says, or if it is not set gcc, then clang.
    pub compiler: Option<PathBuf>,
    /// The trace's name; by default that of the first source.
    pub name: Option<String>,
    /// Events of all threads after which the capture is given up.
    pub limit: u64,
    /// Keep accesses of threads to their own stacks.
    pub keep_stack: bool,
    /// Think time for each basic block entered; 0 leaves think time out.
    pub cycles_per_block: u32,
    /// Drop the program's own output.
    pub quiet: bool,
}

impl Options {
    /// The defaults for these sources: 50 million events, 2 cycles a block, no stacks.
    pub fn new(sources: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            sources: sources.into_iter().map(Into::into).collect(),
            args: Vec::new(),
            flags: Vec::new(),
            compiler: None,
            name: None,
            limit: 50_000_000,
            keep_stack: false,
            cycles_per_block: 2,
            quiet: false,
        }
    }
}

/// Why there is no capture. `Display` says how to mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// Nothing to compile.
    #[error("no source was given\n  mend: name at least one C file")]
    NoSource,
    /// The compiler that `CC` names does not answer.
    #[error(
        "CC names `{compiler}`, which does not answer to --version: {why}\n  mend: set CC to gcc or \
         clang, or unset it"
    )]
    CompilerSilent {
        /// What `CC` says.
        compiler: String,
        /// What happened instead.
        why: String,
    },
    /// None of the compilers can be run.
    #[error("no C compiler: tried {tried}\n  mend: install gcc or clang, or set CC to one")]
    NoCompiler {
        /// Which.
        tried: String,
    },
    /// The compiler does not have the hooks.
    #[error(
        "{compiler} cannot instrument programs with -fsanitize=thread\n\
         {message}\n  mend: set CC to gcc or clang of a 64-bit Linux"
    )]
    NoInstrumentation {
        /// Which.
        compiler: String,
        /// Its words.
        message: String,
    },
    /// The program does not compile or link.
    #[error("{compiler} rejects the program:\n{message}\n  mend: correct the program or the flags")]
    Compile {
        /// Which.
        compiler: String,
        /// Its words.
        message: String,
    },
    /// The program did not end well.
    #[error(
        "the captured program failed: {status}\n  mend: run it without capture first; \
         it must end with exit status 0"
    )]
    Failed {
        /// How it ended.
        status: ExitStatus,
    },
    /// The program does more than the limit.
    #[error(
        "the program makes more than {limit} events\n  mend: give it less work, or raise the limit"
    )]
    Limit {
        /// The limit.
        limit: u64,
    },
    /// The program touched no memory that is recorded.
    #[error(
        "the program makes no access that is recorded\n  mend: let it touch memory other than \
         its own stack, or keep stack accesses"
    )]
    NothingRecorded,
    /// The recorder's log makes no sense.
    #[error("the log of thread {thread} is damaged: {why}\n  mend: capture again")]
    DamagedLog {
        /// Whose.
        thread: u32,
        /// How.
        why: &'static str,
    },
    /// The operating system refused.
    #[error("could not {doing}: {source}\n  mend: check that there is room and permission")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The trace could not be written, or would hang when replayed.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

impl CaptureError {
    fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// Compiles and runs a program and writes what it did to `out`, a binary trace.
///
/// # Errors
/// If it does not compile, fails, does too much or nothing, or would hang when replayed. Then
/// nothing is written.
pub fn compile_and_run(options: &Options, out: &Path) -> Result<Trace, CaptureError> {
    let Some(first) = options.sources.first() else { return Err(CaptureError::NoSource) };
    // Noticed before a long run, not after it.
    Writer::probe(out)?;
    let folder = tempfile::tempdir().map_err(CaptureError::io("create a temporary folder"))?;
    let built = compile::build(options, folder.path())?;
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).map_err(CaptureError::io("create a temporary folder"))?;
    run(options, &built.program, &logs)?;
    let stem = || first.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = options.name.clone().unwrap_or_else(stem);
    let provenance = provenance(options, &built.compiler)?;
    // Checked before it takes its name.
    let mut spool = Writer::spool(out, &name, &provenance)?;
    convert::convert(&logs, options, &mut spool)?;
    let trace = spool.finish()?;
    check_barriers(&trace)?;
    Ok(trace.write_binary(out)?)
}

fn run(options: &Options, program: &Path, logs: &Path) -> Result<(), CaptureError> {
    let mut command = Command::new(program);
    command
        .args(&options.args)
        .env("LOCKSTEP_CAPTURE_DIR", logs)
        .env("LOCKSTEP_CAPTURE_LIMIT", options.limit.to_string())
        .env("LOCKSTEP_CAPTURE_STACK", if options.keep_stack { "1" } else { "0" });
    if options.quiet {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    let status = command.status().map_err(CaptureError::io("run the program"))?;
    if logs.join("limit").exists() {
        return Err(CaptureError::Limit { limit: options.limit });
    }
    if status.success() { Ok(()) } else { Err(CaptureError::Failed { status }) }
}

/// Which sources, arguments and compiler: what it takes to capture it again.
fn provenance(options: &Options, compiler: &str) -> Result<String, CaptureError> {
    use std::fmt::Write;
    let mut out = String::from("captured from ");
    for (i, source) in options.sources.iter().enumerate() {
        let bytes = fs::read(source).map_err(CaptureError::io("read the source"))?;
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        let comma = if i == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma}{name} (crc32 {:08x})", crc32fast::hash(&bytes));
    }
    if !options.args.is_empty() {
        let _ = write!(out, ", arguments {}", options.args.join(" "));
    }
    let flags = options.flags.iter().fold(String::new(), |all, f| all + " " + f);
    let _ = write!(out, "; {compiler} {}{flags}", compile::OPTIMIZATION);
    let _ = write!(out, "; {} cycles a basic block", options.cycles_per_block);
    if options.keep_stack {
        out.push_str("; with stacks");
    }
    Ok(out)
}
