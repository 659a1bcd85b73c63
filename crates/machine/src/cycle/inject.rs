//! The sources' step: the next packet, its VC, a flit.

use base::rng::mix;
use base::route::View;
use base::{Class, Flit, GroupIdx, Head, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx};
use router::{Lane, PackedFlit, Rate};

use super::lone::Gate;
use super::source::{Sending, Source};
use super::terminal::{Next, Offer, Passage, Terminals};
use super::{CycleNetwork, Watch};

/// Packets that a node with several sources may have dealt out to them and not yet sent.
const DEALT_MAX: u32 = 64;

impl<R: RoutingFunction, W: Watch> CycleNetwork<R, W> {
    /// Steps a source. Gives the next cycle in which it must be stepped if no credit comes before.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub(super) fn step_source<T: Terminals>(&mut self, s: usize, now: u64, t: &mut T) -> u64 {
        let Self { sources, sendings, .. } = self;
        let source = &mut sources[s];
        if source.in_turns {
            return self.step_sharing(s, now, t);
        }
        if now + 1 < source.link_ready {
            return source.link_ready - 1;
        }
        // It has one class only.
        let last = &mut sendings[s];
        let sending = if last.left > 0 {
            *last
        } else if last.next > now {
            return last.next;
        } else {
            let able = self.entry & source.free & source.funded;
            if able == 0 {
                match self.ask_apart(s, 0, now, t) {
                    Next::Packet(offer) => self.take_up(s, 0, &offer, t).1,
                    Next::At(cycle) => return cycle.max(now + 1),
                    Next::Wait => return u64::MAX,
                }
            } else {
                // Where packets may be sent alone there are no groups.
                match source.ask(0, now, t) {
                    Next::Packet(offer) if offer.flits == 1 => {
                        last.next = offer.next;
                        let link = Link {
                            s,
                            vcs: self.vcs,
                            cut_through: self.cut_through,
                            keeps_vcs: self.keeps_vcs,
                            credits: &mut self.credits,
                            rates: &mut self.near_rates,
                        };
                        let mut gate = Gate {
                            link,
                            passages: &mut self.passages,
                            entering: &mut self.entering,
                        };
                        gate.send(source, able, &offer, now, t);
                        self.flits_injected += 1;
                        return if offer.next > now { offer.next } else { self.go_on(s, now, t) };
                    }
                    Next::Packet(Offer { created, dst, flits, tag, next }) => {
                        self.take_up_apart(s, (created, dst), (flits, tag), next, t)
                    }
                    Next::At(cycle) => return cycle.max(now + 1),
                    Next::Wait => return u64::MAX,
                }
            }
        };
        self.send(s, sending, now, t)
    }

    /// Sends a flit of a packet if it can, from a source that has one class. Gives the next cycle in which it must be
    /// stepped if no credit comes before.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn send<T: Terminals>(&mut self, s: usize, mut sending: Sending, now: u64, t: &mut T) -> u64 {
        let (mut link, source, last) = self.link(s, 0);
        if !link.can_send(source, &mut sending) {
            *last = sending;
            source.blocked = true;
            return u64::MAX;
        }
        source.blocked = false;
        let sent = link.send(source, &mut sending, now);
        last.left = sending.left;
        last.next = sending.next;
        if sending.left > 0 {
            *last = sending;
        }
        self.put(&sending, (s, 0), sent, now, t);
        if sending.left > 0 {
            return now + 1;
        }
        if sending.next > now { sending.next } else { self.go_on(s, now, t) }
    }

    /// Takes up the next packet of a source that has sent one. Gives the next cycle in which it must be stepped.
    #[inline(never)]
    fn go_on<T: Terminals>(&mut self, s: usize, now: u64, t: &mut T) -> u64 {
        let wake = self.refill(s, 0, now, t);
        if self.sendings[s].left > 0 { now + 1 } else { wake }
    }

    /// As [`step_source`](Self::step_source) where there are several classes, or several sources at a
    /// node.
    #[inline(never)]
    fn step_sharing<T: Terminals>(&mut self, s: usize, now: u64, t: &mut T) -> u64 {
        let deals = self.sources[s].deals && !T::BY_PORT;
        let mut wake = if deals { self.deal(s, now, t) } else { u64::MAX };
        if now + 1 < self.sources[s].link_ready {
            return wake.min(self.sources[s].link_ready - 1);
        }
        let mut able = 0_u64;
        for class in 0..self.classes {
            let at = s * self.classes + class;
            if self.sendings[at].left == 0 {
                wake = wake.min(self.refill(s, class, now, t));
            }
            if self.sendings[at].left > 0 {
                let (mut link, source, sending) = self.link(s, class);
                able |= u64::from(link.can_send(source, sending)) << class;
            }
        }
        // Some class may wait for a credit even if another sends.
        self.sources[s].blocked = true;
        if able == 0 {
            return wake;
        }
        let source = &mut self.sources[s];
        let ahead = able & u64::MAX << source.class_pointer;
        let class = if ahead == 0 { able } else { ahead }.trailing_zeros() as usize;
        let behind = if class + 1 == self.classes { 0 } else { class + 1 };
        source.class_pointer = u8::try_from(behind).unwrap_or(0);
        let at = s * self.classes + class;
        let (mut link, source, sending) = self.link(s, class);
        let sent = link.send(source, sending, now);
        let sending = *sending;
        self.put(&sending, (s, class), sent, now, t);
        if self.sendings[at].left == 0 {
            wake = wake.min(self.refill(s, class, now, t));
        }
        // Others of its classes may be able to send in the next cycle.
        let more = self.sendings[s * self.classes..][..self.classes].iter().any(|p| p.left > 0);
        if more { now + 1 } else { wake }
    }

    /// A source, its packet of a class, and what it sends by.
    #[inline]
    pub(super) fn link(&mut self, s: usize, class: usize) -> (Link<'_>, &mut Source, &mut Sending) {
        let link = Link {
            s,
            vcs: self.vcs,
            cut_through: self.cut_through,
            keeps_vcs: self.keeps_vcs,
            credits: &mut self.credits,
            rates: &mut self.near_rates,
        };
        (link, &mut self.sources[s], &mut self.sendings[s * self.classes + class])
    }

    /// Puts a flit on the lane that it takes, to arrive at a cycle.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn put<T: Terminals>(
        &mut self,
        sending: &Sending,
        (source, class): (usize, usize),
        sent: Sent,
        now: u64,
        t: &mut T,
    ) {
        let Sent { src, lane, at, head, tail } = sent;
        let passage = &mut self.passages[sending.packet];
        if head {
            passage.injected = now;
        }
        t.flit_injected(passage, now);
        self.flits_injected += 1;
        let Sending { packet, dst, flow, state, vc, .. } = *sending;
        let class = Class::ALL[class];
        let calendar = &mut self.wires.calendar;
        if self.bank.is_express() {
            if head {
                self.bank.take_up(packet, Head { src, dst, flow, class, state });
            }
            let flit = PackedFlit::new(packet, dst, class, (head, tail));
            self.entering.push((lane, flit, low_bits(at)));
            return;
        }
        let flits = u16::try_from(sending.flits).unwrap_or(u16::MAX);
        let flit = Flit { packet, dst, src, flow, state, flits, vc, class, head, tail };
        let slot = self.bank.admit(&flit, sending.born);
        if let Some(framed) = &mut self.wires.framed
            && let Some(ready) = framed.inject(source, &flit, (lane, slot), now + 1)
        {
            self.sources[source].link_ready = ready;
        } else {
            calendar.mark(at);
            let list = if head { &mut calendar.heads } else { &mut calendar.bodies };
            list.push(at, (lane, slot));
        }
    }

    /// Takes up the next packet of a class. Gives the cycle at which to ask again where there is
    /// none, or `u64::MAX`.
    #[inline(never)]
    pub(super) fn refill<T: Terminals>(
        &mut self,
        s: usize,
        class: usize,
        now: u64,
        t: &mut T,
    ) -> u64 {
        let source = &self.sources[s];
        if source.shares && !T::BY_PORT {
            if let Some(next) = self.dealt[s * self.classes + class].pop_front() {
                self.sendings[s * self.classes + class] = next;
                let dealer = self.first_source[source.node as usize] as usize;
                let open = &mut self.deals_open[source.node as usize];
                *open -= 1;
                // Others have dealt out all that there was.
                if *open + 1 == DEALT_MAX {
                    self.active_sources.insert(dealer);
                }
            }
            return u64::MAX;
        }
        let next = self.sendings[s * self.classes + class].next;
        if next > now {
            return next;
        }
        match self.ask_apart(s, class, now, t) {
            Next::Wait => u64::MAX,
            Next::At(cycle) => cycle.max(now + 1),
            Next::Packet(offer) => {
                let (port, sending) = self.take_up(s, class, &offer, t);
                let node = self.sources[s].node as usize;
                assert!(
                    !T::BY_PORT || s == self.first_source[node] as usize + port,
                    "a packet of node{node} that was asked for by another port leaves by {port}"
                );
                self.sendings[s * self.classes + class] = sending;
                u64::MAX
            }
        }
    }

    /// As [`ask`](Self::ask), out of the way.
    #[inline(never)]
    fn ask_apart<T: Terminals>(&mut self, s: usize, class: usize, now: u64, t: &mut T) -> Next {
        self.ask(s, class, now, t)
    }

    /// Deals packets of a node with several ports out to the sources of the ports by which they go.
    #[cold]
    fn deal<T: Terminals>(&mut self, s: usize, now: u64, t: &mut T) -> u64 {
        let node = NodeIdx(self.sources[s].node);
        let mut wake = u64::MAX;
        for class in 0..self.classes {
            while self.deals_open[node.at()] < DEALT_MAX {
                match self.ask_apart(s, class, now, t) {
                    Next::Wait => break,
                    Next::At(cycle) => {
                        wake = wake.min(cycle.max(now + 1));
                        break;
                    }
                    Next::Packet(offer) => {
                        let (port, sending) = self.take_up(s, class, &offer, t);
                        let to = s + port;
                        self.deals_open[node.at()] += 1;
                        self.dealt[to * self.classes + class].push_back(sending);
                        if to != s {
                            self.step_dealt(to, now, t);
                        }
                        if offer.next > now {
                            wake = wake.min(offer.next);
                            break;
                        }
                    }
                }
            }
        }
        wake
    }

    /// Steps a source that a packet was just dealt to: it leaves as soon as it would by the port of who deals.
    fn step_dealt<T: Terminals>(&mut self, to: usize, now: u64, t: &mut T) {
        let next = self.step_sharing(to, now, t);
        if next == now + 1 {
            self.active_sources.insert(to);
        } else if next != u64::MAX {
            self.wires.calendar.wake_source(to, next);
        }
    }

    /// Packets whose heads wait at their sources.
    pub fn packets_unsent(&self) -> u64 {
        let waiting = self.sendings.iter().filter(|p| p.left > 0 && p.left == p.flits).count();
        waiting as u64 + self.deals_open.iter().map(|open| u64::from(*open)).sum::<u64>()
    }

    /// Gives a packet of class 0 its number, out of the way: in parts, so that it need not be in memory before.
    #[inline(never)]
    fn take_up_apart<T: Terminals>(
        &mut self,
        s: usize,
        (created, dst): (u64, NodeIdx),
        (flits, tag): (u32, u32),
        next: u64,
        t: &mut T,
    ) -> Sending {
        self.take_up(s, 0, &Offer { created, dst, flits, tag, next }, t).1
    }

    /// Gives a packet its number and its port.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn take_up<T: Terminals>(
        &mut self,
        s: usize,
        class: usize,
        offer: &Offer,
        t: &mut T,
    ) -> (usize, Sending) {
        let Offer { created, dst, flits, tag, next } = *offer;
        let packet = self.passages.begin();
        let source = &mut self.sources[s];
        let node = NodeIdx(source.node);
        source.made += 1;
        #[expect(clippy::cast_possible_truncation, reason = "the low half of a hash")]
        let drawn = mix(self.seed ^ u64::from(node.0) << 40 ^ source.made) as u32;
        let mut flow = t.flow(offer).unwrap_or(drawn);
        self.passages[packet] = Passage {
            packet,
            src: node,
            dst,
            class: narrow(class),
            flits,
            created,
            injected: created,
            tag,
            hops: 0,
        };
        if let (Some(group), Some(ledger)) = (GroupIdx::of(dst), &mut self.wires.ledger) {
            flow = ledger.take_up(packet, group, node);
        }
        let mut head = Head { src: node, dst, flow, class: Class::ALL[class], state: 0 };
        let hop = self.bank.routing().inject(&mut head, &Sockets { net: self, node, class });
        let sending = Sending {
            packet,
            dst,
            flow,
            state: head.state,
            flits,
            left: flits,
            born: low_bits(created),
            vc: VcIdx(0),
            allowed: hop.vcs,
            next,
        };
        (hop.port.at(), sending)
    }
}

