//! The elaborated machine: what the emulator builds from, every default filled in, every name
//! resolved to an index, every check passed.
//!
//! A [`MachineSpec`] is plain data. It is made from a RON file or by a builder in code, and consumed
//! by `machine`.

use base::arch::Buffers;
use base::{DomainIdx, Fs, LinkIdx, NodeIdx, PortIdx, RouterArch, RouterIdx};

pub use crate::barriers::{BarrierSpec, NodeEventSpec, NodeHappening, UnitSpec};
pub use crate::clocks::{CrossingSpec, DriftSpec, SpreadDirection, SpreadSpec, Via};
pub use crate::counters::{Channel, CountersSpec, Timestamps};
use crate::phy::Credits;
pub use crate::phy::{EventSpec, Happening, PhySpec};
use crate::routing::Routing;

/// A whole machine, checked and ready to build.
#[derive(Clone, Debug)]
pub struct MachineSpec {
    /// Name from the file.
    pub name: String,
    /// Clock domains; [`DomainIdx`] indexes them.
    pub domains: Vec<ClockSpec>,
    /// Edges of the receiving domain that a synchronizer takes on top of the first edge at or after
    /// arrival, wherever sender and receiver are in different domains.
    pub synchronizer_edges: u32,
    /// Pairs of domains that are joined in another way.
    pub crossings: Vec<CrossingSpec>,
    /// Bytes of a flit on every link.
    pub flit_bytes: u32,
    /// Bytes of a packet's header (address, command, ids, CRC); data comes on top.
    pub header_bytes: u32,
    /// All accelerators are alike.
    pub accelerator: AcceleratorSpec,
    /// All routers have these pipelines.
    pub router: RouterSpec,
    /// All nodes have this memory.
    pub memory: MemorySpec,
    /// Who is linked to whom, and by which way packets go.
    pub fabric: Fabric,
    /// Nodes of a package: that many consecutive ones, of which the machine has a whole number; `None`
    /// where it has no packages.
    pub package_nodes: Option<u32>,
    /// Stretches of the pool with a mode of their own, in order and apart; the rest is coherent.
    pub regions: Vec<RegionSpec>,
    /// What happens to single links at given times.
    pub events: Vec<EventSpec>,
    /// What happens to single nodes at given times.
    pub node_events: Vec<NodeEventSpec>,
    /// How barriers and reductions are done.
    pub barriers: BarrierSpec,
    /// Counters that nodes keep and align.
    pub counters: Option<CountersSpec>,
}

/// VCs that share the buffers of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pool {
    /// Flits that each VC has of its own, at least 1.
    pub reserved_flits: u32,
    /// Successive VCs that share what lies beyond, at least 2.
    pub vcs: u8,
}

impl MachineSpec {
    /// The VCs that share the buffers at the receiver of a link of a class, where a port has `vcs` VCs; none
    /// if each has its own. The class says so, or the routers do.
    pub fn pool(&self, class: &LinkClass, vcs: u8) -> Option<Pool> {
        let (reserved_flits, vcs) = match class.phy.as_ref().and_then(|phy| phy.credit_pools) {
            Some(Credits::PerVc) => return None,
            Some(Credits::PerClass { reserved_flits }) => {
                (reserved_flits, self.router.vcs_per_class.min(vcs))
            }
            Some(Credits::Shared { reserved_flits }) => (reserved_flits, vcs),
            None => match self.router.arch.buffers {
                Buffers::Private => return None,
                Buffers::Shared { reserved_flits } => (reserved_flits, vcs),
            },
        };
        (vcs > 1).then_some(Pool { reserved_flits, vcs })
    }

    /// Flits of buffer that one VC of a port of `vcs` VCs can use by itself.
    pub fn vc_flits(&self, class: &LinkClass, vcs: u8) -> u64 {
        let depth = u64::from(class.buffer_flits);
        self.pool(class, vcs).map_or(depth, |pool| {
            let own = u64::from(pool.reserved_flits).min(depth);
            own + u64::from(pool.vcs) * (depth - own)
        })
    }

