//! The graph of which channel can wait for which: channels are links times VC groups.

use core::ops::Range;
use std::collections::BTreeSet;

use base::LinkIdx;

use super::Waits;
use crate::routing::Step;
use crate::spec::{End, Fabric};

/// Dependencies between channels. A channel is `link * groups + group`.
///
/// What waits at a router waits for a channel that leaves this router, so each channel has a bit for
/// each of those; the few dependencies that pass over other routers are listed.
#[derive(Clone, Debug)]
pub(super) struct Graph<'a> {
    fabric: &'a Fabric,
    groups: usize,
    /// `[link]`: groups that any packet can occupy.
    used: Vec<u8>,
    /// `[channel]`: where its bits begin, one more at the end.
    from: Vec<u32>,
    bits: Vec<u64>,
    /// Dependencies between channels that do not meet at a router.
    far: BTreeSet<(u32, u32)>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(fabric: &'a Fabric) -> Self {
        let groups = fabric.routing.groups();
        let mut from = vec![0];
        let mut words = 0_usize;
        for link in &fabric.links {
            let ports = match link.to {
                End::Router(r, _) => fabric.routers[r.at()].ports.len(),
                End::Node(..) => 0,
            };
            for _ in 0..groups {
                words += (ports * groups).div_ceil(64);
                from.push(narrow(words));
            }
        }
        let used = vec![0; fabric.links.len()];
        Self { fabric, groups, used, from, bits: vec![0; words], far: BTreeSet::new() }
    }

    /// Where the bits of a channel are.
    fn words(&self, channel: usize) -> Range<usize> {
        self.from[channel] as usize..self.from[channel + 1] as usize
    }

    /// What holds `channel` can wait for `step` of the router that the channel enters.
    pub(super) fn depend(&mut self, channel: usize, step: Step) {
        let bit = step.port.at() * self.groups;
        let (word, shift) = (self.from[channel] as usize + bit / 64, bit % 64);
        self.bits[word] |= u64::from(step.groups) << shift;
        // Groups of a port may lie across two words.
        let low = 64 - shift;
        if low < self.groups && u64::from(step.groups) >> low != 0 {
            self.bits[word + 1] |= u64::from(step.groups) >> low;
        }
    }

    /// What holds the first channel can wait for the second, past other channels in between. Whether
    /// that is new.
    pub(super) fn depend_far(&mut self, channel: u32, next: u32) -> bool {
        self.far.insert((channel, next))
    }

    pub(super) fn occupy(&mut self, link: LinkIdx, groups: u8) {
        self.used[link.at()] |= groups;
    }

    pub(super) fn is_used(&self, channel: usize) -> bool {
        self.used[channel / self.groups] >> (channel % self.groups) & 1 == 1
    }

    /// Forgets what channels wait for that are not used.
    pub(super) fn keep_used(&mut self) {
        for channel in (0..self.channels()).filter(|c| !self.is_used(*c)).collect::<Vec<_>>() {
            let of = self.words(channel);
            self.bits[of].fill(0);
        }
    }

    /// Has channels wait for what their stand-ins do: of each channel its own, which enters the same router.
    pub(super) fn follow(&mut self, stands: &[u32]) {
        for (channel, stand) in stands.iter().map(|s| *s as usize).enumerate() {
            if stand != channel && self.is_used(channel) {
                let of = self.words(stand);
                self.bits.copy_within(of, self.from[channel] as usize);
            }
        }
    }

    /// The channels that `channel` depends on.
    pub(super) fn after(&self, channel: usize) -> impl Iterator<Item = usize> {
        let ports: &[LinkIdx] = match self.fabric.links[channel / self.groups].to {
            End::Router(r, _) => &self.fabric.routers[r.at()].ports,
            End::Node(..) => &[],
        };
        let words = &self.bits[self.words(channel)];
        let near = words.iter().enumerate().flat_map(move |(w, word)| {
            let mut rest = *word;
            core::iter::from_fn(move || {
                let bit = 64 * w + rest.trailing_zeros() as usize;
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    ports[bit / self.groups].at() * self.groups + bit % self.groups
                })
            })
        });
        let id = narrow(channel);
        near.chain(self.far.range((id, 0)..=(id, u32::MAX)).map(|(_, next)| *next as usize))
    }

    pub(super) fn channels(&self) -> usize {
        self.fabric.links.len() * self.groups
    }

    /// Numbers the channels so that each waits for higher ones only, those that the same number of
    /// waits leads to next to each other (Kahn, layer by layer).
    ///
    /// # Errors
    /// If there is a cycle: for each channel, whether it is on one or after one.
    pub(super) fn order(&self) -> Result<Vec<u32>, Vec<bool>> {
        let mut waits = vec![0_u32; self.channels()];
        for c in 0..self.channels() {
            self.after(c).for_each(|next| waits[next] += 1);
        }
        let mut free: Vec<usize> = (0..self.channels()).filter(|c| waits[*c] == 0).collect();
        let mut place = vec![0; self.channels()];
        let mut taken = 0;
        while let Some(&c) = free.get(taken) {
            place[c] = narrow(taken);
            taken += 1;
            for next in self.after(c) {
                waits[next] -= 1;
                if waits[next] == 0 {
                    free.push(next);
                }
            }
        }
        if taken == self.channels() {
            Ok(place)
        } else {
            Err(waits.iter().map(|w| *w > 0).collect())
        }
    }

    /// The shortest cycle among the channels `left`, as far as a bounded search finds it.
    pub(super) fn shortest_cycle(&self, left: &[bool]) -> Vec<usize> {
        const STEPS: usize = 20_000_000;
        let mut budget = STEPS;
        let mut best: Vec<usize> = Vec::new();
        let mut parent = vec![usize::MAX; self.channels()];
        for start in (0..self.channels()).filter(|c| left[*c]) {
            let mut queue = vec![start];
            let mut at = 0;
            'search: while let Some(&c) = queue.get(at) {
                at += 1;
                for next in self.after(c).filter(|n| left[*n]) {
                    budget = budget.saturating_sub(1);
                    if next == start {
                        let found = path_back(&parent, start, c);
                        if best.is_empty() || found.len() < best.len() {
                            best = found;
                        }
                        break 'search;
                    }
                    if parent[next] == usize::MAX {
                        parent[next] = c;
                        queue.push(next);
                    }
                }
            }
            for c in queue {
                parent[c] = usize::MAX;
            }
            if best.len() == 1 || (budget == 0 && !best.is_empty()) {
                break;
            }
        }
        best
    }

    /// How the second channel of a pair of neighbours on a cycle is waited for.
    pub(super) fn waits(&self, channel: usize, next: usize) -> Waits {
        if self.far.contains(&(narrow(channel), narrow(next))) { Waits::Past } else { Waits::Next }
    }

    /// VCs of one class of the used channels.
    pub(super) fn vcs(&self) -> u64 {
        (0..self.channels()).filter(|c| self.is_used(*c)).map(|c| self.size(c)).sum()
    }

    /// Pairs of VCs of one class of which the first can wait for the second.
    pub(super) fn dependencies(&self) -> u64 {
        let of = |c: usize| self.after(c).map(|next| self.size(next)).sum::<u64>();
        (0..self.channels()).map(|c| self.size(c) * of(c)).sum()
    }

    /// VCs of one class that make up a channel.
    pub(super) fn size(&self, channel: usize) -> u64 {
        let vcs = self.fabric.routing.group_vcs(channel % self.groups);
        u64::from(vcs.count_ones())
    }
}

/// A channel's number in 32 bits.
///
/// # Panics
/// Never: there are at most a million links of at most 8 groups.
pub(super) fn narrow(channel: usize) -> u32 {
    u32::try_from(channel).expect("links and groups are bounded")
}

fn path_back(parent: &[usize], start: usize, end: usize) -> Vec<usize> {
    let mut path = vec![end];
    while let Some(&c) = path.last()
        && c != start
    {
        path.push(parent[c]);
    }
    path.reverse();
    path
}
