//! A clock domain: the clock that components in it are stepped by.

use core::fmt;
use std::sync::Arc;

use base::Fs;
use base::period::{Unfit, period};

use crate::jitter::Jitter;
use crate::modulated::{Modulated, PIECES_MAX, Parts};
use crate::wander::Wander;
use crate::{Drift, Edge, Spread, Uniform};

/// A clock. Its edges are a function of their number alone.
///
/// An ideal clock has one period, an exact fraction. Any other is what [`ClockParams`] make. Clones
/// are handles of the same clock: all see a [`retune`](Self::retune).
#[derive(Clone, PartialEq, Debug)]
pub struct Domain {
    ideal: Uniform,
    /// In its place, where the clock is not ideal.
    modulated: Option<Arc<Modulated>>,
}

/// A reference oscillator that drifts; all clocks that are made from it drift with it.
#[derive(Clone, PartialEq, Debug)]
pub struct Oscillator(Arc<Wander>);

impl Oscillator {
    /// An oscillator whose drift is drawn by a seed and a number of its own.
    ///
    /// # Panics
    /// If the drift is out of its range.
    pub fn new(drift: Drift, seed: u64, number: u64) -> Self {
        let every = Fs(1_000_000_000)..=Fs(Fs::PER_SECOND);
        assert!(drift.ppb <= Drift::PPB_MAX && every.contains(&drift.every), "{drift:?}");
        Self(Arc::new(Wander::new(drift, seed, number)))
    }
}

/// What a clock is made from.
#[derive(Clone, PartialEq, Debug)]
pub struct ClockParams {
    /// Nominal frequency in hertz, as a fraction: the tree's ratios and the offset of its reference
    /// multiplied.
    pub hertz: (u64, u64),
    /// Instant of edge 0, before jitter: phase and skew together.
    pub phase: Fs,
    /// Spread spectrum.
    pub spread: Option<Spread>,
    /// The reference, if it drifts.
    pub reference: Option<Oscillator>,
    /// Standard deviation of the jitter of single edges.
    pub jitter_rms: Fs,
    /// Seed of the jitter, and the clock's number under it.
    pub seed: (u64, u64),
    /// Whether it may be retuned.
    pub tunable: bool,
}

impl ClockParams {
    /// An ideal clock.
    pub const fn ideal(hertz: (u64, u64), phase: Fs) -> Self {
        let (spread, reference, jitter_rms) = (None, None, Fs::ZERO);
        Self { hertz, phase, spread, reference, jitter_rms, seed: (0, 0), tunable: false }
    }
}

/// A clock that cannot be, or a change of frequency that cannot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClockError {
    /// There is no such frequency, or edges could change places.
    Unfit(Unfit),
    /// The clock was not declared to change.
    Fixed,
    /// A change lies at or before one that is made already.
    Past {
        /// When it was to be.
        at: Fs,
    },
    /// More changes than are kept.
    TooMany,
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfit(unfit) => unfit.fmt(f),
            Self::Fixed => f.write_str("the clock is not declared to change its frequency"),
            Self::Past { at } => write!(f, "the frequency changes already at or after {at}"),
            Self::TooMany => write!(f, "a clock changes its frequency {PIECES_MAX} times at most"),
        }
    }
}

impl core::error::Error for ClockError {}

impl From<Unfit> for ClockError {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl Domain {
    /// An ideal clock of `numer / denom` hertz whose edge 0 is at `phase`.
    ///
    /// Returns `None` if there is no such [period](base::period::period()).
    pub fn new(hertz: (u64, u64), phase: Fs) -> Option<Self> {
        Some(Self { ideal: Uniform::new(hertz, phase)?, modulated: None })
    }

    /// A clock of any kind.
    ///
    /// # Errors
    /// If there is no such clock, or its edges could change places.
    ///
    /// # Panics
    /// If the spread is out of its range.
    pub fn build(params: &ClockParams) -> Result<Self, ClockError> {
        let &ClockParams { hertz, phase, spread, ref reference, jitter_rms, seed, tunable } =
            params;
        let ideal = Uniform::of(period(hertz)?, phase);
        let every = Fs(1_000_000)..=Fs(Fs::PER_SECOND);
        let fits = |s: &Spread| (1..=Spread::PPM_MAX).contains(&s.ppm) && every.contains(&s.every);
        assert!(spread.as_ref().is_none_or(fits), "{spread:?}");
        let wander = reference.as_ref().map(|o| Arc::clone(&o.0));
        let jitter = (jitter_rms > Fs::ZERO).then(|| Jitter::new(jitter_rms, seed.0, seed.1));
        if spread.is_none() && wander.is_none() && jitter.is_none() && !tunable {
            return Ok(Self { ideal, modulated: None });
        }
        let parts = Parts { phase, spread, wander, jitter, jitter_rms, tunable };
        Ok(Self { ideal, modulated: Some(Arc::new(Modulated::new(hertz, parts)?)) })
    }

    /// The instant of edge `k`; edges beyond the 5 hours that time can count are all at their end.
    #[inline]
    pub fn instant(&self, k: Edge) -> Fs {
        match &self.modulated {
            None => self.ideal.instant(k),
            Some(clock) => clock.instant(k),
        }
    }

    /// The first edge at or after `instant`.
    #[inline]
    pub fn edge_at_or_after(&self, instant: Fs) -> Edge {
        match &self.modulated {
            None => self.ideal.edge_at_or_after(instant),
            Some(clock) => clock.edge_at_or_after(instant),
        }
    }

    /// The first edge strictly after `instant`.
    #[inline]
    pub fn edge_after(&self, instant: Fs) -> Edge {
        match &self.modulated {
            None => self.ideal.edge_after(instant),
            Some(clock) => clock.edge_at_or_after(instant + Fs(1)),
        }
    }

    /// The longest period so far, rounded up to a femtosecond.
    pub fn period_ceil(&self) -> Fs {
        match &self.modulated {
            None => self.ideal.period_ceil(),
            Some(clock) => clock.period_ceil(),
        }
    }

    /// Whether this is a clock of one exact period.
    pub const fn is_ideal(&self) -> bool {
        self.modulated.is_none()
    }

    /// Changes the nominal frequency at the first edge at or after `at`, which is given: it is the last
    /// edge of the old period and the first of the new. No edge is lost, and none comes twice.
    ///
    /// Edges after it are renumbered in time for every handle of the clock, so the caller sees to it
    /// that nobody has looked beyond it. Of several changes at one edge the last counts.
    ///
    /// # Errors
    /// If the clock is not tunable, the change is not to be later than the one before, or edges of the new period
    /// could change places.
    pub fn retune(&self, at: Fs, hertz: (u64, u64)) -> Result<Edge, ClockError> {
        let tunable = self.modulated.as_ref().filter(|m| m.is_tunable());
        tunable.ok_or(ClockError::Fixed)?.retune(at, hertz)
    }
}
