//! Limits on lengths, with a list of what was longer when the limit came.
//!
//! The list holds each exception's exact length and may only shrink: what grows, what shrinks
//! without its entry, and an entry that is needed no more are all findings; so is a list that holds
//! more entries, or more lines in all, than the one last committed.

use super::Finding;
use super::lengths::Measured;
use super::tree::Tree;

/// The list, one exception a line: `LINES PATH [FUNCTION]`.
pub(super) const LIST: &str = "xtask/tidy-exceptions.txt";

/// One line of the list.
#[derive(PartialEq, Eq, Debug)]
struct Exception {
    /// Where it stands in the list, from 1.
    at: usize,
    lines: usize,
    path: String,
    function: Option<String>,
}

/// Holds the lengths against their limits and the list. `committed` is the list as last committed.
pub(super) fn check(tree: &Tree, all: &[Measured], committed: Option<&str>) -> Vec<Finding> {
    let list = tree.text(LIST).unwrap_or_default();
    let (exceptions, mut findings) = read(list);
    for measured in all.iter().filter(|m| m.lines > m.max) {
        if !exceptions.iter().any(|e| e.names(measured) && e.lines >= measured.lines) {
            findings.push(too_long(measured));
        }
    }
    for exception in &exceptions {
        findings.extend(exception.stale(all));
    }
    if let Some(committed) = committed {
        let before = read(committed).0;
        let sum = |list: &[Exception]| list.iter().map(|e| e.lines).sum::<usize>();
        if exceptions.len() > before.len() || sum(&exceptions) > sum(&before) {
            findings.push(Finding::new(LIST, 1, "the list of exceptions may only shrink"));
        }
    }
    findings
}

fn too_long(measured: &Measured) -> Finding {
    let Measured { path, function, line, lines, max } = measured;
    let message = match function {
        Some(name) => format!("function `{name}` has {lines} lines, {max} are allowed: split it"),
        None => format!("the file has {lines} lines, {max} are allowed: split it"),
    };
    Finding::new(path, *line, message)
}

/// The entries of a list, and the lines that are none.
fn read(list: &str) -> (Vec<Exception>, Vec<Finding>) {
    let (mut exceptions, mut findings) = (Vec::new(), Vec::new());
    for (at, line) in (1..).zip(list.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            [lines, path, ref function @ ..]
                if function.len() < 2 && lines.parse::<usize>().is_ok() =>
            {
                exceptions.push(Exception {
                    at,
                    lines: lines.parse().unwrap_or_default(),
                    path: path.to_owned(),
                    function: function.first().map(|f| (*f).to_owned()),
                });
            }
            _ => findings.push(Finding::new(LIST, at, "expected `LINES PATH [FUNCTION]`")),
        }
    }
    (exceptions, findings)
}

impl Exception {
    fn names(&self, measured: &Measured) -> bool {
        self.path == measured.path && self.function == measured.function
    }

    /// What is wrong with this entry itself: it has to hold the length of now, above the limit.
    fn stale(&self, all: &[Measured]) -> Option<Finding> {
        let longest = all.iter().filter(|m| self.names(m)).max_by_key(|m| m.lines);
        let message = match longest {
            None => "what this entry excuses is gone: remove the entry".to_owned(),
            Some(m) if m.lines <= m.max => {
                format!("{} lines are allowed anyway: remove the entry", m.lines)
            }
            Some(m) if m.lines < self.lines => {
                format!("it has {} lines by now: lower the entry", m.lines)
            }
            Some(_) => return None,
        };
        Some(Finding::new(LIST, self.at, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> Measured {
        Measured { path: "a.rs".into(), function: Some("f".into()), line: 3, lines, max: 70 }
    }

    #[track_caller]
    fn says(list: &str, committed: Option<&str>, lines: usize, expected: &[&str]) {
        let found = check(&Tree::of(&[(LIST, list)]), &[function(lines)], committed);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (finding, part) in found.iter().zip(expected) {
            assert!(finding.to_string().contains(part), "{finding}");
        }
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_more_is_not() {
        says("", None, 70, &[]);
        says("", None, 71, &["a.rs:3: function `f` has 71 lines, 70 are allowed"]);
    }

    #[test]
    fn an_exception_excuses_its_exact_length() {
        says("# why\n80 a.rs f\n", None, 80, &[]);
        says("80 a.rs f\n", None, 81, &["a.rs:3: function `f` has 81"]);
        says("80 a.rs f\n", None, 79, &["it has 79 lines by now: lower the entry"]);
        says("80 a.rs f\n", None, 70, &["remove the entry"]);
        says("80 a.rs g\n", None, 70, &["is gone: remove the entry"]);
    }

    #[test]
    fn the_list_may_not_grow_beyond_the_committed_one() {
        let grown = "the list of exceptions may only shrink";
        says("80 a.rs f\n", Some("80 a.rs f\n"), 80, &[]);
        says("80 a.rs f\n", Some(""), 80, &[grown]);
        says("80 a.rs f\n", Some("79 a.rs f\n"), 80, &[grown]);
        says("80 a.rs f\n", Some("85 moved.rs f\n"), 80, &[]);
    }

    #[test]
    fn a_line_that_is_no_entry_is_found() {
        says("a.rs f 80\n", None, 70, &["tidy-exceptions.txt:1: expected"]);
    }

    #[test]
    fn files_are_excused_without_a_function() {
        let file = Measured { function: None, lines: 600, max: 500, ..function(0) };
        let tree = Tree::of(&[(LIST, "600 a.rs\n")]);
        assert_eq!(check(&tree, std::slice::from_ref(&file), None), []);
        let unlisted = check(&Tree::default(), &[file], None);
        assert!(unlisted[0].message.contains("the file has 600 lines"), "{unlisted:?}");
    }
}
