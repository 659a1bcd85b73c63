//! From C sources to a program that records itself.

use std::env;
use std::ffi::{OsStr, OsString};
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

    /// What it calls itself, in a line, or why it does not.
    fn described(&self) -> Result<String, String> {
        let output = self.command().arg("--version").output().map_err(|e| e.to_string())?;
        if !output.status.success() {
            return Err(output.status.to_string());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().unwrap_or_default().to_owned())
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

/// The compiler to take, and what it calls itself: the one that was asked for, or else the first
/// that answers. One that was asked for and does not answer has no substitute.
fn find(options: &Options) -> Result<(Compiler, String), CaptureError> {
    let plain = |program: OsString| Compiler { program, args: Vec::new() };
    let candidates = match &options.compiler {
        Some(path) => vec![plain(path.into())],
        None => match named_by_cc(env::var_os("CC").as_deref())? {
            Some(compiler) => {
                return match compiler.described() {
                    Ok(described) => Ok((compiler, described)),
                    Err(why) => {
                        Err(CaptureError::CompilerSilent { compiler: compiler.name(), why })
                    }
                };
            }
            None => ["gcc", "clang"].map(|name| plain(name.into())).into(),
        },
    };
    let tried: Vec<String> = candidates.iter().map(Compiler::name).collect();
    for compiler in candidates {
        if let Ok(described) = compiler.described() {
            return Ok((compiler, described));
        }
    }
    Err(CaptureError::NoCompiler { tried: tried.join(", ") })
}

/// The compiler and arguments in `CC`, parted by blanks; `None` if it is not set or blank.
fn named_by_cc(cc: Option<&OsStr>) -> Result<Option<Compiler>, CaptureError> {
    let Some(cc) = cc else { return Ok(None) };
    let text = cc.to_str().ok_or_else(|| CaptureError::CompilerSilent {
        compiler: cc.to_string_lossy().into_owned(),
        why: "the name is not UTF-8".to_owned(),
    })?;
    let mut words = text.split_whitespace().map(str::to_owned);
    let compiler =
        words.next().map(|program| Compiler { program: program.into(), args: words.collect() });
    Ok(compiler)
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
