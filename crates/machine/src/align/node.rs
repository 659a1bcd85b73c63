//! A node's part in an alignment: its counter, its servo, and what it knows of its error.

use base::Fs;
use clock::{Counter, Edge, RATE_BITS, Servo, VALUE_BITS};
use topology::spec::CountersSpec;

/// A node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) counter: Counter,
    servo: Servo,
    /// The edge at which it asks next, and at which it sends load next.
    pub(super) ask_at: Edge,
    pub(super) load_at: Edge,
    /// The latter more finely: an edge has as many parts as flits are offered in 1000 edges.
    pub(super) load_due: u64,
    /// Whether it has asked what is not answered yet.
    pub(super) waits: bool,
    /// Questions asked and packets of load sent: what draws are numbered by.
    pub(super) asks: u64,
    pub(super) loads: u64,
    /// Answers that set its counter or rate, and those that it gave.
    pub(super) answers: u64,
    pub(super) answered: u64,
    /// When it was set last, and how far its counter could be off then, in 2^-16ths of a tick.
    set: (Fs, i64),
    /// The fastest that its oscillator and the root's drift apart, in 2^-40ths.
    apart: i64,
    /// Ticks of an interval.
    interval: u64,
}

/// What an exchange measured, in 2^-16ths of a tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Measured {
    /// How far the counter is behind the one above.
    pub(super) behind: i64,
    /// There and back, without the time between.
    pub(super) round_trip: i64,
}

impl Measured {
    /// From the four stamps.
    pub(super) const fn new([t1, t2, t3, t4]: [i64; 4]) -> Self {
        Self { behind: i64::midpoint(t2 - t1, t3 - t4), round_trip: (t4 - t1) - (t3 - t2) }
    }
}

impl Node {
    pub(super) fn new(counter: Counter, first: Edge, of: &CountersSpec) -> Self {
        let drift = of.drift.map_or(0, |d| i64::from(d.ppb) + 40);
        // Frequencies are kept to a part in a thousand million.
        let ppb = 2 * (i64::from(of.ppm) * 1_000 + drift + 1);
        let per_tick = i128::from(of.every.0) * i128::from(of.hertz.0);
        let interval = per_tick / (i128::from(of.hertz.1) * i128::from(Fs::PER_SECOND));
        Self {
            counter,
            servo: Servo::new(of.servo.0, of.servo.1),
            ask_at: first,
            load_at: Edge::NEVER,
            load_due: 0,
            waits: false,
            asks: 0,
            loads: 0,
            answers: 0,
            answered: 0,
            set: (Fs::ZERO, 0),
            apart: ppb * (1 << RATE_BITS) / 1_000_000_000 + 1,
            interval: u64::try_from(interval).unwrap_or(1).max(1),
        }
    }

    /// Takes an answer in, whose sender could be off by `above`.
    pub(super) fn set(&mut self, measured: Measured, above: i64, now: Fs) {
        let Measured { behind, round_trip } = measured;
        // Four stamps of whole ticks, and the oscillators' difference during the round trip.
        let unsure = round_trip / 2 + (2 << VALUE_BITS) + round_trip / 1_000;
        if self.answers == 0 {
            self.counter.step(now, behind);
            self.set = (now, unsure + above);
        } else {
            let rate = self.servo.hear(behind, self.interval);
            self.counter.slew(now, rate);
            self.set = (now, behind.abs() + unsure + above);
        }
        self.answers += 1;
    }

    /// How far its counter can be off the root's, in 2^-16ths of a tick; `None` before it is set.
    pub(super) fn bound(&self, now: Fs, hertz: (u64, u64)) -> Option<i64> {
        if self.answers == 0 {
            return None;
        }
        let since = u128::from(now.since(self.set.0).0) * u128::from(hertz.0);
        let ticks = since / (u128::from(hertz.1) * u128::from(Fs::PER_SECOND)) + 1;
        let slope = u128::from((self.apart + self.counter.rate().abs()).unsigned_abs());
        let drifted = (ticks * slope) >> (RATE_BITS - VALUE_BITS);
        Some(self.set.1 + i64::try_from(drifted).unwrap_or(i64::MAX / 4) + (1 << VALUE_BITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stamps of a counter that is `behind`, over ways of `there` and `back`.
    fn exchange(behind: i64, there: i64, back: i64) -> Measured {
        let t1 = 1_000;
        let t2 = t1 + behind + there;
        let t3 = t2 + 77;
        Measured::new([t1, t2, t3, t3 - behind + back])
    }

    #[test]
    fn equal_ways_give_the_offset_and_unequal_ones_are_off_by_half_of_what_they_differ_by() {
        assert_eq!(exchange(500, 300, 300), Measured { behind: 500, round_trip: 600 });
        assert_eq!(exchange(-500, 300, 300).behind, -500);
        for d in [-200, 40, 300] {
            assert_eq!(exchange(500, 300 + d, 300).behind, 500 + d / 2);
            assert_eq!(exchange(500, 300, 300 + d).behind, 500 - d / 2);
        }
    }
}
