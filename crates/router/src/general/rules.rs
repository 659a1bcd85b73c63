//! Who may ask, and with what rank.

use crate::alloc::Key;
use crate::bank::Common;
use crate::state::{Block, Input, Output};

use super::{General, Parts, Time, UNKNOWN};

/// The lanes of a set of words.
pub(super) fn lanes(words: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    words.enumerate().flat_map(|(w, word)| {
        let mut rest = word;
        core::iter::from_fn(move || {
            let bit = rest.trailing_zeros() as usize;
            (rest != 0).then(|| {
                rest &= rest - 1;
                w * 64 + bit
            })
        })
    })
}

impl General {
    /// The rank of the packet at the front of an input VC.
    pub(crate) fn key<R>(&self, c: &Common<R>, input: &Input, now: u64) -> Key {
        #[expect(clippy::cast_possible_truncation, reason = "ages wrap as births do")]
        let age = (now as u32).wrapping_sub(c.store.born(input.first));
        self.rules.keys.key(c.store.class(input.first), now.saturating_sub(u64::from(age)))
    }

    /// Whether RC of the packet at the front of input VC `at` is done.
    pub(super) fn is_routed(&mut self, i: usize, at: usize, time: Time) -> bool {
        let first = self.routed_from(time);
        let Some(routed) = self.parts[i].routed.get_mut(at) else { return true };
        if *routed == UNKNOWN {
            *routed = first;
        }
        *routed <= time.pass
    }

    /// The pass from which on a packet may ask for an output VC whose RC begins in this one.
    pub(super) fn routed_from(&self, time: Time) -> u64 {
        let passes = u64::try_from(self.rules.internal_speedup).unwrap_or(1);
        match self.rules.rc_in_passes {
            None | Some(0) => time.pass,
            Some(rc) => ((time.now + rc - 1) * passes).max(time.pass) + 1,
        }
    }

    /// The cycle in which a flit that gets the switch in this pass is through it.
    pub(super) const fn through(&self, time: Time) -> u64 {
        time.now + self.rules.st + time.last as u64
    }

    /// The crossbar input of an input VC.
    pub(super) const fn crossbar_input(&self, shift: u32, at: usize) -> usize {
        let (port, vc) = (at >> shift, at & ((1 << shift) - 1));
        port * self.rules.input_speedup + vc % self.rules.input_speedup
    }

    /// Buffers downstream that output VC `out` may use.
    pub(crate) fn room<const L: usize, const W: usize>(
        &self,
        shift: u32,
        block: &Block<L, W>,
        i: usize,
        out: usize,
    ) -> u32 {
        let output = &block.outputs[out];
        let credits = u32::from(output.credits);
        let parts = &self.parts[i];
        let pools = &parts.ports[out >> shift].pools;
        if !pools.is_shared() || parts.owed(out) > 0 {
            return credits;
        }
        pools.room(out & ((1 << shift) - 1), parts.claimed(out, output), credits)
    }

    /// With cut-through and shared buffers, sets room for the whole packet of input VC `at` aside.
    /// Tells whether there is as much: another packet may have got it in the same allocation.
    pub(super) fn promise<R, const L: usize, const W: usize>(
        &mut self,
        c: &Common<R>,
        block: &Block<L, W>,
        (i, at, out): (usize, usize, usize),
    ) -> bool {
        let port = out >> c.shift;
        if self.parts[i].owed.is_empty() || !self.parts[i].ports[port].pools.is_shared() {
            return true;
        }
        let flits = c.store.length(block.inputs[at].first);
        if self.room(c.shift, block, i, out) < flits {
            return false;
        }
        let parts = &mut self.parts[i];
        let claimed = parts.claimed(out, &block.outputs[out]);
        parts.ports[port].pools.take(out & c.vc_mask as usize, claimed, flits);
        parts.owed[out] = u16::try_from(flits).unwrap_or(u16::MAX);
        true
    }

    /// Whether output port `port` takes another flit in this cycle.
    pub(crate) fn port_open<const L: usize, const W: usize>(
        &mut self,
        block: &Block<L, W>,
        i: usize,
        (port, shift): (usize, u32),
        arrival: u64,
    ) -> bool {
        let Some(depth) = self.rules.output_buffer_flits else {
            return !block.outputs[port << shift].busy;
        };
        let waiting = &mut self.parts[i].ports[port].departures;
        while waiting.front().is_some_and(|depart| *depart <= arrival) {
            waiting.pop_front();
        }
        waiting.len() < depth as usize
    }
}

impl Parts {
    /// Flits of the packet that holds output VC `out` with a promise of room.
    pub(super) fn owed(&self, out: usize) -> u16 {
        self.owed.get(out).copied().unwrap_or(0)
    }

    /// Buffers downstream that output VC `out` uses or is promised.
    pub(super) fn claimed(&self, out: usize, output: &Output) -> u32 {
        u32::from(output.depth - output.credits) + u32::from(self.owed(out))
    }
}
