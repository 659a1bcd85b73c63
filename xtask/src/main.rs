//! `cargo xtask <verb>`: the workspace's own verbs, and the way to the user's.
//!
//! Own verbs (`ci`, `tidy`, `edges`, `golden`, `bench`, `help`) are done here. Every other verb is
//! the emulator's: the `lockstep` binary is built in release and takes over with all the arguments.
//! This crate knows no model crate, so it builds in seconds and works while they do not.
//!
//! Exit codes: 0 for success, 1 for a check that failed, 2 for a wrong command line.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks there")]

mod args;
mod bench;
mod ci;
mod edges;
mod forward;
mod golden;
mod help;
mod plan;
mod tee;
mod tidy;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::args::{Usage, switches};
use crate::help::Topic;
use crate::workspace::Workspace;

fn main() -> ExitCode {
    match dispatch(std::env::args_os().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn dispatch(mut args: Vec<OsString>) -> Result<ExitCode> {
    if args.is_empty() {
        eprint!("{}", help::overview());
        return Ok(ExitCode::from(2));
    }
    let verb = args.remove(0);
    let Some(topic) = verb.to_str().and_then(Topic::named) else {
        args.insert(0, verb);
        return forward::run(&Workspace::find()?, args);
    };
    if topic == Topic::Help {
        return explain(args);
    }
    // `bench` passes its arguments on, but `--help` is asked of the verb, as of all the others.
    if args.iter().any(|a| a == "--help" || a == "-h") {
        print!("{}", topic.text());
        return Ok(ExitCode::SUCCESS);
    }
    let workspace = Workspace::find()?;
    match topic {
        Topic::Help => explain(args),
        Topic::Ci => {
            let [deep, dry_run] = switches("ci", &args, ["--deep", "--dry-run"])?;
            Ok(ci::run(&workspace, deep, dry_run))
        }
        Topic::Tidy => {
            let [] = switches("tidy", &args, [])?;
            tidy::run(&workspace).map(|()| ExitCode::SUCCESS)
        }
        Topic::Edges => {
            let [] = switches("edges", &args, [])?;
            edges::run(&workspace).map(|()| ExitCode::SUCCESS)
        }
        Topic::Golden => {
            let [bless] = switches("golden", &args, ["--bless"])?;
            golden::run(&workspace, bless)
        }
        Topic::Bench => bench::run(&workspace, &args),
    }
}

/// `help`, `help VERB`, `--help`.
fn explain(args: Vec<OsString>) -> Result<ExitCode> {
    let Some(verb) = args.first() else {
        print!("{}", help::overview());
        return Ok(ExitCode::SUCCESS);
    };
    match verb.to_str().and_then(Topic::named) {
        Some(Topic::Help) => print!("{}", help::overview()),
        Some(topic) => print!("{}", topic.text()),
        None => {
            let asked = args.into_iter().chain([OsString::from("--help")]).collect();
            return forward::run(&Workspace::find()?, asked);
        }
    }
    Ok(ExitCode::SUCCESS)
}
