//! The sources' step: the next packet, its VC, a flit.

use base::rng::mix;
use base::route::Empty;
use base::{Class, Flit, GroupIdx, Head, NodeIdx, PacketIdx, RoutingFunction, VcIdx};
use router::Lane;

use super::source::Sending;
use super::terminal::{Next, Offer, Passage, Terminals};
use super::{CycleNetwork, Watch};

/// Packets that a node with several sources may have dealt out to them and not yet sent.
const DEALT_MAX: u32 = 64;

impl<R: RoutingFunction, W: Watch> CycleNetwork<R, W> {
    /// Steps a source. Gives the next cycle in which it must be stepped if no credit comes before.
    #[inline]
    pub(super) fn step_source<T: Terminals>(&mut self, s: usize, now: u64, t: &mut T) -> u64 {
        let mut wake = if self.sources[s].deals { self.deal(s, now, t) } else { u64::MAX };
        if now + 1 < self.sources[s].link_ready {
            return wake.min(self.sources[s].link_ready - 1);
        }
        let mut able = 0_u64;
        for class in 0..self.classes {
            let at = s * self.classes + class;
            if self.sendings[at].left == 0 {
                wake = wake.min(self.refill(s, class, now, t));
            }
            if self.sendings[at].left > 0 && self.can_send(s, at) {
                able |= 1 << class;
            }
        }
        if able == 0 {
            return wake;
        }
        let source = &mut self.sources[s];
        let ahead = able & u64::MAX << source.class_pointer;
        let class = if ahead == 0 { able } else { ahead }.trailing_zeros() as usize;
        source.class_pointer = if class + 1 == self.classes { 0 } else { source.class_pointer + 1 };
        self.send(s, class, now, t);
        let at = s * self.classes + class;
        if self.sendings[at].left == 0 {
            wake = wake.min(self.refill(s, class, now, t));
        }
        // Others of its classes may be able to send in the next cycle.
        let more = self.sendings[s * self.classes..][..self.classes].iter().any(|p| p.left > 0);
        if more { now + 1 } else { wake }
    }

    /// Whether a packet has a credit, and a VC or one that it may take.
    #[inline]
    fn can_send(&mut self, s: usize, at: usize) -> bool {
        let source = &mut self.sources[s];
        let sending = &mut self.sendings[at];
        if sending.allowed == 0 {
            return source.funded >> sending.vc.0 & 1 == 1;
        }
        let able = sending.allowed & source.free & source.funded;
        if able == 0 {
            return false;
        }
        let ahead = able & u64::MAX << source.vc_pointer;
        let vc = if ahead == 0 { able } else { ahead }.trailing_zeros();
        source.free &= !(1 << vc);
        source.vc_pointer = if vc + 1 == self.vcs { 0 } else { (vc + 1) as u8 };
        sending.vc = VcIdx(vc as u8);
        sending.allowed = 0;
        true
    }

    /// Sends a flit of the packet of `class`.
    #[inline]
    fn send<T: Terminals>(&mut self, s: usize, class: usize, now: u64, t: &mut T) {
        let source = &mut self.sources[s];
        let sending = &mut self.sendings[s * self.classes + class];
        let passage = &mut self.passages[sending.packet.at()];
        let head = sending.left == passage.flits;
        sending.left -= 1;
        let tail = sending.left == 0;
        if head {
            passage.injected = now;
        }
        let vc = sending.vc;
        let credits = &mut self.credits[s * self.vcs as usize + vc.at()];
        *credits -= 1;
        if *credits == 0 {
            source.funded &= !(1 << vc.0);
        }
        if tail {
            source.free |= 1 << vc.0;
        }
        let flit = Flit {
            packet: sending.packet,
            dst: passage.dst,
            src: passage.src,
            flow: sending.flow,
            state: sending.state,
            flits: u16::try_from(passage.flits).unwrap_or(u16::MAX),
            vc,
            class: Class::ALL[class],
            head,
            tail,
        };
        #[expect(clippy::cast_possible_truncation, reason = "ages are compared by low bits")]
        let slot = self.bank.admit(&flit, passage.created as u32);
        t.flit_injected(passage, now);
        self.flits_injected += 1;
        let near = self.near[s];
        source.link_ready = if near.slow { self.near_rates[s].occupy(now + 1) } else { now + 2 };
        let lane = Lane(near.lane | u32::from(vc.0));
        let bucket = self.wires.calendar.at(now + 1 + u64::from(near.latency));
        if head { bucket.heads.push((lane, slot)) } else { bucket.bodies.push((lane, slot)) }
    }

