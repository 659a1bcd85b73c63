//! Lines of text from untrusted input: bounded in length, UTF-8, without control characters;
//! gzip is undone on the way, a byte order mark in front is skipped, and lines may end in CR LF.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::error::{ErrorKind, TraceError};

/// Bytes of a line; the longest record of any format is far below.
pub(crate) const LINE_BYTES_MAX: usize = 4096;
/// First bytes of a gzip file (RFC 1952).
pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What some editors put in front of UTF-8: the byte order mark (RFC 3629, section 6).
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Reads line after line into one buffer.
pub(crate) struct Lines<'a> {
    from: Box<dyn BufRead + 'a>,
    path: &'a Path,
    line: Vec<u8>,
    /// Of the line last read, from 1.
    pub(crate) number: u64,
}

impl<'a> Lines<'a> {
    /// Lines of `reader`, which may be gzip; `path` is what errors call it.
    pub(crate) fn new(reader: impl Read + 'a, path: &'a Path) -> Result<Self, TraceError> {
        let failed = |e| TraceError::io(path, "read the file", e);
        let mut start = [0; 2];
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let mut have = 0;
        while have < 2 {
            let some = reader.fill_buf().map_err(failed)?;
            let Some(&byte) = some.first() else { break };
            start[have] = byte;
            have += 1;
            reader.consume(1);
        }
        let whole = io::Cursor::new(start[..have].to_vec()).chain(reader);
        let from: Box<dyn BufRead + 'a> = if start == GZIP_MAGIC {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        Ok(Self { from, path, line: Vec::new(), number: 0 })
    }

    /// The next line without its end, or `None` after the last.
    pub(crate) fn next_line(&mut self) -> Result<Option<&str>, TraceError> {
        self.line.clear();
        let limit = LINE_BYTES_MAX as u64 + 1;
        self.from
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.line)
            .map_err(|e| TraceError::io(self.path, "read the file", e))?;
        if self.line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if self.number == 1 && self.line.starts_with(&BOM) {
            self.line.drain(..BOM.len());
        }
        if self.line.ends_with(b"\n") {
            self.line.pop();
            if self.line.ends_with(b"\r") {
                self.line.pop();
            }
        } else if self.line.len() > LINE_BYTES_MAX {
            let kind = ErrorKind::LineTooLong { limit: LINE_BYTES_MAX };
            return Err(self.fault(LINE_BYTES_MAX as u64 + 1, kind));
        }
        let text = match std::str::from_utf8(&self.line) {
            Ok(text) => text,
            Err(e) => {
                let byte = self.line[e.valid_up_to()];
                let column = characters(&self.line[..e.valid_up_to()]);
                return Err(self.fault(column, ErrorKind::NotText { byte }));
            }
        };
        // One pass over bytes: the control characters of ASCII are what matters.
        if let Some(at) = text.bytes().position(|b| b != b'\t' && (b < b' ' || b == 0x7f)) {
            let (byte, column) = (self.line[at], characters(&self.line[..at]));
            return Err(self.fault(column, ErrorKind::NotText { byte }));
        }
        Ok(Some(text))
    }

    /// An error at a column of the line last read.
    pub(crate) fn fault(&self, column: u64, kind: ErrorKind) -> TraceError {
        TraceError::line(self.path, self.number, column, kind)
    }
}

/// The column after these bytes.
fn characters(bytes: &[u8]) -> u64 {
    String::from_utf8_lossy(bytes).chars().count() as u64 + 1
}

/// A word of a line and the column it starts at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) text: &'a str,
    pub(crate) column: u64,
}

/// The words of a line, parted by blanks.
pub(crate) struct Fields<'a> {
    rest: &'a str,
    column: u64,
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(line: &'a str) -> Self {
        Self { rest: line, column: 1 }
    }

    /// The column where the last word ended.
    pub(crate) const fn column(&self) -> u64 {
        self.column
    }

    /// What is left of the line, without blanks around it.
    pub(crate) fn rest(&self) -> &'a str {
        self.rest.trim()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.rest.find(|c: char| !c.is_whitespace())?;
        let after = &self.rest[start..];
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let text = &after[..end];
        let column = self.column + self.rest[..start].chars().count() as u64;
        self.column = column + text.chars().count() as u64;
        self.rest = &after[end..];
        Some(Field { text, column })
    }
}

/// A decimal or `0x` number; underscores may part its digits.
///
/// # Errors
/// Why it is none, in words.
pub(crate) fn number(text: &str) -> Result<u64, &'static str> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = hex.map_or((text, 10), |h| (h, 16));
    let mut n = 0_u64;
    let mut any = false;
    for c in digits.chars() {
        if c == '_' && any {
            continue;
        }
        let Some(digit) = c.to_digit(radix) else {
            let hex_digits = radix == 10 && text.chars().all(|c| c.is_ascii_hexdigit());
            return Err(if hex_digits {
                "hexadecimal needs `0x`"
            } else if text.starts_with('-') {
                "it may not be negative"
            } else {
                "it has characters that are no digits"
            });
        };
        any = true;
        let next = n.checked_mul(u64::from(radix)).and_then(|n| n.checked_add(u64::from(digit)));
        n = next.ok_or("it is larger than 64 bits")?;
    }
    if any { Ok(n) } else { Err("it has no digits") }
}
