//! The hunt for seeded faults: the smallest system in which the search finds each.

use super::packages::Packages;
use super::search::search;
use super::workload::{CounterExample, Evictions, Limits, Model, Progress};
use crate::config::{Config, Protocol};
use crate::directory::{Directory, Listing, Overflow};
use crate::mutant::Mutant;

/// A system that faults are hunted in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Arena {
    /// Caches.
    pub caches: u32,
    /// Packages that they are in; 0 for a directory of one level.
    pub packages: u32,
    /// Lines.
    pub lines: u32,
    /// Whether cores ask for far atomics.
    pub far: bool,
    /// What caches give up.
    pub evictions: Evictions,
    /// How homes list sharers.
    pub listing: Listing,
    /// What caches do for each other.
    pub protocol: Protocol,
    /// Lines that the directory can track; homes recall lines to make room, and only then.
    pub directory_lines: Option<u32>,
}

impl Arena {
    /// From small to large; with what options a fault needs to have a row to show in.
    pub const ALL: [Self; 23] = [
        Self::new(1, false, Evictions::Notify),
        Self::new(2, false, Evictions::Notify),
        Self::new(2, false, Evictions::Either),
        Self::new(2, true, Evictions::Notify),
        Self::new(2, true, Evictions::Either),
        Self::new(3, false, Evictions::Notify),
        Self::new(3, false, Evictions::Either),
        Self::new(3, true, Evictions::Either),
        Self::new(3, false, Evictions::Notify).with(Listing::Coarse { region: 2 }),
        Self::new(3, false, Evictions::Either).with(Listing::Coarse { region: 2 }),
        Self::new(4, true, Evictions::Either),
        Self::new(2, false, Evictions::Notify).in_packages(1),
        Self::new(2, false, Evictions::Notify).in_packages(2),
        Self::new(2, true, Evictions::Either).in_packages(2),
        Self::new(2, false, Evictions::Notify).under(Protocol::OWNED),
        Self::new(2, true, Evictions::Either).under(Protocol::OWNED),
        Self::new(3, false, Evictions::Notify).under(Protocol::OWNED),
        Self::new(3, true, Evictions::Either).under(Protocol::OWNED),
        Self::new(2, false, Evictions::Either).under(Protocol::DIRECT),
        Self::new(3, false, Evictions::Notify).under(Protocol::DIRECT),
        Self::new(3, true, Evictions::Either).under(Protocol::DIRECT),
        Self::new(3, false, Evictions::Notify)
            .under(Protocol::DIRECT)
            .with(Listing::Limited { pointers: 2, overflow: Overflow::Recall }),
        Self::sparse(2, 2),
    ];

    const fn new(caches: u32, far: bool, evictions: Evictions) -> Self {
        let (listing, protocol) = (Listing::FullMap, Protocol::MESI);
        Self {
            caches,
            packages: 0,
            lines: 1,
            far,
            evictions,
            listing,
            protocol,
            directory_lines: None,
        }
    }

    /// With a directory that has an entry for one line.
    const fn sparse(caches: u32, lines: u32) -> Self {
        let arena = Self::new(caches, false, Evictions::Notify);
        Self { lines, directory_lines: Some(1), ..arena }
    }

    const fn in_packages(self, packages: u32) -> Self {
        Self { packages, ..self }
    }

    const fn with(self, listing: Listing) -> Self {
        Self { listing, ..self }
    }

    const fn under(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// The model that is searched.
    pub fn model(&self, mutant: Option<Mutant>) -> Model<Option<Mutant>> {
        let nodes = if self.packages > 0 { self.packages } else { self.caches };
        let directory = Directory { listing: self.listing, nodes };
        let cfg = Config { directory, protocol: self.protocol, ..Config::default() };
        let mut model = Model::new(cfg.seeded(mutant), self.caches, self.lines);
        let inner = Listing::FullMap;
        let packages = Packages { count: self.packages, inner };
        model.shape.packages = (self.packages > 0).then_some(packages);
        model.workload.far = self.far;
        model.workload.evictions = self.evictions;
        model.workload.recalls = self.directory_lines.is_none();
        model.shape.directory_lines = self.directory_lines;
        model
    }
}

/// A fault found.
#[derive(Clone, Debug)]
pub struct Kill {
    /// The smallest system in which it can be found.
    pub arena: Arena,
    /// Worlds searched there.
    pub states: u64,
    /// How.
    pub counter_example: CounterExample,
}

/// Hunts `mutant` in each arena that has its rows, from the smallest on; none if it survives them all. `begun` is told
/// of each arena.
pub fn hunt(
    mutant: Mutant,
    threads: usize,
    begun: &dyn Fn(&Arena),
    progress: &dyn Fn(Progress),
) -> Option<Kill> {
    let limits = Limits { threads, ..Limits::default() };
    let fits = |arena: &&Arena| {
        arena.protocol.includes(mutant.protocol())
            && (arena.packages > 0) == mutant.needs_packages()
            && arena.directory_lines.is_some() == mutant.needs_recalls()
    };
    Arena::ALL.iter().filter(fits).find_map(|arena| {
        begun(arena);
        let report = search(&arena.model(Some(mutant)), &limits, progress);
        let counter_example = report.counter_example?;
        Some(Kill { arena: *arena, states: report.states, counter_example })
    })
}
