//! How flights end: where they were going, or where somebody else is in the way.

use super::{Extra, Flight, Flights, LEGS, Leg, Link, link};
use super::{FlightNo, HOPS, HORIZON, PAUSE, Rule, Tally};
use crate::express::layout::Layout;
use crate::express::state::{LaneNo, NOBODY, NODE, PackedFlit, after, lane_no, when};
use crate::express::{Border, Express};
use crate::state::Lane;

impl Express {
    /// Whether any flights are to end in the present cycle.
    #[inline]
    pub(in crate::express) const fn flights_are_due(&self) -> bool {
        self.flights.on && self.flights.are_due(when(self.now))
    }

    /// Ends the flights that are to end in the present cycle, but for those at their nodes.
    pub(in crate::express) fn end_all(&mut self) {
        let now = when(self.now);
        let mut number = self.flights.take_due(now);
        while number != 0 {
            let f = &mut self.flights.places[usize::from(number)];
            let Flight { next, aloft, .. } = *f;
            f.aloft = false;
            self.flights.close(number, now);
            // Where the order counts, those that reach nodes have been handed over.
            if aloft {
                self.go_on(number);
            }
            number = next;
        }
    }

    /// Where the order counts, lists the flits of flights that leave their last router in the present cycle, each with its
    /// output VC, as if they had left like any other.
    pub(in crate::express) fn land_in_order(&mut self, mut list: impl FnMut(LaneNo, PackedFlit)) {
        let Self { cells, flights, now, .. } = self;
        if !flights.ordered || !flights.on {
            return;
        }
        let mut number = flights.ends[Flights::place(when(*now))];
        while number != 0 {
            let f = &mut flights.places[usize::from(number)];
            if f.aloft && f.exits {
                f.aloft = false;
                flights.flits += 1;
                let out = f.legs[usize::from(f.len - 1) % LEGS].hop.out();
                cells[out].output.credits -= 1;
                list(out, f.flit.routed_by(f.len.into()));
            }
            number = f.next;
        }
    }

    /// Puts the flit of a flight whose last leg ends at a router on its way to that.
    #[inline(never)]
    fn go_on(&mut self, number: FlightNo) {
        let f = &self.flights.places[usize::from(number)];
        let (flit, last) = (f.flit.routed_by(f.len.into()), usize::from(f.len - 1) % LEGS);
        let (out, state) = (f.legs[last].hop.out(), f.extras[last].state);
        self.note(flit, state);
        let output = &mut self.cells[out].output;
        output.credits -= 1;
        let (far, there) = (lane_no(output.far), output.port);
        let arrival = when(self.now).wrapping_add(self.cells.port(there).latency);
        self.flights.links[usize::from(there)].until = when(self.now);
        self.flights.fresh.push((far, flit, arrival));
    }

    /// Keeps what a head notes, where it is not known beforehand.
    fn note(&mut self, flit: PackedFlit, state: u32) {
        if !self.hops.all_known() {
            self.heads[flit.packet().at()].state = state;
        }
    }

    /// Whether the flight that has a link is done with it but for its credit: then that is put on its way, and the link is
    /// no longer its.
    #[inline(never)]
    pub(super) fn let_go(&mut self, link: LaneNo) -> bool {
        let now = when(self.now);
        let had = self.flights.had[usize::from(link)];
        let (f, leg) = (&self.flights.places[usize::from(had.flight())], had.leg());
        let Leg { hop, departs, .. } = f.legs[usize::from(leg) % LEGS];
        if leg >= f.len || after(departs, now) {
            return false;
        }
        self.flights.links[usize::from(link)].until = now;
        let output = self.cells[hop.lane()].output;
        let counts = departs.wrapping_add(self.cells.port(output.port).credit_latency);
        if output.far & NODE == 0 && after(counts, now) {
            let back = lane_no(output.far);
            let output = &mut self.cells[back].output;
            // As where a credit is issued: where there are plenty, it counts at once.
            if output.credits.cast_signed() <= self.fixed.ample {
                output.credits -= 1;
                self.ahead.credit(counts, back);
            }
        }
        true
    }

    /// Makes room on the links that others are about to use.
    pub(in crate::express) fn give_way<L: Layout, B: Border>(&mut self, layout: L, border: &mut B) {
        while let Some(link) = self.flights.touched.pop() {
            let had = after(self.flights.links[usize::from(link)].until, when(self.now));
            if had && !self.let_go(link) {
                let number = self.flights.had[usize::from(link)].flight();
                self.ground(layout, border, number);
            }
        }
    }

