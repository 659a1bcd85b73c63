//! What must hold in every world, whatever is under way.
//!
//! One writer or many readers, and one owner; a readable copy is what the last write left, and so is
//! the copy that answers for memory; a stable directory knows every copy, and its owner has one; memory
//! is what the last write left unless a cache owns the line; at most one snoop is under way to a cache
//! for a line.

use super::code::{self, cell, dir, msg};
use super::fault::{Fault, FaultKind};
use super::system::{System, last, line_of};
use super::world::World;
use crate::mutant::Faults;
use crate::state::{CacheState, DirState};

impl<F: Faults> System<F> {
    /// Checks the invariants of a world.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check(&self, world: &World) -> Result<(), Fault> {
        for line in 0..self.shape().lines {
            self.check_line(world, line)?;
        }
        // Bits `[line][cache]`: snoops seen.
        let mut snooped = 0_u32;
        for word in &world.words()[self.shape().fixed()..] {
            if code::is_snoop(*word) {
                let bit = 1 << (line_of(*word) * 8 + code::three(*word, msg::DST));
                if snooped & bit != 0 {
                    return Err(two_snoops(*word));
                }
                snooped |= bit;
            }
        }
        Ok(())
    }

    #[inline]
    fn check_line(&self, world: &World, line: u32) -> Result<(), Fault> {
        let words = world.words();
        let home = words[self.shape().cells() + line as usize];
        let golden = u32::from(last(home));
        let (mut writers, mut readers, mut owners) = (0, 0, 0);
        for cache in 0..self.shape().caches {
            let held = words[self.shape().cell_at(cache, line)];
            let state = code::cell_state(held);
            writers += u32::from(state.is_writable());
            readers += u32::from(state.is_readable());
            owners += u32::from(state.is_owner());
            let answers = state.is_readable() || state == CacheState::OmAd;
            if answers && code::three(held, cell::VALUE) != golden {
                return Err(stale(line, cache, held, golden));
            }
            check_known(home, line, cache, state)?;
        }
        if writers > 0 && readers > 1 {
            let detail = format!("line {line}: {writers} of {readers} copies may be written");
            return Err(Fault::new(FaultKind::WriterAndOthers, detail));
        }
        if owners > 1 {
            let detail = format!("line {line}: {owners} caches own it");
            return Err(Fault::new(FaultKind::TwoOwners, detail));
        }
        let clean = matches!(code::dir_state(home), DirState::I | DirState::S);
        if clean && code::three(home, dir::MEMORY) != golden {
            let (holds, last) = (code::three(home, dir::MEMORY) - 1, golden - 1);
            let detail = format!("line {line}: memory holds {holds}, the last write left {last}");
            return Err(Fault::new(FaultKind::StaleMemory, detail));
        }
        Ok(())
    }
}

/// Whether a stable directory knows what a cache holds.
#[inline]
fn check_known(home: u32, line: u32, cache: u32, state: CacheState) -> Result<(), Fault> {
    use CacheState::{E, EiA, M, MiA, O, OiA, OmAd, S, SmAd};
    let owner = code::three(home, dir::OWNER) == cache;
    let listed = home >> (dir::SHARERS + cache) & 1 == 1;
    let at_home = code::dir_state(home);
    let known = match (at_home, state) {
        (DirState::EM, E | M) | (DirState::O, O | OmAd) => owner,
        (DirState::S | DirState::O, S | SmAd) => listed,
        (DirState::I | DirState::EM, S | SmAd) => false,
        _ if at_home.is_stable() => !state.is_owner(),
        _ => true,
    };
    if !known {
        let detail = format!("line {line}: n{cache} in {state:?}, home in {at_home:?}");
        return Err(Fault::new(FaultKind::UnknownCopy, detail));
    }
    let holds = match at_home {
        DirState::EM => matches!(state, E | EiA | M | MiA),
        DirState::O => matches!(state, O | OmAd | OiA),
        _ => true,
    };
    if owner && !holds {
        let detail = format!("line {line}: n{cache} in {state:?}");
        return Err(Fault::new(FaultKind::OwnerWithoutCopy, detail));
    }
    Ok(())
}

#[cold]
fn stale(line: u32, cache: u32, held: u32, golden: u32) -> Fault {
    let value = match code::three(held, cell::VALUE) {
        0 => "nothing".to_owned(),
        v => (v - 1).to_string(),
    };
    let state = code::cell_state(held);
    let detail = format!(
        "line {line}: n{cache} holds {value} in {state:?}, the last write left {}",
        golden - 1
    );
    Fault::new(FaultKind::StaleCopy, detail)
}

#[cold]
fn two_snoops(word: u32) -> Fault {
    let (line, to) = (line_of(word), code::three(word, msg::DST));
    Fault::new(FaultKind::TwoSnoops, format!("line {line}: two snoops are under way to n{to}"))
}
