//! From an elaborated machine to a network on one clock.

use base::arch::{Switching, VcReuse};
use base::{Class, LinkIdx, NodeIdx, RouterIdx, RoutingFunction};
use router::{FRACTION, FarEnd, Pipeline, PortLink, Rate, RouterBank, RouterParams};
use topology::spec::{End, LinkTiming, MachineSpec};

use super::calendar::Calendar;
use super::framed::{Framed, is_framed};
use super::groups::Ledger;
use super::passages::Passages;
use super::source::{Sending, Source};
use super::wakes::SourceSet;
use super::wires::{Far, Wires};
use super::{CycleNetwork, Watch};
use crate::BuildError;
use crate::network::{check_ports, division, pipeline};

/// The most cycles that a link may take.
const LATENCY_MAX: u64 = 1 << 20;
/// Cycles that a calendar reaches further than any event.
const SLACK: u64 = 1;

impl<R: RoutingFunction, W: Watch> CycleNetwork<R, W> {
    /// Builds the network of `spec` for `classes` traffic classes, each of which has the machine's
    /// VCs of a class.
    ///
    /// The clock is that of the routers. A serial link takes as many cycles as its whole latency
    /// needs, rounded up; its rate is kept to 2^-20 of a cycle a flit. A framed one has its frames, FEC, losses,
    /// replays and training, drawn from `seed`.
    ///
    /// # Errors
    /// If routers have different clocks, the classes have more than 64 VCs together, or packets to
    /// groups could deadlock in these routers (see [`router::collective`]).
    pub fn new(
        spec: &MachineSpec,
        routing: R,
        classes: usize,
        seed: u64,
        watch: W,
    ) -> Result<Self, BuildError> {
        let vcs = vcs_of(spec, classes)?;
        check_ports(spec, vcs)?;
        let fabric = &spec.fabric;
        let timing = Timings::new(spec)?;
        let params = params_of(spec, vcs);
        let pipeline = pipeline(&spec.router, vcs)?;
        let ledger = Ledger::checked(&routing, &params, &pipeline)?;
        let first_source = first_sources(spec);
        let links = timing.links(&first_source);
        // Who watches wants to see each router decide; and what framed links do depends on more than cycles.
        let nodes = fabric.node_ports.len();
        let express = (!W::ON && !is_framed(spec)).then_some((&links[..], nodes));
        let bank = bank_of(&params, pipeline, routing, express);
        let Ends { far, rates, near, near_rates } = Ends::new(spec, &bank, &first_source, &timing);
        let calendar = Calendar::new(span(spec, far.iter().chain(&near), &rates), near.len());
        let framed = Framed::new(spec, &bank, seed)?;
        let keeps_vcs = spec.router.arch.vc_reuse != VcReuse::TailSent;
        let plain = ledger.is_none() && classes == 1 && !keeps_vcs;
        let mut this = Self {
            vcs: u32::from(vcs),
            entry: if plain { entry_of(&bank) } else { 0 },
            keeps_vcs,
            cut_through: spec.router.arch.switching == Switching::VirtualCutThrough,
            wires: Wires {
                shared_nodes: fabric.node_ports.iter().any(|ports| ports.len() > 1),
                calendar,
                far,
                rates,
                vc_mask: u32::from(vcs).next_power_of_two() - 1,
                credit_cycles: spec.router.credit_cycles,
                framed,
                watch,
                ledger,
            },
            bank,
            sources: Vec::new(),
            near_rates,
            sendings: Vec::new(),
            credits: Vec::new(),
            first_source,
            classes,
            dealt: Vec::new(),
            deals_open: vec![0; fabric.node_ports.len()],
            seed,
            active_sources: SourceSet::new(0),
            entering: Vec::new(),
            passages: Passages::new(),
            woken: Vec::new(),
            flits_injected: 0,
            flits_ejected: 0,
            packets_delivered: 0,
        };
        for (n, ports) in fabric.node_ports.iter().enumerate() {
            for (p, link) in ports.iter().enumerate() {
                let credits = u16::try_from(depth(spec, *link)).unwrap_or(u16::MAX);
                let near = near[this.sources.len()];
                this.add_source(NodeIdx::new(n), (p, ports.len()), credits, near);
            }
        }
        this.active_sources = SourceSet::new(this.sources.len());
        Ok(this)
    }

