//! Routing functions: which ports lead a packet onwards, and on which VCs.
//!
//! A [`Routing`] answers the router's question for one packet ([`RoutingFunction`]) and the static
//! checks' question for all packets to a destination ([`Routing::inject_all`],
//! [`Routing::route_all`]) from the same data, so that what is proved is what is run.
//!
//! Message classes are treated alike: a class's VCs are divided into *groups* (one, or two where
//! there are datelines), and a step allows some of the groups of the packet's own class.

mod dimension;
mod table;

pub use dimension::DimensionOrder;
use dimension::Onward;
pub use table::Table;
pub(crate) use table::{distances, unreachable};

use base::{Class, Head, Hop, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx};

/// How packets find their way.
#[derive(Clone, Debug)]
pub enum Routing {
    /// Shortest paths from a table, spread over equal ones by hash.
    Table(Table),
    /// One dimension after the other, on meshes and tori.
    DimensionOrder(DimensionOrder),
}

/// A step that packets to some destination may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Output port.
    pub port: PortIdx,
    /// Bit `g` set: VCs of group `g` may be taken. Never 0.
    pub groups: u8,
}

impl Routing {
    /// How many VC groups the function tells apart in each class: 1 or 2.
    pub const fn groups(&self) -> usize {
        match self {
            Self::Table(_) => 1,
            Self::DimensionOrder(d) => d.groups(),
        }
    }

    /// VCs of each message class.
    pub const fn vcs_per_class(&self) -> u8 {
        match self {
            Self::Table(t) => t.vcs_per_class(),
            Self::DimensionOrder(d) => d.vcs_per_class(),
        }
    }

    /// Routers and nodes that it was made for.
    pub const fn size(&self) -> (usize, usize) {
        match self {
            Self::Table(t) => t.size(),
            Self::DimensionOrder(d) => d.size(),
        }
    }

    /// The VCs of a class in group `group`, counted from the class's first VC.
    pub const fn group_vcs(&self, group: usize) -> u64 {
        let all = (1_u64 << self.vcs_per_class()) - 1;
        if self.groups() == 1 {
            return all;
        }
        let low = (1_u64 << (self.vcs_per_class() / 2)) - 1;
        if group == 0 { low } else { all & !low }
    }

    /// Every step by which some packet from `src` to `dst` may leave its source.
    pub fn inject_all(&self, src: NodeIdx, dst: NodeIdx, mut visit: impl FnMut(Step)) {
        match self {
            Self::Table(t) => {
                t.inject_ports(src, dst).iter().for_each(|p| visit(Step { port: *p, groups: 1 }));
            }
            Self::DimensionOrder(d) => d.local_all().for_each(visit),
        }
    }

    /// Every step that some packet to `dst` may take which arrived at router `at` by `in_port` on a
    /// VC of group `in_group`.
    pub fn route_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        dst: NodeIdx,
        mut visit: impl FnMut(Step),
    ) {
        match self {
            Self::Table(t) => {
                t.router_ports(at, dst).iter().for_each(|p| visit(Step { port: *p, groups: 1 }));
            }
            Self::DimensionOrder(d) => match d.onward(at, in_port, in_group, dst) {
                Onward::Here => d.local_all().for_each(visit),
                Onward::One(step) => visit(step),
                Onward::Either(ways) => ways.into_iter().for_each(visit),
            },
        }
    }

    /// The hop of a step for a class.
    fn hop(&self, step: Step, class: Class) -> Hop {
        let mut vcs = 0;
        for group in 0..self.groups() {
            if step.groups >> group & 1 == 1 {
                vcs |= self.group_vcs(group);
            }
        }
        Hop { port: step.port, vcs: vcs << (class as u8 * self.vcs_per_class()) }
    }
}

impl RoutingFunction for Routing {
    #[inline]
    fn inject(&self, head: &Head) -> Hop {
        let step = match self {
            Self::Table(t) => Step { port: t.inject(head), groups: 1 },
            Self::DimensionOrder(d) => d.inject(head),
        };
        self.hop(step, head.class)
    }

    #[inline]
    fn route(&self, at: RouterIdx, in_port: PortIdx, in_vc: VcIdx, head: &Head) -> Hop {
        let step = match self {
            Self::Table(t) => Step { port: t.route(at, head), groups: 1 },
            Self::DimensionOrder(d) => {
                let of_class = u32::from(in_vc.0)
                    .saturating_sub(u32::from(head.class as u8) * u32::from(d.vcs_per_class()));
                let group = usize::from(d.groups() == 2)
                    & usize::from(of_class >= u32::from(d.vcs_per_class() / 2));
                d.route(at, in_port, group, head)
            }
        };
        self.hop(step, head.class)
    }
}
