//! Static schedules: transfers that are released at counts of their nodes' clocks, laid so that no two
//! flits want one link at one time.
//!
//! ```text
//!   transfers ─▶ plan: earliest release with free slots ─▶ verify: slots of every link ─▶ run
//! ```
//!
//! A packet alone on its way holds each link for a stretch of time that follows from its release, the
//! clocks, the routers' pipeline and the links ([`Ride`]). Where no two stretches on a link overlap,
//! nobody ever waits for another, so every packet does what it would do alone: the schedule is free of
//! contention by construction, and arrivals are known before anything runs. Routes are those of the
//! machine's routing with nothing in the way, whatever the traffic ([`Static`]).

mod patterns;
mod ride;
mod run;

use std::collections::BTreeMap;
use std::fmt;

use base::{Fs, LinkIdx, NodeIdx};
use clock::Edge;
use topology::spec::MachineSpec;

use crate::{BuildError, RunError};

pub use patterns::Pattern;
pub use ride::{Hold, Ride, Rides, Static};
pub use run::{Arrivals, run_dynamic, run_static};

/// Violations that an error names.
const SHOWN: usize = 8;

/// A packet to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Its source.
    pub src: NodeIdx,
    /// Its destination, another node.
    pub dst: NodeIdx,
    /// Its length, at least 1.
    pub flits: u32,
    /// A transfer that must have arrived at the source before, if there is one: an earlier one.
    pub after: Option<usize>,
}

/// Transfers with the counts at which they are released.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// The transfers.
    pub transfers: Vec<Transfer>,
    /// `[transfer]`: the count of its source's clock.
    pub releases: Vec<u64>,
}

/// Two transfers that want a link at one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The transfers, by number.
    pub transfers: (usize, usize),
    /// The link.
    pub link: LinkIdx,
    /// The first cycle of the link's sender at which both hold it.
    pub cycle: Edge,
}

/// A schedule that does not hold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct ScheduleError {
    lines: Vec<String>,
    more: usize,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the schedule is not free of contention")?;
        for line in &self.lines {
            writeln!(f, "  {line}")?;
        }
        if self.more > 0 {
            writeln!(f, "  and {} more", self.more)?;
        }
        write!(f, "  mend: release one of the two later, or leave `at` out to have it laid")
    }
}

/// What is held on each link: by when it begins, until when, and by which transfer.
#[derive(Default)]
struct Slots(Vec<BTreeMap<Fs, (Fs, usize)>>);

impl Slots {
    fn new(links: usize) -> Self {
        Self(vec![BTreeMap::new(); links])
    }

    /// The stretch on the link that overlaps `hold`: its end and its transfer.
    fn conflict(&self, hold: &Hold) -> Option<(Fs, usize)> {
        let before = self.0[hold.link.at()].range(..hold.until).next_back();
        before.map(|(_, held)| *held).filter(|(until, _)| *until > hold.from)
    }

    fn hold(&mut self, ride: &Ride, transfer: usize) {
        for hold in &ride.holds {
            self.0[hold.link.at()].insert(hold.from, (hold.until, transfer));
        }
    }
}

/// Lays transfers in the order given: each is released at the first count, from `first` on and not before
/// what it depends on has arrived, at which all slots of its way are free, with `guard` cycles of its
/// source's clock to spare behind every stretch.
///
/// # Errors
/// If the machine's links have no fixed latency.
pub fn plan(
    spec: &MachineSpec,
    transfers: &[Transfer],
    (first, guard): (u64, u32),
) -> Result<(Schedule, Vec<Fs>), BuildError> {
    let rides = Rides::new(spec)?;
    let mut slots = Slots::new(spec.fabric.links.len());
    let (mut releases, mut arrivals): (Vec<u64>, Vec<Fs>) = (Vec::new(), Vec::new());
    let node = *rides.node_clock();
    let spare = Fs(node.period_ceil().0 * u64::from(guard));
    for (number, transfer) in transfers.iter().enumerate() {
        let ready = transfer.after.and_then(|at| arrivals.get(at));
        let mut at =
            ready.map_or(first, |arrived| node.edge_at_or_after(*arrived).0 + 1).max(first);
        let ride = loop {
            let mut ride = rides.ride(transfer, Edge(at));
            for hold in &mut ride.holds {
                hold.until += spare;
            }
            let late = ride
                .holds
                .iter()
                .filter_map(|hold| slots.conflict(hold).map(|(until, _)| until.since(hold.from).0));
            match late.max() {
                None => break ride,
                Some(late) => at += late.div_ceil(node.period_ceil().0).max(1),
            }
        };
        slots.hold(&ride, number);
        releases.push(at);
        arrivals.push(ride.arrival);
    }
    Ok((Schedule { transfers: transfers.to_vec(), releases }, arrivals))
}

/// Proves that a schedule is free of contention; gives the instants of arrival.
///
/// # Errors
/// If two transfers hold a link at one time, named with the link and the cycle; or one that is released
/// before what it depends on has arrived.
pub fn verify(spec: &MachineSpec, schedule: &Schedule) -> Result<Vec<Fs>, RunError> {
    let rides = Rides::new(spec)?;
    let (arrivals, violations) = judge(&rides, spec.fabric.links.len(), schedule);
    let node = rides.node_clock();
    let early = schedule.transfers.iter().enumerate().filter_map(|(n, t)| {
        let arrived = *arrivals.get(t.after?)?;
        let released = node.instant(Edge(schedule.releases[n]));
        (released <= arrived).then(|| {
            format!(
                "transfer {n} is released at {released}, what it waits for arrives at {arrived}"
            )
        })
    });
    let name = |n: usize| {
        let Transfer { src, dst, .. } = schedule.transfers[n];
        format!("{n} ({src} to {dst})")
    };
    let told = violations.iter().map(|v| {
        let link = crate::explain::link_name(spec, v.link);
        let (a, b) = (name(v.transfers.0), name(v.transfers.1));
        format!("transfers {a} and {b} both hold {link} at cycle {}", v.cycle.0)
    });
    let mut lines: Vec<String> = early.chain(told).collect();
    if lines.is_empty() {
        return Ok(arrivals);
    }
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    Err(RunError::Schedule(ScheduleError { lines, more }))
}

/// When each transfer arrives, and which of them meet.
fn judge(rides: &Rides, links: usize, schedule: &Schedule) -> (Vec<Fs>, Vec<Violation>) {
    let mut all: Vec<(Hold, usize)> = Vec::new();
    let mut arrivals = Vec::new();
    for (number, (transfer, release)) in
        schedule.transfers.iter().zip(&schedule.releases).enumerate()
    {
        let ride = rides.ride(transfer, Edge(*release));
        arrivals.push(ride.arrival);
        all.extend(ride.holds.iter().map(|hold| (*hold, number)));
    }
    all.sort_by_key(|(hold, number)| (hold.from, *number));
    let mut until: Vec<(Fs, usize)> = vec![(Fs::ZERO, 0); links];
    let mut violations = Vec::new();
    for (hold, number) in all {
        let held = &mut until[hold.link.at()];
        if held.0 > hold.from {
            let transfers = (held.1, number);
            let cycle = rides.sender_clock(hold.link).edge_at_or_after(hold.from);
            violations.push(Violation { transfers, link: hold.link, cycle });
        }
        *held = (*held).max((hold.until, number));
    }
    (arrivals, violations)
}

#[cfg(test)]
mod tests;
