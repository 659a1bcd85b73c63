//! The wiring: links, who is at their ends, and the schedule that wakes them.
//!
//! Where a machine is cut, the sending end of a link across the cut is in one partition and its receiving
//! end in another: what is sent goes into the [`Mail`] for the other side, with the edge at which it is seen
//! there.

mod apart;
mod pins;

use base::{DomainIdx, Flit, Fs, LinkIdx, NodeIdx, PacketIdx, RouterIdx, Token, VcIdx};
use clock::{Edge, Schedule};
use phy::{Links, Lossless, Undetected};
use router::PortSet;

use super::mail::Mail;
use super::packets::Packets;
pub(crate) use pins::UnitWires;

/// Something that is stepped: a component of a clock domain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Component {
    /// An accelerator with its interface.
    Node(NodeIdx),
    /// A router.
    Router(RouterIdx),
    /// A node's memory.
    Memory(NodeIdx),
}

/// Where a component is woken: its domain, and its number there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Its clock.
    pub domain: DomainIdx,
    /// Its number among the domain's components.
    pub component: u32,
}

/// Edges beyond any of a run: those at which a link is ready that never is again.
const NEVER_FROM: u64 = u64::MAX - (1 << 32);

/// One end of a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Number of the unit: nodes first, then routers.
    pub(crate) unit: usize,
    pub(crate) port: usize,
}

impl Terminal {
    /// Of a link that ends in another partition.
    pub(crate) const ABROAD: Self = Self { unit: usize::MAX, port: usize::MAX };
}

/// The far end of a port's link in another partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Abroad {
    pub(crate) part: usize,
    /// The link out of the port, by its number there.
    pub(crate) link: LinkIdx,
}

/// Set in the number of a port's far unit: the rest is its number in [`Wiring::abroad`].
const ABROAD: u32 = 1 << 31;

/// Links and schedule, with what is needed to wake the far end of each wire.
#[derive(Clone, Debug)]
pub struct Wiring {
    pub(crate) links: Links,
    /// `[link]`: its number in the machine.
    pub(crate) names: Vec<LinkIdx>,
    /// Who wakes when.
    pub schedule: Schedule,
    /// `[link]`: its receiver. The sender is the receiver of the reverse.
    pub(crate) receivers: Vec<Terminal>,
    /// The far ends in other partitions.
    pub(crate) abroad: Vec<Abroad>,
    /// Nodes first, then routers.
    pub(crate) units: Vec<Unit>,
    /// The ports of all units, from [`Unit::first`] on for each.
    pub(crate) sockets: Vec<Socket>,
    /// Packets under way that were damaged unnoticed, and what becomes of them.
    pub(crate) spoiled: Vec<(PacketIdx, Undetected)>,
    /// Tokens that the unit stepped last has received, by port; taken up before the next is stepped.
    pub(crate) tokens: Vec<(usize, Token)>,
    /// Tokens sent and received.
    pub(crate) token_counts: [u64; 2],
}

base::state!([] Wiring {
    keeps links, schedule, spoiled, token_counts;
    each units, sockets;
    fixed names, receivers, abroad, tokens
});

/// A port of a unit.
// Invariant: a due edge is that of the first flit, or credit, in the link's ring; its unit's is that of the first of
// its ports, but while it takes in what is due.
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    /// When the next flit, and the next credit, can be received here.
    flit_due: Edge,
    credit_due: Edge,
    /// The packet whose head was the last to come in, and the edge up to which its flits can wait.
    coming: (PacketIdx, Edge),
    /// The link out, and where it leads.
    out: LinkIdx,
    far_unit: u32,
    far_port: u16,
    /// Since when the unit waits for a credit here, if it does, and how long it did before.
    starved_since: Fs,
    starved: Fs,
    /// The first instant after the last at which it waited: who sends a credit at the very instant at
    /// which the unit says that it waits no more still wakes it, so that it does not matter which of the
    /// two is stepped first.
    starved_until: Fs,
}

