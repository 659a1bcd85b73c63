//! Hops that are known beforehand: where a routing function tells each by destination and class, all of them; where
//! it tells some by the input VC as well, those.

use base::{Class, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use super::state::{CLASS_BITS, LaneNo, PackedFlit};

/// Pairs of a router and a node at most whose hops are kept, a byte each: of a large network they would not fit into
/// the caches otherwise.
const PAIRS_MAX: usize = 1 << 22;
/// Pairs of an input VC and a node at most for which a function is asked.
const ASKED_MAX: usize = 1 << 20;

/// The VCs that packets may take, by the bits of their class.
type Vcs = [u64; 1 << CLASS_BITS];

/// The hops of packets, by where they are and where they go: of all of them or of most, or none.
#[derive(Clone, Debug)]
pub(super) struct Hops {
    /// `[row + node]`: the port of the router that a packet to the node wants; where all are known.
    ports: Vec<u8>,
    /// VCs of the port that it may take.
    vcs: Vcs,
    /// Otherwise.
    by_input: ByInput,
    nodes: usize,
}

/// Hops that depend on the input VC, too; not all are known.
#[derive(Clone, Debug)]
struct ByInput {
    /// `[row + node]`: the port, and which of the sets of VCs, the first of which stands for a hop that is not known.
    hops: Vec<(u8, u8)>,
    /// `[set]`, and how many there are.
    vcs: Box<[Vcs; 256]>,
    sets: u8,
    /// `[input VC]`: its row.
    rows: Vec<u32>,
}

/// What there is to ask for: routers, nodes, VCs of a port, ports of each router, and what powers of two of ports and of
/// VCs each takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size<'a> {
    pub(super) nodes: usize,
    pub(super) vcs: u8,
    pub(super) ports: &'a [usize],
    pub(super) log_ports: u32,
    pub(super) shift: u32,
}

impl Hops {
    /// What a function tells.
    pub(super) fn new<R: RoutingFunction>(routing: &R, size: Size<'_>) -> Self {
        let (vcs, by_input) = ([0; 1 << CLASS_BITS], ByInput::none());
        let none = Self { ports: Vec::new(), vcs, by_input, nodes: size.nodes };
        if let Some(all) = none.clone().by_router(routing, size) {
            return all;
        }
        Self { by_input: ByInput::new(routing, size).unwrap_or_else(ByInput::none), ..none }
    }

    /// Of all packets, where the port depends on the router and the node, and the VCs depend on the class.
    fn by_router<R: RoutingFunction>(mut self, routing: &R, size: Size<'_>) -> Option<Self> {
        let routers = size.ports.len();
        if size.nodes == 0 || routers.saturating_mul(size.nodes) > PAIRS_MAX {
            return None;
        }
        let first = |class| routing.fixed(RouterIdx(0), NodeIdx(0), class);
        for class in Class::ALL {
            self.vcs[class as usize] = first(class)?.vcs;
        }
        self.ports.reserve(routers * size.nodes);
        for router in (0..routers).map(RouterIdx::new) {
            for node in (0..size.nodes).map(NodeIdx::new) {
                let port = routing.fixed(router, node, Class::ALL[0])?.port;
                let same = |class| {
                    let hop = routing.fixed(router, node, class);
                    hop.is_some_and(|h| h.port == port && h.vcs == self.vcs[class as usize])
                };
                if !Class::ALL.into_iter().all(same) {
                    return None;
                }
                self.ports.push(size.port(port)?);
            }
        }
        Class::ALL.iter().all(|class| self.vcs[*class as usize] != 0).then_some(self)
    }

    /// Whether all are known.
    pub(super) const fn all_known(&self) -> bool {
        !self.ports.is_empty()
    }

    /// Whether any are known.
    pub(super) const fn any_known(&self) -> bool {
        self.all_known() || !self.by_input.hops.is_empty()
    }

