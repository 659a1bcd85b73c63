//! From RON text to a [`Description`], with every error placed and its mend named.

use core::ops::Range;
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use ron::Options;
use ron::error::{Error, Position, SpannedError};
use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use crate::describe::Description;
use crate::error::{ErrorKind, Problem, TopologyError};
use crate::limits::FILE_BYTES_MAX;
use crate::locate;
use crate::names::suggest;

/// What a kind of file is called in messages.
pub(crate) struct Words {
    /// How it begins.
    opener: &'static str,
    /// All of it.
    whole: &'static str,
    /// What it describes.
    thing: &'static str,
    /// Where its form can be seen.
    see: &'static str,
    /// What to do where there is none.
    wanted: &'static str,
}

/// A topology's.
pub(crate) const MACHINE: Words = Words {
    opener: "Machine(name: ...",
    whole: "Machine(...)",
    thing: "machine",
    see: "see the shipped topologies for the form",
    wanted: "give the path of a topology file",
};

/// A static schedule's.
pub(crate) const SCHEDULE: Words = Words {
    opener: "Schedule(transfers: [...",
    whole: "Schedule(...)",
    thing: "schedule",
    see: "see the shipped schedules for the form",
    wanted: "give the path of a schedule file",
};

/// Reads a file as text.
pub(crate) fn read(path: &Path, words: &Words) -> Result<String, TopologyError> {
    let shown = path.display().to_string();
    let refuse = |message: String, mend: &str| {
        TopologyError::bare(&shown, Problem::new(ErrorKind::Read, "", message, mend))
    };
    let unreadable = |e: std::io::Error| refuse(format!("cannot read the file: {e}"), words.wanted);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refuse(
            format!("the file is larger than {} MiB", FILE_BYTES_MAX >> 20),
            "describe a regular fabric by its generator instead of link by link",
        ));
    }
    text_of(&shown, bytes)
}

/// The bytes as text, or where they stop being UTF-8.
pub(crate) fn text_of(path: &str, bytes: Vec<u8>) -> Result<String, TopologyError> {
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let valid = String::from_utf8_lossy(&e.as_bytes()[..at]);
        let problem = Problem::new(
            ErrorKind::Read,
            "",
            "the file is not UTF-8 text from here on",
            "topology files are RON text: save it as UTF-8",
        );
        TopologyError::placed(path, &valid, at..at, problem)
    })
}

/// Parses a description.
pub(crate) fn description(path: &str, source: &str) -> Result<Description, TopologyError> {
    form(path, source, &MACHINE)
}

/// Parses a file of another form.
pub(crate) fn form<T: DeserializeOwned>(
    path: &str,
    source: &str,
    words: &Words,
) -> Result<T, TopologyError> {
    // The bare name of a variant all of whose fields may be left out stands for the variant.
    let mut text = Cow::Borrowed(source);
    let mut before: Option<(usize, TopologyError)> = None;
    for _ in 0..=BARE_MAX {
        let error = match ron(&text) {
            Ok(form) => return Ok(form),
            Err(error) => error,
        };
        let at = offset_of(&text, error.span.end);
        let placed = place((path, &text), &error, words);
        // Where brackets have not helped they were not what is missing.
        let fails = |put: usize| (put..=put + BRACKETS.len()).contains(&at);
        match before {
            Some((put, first)) if fails(put) => return Err(first),
            _ if error.code != Error::ExpectedStructLike => return Err(placed),
            _ => {}
        }
        text.to_mut().insert_str(at, BRACKETS);
        before = Some((at, placed));
    }
    let most = format!("more than {BARE_MAX} variants have no brackets");
    let problem = Problem::new(ErrorKind::Limit, "", most, "write them out, as in `Packets()`");
    Err(TopologyError::bare(path, problem))
}

const BRACKETS: &str = "()";

/// Variants by their bare names that a file may have.
const BARE_MAX: usize = 16;

fn ron<T: DeserializeOwned>(source: &str) -> Result<T, SpannedError> {
    let extensions = Extensions::IMPLICIT_SOME | Extensions::UNWRAP_VARIANT_NEWTYPES;
    Options::default().with_default_extension(extensions).from_str(source)
}

/// Parses a link class that ships.
pub(crate) fn class(source: &str) -> Result<crate::phy::FramedForm, SpannedError> {
    ron(source)
}

