//! Text to records, each mistake with its line and column.

use std::io::Read;
use std::path::Path;

use base::{Addr, Combine, Op, Order, Record, Rmw, ThreadIdx};

use super::words::{Word, find, suggest};
use crate::binary::writer::Writer;
use crate::check::{OpFault, THREADS_MAX, check, value_mask};
use crate::error::{ErrorKind, TraceError, quoted};
use crate::lines::{Field, Fields, Lines, number};
use crate::trace::Trace;

/// A mistake in a line: where and what.
type Fault = (u64, ErrorKind);

/// Packs a text trace into the binary form in a temporary place.
pub(crate) fn pack(reader: impl Read, path: &Path, name: &str) -> Result<Trace, TraceError> {
    let mut header = (name.to_owned(), String::new());
    let mut writer = Writer::spool(path, name, "")?;
    let mut lines = Lines::new(reader, path)?;
    let mut stated = None;
    while let Some(line) = lines.next_line()? {
        match parse_line(line) {
            Ok(None) => {}
            Ok(Some(Line::Record(record))) => {
                if let Some(threads) = stated
                    && record.thread.0 >= threads
                {
                    let kind = ErrorKind::NoSuchThread { thread: record.thread.0, threads };
                    return Err(lines.fault(1, kind));
                }
                writer.push(record)?;
            }
            Ok(Some(Line::Threads(threads, column))) => {
                if writer.records() > 0 {
                    return Err(lines.fault(column, late("@threads")));
                }
                stated = Some(threads);
                writer.reserve_threads(threads)?;
            }
            Ok(Some(Line::Unordered(column))) => {
                if writer.records() > 0 {
                    return Err(lines.fault(column, late("@unordered")));
                }
                writer.forget_order();
            }
            Ok(Some(Line::Header(word, text, column))) => {
                if writer.records() > 0 {
                    return Err(lines.fault(column, late(word)));
                }
                let slot = if word == "@name" { &mut header.0 } else { &mut header.1 };
                text.clone_into(slot);
                writer.set_header(&header.0, &header.1)?;
            }
            Err((column, kind)) => return Err(lines.fault(column, kind)),
        }
    }
    writer.finish()
}

/// A directive after the first record.
fn late(word: &'static str) -> ErrorKind {
    ErrorKind::BadImport {
        format: "a record",
        found: word.to_owned(),
        why: "directives precede the first record",
        mend: "move the line to the top of the file",
    }
}

enum Line<'a> {
    Record(Record),
    Header(&'static str, &'a str, u64),
    Threads(u32, u64),
    Unordered(u64),
}

/// The content of one line, if it has any.
fn parse_line(line: &str) -> Result<Option<Line<'_>>, Fault> {
    let line = line.split('#').next().unwrap_or_default();
    let mut args = Args { word: "", fields: Fields::new(line) };
    let Some(first) = args.fields.next() else { return Ok(None) };
    if first.text.starts_with('@') {
        return args.directive(first).map(Some);
    }
    let thread = match number(first.text) {
        Ok(n) if n < u64::from(THREADS_MAX) => ThreadIdx(u32::try_from(n).unwrap_or(0)),
        Ok(n) => return Err((first.column, ErrorKind::ThreadRange(n))),
        Err(why) => {
            return Err((
                first.column,
                bad_number("thread", first.text, why, u64::from(THREADS_MAX) - 1),
            ));
        }
    };
    args.word = "record";
    let word = args.next("operation")?;
    let (name, within) = scoped(word.text);
    let unknown = || {
        let (found, suggestion) = (quoted(word.text), suggest(name));
        (word.column, ErrorKind::UnknownWord { found, suggestion })
    };
    let (kind, long) = find(name).ok_or_else(unknown)?;
    args.word = long;
    let (op, columns) = args.op(kind)?;
    args.end()?;
    let op = if within { op.within_package().ok_or_else(unknown)? } else { op };
    check(&op).map_err(|fault| (columns[fault.argument()], ErrorKind::Op(fault)))?;
    Ok(Some(Line::Record(Record { thread, op })))
}

/// An operation's word without its scope, and whether that is the package.
fn scoped(word: &str) -> (&str, bool) {
    let (name, scope) = word.split_once('.').unwrap_or((word, ""));
    match scope.to_ascii_lowercase().as_str() {
        "package" | "p" => (name, true),
        "supernode" | "s" if find(name).is_some_and(|(word, _)| word.has_scope()) => (name, false),
        _ => (word, false),
    }
}

/// The arguments that follow a word.
struct Args<'a> {
    word: &'static str,
    fields: Fields<'a>,
}

