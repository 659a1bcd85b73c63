//! What routers and interfaces see of the rest of the machine: wires, and a stopwatch.

use base::{Flit, LinkIdx, PacketIdx, Part, VcIdx};
use clock::{Domain, Edge};

use crate::PortSet;

/// The wires at the ports of one component, whose clock counts the edges.
///
/// A wire has a latency of at least one edge: what is sent at an edge is received at a later one.
/// The implementor wakes the receiver.
pub trait Wires {
    /// Ports that may have flits to receive; the others need not be asked.
    fn flit_ports(&self) -> PortSet;

    /// Ports that may have credits to receive; the others need not be asked.
    fn credit_ports(&self) -> PortSet;

    /// The next flit on the link *into* `port` that is visible at `edge`.
    fn receive(&mut self, port: usize, edge: Edge) -> Option<Flit>;

    /// The next credit for the link *out of* `port` that is visible at `edge`.
    fn receive_credit(&mut self, port: usize, edge: Edge) -> Option<VcIdx>;

    /// The first edge at which `link` takes another flit.
    fn ready(&self, link: LinkIdx) -> Edge;

    /// Sends `flit` on `link` at `edge`, which may lie ahead of the present one.
    fn send(&mut self, link: LinkIdx, flit: Flit, edge: Edge);

    /// Returns a credit for `vc` to the sender of the link into `port`; it leaves at `edge`.
    fn send_credit(&mut self, port: usize, vc: VcIdx, edge: Edge);

    /// Charges the time of `packet` up to `edge` of `clock` to `part`.
    fn charge(&mut self, packet: PacketIdx, part: Part, clock: &Domain, edge: Edge);
}
