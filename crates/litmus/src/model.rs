//! The memory models that a test can be judged by.

use std::fmt;
use std::str::FromStr;

use crate::program::Arch;

/// A memory model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Model {
    /// Sequential consistency.
    Sc,
    /// Total store order, as x86: loads may overtake the thread's own earlier stores.
    Tso,
    /// Every load is an acquire and every store a release, without order between a release and a
    /// later acquire (RCpc), and without multi-copy atomicity.
    Ra,
    /// Accesses are ordered by what the test says only: acquires, releases, fences, dependencies, as
    /// on Arm, with multi-copy atomicity.
    Relaxed,
}

impl Model {
    /// Every model, strongest first.
    pub const ALL: [Self; 4] = [Self::Sc, Self::Tso, Self::Ra, Self::Relaxed];

    /// The model that an architecture's tests are written for.
    pub const fn of(arch: Arch) -> Self {
        match arch {
            Arch::X86 => Self::Tso,
            Arch::AArch64 | Arch::C => Self::Relaxed,
        }
    }

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sc => "sc",
            Self::Tso => "tso",
            Self::Ra => "ra",
            Self::Relaxed => "relaxed",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|m| m.name().eq_ignore_ascii_case(text));
        named.ok_or_else(|| format!("no model `{text}`; use sc, tso, ra or relaxed"))
    }
}
