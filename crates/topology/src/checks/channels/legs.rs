//! The legs that packets can be on, and the channels on which they can begin.

use std::collections::BTreeSet;

use crate::routing::Goal;

/// Highest target that a leg can have: more than there are pairs of a few thousand nodes.
const TARGET_MAX: u32 = 1 << 24;
/// Memory for the beginnings of later legs, in 64-bit words: 512 MiB.
const WORDS_MAX: usize = 1 << 26;

/// Every leg that was met, by number in the order of meeting.
#[derive(Debug)]
pub(super) struct Legs {
    /// `[phase][target]`: the leg's number, `u32::MAX` where there is none.
    slots: Vec<Vec<u32>>,
    all: Vec<Leg>,
    /// Legs to be followed yet, earlier phases first.
    open: BTreeSet<(u8, u32, u32)>,
    /// Words of a set of channels.
    words: usize,
    /// Words taken by all such sets.
    held: usize,
    /// Why the legs met are not all.
    pub(super) refused: Option<Refused>,
}

/// Why a leg was not taken up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// Its target is no node, router, group or path of any machine.
    Target(Goal),
    /// The beginnings of the legs together take too much memory.
    Memory,
}

#[derive(Debug)]
struct Leg {
    goal: Goal,
    /// Whether packets leave their sources on it.
    first: bool,
    /// Whether those were followed.
    begun: bool,
    /// Channels on which packets of earlier legs come to it; empty while there are none.
    seeds: Vec<u64>,
    /// Those of them that were not followed.
    fresh: Vec<u32>,
    /// A leg joined to it by adaptive steps, or itself: a union-find forest.
    joined: u32,
}

impl Legs {
    pub(super) const fn new(channels: usize) -> Self {
        Self {
            slots: Vec::new(),
            all: Vec::new(),
            open: BTreeSet::new(),
            words: channels.div_ceil(64),
            held: 0,
            refused: None,
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn goal(&self, leg: u32) -> Goal {
        self.all[leg as usize].goal
    }

    pub(super) fn goals(&self) -> impl Iterator<Item = Goal> {
        self.all.iter().map(|l| l.goal)
    }

    /// Whether packets leave their sources on the leg.
    pub(super) fn is_first(&self, leg: u32) -> bool {
        self.all[leg as usize].first
    }

    /// The leg's number, if it was met.
    pub(super) fn find(&self, goal: Goal) -> Option<u32> {
        let of_phase = self.slots.get(usize::from(goal.phase))?;
        of_phase.get(goal.target as usize).copied().filter(|slot| *slot != u32::MAX)
    }

    /// Packets leave their sources on this leg.
    pub(super) fn begin(&mut self, goal: Goal) {
        if let Some(leg) = self.meet(goal) {
            self.all[leg as usize].first = true;
            self.open.insert((goal.phase, goal.target, leg));
        }
    }

    /// Packets come to this leg on `channel`.
    pub(super) fn seed(&mut self, goal: Goal, channel: u32) -> Option<u32> {
        let slot = self.meet(goal)?;
        let leg = &mut self.all[slot as usize];
        if leg.seeds.is_empty() {
            if self.held + self.words > WORDS_MAX {
                self.refused = Some(Refused::Memory);
                return None;
            }
            self.held += self.words;
            leg.seeds = vec![0; self.words];
        }
        let (word, bit) = (channel as usize / 64, 1 << (channel % 64));
        if leg.seeds[word] & bit == 0 {
            leg.seeds[word] |= bit;
            if leg.fresh.is_empty() {
                self.open.insert((goal.phase, goal.target, slot));
            }
            leg.fresh.push(channel);
        }
        Some(slot)
    }

    /// The next leg to be followed, whether from the sources on, and the channels on which packets
    /// newly come to it.
    pub(super) fn pop(&mut self) -> Option<(u32, bool, Vec<u32>)> {
        let (_, _, number) = self.open.pop_first()?;
        let leg = &mut self.all[number as usize];
        let inject = leg.first && !core::mem::replace(&mut leg.begun, true);
        Some((number, inject, core::mem::take(&mut leg.fresh)))
    }

    /// All channels on which packets of earlier legs come to it.
    pub(super) fn seeds(&self, leg: u32) -> impl Iterator<Item = u32> {
        (0_u32..).zip(&self.all[leg as usize].seeds).flat_map(|(w, word)| {
            let mut rest = *word;
            core::iter::from_fn(move || {
                let bit = 64 * w + rest.trailing_zeros();
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    bit
                })
            })
        })
    }

    /// An adaptive step leads from one leg to another: their dependencies are to be seen together.
    pub(super) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.all[a.max(b) as usize].joined = a.min(b);
    }

    /// Legs that adaptive steps join, each in one of the lists.
    pub(super) fn families(&self) -> Vec<Vec<u32>> {
        let mut families = vec![Vec::new(); self.all.len()];
        for leg in (0_u32..).take(self.all.len()) {
            families[self.root(leg) as usize].push(leg);
        }
        families.retain(|f| !f.is_empty());
        families
    }

    fn root(&self, mut leg: u32) -> u32 {
        while self.all[leg as usize].joined != leg {
            leg = self.all[leg as usize].joined;
        }
        leg
    }

    fn meet(&mut self, goal: Goal) -> Option<u32> {
        if let Some(leg) = self.find(goal) {
            return Some(leg);
        }
        if goal.target >= TARGET_MAX {
            self.refused = Some(Refused::Target(goal));
            return None;
        }
        let (phase, target) = (usize::from(goal.phase), goal.target as usize);
        if self.slots.len() <= phase {
            self.slots.resize(phase + 1, Vec::new());
        }
        if self.slots[phase].len() <= target {
            self.slots[phase].resize(target + 1, u32::MAX);
        }
        let leg = u32::try_from(self.all.len()).ok()?;
        self.slots[phase][target] = leg;
        let (seeds, fresh) = (Vec::new(), Vec::new());
        self.all.push(Leg { goal, first: false, begun: false, seeds, fresh, joined: leg });
        Some(leg)
    }
}
