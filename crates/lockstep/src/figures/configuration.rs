//! What the reference measured: a network, its routers and its traffic.

use std::fmt::Write as _;

use base::arch::Allocation;
use topology::spec::RouterSpec;
use topology::{Description, TopologyError};

use super::{Figure, Mode};

/// A network with its traffic, and what the reference measured on it.
///
/// Flits are all of one size, clocks all of one period; injection and ejection links take a cycle.
#[derive(Clone, PartialEq, Debug)]
pub struct Configuration {
    /// Its name in the reference's table.
    pub name: &'static str,
    /// Who is linked to whom.
    pub shape: Shape,
    /// Cycles of a link between routers.
    pub link_cycles: u32,
    /// How packets go.
    pub routing: RoutingName,
    /// Routers, with one message class.
    pub router: RouterSpec,
    /// Depth of the buffer of each VC.
    pub buffer_flits: u32,
    /// Traffic pattern, by the name that `sweep --traffic` takes.
    pub traffic: &'static str,
    /// Flits of every packet.
    pub packet_flits: u32,
    /// The figures by load.
    pub figures: Vec<Figure>,
}

/// Who is linked to whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A mesh with a node at every router; the first dimension varies fastest.
    Mesh(Vec<u32>),
    /// A torus, likewise.
    Torus(Vec<u32>),
    /// A k-ary n-tree: `k^n` nodes, `n` levels of `k^(n-1)` routers.
    FatTree {
        /// Ports down of every router, and up.
        k: u32,
        /// Levels.
        n: u32,
    },
}

/// How packets go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoutingName {
    /// First dimension first; datelines on rings.
    DimensionOrder,
    /// x first or y first, as credits at the source say.
    AdaptiveXyYx,
    /// To a random router, then to the destination.
    Valiant,
    /// Up by random ports to a nearest common ancestor, then down.
    NearestCommonAncestor,
}

impl Configuration {
    /// The machine, to be changed and elaborated. What a network alone does not use (accelerators,
    /// memories) is that of the shipped mesh.
    ///
    /// # Errors
    /// If this build knows no such fabric or routing.
    pub fn description(&self) -> Result<Description, TopologyError> {
        Description::from_ron(self.name, &self.ron())
    }

    /// The same as a topology file.
    pub fn ron(&self) -> String {
        let mut out = format!("Machine(\n    name: \"{}\",\n", self.name);
        out += "    clocks: {\"net\": \"1 GHz\"},\n    flit: \"32 B\",\n    header: \"16 B\",\n";
        out += "    links: {\n";
        for (name, cycles) in [("local", 1), ("wire", self.link_cycles)] {
            let _ = writeln!(
                out,
                "        \"{name}\": OnDie(latency_cycles: {cycles}, buffer_flits: {}),",
                self.buffer_flits
            );
        }
        out += "    },\n";
        out += NODE;
        let (r, arch) = (&self.router, &self.router.arch);
        let _ = writeln!(
            out,
            "    router: (\n        vcs_per_class: {}, rc_cycles: {}, va_cycles: {}, sa_cycles: {},\n        \
             st_cycles: {}, credit_cycles: {}, speculative: {},\n        \
             vc_allocator: {}, switch_allocator: {},\n    ),",
            r.vcs_per_class,
            r.rc_cycles,
            r.va_cycles,
            r.sa_cycles,
            r.st_cycles,
            r.credit_cycles,
            arch.speculative,
            allocation(arch.vc_allocator),
            allocation(arch.switch_allocator)
        );
        let _ = writeln!(out, "    fabric: {},\n)", self.fabric());
        out
    }

