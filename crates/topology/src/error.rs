//! Errors of descriptions: one at a time, placed in the file where there is one, with the mend.

use core::fmt;
use core::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::locate;

/// What kind of thing is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file cannot be read as text.
    Read,
    /// It is not RON, or not of the expected shape: unknown field, wrong type, bad unit.
    Syntax,
    /// A value that no machine can have.
    Value,
    /// A name that stands for nothing.
    Name,
    /// More than the documented limits.
    Limit,
    /// Parts that do not fit together, such as an on-die wire between clock domains.
    Structure,
    /// A node that cannot reach another.
    Connectivity,
    /// Routes that can wait for each other in a circle.
    Deadlock,
}

/// A description or machine that cannot be used.
///
/// Prints as an excerpt of the source with the place marked, followed by the mend.
#[derive(Clone, PartialEq, Eq)]
pub struct TopologyError(Box<Inner>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Inner {
    path: String,
    place: Option<(usize, usize)>,
    problem: Problem,
    excerpt: Option<Excerpt>,
}

/// The lines to show, and what to mark in them.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Excerpt {
    text: String,
    first_line: usize,
    mark: Range<usize>,
}

/// What is wrong, before it is known in which file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    pub(crate) key: String,
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) mend: String,
}

impl Problem {
    pub(crate) fn new(
        kind: ErrorKind,
        key: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), kind, message: message.into(), mend: mend.into() }
    }
}

impl TopologyError {
    /// A problem that has no source text: a machine made in code, an unreadable file.
    pub(crate) fn bare(path: &str, problem: Problem) -> Self {
        Self(Box::new(Inner { path: path.to_owned(), place: None, problem, excerpt: None }))
    }

    /// A problem whose key is looked up in the source.
    pub(crate) fn keyed(path: &str, source: &str, problem: Problem) -> Self {
        // What is not written, for a class or a default stands behind it, has the place of what
        // encloses it.
        let mut key = problem.key.as_str();
        let span = loop {
            if let Some(span) = locate::span_of(source, key) {
                break span;
            }
            match key.rfind('.') {
                Some(dot) => key = &key[..dot],
                None => break 0..0,
            }
        };
        Self::placed(path, source, span, problem)
    }

    /// A problem at a known span of the source.
    pub(crate) fn placed(path: &str, source: &str, span: Range<usize>, problem: Problem) -> Self {
        let start = floor(source, span.start);
        // Only the first line of what is wrong is marked.
        let line_end = source[start..].find('\n').map_or(source.len(), |n| start + n);
        let end = floor(source, span.end.min(line_end).max(start));
        let line_start = source[..start].rfind('\n').map_or(0, |n| n + 1);
        let line = 1 + source[..start].bytes().filter(|b| *b == b'\n').count();
        let column = 1 + source[line_start..start].chars().count();
        let excerpt = Excerpt::around(source, line_start..line_end, line, start..end);
        Self(Box::new(Inner {
            path: path.to_owned(),
            place: Some((line, column)),
            problem,
            excerpt,
        }))
    }

    /// The file's path as it was given, or the machine's name where there is no file.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The line in the file, from 1.
    pub fn line(&self) -> Option<usize> {
        self.0.place.map(|(line, _)| line)
    }

    /// The column in the line in characters, from 1.
    pub fn column(&self) -> Option<usize> {
        self.0.place.map(|(_, column)| column)
    }

    /// The path of the key that is wrong, such as `links."nvlink4".lanes`; empty for the whole.
    pub fn key(&self) -> &str {
        &self.0.problem.key
    }

    /// What kind of thing is wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.problem.kind
    }

    /// What is wrong, in one sentence.
    pub fn message(&self) -> &str {
        &self.0.problem.message
    }

    /// What to do about it.
    pub fn mend(&self) -> &str {
        &self.0.problem.mend
    }
}

impl Excerpt {
    /// The marked line and one before it; nothing where a line is too long to be read anyway.
    fn around(
        source: &str,
        line_span: Range<usize>,
        line: usize,
        mark: Range<usize>,
    ) -> Option<Self> {
        const LONG: usize = 400;
        if line_span.len() > LONG {
            return None;
        }
        let before = source[..line_span.start.saturating_sub(1)].rfind('\n').map_or(0, |n| n + 1);
        let (from, first_line) = if line > 1 && line_span.start - before <= LONG {
            (before, line - 1)
        } else {
            (line_span.start, line)
        };
        Some(Self {
            text: source[from..line_span.end].to_owned(),
            first_line,
            mark: mark.start - from..mark.end - from,
        })
    }
}

/// The nearest character boundary at or before `at`.
fn floor(source: &str, at: usize) -> usize {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { path, place, problem, excerpt } = &*self.0;
        let mut group = Group::with_title(Level::ERROR.primary_title(problem.message.as_str()));
        let label = (!problem.key.is_empty()).then_some(problem.key.as_str());
        if let Some(excerpt) = excerpt {
            group = group.element(
                Snippet::source(excerpt.text.as_str())
                    .path(path.as_str())
                    .line_start(excerpt.first_line)
                    .fold(false)
                    .annotation(AnnotationKind::Primary.span(excerpt.mark.clone()).label(label)),
            );
        } else {
            let mut origin = Origin::path(path.as_str());
            if let Some((line, column)) = place {
                origin = origin.line(*line).char_column(*column);
            }
            group = group.element(origin);
            if let Some(key) = label {
                group = group.element(Level::NOTE.message(format!("at `{key}`")));
            }
        }
        if !problem.mend.is_empty() {
            group = group.element(Level::HELP.message(problem.mend.as_str()));
        }
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

impl fmt::Debug for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopologyError")
            .field("path", &self.path())
            .field("line", &self.line())
            .field("column", &self.column())
            .field("key", &self.key())
            .field("kind", &self.kind())
            .field("message", &self.message())
            .field("mend", &self.mend())
            .finish()
    }
}

impl core::error::Error for TopologyError {}
