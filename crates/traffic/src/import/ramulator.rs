//! CPU traces of Ramulator: `<bubbles> <load address> [<writeback address>]` a line.
//!
//! Bubbles are instructions without memory access in front of the load; the optional third number
//! is the address of a dirty line that the load evicts (Ramulator's README, "CPU traces").
//! Addresses are decimal, or hexadecimal with `0x`. Each load becomes a load of the whole line of
//! 64 bytes, each writeback a store of one: the traces were filtered by a cache of that line size.

use std::io::Read;

use base::{Addr, LINE_BYTES, Op, Record};

use super::{Imported, Options};
use crate::binary::writer::Writer;
use crate::error::{ErrorKind, TraceError, quoted};
use crate::lines::{Field, Fields, Lines, number};

const MEND: &str = "give lines `<bubbles> <load address> [<writeback address>]`, \
                    numbers decimal or with `0x` in front";

/// Appends the accesses of a Ramulator CPU trace to `writer`.
///
/// # Errors
/// At the first line that is no record, or if there is none.
pub fn import_ramulator(
    reader: impl Read,
    options: &Options,
    writer: &mut Writer,
) -> Result<Imported, TraceError> {
    let mut lines = Lines::new(reader, &options.path)?;
    let before = super::begin(writer);
    let mut told = Imported::default();
    while let Some(line) = lines.next_line()? {
        told.lines += 1;
        let parsed = match parse(line, options.cycles_per_instruction) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => {
                told.skipped += 1;
                continue;
            }
            Err((column, kind)) => return Err(lines.fault(column, kind)),
        };
        told.instructions += u64::from(parsed.bubbles);
        let think = (parsed.cycles > 0).then_some(Op::Think { cycles: parsed.cycles });
        let load = Op::Load { addr: parsed.load, size: 64 };
        let store = parsed.store.map(|addr| Op::Store { addr, size: 64, value: None });
        for op in [think, Some(load), store].into_iter().flatten() {
            writer.push(Record { thread: options.thread, op })?;
        }
    }
    told.records = writer.records() - before;
    if told.records == 0 {
        let without = "all lines of the Ramulator trace are blank";
        return Err(super::nothing(&options.path, &told, without, MEND));
    }
    Ok(told)
}

struct Parsed {
    bubbles: u32,
    cycles: u32,
    load: Addr,
    store: Option<Addr>,
}

fn parse(line: &str, cycles_per_bubble: u32) -> Result<Option<Parsed>, (u64, ErrorKind)> {
    let what = "a Ramulator record";
    let mut fields = Fields::new(line);
    let Some(first) = fields.next() else { return Ok(None) };
    let bubbles = u32::try_from(take(first)?)
        .map_err(|_| (first.column, fault(first.text, what, "too many bubbles for 32 bits")))?;
    let cycles = bubbles.checked_mul(cycles_per_bubble).ok_or_else(|| {
        (first.column, fault(first.text, what, "its bubbles take more cycles than 32 bits hold"))
    })?;
    let Some(load) = fields.next() else {
        return Err((fields.column(), fault(line, what, "the load address is missing")));
    };
    let load = line_of(load)?;
    let store = fields.next().map(line_of).transpose()?;
    if let Some(extra) = fields.next() {
        return Err((extra.column, fault(extra.text, what, "a record has at most three numbers")));
    }
    Ok(Some(Parsed { bubbles, cycles, load, store }))
}

fn take(field: Field<'_>) -> Result<u64, (u64, ErrorKind)> {
    number(field.text).map_err(|why| (field.column, fault(field.text, "a number", why)))
}

/// The first byte of the line that holds an address.
fn line_of(field: Field<'_>) -> Result<Addr, (u64, ErrorKind)> {
    let addr = Addr(take(field)?).line().addr();
    if addr.0.checked_add(LINE_BYTES).is_none() {
        let why = "its line runs past the end of the address space";
        return Err((field.column, fault(field.text, "an address", why)));
    }
    Ok(addr)
}

fn fault(found: &str, format: &'static str, why: &'static str) -> ErrorKind {
    ErrorKind::BadImport { format, found: quoted(found), why, mend: MEND }
}
