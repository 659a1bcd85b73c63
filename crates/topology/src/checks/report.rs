//! The report of a check: counts, distances, rates, latencies, proofs, warnings.

use core::fmt;

use base::CLASS_COUNT;
use serde::Serialize;

use super::dependencies::Dependencies;
use super::hops::{self, Routes};
use super::{cut, timing};
use crate::limits;
use crate::spec::{Link, MachineSpec};

/// What a check found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CheckReport {
    /// The machine's name.
    pub name: String,
    /// Accelerators.
    pub nodes: usize,
    /// Ports of a node's network interface, at most.
    pub node_ports: usize,
    /// Routers.
    pub routers: usize,
    /// Ports of a router, at most.
    pub radix: usize,
    /// Links, each direction counted.
    pub links: usize,
    /// Routers on the longest of the shortest routes between two different nodes.
    pub diameter: u64,
    /// Routers on a shortest route, averaged over all pairs of different nodes.
    pub average_hops: f64,
    /// Destinations by which these two were found, if not all: the diameter is then a lower bound.
    pub hops_sampled: Option<usize>,
    /// Routers on the routes of the routing function itself; `None` if packets do not arrive.
    pub routes: Option<Routes>,
    /// Payload bytes a second, one way, over the narrowest halving of the nodes tried; the bisection
    /// bandwidth of generated fabrics of even size, an upper bound of it for others. `None` for
    /// machines too large to compute it.
    pub bisection_bytes_per_s: Option<u64>,
    /// What each link class can do, for the classes that are used.
    pub classes: Vec<ClassReport>,
    /// Why there is no routing deadlock, in figures.
    pub dependencies: Dependencies,
    /// What costs speed.
    pub warnings: Vec<String>,
}

/// What a link class can do.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ClassReport {
    /// Its name.
    pub name: String,
    /// Links of it, each direction counted.
    pub links: usize,
    /// Payload bytes a second, one way.
    pub payload_bytes_per_s: u64,
    /// One-way latency of a flit over the longest link of the class.
    pub latency: Latency,
    /// Flits of buffer for each VC.
    pub buffer_flits: u32,
    /// Flits of buffer that one VC can use by itself: more where VCs share them.
    pub vc_flits: u64,
    /// VCs that share buffers, and flits that each of them has of its own; none where each has its own.
    pub shared_by: Option<(u8, u32)>,
    /// Flits of buffer with which one VC keeps a link of the class full.
    pub buffer_flits_needed: u64,
}

/// One-way latency of a flit, in femtoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Latency {
    /// Putting one flit on the link.
    pub serialization_fs: u64,
    /// Both SerDes.
    pub serdes_fs: u64,
    /// Forward error correction.
    pub fec_fs: u64,
    /// Along the wire.
    pub flight_fs: u64,
}

impl Latency {
    /// All parts together.
    pub const fn total_fs(&self) -> u64 {
        self.serialization_fs + self.serdes_fs + self.fec_fs + self.flight_fs
    }
}

pub(super) fn report(spec: &MachineSpec, dependencies: Dependencies) -> CheckReport {
    let f = &spec.fabric;
    let shortest = hops::shortest(spec);
    let mut classes = Vec::new();
    let mut warnings = Vec::new();
    for class in 0..f.classes.len() {
        if let Some(of_class) = class_report(spec, class) {
            warnings.extend(too_shallow(&of_class));
            classes.push(of_class);
        } else {
            warnings.push(format!("link class `{}` is not used", f.classes[class].name));
        }
    }
    if let Err((why, mend)) = crate::directory::listed(spec) {
        warnings.push(format!("traces cannot be run: {why}; {mend}"));
    }
    warnings.extend(shallow_fifos(spec));

    let vcs = spec.router.vcs_per_class;
    if CLASS_COUNT as u64 * u64::from(vcs) > limits::VCS_MAX {
        warnings.push(format!(
            "too many VCs to run traces: {CLASS_COUNT} message classes have {} each at most, not {vcs}; \
             sweeps use one class",
            limits::VCS_MAX / CLASS_COUNT as u64
        ));
    }
    CheckReport {
        name: spec.name.clone(),
        nodes: f.node_ports.len(),
        node_ports: f.node_ports.iter().map(Vec::len).max().unwrap_or(0),
        routers: f.routers.len(),
        radix: f.routers.iter().map(|r| r.ports.len()).max().unwrap_or(0),
        links: f.links.len(),
        diameter: shortest.most,
        average_hops: shortest.mean,
        hops_sampled: shortest.sampled,
        routes: hops::routes(spec),
        bisection_bytes_per_s: cut::bits_per_s(spec).map(|bits| bits / 8),
        classes,
        dependencies,
        warnings,
    }
}

