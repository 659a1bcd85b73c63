//! The bank of all links of a machine.

use std::collections::VecDeque;

use base::{Flit, Fs, LinkIdx, VcIdx};
use clock::{Edge, Fifo};

use crate::framing::{Framing, behind};
use crate::replay::Placed;
use crate::{Account, FramedPair, Impairment, LinkParams, Lossless, Timing, Trouble, Undetected};

/// The sending end of one direction.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Sender {
    /// When the last flit has left, and what fraction of a femtosecond is carried on.
    free_at: Fs,
    carry: u64,
    /// The first edge at which the next flit may be handed over.
    ready: Edge,
    /// What the sender of packets was told of it last: earlier where a token has cut in since.
    told: Edge,
    /// The receiver's edge at which the last flit that was handed over is seen.
    seen: Edge,
    flits: u64,
    /// Time spent on flits; of an on-die wire the flits alone tell.
    busy: Fs,
}

/// When a flit that was handed over passes each stage: what a latency breakdown needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transit {
    /// Its last bit is on the wire.
    pub serialized: Fs,
    /// It has passed both SerDes.
    pub serdes: Fs,
    /// It has passed FEC.
    pub fec: Fs,
    /// It has passed its replays.
    pub replay: Fs,
    /// It has crossed the wire.
    pub flight: Fs,
    /// The receiver sees it: the instant of `visible`.
    pub crossed: Fs,
    /// The receiver's edge at which it is seen.
    pub visible: Edge,
    /// The sender's first edge at which the link takes another flit.
    pub ready: Edge,
    /// What becomes of it if it arrives wrong by an error that the link did not notice.
    pub wrong: Option<Undetected>,
}

impl Transit {
    /// Of a flit that is stuck for good on a link that is down.
    fn never(handed: Fs) -> Self {
        let (serialized, serdes, fec, replay) = (handed, handed, handed, handed);
        let (flight, crossed, visible) = (handed, handed, Edge::NEVER);
        let ready = Edge::NEVER;
        Self { serialized, serdes, fec, replay, flight, crossed, visible, ready, wrong: None }
    }
}

/// All links of a machine, both directions, indexed by [`LinkIdx`].
///
/// Each direction is a wire with one writer and one reader. Flits come out in the order in which
/// they went in.
// Invariant: what is in a ring was sent and not yet received; nothing is ever dropped.
#[derive(Clone, Debug)]
pub struct Links<I: Impairment = Lossless> {
    directions: Vec<Direction>,
    framing: Framing,
    impairment: I,
}

base::state!([I: Impairment + base::State] Links<I> {
    keeps framing, impairment;
    each directions;
    fixed
});

/// One direction: what it is, its sending end, and what is on it.
#[derive(Clone, Debug)]
struct Direction {
    params: LinkParams,
    sender: Sender,
    /// Into the receiver's clock, where its places are bounded.
    fifo: Option<Box<Fifo>>,
    flits: VecDeque<(Edge, Flit)>,
    /// Credits on their way back to the sender.
    credits: VecDeque<(Edge, VcIdx)>,
}

base::state!([] Direction { keeps sender, fifo, flits, credits; each; fixed params });

impl Links<Lossless> {
    /// Links that lose nothing.
    pub fn lossless(params: Vec<LinkParams>) -> Self {
        Self::new(params, Lossless)
    }

    /// Links of which the pairs given are framed, with the seed of all that they suffer.
    ///
    /// # Panics
    /// If a pair's parameters are not [`Timing::Framed`], or its slots are shorter than a
    /// femtosecond.
    pub fn framed(mut params: Vec<LinkParams>, pairs: &[FramedPair], seed: u64) -> Self {
        let mut framing = Framing::new(seed);
        for pair in pairs {
            let (even, odd) = (pair.link & !1, pair.link | 1);
            let latency = [even, odd].map(|l| behind(&params[l].timing));
            let first = framing.add(pair, latency);
            for (link, number) in [(even, first), (odd, first + 1)] {
                let Timing::Framed { at, .. } = &mut params[link].timing else {
                    panic!("link {link} is to be framed and has {:?}", params[link].timing);
                };
                *at = number;
            }
        }
        Self { framing, ..Self::new(params, Lossless) }
    }
}

