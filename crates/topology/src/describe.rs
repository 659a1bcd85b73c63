//! The description of a machine: what a RON file says, or what a library user fills in.
//!
//! Names stand for clocks and link classes here; [`Description::elaborate`] resolves them, runs the
//! generator of the fabric and gives the [`MachineSpec`](crate::spec::MachineSpec). A field without
//! a default is required, because no value of it would be harmless.

use serde::Deserialize;

pub use crate::barriers::{BarrierForm, NodeEventForm, NodeHappening};
pub use crate::clocks::{
    ChangeForm, Clock, CrossingForm, DriftForm, SpreadDirection, SpreadForm, Via,
};
pub use crate::counters::{Channel, CountersForm, Timestamps};
pub use crate::directory::DirectoryForm;
pub use crate::families::PerDim;
pub use crate::families::grid::{Datelines, Grid, GridRouting, Ring, Twist};
pub use crate::families::{Arrangement, Dragonfly, DragonflyRouting};
pub use crate::families::{Clos, FatTree, UpRouting};
pub use crate::families::{GatewayChoice, Hierarchy};
pub use crate::families::{GraphRouting, SourcePath};
pub use crate::families::{HyperX, HyperXRouting};
pub use crate::families::{SlimFly, SlimFlyRouting};
use crate::names::Named;
pub use crate::phy::{EventForm, FramedForm, Happening};
pub use crate::pipeline::Router;
use crate::units::{Delay, Length, Rate, Size, Span};

/// A whole machine, as described.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "Machine")]
pub struct Description {
    /// What to call it.
    pub name: String,
    /// Clock domains by name.
    pub clocks: Named<Clock>,
    /// Edges that a synchronizer takes between clock domains; 2 where not given.
    #[serde(default = "two")]
    pub synchronizer_edges: u32,
    /// What joins pairs of clock domains, where it is not such a synchronizer.
    #[serde(default)]
    pub crossings: Vec<CrossingForm>,
    /// Size of a flit.
    pub flit: Size,
    /// Size of a packet's header.
    pub header: Size,
    /// Link classes by name.
    pub links: Named<LinkForm>,
    /// The accelerator of every node.
    pub accelerator: Accelerator,
    /// The pipeline of every router.
    pub router: Router,
    /// The memory of every node.
    pub memory: Memory,
    /// What happens to single links at given times; nothing where not given.
    #[serde(default)]
    pub events: Vec<EventForm>,
    /// What happens to single nodes at given times; nothing where not given.
    #[serde(default)]
    pub node_events: Vec<NodeEventForm>,
    /// How barriers are done; by packets where not given.
    #[serde(default)]
    pub barriers: BarrierForm,
    /// Nodes of a package: that many consecutive ones; there are no packages where not given.
    #[serde(default)]
    pub package_nodes: Option<u32>,
    /// Stretches of the pool with a mode of their own; all is coherent where not given.
    #[serde(default)]
    pub regions: Vec<Region>,
    /// Counters that nodes keep and align; none where not given.
    #[serde(default)]
    pub counters: Option<CountersForm>,
    /// Who is linked to whom.
    pub fabric: FabricForm,
}

/// A stretch of the pool with a mode of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its first byte, a multiple of 64.
    pub base: u64,
    /// Its length, a multiple of 64 bytes.
    pub size: Size,
    /// How it is kept.
    pub mode: Mode,
}

/// See [`spec::Mode`](crate::spec::Mode).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Mode {
    /// Cached, and kept coherent by the directory.
    Coherent,
    /// Never cached: every access goes to the home.
    Uncached,
    /// Cached, and kept valid from acquire to release by the threads that ask for it.
    Scoped,
}

/// A link class.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum LinkForm {
    /// A serial link between chips.
    Serial {
        /// Lanes in each direction.
        lanes: u32,
        /// Raw rate of a lane.
        lane_rate: Rate,
        /// Payload bits per raw bits, as (numerator, denominator).
        efficiency: (u64, u64),
        /// SerDes at both ends together.
        serdes: Span,
        /// FEC encoding and decoding together; none where not given.
        #[serde(default)]
        fec: Span,
        /// Propagation delay per length.
        flight: Delay,
        /// Buffer of each VC at the receiver, in flits.
        buffer_flits: u32,
    },
    /// A link with frames, errors and replay.
    Framed(Box<FramedForm>),
    /// A wire within a clock domain.
    OnDie {
        /// Edges from sending to receiving.
        latency_cycles: u32,
        /// Edges between flits.
        #[serde(default = "one")]
        interval_cycles: u32,
        /// Buffer of each VC at the receiver, in flits.
        buffer_flits: u32,
    },
}

