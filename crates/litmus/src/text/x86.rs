//! Instructions of X86, destination first.

use super::builder::{Builder, Draft};
use super::columns::Cell;
use super::tokens::{Parsed, Tokens};
use crate::program::{Alu, Fence, Instr, LoadOrder, Operand, Place, Reg, Rmw};

const REGISTERS: [&str; 8] = ["AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP"];
const OPERANDS: &str = "write a register (EAX), a location (`[x]`) or a number (`$1`)";
const KNOWN: &str = "use MOV, MFENCE, SFENCE, LFENCE, XCHG, XADD, LOCK XADD, XOR, ADD or NOP";

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
    tokens.take("LOCK");
    let word = tokens.peek().to_ascii_uppercase();
    let instr = match word.as_str() {
        "MOV" | "MOVL" | "MOVQ" => moved(tokens, builder, thread)?,
        "XCHG" | "XADD" => exchanged(word == "XADD", tokens, builder, thread)?,
        "XOR" | "ADD" => {
            tokens.next();
            let (to, from) = pair(tokens, builder, thread)?;
            let (Value::Reg(to), Some(from)) = (to, from.operand()) else {
                return Err(tokens.fault_before("memory cannot be computed with here", KNOWN));
            };
            let alu = if word == "XOR" { Alu::Xor } else { Alu::Add };
            Instr::Compute { to, alu, a: Operand::Reg(to), b: from }
        }
        "MFENCE" => {
            tokens.next();
            Instr::Fence(Fence::Full)
        }
        "SFENCE" => {
            tokens.next();
            Instr::Fence(Fence::Stores)
        }
        "LFENCE" => {
            tokens.next();
            Instr::Fence(Fence::Loads)
        }
        "NOP" => {
            tokens.next();
            return Ok(Cell::Nothing);
        }
        _ => return Err(tokens.fault("it is no instruction of the subset", KNOWN)),
    };
    Ok(Cell::Instr(instr))
}

fn moved(tokens: &mut Tokens, builder: &mut Builder, thread: usize) -> Parsed<Instr> {
    tokens.next();
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
    tokens.next();
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

fn pair(tokens: &mut Tokens, builder: &mut Builder, thread: usize) -> Parsed<(Value, Value)> {
    let first = value(tokens, builder, thread)?;
    tokens.expect(",", "put `,` between operands")?;
    Ok((first, value(tokens, builder, thread)?))
}

fn value(tokens: &mut Tokens, builder: &mut Builder, thread: usize) -> Parsed<Value> {
    if tokens.take("$") || tokens.is_number() {
        return Ok(Value::Const(tokens.number()?));
    }
    if tokens.take("[") {
        let name = tokens.name("a location", OPERANDS)?;
        if register_name(&name).is_some() {
            return Err(
                tokens.fault_before("addresses in registers are not of the subset", OPERANDS)
            );
        }
        tokens.expect("]", OPERANDS)?;
        let loc = builder.location(&name);
        return Ok(Value::Memory(Place { loc, depends: Vec::new() }));
    }
    let name = register_name(tokens.peek())
        .ok_or_else(|| tokens.fault("an operand is expected here", OPERANDS))?;
    tokens.next();
    let draft: &mut Draft = &mut builder.threads[thread];
    Ok(Value::Reg(draft.register(&name)))
}
