//! What must hold in every world of packages, level by level.
//!
//! Over all caches: one writer or many readers, and a readable copy is what the last write left. Inside
//! each package: its home knows every copy. Over the packages: the fabric's home knows what each has, and
//! one has the only copy or none. Between the levels: a cache has no more than its package, and the
//! package's copy is what the last write left unless a cache inside owns the line.

use super::code::{self, dir};
use super::fault::{Fault, FaultKind};
use super::invariants::{check_known, stale, two_snoops_at};
use super::packages::{outer, outer_state};
use super::system::{System, last};
use super::world::World;
use crate::mutant::Faults;
use crate::state::{CacheState, DirState};

/// Writers and readers.
#[derive(Clone, Copy, Default)]
struct Holders {
    writers: u32,
    readers: u32,
}

impl Holders {
    fn add(&mut self, state: CacheState) {
        self.writers += u32::from(state.is_writable());
        self.readers += u32::from(state.is_readable());
    }

    fn check(self, line: u32, who: &str) -> Result<(), Fault> {
        let Self { writers, readers } = self;
        if writers > 0 && readers > 1 {
            let detail = format!("line {line}: {writers} of {readers} {who} may be written");
            return Err(Fault::new(FaultKind::WriterAndOthers, detail));
        }
        Ok(())
    }
}

impl<F: Faults> System<F> {
    /// Checks a line of a world of packages; its fabric's home is checked as any.
    pub(super) fn check_packages(&self, world: &World, line: u32) -> Result<(), Fault> {
        let shape = self.shape();
        let home = world.words()[shape.cells() + line as usize];
        let (mut caches, mut packages) = (Holders::default(), Holders::default());
        for package in 0..shape.packages() {
            let at = shape.package_at(package, line);
            let [first, second] = [world.words()[at], world.words()[at + 1]];
            let state = outer_state(second);
            packages.add(state);
            check_known(home, (line, &|| format!("p{package}")), package, state)?;
            self.check_inside(world, line, package, &mut caches)?;
            let golden = u32::from(last(home));
            let current = matches!(code::dir_state(first), DirState::I | DirState::S);
            let held = code::three(first, dir::MEMORY);
            if current && state.is_readable() && held != golden {
                return Err(stale(line, &format!("p{package}"), (held, state), golden));
            }
        }
        caches.check(line, "copies")?;
        packages.check(line, "packages' copies")
    }

    fn check_inside(
        &self,
        world: &World,
        line: u32,
        package: u32,
        caches: &mut Holders,
    ) -> Result<(), Fault> {
        let shape = self.shape();
        let at = shape.package_at(package, line);
        let [first, second] = [world.words()[at], world.words()[at + 1]];
        let golden = u32::from(last(world.words()[shape.cells() + line as usize]));
        let size = shape.package_caches();
        for number in 0..size {
            let cache = package * size + number;
            let held = world.words()[shape.cell_at(cache, line)];
            let state = code::cell_state(held);
            caches.add(state);
            let value = code::three(held, code::cell::VALUE);
            if state.is_readable() && value != golden {
                return Err(stale(line, &format!("n{cache}"), (value, state), golden));
            }
            check_known(first, (line, &|| format!("n{cache}")), number, state)?;
            let theirs = outer_state(second);
            // An upgrade under way leaves the package its shared copy.
            let upgrades = matches!(theirs, CacheState::SmAd | CacheState::ImA);
            let reads = theirs.is_readable() || upgrades;
            if state.is_readable() && !reads || state.is_writable() && !theirs.is_writable() {
                let detail =
                    format!("line {line}: n{cache} in {state:?}, p{package} in {theirs:?}");
                return Err(Fault::new(FaultKind::UnknownCopy, detail));
            }
        }
        Ok(())
    }

    /// A snoop that a package keeps counts as under way: `snooped` has bits `[line][node]`.
    pub(super) fn note_kept_snoops(&self, world: &World, snooped: &mut u32) -> Result<(), Fault> {
        let shape = self.shape();
        for package in 0..shape.packages() {
            for line in 0..shape.lines {
                let second = world.words()[shape.package_at(package, line) + 1];
                let bit = 1 << (line * 8 + shape.caches + package);
                if code::three(second, outer::SNOOP) == 0 {
                    continue;
                }
                if *snooped & bit != 0 {
                    return Err(two_snoops_at(line, &format!("p{package}")));
                }
                *snooped |= bit;
            }
        }
        Ok(())
    }
}
