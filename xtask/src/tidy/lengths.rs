//! How long functions and files are.
//!
//! A function counts from the line of its `fn` to that of its closing brace: what has to fit a
//! screen.

use super::source::Source;
use super::text::is_test;
use super::tree::{Tree, ending};

/// Lines that a function may have.
pub(super) const FUNCTION_LINES_MAX: usize = 70;
/// Lines that a source file may have.
pub(super) const FILE_LINES_MAX: usize = 500;
/// Lines that a file of tests, or a snapshot that they wrote, may have.
pub(super) const TEST_FILE_LINES_MAX: usize = 800;

/// Something that has a length, and how long it may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Measured {
    /// The file.
    pub(super) path: String,
    /// The function, or nothing for the file itself.
    pub(super) function: Option<String>,
    /// Where it starts, from 1.
    pub(super) line: usize,
    /// Its length.
    pub(super) lines: usize,
    /// What is allowed.
    pub(super) max: usize,
}

/// The length of every function and file that has a limit.
pub(super) fn measure(tree: &Tree) -> Vec<Measured> {
    let mut all = Vec::new();
    for (path, text) in tree.texts() {
        let Some(max) = file_limit(path) else { continue };
        let lines = text.lines().count();
        all.push(Measured { path: path.to_owned(), function: None, line: 1, lines, max });
        if ending(path) == "rs" {
            all.extend(functions(&Source::of(text).code).into_iter().map(|f| Measured {
                path: path.to_owned(),
                function: Some(f.name),
                line: f.line,
                lines: f.lines,
                max: FUNCTION_LINES_MAX,
            }));
        }
    }
    all
}

fn file_limit(path: &str) -> Option<usize> {
    let golden = path.starts_with("tests/golden/");
    match ending(path) {
        "snap" => Some(TEST_FILE_LINES_MAX),
        "txt" if golden => Some(TEST_FILE_LINES_MAX),
        "rs" if is_test(path) => Some(TEST_FILE_LINES_MAX),
        "rs" => Some(FILE_LINES_MAX),
        _ => None,
    }
}

#[derive(PartialEq, Eq, Debug)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Every function with a body in `code`, which holds neither comments nor literals.
fn functions(code: &str) -> Vec<Function> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut line = 1;
    for (at, &byte) in bytes.iter().enumerate() {
        line += usize::from(byte == b'\n');
        if !starts_word(bytes, at, b"fn") {
            continue;
        }
        let name: String =
            code[at + 2..].trim_start().chars().take_while(|c| is_name(*c)).collect();
        // `fn(u32) -> u32` is a type and has no name.
        if let (false, Some(end)) = (name.is_empty(), body_end(bytes, at)) {
            let lines = code[at..=end].lines().count();
            found.push(Function { name, line, lines });
        }
    }
    found
}

/// Names as in `fn name` or, in a macro, `fn $name`; `fn r#name` is cut at the sign.
fn is_name(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}

fn starts_word(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    let part = |b: &u8| *b == b'_' || *b == b'#' || b.is_ascii_alphanumeric() || !b.is_ascii();
    bytes[at..].starts_with(word)
        && !at.checked_sub(1).is_some_and(|before| part(&bytes[before]))
        && !bytes.get(at + word.len()).is_some_and(part)
}

/// Where the body of the function whose `fn` stands at `start` ends; nothing if it has none.
fn body_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut nested, mut depth, mut last) = (0_usize, 0_usize, b' ');
    for (at, &byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' if depth == 0 => nested += 1,
            b')' | b']' if depth == 0 => nested = nested.saturating_sub(1),
            b';' if depth == 0 && nested == 0 => return None,
            // Braces in brackets, or right after `<`, are constants in the signature's types.
            b'{' if depth == 0 && (nested > 0 || last == b'<') => nested += 1,
            b'}' if depth == 0 => nested = nested.checked_sub(1)?,
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            last = byte;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, usize, usize)]) {
        let found = functions(&Source::of(text).code);
        let found: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
        assert_eq!(found, expected, "of {text}");
    }

    #[test]
    fn a_function_counts_from_its_fn_to_its_brace() {
        check("fn a() {}\n", &[("a", 1, 1)]);
        check("\n/// Docs.\npub const fn a(\n    b: u32,\n) -> u32 {\n    b\n}\n", &[("a", 3, 5)]);
        check("fn a() {\n    fn b() {\n    }\n}\n", &[("a", 1, 4), ("b", 2, 2)]);
    }

    #[test]
    fn braces_in_literals_comments_and_types_do_not_count() {
        check("fn a() {\n    b('}', \"}\"); // }\n    c();\n}\n", &[("a", 1, 4)]);
        check("fn a(b: [u8; { 2 }]) -> C<{ 3 }> where D: E,\n{\n}\n", &[("a", 1, 3)]);
        check("fn a() -> [u8; 4] {\n    [0; 4]\n}\n", &[("a", 1, 3)]);
    }

    #[test]
    fn what_has_no_body_has_no_length() {
        check("trait A { fn b(&self) -> [u8; 4]; fn c(&self) {\n} }", &[("c", 1, 2)]);
        check("type A = fn(u32) -> u32;\nlet fnord = r#fn;", &[]);
    }

    #[test]
    fn functions_that_macros_make_count() {
        check("macro_rules! a { ($b:ident) => { fn $b() {\n} } }", &[("$b", 1, 2)]);
        check("proptest! { #[test] fn a(b in 0..4) {\n} }", &[("a", 1, 2)]);
    }

    #[test]
    fn files_have_the_limit_of_their_kind() {
        for (path, limit) in [
            ("crates/a/src/lib.rs", Some(FILE_LINES_MAX)),
            ("crates/a/tests/b.rs", Some(TEST_FILE_LINES_MAX)),
            ("tests/src/lib.rs", Some(TEST_FILE_LINES_MAX)),
            ("crates/a/src/snapshots/b.snap", Some(TEST_FILE_LINES_MAX)),
            ("tests/golden/a.txt", Some(TEST_FILE_LINES_MAX)),
            ("README.md", None),
            ("topologies/a.ron", None),
        ] {
            assert_eq!(file_limit(path), limit, "{path}");
        }
    }

    #[test]
    fn a_file_is_measured_with_all_its_functions() {
        let tree = Tree::of(&[("a.rs", "//! A.\nfn b() {\n}\n"), ("c.md", "text\n")]);
        let found: Vec<_> = measure(&tree).into_iter().map(|m| (m.function, m.lines)).collect();
        assert_eq!(found, [(None, 3), (Some("b".to_owned()), 2)]);
    }
}
