//! Instructions of X86: destination first, as in `MOV EAX,[x]`; or last where operands are marked in the
//! manner of AT&T, as in `movl (x),%eax`.

use super::builder::{Builder, Known};
use super::columns::{Cell, Jump};
use super::tokens::{Parsed, Tokens};
use crate::program::{Alu, Branch, Fence, Instr, LoadOrder, Operand, Place, Reg, Rmw};

const REGISTERS: [&str; 8] = ["AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP"];
const OPERANDS: &str = "write a register (EAX, %eax), a location (`[x]`, `(x)`) or a number (`$1`)";
const KNOWN: &str = "use MOV, MFENCE, SFENCE, LFENCE, XCHG, LOCK with XADD, CMPXCHG, ADD, INC or DEC, XOR, \
                     ADD, CMP, JE, JNE, JMP or NOP";
/// Instructions with operands; they may have a size behind them, as in MOVL.
const SIZED: [&str; 9] = ["MOV", "XCHG", "XADD", "CMPXCHG", "XOR", "ADD", "INC", "DEC", "CMP"];
/// What the last comparison left: zero if it found both alike; the blank keeps it apart from all names.
const FLAGS: &str = " flags";

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
enum Value {
    Reg(Reg),
    Const(u64),
    Memory(Place),
}

impl Value {
    /// What it is where no memory is meant.
    fn operand(&self) -> Option<Operand> {
        match *self {
            Self::Reg(reg) => Some(Operand::Reg(reg)),
            Self::Const(value) => Some(Operand::Const(value)),
            Self::Memory(_) => None,
        }
    }
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
    let base = SIZED.into_iter().find(sized);
    if let Some(base) = base {
        tokens.next();
        return with_operands(base, locked, tokens, builder, thread);
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

fn with_operands(
    base: &str,
    locked: bool,
    tokens: &mut Tokens,
    builder: &mut Builder,
    thread: usize,
) -> Parsed<Cell> {
    let instr = match base {
        "MOV" => moved(tokens, builder, thread)?,
        "XCHG" | "XADD" => exchanged(base == "XADD", tokens, builder, thread)?,
        "CMPXCHG" => return compared(tokens, builder, thread),
        "INC" | "DEC" => {
            let by = Operand::Const(if base == "INC" { 1 } else { u64::MAX });
            match value(tokens, builder, thread)?.0 {
                Value::Reg(to) => Instr::Compute { to, alu: Alu::Add, a: Operand::Reg(to), b: by },
                Value::Memory(at) => added(locked, at, by, tokens)?,
                Value::Const(_) => {
                    return Err(tokens.fault_before("a number cannot be written to", OPERANDS));
                }
            }
        }
        _ => {
            let (to, from) = pair(tokens, builder, thread)?;
            let Some(from) = from.operand() else {
                return Err(tokens.fault_before("memory cannot be computed with here", KNOWN));
            };
            match (to, base) {
                (Value::Reg(a), "CMP") => {
                    let to = builder.threads[thread].register(FLAGS);
                    Instr::Compute { to, alu: Alu::Sub, a: Operand::Reg(a), b: from }
                }
                (Value::Reg(to), _) => {
                    let alu = if base == "XOR" { Alu::Xor } else { Alu::Add };
                    Instr::Compute { to, alu, a: Operand::Reg(to), b: from }
                }
                (Value::Memory(at), "ADD") => added(locked, at, from, tokens)?,
                _ => return Err(tokens.fault_before("memory cannot be computed with here", KNOWN)),
            }
        }
    };
    Ok(Cell::Instr(instr))
}

/// An addition to memory, which is an atomic if it is locked.
fn added(locked: bool, at: Place, operand: Operand, tokens: &mut Tokens) -> Parsed<Instr> {
    if !locked {
        let what = "memory is added to by two accesses where there is no LOCK";
        return Err(tokens.fault_before(what, "put LOCK before it, or load, add and store"));
    }
    let (rmw, acquire, release, full) = (Rmw::Add, true, true, true);
    Ok(Instr::Rmw { to: None, at, rmw, operand, acquire, release, full })
}

/// `CMPXCHG [x],ECX`: EAX is what is expected, and then what was found; taken to be locked.
fn compared(tokens: &mut Tokens, builder: &mut Builder, thread: usize) -> Parsed<Cell> {
    let (Value::Memory(at), Value::Reg(new)) = pair(tokens, builder, thread)? else {
        return Err(tokens.fault_before("memory and a register are exchanged", OPERANDS));
    };
    let draft = &mut builder.threads[thread];
    let (eax, flags) = (draft.register("EAX"), draft.register(FLAGS));
    let expected = Operand::Reg(eax);
    let compute = |to, alu, a, b| Instr::Compute { to, alu, a, b };
    draft.push(compute(flags, Alu::Move, expected, Operand::Const(0)));
    draft.push(Instr::Rmw {
        to: Some(eax),
        at,
        rmw: Rmw::CompareSwap(expected),
        operand: Operand::Reg(new),
        acquire: true,
        release: true,
        full: true,
    });
    // Zero if what was found is what was expected.
    Ok(Cell::Instr(compute(flags, Alu::Sub, Operand::Reg(flags), Operand::Reg(eax))))
}

fn moved(tokens: &mut Tokens, builder: &mut Builder, thread: usize) -> Parsed<Instr> {
    let (to, from) = pair(tokens, builder, thread)?;
    match (to, from) {
        (Value::Reg(to), Value::Memory(at)) => Ok(Instr::Load { to, at, order: LoadOrder::Plain }),
        (Value::Memory(at), from) => match from.operand() {
            Some(value) => Ok(Instr::Store { value, at, release: false }),
            None => Err(tokens.fault_before("both operands are in memory", OPERANDS)),
        },
        (Value::Reg(to), from) => {
            let a = from.operand().unwrap_or(Operand::Const(0));
            Ok(Instr::Compute { to, alu: Alu::Move, a, b: Operand::Const(0) })
        }
        (Value::Const(_), _) => Err(tokens.fault_before("a number cannot be written to", OPERANDS)),
    }
}

/// `XCHG` of memory and a register is locked by itself; `XADD` is taken to be.
fn exchanged(
    add: bool,
    tokens: &mut Tokens,
    builder: &mut Builder,
    thread: usize,
) -> Parsed<Instr> {
    let (at, reg) = match pair(tokens, builder, thread)? {
        (Value::Memory(at), Value::Reg(reg)) => (at, reg),
        (Value::Reg(reg), Value::Memory(at)) if !add => (at, reg),
        _ => return Err(tokens.fault_before("memory and a register are exchanged", OPERANDS)),
    };
    Ok(Instr::Rmw {
        to: Some(reg),
        at,
        rmw: if add { Rmw::Add } else { Rmw::Swap },
        operand: Operand::Reg(reg),
        acquire: true,
        release: true,
        full: true,
    })
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
