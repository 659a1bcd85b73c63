//! A schedule on the machine's controllers: [`CacheCtrl`] and [`HomeCtrl`] do what the schedule
//! says, and the machine's own checks look on.
//!
//! An act is done where the controllers can do it: messages are found by content, as in the tables.
//! A cache evicts when it needs the room, so an eviction is brought about by a load of a line that
//! nobody else knows and that maps to the same set; its own messages are delivered at once.
//! Directories have room for all lines: a bounded one is recalled from where the schedule says so.
//! Controllers keep accesses that must wait, and go on with them by themselves; so after a far atomic
//! on a line that had to be put back first, they are ahead of the tables.

use base::{Line, NodeIdx};

use super::act::{Act, Homes};
use super::fault::{Fault, FaultKind};
use super::schedule::Schedule;
use crate::array::{CacheGeometry, Replacement};
use crate::audit::{AuditFault, audit};
use crate::cache_ctrl::{Access, CacheCtrl, Outcome, Request};
use crate::checker::{Checker, ViolationKind};
use crate::config::{Atomics, Config, Mutant, SharedEviction};
use crate::home_ctrl::HomeCtrl;
use crate::outbox::{Outbox, Outgoing};
use crate::state::CacheState;

/// Sets of the caches: the lines of a schedule have one each.
const SETS: u32 = super::act::LINES_MAX;
/// Deliveries after which the controllers are taken to go on for ever.
const DELIVERIES_MAX: usize = 10_000;

/// What came of a schedule on the controllers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControllerReplay {
    /// Acts that could not be done.
    pub skipped: usize,
    /// The first thing that the checks found, at the end of the audit at the latest.
    pub fault: Option<Fault>,
}

impl Schedule {
    /// Does the acts to the machine's controllers, then delivers what is under way, and has
    /// everything checked as a machine does.
    ///
    /// # Panics
    /// As the controllers do, where the protocol does not foresee what happens to it: with a fault
    /// seeded, that is one way to find it.
    pub fn replay_in_controllers(&self) -> ControllerReplay {
        let mut system = Controllers::new(self);
        let skipped = self.acts.iter().filter(|act| !system.act(act)).count();
        let drained = system.drain();
        let fault = system.fault().or_else(|| {
            let detail = "messages go on for ever";
            (!drained).then(|| Fault::new(FaultKind::Livelock, detail))
        });
        ControllerReplay { skipped, fault }
    }
}

struct Controllers {
    caches: Vec<CacheCtrl<u8, (), Option<Mutant>>>,
    homes: Vec<HomeCtrl<u8, (), Option<Mutant>>>,
    /// The first node with a home.
    first_home: u32,
    schedule: Schedule,
    checker: Checker<u8>,
    out: Outbox<u8, ()>,
    net: Vec<Outgoing<u8, ()>>,
}

impl Controllers {
    fn new(schedule: &Schedule) -> Self {
        let drops = schedule.acts.iter().any(|a| matches!(a, Act::Drop { .. }));
        let shared_eviction = if drops { SharedEviction::Silent } else { SharedEviction::Notify };
        let cfg = Config { atomics: Atomics::Far, shared_eviction, ..schedule.config() };
        let caches = schedule.shape.caches;
        let shape = CacheGeometry { sets: SETS, ways: 1, replacement: Replacement::Lru, mshrs: 16 };
        let homes = match schedule.shape.homes {
            Homes::Apart => caches..caches + 1,
            Homes::At(node) => node..node + 1,
            Homes::Interleaved => 0..caches,
        };
        Self {
            caches: (0..caches).map(|n| CacheCtrl::new(cfg, NodeIdx(n), &shape)).collect(),
            first_home: homes.start,
            homes: homes.map(|n| HomeCtrl::new(cfg, NodeIdx(n), None, |_| 0)).collect(),
            schedule: schedule.clone(),
            checker: Checker::new(|_| 0),
            out: Outbox::default(),
            net: Vec::new(),
        }
    }

