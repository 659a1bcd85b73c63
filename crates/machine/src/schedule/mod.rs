//! Static schedules: packets that are released at planned cycles and never meet.
//!
//! ```text
//!   Transfer ──▶ way ──▶ Course: every flit's cycle in every channel and crossbar ──▶ Book ──▶ Schedule
//!                          stage delays, link latencies, credits                       └─▶ Fault
//!   Schedule ──▶ run: the cycle-accurate network, each port of a node releasing by its counter
//! ```
//!
//! A packet that nothing stands in the way of moves by a closed form of its length, the routers' stage
//! delays, and the links' latencies, rates and buffers. So what it occupies is known beforehand:
//! a channel while a flit is put on it, the crossbar's input while a flit is switched, and a virtual
//! channel from the cycle in which its head asks for it until the next packet would not notice. A
//! schedule in which no two packets occupy the same is free of contention, and every packet then arrives
//! at the cycle that was worked out for it alone. Where counters may be off, all is occupied for as
//! much longer, before and after.
//!
//! The same book serves proof and plan: packets are entered in the order of their list, each at its release, or
//! at the first cycle at which nothing it would occupy is taken. A packet's virtual channels are the first
//! that are free, and it is told to take no others.
//!
//! Not here: files, and what schedules are good for.

mod book;
mod collective;
mod copies;
mod course;
mod dynamic;
mod fault;
mod run;
mod spread;
#[cfg(test)]
mod tests;
mod way;

use base::{LinkIdx, NodeIdx, PortIdx};
use topology::schedule::Transfer;
use topology::spec::MachineSpec;

pub use book::Kind;
pub use collective::{Collective, CollectiveError};
pub use copies::copies;
pub use dynamic::{Dynamic, dynamic};
pub use fault::{Fault, Trouble};
pub use run::{Losses, Outcome, RunTrouble, execute};
pub use spread::{Repeats, Spread};

use book::{Book, Clash};
use course::{Claims, Course, Ground};

/// A channel that a packet goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// The link.
    pub link: LinkIdx,
    /// The port by which it leaves its node or router.
    pub port: PortIdx,
    /// The virtual channels that it may take: one, in a schedule without faults.
    pub vcs: u64,
}

/// A packet in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What was asked for; with its release.
    pub transfer: Transfer,
    /// The cycle in which its head leaves its source.
    pub release: u64,
    /// The cycle in which its tail arrives.
    pub arrival: u64,
    /// Its way.
    pub hops: Vec<Hop>,
}

impl Entry {
    /// Cycles from its head's leaving to its tail's arrival.
    pub const fn latency(&self) -> u64 {
        self.arrival - self.release
    }
}

/// A schedule, worked out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    entries: Vec<Entry>,
    error_cycles: u64,
    busiest: Option<(LinkIdx, u64)>,
}

impl Schedule {
    /// Its packets, in the order of the list that it was made from.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// By how many cycles counters may be off, either way.
    pub const fn error_cycles(&self) -> u64 {
        self.error_cycles
    }

    /// The cycle in which the last packet arrives.
    pub fn completion(&self) -> u64 {
        self.entries.iter().map(|e| e.arrival).max().unwrap_or(0)
    }

    /// Flits on channels: each flit counts once for every link that it takes.
    pub fn flit_hops(&self) -> u64 {
        let of = |e: &Entry| e.hops.len() as u64 * u64::from(e.transfer.flits);
        self.entries.iter().map(of).sum()
    }

    /// The link that is occupied for the most cycles, and for how many: fewer cannot do, by these ways.
    pub const fn busiest(&self) -> Option<(LinkIdx, u64)> {
        self.busiest
    }

    /// Its transfers, with their releases.
    pub fn transfers(&self) -> Vec<Transfer> {
        self.entries.iter().map(|e| e.transfer.clone()).collect()
    }
}

/// Proves a schedule free of contention.
///
/// # Errors
/// The first transfer that cannot be where it is, in the order of the list.
pub fn verify(
    spec: &MachineSpec,
    transfers: &[Transfer],
    error_cycles: u32,
) -> Result<Schedule, Fault> {
    let (schedule, mut faults) = expand(spec, transfers, error_cycles)?;
    if faults.is_empty() { Ok(schedule) } else { Err(faults.swap_remove(0)) }
}

/// Works a schedule out, with all that is wrong with it. A transfer that is at fault occupies nothing, and
/// may take any virtual channel that its way allows.
///
/// # Errors
/// If it cannot be worked out: a transfer without a release or a way, routers whose timing has no closed
/// form.
pub fn expand(
    spec: &MachineSpec,
    transfers: &[Transfer],
    error_cycles: u32,
) -> Result<(Schedule, Vec<Fault>), Fault> {
    let mut maker = Maker::new(spec, error_cycles)?;
    let mut faults = Vec::new();
    for (i, transfer) in transfers.iter().enumerate() {
        let none = || Fault::new(i, Trouble::NoRelease);
        let release = transfer.release.ok_or_else(none)?;
        let hops = maker.way(i, transfer)?;
        let found = maker.course(i, transfer, hops)?;
        let early = maker.too_early(transfer, release);
        let clash = early.or_else(|| maker.enter(&found, release).err());
        faults.extend(clash.map(|trouble| Fault::new(i, trouble)));
        maker.keep(transfer, release, &found);
    }
    Ok((maker.done(), faults))
}