/// The FIFOs between clock domains that hold up the links through them.
fn shallow_fifos(spec: &MachineSpec) -> Vec<String> {
    let of = |pair: &crate::spec::CrossingSpec| {
        let joins = |l: &&Link| {
            let ends = [timing::clock(spec, l.from), timing::clock(spec, l.to)];
            ends == pair.between || ends == [pair.between[1], pair.between[0]]
        };
        let links = spec.fabric.links.iter().filter(joins);
        let (depth, needed) =
            links.filter_map(|l| timing::places_needed(spec, l)).max_by_key(|(_, n)| *n)?;
        let [a, b] = pair.between.map(|d| &spec.domains[d.at()].name);
        (u64::from(depth) < needed).then(|| {
            format!(
                "the FIFOs between `{a}` and `{b}` hold up their links: depth {depth}, and {needed} \
                 are needed at full rate"
            )
        })
    };
    spec.crossings.iter().filter_map(of).collect()
}

fn too_shallow(class: &ClassReport) -> Option<String> {
    (class.vc_flits < class.buffer_flits_needed).then(|| match class.shared_by {
        None => format!(
            "link class `{}`: buffer_flits {} cannot cover the round trip of a credit; one VC alone \
             needs {} to run at full rate",
            class.name, class.buffer_flits, class.buffer_flits_needed
        ),
        Some((vcs, reserved)) => {
            let own = u64::from(reserved.min(class.buffer_flits));
            let each = own + (class.buffer_flits_needed - own).div_ceil(vcs.into());
            format!(
                "link class `{}`: buffer_flits {}, shared by {vcs} VCs, cannot cover the round trip of a \
                 credit: one VC alone can use {} and needs {} to run at full rate, which buffer_flits {each} \
                 gives it",
                class.name, class.buffer_flits, class.vc_flits, class.buffer_flits_needed
            )
        }
    })
}

/// What the links of a class do at worst; nothing if there are none.
fn class_report(spec: &MachineSpec, class: usize) -> Option<ClassReport> {
    let links = || spec.fabric.links.iter().filter(|l| l.class == class);
    let longest: &Link = links().max_by_key(|l| timing::split(spec, l).total())?;
    let split = timing::split(spec, longest);
    let vcs = u64::from(spec.router.vcs_per_class) * CLASS_COUNT as u64;
    let vcs = u8::try_from(vcs.min(limits::VCS_MAX)).unwrap_or(u8::MAX);
    let pool = spec.pool(&spec.fabric.classes[class], vcs);
    Some(ClassReport {
        name: spec.fabric.classes[class].name.clone(),
        links: links().count(),
        payload_bytes_per_s: timing::payload_bits_per_s(spec, longest) / 8,
        latency: Latency {
            serialization_fs: split.serialization,
            serdes_fs: split.serdes,
            fec_fs: split.fec,
            flight_fs: split.flight,
        },
        buffer_flits: spec.fabric.classes[class].buffer_flits,
        vc_flits: spec.vc_flits(&spec.fabric.classes[class], vcs),
        shared_by: pool.map(|pool| (pool.vcs, pool.reserved_flits)),
        buffer_flits_needed: links().map(|l| timing::flits_needed(spec, l)).max()?,
    })
}

fn ns(fs: u64) -> f64 {
    fs as f64 / 1e6
}

fn gb(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        writeln!(f, "  nodes            {} with {} ports", self.nodes, self.node_ports)?;
        writeln!(f, "  routers          {} of radix {}", self.routers, self.radix)?;
        writeln!(f, "  links            {}, each direction counted", self.links)?;
        let Self { diameter, average_hops, .. } = self;
        write!(f, "  hops             {average_hops:.3} routers on average, {diameter} at most")?;
        match self.hops_sampled {
            Some(count) => writeln!(f, ", as seen from {count} nodes")?,
            None => writeln!(f)?,
        }
        if let Some(Routes { average_hops, hops_max, .. }) = self.routes {
            writeln!(
                f,
                "  routes           {average_hops:.3} routers on average, {hops_max} at most"
            )?;
        }
        match self.bisection_bytes_per_s {
            Some(bytes) => writeln!(f, "  bisection        {:.1} GB/s each way", gb(bytes))?,
            None => writeln!(f, "  bisection        not computed for a machine of this size")?,
        }
        for class in &self.classes {
            writeln!(f, "  {class}")?;
        }
        write!(f, "  deadlock         {}", self.dependencies)?;
        self.warnings.iter().try_for_each(|w| write!(f, "\n  warning: {w}"))
    }
}

impl fmt::Display for ClassReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let l = &self.latency;
        write!(
            f,
            "{:<16} {} links, {:.1} GB/s each, {:.2} ns one way: serialization {:.2}, serdes {:.2}, \
             fec {:.2}, flight {:.2}; buffers {} of {} flits needed",
            self.name,
            self.links,
            gb(self.payload_bytes_per_s),
            ns(l.total_fs()),
            ns(l.serialization_fs),
            ns(l.serdes_fs),
            ns(l.fec_fs),
            ns(l.flight_fs),
            self.vc_flits,
            self.buffer_flits_needed
        )?;
        match self.shared_by {
            Some((vcs, own)) => write!(f, ", shared by {vcs} VCs with {own} of their own each"),
            None => Ok(()),
        }
    }
}
