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
use super::packages::Numbers;
use super::schedule::Schedule;
use crate::array::{CacheGeometry, Replacement};
use crate::audit::{AuditFault, audit};
use crate::cache_ctrl::{Access, CacheCtrl, Outcome, Request};
use crate::checker::{Checker, ViolationKind};
use crate::config::{Atomics, Config, SharedEviction};
use crate::directory::Directory;
use crate::home_ctrl::HomeCtrl;
use crate::mutant::Mutant;
use crate::outbox::{Outbox, Outgoing};
use crate::package_audit::{Packaged, audit_packages};
use crate::package_ctrl::PackageCtrl;
use crate::package_table::{Levels, PackageHome};
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
    /// One for each package; none where there are no packages.
    packages: Vec<PackageCtrl<u8, (), Option<Mutant>>>,
    /// The first node with a home.
    first_home: u32,
    schedule: Schedule,
    checker: Checker<u8>,
    out: Outbox<u8, ()>,
    fabric: Vec<Outgoing<u8, ()>>,
    /// What is under way, by the names of the schedule.
    net: Vec<Outgoing<u8, ()>>,
}

impl Controllers {
    fn new(schedule: &Schedule) -> Self {
        let drops = schedule.acts.iter().any(|a| matches!(a, Act::Drop { .. }));
        let shared_eviction = if drops { SharedEviction::Silent } else { SharedEviction::Notify };
        let cfg = Config { atomics: Atomics::Far, shared_eviction, ..schedule.config() };
        let of = &schedule.shape;
        let shape = CacheGeometry { sets: SETS, ways: 1, replacement: Replacement::Lru, mshrs: 16 };
        let homes = match of.homes {
            Homes::Apart => of.listed()..of.listed() + 1,
            Homes::At(node) => node..node + 1,
            Homes::Interleaved => 0..of.caches,
        };
        let size = of.package_caches();
        let listing = of.packages.map_or(cfg.directory.listing, |p| p.inner);
        let inner = Config { directory: Directory { listing, nodes: size }, ..cfg };
        let levels = Levels { inner, outer: cfg };
        let package = |n| {
            let me = PackageHome { home: NodeIdx(size), package: NodeIdx(n) };
            PackageCtrl::new(levels, me, None, |_| 0)
        };
        let cache = |n| CacheCtrl::new(inner, NodeIdx(n % size), &shape);
        Self {
            caches: (0..of.caches).map(cache).collect(),
            first_home: homes.start,
            homes: homes.map(|n| HomeCtrl::new(cfg, NodeIdx(n), None, |_| 0)).collect(),
            packages: (0..of.packages()).map(package).collect(),
            schedule: schedule.clone(),
            checker: Checker::new(|_| 0),
            out: Outbox::default(),
            fabric: Vec::new(),
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
                self.collect(home, self.schedule.shape.fabric());
                done
            }
            Act::PackageRecall { package, line }
            | Act::PackageEvict { package, line }
            | Act::PackageDrop { package, line } => self.give_up(package, line),
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

    /// A package gives a line up in one go: recalls it from its caches where they have it, and puts it back.
    fn give_up(&mut self, package: u32, line: u32) -> bool {
        let Some(slice) = self.packages.get_mut(package as usize) else { return false };
        let line = Line(u64::from(line));
        let done = slice.give_up(line, (), &mut self.out, &mut self.fabric);
        self.collect_package(package);
        done
    }

    fn ask(&mut self, cache: NodeIdx, line: Line, access: Access<u8>) -> bool {
        let of_schedule = u32::try_from(line.0 % u64::from(SETS)).unwrap_or(0);
        let home = self.schedule.shape.inner_home_of(of_schedule);
        let request = Request { line, home, access, token: 0, tag: () };
        let outcome = self.caches[cache.at()].access(&request, &mut self.out);
        self.collect(cache, self.inside(cache));
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
        let (to, shape) = (m.msg.dst, self.schedule.shape);
        let package = to.0.checked_sub(shape.caches).filter(|p| *p < shape.packages());
        if let Some(package) = package {
            return self.deliver_to_package(&m, package);
        }
        if m.msg.to_home() {
            let msg = shape.fabric().seen_in(m.msg);
            let home = self.home_at(to);
            self.homes[home].receive(m.line, &msg, (), &mut self.out);
            self.collect(to, shape.fabric());
        } else {
            let numbers = self.inside(to);
            let msg = numbers.seen_in(m.msg);
            self.caches[to.at()].receive(m.line, &msg, (), &mut self.out);
            self.collect(to, numbers);
        }
    }

    fn deliver_to_package(&mut self, m: &Outgoing<u8, ()>, package: u32) {
        let shape = self.schedule.shape;
        let about = (m.line, NodeIdx(shape.packages()));
        let slice = &mut self.packages[package as usize];
        if m.msg.src.0 < shape.caches {
            let msg = shape.inside(package).seen_in(m.msg);
            slice.receive_inner(about, &msg, (), &mut self.out, &mut self.fabric);
        } else {
            let msg = shape.fabric().seen_in(m.msg);
            slice.receive_outer(about, &msg, (), &mut self.out, &mut self.fabric);
        }
        self.collect_package(package);
    }

    fn collect_package(&mut self, package: u32) {
        let shape = self.schedule.shape;
        let named = |m: Outgoing<u8, ()>| Outgoing { msg: shape.fabric().named_in(m.msg), ..m };
        self.net.extend(self.fabric.drain(..).map(named));
        self.collect(NodeIdx(shape.caches + package), shape.inside(package));
    }

    /// The numbers that a cache sees.
    fn inside(&self, cache: NodeIdx) -> Numbers {
        let shape = &self.schedule.shape;
        shape.inside(cache.0 / shape.package_caches())
    }

    /// Hands the outbox on: state changes and accesses to the checker, messages to the network.
    fn collect(&mut self, node: NodeIdx, numbers: Numbers) {
        for change in &self.out.changes {
            self.checker.change(node, change);
        }
        for done in &self.out.completions {
            self.checker.effect(node, done.line, &done.effect);
        }
        let named = |m: Outgoing<u8, ()>| Outgoing { msg: numbers.named_in(m.msg), ..m };
        self.net.extend(self.out.messages.drain(..).map(named));
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
                ViolationKind::TwoOwners => FaultKind::TwoOwners,
            };
            return Some(Fault::new(kind, first.to_string()));
        }
        let caches: Vec<_> = self.caches.iter().collect();
        let homes: Vec<_> = self.homes.iter().collect();
        let golden = |line| self.checker.golden(line);
        let first = if self.packages.is_empty() {
            audit(&caches, &homes, golden)
        } else {
            let slices = self.packages.iter().collect();
            let (size, slice_of) = (self.schedule.shape.package_caches(), &|p: u32, _| p as usize);
            audit_packages(&Packaged { caches, slices, homes, size, slice_of }, golden)
        };
        let first = first.into_iter().next()?;
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
        if self.packages.is_empty() { (node.0 - self.first_home) as usize } else { 0 }
    }
}
