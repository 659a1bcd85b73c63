//! Elaboration: from names and generators to indices and links.

use base::math::gcd;
use base::{DomainIdx, NodeIdx};

use crate::barriers;
use crate::clocks;
use crate::counters;
use crate::describe::{
    self, Accelerator, Atomics, Consistency, Description, FabricForm, LinkForm, Replacement,
    SharedEviction, UpRouting,
};
use crate::directory;
use crate::error::{ErrorKind, Problem, TopologyError};
use crate::families::grid::{self, Kind};
use crate::families::{dragonfly, hyperx, slimfly};
use crate::families::{graph, hierarchy, tree};
use crate::generate;
use crate::names::suggest;
use crate::phy;
use crate::routing::{Routing, Table, Way};
use crate::spec::{
    self, AcceleratorSpec, CacheSpec, Fabric, HomeSpec, LinkClass, LinkTiming, MachineSpec,
    MemorySpec,
};
use crate::units::Length;
use crate::validate;
use crate::wiring::{Run, Wiring};

impl Description {
    /// The machine that is described: names resolved, the fabric generated, values checked.
    ///
    /// What can only be seen on the whole, such as deadlock freedom, is for
    /// [`check`](crate::check()).
    ///
    /// # Errors
    /// The first thing that is wrong, with its key.
    pub fn elaborate(&self) -> Result<MachineSpec, TopologyError> {
        self.build().map_err(|problem| TopologyError::bare(&self.name, problem))
    }

    pub(crate) fn build(&self) -> Result<MachineSpec, Problem> {
        let mut spec = self.sections()?;
        validate::sections(&spec)?;
        spec.barriers = barriers::barriers(&spec, self.barriers)?;
        let names = Names { of: self, classes: &spec.fabric.classes };
        let mut wiring = generate::fabric(&names, &self.fabric, spec.accelerator.clock)?;
        let vcs = spec.router.vcs_per_class;
        let (routing, short) = match self.way_around(&mut wiring, vcs) {
            Ok(way) => (Routing::new(way, vcs), None),
            Err(problem) if problem.key == "router.vcs_per_class" => {
                let Ok(enough) = way(&self.fabric, &wiring, u8::MAX) else { return Err(problem) };
                (Routing::crowded(enough, vcs), Some(problem))
            }
            Err(problem) => return Err(problem),
        };
        let Wiring { node_ports, routers, links, .. } = wiring;
        let classes = core::mem::take(&mut spec.fabric.classes);
        spec.fabric = Fabric { node_ports, routers, classes, links, routing };
        directory::fill_in(&mut spec, self.accelerator.home.directory)?;
        validate::totals(&spec)?;
        if let Some(form) = &self.counters {
            counters::counters(&mut spec, form)?;
        }
        spec.events = phy::events(&spec, &self.events)?;
        spec.node_events = barriers::node_events(&spec, &self.node_events)?;
        phy::clocks(&spec)?;
        match short {
            None => Ok(spec),
            Some(problem) => Err(with_cycle(problem, &spec)),
        }
    }

    /// The routing function; a table leads around links that are down from the start.
    fn way_around(&self, wiring: &mut Wiring<'_>, vcs: u8) -> Result<Way, Problem> {
        let whole = way(&self.fabric, wiring, vcs);
        let down = phy::down_from_start(&wiring.routers, &wiring.links, &self.events);
        if down.is_empty() || !matches!(whole, Ok(Way::Table(_))) {
            return whole;
        }
        let links = wiring.links.clone();
        for link in down.into_iter().flat_map(|even| [even, even + 1]) {
            // To no node that there is.
            wiring.links[link].to = spec::End::Node(NodeIdx(u32::MAX), base::PortIdx(0));
        }
        let around = way(&self.fabric, wiring, vcs);
        wiring.links = links;
        around
    }

