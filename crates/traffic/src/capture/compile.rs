//! From C sources to a program that records itself.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{CaptureError, Options};

const RECORDER: &str = include_str!("../../../../traces/capture/recorder.c");
/// Optimized as a program would be, but not so much that accesses merge into vectors.
pub(super) const OPTIMIZATION: &str = "-O1";
const HOOKS: [&str; 2] = ["-fsanitize=thread", "-fsanitize-coverage=trace-pc"];
/// Each has a `__wrap_` in the recorder.
const WRAPPED: [&str; 11] = [
    "pthread_create",
    "pthread_join",
    "pthread_mutex_lock",
    "pthread_mutex_trylock",
    "pthread_mutex_unlock",
    "pthread_cond_wait",
    "pthread_barrier_init",
    "pthread_barrier_wait",
    "memcpy",
    "memmove",
    "memset",
];

/// A program ready to run.
pub(super) struct Built {
    pub(super) program: PathBuf,
    /// The compiler's own description of itself.
    pub(super) compiler: String,
}

pub(super) fn build(options: &Options, folder: &Path) -> Result<Built, CaptureError> {
    let (compiler, described) = find(options)?;
    probe(&compiler, folder)?;
    let source = folder.join("recorder.c");
    fs::write(&source, RECORDER).map_err(CaptureError::io("write the recorder"))?;
    let recorder = folder.join("recorder.o");
    let mut command = compiler.command();
    command.args(["-std=gnu11", "-O2", "-c"]).arg(&source).arg("-o").arg(&recorder);
    compiler.expect(command)?;

    let mut objects = vec![recorder];
    for (i, source) in options.sources.iter().enumerate() {
        let object = folder.join(format!("part{i}.o"));
        let mut command = compiler.command();
        command.args(["-g", OPTIMIZATION, "-pthread"]).args(HOOKS);
        // Libraries are for the linker.
        command.args(options.flags.iter().filter(|f| !f.starts_with("-l") && !f.starts_with("-L")));
        command.arg("-c").arg(source).arg("-o").arg(&object);
        compiler.expect(command)?;
        objects.push(object);
    }
    let program = folder.join("program");
    let mut command = compiler.command();
    // Globals then lie at the same addresses in every run.
    command.args(["-no-pie", "-pthread"]).args(&objects).arg("-o").arg(&program);
    command.args(WRAPPED.map(|name| format!("-Wl,--wrap={name}")));
    command.args(options.flags.iter().filter(|f| f.starts_with("-l") || f.starts_with("-L")));
    command.arg("-lm");
    compiler.expect(command)?;
    Ok(Built { program, compiler: described })
}

/// A compiler and the arguments that `CC` gives it.
struct Compiler {
    program: OsString,
    args: Vec<String>,
}

impl Compiler {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        command
    }

    fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    /// Runs it; what it says on failure is the error.
    fn expect(&self, mut command: Command) -> Result<(), CaptureError> {
        let output = command.output().map_err(CaptureError::io("run the compiler"))?;
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        Err(CaptureError::Compile { compiler: self.name(), message })
    }
}

/// The first compiler that answers, and what it calls itself.
fn find(options: &Options) -> Result<(Compiler, String), CaptureError> {
    let mut tried = Vec::new();
    let mut candidates = Vec::new();
    match (&options.compiler, env::var("CC")) {
        (Some(path), _) => {
            candidates.push(Compiler { program: path.into(), args: Vec::new() });
        }
        (None, cc) => {
            let cc = cc.unwrap_or_default();
            let mut words = cc.split_whitespace().map(str::to_owned);
            if let Some(program) = words.next() {
                candidates.push(Compiler { program: program.into(), args: words.collect() });
            }
            for program in ["gcc", "clang"] {
                candidates.push(Compiler { program: program.into(), args: Vec::new() });
            }
        }
    }
    for compiler in candidates {
        let answer = compiler.command().arg("--version").output();
        if let Ok(output) = answer
            && output.status.success()
        {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let described = text.lines().next().unwrap_or_default().to_owned();
            return Ok((compiler, described));
        }
        tried.push(compiler.name());
    }
    Err(CaptureError::NoCompiler { tried: tried.join(", ") })
}

/// Tells a compiler without the hooks from a program with a mistake.
fn probe(compiler: &Compiler, folder: &Path) -> Result<(), CaptureError> {
    let source = folder.join("probe.c");
    fs::write(&source, "int probe(int *p) { return *p; }\n")
        .map_err(CaptureError::io("write a temporary file"))?;
    let mut command = compiler.command();
    command.args(HOOKS).arg("-c").arg(&source).arg("-o").arg(folder.join("probe.o"));
    match compiler.expect(command) {
        Err(CaptureError::Compile { compiler, message }) => {
            Err(CaptureError::NoInstrumentation { compiler, message })
        }
        other => other,
    }
}
