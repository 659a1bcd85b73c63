//! A node's network interface: where packets become flits and flits packets again.
//!
//! ```text
//!   offer(packet) ─▶ queue[port][class] ─▶ VC, credit ─▶ one flit a port a cycle ─▶ link
//!   delivered packets ◀─ tail flit ◀──────────────────────────────────────────────── link
//! ```
//!
//! A packet offered at edge `t` to an idle interface leaves it at `t + 1`. The source picks its VC
//! round-robin among those that the routing function allows, that are free and have credit, starting
//! after the last one used. Received flits are taken at once and their credits leave at the next
//! edge.

use std::collections::VecDeque;

use base::arch::{Switching, VcReuse};
use base::route::View;
use base::{
    CLASS_COUNT, Class, Flit, Head, NodeIdx, PacketIdx, Part, PortIdx, RouterIdx, RoutingFunction,
    VcIdx,
};
use clock::{Domain, Edge};

use crate::pool::{Division, Pools};
use crate::ports::{behind, pick};
use crate::{MAX_PORTS, PortSet, Wires};

/// What an interface is built from.
#[derive(Clone, Debug)]
pub struct InterfaceParams {
    /// Its node's clock.
    pub clock: Domain,
    /// Flits of buffer a VC: `[port]`, at the far end of the link out; at most [`MAX_PORTS`] ports.
    pub output_depth: Vec<u32>,
    /// Whose these buffers are: `[port]`; each VC's own where it is empty.
    pub divisions: Vec<Division>,
    /// VCs a port, at most 64.
    pub vcs: u8,
    /// As the routers': when a VC may be used again, and how much room a packet needs.
    pub vc_reuse: VcReuse,
    /// See `vc_reuse`.
    pub switching: Switching,
}

/// A packet to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Outgoing {
    /// The packet.
    pub packet: PacketIdx,
    /// Its source.
    pub src: NodeIdx,
    /// Its destination, another node.
    pub dst: NodeIdx,
    /// Spreads packets over equal paths.
    pub flow: u32,
    /// Its message class.
    pub class: Class,
    /// Its length, at least 1.
    pub flits: u32,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Queued {
    packet: Outgoing,
    allowed: u64,
    /// The routing function's note on the packet.
    state: u32,
}

/// The packet of a class that is being sent, flit by flit.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Sending {
    packet: Outgoing,
    state: u32,
    vc: u8,
    sent: u32,
}

#[derive(Clone, Debug)]
struct Port {
    /// The first edge at which the link out takes another flit.
    link_ready: Edge,
    queues: [VecDeque<Queued>; CLASS_COUNT],
    sending: [Option<Sending>; CLASS_COUNT],
    credits: Vec<u32>,
    /// Flits that a VC may use at most.
    depth: u32,
    pools: Pools,
    /// Flits of the packet on a VC that have a promise of room in shared buffers.
    owed: Vec<u32>,
    free: u64,
    /// Classes with something to send, as bits.
    busy: u64,
    /// Round-robin pointers over classes and over VCs.
    class_pointer: u8,
    vc_pointer: u8,
}

base::state!([] Port {
    keeps link_ready, queues, sending, credits, pools, owed, free, busy, class_pointer, vc_pointer;
    each;
    fixed depth
});

/// One node's network interface.
#[derive(Clone, Debug)]
pub struct Interface {
    clock: Domain,
    ports: Vec<Port>,
    vcs: u8,
    /// A VC is free only when all its credits are back.
    keeps_vcs: bool,
    /// A packet takes a VC only where all of it has room.
    cut_through: bool,
    busy_ports: PortSet,
    /// Packets of each class not yet wholly sent.
    held: [u32; CLASS_COUNT],
}

base::state!([] Interface {
    keeps busy_ports, held;
    each ports;
    fixed clock, vcs, keeps_vcs, cut_through
});

impl Interface {
    /// Builds an interface.
    ///
    /// # Panics
    /// If it has more than [`MAX_PORTS`] ports or 64 VCs: machines are checked before they are built.
    pub fn new(params: &InterfaceParams) -> Self {
        assert!(
            params.output_depth.len() <= MAX_PORTS,
            "an interface has at most {MAX_PORTS} ports"
        );
        assert!((1..=64).contains(&params.vcs), "a port has 1 to 64 VCs");
        let division = |port: usize| params.divisions.get(port).copied().unwrap_or_default();
        let port = |(port, depth): (usize, &u32)| Port {
            link_ready: Edge(0),
            queues: Default::default(),
            sending: Default::default(),
            credits: vec![division(port).most(*depth); usize::from(params.vcs)],
            depth: division(port).most(*depth),
            pools: Pools::new(division(port), params.vcs, *depth),
            owed: vec![0; usize::from(params.vcs)],
            free: u64::MAX >> (64 - params.vcs),
            busy: 0,
            class_pointer: 0,
            vc_pointer: 0,
        };
        Self {
            clock: params.clock.clone(),
            ports: params.output_depth.iter().enumerate().map(port).collect(),
            vcs: params.vcs,
            keeps_vcs: params.vc_reuse != VcReuse::TailSent,
            cut_through: params.switching == Switching::VirtualCutThrough,
            busy_ports: PortSet::EMPTY,
            held: [0; CLASS_COUNT],
        }
    }

