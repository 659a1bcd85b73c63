//! Who may ask, and with what rank.

use crate::alloc::Key;
use crate::bank::Common;
use crate::state::{Block, Input, Output};

use super::General;

impl General {
    /// The rank of the packet at the front of an input VC.
    pub(crate) fn key<R>(&self, c: &Common<R>, input: &Input, now: u64) -> Key {
        #[expect(clippy::cast_possible_truncation, reason = "ages wrap as births do")]
        let age = (now as u32).wrapping_sub(c.store.born(input.first));
        self.rules.keys.key(c.store.class(input.first), now.saturating_sub(u64::from(age)))
    }

    /// Buffers downstream that output VC `out` may use.
    pub(crate) fn room(&self, i: usize, output: &Output, port: usize) -> u32 {
        let credits = u32::from(output.credits);
        let reserved = self.rules.reserved_flits;
        if reserved == 0 {
            return credits;
        }
        let used = output.depth - output.credits;
        let port = &self.parts[i].ports[port];
        let own = u32::from(reserved.saturating_sub(used));
        credits.min(own + port.shared - port.shared_used)
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
