//! The emulator's verbs: builds `lockstep` in release and becomes it.
//!
//! On Unix the process is replaced, so standard streams, signals and the exit code are the
//! emulator's own. Elsewhere it is waited for, and its code passed on.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::workspace::{Workspace, code_of};

/// Builds the emulator and hands it `args`, verb first.
pub(crate) fn run(workspace: &Workspace, args: Vec<OsString>) -> Result<ExitCode> {
    let binary = match build(workspace)? {
        Ok(binary) => binary,
        Err(code) => return Ok(code),
    };
    become_it(&binary, args)
}

#[cfg(unix)]
fn become_it(binary: &Path, args: Vec<OsString>) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    let error = Command::new(binary).args(args).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}

#[cfg(not(unix))]
fn become_it(binary: &Path, args: Vec<OsString>) -> Result<ExitCode> {
    let status = Command::new(binary).args(args).status();
    Ok(code_of(status.with_context(|| format!("cannot start {}", binary.display()))?))
}

/// The path of the built binary, or cargo's exit code if it does not build.
///
/// Cargo itself tells where the binary is, so every way of setting the target directory holds.
fn build(workspace: &Workspace) -> Result<Result<PathBuf, ExitCode>> {
    let mut cargo = workspace.cargo(["build", "--release", "-p", "lockstep", "--bin", "lockstep"]);
    cargo.arg("--message-format=json-render-diagnostics");
    if std::io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let told = std::thread::spawn(move || stderr.map(tell_unless_fresh));
    let mut messages = String::new();
    if let Some(mut stdout) = stdout {
        stdout.read_to_string(&mut messages).context("cannot read cargo's messages")?;
    }
    let status = child.wait().context("cargo was lost")?;
    if told.join().is_err() {
        bail!("cannot pass on cargo's messages");
    }
    if !status.success() {
        return Ok(Err(code_of(status)));
    }
    let binary = executable(&messages).context("cargo built `lockstep` but did not say where")?;
    Ok(Ok(binary))
}

/// Passes cargo's messages on, but for the closing line of a build that had nothing to do.
fn tell_unless_fresh(stderr: ChildStderr) {
    let mut fresh = true;
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        fresh &= !line.contains("Compiling ");
        if !(fresh && line.contains("Finished")) {
            eprintln!("{line}");
        }
    }
}

/// The path of the binary `lockstep` in cargo's messages, one JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|m| m["reason"] == "compiler-artifact" && m["target"]["name"] == "lockstep")
        .find_map(|m| m["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_the_artifact_with_an_executable() {
        let messages = r#"{"reason":"build-script-executed","out_dir":"/t/out"}
{"reason":"compiler-artifact","target":{"name":"base","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"lockstep","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"lockstep"},"executable":"/t/release/lockstep"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some(PathBuf::from("/t/release/lockstep")));
    }

    #[test]
    fn a_build_without_the_binary_names_none() {
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(executable("not json"), None);
    }
}
