//! A folder to run the binary in. Files are named relative to it, so what is printed is the same on
//! every machine.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What a run of the binary said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder with nothing in it but what a test puts there.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), bytes).expect("the file can be written");
        self
    }

    pub(crate) fn get(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// Every file and folder in it, hidden ones too, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = std::fs::read_dir(self.0.path()).expect("the folder can be listed");
        let name = |e: std::io::Result<std::fs::DirEntry>| {
            e.expect("an entry").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = all.map(name).collect();
        names.sort();
        names
    }

    /// Runs `lockstep` with these words.
    pub(crate) fn run(&self, words: &str) -> Said {
        let words: Vec<&str> = words.split_whitespace().collect();
        self.run_with(&words, &[], b"")
    }

    /// Runs `lockstep` with these arguments, variables of the environment, and this through a pipe
    /// on standard input.
    pub(crate) fn run_with(&self, words: &[&str], env: &[(&str, &str)], input: &[u8]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(words).current_dir(self.0.path());
        command.env_remove("RUST_BACKTRACE").env("COLUMNS", "100").env("NO_COLOR", "1");
        command.envs(env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        // It need not read what it has no use for.
        let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input));
        let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
        let words = words.join(" ");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let said = Said { code: status.code(), out: text(stdout), err: text(stderr) };
        assert!(!said.err.contains("panicked"), "{words}: {}", said.err);
        said
    }

    /// Runs it and expects success.
    pub(crate) fn succeed(&self, words: &str) -> Said {
        let said = self.run(words);
        assert_eq!(said.code, Some(0), "{words}: {}", said.err);
        said
    }

    /// Runs it and expects the one error of bad input; gives its text.
    pub(crate) fn fail(&self, words: &str) -> String {
        let said = self.run(words);
        assert_eq!(said.code, Some(2), "{words}: {} {}", said.out, said.err);
        assert_eq!(said.out, "", "{words}: a failure prints no result");
        assert!(said.err.starts_with("error: "), "{words}: {}", said.err);
        said.err
    }
}
