//! The limits on what a description may ask for.
//!
//! They keep a mistyped or hostile file from exhausting memory: every one is checked before
//! anything of that size is built. They bound what is practical to emulate, not what exists; the
//! largest fabric in the literature this project follows has 15,488 accelerators.

/// Bytes of a description file.
pub const FILE_BYTES_MAX: u64 = 32 << 20;
/// Accelerators of a machine.
pub const NODES_MAX: u64 = 16_384;
/// Caches, or packages of them, that the homes of one level of a directory can list. Machines with more
/// can be run with directories of two levels, or only be checked.
pub const LISTED_MAX: u32 = 1_024;
/// Routers of a machine.
pub const ROUTERS_MAX: u64 = 16_384;
/// Links of a machine, each direction counted.
pub const LINKS_MAX: u64 = 1_000_000;
/// Ports of a router or of a node's network interface; as many as the router model has.
pub const PORTS_MAX: u64 = 256;
/// Dimensions of a mesh or torus.
pub const DIMS_MAX: usize = 8;
/// Entries of a routing table: (routers + nodes) times nodes.
pub const TABLE_ENTRIES_MAX: u64 = 1 << 24;
/// Virtual channels of a port.
pub const VCS_MAX: u64 = 64;
/// Flit slots of all buffers of a machine together.
pub const BUFFER_FLITS_MAX: u64 = 1 << 27;
/// Cache lines of all caches of a machine together.
pub const CACHE_LINES_MAX: u64 = 1 << 27;
/// Any number of cycles in a description.
pub const CYCLES_MAX: u64 = 1_000_000;
/// Any number of queue entries in a description.
pub const ENTRIES_MAX: u64 = 65_535;
/// Operations that an agent may have outstanding.
pub const WINDOW_MAX: u64 = 16_384;
/// Clock domains.
pub const DOMAINS_MAX: usize = 1_024;
/// Length of a link in micrometres: 100 km.
pub const LENGTH_UM_MAX: u64 = 100_000_000_000;
/// Seconds that any number of cycles may take by the machine's slowest clock. Several such delays
/// in a row stay far below the hours that simulated time can count.
pub const CYCLES_SECONDS_MAX: u64 = 1_000;
