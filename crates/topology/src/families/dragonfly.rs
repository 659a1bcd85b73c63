//! Dragonfly networks: groups of fully linked routers, and the groups fully linked (Kim, Dally,
//! Scott and Abts, ISCA 2008).
//!
//! With p nodes and h global links on each of a group's a routers there are at most `a h + 1` groups;
//! a = 2p = 2h balances them. With fewer groups each pair of groups has `a h / (groups - 1)` links,
//! rounded down, and the global ports left over, a group's last, stay unplugged.
//!
//! Global link `k` of a group belongs to its router `k / h`. With g groups, and `k = b (g - 1) + x`
//! where `x < g - 1`, it leads from group `i`
//!
//! - to group `i + 1 + x`, modulo g, in the palmtree arrangement: routers meet other groups by
//!   distance, as every group does;
//! - to group `x`, or `x + 1` from `x = i` on, in the consecutive one: routers meet other groups by
//!   number (the arrangement of Kim et al.; both as in Camarero et al., ACM TACO 11(4), 2014).

use base::DomainIdx;
use serde::Deserialize;

use super::one;
use crate::elaborate::Names;
use crate::error::Problem;
use crate::limits;
use crate::routing::{Dragonfly as Routes, Way};
use crate::units::Length;
use crate::validate::range;
use crate::wiring::{Plug, Wiring};

/// See [`FabricForm::Dragonfly`](crate::describe::FabricForm::Dragonfly). Groups are in order, routers
/// in order within their group; node `i` is on router `i / nodes_per_router`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dragonfly {
    /// Accelerators on each router: p.
    pub nodes_per_router: u32,
    /// Routers of each group: a.
    pub routers_per_group: u32,
    /// Global links of each router: h.
    pub globals_per_router: u32,
    /// Groups: g; a h + 1 where not given.
    #[serde(default)]
    pub groups: Option<u32>,
    /// Which group a global link leads to; palmtree where not given.
    #[serde(default)]
    pub arrangement: Arrangement,
    /// Link class between an accelerator and its router.
    pub local: String,
    /// Length of these links.
    #[serde(default)]
    pub local_length: Option<Length>,
    /// Parallel links between an accelerator and its router; 1 where not given.
    #[serde(default = "one")]
    pub local_links: u32,
    /// Link class between the routers of a group.
    pub link: String,
    /// Length of these.
    #[serde(default)]
    pub length: Option<Length>,
    /// Link class between groups.
    pub global_link: String,
    /// Length of these.
    #[serde(default)]
    pub global_length: Option<Length>,
    /// Name of the routers' clock.
    pub clock: String,
    /// How packets go; minimal where not given.
    #[serde(default)]
    pub routing: DragonflyRouting,
}

/// Which group a global link leads to; see the module.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum Arrangement {
    /// By distance between groups.
    #[default]
    Palmtree,
    /// By number of the other group.
    Consecutive,
}

/// How packets go through a dragonfly.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum DragonflyRouting {
    /// At most one global link; 2 VCs a class.
    #[default]
    Minimal,
    /// Between groups by a random third group; 3 VCs a class.
    Valiant,
    /// Minimal or Valiant, as the queues at the source's router say; 3 VCs a class.
    UgalL,
    /// Minimal or Valiant, as the queues of the two global links say, which no router can know:
    /// an ideal to compare with; 3 VCs a class.
    UgalG,
}

impl Dragonfly {
    /// How many groups there are: g, at least 1.
    pub(crate) fn groups(&self) -> u32 {
        let most = self.routers_per_group.saturating_mul(self.globals_per_router);
        self.groups.unwrap_or(most.saturating_add(1))
    }
}

/// All cables: a router's nodes first, then its group in ascending order, then other groups.
pub(crate) fn wiring<'a>(
    names: &Names<'a>,
    f: &Dragonfly,
    node_clock: DomainIdx,
) -> Result<Wiring<'a>, Problem> {
    let counts = counts(f)?;
    let local = names.run_of("fabric", ("local", "local_length"), &f.local, f.local_length)?;
    let run = names.run("fabric", "link", &f.link, f.length)?;
    let global = {
        let fields = ("global_link", "global_length");
        names.run_of("fabric", fields, &f.global_link, f.global_length)?
    };
    let clock = names.clock("fabric.clock", &f.clock)?;
    let key = if f.groups.is_some() { "fabric.groups" } else { "fabric.routers_per_group" };
    let mut w = Wiring::new(key, counts, names.classes, node_clock)?;
    let (a, p) = (f.routers_per_group as usize, f.nodes_per_router as usize);
    let groups = f.groups() as usize;
    for r in 0..a * groups {
        w.router(format!("g{}r{}", r / a, r % a), clock);
        for n in p * r..p * (r + 1) {
            for _ in 0..f.local_links {
                w.connect("fabric.local_links", Plug::Node(n), Plug::Router(r), local)?;
            }
        }
    }
    for r in 0..a * groups {
        for peer in r + 1..(r / a + 1) * a {
            w.connect("fabric.routers_per_group", Plug::Router(r), Plug::Router(peer), run)?;
        }
    }
    for (from, to) in globals(f) {
        w.connect("fabric.globals_per_router", Plug::Router(from), Plug::Router(to), global)?;
    }
    Ok(w)
}

/// The routing function.
pub(crate) fn way(f: &Dragonfly, w: &Wiring<'_>, vcs_per_class: u8) -> Result<Way, Problem> {
    Routes::new(f, &w.routers, &w.links, vcs_per_class).map(Way::Dragonfly)
}

/// The routers at both ends of every global link, each once.
fn globals(f: &Dragonfly) -> impl Iterator<Item = (usize, usize)> {
    let (a, h) = (f.routers_per_group as usize, f.globals_per_router as usize);
    let groups = f.groups() as usize;
    let others = groups - 1;
    let each = (a * h).checked_div(others).unwrap_or(0);
    let far = move |i: usize, x: usize| match f.arrangement {
        // The group, and which of its links comes back.
        Arrangement::Palmtree => ((i + 1 + x) % groups, others - 1 - x),
        Arrangement::Consecutive if x < i => (x, i - 1),
        Arrangement::Consecutive => (x + 1, i),
    };
    let links = (0..groups).flat_map(move |i| (0..each * others).map(move |k| (i, k)));
    links.filter_map(move |(i, k)| {
        let (j, back) = far(i, k % others);
        let back = k / others * others + back;
        (i < j).then_some((i * a + k / h, j * a + back / h))
    })
}

/// Nodes, routers and links.
fn counts(f: &Dragonfly) -> Result<(u64, u64, u64), Problem> {
    let (a, p) = (u64::from(f.routers_per_group), u64::from(f.nodes_per_router));
    let (h, locals) = (u64::from(f.globals_per_router), u64::from(f.local_links));
    range("fabric.nodes_per_router", p, 1, limits::PORTS_MAX)?;
    range("fabric.routers_per_group", a, 1, limits::PORTS_MAX)?;
    range("fabric.globals_per_router", h, 0, limits::PORTS_MAX)?;
    range("fabric.local_links", locals, 1, limits::PORTS_MAX)?;
    let groups = u64::from(f.groups());
    // Beyond one link of each pair of groups some could not reach others.
    range("fabric.groups", groups, 1, a * h + 1)?;
    let routers = a * groups;
    Ok((routers * p, routers, routers * (2 * p * locals + a - 1 + h)))
}
