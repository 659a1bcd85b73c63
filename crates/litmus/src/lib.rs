//! Litmus tests: small programs that tell memory models apart.
//!
//! - [`parse`] reads the text form of the tool herd7 for AArch64, X86 and C; the subset is defined in
//!   `tests/litmus/README.md`.
//! - [`Test`] is what it says, whatever the architecture: threads of [`Instr`], initial values, a
//!   condition. [`Cursor`] walks a thread; whoever drives it performs the accesses.
//! - [`allowed`] says which outcomes a [`Model`] allows, from the axioms of the model alone. It knows
//!   no machine: that is what makes it a judge of one.
//!
//! Not known here: machines, protocols, files.
//!
//! Source: Alglave, Maranget and Tautschnig, *Herding Cats*, TOPLAS 36(2), 2014, for the shapes and
//! the axiomatic style.

mod cursor;
mod error;
mod model;
mod oracle;
mod outcome;
mod program;
mod text;

pub use cursor::{Cursor, Next};
pub use error::{LitmusError, OracleError};
pub use model::Model;
pub use oracle::allowed;
pub use outcome::{Condition, Observable, Outcome, Quantifier};
pub use program::{
    Alu, Arch, Branch, Fence, Instr, LoadOrder, LocIdx, Operand, Place, Reg, Rmw, Test, Thread,
};
pub use text::parse;