/// A flit that leaves its source.
#[derive(Clone, Copy)]
struct Sent {
    src: NodeIdx,
    /// Its lane, and when it arrives there.
    lane: Lane,
    at: u64,
    head: bool,
    tail: bool,
}

/// What a source sends by.
pub(super) struct Link<'a> {
    s: usize,
    vcs: u32,
    cut_through: bool,
    keeps_vcs: bool,
    /// `[source * VCs + vc]`
    credits: &'a mut Vec<u16>,
    /// `[source]`
    rates: &'a mut Vec<Rate>,
}

impl Link<'_> {
    /// Whether a packet has a credit, and a VC or one that it may take.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn can_send(&mut self, source: &mut Source, sending: &mut Sending) -> bool {
        if sending.allowed == 0 {
            return source.funded >> sending.vc.0 & 1 == 1;
        }
        let mut able = sending.allowed & source.free & source.funded;
        if self.cut_through {
            able = with_room(able, sending.left, &self.credits[self.s * self.vcs as usize..]);
        }
        if able == 0 {
            return false;
        }
        let vc = source.pick(able);
        source.free &= !(1 << vc);
        sending.vc = VcIdx(vc);
        sending.allowed = 0;
        true
    }

    /// Takes a flit off the packet of `class`.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn send(&mut self, source: &mut Source, sending: &mut Sending, now: u64) -> Sent {
        let head = sending.left == sending.flits;
        sending.left -= 1;
        let tail = sending.left == 0;
        let vc = sending.vc;
        if tail && !self.keeps_vcs {
            source.free |= 1 << vc.0;
        }
        let (lane, at) = self.take(source, vc, now);
        Sent { src: NodeIdx(source.node), lane, at, head, tail }
    }

    /// Takes a flit by a VC: the lane that it goes to, and when it arrives there.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub(super) fn take(&mut self, source: &mut Source, vc: VcIdx, now: u64) -> (Lane, u64) {
        let credits = &mut self.credits[self.s * self.vcs as usize + vc.at()];
        *credits -= 1;
        if *credits == 0 {
            source.funded &= !(1 << vc.0);
        }
        source.link_ready = now + 2;
        if source.slow {
            source.link_ready = self.rates[self.s].occupy(now + 1);
        }
        (Lane(source.lane | u32::from(vc.0)), now + 1 + u64::from(source.latency))
    }
}

