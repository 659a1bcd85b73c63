//! What is said of routes that can deadlock.

use base::PortIdx;

use super::graph::Graph;
use crate::error::{ErrorKind, Problem};
use crate::routing::Goal;
use crate::spec::{End, Fabric};

/// How a channel of a cycle waits for the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waits {
    /// At the router between the two.
    Next,
    /// Past other channels on which the same packet is by then.
    Past,
}

/// The shortest cycle, channel by channel.
pub(super) fn deadlock(fabric: &Fabric, graph: &Graph<'_>, left: &[bool]) -> Problem {
    const SHOWN: usize = 24;
    let cycle = graph.shortest_cycle(left);
    let mut lines = Vec::new();
    let mut lead = "";
    for (i, channel) in cycle.iter().take(SHOWN).enumerate() {
        lines.push(format!("{lead}{}", name(fabric, *channel)));
        lead = match graph.waits(*channel, cycle[(i + 1) % cycle.len()]) {
            Waits::Next => "waits for ",
            Waits::Past => "waits, past other channels, for ",
        };
    }
    if cycle.len() > SHOWN {
        lines.push(format!("... {} more", cycle.len() - SHOWN));
        lead = "waits for ";
    }
    let first = cycle.first().map(|c| name(fabric, *c)).unwrap_or_default();
    lines.push(format!("{lead}{first}"));
    let message = format!(
        "routes can deadlock: {} channels wait for each other in a circle:\n  {}",
        cycle.len(),
        lines.join("\n  ")
    );
    Problem::new(ErrorKind::Deadlock, "fabric", message, fabric.routing.way().mend())
}

/// Packets that cannot count on any step.
pub(super) fn no_escape(fabric: &Fabric, channel: usize, goal: Goal) -> Problem {
    let message = format!(
        "routes can deadlock: of what arrives by {} on leg {} to {}, no step is an escape, that is, \
         offered for as long as the packet waits",
        name(fabric, channel),
        goal.phase,
        goal.target
    );
    Problem::new(ErrorKind::Deadlock, "fabric", message, fabric.routing.way().mend())
}

/// Escape channels, in buffers where packets wait behind each other.
pub(super) fn not_atomic(fabric: &Fabric) -> Problem {
    let message = format!(
        "{} routing can deadlock where a packet may enter a VC behind another and be blocked there, \
         away from its escape",
        fabric.routing.way().name()
    );
    Problem::new(
        ErrorKind::Deadlock,
        "router",
        message,
        "set `vc_reuse: Empty`, or `switching: VirtualCutThrough`, in the router",
    )
}

/// A channel as people read it.
fn name(fabric: &Fabric, channel: usize) -> String {
    let groups = fabric.routing.groups();
    let end = |end: End| match end {
        End::Node(n, p) => (n.to_string(), p),
        End::Router(r, p) => (fabric.routers[r.at()].name.clone(), p),
    };
    let link = &fabric.links[channel / groups];
    let ((from, PortIdx(port)), (to, _)) = (end(link.from), end(link.to));
    let vcs = fabric.routing.group_vcs(channel % groups);
    let (low, high) = (vcs.trailing_zeros(), vcs.ilog2());
    let vcs = if low == high { format!("VC {low}") } else { format!("VCs {low} to {high}") };
    format!("{from} port {port} -> {to} ({vcs} of each class)")
}
