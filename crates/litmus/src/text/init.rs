//! The initial values: `{ 0:X1=x; x=0; int y = 1; }`.

use super::builder::{Builder, Known};
use super::tokens::{Parsed, Tokens};
use super::{THREADS_MAX, aarch64, x86};
use crate::program::{Arch, Place};

const MEND: &str = "write `x=0;`, `0:X1=x;` or `0:EAX=1;`";

pub(super) fn parse(tokens: &mut Tokens, builder: &mut Builder) -> Parsed<()> {
    tokens.expect("{", "put the initial values in braces, `{}` if there are none")?;
    while !tokens.take("}") {
        if tokens.take(";") {
            continue;
        }
        // A register may have a type before it: `int64_t 0:X1;`.
        if tokens.ahead(2) == ":" && tokens.ahead(1).starts_with(|c: char| c.is_ascii_digit()) {
            tokens.next();
        }
        if tokens.is_number() && tokens.ahead(1) == ":" {
            register(tokens, builder)?;
        } else {
            location(tokens, builder)?;
        }
        if tokens.peek() != "}" {
            tokens.expect(";", "end each initial value with `;`")?;
        }
    }
    Ok(())
}

/// `0:X1=x` or `0:X1=5`.
fn register(tokens: &mut Tokens, builder: &mut Builder) -> Parsed<()> {
    let number = thread_number(tokens)?;
    let name = tokens.peek().to_owned();
    let canonical = register_name(builder.arch, &name)
        .ok_or_else(|| tokens.fault("it is no register of the subset", MEND))?;
    tokens.next();
    if matches!(tokens.peek(), ";" | "}") {
        builder.thread(number).register(&canonical);
        return Ok(());
    }
    tokens.expect("=", MEND)?;
    tokens.take("&");
    if tokens.is_number() {
        let value = tokens.number()?;
        let draft = builder.thread(number);
        let reg = draft.register(&canonical);
        draft.thread.initial[reg] = value;
        draft.known[reg] = (value == 0).then(|| Known::Zero(Vec::new()));
        return Ok(());
    }
    let at = tokens.name("a location or a number", MEND)?;
    let loc = builder.location(&at);
    let draft = builder.thread(number);
    let reg = draft.register(&canonical);
    draft.known[reg] = Some(Known::Address(Place { loc, depends: Vec::new() }));
    Ok(())
}

/// The thread's number and the colon.
pub(super) fn thread_number(tokens: &mut Tokens) -> Parsed<usize> {
    let number = tokens.number()?;
    match usize::try_from(number) {
        Ok(number) if number < THREADS_MAX => {
            tokens.expect(":", "write `THREAD:REGISTER`")?;
            Ok(number)
        }
        _ => Err(tokens.fault_before(
            "there is no such thread",
            &format!("threads are numbered from 0, at most {}", THREADS_MAX - 1),
        )),
    }
}

/// The one name of a register that has several.
pub(super) fn register_name(arch: Arch, name: &str) -> Option<String> {
    match arch {
        Arch::AArch64 => aarch64::register_name(name),
        Arch::X86 => x86::register_name(name),
        Arch::C => Some(name.to_owned()),
    }
}

/// `x`, `x=1`, `[x]=1`, `*x=1`, `int x = 1`, `atomic_int x = ATOMIC_VAR_INIT(1)`.
fn location(tokens: &mut Tokens, builder: &mut Builder) -> Parsed<()> {
    let bracket = tokens.take("[");
    let mut name = String::new();
    loop {
        tokens.take("*");
        if matches!(tokens.peek(), "=" | ";" | "}" | "]") {
            break;
        }
        // Types precede the name.
        name = tokens.name("a location", MEND)?;
    }
    if name.is_empty() {
        return Err(tokens.fault("a location is expected here", MEND));
    }
    if bracket {
        tokens.expect("]", MEND)?;
    }
    let loc = builder.location(&name);
    if !tokens.take("=") {
        return Ok(());
    }
    let wrapped = tokens.take("ATOMIC_VAR_INIT");
    if wrapped {
        tokens.expect("(", MEND)?;
    }
    builder.initial[loc] = tokens.number()?;
    if wrapped {
        tokens.expect(")", MEND)?;
    }
    Ok(())
}
