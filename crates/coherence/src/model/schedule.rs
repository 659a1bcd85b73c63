//! Schedules: what was done to a system, one act a line, as text that people can read and change.
//!
//! ```text
//! lockstep-schedule 1          # the format's version
//! caches 3                     # keys of the system, in any order; those left out have defaults
//! mutant NoWbWait              # the fault seeded, if any
//! begin
//! store n0 line 0 set 1
//! deliver line 0 GetM n0 -> home for n0
//! deliver line 0 Data home -> n0 for n0 value 0
//! end
//! ```
//!
//! Messages are named by content, not by their place among those under way, so a schedule keeps
//! its sense when acts are taken out. Replay skips acts that cannot be done, then delivers what is
//! under way, and has homes recall lines where a request waits for room in a directory.

use core::fmt;

use base::NodeIdx;

use super::act::{Act, Flight, Homes, Shape, Taken};
use super::code::short;
use super::fault::{Fault, FaultKind};
use super::system::System;
use super::world::World;
use crate::config::{Config, Protocol};
use crate::directory::{Directory, Listing};
use crate::message::Gather;
use crate::mutant::Mutant;
use crate::state::Effect;
use crate::value::ByteWrite;

/// What the first line of a schedule says.
pub(crate) const HEADER: &str = "lockstep-schedule 1";

/// Acts on a system, and the system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// The system.
    pub shape: Shape,
    /// How homes list sharers.
    pub listing: Listing,
    /// What caches do for each other.
    pub protocol: Protocol,
    /// The fault seeded into its protocol.
    pub mutant: Option<Mutant>,
    /// What is done.
    pub acts: Vec<Act>,
}

/// One act of a replay.
#[derive(Clone, Debug)]
pub struct Played {
    /// What was done.
    pub act: Act,
    /// Before.
    pub before: World,
    /// After; none if the act could not be done, or broke a promise.
    pub after: Option<World>,
    /// The access that was performed.
    pub effect: Effect<u8>,
}

/// What came of a replay.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Every act that was done, the last deliveries included.
    pub played: Vec<Played>,
    /// Acts of the schedule that could not be done.
    pub skipped: usize,
    /// The first broken promise.
    pub fault: Option<Fault>,
}

impl Schedule {
    /// The system, at its start.
    pub fn system(&self) -> System<Option<Mutant>> {
        System::new(self.config(), self.shape)
    }

    pub(crate) fn config(&self) -> Config<Option<Mutant>> {
        let directory = Directory { listing: self.listing, nodes: self.shape.listed() };
        Config { directory, protocol: self.protocol, ..Config::default() }.seeded(self.mutant)
    }

    /// Does the acts to the protocol's tables, then delivers what is under way, and checks
    /// everything on the way.
    pub fn replay(&self) -> Replay {
        let mut system = self.system();
        let mut world = system.start();
        let mut replay = Replay { played: Vec::new(), skipped: 0, fault: None };
        for act in &self.acts {
            if !replay.play(&mut system, &mut world, *act) {
                replay.skipped += 1;
            }
            if replay.fault.is_some() {
                return replay;
            }
        }
        while replay.fault.is_none() {
            let flights: Vec<_> = system.flights(&world).map(Act::Deliver).collect();
            let wanted = (0..self.shape.lines).filter(|l| system.wanted_for_room(&world, *l));
            let recalls: Vec<_> = wanted.map(|line| Act::Recall { line }).collect();
            let mut acts = flights.iter().chain(&recalls);
            if !acts.any(|act| replay.play(&mut system, &mut world, *act)) {
                break;
            }
        }
        if replay.fault.is_none() && !system.is_quiescent(&world) {
            let detail = "something is under way and nothing can move";
            replay.fault = Some(Fault::new(FaultKind::Deadlock, detail));
        }
        replay
    }
}

