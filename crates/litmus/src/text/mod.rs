//! The text form of herd7 and diy7, for the subset that `tests/litmus/README.md` defines.
//!
//! ```text
//!   text ─ lexer ─▶ tokens ─▶ header, { init } ─▶ columns (AArch64, X86) │ functions (C) ─▶ condition
//! ```
//!
//! Source: the herd7 manual, <https://diy.inria.fr/doc/herd.html>.

mod aarch64;
mod builder;
mod c;
mod columns;
mod condition;
mod init;
mod lexer;
mod tokens;
mod x86;

use std::path::Path;

use crate::error::LitmusError;
use crate::program::{Arch, Test};
use builder::Builder;
use tokens::Tokens;

/// Threads that a test may have.
const THREADS_MAX: usize = 4;
/// Instructions of a thread, as they are carried out, at most.
const CODE_MAX: usize = 4096;
/// Threads that it must have.
const THREADS_MIN: usize = 1;

/// Reads the test that `text` is; `path` names it in errors.
///
/// # Errors
/// The first token that is not of the subset, with what to do about it.
pub fn parse(path: impl AsRef<Path>, text: &str) -> Result<Test, LitmusError> {
    let path = path.as_ref();
    let (header, tokens) = lexer::lex(path, text)?;
    let mut tokens = Tokens::new(path, tokens);
    let mut builder = Builder::new(header.arch, header.name);
    init::parse(&mut tokens, &mut builder)?;
    match header.arch {
        Arch::C => c::parse(&mut tokens, &mut builder)?,
        Arch::AArch64 | Arch::X86 => columns::parse(&mut tokens, &mut builder)?,
    }
    let count = builder.threads.len();
    if !(THREADS_MIN..=THREADS_MAX).contains(&count) {
        return Err(tokens.fault(
            &format!("the test has {count} threads"),
            &format!("write {THREADS_MIN} to {THREADS_MAX} threads"),
        ));
    }
    if let Some(long) = builder.threads.iter().position(|t| t.thread.code.len() > CODE_MAX) {
        return Err(tokens.fault(
            &format!("P{long} has more than {CODE_MAX} instructions"),
            "leave out what the condition does not depend on",
        ));
    }
    condition::parse(&mut tokens, builder)
}

#[cfg(test)]
mod tests;