    /// Where those of an input VC of a router begin.
    pub(super) fn row(&self, router: usize, lane: LaneNo) -> u32 {
        let of_router = || u32::try_from(router * self.nodes).unwrap_or(u32::MAX);
        self.by_input.rows.get(usize::from(lane)).copied().unwrap_or_else(of_router)
    }

    /// As [`of`](Self::of), the VCs, where [all are known](Self::all_known).
    #[inline]
    pub(super) fn vcs_of(&self, flit: PackedFlit) -> u64 {
        self.vcs[flit.class_bits()]
    }

    /// As [`of`](Self::of), the ports for packets to the node of this number, where [all are known](Self::all_known).
    #[inline]
    pub(super) fn ports_to(&self, node: usize) -> PortsTo<'_> {
        PortsTo(&self.ports[node..])
    }

    /// The port of its router that a packet wants and the VCs that it may take, at the input VC of a row.
    #[inline]
    pub(super) fn of(&self, row: u32, flit: PackedFlit) -> Option<(LaneNo, u64)> {
        match self.ports.get(row as usize + flit.dst().at()) {
            Some(port) => Some((LaneNo::from(*port), self.vcs[flit.class_bits()])),
            None => self.of_some(row, flit),
        }
    }

    /// As [`of`](Self::of) where not [all are known](Self::all_known), out of the way.
    #[inline(never)]
    fn of_some(&self, row: u32, flit: PackedFlit) -> Option<(LaneNo, u64)> {
        self.of_input(row, flit)
    }

    /// As [`of`](Self::of) where not [all are known](Self::all_known).
    #[inline]
    pub(super) fn of_input(&self, row: u32, flit: PackedFlit) -> Option<(LaneNo, u64)> {
        let at = row as usize + flit.dst().at();
        let (port, set) = *self.by_input.hops.get(at)?;
        let vcs = self.by_input.vcs[usize::from(set)][flit.class_bits()];
        (vcs != 0).then_some((LaneNo::from(port), vcs))
    }
}

/// The ports that packets to a node want.
#[derive(Clone, Copy)]
pub(super) struct PortsTo<'a>(&'a [u8]);

impl PortsTo<'_> {
    /// That of the router of a row.
    #[inline]
    pub(super) fn at(self, row: u32) -> LaneNo {
        LaneNo::from(self.0[row as usize])
    }
}

impl ByInput {
    fn none() -> Self {
        Self {
            hops: Vec::new(),
            vcs: Box::new([[0; 1 << CLASS_BITS]; 256]),
            sets: 0,
            rows: Vec::new(),
        }
    }

    /// Of packets at input VCs, where they depend on nothing else; input VCs of a router that are alike have one row.
    fn new<R: RoutingFunction>(routing: &R, size: Size<'_>) -> Option<Self> {
        let asked = size.ports.iter().sum::<usize>() * usize::from(size.vcs);
        if size.nodes == 0 || asked.saturating_mul(size.nodes) > ASKED_MAX {
            return None;
        }
        let log = size.log_ports + size.shift;
        let mut this = Self { rows: vec![0; size.ports.len() << log], ..Self::none() };
        for (router, ports) in size.ports.iter().enumerate() {
            let of_router = this.hops.len();
            for (port, vc) in (0..*ports).flat_map(|port| (0..size.vcs).map(move |vc| (port, vc))) {
                let (row, from) = (this.hops.len(), (PortIdx::new(port), VcIdx(vc)));
                for node in (0..size.nodes).map(NodeIdx::new) {
                    let at = RouterIdx::new(router);
                    let told = size.hop(|class| routing.fixed_from(at, from, node, class));
                    let known = told.and_then(|(port, vcs)| Some((port, this.set(vcs)?)));
                    this.hops.push(known.unwrap_or((0, 0)));
                }
                let row = this.first_alike((of_router, row), size.nodes);
                this.rows[router << log | port << size.shift | usize::from(vc)] = row;
            }
            // Most functions tell of none: then the first router is enough to see that.
            if this.sets == 0 {
                return None;
            }
        }
        Some(this)
    }

