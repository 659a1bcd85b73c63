//! Blocks of packets in the slots of frames: where a flit lies, and what stands around it.
//!
//! ```text
//!   unit    unit    unit    unit            unit    unit
//!   ┌───────┬───────┬───────┬──────┐        ┌───────┬──────┐
//!   │H flit │ flit  │ fl.it │ C ░░ │  fill  │h flit │ C ░░ │      H, h header; C check; ░ fill of the unit
//!   └───────┴───────┴───────┴──────┘        └───────┴──────┘
//! ```
//!
//! A flit that follows the one before it, and is of the same packet, goes on in its block; any other closes that
//! and opens one of its own. What closes a block is only known when the next flit comes; but then its check
//! stands right behind the last flit, so nothing that was told changes. A gap below a unit closes no block: the
//! sender holds a block back for as long, so that it has none (ASSUMED); it is counted as fill.
//!
//! A receiver can use a block when its check has come. When a flit is handed over, the end of its block is known as
//! far as the rest of its packet follows without a gap; it is accepted in the frame in which that end lies. Where
//! a gap comes after all, the block has closed sooner, and the flit could have been used a little earlier.

use base::Flit;

use crate::Block;

/// Where a flit lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lie {
    /// Its first slot; that of its block's header if it opens one.
    pub(crate) begins: u64,
    /// The first slot behind it at which another flit may begin.
    pub(crate) next: u64,
    /// The slot behind the end of what has to arrive before it can be used.
    pub(crate) whole: u64,
    /// Whether it opens a block.
    pub(crate) opens: bool,
}

/// The blocks of a direction.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    of: Block,
    flit_slots: u64,
    /// The VC whose packet has the open block, and the slots of that so far; none is open if there are none.
    vc: u8,
    used: u64,
    /// `[vc]`: flits that its packet has still to send.
    left: Vec<u16>,
    /// Slots of headers, checks and fill so far.
    around: u64,
}

base::state!([] Blocks { keeps vc, used, left, around; each; fixed of, flit_slots });

impl Blocks {
    pub(crate) fn new(of: Block, flit_slots: u32) -> Self {
        Self { of, flit_slots: flit_slots.into(), vc: 0, used: 0, left: vec![0; 64], around: 0 }
    }

    /// Slots that are not flits'.
    pub(crate) const fn around(&self) -> u64 {
        self.around
    }

    /// Where a flit lies that is handed over in time for `slot`, when `next` is the first that is free.
    pub(crate) fn lie(&self, flit: &Flit, slot: u64, next: u64) -> Lie {
        let (check, unit) = (u64::from(self.of.check_slots), u64::from(self.of.unit_slots));
        let joined = slot.max(next);
        let used = self.used + (joined - next) + self.flit_slots;
        let goes_on = self.used > 0 && !flit.head && flit.vc.0 == self.vc;
        let joins = goes_on && joined - next < unit && used + check <= u64::from(self.of.slots);
        let (begins, header, used) = if joins {
            (joined, 0, used)
        } else {
            let header = self.header(flit);
            let begins = slot.next_multiple_of(unit).max(self.closed(next));
            (begins, header, header + self.flit_slots)
        };
        let behind = begins + header + self.flit_slots;
        // The rest of its packet that the block has room for.
        let room = (u64::from(self.of.slots) - check - used) / self.flit_slots;
        let rest = (self.left(flit) - 1).min(room) * self.flit_slots;
        let whole = (behind + rest + check).next_multiple_of(unit);
        Lie { begins, next: if flit.tail { whole } else { behind }, whole, opens: !joins }
    }

    /// A flit lies where [`lie`](Self::lie) says; `next` was the first slot that was free.
    pub(crate) fn put(&mut self, flit: &Flit, lie: Lie, next: u64) {
        if lie.opens {
            let header = self.header(flit);
            self.around += self.closed(next) - next + header;
            self.used = header + self.flit_slots;
        } else {
            self.around += lie.begins - next;
            self.used += lie.begins - next + self.flit_slots;
        }
        let left = self.left(flit) - 1;
        if let Some(of) = self.left.get_mut(usize::from(flit.vc.0)) {
            *of = u16::try_from(left).unwrap_or(u16::MAX);
        }
        self.vc = flit.vc.0;
        if flit.tail {
            let header = if lie.opens { self.header(flit) } else { 0 };
            self.around += lie.next - (lie.begins + header + self.flit_slots);
            self.used = 0;
        }
    }

    /// Flits of its packet that `flit` and those behind it are.
    fn left(&self, flit: &Flit) -> u64 {
        let known = self.left.get(usize::from(flit.vc.0)).copied().unwrap_or(1);
        let left = if flit.head { flit.flits } else { known };
        if flit.tail { 1 } else { u64::from(left).max(1) }
    }

    /// The first slot of a new block, where `next` is the first that is free behind the last flit.
    fn closed(&self, next: u64) -> u64 {
        let check = if self.used > 0 { u64::from(self.of.check_slots) } else { 0 };
        (next + check).next_multiple_of(self.of.unit_slots.into())
    }

    fn header(&self, flit: &Flit) -> u64 {
        self.of.header_slots[usize::from(!flit.head)].into()
    }
}

