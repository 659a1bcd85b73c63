//! A clock with everything that real ones have: changes of frequency, spread spectrum, drift, jitter.
//!
//! ```text
//!   edge k ─▶ piece of k: u = start + floor((k - first) * period)     exact
//!          ─▶ t = phase + u + spread(u) + drift(u) + jitter(k)        each a closed form
//! ```
//!
//! No edge depends on the one before. That edges follow each other is seen to when a clock is built, by
//! [`Deviation::period`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::Fs;
use base::period::{Deviation, Width};

use crate::jitter::Jitter;
use crate::spread::{Direction, Spread};
use crate::table::Table;
use crate::wander::Wander;
use crate::{ClockError, Edge, Uniform};

/// A stretch of edges of one nominal frequency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Piece {
    /// Its first edge. The edge is the last of the piece before as well: they meet there.
    first: Edge,
    /// Since when it was to be.
    at: Fs,
    /// Its periods, begun at that edge's undisturbed instant.
    clock: Uniform,
}

/// The most changes of frequency of one clock.
pub(crate) const PIECES_MAX: usize = 1 << 16;

/// From here on, beyond any run, nothing is displaced.
const FAR: Fs = Fs(11_000 * Fs::PER_SECOND);

/// What is not exact periods.
#[derive(Debug)]
pub(crate) struct Modulated {
    phase: Fs,
    first: Piece,
    /// Pieces after the first, in order; never changed once they are there. Of several that begin at one
    /// edge the last counts: the others have no period.
    later: Table<Piece>,
    pieces: AtomicUsize,
    spread: Option<Spread>,
    wander: Option<Arc<Wander>>,
    jitter: Option<Jitter>,
    /// All three, as far as they keep edges in order.
    deviation: Deviation,
    tunable: bool,
}

/// What a modulated clock is made of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) phase: Fs,
    pub(crate) spread: Option<Spread>,
    pub(crate) wander: Option<Arc<Wander>>,
    pub(crate) jitter: Option<Jitter>,
    pub(crate) jitter_rms: Fs,
    pub(crate) tunable: bool,
}

impl Modulated {
    pub(crate) fn new(hertz: (u64, u64), parts: Parts) -> Result<Self, ClockError> {
        let Parts { phase, spread, wander, jitter, jitter_rms, tunable } = parts;
        let width = |s: Spread| Width { ppm: s.ppm, down: s.direction == Direction::Down };
        let drift_ppb = wander.as_ref().map(|w| w.drift().ppb);
        let deviation = Deviation { spread: spread.map(width), drift_ppb, jitter_rms };
        let clock = Uniform::of(deviation.period(hertz)?, Fs::ZERO);
        Ok(Self {
            phase,
            first: Piece { first: Edge(0), at: Fs::ZERO, clock },
            later: Table::new(PIECES_MAX),
            pieces: AtomicUsize::new(0),
            spread,
            wander,
            jitter,
            deviation,
            tunable,
        })
    }

    pub(crate) const fn is_tunable(&self) -> bool {
        self.tunable
    }

    fn piece(&self, at: usize) -> &Piece {
        at.checked_sub(1).and_then(|at| self.later.get(at)).unwrap_or(&self.first)
    }

    /// The last piece that answers `is_before`, as all in front of it do. Present instants are in the last
    /// ones, so these are asked first.
    #[inline]
    fn find(&self, is_before: impl Fn(&Piece) -> bool) -> &Piece {
        let pieces = self.pieces.load(Ordering::Acquire);
        if pieces == 0 {
            return &self.first;
        }
        let (mut least, mut beyond) = (0, pieces + 1);
        let mut asked = pieces;
        while beyond - least > 1 {
            if is_before(self.piece(asked)) {
                least = asked;
            } else {
                beyond = asked;
            }
            asked = least.midpoint(beyond);
        }
        self.piece(least)
    }