    /// The machine with a directory of two levels, full maps both: of packages of at most `nodes` consecutive
    /// nodes, each with room for `lines` lines at a node. Its protocol is MESI: packages know no other.
    #[must_use]
    pub fn with_packages(mut self, nodes: u32, lines: Option<u32>) -> Self {
        let all = u32::try_from(self.fabric.node_ports.len()).unwrap_or(u32::MAX);
        let size = (1..=nodes).rev().find(|size| all.is_multiple_of(*size)).unwrap_or(1);
        self.package_nodes = Some(size);
        self.accelerator.protocol = Protocol::default();
        self.accelerator.home.directory = Listing::FullMap;
        self.accelerator.home.packages =
            Some(PackageHomeSpec { directory: Listing::FullMap, lines });
        self
    }
}

/// A clock domain: its k-th edge is at `phase + k / frequency`, exactly, but for what deviates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClockSpec {
    /// Name from the file.
    pub name: String,
    /// Frequency in hertz, as an exact fraction (numerator, denominator), both at least 1.
    pub hertz: (u64, u64),
    /// Instant of edge 0: phases and skews from the reference down.
    pub phase: Fs,
    /// By how many parts in a million its reference is off what it was described as; `hertz` has it in
    /// it.
    pub ppm: i32,
    /// The reference that it is made from in the end; itself if it is one.
    pub reference: DomainIdx,
    /// What it is made from; `None` for references.
    pub parent: Option<DomainIdx>,
    /// Its frequency over its parent's.
    pub ratio: (u32, u32),
    /// What its tree adds to its parent's edges; `phase` has it in it.
    pub skew: Fs,
    /// How its reference wanders.
    pub drift: Option<DriftSpec>,
    /// Spread spectrum, its own or inherited; `hertz` is the frequency without.
    pub spread: Option<SpreadSpec>,
    /// Standard deviation of the jitter of its edges.
    pub jitter_rms: Fs,
    /// When its frequency changes, and to how many hertz; in order.
    pub changes: Vec<(Fs, (u64, u64))>,
    /// Whether it may be changed while the machine runs.
    pub tunable: bool,
}

/// An accelerator: agent, cache, home slice and network interface, all in one clock domain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcceleratorSpec {
    /// Its clock.
    pub clock: DomainIdx,
    /// Accesses that an agent may have outstanding, at least 1. An access that crosses a line counts
    /// as two.
    pub window: u32,
    /// Sequential consistency (effective window 1), total store order, or relaxed with fences.
    pub consistency: Consistency,
    /// The coherent cache.
    pub cache: CacheSpec,
    /// The home slice.
    pub home: HomeSpec,
    /// Where atomics are performed.
    pub atomics: Atomics,
    /// What caches do for each other.
    pub protocol: Protocol,
    /// Requests that a node's network interface may hold before its agents get no more accesses into
    /// the cache, at least 1.
    pub injection_packets: u32,
}

/// How a stretch of the pool is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Cached, and kept coherent by the directory.
    Coherent,
    /// Never cached: every access goes to the home and is performed there. Requests of a node to a home
    /// arrive in order; answers may not. The memory semantics of UALink 200G 1.0.
    Uncached,
    /// Cached, and kept valid from acquire to release, at the scope of a package or of the supernode:
    /// no directory, no invalidations by others. Needs [`Consistency::Relaxed`].
    Scoped,
}

/// A stretch of the pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegionSpec {
    /// Its lines, by number.
    pub lines: core::ops::Range<u64>,
    /// How it is kept.
    pub mode: Mode,
}

