//! What routers and interfaces see of the rest of the machine: wires, and a stopwatch.

use base::{Flit, PacketIdx, Part, VcIdx};
use clock::{Domain, Edge};

use crate::PortSet;

/// The wires at the ports of one component, whose clock counts the edges.
///
/// A wire has a latency of at least one edge: what is sent at an edge is received at a later one.
/// The implementor wakes the receiver of a flit when it can be received, or as much later as
/// [`patience`](crate::RouterBank::patience) allows, and then has it stepped through the edges in between.
/// The receiver of a credit
/// is woken only if it [awaits](Self::await_credits) one; else the credit lies on the wire until
/// the receiver is stepped for another reason.
pub trait Wires {
    /// The edge that a router is to be stepped through first, up to the present `edge`, or none. That is the
    /// present edge alone where nothing waits longer than it has to.
    fn start(&mut self, edge: Edge) -> Option<Edge> {
        Some(edge)
    }

    /// As [`start`](Self::start), behind an edge before the present one, at which the router asked for `next`.
    fn turn(&mut self, edge: Edge, _next: Edge) -> Option<Edge> {
        Some(edge)
    }

    /// The router is stepped through the next `count` edges at once, the present one the last of them.
    fn catch_up(&mut self, _edge: Edge, _count: u64) {}

    /// The flit that is visible at `edge`, with its port, if nothing else is visible up to `until` that has not been
    /// received, no other flit and no credit. It may be none where there is one.
    fn lone(&self, _edge: Edge, _until: Edge) -> Option<(usize, &Flit)> {
        None
    }

    /// Takes in the [lone](Self::lone) flit, which came to `port`.
    fn take_lone(&mut self, port: usize, edge: Edge) {
        let _ = self.receive(port, edge);
    }

    /// Ports with flits that are visible at `edge`, if there are any; the others need not be asked. All that is
    /// visible at these is to be received.
    fn flit_ports(&mut self, edge: Edge) -> Option<PortSet>;

    /// Ports with credits that are visible at `edge`, if there are any; the others need not be asked. All that is
    /// visible at these is to be received.
    fn credit_ports(&mut self, edge: Edge) -> Option<PortSet>;

    /// The next flit on the link *into* `port` that is visible at `edge`.
    fn receive(&mut self, port: usize, edge: Edge) -> Option<Flit>;

    /// The next credit for the link *out of* `port` that is visible at `edge`.
    fn receive_credit(&mut self, port: usize, edge: Edge) -> Option<VcIdx>;

    /// Sends `flit` on the link out of `port` at `edge`, which may lie ahead of the present one.
    /// Gives the first edge at which the link takes another.
    fn send(&mut self, port: usize, flit: Flit, edge: Edge) -> Edge;

    /// Returns a credit for `vc` to the sender of the link into `port`; it leaves at `edge`.
    fn send_credit(&mut self, port: usize, vc: VcIdx, edge: Edge);

    /// Said at the end of each step: the ports whose next credits must wake this component, until
    /// it says otherwise. Credits that are on their way already count.
    fn await_credits(&mut self, ports: &PortSet);

    /// Whether the next credit of any port must wake this component, as it said last.
    fn awaits_credits(&self) -> bool;

    /// When `packet` was made, for arbiters that prefer the oldest: the low bits of an edge of `clock`
    /// that is not in the future. By default all packets are of one age.
    fn born(&self, _: PacketIdx, _clock: &Domain) -> u32 {
        0
    }

    /// Charges the time of `packet` to parts, one after the other, each up to an edge of `clock`.
    fn charge(&mut self, packet: PacketIdx, clock: &Domain, parts: &[(Part, Edge)]);
}
