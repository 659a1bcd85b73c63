//! What is to come: who asks, who bids and whose credit counts in which of the next cycles.
//!
//! Most events lie one of a few fixed distances ahead. Each of these has lists of its own, of which only
//! the furthest is filled ([`Line`]), and a bit in the cycle in which it is due: so a cycle in which nothing
//! is due costs one look. The others, [strays](Stray), have rings, and a bit for each of these.

use super::state::{LaneNo, When};
use super::table::{List, zeroed};
use crate::marks::Marks;
use crate::ring::Ring;

/// What lies a fixed distance ahead.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Asks of heads that arrive from a router, that come to the front in the next cycle, and that arrive
    /// from a node.
    Arriving,
    Front,
    Entering,
    /// Bids of flits that arrive from a router and have their output VC.
    Bids,
    /// Credits that come back from a router, and from a node.
    Credits,
    NodeCredits,
}

/// How many kinds there are.
pub(super) const KINDS: usize = 6;

/// Cycles up to which an event may have a fixed distance.
pub(super) const FAR: u32 = 32;

/// Cycles whose due lists are marked.
const MARKS: usize = Marks::CYCLES;
/// More cycles than anything lies ahead.
const NEVER: u64 = 1 << 32;
const _: () = assert!(MARKS > FAR as usize);

/// What lies any distance ahead: heads that are routed by a function that looks, asks, bids and credits. Each has a
/// bit above those of kinds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stray {
    Route = 1 << KINDS,
    Ask = 1 << (KINDS + 1),
    Bid = 1 << (KINDS + 2),
    Credit = 1 << (KINDS + 3),
}

/// The bits of all strays.
const STRAYS: u16 = 0b1111 << KINDS;

/// Lists for the cycles to come: one for each of the next ones, of which the furthest is filled.
#[derive(Clone, Debug)]
struct Line {
    /// The list that is filled in the present cycle.
    last: List,
    /// The others, by the low bits of the cycle in which they are due.
    lists: Box<[List]>,
}

impl Line {
    fn new(ahead: u32) -> Self {
        let lists = (0..(ahead + 1).next_power_of_two()).map(|_| List::new());
        Self { last: List::new(), lists: lists.collect() }
    }

    #[inline]
    const fn at(&mut self, cycle: When) -> &mut List {
        let at = cycle as usize & (self.lists.len() - 1);
        &mut self.lists[at]
    }
}

/// All that is to come.
#[derive(Clone, Debug)]
pub(super) struct Ahead {
    /// Input VCs that ask for an output VC in the next cycle, and that could send a flit.
    pub(super) next_asks: List,
    pub(super) next_bids: List,
    /// Input ports that have chosen one who bids in the next cycle, so far.
    pub(super) next_inputs: List,
    /// `[kind]`
    lines: [Line; KINDS],
    /// `[kind]`: cycles from the one in which it is put down, 0 where there is none of the kind; and the low bits
    /// of the cycle in which it is due.
    distances: [u32; KINDS],
    due_in: [When; KINDS],
    /// Whether anything may have been put down in the present cycle.
    filled: bool,
    /// By the low bits of a cycle: bit per kind that is due.
    due: Box<[u16; MARKS]>,
    /// The cycles in which any is.
    marks: Marks,
    /// Up to this cycle it is known that nothing goes on; reset when anything is put down.
    pub(super) quiet_until: u64,
    pub(super) strays: Strays,
}

impl Ahead {
    /// Nothing, with kinds at these distances, at most [`FAR`]; strays lie up to `span` cycles ahead.
    pub(super) fn new(distances: [u32; KINDS], span: u64) -> Self {
        let strays = Strays {
            routes: Ring::new(span),
            asks: Ring::new(span),
            bids: Ring::new(span),
            credits: Ring::new(span),
            far: span >= MARKS as u64,
        };
        Self {
            next_asks: List::new(),
            next_bids: List::new(),
            next_inputs: List::new(),
            lines: distances.map(Line::new),
            distances,
            due_in: distances,
            filled: false,
            due: zeroed(),
            marks: Marks::default(),
            quiet_until: 0,
            strays,
        }
    }

    /// Goes on to cycle `now`. Gives what is due in it.
    #[inline]
    pub(super) fn turn(&mut self, now: When) -> Due {
        if self.filled {
            self.file();
        }
        let due = core::mem::take(&mut self.due[now as usize % MARKS]);
        if due != 0 {
            self.marks.clear(u64::from(now));
        }
        Due(if self.strays.far { due | STRAYS } else { due })
    }

    /// Files the lists that were filled in the present cycle under those in which they are due.
    #[inline]
    fn file(&mut self) {
        self.filled = false;
        for (kind, line) in self.lines.iter_mut().enumerate() {
            if !line.last.is_empty() {
                let at = self.due_in[kind];
                let Line { last, lists } = line;
                core::mem::swap(last, &mut lists[at as usize & (lists.len() - 1)]);
                self.due[at as usize % MARKS] |= 1 << kind;
                self.marks.set(u64::from(at));
            }
        }
    }

    /// Takes note that something may be put down in cycle `now`, the present one.
    #[inline]
    pub(super) fn fill(&mut self, now: When) {
        self.filled = true;
        self.quiet_until = 0;
        self.due_in = self.distances.map(|distance| now.wrapping_add(distance));
    }

