//! What collectives send: transfers to be planned.

use core::fmt;
use core::str::FromStr;

use base::NodeIdx;
use topology::schedule::{FLITS_MAX, TRANSFERS_MAX, Transfer};
use topology::spec::MachineSpec;
use traffic::synthetic::PatternSpec;

use crate::sweep;

/// A collective, or another list of transfers that has a name.
#[derive(Clone, PartialEq, Debug)]
pub enum Collective {
    /// Every node sends to every other: in round `r` node `n` to node `n + r`.
    AllToAll,
    /// A reduce-scatter and an all-gather around the ring of all nodes, in order of number: `2 (n - 1)`
    /// steps, in each of which every node passes on what it has just got.
    RingAllReduce,
    /// Every node sends to its one destination of a pattern.
    Permutation(PatternSpec),
}

/// A collective that is none, or not on this machine.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}\n  mend: {mend}")]
pub struct CollectiveError {
    message: String,
    mend: String,
}

pub(super) fn wrong(message: impl Into<String>, mend: impl Into<String>) -> CollectiveError {
    CollectiveError { message: message.into(), mend: mend.into() }
}

impl FromStr for Collective {
    type Err = CollectiveError;

    fn from_str(text: &str) -> Result<Self, CollectiveError> {
        match text {
            "all-to-all" => Ok(Self::AllToAll),
            "ring-all-reduce" => Ok(Self::RingAllReduce),
            _ => match text.parse() {
                Ok(pattern) => Ok(Self::Permutation(pattern)),
                Err(_) => Err(wrong(
                    format!("no collective `{text}`"),
                    "use all-to-all, ring-all-reduce, or a pattern with one destination a node, such \
                     as transpose, bit_complement, shuffle, tornado, neighbor or randperm",
                )),
            },
        }
    }
}

impl fmt::Display for Collective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllToAll => f.write_str("all-to-all"),
            Self::RingAllReduce => f.write_str("ring-all-reduce"),
            Self::Permutation(pattern) => write!(f, "{pattern}"),
        }
    }
}

impl Collective {
    /// Its transfers on a machine, each of so many flits, without releases. `seed` is for what a pattern
    /// draws.
    ///
    /// # Errors
    /// If it has no meaning there, or is too large.
    pub fn transfers(
        &self,
        spec: &MachineSpec,
        flits: u32,
        seed: u64,
    ) -> Result<Vec<Transfer>, CollectiveError> {
        if flits == 0 || flits > FLITS_MAX {
            let what = format!("packets of {flits} flits");
            return Err(wrong(what, format!("give 1 to {FLITS_MAX}")));
        }
        let nodes = u32::try_from(spec.fabric.node_ports.len()).unwrap_or(u32::MAX);
        if nodes < 2 {
            return Err(wrong("one node has nobody to send to", "choose another machine"));
        }
        let rounds = match self {
            Self::AllToAll => u64::from(nodes) - 1,
            Self::RingAllReduce => 2 * (u64::from(nodes) - 1),
            Self::Permutation(_) => 1,
        };
        if rounds * u64::from(nodes) > TRANSFERS_MAX as u64 {
            let what =
                format!("{self} among {nodes} nodes has {} transfers", rounds * u64::from(nodes));
            return Err(wrong(what, format!("a schedule has at most {TRANSFERS_MAX}")));
        }
        let one = |src: u32, dst: u32, after: Vec<usize>| Transfer {
            src: NodeIdx(src),
            dst: NodeIdx(dst),
            flits,
            release: None,
            flow: 0,
            path: None,
            after,
        };
        Ok(match self {
            Self::AllToAll => (1..nodes)
                .flat_map(|round| (0..nodes).map(move |n| (n, (n + round) % nodes)))
                .map(|(src, dst)| one(src, dst, Vec::new()))
                .collect(),
            Self::RingAllReduce => ring_all_reduce(nodes, &one),
            Self::Permutation(pattern) => permutation(spec, pattern, seed, &one)?,
        })
    }
}

/// What a node sends is what came from the one before it, a step ago.
fn ring_all_reduce(nodes: u32, one: &impl Fn(u32, u32, Vec<usize>) -> Transfer) -> Vec<Transfer> {
    let ring = nodes as usize;
    let step = |i: usize| {
        let (step, n) = (i / ring, i % ring);
        let before = (n + ring - 1) % ring;
        let after = if step > 0 { vec![(step - 1) * ring + before] } else { Vec::new() };
        let number = |n: usize| u32::try_from(n).unwrap_or(0);
        one(number(n), number((n + 1) % ring), after)
    };
    (0..2 * (ring - 1) * ring).map(step).collect()
}

fn permutation(
    spec: &MachineSpec,
    pattern: &PatternSpec,
    seed: u64,
    one: &impl Fn(u32, u32, Vec<usize>) -> Transfer,
) -> Result<Vec<Transfer>, CollectiveError> {
    let no = |e: traffic::synthetic::SyntheticError| {
        wrong(e.message(), format!("{}, or choose another machine", e.mend()))
    };
    let bound = pattern.on(&sweep::shape(spec), seed).map_err(no)?;
    let mut all = Vec::new();
    for src in super::nodes(spec) {
        let Some(dst) = bound.fixed(src) else {
            let what = format!("`{pattern}` has no one destination for each node");
            return Err(wrong(what, "use a permutation, such as transpose or randperm"));
        };
        if dst != src {
            all.push(one(src.0, dst.0, Vec::new()));
        }
    }
    if all.is_empty() {
        let what = format!("`{pattern}` sends every node's packets to itself");
        return Err(wrong(what, "choose another pattern or machine"));
    }
    Ok(all)
}
