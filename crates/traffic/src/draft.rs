//! Drafts: files that are written under another name beside their place and appear by rename.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// A draft in the folder of `target`, with the permissions of an ordinary new file. `persist` gives it
/// its name; dropped without that, it is gone.
///
/// # Errors
/// The system's, without the draft's own name, which is nobody's business.
pub fn beside(target: &Path) -> io::Result<NamedTempFile> {
    let folder = match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lockstep-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The process's umask still applies.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder).map_err(nameless)
}

/// The system's words without the draft's path, which the tempfile crate adds to them.
fn nameless(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((words, _)) => io::Error::new(error.kind(), words.to_owned()),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_no_draft() {
        let error = beside(Path::new("/no such folder/file")).unwrap_err().to_string();
        assert!(!error.contains(".part") && error.contains("No such file"), "{error}");
    }
}
