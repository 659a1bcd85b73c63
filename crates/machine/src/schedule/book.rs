//! The book of a schedule: what is occupied when, and by whom.

use std::collections::BTreeMap;

use base::LinkIdx;

use super::course::{Claim, Claims};

/// What kind of thing is occupied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A link.
    Channel,
    /// The input of a crossbar that a link leads to.
    Input,
    /// The virtual channels of a link.
    Vc,
}

/// Two packets that would occupy the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Clash {
    pub(super) what: Kind,
    pub(super) link: LinkIdx,
    /// The first cycle in which both would.
    pub(super) cycle: u64,
    /// The packet that is entered.
    pub(super) other: usize,
    /// By how many cycles the new one would have to be later.
    pub(super) wait: u64,
}

/// First cycle of a stretch: its last, and whose it is. Stretches do not overlap.
type Stretches = BTreeMap<u64, (u64, usize)>;

/// What is occupied when.
#[derive(Debug)]
pub(super) struct Book {
    vcs: usize,
    /// `[link]`
    channels: Vec<Stretches>,
    inputs: Vec<Stretches>,
    /// `[link * VCs + vc]`
    lanes: Vec<Stretches>,
}

impl Book {
    pub(super) fn new(links: usize, vcs: usize) -> Self {
        let empty = |count| vec![Stretches::new(); count];
        Self { vcs, channels: empty(links), inputs: empty(links), lanes: empty(links * vcs) }
    }

    /// The link that is occupied for the most cycles, and for how many.
    pub(super) fn busiest(&self) -> Option<(LinkIdx, u64)> {
        let cycles = |c: &Stretches| c.iter().map(|(from, (to, _))| to + 1 - from).sum();
        let all = self.channels.iter().map(cycles).enumerate();
        // The first of equals.
        all.rev().max_by_key(|(_, cycles)| *cycles).map(|(l, cycles)| (LinkIdx::new(l), cycles))
    }

    fn stretches(&self, claim: &Claim, vc: usize) -> &Stretches {
        match claim.kind {
            Kind::Channel => &self.channels[claim.link.at()],
            Kind::Input => &self.inputs[claim.link.at()],
            Kind::Vc => &self.lanes[claim.link.at() * self.vcs + vc],
        }
    }

    /// Whether a packet could be released at a cycle: the virtual channels that it would take.
    ///
    /// # Errors
    /// What is in its way, and how long.
    pub(super) fn fits(&self, claims: &Claims, release: u64) -> Result<Vec<u8>, Clash> {
        let mut worst: Option<Clash> = None;
        for claim in &claims.fixed {
            if let Some(clash) = met(self.stretches(claim, 0), claim, release) {
                return Err(clash);
            }
        }
        let mut vcs = Vec::with_capacity(claims.vcs.len());
        for claim in &claims.vcs {
            let mut first: Option<Clash> = None;
            let mut found = None;
            for vc in (0..self.vcs).filter(|vc| claim.vcs >> vc & 1 == 1) {
                let Some(clash) = met(self.stretches(claim, vc), claim, release) else {
                    found = u8::try_from(vc).ok();
                    break;
                };
                if first.is_none_or(|first| clash.wait < first.wait) {
                    first = Some(clash);
                }
            }
            let Some(vc) = found else {
                worst = first;
                break;
            };
            vcs.push(vc);
        }
        worst.map_or(Ok(vcs), Err)
    }

    /// Enters a packet that fits.
    pub(super) fn enter(&mut self, claims: &Claims, release: u64, vcs: &[u8], number: usize) {
        let lanes = self.vcs;
        for claim in &claims.fixed {
            let (from, to) = absolute(claim, release);
            let stretches = match claim.kind {
                Kind::Input => &mut self.inputs[claim.link.at()],
                _ => &mut self.channels[claim.link.at()],
            };
            stretches.insert(from, (to, number));
        }
        for (claim, vc) in claims.vcs.iter().zip(vcs) {
            let (from, to) = absolute(claim, release);
            self.lanes[claim.link.at() * lanes + usize::from(*vc)].insert(from, (to, number));
        }
    }
}

/// A claim in cycles of the schedule.
fn absolute(claim: &Claim, release: u64) -> (u64, u64) {
    let at = |cycle: i64| release.saturating_add_signed(cycle);
    (at(claim.from), at(claim.to))
}

/// The stretch that a claim meets last, if any.
fn met(stretches: &Stretches, claim: &Claim, release: u64) -> Option<Clash> {
    let (from, to) = absolute(claim, release);
    let (&start, &(end, other)) = stretches.range(..=to).next_back()?;
    (end >= from).then(|| Clash {
        what: claim.kind,
        link: claim.link,
        cycle: start.max(from),
        other,
        wait: end + 1 - from,
    })
}