impl<I: Impairment> Links<I> {
    /// Bytes of the emulator's memory that one direction takes, and each flit on it. What a framed link has on
    /// top is its replay buffer.
    pub const BYTES: (usize, usize) = (size_of::<Direction>(), size_of::<(Edge, Flit)>());

    /// Links with an impairment of the caller's choice.
    pub fn new(params: Vec<LinkParams>, impairment: I) -> Self {
        let (free_at, busy, ready, told) = (Fs::ZERO, Fs::ZERO, Edge(0), Edge(0));
        let sender = Sender { free_at, carry: 0, ready, told, seen: Edge(0), flits: 0, busy };
        let direction = |params: LinkParams| Direction {
            fifo: params.fifo_depth.map(|depth| Box::new(Fifo::new(depth))),
            params,
            sender: sender.clone(),
            flits: VecDeque::new(),
            credits: VecDeque::new(),
        };
        Self {
            directions: params.into_iter().map(direction).collect(),
            framing: Framing::default(),
            impairment,
        }
    }

    /// The first edge of the sender's clock at which `link` takes another flit. A serial link takes
    /// it when less than one cycle of the flit before is still to go, so that slow clocks keep fast
    /// links busy.
    #[inline]
    pub fn ready(&self, link: LinkIdx) -> Edge {
        self.directions[link.at()].sender.ready
    }

    /// Hands `flit` to `link` at `edge` of the sender's clock.
    ///
    /// # Panics
    /// If the link is not [`ready`](Self::ready).
    #[inline]
    pub fn send(&mut self, link: LinkIdx, flit: Flit, edge: Edge) -> Transit {
        let transit = self.launch(link, &flit, edge);
        self.land(link, flit, transit.visible);
        transit
    }

    /// The sender's half of [`send`](Self::send): tells how `flit`, handed over at `edge`, fares.
    ///
    /// # Panics
    /// If the link is not [`ready`](Self::ready).
    #[inline]
    pub fn launch(&mut self, link: LinkIdx, flit: &Flit, edge: Edge) -> Transit {
        let sender = &self.directions[link.at()].sender;
        assert!(edge >= sender.told, "{link} handed a flit at {edge}, ready at {}", sender.told);
        let transit = self.hand(link, flit, edge);
        self.directions[link.at()].sender.told = transit.ready;
        transit
    }

    /// As [`launch`](Self::launch), for a token: at `edge` or as soon after as the link is ready. It takes the
    /// time of a flit, so a flit of a packet that comes at the edge at which the link had said to be ready
    /// waits that long in the transmitter.
    pub fn cut_in(&mut self, link: LinkIdx, token: &Flit, edge: Edge) -> Transit {
        self.hand(link, token, edge)
    }

    #[inline]
    fn hand(&mut self, link: LinkIdx, flit: &Flit, edge: Edge) -> Transit {
        let direction = &mut self.directions[link.at()];
        if direction.sender.ready == Edge::NEVER {
            return Transit::never(direction.params.sender.instant(edge));
        }
        let edge = edge.max(direction.sender.ready);
        match direction.params.timing {
            Timing::Framed { at, serdes, fec, flight } => {
                let handed = direction.take(edge);
                let placed = self.framing.place(at, flit, handed);
                let waits = self.framing.waits(at, placed.accepted);
                let behind = [serdes, fec, flight, waits];
                let mut transit = direction.framed(edge, handed, &placed, behind);
                if placed.wrong {
                    transit.wrong = Some(self.framing.undetected(at));
                }
                transit
            }
            _ => direction.transmit(link, edge, &mut self.impairment),
        }
    }

    /// The receiver's half of [`send`](Self::send): the flit is seen at `visible`.
    #[inline]
    pub fn land(&mut self, link: LinkIdx, flit: Flit, visible: Edge) {
        self.directions[link.at()].flits.push_back((visible, flit));
    }

