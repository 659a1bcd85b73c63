//! Bursts of errors on a lane: Gilbert's model.
//!
//! A lane is good, where only independent errors occur, or bad, where each bit is wrong with a chance
//! of its own (E. N. Gilbert, Capacity of a burst-noise channel, BSTJ 39, 1960). Stays are geometric.
//! Bad stays are rare, so they are jumped to; each is then laid out on the symbols of its lane.
//!
//! Symbols are dealt to lanes in turn, and to the interleaved codewords in turn: symbol `j` of a lane is
//! symbol `j * lanes + lane` of the wire, and that is of codeword `symbol mod interleave` of its group.
//! So a burst of `b` bits on one lane touches about `b / m + 1` symbols that lie `lanes` apart, and
//! interleaving spreads them over codewords unless both step in time. What independent errors add to a
//! codeword that a burst has touched is drawn for it.

use std::collections::VecDeque;

use base::math::{exp2, log2, unit};
use base::rng::draw;

use super::{Gap, NEVER, Shape, stream};

/// Frames touched by bursts that are judged at once.
const JUDGED: usize = 64;

/// Bad stays of a lane.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Burst {
    /// Chance that a bad stay begins at a bit of a lane.
    pub rate: f64,
    /// Mean bits of a bad stay, at least 1.
    pub mean_bits: f64,
    /// Chance that a bit in it is wrong.
    pub error: f64,
}

/// A frame that bursts have touched.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Touched {
    frame: u64,
    /// Wrong symbols by place in the frame, in no order.
    symbols: Vec<u32>,
}

/// The bursts of one direction.
#[derive(Clone, Debug)]
pub(super) struct Bursts {
    seed: u64,
    link: u64,
    shape: Shape,
    gap: Gap,
    length: Option<Gap>,
    /// `log2` of the chance that a bit of a bad stay is right.
    right: f64,
    symbol_error: f64,
    /// The wire's bit at which the next burst begins, and its number.
    begins: u64,
    count: u64,
    touched: VecDeque<Touched>,
    symbols_drawn: u64,
    beside_drawn: u64,
    mended: u64,
    /// Frames that were judged last, and the symbols mended in each.
    recent: Vec<(u64, u64)>,
}

base::state!([] Bursts {
    keeps begins, count, touched, symbols_drawn, beside_drawn, mended, recent;
    each;
    fixed seed, link, shape, gap, length, right, symbol_error
});

impl Bursts {
    pub(super) fn new(seed: u64, link: u64, shape: &Shape, ber: f64, burst: Burst) -> Self {
        let wrong = burst.error.clamp(1e-9, 1.0 - 1e-12);
        let mut this = Self {
            seed,
            link,
            shape: *shape,
            gap: Gap::new(burst.rate.max(f64::MIN_POSITIVE)),
            length: (burst.mean_bits > 1.0).then(|| Gap::new(1.0 / burst.mean_bits)),
            right: log2(1.0 - wrong),
            symbol_error: shape.code.symbol_error(ber),
            begins: 0,
            count: 0,
            touched: VecDeque::new(),
            symbols_drawn: 0,
            beside_drawn: 0,
            mended: 0,
            recent: Vec::new(),
        };
        this.begins = this.gap.before(this.draw(stream::BURSTS, 0));
        this
    }

    fn draw(&self, stream: u64, count: u64) -> u64 {
        draw(self.seed, self.link, stream, count)
    }

    /// Symbols mended before a frame, if no more was judged behind it than by the last call.
    pub(super) fn mended(&self, before: u64) -> u64 {
        let behind = self.recent.iter().filter(|(frame, _)| *frame >= before);
        self.mended - behind.map(|(_, symbols)| symbols).sum::<u64>()
    }

    fn symbols_a_frame(&self) -> u64 {
        u64::from(self.shape.code.symbols) * u64::from(self.shape.code.codewords)
    }

    /// The frame in which a bit of the wire lies: of bits, so also of what is no symbol.
    fn frame_of(&self, bit: u64) -> u64 {
        bit / u64::from(self.shape.bits)
    }

