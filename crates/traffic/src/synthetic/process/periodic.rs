//! Arrivals that are evenly spaced.

use super::super::draws::Draws;
use super::stream;

/// A packet each period; the time is kept in units of 2^-64 cycle, so the mean rate is exact to 53
/// bits however long the run.
#[derive(Clone, Debug)]
pub(super) struct Periodic {
    next: u128,
    period: u128,
}

impl Periodic {
    /// The phase is drawn, so that nodes do not send in step.
    pub(super) fn new(packet_rate: f64, seed: u64, component: u64) -> Self {
        const CYCLE: f64 = 18_446_744_073_709_551_616.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1 to 1e6 cycles of 2^64"
        )]
        let period = (CYCLE / packet_rate) as u128;
        let draw = u128::from(Draws::new(seed, component, stream::PHASE).next());
        Self { next: ((period >> 32) * draw) >> 32, period }
    }

    pub(super) fn next_arrival(&mut self, from: u64) -> u64 {
        let from = u128::from(from) << 64;
        if self.next < from {
            self.next += (from - self.next).div_ceil(self.period) * self.period;
        }
        let at = self.next >> 64;
        self.next = self.next.saturating_add(self.period);
        u64::try_from(at).unwrap_or(super::NEVER)
    }
}
