//! Trees of switches: k-ary n-trees and two-tier Clos networks.
//!
//! ```text
//!   level 2   s s s s        spine   s   s        In every plane. A switch's first ports lead down,
//!             |X X X|                |\ /|        in the order of the nodes below; the others lead
//!   level 1   s s s s                | X |        up, in the order of the switches above.
//!             |X| |X|                |/ \|
//!   level 0   s s s s        leaf    s   s
//!             nn nn ..               nnn nnn
//! ```
//!
//! The nodes below a switch are consecutive. Sources: Petrini and Vanneschi, "k-ary n-trees", IPPS
//! 1997; Dally and Towles, Principles and Practices of Interconnection Networks, chapter 6.

use base::DomainIdx;
use serde::Deserialize;

use super::{PerDim, one};
use crate::describe::{PerSwitch, SwitchPlanes};
use crate::elaborate::Names;
use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::routing::{Nca, Tier, Up};
use crate::units::Length;
use crate::validate::range;
use crate::wiring::{Plug, Run, Wiring};

/// Levels of a tree at most.
const LEVELS_MAX: u64 = 14;

/// A k-ary n-tree: `arity ^ levels` nodes under `levels` levels of `arity ^ (levels - 1)` switches.
///
/// Switch `w` of level `l` is router `l * arity ^ (levels - 1) + w` and is called `level{l}.{w}`; in
/// base `arity`, it is linked to those switches of level `l + 1` whose numbers differ from `w` at
/// most in digit `l`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FatTree {
    /// Switches or nodes below each switch, and switches above it; 2 to 128.
    pub arity: u32,
    /// Levels of switches, 1 to 14.
    pub levels: u32,
    /// Link class between a node and its switch.
    pub local: String,
    /// Length of the links between nodes and switches.
    #[serde(default)]
    pub local_length: Option<Length>,
    /// Parallel links between a node and its switch; 1 where not given.
    #[serde(default = "one")]
    pub local_links: u32,
    /// Link class between switches: one, or one for each pair of successive levels, lowest first.
    pub link: PerDim<String>,
    /// Length of the links between switches, likewise.
    #[serde(default)]
    pub length: Option<PerDim<Length>>,
    /// Parallel links between two switches, likewise; 1 where not given.
    #[serde(default = "single")]
    pub links_per_pair: PerDim<u32>,
    /// Name of the switches' clock.
    pub clock: String,
    /// How a packet chooses among the ways up; at random where not given.
    #[serde(default)]
    pub routing: UpRouting,
}

/// A folded Clos network of two tiers, in one or more planes: every leaf is linked to every spine of
/// its plane, every node to a leaf in each plane. It blocks where a leaf has less rate up than down.
///
/// Node `i` is under leaf `i / nodes_per_leaf` of every plane. A plane's routers are its leaves, then
/// its spines; they are called `plane{p}.leaf{l}` and `plane{p}.spine{s}`. A node's ports are in the
/// order of the planes.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clos {
    /// Planes; 1 where not given.
    #[serde(default = "one")]
    pub planes: u32,
    /// Leaves of a plane.
    pub leaves: u32,
    /// Nodes under a leaf.
    pub nodes_per_leaf: u32,
    /// Spines of a plane.
    pub spines: u32,
    /// Link class between a node and a leaf.
    pub local: String,
    /// Length of the links between nodes and leaves.
    #[serde(default)]
    pub local_length: Option<Length>,
    /// Parallel links between a node and a leaf; 1 where not given.
    #[serde(default = "one")]
    pub local_links: u32,
    /// Link class between a leaf and a spine.
    pub link: String,
    /// Length of the links between leaves and spines.
    #[serde(default)]
    pub length: Option<Length>,
    /// Parallel links between a leaf and a spine; 1 where not given.
    #[serde(default = "one")]
    pub links_per_pair: u32,
    /// Name of the switches' clock.
    pub clock: String,
    /// Name of the spines' clock, where it is another.
    #[serde(default)]
    pub spine_clock: Option<String>,
    /// How a packet chooses its plane and its way up; at random where not given.
    #[serde(default)]
    pub routing: UpRouting,
}

/// How a packet chooses where several ports lead on: planes, ways up, parallel links. All ways go
/// up to a nearest common ancestor of source and destination, then down; only the choice differs.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum UpRouting {
    /// Each packet by itself, at random at every switch: a hash of its flow. `BookSim`'s `nca`.
    #[default]
    Random,
    /// By destination alone, so that packets between two nodes share one way: d mod k.
    Hash,
    /// The port where the least waits, at random among equal ones; asked again while waiting.
    Adaptive,
}

