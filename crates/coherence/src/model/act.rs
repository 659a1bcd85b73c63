//! What a system can be and what can be done to it.

use core::fmt;

use base::{Line, NodeIdx};

use super::networks::Networks;
use super::packages::Packages;
use super::schedule::write_flight;
use super::world::World;
use crate::directory::Directory;
use crate::message::Message;
use crate::state::Effect;
use crate::value::ByteWrite;

/// Caches that a system can have.
pub const CACHES_MAX: u32 = 6;
/// Lines that a system can have.
pub const LINES_MAX: u32 = 4;
/// Values that a line can have.
pub const VALUES_MAX: u8 = 6;
/// Cells, caches times lines, that a system can have.
const CELLS_MAX: u32 = 16;

/// Where the homes of the lines are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Homes {
    /// At a node of their own that has no cache.
    #[default]
    Apart,
    /// At the node of this cache.
    At(u32),
    /// At the caches' nodes by turns: line `l` at node `l` modulo the caches.
    Interleaved,
}

/// How large a system is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Shape {
    /// Caches, at most [`CACHES_MAX`]; they are nodes 0 and up.
    pub caches: u32,
    /// The packages that the caches are in; none for a directory of one level.
    pub packages: Option<Packages>,
    /// Lines, at most [`LINES_MAX`].
    pub lines: u32,
    /// Values that a line can have, at most [`VALUES_MAX`]; it starts as 0.
    pub values: u8,
    /// Lines of one cache that may have a transaction under way at a time.
    pub mshrs: u32,
    /// Where the homes are.
    pub homes: Homes,
    /// Lines that the directory of one home can track at once; none for any number. A request that
    /// needs an entry while none is free waits for home to recall some line: which one is left open.
    pub directory_lines: Option<u32>,
    /// The networks between the nodes; none for one that holds any number of messages and keeps no
    /// order.
    pub networks: Option<Networks>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            caches: 2,
            packages: None,
            lines: 1,
            values: 2,
            mshrs: 2,
            homes: Homes::Apart,
            directory_lines: None,
            networks: None,
        }
    }
}

impl Shape {
    /// The home of `line`.
    #[inline]
    pub fn home_of(&self, line: u32) -> NodeIdx {
        match self.homes {
            Homes::Apart => NodeIdx(self.caches + self.packages()),
            Homes::At(node) => NodeIdx(node),
            Homes::Interleaved => NodeIdx(line % self.caches),
        }
    }

    /// Says what is out of bounds, if anything is.
    ///
    /// # Errors
    /// A sentence that names the bound.
    pub fn check(&self) -> Result<(), String> {
        let within = |what: &str, n: u32, most: u32| {
            (1..=most)
                .contains(&n)
                .then_some(())
                .ok_or(format!("{n} {what}: 1 to {most} can be searched"))
        };
        within("caches", self.caches, CACHES_MAX)?;
        within("lines", self.lines, LINES_MAX)?;
        within("values", u32::from(self.values), u32::from(VALUES_MAX))?;
        within("cells (caches times lines)", self.caches * self.lines, CELLS_MAX)?;
        within("MSHRs", self.mshrs, LINES_MAX)?;
        if let Some(entries) = self.directory_lines {
            within("directory lines", entries, LINES_MAX)?;
        }
        if let Some(packages) = &self.packages {
            self.check_packages(packages)?;
        }
        let Homes::At(node) = self.homes else { return Ok(()) };
        within("as the home's node", node + 1, self.caches + 1)
    }

    fn check_packages(&self, packages: &Packages) -> Result<(), String> {
        let Packages { count, inner } = *packages;
        if count == 0 || !self.caches.is_multiple_of(count) {
            return Err(format!("{} caches are not {count} packages of one size", self.caches));
        }
        if self.caches + count > CACHES_MAX {
            return Err(format!(
                "{} caches and {count} homes of packages: {CACHES_MAX} together can be searched",
                self.caches
            ));
        }
        if self.homes != Homes::Apart {
            return Err("homes are apart where there are packages".to_owned());
        }
        Directory { listing: inner, nodes: self.package_caches() }.check()
    }

    pub(crate) const fn cells(&self) -> usize {
        (self.caches * self.lines) as usize
    }

    /// Words before the messages.
    #[inline]
    pub(crate) fn fixed(&self) -> usize {
        self.package_at(self.packages(), 0)
    }

    pub(crate) const fn cell_at(&self, cache: u32, line: u32) -> usize {
        (cache * self.lines + line) as usize
    }
}

/// A message under way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flight {
    /// The line it is about.
    pub line: u32,
    /// What it says.
    pub msg: Message<u8>,
}

impl fmt::Display for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_flight(f, self, None)
    }
}

/// What can be done to a system.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Act {
    /// A core reads.
    Load {
        /// Whose core.
        cache: NodeIdx,
        /// Which line.
        line: u32,
    },
    /// A core writes, or performs a near atomic.
    Store {
        /// Whose core.
        cache: NodeIdx,
        /// Which line.
        line: u32,
        /// What it writes.
        write: ByteWrite,
    },
    /// A core asks for a far atomic.
    Far {
        /// Whose core.
        cache: NodeIdx,
        /// Which line.
        line: u32,
        /// What home is to do.
        write: ByteWrite,
    },
    /// A cache gives up a copy and tells home.
    Evict {
        /// Which cache.
        cache: NodeIdx,
        /// Which line.
        line: u32,
    },
    /// A cache drops a shared copy without telling.
    Drop {
        /// Which cache.
        cache: NodeIdx,
        /// Which line.
        line: u32,
    },
    /// Home takes every copy back.
    Recall {
        /// Which line.
        line: u32,
    },
    /// A package's home takes back every copy of its caches.
    PackageRecall {
        /// Which package.
        package: u32,
        /// Which line.
        line: u32,
    },
    /// A package gives up a copy that none of its caches has, and tells home.
    PackageEvict {
        /// Which package.
        package: u32,
        /// Which line.
        line: u32,
    },
    /// A package drops a shared copy that none of its caches has, without telling.
    PackageDrop {
        /// Which package.
        package: u32,
        /// Which line.
        line: u32,
    },
    /// A message arrives.
    Deliver(Flight),
}

/// What came of an act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::large_enum_variant, reason = "worlds are copied, never allocated")]
pub enum Taken {
    /// The system went on, and this access was performed, at the cache that the act names or
    /// delivers to.
    Next(World, Effect<u8>),
    /// It has to wait, or cannot be done here: the message is not under way, the line is not held,
    /// no MSHR is free.
    Waits,
}

/// A line's number as the machine has it.
impl From<Flight> for Line {
    fn from(flight: Flight) -> Self {
        Self(u64::from(flight.line))
    }
}