    /// The regions in order.
    fn regions(&self) -> Result<Vec<spec::RegionSpec>, Problem> {
        let mut regions: Vec<spec::RegionSpec> = Vec::new();
        for (at, region) in self.regions.iter().enumerate() {
            let key = |field: &str| format!("regions[{at}].{field}");
            let wrong = |field: &str, what: String, mend: &str| {
                Problem::new(ErrorKind::Value, key(field), what, mend.to_owned())
            };
            let (base, size) = (region.base, region.size.0);
            if base % 64 != 0 {
                return Err(wrong(
                    "base",
                    format!("{base} is no multiple of 64"),
                    "begin at a line",
                ));
            }
            if size == 0 || size % 64 != 0 || base.checked_add(size).is_none() {
                let what = format!("{size} B are no whole lines of the pool");
                return Err(wrong("size", what, "use a multiple of 64 B, at least one"));
            }
            let lines = base / 64..(base + size) / 64;
            if regions.iter().any(|r| r.lines.start < lines.end && lines.start < r.lines.end) {
                let what = format!("the region at {base} overlaps another");
                return Err(wrong("base", what, "keep regions apart"));
            }
            let mode = match region.mode {
                describe::Mode::Coherent => spec::Mode::Coherent,
                describe::Mode::Uncached => spec::Mode::Uncached,
                describe::Mode::Scoped => spec::Mode::Scoped,
            };
            if mode == spec::Mode::Scoped && self.accelerator.consistency != Consistency::Relaxed {
                let what = "scoped memory is kept valid by acquires and releases only, which the \
                            accelerators' consistency hides";
                let mend = "use consistency: Relaxed, or another mode";
                return Err(wrong("mode", what.to_owned(), mend));
            }
            regions.push(spec::RegionSpec { lines, mode });
        }
        regions.sort_by_key(|r| r.lines.start);
        Ok(regions)
    }

    /// Everything but the fabric, which is left empty.
    fn sections(&self) -> Result<MachineSpec, Problem> {
        let domains = clocks::clocks(&self.clocks)?;
        validate::domains(&domains)?;
        let crossings =
            clocks::crossings(&self.crossings, &domains, |key, name| self.clock(key, name))?;
        let m = &self.memory;
        let memory = MemorySpec {
            clock: self.clock("memory.clock", &m.clock)?,
            channels: m.channels,
            interleave_bytes: m.interleave.0,
            access_latency: m.latency.0,
            channel_bytes_per_s: m.channel_rate.0 / 8,
        };
        let small = |key: &str, bytes: u64| {
            validate::range(key, bytes, 1, 4096).map(|()| u32::try_from(bytes).unwrap_or(u32::MAX))
        };
        let flit_bytes = small("flit", self.flit.0)?;
        let classes = self.links.0.iter().map(|(n, form)| link_class(n, form, flit_bytes));
        Ok(MachineSpec {
            events: Vec::new(),
            counters: None,
            node_events: Vec::new(),
            barriers: spec::BarrierSpec::default(),
            package_nodes: self.package_nodes,
            regions: self.regions()?,
            name: self.name.clone(),
            domains,
            synchronizer_edges: self.synchronizer_edges,
            crossings,
            flit_bytes,
            header_bytes: small("header", self.header.0)?,
            accelerator: self.accelerator()?,
            router: self.router.spec(),
            memory,
            fabric: Fabric {
                node_ports: Vec::new(),
                routers: Vec::new(),
                classes: classes.collect::<Result<_, _>>()?,
                links: Vec::new(),
                routing: Routing::new(Way::Table(Table::default()), 1),
            },
        })
    }

