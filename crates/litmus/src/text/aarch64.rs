//! Instructions of AArch64.
//!
//! A register that holds the address of a location is known to do so from the initial values, or
//! from the sum of such a register and one that is zero by construction (`EOR W2,W0,W0`).

use super::builder::{Builder, Draft, FLAGS, Known};
use super::columns::{Cell, Jump};
use super::tokens::{Parsed, Tokens};
use crate::program::{Alu, Branch, Fence, Instr, LoadOrder, LocIdx, Operand, Place, Reg, Rmw};

const REGISTERS: &str = "write a register X0 to X30, W0 to W30, XZR or WZR";
const ADDRESS: &str = "write `[Xn]` or `[Xn,Wm,SXTW]`, with `0:Xn=x;` among the initial values and \
                       Wm made zero by `EOR Wm,Wk,Wk`";
const KNOWN: &str = "use MOV, LDR, LDAR, LDAPR, STR, STLR, LDXR, LDAXR, STXR, STLXR, LDADD, SWP, CAS, \
                     STADD, EOR, ADD, SUB, AND, CMP, CBZ, CBNZ, B, B.EQ, B.NE, DMB, DSB, ISB or NOP";
/// What the last exclusive load of a thread has read; the blank keeps it apart from all names.
const EXCLUSIVE: &str = " exclusive";
/// The location of the last exclusive load, and 1; 0 behind an exclusive store, and at first.
const MONITOR: &str = " monitor";

/// The one name of a register: `X3` for `w3`.
pub(super) fn register_name(name: &str) -> Option<String> {
    let name = name.to_ascii_uppercase();
    if matches!(name.as_str(), "XZR" | "WZR") {
        return Some("XZR".to_owned());
    }
    let number: u32 = name.strip_prefix(['X', 'W'])?.parse().ok()?;
    (number <= 30).then(|| format!("X{number}"))
}

pub(super) fn instruction(
    tokens: &mut Tokens,
    builder: &mut Builder,
    thread: usize,
) -> Parsed<Cell> {
    let word = tokens.peek().to_ascii_uppercase();
    let draft = &mut builder.threads[thread];
    let instr = match word.as_str() {
        "LDR" | "LDAR" | "LDAPR" => {
            tokens.next();
            let to = register(tokens, draft)?;
            let at = address(tokens, draft)?;
            let order = match word.as_str() {
                "LDR" => LoadOrder::Plain,
                "LDAR" => LoadOrder::AcquireSc,
                _ => LoadOrder::Acquire,
            };
            Instr::Load { to, at, order }
        }
        "LDXR" | "LDAXR" => {
            tokens.next();
            load_exclusive(&word, tokens, draft)?
        }
        "STXR" | "STLXR" => {
            tokens.next();
            store_exclusive(&word, tokens, draft)?
        }
        "STR" | "STLR" => {
            tokens.next();
            let value = operand(tokens, draft)?;
            let at = address(tokens, draft)?;
            Instr::Store { value, at, release: word == "STLR" }
        }
        "MOV" | "EOR" | "ADD" | "SUB" | "AND" => {
            tokens.next();
            return compute(&word, tokens, draft);
        }
        "CBZ" | "CBNZ" | "B" | "B.EQ" | "B.NE" => {
            tokens.next();
            return branch(&word, tokens, draft);
        }
        "CMP" => {
            tokens.next();
            let a = operand(tokens, draft)?;
            comma(tokens)?;
            let b = operand(tokens, draft)?;
            Instr::Compute { to: draft.register(FLAGS), alu: Alu::Sub, a, b }
        }
        "DMB" | "DSB" => {
            tokens.next();
            Instr::Fence(barrier(tokens)?)
        }
        "ISB" => {
            tokens.next();
            Instr::Fence(Fence::Instruction)
        }
        "NOP" => {
            tokens.next();
            return Ok(Cell::Nothing);
        }
        _ => return atomic(&word, tokens, draft).map(Cell::Instr),
    };
    Ok(Cell::Instr(instr))
}

