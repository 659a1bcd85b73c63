//! Routing functions: which ports lead a packet onwards, and on which VCs.
//!
//! A [`Routing`] answers the router's question for one packet ([`RoutingFunction`](base::RoutingFunction)) and the static
//! checks' question for all packets ([`Routing::goals`], [`Routing::inject_all`],
//! [`Routing::route_all`]) from the same data, so that what is proved is what is run.
//!
//! Message classes are treated alike: a class's VCs are divided into *groups*, such as the two sides
//! of a dateline or the two phases of Valiant's algorithm, and a step allows some of the groups of
//! the packet's own class.
//!
//! Each function is a module of its own with a type that has the methods that [`Way`] asks for.

mod around;
mod attach;
mod detour;
mod dimension;
mod dragonfly;
mod function;
mod hierarchy;
mod hopclass;
mod hyperx;
pub(crate) mod lattice;
mod legs;
mod memo;
mod minimal;
#[cfg(test)]
pub(crate) mod mock;
mod nca;
mod odd_even;
mod source;
mod table;
mod two_orders;
mod up_down;
mod view;

pub use detour::Detour;
pub use dimension::DimensionOrder;
pub use dragonfly::Dragonfly;
pub use hierarchy::Hierarchy;
pub(crate) use hierarchy::{Gateway, Parts};
pub use hopclass::HopClass;
pub use hyperx::HyperX;
pub(crate) use hyperx::Policy as HyperXPolicy;
pub use minimal::Minimal;
pub use nca::Nca;
pub(crate) use nca::{Tier, Up};
pub use odd_even::OddEven;
pub use source::SourceRouted;
pub(crate) use source::{Leave, NONE};
pub use table::Table;
pub(crate) use table::{distances, unreachable};
pub use two_orders::TwoOrders;
pub use up_down::UpDown;
pub(crate) use view::OfClass;

use memo::Memo;

use base::{Class, Head, NodeIdx, PortIdx, RouterIdx};

/// Pairs of a router and a node at most whose ports are tabulated: a byte each.
const FIXED_MAX: usize = 1 << 20;

/// How packets find their way.
#[derive(Clone, Debug)]
pub struct Routing {
    vcs_per_class: u8,
    /// `[set of groups]`: their VCs, counted from the class's first VC.
    vcs_of: Box<[u64; 256]>,
    /// `[class]`: the VCs of its first group.
    first_vcs: [u64; Class::ALL.len()],
    /// `[VC of a class]`: its group.
    group_of: [u8; 64],
    /// `[group]`: the VC that it shares with others; empty but for [`Routing::crowded`].
    crowd: Vec<u8>,
    /// `[router][node]`: the port, where it depends on nothing else and the table is small.
    fixed: Vec<u8>,
    /// Steps that are known where a packet has come to.
    memo: Memo,
    nodes: usize,
    way: Way,
}

/// The routing functions.
///
/// Each has:
///
/// - `groups()`: how many VC groups it tells apart in each class, 1 to 8;
/// - `size()`: routers and nodes that it was made for;
/// - `inject(&mut Head, &impl View) -> Step` and
///   `route(at, in_port, in_group, &mut Head, &impl View) -> Step`: the step of one packet;
/// - `goals(visit)`, `inject_all(src, goal, visit)` and `route_all(at, in_port, in_group, goal,
///   visit)`: the steps of all packets.
#[derive(Clone, Debug)]
pub enum Way {
    /// Shortest paths from a table, spread over equal ones by hash.
    Table(Table),
    /// One dimension after the other, on meshes and tori.
    DimensionOrder(DimensionOrder),
    /// Up to a nearest common ancestor, then down, in trees of switches.
    Nca(Nca),
    /// Shortest up*/down* paths on any graph.
    UpDown(UpDown),
    /// A listed path for every pair of nodes.
    SourceRouted(SourceRouted),
    /// Functions composed through gateways.
    Hierarchy(Hierarchy),
    /// On full meshes of any dimensions.
    HyperX(HyperX),
    /// Between groups of routers.
    Dragonfly(Dragonfly),
    /// A VC group for each hop.
    HopClass(HopClass),
    /// Dimension order in either of two orders.
    TwoOrders(TwoOrders),
    /// Dimension order to a router drawn at random and from there on.
    Detour(Detour),
    /// Any link of a grid on a shortest route, with an escape.
    Minimal(Minimal),
    /// The odd-even turn model on meshes of two dimensions.
    OddEven(OddEven),
    /// Steps that a test made up.
    #[cfg(test)]
    #[expect(private_interfaces, reason = "tests only")]
    Mock(mock::Mock),
}

