//! Finds where a key stands in a RON source, and which key stands at a place.
//!
//! A key is a path such as `links."nvlink4".lanes` or `fabric.links[3]`; names of structs and
//! variants are no part of it. The walk is a tokenizer with a stack, not a parser: it accepts
//! anything, gives up beyond [`DEPTH_MAX`] levels, and is only run when there is an error to place.

use core::ops::Range;

/// Levels of nesting followed; beyond the limit of the RON parser itself (128).
const DEPTH_MAX: usize = 160;

/// An open bracket, or the whole source at the bottom.
#[derive(Default)]
struct Frame {
    /// Path of the value that the bracket belongs to.
    path: String,
    /// Elements finished so far.
    index: usize,
    /// The current element's key, once its colon has been seen.
    key: Option<Range<usize>>,
    /// The current value, or what may still turn out to be a key.
    value: Option<Range<usize>>,
}

impl Frame {
    fn element(&self, source: &str, bottom: bool) -> String {
        match &self.key {
            _ if bottom => String::new(),
            Some(key) if self.path.is_empty() => source[key.clone()].to_owned(),
            Some(key) => format!("{}.{}", self.path, &source[key.clone()]),
            None => format!("{}[{}]", self.path, self.index),
        }
    }
}

/// The span of the value at `key`, or of the nearest enclosing value that is there.
pub(crate) fn span_of(source: &str, key: &str) -> Option<Range<usize>> {
    let mut best: Option<(usize, Range<usize>)> = None;
    walk(source, &mut |path, span| {
        let encloses = key
            .strip_prefix(path)
            .is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']));
        if encloses && best.as_ref().is_none_or(|(len, _)| path.len() > *len) {
            best = Some((path.len(), span));
        }
    });
    best.map(|(_, span)| span)
}

/// The key of the innermost value that covers the byte at `offset`.
pub(crate) fn key_at(source: &str, offset: usize) -> String {
    let mut best: Option<(usize, String)> = None;
    walk(source, &mut |path, span| {
        let inside = span.start <= offset && offset < span.end.max(span.start + 1);
        if inside && best.as_ref().is_none_or(|(len, _)| span.len() < *len) {
            best = Some((span.len(), path.to_owned()));
        }
    });
    best.map(|(_, path)| path).unwrap_or_default()
}

/// Whether there is nothing but blanks and comments.
pub(crate) fn is_blank(source: &str) -> bool {
    Tokens { source, at: 0 }.next().is_none()
}

/// Calls `seen` with path and span of every value, inner ones first.
fn walk(source: &str, seen: &mut impl FnMut(&str, Range<usize>)) {
    let mut stack = vec![Frame::default()];
    let mut finish = |frame: &mut Frame, bottom: bool| {
        if let Some(span) = frame.value.take() {
            seen(&frame.element(source, bottom), span);
            frame.index += 1;
        }
        frame.key = None;
    };
    let tokens = Tokens { source, at: 0 };
    for token in tokens {
        let bottom = stack.len() == 1;
        let Some(top) = stack.last_mut() else { return };
        match source.as_bytes()[token.start] {
            b',' => finish(top, bottom),
            b':' => top.key = top.value.take(),
            b'(' | b'[' | b'{' => {
                top.value.get_or_insert(token.clone()).end = token.end;
                let path = top.element(source, bottom);
                if stack.len() == DEPTH_MAX {
                    break;
                }
                stack.push(Frame { path, ..Frame::default() });
            }
            b')' | b']' | b'}' => {
                finish(top, bottom);
                if !bottom {
                    stack.pop();
                }
                if let Some(value) = stack.last_mut().and_then(|f| f.value.as_mut()) {
                    value.end = token.end;
                }
            }
            _ => top.value.get_or_insert(token.clone()).end = token.end,
        }
    }
    while let Some(mut top) = stack.pop() {
        if let Some(value) = top.value.as_mut().filter(|_| !stack.is_empty()) {
            value.end = source.len();
        }
        finish(&mut top, stack.is_empty());
    }
}

/// Tokens of a RON source: brackets, commas, colons, strings, and runs of anything else.
struct Tokens<'a> {
    source: &'a str,
    at: usize,
}

impl Tokens<'_> {
    fn skip_blank(&mut self) {
        let bytes = self.source.as_bytes();
        loop {
            let rest = &bytes[self.at..];
            if rest.first().is_some_and(|b| b.is_ascii_whitespace() || *b < b' ') {
                self.at += 1;
            } else if rest.starts_with(b"//") {
                self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            } else if rest.starts_with(b"/*") {
                self.at += block_comment(rest);
            } else {
                return;
            }
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        self.skip_blank();
        let rest = &self.source.as_bytes()[self.at..];
        let len = match rest.first()? {
            b'"' => quoted(rest),
            b'r' if raw_hashes(rest).is_some() => raw(rest),
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' | b':' => 1,
            _ => rest
                .iter()
                .position(|b| b.is_ascii_whitespace() || b"()[]{},:\"/".contains(b))
                .unwrap_or(rest.len())
                .max(1),
        };
        let start = self.at;
        self.at += len;
        Some(start..self.at)
    }
}

/// Bytes of the block comment at the start of `rest`, nested ones included.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Bytes of the quoted string at the start of `rest`.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// How many hashes open a raw string at the start of `rest`, if one is there.
fn raw_hashes(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|b| **b == b'#').count();
    (rest.get(1 + hashes) == Some(&b'"')).then_some(hashes)
}

/// Bytes of the raw string at the start of `rest`.
fn raw(rest: &[u8]) -> usize {
    let hashes = raw_hashes(rest).unwrap_or(0);
    let mut close = vec![b'#'; hashes + 1];
    close[0] = b'"';
    let body = 2 + hashes;
    let found = rest[body..].windows(close.len()).position(|w| w == close);
    found.map_or(rest.len(), |p| body + p + close.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOURCE: &str = r#"// a "comment" (with brackets
Machine(
    name: "x", /* { */
    links: {
        "a": Serial(lanes: 2, efficiency: (512, 544)),
        "b:c": OnDie(latency_cycles: 1),
    },
    fabric: Graph(links: [(from: "p", to: "q"), (from: "r", to: r"s\")]),
)"#;

    #[test]
    fn a_key_is_found_where_it_stands() {
        for (key, text) in [
            ("name", "\"x\""),
            ("links.\"a\".lanes", "2"),
            ("links.\"a\".efficiency", "(512, 544)"),
            ("links.\"a\".efficiency[1]", "544"),
            ("links.\"b:c\".latency_cycles", "1"),
            ("fabric.links[1].from", "\"r\""),
            ("fabric.links[1].to", "r\"s\\\""),
            ("fabric.links[0].length", "(from: \"p\", to: \"q\")"),
        ] {
            let span = span_of(SOURCE, key).expect("found");
            assert_eq!(&SOURCE[span.clone()], text, "{key}");
            if !key.ends_with("length") {
                assert_eq!(key_at(SOURCE, span.start), key);
            }
        }
    }

    #[test]
    fn an_unknown_key_falls_back_to_what_encloses_it() {
        let span = span_of(SOURCE, "memory.channels").expect("the whole");
        assert!(SOURCE[span].starts_with("Machine("));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]
        #[test]
        fn any_text_is_walked_within_its_bounds(text in "[(){}\\[\\],:\"r#/*\\\\a\n é\0]{0,60}") {
            walk(&text, &mut |_, span| {
                assert!(text.get(span.clone()).is_some(), "{span:?}");
            });
        }
    }
}
