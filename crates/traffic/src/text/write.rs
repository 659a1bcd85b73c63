//! Records to text that reads back as the same records.

use std::io::{self, Write};
use std::path::Path;

use base::{Op, Order, Record, Rmw, Scope, ThreadIdx};

use crate::error::TraceError;
use crate::trace::Trace;

/// Writes `trace` in the text form, in the recorded interleaving; where that is not known, with
/// `@unordered` and thread after thread.
///
/// `#` in the name or provenance would start a comment and is written as `*`.
///
/// # Errors
/// If the trace is damaged or `out` refuses.
pub fn write_text(trace: &Trace, out: &mut impl Write) -> Result<(), TraceError> {
    let failed = |e| TraceError::io(Path::new("<output>"), "write the text", e);
    let info = trace.info();
    write_header(out, &info.name, &info.provenance, info.threads).map_err(failed)?;
    if info.ordered {
        for record in trace.interleaved()? {
            let Record { thread, op } = record?;
            write_op(out, thread, &op).map_err(failed)?;
        }
        return out.flush().map_err(failed);
    }
    writeln!(out, "@unordered").map_err(failed)?;
    for thread in (0..info.threads).map(ThreadIdx) {
        for op in trace.stream(thread)? {
            write_op(out, thread, &op?).map_err(failed)?;
        }
    }
    out.flush().map_err(failed)
}

fn write_header(
    out: &mut impl Write,
    name: &str,
    provenance: &str,
    threads: u32,
) -> io::Result<()> {
    for (word, text) in [("@name", name), ("@provenance", provenance)] {
        if !text.is_empty() {
            writeln!(out, "{word} {}", text.replace('#', "*"))?;
        }
    }
    writeln!(out, "@threads {threads}")
}

fn write_op(out: &mut impl Write, thread: ThreadIdx, op: &Op) -> io::Result<()> {
    let t = thread.0;
    let (op, scope) = op.split();
    let at = if scope == Scope::Package { ".package" } else { "" };
    match op {
        Op::Load { addr, size } => writeln!(out, "{t} load {addr} {size}"),
        Op::Store { addr, size, value: None } => writeln!(out, "{t} store {addr} {size}"),
        Op::Store { addr, size, value: Some(v) } => {
            writeln!(out, "{t} store {addr} {size} ={v:#x}")
        }
        Op::Acquire { addr, size, sc: false } => writeln!(out, "{t} acquire{at} {addr} {size}"),
        Op::Acquire { addr, size, sc: true } => writeln!(out, "{t} acquire_sc{at} {addr} {size}"),
        Op::Release { addr, size, value: None } => writeln!(out, "{t} release{at} {addr} {size}"),
        Op::Release { addr, size, value: Some(v) } => {
            writeln!(out, "{t} release{at} {addr} {size} ={v:#x}")
        }
        Op::Order(Order::Loads) => writeln!(out, "{t} fence_loads"),
        Op::Order(Order::Stores) => writeln!(out, "{t} fence_stores"),
        Op::Atomic { addr, size, rmw: Rmw::Add(v) } => {
            writeln!(out, "{t} add{at} {addr} {size} {v:#x}")
        }
        Op::Atomic { addr, size, rmw: Rmw::Swap(v) } => {
            writeln!(out, "{t} swap{at} {addr} {size} {v:#x}")
        }
        Op::Atomic { addr, size, rmw: Rmw::Cas { expected, new } } => {
            writeln!(out, "{t} cas{at} {addr} {size} {expected:#x} {new:#x}")
        }
        Op::Fence => writeln!(out, "{t} fence{at}"),
        Op::Barrier { id, members } => writeln!(out, "{t} barrier {id} {members}"),
        Op::Reduce { id, members, how, value } => {
            writeln!(out, "{t} reduce {id} {members} {} {value:#x}", how.name())
        }
        Op::At { count } => writeln!(out, "{t} at {count}"),
        Op::Think { cycles } => writeln!(out, "{t} think {cycles}"),
        Op::Copy { from, to, bytes } => writeln!(out, "{t} copy {from} {to} {bytes}"),
        Op::Package(_) => Ok(()),
    }
}
