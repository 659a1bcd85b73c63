//! Packets to groups on a network: copies counted to the last, contributions numbered and summed.
//!
//! ```text
//!   Terminals::next ─▶ window ─▶ number, value ─▶ source ─▶ routers ─┬─▶ a copy a member
//!                        ▲                                           ├─▶ absorbed: value to entry
//!                        └──────────── done ◀── Terminals::reduced ◀─┘   combined: entry to value
//! ```
//!
//! The n-th packet that a node sends to a reduction has sequence number n. A node may be ahead of the
//! last number that is done at the root by less than the window; what goes beyond waits at its
//! source, and with it what the source would send later in its class. So nodes that contribute to
//! several reductions must do so in the same order, as in any collective. ASSUMED: that a number is
//! done is known everywhere at once; a program that waits for the result before it sends what is a
//! window later is never held.

use std::collections::BTreeMap;

use base::group::{Groups, Members};
use base::{GroupIdx, NodeIdx, PacketIdx, RoutingFunction};
use router::{Absorption, Pipeline, RouterParams, Slot, Store};

use super::terminal::{Next, Offer, Passage, Terminals};
use super::{CycleNetwork, Watch};
use crate::BuildError;

/// How the values of a reduction become one.
///
/// ```
/// use base::{GroupIdx, NodeIdx};
/// use machine::cycle::{CycleNetwork, Fold, Next, Offer, Passage, Reduced, Terminals};
/// use topology::collective::{Group, GroupRules, Grouped};
/// use topology::describe::Description;
///
/// /// Every node contributes its number, once.
/// struct Numbers(Vec<bool>, Option<Reduced>);
///
/// impl Terminals for Numbers {
///     fn next(&mut self, node: NodeIdx, _: u8, now: u64) -> Next {
///         if core::mem::replace(&mut self.0[node.at()], true) {
///             return Next::Wait;
///         }
///         Next::Packet(Offer { created: now, dst: GroupIdx(0).address(), flits: 1, tag: 0, next: 0 })
///     }
///     fn contribution(&mut self, node: NodeIdx, _: GroupIdx, _: u32) -> u64 {
///         u64::from(node.0)
///     }
///     fn reduced(&mut self, reduced: &Reduced, _: u64) {
///         self.1 = Some(*reduced);
///     }
///     fn delivered(&mut self, _: &Passage, _: u64) -> Option<(NodeIdx, u8)> {
///         None
///     }
/// }
///
/// let machine = Description::mesh8x8().elaborate()?;
/// let members = (0..64).map(NodeIdx).collect();
/// let groups = [Group::Reduction { root: NodeIdx(0), members }];
/// let routing = machine.fabric.routing.clone();
/// let routing = Grouped::new(&machine.fabric, routing, &groups, GroupRules::default())?;
/// let mut network = CycleNetwork::new(&machine, routing, 1, 7, ())?;
/// network.set_fold(GroupIdx(0), Fold::Max);
/// network.start();
/// let mut nodes = Numbers(vec![false; 64], None);
/// // 15 routers from corner to corner, at 5 cycles each, and one into the first link and the last.
/// for _ in 0..=77 {
///     network.cycle(&mut nodes);
/// }
/// let result = nodes.1.expect("the maximum has arrived");
/// assert_eq!((result.value, result.count, network.packets_delivered()), (63, 64, 1));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Fold {
    /// The sum, modulo 2^64.
    #[default]
    Sum,
    /// The smallest.
    Min,
    /// The greatest.
    Max,
}

impl Fold {
    fn of(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Sum => a.wrapping_add(b),
            Self::Min => a.min(b),
            Self::Max => a.max(b),
        }
    }
}

/// What arrives at the root of a reduction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reduced {
    /// The reduction.
    pub group: GroupIdx,
    /// Its sequence number.
    pub sequence: u32,
    /// All contributions of this number that have arrived, folded.
    pub value: u64,
    /// How many they are.
    pub count: u32,
    /// Whether they are all.
    pub whole: bool,
}

/// Contributions on their way together.
#[derive(Clone, Copy, Default, Debug)]
struct Carried {
    group: GroupIdx,
    sequence: u32,
    value: u64,
    count: u32,
}

/// The state of a group.
#[derive(Clone, Debug)]
struct Account {
    members: Members,
    fold: Fold,
    /// Sequence numbers that are done: all below.
    done: u32,
    /// What has arrived of those that are not.
    arrived: BTreeMap<u32, Carried>,
}