/// Those of `vcs` that have credits for `flits` flits; `credits` from the source's first VC on.
#[cold]
fn with_room(vcs: u64, flits: u32, credits: &[u16]) -> u64 {
    let roomy = credits.iter().take(64).enumerate().filter(|(_, c)| u32::from(**c) >= flits);
    vcs & roomy.fold(0, |set, (vc, _)| set | 1 << vc)
}

/// The ports of a node as an adaptive routing function sees them.
struct Sockets<'a, R, W> {
    net: &'a CycleNetwork<R, W>,
    node: NodeIdx,
    class: usize,
}

impl<R, W> Sockets<'_, R, W> {
    fn source(&self, port: PortIdx) -> usize {
        self.net.first_source[self.node.at()] as usize + port.at()
    }
}

impl<R, W> View for Sockets<'_, R, W> {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        let s = self.source(port);
        let credits = &self.net.credits[s * self.net.vcs as usize..][..self.net.vcs as usize];
        let depth = self.net.sources[s].depth;
        let of_vcs =
            |(vc, credits): (usize, &u16)| (vcs >> vc & 1) as u32 * u32::from(depth - credits);
        let sent: u32 = credits.iter().enumerate().map(of_vcs).sum();
        let queued = self.net.dealt[s * self.net.classes + self.class].len();
        sent + u32::try_from(queued).unwrap_or(u32::MAX)
    }

    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        let source = &self.net.sources[self.source(port)];
        vcs & source.free & source.funded
    }

    fn used_at(&self, _: RouterIdx, _: PortIdx, _: u64) -> u32 {
        0
    }
}

/// The low bits of a cycle.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
#[inline]
pub(super) const fn low_bits(cycle: u64) -> u32 {
    cycle as u32
}

/// A class or a VC.
#[expect(clippy::cast_possible_truncation, reason = "there are at most 64 of either")]
#[inline]
const fn narrow(number: usize) -> u8 {
    number as u8
}
