//! Adaptive routing on a HyperX: minimal, and DAL.
//!
//! A step in a dimension either aligns it or, with DAL and once for each dimension, goes to another
//! of its coordinates. Which dimensions were derouted is the packet's state, a bit for each; a
//! packet that arrives in a dimension and finds it unaligned has been derouted there, so the state is
//! brought up to date on arrival and asking again changes nothing. As a goal: the target is the
//! destination, the phase the set of dimensions derouted.
//!
//! Of the ports whose adaptive VCs have room the one with the least (flits waiting * hops from here)
//! is taken, the aligning ones before the others where equal; if none has room, the escape step is.

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::super::legs::TIE;
use super::super::table::choose;
use super::{BOTH, HyperX, LOCAL, LOWER, Policy, UPPER};
use crate::routing::attach::step;
use crate::routing::{Goal, OfClass, Step};

/// The best port so far.
#[derive(Clone, Copy, Debug)]
struct Best {
    cost: u64,
    port: PortIdx,
    derouted: u8,
}

impl HyperX {
    #[inline]
    pub(super) fn adapt<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        head: &mut Head,
        view: &OfClass<'_, V>,
    ) -> Step {
        let dst = self.attach.router(head.dst);
        if dst == at.at() {
            return self.attach.eject(at, head);
        }
        let derouted = self.derouted(at.at(), dst, in_port, state_of(head));
        head.state = u32::from(derouted);
        let goal = |derouted| Goal { target: head.dst.0, phase: derouted };
        match self.best(at.at(), dst, derouted, head.flow, view) {
            Some(b) => Step { escape: false, ..step(b.port, UPPER, goal(b.derouted)) },
            None => self
                .ordered(at, dst, head, (LOWER, goal(derouted)))
                .expect("another router differs in some dimension"),
        }
    }

    fn best<V: View>(
        &self,
        at: usize,
        dst: usize,
        derouted: u8,
        flow: u32,
        view: &OfClass<'_, V>,
    ) -> Option<Best> {
        let mut best: Option<Best> = None;
        let mut consider = |port: PortIdx, hops: u32, derouted: u8| {
            let cost = u64::from(view.used(port, BOTH)) * u64::from(hops);
            if best.is_none_or(|b| cost < b.cost) && view.free(port, UPPER) > 0 {
                best = Some(Best { cost, port, derouted });
            }
        };
        let hops = self.apart(at, dst);
        let dims = self.dims.len();
        let differ = rotated(dims, choose(dims, TIE | at, flow))
            .filter(|d| self.coordinate(at, *d) != self.coordinate(dst, *d));
        for d in differ.clone() {
            let there = self.coordinate(dst, d);
            self.ports(at, d, there).for_each(|p| consider(p, hops, derouted));
        }
        if self.policy == Policy::Dal {
            for d in differ.filter(|d| derouted >> d & 1 == 0) {
                let extent = usize::from(self.dims[d].extent);
                let (here, there) = (self.coordinate(at, d), self.coordinate(dst, d));
                for x in rotated(extent, choose(extent, TIE | at, flow)) {
                    let x = u16::try_from(x).unwrap_or(here);
                    if x != here && x != there {
                        let after = derouted | 1 << d;
                        self.ports(at, d, x).for_each(|p| consider(p, hops + 1, after));
                    }
                }
            }
        }
        best
    }

    pub(super) fn adapt_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        goal: Goal,
        mut visit: impl FnMut(Step),
    ) {
        let (at, to) = (at.at(), NodeIdx(goal.target));
        let dst = self.attach.router(to);
        let Some((first, _)) = self.onward(at, dst) else {
            return self.attach.eject_all(to, visit);
        };
        let derouted = self.derouted(at, dst, in_port, goal.phase);
        for d in
            (0..self.dims.len()).filter(|d| self.coordinate(at, *d) != self.coordinate(dst, *d))
        {
            let there = self.coordinate(dst, d);
            let goal = Goal { phase: derouted, ..goal };
            for p in self.ports(at, d, there) {
                if d == first {
                    visit(step(p, LOWER, goal));
                }
                visit(Step { escape: false, ..step(p, UPPER, goal) });
            }
            if self.policy == Policy::Dal && derouted >> d & 1 == 0 {
                let goal = Goal { phase: derouted | 1 << d, ..goal };
                let others = (0..self.dims[d].extent)
                    .filter(|x| *x != there && *x != self.coordinate(at, d));
                for p in others.flat_map(|x| self.ports(at, d, x)) {
                    visit(Step { escape: false, ..step(p, UPPER, goal) });
                }
            }
        }
    }

    /// The dimensions derouted, now that a packet for router `dst` has arrived by `in_port`.
    #[inline]
    fn derouted(&self, at: usize, dst: usize, in_port: PortIdx, before: u8) -> u8 {
        match self.dim_of[in_port.at()] {
            LOCAL => before,
            d if self.coordinate(at, usize::from(d)) == self.coordinate(dst, usize::from(d)) => {
                before
            }
            d => before | 1 << d,
        }
    }
}

#[inline]
fn state_of(head: &Head) -> u8 {
    (head.state & 0xff) as u8
}

/// `0..count`, begun at `start`.
#[inline]
fn rotated(count: usize, start: usize) -> impl Iterator<Item = usize> + Clone {
    (start..count).chain(0..start)
}