    /// The source of a node's port `port` of so many.
    fn add_source(
        &mut self,
        node: NodeIdx,
        (port, ports): (usize, usize),
        credits: u16,
        near: Far,
    ) {
        let shares = ports > 1;
        // What waits at the first router leaves that as soon as it is routed there.
        let routed = u64::from(self.bank.pipeline().rc) + 1;
        let interval = self.near_rates[self.sources.len()].interval >> FRACTION;
        let apart = u8::try_from(interval.clamp(1, routed)).unwrap_or(u8::MAX);
        let all = u64::MAX >> (64 - self.vcs);
        self.sources.push(Source {
            free: all,
            funded: all,
            link_ready: 0,
            vc_pointer: 0,
            class_pointer: 0,
            node: node.0,
            port: u16::try_from(port).expect("ports have 16 bits"),
            depth: credits,
            lane: near.lane,
            latency: near.latency,
            slow: near.slow,
            apart,
            in_turns: shares || self.classes > 1,
            shares,
            deals: shares && port == 0,
            blocked: false,
            made: 0,
        });
        self.sendings.resize(self.sendings.len() + self.classes, Sending::NONE);
        self.dealt.resize(self.dealt.len() + self.classes, std::collections::VecDeque::new());
        self.credits.resize(self.credits.len() + self.vcs as usize, credits);
    }
}

/// Flits of buffer a VC at the end of a link.
fn depth(spec: &MachineSpec, link: LinkIdx) -> u32 {
    spec.fabric.classes[spec.fabric.links[link.at()].class].buffer_flits
}

/// What each router is built from.
fn params_of(spec: &MachineSpec, vcs: u8) -> Vec<RouterParams> {
    let router = |ports: &[LinkIdx]| RouterParams {
        input_depth: ports.iter().map(|l| depth(spec, l.reverse())).collect(),
        output_depth: ports.iter().map(|l| depth(spec, *l)).collect(),
        divisions: ports.iter().map(|l| division(spec, *l, vcs)).collect(),
    };
    spec.fabric.routers.iter().map(|r| router(&r.ports)).collect()
}

/// VCs a port for so many traffic classes.
fn vcs_of(spec: &MachineSpec, classes: usize) -> Result<u8, BuildError> {
    let vcs = usize::from(spec.router.vcs_per_class) * classes;
    u8::try_from(vcs).ok().filter(|v| (1..=64).contains(v)).ok_or_else(|| {
        BuildError::new(format!(
            "{classes} traffic classes of {} VCs are {vcs} VCs a port; up to 64 are modelled",
            spec.router.vcs_per_class
        ))
    })
}

/// The routers, stepped all at once over these links where they can be.
fn bank_of<R: RoutingFunction>(
    params: &[RouterParams],
    pipeline: Pipeline,
    routing: R,
    links: Option<(&[Vec<PortLink>], usize)>,
) -> RouterBank<R> {
    let express = match links {
        Some(links) => RouterBank::express(params, pipeline, routing, links),
        None => Err(routing),
    };
    express.unwrap_or_else(|routing| RouterBank::new(params, pipeline, routing))
}

/// VCs by which packets of one flit leave that are sent [alone](super::lone); 0 where none are, be it that a
/// function does not tell all hops.
fn entry_of<R: RoutingFunction>(bank: &RouterBank<R>) -> u64 {
    bank.knows_hops().then(|| bank.routing().entry(Class::ALL[0])).flatten().unwrap_or(0)
}