/// Gives a RON error its key, its span and a mend.
fn place((path, source): (&str, &str), error: &SpannedError, words: &Words) -> TopologyError {
    let end = offset_of(source, error.span.end);
    let start = offset_of(source, error.span.start).min(end);
    let (span, key) = match &error.code {
        Error::NoSuchStructField { found, .. } => word_before(source, end, found),
        Error::NoSuchEnumVariant { found, .. } => {
            let (span, _) = word_before(source, end, found);
            let key = locate::key_at(source, span.start);
            (span, key)
        }
        Error::DuplicateStructField { field, .. } => word_before(source, end, field),
        Error::MissingStructField { field, .. } => {
            // The parser stands before the bracket that closes what lacks the field: no value of another field.
            let (span, key) = innermost(source, end);
            let dot = if key.is_empty() { "" } else { "." };
            (span, format!("{key}{dot}{field}"))
        }
        _ => {
            let (span, key) = innermost(source, start);
            // Long values are not wrong as a whole: mark where the parser stood.
            if span.len() > 80 || key.is_empty() {
                (start..end.max(start), key)
            } else {
                (span, key)
            }
        }
    };
    let (message, mend) = explain(&error.code, source, words);
    TopologyError::placed(path, source, span, Problem::new(ErrorKind::Syntax, key, message, mend))
}

/// The innermost value at `at`: its span and key.
fn innermost(source: &str, at: usize) -> (Range<usize>, String) {
    let at = at + source[at..].len() - source[at..].trim_start().len();
    let key = locate::key_at(source, at);
    (locate::span_of(source, &key).unwrap_or(at..at), key)
}

/// The last place before `end` where `word` stands, and the key that encloses it, `word` included.
fn word_before(source: &str, end: usize, word: &str) -> (Range<usize>, String) {
    let start = source[..end].rfind(word).unwrap_or(end);
    let span = start..(start + word.len()).min(source.len());
    let enclosing = locate::key_at(source, start);
    let dot = if enclosing.is_empty() { "" } else { "." };
    if enclosing.ends_with(word) {
        return (span, enclosing);
    }
    (span, format!("{enclosing}{dot}{word}"))
}

/// The byte offset of a line and column, both counted from 1 in characters.
fn offset_of(source: &str, position: Position) -> usize {
    let mut at = 0;
    for _ in 1..position.line {
        match source[at..].find('\n') {
            Some(n) => at += n + 1,
            None => return source.len(),
        }
    }
    source[at..]
        .char_indices()
        .nth(position.col.saturating_sub(1))
        .map_or(source.len(), |(n, _)| at + n)
}

/// What the parser says in this project's words, and the mend.
fn explain(code: &Error, source: &str, words: &Words) -> (String, String) {
    let text = |s: &str| s.to_owned();
    match code {
        _ if locate::is_blank(source) => {
            (text("the file is empty"), format!("start it with `{}`", words.opener))
        }
        Error::NoSuchStructField { expected, found, .. } => {
            (format!("unknown field `{}`", short(found)), suggest(found, expected.iter().copied()))
        }
        Error::NoSuchEnumVariant { expected, found, .. } => (
            format!("unknown variant `{}`", short(found)),
            suggest(found, expected.iter().copied()),
        ),
        Error::MissingStructField { field, .. } => {
            (format!("the field `{field}` is missing"), format!("add `{field}: ...` here"))
        }
        Error::DuplicateStructField { field, .. } => {
            (format!("the field `{field}` is given twice"), text("remove one of them"))
        }
        Error::Message(message) => {
            let (message, mend) = message.split_once('\n').unwrap_or((message, ""));
            (message.to_owned(), mend.to_owned())
        }
        Error::ExceededRecursionLimit => (
            text("brackets are nested too deeply"),
            text("no description nests more than 8 levels"),
        ),
        Error::IntegerOutOfBounds => {
            (text("the number does not fit"), text("use a smaller number, not negative"))
        }
        Error::TrailingCharacters => {
            let Words { thing, whole, .. } = words;
            (format!("there is more text after the {thing}"), format!("a file holds one `{whole}`"))
        }
        Error::Eof => (text("the file ends too early"), text("close every bracket and string")),
        Error::ExpectedDifferentStructName { .. } | Error::ExpectedNamedStructLike(_) => {
            (lower(code), format!("the file holds one `{}`", words.whole))
        }
        Error::ExpectedComma => (
            text("expected a comma"),
            text(
                "put a comma before this, or complete the value before: close its string, write \
                  a whole number",
            ),
        ),
        Error::ExpectedInteger => {
            (lower(code), text("write a whole number without quotes or unit"))
        }
        Error::SuggestRawIdentifier(found) | Error::InvalidIdentifier(found) => (
            format!("expected the name of a field, found `{}`", short(found)),
            text("name each field before its value, such as `Synchronizer(edges: 2)`"),
        ),
        Error::ExpectedString => (lower(code), text("write it in double quotes, such as \"1 m\"")),
        _ => (lower(code), text(words.see)),
    }
}

fn short(name: &str) -> String {
    name.chars().take(40).collect()
}

/// The parser's own message, begun in lower case.
fn lower(code: &Error) -> String {
    let message = code.to_string();
    let mut chars = message.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).take(120).collect()
}
