//! The vocabulary that every other crate shares: typed indices, femtosecond time, addresses and
//! line data, memory operations, flits, routing interface, seeded randomness, the run digest.
//!
//! Nothing here knows a clock domain, a protocol, a topology or a file format, and nothing here
//! does I/O. All types are plain data; all functions are pure.

pub mod addr;
pub mod arch;
pub mod combine;
pub mod digest;
pub mod flit;
pub mod form;
pub mod group;
pub mod ids;
pub mod map;
pub mod math;
pub mod op;
pub mod part;
pub mod period;
pub mod rng;
pub mod route;
pub mod state;
pub mod time;

pub use addr::{Addr, LINE_BYTES, Line, LineData};
pub use arch::RouterArch;
pub use combine::{Combine, Share, join};
pub use digest::Digest;
pub use flit::{CLASS_COUNT, Class, Flit, Token};
pub use ids::{
    DomainIdx, GroupIdx, LinkIdx, NodeIdx, PacketIdx, PortIdx, RouterIdx, ThreadIdx, VcIdx,
};
pub use map::Map;
pub use op::{Op, Order, PackageOp, Record, Rmw, Scope};
pub use part::{Part, Timeline};
pub use route::{Head, Hop, RoutingFunction, View};
pub use state::State;
pub use time::Fs;
