//! Sources: where packets become flits.
//!
//! A node has a source for each port of its network interface. A source sends one flit a cycle;
//! its classes take turns. A packet takes its VC, round-robin from the one behind the last used,
//! among those that the routing function allows, that are free and have credit.

use base::{NodeIdx, PacketIdx, PortIdx, VcIdx};

use super::terminal::{Next, Terminals};

/// A packet that is being sent, or waits for its VC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    pub(super) packet: PacketIdx,
    pub(super) dst: NodeIdx,
    pub(super) flow: u32,
    pub(super) state: u32,
    /// Its length in flits.
    pub(super) flits: u32,
    /// Flits not yet sent; 0 where there is no packet.
    pub(super) left: u32,
    /// The low half of the cycle in which it was made.
    pub(super) born: u32,
    pub(super) vc: VcIdx,
    /// VCs it may take; 0 once it has one.
    pub(super) allowed: u64,
    /// The first cycle in which there may be another packet.
    pub(super) next: u64,
}

impl Sending {
    pub(super) const NONE: Self = Self {
        packet: PacketIdx(0),
        dst: NodeIdx(0),
        flow: 0,
        state: 0,
        flits: 0,
        left: 0,
        born: 0,
        vc: VcIdx(0),
        allowed: 0,
        next: 0,
    };
}

/// One source, 64 bytes.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Source {
    /// Bit per VC: not held by a packet.
    pub(super) free: u64,
    /// Bit per VC: has credit.
    pub(super) funded: u64,
    /// The first cycle in which the link takes a flit.
    pub(super) link_ready: u64,
    /// The first VC to be tried, which may be one beyond the last, and the first class.
    pub(super) vc_pointer: u8,
    pub(super) class_pointer: u8,
    /// Its node, and the port there.
    pub(super) node: u32,
    pub(super) port: u16,
    /// Flits of buffer a VC at the far end.
    pub(super) depth: u16,
    /// The far lane of its link, VC 0, and the cycles to get there.
    pub(super) lane: u32,
    pub(super) latency: u32,
    /// Its link needs more than a cycle for a flit.
    pub(super) slow: bool,
    /// Cycles that lie between two flits which it sends, and between two that leave the first router, at least.
    pub(super) apart: u8,
    /// Has several classes, or is one of several at its node.
    pub(super) in_turns: bool,
    /// Its node has other sources too, and the first of them deals packets out to all.
    pub(super) shares: bool,
    pub(super) deals: bool,
    /// Waits for a credit or a VC: to be stepped when a credit comes.
    pub(super) blocked: bool,
    /// Packets it has given a number to.
    pub(super) made: u64,
}

impl Source {
    /// What the terminals have for it, where there are no groups.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[expect(clippy::cast_possible_truncation, reason = "there are at most 64 classes")]
    #[inline(always)]
    pub(super) fn ask<T: Terminals>(&self, class: usize, now: u64, t: &mut T) -> Next {
        let (node, class) = (NodeIdx(self.node), class as u8);
        if T::BY_PORT {
            return t.next_at_port(node, PortIdx(self.port), class, now);
        }
        t.next(node, class, now)
    }

    /// The VC that the next packet takes of those that it can, at least one: round-robin from the one
    /// behind the last.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[expect(clippy::cast_possible_truncation, reason = "there are at most 64")]
    #[inline(always)]
    pub(super) const fn pick(&mut self, able: u64) -> u8 {
        // Behind the last of 64 VCs comes the first, as a shift by 64 is one by 0.
        let ahead = able & u64::MAX.wrapping_shl(self.vc_pointer as u32);
        let vc = if ahead == 0 { able } else { ahead }.trailing_zeros();
        self.vc_pointer = vc as u8 + 1;
        vc as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Source = Source {
        free: 0,
        funded: 0,
        link_ready: 0,
        vc_pointer: 0,
        class_pointer: 0,
        node: 0,
        port: 0,
        depth: 0,
        lane: 0,
        latency: 0,
        slow: false,
        apart: 1,
        in_turns: false,
        shares: false,
        deals: false,
        blocked: false,
        made: 0,
    };

    #[test]
    fn vcs_take_turns_behind_the_last_one_for_any_number_of_them() {
        for vcs in [1, 2, 3, 63, 64_u8] {
            let all = u64::MAX >> (64 - u32::from(vcs));
            let mut source = SOURCE;
            for turn in 0..3 * u32::from(vcs) {
                assert_eq!(u32::from(source.pick(all)), turn % u32::from(vcs), "{vcs}");
            }
            // The last of them is behind itself only where no other can be taken.
            let last = vcs - 1;
            assert_eq!([source.pick(1 << last), source.pick(1 << last)], [last; 2]);
            assert_eq!(source.pick(all), 0);
        }
    }
}
