//! Candidate executions: a run of each thread, where each read reads from, and in which order the
//! writes of each location come.

use super::relation::Relation;
use super::runs::{EVENTS_MAX, Event, EventKind, Run};
use crate::error::OracleError;
use crate::outcome::Outcome;
use crate::program::Test;

/// Candidates, and choices on the way to them, before a test counts as too large.
const CANDIDATES_MAX: u64 = 20_000_000;

/// A candidate execution. Initial writes are no events: they precede all others.
pub(super) struct Execution<'a> {
    pub(super) events: Vec<Event>,
    /// Program order.
    pub(super) po: Relation,
    /// `[read]`: the write that it reads from; none for the initial one.
    pub(super) source: Vec<Option<usize>>,
    /// `[location]`: its writes in coherence order.
    pub(super) order: Vec<Vec<usize>>,
    runs: Vec<&'a Run>,
}

impl Execution<'_> {
    pub(super) fn is_read(&self, at: usize) -> bool {
        matches!(self.events[at].kind, EventKind::Read { .. })
    }

    pub(super) fn is_write(&self, at: usize) -> bool {
        matches!(self.events[at].kind, EventKind::Write { .. })
    }

    pub(super) fn outcome(&self, test: &Test) -> Outcome {
        let last = |loc: usize| self.order[loc].last().map(|w| self.events[*w].value);
        test.outcome(
            |thread, reg| self.runs[thread].registers[reg],
            |loc| last(loc).unwrap_or(test.initial[loc]),
        )
    }

    /// Reads-from between events.
    pub(super) fn rf(&self) -> Relation {
        Relation::of(self.events.len(), |w, r| self.source[r] == Some(w))
    }

    /// Coherence between events.
    pub(super) fn co(&self) -> Relation {
        let mut co = Relation::empty(self.events.len());
        for order in &self.order {
            for (at, from) in order.iter().enumerate() {
                order[at + 1..].iter().for_each(|to| co.add(*from, *to));
            }
        }
        co
    }

    /// From each read to the writes behind the one that it reads from.
    pub(super) fn fr(&self) -> Relation {
        let mut fr = Relation::empty(self.events.len());
        for read in (0..self.events.len()).filter(|e| self.is_read(*e)) {
            let order = &self.order[self.events[read].loc];
            let place = self.source[read].and_then(|w| order.iter().position(|o| *o == w));
            let behind = place.map_or(0, |place| place + 1);
            order[behind..].iter().for_each(|to| fr.add(read, *to));
        }
        // Its own write is behind an atomic's read anyhow.
        fr
    }
}

/// Calls `look` with every candidate execution of `test`.
pub(super) fn each(
    test: &Test,
    runs: &[Vec<Run>],
    mut look: impl FnMut(&Execution<'_>),
) -> Result<(), OracleError> {
    let mut search = Search { test, left: CANDIDATES_MAX, look: &mut look };
    let mut chosen = vec![0; runs.len()];
    loop {
        let choice = runs.iter().zip(&chosen).map(|(runs, at)| &runs[*at]).collect();
        search.choice(choice)?;
        let Some(thread) = (0..runs.len()).find(|t| chosen[*t] + 1 < runs[*t].len()) else {
            return Ok(());
        };
        chosen[thread] += 1;
        chosen[..thread].fill(0);
    }
}

struct Search<'a, F> {
    test: &'a Test,
    left: u64,
    look: &'a mut F,
}

impl<F: FnMut(&Execution<'_>)> Search<'_, F> {
    /// Counts a step of the search.
    fn step(&mut self) -> Result<(), OracleError> {
        let (name, limit) = (&self.test.name, CANDIDATES_MAX);
        let left = self.left.checked_sub(1);
        self.left =
            left.ok_or_else(|| OracleError::TooManyExecutions { name: name.clone(), limit })?;
        Ok(())
    }

    fn choice(&mut self, runs: Vec<&Run>) -> Result<(), OracleError> {
        let events: Vec<Event> = runs.iter().flat_map(|run| run.events.iter().copied()).collect();
        let count = events.len();
        if count > EVENTS_MAX {
            return Err(OracleError::TooManyEvents { name: self.test.name.clone(), events: count });
        }
        // Dependencies are by place in the run: move them to places among all events.
        let mut events = events;
        let mut first = 0;
        for run in &runs {
            for event in &mut events[first..first + run.events.len()] {
                event.addr <<= first;
                event.data <<= first;
                event.ctrl <<= first;
                event.pair = event.pair.map(|load| load + first);
            }
            first += run.events.len();
        }
        let po = Relation::of(count, |a, b| a < b && events[a].thread == events[b].thread);
        let source = vec![None; count];
        let order = vec![Vec::new(); self.test.locations.len()];
        let mut execution = Execution { events, po, source, order, runs };
        self.sources(&mut execution, 0)
    }

    /// Chooses where the reads from `read` on read from.
    fn sources(&mut self, execution: &mut Execution<'_>, read: usize) -> Result<(), OracleError> {
        self.step()?;
        let Some(at) = (read..execution.events.len()).find(|e| execution.is_read(*e)) else {
            return self.orders(execution, 0);
        };
        let Event { loc, value, .. } = execution.events[at];
        if value == self.test.initial[loc] {
            execution.source[at] = None;
            self.sources(execution, at + 1)?;
        }
        for write in 0..execution.events.len() {
            let event = execution.events[write];
            let own_later = event.thread == execution.events[at].thread && write > at;
            if execution.is_write(write) && event.loc == loc && event.value == value && !own_later {
                execution.source[at] = Some(write);
                self.sources(execution, at + 1)?;
            }
        }
        Ok(())
    }

    /// Chooses the order of writes of the locations from `loc` on.
    fn orders(&mut self, execution: &mut Execution<'_>, loc: usize) -> Result<(), OracleError> {
        if loc == execution.order.len() {
            self.step()?;
            (self.look)(execution);
            return Ok(());
        }
        let of = |e: &usize| execution.is_write(*e) && execution.events[*e].loc == loc;
        let writes: Vec<usize> = (0..execution.events.len()).filter(of).collect();
        self.permute(execution, loc, &writes)
    }

    /// Puts each of `rest` next that no other of its thread must precede.
    fn permute(
        &mut self,
        execution: &mut Execution<'_>,
        loc: usize,
        rest: &[usize],
    ) -> Result<(), OracleError> {
        if rest.is_empty() {
            return self.orders(execution, loc + 1);
        }
        for (at, write) in rest.iter().enumerate() {
            if rest[..at].iter().any(|earlier| execution.po.has(*earlier, *write)) {
                continue;
            }
            let mut others = rest.to_vec();
            others.remove(at);
            execution.order[loc].push(*write);
            self.permute(execution, loc, &others)?;
            execution.order[loc].pop();
        }
        Ok(())
    }
}
