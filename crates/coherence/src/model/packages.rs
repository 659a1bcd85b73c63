//! Systems of packages: a level of homes between the caches and the fabric's home.
//!
//! ```text
//!   names of a world    caches 0 .. C, package homes C .. C + P, the fabric's home C + P
//!   seen inside         the package's caches 0 .. size, its home size
//!   seen by the fabric  packages 0 .. P, the home P
//! ```
//!
//! The tables see numbers of their own level. A line at a package's home is two words:
//!
//! ```text
//! first   as a directory line; the memory is none while the package has no copy
//! second  outer state 4 | outer acks + 8  4 | snoop kind 3, requester 3, gather 1
//!         | request kind 3, source 3, write 3
//! ```

use core::fmt;
use core::str::FromStr;

use base::NodeIdx;

use super::act::Shape;
use super::code::{self, dir};
use crate::directory::Listing;
use crate::message::{Gather, Message, MsgKind};
use crate::package_table::PackageLine;
use crate::state::{CacheLine, CacheState};

/// Packages of a system.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Packages {
    /// How many: a divisor of the caches.
    pub count: u32,
    /// How their homes list the package's caches.
    pub inner: Listing,
}

impl fmt::Display for Packages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.count, self.inner)
    }
}

impl FromStr for Packages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (count, inner) = text.split_once(' ').unwrap_or((text, "full-map"));
        let count = count.parse().map_err(|_| format!("`{count}` is no number of packages"))?;
        Ok(Self { count, inner: inner.trim().parse()? })
    }
}

/// What a package's home can do of its own accord.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum OfPackage {
    Recall,
    Evict,
    Drop,
}

impl OfPackage {
    pub(crate) const ALL: [Self; 3] = [Self::Recall, Self::Evict, Self::Drop];
}

/// Where a move takes place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Cache(u32),
    Home,
    Package(u32),
}

/// The numbers that the tables see, for the names of a world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Numbers {
    /// The names themselves.
    Flat,
    /// Those of a package.
    Inside { first: u32, size: u32, home: u32 },
    /// Those of the fabric.
    Fabric { first: u32 },
}

impl Numbers {
    fn seen(self, name: NodeIdx) -> NodeIdx {
        let number = match self {
            Self::Flat => name.0,
            Self::Inside { size, home, .. } if name.0 == home => size,
            Self::Inside { first, .. } | Self::Fabric { first } => name.0.wrapping_sub(first),
        };
        NodeIdx(number.min(code::NOBODY))
    }

    fn name(self, number: NodeIdx) -> NodeIdx {
        NodeIdx(match self {
            Self::Flat => number.0,
            Self::Inside { size, home, .. } if number.0 == size => home,
            Self::Inside { first, .. } | Self::Fabric { first } => number.0 + first,
        })
    }

    /// A message as the tables see it.
    pub(crate) fn seen_in(self, m: Message<u8>) -> Message<u8> {
        let [src, dst, requester] = [m.src, m.dst, m.requester].map(|n| self.seen(n));
        Message { src, dst, requester, ..m }
    }

    /// A message as it is under way.
    pub(crate) fn named_in(self, m: Message<u8>) -> Message<u8> {
        let [src, dst, requester] = [m.src, m.dst, m.requester].map(|n| self.name(n));
        Message { src, dst, requester, ..m }
    }
}

impl Shape {
    /// Packages; 0 if there are none.
    pub(crate) fn packages(&self) -> u32 {
        self.packages.map_or(0, |p| p.count)
    }

    /// What the fabric's directory lists: packages, or caches where there are none.
    pub fn listed(&self) -> u32 {
        self.packages.map_or(self.caches, |p| p.count)
    }

    /// Caches of a package; all if there are no packages.
    pub(crate) fn package_caches(&self) -> u32 {
        self.caches / self.packages().max(1)
    }

    /// The first of the two words of a line at a package's home.
    pub(crate) fn package_at(&self, package: u32, line: u32) -> usize {
        self.cells() + (self.lines + 2 * (package * self.lines + line)) as usize
    }

    /// The numbers that are seen inside a package, or without packages by all.
    pub(crate) fn inside(&self, package: u32) -> Numbers {
        if self.packages.is_none() {
            return Numbers::Flat;
        }
        let size = self.package_caches();
        Numbers::Inside { first: package * size, size, home: self.caches + package }
    }

    /// The numbers that the fabric sees.
    pub(crate) fn fabric(&self) -> Numbers {
        if self.packages.is_some() { Numbers::Fabric { first: self.caches } } else { Numbers::Flat }
    }

    /// The home of a line as its caches see it.
    pub(crate) fn inner_home_of(&self, line: u32) -> NodeIdx {
        if self.packages.is_some() { NodeIdx(self.package_caches()) } else { self.home_of(line) }
    }

    /// What a node is called.
    pub(crate) fn name_of(&self, node: NodeIdx) -> String {
        match node.0.checked_sub(self.caches) {
            Some(package) if package < self.packages() => format!("p{package}"),
            _ => code::short(node),
        }
    }
}

/// Where the fields of a package's second word lie.
pub(crate) mod outer {
    pub(crate) const STATE: u32 = 0;
    pub(crate) const ACKS: u32 = 4;
    pub(crate) const SNOOP: u32 = 8;
    pub(crate) const SNOOP_REQUESTER: u32 = 11;
    pub(crate) const SNOOP_GATHER: u32 = 14;
    pub(crate) const REQUEST: u32 = 15;
    pub(crate) const REQUEST_SRC: u32 = 18;
    pub(crate) const REQUEST_WRITE: u32 = 21;
}

