//! Seeded faults, for tests that show that each of them is caught.

use base::{Flit, RoutingFunction, VcIdx};
use router::Slot;

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
        let now = self.now();
        let calendar = &mut self.wires.calendar;
        match fault {
            Fault::LostCredit => lose(calendar.credits.ahead(now)) || self.bank.lose_credit(),
            Fault::LostSourceCredit => lose(calendar.source_credits.ahead(now)),
            Fault::LostFlit => lose(calendar.ejects.ahead(now)),
            Fault::CopiedFlit => self.copy(),
            Fault::EarlyTail => self.swap(|a, b| a.packet == b.packet && b.tail),
            Fault::Overtaking => self.swap(|a, b| {
                let whole = a.head && a.tail && b.head && b.tail;
                whole && (a.src, a.dst, a.class) == (b.src, b.dst, b.class)
            }),
        }
    }

    fn copy(&mut self) -> bool {
        let now = self.now();
        let store = self.bank.store_mut();
        let inner = |s: &Slot| !store.is_head(*s) && !store.is_tail(*s);
        let mut lists = self.wires.calendar.ejects.ahead(now);
        let found = lists.find_map(|list| {
            let slot = list.iter().copied().find(inner)?;
            Some((list, slot))
        });
        let Some((list, slot)) = found else { return false };
        let flit = store.flit(slot, VcIdx(0));
        list.push(store.insert(&flit, 0));
        true
    }

    /// Exchanges two flits on their way to nodes in different cycles.
    fn swap(&mut self, which: impl Fn(&Flit, &Flit) -> bool) -> bool {
        let now = self.now();
        let store = self.bank.store();
        let lists = self.wires.calendar.ejects.ahead(now);
        let mut slots: Vec<&mut Slot> = lists.flat_map(|list| list.iter_mut()).collect();
        let flit = |slot: &Slot| store.flit(*slot, VcIdx(0));
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

/// Takes the last event out of the first list that has any.
fn lose<'a, T: 'a>(mut lists: impl Iterator<Item = &'a mut Vec<T>>) -> bool {
    lists.any(|list| list.pop().is_some())
}