impl From<UpRouting> for Up {
    fn from(routing: UpRouting) -> Self {
        match routing {
            UpRouting::Random => Self::Random,
            UpRouting::Hash => Self::Destination,
            UpRouting::Adaptive => Self::Adaptive,
        }
    }
}

/// The cables of a k-ary n-tree.
pub(crate) fn fat_tree<'a>(
    names: &Names<'a>,
    f: &FatTree,
    node_clock: DomainIdx,
) -> Result<Wiring<'a>, Problem> {
    range("fabric.arity", u64::from(f.arity), 2, limits::PORTS_MAX / 2)?;
    range("fabric.levels", u64::from(f.levels), 1, LEVELS_MAX)?;
    range("fabric.local_links", u64::from(f.local_links), 1, limits::PORTS_MAX)?;
    per_level(&f.links_per_pair, "fabric.links_per_pair", f)?;
    let parallel: Vec<u32> = (1..f.levels as usize).map(|l| *f.links_per_pair.at(l - 1)).collect();
    for (level, n) in parallel.iter().enumerate() {
        let key = f.links_per_pair.key("fabric.links_per_pair", level);
        range(&key, u64::from(*n), 1, limits::PORTS_MAX)?;
    }
    let runs = runs(names, f)?;
    let wide = u64::from(f.arity).saturating_pow(f.levels - 1);
    let nodes = wide.saturating_mul(u64::from(f.arity));
    let cables = u64::from(f.local_links) + parallel.iter().map(|n| u64::from(*n)).sum::<u64>();
    let routers = wide.saturating_mul(u64::from(f.levels));
    let counts = (nodes, routers, nodes.saturating_mul(2 * cables));
    let local = names.run("fabric", "local", &f.local, f.local_length)?;
    let clock = names.clock("fabric.clock", &f.clock)?;
    let key = if nodes > limits::NODES_MAX { "fabric.levels" } else { "fabric" };
    let mut w = Wiring::new(key, counts, names.classes, node_clock)?;
    let (k, wide) = (f.arity as usize, w.node_ports.len() / f.arity as usize);
    for level in 0..f.levels {
        (0..wide).for_each(|i| w.router(format!("level{level}.{i}"), clock));
    }
    below(&mut w, 0..wide, k, f.local_links, local)?;
    let mut stride = 1;
    for (level, (run, parallel)) in runs.into_iter().zip(parallel).enumerate() {
        let (low, high) = (level * wide, (level + 1) * wide);
        for upper in 0..wide {
            let others = upper - upper / stride % k * stride;
            for digit in 0..k {
                let lower = others + digit * stride;
                for _ in 0..parallel {
                    let plugs = (Plug::Router(low + lower), Plug::Router(high + upper));
                    w.connect("fabric.links_per_pair", plugs.0, plugs.1, run)?;
                }
            }
        }
        stride *= k;
    }
    Ok(w)
}

/// The kinds of the links between the switches of successive levels, the lowest first.
fn runs(names: &Names<'_>, f: &FatTree) -> Result<Vec<Run>, Problem> {
    per_level(&f.link, "fabric.link", f)?;
    if let Some(length) = &f.length {
        per_level(length, "fabric.length", f)?;
    }
    let run = |level: usize| {
        let length = f.length.as_ref().map(|l| *l.at(level));
        names.run("fabric", &f.link.key("link", level), f.link.at(level), length)
    };
    (0..f.levels as usize - 1).map(run).collect()
}

/// Refuses a list that is not as long as there are pairs of successive levels.
fn per_level<T>(each: &PerDim<T>, key: &str, f: &FatTree) -> Result<(), Problem> {
    let pairs = f.levels as usize - 1;
    match each {
        PerDim::Each(list) if list.len() != pairs => Err(Problem::new(
            ErrorKind::Value,
            key,
            format!("{} values are given for links between {} levels", list.len(), f.levels),
            format!("give one value, or a list of {pairs}, the lowest links first"),
        )),
        _ => Ok(()),
    }
}

