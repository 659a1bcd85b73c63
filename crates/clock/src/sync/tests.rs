//! Trees of units under every order in which their messages can arrive.

use std::collections::{BTreeSet, VecDeque};

use base::Combine;
use proptest::prelude::*;

use super::*;

/// A barrier: its threads, and how it combines.
type Team = (Vec<usize>, Combine);

/// A unit that does not wait for the last of its members.
#[derive(Clone, Default, Debug)]
struct Early;

impl Logic for Early {
    const PATIENCE: usize = 1;
    const CHECKED: bool = false;
}

/// A unit that forgets an arrival if it has heard of another one.
#[derive(Clone, Default, Debug)]
struct Forgets;

impl Logic for Forgets {
    fn hears(others: &BitVec) -> bool {
        others.count_ones() != 1
    }
}

/// A unit whose members are off by one input.
#[derive(Clone, Default, Debug)]
struct Shifted;

impl Logic for Shifted {
    fn enrol(members: &mut BitVec) {
        members.rotate_left(1);
    }
}

/// A tree of units and the threads that hang on it.
#[derive(Clone, Debug)]
struct Tree {
    /// `[unit]`: parents have smaller numbers; unit 0 is the root.
    parent: Vec<usize>,
    /// `[thread]`: its unit.
    threads: Vec<usize>,
}

impl Tree {
    /// The inputs of a unit: its child units, then its threads.
    fn inputs(&self, unit: usize) -> Vec<Input> {
        let children = (1..self.parent.len()).filter(|u| self.parent[*u] == unit).map(Input::Unit);
        let threads = (0..self.threads.len()).filter(|t| self.threads[*t] == unit);
        children.chain(threads.map(Input::Thread)).collect()
    }

    /// Whether a thread of `team` is under `unit`.
    fn holds(&self, unit: usize, team: &[usize]) -> bool {
        team.iter().any(|t| {
            let mut at = self.threads[*t];
            while at != unit && at != 0 {
                at = self.parent[at];
            }
            at == unit
        })
    }

    fn units<F: Logic>(&self, teams: &[Team]) -> Vec<Unit<F>> {
        let unit = |u| {
            let mut unit = Unit::default();
            for (slot, (team, _)) in teams.iter().enumerate() {
                let belongs = |input: &Input| match *input {
                    Input::Unit(child) => self.holds(child, team),
                    Input::Thread(t) => team.contains(&t),
                };
                let members: BitVec = self.inputs(u).iter().map(belongs).collect();
                let parent = (u > 0).then_some(0);
                unit.join(u16::try_from(slot).unwrap(), Place { members, parent });
            }
            unit
        };
        (0..self.parent.len()).map(unit).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Input {
    Unit(usize),
    Thread(usize),
}

/// What is on the wire between a unit and its parent, in one of the two directions.
type Wire = VecDeque<(u16, Share)>;

#[derive(Clone, Debug)]
struct World<'a, F: Logic = Sound> {
    tree: &'a Tree,
    teams: &'a [Team],
    rounds: usize,
    units: Vec<Unit<F>>,
    /// `[unit]`: to its parent, from its parent.
    up: Vec<Wire>,
    down: Vec<Wire>,
    /// `[thread]`: barriers passed, in the order of its program; and whether it waits at the next.
    passed: Vec<usize>,
    waits: Vec<bool>,
}

impl<'a, F: Logic> World<'a, F> {
    fn new(tree: &'a Tree, teams: &'a [Team], rounds: usize) -> Self {
        let (units, threads) = (tree.parent.len(), tree.threads.len());
        Self {
            tree,
            teams,
            rounds,
            units: tree.units(teams),
            up: vec![Wire::new(); units],
            down: vec![Wire::new(); units],
            passed: vec![0; threads],
            waits: vec![false; threads],
        }
    }

    /// A thread goes through the barriers that it belongs to in order, round after round.
    fn barriers(&self, thread: usize) -> Vec<usize> {
        (0..self.teams.len()).filter(|b| self.teams[*b].0.contains(&thread)).collect()
    }

    /// The barrier that a thread is at, and in which round.
    fn at(&self, thread: usize) -> Option<(usize, usize)> {
        let mine = self.barriers(thread);
        let passed = self.passed[thread];
        (passed < mine.len() * self.rounds)
            .then(|| (mine[passed % mine.len()], passed / mine.len()))
    }

    fn word(thread: usize, round: usize) -> u64 {
        base::rng::mix(thread as u64 * 100 + round as u64)
    }