/// Asks the function of a [`Way`].
macro_rules! ask {
    ($way:expr, $f:ident => $answer:expr) => {
        match $way {
            Way::Table($f) => $answer,
            Way::DimensionOrder($f) => $answer,
            Way::Nca($f) => $answer,
            Way::UpDown($f) => $answer,
            Way::SourceRouted($f) => $answer,
            Way::Hierarchy($f) => $answer,
            Way::HyperX($f) => $answer,
            Way::Dragonfly($f) => $answer,
            Way::HopClass($f) => $answer,
            Way::TwoOrders($f) => $answer,
            Way::Detour($f) => $answer,
            Way::Minimal($f) => $answer,
            Way::OddEven($f) => $answer,
            #[cfg(test)]
            Way::Mock($f) => $answer,
        }
    };
}
pub(crate) use ask;

impl Way {
    /// What the function is called in messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Table(_) => "table",
            Self::DimensionOrder(_) => "dimension-order",
            Self::Nca(_) => "nearest-common-ancestor",
            Self::UpDown(_) => "up*/down*",
            Self::SourceRouted(_) => "source",
            Self::Hierarchy(_) => "hierarchical",
            Self::HyperX(_) => "hyperx",
            Self::Dragonfly(_) => "dragonfly",
            Self::HopClass(_) => "hop-class",
            Self::TwoOrders(_) => "XY-YX",
            Self::Detour(f) => f.name(),
            Self::Minimal(_) => "minimal adaptive",
            Self::OddEven(_) => "odd-even",
            #[cfg(test)]
            Self::Mock(_) => "mock",
        }
    }

    /// Whether it decides by what waits at output ports, and is not asked again.
    pub(crate) fn weighs(&self) -> bool {
        match self {
            Self::TwoOrders(f) => f.weighs(),
            Self::Nca(f) => f.weighs(),
            Self::HyperX(f) => f.weighs(),
            Self::Dragonfly(f) => f.weighs(),
            Self::HopClass(f) => f.weighs(),
            Self::Hierarchy(f) => f.weighs(),
            _ => false,
        }
    }

    /// Whether it never looks at ports.
    pub(crate) fn oblivious(&self) -> bool {
        match self {
            Self::Table(_)
            | Self::DimensionOrder(_)
            | Self::UpDown(_)
            | Self::SourceRouted(_)
            | Self::Detour(_) => true,
            // These look only to weigh ports, or to adapt to them.
            Self::TwoOrders(_) | Self::Nca(_) | Self::Dragonfly(_) | Self::HopClass(_) => {
                !self.weighs()
            }
            Self::HyperX(f) => !f.weighs() && !f.adaptive(),
            Self::Hierarchy(f) => f.oblivious(),
            Self::Minimal(_) | Self::OddEven(_) => false,
            #[cfg(test)]
            Self::Mock(_) => false,
        }
    }

    /// Whether it looks at ports of a packet's first router only, to decide there once.
    pub(crate) fn source_adaptive(&self) -> bool {
        match self {
            Self::TwoOrders(_) | Self::HyperX(_) | Self::Dragonfly(_) | Self::HopClass(_) => {
                self.weighs() && !ask!(self, f => f.global())
            }
            _ => false,
        }
    }

    /// The grid that the function is for, if it is for one.
    pub(crate) const fn lattice(&self) -> Option<&lattice::Lattice> {
        match self {
            Self::DimensionOrder(f) => Some(f.lattice()),
            Self::TwoOrders(f) => Some(f.lattice()),
            Self::Detour(f) => Some(f.lattice()),
            Self::Minimal(f) => Some(f.lattice()),
            Self::OddEven(f) => Some(f.lattice()),
            _ => None,
        }
    }

    /// What to do where its routes can deadlock, by its [`name`](Self::name).
    pub(crate) fn mend(&self) -> &'static str {
        match self.name() {
            "table" => {
                "shortest-path tables are safe where routes do not close rings: describe a ring as a \
                 Torus and a grid as a Mesh with `routing: DimensionOrder`, route a Graph by \
                 `UpDown(root: ..)`, or link the routers as a tree, in tiers, or all to all"
            }
            "dimension-order" => "use a torus with datelines and 2 VCs in each class",
            "source" => {
                "list other paths for some of these pairs, or route the graph `UpDown(root: ..)`"
            }
            "hierarchical" => {
                "leave `separate_vcs` true, and the VCs that each part needs by itself"
            }
            _ => {
                "give each leg of a route, and each side of a dateline, VC groups of its own, and \
                 adaptive steps an escape without cycles"
            }
        }
    }
}