#[cfg(test)]
mod tests {
    use base::VcIdx;
    use proptest::prelude::*;

    use super::*;
    use crate::Layout;
    use crate::tests::flit;

    /// Units of 10 slots, blocks of 32 of them, headers of 2 and 1, checks of 2; flits of 16.
    const OF: Block = Block { unit_slots: 10, slots: 320, header_slots: [2, 1], check_slots: 2 };
    const FLIT: u64 = 16;

    fn piece(vc: u8, at: u16, of: u16) -> Flit {
        Flit { vc: VcIdx(vc), head: at == 0, tail: at + 1 == of, flits: of, ..flit(0) }
    }

    /// Puts the flits of a packet, each as soon as it can; gives where they lie.
    fn packet(blocks: &mut Blocks, next: &mut u64, vc: u8, of: u16) -> Vec<Lie> {
        let one = |at| {
            let flit = piece(vc, at, of);
            let lie = blocks.lie(&flit, *next, *next);
            blocks.put(&flit, lie, *next);
            *next = lie.next;
            lie
        };
        (0..of).map(one).collect()
    }

    #[test]
    fn a_short_packet_ends_its_block_at_once() {
        let (mut blocks, mut next) = (Blocks::new(OF, 16), 0);
        // 2 + 2 x 16 + 2 = 36 slots, 4 units; the first flit is of use when the check is there, too.
        let lies = packet(&mut blocks, &mut next, 0, 2);
        assert_eq!((lies[0].begins, lies[0].next, lies[0].whole), (0, 18, 40));
        assert_eq!((lies[1].begins, lies[1].next, lies[1].whole), (18, 40, 40));
        assert_eq!((next, blocks.around()), (40, 8));
        let lies = packet(&mut blocks, &mut next, 0, 1);
        assert_eq!((lies[0].begins, lies[0].whole), (40, 60));
    }

    #[test]
    fn a_gap_or_another_packet_closes_a_block_early() {
        let mut blocks = Blocks::new(OF, 16);
        let head = piece(0, 0, 3);
        let lie = blocks.lie(&head, 0, 0);
        // It is told as if the rest followed: 2 + 3 x 16 + 2 = 52.
        assert_eq!((lie.next, lie.whole), (18, 60));
        blocks.put(&head, lie, 0);
        // Less than a unit late is in time, a unit is not: the check ends the first unit but one, a new
        // block begins at the next, 1 + 2 x 16 + 2.
        let body = piece(0, 1, 3);
        assert_eq!(blocks.lie(&body, 27, 18).begins, 27);
        let late = blocks.lie(&body, 28, 18);
        assert_eq!((late.begins, late.next, late.whole, late.opens), (30, 47, 70, true));
        // A token, or a packet on another VC: 18 + 2 are two units.
        let other = piece(1, 0, 1);
        let between = blocks.lie(&other, 5, 18);
        assert_eq!((between.begins, between.next), (20, 40));
        blocks.put(&other, between, 18);
        let back = blocks.lie(&body, 6, 40);
        assert_eq!((back.begins, back.next, back.whole), (40, 57, 80));
        blocks.put(&body, back, 40);
        let tail = piece(0, 2, 3);
        let end = blocks.lie(&tail, 6, 57);
        assert_eq!((end.begins, end.next, end.opens), (57, 80, false));
        blocks.put(&tail, end, 57);
        assert_eq!(blocks.around(), 80 - 4 * FLIT);
    }

    proptest! {
        /// Packets back to back take what the closed form says, whatever their lengths; all slots are flits' or
        /// around them; a flit is of use only when its block's check is there.
        #[test]
        fn packets_back_to_back_take_the_closed_form(
            lengths in prop::collection::vec(1_u16..80, 1..20),
            flit_slots in 1_u32..40, unit in 1_u32..12, units in 4_u32..40, check in 0_u32..4,
            header in (0_u32..4, 0_u32..4),
        ) {
            let slots = (unit * units).max((8 + flit_slots).next_multiple_of(unit));
            let of = Block {
                unit_slots: unit, slots, header_slots: [header.0, header.1], check_slots: check,
            };
            let layout = Layout {
                frame_bits: 8 * unit, slots: unit, flit_slots, straddle: true, credits: 1,
                block: Some(of),
            };
            let (mut blocks, mut next, mut flits) = (Blocks::new(of, flit_slots), 0, 0);
            for length in lengths {
                let start = next;
                let lies = packet(&mut blocks, &mut next, 3, length);
                prop_assert_eq!(next - start, layout.slots_of(length.into()));
                let opened: Vec<usize> = (0..lies.len()).filter(|at| lies[*at].opens).collect();
                for (at, first) in opened.iter().enumerate() {
                    let end = opened.get(at + 1).copied().unwrap_or(lies.len());
                    let block = &lies[*first..end];
                    let wholes = block.iter().all(|l| l.whole == block[0].whole);
                    prop_assert!(wholes && block[0].whole - block[0].begins <= u64::from(slots));
                    prop_assert!(lies.get(end).is_none_or(|l| l.begins == block[0].whole));
                }
                flits += u64::from(length);
            }
            prop_assert_eq!(next, flits * u64::from(flit_slots) + blocks.around());
        }
    }
}
