//! Wakes beyond a wheel's ring: a list for each block of edges, and an ordered map beyond the lists.

use std::collections::BTreeMap;

use crate::Edge;

/// Edges of a block.
pub(super) const BLOCK: u64 = 128;

/// Blocks that have a list.
const LISTS: u64 = 64;

/// Wakes at or beyond a wheel's limit.
// Invariant: lists hold wakes of the `LISTS` blocks from the limit's on, the map those that are later.
#[derive(Clone, Debug)]
pub(super) struct Ahead {
    /// `[block % LISTS]`
    lists: Vec<Vec<(u32, Edge)>>,
    /// Bit per list: there is something in it.
    occupied: u64,
    far: BTreeMap<Edge, Vec<u32>>,
}

base::state!([] Ahead { keeps lists, occupied, far; each; fixed });

impl Default for Ahead {
    fn default() -> Self {
        let lists = vec![Vec::new(); usize::try_from(LISTS).unwrap_or(64)];
        Self { lists, occupied: 0, far: BTreeMap::new() }
    }
}

impl Ahead {
    /// Takes up a wake, beyond `limit`.
    #[inline(never)]
    pub(super) fn put(&mut self, component: u32, edge: Edge, limit: Edge) {
        let block = edge.0 / BLOCK;
        if block - limit.0 / BLOCK < LISTS {
            self.list(component, edge);
        } else {
            self.far.entry(edge).or_default().push(component);
        }
    }

    fn list(&mut self, component: u32, edge: Edge) {
        let at = index(edge.0 / BLOCK);
        self.lists[at].push((component, edge));
        self.occupied |= 1 << at;
    }

    /// The first edge at which anyone wakes, [`Edge::NEVER`] if none does.
    pub(super) fn first(&self, limit: Edge) -> Edge {
        if self.occupied == 0 {
            return self.far.keys().next().copied().unwrap_or(Edge::NEVER);
        }
        let from = index(limit.0 / BLOCK);
        let ahead = self.occupied.rotate_right(u32::try_from(from).unwrap_or(0)).trailing_zeros();
        let list = &self.lists[(from + ahead as usize) % self.lists.len()];
        list.iter().map(|(_, edge)| *edge).min().unwrap_or(Edge::NEVER)
    }

    /// Takes out the list of a block, empty or not, where the limit was `old`; it is to be given back empty.
    pub(super) fn open(&mut self, block: u64, old: Edge) -> Vec<(u32, Edge)> {
        if block < old.0 / BLOCK || block - old.0 / BLOCK >= LISTS {
            return Vec::new();
        }
        self.occupied &= !(1 << index(block));
        core::mem::take(&mut self.lists[index(block)])
    }

    /// Gives back the list of a block, for the room that it has.
    pub(super) fn close(&mut self, block: u64, list: Vec<(u32, Edge)>) {
        if list.capacity() > 0 {
            self.lists[index(block)] = list;
        }
    }

    /// Moves what is in the map into the lists from the new limit on, but for what is in front of that: gives
    /// it, one by one.
    pub(super) fn come(&mut self, limit: Edge) -> Option<(u32, Edge)> {
        while let Some(mut first) = self.far.first_entry() {
            let edge = *first.key();
            if edge.0.saturating_sub(limit.0) / BLOCK >= LISTS {
                return None;
            }
            let component = first.get_mut().pop();
            if first.get().is_empty() {
                first.remove();
            }
            match component {
                Some(component) if edge < limit => return Some((component, edge)),
                Some(component) => self.list(component, edge),
                None => {}
            }
        }
        None
    }
}

fn index(block: u64) -> usize {
    usize::try_from(block % LISTS).unwrap_or(0)
}
