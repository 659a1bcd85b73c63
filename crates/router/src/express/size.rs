//! The sizes that the express step is compiled for, and what the bank asks of whichever it is.

use base::{Head, PacketIdx, RouterIdx, RoutingFunction};

use super::table::List;
use super::{Border, Express, PackedFlit, PortLink, Train};
use crate::bank::{Pipeline, RouterParams};
use crate::state::{Blocked, Lane};

/// Lanes of the largest network.
pub(crate) const LANES_MAX: usize = 32768;

/// The network, and the lists of whoever moves in a cycle.
#[derive(Clone, Debug)]
pub(crate) struct Sized<const L: usize, const P: usize> {
    x: Express<L, P>,
    bids: List<L>,
    asks: List<L>,
}

/// A network in tables of the size that it needs.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Lanes2048(Box<Sized<2048, 1024>>),
    Lanes8192(Box<Sized<8192, 4096>>),
    Lanes32768(Box<Sized<32768, 16384>>),
}

/// Does something with the network, whatever its size.
macro_rules! each {
    ($engine:expr, $sized:ident => $answer:expr) => {
        match $engine {
            Engine::Lanes2048($sized) => $answer,
            Engine::Lanes8192($sized) => $answer,
            Engine::Lanes32768($sized) => $answer,
        }
    };
}

impl<const L: usize, const P: usize> Sized<L, P> {
    fn new(x: Express<L, P>) -> Box<Self> {
        Box::new(Self { x, bids: List::new(), asks: List::new() })
    }

    const fn train<'a, R>(&'a mut self, routing: &'a R) -> Train<'a, R, L, P> {
        Train { x: &mut self.x, bids: &mut self.bids, asks: &mut self.asks, routing }
    }
}

impl Engine {
    /// All routers; `links[router][port]`. Lanes are numbered as the bank does: `2^log` a router, at
    /// most [`LANES_MAX`] in all and half as many ports.
    pub(crate) fn new<R: RoutingFunction>(
        params: &[RouterParams],
        pipeline: &Pipeline,
        sizes: (u32, u32),
        routing: &R,
        links: &[Vec<PortLink>],
    ) -> Self {
        let (shift, log) = sizes;
        let lanes = (params.len() << log).max((params.len() << log >> shift) * 2);
        match lanes {
            0..=2048 => {
                Self::Lanes2048(Sized::new(Express::new(params, pipeline, sizes, routing, links)))
            }
            2049..=8192 => {
                Self::Lanes8192(Sized::new(Express::new(params, pipeline, sizes, routing, links)))
            }
            _ => {
                Self::Lanes32768(Sized::new(Express::new(params, pipeline, sizes, routing, links)))
            }
        }
    }

    /// Steps all routers through cycle `now`, which follows the one stepped before.
    #[inline]
    pub(crate) fn cycle<R: RoutingFunction, B: Border>(
        &mut self,
        now: u64,
        routing: &R,
        border: &mut B,
    ) {
        each!(self, it => it.train(routing).cycle(now, border));
    }

    /// Puts flits of sources on their way into input VCs, each with the low bits of the cycle in which it
    /// arrives.
    #[inline]
    pub(crate) fn enter<R: RoutingFunction>(
        &mut self,
        flits: &[(Lane, PackedFlit, u32)],
        routing: &R,
    ) {
        each!(self, it => it.train(routing).enter(flits));
    }

    /// Notes a packet that is going to enter.
    #[inline]
    pub(crate) fn take_up(&mut self, packet: PacketIdx, head: Head) {
        each!(self, it => it.x.take_up(packet, head));
    }

    /// Each router takes two to this power of lanes.
    pub(crate) fn log(&self) -> u32 {
        each!(self, it => it.x.fixed.log)
    }

    /// How many routers there are.
    pub(crate) fn len(&self) -> usize {
        each!(self, it => it.x.routers)
    }

    /// Flits that left router `i` so far.
    pub(crate) fn forwarded(&self, i: RouterIdx) -> u64 {
        each!(self, it => it.x.forwarded(i))
    }

    /// Ports of router `i` that have a link.
    pub(crate) fn ports(&self, i: RouterIdx) -> usize {
        each!(self, it => it.x.ports(i))
    }

    /// What router `i` is built from.
    pub(crate) fn params(&self, i: RouterIdx) -> RouterParams {
        each!(self, it => it.x.params(i))
    }

    /// Credits of output VC `out` that count in the present cycle, and how many there are in all.
    pub(crate) fn credits(&self, out: u32) -> (u32, u32) {
        each!(self, it => (it.x.credits(out), it.x.depth(out)))
    }

    /// Flits that are in the buffer of an input VC, those on their way not counted.
    pub(crate) fn buffered(&self, lane: u32) -> usize {
        each!(self, it => it.x.buffered(lane))
    }

    /// The packet at the front of an input VC, with what it waits for.
    pub(crate) fn blocked(&self, lane: u32) -> Option<Blocked> {
        each!(self, it => it.x.blocked(lane))
    }

    /// Takes back a credit that was issued and does not count yet. Tells whether there was one.
    pub(crate) fn lose_credit(&mut self) -> bool {
        each!(self, it => it.x.lose_credit())
    }
}
