//! A free-running counter, and what it is disciplined to.
//!
//! ```text
//!   oscillator ─▶ raw ticks n ─▶ value = base + (n - since) * (1 + rate)
//! ```
//!
//! Values are kept in 2^-16ths of a tick, rates in 2^-40ths of a tick a tick. A counter is a function of
//! time between two changes of its discipline; a change of rate leaves no gap.

use base::Fs;

use crate::{Domain, Edge};

/// Fraction bits of a value.
pub const VALUE_BITS: u32 = 16;
/// Fraction bits of a rate.
pub const RATE_BITS: u32 = 40;

/// A counter of one oscillator.
#[derive(Clone, PartialEq, Debug)]
pub struct Counter {
    oscillator: Domain,
    /// Raw ticks at the last change of discipline, and the value there.
    since: i64,
    base: i64,
    rate: i64,
}

impl Counter {
    /// The fastest that a discipline can make it, either way: a thousandth.
    pub const RATE_MAX: i64 = (1 << RATE_BITS) / 1_000;

    /// An undisciplined counter: it has counted the edges of its oscillator.
    pub const fn new(oscillator: Domain) -> Self {
        Self { oscillator, since: 0, base: 0, rate: 0 }
    }

    /// Edges of the oscillator up to an instant, that at the instant included.
    pub fn raw(&self, now: Fs) -> u64 {
        self.oscillator.edge_after(now).0
    }

    fn at_raw(&self, raw: i64) -> i64 {
        let ticks = i128::from(raw) - i128::from(self.since);
        let more =
            (ticks << VALUE_BITS) + ((ticks * i128::from(self.rate)) >> (RATE_BITS - VALUE_BITS));
        i64::try_from(i128::from(self.base) + more).unwrap_or(i64::MAX)
    }

    /// Its value at an instant, in 2^-16ths of a tick.
    pub fn fine(&self, now: Fs) -> i64 {
        self.at_raw(i64::try_from(self.raw(now)).unwrap_or(i64::MAX / 2))
    }

    /// Its value at an instant, in whole ticks; 0 where its discipline has it below.
    pub fn value(&self, now: Fs) -> u64 {
        u64::try_from(self.fine(now) >> VALUE_BITS).unwrap_or(0)
    }

    /// The first instant at which its value is at least `value`, under the present discipline: what waits
    /// for a value looks again when the discipline changes. Instants before the last change are as if
    /// the present discipline had been theirs. [`Fs::NEVER`] if that is beyond all edges.
    pub fn instant_of(&self, value: u64) -> Fs {
        let target = i128::from(value) << VALUE_BITS;
        let slope = (1_i128 << RATE_BITS) + i128::from(self.rate);
        let away = (target - i128::from(self.base)) << (RATE_BITS - VALUE_BITS);
        // Ticks are whole, and so is what they have to come to: rounding up is exact.
        let ticks = -(-away).div_euclid(slope);
        // The n-th tick is edge n - 1.
        let edge = ticks + i128::from(self.since) - 1;
        match u64::try_from(edge) {
            Ok(edge) => self.oscillator.instant(Edge(edge)),
            Err(_) if edge < 0 => Fs::ZERO,
            Err(_) => Fs::NEVER,
        }
    }

    /// What its rate differs from its oscillator's.
    pub const fn rate(&self) -> i64 {
        self.rate
    }

    fn rebase(&mut self, now: Fs) {
        let raw = i64::try_from(self.raw(now)).unwrap_or(i64::MAX / 2);
        self.base = self.at_raw(raw);
        self.since = raw;
    }

    /// From `now` on it goes at another rate, from the value that it has; within [`Self::RATE_MAX`].
    pub fn slew(&mut self, now: Fs, rate: i64) {
        self.rebase(now);
        self.rate = rate.clamp(-Self::RATE_MAX, Self::RATE_MAX);
    }

    /// At `now` it jumps by so many 2^-16ths of a tick.
    pub fn step(&mut self, now: Fs, by: i64) {
        self.rebase(now);
        self.base = self.base.saturating_add(by);
    }
}

