//! Choices that the protocol leaves open.

use core::fmt;

use crate::directory::Directory;
use crate::mutant::{Faults, Mutant, Sound};

/// Where atomics are performed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Atomics {
    /// In the requester's cache, which takes the line exclusively.
    #[default]
    Near,
    /// At the line's home, on memory, after every copy was taken back.
    Far,
}

/// What happens when a cache gives up a shared copy for want of room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SharedEviction {
    /// Home is told (`PutS`) and takes the cache off its list.
    #[default]
    Notify,
    /// The copy is dropped without a word; home may then invalidate a cache that holds nothing.
    Silent,
}

/// What caches do for each other, and for memory, beyond MESI.
///
/// In either protocol a reader or writer of a line that another cache owns gets its data from there, in
/// three hops: requester, home, owner, requester (Culler and Singh's reply forwarding). What is open is
/// what home gets for it, and who answers for a line that nobody owns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Protocol {
    /// MOESI: an owner that has modified the line and is to serve a reader keeps the line, in O, and
    /// memory is not written. It answers for the line until a writer takes over or it gives the line up.
    pub owned: bool,
    /// Direct transfer, CHI's DCT as far as it goes: home sees no data of a read that memory need not
    /// see. A clean owner that serves a reader writes nothing back; and a line that caches share is read
    /// from the cache that read it last, in three hops, not from memory: the forwarder of MESIF, which
    /// home keeps in mind in place of a state F.
    pub direct: bool,
}

impl Protocol {
    /// Every combination, the plain one first.
    pub const ALL: [Self; 4] = [Self::MESI, Self::OWNED, Self::DIRECT, Self::BOTH];
    /// Neither.
    pub const MESI: Self = Self { owned: false, direct: false };
    /// The owned state only.
    pub const OWNED: Self = Self { owned: true, direct: false };
    /// Direct transfer only.
    pub const DIRECT: Self = Self { owned: false, direct: true };
    /// The owned state and direct transfer.
    pub const BOTH: Self = Self { owned: true, direct: true };

    /// Whether this has every option that `other` has.
    #[inline]
    pub const fn includes(self, other: Self) -> bool {
        (self.owned || !other.owned) && (self.direct || !other.direct)
    }
}

impl fmt::Display for Protocol {
    /// `MESI`, `owned`, `direct` or `owned direct`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.owned, self.direct) {
            (false, false) => "MESI",
            (true, false) => "owned",
            (false, true) => "direct",
            (true, true) => "owned direct",
        })
    }
}

/// The choices of a system.
///
/// `F` says which fault is seeded: [`Sound`], the default, never any, so that what asks for one is
/// compiled away; `Option<Mutant>` one that is chosen at run time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Config<F: Faults = Sound> {
    /// Where atomics are performed.
    pub atomics: Atomics,
    /// How shared copies are evicted.
    pub shared_eviction: SharedEviction,
    /// How homes list sharers.
    pub directory: Directory,
    /// What caches do for each other.
    pub protocol: Protocol,
    /// The fault seeded into the tables, if any.
    pub mutant: F,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            atomics: Atomics::default(),
            shared_eviction: SharedEviction::default(),
            directory: Directory::default(),
            protocol: Protocol::MESI,
            mutant: Sound,
        }
    }
}

impl Config {
    /// The same options with a fault seeded, or with none.
    #[must_use]
    pub const fn seeded(self, mutant: Option<Mutant>) -> Config<Option<Mutant>> {
        Config {
            atomics: self.atomics,
            shared_eviction: self.shared_eviction,
            directory: self.directory,
            protocol: self.protocol,
            mutant,
        }
    }
}

impl<F: Faults> Config<F> {
    /// Whether `mutant` is seeded.
    #[inline]
    pub(crate) fn has(self, mutant: Mutant) -> bool {
        self.mutant.has(mutant)
    }
}