/// What the network keeps for packets to groups.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    limits: Groups,
    /// `[group]`
    accounts: Vec<Account>,
    /// `[packet]`
    carried: Vec<Carried>,
    /// `[packet]`: copies that are not yet delivered.
    owed: Vec<u32>,
    /// `[entry of the combining tables]`
    entries: Vec<Carried>,
    /// Packets that were absorbed since they were last asked for.
    absorbed: Vec<PacketIdx>,
    /// The next sequence number of a node in a reduction.
    next: BTreeMap<(GroupIdx, NodeIdx), u32>,
    /// The value of the contribution that is about to be taken up.
    value: u64,
    /// `[source * classes + class]`: what waits for the window.
    held: BTreeMap<usize, Offer>,
    /// Routers that the head of a copy has seen, until its tail arrives.
    hops: BTreeMap<(PacketIdx, NodeIdx), u16>,
}

impl Ledger {
    /// The ledger of a routing function's groups, if it has any.
    ///
    /// # Errors
    /// If their packets could deadlock in routers of these parameters.
    pub(super) fn checked<R: RoutingFunction>(
        routing: &R,
        params: &[RouterParams],
        pipeline: &Pipeline,
    ) -> Result<Option<Box<Self>>, BuildError> {
        let Some(limits) = routing.groups() else { return Ok(None) };
        router::collective::check(params, pipeline, &limits)
            .map_err(|error| BuildError::new(error.to_string()))?;
        Ok(Some(Box::new(Self::new(routing, limits))))
    }

    fn new<R: RoutingFunction>(routing: &R, limits: Groups) -> Self {
        let account = |g| Account {
            members: routing.members(GroupIdx(g)),
            fold: Fold::Sum,
            done: 0,
            arrived: BTreeMap::new(),
        };
        Self {
            limits,
            accounts: (0..limits.count).map(account).collect(),
            carried: Vec::new(),
            owed: Vec::new(),
            entries: vec![Carried::default(); limits.places as usize * limits.window as usize],
            absorbed: Vec::new(),
            next: BTreeMap::new(),
            value: 0,
            held: BTreeMap::new(),
            hops: BTreeMap::new(),
        }
    }

    /// Whether `node` may contribute to `group` now; its number.
    fn number(&self, group: GroupIdx, node: NodeIdx) -> (u32, bool) {
        let sequence = self.next.get(&(group, node)).copied().unwrap_or(0);
        (sequence, sequence - self.accounts[group.at()].done < self.limits.window)
    }

    /// A packet to `group` has got its number; its flow.
    pub(super) fn take_up(&mut self, packet: PacketIdx, group: GroupIdx, node: NodeIdx) -> u32 {
        if self.owed.len() <= packet.at() {
            self.owed.resize(packet.at() + 1, 0);
            self.carried.resize(packet.at() + 1, Carried::default());
        }
        let members = self.accounts[group.at()].members;
        self.owed[packet.at()] = if members.reduces { 1 } else { members.count };
        if !members.reduces {
            return 0;
        }
        let next = self.next.entry((group, node)).or_insert(0);
        let sequence = *next;
        *next += 1;
        self.carried[packet.at()] = Carried { group, sequence, value: self.value, count: 1 };
        sequence
    }

    /// A flit was absorbed.
    #[cold]
    pub(super) fn absorb(&mut self, a: &Absorption, store: &mut Store) {
        let packet = store.remove(a.slot);
        if a.tail {
            let from = self.carried[packet.at()];
            let fold = self.accounts[from.group.at()].fold;
            fold.join(&mut self.entries[a.entry as usize], from);
            self.absorbed.push(packet);
        }
    }

    /// The last contribution of an entry goes on.
    #[cold]
    pub(super) fn combine(&mut self, entry: u32, slot: Slot, store: &Store) {
        let from = core::mem::take(&mut self.entries[entry as usize]);
        let into = &mut self.carried[store.packet(slot).at()];
        self.accounts[into.group.at()].fold.join(into, from);
    }

    /// Contributions have arrived at their root.
    fn arrive(&mut self, packet: PacketIdx) -> Reduced {
        let from = self.carried[packet.at()];
        let Carried { group, sequence, .. } = from;
        let account = &mut self.accounts[group.at()];
        let all = account.arrived.entry(sequence).or_default();
        account.fold.join(all, from);
        let Carried { value, count, .. } = *all;
        let whole = count == account.members.count;
        while account.arrived.get(&account.done).is_some_and(|c| c.count == account.members.count) {
            account.arrived.remove(&account.done);
            account.done += 1;
        }
        Reduced { group, sequence, value, count, whole }
    }
}

impl Fold {
    /// Takes `from` in; nothing is there yet where the count is 0.
    fn join(self, into: &mut Carried, from: Carried) {
        let value = if into.count == 0 { from.value } else { self.of(into.value, from.value) };
        *into = Carried { value, count: into.count + from.count, ..from };
    }
}

