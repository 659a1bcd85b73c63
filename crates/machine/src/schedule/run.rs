//! Running a schedule on the network.
//!
//! Every port of a node releases its packets by the node's counter: at the first cycle in which that has
//! a packet's release. Packets keep to the ways and the virtual channels that the schedule gives them. Cycles in
//! which nothing is under way are not stepped: the next release comes at once, and counts as when it was due.

use std::collections::VecDeque;

use base::{Head, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx, View};
use router::{Lane, Stall};
use topology::spec::{End, MachineSpec};

use super::{Hop, Schedule, way};
use crate::BuildError;
use crate::cycle::{CycleNetwork, Next, Offer, Passage, Terminals, Watch};

/// What a run of a schedule came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// `[transfer]`: the cycle in which its head left its source.
    pub departures: Vec<u64>,
    /// `[transfer]`: the cycle in which its tail arrived.
    pub arrivals: Vec<u64>,
    /// How often packets had to wait for others in routers.
    pub losses: Losses,
}

/// How often packets did not get at once what they asked for in a router.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Losses {
    /// Requests for an output VC that another packet had or got.
    pub vc: u64,
    /// Requests for the switch that another packet won.
    pub switch: u64,
    /// Cycles in which packets waited behind another in a buffer.
    pub behind: u64,
    /// Cycles in which packets had no credit. A packet that is longer than its buffers are deep for the
    /// way has such by itself.
    pub credit: u64,
}

impl Losses {
    /// Losses to other packets.
    pub const fn to_others(&self) -> u64 {
        self.vc + self.switch + self.behind
    }
}

/// A run that came to nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunTrouble {
    /// The network cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A packet did not arrive.
    #[error(
        "transfer {transfer} had not arrived by cycle {cycle}: packets wait for each other in a circle"
    )]
    Lost {
        /// Which.
        transfer: usize,
        /// When it was given up.
        cycle: u64,
    },
}

/// Cycles without any arrival after which a run is given up.
pub(super) const GIVE_UP: u64 = 1 << 17;

/// Cycles after which it is looked whether the network is at rest.
const LOOK: u64 = 64;

/// Runs a schedule. Node `n`'s counter is `late[n]` cycles behind the true time, or ahead where that is
/// negative; where there is no number, it is right.
///
/// # Errors
/// If the network cannot be built, or a schedule with faults gets stuck.
pub fn execute(
    spec: &MachineSpec,
    schedule: &Schedule,
    late: &[i64],
) -> Result<Outcome, RunTrouble> {
    let routing = Replay::new(spec, schedule);
    let mut net = CycleNetwork::new(spec, routing, 1, 1, Counting::default())?;
    let mut timed = Timed::new(spec, schedule, late);
    net.start();
    let mut last = (0, 0);
    while timed.arrived < schedule.entries().len() {
        net.cycle(&mut timed);
        let now = net.now() + timed.skipped;
        if timed.arrived > last.0 {
            last = (timed.arrived, now);
        }
        if now > last.1.max(timed.horizon) + GIVE_UP {
            let transfer = timed.arrivals.iter().position(|a| *a == u64::MAX).unwrap_or(0);
            return Err(RunTrouble::Lost { transfer, cycle: now });
        }
        if net.now().is_multiple_of(LOOK) && net.at_rest() {
            timed.skip_to_next(now);
            net.start();
        }
    }
    let Timed { departures, arrivals, .. } = timed;
    Ok(Outcome { departures, arrivals, losses: net.watch().losses })
}

/// The ways of a schedule as a routing function: a packet's flow is the number of its transfer.
#[derive(Clone, Debug)]
struct Replay {
    /// `[transfer]`: its way, each channel with the router that it leaves; the node's is a router that is
    /// not there.
    ways: Vec<Vec<(RouterIdx, Hop)>>,
}

impl Replay {
    fn new(spec: &MachineSpec, schedule: &Schedule) -> Self {
        let way = |hops: &[Hop]| {
            let from = |hop: &Hop| match spec.fabric.links[hop.link.at()].from {
                End::Router(r, _) => (r, *hop),
                End::Node(..) => (RouterIdx(u32::MAX), *hop),
            };
            hops.iter().map(from).collect()
        };
        Self { ways: schedule.entries().iter().map(|e| way(&e.hops)).collect() }
    }

    fn hop(&self, head: &Head) -> base::Hop {
        let (_, Hop { port, vcs, .. }) = self.ways[head.flow as usize][head.state as usize];
        base::Hop { port, vcs }
    }
}

