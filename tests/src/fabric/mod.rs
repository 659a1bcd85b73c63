//! Whole networks under random traffic, and the laws that they keep.
//!
//! ```text
//!   Case ─▶ machine ─▶ CycleNetwork ─▶ Run: who went where when ─▶ laws
//!     └───▶ packets ──────▲
//! ```
//!
//! [`cases`] draws a machine of any family and kind of router, with packets; [`Case::run`] sends them
//! until the network is empty and keeps what its routers and nodes saw; [`laws::all`] judges that.

mod cases;
pub mod laws;
mod script;

use std::collections::{BTreeMap, BTreeSet};

use lockstep::base::{Digest, PacketIdx, RoutingFunction};
use lockstep::machine::CycleNetwork;
use lockstep::machine::cycle::Watch;
use lockstep::router::{Departure, Lane, Stall};
use lockstep::topology::Description;
use lockstep::topology::spec::MachineSpec;

pub use cases::{Fabric, cases, choose, fabric, uniform};
pub use script::{Order, Sent};

/// A machine and the packets that it shall carry.
#[derive(Clone, Debug)]
pub struct Case {
    /// The machine.
    pub description: Description,
    /// Traffic classes.
    pub classes: usize,
    /// The packets.
    pub orders: Vec<Order>,
    /// Seed of the flows.
    pub seed: u64,
}

impl Case {
    /// The machine, elaborated.
    ///
    /// # Panics
    /// If it is not sound.
    pub fn spec(&self) -> MachineSpec {
        let told = |e| panic!("{e}\n{:?}", self.description.fabric);
        self.description.elaborate().unwrap_or_else(told)
    }

    /// Sends the packets by the machine's own routing.
    pub fn run(&self) -> Run {
        let spec = self.spec();
        self.run_with(&spec, spec.fabric.routing.clone(), |_| {})
    }

    /// Sends the packets by `routing` until no more come, or for so long that they never will; `before`
    /// is called before each cycle.
    ///
    /// # Panics
    /// If the network cannot be built.
    pub fn run_with<R: RoutingFunction>(
        &self,
        spec: &MachineSpec,
        routing: R,
        mut before: impl FnMut(&mut CycleNetwork<R, Log>),
    ) -> Run {
        let nodes = spec.fabric.node_ports.len();
        let mut script = script::Script::new(&self.orders, nodes, self.classes);
        let net = CycleNetwork::new(spec, routing, self.classes, self.seed, Log::default());
        let mut net = net.expect("a network that can be built");
        net.start();
        let last = self.orders.iter().map(|o| o.created).max().unwrap_or(0);
        let mut patience = 0;
        while !(script.is_done() && net.now() > last) && patience < 100_000 {
            before(&mut net);
            let told = script.told;
            net.cycle(&mut script);
            patience = if script.told == told { patience + 1 } else { 0 };
        }
        let end = net.now();
        // The last credits.
        for _ in 0..200 {
            before(&mut net);
            net.cycle(&mut script);
        }
        Run::new(spec, &net, script, end)
    }
}

/// What was seen of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// What became of each packet: `[order]`.
    pub sent: Vec<Sent>,
    /// What routers saw.
    pub log: Log,
    /// Which order a packet was: by its number, and the cycle in which its head was injected.
    pub numbers: BTreeMap<(PacketIdx, u64), usize>,
    /// The cycle in which all had arrived.
    pub end: u64,
    /// Flits that left sources, flits that arrived, and router visits.
    pub flits: (u64, u64, u64),
    /// Packets that are still under way.
    pub in_flight: usize,
    /// Buffers that are not empty or whose credits are not all back.
    pub debts: Vec<String>,
    /// `[lane]` that was seen: router, port, VC.
    pub places: BTreeMap<Lane, (usize, usize, u8)>,
}

impl Run {
    fn new<R: RoutingFunction>(
        spec: &MachineSpec,
        net: &CycleNetwork<R, Log>,
        script: script::Script,
        end: u64,
    ) -> Self {
        let log = net.watch().clone();
        let granted = log.granted.iter().flat_map(|(_, from, to, _)| [*from, *to]);
        let lanes: BTreeSet<Lane> = log.received.iter().map(|r| r.1).chain(granted).collect();
        let place = |lane: Lane| {
            let (router, port, vc) = net.routers().place(lane);
            (lane, (router.at(), port, vc.0))
        };
        Self {
            places: lanes.into_iter().map(place).collect(),
            sent: script.sent,
            numbers: script.numbers,
            log,
            end,
            flits: (net.flits().0, net.flits().1, net.router_visits()),
            in_flight: net.packets_in_flight(),
            debts: laws::debts(spec, net),
        }
    }

    /// Which order the packet numbered `packet` at cycle `now` was.
    pub fn order(&self, packet: PacketIdx, now: u64) -> Option<usize> {
        let before = self.numbers.range((packet, 0)..(packet, now)).next_back();
        before.map(|(_, order)| *order)
    }

    /// A digest over all deliveries.
    pub fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        for (order, sent) in (0..).zip(&self.sent) {
            digest.add(&[order, sent.injected, sent.delivered.unwrap_or(u64::MAX)]);
        }
        digest
    }
}

/// A watcher that writes everything down.
#[derive(Clone, Default, Debug)]
pub struct Log {
    now: u64,
    /// Cycle, input VC, packet: a flit came.
    pub received: Vec<(u64, Lane, PacketIdx)>,
    /// Cycle, input VC, output VC, packet: it got the output VC.
    pub granted: Vec<(u64, Lane, Lane, PacketIdx)>,
    /// Cycle, input VC, reason: the packet at its front could not go on.
    pub stalled: BTreeSet<(u64, Lane, u8)>,
    /// Flits that got a switch.
    pub switched: u64,
}

impl Watch for Log {
    fn cycle(&mut self, now: u64) {
        self.now = now;
    }

    fn received(&mut self, at: Lane, packet: PacketIdx, now: u64) {
        self.received.push((now, at, packet));
    }

    fn vc_granted(&mut self, (from, to): (Lane, Lane), packet: PacketIdx, _: u64) {
        self.granted.push((self.now, from, to, packet));
    }

    fn sent(&mut self, _: &Departure) {
        self.switched += 1;
    }

    fn stalled(&mut self, at: Lane, why: Stall) {
        self.stalled.insert((self.now, at, why as u8));
    }
}