    fn accelerator(&self) -> Result<AcceleratorSpec, Problem> {
        let Accelerator { clock, window, consistency, atomics, protocol, .. } = &self.accelerator;
        let Accelerator { cache, home, injection_packets, .. } = &self.accelerator;
        let set_bytes = u64::from(cache.ways) * base::LINE_BYTES;
        validate::range("accelerator.cache.ways", u64::from(cache.ways), 1, 64)?;
        let sets = u32::try_from(cache.size.0 / set_bytes).unwrap_or(u32::MAX);
        if !cache.size.0.is_multiple_of(set_bytes) || !sets.is_power_of_two() {
            return Err(Problem::new(
                ErrorKind::Value,
                "accelerator.cache.size",
                format!("{} B do not make a power of two of {}-way sets", cache.size.0, cache.ways),
                format!("use {set_bytes} B (64 B * ways) times a power of two"),
            ));
        }
        Ok(AcceleratorSpec {
            clock: self.clock("accelerator.clock", clock)?,
            window: *window,
            consistency: match consistency {
                Consistency::Sequential => spec::Consistency::Sequential,
                Consistency::Tso => spec::Consistency::Tso,
                Consistency::Relaxed => spec::Consistency::Relaxed,
            },
            cache: CacheSpec {
                sets,
                ways: cache.ways,
                replacement: match cache.replacement {
                    Replacement::Lru => spec::Replacement::Lru,
                    Replacement::TreePlru => spec::Replacement::TreePlru,
                },
                latency_cycles: cache.latency_cycles,
                mshrs: cache.mshrs,
                shared_eviction: match cache.shared_eviction {
                    SharedEviction::Notify => spec::SharedEviction::Notify,
                    SharedEviction::Silent => spec::SharedEviction::Silent,
                },
            },
            home: HomeSpec {
                latency_cycles: home.latency_cycles,
                interleave_bytes: home.interleave.0,
                directory_lines: home.directory_lines,
                // Filled in when the nodes are known.
                directory: spec::Listing::FullMap,
                packages: None,
            },
            atomics: match atomics {
                Atomics::Near => spec::Atomics::Near,
                Atomics::Far => spec::Atomics::Far,
            },
            protocol: spec::Protocol { owned: protocol.owned, direct: protocol.direct },
            injection_packets: *injection_packets,
        })
    }

    fn clock(&self, key: &str, name: &str) -> Result<DomainIdx, Problem> {
        let known = self.clocks.names().collect::<Vec<_>>();
        self.clocks
            .position(name)
            .filter(|at| *at < crate::limits::DOMAINS_MAX)
            .map(DomainIdx::new)
            .ok_or_else(|| unknown("clock", key, name, &known))
    }
}

/// The routing function of a fabric.
pub(crate) fn way(form: &FabricForm, wiring: &Wiring<'_>, vcs: u8) -> Result<Way, Problem> {
    match form {
        FabricForm::Mesh(f) => grid::way(f, Kind::Mesh, wiring, vcs),
        FabricForm::Torus(f) => grid::way(f, Kind::Torus, wiring, vcs),
        FabricForm::Ring(f) => grid::way(&f.into(), Kind::Ring, wiring, vcs),
        FabricForm::Graph(f) => graph::graph_way(f, wiring),
        FabricForm::FullMesh(f) => hyperx::full_mesh_way(f, wiring, vcs),
        FabricForm::HyperX(f) => hyperx::way(f, vcs),
        FabricForm::Dragonfly(f) => dragonfly::way(f, wiring, vcs),
        FabricForm::SlimFly(f) => slimfly::way(f, wiring, vcs),
        FabricForm::FatTree(f) => Ok(Way::Nca(tree::fat_tree_way(f))),
        FabricForm::Clos(f) => Ok(Way::Nca(tree::clos_way(f))),
        FabricForm::Hierarchy(f) => hierarchy::hierarchy_way(f, wiring, vcs),
        FabricForm::SwitchPlanes(f) if f.spray != UpRouting::Random => {
            Ok(Way::Nca(tree::planes_way(f, wiring)))
        }
        FabricForm::SwitchPlanes(_) => table(wiring, node),
    }
}

/// Shortest paths from a table; `name` is of a node in errors.
pub(crate) fn table(wiring: &Wiring<'_>, name: impl Fn(usize) -> String) -> Result<Way, Problem> {
    Table::new(&wiring.node_ports, &wiring.routers, &wiring.links, name).map(Way::Table)
}

/// The name of a node that has none of its own.
pub(crate) fn node(n: usize) -> String {
    NodeIdx::new(n).to_string()
}

/// A machine has too few VCs: the circle of waiting that more would prevent, if there is one.
fn with_cycle(mut problem: Problem, spec: &MachineSpec) -> Problem {
    if let Err(found) = crate::checks::prove(spec)
        && found.kind == ErrorKind::Deadlock
    {
        problem.message = format!("{}; with {} ", problem.message, spec.router.vcs_per_class);
        problem.message.push_str(&found.message);
    }
    problem
}

