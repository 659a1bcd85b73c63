//! Slim Fly networks: McKay-Miller-Siran graphs, which come close to the Moore bound of diameter 2
//! (Besta and Hoefler, SC 2014).
//!
//! For an odd prime q = 4w + d, with d = 1 or -1, there are two halves of q x q routers, `(0, x, y)`
//! and `(1, m, c)`, of (3q - d)/2 links each. With a primitive element g of the field of q elements,
//!
//! ```text
//!   (0, x, y) - (0, x, y')  where y - y' is in X
//!   (1, m, c) - (1, m, c')  where c - c' is in X'
//!   (0, x, y) - (1, m, c)   where y = m x + c
//!
//!   d =  1:  X = 1, g^2 .. g^(q-3)                          X' = g X
//!   d = -1:  X = 1, g^2 .. g^(2w-2), g^(2w-1) .. g^(4w-3)   X' = g X    (exponents by twos)
//! ```
//!
//! Fields of prime powers exist too, but are not provided: q is a prime.

use base::DomainIdx;
use serde::Deserialize;

use super::one;
use crate::elaborate::Names;
use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::routing::{HopClass, Way};
use crate::units::Length;
use crate::validate::range;
use crate::wiring::{Plug, Wiring};

/// See [`FabricForm::SlimFly`](crate::describe::FabricForm::SlimFly). Router `(half, x, y)` is number
/// `(half q + x) q + y`; node `i` is on router `i / nodes_per_router`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlimFly {
    /// An odd prime: 2 q^2 routers.
    pub q: u32,
    /// Accelerators on each router: p; about half the router's links to others balance them.
    pub nodes_per_router: u32,
    /// Link class between an accelerator and its router.
    pub local: String,
    /// Length of these links.
    #[serde(default)]
    pub local_length: Option<Length>,
    /// Parallel links between an accelerator and its router; 1 where not given.
    #[serde(default = "one")]
    pub local_links: u32,
    /// Link class between routers.
    pub link: String,
    /// Length of the links between routers.
    #[serde(default)]
    pub length: Option<Length>,
    /// Name of the routers' clock.
    pub clock: String,
    /// How packets go; minimal where not given.
    #[serde(default)]
    pub routing: SlimFlyRouting,
}

/// How packets go through a Slim Fly.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum SlimFlyRouting {
    /// Shortest paths, 2 hops at most; 2 VCs a class.
    #[default]
    Minimal,
    /// By a random router; 4 VCs a class.
    Valiant,
    /// Minimal or by a random router, as the queues at the source say; 4 VCs a class.
    Ugal,
}

/// All cables: a router's nodes first.
pub(crate) fn wiring<'a>(
    names: &Names<'a>,
    f: &SlimFly,
    node_clock: DomainIdx,
) -> Result<Wiring<'a>, Problem> {
    let counts = counts(f)?;
    let local = names.run_of("fabric", ("local", "local_length"), &f.local, f.local_length)?;
    let run = names.run("fabric", "link", &f.link, f.length)?;
    let clock = names.clock("fabric.clock", &f.clock)?;
    let mut w = Wiring::new("fabric.q", counts, names.classes, node_clock)?;
    let (q, p) = (f.q as usize, f.nodes_per_router as usize);
    for r in 0..2 * q * q {
        w.router(format!("r({},{},{})", r / q / q, r / q % q, r % q), clock);
        for n in p * r..p * (r + 1) {
            for _ in 0..f.local_links {
                w.connect("fabric.local_links", Plug::Node(n), Plug::Router(r), local)?;
            }
        }
    }
    for (a, b) in cables(q) {
        w.connect("fabric.q", Plug::Router(a), Plug::Router(b), run)?;
    }
    Ok(w)
}

/// The routing function.
pub(crate) fn way(f: &SlimFly, w: &Wiring<'_>, vcs_per_class: u8) -> Result<Way, Problem> {
    HopClass::new(f, &w.node_ports, &w.routers, &w.links, vcs_per_class).map(Way::HopClass)
}