    /// Takes the next flit that the receiver sees at or before `edge` of its clock. Gives it with
    /// the edge at which the flit behind it is seen, [`Edge::NEVER`] if there is none.
    #[inline]
    pub fn take(&mut self, link: LinkIdx, edge: Edge) -> (Option<Flit>, Edge) {
        take(&mut self.directions[link.at()].flits, edge)
    }

    /// The flit that the receiver sees at or before `edge` of its clock, if no other is seen up to `until`.
    #[inline]
    pub fn lone(&self, link: LinkIdx, edge: Edge, until: Edge) -> Option<&Flit> {
        let flits = &self.directions[link.at()].flits;
        let (_, flit) = flits.front().filter(|(at, _)| *at <= edge)?;
        let alone = flits.len() == 1 || flits.get(1).is_none_or(|(at, _)| *at > until);
        alone.then_some(flit)
    }

    /// Takes the next flit that the receiver sees at or before `edge` of its clock.
    #[inline]
    pub fn receive(&mut self, link: LinkIdx, edge: Edge) -> Option<Flit> {
        self.take(link, edge).0
    }

    /// Returns a credit for `vc` to the sender of `link`; it leaves at `edge` of the receiver's
    /// clock. Gives the edge of the sender's clock at which it counts.
    #[inline]
    pub fn send_credit(&mut self, link: LinkIdx, vc: VcIdx, edge: Edge) -> Edge {
        let visible = self.launch_credit(link, vc, edge);
        self.land_credit(link, vc, visible);
        visible
    }

    /// The half of [`send_credit`](Self::send_credit) of the link's receiver, who returns the credit.
    #[inline]
    pub fn launch_credit(&mut self, link: LinkIdx, vc: VcIdx, edge: Edge) -> Edge {
        let framing = &mut self.framing;
        self.directions[link.at()].params.credit_visible(edge, |at, t| framing.credit(at, vc, t))
    }

    /// The half of [`send_credit`](Self::send_credit) of the link's sender, where the credit counts at
    /// `visible`.
    #[inline]
    pub fn land_credit(&mut self, link: LinkIdx, vc: VcIdx, visible: Edge) {
        let credits = &mut self.directions[link.at()].credits;
        // A header may tell one VC's before that of another which was returned earlier.
        if credits.back().is_none_or(|(last, _)| *last <= visible) {
            credits.push_back((visible, vc));
        } else {
            credits.insert(credits.partition_point(|(at, _)| *at <= visible), (visible, vc));
        }
    }

    /// Takes the next credit that counts at or before `edge` of the sender's clock. Gives it with
    /// the edge at which the credit behind it counts, [`Edge::NEVER`] if there is none.
    #[inline]
    pub fn take_credit(&mut self, link: LinkIdx, edge: Edge) -> (Option<VcIdx>, Edge) {
        take(&mut self.directions[link.at()].credits, edge)
    }

    /// Takes the next credit that counts at or before `edge` of the sender's clock.
    #[inline]
    pub fn receive_credit(&mut self, link: LinkIdx, edge: Edge) -> Option<VcIdx> {
        self.take_credit(link, edge).0
    }

    /// The last edges that are spoken for: of the receiver's clock by flits, and of the sender's by
    /// credits, until it takes another flit, and by places of a FIFO. What never comes does not count.
    pub fn promised(&self, link: LinkIdx) -> [Edge; 4] {
        let Direction { flits, credits, sender, fifo, .. } = &self.directions[link.at()];
        let flit = flits.back().map_or(Edge(0), |(edge, _)| *edge);
        let credit = credits.back().map_or(Edge(0), |(edge, _)| *edge);
        let place = fifo.as_ref().map_or(Edge(0), |f| f.promised());
        // Credits and frames of a dead link are due beyond all time.
        [flit, credit, sender.ready, place].map(|e| if e.0 > u64::MAX / 2 { Edge(0) } else { e })
    }

    /// Takes what is on the wires away: flits of packets that the receivers have not taken, and credits.
    /// Tokens stay.
    pub fn clear(&mut self) {
        for direction in &mut self.directions {
            direction.flits.retain(|(_, flit)| flit.is_token());
            direction.credits.clear();
        }
    }

