//! Whether one thread steps the next epochs or several do, by what the last ones took of the host's time.
//!
//! ```text
//!   the way in use: a stretch, a stretch, ... ─▶ a short one ─▶ a look at ─▶ a short one ─▶ what several
//!                    until the look is repaid                    the other                   threads gain
//! ```
//!
//! A meeting takes some microseconds of the host, so epochs that take not much more are one thread's. What several threads
//! gain of others depends on how evenly these are dealt and on what else the host does. So it is measured: host time a
//! component edge, of which there are as many whoever steps them. Nothing but the host's time depends on what is chosen.
//!
//! A host becomes slower and faster by itself, and a run too, as its caches fill. So a look is compared with as short
//! stretches right before it and behind it, and with nothing else; and since each such comparison is off by much, the
//! way changes for the mean of several, or for one that leaves no doubt.

use core::time::Duration;

/// Host time of a look, of an epoch at least. ASSUMED: several hundred meetings of a small machine, and many times
/// what it takes to start a thread.
const LOOK: Duration = Duration::from_millis(1);

/// Host time of a stretch at most, from that of a look on after a change: threads are started for each, which takes
/// a hundred microseconds.
const STRETCH: Duration = Duration::from_millis(32);

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

/// What they are taken to gain before the first look, as one look. ASSUMED: most of two cores, less what is not even.
const PRIOR: f64 = 0.3;

/// Host time of an epoch on one thread: several are not tried below the first, and not soon doubted from the second on.
/// ASSUMED: some meetings, and very many, even if their threads have to share a core.
const SHORT: Duration = Duration::from_micros(15);
const LONG: Duration = Duration::from_micros(200);

/// What is stepped on one thread in any case: so many epochs, if they do not take as long as so many looks.
const FIRST_EPOCHS: u64 = 32;
const FIRST_LOOKS: u32 = 4;

