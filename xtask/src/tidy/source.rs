//! Rust source taken apart: what is code, and what is comment.
//!
//! Both views have the lines and columns of the source; whatever does not belong to a view is blank
//! in it. String and character literals are blank in both but for their quotes, so that no rule
//! mistakes what a program says for what it does.

/// The two views of a source file.
#[derive(Debug)]
pub(super) struct Source {
    /// Code, without comments and the insides of literals.
    pub(super) code: String,
    /// The text of comments, without their slashes and stars at the start.
    pub(super) comments: String,
}

#[derive(Clone, Copy)]
enum Kind {
    Code,
    Comment,
    Literal,
}

impl Source {
    /// Takes `text` apart. Source that rustc would refuse is taken apart somehow.
    pub(super) fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut source = Self { code: String::with_capacity(text.len()), comments: String::new() };
        let mut at = 0;
        while at < chars.len() {
            let (length, kind) = token(&chars, at);
            let end = (at + length.max(1)).min(chars.len());
            source.take(&chars[at..end], kind);
            at = end;
        }
        source
    }

    fn take(&mut self, token: &[char], kind: Kind) {
        for &c in token {
            let blank = if c == '\n' { '\n' } else { ' ' };
            self.code.push(if matches!(kind, Kind::Code) { c } else { blank });
            self.comments.push(if matches!(kind, Kind::Comment) { c } else { blank });
        }
    }
}

/// The length in characters and the kind of what starts at `at`. Code comes one character or one
/// word at a time.
fn token(chars: &[char], at: usize) -> (usize, Kind) {
    let rest = &chars[at..];
    match rest {
        ['/', '/', ..] => (until_newline(rest), Kind::Comment),
        ['/', '*', ..] => (block_comment(rest), Kind::Comment),
        ['"', ..] => (string(rest), Kind::Literal),
        ['\'', ..] => match character(rest) {
            Some(length) => (length, Kind::Literal),
            None => (1, Kind::Code),
        },
        [c, ..] if is_word(*c) => word(rest),
        _ => (1, Kind::Code),
    }
}

/// A word, or the raw or byte string of which it is the prefix.
fn word(rest: &[char]) -> (usize, Kind) {
    let length = rest.iter().take_while(|c| is_word(**c)).count();
    let prefix: String = rest[..length].iter().collect();
    let after = &rest[length..];
    if matches!(prefix.as_str(), "r" | "br" | "cr") {
        let hashes = after.iter().take_while(|c| **c == '#').count();
        if after.get(hashes) == Some(&'"') {
            return (length + raw_string(after, hashes), Kind::Literal);
        }
    }
    match (prefix.as_str(), after.first()) {
        ("b" | "c", Some('"')) => (length + string(after), Kind::Literal),
        ("b", Some('\'')) => (length + character(after).unwrap_or(1), Kind::Literal),
        _ => (length, Kind::Code),
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn until_newline(rest: &[char]) -> usize {
    rest.iter().take_while(|c| **c != '\n').count()
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn raw_string(rest: &[char], hashes: usize) -> usize {
    let mut at = hashes + 1;
    while at < rest.len() {
        let closing = rest[at + 1..].iter().take(hashes).filter(|c| **c == '#').count();
        if rest[at] == '"' && closing == hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

/// The length of a character literal; nothing if the quote starts a lifetime or a label.
fn character(rest: &[char]) -> Option<usize> {
    match rest {
        ['\'', '\\', _, tail @ ..] => Some(3 + tail.iter().take_while(|c| **c != '\'').count() + 1),
        ['\'', _, '\'', ..] => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn code(text: &str, expected: &str) {
        let code = Source::of(text).code;
        let words: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(words.join(" "), expected, "of {text}");
    }

    #[test]
    fn comments_are_no_code() {
        code("a // b\nc", "a c");
        code("a /* b /* c */ d */ e", "a e");
        code("//! a\n/// b\nc", "c");
        assert_eq!(Source::of("a // b").comments.trim(), "// b");
    }

    #[test]
    fn literals_are_no_code() {
        code(r#"a("b // c \" d") + e"#, "a( ) + e");
        code("a(r##\"b \"# c\"##, d)", "a( , d)");
        code(r#"a(b"c", br"d\", b'\'', e)"#, "a( , , , e)");
        code("a('{', '\\'', '\\u{7d}', 'é', b)", "a( , , , , b)");
    }

    #[test]
    fn lifetimes_and_raw_words_are_code() {
        code("fn a<'b>(c: &'b str) { 'd: loop {} }", "fn a<'b>(c: &'b str) { 'd: loop {} }");
        code("r#fn(bar, b)", "r#fn(bar, b)");
    }

    #[test]
    fn both_views_keep_every_line_in_its_place() {
        let text = "a /* b\nc */ \"d\n\" e\n// é\nf";
        let source = Source::of(text);
        for view in [&source.code, &source.comments] {
            assert_eq!(view.lines().count(), text.lines().count());
            assert_eq!(view.chars().count(), text.chars().count());
        }
        assert_eq!(source.code.lines().nth(4), Some("f"));
    }

    #[test]
    fn what_never_ends_ends_with_the_file() {
        for text in ["\"a", "/* a", "r#\"a", "'\\", "'\\u{", "b'", "\"\\", "r\"", "'"] {
            assert_eq!(Source::of(text).code.chars().count(), text.chars().count(), "{text}");
        }
    }
}
