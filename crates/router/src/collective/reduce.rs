//! The combining table, and what is absorbed into it.

use base::RoutingFunction;
use base::group::Groups;

use super::{Collective, Phase};
use crate::bank::Common;
use crate::egress::{Absorption, Egress};
use crate::flow::short;
use crate::state::Block;

/// The combining tables of all routers: an entry for each place and each of the window's sequence
/// numbers.
// Invariant: absorbed <= begun <= the contributions awaited; vacant entries have begun none.
#[derive(Clone, Debug)]
pub(super) struct Table {
    window: u32,
    /// `[place * window + sequence mod window]`
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Entry {
    sequence: u32,
    awaited: u32,
    /// Contributions whose heads have come, and those that were absorbed to their tails.
    begun: u32,
    absorbed: u32,
}

impl Table {
    pub(super) fn new(groups: &Groups) -> Self {
        let window = groups.window.max(1);
        let count = groups.places as usize * window as usize;
        Self { window, entries: vec![Entry::default(); count] }
    }

    /// A contribution has come to `place`: what becomes of it.
    pub(super) fn enter(&mut self, place: u32, awaited: u32, sequence: u32, now: u64) -> Phase {
        let number = place * self.window + sequence % self.window;
        let entry = &mut self.entries[number as usize];
        if entry.begun == 0 {
            *entry = Entry { sequence, awaited, begun: 1, absorbed: 0 };
            return Phase::Absorb { entry: number, since: now };
        }
        if entry.sequence != sequence || entry.begun == awaited {
            return Phase::Entry;
        }
        entry.begun += 1;
        if entry.begun < awaited {
            Phase::Absorb { entry: number, since: now }
        } else {
            Phase::Last { entry: number }
        }
    }

    /// Whether all but the last contribution to `entry` are absorbed; it is vacant then.
    pub(super) fn complete(&mut self, entry: u32) -> bool {
        let entry = &mut self.entries[entry as usize];
        let done = entry.absorbed + 1 == entry.awaited;
        if done {
            *entry = Entry::default();
        }
        done
    }
}

impl Collective {
    /// Every input port absorbs a flit, if one of its VCs has one to be absorbed.
    pub(super) fn absorb<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) {
        let vcs = usize::from(c.pipeline.vcs);
        for port in 0..usize::from(block.ports) {
            let turn = usize::from(self.parts[i].inputs[port].absorb_turn);
            let found = (0..vcs).find_map(|n| {
                let vc = (turn + n) % vcs;
                let at = port << c.shift | vc;
                let entry = match self.parts[i].fronts[at].phase {
                    Phase::Absorb { entry, since } if now > since => entry,
                    _ => return None,
                };
                (block.inputs[at].len > 0).then_some((vc, at, entry))
            });
            if let Some((vc, at, entry)) = found {
                self.parts[i].inputs[port].absorb_turn = short(vc + 1);
                self.absorb_flit(c, block, (i, at, entry), now, egress);
            }
        }
    }

    fn absorb_flit<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        (i, at, entry): (usize, usize, u32),
        now: u64,
        egress: &mut E,
    ) {
        let input = &mut block.inputs[at];
        let slot = input.first;
        let (next, _, tail) = c.store.next(slot);
        input.first = next;
        input.len -= 1;
        self.absorbed += 1;
        let from = Block::<L, W>::lane(i, at);
        egress.absorb(&Absorption { from, entry, slot, tail }, &mut c.store);
        egress.credit(from, now + 1);
        if tail {
            self.table.entries[entry as usize].absorbed += 1;
            self.leave(block, (i, at), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(places: u32, window: u32) -> Table {
        let (count, packet_flits_max, whole_packets) = (1, 1, true);
        Table::new(&Groups { count, packet_flits_max, whole_packets, places, window })
    }

    #[test]
    fn the_last_of_three_goes_on_when_the_others_are_absorbed_and_not_before() {
        let mut table = table(2, 4);
        assert_eq!(table.enter(1, 3, 6, 50), Phase::Absorb { entry: 6, since: 50 });
        assert_eq!(table.enter(1, 3, 6, 51), Phase::Absorb { entry: 6, since: 51 });
        assert_eq!(table.enter(1, 3, 6, 52), Phase::Last { entry: 6 });
        for absorbed in 0..2 {
            table.entries[6].absorbed = absorbed;
            assert!(!table.complete(6), "{absorbed} absorbed");
        }
        table.entries[6].absorbed = 2;
        assert!(table.complete(6));
        assert!(matches!(table.enter(1, 3, 10, 60), Phase::Absorb { entry: 6, .. }), "vacant");
    }

    #[test]
    fn a_sequence_number_beyond_the_window_waits_for_its_entry() {
        let mut table = table(1, 2);
        for sequence in [0, 1] {
            assert!(matches!(table.enter(0, 2, sequence, 0), Phase::Absorb { .. }));
        }
        assert_eq!(table.enter(0, 2, 2, 0), Phase::Entry);
        assert_eq!(table.enter(0, 2, 0, 0), Phase::Last { entry: 0 });
        assert_eq!(table.enter(0, 2, 2, 0), Phase::Entry, "the last of 0 has not gone on");
        table.entries[0].absorbed = 1;
        assert!(table.complete(0));
        assert!(matches!(table.enter(0, 2, 2, 0), Phase::Absorb { entry: 0, .. }));
    }
}
