//! The switches of the own verbs: few enough to be read without a library.

use std::ffi::OsString;
use std::fmt;

use anyhow::Result;

/// A command line that cannot be obeyed: exit code 2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Which of `known` are given, in its order.
///
/// # Errors
/// [`Usage`] at the first argument that is not a known switch, or is given twice.
pub(crate) fn switches<const N: usize>(
    verb: &str,
    args: &[OsString],
    known: [&str; N],
) -> Result<[bool; N]> {
    let mut given = [false; N];
    for arg in args {
        let Some(at) = known.iter().position(|k| arg == k) else {
            return Err(unknown(verb, &arg.to_string_lossy(), &known).into());
        };
        if given[at] {
            return Err(Usage(format!("`{}` is given twice", known[at])).into());
        }
        given[at] = true;
    }
    Ok(given)
}

fn unknown(verb: &str, arg: &str, known: &[&str]) -> Usage {
    let mend = match known.iter().find(|k| distance(k, arg) <= 2) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "it takes none".to_owned(),
        None => format!("it takes {}", known.join(", ")),
    };
    Usage(format!("`cargo xtask {verb}` does not know the argument `{arg}`: {mend}"))
}

/// Edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(args: &[&str]) -> Result<[bool; 2], String> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        switches("ci", &args, ["--deep", "--dry-run"]).map_err(|e| {
            assert!(e.is::<Usage>(), "a wrong switch must exit with 2");
            e.to_string()
        })
    }

    #[test]
    fn switches_are_found_in_any_order() {
        assert_eq!(given(&[]), Ok([false, false]));
        assert_eq!(given(&["--dry-run", "--deep"]), Ok([true, true]));
    }

    #[test]
    fn a_misspelt_switch_is_refused_with_the_near_one() {
        assert!(given(&["--depe"]).unwrap_err().contains("did you mean `--deep`?"));
        assert!(given(&["--jobs"]).unwrap_err().contains("it takes --deep, --dry-run"));
        assert!(given(&["--deep", "--deep"]).unwrap_err().contains("twice"));
    }

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in [("", "abc", 3), ("deep", "deep", 0), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }
}