/// `[node]`: its first source; one more at the end.
fn first_sources(spec: &MachineSpec) -> Vec<u32> {
    let mut first = vec![0_u32];
    for ports in &spec.fabric.node_ports {
        let last = first.last().copied().unwrap_or(0);
        first.push(last + u32::try_from(ports.len()).unwrap_or(0));
    }
    first
}

/// How far ahead of its cause an event may lie.
fn span<'a>(spec: &MachineSpec, far: impl Iterator<Item = &'a Far>, rates: &[Rate]) -> u64 {
    let longest = far.map(|f| u64::from(f.latency)).max().unwrap_or(1);
    let router = &spec.router;
    // A packet that meets nobody has its credit put down when it leaves its source.
    let stages = [router.rc_cycles, router.sa_cycles, router.st_cycles].map(u64::from);
    let stages = 1 + stages.iter().sum::<u64>();
    // What waits in an output buffer is sent as soon as the link takes it.
    let interval = rates.iter().map(|r| r.interval).max().unwrap_or(0).div_ceil(1 << FRACTION);
    let buffered = u64::from(router.arch.output_buffer_flits.unwrap_or(0)) + 1;
    // A node takes a flit at once; its credit is back after another way of the link.
    let back = longest + u64::from(router.credit_cycles) + 1;
    stages + buffered * interval.max(1) + longest + back + SLACK
}

/// The links of all ports.
struct Ends {
    /// `[lane]` of the routers; lanes that are not there have the first link's entry, which nobody
    /// looks at.
    far: Vec<Far>,
    rates: Vec<Rate>,
    /// `[source]`
    near: Vec<Far>,
    near_rates: Vec<Rate>,
}

impl Ends {
    fn new<R: RoutingFunction>(
        spec: &MachineSpec,
        bank: &RouterBank<R>,
        first_source: &[u32],
        timing: &Timings<'_>,
    ) -> Self {
        let fabric = &spec.fabric;
        let far = |link: LinkIdx| {
            let (lane, node) = match fabric.links[link.at()].to {
                End::Router(r, p) => (bank.lane(r, p.at(), 0).0, false),
                End::Node(n, p) => ((first_source[n.at()] + u32::from(p.0)) * 64, true),
            };
            timing.far(link, lane, node)
        };
        let slow = (0..fabric.links.len()).any(|l| far(LinkIdx::new(l)).slow);
        let rates = if slow { bank.lane_count() } else { 0 };
        let node_links = || fabric.node_ports.iter().flatten();
        let mut this = Self {
            far: vec![far(LinkIdx(0)); bank.lane_count()],
            rates: vec![Rate { interval: 0, free: 0 }; rates],
            near: node_links().map(|l| far(*l)).collect(),
            near_rates: node_links().map(|l| timing.rate(*l)).collect(),
        };
        for (r, router) in fabric.routers.iter().enumerate() {
            for (p, link) in router.ports.iter().enumerate() {
                let first = far(*link);
                for vc in 0..u8::try_from(bank.vcs()).unwrap_or(u8::MAX) {
                    let lane = bank.lane(RouterIdx::new(r), p, vc).0 as usize;
                    this.far[lane] = Far { lane: first.lane | u32::from(vc), ..first };
                    if slow {
                        this.rates[lane] = timing.rate(*link);
                    }
                }
            }
        }
        this
    }
}

/// The links' timing in cycles of the routers' clock.
pub(crate) struct Timings<'a> {
    spec: &'a MachineSpec,
    /// The clock's period in femtoseconds, rounded down.
    period: u64,
}

