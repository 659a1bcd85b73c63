//! Message classes: that waiting at endpoints closes no circle either.
//!
//! ```text
//!   Req ─▶ Fwd ─▶ RspUp ─▶ RspDown ─▶ Ack        each has VCs of its own, and a copy of the
//!    └──────┴───────┴──── later ones ───▶         channel dependency graph on them
//! ```
//!
//! An endpoint that consumes a message may have to send others for it. Endpoints of these machines
//! are sinks: they take every message at once, since all that can be under way is bounded by MSHRs,
//! so nothing in the network ever waits for them. The proof does not need that. It counts, at every
//! node, a dependency from each channel into the node in one class to each channel out of it in
//! every later class. In the union of the classes' graphs and these, an edge either stays in its
//! class, where the channels were numbered ascending, or leads to a later one: the pairs (class,
//! number) ascend along every edge, and there is no cycle.

use base::route::class_vcs;
use base::{CLASS_COUNT, Class};

use super::graph::Graph;
use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::spec::{End, MachineSpec};

/// The message classes of a machine and what waits between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Classes {
    /// How many there are: 1 where the VCs of all would be more than a port has.
    pub(super) count: usize,
    /// Pairs of VCs, one into and one out of a node, of which the first can wait for the second.
    pub(super) dependencies: u64,
}

/// Checks that classes wait for later ones only and share no VC; counts what waits between them.
pub(super) fn prove(spec: &MachineSpec, graph: &Graph<'_>) -> Result<Classes, Problem> {
    let vcs = spec.router.vcs_per_class;
    if CLASS_COUNT as u64 * u64::from(vcs) > limits::VCS_MAX {
        return Ok(Classes { count: 1, dependencies: 0 });
    }
    ordered(later)?;
    let mut taken = 0;
    for class in Class::ALL {
        let own = class_vcs(class, vcs);
        if own == 0 || own & taken != 0 {
            return Err(Problem::new(
                ErrorKind::Deadlock,
                "router.vcs_per_class",
                format!("the message class {class:?} has no VCs of its own"),
                format!("use at most {}", limits::VCS_MAX / CLASS_COUNT as u64),
            ));
        }
        taken |= own;
    }
    let pairs: usize = Class::ALL.into_iter().map(|c| later(c).len()).sum();
    Ok(Classes { count: CLASS_COUNT, dependencies: pairs as u64 * at_endpoints(spec, graph) })
}

/// The classes of which consuming a message of `class` can wait: as the protocol has fewer, all that
/// come later.
pub(super) fn later(class: Class) -> &'static [Class] {
    const ALL: &[Class] = &Class::ALL;
    &ALL[class.at() + 1..]
}

/// No class waits for itself, however long the chain.
fn ordered(waits: impl Fn(Class) -> &'static [Class]) -> Result<(), Problem> {
    let mut left: Vec<Class> = Class::ALL.to_vec();
    while !left.is_empty() {
        let Some(last) = left.iter().position(|c| !waits(*c).iter().any(|w| left.contains(w)))
        else {
            return Err(Problem::new(
                ErrorKind::Deadlock,
                "",
                format!("the message classes {left:?} wait for each other"),
                "let each class wait for later ones only",
            ));
        };
        left.remove(last);
    }
    Ok(())
}

/// Pairs of VCs of a class, one into a node and one out of the same node, over all nodes.
fn at_endpoints(spec: &MachineSpec, graph: &Graph<'_>) -> u64 {
    let f = &spec.fabric;
    let groups = f.routing.groups();
    let (mut into, mut out) = (vec![0_u64; f.node_ports.len()], vec![0_u64; f.node_ports.len()]);
    for channel in (0..graph.channels()).filter(|c| graph.is_used(*c)) {
        let link = &f.links[channel / groups];
        if let End::Node(n, _) = link.from {
            out[n.at()] += graph.size(channel);
        }
        if let End::Node(n, _) = link.to {
            into[n.at()] += graph.size(channel);
        }
    }
    into.iter().zip(out).map(|(into, out)| into * out).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_wait_for_later_ones_are_ordered() {
        assert!(ordered(later).is_ok());
        assert_eq!(Class::ALL.map(|c| later(c).len()), [4, 3, 2, 1, 0]);
    }

    #[test]
    fn a_class_that_waits_for_an_earlier_one_or_itself_is_refused() {
        let back = |c: Class| if c == Class::Ack { &[Class::Fwd] } else { later(c) };
        let problem = ordered(back).expect_err("a circle");
        assert!(problem.message.contains("[Req, Fwd, RspUp, RspDown, Ack]"), "{problem:?}");
        let own = |c: Class| if c == Class::RspUp { &[Class::RspUp] } else { later(c) };
        assert_eq!(ordered(own).expect_err("itself").kind, ErrorKind::Deadlock);
    }
}
