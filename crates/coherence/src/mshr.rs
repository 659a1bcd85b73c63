//! Miss status holding registers: the lines of a cache that have a transaction under way, with the
//! accesses that wait for them. A victim whose Put is not acknowledged yet takes one up as well.

use std::collections::VecDeque;

use base::Line;

use crate::cache_ctrl::Access;
use crate::state::CacheLine;
use crate::value::Value;

/// Accesses that may wait for one line. ASSUMED: what an MSHR of a GPU's second-level cache merges is
/// not published; eight words of 8 bytes make a line.
pub const TARGETS_MAX: usize = 8;

/// The line number that no line has: lines are addresses divided by 64.
const FREE: Line = Line(u64::MAX);

/// An access that waits.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound(serialize = "T: serde::Serialize", deserialize = "T: serde::de::DeserializeOwned"))]
pub(crate) struct Target<V: Value, T> {
    pub(crate) token: u32,
    pub(crate) access: Access<V>,
    pub(crate) tag: T,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound(serialize = "T: serde::Serialize", deserialize = "T: serde::de::DeserializeOwned"))]
pub(crate) struct Mshr<V: Value, T> {
    pub(crate) line: Line,
    pub(crate) cache: CacheLine<V>,
    /// The way reserved for the line; none for victims and for far atomics on absent lines.
    pub(crate) way: Option<usize>,
    /// In program order, at most [`TARGETS_MAX`].
    pub(crate) targets: VecDeque<Target<V, T>>,
    /// The tag of the data, count or response that came for the first target.
    pub(crate) reply_tag: Option<T>,
}

#[derive(Clone, Debug)]
pub(crate) struct Mshrs<V: Value, T> {
    limit: usize,
    /// `[mshr]`: its line or [`FREE`]; apart, to be searched quickly.
    lines: Vec<Line>,
    /// `[mshr]`, made when first needed.
    slots: Vec<Mshr<V, T>>,
    free: Vec<u16>,
}

base::state!([V: Value, T: serde::Serialize + serde::de::DeserializeOwned] Mshrs<V, T> {
    keeps lines, slots, free;
    each;
    fixed limit
});

impl<V: Value, T> Mshrs<V, T> {
    pub(crate) fn new(limit: u32) -> Self {
        assert!((2..=65_535).contains(&limit), "{limit} MSHRs: must be 2 to 65535");
        Self { limit: limit as usize, lines: Vec::new(), slots: Vec::new(), free: Vec::new() }
    }

    /// How many are not in use.
    pub(crate) fn available(&self) -> usize {
        self.limit - self.used()
    }

    pub(crate) fn used(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The MSHR of `line`.
    pub(crate) fn find(&self, line: Line) -> Option<u16> {
        if self.used() == 0 {
            return None;
        }
        let at = self.lines.iter().position(|l| *l == line)?;
        u16::try_from(at).ok()
    }

    /// Takes one up. The caller has seen that one is [`available`](Self::available).
    pub(crate) fn allocate(&mut self, line: Line, cache: CacheLine<V>, way: Option<usize>) -> u16 {
        assert!(self.available() > 0, "{line}: all {} MSHRs are in use", self.limit);
        if let Some(at) = self.free.pop() {
            let slot = &mut self.slots[usize::from(at)];
            (slot.line, slot.cache, slot.way, slot.reply_tag) = (line, cache, way, None);
            self.lines[usize::from(at)] = line;
            return at;
        }
        let at = u16::try_from(self.slots.len()).expect("bounded by the limit");
        let targets = VecDeque::new();
        self.slots.push(Mshr { line, cache, way, targets, reply_tag: None });
        self.lines.push(line);
        at
    }

    pub(crate) fn release(&mut self, at: u16) {
        let slot = &self.slots[usize::from(at)];
        assert!(slot.targets.is_empty(), "{}: released with accesses waiting", slot.line);
        self.lines[usize::from(at)] = FREE;
        self.free.push(at);
    }

    pub(crate) fn get(&self, at: u16) -> &Mshr<V, T> {
        &self.slots[usize::from(at)]
    }

    pub(crate) fn get_mut(&mut self, at: u16) -> &mut Mshr<V, T> {
        &mut self.slots[usize::from(at)]
    }

    /// Those in use.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Mshr<V, T>> {
        self.slots.iter().zip(&self.lines).filter(|(_, l)| **l != FREE).map(|(m, _)| m)
    }
}