impl<R: RoutingFunction, W: Watch> CycleNetwork<R, W> {
    /// Has the values of a reduction folded by `fold`, [`Fold::Sum`] if nobody says otherwise. To be
    /// said before anyone contributes; a group that is not there is left alone.
    pub fn set_fold(&mut self, group: GroupIdx, fold: Fold) {
        let ledger = self.wires.ledger.as_mut();
        if let Some(account) = ledger.and_then(|l| l.accounts.get_mut(group.at())) {
            account.fold = fold;
        }
    }

    /// Flits that routers copied for multicasts, and flits of contributions that they absorbed. With
    /// nothing in flight, injected + copied = ejected + absorbed.
    pub fn collective_flits(&self) -> (u64, u64) {
        self.bank.collective_flits()
    }

    /// What the terminals have for a source, but for contributions beyond the window.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub(super) fn ask<T: Terminals>(
        &mut self,
        s: usize,
        class: usize,
        now: u64,
        t: &mut T,
    ) -> Next {
        if self.wires.ledger.is_some() {
            // Taken apart, so that what the terminals say below need not be in memory.
            return match self.ask_in_turn(s, class, now, t) {
                Next::Packet(offer) => Next::Packet(offer),
                Next::At(cycle) => Next::At(cycle),
                Next::Wait => Next::Wait,
            };
        }
        self.sources[s].ask(class, now, t)
    }

    #[cold]
    fn ask_in_turn<T: Terminals>(&mut self, s: usize, class: usize, now: u64, t: &mut T) -> Next {
        let node = NodeIdx(self.sources[s].node);
        let at = s * self.classes + class;
        let Some(ledger) = &mut self.wires.ledger else { return Next::Wait };
        let offer = match ledger.held.remove(&at) {
            Some(offer) => offer,
            #[expect(clippy::cast_possible_truncation, reason = "there are at most 64 classes")]
            None => match t.next(node, class as u8, now) {
                Next::Packet(offer) => offer,
                other => return other,
            },
        };
        let Some(group) = GroupIdx::of(offer.dst) else { return Next::Packet(offer) };
        let most = ledger.limits.packet_flits_max;
        assert!(
            offer.flits <= most && group.0 < ledger.limits.count,
            "{node} offers {} flits to {group}: of {} groups, with packets of up to {most}",
            offer.flits,
            ledger.limits.count
        );
        if ledger.accounts[group.at()].members.reduces {
            let (sequence, open) = ledger.number(group, node);
            if !open {
                ledger.held.insert(at, offer);
                return Next::Wait;
            }
            ledger.value = t.contribution(node, group, sequence);
        }
        Next::Packet(offer)
    }

    /// Packets that were absorbed are no more.
    #[cold]
    pub(super) fn free_absorbed(&mut self) {
        if let Some(ledger) = &mut self.wires.ledger {
            for packet in ledger.absorbed.drain(..) {
                self.passages.end(packet);
            }
        }
    }

    /// Takes a flit of a packet to a group. False, with nothing done, if it is of another one.
    #[cold]
    pub(super) fn eject_of_group<T: Terminals>(&mut self, slot: Slot, now: u64, t: &mut T) -> bool {
        let store = self.bank.store_mut();
        let packet = store.packet(slot);
        let passage = self.passages[packet];
        let (true, Some(ledger)) = (GroupIdx::of(passage.dst).is_some(), &mut self.wires.ledger)
        else {
            return false;
        };
        let (node, head, tail) = (store.dst(slot), store.is_head(slot), store.is_tail(slot));
        if head {
            ledger.hops.insert((packet, node), store.hops(slot));
        }
        store.remove(slot);
        self.flits_ejected += 1;
        let hops = ledger.hops.get(&(packet, node)).copied().unwrap_or(0);
        let seen = Passage { dst: node, hops, ..passage };
        t.flit_ejected(&seen, now);
        if !tail {
            return true;
        }
        ledger.hops.remove(&(packet, node));
        ledger.owed[packet.at()] -= 1;
        if ledger.owed[packet.at()] == 0 {
            self.passages.end(packet);
        }
        self.packets_delivered += 1;
        let group = GroupIdx::of(passage.dst).unwrap_or_default();
        if ledger.accounts[group.at()].members.reduces {
            let reduced = ledger.arrive(packet);
            if reduced.whole {
                for at in ledger.held.keys() {
                    let s = at / self.classes;
                    self.active_sources.insert(s);
                }
            }
            t.reduced(&reduced, now);
        }
        if let Some((node, class)) = t.delivered(&seen, now) {
            self.wake_node(node, class);
        }
        true
    }
}