/// The leg of its route that a packet is on: all that its further steps depend on besides the
/// place. Functions with one leg have the destination as target and phase 0; others say in their
/// documentation what their phases and targets are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Goal {
    /// Number of the node, router or group where the leg ends.
    pub target: u32,
    /// Which leg.
    pub phase: u8,
}

impl Goal {
    /// The only leg of a packet to `node`.
    pub const fn node(node: NodeIdx) -> Self {
        Self { target: node.0, phase: 0 }
    }
}

/// A step that a packet may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Output port.
    pub port: PortIdx,
    /// Bit `g` set: VCs of group `g` may be taken. Never 0.
    pub groups: u8,
    /// Whether the step belongs to the escape function: it is offered to the packet at this place for
    /// as long as the packet waits there. All steps of functions that are not adaptive do. A step of
    /// an adaptive function that is not taken while another is chosen does not.
    pub escape: bool,
    /// The packet's leg after the step. Into a node, one that has this node as its target: that is
    /// how the checks see that packets arrive where they should.
    pub goal: Goal,
}

impl Routing {
    /// A routing function with its VCs: each class has `vcs_per_class`, divided evenly among the
    /// function's groups, lower groups first.
    ///
    /// # Panics
    /// If there are more groups than VCs, or more than 8: functions are checked when they are made.
    pub(crate) fn new(way: Way, vcs_per_class: u8) -> Self {
        let groups = ask!(&way, f => f.groups());
        let vcs = usize::from(vcs_per_class);
        assert!((1..=8).contains(&groups) && groups <= vcs, "{groups} groups in {vcs} VCs");
        let group =
            |v: usize| if v < vcs { u8::try_from(v * groups / vcs).unwrap_or(0) } else { 0 };
        let group_of: [u8; 64] = core::array::from_fn(group);
        let of = |set: usize| {
            let of_set = |v: &usize| set >> group_of[*v] & 1 == 1;
            (0..vcs).filter(of_set).fold(0, |mask, v| mask | 1_u64 << v)
        };
        let vcs_of = Box::new(core::array::from_fn(of));
        let (fixed, nodes) = (Self::table(&way), ask!(&way, f => f.size()).1);
        let memo = Memo::new(&way);
        let first_vcs = Self::first_vcs(vcs_of[1], vcs_per_class);
        let crowd = Vec::new();
        Self { vcs_per_class, vcs_of, first_vcs, group_of, crowd, fixed, memo, nodes, way }
    }

    /// A function with fewer VCs than it has groups, several of which share a VC: what would become
    /// of a machine that has too few, to be shown by the proof. Not to be run.
    pub(crate) fn crowded(way: Way, vcs_per_class: u8) -> Self {
        let groups = ask!(&way, f => f.groups());
        let vcs = usize::from(vcs_per_class);
        let crowd = (0..groups).map(|g| u8::try_from(g * vcs / groups).unwrap_or(0)).collect();
        let vcs_of = Box::new(core::array::from_fn(|set| set as u64));
        let group_of = core::array::from_fn(|vc| u8::try_from(vc).unwrap_or(0));
        let nodes = ask!(&way, f => f.size()).1;
        let first_vcs = Self::first_vcs(1, vcs_per_class);
        let (fixed, memo) = (Vec::new(), Memo::default());
        Self { vcs_per_class, vcs_of, first_vcs, group_of, crowd, fixed, memo, nodes, way }
    }