impl Replay {
    /// Whether the act could be done.
    fn play(&mut self, system: &mut System<Option<Mutant>>, world: &mut World, act: Act) -> bool {
        let before = *world;
        let (after, effect, fault) = match system.step(world, act) {
            Ok(Taken::Waits) => return false,
            Ok(Taken::Next(next, effect)) => {
                *world = next;
                (Some(next), effect, system.check(&next).err())
            }
            Err(fault) => (None, Effect::None, Some(fault)),
        };
        self.played.push(Played { act, before, after, effect });
        self.fault = fault;
        true
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { caches, packages, lines, values, mshrs, homes, directory_lines, networks } =
            self.shape;
        writeln!(f, "{HEADER}\ncaches {caches}")?;
        if let Some(packages) = packages {
            writeln!(f, "packages {packages}")?;
        }
        writeln!(f, "lines {lines}\nvalues {values}\nmshrs {mshrs}")?;
        match homes {
            Homes::Apart => writeln!(f, "homes apart")?,
            Homes::At(node) => writeln!(f, "homes at n{node}")?,
            Homes::Interleaved => writeln!(f, "homes interleaved")?,
        }
        if let Some(networks) = networks {
            writeln!(f, "networks {networks} depth {}", networks.depth_messages)?;
        }
        writeln!(f, "directory {}", self.listing)?;
        if let Some(entries) = directory_lines {
            writeln!(f, "directory_lines {entries}")?;
        }
        if self.protocol != Protocol::MESI {
            writeln!(f, "protocol {}", self.protocol)?;
        }
        if let Some(mutant) = self.mutant {
            writeln!(f, "mutant {mutant:?}")?;
        }
        writeln!(f, "begin")?;
        for act in &self.acts {
            writeln!(f, "{}", named(act, &self.shape))?;
        }
        writeln!(f, "end")
    }
}

/// An act as a line of a schedule.
pub(crate) fn named(act: &Act, shape: &Shape) -> String {
    let write = |w: &ByteWrite| match w {
        ByteWrite::Set(v) => format!("set {v}"),
        ByteWrite::Increment(_) => "add".to_owned(),
    };
    let at =
        |verb: &str, cache: &NodeIdx, line: &u32| format!("{verb} {} line {line}", short(*cache));
    match act {
        Act::Load { cache, line } => at("load", cache, line),
        Act::Store { cache, line, write: w } => {
            format!("{} {}", at("store", cache, line), write(w))
        }
        Act::Far { cache, line, write: w } => format!("{} {}", at("far", cache, line), write(w)),
        Act::Evict { cache, line } => at("evict", cache, line),
        Act::Drop { cache, line } => at("drop", cache, line),
        Act::Recall { line } => format!("recall line {line}"),
        Act::PackageRecall { package, line } => format!("recall p{package} line {line}"),
        Act::PackageEvict { package, line } => format!("evict p{package} line {line}"),
        Act::PackageDrop { package, line } => format!("drop p{package} line {line}"),
        Act::Deliver(flight) => {
            let mut text = format!("deliver line {} ", flight.line);
            let _ = write_flight(&mut text, flight, Some(shape));
            text
        }
    }
}

/// Writes what is under way: what, from whom, to whom, for whom, and what it carries. With a shape
/// in which homes are apart, theirs is called `home`.
pub(crate) fn write_flight(
    to: &mut dyn fmt::Write,
    flight: &Flight,
    shape: Option<&Shape>,
) -> fmt::Result {
    let Flight { line, msg } = flight;
    let apart = shape.filter(|s| s.homes == Homes::Apart).map(|s| s.home_of(*line));
    let name = |n: NodeIdx| match shape {
        _ if apart == Some(n) => "home".to_owned(),
        Some(shape) => shape.name_of(n),
        None => short(n),
    };
    let (src, dst, requester) = (name(msg.src), name(msg.dst), name(msg.requester));
    write!(to, "{:?} {src} -> {dst} for {requester}", msg.kind)?;
    if msg.gather == Gather::Home {
        write!(to, " gather home")?;
    }
    if msg.acks > 0 {
        write!(to, " acks {}", msg.acks)?;
    }
    if let Some(v) = msg.data {
        write!(to, " value {v}")?;
    }
    match msg.write {
        Some(ByteWrite::Set(v)) => write!(to, " set {v}"),
        Some(ByteWrite::Increment(_)) => write!(to, " add"),
        None => Ok(()),
    }
}