/// What a generator may look up by name.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    of: &'a Description,
    pub(crate) classes: &'a [LinkClass],
}

impl Names<'_> {
    pub(crate) fn clock(&self, key: &str, name: &str) -> Result<DomainIdx, Problem> {
        self.of.clock(key, name)
    }

    /// The class and length of a cable; `key` is of the structure that has `field` and `length`.
    pub(crate) fn run(
        &self,
        key: &str,
        field: &str,
        name: &str,
        length: Option<Length>,
    ) -> Result<Run, Problem> {
        self.run_of(key, (field, "length"), name, length)
    }

    /// As [`run`](Self::run), where the length's field has another name.
    pub(crate) fn run_of(
        &self,
        key: &str,
        (field, length_field): (&str, &str),
        name: &str,
        length: Option<Length>,
    ) -> Result<Run, Problem> {
        let field = format!("{key}.{field}");
        let known = self.of.links.names().collect::<Vec<_>>();
        let class = self
            .of
            .links
            .position(name)
            .ok_or_else(|| unknown("link class", &field, name, &known))?;
        let on_die = matches!(self.classes[class].timing, LinkTiming::OnDie { .. });
        match length {
            Some(_) if on_die => Err(Problem::new(
                ErrorKind::Structure,
                format!("{key}.{length_field}"),
                format!("`{name}` is an on-die class, whose delay is its latency_cycles"),
                "remove the length, or use a Serial class",
            )),
            None if !on_die => Err(Problem::new(
                ErrorKind::Structure,
                field,
                format!("a link of the class `{name}` needs a length, for its delay goes by it"),
                format!("add `{length_field}: \"1 m\"` or whatever it is"),
            )),
            _ => Ok(Run { class, length_um: length.map_or(0, |l| l.0) }),
        }
    }
}

fn unknown(what: &str, key: &str, name: &str, known: &[&str]) -> Problem {
    let shown: String = name.chars().take(40).collect();
    let message = format!("there is no {what} called `{shown}`");
    Problem::new(ErrorKind::Name, key, message, suggest(name, known.iter().copied()))
}

/// The serial link that a framed one is to those that do not look at frames.
fn thin(s: &phy::PhySpec, flit_bytes: u32) -> LinkTiming {
    let (num, den) = s.efficiency(flit_bytes);
    let shared = u64::try_from(gcd(num.into(), den.into())).unwrap_or(1).max(1);
    LinkTiming::Serial {
        lanes: s.lanes,
        lane_bits_per_s: s.lane_bits_per_s,
        efficiency: (num / shared, den / shared),
        serdes: s.serdes,
        fec: s.fec,
        flight_per_m: s.flight_per_m,
    }
}

fn link_class(name: &str, form: &LinkForm, flit_bytes: u32) -> Result<LinkClass, Problem> {
    let mut phy = None;
    let (timing, buffer_flits) = match *form {
        LinkForm::Framed(ref form) => {
            let (spec, buffer_flits) = phy::resolve(&format!("links.\"{name}\""), form)?;
            phy::values(name, &spec, flit_bytes)?;
            let timing = thin(&spec, flit_bytes);
            phy = Some(Box::new(spec));
            (timing, buffer_flits)
        }
        LinkForm::Serial { lanes, lane_rate, efficiency, serdes, fec, flight, buffer_flits } => {
            let timing = LinkTiming::Serial {
                lanes,
                lane_bits_per_s: lane_rate.0,
                efficiency,
                serdes: serdes.0,
                fec: fec.0,
                flight_per_m: base::Fs(flight.0),
            };
            (timing, buffer_flits)
        }
        LinkForm::OnDie { latency_cycles, interval_cycles, buffer_flits } => {
            (LinkTiming::OnDie { latency_cycles, interval_cycles }, buffer_flits)
        }
    };
    Ok(LinkClass { name: name.to_owned(), buffer_flits, timing, phy })
}
