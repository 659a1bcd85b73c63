//! Where the checkout is, and how its commands are run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The checkout that this `xtask` belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    cargo: OsString,
    /// `CARGO_TARGET_DIR` made absolute, as commands run from the root and the user perhaps not.
    target: Option<PathBuf>,
}

impl Workspace {
    /// The checkout that holds this crate.
    pub(crate) fn find() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("xtask lies in no workspace")?.to_owned();
        let here = std::env::current_dir().context("cannot tell the current directory")?;
        let target = std::env::var_os("CARGO_TARGET_DIR").filter(|t| !t.is_empty());
        Ok(Self {
            root,
            cargo: std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            target: target.map(|t| here.join(t)),
        })
    }

    /// The checkout's top directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A cargo command at the root. What `cargo run` told this process of its own package is taken
    /// away, so that the command sees the environment that a user's would.
    pub(crate) fn cargo<S: AsRef<std::ffi::OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(&self.cargo);
        command.current_dir(&self.root).args(args);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(tells_of_this_package) {
                command.env_remove(name);
            }
        }
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        command
    }

    /// Whether a cargo command is there: `fmt`, `clippy`, `nextest`.
    pub(crate) fn has(&self, subcommand: &str) -> bool {
        self.cargo([subcommand, "--version"]).output().is_ok_and(|o| o.status.success())
    }

    /// The members of the workspace and what they depend on, as `cargo metadata` tells it.
    pub(crate) fn metadata(&self) -> Result<Value> {
        let out = self
            .cargo(["metadata", "--format-version", "1", "--no-deps"])
            .output()
            .context("cannot start `cargo metadata`")?;
        anyhow::ensure!(
            out.status.success(),
            "`cargo metadata` failed: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        );
        serde_json::from_slice(&out.stdout).context("`cargo metadata` printed no JSON")
    }
}

fn tells_of_this_package(variable: &str) -> bool {
    const OWN: [&str; 5] = [
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
    ];
    variable.starts_with("CARGO_PKG_")
        || variable.starts_with("CARGO_MANIFEST_")
        || OWN.contains(&variable)
}

/// A child's exit code as this process's own: its code, or 128 + n if signal n ended it.
pub(crate) fn code_of(status: ExitStatus) -> ExitCode {
    ExitCode::from(code_number(status))
}

fn code_number(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    // A code that does not fit still has to say that it is not success.
    status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn codes_pass_and_signals_count_from_128() {
        use std::os::unix::process::ExitStatusExt as _;
        for (raw, code) in [(0, 0), (2 << 8, 2), (101 << 8, 101), (9, 137), (15, 143)] {
            assert_eq!(code_number(ExitStatus::from_raw(raw)), code, "wait status {raw:#x}");
        }
    }

    #[test]
    fn only_the_variables_of_this_package_are_taken_away() {
        for own in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "OUT_DIR"] {
            assert!(tells_of_this_package(own), "{own}");
        }
        for kept in ["CARGO", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "RUSTFLAGS"] {
            assert!(!tells_of_this_package(kept), "{kept}");
        }
    }

    #[test]
    fn the_root_holds_this_crate() {
        let workspace = Workspace::find().expect("the checkout is there");
        assert!(workspace.root().join("xtask/src/workspace.rs").is_file());
    }
}