impl RoutingFunction for Replay {
    fn inject<V: View>(&self, head: &mut Head, _: &V) -> base::Hop {
        head.state = 0;
        self.hop(head)
    }

    fn route<V: View>(
        &self,
        at: RouterIdx,
        _: PortIdx,
        _: VcIdx,
        head: &mut Head,
        _: &V,
    ) -> base::Hop {
        // The same place asks for the same hop, however often it asks.
        if self.ways[head.flow as usize][head.state as usize].0 != at {
            head.state += 1;
        }
        self.hop(head)
    }

    fn oblivious(&self) -> bool {
        true
    }
}

/// Counts what packets lose.
#[derive(Clone, Default, Debug)]
pub(super) struct Counting {
    pub(super) losses: Losses,
}

impl Watch for Counting {
    fn stalled(&mut self, _: Lane, why: Stall) {
        let count = match why {
            Stall::NoVc => &mut self.losses.vc,
            Stall::LostSwitch => &mut self.losses.switch,
            Stall::Behind => &mut self.losses.behind,
            Stall::NoCredit => &mut self.losses.credit,
        };
        *count += 1;
    }
}

/// Nodes that send by their counters.
#[derive(Debug)]
struct Timed {
    /// `[node][port]`: what is to be sent, in order: cycle, transfer, destination, flits.
    ports: Vec<Vec<VecDeque<Send>>>,
    departures: Vec<u64>,
    arrivals: Vec<u64>,
    arrived: usize,
    /// Cycles that were left out so far; all others here are those of the schedule.
    skipped: u64,
    /// The last release.
    horizon: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Send {
    cycle: u64,
    transfer: u32,
    dst: NodeIdx,
    flits: u32,
}

impl Timed {
    fn new(spec: &MachineSpec, schedule: &Schedule, late: &[i64]) -> Self {
        let count = schedule.entries().len();
        let of_node = |n| vec![Vec::new(); way::port_count(spec, n)];
        let mut ports: Vec<Vec<Vec<Send>>> = super::nodes(spec).map(of_node).collect();
        let mut horizon = 0;
        for (i, entry) in schedule.entries().iter().enumerate() {
            let src = entry.transfer.src.at();
            let cycle = entry.release.saturating_add_signed(late.get(src).copied().unwrap_or(0));
            let transfer = u32::try_from(i).unwrap_or(u32::MAX);
            let (dst, flits) = (entry.transfer.dst, entry.transfer.flits);
            let port = entry.hops.first().map_or(0, |hop| hop.port.at());
            ports[src][port].push(Send { cycle, transfer, dst, flits });
            horizon = horizon.max(cycle);
        }
        let sorted = |mut sends: Vec<Send>| {
            sends.sort_unstable();
            VecDeque::from(sends)
        };
        Self {
            ports: ports.into_iter().map(|all| all.into_iter().map(sorted).collect()).collect(),
            departures: vec![u64::MAX; count],
            arrivals: vec![u64::MAX; count],
            arrived: 0,
            skipped: 0,
            horizon,
        }
    }

    /// Leaves out the cycles from `now` to the next release.
    fn skip_to_next(&mut self, now: u64) {
        let fronts = self.ports.iter().flatten().filter_map(VecDeque::front);
        let next = fronts.map(|send| send.cycle).min().unwrap_or(now);
        self.skipped += next.saturating_sub(now);
    }
}

impl Terminals for Timed {
    const BY_PORT: bool = true;

    fn next(&mut self, node: NodeIdx, class: u8, now: u64) -> Next {
        self.next_at_port(node, PortIdx(0), class, now)
    }

    fn next_at_port(&mut self, node: NodeIdx, port: PortIdx, _: u8, now: u64) -> Next {
        let queue = &mut self.ports[node.at()][port.at()];
        let Some(&Send { cycle, transfer, dst, flits }) = queue.front() else { return Next::Wait };
        if cycle > now + self.skipped {
            return Next::At(cycle - self.skipped);
        }
        queue.pop_front();
        Next::Packet(Offer { created: cycle - self.skipped, dst, flits, tag: transfer, next: 0 })
    }

    fn flow(&mut self, offer: &Offer) -> Option<u32> {
        Some(offer.tag)
    }

    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        let transfer = passage.tag as usize;
        // Nothing is left out while anything is under way.
        self.departures[transfer] = passage.injected + self.skipped;
        self.arrivals[transfer] = now + self.skipped;
        self.arrived += 1;
        None
    }
}
