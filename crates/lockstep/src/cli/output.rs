//! Where results go: standard output, or a file that appears whole or not at all.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;

/// Prints to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
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
        let mut out = BufWriter::new(std::io::stdout().lock());
        fill(&mut out)?;
        return Ok(out.flush()?);
    }
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let context = || format!("could not write {}", path.display());
    let file = tempfile::Builder::new()
        .prefix(".lockstep-")
        .permissions(permissions())
        .tempfile_in(folder)
        .with_context(context)?;
    let mut out = BufWriter::new(file);
    fill(&mut out).with_context(context)?;
    let file =
        out.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(context)?;
    file.persist(path).with_context(context)?;
    Ok(())
}

/// What a file that is created in the ordinary way gets, the user's mask applied by the system.
fn permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o666)
}
