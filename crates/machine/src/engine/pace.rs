//! Whether one thread steps the next epochs or several do, by what the last ones took of the host's time.
//!
//! ```text
//!   the way in use: a stretch, a stretch, ... ─▶ a short one ─▶ a look at ─▶ a short one ─▶ what several
//!                    until the look is repaid                    the other                   threads gain
//! ```
//!
//! What several threads gain depends on how much an epoch holds, on how evenly it is dealt, and on what else
//! the host does, and all of these change in a run. So it is measured: host time a component edge, of which
//! there are as many whoever steps them. Nothing but the host's time depends on what is chosen.
//!
//! A host becomes slower and faster by itself, and a run too, as its caches fill. So a look is compared with as short
//! stretches right before it and behind it, and with nothing else; and since each such comparison is off by much, the
//! way changes for the mean of several, or for one that leaves no doubt.

use core::time::Duration;

/// Host time of a look, and its fewest epochs. ASSUMED: several hundred meetings of a small machine, and many times
/// what it takes to start a thread.
const LOOK: Duration = Duration::from_millis(1);
const LOOK_EPOCHS: u32 = 4;

/// Host time of a stretch at most, from that of a look on after a change: threads are started for each, which takes
/// a hundred microseconds.
const STRETCH: Duration = Duration::from_millis(16);

/// So many times what a look has lost passes before the next: looks cost a hundredth.
const REPAID: f64 = 100.0;

/// The time between looks, in looks: at least, behind one that speaks for the other way; and at most, so that a bad
/// moment of the host is not remembered for long. What is least doubles with each look that speaks for the way in use,
/// so many times.
const BETWEEN: (f64, f64) = (4.0, 400.0);
const QUIET_MAX: i32 = 5;

/// Looks that the mean remembers.
const MEMORY: f64 = 6.0;

/// How far off a look of a millisecond is, and one of several by less, as the root of its length. ASSUMED: the spread of
/// such looks at a machine that gains nothing, on a host of two cores that others use, too.
const DOUBT: f64 = 0.25;

/// What several threads must gain, as the logarithm of the ratio of costs; and what one look counts for at most.
const GAIN: f64 = 0.03;
const LOG_MAX: f64 = core::f64::consts::LN_2;

/// What they are taken to gain where epochs are long, as one look. ASSUMED: most of two cores, less what is not even.
const LONG_GAIN: f64 = 0.3;

/// Epochs of several threads end when they take so many times what the last ones did, and where they take this much
/// of what is usual there is a look at once: a core may be gone.
const PATIENCE: f64 = 2.0;
const SURPRISE: f64 = 1.5;

/// A stretch of epochs, as it was stepped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    pub(crate) epochs: u64,
    /// Component edges, and time of the host, starting threads included.
    pub(crate) edges: u64,
    pub(crate) wall: Duration,
    /// Those of its part behind the first epochs, in which caches are filled.
    pub(crate) timed: (u64, Duration),
}

/// What is stepped next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    /// A stretch.
    Stretch,
    /// As short as a look, the way in use.
    Before,
    /// A look at the other way, and as short a stretch behind it the way in use.
    Look,
    Behind,
}

/// What was chosen, and what it was chosen by.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Logarithm of the cost on one thread over that on several: the mean of looks, and of how many.
    gain: f64,
    known: f64,
    /// Host seconds a component edge the way in use: before a look, and usually.
    cost: f64,
    usual: Option<f64>,
    /// The last look.
    look: Took,
    /// Host time an epoch of the last stretch.
    epoch: Duration,
    together: bool,
    turn: Turn,
    /// Host time of the next stretch at most.
    span: Duration,
    /// Host seconds to the next look.
    left: f64,
    /// Looks one after the other that spoke for the way in use.
    quiet: i32,
    /// Stretches the same way that are not judged yet.
    sample: Took,
    /// Looks at the other way, and how often it was taken.
    pub(crate) looks: u64,
    pub(crate) changes: u64,
}

impl Pace {
    /// One thread at first, and soon a look at several, or several where epochs are long.
    pub(crate) fn new() -> Self {
        Self {
            gain: 0.0,
            known: 0.0,
            cost: 0.0,
            usual: None,
            look: Took::default(),
            epoch: LOOK,
            together: false,
            turn: Turn::Stretch,
            span: LOOK,
            left: LOOK.as_secs_f64(),
            quiet: 0,
            sample: Took::default(),
            looks: 0,
            changes: 0,
        }
    }

    /// How many epochs to step next, and whether on several threads.
    pub(crate) fn next(&self) -> (u64, bool) {
        let left = Duration::from_secs_f64(self.left.max(0.0));
        let left = if self.turn == Turn::Stretch { left } else { LOOK };
        let epochs = left.min(self.span).as_nanos() / self.epoch.as_nanos().max(1);
        let epochs =
            u64::try_from(epochs).unwrap_or(u64::MAX).clamp(LOOK_EPOCHS.into(), u64::MAX / 2);
        (epochs, self.together != (self.turn == Turn::Look))
    }

