//! The text form: one record a line, easy to write by hand.
//!
//! ```text
//! # A comment, to the end of the line.
//! @name two threads meet            optional; also @provenance, @threads N, @unordered
//! 0 store 0x1000 8 =42
//! 0 barrier 0 2
//! 1 barrier 0 2
//! 1 load 0x1000 8
//! ```
//!
//! | record | arguments | short |
//! |---|---|---|
//! | `load` | address, size | `L` |
//! | `store` | address, size, `=value` (optional) | `S` |
//! | `add` | address, size, operand | `A` |
//! | `swap` | address, size, new value | `X` |
//! | `cas` | address, size, expected, new | `C` |
//! | `fence` | | `F` |
//! | `barrier` | id, members | `B` |
//! | `reduce` | id, members, `sum`, `min`, `max`, `and` or `or`, value | `R` |
//! | `think` | cycles | `T` |
//! | `at` | count | `@` |
//! | `copy` | from, to, bytes | `M` |
//!
//! A line starts with the thread, from 0 to 65535. Numbers are decimal or, with `0x`, hexadecimal;
//! `_` may part digits; operands and values may be negative. Sizes are 1 to 64 bytes, of atomics
//! 1, 2, 4 or 8 within one line of 64. Letter case is free. The
//! order of the lines is kept as the interleaving of the threads; `@unordered` says that only the
//! order within each thread means something.
//!
//! Acquires, releases, atomics and fences reach every thread; with `.package` behind the word, as in
//! `0 release.package 0x1000 8 =1`, those of the thread's own package.

mod parse;
pub(crate) mod words;
mod write;

pub use write::write_text;

pub(crate) use parse::pack;
pub(crate) use words::{WORDS_HELP, usage};
