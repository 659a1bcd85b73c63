//! Allocations that take several cycles.
//!
//! ```text
//!   cycle     t          t+1   ..   t+d-1              t+d
//!          ask, match     ·           grant or not      ask again, or the next stage
//! ```
//!
//! An input VC asks in one cycle and learns of the outcome `d - 1` cycles later; in between it asks
//! for nothing, whether it had anything to ask for or not. Others ask meanwhile, and do not know what
//! is under way: of two packets that are matched with the same output VC in different cycles the
//! first gets it, and the other asks again. So a VC sends a flit every `d` cycles of switch
//! allocation at most. This is how BookSim 2's `vc_alloc_delay` and `sw_alloc_delay` work.
//!
//! Time is counted in passes: as many a cycle as the internal speedup says.

use std::collections::VecDeque;

use crate::flow::short;

/// An allocation that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Flight {
    /// The pass in which it is over.
    due: u64,
    /// The input, and the output that it was matched with.
    pub(super) input: u16,
    pub(super) output: u16,
    /// The input VC.
    pub(super) at: u16,
}

/// An allocation of so many cycles: who may ask when, and what is under way.
#[derive(Clone, Debug)]
pub(super) struct Flights {
    cycles: u64,
    passes: u64,
    /// `[lane]`: the next pass in which the input VC asks, or [`ANY`]. Empty where allocation takes a
    /// cycle.
    next: Vec<u64>,
    under_way: VecDeque<Flight>,
}

base::state!([] Flights { keeps next, under_way; each; fixed cycles, passes });

/// As soon as it has something to ask for.
const ANY: u64 = u64::MAX;

impl Flights {
    pub(super) fn new(cycles: u32, passes: usize, lanes: usize) -> Self {
        let next = if cycles > 1 { vec![ANY; lanes] } else { Vec::new() };
        let passes = u64::try_from(passes).unwrap_or(1);
        Self { cycles: u64::from(cycles), passes, next, under_way: VecDeque::new() }
    }

    /// The pass in which an allocation that begins in `pass` is over.
    const fn over(&self, pass: u64) -> u64 {
        let first = (pass / self.passes + self.cycles - 1) * self.passes;
        if first > pass { first } else { pass }
    }

    /// Whether input VC `at` asks in `pass`, if it has anything to ask for.
    pub(super) fn may_ask(&mut self, at: usize, pass: u64) -> bool {
        let Some(next) = self.next.get(at).copied() else { return true };
        if next == ANY || next == pass {
            return true;
        }
        let mut turn = next;
        if self.passes == 1 && turn < pass {
            turn += (pass - turn).next_multiple_of(self.cycles);
        }
        while turn < pass {
            turn = self.over(turn) + 1;
        }
        self.next[at] = turn;
        turn == pass
    }

    /// Input VC `at` asks in `pass`.
    pub(super) fn asks(&mut self, at: usize, pass: u64) {
        let next = self.over(pass) + 1;
        if let Some(turn) = self.next.get_mut(at) {
            *turn = next;
        }
    }

    /// Input VC `at` asks in `pass`, and from then on in turn; with `None` when it first has something
    /// to ask for.
    pub(super) fn begins(&mut self, at: usize, pass: Option<u64>) {
        if let Some(turn) = self.next.get_mut(at) {
            *turn = pass.unwrap_or(ANY);
        }
    }

    /// `input` was matched with `output` in `pass`, for input VC `at`.
    pub(super) fn launch(&mut self, (input, output): (usize, usize), at: usize, pass: u64) {
        let due = self.over(pass);
        let flight = Flight { due, input: short(input), output: short(output), at: short(at) };
        self.under_way.push_back(flight);
    }

    /// The next allocation that is over in `pass`. What was over while the router slept is lost.
    pub(super) fn land(&mut self, pass: u64) -> Option<Flight> {
        while self.under_way.pop_front_if(|flight| flight.due < pass).is_some() {}
        self.under_way.pop_front_if(|flight| flight.due == pass)
    }

    /// Whether input VC `at` did not ask in `pass` because its turn is yet to come.
    pub(super) fn rests(&self, at: usize, pass: u64) -> bool {
        let next = self.next.get(at).copied().unwrap_or(ANY);
        next != ANY && next > pass && next != self.over(pass) + 1
    }

    /// What input VC `at` is about to get.
    pub(super) fn awaited(&self, at: usize) -> Option<usize> {
        let mine = self.under_way.iter().find(|flight| usize::from(flight.at) == at);
        mine.map(|flight| usize::from(flight.output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_of_a_cycle_is_over_in_its_pass_and_anyone_asks_in_any() {
        let mut flights = Flights::new(1, 2, 4);
        flights.launch((1, 2), 3, 7);
        flights.asks(3, 7);
        let landed = flights.land(7).map(|f| (f.input, f.output, f.at));
        assert_eq!((landed, flights.land(7)), (Some((1, 2, 3)), None));
        assert!(flights.may_ask(3, 7) && flights.may_ask(3, 8));
    }

    #[test]
    fn who_asked_asks_again_when_it_knows_and_every_so_many_cycles_from_then_on() {
        let mut flights = Flights::new(3, 1, 4);
        flights.asks(0, 10);
        flights.launch((0, 1), 0, 10);
        assert_eq!(flights.awaited(0), Some(1));
        assert!(flights.land(11).is_none());
        assert!(flights.land(12).is_some());
        let turns =
            |f: &mut Flights, at| (11..30).filter(|p| f.may_ask(at, *p)).collect::<Vec<_>>();
        assert_eq!(turns(&mut flights, 0), [13, 16, 19, 22, 25, 28]);
        flights.begins(1, Some(12));
        assert!(!flights.may_ask(1, 23), "not asked for a while");
        assert!(flights.may_ask(1, 24));
        flights.begins(1, None);
        assert!(flights.may_ask(1, 25));
    }

    #[test]
    fn who_asked_rests_until_its_turn_and_not_in_it() {
        let mut flights = Flights::new(3, 1, 2);
        flights.asks(0, 10);
        let rests: Vec<u64> = (10..16).filter(|pass| flights.rests(0, *pass)).collect();
        assert_eq!(rests, [11, 12], "13 is its turn");
        assert!(!flights.rests(1, 11), "it has not asked");
    }

    #[test]
    fn with_several_passes_a_cycle_the_outcome_is_known_in_a_cycles_first() {
        let mut flights = Flights::new(2, 2, 1);
        for pass in [10, 11] {
            flights.asks(0, pass);
            let turns: Vec<_> = (12..20).filter(|p| flights.may_ask(0, *p)).collect();
            assert_eq!(turns, [13, 15, 17, 19], "asked in {pass}");
        }
    }
}
