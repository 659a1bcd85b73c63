//! Drafts: files that are written under another name beside their place and appear by rename.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// A draft in the folder of `target`, with the permissions of an ordinary new file. `persist` gives it
/// its name; dropped without that, it is gone.
///
/// # Errors
/// The system's, without the draft's own name, which is nobody's business.
pub fn beside(target: &Path) -> io::Result<NamedTempFile> {
    create(target, OsStr::new(PREFIX))
}

/// As [`beside`], of a file that is written again and again: drafts of it that killed writers have left go before.
///
/// # Errors
/// As [`beside`].
pub fn again(target: &Path) -> io::Result<NamedTempFile> {
    sweep(target);
    let draft = create(target, &prefix_of(target))?;
    // It tells others that its writer lives; where there are no locks, nothing is swept.
    let _ = draft.as_file().try_lock();
    Ok(draft)
}

/// Removes drafts of `target` whose writers were killed.
pub fn sweep(target: &Path) {
    let Ok(entries) = fs::read_dir(folder(target)) else { return };
    let prefix = prefix_of(target);
    if prefix == PREFIX {
        return;
    }
    let prefix = prefix.as_encoded_bytes();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(prefix);
        let own = rest.and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
        let own = own.is_some_and(|drawn| drawn.len() == DRAWN && !drawn.contains(&b'-'));
        if own && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            // Who cannot remove it can do without.
            let _ = fs::remove_file(entry.path());
        }
    }
}

const PREFIX: &str = ".lockstep-";
const SUFFIX: &str = ".part";

/// Letters of a draft's name that are drawn.
const DRAWN: usize = 6;

/// The longest name of a target that a draft's name can hold, since file systems take 255 bytes.
const NAME_MAX: usize = 200;

/// How names of drafts begin that are of `target` and no other.
fn prefix_of(target: &Path) -> OsString {
    let mut prefix = OsString::from(PREFIX);
    if let Some(name) = target.file_name().filter(|name| name.len() <= NAME_MAX) {
        prefix.push(name);
        prefix.push("-");
    }
    prefix
}

fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

fn create(target: &Path, prefix: &OsStr) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(SUFFIX).rand_bytes(DRAWN);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The process's umask still applies.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder(target)).map_err(nameless)
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

    #[test]
    fn drafts_that_killed_writers_have_left_go_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let target = at("a.checkpoint");
        // Left by one that was killed; of another target; of one whose name begins alike.
        let names = [
            ".lockstep-a.checkpoint-abc123.part",
            ".lockstep-b-abc123.part",
            ".lockstep-abc123.part",
        ];
        let names = names.into_iter().chain([".lockstep-a.checkpoint-b-abc123.part"]);
        names.clone().for_each(|name| fs::write(at(name), "half").unwrap());
        let live = again(&target).unwrap();
        sweep(&target);
        let left: Vec<bool> = names.map(|name| at(name).exists()).collect();
        assert_eq!(left, [false, true, true, true]);
        assert!(live.path().exists());
        live.persist(&target).unwrap();
        sweep(&target);
        assert!(target.exists());
    }

    #[test]
    fn a_name_that_leaves_no_room_for_a_drafts_own_is_written_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("n".repeat(255));
        again(&target).unwrap().persist(&target).unwrap();
    }
}
