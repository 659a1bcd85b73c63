//! Worlds that differ only by names count once: fingerprints that do not see which cache, which line
//! or which value is which.
//!
//! Lines are renamed in an order that their contents give, values so that the last write is 0, and
//! caches in an order that their contents and messages give. Where contents leave several orders,
//! the least fingerprint of them counts; where the caches that tie are strangers to each other, any
//! order will do, as it changes nothing.

use base::rng::mix;

use super::act::Shape;
use super::code::{self, cell, dir, msg};
use super::package_symmetry::{Renaming, renamings};
use super::packages::outer;
use super::system::line_of;
use super::world::World;

/// What is renamed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Symmetry {
    /// Caches; needs homes that are apart.
    pub caches: bool,
    /// Lines; needs homes that are apart.
    pub lines: bool,
    /// Values.
    pub values: bool,
}

impl Symmetry {
    /// Everything is renamed.
    pub const ALL: Self = Self { caches: true, lines: true, values: true };
    /// Nothing is renamed: every world counts.
    pub const NONE: Self = Self { caches: false, lines: false, values: false };
    /// Only caches are renamed.
    pub const CACHES: Self = Self { caches: true, lines: false, values: false };
}

const CACHES: usize = super::act::CACHES_MAX as usize;

/// Codes of values, by old code; 0 stays.
type ValueMap = [u32; 8];

/// Takes fingerprints.
#[derive(Clone, Debug)]
pub(crate) struct Namer {
    pub(super) shape: Shape,
    symmetry: Symmetry,
    /// `[code of the last write]`: the renamings that make it the least value.
    values: Vec<Vec<ValueMap>>,
    /// Every way to rename packages, and caches within them.
    pub(super) packages: Vec<Renaming>,
    /// Every order of the lines.
    orders: Vec<Vec<u32>>,
    /// Reused: lines and values renamed; caches renamed as well.
    pub(super) renamed: World,
    pub(super) named: World,
}

impl Namer {
    /// `rotate`: values may only be renamed by adding to all of them, as increments demand.
    pub(crate) fn new(shape: Shape, symmetry: Symmetry, rotate: bool) -> Self {
        let lines: Vec<u32> = (0..shape.lines).collect();
        let orders = if symmetry.lines { orders_of(&lines) } else { vec![lines] };
        let maps = |golden| value_maps(u32::from(shape.values), golden, symmetry.values, rotate);
        Self {
            shape,
            symmetry,
            values: (0..8).map(maps).collect(),
            packages: if symmetry.caches { renamings(&shape) } else { vec![Renaming::NONE] },
            orders,
            renamed: World::from_words(&[]),
            named: World::from_words(&[]),
        }
    }

    /// The world's fingerprint, the same for all worlds that differ by names only; never 0.
    #[inline]
    pub(crate) fn fingerprint(&mut self, world: &World) -> u64 {
        if self.symmetry == Symmetry::NONE {
            return hash(world.words());
        }
        let mut signs = [0_u64; 4];
        if self.orders.len() > 1 {
            for line in 0..self.shape.lines {
                signs[line as usize] = self.line_sign(world, line);
            }
        }
        let mut least = u64::MAX;
        for order in 0..self.orders.len() {
            if !self.orders[order].is_sorted_by_key(|l| signs[*l as usize]) {
                continue;
            }
            let mut choice = [0_usize; 4];
            loop {
                self.with_lines(world, order, &choice);
                least = least.min(self.of_caches());
                if !self.next_choice(world, &mut choice) {
                    break;
                }
            }
        }
        least
    }