    /// The VCs of each class's first group, where `vcs` are those of the first class. Classes beyond
    /// the 64 VCs of a port have none.
    fn first_vcs(vcs: u64, vcs_per_class: u8) -> [u64; Class::ALL.len()] {
        let first = |class: usize| class * usize::from(vcs_per_class);
        core::array::from_fn(|class| {
            vcs.checked_shl(u32::try_from(first(class)).unwrap_or(64)).unwrap_or(0)
        })
    }

    /// A step as it is where groups share VCs.
    fn in_crowd(&self, step: Step) -> Step {
        if self.crowd.is_empty() {
            return step;
        }
        let of_step = |g: &usize| step.groups >> g & 1 == 1;
        let share = |set: u8, g: usize| set | 1 << self.crowd[g];
        Step { groups: (0..self.crowd.len()).filter(of_step).fold(0, share), ..step }
    }

    /// The ports of a function that needs no more than the destination.
    fn table(way: &Way) -> Vec<u8> {
        let Way::DimensionOrder(f) = way else { return Vec::new() };
        let (routers, nodes) = f.size();
        if routers * nodes > FIXED_MAX || !f.is_fixed() {
            return Vec::new();
        }
        let head = |dst| Head { src: dst, dst, flow: 0, class: Class::Req, state: 0 };
        let port = |at, dst: usize| {
            let head = head(NodeIdx::new(dst));
            f.onward(RouterIdx::new(at), PortIdx(0), 0, &head).port
        };
        let ports = (0..routers).flat_map(|at| (0..nodes).map(move |dst| port(at, dst)));
        // A grid of more than 256 ports a router is too large for the table.
        ports.map(|port| u8::try_from(port.0).expect("as many ports as ways and nodes")).collect()
    }

    /// The function itself.
    pub const fn way(&self) -> &Way {
        &self.way
    }

    /// How many VC groups the function tells apart in each class: 1 to 8.
    pub fn groups(&self) -> usize {
        let groups = ask!(&self.way, f => f.groups());
        if self.crowd.is_empty() { groups } else { usize::from(self.vcs_per_class) }
    }

    /// VCs of each message class.
    pub const fn vcs_per_class(&self) -> u8 {
        self.vcs_per_class
    }

    /// Routers and nodes that it was made for.
    pub fn size(&self) -> (usize, usize) {
        ask!(&self.way, f => f.size())
    }

    /// The VCs of a class in group `group`, counted from the class's first VC.
    pub fn group_vcs(&self, group: usize) -> u64 {
        self.vcs_of[1 << group]
    }

    /// Every leg with which some packet leaves its source.
    pub fn goals(&self, visit: impl FnMut(Goal)) {
        ask!(&self.way, f => f.goals(visit));
    }

    /// Every step by which some packet with this first leg may leave `src`; none where none does.
    pub fn inject_all(&self, src: NodeIdx, goal: Goal, mut visit: impl FnMut(Step)) {
        ask!(&self.way, f => f.inject_all(src, goal, |step| visit(self.in_crowd(step))));
    }

    /// Every step that some packet on this leg may take which arrived at router `at` by `in_port`
    /// on a VC of group `in_group`. Where a leg ends at `at`, the first steps of every next leg.
    pub fn route_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        goal: Goal,
        mut visit: impl FnMut(Step),
    ) {
        if self.crowd.is_empty() {
            ask!(&self.way, f => f.route_all(at, in_port, in_group, goal, visit));
            return;
        }
        for group in (0..self.crowd.len()).filter(|g| usize::from(self.crowd[*g]) == in_group) {
            ask!(&self.way, f => {
                f.route_all(at, in_port, group, goal, |step| {
                    // No packet arrives in a group that leads beyond the last.
                    let step = self.in_crowd(step);
                    if step.groups != 0 {
                        visit(step);
                    }
                });
            });
        }
    }

    /// A port and group such that packets which arrive by these are led on as those by `in_port`, on every leg.
    pub(crate) fn alike(&self, at: RouterIdx, in_port: PortIdx, group: usize) -> (PortIdx, usize) {
        match &self.way {
            Way::DimensionOrder(f) if self.crowd.is_empty() => f.alike(at, in_port, group),
            _ => (in_port, group),
        }
    }
}

#[cfg(test)]
mod tests;
