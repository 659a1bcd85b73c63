//! Breadth first, so that what is found is one of the shortest ways.

use base::Map;

use super::Model;
use super::cells::Cells;
use super::state::{Act, Move, State};
use crate::scoped::{ScopedFault, ScopedRows};

/// A way to a broken promise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CounterExample {
    /// What happened, from the start.
    pub moves: Vec<Move>,
    /// What was violated; none if the protocol met what it does not foresee, or got stuck.
    pub fault: Option<ScopedFault>,
    /// The same in words.
    pub detail: String,
}

impl CounterExample {
    /// What was broken, in words.
    pub fn told(&self) -> String {
        match self.fault {
            Some(fault) => format!("{fault}: {}", self.detail),
            None => self.detail.clone(),
        }
    }
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// States reached.
    pub states: u64,
    /// Moves made.
    pub transitions: u64,
    /// The longest way that is a shortest one.
    pub depth: u32,
    /// Whether every state was looked at.
    pub complete: bool,
    /// Rows of the table that were taken.
    pub rows: ScopedRows,
    /// Bytes of what is kept of the states, about.
    pub memory_bytes: u64,
    /// A broken promise, if there is one.
    pub counter_example: Option<CounterExample>,
}

/// How far a search is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// States reached.
    pub states: u64,
    /// Moves from the start.
    pub depth: u32,
    /// States of the level before it that are not looked at yet.
    pub waiting: u64,
}

/// States between two tellings of the progress.
const TELL: u64 = 1 << 14;

/// Every state that the model can come to, up to `limit` of them.
///
/// # Panics
/// If the model does not pass its [`check`](Model::check).
pub fn search(model: &Model, limit: u64, progress: &dyn Fn(Progress)) -> Report {
    model.check().expect("the model can be searched");
    let mut run = Run {
        model,
        known: Map::default(),
        parents: Vec::new(),
        transitions: 0,
        depth: 0,
        rows: ScopedRows::default(),
    };
    let mut start = State::<Cells>::start(model);
    run.known.insert(start.fingerprint(), ());
    run.parents.push((0, 0));
    let mut level = vec![(0_u32, start)];
    let mut found = None;
    'levels: while !level.is_empty() {
        let mut next = Vec::new();
        let waiting = level.len() as u64;
        for (done, (number, state)) in level.iter().enumerate() {
            if let Some(broken) = run.expand(*number, state, &mut next) {
                found = Some(broken);
                break 'levels;
            }
            if run.parents.len() as u64 > limit {
                break 'levels;
            }
            if (done as u64).is_multiple_of(TELL) {
                let states = run.parents.len() as u64;
                progress(Progress { states, depth: run.depth, waiting: waiting - done as u64 });
            }
        }
        run.depth += u32::from(!next.is_empty());
        level = next;
    }
    let states = run.parents.len() as u64;
    Report {
        states,
        transitions: run.transitions,
        depth: run.depth,
        complete: found.is_none() && states <= limit,
        rows: run.rows,
        memory_bytes: states * (16 + 8 + 2),
        counter_example: found,
    }
}

struct Run<'a> {
    model: &'a Model,
    known: Map<(u64, u64), ()>,
    /// `[state]`: the state before it, and which of its acts led here.
    parents: Vec<(u32, u16)>,
    transitions: u64,
    depth: u32,
    rows: ScopedRows,
}

impl Run<'_> {
    /// The states behind a state; or what breaks on the way.
    fn expand(
        &mut self,
        number: u32,
        state: &State<Cells>,
        next: &mut Vec<(u32, State<Cells>)>,
    ) -> Option<CounterExample> {
        let acts = state.acts(self.model);
        if acts.is_empty() && !state.is_done() {
            return Some(self.retrace(number, None));
        }
        for (at, act) in acts.iter().enumerate() {
            let mut to = state.clone();
            to.make(self.model, act);
            self.transitions += 1;
            self.rows = self.rows.with(to.rows());
            if to.fault().is_some() {
                return Some(self.retrace(number, Some(*act)));
            }
            if self.known.insert(to.fingerprint(), ()).is_none() {
                let own = u32::try_from(self.parents.len()).unwrap_or(u32::MAX);
                self.parents.push((number, u16::try_from(at).unwrap_or(u16::MAX)));
                next.push((own, to));
            }
        }
        None
    }

    /// The way to a state, and one act more.
    fn retrace(&self, number: u32, last: Option<Act>) -> CounterExample {
        let mut way = Vec::new();
        let mut at = number;
        while at != 0 {
            let (parent, act) = self.parents[at as usize];
            way.push(usize::from(act));
            at = parent;
        }
        let mut state = State::<Cells>::start(self.model);
        let mut moves = Vec::new();
        for act in way.into_iter().rev() {
            let acts = state.acts(self.model);
            moves.push(state.make(self.model, &acts[act]));
        }
        moves.extend(last.map(|act| state.make(self.model, &act)));
        let stuck = || (None, "something is under way and nothing can move".to_owned());
        let (fault, detail) = state.fault().unwrap_or_else(stuck);
        CounterExample { moves, fault, detail }
    }
}
