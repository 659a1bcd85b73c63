//! How flights end: where they were going, or where somebody else is in the way.

use super::{ALL, ENTRY, Exits, FOR_NOW, FlightNo};
use super::{Extra, Flight, Flights, Had, LEGS, Leg, Link, link};
use crate::express::hot::From;
use crate::express::layout::Layout;
use crate::express::state::{LaneNo, NOBODY, NODE, PackedFlit, When, after, lane_no, when};
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
            let f = &mut self.flights.places[number];
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
    /// output VC, as if they had left like any other: where they [end there](Exits::Leaving), or have others leave
    /// `beside` them.
    pub(in crate::express) fn leave_in_order(
        &mut self,
        beside: bool,
        mut list: impl FnMut(LaneNo, PackedFlit),
    ) {
        let Self { cells, flights, now, fixed, .. } = self;
        if !flights.on {
            return;
        }
        let mut number = match (flights.exits, fixed.exit_latency) {
            (Exits::Leaving, _) => flights.ends[Flights::place(when(*now))],
            (Exits::Sorted, Some(latency)) if beside => {
                flights.landings[Flights::place(when(*now).wrapping_add(latency))]
            }
            _ => return,
        };
        while number != 0 {
            let f = &mut flights.places[number];
            if f.aloft && f.exits {
                f.aloft = false;
                flights.flits += 1;
                let out = f.leaves();
                cells[out].output.credits -= 1;
                list(out, f.flit.routed_by(f.len.into()));
            }
            number = f.next;
        }
    }

    /// Puts the flit of a flight whose last leg ends at a router on its way to that.
    #[inline(never)]
    fn go_on(&mut self, number: FlightNo) {
        let f = &self.flights.places[number];
        let (flit, last) = (f.flit.routed_by(f.len.into()), usize::from(f.len - 1) % LEGS);
        let (out, state) = (f.legs[last].hop.out(), f.extras[last].state);
        self.note(flit, state);
        let output = &mut self.cells[out].output;
        output.credits -= 1;
        let (far, there) = (lane_no(output.far), output.port);
        let arrival = when(self.now).wrapping_add(self.cells.port(there).latency);
        let len = self.flights.places[number].len;
        self.give_up(Had::by(number, len), there);
        self.flights.fresh.push((far, flit, arrival));
    }

    /// Keeps what a head notes, where it is not known beforehand.
    fn note(&mut self, flit: PackedFlit, state: u32) {
        if !self.hops.any_known() {
            self.heads[flit.packet().at()].state = state;
        }
    }

    /// Whether the flight that has a link is done with it but for its credit: then that is put on its way, and the link is
    /// no longer its.
    #[inline(never)]
    pub(super) fn let_go(&mut self, link: LaneNo) -> bool {
        let now = when(self.now);
        let had = self.cells.link(link).had();
        if !self.is_done(had) {
            return false;
        }
        let f = &self.flights.places[had.flight()];
        let Leg { hop, departs, .. } = f.legs[usize::from(had.leg()) % LEGS];
        if self.fixed.looks && link & ENTRY == 0 {
            self.settle(link);
            return true;
        }
        self.cells.link_mut(link).be_had_until(now);
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
    #[inline]
    pub(in crate::express) fn give_way<L: Layout, B: Border>(&mut self, layout: L, border: &mut B) {
        if !self.flights.touched.is_empty() {
            self.clear_touched(layout, border);
        }
    }

    #[inline(never)]
    fn clear_touched<L: Layout, B: Border>(&mut self, layout: L, border: &mut B) {
        while let Some(link) = self.flights.touched.pop() {
            self.clear(layout, border, link);
        }
    }

    /// Makes room on the link by which a flit is sent to an input VC: those that are ahead of it come to be in the buffer
    /// first.
    pub(in crate::express) fn give_way_to<L: Layout, B: Border>(
        &mut self,
        layout: L,
        border: &mut B,
        lane: LaneNo,
    ) {
        let entry = link(layout, self.cells[lane].output.far, lane);
        self.clear(layout, border, entry);
    }

    /// Takes a link from all flights that have it.
    fn clear<L: Layout, B: Border>(&mut self, layout: L, border: &mut B, link: LaneNo) {
        let now = when(self.now);
        let there = self.cells.link(link);
        if !after(there.until(), now) {
            return;
        }
        self.doom_all(layout, there);
        self.put_down(layout, border);
        if after(self.cells.link(link).until(), now) {
            self.let_go(link);
        }
    }

    /// How a link was had before a flight had it.
    pub(super) fn before(&self, had: Had) -> Link {
        let f = &self.flights.places[had.flight()];
        let leg = had.leg().checked_sub(1).map(|leg| f.legs[usize::from(leg) % LEGS].link);
        leg.unwrap_or(f.entry)
    }

    /// Whether a flight is done with a link but for its credit.
    fn is_done(&self, had: Had) -> bool {
        let f = &self.flights.places[had.flight()];
        let leg = f.legs().get(usize::from(had.leg()));
        leg.is_some_and(|leg| !after(leg.departs, when(self.now)))
    }

    /// Whether a flight is yet to come to the router that it leaves by a link which it has.
    fn is_to_come(&self, had: Had) -> bool {
        let f = &self.flights.places[had.flight()];
        let before = had.leg().checked_sub(2).map(usize::from).and_then(|leg| f.legs().get(leg));
        before.is_some_and(|leg| after(leg.departs, when(self.now)))
    }

    /// Dooms the flights that have a link like that, or had it before, and are not done with it.
    fn doom_all<L: Layout>(&mut self, layout: L, mut there: Link) {
        while after(there.until(), when(self.now)) && !self.is_done(there.had()) {
            self.doom(layout, there.had());
            there = self.before(there.had());
        }
    }

    /// Dooms a flight to give up a link which it is not done with, and those behind it: it is to end before the router that
    /// it leaves by that, or is to be put down if it is there already. With it all that cannot be sure of their links
    /// then.
    fn doom<L: Layout>(&mut self, layout: L, had: Had) {
        let number = had.flight();
        let kept = if self.is_to_come(had) { had.leg() - 1 } else { 0 };
        let f = &mut self.flights.places[number];
        let lost = f.kept.min(f.len);
        let Some((over, _)) = f.leg(when(self.now)).filter(|_| kept < lost) else { return };
        if f.kept == ALL {
            self.flights.doomed.push(number);
        }
        f.kept = kept;
        // If it keeps some, nobody can tell how long its flit is going to be behind the last one.
        for leg in kept.saturating_sub(1).max(over)..lost {
            let hop = self.flights.places[number].legs[usize::from(leg) % LEGS].hop;
            self.doom_behind(layout, layout.port(hop.out()), number);
        }
        if kept == 0 {
            let hop = self.flights.places[number].legs[usize::from(over) % LEGS].hop;
            let back = self.cells[hop.lane()].output.far;
            self.doom_behind(layout, link(layout, back, hop.lane()), number);
            // Those that are before it in the buffer come to be there first.
            self.doom_all(layout, self.before(Had::by(number, over)));
        }
    }

    /// Dooms the flights that have a link after one that has it.
    fn doom_behind<L: Layout>(&mut self, layout: L, link: LaneNo, number: FlightNo) {
        let mut there = self.cells.link(link);
        while after(there.until(), when(self.now)) && there.had().flight() != number {
            self.doom(layout, there.had());
            there = self.before(there.had());
        }
    }

    /// Takes their legs from the flights that are doomed, and puts flits where they are that are left with none.
    // The last to set out is the last on every link that it has. So its legs are taken first, and its flit is put last.
    pub(super) fn put_down<L: Layout, B: Border>(&mut self, layout: L, border: &mut B) {
        let mut doomed = core::mem::take(&mut self.flights.doomed);
        doomed.sort_unstable_by_key(|number| self.flights.places[*number].age);
        for number in doomed.iter().rev() {
            let kept = self.flights.places[*number].kept;
            if kept > 0 {
                self.cut(layout, border, *number, kept);
            } else {
                self.ground(layout, *number);
            }
        }
        for number in &doomed {
            if self.flights.places[*number].kept == 0 {
                self.put(layout, border, *number);
            }
        }
        doomed.clear();
        self.flights.doomed = doomed;
    }

    /// Has a flight end with so many legs: it may set out again from there.
    fn cut<L: Layout, B: Border>(&mut self, layout: L, border: &mut B, number: FlightNo, kept: u8) {
        let len = self.flights.places[number].len;
        self.forget(number, kept, len);
        let f = &mut self.flights.places[number];
        let last = &f.legs[usize::from(kept - 1) % LEGS];
        let (ends, out) = (last.departs, last.hop.out());
        let lands = f.exits && self.flights.exits.land();
        self.flights.flits += usize::from(f.exits);
        (f.len, f.exits, f.kept) = (kept, false, ALL);
        let until = when(self.now).wrapping_add(FOR_NOW);
        self.cells.link_mut(layout.port(out)).be_had_until(until);
        self.flights.tally.legs = self.flights.tally.legs.saturating_sub(u32::from(len - kept));
        self.flights.unschedule(number, lands);
        self.flights.schedule(number, ends, false);
        border.wake(self.cycle_of(ends));
    }

    /// Has the last flight that has a link end before it if it comes to it after cycle `asks`, and none comes behind it.
    /// Tells whether that is so.
    pub(super) fn make_way<L: Layout, B: Border>(
        &mut self,
        layout: L,
        border: &mut B,
        (link, asks): (LaneNo, When),
    ) -> bool {
        let had = self.cells.link(link).had();
        let number = had.flight();
        let f = &self.flights.places[number];
        let from = usize::from(had.leg());
        if !f.aloft
            || !self.is_to_come(had)
            || !after(f.legs[from - 1].departs, asks.wrapping_add(1))
        {
            return false;
        }
        let mut rest = f.legs()[from - 2..].iter().map(|leg| layout.port(leg.hop.out()));
        let last = rest.all(|link| self.cells.link(link).had().flight() == number);
        if last {
            self.cut(layout, border, number, had.leg() - 1);
        }
        last
    }

    /// Takes the legs from a flight that are not over.
    fn ground<L: Layout>(&mut self, layout: L, number: FlightNo) {
        let f = &mut self.flights.places[number];
        f.aloft = false;
        let Some((over, &Leg { hop, .. })) = f.leg(when(self.now)) else { return };
        self.flights.counts.1 += 1;
        self.flights.flits += usize::from(f.exits);
        let len = f.len;
        self.forget(number, over, len);
        let entry = link(layout, self.cells[hop.lane()].output.far, hop.lane());
        self.give_up(Had::by(number, over), entry);
    }

    /// Has a flight no longer have a link: the one before may still have it.
    fn give_up(&mut self, had: Had, link: LaneNo) {
        let before = self.before(had);
        self.cells.link_mut(link).be_had_as(before);
    }

    /// Puts the flit of a flight into the input VC where it is in the present cycle, or to which it is on its way.
    fn put<L: Layout, B: Border>(&mut self, layout: L, border: &mut B, number: FlightNo) {
        let f = &mut self.flights.places[number];
        f.kept = ALL;
        let Some((over, &Leg { hop, departs, .. })) = f.leg(when(self.now)) else { return };
        let lane = hop.lane();
        let back = self.cells[lane].output.far;
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
        if self.cells[lane].input.len == 0 {
            self.put_at_front(layout, (number, over));
        } else {
            self.put_behind(layout, (number, over));
        }
    }

    /// Puts a flit on its way to a buffer that holds others.
    #[cold]
    fn put_behind<L: Layout>(&mut self, layout: L, (number, over): (FlightNo, u8)) {
        let f = &self.flights.places[number];
        let flit = f.flit.routed_by(over.into());
        let Leg { hop, departs, .. } = f.legs[usize::from(over) % LEGS];
        if let Some(before) = over.checked_sub(1) {
            let state = f.extras[usize::from(before) % LEGS].state;
            self.note(flit, state);
        }
        let arrival = departs.wrapping_sub(self.fixed.rc + 1);
        self.hot(layout).receive(hop.lane(), flit, (arrival, From::Router));
    }

    /// Puts a flit into a buffer that is empty, or on its way to it.
    fn put_at_front<L: Layout>(&mut self, layout: L, (number, over): (FlightNo, u8)) {
        let now = when(self.now);
        let f = &self.flights.places[number];
        let flit = f.flit.routed_by(u16::from(over) + 1);
        let Leg { hop, departs, .. } = f.legs[usize::from(over) % LEGS];
        let Extra { vcs, state, .. } = f.extras[usize::from(over) % LEGS];
        let (lane, out) = (hop.lane(), hop.out());
        let (back, there) = (self.cells[lane].output.far, layout.port(out));
        self.cells.link_mut(link(layout, back, lane)).add_users(1);
        self.note(flit, state);
        let asks = departs.wrapping_sub(1);
        let arrival = asks.wrapping_sub(self.fixed.rc);
        let input = &mut self.cells[lane].input;
        (input.len, input.front, input.arrival) = (1, flit, arrival);
        if self.fixed.is_far(now, arrival) {
            input.want = NOBODY;
            self.ahead.route(arrival, lane);
            return;
        }
        self.cells.link_mut(there).add_users(1);
        let input = &mut self.cells[lane].input;
        input.want = there;
        input.vcs = self.hops.of(input.row, flit).map_or(vcs, |(_, vcs)| vcs);
        if after(asks, now) {
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
    pub(super) fn hand_over<B: Border>(&self, border: &mut B, number: FlightNo) {
        let f = &self.flights.places[number];
        let (flit, last) = (f.flit.routed_by(f.len.into()), &f.legs[usize::from(f.len - 1) % LEGS]);
        let latency = self.cells.port(self.cells[last.hop.out()].output.port).latency;
        border.ejects(self.cycle_of(last.departs.wrapping_add(latency))).push(flit);
    }
}