impl<'a> Args<'a> {
    fn directive(&mut self, first: Field<'a>) -> Result<Line<'a>, Fault> {
        let word = match first.text {
            "@name" => "@name",
            "@provenance" => "@provenance",
            "@threads" => {
                self.word = "@threads";
                let field = self.next("count")?;
                let threads = within(field, "thread count", u64::from(THREADS_MAX))?;
                self.end()?;
                return Ok(Line::Threads(u32::try_from(threads).unwrap_or(0), first.column));
            }
            "@unordered" => {
                self.word = "@unordered";
                self.end()?;
                return Ok(Line::Unordered(first.column));
            }
            other => {
                let (found, suggestion) = (quoted(other), suggest(other));
                return Err((first.column, ErrorKind::UnknownWord { found, suggestion }));
            }
        };
        Ok(Line::Header(word, self.fields.rest(), first.column))
    }

    /// The operation and the columns of its first three arguments.
    fn op(&mut self, word: Word) -> Result<(Op, [u64; 3]), Fault> {
        let mut at = [1; 3];
        let op = match word {
            Word::Fence => Op::Fence,
            Word::FenceLoads => Op::Order(Order::Loads),
            Word::FenceStores => Op::Order(Order::Stores),
            Word::Barrier => {
                let id = self.word32("barrier id", &mut at[0])?;
                Op::Barrier { id, members: self.word32("number of members", &mut at[1])? }
            }
            Word::Reduce => {
                let id = self.word32("barrier id", &mut at[0])?;
                let members = self.word32("number of members", &mut at[1])?;
                let field = self.next("way to combine")?;
                at[2] = field.column;
                let how = Combine::named(field.text).ok_or_else(|| {
                    let kind = ErrorKind::UnknownCombine(quoted(field.text));
                    (field.column, kind)
                })?;
                Op::Reduce { id, members, how, value: self.value("value", 8)? }
            }
            Word::At => {
                let field = self.next("count")?;
                at[0] = field.column;
                Op::At { count: within(field, "count", u64::MAX)? }
            }
            Word::Think => Op::Think { cycles: self.word32("number of cycles", &mut at[0])? },
            Word::Copy => Op::Copy {
                from: self.addr("source address", &mut at[0])?,
                to: self.addr("destination address", &mut at[1])?,
                bytes: self.word32("length", &mut at[2])?,
            },
            _ => return self.access(word),
        };
        Ok((op, at))
    }

    fn access(&mut self, word: Word) -> Result<(Op, [u64; 3]), Fault> {
        let mut at = [1; 3];
        let addr = self.addr("address", &mut at[0])?;
        let field = self.next("size")?;
        at[1] = field.column;
        let atomic = matches!(word, Word::Add | Word::Swap | Word::Cas);
        let n = within(field, "size", u64::MAX)?;
        let size = match u8::try_from(n) {
            Ok(size) if !atomic && (1..=64).contains(&size) => size,
            Ok(size) if atomic && matches!(size, 1 | 2 | 4 | 8) => size,
            _ => {
                let fault = if atomic { OpFault::AtomicSize(n) } else { OpFault::Size(n) };
                return Err((field.column, ErrorKind::Op(fault)));
            }
        };
        let op = match word {
            Word::Load => Op::Load { addr, size },
            Word::Store => Op::Store { addr, size, value: self.stored(size)? },
            Word::Acquire => Op::Acquire { addr, size, sc: false },
            Word::AcquireSc => Op::Acquire { addr, size, sc: true },
            Word::Release => Op::Release { addr, size, value: self.stored(size)? },
            Word::Add => Op::Atomic { addr, size, rmw: Rmw::Add(self.value("operand", size)?) },
            Word::Swap => Op::Atomic { addr, size, rmw: Rmw::Swap(self.value("new value", size)?) },
            _ => {
                let expected = self.value("expected value", size)?;
                let new = self.value("new value", size)?;
                Op::Atomic { addr, size, rmw: Rmw::Cas { expected, new } }
            }
        };
        Ok((op, at))
    }

    fn next(&mut self, what: &'static str) -> Result<Field<'a>, Fault> {
        let word = self.word.to_owned();
        self.fields
            .next()
            .ok_or_else(|| (self.fields.column(), ErrorKind::MissingField { word, what }))
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.fields.next().map_or(Ok(()), |extra| {
            let (word, found) = (self.word.to_owned(), quoted(extra.text));
            Err((extra.column, ErrorKind::ExtraField { word, found }))
        })
    }

    fn addr(&mut self, what: &'static str, column: &mut u64) -> Result<Addr, Fault> {
        let field = self.next(what)?;
        *column = field.column;
        Ok(Addr(within(field, what, u64::MAX)?))
    }

    fn word32(&mut self, what: &'static str, column: &mut u64) -> Result<u32, Fault> {
        let field = self.next(what)?;
        *column = field.column;
        Ok(u32::try_from(within(field, what, u64::from(u32::MAX))?).unwrap_or(0))
    }

    fn value(&mut self, what: &'static str, size: u8) -> Result<u64, Fault> {
        let field = self.next(what)?;
        value(field, what, size)
    }

    /// The value of a store, with or without `=`, if there is one.
    fn stored(&mut self, size: u8) -> Result<Option<u64>, Fault> {
        let Some(mut field) = self.fields.next() else { return Ok(None) };
        if let Some(text) = field.text.strip_prefix('=') {
            field = if text.is_empty() {
                self.next("value")?
            } else {
                Field { text, column: field.column + 1 }
            };
        }
        value(field, "value", size).map(Some)
    }
}

/// A value of `size` bytes; a negative one as its complement.
fn value(field: Field<'_>, what: &'static str, size: u8) -> Result<u64, Fault> {
    let (minus, digits) = match field.text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, field.text),
    };
    let n = number(digits)
        .map_err(|why| (field.column, bad_number(what, field.text, why, value_mask(size))))?;
    let mask = value_mask(size);
    let fits = if minus { n <= mask / 2 + 1 } else { n <= mask };
    if !fits {
        let found = quoted(field.text);
        return Err((field.column, ErrorKind::ValueTooLarge { found, size: size.min(8) }));
    }
    Ok(if minus { n.wrapping_neg() & mask } else { n })
}

fn within(field: Field<'_>, what: &'static str, max: u64) -> Result<u64, Fault> {
    let n = number(field.text);
    match n {
        Ok(n) if n <= max => Ok(n),
        Ok(_) => Err((field.column, bad_number(what, field.text, "it is too large", max))),
        Err(why) => Err((field.column, bad_number(what, field.text, why, max))),
    }
}

fn bad_number(what: &'static str, found: &str, why: &'static str, max: u64) -> ErrorKind {
    ErrorKind::BadNumber { what, found: quoted(found), why, max }
}
