//! Uniform random traffic on a network on one clock, as sweeps run it.
//!
//! Every node makes packets of one class, Bernoulli at a fixed load, to destinations drawn uniformly
//! among all nodes. Gaps come from a table, so that making a packet costs two hashes.

use base::NodeIdx;
use base::rng::mix;
use machine::CycleNetwork;
use machine::cycle::{Next, Offer, Passage, Terminals};
use topology::Description;
use topology::describe::{FabricForm, LinkForm, PerSwitch, SwitchPlanes, UpRouting};
use topology::routing::Routing;

/// Gaps between packets are drawn from a table of this many.
const GAPS: usize = 4096;

/// A network and its load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    fabric: Fabric,
    /// VCs a port; the shipped topology's where 0.
    vcs: u8,
    /// Flits of buffer a VC of on-die links.
    buffer_flits: u32,
    /// Flits a packet.
    flits: u32,
    /// Thousandths of a flit a node a cycle.
    permille: u64,
}

#[derive(Clone, Copy, Debug)]
enum Fabric {
    /// A mesh of so many routers a side.
    Mesh(u32),
    /// A shipped topology.
    Shipped(&'static str),
    /// One switch of 72 ports over wires.
    Switch72,
}

const fn mesh(name: &'static str, side: u32, permille: u64) -> Case {
    Case { name, fabric: Fabric::Mesh(side), vcs: 4, buffer_flits: 8, flits: 1, permille }
}

const fn shipped(name: &'static str, topology: &'static str, vcs: u8, permille: u64) -> Case {
    let fabric = Fabric::Shipped(topology);
    Case { name, fabric, vcs, buffer_flits: 8, flits: 1, permille }
}

/// What is measured.
pub(crate) const CASES: [Case; 32] = [
    mesh("cycle-mesh8x8-0.001", 8, 1),
    mesh("cycle-mesh8x8-0.003", 8, 3),
    mesh("cycle-mesh8x8-0.01", 8, 10),
    mesh("cycle-mesh8x8-0.05", 8, 50),
    mesh("cycle-mesh16x16-0.001", 16, 1),
    mesh("cycle-mesh8x8-0.2", 8, 200),
    mesh("cycle-mesh8x8-0.4", 8, 400),
    mesh("cycle-mesh16x16-0.05", 16, 50),
    mesh("cycle-mesh16x16-0.2", 16, 200),
    mesh("cycle-mesh16x16-0.4", 16, 400),
    mesh("cycle-mesh32x32-0.05", 32, 50),
    mesh("cycle-mesh32x32-0.2", 32, 200),
    mesh("cycle-mesh32x32-0.4", 32, 400),
    Case { vcs: 2, ..mesh("cycle-mesh8x8-0.2-2vcs", 8, 200) },
    Case { vcs: 8, ..mesh("cycle-mesh8x8-0.2-8vcs", 8, 200) },
    Case { vcs: 2, buffer_flits: 16, flits: 5, ..mesh("cycle-mesh8x8-0.2-5flits", 8, 200) },
    Case { vcs: 2, buffer_flits: 16, flits: 5, ..mesh("cycle-mesh8x8-0.4-5flits", 8, 400) },
    shipped("cycle-torus8x8-0.001", "torus8x8", 4, 1),
    shipped("cycle-torus8x8-0.05", "torus8x8", 4, 50),
    shipped("cycle-torus8x8-0.2", "torus8x8", 4, 200),
    shipped("cycle-nvl72-0.001", "nvl72", 0, 1),
    shipped("cycle-nvl72-0.05", "nvl72", 0, 50),
    shipped("cycle-clos64-0.001", "clos64", 0, 1),
    shipped("cycle-clos64-0.05", "clos64", 0, 50),
    shipped("cycle-slimfly50-0.001", "slimfly50", 0, 1),
    shipped("cycle-slimfly50-0.05", "slimfly50", 0, 50),
    shipped("cycle-dragonfly72-0.001", "dragonfly72", 0, 1),
    shipped("cycle-dragonfly72-0.05", "dragonfly72", 0, 50),
    shipped("cycle-dragonfly72-0.2", "dragonfly72", 0, 200),
    shipped("cycle-fattree4x3-0.2", "fattree4x3", 4, 200),
    shipped("cycle-fattree4x3-0.4", "fattree4x3", 4, 400),
    Case { fabric: Fabric::Switch72, ..mesh("cycle-switch72-0.5", 1, 500) },
];

impl Case {
    fn description(&self) -> Description {
        let name = match self.fabric {
            Fabric::Mesh(_) => "mesh8x8",
            Fabric::Shipped(name) => name,
            Fabric::Switch72 => "fattree4x3",
        };
        let mut this = Description::shipped(name).expect("a shipped topology");
        if self.vcs > 0 {
            this.router.vcs_per_class = self.vcs;
        }
        if let Some(LinkForm::OnDie { buffer_flits, .. }) = this.links.get_mut("wire") {
            *buffer_flits = self.buffer_flits;
        }
        match (self.fabric, &mut this.fabric) {
            (Fabric::Mesh(side), FabricForm::Mesh(grid)) => grid.dims = vec![side, side],
            (Fabric::Switch72, fabric) => *fabric = FabricForm::SwitchPlanes(switch()),
            _ => {}
        }
        this
    }
}

/// One switch with a wire to each of 72 nodes.
fn switch() -> SwitchPlanes {
    SwitchPlanes {
        accelerators: 72,
        switches: 1,
        links_per_pair: PerSwitch::Same(1),
        link: "wire".to_owned(),
        length: None,
        clock: "die".to_owned(),
        spray: UpRouting::default(),
    }
}

/// A network under its load.
#[derive(Clone)]
pub(crate) struct Sweep {
    net: CycleNetwork<Routing>,
    terminals: Uniform,
    /// Cycles between two looks at the sum of visits over all routers, which is not free.
    looks: u32,
}

impl Sweep {
    pub(crate) fn new(case: &Case) -> Self {
        let spec = case.description().elaborate().expect("it is sound");
        let routing = spec.fabric.routing.clone();
        let mut net = CycleNetwork::new(&spec, routing, 1, 7, ()).expect("it is modelled");
        net.start();
        let terminals = Uniform::new(case, spec.fabric.node_ports.len());
        Self { net, terminals, looks: if case.permille < 10 { 16_384 } else { 128 } }
    }

