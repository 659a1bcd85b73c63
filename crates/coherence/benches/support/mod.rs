//! Caches and homes under random accesses to a few contended lines, without a network between
//! them: messages are delivered in the order in which they were sent.

use std::collections::VecDeque;

use base::rng::draw;
use base::{Line, LineData, NodeIdx, Rmw};
use coherence::{
    Access, CacheCtrl, CacheGeometry, Checker, Config, HomeCtrl, LineWrite, Outbox, Outcome,
    Outgoing, Replacement, Request,
};

const NODES: u32 = 16;
/// Lines accessed: half of what the caches hold, so that there are evictions as well.
const LINES: u64 = 2048;
/// Accesses are started while fewer messages than this are under way.
const UNDER_WAY: usize = 64;

/// A coherent system in which time does not pass.
#[derive(Clone)]
pub(crate) struct Protocol {
    caches: Vec<CacheCtrl<LineData, ()>>,
    homes: Vec<HomeCtrl<LineData, ()>>,
    checker: Option<Checker<LineData>>,
    out: Outbox<LineData, ()>,
    net: VecDeque<Outgoing<LineData, ()>>,
    accesses: u64,
}

fn zeros(_: Line) -> LineData {
    LineData::default()
}

impl Protocol {
    /// Empty caches; `check` looks at every access and state change.
    pub(crate) fn new(check: bool) -> Self {
        let cfg = Config::default();
        let shape =
            CacheGeometry { sets: 32, ways: 8, replacement: Replacement::TreePlru, mshrs: 16 };
        Self {
            caches: (0..NODES).map(|n| CacheCtrl::new(cfg, NodeIdx(n), &shape)).collect(),
            homes: (0..NODES).map(|n| HomeCtrl::new(cfg, NodeIdx(n), None, zeros)).collect(),
            checker: check.then(|| Checker::new(zeros)),
            out: Outbox::default(),
            net: VecDeque::new(),
            accesses: 0,
        }
    }

    /// Runs until `messages` messages more were delivered.
    ///
    /// # Panics
    /// If coherence was violated.
    pub(crate) fn run(&mut self, messages: u64) {
        for _ in 0..messages {
            while self.net.len() < UNDER_WAY {
                self.access();
            }
            self.deliver();
        }
        assert!(self.checker.as_ref().is_none_or(|c| c.violation_count() == 0));
    }

    fn access(&mut self) {
        self.accesses += 1;
        let hash = draw(1, 0, 0, self.accesses);
        let node = NodeIdx(u32::try_from(hash % u64::from(NODES)).unwrap_or(0));
        let line = Line((hash >> 8) % LINES);
        let home = NodeIdx(u32::try_from(line.0 % u64::from(NODES)).unwrap_or(0));
        let access = match (hash >> 40) % 10 {
            0..6 => Access::Load,
            6..9 => {
                let data = LineData::holding(8, hash);
                Access::Store(LineWrite::Bytes { mask: 0xff00, data })
            }
            _ => Access::Atomic(LineWrite::Rmw { offset: 16, size: 8, rmw: Rmw::Add(1) }),
        };
        let request = Request { line, home, access, token: 0, tag: () };
        let outcome = self.caches[node.at()].access(&request, &mut self.out);
        self.collect(node);
        if let (Outcome::Hit(effect), Some(checker)) = (outcome, &mut self.checker) {
            checker.effect(node, line, &effect);
        }
    }

    fn deliver(&mut self) {
        let Some(m) = self.net.pop_front() else { return };
        let at = m.msg.dst.at();
        if m.msg.to_home() {
            self.homes[at].receive(m.line, &m.msg, (), &mut self.out);
        } else {
            self.caches[at].receive(m.line, &m.msg, (), &mut self.out);
        }
        self.collect(m.msg.dst);
    }

    fn collect(&mut self, node: NodeIdx) {
        if let Some(checker) = &mut self.checker {
            for change in &self.out.changes {
                checker.change(node, change);
            }
            for done in &self.out.completions {
                checker.effect(node, done.line, &done.effect);
            }
        }
        self.net.extend(self.out.messages.drain(..));
        self.out.clear();
    }
}
