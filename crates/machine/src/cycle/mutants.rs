//! Seeded faults, for tests that show that each of them is caught.

use base::{Class, Flit, NodeIdx, PacketIdx, RoutingFunction, VcIdx};
use router::{PackedFlit, Slot};

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
            Fault::LostCredit => {
                lose(calendar.credits.ahead(now)) || {
                    let (bank, mut edge) = self.edge();
                    bank.lose_credit(&mut edge)
                }
            }
            Fault::LostSourceCredit => lose(calendar.source_credits.ahead(now)),
            Fault::LostFlit => {
                lose(calendar.ejects.ahead(now)) || lose(calendar.landing.ahead(now))
            }
            Fault::CopiedFlit => self.copy() || self.copy_packed(),
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

    fn copy_packed(&mut self) -> bool {
        let inner = |flit: &PackedFlit| !flit.is_head() && !flit.is_tail();
        let now = self.now();
        self.wires.calendar.landing.ahead(now).any(|list| {
            let found = list.iter().copied().find(inner);
            list.extend(found);
            found.is_some()
        })
    }

    /// Exchanges two flits on their way to nodes in different cycles.
    fn swap(&mut self, which: impl Fn(&Flying, &Flying) -> bool) -> bool {
        let now = self.now();
        let (store, passages) = (self.bank.store(), &self.passages);
        let slot = |slot: &Slot| {
            let Flit { packet, src, dst, class, head, tail, .. } = store.flit(*slot, VcIdx(0));
            Flying { packet, src, dst, class, head, tail }
        };
        let packed = |flit: &PackedFlit| Flying {
            packet: flit.packet(),
            src: passages[flit.packet()].src,
            dst: flit.dst(),
            class: flit.class(),
            head: flit.is_head(),
            tail: flit.is_tail(),
        };
        let calendar = &mut self.wires.calendar;
        exchange(calendar.ejects.ahead(now), slot, &which)
            || exchange(calendar.landing.ahead(now), packed, &which)
    }
}

/// A flit on its way to a node.
struct Flying {
    packet: PacketIdx,
    src: NodeIdx,
    dst: NodeIdx,
    class: Class,
    head: bool,
    tail: bool,
}

/// Exchanges the first two entries of different lists that are wanted so.
fn exchange<'a, T: 'a>(
    lists: impl Iterator<Item = &'a mut Vec<T>>,
    flit: impl Fn(&T) -> Flying,
    which: impl Fn(&Flying, &Flying) -> bool,
) -> bool {
    let mut all: Vec<&mut T> = lists.flat_map(|list| list.iter_mut()).collect();
    for later in 1..all.len() {
        for first in 0..later {
            if which(&flit(all[first]), &flit(all[later])) {
                let (a, b) = all.split_at_mut(later);
                core::mem::swap(a[first], b[0]);
                return true;
            }
        }
    }
    false
}

/// Takes the last event out of the first list that has any.
fn lose<'a, T: 'a>(mut lists: impl Iterator<Item = &'a mut Vec<T>>) -> bool {
    lists.any(|list| list.pop().is_some())
}