impl LinkForm {
    /// Gives every VC at the receiver a buffer of `flits`.
    pub fn set_buffer_flits(&mut self, flits: u32) {
        match self {
            Self::Serial { buffer_flits, .. } | Self::OnDie { buffer_flits, .. } => {
                *buffer_flits = flits;
            }
            Self::Framed(form) => form.buffer_flits = Some(flits),
        }
    }
}

/// The accelerator of a node.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accelerator {
    /// Name of its clock.
    pub clock: String,
    /// Accesses outstanding; one that crosses a line counts as two.
    pub window: u32,
    /// Order of its own operations.
    pub consistency: Consistency,
    /// Where atomics are performed.
    pub atomics: Atomics,
    /// What caches do for each other beyond MESI; nothing where not given.
    #[serde(default)]
    pub protocol: Protocol,
    /// The coherent cache.
    pub cache: Cache,
    /// The home slice.
    pub home: Home,
    /// Requests a network interface holds before its agents wait; 8 where not given.
    #[serde(default = "eight")]
    pub injection_packets: u32,
}

/// See [`spec::Consistency`](crate::spec::Consistency).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Consistency {
    /// One operation at a time.
    Sequential,
    /// Loads one at a time; stores in order from a buffer of as many entries as the window.
    Tso,
    /// Up to the window in flight.
    Relaxed,
}

/// See [`spec::Atomics`](crate::spec::Atomics).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Atomics {
    /// In the requester's cache.
    Near,
    /// At the home.
    Far,
}

/// See [`spec::Protocol`](crate::spec::Protocol). Each is off where not given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Protocol {
    /// MOESI's owned state.
    pub owned: bool,
    /// Direct transfer between caches.
    pub direct: bool,
}

/// See [`spec::Replacement`](crate::spec::Replacement).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Replacement {
    /// True least-recently-used.
    Lru,
    /// Tree pseudo-LRU.
    TreePlru,
}

/// The coherent cache of an accelerator, of 64-byte lines.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// All ways and sets together.
    pub size: Size,
    /// Ways of a set.
    pub ways: u32,
    /// Which way is evicted.
    pub replacement: Replacement,
    /// Cycles from access to data.
    pub latency_cycles: u32,
    /// Misses and evictions in flight.
    pub mshrs: u32,
    /// Whether home is told of an evicted shared copy; it is where not given.
    #[serde(default)]
    pub shared_eviction: SharedEviction,
}

/// See [`spec::SharedEviction`](crate::spec::SharedEviction).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
pub enum SharedEviction {
    /// Home is told.
    #[default]
    Notify,
    /// The copy is dropped.
    Silent,
}

/// The home slice of an accelerator.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Home {
    /// Cycles from a message to what home does with it.
    pub latency_cycles: u32,
    /// Consecutive bytes of the pool at one home.
    pub interleave: Size,
    /// Lines that the directory tracks; all where not given.
    #[serde(default)]
    pub directory_lines: Option<u32>,
    /// How its entries list sharers; a full map where not given.
    #[serde(default)]
    pub directory: DirectoryForm,
}

/// See [`spec::Listing`](crate::spec::Listing).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Listing {
    /// One bit a node.
    #[default]
    FullMap,
    /// A few node numbers.
    Limited {
        /// How many.
        pointers: u16,
        /// What happens when there are more sharers.
        overflow: Overflow,
    },
    /// One bit for each region of nodes.
    Coarse {
        /// Nodes of a region.
        region: u16,
    },
}

/// See [`spec::Overflow`](crate::spec::Overflow).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Overflow {
    /// Everyone counts as a sharer from then on.
    Broadcast,
    /// A sharer loses its copy and its pointer.
    Recall,
    /// The entry becomes a coarse vector.
    Coarse {
        /// Nodes of a region.
        region: u16,
    },
}

