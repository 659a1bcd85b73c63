//! The output of `valgrind --tool=lackey --trace-mem=yes`.
//!
//! Lines are `I  addr,size`, ` L addr,size`, ` S addr,size` and ` M addr,size` (an instruction, a
//! load, a store, a load and store of the same bytes), addresses in bare hexadecimal, sizes in
//! decimal (valgrind manual, chapter 13). Instructions become think time in front of the next
//! access. Lines of valgrind itself (`==pid==`, `--pid--`, `**pid**`) are skipped.

use std::io::Read;

use base::{Addr, Op, Record};

use super::{Imported, Options};
use crate::binary::writer::Writer;
use crate::error::{ErrorKind, TraceError, quoted};
use crate::lines::Lines;
use crate::split::split;

/// The widest access that is believed: far beyond any instruction but `fxsave` and `xsave`.
const SIZE_MAX: u64 = 4096;

const MEND: &str = "trace with `valgrind --tool=lackey --trace-mem=yes --log-file=FILE PROGRAM`";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Instruction,
    Load,
    Store,
    Modify,
}

/// Appends the accesses of a lackey trace to `writer`.
///
/// # Errors
/// At the first line that is neither a record nor valgrind's, or if there is no access at all.
pub fn import_lackey(
    reader: impl Read,
    options: &Options,
    writer: &mut Writer,
) -> Result<Imported, TraceError> {
    let mut lines = Lines::new(reader, &options.path)?;
    let before = super::begin(writer);
    let mut told = Imported::default();
    let mut think = 0_u64;
    let put = |writer: &mut Writer, op| writer.push(Record { thread: options.thread, op });
    while let Some(line) = lines.next_line()? {
        told.lines += 1;
        if chatter(line) {
            told.skipped += 1;
            continue;
        }
        let (kind, addr, size) = match parse(line) {
            Ok(access) => access,
            Err((column, kind)) => return Err(lines.fault(column, kind)),
        };
        if kind == Kind::Instruction {
            told.instructions += 1;
            think += u64::from(options.cycles_per_instruction);
            continue;
        }
        while think > 0 {
            let cycles = u32::try_from(think).unwrap_or(u32::MAX);
            put(writer, Op::Think { cycles })?;
            think -= u64::from(cycles);
        }
        if kind != Kind::Store {
            split(addr, size, |addr, size| put(writer, Op::Load { addr, size }))?;
        }
        if kind != Kind::Load {
            split(addr, size, |addr, size| put(writer, Op::Store { addr, size, value: None }))?;
        }
    }
    told.records = writer.records() - before;
    if told.records == 0 {
        let without = "no line of the lackey trace is a data access";
        return Err(super::nothing(&options.path, &told, without, MEND));
    }
    Ok(told)
}

/// Whether valgrind says this of itself.
fn chatter(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || ["==", "--", "**"].iter().any(|mark| {
            let rest = line.strip_prefix(mark);
            rest.is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()))
        })
}

fn parse(line: &str) -> Result<(Kind, Addr, u64), (u64, ErrorKind)> {
    let fault = |column: u64, found: &str, why| {
        let kind = ErrorKind::BadImport {
            format: "a lackey record",
            found: quoted(found),
            why,
            mend: "trace with `valgrind --tool=lackey --trace-mem=yes --log-file=FILE PROGRAM`, \
                   which keeps the program's own output out",
        };
        (column, kind)
    };
    let kind = match line.get(..3) {
        Some("I  ") => Kind::Instruction,
        Some(" L ") => Kind::Load,
        Some(" S ") => Kind::Store,
        Some(" M ") => Kind::Modify,
        _ => return Err(fault(1, line, "it starts with none of `I  `, ` L `, ` S `, ` M `")),
    };
    let rest = line[3..].trim_end();
    let Some((addr, size)) = rest.split_once(',') else {
        return Err(fault(4, rest, "it has no comma between address and size"));
    };
    let hex = !addr.is_empty() && addr.bytes().all(|b| b.is_ascii_hexdigit());
    let addr = match u64::from_str_radix(addr, 16) {
        Ok(n) if hex => n,
        _ => return Err(fault(4, addr, "the address is no hexadecimal number of 64 bits")),
    };
    let column = 4 + rest.find(',').unwrap_or(0) as u64 + 1;
    let decimal = !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit());
    let size = match size.parse::<u64>() {
        Ok(n) if decimal && (1..=SIZE_MAX).contains(&n) => n,
        _ => return Err(fault(column, size, "the size is no number from 1 to 4096")),
    };
    if addr.checked_add(size).is_none() {
        return Err(fault(4, rest, "it runs past the end of the address space"));
    }
    Ok((kind, Addr(addr), size))
}