    /// The time after which epochs of several threads are to end.
    pub(crate) fn patience(&self, epochs: u64) -> Duration {
        let due = self.epoch.as_secs_f64() * epochs as f64;
        Duration::from_secs_f64((PATIENCE * due).clamp(LOOK.as_secs_f64(), 3600.0))
    }

    /// What the epochs took that [`next`](Self::next) said.
    pub(crate) fn took(&mut self, t: Took) {
        if t.epochs == 0 {
            return;
        }
        self.epoch = t.wall.div_f64(t.epochs as f64);
        self.left -= t.wall.as_secs_f64();
        self.sample = self.sample.and(t);
        // What ends early is too short to tell.
        let enough = self.sample.epochs >= LOOK_EPOCHS.into() || self.sample.wall >= 2 * LOOK;
        if self.sample.wall >= LOOK / 4 && enough {
            let sample = core::mem::take(&mut self.sample);
            self.turn = match self.turn {
                Turn::Stretch => self.go_on(&sample),
                Turn::Before => {
                    self.cost = sample.cost();
                    Turn::Look
                }
                Turn::Look => {
                    self.look = sample;
                    Turn::Behind
                }
                Turn::Behind => {
                    self.cost = f64::midpoint(self.cost, sample.cost());
                    self.compare();
                    Turn::Stretch
                }
            };
        }
    }

    /// Host time of a look.
    fn span_of_look(&self) -> Duration {
        LOOK.max(LOOK_EPOCHS * self.epoch)
    }

    /// The way in use took so much now.
    fn go_on(&mut self, sample: &Took) -> Turn {
        let cost = sample.cost();
        let usual = self.usual.unwrap_or(cost);
        self.usual = Some(f64::midpoint(usual, cost));
        self.span = (2 * self.span).min(STRETCH);
        if self.together && cost > SURPRISE * usual {
            (self.span, self.left) = (LOOK, 0.0);
        }
        if self.known == 0.0 && self.epoch >= LOOK && !self.together {
            // Meetings cost nothing beside such epochs: several threads, until a look tells something else.
            self.together = true;
            (self.gain, self.known) = (LONG_GAIN, 1.0);
            (self.span, self.usual) = (LOOK, None);
            self.left = BETWEEN.0 * self.span_of_look().as_secs_f64();
        }
        if self.left > 0.0 {
            return Turn::Stretch;
        }
        // One that is short by itself is what the look is compared with.
        self.cost = cost;
        if sample.wall < 2 * self.span_of_look() { Turn::Look } else { Turn::Before }
    }

    /// The other way was looked at, between two stretches of this one.
    fn compare(&mut self) {
        let look = self.look;
        self.looks += 1;
        // Above 0 where the way in use is better.
        let log = (look.cost() / self.cost).ln();
        let log = if log.is_finite() { log.clamp(-LOG_MAX, LOG_MAX) } else { 0.0 };
        self.known = (self.known + 1.0).min(MEMORY);
        self.gain += (if self.together { log } else { -log } - self.gain) / self.known;
        let other = (self.gain > GAIN) != self.together || log < -(GAIN + DOUBT);
        self.quiet = if other { 0 } else { (self.quiet + 1).min(QUIET_MAX) };
        let each = self.span_of_look().as_secs_f64();
        let looked = self.known * each / LOOK.as_secs_f64();
        let doubt = if self.together { 0.0 } else { DOUBT / looked.sqrt() };
        if (self.gain > GAIN + doubt) != self.together {
            self.together = !self.together;
            self.changes += 1;
            (self.span, self.usual, self.quiet) = (LOOK, None, 0);
        }
        let lost = look.wall.as_secs_f64() - look.edges as f64 * self.cost;
        let least = BETWEEN.0 * 2.0_f64.powi(self.quiet);
        self.left = (REPAID * lost).clamp(least * each, BETWEEN.1 * each);
    }
}

impl Took {
    fn and(self, later: Self) -> Self {
        Self {
            epochs: self.epochs + later.epochs,
            edges: self.edges + later.edges,
            wall: self.wall + later.wall,
            timed: (self.timed.0 + later.timed.0, self.timed.1 + later.timed.1),
        }
    }