    /// When the receiver sees the first flit that is on `link`; [`Edge::NEVER`] if there is none.
    pub fn due(&self, link: LinkIdx) -> Edge {
        self.directions[link.at()].flits.front().map_or(Edge::NEVER, |(edge, _)| *edge)
    }

    /// How many links (directions) there are.
    pub fn len(&self) -> usize {
        self.directions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.directions.is_empty()
    }

    /// The parameters of `link`.
    pub fn params(&self, link: LinkIdx) -> &LinkParams {
        &self.directions[link.at()].params
    }

    /// Flits handed to `link` so far.
    pub fn flits_sent(&self, link: LinkIdx) -> u64 {
        self.directions[link.at()].sender.flits
    }

    /// Time that `link` spent on flits so far.
    pub fn busy(&self, link: LinkIdx) -> Fs {
        let Direction { params, sender, .. } = &self.directions[link.at()];
        match params.timing {
            Timing::OnDie { interval_cycles, .. } => {
                let cycles = Edge(sender.flits * u64::from(interval_cycles));
                params.sender.instant(cycles).since(params.sender.instant(Edge(0)))
            }
            Timing::Serial { .. } => sender.busy,
            Timing::Framed { at, .. } => self.framing.busy(at),
        }
    }

    /// What a framed link has done up to an instant; `None` for others.
    pub fn account(&self, link: LinkIdx, until: Fs) -> Option<Account> {
        self.account_beyond(link, until, Fs::ZERO)
    }

    /// As [`account`](Self::account), where the other end of the link is in another bank that has worked
    /// off what happens to the cable up to `horizon`: senders look ahead, and count what they see.
    pub fn account_beyond(&self, link: LinkIdx, until: Fs, horizon: Fs) -> Option<Account> {
        match self.directions[link.at()].params.timing {
            Timing::Framed { at, .. } => Some(self.framing.account(at, until, horizon)),
            _ => None,
        }
    }

    /// Why a link is down for good at an instant; `None` if it is not.
    pub fn dead(&self, link: LinkIdx, at: Fs) -> Option<Trouble> {
        match self.directions[link.at()].params.timing {
            Timing::Framed { at: number, .. } => self.framing.dead(number, at),
            _ => None,
        }
    }

    /// Up to when this bank has worked off what happens to a framed link.
    pub fn horizon(&self, link: LinkIdx) -> Fs {
        match self.directions[link.at()].params.timing {
            Timing::Framed { at, .. } => self.framing.horizon(at),
            _ => Fs::ZERO,
        }
    }

    /// Flits of packets on `link` that the receiver has not taken.
    pub fn flits_in_flight(&self, link: LinkIdx) -> usize {
        self.directions[link.at()].flits.iter().filter(|(_, f)| !f.is_token()).count()
    }

    /// When the credits count that are on their way back to the sender of `link`.
    pub fn credit_edges(&self, link: LinkIdx) -> impl Iterator<Item = Edge> {
        self.directions[link.at()].credits.iter().map(|(edge, _)| *edge)
    }

    /// Credits of `vc` on the way back to the sender of `link`.
    pub fn credits_in_flight(&self, link: LinkIdx, vc: VcIdx) -> usize {
        self.directions[link.at()].credits.iter().filter(|(_, v)| *v == vc).count()
    }

    /// Flits of `vc` on `link` that the receiver has not taken.
    pub fn vc_flits_in_flight(&self, link: LinkIdx, vc: VcIdx) -> usize {
        self.directions[link.at()].flits.iter().filter(|(_, f)| f.vc == vc).count()
    }
}

impl Direction {
    /// Takes a flit at `edge`; gives the instant.
    #[inline]
    fn take(&mut self, edge: Edge) -> Fs {
        self.sender.flits += 1;
        self.params.sender.instant(edge)
    }

