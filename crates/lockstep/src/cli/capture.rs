//! `capture`: records the memory accesses of a multi-threaded C program.

use std::path::PathBuf;

use anyhow::bail;
use traffic::capture::{Options, compile_and_run};

use super::{Outcome, output};

/// Compiles a C program with thread-sanitizer hooks, runs it, and writes what its threads did to
/// memory. Needs gcc or clang; the environment variable CC chooses, and must then answer.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep capture traces/capture/jacobi.c -o jacobi.lkst
  lockstep capture prog.c -o out.lkst --flag=-DN=64 -- argument1 argument2")]
pub(crate) struct Args {
    /// C sources, compiled and linked together
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// The binary trace to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// A further flag for the compiler; may be repeated
    #[arg(long = "flag", value_name = "FLAG", allow_hyphen_values = true)]
    flags: Vec<String>,
    /// Give up after so many events of all threads
    #[arg(long, value_name = "N", default_value_t = 50_000_000)]
    limit: u64,
    /// Keep accesses of threads to their own stacks
    #[arg(long)]
    keep_stack: bool,
    /// Think time for each basic block entered, in cycles; 0 leaves think time out
    #[arg(long, value_name = "N", default_value_t = 2)]
    cycles_per_block: u32,
    /// Arguments of the program
    #[arg(last = true, value_name = "ARGUMENT")]
    passed_on: Vec<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    if let Some(missing) = args.sources.iter().find(|s| !s.is_file()) {
        bail!("no file {}\n  mend: name C sources", missing.display());
    }
    let options = Options {
        args: args.passed_on.clone(),
        flags: args.flags.clone(),
        limit: args.limit,
        keep_stack: args.keep_stack,
        cycles_per_block: args.cycles_per_block,
        ..Options::new(args.sources.iter().cloned())
    };
    let trace = compile_and_run(&options, &args.output)?;
    let info = trace.info();
    output::note(&format!(
        "{}: {} records of {} threads, {} bytes",
        args.output.display(),
        info.records,
        info.threads,
        info.file_bytes
    ));
    Ok(Outcome::Done)
}