    /// Host seconds a component edge.
    fn cost(&self) -> f64 {
        let (edges, wall) = if self.timed.0 > 0 { self.timed } else { (self.edges, self.wall) };
        wall.as_secs_f64() / edges.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Host seconds for so many component edges, 30 an epoch, where an edge takes `cost(several, now)` seconds and
    /// starting threads 100 us; and the edges that several threads stepped.
    fn simulate(pace: &mut Pace, edges: u64, cost: impl Fn(bool, f64) -> f64) -> (f64, u64) {
        let (mut now, mut done, mut by_several) = (0.0, 0, 0);
        while done < edges {
            let (epochs, several) = pace.next();
            let stretch = 30 * epochs;
            let wall = stretch as f64 * cost(several, now);
            let timed = (stretch, Duration::from_secs_f64(wall));
            let all = wall + if several { 1e-4 } else { 0.0 };
            pace.took(Took { epochs, edges: stretch, wall: Duration::from_secs_f64(all), timed });
            (now, done) = (now + all, done + stretch);
            by_several += if several { stretch } else { 0 };
        }
        (now, by_several)
    }

    const EDGES: u64 = 10_000_000;
    const ALONE: f64 = 3e-7;

    fn steady(ratio: f64) -> (f64, f64) {
        let cost = |several, _| if several { ratio * ALONE } else { ALONE };
        let (seconds, several) = simulate(&mut Pace::new(), EDGES, cost);
        (seconds / (EDGES as f64 * ALONE), several as f64 / EDGES as f64)
    }

    #[test]
    fn several_threads_go_on_where_they_are_faster() {
        for ratio in [0.5, 0.6, 0.7, 0.8] {
            let (seconds, several) = steady(ratio);
            assert!(several > 0.95 && seconds < 1.03 * ratio, "{ratio}: {seconds}, {several}");
        }
    }

    /// Where an epoch takes milliseconds, 30 edges here, the first look is not waited for.
    #[test]
    fn several_threads_begin_where_epochs_are_long() {
        for (ratio, several, most) in [(0.55, 0.9..1.0, 0.6), (1.5, 0.0..0.1, 1.06)] {
            let cost = |together, _| if together { ratio * 1e-4 } else { 1e-4 };
            let (seconds, by_several) = simulate(&mut Pace::new(), 30 * 500, cost);
            let (seconds, share) = (seconds / 1.5, by_several as f64 / 15e3);
            assert!(several.contains(&share) && seconds < most, "{ratio}: {seconds}, {share}");
        }
    }

    /// Whether they are a little slower or, where another program has the other core, very much.
    #[test]
    fn threads_that_do_not_win_cost_two_hundredths() {
        for (ratio, most) in [(1.0, 1.01), (1.1, 1.01), (1.5, 1.02), (3.0, 1.03), (10.0, 1.03)] {
            let (seconds, _) = steady(ratio);
            assert!(seconds < most, "{ratio}: {seconds}");
        }
    }

    /// The way changes for several looks, not for one that is off by a third; and not because the host has become
    /// slower for both.
    #[test]
    fn noise_changes_nothing() {
        let draw = |now: f64, ms: u128, stream| {
            let at = u64::try_from(Duration::from_secs_f64(now).as_micros() / (1000 * ms)).unwrap();
            (base::rng::draw(11, at, stream, 0) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let cost = |several, now| {
            let host = 1.0 + draw(now, 40, 0);
            let look = 0.8 + 0.4 * draw(now, 1, 1 + u64::from(several));
            ALONE * host * look
        };
        let mut pace = Pace::new();
        simulate(&mut pace, EDGES, cost);
        assert!(pace.changes <= 4 && pace.looks < 150, "{pace:?}");
    }

    #[test]
    fn one_thread_and_several_change_when_the_host_does() {
        // For a second each: the other core is free, or not.
        let free = |now: f64| now % 2.0 < 1.0;
        let cost = |several, now| match several {
            false => ALONE,
            true if free(now) => 0.55 * ALONE,
            true => 4.0 * ALONE,
        };
        let mut pace = Pace::new();
        let (seconds, several) = simulate(&mut pace, 4 * EDGES, cost);
        let best = 0.5 * (1.0 / ALONE + 1.0 / (0.55 * ALONE));
        let reached = 4.0 * EDGES as f64 / seconds / best;
        assert!(reached > 0.75 && pace.changes >= 8, "{reached}, {several}, {pace:?}");
    }

    /// As with a core that is taken away for milliseconds, now and then.
    #[test]
    fn moments_of_the_host_do_not_tell() {
        // Each of 3 ms is drawn: one in four is lost.
        let lost = |now: f64| {
            let at = u64::try_from(Duration::from_secs_f64(now).as_millis() / 3).unwrap();
            base::rng::draw(7, at, 0, 0).is_multiple_of(4)
        };
        for ratio in [0.6, 1.3] {
            let cost = |several, now| {
                ALONE * if several { ratio } else { 1.0 } * if lost(now) { 4.0 } else { 1.0 }
            };
            let (seconds, several) = simulate(&mut Pace::new(), EDGES, cost);
            let all = |way| simulate(&mut Pace::new(), EDGES, |_, now| cost(way, now)).0;
            let best = all(ratio < 1.0);
            assert!(seconds < 1.15 * best, "{ratio}: {seconds}, {best}, {several}");
        }
    }

    #[test]
    fn stretches_that_end_early_tell_when_there_are_enough() {
        let mut pace = Pace::new();
        for _ in 0..2000 {
            let wall = Duration::from_micros(if pace.next().1 { 5 } else { 9 });
            pace.took(Took { epochs: 1, edges: 30, wall, timed: (0, Duration::ZERO) });
        }
        assert!(pace.next().1 && pace.looks >= 1, "{pace:?}");
        pace.took(Took::default());
    }
}