    /// Ends a flight early: puts its flit into the input VC where it is in the present cycle, or to which it is on its way.
    fn ground<L: Layout, B: Border>(&mut self, layout: L, border: &mut B, number: FlightNo) {
        let now = when(self.now);
        let f = &mut self.flights.places[usize::from(number)];
        f.aloft = false;
        let Some((over, &Leg { hop, departs, .. })) = f.leg(now) else {
            self.hand_over(border, number);
            return;
        };
        self.flights.counts.1 += 1;
        let (lane, out) = (hop.lane(), hop.out());
        let flit = f.flit.routed_by(u16::from(over) + 1);
        let Extra { vcs, state, .. } = f.extras[usize::from(over)];
        let len = f.len;
        self.flights.flits += usize::from(f.exits);
        self.forget(number, over, len);
        let (back, there) = (self.cells[lane].output.far, layout.port(out));
        let from = &mut self.flights.links[usize::from(link(layout, back, lane))];
        from.until = now;
        from.users += 1;
        if back & NODE == 0 {
            self.cells[lane_no(back)].output.credits -= 1;
        } else {
            let latency = self.cells.port(layout.port(lane)).credit_latency;
            let list = border.credits(self.cycle_of(departs.wrapping_add(latency)));
            match list.iter().position(|l| l.0 == back & !NODE) {
                Some(place) => _ = list.swap_remove(place),
                None => border.take_credit(Lane(back & !NODE)),
            }
        }
        self.note(flit, state);
        let asks = departs.wrapping_sub(1);
        let input = &mut self.cells[lane].input;
        (input.len, input.front) = (1, flit);
        input.want = there;
        input.vcs = if self.hops.all_known() { self.hops.vcs_of(flit) } else { vcs };
        input.arrival = asks.wrapping_sub(self.fixed.rc);
        if after(asks, now) {
            self.flights.links[usize::from(there)].users += 1;
            self.ahead.ask(asks, lane);
            return;
        }
        // It asked in this cycle, got what it asked for, and bids in the next.
        input.out = out;
        let output = &mut self.cells[out].output;
        output.owner = lane;
        let bit = output.bit;
        self.cells.port_mut(there).free ^= bit;
        self.ahead.quiet_until = 0;
        let mut hot = self.hot(layout);
        let next = hot.next;
        hot.bid(lane, out, next);
    }

    /// Hands over the flit of a flight that is on its way to its node.
    #[cold]
    fn hand_over<B: Border>(&self, border: &mut B, number: FlightNo) {
        let f = &self.flights.places[usize::from(number)];
        let (flit, last) = (f.flit.routed_by(f.len.into()), &f.legs[usize::from(f.len - 1) % LEGS]);
        let latency = self.cells.port(self.cells[last.hop.out()].output.port).latency;
        border.ejects(self.cycle_of(last.departs.wrapping_add(latency))).push(flit);
    }

    /// Begins with flights where there are few flits, and gives them up where there are many; `more` come in this
    /// cycle.
    #[inline]
    pub(in crate::express) fn weigh_flights<L: Layout, B: Border>(
        &mut self,
        layout: L,
        border: &mut B,
        more: usize,
    ) {
        self.flights.flits += more;
        let Flights { on, rule, limit, flits, since, pause, tally, .. } = self.flights;
        if on && (flits / 2 > limit || tally.hops >= HOPS && self.flights.are_futile()) {
            self.end_flights(layout, border);
        } else if !on
            && rule != Rule::Never
            && flits <= limit
            && when(self.now).wrapping_sub(since) > pause
        {
            self.flights.ordered = border.ordered();
            self.begin_flights(layout);
        }
    }

    /// Has flits fly while there are no more than so many in the network, where they can at all.
    pub(in crate::express) fn set_flights<L: Layout, B: Border>(
        &mut self,
        layout: L,
        border: &mut B,
        limit: usize,
    ) {
        self.flights.limit = limit;
        if self.flights.rule != Rule::Never {
            self.flights.rule = Rule::Always;
        }
        if self.flights.on {
            self.end_flights(layout, border);
        }
        // At once.
        (self.flights.since, self.flights.pause) = (when(self.now).wrapping_sub(2 * PAUSE), PAUSE);
    }

    /// Ends all flights, and lets nobody set out for a while.
    #[cold]
    pub(in crate::express) fn end_flights<L: Layout, B: Border>(
        &mut self,
        layout: L,
        border: &mut B,
    ) {
        for number in 1..self.flights.unused {
            if self.flights.places[usize::from(number)].aloft {
                self.ground(layout, border, number);
            }
        }
        for port in 0..self.cells.ports().len() {
            let port = lane_no(u32::try_from(port).unwrap_or(u32::MAX));
            if after(self.flights.links[usize::from(port)].until, when(self.now)) {
                self.let_go(port);
            }
        }
        let Flights { on, since, spare, unused, landings, ends, touched, .. } = &mut self.flights;
        (*on, *since, *unused) = (false, when(self.now), 1);
        (*landings, *ends) = ([0; HORIZON], [0; HORIZON]);
        spare.clear();
        touched.clear();
    }

    /// Counts who uses which link, from which on there may be flights.
    #[cold]
    fn begin_flights<L: Layout>(&mut self, layout: L) {
        (self.flights.on, self.flights.pause) = (true, PAUSE);
        self.flights.tally = Tally::default();
        self.flights.links.fill(Link { users: 0, until: when(self.now) });
        let lanes = u32::try_from(self.cells.cells().len()).unwrap_or(u32::MAX);
        for lane in (0..lanes).map(lane_no) {
            let input = &self.cells[lane].input;
            let (len, want, out, head) = (input.len, input.want, input.out, input.front.is_head());
            if len == 0 {
                continue;
            }
            let from = link(layout, self.cells[lane].output.far, lane);
            self.flights.links[usize::from(from)].users += u32::from(len);
            let given = out != NOBODY && {
                let output = &self.cells[out].output;
                let held = self.cells.port(layout.port(out)).free & output.bit == 0;
                held && output.owner == lane
            };
            if head && !given {
                self.flights.links[usize::from(want)].users += 1;
            }
        }
    }
}