    /// The next frame that is lost to bursts, and that it is; or, after [`JUDGED`] frames that are not, the last of
    /// these: a code may mend all that bursts do in any run.
    ///
    /// A burst touches no frame before the one ahead of its first bit's, so a frame can be judged
    /// once all bursts are laid out that begin in it or in the next.
    pub(super) fn look(&mut self) -> (u64, bool) {
        self.recent.clear();
        loop {
            while self.begins < NEVER
                && self.touched.front().is_none_or(|t| self.frame_of(self.begins) <= t.frame + 1)
            {
                self.lay_out();
            }
            let Some(touched) = self.touched.pop_front() else { return (NEVER, true) };
            let before = self.mended;
            let lost = self.decide(touched.symbols);
            self.recent.push((touched.frame, self.mended - before));
            if lost || self.recent.len() == JUDGED {
                return (touched.frame, lost);
            }
        }
    }

    /// Puts the burst at `begins` on its symbols and goes on to the next.
    fn lay_out(&mut self) {
        let shape = self.draw(stream::SHAPES, self.count);
        let length = 1 + self.length.map_or(0, |gap| gap.before(shape)).min(1 << 20);
        let lanes = u64::from(self.shape.lanes);
        let bits = u64::from(self.shape.code.symbol_bits);
        let lane = self.begins % lanes;
        let (first, end) = (self.begins / lanes, self.begins / lanes + length);
        let all = self.symbols_a_frame();
        for symbol in first / bits..end.div_ceil(bits) {
            let covered = end.min((symbol + 1) * bits) - first.max(symbol * bits);
            let n = self.symbols_drawn;
            self.symbols_drawn += 1;
            let right = exp2(self.right * covered as f64);
            // The bit that begins a bad stay is what makes it one: it is wrong.
            if symbol == first / bits || unit(self.draw(stream::SYMBOLS, n)) > right {
                // Frames are of whole symbols but for sync bits and padding, which nothing hurts.
                let frame_bits = u64::from(self.shape.bits);
                let wire = (symbol * bits * lanes + lane * bits) / frame_bits;
                let within = (symbol * bits * lanes + lane * bits) % frame_bits / bits;
                if within < all {
                    self.touch(wire, u32::try_from(within).unwrap_or(u32::MAX));
                }
            }
        }
        self.count += 1;
        let gap = self.gap.before(self.draw(stream::BURSTS, self.count));
        self.begins = self.begins.saturating_add(1).saturating_add(gap).min(NEVER);
    }

    fn touch(&mut self, frame: u64, symbol: u32) {
        let at = self.touched.partition_point(|t| t.frame < frame);
        match self.touched.get_mut(at) {
            Some(t) if t.frame == frame => {
                if !t.symbols.contains(&symbol) {
                    t.symbols.push(symbol);
                }
            }
            _ => self.touched.insert(at, Touched { frame, symbols: vec![symbol] }),
        }
    }

    /// Whether a frame with these wrong symbols, and what comes beside them, is lost.
    fn decide(&mut self, symbols: Vec<u32>) -> bool {
        let code = self.shape.code;
        let group = code.symbols * code.interleave;
        let word = |s: u32| s / group * code.interleave + s % code.interleave;
        let mut words: Vec<u32> = symbols.into_iter().map(word).collect();
        words.sort_unstable();
        let (mut lost, mut wrong_all) = (false, 0);
        for of_one in words.chunk_by(|a, b| a == b) {
            let touched = u32::try_from(of_one.len()).unwrap_or(u32::MAX);
            let wrong = touched.saturating_add(self.beside(code.symbols.saturating_sub(touched)));
            lost |= wrong > code.strength;
            wrong_all += u64::from(wrong);
        }
        if !lost {
            self.mended += wrong_all;
        }
        lost
    }

    /// Independent wrong symbols among `symbols`.
    fn beside(&mut self, symbols: u32) -> u32 {
        if self.symbol_error <= 0.0 || !self.shape.code.corrects() {
            return 0;
        }
        let gap = Gap::new(self.symbol_error);
        let (mut at, mut wrong) = (0_u64, 0);
        loop {
            let n = self.beside_drawn;
            self.beside_drawn += 1;
            at += gap.before(self.draw(stream::BESIDE, n)).min(NEVER) + 1;
            if at > u64::from(symbols) {
                return wrong;
            }
            wrong += 1;
        }
    }
}

impl Burst {
    /// Wrong bits a bit of the wire that bursts add, on average.
    pub fn mean_ber(&self) -> f64 {
        let later = (self.mean_bits - 1.0).max(0.0) * self.error;
        (self.rate * (1.0 + later)).min(1.0)
    }
}
