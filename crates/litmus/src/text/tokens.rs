//! Tokens, read one after the other.

use std::path::{Path, PathBuf};

use super::lexer::Token;
use crate::error::LitmusError;

/// What most steps of the reader give.
pub(super) type Parsed<T> = Result<T, LitmusError>;

pub(super) struct Tokens {
    path: PathBuf,
    all: Vec<Token>,
    at: usize,
    /// Brackets, and what else is read by recursion, that are open.
    depth: usize,
}

/// Brackets in brackets at most.
const DEPTH_MAX: usize = 64;

impl Tokens {
    /// `tokens` ends with the one behind the last.
    pub(super) fn new(path: &Path, tokens: Vec<Token>) -> Self {
        Self { path: path.to_owned(), all: tokens, at: 0, depth: 0 }
    }

    /// The next token; empty at the end.
    pub(super) fn peek(&self) -> &str {
        self.ahead(0)
    }

    /// The token so many further on; empty at the end.
    pub(super) fn ahead(&self, by: usize) -> &str {
        self.all.get(self.at + by).map_or("", |t| &t.text)
    }

    pub(super) fn is_end(&self) -> bool {
        self.all[self.at].end
    }

    pub(super) fn next(&mut self) -> String {
        let text = self.peek().to_owned();
        if !self.is_end() {
            self.at += 1;
        }
        text
    }

    /// Goes back by one token.
    pub(super) fn back(&mut self) {
        self.at -= 1;
    }

    /// Takes the next token if it is this.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let here = self.peek().eq_ignore_ascii_case(text);
        self.at += usize::from(here);
        here
    }

    /// Takes the next token, which must be this.
    pub(super) fn expect(&mut self, text: &str, mend: &str) -> Parsed<()> {
        if self.take(text) {
            return Ok(());
        }
        Err(self.fault(&format!("`{text}` is expected here"), mend))
    }

    /// Goes into brackets; [`leave`](Self::leave) goes out again.
    pub(super) fn enter(&mut self) -> Parsed<()> {
        if self.depth == DEPTH_MAX {
            let what = format!("it is more than {DEPTH_MAX} levels deep in brackets and blocks");
            return Err(self.fault(&what, "write it with fewer brackets"));
        }
        self.depth += 1;
        Ok(())
    }

    /// Goes out of brackets.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// A word that begins with a letter or `_`.
    pub(super) fn name(&mut self, what: &str, mend: &str) -> Parsed<String> {
        let is_name = |c: char| c.is_alphabetic() || c == '_';
        if self.peek().chars().next().is_some_and(is_name) {
            return Ok(self.next());
        }
        Err(self.fault(&format!("{what} is expected here"), mend))
    }

    /// Whether a number is next, a sign included.
    pub(super) fn is_number(&self) -> bool {
        let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        digit(self.peek()) || self.peek() == "-" && digit(self.ahead(1))
    }

    /// A number: decimal or, with `0x`, hexadecimal; a negative one as its complement.
    pub(super) fn number(&mut self) -> Parsed<u64> {
        let minus = self.take("-");
        let text = self.peek();
        let value = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.trim_end_matches(['u', 'U', 'l', 'L']).parse(),
        };
        match value {
            Ok(value) => {
                self.at += 1;
                Ok(if minus { value.wrapping_neg() } else { value })
            }
            Err(_) => Err(self.fault(
                "a number is expected here",
                "write a decimal number, or a hexadecimal one with `0x`, of at most 64 bits",
            )),
        }
    }

    /// The error of the next token.
    pub(super) fn fault(&self, what: &str, mend: &str) -> LitmusError {
        self.fault_at(self.at, what, mend)
    }

    /// The error of the token at `place`.
    pub(super) fn fault_at(&self, place: usize, what: &str, mend: &str) -> LitmusError {
        let token = &self.all[place];
        LitmusError {
            path: self.path.clone(),
            line: token.line,
            column: token.column,
            token: if token.end { "end of file".to_owned() } else { format!("`{}`", token.text) },
            what: what.to_owned(),
            mend: mend.to_owned(),
        }
    }

    /// The error of the token before.
    pub(super) fn fault_before(&mut self, what: &str, mend: &str) -> LitmusError {
        self.back();
        self.fault(what, mend)
    }

    /// The text of the tokens from place `from` to here, one blank between them.
    pub(super) fn text_since(&self, from: usize) -> String {
        let texts = self.all[from..self.at].iter().map(|t| t.text.as_str());
        texts.collect::<Vec<_>>().join(" ").replace(" : ", ":").replace(" = ", "=")
    }

    /// The place of the next token.
    pub(super) const fn place(&self) -> usize {
        self.at
    }
}
