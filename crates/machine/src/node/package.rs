//! A node's slice of its package's home, where the directory has two levels.
//!
//! ```text
//!   package's caches ─▶ package_in ─▶ slice ─▶ home_out ─▶ package's caches
//!   fabric's homes   ─▶                                ─▶ fabric's homes
//! ```
//!
//! Lines are dealt to the nodes of a package as they are to all: to the node whose number in the package is
//! that of the line's home in its own. So where home is in the package, it is the same node.
//!
//! Timing: one message an edge, in a pipeline of its own; what it sends leaves home's latency later.
//! ASSUMED: that latency holds its data array, too, which no memory access backs.

use base::{Line, LineData, NodeIdx, Part, RoutingFunction};
use coherence::Message;
use memory::{AddressMap, MemoryModel};

use super::step::{Shared, Stepping, at_home, pop_ready};
use super::{Inbound, Outbound};
use crate::payload::{Level, Payload};

/// Where messages go that leave a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    map: AddressMap,
    /// The first node of the package, and its nodes; none in a directory of one level.
    package: Option<(u32, u32)>,
}

impl Addresses {
    /// The node that a message goes to.
    pub(super) fn of(&self, level: Level, line: Line, msg: &Message<LineData>) -> NodeIdx {
        match (level, self.package) {
            (Level::Package, Some((first, _))) => NodeIdx(first + msg.dst.0),
            (Level::Fabric, Some((_, size))) if !msg.to_home() => {
                NodeIdx(msg.dst.0 * size + self.map.home(line).0 % size)
            }
            _ => msg.dst,
        }
    }
}

impl Shared {
    /// The level that caches are at.
    pub(super) const fn cache_level(&self) -> Level {
        if self.two_level { Level::Package } else { Level::Fabric }
    }

    /// Where messages of `node` go.
    pub(super) fn addresses(&self, node: NodeIdx) -> Addresses {
        let size = self.package_nodes.filter(|_| self.two_level);
        Addresses { map: self.map, package: size.map(|size| (node.0 / size * size, size)) }
    }

    /// The home of a line as a cache sees it.
    pub(super) fn cache_home(&self, line: Line) -> NodeIdx {
        let home = self.map.home(line);
        match self.package_nodes.filter(|_| self.two_level) {
            Some(size) => NodeIdx(home.0 % size),
            None => home,
        }
    }
}

impl<R: RoutingFunction, M: MemoryModel> Stepping<'_, R, M> {
    /// One message through the slice of the package's home.
    pub(super) fn package_message(&mut self) {
        let Some(slice) = &mut self.node.package else { return };
        let Some(inbound) = pop_ready(&mut self.node.package_in, self.edge) else { return };
        let Inbound { payload, mut timeline, .. } = inbound;
        let Payload::Coherence { level, line, msg } = payload else { return };
        timeline.charge(Part::Directory, self.now);
        let Shared { outbox, fabric, map, .. } = &mut *self.shared;
        outbox.clear();
        fabric.clear();
        let about = (line, map.home(line));
        match level {
            Level::Package => slice.receive_inner(about, &msg, timeline, outbox, fabric),
            Level::Fabric => slice.receive_outer(about, &msg, timeline, outbox, fabric),
        }
        self.package_outputs();
    }

    fn package_outputs(&mut self) {
        let addresses = self.shared.addresses(self.node.id);
        let due = self.edge.plus(self.shared.home_latency);
        let done = self.shared.clock.instant(due);
        let Shared { outbox, fabric, .. } = &mut *self.shared;
        let levels = [(Level::Package, &mut outbox.messages), (Level::Fabric, fabric)];
        for (level, messages) in levels {
            for out in messages.drain(..) {
                self.node.home_out.push_back(Outbound {
                    due,
                    dst: addresses.of(level, out.line, &out.msg),
                    payload: Payload::Coherence { level, line: out.line, msg: out.msg },
                    timeline: at_home(&out, self.now, done),
                    from_memory: false,
                });
            }
        }
    }
}