/// Epochs of several threads end when they take so many times what the last ones did, and where epochs that are not long
/// take this much of what is usual there is a look at once: a core may be gone.
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
    /// Host seconds a component edge on one thread, as it was last seen.
    alone: f64,
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
    /// One thread at first.
    pub(crate) fn new() -> Self {
        Self {
            gain: 0.0,
            known: 0.0,
            cost: 0.0,
            usual: None,
            look: Took::default(),
            alone: 0.0,
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
        let epochs = u64::try_from(epochs).unwrap_or(u64::MAX).clamp(1, u64::MAX / 2);
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
        // What ends early is too short to tell, and the first epochs are those of cold caches.
        let (epochs, wall) = (self.sample.epochs, self.sample.wall);
        let first = self.alone == 0.0 && epochs < FIRST_EPOCHS && wall < FIRST_LOOKS * LOOK;
        if wall >= LOOK / 4 && !first {
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
        LOOK.max(self.epoch)
    }

    /// The way in use took so much now.
    fn go_on(&mut self, sample: &Took) -> Turn {
        let cost = sample.cost();
        let usual = self.usual.unwrap_or(cost);
        self.usual = Some(f64::midpoint(usual, cost));
        self.span = (2 * self.span).min(STRETCH);
        if !self.together {
            self.saw_one(cost);
        }
        let epoch = self.alone * sample.edges as f64 / sample.epochs.max(1) as f64;
        let epoch = Duration::from_secs_f64(epoch);
        if epoch < SHORT {
            if self.together {
                self.change(false);
            }
            self.left = self.least();
            return Turn::Stretch;
        }
        // Long ones cost little more where their threads share a core.
        if self.together && epoch < LONG && cost > SURPRISE * usual {
            (self.span, self.left) = (LOOK, 0.0);
        }
        if self.known == 0.0 {
            self.change(true);
            (self.gain, self.known, self.usual) = (PRIOR, 1.0, Some(cost));
            self.quiet = if epoch < LONG { 0 } else { QUIET_MAX };
            self.left = self.least();
            return Turn::Stretch;
        }
        if self.left > 0.0 {
            return Turn::Stretch;
        }
        // One that is short by itself is what the look is compared with.
        self.cost = cost;
        if sample.wall < 2 * self.span_of_look() { Turn::Look } else { Turn::Before }
    }

    /// Host seconds to the next look at least.
    fn least(&self) -> f64 {
        BETWEEN.0 * 2.0_f64.powi(self.quiet) * self.span_of_look().as_secs_f64()
    }

    /// What was stepped on one thread took so much.
    fn saw_one(&mut self, cost: f64) {
        self.alone = if self.alone > 0.0 { f64::midpoint(self.alone, cost) } else { cost };
    }

    fn change(&mut self, together: bool) {
        self.together = together;
        self.changes += 1;
        (self.span, self.usual, self.quiet) = (LOOK, None, 0);
    }

    /// The other way was looked at, between two stretches of this one.
    fn compare(&mut self) {
        let look = self.look;
        self.looks += 1;
        self.saw_one(if self.together { look.cost() } else { self.cost });
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
            self.change(!self.together);
        }
        let lost = look.wall.as_secs_f64() - look.edges as f64 * self.cost;
        self.left = (REPAID * lost).clamp(self.least(), BETWEEN.1 * each);
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

    /// Component edges of an epoch that takes 30 us on one thread.
    const EPOCH: u64 = 100;

    /// Host seconds for so many component edges, so many an epoch, where an edge takes `cost(several, now)` seconds and
    /// starting threads 100 us; and the edges that several threads stepped.
    fn simulate(
        pace: &mut Pace,
        (edges, epoch): (u64, u64),
        cost: impl Fn(bool, f64) -> f64,
    ) -> (f64, u64) {
        let (mut now, mut done, mut by_several) = (0.0, 0, 0);
        while done < edges {
            let (mut epochs, several) = pace.next();
            let each = epoch as f64 * cost(several, now);
            if several {
                let each = Duration::from_secs_f64(each).as_nanos().max(1);
                let patience = pace.patience(epochs).as_nanos() / each;
                epochs = epochs.min(u64::try_from(patience).unwrap() + 1);
            }
            let wall = epochs as f64 * each;
            let timed = (epoch * epochs, Duration::from_secs_f64(wall));
            let all = wall + if several { 1e-4 } else { 0.0 };
            let wall = Duration::from_secs_f64(all);
            pace.took(Took { epochs, edges: epoch * epochs, wall, timed });
            (now, done) = (now + all, done + epoch * epochs);
            by_several += if several { epoch * epochs } else { 0 };
        }
        (now, by_several)
    }

    const EDGES: u64 = 10_000_000;
    const ALONE: f64 = 3e-7;

    fn steady(ratio: f64) -> (f64, f64) {
        let cost = |several, _| if several { ratio * ALONE } else { ALONE };
        let (seconds, several) = simulate(&mut Pace::new(), (EDGES, EPOCH), cost);
        (seconds / (EDGES as f64 * ALONE), several as f64 / EDGES as f64)
    }

    #[test]
    fn several_threads_go_on_where_they_are_faster() {
        for ratio in [0.5, 0.6, 0.7, 0.8] {
            let (seconds, several) = steady(ratio);
            assert!(several > 0.95 && seconds < 1.03 * ratio, "{ratio}: {seconds}, {several}");
        }
    }

    /// Whatever the host does meanwhile.
    #[test]
    fn long_epochs_are_for_several_threads_and_short_ones_for_one() {
        for (epoch, together) in [(30, false), (40, false), (1000, true), (30_000, true)] {
            let cost = |several, now: f64| {
                let slow = if now % 0.05 < 0.01 { 1.2 } else { 1.0 };
                ALONE * slow * if several { 0.7 } else { 1.0 }
            };
            let mut pace = Pace::new();
            let (_, several) = simulate(&mut pace, (EDGES, epoch), cost);
            let share = several as f64 / EDGES as f64;
            assert!(pace.looks <= 20 && pace.changes <= 1, "{epoch}: {pace:?}");
            assert!((share > 0.95) == together && (share > 0.0) == together, "{epoch}: {share}");
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
        simulate(&mut pace, (EDGES, EPOCH), cost);
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
        let (seconds, several) = simulate(&mut pace, (4 * EDGES, EPOCH), cost);
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
            let (seconds, several) = simulate(&mut Pace::new(), (EDGES, EPOCH), cost);
            let all = |way| simulate(&mut Pace::new(), (EDGES, EPOCH), |_, now| cost(way, now)).0;
            let best = all(ratio < 1.0);
            assert!(seconds < 1.15 * best, "{ratio}: {seconds}, {best}, {several}");
        }
    }

    #[test]
    fn stretches_that_end_early_tell_when_there_are_enough() {
        let mut pace = Pace::new();
        for _ in 0..2000 {
            let wall = Duration::from_micros(if pace.next().1 { 15 } else { 27 });
            pace.took(Took { epochs: 1, edges: 30, wall, timed: (0, Duration::ZERO) });
        }
        assert!(pace.next().1 && pace.looks >= 1, "{pace:?}");
        pace.took(Took::default());
    }
}