/// A servo: from measured offsets to a rate, by proportion and integral.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Servo {
    /// Parts in a thousand of an offset that are made up for in an interval.
    pub proportional: u32,
    /// Parts in a thousand that the rate keeps of it.
    pub integral: u32,
    sum: i64,
}

impl Servo {
    /// A servo that has heard nothing.
    pub const fn new(proportional: u32, integral: u32) -> Self {
        Self { proportional, integral, sum: 0 }
    }

    /// The rate for the next interval of so many ticks, after an offset of so many 2^-16ths of a tick:
    /// how far the counter is behind.
    pub fn hear(&mut self, behind: i64, interval: u64) -> i64 {
        let per_tick =
            (i128::from(behind) << (RATE_BITS - VALUE_BITS)) / i128::from(interval.max(1));
        let part = |of: u32| i64::try_from(per_tick * i128::from(of) / 1_000).unwrap_or(0);
        self.sum = self.sum.saturating_add(part(self.integral));
        self.sum = self.sum.clamp(-Counter::RATE_MAX, Counter::RATE_MAX);
        self.sum.saturating_add(part(self.proportional))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counter(hertz: u64, phase: u64) -> Counter {
        Counter::new(Domain::new((hertz, 1), Fs(phase)).unwrap())
    }

    #[test]
    fn an_undisciplined_counter_counts_edges() {
        let c = counter(1_000_000_000, 0);
        assert_eq!((c.value(Fs(0)), c.value(Fs(999_999)), c.value(Fs(1_000_000))), (1, 1, 2));
        assert_eq!(c.instant_of(2), Fs(1_000_000));
    }

    #[test]
    fn a_value_that_no_run_comes_to_is_at_the_end_of_time() {
        for rate in [0, -Counter::RATE_MAX, Counter::RATE_MAX] {
            let mut c = counter(1_000_000_000, 0);
            c.slew(Fs(5), rate);
            let last = Domain::new((1_000_000_000, 1), Fs(0)).unwrap().instant(Edge(u64::MAX - 1));
            for value in [u64::MAX, u64::MAX / 2, 1 << 46] {
                assert!(c.instant_of(value) >= last, "{value} at {}", c.instant_of(value));
            }
        }
    }

    proptest! {
        #[test]
        fn the_instant_of_a_value_is_the_first_that_has_it(
            hertz in 100_000_000_u64..2_000_000_000, phase in 0_u64..1_000_000_000,
            rate in -1_000_000_000_i64..1_000_000_000, step in -(1_i64 << 30)..1 << 30,
            at in 0_u64..1_000_000_000_000, later in 0_u64..1_000_000_000_000,
        ) {
            let mut c = counter(hertz, phase);
            c.step(Fs(at), step);
            let before = c.fine(Fs(at));
            c.slew(Fs(at), rate);
            prop_assert_eq!(c.fine(Fs(at)), before, "no gap");
            let now = Fs(at + later);
            let value = c.value(now);
            prop_assume!(value > 0);
            let first = c.instant_of(value);
            prop_assert!(first <= now);
            prop_assert!(c.value(first) >= value);
            prop_assert!(first.0 == 0 || c.value(Fs(first.0 - 1)) < value);
            prop_assert!(c.instant_of(value + 1) > now);
        }

        /// Offset and rate both go to nothing: no error is left of a constant frequency.
        #[test]
        fn a_servo_takes_offset_and_rate_out(ppm in -200_i64..200, offset in -(1_i64 << 24)..1 << 24) {
            let hertz = u64::try_from(1_000_000_000 + ppm * 1_000).unwrap();
            let (root, mut c) = (counter(1_000_000_000, 0), counter(hertz, 0));
            let mut servo = Servo::new(700, 300);
            c.step(Fs(0), offset);
            let interval = Fs::from_ns(100_000);
            let mut now = Fs(0);
            for _ in 0..60 {
                now += interval;
                let behind = root.fine(now) - c.fine(now);
                let rate = servo.hear(behind, 100_000);
                c.slew(now, rate);
            }
            let left = (root.fine(now) - c.fine(now)).abs();
            prop_assert!(left <= 2 << VALUE_BITS, "{left} parts of a tick are left");
        }
    }
}
