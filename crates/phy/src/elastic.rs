//! Elastic buffers: what lies between a lane's recovered clock and the receiver's own, where both ends have
//! oscillators of their own.
//!
//! ```text
//!   lane ──▶ write, sender's rate ──▶ [░░░░░░░░|        ] ──▶ read, own rate ──▶ link layer
//!                                       occupancy ^ half
//!   .. frames .. [skip] .. frames .. [skip] ..
//!                  └ bits taken out of it, or put into it, until the buffer is half full again
//! ```
//!
//! The buffer is written at the sender's rate and read at the receiver's, so between two skips its occupancy
//! drifts by the difference; at a skip the receiver drops or repeats as many whole bits of it as there are
//! beyond half, at most all (PCIe: SKP ordered sets; Ethernet: alignment markers and idles). A bit is
//! read when those before it are, so it waits for as long as the occupancy takes at the receiver's rate:
//! that is the buffer's latency, which drifts along.
//!
//! Nothing is stepped. Within the budget (what drifts between two skips is at most a skip, and with a bit
//! for rounding at most half of the buffer) each skip takes all whole bits, so what is left after skip `k` is the
//! remainder of the whole drift until then. Tests hold that to a buffer that is stepped from skip to skip.

use base::Fs;

/// Parts of a million.
const MILLION: i64 = 1_000_000;

/// The elastic buffers of a direction's lanes; all lanes are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elastic {
    /// Bits that the buffer holds, a lane.
    pub depth_bits: u32,
    /// Bits of a skip, a lane.
    pub skip_bits: u32,
    /// From one skip to the next, itself included, a lane.
    pub span_bits: u64,
    /// Nominal bits a second of a lane.
    pub bits_per_s: u64,
    /// By how many parts in a million the sender's clock is fast, and the receiver's.
    pub ppm: (i32, i32),
}

impl Elastic {
    /// Parts of a bit in which occupancies are counted.
    fn scale(&self) -> i64 {
        MILLION + i64::from(self.ppm.0)
    }

    /// By how much more is written than read while a bit is written, in parts of a bit.
    fn drift(&self) -> i64 {
        i64::from(self.ppm.0) - i64::from(self.ppm.1)
    }

    /// Whether it can neither overflow nor run empty.
    pub fn holds(&self) -> bool {
        let (scale, drift) = (i128::from(self.scale()), i128::from(self.drift().abs()));
        let between = drift * i128::from(self.span_bits);
        let half = i128::from(self.depth_bits / 2);
        between <= i128::from(self.skip_bits) * scale && between + scale <= half * scale
    }

    /// What the occupancy is above half when `bits` have been written, in parts of a bit.
    fn beyond_half(&self, bits: u64) -> i64 {
        let (scale, drift) = (i128::from(self.scale()), i128::from(self.drift()));
        let span = i128::from(self.span_bits.max(1));
        let skips = i128::from(bits) / span;
        let rest = skips * span * drift % scale;
        let since = i128::from(bits) % span * drift;
        i64::try_from(rest + since).unwrap_or(0)
    }

    /// How long a bit waits that is written at an instant.
    pub fn delay(&self, at: Fs) -> Fs {
        let second = u128::from(Fs::PER_SECOND);
        let (fast, million) = (self.scale().unsigned_abs(), MILLION.unsigned_abs());
        let bits = u128::from(at.0) * u128::from(self.bits_per_s) / second;
        let bits = u64::try_from(bits * u128::from(fast) / u128::from(million)).unwrap_or(u64::MAX);
        self.wait(self.beyond_half(bits))
    }

    /// How long a bit waits in a buffer that is half full.
    pub fn nominal(&self) -> Fs {
        self.wait(0)
    }

    /// The time in which half of the buffer, and so many parts of a bit more, are read.
    fn wait(&self, beyond: i64) -> Fs {
        let half = i128::from(self.depth_bits / 2) * i128::from(self.scale());
        let parts = u128::try_from(half + i128::from(beyond)).unwrap_or(0);
        let own = (MILLION + i64::from(self.ppm.1)).unsigned_abs();
        // Parts of a bit, over parts of a bit a second.
        let rate = u128::from(self.bits_per_s) * u128::from(own);
        let time = parts * u128::from(Fs::PER_SECOND) / u128::from(self.scale().unsigned_abs())
            * u128::from(MILLION.unsigned_abs())
            / rate.max(1);
        Fs(u64::try_from(time).unwrap_or(u64::MAX))
    }

