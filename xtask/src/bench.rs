//! Benchmarks of the crates: `cargo bench` over the workspace.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::workspace::{Workspace, code_of};

/// Runs the benchmarks with `args` added to cargo's.
pub(crate) fn run(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    let mut cargo = workspace.cargo(["bench", "--workspace"]);
    Ok(code_of(cargo.args(args).status().context("cannot start cargo")?))
}