    fn fabric(&self) -> String {
        let ends = "local: \"local\", link: \"wire\", clock: \"net\"";
        let routing = match self.routing {
            RoutingName::DimensionOrder => "DimensionOrder",
            RoutingName::AdaptiveXyYx => "AdaptiveXyYx",
            RoutingName::Valiant => "Valiant",
            RoutingName::NearestCommonAncestor => "Random",
        };
        match &self.shape {
            Shape::Mesh(dims) => format!("Mesh(dims: {dims:?}, {ends}, routing: {routing})"),
            // The reference gives a packet its half of the VCs for its whole way around a ring.
            Shape::Torus(dims) => {
                format!("Torus(dims: {dims:?}, {ends}, routing: {routing}, datelines: Strict)")
            }
            Shape::FatTree { k, n } => {
                format!("FatTree(arity: {k}, levels: {n}, {ends}, routing: {routing})")
            }
        }
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> u32 {
        match &self.shape {
            Shape::Mesh(dims) | Shape::Torus(dims) => dims.iter().product(),
            Shape::FatTree { k, n } => k.pow(*n),
        }
    }

    /// Latency of a packet alone in the network over `hops` routers, in cycles: a cycle into the
    /// network and one to be seen, each router's stages and the link behind it, the ejection link,
    /// and the flits behind the head. Source: the reference's event traces.
    pub fn zero_load_cycles(&self, hops: u32) -> u64 {
        let r = &self.router;
        let allocation = if r.arch.speculative {
            r.va_cycles.max(r.sa_cycles)
        } else {
            r.va_cycles + r.sa_cycles
        };
        let router = u64::from(r.rc_cycles + allocation + r.st_cycles);
        let (hops, link) = (u64::from(hops), u64::from(self.link_cycles));
        2 + (router + 1) * hops
            + (link - 1) * hops.saturating_sub(1)
            + u64::from(self.packet_flits - 1)
    }

    /// Routers on a shortest way between two nodes, both counted by number.
    pub fn hops_min(&self, from: u32, to: u32) -> u32 {
        match &self.shape {
            Shape::Mesh(dims) => {
                1 + digits(from, to, dims).map(|(a, b, _)| a.abs_diff(b)).sum::<u32>()
            }
            Shape::Torus(dims) => {
                let around = |(a, b, k): (u32, u32, u32)| a.abs_diff(b).min(k - a.abs_diff(b));
                1 + digits(from, to, dims).map(around).sum::<u32>()
            }
            Shape::FatTree { k, n } => {
                let above = |node: u32, level: u32| node / k.pow(level);
                let level = (1..=*n).find(|l| above(from, *l) == above(to, *l)).unwrap_or(*n);
                2 * level - 1
            }
        }
    }

    /// Every pair of nodes between which the traffic can go.
    pub fn pairs(&self) -> Vec<(u32, u32)> {
        let nodes = self.nodes();
        (0..nodes)
            .flat_map(|from| {
                let only = self.destination(from);
                let all = (0..nodes).filter(move |to| only.is_none_or(|d| d == *to));
                all.map(move |to| (from, to))
            })
            .collect()
    }

    /// The one destination of a node, where its pattern is a permutation.
    fn destination(&self, from: u32) -> Option<u32> {
        let (Shape::Mesh(dims) | Shape::Torus(dims)) = &self.shape else { return None };
        let coordinates: Vec<u32> = digits(from, from, dims).map(|(a, ..)| a).collect();
        let to: Vec<u32> = match self.traffic {
            "transpose" => coordinates.into_iter().rev().collect(),
            "neighbor" => coordinates.iter().zip(dims).map(|(a, k)| (a + 1) % k).collect(),
            _ => return None,
        };
        Some(to.iter().zip(dims).rev().fold(0, |node, (a, k)| node * k + a))
    }

    /// What was accepted at the least load that the network could not carry, in flits per node and
    /// cycle; where it carried all, the greatest accepted rate, which saturation is not below.
    pub fn saturation_throughput(&self) -> f64 {
        let first = self.figures.iter().find(|f| f.saturated && f.measured());
        first.map_or_else(
            || self.figures.iter().map(|f| f.accepted).fold(0.0, f64::max),
            |figure| figure.accepted,
        )
    }

    /// Whether a load was found that the network could not carry.
    pub fn saturates(&self) -> bool {
        self.figures.iter().any(|f| f.saturated && f.measured())
    }

    /// The figure at the least load.
    pub fn lightest(&self) -> Option<&Figure> {
        self.figures.iter().find(|f| f.mode == Mode::Latency)
    }
}

/// The coordinates of two nodes and the extent, dimension by dimension.
fn digits(from: u32, to: u32, dims: &[u32]) -> impl Iterator<Item = (u32, u32, u32)> {
    let (mut from, mut to) = (from, to);
    dims.iter().map(move |k| {
        let at = (from % k, to % k, *k);
        (from, to) = (from / k, to / k);
        at
    })
}

fn allocation(allocation: Allocation) -> String {
    match allocation {
        Allocation::InputFirst => "InputFirst".to_owned(),
        Allocation::OutputFirst => "OutputFirst".to_owned(),
        Allocation::Islip { iterations } => format!("Islip(iterations: {iterations})"),
        Allocation::Wavefront => "Wavefront".to_owned(),
    }
}

/// What a sweep does not use.
const NODE: &str = r#"    accelerator: (
        clock: "net", window: 32, consistency: Relaxed, atomics: Far,
        cache: (size: "256 KiB", ways: 8, replacement: Lru, latency_cycles: 10, mshrs: 32),
        home: (latency_cycles: 8, interleave: "4 KiB"),
    ),
    memory: (
        clock: "net", channels: 2, channel_rate: "25.6 GB/s", interleave: "256 B", latency: "60 ns",
    ),
"#;

#[cfg(test)]
mod tests {
    use super::super::booksim;
    use super::*;