    /// Takes up the next packet of a class. Gives the cycle at which to ask again where there is
    /// none, or `u64::MAX`.
    #[inline]
    fn refill<T: Terminals>(&mut self, s: usize, class: usize, now: u64, t: &mut T) -> u64 {
        let source = &self.sources[s];
        if source.shares {
            if let Some(next) = self.dealt[s * self.classes + class].pop_front() {
                self.sendings[s * self.classes + class] = next;
                let dealer = self.first_source[source.node as usize] as usize;
                self.deals_open[source.node as usize] -= 1;
                self.active_sources[dealer / 64] |= 1 << (dealer % 64);
            }
            return u64::MAX;
        }
        let node = NodeIdx(source.node);
        match self.ask(s, class, now, t) {
            Next::Wait => u64::MAX,
            Next::At(cycle) => cycle.max(now + 1),
            Next::Packet(offer) => {
                let (_, sending) = self.take_up(node, s, class, &offer);
                self.sendings[s * self.classes + class] = sending;
                u64::MAX
            }
        }
    }

    /// Deals packets of a node with several ports out to the sources of the ports by which they go.
    #[cold]
    fn deal<T: Terminals>(&mut self, s: usize, now: u64, t: &mut T) -> u64 {
        let node = NodeIdx(self.sources[s].node);
        let mut wake = u64::MAX;
        for class in 0..self.classes {
            while self.deals_open[node.at()] < DEALT_MAX {
                match self.ask(s, class, now, t) {
                    Next::Wait => break,
                    Next::At(cycle) => {
                        wake = wake.min(cycle.max(now + 1));
                        break;
                    }
                    Next::Packet(offer) => {
                        let (port, sending) = self.take_up(node, s, class, &offer);
                        let to = s + port;
                        self.deals_open[node.at()] += 1;
                        self.dealt[to * self.classes + class].push_back(sending);
                        if to != s {
                            self.wake_source(to, now + 1);
                        }
                    }
                }
            }
        }
        wake
    }

    /// Gives a packet its number and its port.
    #[inline]
    fn take_up(
        &mut self,
        node: NodeIdx,
        s: usize,
        class: usize,
        offer: &Offer,
    ) -> (usize, Sending) {
        let Offer { created, dst, flits, tag } = *offer;
        let source = &mut self.sources[s];
        source.made += 1;
        #[expect(clippy::cast_possible_truncation, reason = "the low half of a hash")]
        let mut flow = mix(self.seed ^ u64::from(node.0) << 40 ^ source.made) as u32;
        let passage = Passage {
            packet: PacketIdx(0),
            src: node,
            dst,
            class: class as u8,
            flits,
            created,
            injected: created,
            tag,
            hops: 0,
        };
        let packet = match self.free_passages.pop() {
            Some(free) => {
                self.passages[free.at()] = Passage { packet: free, ..passage };
                free
            }
            None => {
                let packet = PacketIdx::new(self.passages.len());
                self.passages.push(Passage { packet, ..passage });
                packet
            }
        };
        if let (Some(group), Some(ledger)) = (GroupIdx::of(dst), &mut self.wires.ledger) {
            flow = ledger.take_up(packet, group, node);
        }
        let mut head = Head { src: node, dst, flow, class: Class::ALL[class], state: 0 };
        let hop = self.bank.routing().inject(&mut head, &Empty);
        let sending = Sending {
            packet,
            flow,
            state: head.state,
            left: flits,
            allowed: hop.vcs,
            vc: VcIdx(0),
        };
        (hop.port.at(), sending)
    }
}
