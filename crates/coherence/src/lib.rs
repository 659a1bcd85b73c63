//! Directory coherence: a home-blocking MESI protocol with completion acknowledgements and recalls,
//! as pure transition tables, and the controllers that run them.
//!
//! - [`cache_step`] and [`dir_step`] are the protocol: 16 cache states and 9 directory states, three and one of them MOESI's, no
//!   clock, randomness, allocation or I/O. The machine and the model checker drive these same
//!   functions.
//! - [`model`] is that checker: every state of a few caches and lines, in every order of events.
//! - [`CacheCtrl`] puts a set-associative array and MSHRs around the one, [`HomeCtrl`] a directory,
//!   memory values and queues of stalled requests around the other. They know no time either: the
//!   caller decides when an access or a message reaches them, and hands over what they put into an
//!   [`Outbox`].
//! - [`Checker`] follows every access and state change, [`audit`] looks at everything when the
//!   machine has come to rest, [`Coverage`] counts the rows of the tables that were taken.
//! - [`scoped`] is the other protocol: caches that are valid from acquire to release, with a table,
//!   controllers, a checker and a search of its own.
//!
//! The protocol needs no order in the network. Requesters gather invalidation acknowledgements
//! themselves; home gathers only for recalls and far atomics. Home blocks a line from the moment it
//! takes a request up until the requester's `CompAck`, so at most one snoop is outstanding per
//! (line, cache).
//!
//! Source: the blocking MESI directory of Nagarajan, Sorin, Hill and Wood, *A Primer on Memory
//! Consistency and Cache Coherence*, 2nd ed., ch. 8, with the completion acknowledgement of AMBA
//! CHI's HN-F.

mod array;
mod audit;
mod cache_ctrl;
mod cache_faults;
mod cache_table;
mod checker;
mod config;
mod coverage;
mod describe;
mod dir_faults;
mod dir_row;
mod dir_table;
mod directory;
mod home_ctrl;
mod home_room;
mod message;
pub mod model;
mod mshr;
mod mutant;
mod outbox;
mod package_audit;
mod package_counts;
mod package_ctrl;
mod package_table;
pub mod scoped;
mod sharers;
mod shorten;
mod state;
mod value;
mod words;

pub use array::{CacheGeometry, Replacement};
pub use audit::{Audit, AuditError, AuditFault, AuditShare, audit, join_shares};
pub use cache_ctrl::{Access, CacheCounts, CacheCtrl, Outcome, Request, RetryReason};
pub use cache_table::{CacheEvent, cache_step};
pub use checker::{Checker, VIOLATIONS_KEPT, Violation, ViolationKind};
pub use config::{Atomics, Config, Protocol, SharedEviction};
pub use coverage::{CacheEventKind, Coverage, DirEventKind};
pub use describe::{BlockedLine, PendingLine};
pub use dir_table::{DirEvent, dir_step};
pub use directory::{Directory, Listing, Overflow};
pub use home_ctrl::{HomeCounts, HomeCtrl};
pub use message::{EACH_SHARER, Gather, Message, MsgKind};
pub use mshr::TARGETS_MAX;
pub use mutant::{Faults, Mutant, Sound};
pub use outbox::{Cause, Completion, Outbox, Outgoing, StateChange};
pub use package_audit::{Packaged, audit_packages};
pub use package_counts::PackageCounts;
pub use package_ctrl::PackageCtrl;
pub use package_table::{
    Levels, PackageEvent, PackageHome, PackageLine, PackageStep, package_step,
};
pub use sharers::{NODES_MAX, Sharers};
pub use state::{CacheLine, CacheState, DirLine, DirState, Effect, Sends, Step};
pub use value::{ByteWrite, LineWrite, Value};
