//! Worlds of packages that differ by names only: packages may be renamed, and caches within each.

use super::act::Shape;
use super::code::{self, msg};
use super::packages::outer;
use super::symmetry::{Namer, hash, orders_of, rename_dir, sort};

/// New names for old.
#[derive(Clone, Debug)]
pub(super) struct Renaming {
    /// `[name]`: of caches, packages' homes and the fabric's home.
    world: [u32; 8],
    /// `[number]`: of packages, as the fabric sees them.
    packages: [u32; 8],
    /// `[package][number]`: of the caches of each package, before it is renamed.
    inside: Vec<[u32; 8]>,
}

const SAME: [u32; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

impl Renaming {
    /// Everything keeps its name.
    pub(super) const NONE: Self = Self { world: SAME, packages: SAME, inside: Vec::new() };
}

/// Every renaming of a system; none but the identity where it has no packages.
pub(super) fn renamings(shape: &Shape) -> Vec<Renaming> {
    let (packages, size) = (shape.packages(), shape.package_caches());
    if packages == 0 {
        return vec![Renaming::NONE];
    }
    let within = orders_of(&(0..size).collect::<Vec<_>>());
    let mut all = Vec::new();
    for order in orders_of(&(0..packages).collect::<Vec<_>>()) {
        // Every choice of an order within each package, counted in the base of their number.
        for mut choice in 0..within.len().pow(packages) {
            let mut renaming = Renaming::NONE;
            for (package, to) in order.iter().enumerate() {
                renaming.packages[package] = *to;
                renaming.world[shape.caches as usize + package] = shape.caches + to;
                let numbers = &within[choice % within.len()];
                choice /= within.len();
                let mut inside = SAME;
                for (number, new) in numbers.iter().enumerate() {
                    inside[number] = *new;
                    renaming.world[package * size as usize + number] = to * size + new;
                }
                renaming.inside.push(inside);
            }
            all.push(renaming);
        }
    }
    all
}

impl Namer {
    /// The least fingerprint of a world of packages under every renaming.
    pub(super) fn of_packages(&mut self) -> u64 {
        if self.packages.len() == 1 {
            self.named.copy_from(&self.renamed);
            let fixed = self.shape.fixed();
            sort(&mut self.named.words_mut()[fixed..]);
            return hash(self.named.words());
        }
        (0..self.packages.len()).map(|at| self.with_packages(at)).min().unwrap_or(u64::MAX)
    }

    fn with_packages(&mut self, at: usize) -> u64 {
        let renaming = &self.packages[at];
        let (shape, lines) = (&self.shape, self.shape.lines);
        self.named.copy_from(&self.renamed);
        let old = self.renamed.words();
        let new = self.named.words_mut();
        for cache in 0..shape.caches {
            let to = renaming.world[cache as usize];
            for line in 0..lines {
                new[shape.cell_at(to, line)] = old[shape.cell_at(cache, line)];
            }
        }
        for home in &mut new[shape.cells()..shape.package_at(0, 0)] {
            *home = rename_dir(*home, &renaming.packages);
        }
        for package in 0..shape.packages() {
            let inside = &renaming.inside[package as usize];
            for line in 0..lines {
                let from = shape.package_at(package, line);
                let to = shape.package_at(renaming.packages[package as usize], line);
                new[to] = rename_dir(old[from], inside);
                new[to + 1] = rename_outer(old[from + 1], &renaming.packages, inside);
            }
        }
        let fixed = shape.fixed();
        for word in &mut new[fixed..] {
            let name = |at| renaming.world[code::three(*word, at) as usize] << at;
            let all = name(msg::DST) | name(msg::SRC) | name(msg::REQUESTER);
            *word = *word & !(511 << msg::REQUESTER) | all;
        }
        sort(&mut new[fixed..]);
        hash(self.named.words())
    }
}

/// Only names of messages that are there are renamed: those of others are 0 and stay.
fn rename_outer(second: u32, packages: &[u32; 8], inside: &[u32; 8]) -> u32 {
    let mut second = second;
    if code::three(second, outer::SNOOP) != 0 {
        let requester = packages[code::three(second, outer::SNOOP_REQUESTER) as usize];
        second = code::with_three(second, outer::SNOOP_REQUESTER, requester);
    }
    if code::three(second, outer::REQUEST) != 0 {
        let src = inside[code::three(second, outer::REQUEST_SRC) as usize];
        second = code::with_three(second, outer::REQUEST_SRC, src);
    }
    second
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Packages;

    #[test]
    fn two_packages_of_two_have_eight_renamings() {
        let packages = Some(Packages { count: 2, inner: crate::Listing::FullMap });
        let shape = Shape { caches: 4, packages, ..Shape::default() };
        let all = renamings(&shape);
        assert_eq!(all.len(), 8);
        for renaming in &all {
            let mut names = renaming.world;
            names.sort_unstable();
            assert_eq!(names, SAME, "each is one to one");
        }
    }
}