    /// The undisturbed instant of an edge, counted from the phase.
    #[inline]
    fn undisturbed(&self, k: Edge) -> Fs {
        let piece = self.find(|p| p.first <= k);
        piece.clock.instant(Edge(k.0 - piece.first.0))
    }

    /// How far what is at an undisturbed instant is displaced.
    #[inline]
    fn displacement(&self, at: Fs) -> i64 {
        self.spread.map_or(0, |s| s.displacement(at.0))
            + self.wander.as_ref().map_or(0, |w| w.displacement(at.0))
    }

    pub(crate) fn instant(&self, k: Edge) -> Fs {
        let at = self.undisturbed(k);
        if at >= FAR {
            return (self.phase + at).min(Fs(u64::MAX - 1));
        }
        let jitter = self.jitter.map_or(0, |j| j.of(k.0));
        self.phase + Fs(at.0.saturating_add_signed(self.displacement(at) + jitter))
    }

    pub(crate) fn edge_at_or_after(&self, instant: Fs) -> Edge {
        let target = instant.since(self.phase);
        if target >= FAR {
            let last = self.piece(self.pieces.load(Ordering::Acquire));
            return Edge(last.first.0.saturating_add(last.clock.edge_at_or_after(target).0));
        }
        // Displacements are shallow: each round leaves a thousandth of the error, or less.
        let mut at = target;
        for _ in 0..6 {
            let next = Fs(target.0.saturating_add_signed(self.displacement(at).saturating_neg()));
            if next == at {
                break;
            }
            at = next;
        }
        let piece = self.find(|p| p.clock.instant(Edge(0)) <= at);
        let mut k = Edge(piece.first.0 + piece.clock.edge_at_or_after(at).0);
        while self.instant(k) < instant {
            k = k.plus(1);
        }
        while k.0 > 0 && self.instant(Edge(k.0 - 1)) >= instant {
            k = Edge(k.0 - 1);
        }
        k
    }

    /// Changes the frequency at the first edge at or after `at`, which is the last of the old periods.
    pub(crate) fn retune(&self, at: Fs, hertz: (u64, u64)) -> Result<Edge, ClockError> {
        let pieces = self.pieces.load(Ordering::Acquire);
        if pieces > 0 && at <= self.piece(pieces).at {
            return Err(ClockError::Past { at });
        }
        let first = self.edge_at_or_after(at);
        let clock = Uniform::of(self.deviation.period(hertz)?, self.undisturbed(first));
        let piece = Piece { first, at, clock };
        let kept = self.later.get_or_init(pieces, || piece).ok_or(ClockError::TooMany)?;
        assert!(*kept == piece, "two changes of one clock at {at}");
        self.pieces.store(pieces + 1, Ordering::Release);
        Ok(first)
    }

    /// The longest that two edges are apart, over all pieces so far.
    pub(crate) fn period_ceil(&self) -> Fs {
        let pieces = self.pieces.load(Ordering::Acquire);
        // Pieces that begin where the next one does have no period.
        let lasts = |at: &usize| *at == pieces || self.piece(*at).first < self.piece(at + 1).first;
        let lasting = (0..=pieces).filter(lasts);
        let longest = lasting.map(|at| self.piece(at).clock.period_ceil()).max();
        let longest = longest.unwrap_or(Fs::ZERO).0;
        let (slopes, jitter) = (self.deviation.slope_ppb(), 2 * self.deviation.jitter_bound().0);
        Fs(longest + longest.div_ceil(1_000_000_000) * slopes + jitter + 4)
    }
}

/// Clocks are equal that have the same edges by construction; what was looked up does not count.
impl PartialEq for Modulated {
    fn eq(&self, other: &Self) -> bool {
        let pieces = |m: &Self| m.pieces.load(Ordering::Acquire);
        (self.phase, self.spread, self.jitter, self.tunable)
            == (other.phase, other.spread, other.jitter, other.tunable)
            && self.wander == other.wander
            && pieces(self) == pieces(other)
            && (0..=pieces(self)).all(|at| self.piece(at) == other.piece(at))
    }
}
