//! Where results go: standard output, or a file that appears whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use traffic::draft;

/// Prints to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Notes something on standard error; the result does not depend on it.
#[expect(clippy::print_stderr, reason = "the one place that talks to people on the side")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Says what went wrong.
pub(crate) fn complain(error: &str, color: bool) {
    let word = if color { "\x1b[1;31merror\x1b[0m" } else { "error" };
    // Errors with an excerpt of the file open with the word themselves.
    note(&format!("{word}: {}", error.strip_prefix("error: ").unwrap_or(error)));
}

/// Writes `text` to `path`, which appears by rename; `-` is standard output.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    stream(path, |to| Ok(to.write_all(text.as_bytes())?))
}

/// Lets `fill` write to `path`, which appears by rename once that is done; `-` is standard output.
pub(crate) fn stream(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if path == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        fill(&mut out)?;
        return Ok(out.flush()?);
    }
    let context = || format!("could not write {}", path.display());
    let target = match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => bail!(
            "could not write {}: it is a directory\n  mend: name a file in it",
            path.display()
        ),
        // A device or a pipe is written to; a rename would replace it.
        Ok(meta) if !meta.is_file() => {
            let file = OpenOptions::new().write(true).open(path).with_context(context)?;
            let mut out = BufWriter::new(file);
            fill(&mut out)?;
            return out.flush().with_context(context);
        }
        // Behind a symbolic link, so that the link stays.
        Ok(_) => fs::canonicalize(path).with_context(context)?,
        Err(_) => path.to_owned(),
    };
    let file = draft::beside(&target).map_err(|e| {
        let mend = "check that its folder exists and may be written";
        anyhow!("could not write {}: {e}\n  mend: {mend}", path.display())
    })?;
    let mut out = BufWriter::new(file);
    fill(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error).with_context(context)?;
    file.persist(&target).with_context(context)?;
    Ok(())
}