    /// Runs until routers have forwarded `visits` flits more. Gives how many they did.
    pub(crate) fn run(&mut self, visits: u64) -> u64 {
        let begin = self.net.router_visits();
        loop {
            let until = self.net.now() + u64::from(self.looks);
            self.net.advance(until, &mut self.terminals);
            let run = self.net.router_visits() - begin;
            if run >= visits {
                return run;
            }
        }
    }
}

#[derive(Clone)]
struct Uniform {
    /// `[node]`: the cycle of its next packet, and how many it has made.
    next: Vec<(u64, u64)>,
    gaps: Vec<u32>,
    flits: u32,
}

impl Uniform {
    fn new(case: &Case, nodes: usize) -> Self {
        let gaps = gaps(case.permille, u64::from(case.flits) * 1000);
        let first = |node: u64| (u64::from(gaps[place(mix(node))]), 0);
        let next = (0..nodes as u64).map(first).collect();
        Self { next, gaps, flits: case.flits }
    }
}

impl Terminals for Uniform {
    #[inline]
    fn next(&mut self, node: NodeIdx, _: u8, now: u64) -> Next {
        let nodes = self.next.len() as u64;
        let (created, made) = &mut self.next[node.at()];
        let at = *created;
        if at > now {
            return Next::At(at);
        }
        let hash = mix(mix(u64::from(node.0) << 40 | *made));
        *made += 1;
        *created += u64::from(self.gaps[place(hash)]);
        let dst = ((hash >> 32) * nodes) >> 32;
        let dst = NodeIdx(u32::try_from(dst).unwrap_or(0));
        Next::Packet(Offer { created: at, dst, flits: self.flits, tag: 0, next: *created })
    }

    #[inline]
    fn delivered(&mut self, _: &Passage, _: u64) -> Option<(NodeIdx, u8)> {
        None
    }
}

/// Cycles from one packet to the next, as Bernoulli trials of `share` in `of` give them.
fn gaps(share: u64, of: u64) -> Vec<u32> {
    let mut trials = 0;
    let mut gap = || {
        let mut gap = 1;
        while mix(trials) % of >= share {
            trials += 1;
            gap += 1;
        }
        trials += 1;
        gap
    };
    (0..GAPS).map(|_| gap()).collect()
}

/// The place in the table of gaps that a hash draws.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are the draw")]
const fn place(hash: u64) -> usize {
    hash as usize % GAPS
}
