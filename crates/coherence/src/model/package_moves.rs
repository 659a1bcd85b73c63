//! Moves at packages' homes.

use super::ask::ask_package;
use super::code;
use super::event::{FLAG, Move, PACKAGE, core_move, line_of_event, of_package};
use super::fault::{Fault, FaultKind};
use super::memo::{Performed, Verdict};
use super::packages::{self, OfPackage};
use super::system::{PACKAGE_KEY, System, halves, pass_on, unbounded};
use super::world::World;
use crate::cache_table::CacheEvent;
use crate::coverage::Coverage;
use crate::dir_table::DirEvent;
use crate::mutant::Faults;

impl<F: Faults> System<F> {
    /// Does a move at a package's home.
    pub(super) fn go_package(
        &mut self,
        world: &World,
        (event, consumed): (u32, Option<usize>),
        package: u32,
        next: &mut World,
    ) -> Result<Option<Performed>, Fault> {
        let line = line_of_event(event);
        let before = self.package_words(world, package, line);
        let [first, second] = before.map(u64::from);
        let by_number = &mut self.by_number;
        let number = *self.lines.or_insert_with(first << 32 | second, || {
            by_number.push(before);
            u32::try_from(by_number.len() - 1).unwrap_or(u32::MAX)
        });
        let key = u64::from(number) << 32 | u64::from(event) | PACKAGE_KEY;
        let (levels, shape) = (&self.levels, self.shape);
        let entry = self.memo.get(key, || ask_package(levels, &shape, before, event, package));
        match entry.verdict {
            Verdict::Next => {}
            Verdict::Stall => return Ok(None),
            Verdict::Illegal => return Err(self.illegal_in_package(before, event, package)),
            Verdict::Unbounded => return Err(unbounded()),
        }
        let (after, performed) = ([entry.next, entry.more], entry.performed);
        if !pass_on(&shape, world, consumed, entry.sends(), next)? {
            return Ok(None);
        }
        let at = shape.package_at(package, line);
        next.words_mut()[at..at + 2].copy_from_slice(&after);
        Ok(Some(performed))
    }

    pub(super) fn package_words(&self, world: &World, package: u32, line: u32) -> [u32; 2] {
        let at = self.shape.package_at(package, line);
        [world.words()[at], world.words()[at + 1]]
    }

    pub(super) fn package_act(&self, what: OfPackage, package: u32, line: u32) -> Option<Move> {
        let fits = package < self.shape.packages() && line < self.shape.lines;
        fits.then(|| core_move(PACKAGE, package, line, what as u32))
    }

    /// The rows of the directory and the cache table that a package's home met directly.
    pub(super) fn package_coverage(&self, key: u64, hits: u64, coverage: &mut Coverage) {
        let (number, event) = halves(key);
        let [first, second] = self.by_number[number as usize];
        let m = code::unpack_message(event & !FLAG, self.shape.values);
        if of_package(event).is_some() {
        } else if m.src.0 < self.shape.caches {
            coverage.dir_times(code::dir_state(first), DirEvent::Message(&m).kind(), hits);
        } else {
            coverage.cache_times(
                packages::outer_state(second),
                CacheEvent::Message(&m).kind(),
                hits,
            );
        }
    }

    #[cold]
    pub(super) fn illegal_in_package(&self, before: [u32; 2], event: u32, package: u32) -> Fault {
        let line = packages::unpack(before, &self.shape, package);
        let what =
            of_package(event).map_or_else(|| self.message(event), |what| format!("{what:?}"));
        let (inner, outer) = (line.inner.state, line.outer.state);
        let kept =
            line.snoop.or(line.request).map_or(String::new(), |m| format!(" with {:?}", m.kind));
        let detail = format!("p{package} in {inner:?} under {outer:?}{kept} got {what}");
        Fault::new(FaultKind::Illegal, detail)
    }
}
