//! Routers on their own, and small grids of them.

mod chip;
mod equal;
mod general;
mod grid;
mod late;
mod laws;
mod lone;
mod stages;

use base::{Class, Flit, NodeIdx, PacketIdx, VcIdx};

/// A flit of a request: a packet of its own unless the test changes `head` and `tail`.
fn flit(packet: u32, dst: u32, vc: u8) -> Flit {
    Flit {
        packet: PacketIdx(packet),
        dst: NodeIdx(dst),
        src: NodeIdx(0),
        flits: 1,
        state: 0,
        flow: 0,
        vc: VcIdx(vc),
        class: Class::Req,
        head: true,
        tail: true,
    }
}

/// The flits of a packet of `length`.
fn packet(number: u32, dst: u32, vc: u8, length: u32) -> Vec<Flit> {
    let place = |n| Flit { head: n == 0, tail: n + 1 == length, ..flit(number, dst, vc) };
    (0..length).map(place).collect()
}
