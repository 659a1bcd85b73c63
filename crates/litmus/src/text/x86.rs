//! Instructions of X86: destination first, as in `MOV EAX,[x]`; or last where operands are marked in the
//! manner of AT&T, as in `movl (x),%eax`.

use super::builder::{Builder, Draft, FLAGS, Known};
use super::columns::{Cell, Jump};
use super::tokens::{Parsed, Tokens};
use crate::program::{Alu, Branch, Fence, Instr, LoadOrder, Operand, Place, Reg, Rmw};

const REGISTERS: [&str; 8] = ["AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP"];
const OPERANDS: &str = "write a register (EAX, %eax), a location (`[x]`, `(x)`) or a number (`$1`)";
const KNOWN: &str = "use MOV, MFENCE, SFENCE, LFENCE, XCHG, XADD, CMPXCHG, ADD, SUB, INC, DEC, XOR, AND, CMP, \
                     TEST, JE, JNE, JMP or NOP; LOCK with those that add to memory or exchange with it";
/// Instructions with operands; they may have a size behind them, as in MOVL.
const SIZED: [&str; 12] =
    ["MOV", "XCHG", "XADD", "CMPXCHG", "XOR", "ADD", "SUB", "AND", "INC", "DEC", "CMP", "TEST"];
const LOCKABLE: &str =
    "leave LOCK out, or put it before XADD, CMPXCHG, XCHG, ADD, SUB, INC or DEC of a location";

/// The one name of a register: `EAX` for `rax`.
pub(super) fn register_name(name: &str) -> Option<String> {
    let name = name.to_ascii_uppercase();
    if let Some(short) = name.strip_prefix(['E', 'R'])
        && REGISTERS.contains(&short)
    {
        return Some(format!("E{short}"));
    }
    let number: u32 = name.strip_prefix('R')?.trim_end_matches('D').parse().ok()?;
    (8..=15).contains(&number).then(|| format!("R{number}"))
}

/// An operand.
#[derive(Clone, PartialEq, Eq)]
enum Value {
    Reg(Reg),
    Const(u64),
    Memory(Place),
}

pub(super) fn instruction(
    tokens: &mut Tokens,
    builder: &mut Builder,
    thread: usize,
) -> Parsed<Cell> {
    let locked = tokens.take("LOCK");
    let word = tokens.peek().to_ascii_uppercase();
    let sized = |base: &&str| {
        word.strip_prefix(*base).is_some_and(|size| matches!(size, "" | "B" | "W" | "L" | "Q"))
    };
    if let Some(base) = SIZED.into_iter().find(sized) {
        let place = tokens.place();
        tokens.next();
        if !with_operands(base, locked, tokens, builder, thread)? {
            return Err(tokens.fault_at(place, "LOCK does not go with this", LOCKABLE));
        }
        return Ok(Cell::Nothing);
    }
    if locked {
        return Err(tokens.fault("LOCK does not go with this", LOCKABLE));
    }
    let fence = match word.as_str() {
        "MFENCE" => Fence::Full,
        "SFENCE" => Fence::Stores,
        "LFENCE" => Fence::Loads,
        "NOP" => {
            tokens.next();
            return Ok(Cell::Nothing);
        }
        "JE" | "JZ" | "JNE" | "JNZ" | "JMP" => {
            tokens.next();
            let label = tokens.name("a label", "name a label further down")?;
            let flags = Operand::Reg(builder.threads[thread].register(FLAGS));
            let when = match word.as_str() {
                "JE" | "JZ" => Branch::Zero(flags),
                "JMP" => Branch::Always,
                _ => Branch::NotZero(flags),
            };
            return Ok(Cell::Jump(Jump { when, label }));
        }
        _ => return Err(tokens.fault("it is no instruction of the subset", KNOWN)),
    };
    tokens.next();
    Ok(Cell::Instr(Instr::Fence(fence)))
}