/// The memory of a node.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Name of its controllers' clock.
    pub clock: String,
    /// Independent channels.
    pub channels: u32,
    /// Consecutive bytes at one channel.
    pub interleave: Size,
    /// From the start of an access to its data.
    pub latency: Span,
    /// Sustained rate of a channel.
    pub channel_rate: Rate,
}

/// The generator of the fabric, or the graph itself.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub enum FabricForm {
    /// Every accelerator linked to every one of a plane of switches; one tier.
    SwitchPlanes(SwitchPlanes),
    /// A mesh: a router and its accelerators at every point.
    Mesh(Grid),
    /// A torus: a mesh whose dimensions of 3 and more close into rings.
    Torus(Grid),
    /// A ring: a torus of one dimension.
    Ring(Ring),
    /// A router at every accelerator, linked to all others.
    FullMesh(FullMesh),
    /// A grid of routers, fully linked along every dimension.
    #[serde(alias = "FlattenedButterfly", alias = "NdFullMesh")]
    HyperX(HyperX),
    /// Fully linked groups of fully linked routers.
    Dragonfly(Dragonfly),
    /// A graph of diameter 2 with nearly as many routers as there can be.
    SlimFly(SlimFly),
    /// Named nodes and routers, and the links between them.
    Graph(Graph),
    /// A k-ary n-tree of switches.
    FatTree(FatTree),
    /// Leaves and spines, in one or more planes.
    Clos(Clos),
    /// Copies of one fabric, joined by another through gateways.
    Hierarchy(Hierarchy),
}

/// See [`FabricForm::SwitchPlanes`]. Node `n` has its ports to switch 0 first.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchPlanes {
    /// How many accelerators.
    pub accelerators: u32,
    /// How many switches.
    pub switches: u32,
    /// Parallel links between an accelerator and a switch: one number, or one for each switch.
    pub links_per_pair: PerSwitch,
    /// Link class.
    pub link: String,
    /// Length of every link.
    #[serde(default)]
    pub length: Option<Length>,
    /// Name of the switches' clock.
    pub clock: String,
    /// How a packet chooses its port at a network interface, and at a switch among parallel ones; at
    /// random where not given.
    #[serde(default)]
    pub spray: UpRouting,
}

/// Links from an accelerator to a switch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PerSwitch {
    /// The same number to every switch.
    Same(u32),
    /// A number for each switch.
    Each(Vec<u32>),
}

/// See [`FabricForm::FullMesh`].
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullMesh {
    /// How many accelerators.
    pub accelerators: u32,
    /// Parallel links between any two; 1 where not given.
    #[serde(default = "one")]
    pub links_per_pair: u32,
    /// Link class between an accelerator and its router.
    pub local: String,
    /// Parallel links between an accelerator and its router; 1 where not given.
    #[serde(default = "one")]
    pub local_links: u32,
    /// Link class between routers.
    pub link: String,
    /// Length of the links between routers.
    #[serde(default)]
    pub length: Option<Length>,
    /// Name of the routers' clock.
    pub clock: String,
    /// How packets go; over the links between source and destination where not given.
    #[serde(default)]
    pub routing: FullMeshRouting,
}

/// How packets go through a full mesh.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum FullMeshRouting {
    /// Over a link that leads there.
    #[default]
    Table,
    /// Over a link that leads there or by that third router which the queues at the source favour;
    /// 2 VCs a class.
    Detour,
}

/// See [`FabricForm::Graph`].
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// Names of the nodes, in order.
    pub nodes: Vec<String>,
    /// Name of each router's clock, by the router's name, in order.
    pub routers: Named<String>,
    /// The links.
    pub links: Vec<Cable>,
    /// How packets go; along shortest paths where not given.
    #[serde(default)]
    pub routing: GraphRouting,
}

/// A link of a [`Graph`], both directions.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cable {
    /// Node or router at one end.
    pub from: String,
    /// Node or router at the other.
    pub to: String,
    /// Link class.
    pub link: String,
    /// Its length.
    #[serde(default)]
    pub length: Option<Length>,
    /// Parallel links like this; 1 where not given.
    #[serde(default = "one")]
    pub count: u32,
}

const fn one() -> u32 {
    1
}
const fn two() -> u32 {
    2
}
const fn eight() -> u32 {
    8
}