base::state!([] Socket {
    keeps flit_due, credit_due, coming, starved_since, starved, starved_until;
    each;
    fixed out, far_unit, far_port
});

impl Socket {
    pub(crate) fn new(out: LinkIdx, far: Terminal) -> Self {
        Self::leading(
            out,
            u32::try_from(far.unit).expect("units are bounded at elaboration"),
            u16::try_from(far.port).expect("ports are bounded at elaboration"),
        )
    }

    /// A port whose link leads into another partition, to the far end with a number in
    /// [`Wiring::abroad`].
    pub(crate) fn abroad(out: LinkIdx, number: usize) -> Self {
        let number = u32::try_from(number).expect("links are bounded at elaboration");
        Self::leading(out, ABROAD | number, 0)
    }

    /// When the unit is to be woken for a flit that comes in: flits behind a head leave after it.
    #[inline]
    fn rouse(&mut self, flit: &Flit, visible: Edge, patience: u32) -> Edge {
        if patience == 0 {
            visible
        } else if flit.head {
            self.coming = (flit.packet, Edge(visible.0.saturating_add(patience.into())));
            self.coming.1
        } else if flit.packet == self.coming.0 {
            visible.max(self.coming.1)
        } else {
            visible
        }
    }

    const fn leading(out: LinkIdx, far_unit: u32, far_port: u16) -> Self {
        Self {
            flit_due: Edge::NEVER,
            credit_due: Edge::NEVER,
            coming: (PacketIdx(u32::MAX), Edge(0)),
            out,
            far_unit,
            far_port,
            starved_since: Fs::NEVER,
            starved: Fs::ZERO,
            starved_until: Fs::ZERO,
        }
    }
}

/// What the wires at one component have for it, and what it waits for.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    slot: Slot,
    /// Where its ports start in [`Wiring::sockets`].
    first: u32,
    /// Ports with flits, and with credits, on the way in, and when the first can be received.
    flits: PortSet,
    credits: PortSet,
    flit_due: Edge,
    credit_due: Edge,
    /// Ports on which a credit must wake it, as it said when it was last stepped.
    starved: PortSet,
    /// The next edge at which it asked to be stepped.
    asked: Edge,
    /// For how many edges a head that is visible may wait for it, 0 or [`PATIENCE`].
    patience: u32,
    /// `[edge % PATIENCE]`: the last edge of these at which a head came in.
    heads: [Edge; PATIENCE as usize],
}

/// Edges that a head waits where routers are patient.
const PATIENCE: u32 = 2;

base::state!([] Unit {
    keeps flits, credits, flit_due, credit_due, starved, asked, heads;
    each;
    fixed slot, first, patience
});

impl Unit {
    /// A unit whose ports start at `first` of all.
    pub(crate) fn new(slot: Slot, first: usize) -> Self {
        Self {
            slot,
            first: u32::try_from(first).expect("ports are bounded at elaboration"),
            flits: PortSet::EMPTY,
            credits: PortSet::EMPTY,
            flit_due: Edge::NEVER,
            credit_due: Edge::NEVER,
            starved: PortSet::EMPTY,
            asked: Edge::NEVER,
            patience: 0,
            heads: [Edge::NEVER; PATIENCE as usize],
        }
    }

    /// Lets heads wait for it.
    pub(crate) fn be_patient(&mut self, patience: u32) {
        assert!(patience == 0 || patience == PATIENCE, "a head waits for {patience} edges");
        self.patience = patience;
    }

    /// Whether it may have been woken at an edge for nothing but a head that it has taken in before.
    fn had_head_before(&self, edge: Edge) -> bool {
        let before = edge.0.checked_sub(PATIENCE.into()).map_or(Edge::NEVER, Edge);
        self.patience > 0 && before < Edge::NEVER && self.heads[Self::place(before)] == before
    }

    /// A head has come in at an edge.
    #[inline]
    fn note_head(&mut self, edge: Edge) {
        self.heads[Self::place(edge)] = edge;
    }

