//! Lanes: what fails, what stands in for it, how wide the link still is.
//!
//! Physical lanes are numbered with the spares last. A lane that fails and is in use is replaced by the next
//! lane that works (UCIe advanced: remapping to a redundant lane); where there is none, the link falls
//! back to the widest allowed width that the lanes left can make up (UCIe standard, PCIe: x16 to x8
//! ..); both directions take the narrower width (ASSUMED: links are symmetric). Either way the link is
//! trained anew. A spare that fails unused changes nothing.

use base::Fs;
use base::math::log2_unit;
use base::rng::draw;

use crate::FrameClass;
use crate::errors::stream;

/// A lane that fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct LaneFault {
    /// The direction: 0 that of the even link of the pair, 1 that of the odd one.
    pub way: u8,
    /// Its number, spares last.
    pub lane: u32,
}

/// What happens to a link at a given time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkEvent {
    /// A lane fails for good.
    Lane(LaneFault),
    /// The link is trained anew.
    Retrain,
    /// The link goes down, until the next [`Up`](Self::Up) or for good.
    Down,
    /// The link may come up: training begins.
    Up,
}

/// Why a link is down for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Trouble {
    /// It was taken down at this instant and not brought up.
    Down(Fs),
    /// At this instant too many lanes had failed for any width.
    NoLanes(Fs),
}

impl Trouble {
    /// Since when.
    pub const fn since(self) -> Fs {
        match self {
            Self::Down(at) | Self::NoLanes(at) => at,
        }
    }
}

impl core::fmt::Display for Trouble {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Down(at) => write!(f, "taken down at {at} and not brought up again"),
            Self::NoLanes(at) => write!(f, "without lanes enough for any width since {at}"),
        }
    }
}

/// What a failing lane means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It was not in use.
    Unused,
    /// Another lane stands in.
    Spare,
    /// The link is narrower.
    Narrower,
    /// There is no width left.
    Dead,
}

/// The lanes of both directions.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// `[direction][lane]`: whether it works.
    works: [Vec<bool>; 2],
    width: u32,
    /// Widths allowed, widest first.
    widths: Vec<u32>,
}

base::state!([] Lanes { keeps works, width; each; fixed widths });

impl Lanes {
    pub(super) fn new(class: &FrameClass) -> Self {
        let all = vec![true; (class.lanes + class.spares.lanes) as usize];
        let mut widths = vec![class.lanes];
        widths.extend(class.spares.widths.iter().filter(|w| **w < class.lanes && **w > 0));
        widths.sort_unstable_by(|a, b| b.cmp(a));
        Self { works: [all.clone(), all], width: class.lanes, widths }
    }

    /// Lanes in use.
    pub(super) const fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn failed(&self) -> u32 {
        let failed = self.works.iter().flatten().filter(|w| !**w).count();
        u32::try_from(failed).unwrap_or(u32::MAX)
    }

    pub(super) fn fail(&mut self, fault: LaneFault) -> Outcome {
        let works = &mut self.works[usize::from(fault.way & 1)];
        let Some(at) = works.get(fault.lane as usize) else { return Outcome::Unused };
        let before = works.iter().take(fault.lane as usize).filter(|w| **w).count();
        if !*at || self.width == 0 {
            return Outcome::Unused;
        }
        works[fault.lane as usize] = false;
        if before >= self.width as usize {
            return Outcome::Unused;
        }
        let left = works.iter().filter(|w| **w).count();
        if left >= self.width as usize {
            return Outcome::Spare;
        }
        if let Some(width) = self.widths.iter().find(|w| **w as usize <= left) {
            self.width = *width;
            return Outcome::Narrower;
        }
        self.width = 0;
        Outcome::Dead
    }
}

/// When lanes fail by chance: each once, after an exponential time.
pub(super) fn random(seed: u64, first: u64, class: &FrameClass) -> Vec<(Fs, LaneFault)> {
    let rate = class.spares.failures_per_s;
    if rate <= 0.0 {
        return Vec::new();
    }
    let lanes = class.lanes + class.spares.lanes;
    let fault = |way: u8, lane: u32| {
        let u = log2_unit(draw(seed, first + u64::from(way), stream::LANES, lane.into()));
        let after = -u * core::f64::consts::LN_2 / rate * Fs::PER_SECOND as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and below 2^63 as asked"
        )]
        let at = (after < 9e18).then_some(Fs(after as u64));
        at.map(|at| (at, LaneFault { way, lane }))
    };
    (0..2).flat_map(|way| (0..lanes).filter_map(move |lane| fault(way, lane))).collect()
}