/// An instruction behind its name. `false`: it cannot be locked.
fn with_operands(
    base: &str,
    locked: bool,
    tokens: &mut Tokens,
    builder: &mut Builder,
    thread: usize,
) -> Parsed<bool> {
    let (to, from) = if matches!(base, "INC" | "DEC") {
        (value(tokens, builder, thread)?.0, Value::Const(1))
    } else {
        pair(tokens, builder, thread)?
    };
    let draft = &mut builder.threads[thread];
    if matches!((&to, &from), (Value::Memory(_), Value::Memory(_))) {
        return Err(tokens.fault_before("both operands are in memory", OPERANDS));
    }
    if matches!(to, Value::Const(_)) && !matches!(base, "CMP" | "TEST") {
        return Err(tokens.fault_before("a number cannot be written to", OPERANDS));
    }
    let address = |value: &Value| matches!(value, Value::Reg(reg) if matches!(draft.known[*reg], Some(Known::Address(_))));
    if address(&from) || base != "MOV" && address(&to) {
        let what = "an address is used as a value";
        return Err(tokens.fault_before(what, "use the register in brackets only"));
    }
    let alu = match base {
        "MOV" => return Ok(moved(to, from, draft) && !locked),
        "XCHG" | "XADD" | "CMPXCHG" => {
            let ((Value::Memory(at), Value::Reg(reg)) | (Value::Reg(reg), Value::Memory(at))) =
                (to, from)
            else {
                return Err(tokens.fault_before("memory and a register are exchanged", OPERANDS));
            };
            match base {
                "CMPXCHG" => compared(locked, at, reg, draft),
                "XADD" => exchanged_added(locked, at, reg, draft),
                // Locked by itself.
                _ => draft.push(locked_rmw(Some(reg), at, Rmw::Swap, Operand::Reg(reg))),
            }
            return Ok(true);
        }
        "INC" | "ADD" => Alu::Add,
        "DEC" | "SUB" | "CMP" => Alu::Sub,
        "AND" | "TEST" => Alu::And,
        _ => Alu::Xor,
    };
    if locked {
        let (Value::Memory(at), false) = (to, matches!(base, "CMP" | "TEST")) else {
            return Ok(false);
        };
        return Ok(locked_sum(alu, at, from, draft));
    }
    computed(alu, (to, from), !matches!(base, "CMP" | "TEST"), draft);
    Ok(true)
}

/// The value of an operand, loaded into a register in between if it is in memory.
fn fetched(value: Value, draft: &mut Draft) -> Operand {
    match value {
        Value::Reg(reg) => Operand::Reg(reg),
        Value::Const(value) => Operand::Const(value),
        Value::Memory(at) => {
            let to = draft.scratch();
            draft.push(Instr::Load { to, at, order: LoadOrder::Plain });
            Operand::Reg(to)
        }
    }
}

/// `MOV`.
fn moved(to: Value, from: Value, draft: &mut Draft) -> bool {
    match (to, from) {
        (Value::Reg(to), Value::Memory(at)) => {
            draft.push(Instr::Load { to, at, order: LoadOrder::Plain });
        }
        (Value::Memory(at), from) => {
            let value = fetched(from, draft);
            draft.push(Instr::Store { value, at, release: false });
        }
        (Value::Reg(to), from) => {
            let from = fetched(from, draft);
            draft.set(to, from);
        }
        (Value::Const(_), _) => {}
    }
    true
}

/// Computes from two operands; the first becomes the result where it is `kept`, and the flags tell of it. Of a
/// location, by a load and a store: nothing keeps others from writing in between.
fn computed(alu: Alu, (to, from): (Value, Value), kept: bool, draft: &mut Draft) {
    let (a, b) = (fetched(to.clone(), draft), fetched(from, draft));
    let flags = draft.register(FLAGS);
    draft.compute(flags, alu, a, b);
    let value = Operand::Reg(flags);
    match to {
        Value::Reg(to) if kept => draft.set(to, value),
        Value::Memory(at) if kept => draft.push(Instr::Store { value, at, release: false }),
        _ => {}
    }
}

/// An addition to a location, or a subtraction, in one. `false`: it is neither.
fn locked_sum(alu: Alu, at: Place, from: Value, draft: &mut Draft) -> bool {
    let by = fetched(from, draft);
    let by = match (alu, by) {
        (Alu::Add, by) => by,
        (Alu::Sub, Operand::Const(by)) => Operand::Const(by.wrapping_neg()),
        (Alu::Sub, by) => {
            let negated = draft.scratch();
            draft.compute(negated, Alu::Sub, Operand::Const(0), by);
            Operand::Reg(negated)
        }
        _ => return false,
    };
    let (old, flags) = (draft.scratch(), draft.register(FLAGS));
    draft.push(locked_rmw(Some(old), at, Rmw::Add, by));
    draft.compute(flags, Alu::Add, Operand::Reg(old), by);
    true
}

