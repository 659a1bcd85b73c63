//! Memory traces: what threads ask of the machine, from files, other tools and real programs; and
//! synthetic traffic, in [`synthetic`].
//!
//! A [`Trace`] is opened from a native file, text or binary, or made from records. Each thread is
//! read by a [`Stream`] of its own, which holds one chunk of at most 16384 records in memory.
//!
//! ```
//! use base::{Addr, Op, Record, ThreadIdx};
//! use traffic::Trace;
//!
//! let load = Op::Load { addr: Addr(0x1000), size: 8 };
//! let trace = Trace::from_records([Record { thread: ThreadIdx(0), op: load }])?;
//! let ops: Vec<Op> = trace.stream(ThreadIdx(0))?.collect::<Result<_, _>>()?;
//! assert_eq!(ops, [load]);
//! # Ok::<(), traffic::TraceError>(())
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`text`] | the text form: one record a line |
//! | `binary` | the binary form: delta-coded, compressed, checksummed chunks with an index |
//! | [`import`] | traces of valgrind's lackey and of Ramulator |
//! | [`capture`] | traces of real multi-threaded C programs |
//! | [`describe`] | what a trace holds, for people |
//! | [`draft`] | files that appear whole or not at all |
//! | [`barriers`] | whether a replay reaches its end |
//! | [`synthetic`] | patterns, injection processes, and estimates of what they make a network do |
//!
//! The order within a thread is the trace's; how threads interleave is for the machine to find out,
//! and records that must be ordered across threads are ordered by barriers. How they did interleave
//! when the trace was recorded is kept beside it, for those who ask: [`Trace::interleaved`].
//!
//! Nothing here knows a topology, a protocol or a clock.

pub mod barriers;
mod binary;
pub mod capture;
mod check;
pub mod describe;
pub mod draft;
mod error;
pub mod import;
mod interleaved;
mod lines;
mod sharing;
mod split;
pub mod synthetic;
pub mod text;
mod trace;

pub use binary::layout::VERSION;
pub use binary::stream::Stream;
pub use binary::writer::Writer;
pub use check::{OpFault, THREADS_MAX, check};
pub use describe::Description;
pub use error::{ErrorKind, Place, TraceError};
pub use interleaved::Interleaved;
pub use text::write_text;
pub use trace::{Form, Info, Trace};
