//! What can be wrong with a schedule.

use core::fmt;

use super::book::Kind;

/// A transfer that cannot be as it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// Its number, from 0.
    pub transfer: usize,
    /// What is wrong with it.
    pub trouble: Trouble,
}

/// What is wrong with a transfer.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Trouble {
    /// Another transfer is there.
    Clash {
        /// What both would occupy.
        what: Kind,
        /// The link that it is, or that leads to it.
        link: String,
        /// The first cycle in which both would.
        cycle: u64,
        /// The other transfer, of a lower number.
        other: usize,
        /// By how many cycles counters may be off.
        error: u64,
        /// Cycles between flits of the link.
        interval: f64,
    },
    /// It is released before counters and what it comes after allow.
    TooEarly {
        /// Its release.
        release: u64,
        /// The first cycle that is late enough.
        allowed: u64,
        /// By how many cycles counters may be off.
        error: u64,
        /// The transfer that it comes after, and the cycle of that one's arrival.
        after: Option<(usize, u64)>,
    },
    /// It does not say when it is released.
    NoRelease,
    /// Its way does not lead to its destination.
    NoWay,
    /// It is longer than a buffer that must hold all of it.
    Buffer {
        /// Its length.
        flits: u32,
        /// The buffer's.
        depth: usize,
    },
    /// Routers have something that has no closed form.
    Routers(&'static str),
    /// Links of this class are framed.
    Framed(String),
    /// The machine has no network on one clock.
    Machine(String),
}

impl Fault {
    pub(super) const fn new(transfer: usize, trouble: Trouble) -> Self {
        Self { transfer, trouble }
    }

    /// The field of the transfer that is wrong; `None` where it is the machine that is.
    pub const fn field(&self) -> Option<&'static str> {
        match &self.trouble {
            Trouble::Clash { .. } | Trouble::TooEarly { .. } | Trouble::NoRelease => {
                Some("release")
            }
            Trouble::NoWay => Some("path"),
            Trouble::Buffer { .. } => Some("flits"),
            Trouble::Routers(_) | Trouble::Framed(_) | Trouble::Machine(_) => None,
        }
    }

    /// What to do about it.
    pub fn mend(&self) -> String {
        match &self.trouble {
            Trouble::Clash { .. } => "release it later, send it by another path, or have a \
                                      schedule planned (`--plan`)"
                .to_owned(),
            Trouble::TooEarly { allowed, .. } => format!("release it at {allowed} or later"),
            Trouble::NoRelease => {
                "add `release: ...`, or have releases planned (`--plan`)".to_owned()
            }
            Trouble::NoWay => "list the routers from the source's to the destination's".to_owned(),
            Trouble::Buffer { .. } => "send several shorter ones".to_owned(),
            Trouble::Routers(_) => "schedule on routers without them".to_owned(),
            Trouble::Framed(_) => "describe these links as `Serial` or `OnDie`".to_owned(),
            Trouble::Machine(_) => "choose a machine whose routers have one clock".to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let i = self.transfer;
        match &self.trouble {
            Trouble::Clash { what, link, cycle, other, error, interval } => {
                write!(f, "transfers {other} and {i} ")?;
                match what {
                    Kind::Channel if *interval > 1.0 => write!(
                        f,
                        "are more than the link {link} can carry at cycle {cycle}: it takes a flit \
                         every {interval:.3} cycles"
                    )?,
                    Kind::Channel => write!(f, "are both on the link {link} at cycle {cycle}")?,
                    Kind::Input => write!(
                        f,
                        "both need the crossbar input behind the link {link} at cycle {cycle}"
                    )?,
                    Kind::Vc => write!(
                        f,
                        "need more virtual channels of the link {link} than there are at cycle {cycle}"
                    )?,
                }
                if *error > 0 {
                    write!(f, ", with counters off by up to {error}")?;
                }
                Ok(())
            }
            Trouble::TooEarly { release, allowed, error, after } => {
                write!(f, "transfer {i} is released at {release}, before {allowed}: ")?;
                match after {
                    Some((before, at)) => {
                        write!(f, "transfer {before}, which it comes after, arrives at {at}")?;
                        if *error > 0 {
                            write!(f, ", and both counters may be off by {error}")?;
                        }
                        Ok(())
                    }
                    None => write!(
                        f,
                        "its counter may be ahead by {error}, so it would leave before cycle 0"
                    ),
                }
            }
            Trouble::NoRelease => write!(f, "transfer {i} has no release"),
            Trouble::NoWay => write!(f, "the way of transfer {i} does not lead to its destination"),
            Trouble::Buffer { flits, depth } => write!(
                f,
                "transfer {i} of {flits} flits is longer than a buffer of {depth}, which cut-through \
                 routers need room in for all of it"
            ),
            Trouble::Routers(what) => write!(
                f,
                "routers with {what} have no timing that a static schedule could be proved by"
            ),
            Trouble::Framed(class) => write!(
                f,
                "links of class `{class}` have frames: when a flit has its place in one depends on what else \
                 they carry, and on errors, so a static schedule cannot be proved"
            ),
            Trouble::Machine(why) => write!(f, "{why}"),
        }
    }
}

impl core::error::Error for Fault {}