/// A load whose value is kept for the store of its pair.
fn load_exclusive(word: &str, tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Instr> {
    let to = register(tokens, draft)?;
    let at = address(tokens, draft)?;
    draft.exclusives.push(at.loc);
    let (open, order) =
        (monitor_of(at.loc), if word == "LDXR" { LoadOrder::Plain } else { LoadOrder::AcquireSc });
    draft.push(Instr::Load { to, at, order });
    let loaded = draft.register(EXCLUSIVE);
    draft.set(loaded, Operand::Reg(to));
    let (to, alu) = (draft.register(MONITOR), Alu::Move);
    Ok(Instr::Compute { to, alu, a: open, b: Operand::Const(0) })
}

/// `STXR Ws,Wt,[Xn]`: Ws becomes 0, or 1 if it failed. It fails where the thread came by no exclusive load of the
/// location, or by another exclusive load or store since.
fn store_exclusive(word: &str, tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Instr> {
    let status = register(tokens, draft)?;
    comma(tokens)?;
    let operand = operand(tokens, draft)?;
    let at = address(tokens, draft)?;
    if !draft.exclusives.contains(&at.loc) {
        let what = "the thread has no exclusive load of this location before it";
        return Err(tokens.fault_before(what, "put LDXR or LDAXR of the same location before it"));
    }
    let (monitor, closed) = (draft.register(MONITOR), draft.scratch());
    draft.compute(closed, Alu::Sub, Operand::Reg(monitor), monitor_of(at.loc));
    let fails = draft.branch(Branch::NotZero(Operand::Reg(closed)));
    let rmw = Rmw::Exclusive { loaded: draft.register(EXCLUSIVE) };
    let (to, release) = (Some(status), word == "STLXR");
    draft.push(Instr::Rmw { to, at, rmw, operand, acquire: false, release, full: false });
    let done = draft.branch(Branch::Always);
    draft.land(fails);
    draft.set(status, Operand::Const(1));
    draft.land(done);
    let (a, b) = (Operand::Const(0), Operand::Const(0));
    Ok(Instr::Compute { to: monitor, alu: Alu::Move, a, b })
}

/// What the monitor says while it watches a location.
const fn monitor_of(loc: LocIdx) -> Operand {
    Operand::Const(loc as u64 + 1)
}

/// `CBZ`, `CBNZ`, `B`, and `B.EQ` or `B.NE` behind a `CMP`.
fn branch(word: &str, tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Cell> {
    let tested = match word {
        "CBZ" | "CBNZ" => {
            let tested = operand(tokens, draft)?;
            comma(tokens)?;
            tested
        }
        "B" => Operand::Const(0),
        _ => Operand::Reg(draft.register(FLAGS)),
    };
    let label = tokens.name("a label", "name a label further down")?;
    let when = match word {
        "CBZ" | "B.EQ" => Branch::Zero(tested),
        "CBNZ" | "B.NE" => Branch::NotZero(tested),
        _ => Branch::Always,
    };
    Ok(Cell::Jump(Jump { when, label }))
}

/// `LDADD`, `SWP`, `CAS` and `STADD` with their suffixes.
fn atomic(word: &str, tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Instr> {
    let split =
        ["LDADD", "SWP", "CAS", "STADD"].into_iter().find_map(|b| Some((b, word.strip_prefix(b)?)));
    let Some((base, suffix @ ("" | "A" | "L" | "AL"))) = split else {
        return Err(tokens.fault("it is no instruction of the subset", KNOWN));
    };
    tokens.next();
    if base == "CAS" {
        return compare_and_swap(suffix, tokens, draft);
    }
    let operand = operand(tokens, draft)?;
    let to = if base == "STADD" {
        None
    } else {
        comma(tokens)?;
        let zero = matches!(tokens.peek().to_ascii_uppercase().as_str(), "XZR" | "WZR");
        let reg = register_or_zero(tokens, draft)?;
        (!zero).then_some(reg)
    };
    let at = address(tokens, draft)?;
    let rmw = if base == "SWP" { Rmw::Swap } else { Rmw::Add };
    // Without a place for the old value nothing is acquired.
    let acquire = suffix.contains('A') && to.is_some();
    let release = suffix.contains('L');
    Ok(Instr::Rmw { to, at, rmw, operand, acquire, release, full: false })
}

/// `CAS Ws,Wt,[Xn]`: Ws is what is expected, and then what was found. As with `LDADD` and `SWP`, nothing is acquired
/// where that is the zero register; one that fails acquires as well.
/// Source: Arm, *A64 Instruction Set Architecture*, release 2026-03, CAS and LDADD.
fn compare_and_swap(suffix: &str, tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Instr> {
    let expected = operand(tokens, draft)?;
    comma(tokens)?;
    let operand = operand(tokens, draft)?;
    let at = address(tokens, draft)?;
    let to = match expected {
        Operand::Reg(reg) => Some(reg),
        Operand::Const(_) => None,
    };
    let (acquire, release) = (suffix.contains('A') && to.is_some(), suffix.contains('L'));
    Ok(Instr::Rmw {
        to,
        at,
        rmw: Rmw::CompareSwap { expected, orders_failed: true },
        operand,
        acquire,
        release,
        full: false,
    })
}

/// `MOV`, `EOR`, `ADD`, `SUB`, `AND`; follows what is known of the result.
fn compute(word: &str, tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Cell> {
    let to = register(tokens, draft)?;
    comma(tokens)?;
    let a = any_operand(tokens, draft)?;
    if word == "MOV" {
        let known = match a {
            Operand::Reg(reg) => draft.known[reg].clone(),
            Operand::Const(0) => Some(Known::Zero(Vec::new())),
            Operand::Const(_) => None,
        };
        draft.push(Instr::Compute { to, alu: Alu::Move, a, b: Operand::Const(0) });
        draft.known[to] = known;
        return Ok(Cell::Nothing);
    }
    comma(tokens)?;
    let b = any_operand(tokens, draft)?;
    extension(tokens);
    let alu = match word {
        "EOR" => Alu::Xor,
        "ADD" => Alu::Add,
        "SUB" => Alu::Sub,
        _ => Alu::And,
    };
    let known = result(alu, a, b, draft);
    if let Some(Known::Address(_)) = known {
        // Nothing but the address is ever needed of it; it depends on what it was made of.
        draft.known[to] = known;
        return Ok(Cell::Nothing);
    }
    if known.is_none() && (is_address(a, draft) || is_address(b, draft)) {
        return Err(tokens.fault_before("an address is computed with", ADDRESS));
    }
    draft.push(Instr::Compute { to, alu, a, b });
    draft.known[to] = known.map(|_| Known::Zero(vec![to]));
    Ok(Cell::Nothing)
}

/// What is known of a result: zero by construction, or an address.
fn result(alu: Alu, a: Operand, b: Operand, draft: &Draft) -> Option<Known> {
    let zero = |o: Operand| match o {
        Operand::Const(0) => Some(Vec::new()),
        Operand::Const(_) => None,
        Operand::Reg(reg) => match &draft.known[reg] {
            Some(Known::Zero(depends)) => Some(depends.clone()),
            _ => None,
        },
    };
    let address = |o: Operand| match o {
        Operand::Const(_) => None,
        Operand::Reg(reg) => match &draft.known[reg] {
            Some(Known::Address(place)) => Some(place.clone()),
            _ => None,
        },
    };
    let sum = |place: Option<Place>, zero: Option<Vec<Reg>>| {
        let (mut place, zero) = (place?, zero?);
        place.depends.extend(zero);
        Some(Known::Address(place))
    };
    match alu {
        Alu::Xor | Alu::Sub if a == b => Some(Known::Zero(Vec::new())),
        Alu::And if zero(a).is_some() || zero(b).is_some() => Some(Known::Zero(Vec::new())),
        Alu::Add => sum(address(a), zero(b)).or_else(|| sum(address(b), zero(a))),
        _ => None,
    }
}

/// The kind of a `DMB`.
fn barrier(tokens: &mut Tokens) -> Parsed<Fence> {
    let fence = match tokens.peek().to_ascii_uppercase().as_str() {
        "SY" | "ISH" | "OSH" | "NSH" => Fence::Full,
        "LD" | "ISHLD" | "OSHLD" | "NSHLD" => Fence::Loads,
        "ST" | "ISHST" | "OSHST" | "NSHST" => Fence::Stores,
        _ => return Err(tokens.fault("it is no kind of barrier", "write SY, LD or ST")),
    };
    tokens.next();
    Ok(fence)
}

fn comma(tokens: &mut Tokens) -> Parsed<()> {
    tokens.expect(",", "put `,` between operands")
}

/// A register that is written: not the zero register.
fn register(tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Reg> {
    if matches!(tokens.peek().to_ascii_uppercase().as_str(), "XZR" | "WZR") {
        return Err(tokens.fault("the zero register cannot be written", REGISTERS));
    }
    register_or_zero(tokens, draft)
}

fn register_or_zero(tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Reg> {
    let name = register_name(tokens.peek())
        .ok_or_else(|| tokens.fault("a register is expected here", REGISTERS))?;
    tokens.next();
    Ok(draft.register(&name))
}

/// A register or `#n`, for its value: no address.
fn operand(tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Operand> {
    let operand = any_operand(tokens, draft)?;
    if is_address(operand, draft) {
        let what = "an address is used as a value";
        return Err(tokens.fault_before(what, "use the register in brackets, MOV and ADD only"));
    }
    Ok(operand)
}

fn is_address(operand: Operand, draft: &Draft) -> bool {
    matches!(operand, Operand::Reg(reg) if matches!(draft.known[reg], Some(Known::Address(_))))
}

/// A register or `#n`.
fn any_operand(tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Operand> {
    if tokens.take("#") || tokens.is_number() {
        return Ok(Operand::Const(tokens.number()?));
    }
    match register_name(tokens.peek()).as_deref() {
        Some("XZR") => {
            tokens.next();
            Ok(Operand::Const(0))
        }
        _ => Ok(Operand::Reg(register_or_zero(tokens, draft)?)),
    }
}

/// `,[X1]`, `,[X1,#0]` or `,[X1,W2,SXTW]`.
fn address(tokens: &mut Tokens, draft: &mut Draft) -> Parsed<Place> {
    comma(tokens)?;
    tokens.expect("[", ADDRESS)?;
    let base = register_or_zero(tokens, draft)?;
    let Some(Known::Address(mut place)) = draft.known[base].clone() else {
        return Err(tokens.fault_before("the register holds no address of a location", ADDRESS));
    };
    if tokens.take(",") {
        match operand(tokens, draft)? {
            Operand::Const(0) => {}
            Operand::Reg(index) if matches!(draft.known[index], Some(Known::Zero(_))) => {
                place.depends.push(index);
            }
            _ => return Err(tokens.fault_before("the index is not zero by construction", ADDRESS)),
        }
        extension(tokens);
    }
    tokens.expect("]", ADDRESS)?;
    Ok(place)
}

/// `,SXTW` and the like say nothing of a zero.
fn extension(tokens: &mut Tokens) {
    let kinds = ["SXTW", "UXTW", "SXTX", "UXTX", "LSL"];
    let kind = tokens.ahead(1).to_ascii_uppercase();
    if tokens.peek() == "," && kinds.contains(&kind.as_str()) {
        tokens.next();
        tokens.next();
        if tokens.take("#") {
            tokens.next();
        }
    }
}