impl<'a> Timings<'a> {
    pub(crate) fn new(spec: &'a MachineSpec) -> Result<Self, BuildError> {
        let routers = &spec.fabric.routers;
        let clock = routers.first().map(|r| r.clock);
        let clock = clock.ok_or_else(|| BuildError::new("there are no routers"))?;
        if let Some(other) = routers.iter().find(|r| r.clock != clock) {
            return Err(BuildError::new(format!(
                "{} and {} have different clocks; a sweep has one",
                routers[0].name, other.name
            )));
        }
        // Whole cycles know no deviations.
        let (num, den) = spec.domains[clock.at()].hertz;
        let period = u128::from(base::Fs::PER_SECOND) * u128::from(den) / u128::from(num.max(1));
        let period = u64::try_from(period).unwrap_or(u64::MAX);
        let this = Self { spec, period: period.max(1) };
        for l in 0..spec.fabric.links.len() {
            let (latency, _) = this.cycles(LinkIdx::new(l));
            if latency > LATENCY_MAX {
                return Err(BuildError::new(format!(
                    "a link of {latency} cycles is too long for a sweep: at most {LATENCY_MAX}"
                )));
            }
        }
        Ok(this)
    }

    /// Latency in cycles, and the interval between flits in parts of 2^-20 of a cycle.
    pub(crate) fn cycles(&self, link: LinkIdx) -> (u64, u64) {
        let link = &self.spec.fabric.links[link.at()];
        match self.spec.fabric.classes[link.class].timing {
            LinkTiming::OnDie { latency_cycles, interval_cycles } => {
                (u64::from(latency_cycles), u64::from(interval_cycles) << FRACTION)
            }
            LinkTiming::Serial {
                lanes,
                lane_bits_per_s,
                efficiency,
                serdes,
                fec,
                flight_per_m,
            } => {
                let bits = u128::from(self.spec.flit_bytes) * 8 * u128::from(efficiency.1);
                let rate =
                    u128::from(lanes) * u128::from(lane_bits_per_s) * u128::from(efficiency.0);
                let flit = |scale: u128, unit: u64| {
                    (bits * u128::from(base::Fs::PER_SECOND) * scale)
                        .div_ceil(rate.max(1) * u128::from(unit))
                };
                let flight = u128::from(flight_per_m.0) * u128::from(link.length_um) / 1_000_000;
                let whole_way = flit(1, 1) + u128::from(serdes.0) + u128::from(fec.0) + flight;
                let latency = whole_way.div_ceil(u128::from(self.period)).max(1);
                let whole = |n: u128| u64::try_from(n).unwrap_or(u64::MAX);
                (whole(latency), whole(flit(1 << FRACTION, self.period)))
            }
        }
    }

    fn far(&self, link: LinkIdx, lane: u32, node: bool) -> Far {
        let (latency, interval) = self.cycles(link);
        let credit_cycles = match self.spec.fabric.links[link.at()].to {
            End::Router(..) => self.spec.router.credit_cycles,
            End::Node(..) => 0,
        };
        let latency = u32::try_from(latency).unwrap_or(u32::MAX);
        let credit_latency = latency.saturating_add(credit_cycles);
        let framed =
            self.spec.fabric.classes[self.spec.fabric.links[link.at()].class].phy.is_some();
        // A framed link says itself when it takes the next flit.
        let slow = interval > 1 << FRACTION && !framed;
        Far { lane, latency, credit_latency, node, slow }
    }

    /// `[router][port]`: the links as routers see them that are stepped all at once.
    fn links(&self, first_source: &[u32]) -> Vec<Vec<PortLink>> {
        let fabric = &self.spec.fabric;
        let link = |link: &LinkIdx| {
            let far = match fabric.links[link.at()].to {
                End::Router(r, p) => FarEnd::Router(r, p.at()),
                End::Node(n, p) => FarEnd::Node(first_source[n.at()] + u32::from(p.0)),
            };
            let Far { latency, credit_latency, .. } = self.far(*link, 0, false);
            // A node takes a flit at once; its credit leaves in the next cycle.
            let node_latency = 1 + latency.saturating_add(self.spec.router.credit_cycles);
            PortLink { far, latency, credit_latency, node_latency, interval: self.cycles(*link).1 }
        };
        fabric.routers.iter().map(|r| r.ports.iter().map(link).collect()).collect()
    }

    fn rate(&self, link: LinkIdx) -> Rate {
        Rate { interval: self.cycles(link).1, free: 0 }
    }
}
