//! Golden files: what a test produced when somebody last looked and agreed.
//!
//! Golden tests live in `tests/tests/golden*.rs` and compare with `tests/golden/*.txt` by the
//! helper `tests::golden`, which rewrites the file instead if `LOCKSTEP_BLESS` is `1`.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::workspace::{Workspace, code_of};

/// Runs the golden tests; with `bless`, has them rewrite their files.
pub(crate) fn run(workspace: &Workspace, bless: bool) -> Result<ExitCode> {
    Ok(code_of(command(workspace, bless).status().context("cannot start cargo")?))
}

fn command(workspace: &Workspace, bless: bool) -> Command {
    let mut cargo = workspace.cargo(["test", "-p", "tests", "--test", "golden*"]);
    // Whatever the caller's environment says: only the flag blesses.
    cargo.env_remove("LOCKSTEP_BLESS");
    if bless {
        cargo.env("LOCKSTEP_BLESS", "1").args(["--no-fail-fast", "--", "--nocapture"]);
    }
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blesses(bless: bool) -> bool {
        let workspace = Workspace::find().expect("the checkout is there");
        let command = command(&workspace, bless);
        command.get_envs().any(|(name, value)| name == "LOCKSTEP_BLESS" && value.is_some())
    }

    #[test]
    fn only_the_flag_blesses() {
        assert!(blesses(true));
        assert!(!blesses(false));
    }
}