    /// Bytes of the emulator's memory that an interface takes beside itself. Packets that wait are on top.
    pub const fn bytes(ports: usize, vcs: u8) -> usize {
        ports * (size_of::<Port>() + vcs as usize * size_of::<u32>())
    }

    /// Packets of `class` that were offered and are not yet wholly sent.
    #[inline]
    pub const fn held(&self, class: Class) -> u32 {
        self.held[class.at()]
    }

    /// Takes a packet to be sent; its port is chosen now.
    ///
    /// # Panics
    /// If the routing function names a port that is not there or no VC.
    pub fn offer<R: RoutingFunction>(&mut self, packet: Outgoing, routing: &R) {
        let mut head = Head {
            src: packet.src,
            dst: packet.dst,
            flow: packet.flow,
            class: packet.class,
            state: 0,
        };
        let hop = routing.inject(&mut head, &Sockets(&self.ports));
        let at = hop.port.at();
        assert!(
            at < self.ports.len() && hop.vcs != 0,
            "the routing function injects {head:?} by {hop:?}"
        );
        let port = &mut self.ports[at];
        port.queues[packet.class.at()].push_back(Queued {
            packet,
            allowed: hop.vcs,
            state: head.state,
        });
        port.busy |= 1 << packet.class.at();
        self.busy_ports.insert(at);
        self.held[packet.class.at()] += 1;
    }

    /// Takes in credits and flits visible at `edge`; packets whose tail arrived are appended to
    /// `delivered`. Gives the number of flits received.
    ///
    /// # Panics
    /// If a credit arrives that was never spent.
    pub fn receive<W: Wires>(
        &mut self,
        edge: Edge,
        wires: &mut W,
        delivered: &mut Vec<PacketIdx>,
    ) -> u64 {
        if let Some(ports) = wires.credit_ports(edge) {
            self.take_credits(edge, &ports, wires);
        }
        let Some(ports) = wires.flit_ports(edge) else { return 0 };
        let mut flits = 0;
        for port in &ports {
            while let Some(flit) = wires.receive(port, edge) {
                flits += 1;
                wires.send_credit(port, flit.vc, edge.plus(1));
                if flit.tail {
                    wires.charge(flit.packet, &self.clock, &[(Part::Serialization, edge)]);
                    delivered.push(flit.packet);
                }
            }
        }
        flits
    }

    fn take_credits<W: Wires>(&mut self, edge: Edge, ports: &PortSet, wires: &mut W) {
        for port in ports {
            while let Some(vc) = wires.receive_credit(port, edge) {
                let port = &mut self.ports[port];
                port.credits[vc.at()] += 1;
                assert!(port.credits[vc.at()] <= port.depth, "{vc}: a credit too many");
                port.pools.give(vc.at(), port.claimed(vc.at()));
                if self.keeps_vcs && port.credits[vc.at()] == port.depth && !port.sends_on(vc) {
                    port.free |= 1 << vc.0;
                }
            }
        }
    }

    /// Sends up to one flit a port. Gives the next edge at which it must be called if nothing
    /// arrives before, [`Edge::NEVER`] if none.
    pub fn send<W: Wires>(&mut self, edge: Edge, wires: &mut W) -> Edge {
        let depart = edge.plus(1);
        let mut next = Edge::NEVER;
        let mut starved = PortSet::EMPTY;
        let busy = self.busy_ports;
        for at in &busy {
            let port = &mut self.ports[at];
            if port.link_ready > depart {
                next = next.min(Edge(port.link_ready.0 - 1));
                continue;
            }
            let Some((class, flit)) = port.next_flit(self.vcs, self.keeps_vcs, self.cut_through)
            else {
                starved.insert(at);
                continue;
            };
            if flit.head {
                wires.charge(flit.packet, &self.clock, &[(Part::SourceQueue, depart)]);
            }
            port.link_ready = wires.send(at, flit, depart);
            if flit.tail {
                self.held[class] -= 1;
                if port.queues[class].is_empty() {
                    port.busy &= !(1 << class);
                }
            }
            if port.busy == 0 {
                self.busy_ports.remove(at);
            } else {
                next = next.min(edge.plus(1));
            }
        }
        if wires.awaits_credits() || !starved.is_empty() {
            wires.await_credits(&starved);
        }
        next
    }

    /// The link out of `port` takes no flit before `until`.
    pub fn hold(&mut self, port: usize, until: Edge) {
        self.ports[port].link_ready = until;
    }

    /// Credits held for `vc` of the link out of `port`, and how many there are in all.
    pub fn credits(&self, port: usize, vc: VcIdx) -> (u32, u32) {
        (self.ports[port].credits[vc.at()], self.ports[port].depth)
    }

    /// Flits that were offered and not yet sent.
    pub fn unsent(&self) -> u64 {
        let sending = |s: &Sending| u64::from(s.packet.flits - s.sent);
        let of = |p: &Port| {
            let queued = p.queues.iter().flatten().map(|q| u64::from(q.packet.flits));
            queued.sum::<u64>() + p.sending.iter().flatten().map(sending).sum::<u64>()
        };
        self.ports.iter().map(of).sum()
    }

