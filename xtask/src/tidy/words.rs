//! The project speaks of itself alone: no file tells of the place where somebody wrote it.

use super::Finding;
use super::text::is_test;
use super::tree::Tree;

/// What is said only of a workplace, in lower case. (In two parts, so that this file passes.)
const WORDS: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("../sha", "red"),
    concat!("this ses", "sion"),
    concat!("develo", "pers.md"),
];
/// The one of them that tests may say, as they may read reference data there.
const FOR_TESTS: &str = WORDS[1];

/// Looks at every file that is text.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (at, line) in (1..).zip(text.lines()) {
            let line = line.to_lowercase();
            for word in WORDS {
                if says(&line, word) && !(word == FOR_TESTS && is_test(path)) {
                    let message = format!("`{word}` tells of a workplace, not of the project");
                    findings.push(Finding::new(path, at, message));
                }
            }
        }
    }
    findings
}

/// Whether `word` stands in `line` other than as the tail of a longer path or word.
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn words_of_a_workplace_are_found_anywhere() {
        for word in WORDS {
            for text in [format!("// see {word}x\n"), format!("{word}\n"), format!("\"{word}a\"\n")]
            {
                assert_eq!(found("crates/a/src/lib.rs", &text), 1, "{text}");
            }
        }
        assert_eq!(found("README.md", &WORDS[2].to_uppercase()), 1);
    }

    #[test]
    fn tests_may_name_the_reference_data() {
        let text = format!("root.join(\"{FOR_TESTS}\")\n");
        assert_eq!(found("tests/src/lib.rs", &text), 0);
        assert_eq!(found("crates/a/tests/reference.rs", &text), 0);
        assert_eq!(found("crates/a/src/lib.rs", &text), 1);
        assert_eq!(found("tests/src/lib.rs", WORDS[0]), 1);
    }

    #[test]
    fn longer_paths_and_words_pass() {
        for text in [concat!("crates/net/wo", "rk/a"), concat!("frame-/wo", "rk/"), "workloads"] {
            assert_eq!(found("a.md", text), 0, "{text}");
        }
    }
}
