//! The synchronization unit: gathers the arrivals at barriers and hands their release on.
//!
//! ```text
//!            parent                     inputs: threads of a node, ports of a switch
//!         ▲ up   │ release
//!         │      ▼
//!     [ unit: members, arrived, word ]      one entry ("slot") a barrier
//!       ▲  ▲  ▲      │ │ │
//!       inputs       ▼ ▼ ▼ release
//! ```
//!
//! Units make a tree. A unit knows of a barrier only who of its inputs belongs to it (`members`, a bit
//! each) and where its parent is. When the last of them has arrived, it tells its parent, or at the root
//! releases; a release goes to all members and empties the entry. What members bring is combined on the
//! way up, and the result comes down with the release.
//!
//! No time here: who drives a unit says when what it answers takes effect.
//!
//! Why nobody is released early: a unit tells its parent once all its members have arrived, and by induction
//! all threads under it; only the root begins a release. Why the next round cannot mix with this one: a
//! member arrives again only once released, and a release empties the entry before it goes on.

use base::form::Form;
use base::state::{Loader, Saver, State, Unfit};
use base::{Share, join};
use bitvec::vec::BitVec;

/// A unit's part in one barrier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// `[input]`: whether it belongs to the barrier.
    pub members: BitVec,
    /// The port to the parent; none at the root.
    pub parent: Option<u16>,
}

/// An entry of a unit.
// Invariant: arrived is part of members, and all of it only while the parent is waited for.
#[derive(Clone, Debug)]
struct Entry {
    place: Place,
    arrived: BitVec,
    share: Share,
}

/// What an arrival leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Others are missing.
    Wait,
    /// All under this unit have arrived: tell the parent by this port.
    Up {
        /// The port.
        port: u16,
        /// What they brought, combined.
        share: Share,
    },
    /// All have arrived: call [`Unit::release`].
    Release(Share),
}

/// Something that a sound tree never does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub enum Fault {
    /// An input that does not belong to the barrier arrives.
    #[error("input {input} is no member")]
    Stranger {
        /// Which.
        input: usize,
    },
    /// An input arrives again before it is released.
    #[error("input {input} arrives twice")]
    Twice {
        /// Which.
        input: usize,
    },
    /// Members bring words to be combined in different ways, or only some bring one.
    #[error("the members do not agree on what is combined, and how")]
    Disagree,
    /// A release of a barrier at which not all have arrived.
    #[error("it is released before all have arrived")]
    Early,
}

/// What a unit's logic does where tests seed faults. A machine's units are [`Sound`], so nothing of it is left
/// once they are compiled.
pub trait Logic: Clone + Default + core::fmt::Debug {
    /// Members that need not have arrived.
    const PATIENCE: usize = 0;
    /// Whether a release is held against who has arrived.
    const CHECKED: bool = true;

    /// Writes the members of a barrier into an entry.
    fn enrol(_members: &mut BitVec) {}

    /// Whether an arrival is kept, where others have arrived.
    fn hears(_others: &BitVec) -> bool {
        true
    }
}

/// A unit without a fault.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Sound;

impl Logic for Sound {}

/// The unit of one node or switch: an entry for each barrier of its table.
#[derive(Clone, Debug)]
pub struct Unit<F: Logic = Sound> {
    /// `[slot]`
    entries: Vec<Option<Entry>>,
    logic: core::marker::PhantomData<F>,
}

impl<F: Logic> Default for Unit<F> {
    fn default() -> Self {
        Self { entries: Vec::new(), logic: core::marker::PhantomData }
    }
}

impl<F: Logic> Unit<F> {
    /// Gives the unit a part in the barrier of `slot`.
    pub fn join(&mut self, slot: u16, mut place: Place) {
        let at = usize::from(slot);
        if self.entries.len() <= at {
            self.entries.resize(at + 1, None);
        }
        F::enrol(&mut place.members);
        let arrived = BitVec::repeat(false, place.members.len());
        self.entries[at] = Some(Entry { place, arrived, share: None });
    }

    /// An input arrives at the barrier of `slot`, with what it brings.
    ///
    /// # Errors
    /// If the input is no member, has arrived before, or brings what does not fit the others.
    pub fn arrive(&mut self, slot: u16, input: usize, share: Share) -> Result<Step, Fault> {
        let entry = self.entries.get_mut(usize::from(slot)).and_then(Option::as_mut);
        let entry = entry.ok_or(Fault::Stranger { input })?;
        if !entry.place.members.get(input).is_some_and(|bit| *bit) {
            return Err(Fault::Stranger { input });
        }
        if entry.arrived[input] {
            return Err(Fault::Twice { input });
        }
        entry.share = if entry.arrived.not_any() {
            share
        } else {
            join(entry.share, share).ok_or(Fault::Disagree)?
        };
        let heard = F::hears(&entry.arrived);
        entry.arrived.set(input, heard);
        let missing = entry.place.members.count_ones() - entry.arrived.count_ones();
        if missing > F::PATIENCE {
            return Ok(Step::Wait);
        }
        Ok(match entry.place.parent {
            Some(port) => Step::Up { port, share: entry.share },
            None => Step::Release(entry.share),
        })
    }

    /// Empties the entry of `slot` and gives who is to be released.
    ///
    /// # Errors
    /// If not all of them have arrived.
    pub fn release(&mut self, slot: u16) -> Result<BitVec, Fault> {
        let entry = self.entries.get_mut(usize::from(slot)).and_then(Option::as_mut);
        let entry = entry.ok_or(Fault::Early)?;
        if entry.arrived != entry.place.members && F::CHECKED {
            return Err(Fault::Early);
        }
        entry.arrived.fill(false);
        entry.share = None;
        Ok(entry.place.members.clone())
    }

    /// Whether no barrier is under way here.
    pub fn is_idle(&self) -> bool {
        self.entries.iter().flatten().all(|e| e.arrived.not_any())
    }
}

/// Who has arrived, and with what; who belongs to a barrier does not change in a run.
impl<F: Logic> State for Unit<F> {
    fn save(&self, to: &mut Saver) {
        for entry in self.entries.iter().flatten() {
            to.put(&(entry.arrived.iter().by_vals().collect::<Vec<bool>>(), entry.share));
        }
    }

    fn load(&mut self, from: &mut Loader<'_>) -> Result<(), Unfit> {
        for entry in self.entries.iter_mut().flatten() {
            let (arrived, share): (Vec<bool>, Share) = from.get()?;
            if arrived.len() != entry.place.members.len() {
                return Err(Unfit);
            }
            (entry.arrived, entry.share) = (arrived.into_iter().collect(), share);
        }
        Ok(())
    }

    fn form(&self, to: &mut Form) {
        to.name("arrived, share");
        to.plain::<(Vec<bool>, Share)>();
    }
}

#[cfg(test)]
mod tests;