    /// Packets that wait to be sent or are being sent: port, class, packet, destination.
    pub fn waiting(&self) -> Vec<(usize, Class, PacketIdx, NodeIdx)> {
        let mut all = Vec::new();
        for (at, port) in self.ports.iter().enumerate() {
            for class in Class::ALL {
                let sending = port.sending[class.at()].iter().map(|s| &s.packet);
                let queued = port.queues[class.at()].iter().map(|q| &q.packet);
                all.extend(sending.chain(queued).map(|p| (at, class, p.packet, p.dst)));
            }
        }
        all
    }
}

impl Port {
    /// The flit to send now: classes take turns, and a class's packets go one after the other.
    fn next_flit(&mut self, vcs: u8, keeps_vcs: bool, cut_through: bool) -> Option<(usize, Flit)> {
        let mut classes = self.busy;
        while classes != 0 {
            let class = pick(classes, u32::from(self.class_pointer));
            let class = u8::try_from(class).unwrap_or(0);
            classes &= !(1 << class);
            let at = usize::from(class);
            if self.sending[at].is_none() {
                self.begin(at, vcs, cut_through);
            }
            let Some(sending) = &mut self.sending[at] else { continue };
            let on = usize::from(sending.vc);
            let (credits, claimed) = (self.credits[on], self.depth - self.credits[on]);
            if self.owed[on] > 0 {
                self.owed[on] -= 1;
            } else if self.pools.room(on, claimed, credits) == 0 {
                continue;
            } else {
                self.pools.take(on, claimed, 1);
            }
            self.credits[on] -= 1;
            self.class_pointer = behind(class, Class::Ack as u8 + 1);
            let (p, state) = (sending.packet, sending.state);
            let (head, tail) = (sending.sent == 0, sending.sent + 1 == p.flits);
            let vc = VcIdx(sending.vc);
            sending.sent += 1;
            if tail {
                if !keeps_vcs {
                    self.free |= 1 << sending.vc;
                }
                self.sending[at] = None;
            }
            let Outgoing { packet, src, dst, flow, class, .. } = p;
            let flits = u16::try_from(p.flits).unwrap_or(u16::MAX);
            return Some((
                at,
                Flit { packet, dst, src, flow, state, flits, vc, class, head, tail },
            ));
        }
        None
    }

    /// Buffers that a VC uses or is promised.
    fn claimed(&self, vc: usize) -> u32 {
        self.depth - self.credits[vc] + self.owed[vc]
    }

    /// Buffers that a packet on a VC without a promise may use.
    fn room(&self, vc: usize) -> u32 {
        self.pools.room(vc, self.claimed(vc), self.credits[vc])
    }

    /// Whether a packet is being sent on `vc`.
    fn sends_on(&self, vc: VcIdx) -> bool {
        self.sending.iter().flatten().any(|s| s.vc == vc.0)
    }

    /// Takes up the next packet of a class if there is a VC for it.
    fn begin(&mut self, class: usize, vcs: u8, cut_through: bool) {
        let Some(next) = self.queues[class].front() else { return };
        let room = if cut_through { next.packet.flits } else { 1 };
        let mut able = next.allowed & self.free;
        let mut mask = able;
        while mask != 0 {
            let vc = mask.trailing_zeros();
            mask &= mask - 1;
            if self.room(vc as usize) < room {
                able &= !(1 << vc);
            }
        }
        if able == 0 {
            return;
        }
        let vc = u8::try_from(pick(able, u32::from(self.vc_pointer))).unwrap_or(0);
        self.vc_pointer = behind(vc, vcs);
        self.free &= !(1 << vc);
        let (packet, state) = (next.packet, next.state);
        if cut_through && self.pools.is_shared() {
            let claimed = self.claimed(vc.into());
            self.pools.take(vc.into(), claimed, packet.flits);
            self.owed[usize::from(vc)] = packet.flits;
        }
        self.queues[class].pop_front();
        self.sending[class] = Some(Sending { packet, state, vc, sent: 0 });
    }
}

/// The ports of an interface as an adaptive routing function sees them.
struct Sockets<'a>(&'a [Port]);

impl View for Sockets<'_> {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        let port = &self.0[port.at()];
        let of_vcs = |(vc, credits): (usize, &u32)| (vcs >> vc & 1) as u32 * (port.depth - credits);
        let queued: usize = port.queues.iter().map(VecDeque::len).sum();
        let sent: u32 = port.credits.iter().enumerate().map(of_vcs).sum();
        sent + u32::try_from(queued).unwrap_or(u32::MAX)
    }

    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        let port = &self.0[port.at()];
        let with_credit = port.credits.iter().enumerate().filter(|(_, c)| **c > 0);
        vcs & port.free & with_credit.fold(0, |mask, (vc, _)| mask | 1 << vc)
    }

    fn used_at(&self, _: RouterIdx, _: PortIdx, _: u64) -> u32 {
        0
    }
}