    /// Whether the act could be done.
    fn act(&mut self, act: &Act) -> bool {
        match *act {
            Act::Load { cache, line } => self.access(cache, line, Access::Load),
            Act::Store { cache, line, write } => self.access(cache, line, Access::Store(write)),
            Act::Far { cache, line, write } => self.access(cache, line, Access::Atomic(write)),
            Act::Evict { cache, line } | Act::Drop { cache, line } => self.evict(cache, line),
            Act::Recall { line } => {
                let home = self.schedule.shape.home_of(line);
                let at = self.home_at(home);
                let done = self.homes[at].recall(Line(u64::from(line)), (), &mut self.out);
                self.collect(home);
                done
            }
            // Packages' homes are not among these controllers.
            Act::PackageRecall { .. } | Act::PackageEvict { .. } | Act::PackageDrop { .. } => false,
            Act::Deliver(flight) => {
                let line = Line::from(flight);
                let at = self.net.iter().position(|m| m.line == line && m.msg == flight.msg);
                at.is_some_and(|at| {
                    self.deliver(at);
                    true
                })
            }
        }
    }

    /// An access, as the tables know it: to a line without a transaction under way.
    fn access(&mut self, cache: NodeIdx, line: u32, access: Access<u8>) -> bool {
        let known = Line(u64::from(line));
        self.caches[cache.at()].look_up(known).0.is_stable() && self.ask(cache, known, access)
    }

    fn evict(&mut self, cache: NodeIdx, line: u32) -> bool {
        let (state, _) = self.caches[cache.at()].look_up(Line(u64::from(line)));
        if state == CacheState::I || !state.is_stable() {
            return false;
        }
        let stranger = u64::from(line) + u64::from(SETS) * (1 + u64::from(cache.0));
        self.ask(cache, Line(stranger), Access::Load)
    }

    fn ask(&mut self, cache: NodeIdx, line: Line, access: Access<u8>) -> bool {
        let of_schedule = u32::try_from(line.0 % u64::from(SETS)).unwrap_or(0);
        let home = self.schedule.shape.home_of(of_schedule);
        let request = Request { line, home, access, token: 0, tag: () };
        let outcome = self.caches[cache.at()].access(&request, &mut self.out);
        self.collect(cache);
        if let Outcome::Hit(effect) = outcome {
            self.checker.effect(cache, line, &effect);
        }
        self.settle_strangers();
        !matches!(outcome, Outcome::Retry(_))
    }

    /// Delivers what is about lines that the schedule does not know.
    fn settle_strangers(&mut self) {
        let of_schedule = u64::from(self.schedule.shape.lines);
        while let Some(at) = self.net.iter().position(|m| m.line.0 >= of_schedule) {
            self.deliver(at);
        }
    }

    fn deliver(&mut self, at: usize) {
        let m = self.net.remove(at);
        if m.msg.to_home() {
            let home = self.home_at(m.msg.dst);
            self.homes[home].receive(m.line, &m.msg, (), &mut self.out);
        } else {
            self.caches[m.msg.dst.at()].receive(m.line, &m.msg, (), &mut self.out);
        }
        self.collect(m.msg.dst);
    }

    /// Hands the outbox on: state changes and accesses to the checker, messages to the network.
    fn collect(&mut self, node: NodeIdx) {
        for change in &self.out.changes {
            self.checker.change(node, change);
        }
        for done in &self.out.completions {
            self.checker.effect(node, done.line, &done.effect);
        }
        self.net.append(&mut self.out.messages);
        self.out.clear();
    }

    /// Delivers everything; false if that does not end.
    fn drain(&mut self) -> bool {
        for _ in 0..DELIVERIES_MAX {
            if self.net.is_empty() {
                return true;
            }
            self.deliver(0);
        }
        false
    }

    /// What the checker and the audit say.
    fn fault(&self) -> Option<Fault> {
        if let Some(first) = self.checker.violations().first() {
            let kind = match first.kind {
                ViolationKind::StaleLoad => FaultKind::StaleLoad,
                ViolationKind::StaleStore => FaultKind::StaleStore,
                ViolationKind::WriterAndOthers => FaultKind::WriterAndOthers,
            };
            return Some(Fault::new(kind, first.to_string()));
        }
        let caches: Vec<_> = self.caches.iter().collect();
        let homes: Vec<_> = self.homes.iter().collect();
        let first = audit(&caches, &homes, &self.checker).into_iter().next()?;
        let kind = match first.fault {
            AuditFault::CacheBusy | AuditFault::HomeBusy => FaultKind::Deadlock,
            AuditFault::UnknownCopy => FaultKind::UnknownCopy,
            AuditFault::OwnerWithoutCopy => FaultKind::OwnerWithoutCopy,
            AuditFault::StaleCopy => FaultKind::StaleCopy,
            AuditFault::StaleMemory => FaultKind::StaleMemory,
        };
        Some(Fault::new(kind, first.to_string()))
    }

    fn home_at(&self, node: NodeIdx) -> usize {
        (node.0 - self.first_home) as usize
    }
}