/// Plans a schedule: every transfer in its turn starts as early as those before it allow. Of `flows` equal
/// ways that the topology's routing knows, at least 1, it takes the one by which it arrives first.
/// Releases that are given are not looked at.
///
/// # Errors
/// If a transfer has no way, or routers' timing has no closed form.
pub fn plan(
    spec: &MachineSpec,
    transfers: &[Transfer],
    error_cycles: u32,
    flows: u32,
) -> Result<Schedule, Fault> {
    let mut maker = Maker::new(spec, error_cycles)?;
    for (i, asked) in transfers.iter().enumerate() {
        let tried = if asked.path.is_some() { 1 } else { flows.max(1) };
        let mut best: Option<(u64, u64, Transfer, Found)> = None;
        let mut seen: Vec<Vec<Hop>> = Vec::new();
        for flow in 0..tried {
            let transfer = Transfer { flow, ..asked.clone() };
            let hops = maker.way(i, &transfer)?;
            if seen.contains(&hops) {
                continue;
            }
            seen.push(hops.clone());
            let found = maker.course(i, &transfer, hops)?;
            let release = maker.earliest(&transfer, &found);
            let arrival = release + found.course.arrival;
            if best.as_ref().is_none_or(|(first, ..)| arrival < *first) {
                best = Some((arrival, release, transfer, found));
            }
        }
        let Some((_, release, transfer, found)) = best else { continue };
        maker.enter(&found, release).map_err(|trouble| Fault::new(i, trouble))?;
        maker.keep(&transfer, release, &found);
    }
    Ok(maker.done())
}

/// A transfer's way, and what it occupies.
#[derive(Clone, Debug)]
struct Found {
    hops: Vec<Hop>,
    course: Course,
    claims: Claims,
}

/// A schedule in the making.
struct Maker<'a> {
    spec: &'a MachineSpec,
    ground: Ground,
    error: u64,
    book: Book,
    entries: Vec<Entry>,
    /// The virtual channels of the entry that was entered last; empty if it was not.
    taken: Vec<u8>,
}

impl<'a> Maker<'a> {
    fn new(spec: &'a MachineSpec, error_cycles: u32) -> Result<Self, Fault> {
        let ground = Ground::new(spec).map_err(|trouble| Fault::new(0, trouble))?;
        let book = Book::new(spec.fabric.links.len(), usize::from(spec.router.vcs_per_class));
        let error = u64::from(error_cycles);
        Ok(Self { spec, ground, error, book, entries: Vec::new(), taken: Vec::new() })
    }

    fn way(&self, i: usize, transfer: &Transfer) -> Result<Vec<Hop>, Fault> {
        way::hops(self.spec, transfer).map_err(|trouble| Fault::new(i, trouble))
    }

    fn course(&self, i: usize, transfer: &Transfer, hops: Vec<Hop>) -> Result<Found, Fault> {
        let course = self.ground.course(&hops, transfer.flits);
        let course = course.map_err(|trouble| Fault::new(i, trouble))?;
        let claims = self.ground.claims(&hops, &course, self.error);
        Ok(Found { hops, course, claims })
    }

    /// The first cycle that counters and what it comes after allow.
    fn allowed(&self, transfer: &Transfer) -> (u64, Option<usize>) {
        let after = transfer
            .after
            .iter()
            .map(|before| (self.entries[*before].arrival + 2 * self.error + 1, Some(*before)));
        after.chain([(self.error, None)]).max_by_key(|(cycle, _)| *cycle).unwrap_or((0, None))
    }

    fn too_early(&self, transfer: &Transfer, release: u64) -> Option<Trouble> {
        let (allowed, after) = self.allowed(transfer);
        let error = self.error;
        let after = after.map(|before| (before, self.entries[before].arrival));
        (release < allowed).then_some(Trouble::TooEarly { release, allowed, error, after })
    }

    /// The first release at which nothing is in the way.
    fn earliest(&self, transfer: &Transfer, found: &Found) -> u64 {
        let (mut release, _) = self.allowed(transfer);
        while let Err(clash) = self.book.fits(&found.claims, release) {
            release += clash.wait.max(1);
        }
        release
    }

    /// Enters a packet into the book.
    fn enter(&mut self, found: &Found, release: u64) -> Result<(), Trouble> {
        let number = self.entries.len();
        self.taken.clear();
        match self.book.fits(&found.claims, release) {
            Ok(vcs) => {
                self.book.enter(&found.claims, release, &vcs, number);
                self.taken = vcs;
                Ok(())
            }
            Err(clash) => Err(self.name(clash)),
        }
    }

    fn name(&self, Clash { what, link, cycle, other, .. }: Clash) -> Trouble {
        let link_name = topology::schedule::link_name(&self.spec.fabric, link);
        let error = self.error;
        let interval = self.ground.interval(link);
        Trouble::Clash { what, link: link_name, cycle, other, error, interval }
    }

    fn keep(&mut self, transfer: &Transfer, release: u64, found: &Found) {
        let mut hops = found.hops.clone();
        for (hop, vc) in hops.iter_mut().zip(self.taken.drain(..)) {
            hop.vcs = 1 << vc;
        }
        let transfer = Transfer { release: Some(release), ..transfer.clone() };
        let arrival = release + found.course.arrival;
        self.entries.push(Entry { transfer, release, arrival, hops });
    }

    fn done(self) -> Schedule {
        let busiest = self.book.busiest();
        Schedule { entries: self.entries, error_cycles: self.error, busiest }
    }
}

/// The nodes of a machine.
fn nodes(spec: &MachineSpec) -> impl Iterator<Item = NodeIdx> {
    (0..spec.fabric.node_ports.len()).map(NodeIdx::new)
}