    /// Moves a flit through the stages of a framed link, once its frame is known.
    #[inline]
    fn framed(&mut self, edge: Edge, handed: Fs, placed: &Placed, behind: [Fs; 4]) -> Transit {
        let Self { params, sender, fifo, .. } = self;
        if placed.accepted == Fs::NEVER {
            sender.ready = Edge::NEVER;
            return Transit::never(handed);
        }
        let after = params.sender.edge_after(placed.next).0;
        sender.ready = Edge(after.saturating_sub(1)).max(edge.plus(1));
        let serialized = placed.sent;
        let serdes = serialized + behind[0];
        let fec = serdes + behind[1];
        let replay = fec + placed.accepted.since(placed.sent);
        let flight = replay + behind[2];
        let (visible, held) = cross(params, fifo, flight + behind[3]);
        // Where a long skip is made shorter, what comes behind it is closer than it was on the wire.
        let visible = visible.max(sender.seen);
        sender.seen = visible;
        if held > Fs::ZERO {
            let after = params.sender.edge_after(placed.next + held).0;
            sender.ready = sender.ready.max(Edge(after.saturating_sub(1)));
        }
        let crossed = params.receiver.to.instant(visible);
        let (ready, wrong) = (sender.ready, None);
        Transit { serialized, serdes, fec, replay, flight, crossed, visible, ready, wrong }
    }

    /// Moves a flit through the stages.
    #[inline]
    fn transmit<I: Impairment>(
        &mut self,
        link: LinkIdx,
        edge: Edge,
        impairment: &mut I,
    ) -> Transit {
        let start = self.take(edge);
        let Self { params, sender, fifo, .. } = self;
        let wrong = None;
        match params.timing {
            Timing::Framed { .. } => unreachable!("{link} is framed and has a frame"),
            Timing::OnDie { latency_cycles, interval_cycles } => {
                sender.ready = edge.plus(interval_cycles);
                let visible = edge.plus(latency_cycles);
                let crossed = params.sender.instant(visible);
                let (serialized, serdes, fec, replay) = (start, start, start, start);
                let (flight, ready) = (crossed, sender.ready);
                Transit { serialized, serdes, fec, replay, flight, crossed, visible, ready, wrong }
            }
            Timing::Serial { flit_time: (numer, denom), serdes, fec, flight } => {
                let handed = start;
                let (start, carry) = if handed > sender.free_at {
                    (handed, 0)
                } else {
                    (sender.free_at, sender.carry)
                };
                let total = numer + carry;
                let replayed = impairment.replay(link, sender.flits, start);
                let serialized = start + Fs(total / denom);
                let behind = serdes + fec + replayed + flight;
                let (visible, held) = cross(params, fifo, serialized + behind);
                sender.free_at = serialized + replayed + held;
                sender.carry = total % denom;
                sender.busy += Fs(total / denom) + replayed;
                let after = params.sender.edge_after(sender.free_at).0;
                sender.ready = Edge(after.saturating_sub(1)).max(edge.plus(1));
                let serdes = serialized + serdes;
                let fec = serdes + fec;
                let replay = fec + replayed;
                let flight = replay + flight;
                let crossed = params.receiver.to.instant(visible);
                let ready = sender.ready;
                Transit { serialized, serdes, fec, replay, flight, crossed, visible, ready, wrong }
            }
        }
    }
}

/// The receiver's edge at which it sees what arrives at an instant, and how long that waited for a place
/// in the FIFO before it.
#[inline]
fn cross(params: &LinkParams, fifo: &mut Option<Box<Fifo>>, arrival: Fs) -> (Edge, Fs) {
    match fifo {
        None => (params.receiver.visible(arrival), Fs::ZERO),
        Some(fifo) => {
            let (written, read) = fifo.pass(arrival, &params.sender, &params.receiver);
            (read, written.since(arrival))
        }
    }
}

/// Takes the first item of a ring if it is there at `edge`; and when the next one will be.
#[inline]
fn take<T: Copy>(ring: &mut VecDeque<(Edge, T)>, edge: Edge) -> (Option<T>, Edge) {
    let next = |ring: &VecDeque<(Edge, T)>| ring.front().map_or(Edge::NEVER, |(at, _)| *at);
    match ring.front() {
        Some((at, item)) if *at <= edge => {
            let item = *item;
            ring.pop_front();
            (Some(item), next(ring))
        }
        _ => (None, next(ring)),
    }
}