/// Nodes, routers and links.
fn counts(f: &SlimFly) -> Result<(u64, u64, u64), Problem> {
    let (q, p, locals) = (u64::from(f.q), u64::from(f.nodes_per_router), u64::from(f.local_links));
    range("fabric.q", q, 3, limits::PORTS_MAX)?;
    if (2..q).any(|n| q.is_multiple_of(n)) {
        let message = format!("`q` of {q} is not a prime");
        let prime = |n: &u64| (2..*n).all(|m| !n.is_multiple_of(m));
        let (below, above) = ((3..q).rev().find(prime), (q..2 * q).find(prime));
        let mend = format!("use {} or {}", below.unwrap_or(3), above.unwrap_or(3));
        return Err(Problem::new(ErrorKind::Value, "fabric.q", message, mend));
    }
    range("fabric.nodes_per_router", p, 1, limits::PORTS_MAX)?;
    range("fabric.local_links", locals, 1, limits::PORTS_MAX)?;
    let routers = 2 * q * q;
    let degree = if q % 4 == 1 { (3 * q - 1) / 2 } else { (3 * q).div_ceil(2) };
    Ok((routers * p, routers, routers * (2 * p * locals + degree)))
}

/// Both ends of every cable between routers, each once.
fn cables(q: usize) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    for (half, set) in generators(q).iter().enumerate() {
        for first in (0..q).map(|x| (half * q + x) * q) {
            for y in 0..q {
                let peers = (y + 1..q).filter(|peer| set.contains(&(peer - y)));
                all.extend(peers.map(|peer| (first + y, first + peer)));
            }
        }
    }
    for (x, m, c) in (0..q * q * q).map(|i| (i / q / q, i / q % q, i % q)) {
        all.push((x * q + (m * x + c) % q, (q + m) * q + c));
    }
    all
}

/// The sets X and X'.
fn generators(q: usize) -> [Vec<usize>; 2] {
    let g = primitive(q);
    let power = |n: usize| (0..n).fold(1, |x, _| x * g % q);
    let first: Vec<usize> = if q % 4 == 1 {
        (0..q - 2).step_by(2).map(power).collect()
    } else {
        let w = q.div_ceil(4);
        let low = (0..2 * w - 1).step_by(2);
        low.chain((2 * w - 1..4 * w - 2).step_by(2)).map(power).collect()
    };
    let second = first.iter().map(|x| x * g % q).collect();
    [first, second]
}

/// The least primitive element of the field of `q` elements.
fn primitive(q: usize) -> usize {
    let order = |g: usize| {
        1 + (1..q)
            .scan(g, |x, _| {
                let now = *x;
                *x = now * g % q;
                Some(now)
            })
            .take_while(|x| *x != 1)
            .count()
    };
    (2..q).find(|g| order(*g) == q - 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_primitive_elements_are_the_known_ones() {
        let known = [(3, 2), (5, 2), (7, 3), (11, 2), (13, 2), (17, 3), (19, 2), (23, 5), (41, 6)];
        for (q, g) in known {
            assert_eq!(primitive(q), g, "of {q}");
        }
    }

    #[test]
    fn the_sets_are_their_own_negatives_and_cover_the_field() {
        for q in [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43] {
            let sets = generators(q);
            let size = if q % 4 == 1 { (q - 1) / 2 } else { q.div_ceil(2) };
            for set in &sets {
                let mut sorted = set.clone();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!(sorted.len(), size, "X of {q}");
                assert!(set.iter().all(|x| *x != 0 && set.contains(&(q - x))), "-X of {q}");
            }
            assert!((1..q).all(|x| sets[0].contains(&x) || sets[1].contains(&x)), "{q}");
        }
    }

    #[test]
    fn every_router_has_its_degree_and_any_two_are_two_hops_apart() {
        for q in [3_usize, 5, 7, 11, 13] {
            let routers = 2 * q * q;
            let mut near = vec![vec![false; routers]; routers];
            for (a, b) in cables(q) {
                assert!(a != b && !near[a][b], "{a} to {b} of {q} twice");
                (near[a][b], near[b][a]) = (true, true);
            }
            let degree = if q % 4 == 1 { (3 * q - 1) / 2 } else { (3 * q).div_ceil(2) };
            for a in 0..routers {
                let peers: Vec<_> = (0..routers).filter(|b| near[a][*b]).collect();
                assert_eq!(peers.len(), degree, "router {a} of {q}");
                let reach = |b| a == b || near[a][b] || peers.iter().any(|m| near[*m][b]);
                assert!((0..routers).all(reach), "{a} of {q}");
            }
            // No graph of this degree and diameter 2 has more than degree^2 + 1 routers.
            assert!(routers <= degree * degree + 1 && 3 * routers >= 2 * degree * degree);
        }
    }
}