    /// How often a thread has arrived at a barrier.
    fn arrivals(&self, thread: usize, barrier: usize) -> usize {
        let mine = self.barriers(thread);
        let place = mine.iter().position(|b| *b == barrier).unwrap();
        let (rounds, rest) = (self.passed[thread] / mine.len(), self.passed[thread] % mine.len());
        rounds + usize::from(place < rest) + usize::from(place == rest && self.waits[thread])
    }

    /// All that can happen next: a thread arrives, a wire delivers.
    fn moves(&self) -> Vec<Act> {
        let idle = |t: &usize| !self.waits[*t] && self.at(*t).is_some();
        let arrive = (0..self.passed.len()).filter(idle).map(Act::Arrive);
        let up = (0..self.up.len()).filter(|u| !self.up[*u].is_empty()).map(Act::Up);
        let down = (0..self.down.len()).filter(|u| !self.down[*u].is_empty()).map(Act::Down);
        arrive.chain(up).chain(down).collect()
    }

    fn step(&mut self, act: Act) -> Result<(), String> {
        match act {
            Act::Arrive(thread) => {
                let (barrier, round) = self.at(thread).unwrap();
                self.waits[thread] = true;
                let share = Some((self.teams[barrier].1, Self::word(thread, round)));
                self.arrive(self.tree.threads[thread], Input::Thread(thread), barrier, share)
            }
            Act::Up(unit) => {
                let (slot, share) = self.up[unit].pop_front().unwrap();
                self.arrive(self.tree.parent[unit], Input::Unit(unit), usize::from(slot), share)
            }
            Act::Down(unit) => {
                let (slot, share) = self.down[unit].pop_front().unwrap();
                self.release(unit, slot, share)
            }
        }
    }

    fn arrive(&mut self, unit: usize, who: Input, slot: usize, share: Share) -> Result<(), String> {
        let slot = u16::try_from(slot).unwrap();
        let input = self.tree.inputs(unit).iter().position(|i| *i == who).unwrap();
        match self.units[unit].arrive(slot, input, share).map_err(|f| f.to_string())? {
            Step::Wait => Ok(()),
            Step::Up { share, .. } => {
                self.up[unit].push_back((slot, share));
                Ok(())
            }
            Step::Release(share) => self.release(unit, slot, share),
        }
    }

    fn release(&mut self, unit: usize, slot: u16, share: Share) -> Result<(), String> {
        let members = self.units[unit].release(slot).map_err(|f| f.to_string())?;
        for (input, who) in self.tree.inputs(unit).into_iter().enumerate() {
            match who {
                _ if !members[input] => {}
                Input::Unit(child) => self.down[child].push_back((slot, share)),
                Input::Thread(thread) => self.released(thread, usize::from(slot), share)?,
            }
        }
        Ok(())
    }

    /// The law: whoever is released was waiting there, all others have arrived, and what it is told is
    /// the fold of what they brought.
    fn released(&mut self, thread: usize, barrier: usize, share: Share) -> Result<(), String> {
        let Some((_, round)) = self.at(thread).filter(|at| at.0 == barrier && self.waits[thread])
        else {
            return Err(format!("thread {thread} is released where it does not wait"));
        };
        let (team, how) = &self.teams[barrier];
        if let Some(late) = team.iter().find(|t| self.arrivals(**t, barrier) <= round) {
            return Err(format!("thread {thread} is released before {late} has arrived"));
        }
        let words = team.iter().map(|t| Self::word(*t, round));
        let fold = words.reduce(|a, b| how.apply(a, b)).map(|word| (*how, word));
        if share != fold {
            return Err(format!("thread {thread} is told {share:?}, not {fold:?}"));
        }
        self.waits[thread] = false;
        self.passed[thread] += 1;
        Ok(())
    }

    fn end(&self) -> Result<(), String> {
        let done = (0..self.passed.len()).all(|t| self.at(t).is_none());
        let idle = self.units.iter().all(Unit::is_idle);
        if done && idle { Ok(()) } else { Err("nothing can move and somebody waits".to_owned()) }
    }