    /// The number of a set of VCs, which is among them from now on, if there is room.
    fn set(&mut self, vcs: Vcs) -> Option<u8> {
        if let Some(set) = (0..=self.sets).find(|set| self.vcs[usize::from(*set)] == vcs) {
            return Some(set);
        }
        self.sets = self.sets.checked_add(1)?;
        self.vcs[usize::from(self.sets)] = vcs;
        Some(self.sets)
    }

    /// The first row of a router, whose rows begin at `of_router`, that is as the last one; that goes if it is another.
    fn first_alike(&mut self, (of_router, last): (usize, usize), nodes: usize) -> u32 {
        let alike = |row: &usize| self.hops[*row..][..nodes] == self.hops[last..][..nodes];
        let first = (of_router..last).step_by(nodes).find(alike).unwrap_or(last);
        if first < last {
            self.hops.truncate(last);
        }
        u32::try_from(first).unwrap_or(u32::MAX)
    }
}

impl Size<'_> {
    /// The hop of all classes by what is told of each, if that is known and by one port, which there is.
    fn hop(&self, told: impl Fn(Class) -> Option<base::Hop>) -> Option<(u8, Vcs)> {
        let mut vcs = [0; 1 << CLASS_BITS];
        let port = told(Class::ALL[0])?.port;
        for class in Class::ALL {
            let hop = told(class).filter(|hop| hop.port == port)?;
            vcs[class as usize] = hop.vcs & u64::MAX >> (64 - self.vcs);
        }
        Some((self.port(port)?, vcs))
    }

    /// The number of a port, if routers have it.
    fn port(&self, port: PortIdx) -> Option<u8> {
        let sound = u32::from(port.0) < 1 << self.log_ports;
        u8::try_from(port.0).ok().filter(|_| sound)
    }
}

#[cfg(test)]
mod tests {
    use base::{Head, Hop, PacketIdx, PortIdx, VcIdx, View};

    use super::*;

    /// Tells hops by closures: by router, node and class, and by input VC as well.
    struct Told<F, G>(F, G);

    impl<F, G> RoutingFunction for Told<F, G>
    where
        F: Fn(u32, u32, Class) -> Option<Hop>,
        G: Fn(u32, (u16, u8), u32, Class) -> Option<Hop>,
    {
        fn inject<V: View>(&self, _: &mut Head, _: &V) -> Hop {
            unreachable!("nothing is sent")
        }

        fn route<V: View>(&self, _: RouterIdx, _: PortIdx, _: VcIdx, _: &mut Head, _: &V) -> Hop {
            unreachable!("nothing is routed")
        }

        fn fixed(&self, at: RouterIdx, dst: NodeIdx, class: Class) -> Option<Hop> {
            self.0(at.0, dst.0, class)
        }

        fn fixed_from(
            &self,
            at: RouterIdx,
            (port, vc): (PortIdx, VcIdx),
            dst: NodeIdx,
            class: Class,
        ) -> Option<Hop> {
            self.1(at.0, (port.0, vc.0), dst.0, class)
        }
    }

    /// 3 routers of up to 4 ports and 6 VCs, and 5 nodes.
    const SIZE: Size<'_> = Size { nodes: 5, vcs: 6, ports: &[4, 3, 4], log_ports: 2, shift: 3 };

    /// Hops by router, node and class.
    fn hops(told: impl Fn(u32, u32, Class) -> Option<Hop>) -> Hops {
        Hops::new(&Told(told, |_, _, _, _| None), SIZE)
    }

    const fn hop(port: u16, vcs: u64) -> Hop {
        Hop { port: PortIdx(port), vcs }
    }

    fn port(at: u32, dst: u32) -> u16 {
        u16::try_from((at + dst) % 4).unwrap_or(0)
    }

