//! Bit errors, as far as frames see them: which frames of a direction arrive beyond repair.
//!
//! ```text
//!   Noise (BER, bursts) ── Code ──▶ Corrupted: the next frame that is lost, and the next, ..
//! ```
//!
//! Errors are never drawn bit by bit. Independent errors make frames independent, so the next lost
//! frame is a geometric jump with the chance that [`Code`](crate::Code) gives in closed form: at
//! 1e-15 a draw in some hours of a link, at any rate none for a frame that arrives. Bursts are jumped
//! over from one to the next and laid out on the symbols of their lane; see [`burst`].
//!
//! Draws are hashes of (seed, link, stream, count), so what a link suffers does not depend on what it
//! carries or on who asks.

mod burst;
#[cfg(test)]
mod tests;

use base::math::{log2, log2_unit};
use base::rng::draw;

use crate::Code;
pub use burst::Burst;
use burst::Bursts;

/// Streams of draws of a link; bursts use some more.
pub(crate) mod stream {
    /// Gaps between lost frames.
    pub(crate) const GAPS: u64 = 0x5048_5901;
    /// Whether the CRC misses a lost frame.
    pub(crate) const CRC: u64 = 0x5048_5902;
    /// Gaps between bursts.
    pub(crate) const BURSTS: u64 = 0x5048_5903;
    /// Length and lane of a burst.
    pub(crate) const SHAPES: u64 = 0x5048_5904;
    /// Wrong symbols within a burst.
    pub(crate) const SYMBOLS: u64 = 0x5048_5905;
    /// Independent errors beside a burst.
    pub(crate) const BESIDE: u64 = 0x5048_5906;
    /// Symbols mended, for the report.
    pub(crate) const MENDED: u64 = 0x5048_5907;
    /// When lanes fail.
    pub(crate) const LANES: u64 = 0x5048_5908;
    /// Lanes that are bad from the start.
    pub(crate) const STARTS: u64 = 0x5048_5909;
}

/// What disturbs a lane.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Noise {
    /// Chance of an independent error of a bit, before any correction.
    pub ber: f64,
    /// Bursts on top.
    pub burst: Option<Burst>,
}

/// No frame: beyond any that a run can reach, and far from overflow.
pub(crate) const NEVER: u64 = u64::MAX / 4;

/// Trials that fail with a chance `p`, jumped over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    /// `1 / log2(1 - p)`; 0 where every trial counts.
    inverse: f64,
}

impl Gap {
    /// `p` above 0.
    pub(crate) fn new(p: f64) -> Self {
        // log2(1 - p) of a small p by its series: 1 - p would round it away.
        let log = if p < 1e-5 {
            -p * (1.0 + p * (0.5 + p / 3.0)) * core::f64::consts::LOG2_E
        } else {
            log2(1.0 - p.min(1.0 - 1e-15))
        };
        Self { inverse: if p >= 1.0 { 0.0 } else { 1.0 / log } }
    }

    /// Trials before the next that counts: 0 or more.
    pub(crate) fn before(self, draw: u64) -> u64 {
        let gap = (log2_unit(draw) * self.inverse).max(0.0);
        if gap >= NEVER as f64 {
            return NEVER;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 2^62"
        )]
        let whole = gap as u64;
        whole
    }
}

/// The frames of one direction that are lost, in order.
#[derive(Clone, Debug)]
pub(crate) struct Corrupted {
    seed: u64,
    link: u64,
    /// Of independent errors; none if there are no such.
    gap: Option<Gap>,
    count: u64,
    alone: u64,
    bursts: Option<Box<Bursts>>,
    /// The frame up to which bursts are judged, and whether it is lost.
    in_burst: (u64, bool),
}

base::state!([] Corrupted { keeps count, alone, in_burst; each bursts; fixed seed, link, gap });

impl Corrupted {
    pub(crate) fn new(seed: u64, link: u64, frame: &Shape, noise: &Noise) -> Self {
        let p = frame.code.frame_loss(noise.ber);
        let bursts = noise.burst.map(|b| Box::new(Bursts::new(seed, link, frame, noise.ber, b)));
        let gap = (p > 0.0).then(|| Gap::new(p));
        let (count, alone, in_burst) = (0, NEVER, (NEVER, true));
        let mut this = Self { seed, link, gap, count, alone, bursts, in_burst };
        if this.gap.is_some() {
            this.alone = 0;
            this.jump();
        }
        this.judge();
        this
    }

