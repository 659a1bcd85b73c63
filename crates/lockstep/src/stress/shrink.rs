//! Makes a failing case smaller: leaves something out as long as it fails in the same way.

use super::case::{Case, Knobs};
use super::judge::FailureKind;

/// Cases that one shrinking may run.
const TRIES_MAX: u32 = 3_000;

/// The smallest case found that `fails` in the way of `kind`, and how many were tried.
pub fn shrink(
    case: &Case,
    kind: FailureKind,
    fails: impl Fn(&Case) -> Option<FailureKind>,
) -> (Case, u32) {
    let mut shrinker = Shrinker { best: case.clone(), kind, fails, tries: 0 };
    loop {
        let before = shrinker.best.clone();
        shrinker.phases();
        shrinker.threads();
        shrinker.operations();
        shrinker.knobs();
        if shrinker.best == before || shrinker.tries >= TRIES_MAX {
            return (shrinker.best, shrinker.tries);
        }
    }
}

struct Shrinker<F> {
    best: Case,
    kind: FailureKind,
    fails: F,
    tries: u32,
}

impl<F: Fn(&Case) -> Option<FailureKind>> Shrinker<F> {
    /// Takes the case if it fails in the same way.
    fn offer(&mut self, case: Case) -> bool {
        if self.tries >= TRIES_MAX || case == self.best {
            return false;
        }
        self.tries += 1;
        let same = (self.fails)(&case) == Some(self.kind);
        if same {
            self.best = case;
        }
        same
    }

    /// Without a phase, or with two of them joined.
    fn phases(&mut self) {
        let mut at = 0;
        while self.best.phases.len() > 1 && at < self.best.phases.len() {
            let mut without = self.best.clone();
            without.phases.remove(at);
            if self.offer(without) {
                continue;
            }
            if at + 1 < self.best.phases.len() {
                let mut joined = self.best.clone();
                let next = joined.phases.remove(at + 1);
                for (ops, more) in joined.phases[at].iter_mut().zip(next) {
                    ops.extend(more);
                }
                if self.offer(joined) {
                    continue;
                }
            }
            at += 1;
        }
    }

    /// Without what a thread does; without the thread.
    fn threads(&mut self) {
        let mut thread = 0;
        while thread < self.best.threads() {
            let mut gone = self.best.clone();
            let mut idle = self.best.clone();
            for (gone, idle) in gone.phases.iter_mut().zip(&mut idle.phases) {
                if thread < gone.len() {
                    gone.remove(thread);
                    idle[thread].clear();
                }
            }
            let left = self.best.threads() > 1 && self.offer(gone);
            if !left {
                self.offer(idle);
                thread += 1;
            }
        }
    }

    /// Without stretches of operations, halved until they are single ones.
    fn operations(&mut self) {
        for phase in 0..self.best.phases.len() {
            for thread in 0..self.best.phases[phase].len() {
                let mut stretch = self.best.phases[phase][thread].len();
                while stretch > 0 {
                    let mut at = 0;
                    while at < self.best.phases[phase][thread].len() {
                        let mut case = self.best.clone();
                        let ops = &mut case.phases[phase][thread];
                        ops.drain(at..(at + stretch).min(ops.len()));
                        if !self.offer(case) {
                            at += stretch;
                        }
                    }
                    stretch /= 2;
                }
            }
        }
    }

    /// With knobs that are not tight, one at a time, and on a smaller fabric.
    fn knobs(&mut self) {
        let roomy = Knobs::roomy(&self.best.knobs.topology);
        let set: [fn(&mut Knobs, &Knobs); 18] = [
            |k, r| (k.sets, k.ways) = (r.sets, r.ways),
            |k, r| k.plru = r.plru,
            |k, r| k.mshrs = r.mshrs,
            |k, r| k.silent = r.silent,
            |k, r| k.directory_lines = r.directory_lines,
            |k, r| k.buffer_flits = r.buffer_flits,
            |k, r| k.window = r.window,
            |k, r| k.order = r.order,
            |k, r| k.far = r.far,
            |k, r| k.injection = r.injection,
            |k, r| k.uncached_lines = r.uncached_lines,
            |k, r| k.protocol.owned = r.protocol.owned,
            |k, r| k.protocol.direct = r.protocol.direct,
            |k, r| k.package_lines = r.package_lines,
            |k, r| k.package_nodes = r.package_nodes,
            |k, r| k.scope_nodes = r.scope_nodes,
            |k, r| k.scoped_from = r.scoped_from,
            |k, r| k.stretch = r.stretch,
        ];
        for set in set {
            let mut case = self.best.clone();
            set(&mut case.knobs, &roomy);
            self.offer(case);
        }
        for small in ["nvl8", "fullmesh8"] {
            let mut case = self.best.clone();
            small.clone_into(&mut case.knobs.topology);
            if self.offer(case) {
                break;
            }
        }
    }
}