    fn named(name: &str) -> &'static Configuration {
        booksim().iter().find(|c| c.name == name).expect(name)
    }

    #[test]
    fn a_description_elaborates_to_what_the_configuration_says() {
        // Lookahead routing and the other fabrics are proved where they are made.
        let meshes = |c: &&Configuration| {
            matches!(c.shape, Shape::Mesh(_))
                && c.routing == RoutingName::DimensionOrder
                && c.router.rc_cycles > 0
        };
        for c in booksim().iter().filter(meshes) {
            let spec = c.description().and_then(|d| d.elaborate()).expect(c.name);
            assert_eq!((spec.router, spec.fabric.routers.len()), (c.router, 64), "{}", c.name);
            let depths: Vec<u32> = spec.fabric.classes.iter().map(|l| l.buffer_flits).collect();
            assert!(depths.iter().all(|d| *d == c.buffer_flits), "{}: {depths:?}", c.name);
        }
    }

    /// Mean hops over all pairs: closed forms of k-ary n-cubes and n-trees.
    #[test]
    fn mean_hops_are_those_of_the_closed_forms() {
        for (name, mean) in [
            ("mesh8_uni_v4_p1", 1.0 + 2.0 * (64.0 - 1.0) / 24.0), // 1 + n (k^2 - 1) / 3k
            ("torus8_uni_v4_p1", 1.0 + 2.0 * 8.0 / 4.0),          // 1 + n k / 4
            ("torus444_uni_v4_p1", 1.0 + 3.0 * 4.0 / 4.0),
            ("fattree_k4n3_nca_uni_v4_p1", (4.0 + 3.0 * 12.0 + 5.0 * 48.0) / 64.0),
            ("mesh8_transpose_v4_p1", 1.0 + 2.0 * 63.0 / 24.0),
            ("mesh8_neighbor_v4_p1", 1.0 + 2.0 * (7.0 + 7.0) / 8.0),
        ] {
            let c = named(name);
            let pairs = c.pairs();
            let sum: u32 = pairs.iter().map(|(a, b)| c.hops_min(*a, *b)).sum();
            assert!((f64::from(sum) / pairs.len() as f64 - mean).abs() < 1e-12, "{name}");
        }
    }

    #[test]
    fn permutations_send_to_each_node_once() {
        for (name, source, to) in [
            ("mesh8_transpose_v4_p1", 1, 8),
            ("mesh8_transpose_v4_p1", 9, 9),
            ("mesh8_neighbor_v4_p1", 0, 9),
            ("mesh8_neighbor_v4_p1", 63, 0),
        ] {
            let mut pairs = named(name).pairs();
            assert!(pairs.len() == 64 && pairs.contains(&(source, to)), "{name}");
            pairs.sort_unstable_by_key(|(_, to)| *to);
            assert!(pairs.iter().map(|(_, to)| *to).eq(0..64), "{name}");
        }
        assert_eq!(named("torus444_uni_v4_p1").pairs().len(), 4096);
    }

    #[test]
    fn zero_load_latency_counts_each_stage_once() {
        for (name, hops, cycles) in [
            ("mesh8_uni_v4_p1", 1, 7),
            ("mesh8_uni_v4_p1", 15, 77),
            ("mesh8_uni_v4_p5", 1, 11),
            ("mesh8_uni_v4_p1_rd0", 15, 62),
            ("mesh8_uni_v4_p1_spec", 15, 62),
            ("torus8_uni_v4_p1", 9, 55),
            ("torus8_uni_v4_p1_L1", 9, 47),
            ("torus444_uni_v4_p1", 7, 43),
        ] {
            assert_eq!(named(name).zero_load_cycles(hops), cycles, "{name} {hops}");
        }
    }

    /// The reference itself at its lightest load, where packets hardly meet: least latency as the
    /// closed form says, mean no less, and more by what a few meetings cost. A wrong link latency
    /// would be off by cycles.
    #[test]
    fn the_reference_meets_the_closed_form_at_its_lightest_load() {
        for c in booksim() {
            let light = c.lightest().expect(c.name);
            let least = c.pairs().iter().map(|(a, b)| c.hops_min(*a, *b)).min().unwrap();
            assert_eq!(light.packet_latency_min, c.zero_load_cycles(least), "{}", c.name);
            let one = c.zero_load_cycles(1) as f64;
            let step = (c.zero_load_cycles(2) - c.zero_load_cycles(1)) as f64;
            let mean = one + step * (light.hops.unwrap() - 1.0);
            let over = light.packet_latency - mean;
            assert!((0.0..0.03).contains(&over), "{}: {over}", c.name);
        }
    }

    #[test]
    fn saturation_is_the_first_load_that_was_not_carried() {
        for (name, throughput) in [
            ("mesh8_uni_v4_p1", 0.420_186),
            ("mesh8_transpose_v4_p1", 0.148_388),
            ("fattree_k4n3_nca_uni_v4_p1", 0.692_619),
            ("mesh8_neighbor_v4_p1", 0.989_839),
        ] {
            let found = named(name).saturation_throughput();
            assert!((found - throughput).abs() < 1e-12, "{name}: {found}");
        }
        let carries = |c: &&Configuration| !c.saturates();
        let all: Vec<_> = booksim().iter().filter(carries).map(|c| c.name).collect();
        assert_eq!(all, ["mesh8_neighbor_v4_p1"]);
    }
}