    /// Whether nothing goes on in a cycle but what is due in it, or routed.
    #[inline]
    pub(super) const fn rests(&self) -> bool {
        let next = self.next_asks.is_empty() && self.next_bids.is_empty();
        next && self.next_inputs.is_empty() && !self.strays.far
    }

    /// An input VC asks in cycle `at`, of which the low bits are enough.
    #[inline]
    pub(super) fn ask(&mut self, at: When, lane: LaneNo) {
        self.mark(at, Stray::Ask);
        self.strays.asks.push(u64::from(at), lane);
    }

    /// An input VC bids in cycle `at`.
    #[inline]
    pub(super) fn bid(&mut self, at: When, lane: LaneNo) {
        self.mark(at, Stray::Bid);
        self.strays.bids.push(u64::from(at), lane);
    }

    /// A credit of output VC `out` counts from cycle `at` on.
    #[inline]
    pub(super) fn credit(&mut self, at: When, out: LaneNo) {
        self.mark(at, Stray::Credit);
        self.strays.credits.push(u64::from(at), out);
    }

    /// The head at the front of an input VC is routed in cycle `at`.
    #[inline]
    pub(super) fn route(&mut self, at: When, lane: LaneNo) {
        self.mark(at, Stray::Route);
        self.strays.routes.push(u64::from(at), lane);
    }

    /// Marks a cycle in which a stray is due.
    #[inline]
    fn mark(&mut self, at: When, stray: Stray) {
        self.quiet_until = 0;
        self.due[at as usize % MARKS] |= stray as u16;
        self.marks.set(u64::from(at));
    }

    /// How many cycles from `next` on, the one that follows the present one, nothing is due; [`NEVER`] if nothing is at
    /// all.
    #[inline]
    pub(super) fn quiet(&mut self, next: When) -> u64 {
        if self.filled {
            self.file();
        }
        self.marks.next(u64::from(next)).unwrap_or(NEVER)
    }

    /// The low bits of the cycle in which what is of a kind is due that is put down now.
    #[inline]
    pub(super) const fn due_in(&self, kind: Kind) -> When {
        self.due_in[kind as usize]
    }

    /// Puts down what is of a kind.
    #[inline]
    pub(super) const fn push(&mut self, kind: Kind, lane: LaneNo) {
        self.lines[kind as usize].last.push(lane);
    }

    /// The list of a kind that is due in cycle `now`.
    #[inline]
    pub(super) const fn list(&mut self, kind: Kind, now: When) -> &mut List {
        self.lines[kind as usize].at(now)
    }

    /// All lists of a kind.
    pub(super) fn all(&mut self, kind: Kind) -> impl Iterator<Item = &mut List> {
        let Line { last, lists, .. } = &mut self.lines[kind as usize];
        lists.iter_mut().chain([last])
    }
}

/// What is due in a cycle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due(u16);

impl Due {
    /// Whether there is anything of a kind.
    #[inline]
    pub(super) const fn has(self, kind: Kind) -> bool {
        self.0 >> kind as u8 & 1 != 0
    }

    /// Whether there may be any of these strays.
    #[inline]
    pub(super) const fn has_stray(self, stray: Stray) -> bool {
        self.0 & stray as u16 != 0
    }

    /// Whether there is nothing else but these strays.
    #[inline]
    pub(super) const fn is_only(self, stray: Stray) -> bool {
        self.0 == stray as u16
    }

    /// As this, but there may be strays that ask.
    #[inline]
    pub(super) const fn and_asks(self) -> Self {
        Self(self.0 | Stray::Ask as u16)
    }

    /// Whether there is nothing.
    #[inline]
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Events at other distances.
#[derive(Clone, Debug)]
pub(super) struct Strays {
    routes: Ring<LaneNo>,
    asks: Ring<LaneNo>,
    bids: Ring<LaneNo>,
    credits: Ring<LaneNo>,
    /// Some may lie further ahead than there are marks: then every cycle counts as marked.
    far: bool,
}

impl Strays {
    /// Takes the input VCs whose heads are routed in cycle `now`, if there are any; to be [given back](Self::give_routes_back).
    pub(super) fn routes(&mut self, now: u64) -> Option<Vec<LaneNo>> {
        self.routes.take(now)
    }

    pub(super) fn give_routes_back(&mut self, now: u64, routes: Vec<LaneNo>) {
        self.routes.give_back(now, routes);
    }

    /// Moves those who ask in cycle `now` to a list.
    pub(super) fn asks(&mut self, now: u64, onto: &mut List) {
        drain(&mut self.asks, now, onto);
    }

    /// Moves those who bid in cycle `now` to a list.
    pub(super) fn bids(&mut self, now: u64, onto: &mut List) {
        drain(&mut self.bids, now, onto);
    }

    /// Moves output VCs whose credit counts from cycle `now` on to a list.
    pub(super) fn credits(&mut self, now: u64, onto: &mut List) {
        drain(&mut self.credits, now, onto);
    }

    /// Takes back a credit that does not count in cycle `now` yet. Tells whether there was one.
    pub(super) fn lose_credit(&mut self, now: u64) -> bool {
        self.credits.ahead(now + 1).any(|list| list.pop().is_some())
    }
}

/// Moves what is due in cycle `now` to a list.
fn drain(ring: &mut Ring<LaneNo>, now: u64, onto: &mut List) {
    let lanes = ring.list(now);
    onto.extend(lanes);
    lanes.clear();
}