    /// From the frame at `alone` on to the next that is lost.
    fn jump(&mut self) {
        let Some(gap) = self.gap else { return };
        let before = gap.before(draw(self.seed, self.link, stream::GAPS, self.count));
        self.count += 1;
        self.alone = self.alone.saturating_add(before).min(NEVER);
    }

    fn judge(&mut self) {
        self.in_burst = self.bursts.as_mut().map_or((NEVER, true), |b| b.look());
    }

    /// The next lost frame, and that it is; or a frame that is not, with none lost before it since the last:
    /// so no more is drawn than somebody asks for. Lost and [`NEVER`] if there is no more.
    pub(crate) fn look(&mut self) -> (u64, bool) {
        let next = self.alone.min(self.in_burst.0);
        if next >= NEVER {
            return (NEVER, true);
        }
        let mut lost = false;
        if self.alone == next {
            self.alone += 1;
            self.jump();
            lost = true;
        }
        if self.in_burst.0 == next {
            lost |= self.in_burst.1;
            self.judge();
        }
        (next, lost)
    }

    /// The next lost frame; [`NEVER`] if there is none.
    #[cfg(test)]
    pub(crate) fn next(&mut self) -> u64 {
        core::iter::repeat_with(|| self.look()).find(|(_, lost)| *lost).map_or(NEVER, |n| n.0)
    }

    /// Draws made so far.
    fn draws(&self) -> u64 {
        self.count + self.bursts.as_ref().map_or(0, |b| b.draws())
    }

    /// Symbols mended in bursts before a frame, if no loss was looked for far behind it.
    pub(crate) fn mended_in_bursts(&self, before: u64) -> u64 {
        self.bursts.as_ref().map_or(0, |b| b.mended(before))
    }
}

/// Links over which losses to bursts are told: long stays make the frames of one alike.
const DRAWN_LINKS: u64 = 64;

/// Losses that are enough of each, and draws.
const ENOUGH: u64 = 1_000;
const DRAWS_MAX: u64 = 250_000;

/// Share of frames that are lost, bursts included, and how many frames were drawn to tell: `frames`, or fewer
/// where bursts are dense. Without bursts it is the closed form, and none is drawn.
pub fn frame_loss(shape: &Shape, noise: &Noise, seed: u64, frames: u64) -> (f64, u64) {
    if noise.burst.is_none() {
        return (shape.code.frame_loss(noise.ber), 0);
    }
    let of_each = frames.div_ceil(DRAWN_LINKS);
    let (mut sum, mut drawn) = (0.0, 0);
    for link in 0..DRAWN_LINKS {
        let mut source = Corrupted::new(seed, link, shape, noise);
        let mut lost = 0;
        // Where the draws end is no matter of losses but for the last frame, so that one does not count.
        let seen = loop {
            let (frame, is_lost) = source.look();
            if frame >= of_each {
                break of_each;
            }
            if lost >= ENOUGH || source.draws() >= DRAWS_MAX {
                break frame;
            }
            lost += u64::from(is_lost);
        };
        sum += lost as f64 / seen.max(1) as f64;
        drawn += seen;
    }
    (sum / DRAWN_LINKS as f64, drawn)
}

/// What of a frame errors see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Bits of a frame on the wire, all lanes together.
    pub bits: u32,
    /// Lanes over which symbols are dealt in turn.
    pub lanes: u32,
    /// Its code.
    pub code: Code,
}

/// A draw of a count with this mean, of many rare events: by inversion if the mean is small, as a sum
/// of uniform draws (mean and variance equal) otherwise.
pub(crate) fn poisson(mean: f64, seed: u64, link: u64, stream: u64) -> u64 {
    let unit = |n| base::math::unit(draw(seed, link, stream, n));
    if mean < 30.0 {
        let mut left = unit(0) - 1e-17;
        let mut term = base::math::exp2(-mean * core::f64::consts::LOG2_E);
        let mut k = 0;
        while left > term && k < 1_000 {
            left -= term;
            k += 1;
            term *= mean / k as f64;
        }
        return k;
    }
    let normal = (0..12).map(unit).sum::<f64>() - 6.0;
    // A square root by Newton's steps: basic operations only.
    let root = (0..60).fold(mean, |x, _| 0.5 * (x + mean / x));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; counts of a run are far below 2^63"
    )]
    let count = (mean + normal * root + 0.5).max(0.0) as u64;
    count
}
