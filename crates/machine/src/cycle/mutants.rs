//! Seeded faults, for tests that show that each of them is caught.

use base::{RoutingFunction, VcIdx};

use super::{CycleNetwork, Watch};

/// Something that goes wrong on a wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A credit on its way to a router is gone.
    LostCredit,
    /// A credit on its way to a source is gone.
    LostSourceCredit,
    /// A flit on its way to a node is gone.
    LostFlit,
    /// A flit on its way to a node, neither head nor tail, is there twice.
    CopiedFlit,
    /// A tail arrives at its node before the flit ahead of it.
    EarlyTail,
    /// Two packets of one flit each on their way to a node arrive in each other's place, if they come
    /// from one node and are of one class.
    Overtaking,
}

impl<R: RoutingFunction, W: Watch> CycleNetwork<R, W> {
    /// Lets a fault happen now. Tells whether there was anything for it to happen to.
    pub fn spoil(&mut self, fault: Fault) -> bool {
        match fault {
            Fault::LostCredit => self.lose(|bucket| bucket.credits.pop().is_some()),
            Fault::LostSourceCredit => self.lose(|bucket| bucket.source_credits.pop().is_some()),
            Fault::LostFlit => self.lose(|bucket| bucket.ejects.pop().is_some()),
            Fault::CopiedFlit => self.copy(),
            Fault::EarlyTail => self.swap(|a, b| a.packet == b.packet && b.tail),
            Fault::Overtaking => self.swap(|a, b| {
                let whole = a.head && a.tail && b.head && b.tail;
                whole && (a.src, a.dst, a.class) == (b.src, b.dst, b.class)
            }),
        }
    }

    /// Takes something out of the first bucket from which it can be taken.
    fn lose(&mut self, take: impl FnMut(&mut super::Bucket) -> bool) -> bool {
        self.wires.calendar.ahead().any(take)
    }

    fn copy(&mut self) -> bool {
        let store = self.bank.store_mut();
        let mut copy = |bucket: &mut super::Bucket| {
            let inner = |s: &&router::Slot| !store.is_head(**s) && !store.is_tail(**s);
            let Some(slot) = bucket.ejects.iter().find(inner).copied() else { return false };
            let flit = store.flit(slot, VcIdx(0));
            let copied = store.insert(&flit, 0);
            bucket.ejects.push(copied);
            true
        };
        self.wires.calendar.ahead().any(&mut copy)
    }

    /// Exchanges two flits on their way to nodes in different cycles.
    fn swap(&mut self, which: impl Fn(&base::Flit, &base::Flit) -> bool) -> bool {
        let store = self.bank.store();
        let mut slots: Vec<&mut router::Slot> =
            self.wires.calendar.ahead().flat_map(|bucket| bucket.ejects.iter_mut()).collect();
        let flit = |slot: &router::Slot| store.flit(*slot, VcIdx(0));
        for later in 1..slots.len() {
            for first in 0..later {
                if which(&flit(slots[first]), &flit(slots[later])) {
                    let (a, b) = slots.split_at_mut(later);
                    core::mem::swap(a[first], b[0]);
                    return true;
                }
            }
        }
        false
    }
}
