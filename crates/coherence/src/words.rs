//! Texts of schedules, a line and a word at a time.

use core::fmt;

/// Why a text is no schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScheduleError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub mend: String,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, what, mend } = self;
        write!(f, "{line}:{column}: {what}\n  mend: {mend}")
    }
}

impl core::error::Error for ScheduleError {}

/// A text of keys up to `begin` and acts up to `end`, one a line.
pub(crate) trait Text: Sized {
    /// The first line.
    const HEADER: &'static str;
    /// What a text without it is not.
    const KIND: &'static str;
    /// The keys, in words.
    const KEYS: &'static str;

    /// Takes what stands behind a key. `false`: there is no such key.
    fn key(&mut self, key: &str, words: &mut Words<'_>) -> Result<bool, ScheduleError>;

    /// Whether the keys go together; if not, what is wrong and what to do.
    fn check(&self) -> Result<(), (String, &'static str)>;

    /// Takes an act.
    fn act(&mut self, words: &mut Words<'_>) -> Result<(), ScheduleError>;
}

/// Reads a text into `all`, which has no act yet. Comments begin with `#`; empty lines say nothing.
pub(crate) fn read<T: Text>(text: &str, mut all: T) -> Result<T, ScheduleError> {
    let words = text.lines().enumerate().map(|(n, text)| Words::new(n + 1, text));
    let mut lines = words.filter(|w| !w.ended());
    let first = lines.next().unwrap_or_else(|| Words::new(1, ""));
    if first.rest() != T::HEADER {
        let mend = format!("begin the file with `{}`", T::HEADER);
        return Err(first.error(format!("this is no {}", T::KIND), mend));
    }
    let (mut last, mut begun) = (first.line, false);
    for mut words in lines {
        last = words.line;
        if begun {
            if words.rest() == "end" {
                return Ok(all);
            }
            all.act(&mut words)?;
        } else {
            let key = words.next("a key")?;
            if key == "begin" {
                begun = true;
                words.finish()?;
                all.check().map_err(|(what, mend)| words.error(what, mend))?;
            } else if !all.key(key, &mut words)? {
                let mend = format!("the keys are {}; acts follow `begin`", T::KEYS);
                return Err(words.error(format!("no key is called `{key}`"), mend));
            }
        }
        words.finish()?;
    }
    let end = Words::new(last, "");
    Err(if begun {
        end.error("the schedule does not end", "put `end` after the last act")
    } else {
        end.error("the acts are missing", "write `begin`, the acts and `end`")
    })
}

/// The words of a line.
pub(crate) struct Words<'a> {
    pub(crate) line: usize,
    text: &'a str,
    /// Where the next word may begin, and where the last one did.
    at: usize,
    last: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn new(line: usize, text: &'a str) -> Self {
        let text = text.split('#').next().unwrap_or_default().trim_end();
        Self { line, text, at: 0, last: 0 }
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text[self.at..].trim_start()
    }

    pub(crate) fn ended(&self) -> bool {
        self.rest().is_empty()
    }

    pub(crate) fn error(&self, what: impl Into<String>, mend: impl Into<String>) -> ScheduleError {
        let column = self.text[..self.last].chars().count() + 1;
        ScheduleError { line: self.line, column, what: what.into(), mend: mend.into() }
    }

    pub(crate) fn next(&mut self, what: &str) -> Result<&'a str, ScheduleError> {
        let rest = self.rest();
        self.last = self.text.len() - rest.len();
        let word = rest.split_whitespace().next();
        let word = word
            .ok_or_else(|| self.error("the line ends too early", format!("go on with {what}")))?;
        self.at = self.last + word.len();
        Ok(word)
    }

    pub(crate) fn literally(&mut self, word: &str) -> Result<(), ScheduleError> {
        let found = self.next(&format!("`{word}`"))?;
        if found == word {
            return Ok(());
        }
        Err(self
            .error(format!("`{found}` stands where `{word}` should"), format!("write `{word}`")))
    }

    pub(crate) fn number(&mut self, most: u32) -> Result<u32, ScheduleError> {
        self.number_from(1, most)
    }

    pub(crate) fn number_from(&mut self, least: u32, most: u32) -> Result<u32, ScheduleError> {
        let mend = format!("write a number from {least} to {most}");
        let found = self.next("a number")?;
        let number = found.parse().ok().filter(|n| (least..=most).contains(n));
        number.ok_or_else(|| self.error(format!("`{found}` will not do here"), mend))
    }

    /// What is left is taken as a whole.
    pub(crate) fn skip(&mut self) {
        self.at = self.text.len();
    }

    pub(crate) fn finish(&mut self) -> Result<(), ScheduleError> {
        if self.ended() {
            return Ok(());
        }
        let word = self.next("")?;
        Err(self.error(format!("`{word}` is too much"), "take it out"))
    }
}