/// The cables of a two-tier Clos network.
pub(crate) fn clos<'a>(
    names: &Names<'a>,
    f: &Clos,
    node_clock: DomainIdx,
) -> Result<Wiring<'a>, Problem> {
    let numbers = [
        ("planes", f.planes, limits::PORTS_MAX),
        ("leaves", f.leaves, limits::PORTS_MAX),
        ("nodes_per_leaf", f.nodes_per_leaf, limits::PORTS_MAX),
        ("spines", f.spines, limits::PORTS_MAX),
        ("local_links", f.local_links, limits::PORTS_MAX),
        ("links_per_pair", f.links_per_pair, limits::PORTS_MAX),
    ];
    for (field, n, most) in numbers {
        range(&format!("fabric.{field}"), u64::from(n), 1, most)?;
    }
    let [planes, leaves, under, spines, locals, parallel] = numbers.map(|(_, n, _)| u64::from(n));
    let nodes = leaves * under;
    let links = 2 * planes * (nodes * locals + leaves * spines * parallel);
    let local = names.run("fabric", "local", &f.local, f.local_length)?;
    let run = names.run("fabric", "link", &f.link, f.length)?;
    let clock = names.clock("fabric.clock", &f.clock)?;
    let spine_clock = match &f.spine_clock {
        Some(name) => names.clock("fabric.spine_clock", name)?,
        None => clock,
    };
    let counts = (nodes, planes * (leaves + spines), links);
    let mut w = Wiring::new("fabric.leaves", counts, names.classes, node_clock)?;
    let (leaves, spines) = (f.leaves as usize, f.spines as usize);
    for plane in 0..f.planes {
        let first = w.routers.len();
        (0..leaves).for_each(|i| w.router(format!("plane{plane}.leaf{i}"), clock));
        (0..spines).for_each(|i| w.router(format!("plane{plane}.spine{i}"), spine_clock));
        below(&mut w, first..first + leaves, f.nodes_per_leaf as usize, f.local_links, local)?;
        for leaf in first..first + leaves {
            for spine in first + leaves..first + leaves + spines {
                for _ in 0..f.links_per_pair {
                    let key = "fabric.links_per_pair";
                    w.connect(key, Plug::Router(leaf), Plug::Router(spine), run)?;
                }
            }
        }
    }
    Ok(w)
}

/// All nodes below the `leaves`, `each` below one.
fn below(
    w: &mut Wiring<'_>,
    leaves: core::ops::Range<usize>,
    each: usize,
    parallel: u32,
    run: Run,
) -> Result<(), Problem> {
    for (n, leaf) in leaves.flat_map(|leaf| core::iter::repeat_n(leaf, each)).enumerate() {
        for _ in 0..parallel {
            w.connect("fabric.local", Plug::Node(n), Plug::Router(leaf), run)?;
        }
    }
    Ok(())
}

/// The routing of a k-ary n-tree whose cables could be made.
pub(crate) fn fat_tree_way(f: &FatTree) -> Nca {
    let wide = f.arity.pow(f.levels - 1);
    let mut tiers = Vec::new();
    let (mut block, mut stride, mut downs) = (1, 1, f.local_links);
    for level in 0..f.levels {
        let top = level + 1 == f.levels;
        let ups = if top { 0 } else { *f.links_per_pair.at(level as usize) };
        tiers.extend((0..wide).map(|w| Tier {
            first: w / block * block * f.arity,
            below: block * f.arity,
            block,
            parallel: downs,
            ups: ups * f.arity,
            stride,
        }));
        stride = stride.saturating_mul(ups * f.arity);
        block *= f.arity;
        downs = ups;
    }
    Nca::new(&tiers, wide * f.arity, f.local_links, f.routing.into())
}

/// The routing of a Clos network whose cables could be made.
pub(crate) fn clos_way(f: &Clos) -> Nca {
    let nodes = f.leaves * f.nodes_per_leaf;
    let leaf = |l| Tier {
        first: l * f.nodes_per_leaf,
        below: f.nodes_per_leaf,
        block: 1,
        parallel: f.local_links,
        ups: f.spines * f.links_per_pair,
        stride: 1,
    };
    let spine = Tier {
        first: 0,
        below: nodes,
        block: f.nodes_per_leaf,
        parallel: f.links_per_pair,
        ups: 0,
        stride: 1,
    };
    let mut tiers = Vec::new();
    for _ in 0..f.planes {
        tiers.extend((0..f.leaves).map(leaf));
        tiers.extend((0..f.spines).map(|_| spine));
    }
    Nca::new(&tiers, nodes, f.planes * f.local_links, f.routing.into())
}

/// The routing of planes of switches, to each of which every node has the same links.
pub(crate) fn planes_way(f: &SwitchPlanes, w: &Wiring<'_>) -> Nca {
    let per_node = w.node_ports.first().map_or(0, Vec::len);
    let switch = |parallel: u32| Tier {
        first: 0,
        below: f.accelerators,
        block: 1,
        parallel,
        ups: 0,
        stride: 1,
    };
    let tiers: Vec<Tier> = match &f.links_per_pair {
        PerSwitch::Same(n) => vec![switch(*n); f.switches as usize],
        PerSwitch::Each(list) => list.iter().map(|n| switch(*n)).collect(),
    };
    let spread = u32::try_from(per_node).expect("a node's ports are few");
    Nca::new(&tiers, f.accelerators, spread, f.spray.into())
}

const fn single() -> PerDim<u32> {
    PerDim::Same(1)
}
