//! Whether one thread steps the next epochs or several do, by what the last ones took of the host's time.
//!
//! ```text
//!   the better way ── a stretch, a stretch, ... ──▶ a look at the other way ──▶ the better of both
//!                      until the look is repaid        some epochs
//! ```
//!
//! What several threads gain depends on how much an epoch holds, on how evenly it is dealt, and on what else
//! the host does, and all of these change in a run. So it is measured: host time a component edge, of which
//! there are as many whoever steps them. Nothing but the host's time depends on what is chosen.

use core::time::Duration;

/// Host time of a look, and its fewest epochs. ASSUMED: several hundred meetings of a small machine, and many times
/// what it takes to start a thread.
const LOOK: Duration = Duration::from_millis(1);
const LOOK_EPOCHS: u32 = 4;

/// Host time of a stretch at most, from that of a look on after a change: threads are started for each, which takes
/// a hundred microseconds.
const STRETCH: Duration = Duration::from_millis(8);

/// So many times what a look, or a change for the worse, has lost passes before the next look: so both cost a fiftieth.
const REPAID: f64 = 50.0;

/// The time between looks, in looks: at least, so that they are few where both ways are as good, and at most, so
/// that a bad moment of the host is not remembered for long.
const BETWEEN: (f64, f64) = (8.0, 400.0);

/// The other way is taken if it costs less than this much of the one that is used.
const BETTER: f64 = 0.97;

/// How much worse than the way that is used a look can find the other at most, for the same reason.
const WORST: f64 = 2.0;

/// Epochs of several threads end when they take so many times what the last ones did: that they are worse is known
/// then.
const PATIENCE: f64 = 3.0;

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

/// What was chosen, and what it was chosen by.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Host seconds a component edge on one thread, and on several, as far as they are known.
    cost: [Option<f64>; 2],
    /// Host time an epoch of the last stretch.
    epoch: Duration,
    together: bool,
    looking: bool,
    /// Host time of the next stretch at most.
    span: Duration,
    /// Host seconds to the next look.
    left: f64,
    /// Component edges since the last change, and host seconds.
    since: (f64, f64),
    /// Stretches the same way that are not judged yet.
    sample: Took,
    /// Looks at the other way, and how often it was taken.
    pub(crate) looks: u64,
    pub(crate) changes: u64,
}

impl Pace {
    /// One thread at first, and a look at several soon.
    pub(crate) fn new() -> Self {
        Self {
            cost: [None; 2],
            epoch: LOOK,
            together: false,
            looking: false,
            span: LOOK,
            left: LOOK.as_secs_f64(),
            since: (0.0, 0.0),
            sample: Took::default(),
            looks: 0,
            changes: 0,
        }
    }

    /// How many epochs to step next, and whether on several threads.
    pub(crate) fn next(&self) -> (u64, bool) {
        let left = if self.looking { LOOK } else { Duration::from_secs_f64(self.left.max(0.0)) };
        let epochs = left.min(self.span).as_nanos() / self.epoch.as_nanos().max(1);
        let epochs =
            u64::try_from(epochs).unwrap_or(u64::MAX).clamp(LOOK_EPOCHS.into(), u64::MAX / 2);
        (epochs, self.together != self.looking)
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
            self.judge(&sample);
        }
    }

    fn judge(&mut self, sample: &Took) {
        let used = usize::from(self.together);
        let seen = sample.cost();
        let looked = core::mem::take(&mut self.looking);
        let (way, seen) = match self.cost[used] {
            Some(cost) if looked => (1 - used, seen.min(WORST * cost)),
            _ => (used, seen),
        };
        let cost = self.cost[way].map_or(seen, |before| f64::midpoint(before, seen));
        self.cost[way] = Some(cost);
        if looked {
            self.looks += 1;
            self.repay((sample.edges as f64, sample.wall.as_secs_f64()), used);
        } else {
            self.span = (2 * self.span).min(STRETCH);
            self.since.0 += sample.edges as f64;
            self.since.1 += sample.wall.as_secs_f64();
        }
        if let [Some(alone), Some(together)] = self.cost
            && if self.together { alone < BETTER * together } else { together < BETTER * alone }
        {
            self.change(looked);
        }
        self.looking = self.left <= 0.0;
    }

    /// Takes the other way: because of a look at it, or because this one has become worse than it.
    fn change(&mut self, looked: bool) {
        self.together = !self.together;
        self.changes += 1;
        let since = if looked { (0.0, 0.0) } else { self.since };
        self.repay(since, usize::from(self.together));
        (self.span, self.since) = (LOOK, (0.0, 0.0));
    }

    /// Puts the next look off by what some edges have lost that took so many seconds, against the way `good`.
    fn repay(&mut self, (edges, seconds): (f64, f64), good: usize) {
        let lost = seconds - edges * self.cost[good].unwrap_or(0.0);
        let look = LOOK.max(LOOK_EPOCHS * self.epoch).as_secs_f64();
        self.left = (REPAID * lost).clamp(BETWEEN.0 * look, BETWEEN.1 * look);
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
        for ratio in [0.5, 0.6, 0.8, 0.9] {
            let (seconds, several) = steady(ratio);
            assert!(several > 0.85 && seconds < 1.06 * ratio, "{ratio}: {seconds}, {several}");
        }
    }

    /// Whether they are a little slower or, where another program has the other core, very much.
    #[test]
    fn threads_that_do_not_win_cost_a_few_hundredths() {
        for ratio in [1.0, 1.1, 1.5, 3.0, 10.0] {
            let (seconds, _) = steady(ratio);
            assert!(seconds < 1.05, "{ratio}: {seconds}");
        }
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