    /// All of the state that the future depends on, in words.
    fn key(&self) -> String {
        // Words in a gathering follow from who has arrived, in which round.
        let entries = self.units.iter().flat_map(|u| u.entries.iter().flatten());
        let arrived: Vec<Vec<usize>> = entries.map(|e| e.arrived.iter_ones().collect()).collect();
        format!("{arrived:?}{:?}{:?}{:?}{:?}", self.up, self.down, self.passed, self.waits)
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Arrive(usize),
    Up(usize),
    Down(usize),
}

/// Every state that can be reached; gives how many there are.
fn search<F: Logic>(tree: &Tree, teams: &[Team], rounds: usize) -> Result<usize, String> {
    let mut seen = BTreeSet::new();
    let mut rest = vec![World::<F>::new(tree, teams, rounds)];
    while let Some(world) = rest.pop() {
        let moves = world.moves();
        if moves.is_empty() {
            world.end()?;
        }
        for act in moves {
            let mut next = world.clone();
            next.step(act).map_err(|e| format!("{act:?}: {e}"))?;
            if seen.insert(next.key()) {
                rest.push(next);
            }
        }
    }
    Ok(seen.len())
}

/// Two switches under a root, with nodes of two threads, of one, and one that is not deep.
fn small() -> Tree {
    Tree { parent: vec![0, 0, 0, 1, 1, 2], threads: vec![3, 3, 4, 5] }
}

#[test]
fn in_every_order_nobody_is_released_early_and_everybody_is_released() {
    let tree = small();
    let all = (vec![0, 1, 2, 3], Combine::Sum);
    assert!(search::<Sound>(&tree, core::slice::from_ref(&all), 3).unwrap() > 300);
    let parts = [(vec![0, 2], Combine::Min), (vec![1, 3], Combine::Or), all.clone()];
    assert!(search::<Sound>(&tree, &parts, 2).unwrap() > 300);
    let chain =
        [(vec![0, 1], Combine::And), (vec![1, 2, 3], Combine::Max), (vec![3], Combine::Sum)];
    assert!(search::<Sound>(&tree, &chain, 2).unwrap() > 300);
}

#[test]
fn every_seeded_fault_is_found() {
    let tree = small();
    let teams = [(vec![0, 2, 3], Combine::Sum)];
    assert!(search::<Early>(&tree, &teams, 2).unwrap_err().contains("is released before"));
    assert!(search::<Forgets>(&tree, &teams, 2).unwrap_err().contains("somebody waits"));
    assert!(search::<Shifted>(&tree, &teams, 2).unwrap_err().contains("is no member"));
    assert!(search::<Sound>(&tree, &teams, 2).is_ok());
}

#[test]
fn a_stranger_and_one_who_arrives_twice_are_named() {
    let mut unit = Unit::<Sound>::default();
    let members = [true, false, true].into_iter().collect();
    unit.join(4, Place { members, parent: None });
    assert_eq!(unit.arrive(3, 0, None), Err(Fault::Stranger { input: 0 }));
    assert_eq!(unit.arrive(4, 1, None), Err(Fault::Stranger { input: 1 }));
    assert_eq!(unit.arrive(4, 9, None), Err(Fault::Stranger { input: 9 }));
    assert_eq!(unit.arrive(4, 0, None), Ok(Step::Wait));
    assert_eq!(unit.arrive(4, 0, None), Err(Fault::Twice { input: 0 }));
    assert_eq!(unit.release(4), Err(Fault::Early));
    assert_eq!(unit.arrive(4, 2, Some((Combine::Sum, 1))), Err(Fault::Disagree));
}

prop_compose! {
    /// A tree with threads anywhere, barriers among them, and an order of events.
    fn cases()(units in 1_usize..12, threads in 1_usize..14)(
        parents in prop::collection::vec(any::<prop::sample::Index>(), units),
        threads in prop::collection::vec(0..units, threads),
        teams in prop::collection::vec((prop::collection::vec(any::<bool>(), threads), 0_usize..5), 1..5),
        order in any::<u64>(),
    ) -> (Tree, Vec<Team>, u64) {
        let parent = parents.iter().enumerate().map(|(u, p)| if u == 0 { 0 } else { p.index(u) });
        let tree = Tree { parent: parent.collect(), threads };
        let team = |(bits, how): (Vec<bool>, usize)| {
            let members: Vec<usize> = (0..bits.len()).filter(|t| bits[*t]).collect();
            (if members.is_empty() { vec![0] } else { members }, Combine::ALL[how])
        };
        (tree, teams.into_iter().map(team).collect(), order)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn on_any_tree_with_any_members_barriers_keep_their_promise((tree, teams, order) in cases()) {
        let mut world = World::<Sound>::new(&tree, &teams, 4);
        for count in 0.. {
            let moves = world.moves();
            if moves.is_empty() {
                break;
            }
            let chosen = base::rng::draw(order, 0, 0, count) % moves.len() as u64;
            let act = moves[usize::try_from(chosen).unwrap()];
            world.step(act).map_err(TestCaseError::fail)?;
        }
        world.end().map_err(TestCaseError::fail)?;
    }
}