    /// The most that the occupancy is off half, in bits, rounded up.
    pub fn swing_bits(&self) -> u64 {
        let most = self.drift().unsigned_abs() * self.span_bits;
        most.div_ceil(self.scale().unsigned_abs()) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A buffer that is stepped, a stretch at a time.
    struct Stepped {
        of: Elastic,
        /// In parts of a bit.
        occupancy: i64,
        /// Bits that were dropped, and repeated.
        dropped: i64,
        repeated: i64,
    }

    impl Stepped {
        fn new(of: Elastic) -> Self {
            let occupancy = i64::from(of.depth_bits / 2) * of.scale();
            Self { of, occupancy, dropped: 0, repeated: 0 }
        }

        /// So many bits are written while others are read; tells whether all of it went well.
        fn pass(&mut self, bits: u64) -> bool {
            self.occupancy += i64::try_from(bits).expect("few") * self.of.drift();
            (0..=i64::from(self.of.depth_bits) * self.of.scale()).contains(&self.occupancy)
        }

        /// A skip comes: it is made shorter or longer.
        fn skip(&mut self) {
            let scale = self.of.scale();
            let beyond = self.occupancy - i64::from(self.of.depth_bits / 2) * scale;
            let most = i64::from(self.of.skip_bits);
            let bits = (beyond / scale).clamp(-most, most);
            self.occupancy -= bits * scale;
            self.dropped += bits.max(0);
            self.repeated += (-bits).max(0);
        }
    }

    fn pcie() -> Elastic {
        // SKP ordered sets of 64 bits every 740 frames of 2048 bits on 16 lanes.
        Elastic {
            depth_bits: 512,
            skip_bits: 64,
            span_bits: (2048 * 740 + 1024) / 16,
            bits_per_s: 64_000_000_000,
            ppm: (100, -100),
        }
    }

    #[test]
    fn a_half_full_buffer_costs_the_time_of_its_half() {
        let even = Elastic { ppm: (0, 0), ..pcie() };
        assert_eq!(
            (even.nominal(), even.delay(Fs::from_ns(12_345))),
            (Fs(4_000_000), Fs(4_000_000))
        );
        // 100 ppm slower to read.
        assert_eq!(pcie().nominal(), Fs(4_000_400));
    }

    #[test]
    fn delay_drifts_between_skips_and_comes_back_at_them() {
        let e = pcie();
        // 94,784 bits a skip, of which 18.96 more are written than read: 296 ps.
        // They take 1.481 us.
        let late = |at| e.delay(Fs(at)).0 - e.nominal().0;
        assert!((290_000..=297_000).contains(&late(1_466_000_000)), "{}", late(1_466_000_000));
        assert!(late(1_482_000_000) < 16_000, "{}", late(1_482_000_000));
        assert!(e.holds() && e.swing_bits() == 20);
        let slow = Elastic { ppm: (-100, 100), ..e };
        assert!(slow.delay(Fs(1_466_000_000)) < slow.nominal());
    }

    #[test]
    fn outside_the_budget_it_overflows_or_runs_empty() {
        for ppm in [(700, 0), (0, 700)] {
            let e = Elastic { ppm, ..pcie() };
            assert!(!e.holds(), "66 bits drift and a skip has 64");
            let mut stepped = Stepped::new(e);
            let sound = (0..1_000).all(|_| {
                let sound = stepped.pass(e.span_bits);
                stepped.skip();
                sound
            });
            assert!(!sound, "{} left", stepped.occupancy);
        }
    }

    proptest! {
        #[test]
        fn within_the_budget_what_is_known_at_once_is_what_is_stepped(
            depth in 8_u32..2_000, skip in 1_u32..200, span in 10_u64..3_000_000,
            fast in -300_i32..=300, other in -300_i32..=300, gbps in 1_u64..224,
            parts in proptest::collection::vec(0_u64..1_000, 1..60),
        ) {
            let bits_per_s = gbps * 1_000_000_000;
            let e = Elastic { depth_bits: depth, skip_bits: skip, span_bits: span, bits_per_s, ppm: (fast, other) };
            prop_assume!(e.holds());
            let mut stepped = Stepped::new(e);
            let half = i64::from(depth / 2) * e.scale();
            for (n, part) in (0_u64..).zip(parts) {
                let part = part * span / 1_000;
                prop_assert!(stepped.pass(part), "at {}: {}", n, stepped.occupancy);
                prop_assert_eq!(stepped.occupancy - half, e.beyond_half(n * span + part));
                let off = (stepped.occupancy - half).unsigned_abs().div_ceil(e.scale().unsigned_abs());
                prop_assert!(off <= e.swing_bits());
                prop_assert!(stepped.pass(span - part), "at skip {}: {}", n, stepped.occupancy);
                stepped.skip();
            }
            // What was dropped and repeated is the drift, but for less than a bit.
            let drift = stepped.dropped - stepped.repeated;
            prop_assert!((drift * e.scale() + stepped.occupancy - half) % e.drift().abs().max(1) == 0);
            prop_assert!(stepped.dropped == 0 || stepped.repeated == 0);
        }
    }
}
