//! Barriers that threads make themselves, with atomics and flags in coherent memory.
//!
//! Flags count rounds, so none is ever reset. Every thread's flags lie at its own node's home, a line each.
//! - **Central**: an atomic counter; the last to come sets a flag on which all others spin.
//! - **Dissemination** (Hensgen, Finkel and Manber 1988): in step `k` thread `i` sets a flag of thread `i +
//!   2^k` and spins on its own.
//! - **Tree** (after Mellor-Crummey and Scott 1991): a binary tree; children set flags of their parent, and
//!   parents wake their children.

use base::{Addr, Op, Rmw};
use machine::OpSource;
use topology::spec::MachineSpec;
use traffic::TraceError;

use super::Meet;

/// How threads make a barrier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Algorithm {
    /// A counter and a flag.
    Central,
    /// All to all in a logarithm of steps.
    Dissemination,
    /// Up a binary tree and down again.
    Tree,
}

/// A step of a round.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Counts the thread; the last one has the next step set its flag, others spin on it.
    Count(Addr),
    /// Sets a flag to the number of the round.
    Set(Addr),
    /// Waits until a flag has come to the number of the round.
    Spin(Addr),
}

/// A thread that goes from barrier to barrier.
pub(super) struct Thread {
    meet: Meet,
    script: Vec<Step>,
    /// The step that it is at, and whether it has asked there.
    at: usize,
    asked: bool,
    /// It came last to the counter.
    last: bool,
    /// Operations given, the number of the one whose word is awaited, and the word.
    given: u64,
    awaited: u64,
    seen: u64,
}

/// Bytes of a flag's line.
const LINE: u64 = 64;

impl Thread {
    pub(super) fn new(algorithm: Algorithm, thread: u32, meet: Meet, spec: &MachineSpec) -> Self {
        let own = spec.accelerator.home.interleave_bytes;
        let lines = (own / LINE).max(1);
        let all = spec.fabric.node_ports.len() as u64;
        // The `k`th line at the thread's own node.
        let flag = |thread: u32, k: u64| {
            Addr(u64::from(thread) * own + k / lines * all * own + k % lines * LINE)
        };
        let n = meet.nodes;
        let script = match algorithm {
            Algorithm::Central => vec![Step::Count(flag(0, 0)), Step::Spin(flag(0, 1))],
            Algorithm::Dissemination => (0..n.next_power_of_two().trailing_zeros())
                .flat_map(|k| {
                    let to = (thread + (1 << k)) % n;
                    [Step::Set(flag(to, u64::from(k))), Step::Spin(flag(thread, u64::from(k)))]
                })
                .collect(),
            Algorithm::Tree => {
                let children = [2 * thread + 1, 2 * thread + 2].into_iter().filter(|c| *c < n);
                let place = |child: u32| u64::from((child + 1) % 2);
                let gather = children.clone().map(|c| Step::Spin(flag(thread, place(c))));
                let wait = (thread > 0).then(|| {
                    let parent = (thread - 1) / 2;
                    [Step::Set(flag(parent, place(thread))), Step::Spin(flag(thread, 2))]
                });
                let wake = children.clone().map(|c| Step::Set(flag(c, 2)));
                gather.chain(wait.into_iter().flatten()).chain(wake).collect()
            }
        };
        let at = script.len();
        Self { meet, script, at, asked: false, last: false, given: 0, awaited: 0, seen: 0 }
    }

    /// Asks for a word, on whose value the next operations depend.
    fn ask(&mut self, op: Op, behind: Option<Op>, batch: &mut Vec<Op>) {
        batch.push(op);
        batch.extend(behind);
        self.awaited = self.given + 1;
        self.given += 1 + u64::from(behind.is_some());
        self.asked = true;
    }

    /// Takes the step at hand as far as it goes without a word that is not there. `true`: it is done.
    fn step(&mut self, batch: &mut Vec<Op>) -> bool {
        let round = self.meet.begun;
        match self.script[self.at] {
            Step::Set(addr) => {
                batch.push(Op::Release { addr, size: 8, value: Some(round) });
                self.given += 1;
                true
            }
            Step::Count(addr) if !self.asked => {
                let add = Op::Atomic { addr, size: 8, rmw: Rmw::Add(1) };
                self.ask(add, Some(Op::Fence), batch);
                false
            }
            Step::Count(_) => {
                self.last = self.seen + 1 == round * u64::from(self.meet.nodes);
                true
            }
            Step::Spin(addr) if self.last => {
                batch.push(Op::Release { addr, size: 8, value: Some(round) });
                self.given += 1;
                self.last = false;
                true
            }
            Step::Spin(_) if self.asked && self.seen >= round => true,
            Step::Spin(addr) => {
                self.ask(Op::Acquire { addr, size: 8, sc: false }, None, batch);
                false
            }
        }
    }
}

impl OpSource for Thread {
    fn refill(&mut self, batch: &mut Vec<Op>) -> Result<(), TraceError> {
        loop {
            if self.at == self.script.len() {
                // What a round has set is on its way before the next round is begun.
                if !batch.is_empty() || !self.meet.next() {
                    return Ok(());
                }
                self.at = 0;
            }
            while self.at < self.script.len() {
                if !self.step(batch) {
                    return Ok(());
                }
                self.asked = false;
                self.at += 1;
            }
            if self.script.is_empty() {
                batch.push(Op::Fence);
                self.given += 1;
                return Ok(());
            }
        }
    }

    fn observes(&self) -> bool {
        true
    }

    fn observe(&mut self, number: u64, word: u64) {
        if number == self.awaited {
            self.seen = word;
        }
    }
}