/// The order that an agent gives its own operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consistency {
    /// One at a time, in program order.
    Sequential,
    /// Total store order: loads one at a time, in program order; stores wait in a first-in-first-out
    /// buffer of as many entries as the window, from which later loads of the thread are answered.
    Tso,
    /// Up to the window in flight; only same-line order, fences and barriers hold.
    Relaxed,
}

/// Where atomics are performed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Atomics {
    /// In the requester's cache, which takes the line exclusively.
    Near,
    /// At the line's home, on memory.
    Far,
}

/// What caches do for each other beyond MESI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Protocol {
    /// An owner that has modified a line and serves a reader keeps it, in MOESI's O, and memory is not
    /// written.
    pub owned: bool,
    /// Reads that another cache can serve leave memory alone: a clean owner writes nothing back, and a
    /// shared line is read from the cache that read it last, in three hops.
    pub direct: bool,
}

/// A set-associative cache of 64-byte lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheSpec {
    /// Sets, a power of two.
    pub sets: u32,
    /// Ways, 1 to 64.
    pub ways: u32,
    /// Which way is evicted.
    pub replacement: Replacement,
    /// Cycles from access to data on a hit, and for a snoop's lookup, at least 1.
    pub latency_cycles: u32,
    /// Misses and evictions in flight, at least 2.
    pub mshrs: u32,
    /// What becomes of a shared copy that is evicted.
    pub shared_eviction: SharedEviction,
}

/// What becomes of a shared copy that is evicted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SharedEviction {
    /// Home is told, and takes the cache off its list.
    Notify,
    /// It is dropped; home may then invalidate a cache that holds nothing.
    Silent,
}

/// Replacement policy of a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replacement {
    /// True least-recently-used.
    Lru,
    /// Tree pseudo-LRU; ways must be a power of two.
    TreePlru,
}

/// A home slice: directory and transaction entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HomeSpec {
    /// Cycles from a message's arrival to what home does with it, at least 1.
    pub latency_cycles: u32,
    /// Consecutive bytes of the pool that one home keeps before the next home's turn; a multiple
    /// of 64.
    pub interleave_bytes: u64,
    /// Lines that the directory can track at once; a new one beyond that recalls an old one.
    /// `None`: as many as the pool has.
    pub directory_lines: Option<u32>,
    /// How entries of the directory list sharers: nodes, or with a level of packages, packages.
    pub directory: Listing,
    /// The homes of packages; `None` where the directory has one level.
    pub packages: Option<PackageHomeSpec>,
}

/// A node's slice of its package's home, between the caches of the package and the fabric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PackageHomeSpec {
    /// How its entries list the package's nodes.
    pub directory: Listing,
    /// Lines that it keeps, with their data; a new one beyond that has another given up. `None`: any number.
    pub lines: Option<u32>,
}

/// How an entry of a directory lists the sharers of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listing {
    /// One bit a node.
    FullMap,
    /// A few node numbers.
    Limited {
        /// How many: at least 1, at least 2 with [`Overflow::Recall`].
        pointers: u16,
        /// What happens when there are more sharers.
        overflow: Overflow,
    },
    /// One bit for each region of this many consecutive nodes.
    Coarse {
        /// Nodes of a region, 1 to 1024.
        region: u16,
    },
}

/// What happens when a limited entry has more sharers than pointers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    /// Everyone counts as a sharer from then on.
    Broadcast,
    /// A sharer loses its copy, and its pointer is given on.
    Recall,
    /// The entry becomes a coarse vector.
    Coarse {
        /// Nodes of a region, 1 to 1024.
        region: u16,
    },
}

/// Routers: input-queued, virtual-channel. Stage delays are in router cycles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouterSpec {
    /// VCs of each message class, 1 to 64. A machine that runs traces has five classes and at most
    /// 64 VCs a port.
    pub vcs_per_class: u8,
    /// Route computation; 0 is lookahead routing: the router before has done it.
    pub rc_cycles: u32,
    /// VC allocation, at least 1.
    pub va_cycles: u32,
    /// Switch allocation, at least 1.
    pub sa_cycles: u32,
    /// Switch traversal, at least 1.
    pub st_cycles: u32,
    /// Cycles to process a returned credit, at least 0.
    pub credit_cycles: u32,
    /// Everything else.
    pub arch: RouterArch,
}