const SNOOPS: [MsgKind; 4] = [MsgKind::FwdGetS, MsgKind::FwdGetM, MsgKind::FwdInv, MsgKind::Inv];
const REQUESTS: [MsgKind; 4] = [MsgKind::GetS, MsgKind::GetM, MsgKind::Upg, MsgKind::Far];

fn code_of(kinds: [MsgKind; 4], kind: MsgKind) -> Option<u32> {
    (1..).zip(kinds).find(|(_, k)| *k == kind).map(|(code, _)| code)
}

fn kind_of(kinds: [MsgKind; 4], code: u32) -> Option<MsgKind> {
    kinds.get(code.checked_sub(1)? as usize).copied()
}

/// The outer state of a package's second word.
#[inline]
pub(crate) fn outer_state(second: u32) -> CacheState {
    CacheState::ALL[(second >> outer::STATE & 15) as usize]
}

/// Whether a snoop or a request waits at the package's home.
#[inline]
pub(crate) fn keeps_message(second: u32) -> bool {
    code::three(second, outer::SNOOP) != 0 || code::three(second, outer::REQUEST) != 0
}

/// Whether nothing is under way at the package's home.
pub(crate) fn is_stable(first: u32, second: u32) -> bool {
    code::dir_state(first).is_stable() && outer_state(second).is_stable() && !keeps_message(second)
}

/// The line that two words stand for, in the numbers of its levels.
pub(crate) fn unpack(words: [u32; 2], shape: &Shape, package: u32) -> PackageLine<u8> {
    let [first, second] = words;
    let (home, me) = (NodeIdx(shape.packages()), NodeIdx(package));
    let inner_home = NodeIdx(shape.package_caches());
    let number = |at| NodeIdx(code::three(second, at));
    let snoop = kind_of(SNOOPS, code::three(second, outer::SNOOP)).map(|kind| {
        let mut m = Message::new(kind, home, me, number(outer::SNOOP_REQUESTER));
        if second >> outer::SNOOP_GATHER & 1 == 1 {
            m.gather = Gather::Home;
        }
        m
    });
    let request = kind_of(REQUESTS, code::three(second, outer::REQUEST)).map(|kind| {
        let src = number(outer::REQUEST_SRC);
        let mut m = Message::new(kind, src, inner_home, src);
        m.write = code::write(code::three(second, outer::REQUEST_WRITE), shape.values);
        m
    });
    let acks = i32::try_from(second >> outer::ACKS & 15).unwrap_or(0) - 8;
    PackageLine {
        inner: code::unpack_dir(first, shape.values),
        outer: CacheLine { acks, ..CacheLine::stable(outer_state(second), home, None) },
        snoop,
        request,
    }
}

/// None if a count or a value does not fit.
pub(crate) fn pack(line: &PackageLine<u8>) -> Option<[u32; 2]> {
    let mut first = code::pack_dir(&line.inner)?;
    if !line.outer.state.holds_value() {
        first = code::with_three(first, dir::MEMORY, 0);
    }
    let acks = u32::try_from(line.outer.acks + 8).ok().filter(|a| *a < 16)?;
    let mut second = (line.outer.state as u32) << outer::STATE | acks << outer::ACKS;
    if let Some(m) = &line.snoop {
        second |= code_of(SNOOPS, m.kind)? << outer::SNOOP
            | m.requester.0.min(code::NOBODY) << outer::SNOOP_REQUESTER
            | u32::from(m.gather == Gather::Home) << outer::SNOOP_GATHER;
    }
    if let Some(m) = &line.request {
        second |= code_of(REQUESTS, m.kind)? << outer::REQUEST
            | m.src.0.min(code::NOBODY) << outer::REQUEST_SRC
            | code::pack_write(m.write) << outer::REQUEST_WRITE;
    }
    Some([first, second])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::DirLine;
    use crate::value::ByteWrite;

    #[test]
    fn what_is_packed_comes_back_and_numbers_are_those_of_the_level() {
        let packages = Some(Packages { count: 2, inner: Listing::FullMap });
        let shape = Shape { caches: 4, packages, ..Shape::default() };
        let mut request = Message::new(MsgKind::Far, NodeIdx(1), NodeIdx(2), NodeIdx(1));
        request.write = Some(ByteWrite::Increment(2));
        let mut snoop = Message::new(MsgKind::Inv, NodeIdx(2), NodeIdx(1), NodeIdx(0));
        snoop.gather = Gather::Home;
        let line = PackageLine {
            inner: DirLine { memory: 1, ..DirLine::untouched(0) },
            outer: CacheLine { acks: -3, ..CacheLine::stable(CacheState::SmAd, NodeIdx(2), None) },
            snoop: Some(snoop),
            request: Some(request),
        };
        assert_eq!(unpack(pack(&line).expect("it fits"), &shape, 1), line);
        let inside = shape.inside(1);
        let m = Message::<u8>::new(MsgKind::GetS, NodeIdx(3), NodeIdx(5), NodeIdx(3));
        let seen = inside.seen_in(m);
        assert_eq!([seen.src.0, seen.dst.0, seen.requester.0], [1, 2, 1]);
        assert_eq!(inside.named_in(seen), m);
        let m = Message::<u8>::new(MsgKind::GetS, NodeIdx(5), NodeIdx(6), NodeIdx(5));
        let seen = shape.fabric().seen_in(m);
        assert_eq!([seen.src.0, seen.dst.0], [1, 2]);
        assert_eq!(shape.fabric().named_in(seen), m);
    }
}
