//! Cases as files: a native text trace whose first line says which machine it is for.
//!
//! ```text
//! # stress seed=7 topology=nvl8 sets=1 ways=1 plru=0 mshrs=2 ...
//! 0 store 0x8 8 =0x1
//! ```
//!
//! So `lockstep stress --replay` runs it as it was, and every other verb reads it as a trace.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base::{Op, ThreadIdx};
use traffic::{Trace, write_text};

use super::case::{Case, Knobs};

/// What marks the first line.
const MARK: &str = "# stress ";
const FIELDS: usize = 21;

/// A file that is no case.
#[derive(Debug, thiserror::Error)]
pub enum StressFileError {
    /// It cannot be read or written.
    #[error("{}: {why}\n  mend: name a file that `lockstep stress` has saved", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// Its first line is not that of a case.
    #[error("{}:1:{column}: {what}\n  mend: {mend}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Where in the line, from 1.
        column: usize,
        /// What is wrong.
        what: String,
        /// What to do about it.
        mend: String,
    },
    /// The rest is no trace.
    #[error(transparent)]
    Trace(#[from] traffic::TraceError),
}

/// The knobs and the seed as they are written.
fn fields(case: &Case) -> [(&'static str, String); FIELDS] {
    let k = &case.knobs;
    let flag = |on: bool| u32::from(on).to_string();
    [
        ("seed", case.seed.to_string()),
        ("topology", k.topology.clone()),
        ("sets", k.sets.to_string()),
        ("ways", k.ways.to_string()),
        ("plru", flag(k.plru)),
        ("mshrs", k.mshrs.to_string()),
        ("silent", flag(k.silent)),
        ("directory_lines", k.directory_lines.to_string()),
        ("buffer_flits", k.buffer_flits.to_string()),
        ("window", k.window.to_string()),
        ("order", k.order.to_string()),
        ("far", flag(k.far)),
        ("injection", k.injection.to_string()),
        ("uncached_lines", k.uncached_lines.to_string()),
        ("owned", flag(k.protocol.owned)),
        ("direct", flag(k.protocol.direct)),
        ("package_nodes", k.package_nodes.to_string()),
        ("package_lines", k.package_lines.to_string()),
        ("scope_nodes", k.scope_nodes.to_string()),
        ("scoped_from", k.scoped_from.to_string()),
        ("stretch", k.stretch.to_string()),
    ]
}

/// The text of a case.
///
/// # Errors
/// If it is no trace.
pub fn save(case: &Case) -> Result<String, String> {
    let mut text = MARK.trim_end().to_owned();
    for (key, value) in fields(case) {
        let _ = write!(text, " {key}={value}");
    }
    text.push('\n');
    let mut trace = Vec::new();
    write_text(&case.trace()?, &mut trace).map_err(|error| error.to_string())?;
    text.push_str(&String::from_utf8_lossy(&trace));
    Ok(text)
}

/// The case in a file.
///
/// # Errors
/// Where the file is not one.
pub fn load(path: impl AsRef<Path>) -> Result<Case, StressFileError> {
    let path = path.as_ref();
    let io = |why| StressFileError::Io { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(io)?;
    let fault = |column: usize, what: String, mend: &str| StressFileError::Header {
        path: path.to_owned(),
        column,
        what,
        mend: mend.to_owned(),
    };
    let first = text.lines().next().unwrap_or_default();
    let Some(rest) = first.strip_prefix(MARK) else {
        let mend = "begin with `# stress seed=N topology=NAME ...`, as saved cases do";
        return Err(fault(1, "this is no saved case".to_owned(), mend));
    };
    let mut case =
        Case { seed: 1, knobs: Knobs::roomy("nvl8"), phases: phases(&Trace::open(path)?)? };
    for word in rest.split_whitespace() {
        let column = word.as_ptr() as usize - first.as_ptr() as usize + 1;
        let Some((key, value)) = word.split_once('=') else {
            return Err(fault(column, format!("`{word}` has no value"), "write `key=value`"));
        };
        if let Err(what) = set(&mut case, key, value) {
            let mend = format!("use {}", fields(&case).map(|(key, _)| key).join(", "));
            return Err(fault(column, what, &mend));
        }
    }
    if let Err(what) = case.knobs.spec() {
        return Err(fault(1, what, "give knobs that make a machine"));
    }
    Ok(case)
}

fn set(case: &mut Case, key: &str, value: &str) -> Result<(), String> {
    let number = || -> Result<u32, String> {
        value.parse().map_err(|_| format!("{key}: `{value}` is no number"))
    };
    let power = || match number()? {
        n if n.is_power_of_two() && n <= 64 => Ok(n),
        n => Err(format!("{key}: {n} is no power of two up to 64")),
    };
    let k = &mut case.knobs;
    match key {
        "seed" => case.seed = value.parse().map_err(|_| format!("`{value}` is no seed"))?,
        "topology" => value.clone_into(&mut k.topology),
        "sets" => k.sets = power()?,
        "ways" => k.ways = power()?,
        "plru" => k.plru = number()? != 0,
        "mshrs" => k.mshrs = number()?,
        "silent" => k.silent = number()? != 0,
        "directory_lines" => k.directory_lines = number()?,
        "buffer_flits" => k.buffer_flits = number()?,
        "window" => k.window = number()?,
        "order" => k.order = number()?,
        "far" => k.far = number()? != 0,
        "injection" => k.injection = number()?,
        "uncached_lines" => k.uncached_lines = number()?,
        "owned" => k.protocol.owned = number()? != 0,
        "direct" => k.protocol.direct = number()? != 0,
        "package_nodes" => k.package_nodes = number()?,
        "package_lines" => k.package_lines = number()?,
        "scope_nodes" => k.scope_nodes = number()?,
        "scoped_from" => k.scoped_from = number()?,
        "stretch" => k.stretch = number()?,
        _ => return Err(format!("there is no knob `{key}`")),
    }
    Ok(())
}

/// The phases of a trace: what lies between its barriers.
fn phases(trace: &Trace) -> Result<Vec<super::Phase>, traffic::TraceError> {
    let count = trace.threads() as usize;
    let mut phases = vec![vec![Vec::new(); count]];
    for thread in 0..count {
        let mut at = 0;
        for op in trace.stream(ThreadIdx::new(thread))? {
            match op? {
                Op::Barrier { .. } | Op::Reduce { .. } => {
                    at += 1;
                    if phases.len() <= at {
                        phases.push(vec![Vec::new(); count]);
                    }
                }
                op => phases[at][thread].push(op),
            }
        }
    }
    // The fence that closes each thread is put back when the case is run.
    for ops in phases.last_mut().into_iter().flatten() {
        if ops.last() == Some(&Op::Fence) {
            ops.pop();
        }
    }
    Ok(phases)
}
