//! What links, routers and VCs do in the measured window.

use base::{LinkIdx, RouterIdx, RoutingFunction, VcIdx};
use router::Lane;
use topology::spec::{End, LinkTiming, MachineSpec};

pub(super) use meter::Meter;

use super::load::meter::Gauge;
use crate::cycle::{CycleNetwork, Watch};
use crate::explain::link_name;

mod meter;

/// What the parts of a network did in the measured window.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct NetworkLoad {
    /// Every link, in the machine's order.
    pub links: Vec<LinkLoad>,
    /// Every router, in the machine's order.
    pub routers: Vec<RouterLoad>,
    /// Every input VC, in order of router, port, VC.
    pub vcs: Vec<VcLoad>,
}

/// What a link carried.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkLoad {
    /// The ends.
    pub name: String,
    /// Its link class.
    pub class: String,
    /// Flits that got the switch towards it; of a link from a node, flits that came out of it.
    pub flits: u64,
    /// Share of the window that they take on it, from 0 to 1.
    pub utilization: f64,
}

/// What the flits at the front of a router's input VCs did: each counts once a cycle.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RouterLoad {
    /// Its name.
    pub name: String,
    /// Got the switch.
    pub moved: u64,
    /// Were in a stage that takes its time.
    pub pipeline: u64,
    /// Asked for an output VC and got none.
    pub no_vc: u64,
    /// Had no credit, or a link that takes more than a cycle for a flit was busy.
    pub no_credit: u64,
    /// Asked for the switch and did not get it.
    pub lost_switch: u64,
    /// Flit-cycles of flits behind another packet's in their VC: blocked by order.
    pub behind: u64,
}

/// How full an input VC was.
#[derive(Clone, PartialEq, Debug)]
pub struct VcLoad {
    /// The router.
    pub router: RouterIdx,
    /// Its input port.
    pub port: usize,
    /// VC of the port.
    pub vc: VcIdx,
    /// Flits in the mean over the window's cycles; the one that gets the switch counts in that cycle.
    pub mean_flits: f64,
    /// Most flits at once.
    pub max_flits: u32,
    /// Flits that it has room for.
    pub depth_flits: u32,
}

impl Meter {
    /// All that was counted, with names.
    pub(super) fn told<R: RoutingFunction, W: Watch>(
        &self,
        spec: &MachineSpec,
        net: &CycleNetwork<R, W>,
    ) -> NetworkLoad {
        let bank = net.routers();
        let fabric = &spec.fabric;
        let vcs = u8::try_from(bank.vcs()).unwrap_or(u8::MAX);
        let at = |lane: Lane| &self.gauges[lane.0 as usize];
        let mut load = NetworkLoad::default();
        for (r, router) in fabric.routers.iter().enumerate() {
            let r = RouterIdx::new(r);
            let mut sum = RouterLoad { name: router.name.clone(), ..RouterLoad::default() };
            for (p, link) in router.ports.iter().enumerate() {
                let class = fabric.links[link.reverse().at()].class;
                for vc in 0..vcs {
                    let gauge = at(bank.lane(r, p, vc));
                    gauge.add_to(&mut sum);
                    load.vcs.push(VcLoad {
                        router: r,
                        port: p,
                        vc: VcIdx(vc),
                        mean_flits: gauge.flit_cycles as f64 / self.cycles() as f64,
                        max_flits: gauge.max,
                        depth_flits: fabric.classes[class].buffer_flits,
                    });
                }
            }
            load.routers.push(sum);
        }
        let lanes = |r: RouterIdx, p: usize| (0..vcs).map(move |vc| bank.lane(r, p, vc));
        for (l, link) in fabric.links.iter().enumerate() {
            let flits = match (link.from, link.to) {
                (End::Router(r, p), _) => lanes(r, p.at()).map(|l| at(l).out).sum(),
                (_, End::Router(r, p)) => lanes(r, p.at()).map(|l| at(l).received).sum(),
                _ => 0,
            };
            let l = LinkIdx::new(l);
            load.links.push(LinkLoad {
                name: link_name(spec, l),
                class: fabric.classes[link.class].name.clone(),
                flits,
                utilization: flits as f64 * cycles_a_flit(spec, l) / self.cycles() as f64,
            });
        }
        load
    }
}

impl Gauge {
    fn add_to(&self, sum: &mut RouterLoad) {
        sum.moved += self.moved;
        sum.pipeline += self.pipeline;
        sum.no_vc += self.no_vc;
        sum.no_credit += self.no_credit;
        sum.lost_switch += self.lost_switch;
        sum.behind += self.behind_cycles;
    }
}

/// Cycles of the routers' clock that a link takes for a flit.
fn cycles_a_flit(spec: &MachineSpec, link: LinkIdx) -> f64 {
    match spec.fabric.classes[spec.fabric.links[link.at()].class].timing {
        LinkTiming::OnDie { interval_cycles, .. } => f64::from(interval_cycles),
        LinkTiming::Serial { lanes, lane_bits_per_s, efficiency, .. } => {
            let share = efficiency.0 as f64 / efficiency.1 as f64;
            let rate = f64::from(lanes) * lane_bits_per_s as f64 * share;
            let clock = spec.fabric.routers.first().map(|r| spec.domains[r.clock.at()].hertz);
            let hertz = clock.map_or(1.0, |(n, d)| n as f64 / d as f64);
            f64::from(spec.flit_bytes) * 8.0 / rate * hertz
        }
    }
}
