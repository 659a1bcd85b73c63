//! Where results go: standard output, or a file that appears whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use tempfile::NamedTempFile;
use traffic::draft;

/// Prints to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Notes something on standard error; the result does not depend on it.
pub(crate) fn note(text: &str) {
    // Whoever reads it may have gone: `2>&1 | head`.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Says what went wrong.
pub(crate) fn complain(error: &str, color: bool) {
    let word = if color { "\x1b[1;31merror\x1b[0m" } else { "error" };
    // Errors with an excerpt of the file open with the word themselves.
    note(&format!("{word}: {}", error.strip_prefix("error: ").unwrap_or(error)));
}

/// A place for a result, found fit before the work that the result comes from.
///
/// A file appears whole, by rename, once it is [written](Self::write). Until then there is nothing
/// on the disk, so work that is broken off leaves nothing behind.
pub(crate) struct Output {
    path: PathBuf,
    place: Place,
}

enum Place {
    Stdout,
    /// A device or a pipe, open from the start: a rename would replace it.
    Open(File),
    /// A file by this path, behind symbolic links, so that those stay.
    Replace(PathBuf),
}

impl Output {
    /// Makes sure that `path` can be written; `-` is standard output.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let place = if path == Path::new("-") { Place::Stdout } else { place_of(path)? };
        if let Place::Replace(target) = &place {
            draft_for(target, path)?;
        }
        Ok(Self { path: path.to_owned(), place })
    }

    /// Whether it is standard output, where nothing else may then stand.
    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self.place, Place::Stdout)
    }

    /// Writes `text`.
    pub(crate) fn write(self, text: &str) -> anyhow::Result<()> {
        self.stream(|to| Ok(to.write_all(text.as_bytes())?))
    }

    /// Lets `fill` write.
    pub(crate) fn stream(
        self,
        fill: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let context = || format!("could not write {}", self.path.display());
        match self.place {
            Place::Stdout => {
                let mut out = BufWriter::new(io::stdout().lock());
                fill(&mut out)?;
                Ok(out.flush()?)
            }
            Place::Open(file) => {
                let mut out = BufWriter::new(file);
                fill(&mut out)?;
                out.flush().with_context(context)
            }
            Place::Replace(target) => {
                let mut out = BufWriter::new(draft_for(&target, &self.path)?);
                fill(&mut out)?;
                let file = out.into_inner().map_err(io::IntoInnerError::into_error);
                file.with_context(context)?.persist(&target).with_context(context)?;
                Ok(())
            }
        }
    }
}

/// What lies at `path`.
fn place_of(path: &Path) -> anyhow::Result<Place> {
    let context = || format!("could not write {}", path.display());
    Ok(match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => bail!(
            "could not write {}: it is a directory\n  mend: name a file in it",
            path.display()
        ),
        Ok(meta) if !meta.is_file() => {
            Place::Open(OpenOptions::new().write(true).open(path).with_context(context)?)
        }
        Ok(_) => Place::Replace(fs::canonicalize(path).with_context(context)?),
        Err(_) => Place::Replace(path.to_owned()),
    })
}

/// A draft beside `target`, which people call `path`.
fn draft_for(target: &Path, path: &Path) -> anyhow::Result<NamedTempFile> {
    draft::beside(target).map_err(|e| {
        let mend = "check that its folder exists and may be written";
        anyhow!("could not write {}: {e}\n  mend: {mend}", path.display())
    })
}