    /// A hash of what a line is, whatever its number and its caches' and values' names.
    fn line_sign(&self, world: &World, line: u32) -> u64 {
        let words = world.words();
        let blend = |word: u32| u64::from(word | 1 << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
        let mut sign = u64::from(words[self.shape.cells() + line as usize] & dir::STATE_AND_WAITS);
        for cache in 0..self.shape.caches {
            sign = sign.wrapping_add(blend(words[self.shape.cell_at(cache, line)] & 255));
        }
        for word in &words[self.shape.fixed()..] {
            let mine = if line_of(*word) == line { u64::MAX } else { 0 };
            sign = sign.wrapping_add(blend(*word >> msg::KIND | 1 << 10) & mine);
        }
        sign
    }

    /// The next combination of renamings of the lines' values; false after the last.
    fn next_choice(&self, world: &World, choice: &mut [usize; 4]) -> bool {
        let homes = &world.words()[self.shape.cells()..self.shape.package_at(0, 0)];
        for (home, choice) in homes.iter().zip(choice) {
            *choice += 1;
            if *choice < self.values[(home >> dir::LAST) as usize].len() {
                return true;
            }
            *choice = 0;
        }
        false
    }

    /// The world with its lines in this order, and each line's values renamed as chosen. Messages
    /// are not in order afterwards.
    #[inline]
    fn with_lines(&mut self, world: &World, order: usize, choice: &[usize; 4]) {
        let (cells, fixed) = (self.shape.cells(), self.shape.fixed());
        let old = world.words();
        self.renamed.copy_from(world);
        let new = self.renamed.words_mut();
        if self.shape.lines == 1 {
            let map = &self.values[(old[cells] >> dir::LAST) as usize][choice[0]];
            if *map == IDENTITY {
                return;
            }
        }
        let mut maps = [&IDENTITY; 4];
        let mut place = [0_u32; 4];
        for (to, line) in (0..).zip(&self.orders[order]) {
            let home = old[cells + *line as usize];
            let map = &self.values[(home >> dir::LAST) as usize][choice[*line as usize]];
            maps[*line as usize] = map;
            place[*line as usize] = to;
            let home = value_at(home, dir::MEMORY, map);
            let home = value_at(home, dir::LAST, map);
            new[cells + to as usize] = write_at(home, dir::WRITE, map);
            for package in 0..self.shape.packages() {
                let [from, at] = [*line, to].map(|line| self.shape.package_at(package, line));
                let first = value_at(old[from], dir::MEMORY, map);
                new[at] = write_at(first, dir::WRITE, map);
                new[at + 1] = write_at(old[from + 1], outer::REQUEST_WRITE, map);
            }
            for cache in 0..self.shape.caches {
                let held = old[self.shape.cell_at(cache, *line)];
                let held = value_at(held, cell::VALUE, map);
                new[self.shape.cell_at(cache, to)] = write_at(held, cell::WRITE, map);
            }
        }
        for word in &mut new[fixed..] {
            let line = line_of(*word) as usize;
            let m = value_at(*word, msg::DATA, maps[line]);
            let m = write_at(m, msg::WRITE, maps[line]);
            *word = m & !(3 << msg::LINE) | place[line] << msg::LINE;
        }
    }

    /// The fingerprint of a world whose caches only are still to be renamed.
    #[inline]
    fn of_caches(&mut self) -> u64 {
        if self.shape.packages.is_some() {
            return self.of_packages();
        }
        let caches = self.shape.caches as usize;
        let mut names: [u32; 8] = [0, 1, 2, 3, 4, 5, 6, 7];
        if !self.symmetry.caches {
            return self.named(&names);
        }
        let all_different = [0_u64; CACHES];
        let mut signs = self.cache_signs(&all_different, None);
        let mut order = sorted(&signs, caches);
        let first = alike(&signs, order, caches);
        let mut second = 0;
        if first != 0 {
            let ranks = signs;
            signs = self.cache_signs(&ranks, Some(&ranks));
            order = sorted(&signs, caches);
            second = alike(&signs, order, caches);
        }
        for (name, cache) in order[..caches].iter().enumerate() {
            names[usize::from(*cache)] = u32::try_from(name).unwrap_or(0);
        }
        if second == 0 || self.strangers(first, second) {
            return self.named(&names);
        }
        let mut least = u64::MAX;
        permute_ties(&mut order, &signs, 0, caches, &mut |order| {
            for (name, cache) in order[..caches].iter().enumerate() {
                names[usize::from(*cache)] = u32::try_from(name).unwrap_or(0);
            }
            least = least.min(self.named(&names));
        });
        least
    }

    /// A hash of what each cache is and what messages say of it; of the others that they name, their
    /// ranks.
    #[inline]
    fn cache_signs(&self, base: &[u64; CACHES], ranks: Option<&[u64; CACHES]>) -> [u64; CACHES] {
        let words = self.renamed.words();
        let (cells, fixed, caches) = (self.shape.cells(), self.shape.fixed(), self.shape.caches);
        let mut signs = *base;
        for cache in 0..caches {
            for line in 0..self.shape.lines {
                let home = words[cells + line as usize];
                let role = u32::from(code::three(home, dir::OWNER) == cache)
                    | u32::from(code::three(home, dir::REQUESTER) == cache) << 1
                    | (home >> (dir::SHARERS + cache) & 1) << 2
                    | u32::from(code::three(home, dir::VICTIM) == cache) << 3;
                let held = u64::from(words[self.shape.cell_at(cache, line)]);
                let sign = &mut signs[cache as usize];
                *sign = mix(*sign ^ held ^ u64::from(role) << 32);
            }
        }
        for word in &words[fixed..] {
            let names = [
                code::three(*word, msg::DST),
                code::three(*word, msg::SRC),
                code::three(*word, msg::REQUESTER),
            ];
            let bare = u64::from(*word & !(511 << msg::REQUESTER));
            let others = |me: u32| match ranks {
                None => 0,
                Some(ranks) => names.iter().enumerate().fold(0_u64, |sum, (at, n)| {
                    let rank =
                        if *n == me { 1 } else { ranks.get(*n as usize).copied().unwrap_or(2) };
                    mix(sum ^ rank).rotate_left(u32::try_from(at).unwrap_or(0))
                }),
            };
            for (at, me) in names.iter().enumerate() {
                if *me < caches && !names[..at].contains(me) {
                    let role = (0..3).fold(0, |r, i| r | u64::from(names[i] == *me) << (32 + i));
                    let sign = &mut signs[*me as usize];
                    *sign = sign.wrapping_add(mix(bare | role).wrapping_add(others(*me)));
                }
            }
        }
        signs
    }

    /// Whether the caches that still tie, `second`, may be named in any order: no message names one
    /// of them together with another cache whose rank, at first, was not its own alone.
    fn strangers(&self, first: u32, second: u32) -> bool {
        self.renamed.words()[self.shape.fixed()..].iter().all(|word| {
            let named = 1 << code::three(*word, msg::DST)
                | 1 << code::three(*word, msg::SRC)
                | 1 << code::three(*word, msg::REQUESTER);
            named & second == 0 || (named & first).count_ones() < 2
        })
    }

    /// The fingerprint of the world with cache `i` renamed to `names[i]`.
    #[inline]
    fn named(&mut self, names: &[u32; 8]) -> u64 {
        let (cells, fixed) = (self.shape.cells(), self.shape.fixed());
        let lines = self.shape.lines as usize;
        self.named.copy_from(&self.renamed);
        let old = self.renamed.words();
        let new = self.named.words_mut();
        for cache in 0..self.shape.caches as usize {
            let to = names[cache] as usize * lines;
            for line in 0..lines {
                new[to + line] = old[cache * lines + line];
            }
        }
        for home in &mut new[cells..fixed] {
            *home = rename_dir(*home, names);
        }
        for word in &mut new[fixed..] {
            let name = |at| names[code::three(*word, at) as usize] << at;
            let all = name(msg::DST) | name(msg::SRC) | name(msg::REQUESTER);
            *word = *word & !(511 << msg::REQUESTER) | all;
        }
        sort(&mut new[fixed..]);
        hash(self.named.words())
    }
}

const IDENTITY: ValueMap = [0, 1, 2, 3, 4, 5, 6, 7];

#[inline]
fn value_at(word: u32, at: u32, map: &ValueMap) -> u32 {
    code::with_three(word, at, map[code::three(word, at) as usize])
}

/// Writes have the codes of values, but for increments, which stay.
#[inline]
fn write_at(word: u32, at: u32, map: &ValueMap) -> u32 {
    match code::three(word, at) {
        0 | code::INCREMENT => word,
        set => code::with_three(word, at, map[set as usize]),
    }
}

#[inline]
pub(super) fn rename_dir(home: u32, names: &[u32; 8]) -> u32 {
    let mut sharers = 0;
    for (cache, name) in names[..CACHES].iter().enumerate() {
        sharers |= (home >> (dir::SHARERS as usize + cache) & 1) << name;
    }
    let home = home & !(63 << dir::SHARERS) | sharers << dir::SHARERS;
    let home = code::with_three(home, dir::OWNER, names[code::three(home, dir::OWNER) as usize]);
    let home = code::with_three(home, dir::VICTIM, names[code::three(home, dir::VICTIM) as usize]);
    let requester = names[code::three(home, dir::REQUESTER) as usize];
    code::with_three(home, dir::REQUESTER, requester)
}

/// Insertion sort: the words are few, and mostly in order.
#[inline]
pub(super) fn sort(words: &mut [u32]) {
    for at in 1..words.len() {
        let word = words[at];
        let mut to = at;
        while to > 0 && words[to - 1] > word {
            words[to] = words[to - 1];
            to -= 1;
        }
        words[to] = word;
    }
}

/// The caches by their signs.
#[inline]
fn sorted(signs: &[u64; CACHES], caches: usize) -> [u8; CACHES] {
    let mut order = [0, 1, 2, 3, 4, 5];
    order[..caches].sort_unstable_by_key(|c| signs[usize::from(*c)]);
    order
}

/// Bits of the caches whose sign another has, too.
#[inline]
fn alike(signs: &[u64; CACHES], order: [u8; CACHES], caches: usize) -> u32 {
    let pairs = order[..caches].windows(2);
    let equal = pairs.filter(|p| signs[usize::from(p[0])] == signs[usize::from(p[1])]);
    equal.fold(0, |bits, p| bits | 1 << p[0] | 1 << p[1])
}

/// Every order of the caches that keeps their signs in order.
fn permute_ties(
    order: &mut [u8; CACHES],
    signs: &[u64; CACHES],
    from: usize,
    caches: usize,
    f: &mut impl FnMut(&[u8; CACHES]),
) {
    if from == caches {
        return f(order);
    }
    let sign = |order: &[u8; CACHES], at: usize| signs[usize::from(order[at])];
    let first = sign(order, from);
    for at in from..caches {
        if sign(order, at) == first {
            order.swap(from, at);
            permute_ties(order, signs, from + 1, caches, f);
            order.swap(from, at);
        }
    }
}

pub(super) fn orders_of(items: &[u32]) -> Vec<Vec<u32>> {
    let Some((first, rest)) = items.split_first() else { return vec![Vec::new()] };
    let mut orders = Vec::new();
    for shorter in orders_of(rest) {
        for at in 0..=shorter.len() {
            let mut order = shorter.clone();
            order.insert(at, *first);
            orders.push(order);
        }
    }
    orders
}

/// The renamings of `values` values that turn the code `golden` into the least one.
fn value_maps(values: u32, golden: u32, rename: bool, rotate: bool) -> Vec<ValueMap> {
    if !rename || golden == 0 || golden > values {
        return vec![IDENTITY];
    }
    if rotate || values == 2 {
        let mut map = IDENTITY;
        for code in 1..=values {
            map[code as usize] = (code + values - golden) % values + 1;
        }
        return vec![map];
    }
    let others: Vec<u32> = (1..=values).filter(|v| *v != golden).collect();
    let map_of = |order: Vec<u32>| {
        let mut map = IDENTITY;
        map[golden as usize] = 1;
        for (code, to) in others.iter().zip(order) {
            map[*code as usize] = to;
        }
        map
    };
    let targets: Vec<u32> = (2..=values).collect();
    orders_of(&targets).into_iter().map(map_of).collect()
}

/// A hash of 64 bits that is never 0.
#[inline]
pub(crate) fn hash(words: &[u32]) -> u64 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        let (high, low) = ((product >> 64) & u128::from(u64::MAX), product & u128::from(u64::MAX));
        u64::try_from(high ^ low).unwrap_or(0)
    };
    let mut sum = 0x9e37_79b9_7f4a_7c15 ^ words.len() as u64;
    let mut pairs = words.chunks_exact(2);
    for pair in &mut pairs {
        let both = u64::from(pair[0]) | u64::from(pair[1]) << 32;
        sum = fold(sum ^ both, 0xbf58_476d_1ce4_e5b9 ^ sum.rotate_left(29));
    }
    if let [last] = pairs.remainder() {
        sum = fold(sum ^ u64::from(*last), 0x94d0_49bb_1331_11eb ^ sum.rotate_left(29));
    }
    mix(sum).max(1)
}
