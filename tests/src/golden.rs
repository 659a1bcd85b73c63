//! Golden files: what a test produced when somebody last looked and agreed.

use std::path::Path;

use crate::diff::diff;
use crate::workspace_root;

/// Compares `actual` with `tests/golden/NAME.txt`; writes it there if `LOCKSTEP_BLESS` is `1`.
///
/// A line end is added to `actual` if it has none.
///
/// # Panics
/// If they differ, with the difference and the command that blesses it; if the file is not there
/// or cannot be written; if `name` is not made of lower-case letters, digits, `_` and `-`.
#[track_caller]
pub fn golden(name: &str, actual: &str) {
    let bless = std::env::var_os("LOCKSTEP_BLESS").is_some_and(|v| v == "1");
    let folder = workspace_root().join("tests/golden");
    if let Err(told) = compare(&folder, name, actual, bless) {
        panic!("{told}");
    }
}

fn compare(folder: &Path, name: &str, actual: &str, bless: bool) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(format!("`{name}` cannot name a golden file: use a-z, 0-9, `_` and `-`"));
    }
    let file = folder.join(format!("{name}.txt"));
    let end = if actual.ends_with('\n') { "" } else { "\n" };
    let actual = format!("{actual}{end}");
    let shown = format!("tests/golden/{name}.txt");
    let expected = match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(format!("cannot read {shown}: {e}")),
    };
    if expected.as_ref() == Some(&actual) {
        return Ok(());
    }
    if bless {
        return write(folder, &file, &actual).map_err(|e| format!("cannot write {shown}: {e}"));
    }
    let told = match expected {
        Some(expected) => {
            format!("{shown} (-) differs from what came out (+):\n{}", diff(&expected, &actual))
        }
        None => format!("there is no {shown}"),
    };
    Err(format!("{told}\nif what came out is right: cargo xtask golden --bless"))
}

/// Writes by rename: a test that is stopped leaves the old file or the new one.
fn write(folder: &Path, file: &Path, text: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let draft = file.with_extension(format!("draft-{}", std::process::id()));
    std::fs::write(&draft, text)?;
    std::fs::rename(&draft, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_blessed_passes_and_what_differs_does_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path().join("golden");
        let unknown = compare(&folder, "a", "x\ny\n", false).expect_err("there is no file yet");
        assert!(unknown.starts_with("there is no tests/golden/a.txt"), "{unknown}");
        assert_eq!(compare(&folder, "a", "x\ny\n", true), Ok(()));
        assert_eq!(compare(&folder, "a", "x\ny\n", false), Ok(()));
        let told = compare(&folder, "a", "x\nz\n", false).expect_err("a line differs");
        for part in ["tests/golden/a.txt", "-y\n", "+z\n", "cargo xtask golden --bless"] {
            assert!(told.contains(part), "no `{part}` in {told}");
        }
        let kept = std::fs::read_to_string(folder.join("a.txt")).expect("the file is there");
        assert_eq!(kept, "x\ny\n", "only blessing may change the file");
    }

    #[test]
    fn blessing_replaces_and_leaves_nothing_else_behind() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for text in ["one\n", "two"] {
            compare(folder.path(), "a", text, true).expect("it can be written");
        }
        assert_eq!(compare(folder.path(), "a", "two\n", false), Ok(()));
        assert_eq!(std::fs::read_dir(folder.path()).expect("it can be listed").count(), 1);
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        for name in ["", "../a", "a/b", "A", "a.b"] {
            let told = compare(Path::new("/"), name, "", true).expect_err("no such name");
            assert!(told.contains("cannot name"), "{told}");
        }
    }
}
