//! What must hold in every world, whatever is under way.
//!
//! One writer or many readers, and one owner; a readable copy is what the last write left, and so is
//! the copy that answers for memory; a stable directory knows every copy, and its owner has one; memory
//! is what the last write left unless a cache owns the line; at most one snoop is under way to a cache
//! for a line.

use base::NodeIdx;

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
        self.note_kept_snoops(world, &mut snooped)?;
        for word in &world.words()[self.shape().fixed()..] {
            if code::is_snoop(*word) {
                let bit = 1 << (line_of(*word) * 8 + code::three(*word, msg::DST));
                if snooped & bit != 0 {
                    let to = NodeIdx(code::three(*word, msg::DST));
                    return Err(two_snoops_at(line_of(*word), &self.shape().name_of(to)));
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
        let packages = self.shape().packages.is_some();
        if packages {
            self.check_packages(world, line)?;
        }
        let caches = if packages { 0 } else { self.shape().caches };
        for cache in 0..caches {
            let held = words[self.shape().cell_at(cache, line)];
            let state = code::cell_state(held);
            writers += u32::from(state.is_writable());
            readers += u32::from(state.is_readable());
            owners += u32::from(state.is_owner());
            let answers = state.is_readable() || state == CacheState::OmAd;
            let value = code::three(held, cell::VALUE);
            if answers && value != golden {
                return Err(stale(line, &format!("n{cache}"), (value, state), golden));
            }
            check_known(home, (line, &|| format!("n{cache}")), cache, state)?;
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

/// Whether a stable directory knows what a cache, or at the fabric's home a package, holds.
#[inline]
pub(super) fn check_known(
    home: u32,
    (line, name): (u32, &dyn Fn() -> String),
    cache: u32,
    state: CacheState,
) -> Result<(), Fault> {
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
        let detail = format!("line {line}: {} in {state:?}, home in {at_home:?}", name());
        return Err(Fault::new(FaultKind::UnknownCopy, detail));
    }
    let holds = match at_home {
        DirState::EM => matches!(state, E | EiA | M | MiA),
        DirState::O => matches!(state, O | OmAd | OiA),
        _ => true,
    };
    if owner && !holds {
        let detail = format!("line {line}: {} in {state:?}", name());
        return Err(Fault::new(FaultKind::OwnerWithoutCopy, detail));
    }
    Ok(())
}

#[cold]
pub(super) fn stale(line: u32, who: &str, (value, state): (u32, CacheState), golden: u32) -> Fault {
    let value = match value {
        0 => "nothing".to_owned(),
        v => (v - 1).to_string(),
    };
    let detail = format!(
        "line {line}: {who} holds {value} in {state:?}, the last write left {}",
        golden - 1
    );
    Fault::new(FaultKind::StaleCopy, detail)
}

#[cold]
pub(super) fn two_snoops_at(line: u32, who: &str) -> Fault {
    Fault::new(FaultKind::TwoSnoops, format!("line {line}: two snoops are under way to {who}"))
}
