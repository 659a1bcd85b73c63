//! What each choice of the general router does at which edge, from both sides.

mod buffers;
mod order;
mod pipeline;

use base::{Flit, RouterArch};

use super::lone::Lone;
use super::packet;

/// A router of `ports` ports, all stages of one cycle, with `change` made to its architecture.
fn router(ports: usize, depth: u32, change: impl FnOnce(&mut RouterArch)) -> Lone {
    let mut arch = RouterArch::default();
    change(&mut arch);
    Lone::with(ports, depth, [1; 4], arch)
}

/// The flits of packet `number` of `length` to port `dst`, in on `vc` and out on `vc` alone.
fn on_vc(number: u32, dst: u32, vc: u8, length: u16) -> Vec<Flit> {
    let own = |f: Flit| Flit { flow: 1 << vc, flits: length, ..f };
    packet(number, dst, vc, u32::from(length)).into_iter().map(own).collect()
}

/// Edges at which packet `number`'s flits left.
fn edges(lone: &Lone, number: u32) -> Vec<u64> {
    lone.packets().into_iter().filter(|(n, _)| *n == number).map(|(_, edge)| edge).collect()
}

/// Edges at which credits went back for `port`: each a cycle behind its flit's SA.
fn credits(lone: &Lone, port: usize) -> Vec<u64> {
    let of_port = lone.pins.returned.iter().filter(|(p, ..)| *p == port);
    of_port.map(|(_, _, edge)| edge.0).collect()
}
