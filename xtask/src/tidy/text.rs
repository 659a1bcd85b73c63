//! The text of files: ends, whitespace, module docs, and what should not outlive a draft.

use super::Finding;
use super::source::Source;
use super::tree::{Tree, ending};

/// Macros that say that code is not done.
const MACROS: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];
/// Marks that say the same of a line.
const MARKS: [&str; 2] = ["FIXME", "XXX"];

/// Whether the file is one of tests or benchmarks.
pub(super) fn is_test(path: &str) -> bool {
    let mut folders = path.split('/').rev().skip(1);
    folders.any(|f| f == "tests" || f == "benches") || path.ends_with("/tests.rs")
}

/// Whether people write the file, so that the rules on whitespace hold for it.
fn is_written(path: &str) -> bool {
    const ENDINGS: [&str; 9] = ["rs", "md", "toml", "ron", "yml", "sh", "c", "h", "py"];
    let at_top = !path.contains('/') && !path.contains('.');
    at_top || path.starts_with(".ci/") || ENDINGS.contains(&ending(path))
}

/// Looks at every file that people write.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| is_written(path)) {
        whitespace(path, text, &mut findings);
        if ending(path) == "rs" {
            rust(path, text, &mut findings);
        } else if ending(path) == "md" {
            placeholders(path, text, &mut findings);
        } else {
            marks(path, text, &mut findings);
        }
    }
    findings
}

fn whitespace(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (at, line) in (1..).zip(text.split('\n')) {
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(Finding::new(path, at, "trailing whitespace"));
        }
        if ending(path) == "rs" && line.contains('\t') {
            findings.push(Finding::new(path, at, "a tab: indent with spaces"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::new(path, text.lines().count(), "no newline at the end"));
    }
}

fn rust(path: &str, text: &str, findings: &mut Vec<Finding>) {
    if !text.starts_with("//!") {
        findings.push(Finding::new(path, 1, "no module docs: start the file with `//!`"));
    }
    let source = Source::of(text);
    for (at, line) in (1..).zip(source.code.lines()) {
        for name in MACROS {
            if has_word(line, name) {
                findings.push(Finding::new(path, at, format!("`{name}` is left over")));
            }
        }
    }
    marks(path, &source.code, findings);
    marks(path, &source.comments, findings);
}

fn marks(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (at, line) in (1..).zip(text.lines()) {
        for mark in MARKS {
            if has_word(line, mark) {
                findings.push(Finding::new(path, at, format!("`{mark}` is left over")));
            }
        }
    }
}

/// Lines that were to be replaced by what belongs there: `@WORD@` and nothing else.
fn placeholders(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (at, line) in (1..).zip(text.lines()) {
        let word = line.trim().strip_prefix('@').and_then(|l| l.strip_suffix('@'));
        let capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "_-".contains(c);
        if let Some(word) = word.filter(|w| !w.is_empty() && w.chars().all(capital)) {
            findings.push(Finding::new(path, at, format!("`@{word}@` was never filled in")));
        }
    }
}

/// Whether `word` stands in `line` and is no part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c == '_' || c.is_alphanumeric();
    line.match_indices(word).any(|(at, _)| {
        let after = line[at + word.len()..].chars().next();
        !line[..at].chars().next_back().is_some_and(part)
            && (word.ends_with('!') || !after.is_some_and(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(path: &str, text: &str, expected: &[&str]) {
        let found = check(&Tree::of(&[(path, text)]));
        let found: Vec<String> = found.iter().map(Finding::to_string).collect();
        assert_eq!(found, expected, "of {text}");
    }

    #[test]
    fn clean_files_pass() {
        says("a.rs", "//! A.\n\nfn a() {}\n", &[]);
        says("a.md", "A page.\n", &[]);
        says("a.rs", "", &["a.rs:1: no module docs: start the file with `//!`"]);
    }

    #[test]
    fn whitespace_at_ends_is_found() {
        says(
            "a.toml",
            "a = 1 \nb = 2",
            &["a.toml:1: trailing whitespace", "a.toml:2: no newline at the end"],
        );
        says("a.rs", "//! A.\n\tb\n", &["a.rs:2: a tab: indent with spaces"]);
        says(".ci/run", "a\r\n", &[".ci/run:1: trailing whitespace"]);
    }

    #[test]
    fn what_tools_write_may_end_as_they_like() {
        says("tests/golden/a.txt", "a  \nb", &[]);
        says("traces/a.csv", "a \n", &[]);
    }

    #[test]
    fn unfinished_code_is_found_but_not_in_strings() {
        says("a.rs", "//! A.\nfn a() { todo!() }\n", &["a.rs:2: `todo!` is left over"]);
        says("a.rs", "//! A.\nfn a() { b!(\"todo! XXX\") }\n", &[]);
        says("a.rs", "//! A.\n// dbg! is left in a comment\nmy_dbg!();\n", &[]);
    }

    #[test]
    fn marks_are_found_in_comments_but_not_in_longer_words() {
        says("a.rs", "//! A.\n// FIXME: b\n", &["a.rs:2: `FIXME` is left over"]);
        says("a.ron", "// XXX\n", &["a.ron:1: `XXX` is left over"]);
        says("a.rs", "//! A.\n// XXXL\n", &[]);
    }

    #[test]
    fn placeholders_are_found_where_they_are_a_line_of_their_own() {
        says("a.md", "A\n\n@FIGURES_1@\n", &["a.md:3: `@FIGURES_1@` was never filled in"]);
        says("a.md", " @X@\n", &["a.md:1: `@X@` was never filled in"]);
        says("a.md", "@\n@@\n@name@\nuse `@X@` here\n@X@ @Y@\n", &[]);
        says("a.toml", "@X@\n", &[]);
    }

    #[test]
    fn tests_are_known_by_their_folder() {
        for path in
            ["tests/src/lib.rs", "crates/a/tests/b.rs", "crates/a/benches/b.rs", "a/tests.rs"]
        {
            assert!(is_test(path), "{path}");
        }
        for path in ["crates/a/src/lib.rs", "crates/tests_of/src/a.rs", "tests"] {
            assert!(!is_test(path), "{path}");
        }
    }
}