    fn to(dst: u32, class: Class) -> PackedFlit {
        PackedFlit::new(PacketIdx(7), NodeIdx(dst), class, (true, true))
    }

    #[test]
    fn what_is_known_is_what_the_function_tells() {
        let hops = hops(|at, dst, class| Some(hop(port(at, dst), 1 << class as u8)));
        assert!(hops.all_known() && hops.any_known());
        for (at, dst) in (0..3_u16).flat_map(|at| (0..5).map(move |dst| (at, dst))) {
            for class in Class::ALL {
                let known = hops.of(hops.row(at.into(), at << 5), to(dst, class));
                assert_eq!(known, Some((port(at.into(), dst), 1 << class as u8)));
            }
        }
    }

    #[test]
    fn all_hops_are_known_or_none() {
        let told = |at, dst| hop(port(at, dst), 1);
        let at_end = |at: u32, dst: u32| (at, dst) == (2, 4);
        // As told, but for one pair.
        let but = |other: Option<Hop>| {
            hops(move |at, dst, _| if at_end(at, dst) { other } else { Some(told(at, dst)) })
        };
        assert!(but(Some(told(2, 4))).any_known());
        assert!(!but(None).any_known());
        // VCs that depend on where a packet is, a port that routers do not have, no VC, a port that depends on the class.
        assert!(!but(Some(hop(port(2, 4), 2))).any_known());
        assert!(!but(Some(hop(4, 1))).any_known());
        assert!(!hops(|at, dst, _| Some(hop(port(at, dst), 0))).any_known());
        let by_class = |at, dst, class: Class| Some(hop((port(at, dst) + class as u16) % 4, 1));
        assert!(!hops(by_class).any_known());
        let too_many = Size { nodes: 2, ports: &vec![1; PAIRS_MAX], log_ports: 0, ..SIZE };
        let one = Told(|_, _, _| Some(hop(0, 1)), |_, _, _, _| None);
        assert!(!Hops::new(&one, too_many).any_known());
    }

    /// By which VCs packets go that came by a port and a VC: those of port 0 by others than the rest, and on VC 1 of that
    /// nobody knows where to.
    fn by_input(at: u32, (port, vc): (u16, u8), dst: u32, class: Class) -> Option<Hop> {
        let vcs = if port == 0 { 1 << class as u8 } else { 2 << class as u8 };
        ((port, vc) != (0, 1)).then(|| hop(self::port(at, dst), vcs))
    }

    #[test]
    fn hops_are_known_by_input_vcs_where_these_count() {
        let hops = Hops::new(&Told(|_, _, _| None, by_input), SIZE);
        assert!(hops.any_known() && !hops.all_known());
        for router in 0..3_u16 {
            let ports = u16::try_from(SIZE.ports[usize::from(router)]).expect("few");
            for (from, vc) in (0..ports).flat_map(|port| (0..SIZE.vcs).map(move |vc| (port, vc))) {
                let row = hops.row(router.into(), router << 5 | from << 3 | u16::from(vc));
                for (dst, class) in (0..5).flat_map(|dst| Class::ALL.map(|class| (dst, class))) {
                    let known = hops.of(row, to(dst, class));
                    let told = by_input(router.into(), (from, vc), dst, class);
                    assert_eq!(known, told.map(|hop| (hop.port.0, hop.vcs)));
                }
            }
        }
        // Three rows a router: of VC 0 of port 0, of its VC 1, and of all others.
        assert_eq!(hops.by_input.hops.len(), 3 * 3 * 5);
        // Where there are none, or too many to be asked for.
        let none = Told(|_, _, _| None, |_, _, _, _| None);
        assert!(!Hops::new(&none, SIZE).any_known());
        let too_many = Size { ports: &vec![1; ASKED_MAX], log_ports: 0, shift: 0, ..SIZE };
        assert!(!Hops::new(&Told(|_, _, _| None, by_input), too_many).any_known());
    }
}
