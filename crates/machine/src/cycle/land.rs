//! What nodes do with the flits that arrive.

use base::RoutingFunction;
use router::{PackedFlit, Slot};

use super::{CycleNetwork, Terminals, Watch};

impl<R: RoutingFunction, W: Watch> CycleNetwork<R, W> {
    /// As [`land_all`](Self::land_all) where they are stepped one by one.
    #[inline]
    pub(super) fn eject<T: Terminals>(&mut self, now: u64, terminals: &mut T) {
        let Some(ejects) = self.wires.calendar.ejects.take(now) else { return };
        self.eject_all(&ejects, now, terminals);
        self.wires.calendar.ejects.give_back(now, ejects);
    }

    /// Nodes take the flits that arrive in cycle `now`, where routers are stepped all at once.
    #[inline(never)]
    pub(super) fn land_all<T: Terminals>(&mut self, now: u64, terminals: &mut T) {
        if self.wires.calendar.landing.has(now) {
            self.land_listed(now, terminals);
        }
        while let Some(flit) = self.bank.land() {
            self.land(flit, now, terminals);
        }
        while let Some((node, class)) = self.woken.pop() {
            self.wake_node(node, class);
        }
    }

    /// Nodes take the flits that left the last router in a cycle of their own; those of flights are not listed.
    #[inline(never)]
    fn land_listed<T: Terminals>(&mut self, now: u64, terminals: &mut T) {
        let landing = self.wires.calendar.landing.open(now);
        for flit in &landing {
            self.land(*flit, now, terminals);
        }
        self.wires.calendar.landing.give_back(now, landing);
    }

    /// A node takes a flit.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn land<T: Terminals>(&mut self, flit: PackedFlit, now: u64, terminals: &mut T) {
        self.flits_ejected += 1;
        let packet = flit.packet();
        let passage = &mut self.passages[packet];
        if flit.is_head() {
            passage.hops = flit.hops();
        }
        terminals.flit_ejected(passage, now);
        if flit.is_tail() {
            self.packets_delivered += 1;
            if let Some(waiting) = terminals.delivered(passage, now) {
                self.woken.push(waiting);
            }
            self.passages.end(packet);
        }
    }

    #[inline(never)]
    fn eject_all<T: Terminals>(&mut self, ejects: &[Slot], now: u64, terminals: &mut T) {
        for &slot in ejects {
            if self.wires.ledger.is_some() && self.eject_of_group(slot, now, terminals) {
                continue;
            }
            self.flits_ejected += 1;
            let (packet, hops, head, tail) = self.bank.store_mut().eject(slot);
            let passage = &mut self.passages[packet];
            if head {
                passage.hops = hops;
            }
            terminals.flit_ejected(passage, now);
            if tail {
                self.packets_delivered += 1;
                let woken = terminals.delivered(passage, now);
                self.passages.end(packet);
                if let Some((node, class)) = woken {
                    self.wake_node(node, class);
                }
            }
        }
    }
}