    fn place(edge: Edge) -> usize {
        usize::try_from(edge.0 % u64::from(PATIENCE)).unwrap_or(0)
    }
}

impl Wiring {
    /// Bytes for each port of a unit, its link out among them, and for each unit beside that.
    pub(crate) const BYTES: (usize, usize) = (
        size_of::<Socket>()
            + size_of::<Terminal>()
            + size_of::<LinkIdx>()
            + Links::<Lossless>::BYTES.0,
        size_of::<Unit>()
            + size_of::<Slot>()
            + size_of::<Component>()
            + clock::Wheel::COMPONENT_BYTES,
    );

    /// The links of the machine.
    pub const fn links(&self) -> &Links {
        &self.links
    }

    /// The wires at one unit, for as long as it is stepped at an edge.
    pub(crate) fn at<'a, P>(
        &'a mut self,
        (unit, edge): (usize, Edge),
        packets: &'a mut Packets<P>,
        mail: &'a mut [Mail<P>],
    ) -> UnitWires<'a, P> {
        let first = self.units[unit].first as usize;
        let (at, steps, idle) = (edge, 0, true);
        UnitWires { wiring: self, packets, mail, unit, first, edge, at, steps, idle }
    }

    /// How long the sender of a link has waited for its credits, up to an instant.
    pub fn credit_stall(&self, link: LinkIdx, until: Fs) -> Fs {
        let from = self.receivers[link.reverse().at()];
        let socket = &self.sockets[self.units[from.unit].first as usize + from.port];
        socket.starved + until.since(socket.starved_since)
    }

    /// Wakes a component; what waits for a link that is down for good is never woken for it.
    #[inline]
    pub fn wake(&mut self, slot: Slot, edge: Edge) {
        if edge.0 > NEVER_FROM {
            return;
        }
        self.schedule.wake(slot.domain, slot.component, edge);
    }

    /// Puts a flit on its link, to be seen at `visible`, and wakes the receiver.
    #[inline]
    pub(crate) fn land(&mut self, link: LinkIdx, flit: Flit, visible: Edge, to: Terminal) {
        self.links.land(link, flit, visible);
        let far = &mut self.units[to.unit];
        far.flits.insert(to.port);
        far.flit_due = far.flit_due.min(visible);
        let socket = &mut self.sockets[far.first as usize + to.port];
        socket.flit_due = socket.flit_due.min(visible);
        let (slot, edge) = (far.slot, socket.rouse(&flit, visible, far.patience));
        self.wake(slot, edge);
    }

    /// Puts a credit that was sent at `sent` on its way to the sender of `link`, where it counts at
    /// `visible`; wakes the sender if it has waited for one since.
    #[inline]
    pub(crate) fn land_credit(
        &mut self,
        link: LinkIdx,
        vc: VcIdx,
        (sent, visible): (Fs, Edge),
        to: Terminal,
    ) {
        self.links.land_credit(link, vc, visible);
        let far = &mut self.units[to.unit];
        far.credits.insert(to.port);
        far.credit_due = far.credit_due.min(visible);
        let socket = &mut self.sockets[far.first as usize + to.port];
        socket.credit_due = socket.credit_due.min(visible);
        if far.starved.contains(to.port) || sent < socket.starved_until {
            let slot = far.slot;
            self.wake(slot, visible);
        }
    }

    /// What became of a packet unnoticed by any link; told once. Several of its flits may be wrong;
    /// data that are wrong unnoticed are so all the same.
    #[inline]
    pub(crate) fn take_spoiled(&mut self, packet: PacketIdx) -> Option<Undetected> {
        if self.spoiled.is_empty() {
            return None;
        }
        let mut found = None;
        self.spoiled.retain(|(p, how)| {
            if *p == packet && found != Some(Undetected::Silent) {
                found = Some(*how);
            }
            *p != packet
        });
        found
    }
}
