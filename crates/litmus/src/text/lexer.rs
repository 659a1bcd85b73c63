//! Text to tokens; comments go.

use std::path::Path;

use crate::error::LitmusError;
use crate::program::Arch;

/// A token and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
    pub(super) column: usize,
    /// Behind the last one.
    pub(super) end: bool,
}

/// What the first line says.
pub(super) struct Header {
    pub(super) arch: Arch,
    pub(super) name: String,
}

/// Tokens of two characters.
const PAIRS: [[char; 2]; 7] =
    [['/', '\\'], ['\\', '/'], ['=', '='], ['!', '='], ['&', '&'], ['|', '|'], ['<', '>']];

struct Lexer<'a> {
    path: &'a Path,
    chars: Vec<char>,
    at: usize,
    line: usize,
    column: usize,
}

/// The header, and the tokens from the initial values on.
pub(super) fn lex(path: &Path, text: &str) -> Result<(Header, Vec<Token>), LitmusError> {
    let chars = text.trim_start_matches('\u{feff}').chars().collect();
    let mut lexer = Lexer { path, chars, at: 0, line: 1, column: 1 };
    let header = lexer.header()?;
    let tokens = lexer.tokens(header.arch == Arch::C)?;
    Ok((header, tokens))
}

impl Lexer<'_> {
    fn header(&mut self) -> Result<Header, LitmusError> {
        self.blanks(true)?;
        let (line, column) = (self.line, self.column);
        let mut first = String::new();
        while self.peek(0).is_some_and(|c| c != '\n' && c != '{') {
            first.extend(self.bump());
        }
        let mut words = first.split_whitespace();
        let word = words.next().unwrap_or_default();
        let arch = match word.to_ascii_lowercase().as_str() {
            "aarch64" => Arch::AArch64,
            "x86" | "x86_64" => Arch::X86,
            "c" => Arch::C,
            _ => {
                let token =
                    if word.is_empty() { "end of file".into() } else { format!("`{word}`") };
                let what = "the first word of a test is its architecture".to_owned();
                let mend = "begin with `AArch64 NAME`, `X86 NAME` or `C NAME`".to_owned();
                let path = self.path.to_owned();
                return Err(LitmusError { path, line, column, token, what, mend });
            }
        };
        let name = words.next().unwrap_or("unnamed").to_owned();
        // Lines of information up to the initial values.
        while self.peek(0).is_some_and(|c| c != '{') {
            if !self.comment(true)? {
                self.bump();
            }
        }
        Ok(Header { arch, name })
    }

    fn tokens(&mut self, c: bool) -> Result<Vec<Token>, LitmusError> {
        let mut tokens = Vec::new();
        let mut depth = 0_usize;
        loop {
            // `(*x` of a C function's body is no comment.
            self.blanks(!c || depth == 0)?;
            let (line, column) = (self.line, self.column);
            let Some(first) = self.bump() else {
                tokens.push(Token { text: String::new(), line, column, end: true });
                return Ok(tokens);
            };
            let mut text = String::from(first);
            let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
            let pair = |next: char| PAIRS.contains(&[first, next]);
            if word(first) {
                while self.peek(0).is_some_and(word) {
                    text.extend(self.bump());
                }
            } else if first == '"' {
                while self.peek(0).is_some_and(|c| c != '"') {
                    text.extend(self.bump());
                }
                text.extend(self.bump());
            } else if c && self.peek(0).is_some_and(pair) || !c && self.is_pair_in_columns(first) {
                text.extend(self.bump());
            }
            match text.as_str() {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            tokens.push(Token { text, line, column, end: false });
        }
    }

    /// Columns know `|` alone.
    fn is_pair_in_columns(&self, first: char) -> bool {
        let next = self.peek(0);
        matches!((first, next), ('/', Some('\\')) | ('\\', Some('/')) | ('<', Some('>')))
    }

    /// Skips blanks and comments.
    fn blanks(&mut self, ocaml: bool) -> Result<(), LitmusError> {
        loop {
            while self.peek(0).is_some_and(char::is_whitespace) {
                self.bump();
            }
            if !self.comment(ocaml)? {
                return Ok(());
            }
        }
    }

    /// Skips a comment: `(* *)`, nested, where `ocaml`; `/* */`; `//` to the end of the line.
    fn comment(&mut self, ocaml: bool) -> Result<bool, LitmusError> {
        let (line, column) = (self.line, self.column);
        let closes = match (self.peek(0), self.peek(1)) {
            (Some('('), Some('*')) if ocaml => ('*', ')'),
            (Some('/'), Some('*')) => ('*', '/'),
            (Some('/'), Some('/')) => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.bump();
                }
                return Ok(true);
            }
            _ => return Ok(false),
        };
        let opens = (self.peek(0), self.peek(1));
        let mut depth = 0_usize;
        loop {
            if (self.peek(0), self.peek(1)) == (Some(closes.0), Some(closes.1)) {
                depth -= 1;
                self.bump();
            } else if (self.peek(0), self.peek(1)) == opens && (ocaml || depth == 0) {
                depth += 1;
                self.bump();
            }
            if self.bump().is_none() {
                return Err(LitmusError {
                    path: self.path.to_owned(),
                    line,
                    column,
                    token: "a comment".to_owned(),
                    what: "it never ends".to_owned(),
                    mend: format!("close it with `{}{}`", closes.0, closes.1),
                });
            }
            if depth == 0 {
                return Ok(true);
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        if c == '\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(c)
    }
}