impl RouterSpec {
    /// Cycles that a head takes from its arrival to the link: all stages.
    pub const fn head_cycles(&self) -> u32 {
        self.rc_cycles + self.va_cycles + self.sa_cycles + self.st_cycles
    }
}

/// A node's memory: channels in a clock domain of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemorySpec {
    /// The controllers' clock.
    pub clock: DomainIdx,
    /// Independent channels a node, at least 1.
    pub channels: u32,
    /// Consecutive bytes of a node's share that one channel keeps; a multiple of 64.
    pub interleave_bytes: u64,
    /// From the start of an access to its data.
    pub access_latency: Fs,
    /// Sustained bytes a second of each channel.
    pub channel_bytes_per_s: u64,
}

/// Nodes, routers and links, and the way between any two nodes.
#[derive(Clone, Debug)]
pub struct Fabric {
    /// Ports of each node's network interface: `node_ports[node][port]` is the link that leaves it.
    pub node_ports: Vec<Vec<LinkIdx>>,
    /// The routers.
    pub routers: Vec<RouterNode>,
    /// Link classes that [`Link::class`] indexes.
    pub classes: Vec<LinkClass>,
    /// Directed links; `2k` and `2k + 1` are the two directions of one cable, so that
    /// [`LinkIdx::reverse`] carries the credits.
    pub links: Vec<Link>,
    /// The routing function.
    pub routing: Routing,
}

/// A router's place in the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouterNode {
    /// Name for reports, such as `switch3` or `r(2,5)`.
    pub name: String,
    /// Its clock.
    pub clock: DomainIdx,
    /// The link that leaves each port.
    pub ports: Vec<LinkIdx>,
}

/// One end of a link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum End {
    /// A node's network interface.
    Node(NodeIdx, PortIdx),
    /// A router.
    Router(RouterIdx, PortIdx),
}

/// One direction of a cable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Sender.
    pub from: End,
    /// Receiver.
    pub to: End,
    /// Index into [`Fabric::classes`].
    pub class: usize,
    /// Length in micrometres; 0 for on-die wires.
    pub length_um: u64,
}

/// What a kind of link can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkClass {
    /// Name from the file.
    pub name: String,
    /// Flits of buffer for each VC at the receiving end, at least 1.
    pub buffer_flits: u32,
    /// How it moves bits. Of a framed class: a serial link of the same lanes, payload rate and fixed
    /// latencies, for all that does not look at frames.
    pub timing: LinkTiming,
    /// Its frames, errors and replay, if it is framed.
    pub phy: Option<Box<PhySpec>>,
}

/// How a link moves bits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkTiming {
    /// A wire within one clock domain: a flit sent at edge k is received at edge
    /// `k + latency_cycles`, one flit every `interval_cycles`. Both at least 1. Both ends must be in
    /// the same domain.
    OnDie {
        /// Edges from sending to receiving.
        latency_cycles: u32,
        /// Edges between flits.
        interval_cycles: u32,
    },
    /// A serial link: a flit takes `flit bits / payload rate` to serialize, then SerDes, FEC and
    /// flight; the receiver synchronizes it to its own clock.
    Serial {
        /// Lanes in this direction.
        lanes: u32,
        /// Raw bits a second of one lane.
        lane_bits_per_s: u64,
        /// Payload bits per raw bits (numerator, denominator): line code, FEC parity, framing.
        efficiency: (u64, u64),
        /// Transmit and receive SerDes together.
        serdes: Fs,
        /// FEC encode and decode together; 0 where there is none.
        fec: Fs,
        /// Propagation delay a metre.
        flight_per_m: Fs,
    },
}
