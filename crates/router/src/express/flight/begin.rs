//! When there are flights: they begin where few flits are in the network, and are given up where there are many.

use super::{Exits, FLITS_MAX, Flights, HOPS, HORIZON, Had, Link, PAUSE, Rule, Tally, link};
use crate::express::layout::Layout;
use crate::express::state::{NOBODY, Port, after, lane_no, when};
use crate::express::{Border, Express};

impl Express {
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
        if on
            && (flits / 2 > limit || tally.hops >= HOPS && self.flights.are_futile(when(self.now)))
        {
            self.end_flights(layout, border);
        } else if !on
            && rule != Rule::Never
            && flits <= limit
            && when(self.now).wrapping_sub(since) > pause
        {
            self.flights.exits = match self.fixed.exit_latency {
                _ if !self.fixed.exits_ample => Exits::Leaving,
                _ if !border.ordered() => Exits::Landing,
                Some(_) => Exits::Sorted,
                None => Exits::Leaving,
            };
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
        self.flights.limit = limit.min(FLITS_MAX);
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
        let mut landing = Vec::new();
        for number in 1..self.flights.unused {
            let f = &mut self.flights.places[number];
            if !f.aloft {
                continue;
            }
            if f.leg(when(self.now)).is_some() {
                f.kept = 0;
                self.flights.doomed.push(number);
            } else {
                f.aloft = false;
                landing.push((f.leaves(), number));
            }
        }
        // Those that arrive together are handed over in order.
        landing.sort_unstable();
        for (_, number) in landing {
            self.hand_over(border, number);
        }
        self.put_down(layout, border);
        for port in 0..self.cells.ports().len() {
            let port = lane_no(u32::try_from(port).unwrap_or(u32::MAX));
            if self.fixed.looks {
                self.settle(port);
            } else if after(self.cells.link(port).until(), when(self.now)) {
                self.let_go(port);
            }
        }
        let Flights { on, since, next, unused, landings, ends, touched, .. } = &mut self.flights;
        (*on, *since, *next, *unused) = (false, when(self.now), 1, 1);
        (*landings, *ends) = ([0; HORIZON], [0; HORIZON]);
        touched.clear();
    }

    /// Counts who uses which link, from which on there may be flights.
    #[cold]
    fn begin_flights<L: Layout>(&mut self, layout: L) {
        (self.flights.on, self.flights.pause) = (true, PAUSE);
        self.flights.since = when(self.now);
        self.flights.tally = Tally::new(when(self.now));
        for links in self.cells.links_mut() {
            links.fill(Link::new(when(self.now), Had::NONE));
        }
        let ports = u32::try_from(self.cells.ports().len()).unwrap_or(u32::MAX);
        for port in (0..ports).map(lane_no) {
            let Port { free, latency, .. } = *self.cells.port(port);
            let held = (self.flights.all & !free).count_ones();
            let users = if latency > 0 { u16::try_from(held).unwrap_or(0) } else { 0 };
            self.cells.link_mut(port).add_users(users);
        }
        let lanes = u32::try_from(self.cells.cells().len()).unwrap_or(u32::MAX);
        for lane in (0..lanes).map(lane_no) {
            let input = &self.cells[lane].input;
            let (len, want, out, head) = (input.len, input.want, input.out, input.front.is_head());
            if len == 0 {
                continue;
            }
            let from = link(layout, self.cells[lane].output.far, lane);
            self.cells.link_mut(from).add_users(len);
            let given = out != NOBODY && {
                let output = &self.cells[out].output;
                let held = self.cells.port(layout.port(out)).free & output.bit == 0;
                held && output.owner == lane
            };
            if head && !given && want != NOBODY {
                self.cells.link_mut(want).add_users(1);
            }
        }
    }
}
