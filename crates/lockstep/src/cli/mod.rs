//! The command line: one module a verb.
//!
//! Exit codes: 0 success, 1 a run whose checks failed or a figure missed, 2 bad input or a machine that got stuck.

mod align;
mod barriers;
mod capture;
mod check;
mod check_barriers;
mod check_clocks;
mod check_directory;
mod check_events;
mod check_links;
mod check_regions;
mod check_size;
mod engine;
mod import;
mod input;
mod litmus;
mod log;
mod output;
mod progress;
mod rates;
mod room;
mod run;
mod run_checkpoint;
mod run_links;
mod schedule;
mod schedule_report;
mod sections;
mod stress;
mod sweep;
mod trace;
mod validate;
mod verify;
mod verify_mutants;
mod verify_packages;
mod verify_results;
mod verify_scoped;
mod verify_tables;
mod verify_words;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use machine::{CheckpointError, RunError};
use topology::TopologyError;
use traffic::TraceError;
use traffic::capture::CaptureError;

/// Lockstep: a cycle-accurate emulator of supernode fabrics.
#[derive(Parser, Debug)]
#[command(name = "lockstep", version, max_term_width = 100, subcommand_required = true)]
#[command(after_help = "Each verb has its own --help with examples.")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Replay a memory trace on a machine
    Run(run::Args),
    /// Prove what can be proved of a topology without running it
    Check(check::Args),
    /// Measure latency against offered load
    Sweep(sweep::Args),
    /// Tell how well the counters of a machine's nodes are aligned over its fabric
    Align(align::Args),
    /// Prove, plan and run static schedules of packets
    Schedule(schedule::Args),
    /// Measure barriers by units, packets, and atomics and flags
    Barriers(barriers::Args),
    /// Measure every figure that the emulator claims to meet
    Validate(validate::Args),
    /// Run litmus tests on the machine and exhaustively, and judge them by a memory model
    Litmus(litmus::Args),
    /// Run random programs on tight machines, and check everything
    Stress(stress::Args),
    /// Search every state that the coherence protocol can come to
    Verify(verify::Args),
    /// Describe or convert traces
    Trace(trace::Args),
    /// Turn a trace of another tool into a native one
    Import(import::Args),
    /// Record the memory accesses of a C program
    Capture(capture::Args),
}

/// What a verb ends with.
enum Outcome {
    Done,
    /// The work was done, but its checks found something.
    ChecksFailed,
    /// Somebody pressed Ctrl-C; the work can be gone on with.
    Interrupted,
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.verb {
        Verb::Run(args) => run::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Sweep(args) => sweep::run(&args),
        Verb::Align(args) => align::run(&args),
        Verb::Schedule(args) => schedule::run(&args),
        Verb::Barriers(args) => barriers::run(&args),
        Verb::Validate(args) => validate::run(&args),
        Verb::Litmus(args) => litmus::run(&args),
        Verb::Stress(args) => stress::run(&args),
        Verb::Verify(args) => verify::run(&args),
        Verb::Trace(args) => trace::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Capture(args) => capture::run(&args),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::ChecksFailed) => ExitCode::from(1),
        Ok(Outcome::Interrupted) => ExitCode::from(run_checkpoint::INTERRUPTED_CODE),
        Err(error) if broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&message(&error), std::io::stderr().is_terminal());
            ExitCode::from(2)
        }
    }
}

/// An error and what led to it, in one message. Errors of the libraries say all there is to say
/// themselves, their causes included.
fn message(error: &anyhow::Error) -> String {
    let mut parts = Vec::new();
    for cause in error.chain() {
        parts.push(cause.to_string());
        let complete = cause.is::<TraceError>()
            || cause.is::<TopologyError>()
            || cause.is::<RunError>()
            || cause.is::<CheckpointError>()
            || cause.is::<CaptureError>();
        if complete {
            break;
        }
    }
    parts.join(": ")
}

/// Whether the reader of our output has gone: no fault of ours, and nothing to say to anyone.
fn broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