const fn locked_rmw(to: Option<Reg>, at: Place, rmw: Rmw, operand: Operand) -> Instr {
    Instr::Rmw { to, at, rmw, operand, acquire: true, release: true, full: true }
}

/// `XADD [x],ECX`: the sum into memory, what was there into ECX.
fn exchanged_added(locked: bool, at: Place, reg: Reg, draft: &mut Draft) {
    let (flags, own) = (draft.register(FLAGS), Operand::Reg(reg));
    if locked {
        let by = draft.scratch();
        draft.set(by, own);
        draft.push(locked_rmw(Some(reg), at, Rmw::Add, own));
        draft.compute(flags, Alu::Add, own, Operand::Reg(by));
        return;
    }
    let old = fetched(Value::Memory(at.clone()), draft);
    draft.compute(flags, Alu::Add, old, own);
    draft.push(Instr::Store { value: Operand::Reg(flags), at, release: false });
    draft.set(reg, old);
}

/// `CMPXCHG [x],ECX`: EAX is what is expected, and then what was found. The location is written even if that is
/// something else: with what was found.
/// Source: Intel, *Software Developer's Manual*, volume 2, CMPXCHG.
fn compared(locked: bool, at: Place, new: Reg, draft: &mut Draft) {
    let (eax, flags) = (draft.register("EAX"), draft.register(FLAGS));
    let (expected, operand) = (Operand::Reg(eax), Operand::Reg(new));
    if locked {
        draft.set(flags, expected);
        let rmw = Rmw::CompareSwap { expected, orders_failed: true };
        draft.push(locked_rmw(Some(eax), at, rmw, operand));
        // Zero if what was found is what was expected.
        draft.compute(flags, Alu::Sub, Operand::Reg(flags), Operand::Reg(eax));
        return;
    }
    let old = fetched(Value::Memory(at.clone()), draft);
    let written = draft.scratch();
    draft.compute(flags, Alu::Sub, expected, old);
    draft.set(written, operand);
    let found = draft.branch(Branch::Zero(Operand::Reg(flags)));
    draft.set(written, old);
    draft.land(found);
    draft.push(Instr::Store { value: Operand::Reg(written), at, release: false });
    draft.set(eax, old);
}

/// Two operands, the destination first, however they are written.
fn pair(tokens: &mut Tokens, builder: &mut Builder, thread: usize) -> Parsed<(Value, Value)> {
    let (first, marked) = value(tokens, builder, thread)?;
    tokens.expect(",", "put `,` between operands")?;
    let (second, also) = value(tokens, builder, thread)?;
    Ok(if marked || also { (second, first) } else { (first, second) })
}

/// An operand, and whether it is marked in the manner of AT&T: `%eax`, `(x)`.
fn value(tokens: &mut Tokens, builder: &mut Builder, thread: usize) -> Parsed<(Value, bool)> {
    if tokens.take("$") || tokens.is_number() {
        return Ok((Value::Const(tokens.number()?), false));
    }
    for (opens, closes) in [("[", "]"), ("(", ")")] {
        if tokens.take(opens) {
            let place = place(tokens, builder, thread)?;
            tokens.expect(closes, OPERANDS)?;
            return Ok((Value::Memory(place), opens == "("));
        }
    }
    let marked = tokens.take("%");
    let name = register_name(tokens.peek())
        .ok_or_else(|| tokens.fault("an operand is expected here", OPERANDS))?;
    tokens.next();
    Ok((Value::Reg(builder.threads[thread].register(&name)), marked))
}

/// What stands in the brackets: a location, or a register that holds the address of one from the start.
fn place(tokens: &mut Tokens, builder: &mut Builder, thread: usize) -> Parsed<Place> {
    tokens.take("%");
    let name = tokens.name("a location", OPERANDS)?;
    let Some(register) = register_name(&name) else {
        return Ok(Place { loc: builder.location(&name), depends: Vec::new() });
    };
    let draft = &mut builder.threads[thread];
    let reg = draft.register(&register);
    match &draft.known[reg] {
        Some(Known::Address(place)) => Ok(place.clone()),
        _ => Err(tokens.fault_before("the register holds no address of a location", OPERANDS)),
    }
}
