//! Bursts of errors on a lane: Gilbert's model.
//!
//! A lane is good, where only independent errors occur, or bad, where each bit is wrong with a chance
//! of its own (E. N. Gilbert, Capacity of a burst-noise channel, BSTJ 39, 1960). Stays are geometric.
//! Bad stays are rare, so they are jumped to; each is then laid out on the symbols of its lane. A link that begins
//! finds its lanes as they are on average: some in the midst of a stay, if those are long or frequent.
//!
//! Symbols are dealt to lanes in turn, and to the interleaved codewords in turn: symbol `j` of a lane is
//! symbol `j * lanes + lane` of the wire, and that is of codeword `symbol mod interleave` of its group.
//! So a burst of `b` bits on one lane touches about `b / m + 1` symbols that lie `lanes` apart, and
//! interleaving spreads them over codewords unless both step in time. What independent errors add to a
//! codeword that a burst has touched is drawn for it.
//!
//! A stay is laid out as far as frames are judged, from one wrong symbol to the next; so a stay of a million
//! bits, or all lanes in one, costs what the frames cost that are asked for.

use base::math::unit;
use base::rng::draw;

use super::{Gap, NEVER, Shape, stream};

/// Frames touched by bursts that are judged at once.
const JUDGED: usize = 64;

/// Bad stays of a lane.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Burst {
    /// Chance that a bad stay begins at a bit of a lane that is good.
    pub rate: f64,
    /// Mean bits of a bad stay, at least 1.
    pub mean_bits: f64,
    /// Chance that a bit in it is wrong.
    pub error: f64,
}

/// A bad stay with wrong bits that are not judged yet. Bits are those of its lane.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Stay {
    lane: u64,
    /// The next wrong bit, of a symbol that is not judged yet.
    wrong: u64,
    /// The frame in which that lies.
    frame: u64,
    /// The first bit behind it.
    end: u64,
}

/// The bursts of one direction.
#[derive(Clone, Debug)]
pub(super) struct Bursts {
    seed: u64,
    link: u64,
    shape: Shape,
    gap: Gap,
    length: Option<Gap>,
    /// From one wrong bit of a bad stay to the next; none if only the first is wrong.
    error: Option<Gap>,
    symbol_error: f64,
    /// The wire's bit at which the next burst begins, and its number.
    begins: u64,
    count: u64,
    /// A frame before which it touches nothing.
    touches: u64,
    /// Of each lane, the first bit behind its last bad stay.
    good_from: Vec<u64>,
    stays: Vec<Stay>,
    bits_drawn: u64,
    beside_drawn: u64,
    mended: u64,
    /// Frames that were judged last, and the symbols mended in each.
    recent: Vec<(u64, u64)>,
}

base::state!([] Bursts {
    keeps begins, count, touches, good_from, stays, bits_drawn, beside_drawn, mended, recent;
    each;
    fixed seed, link, shape, gap, length, error, symbol_error
});

impl Bursts {
    pub(super) fn new(seed: u64, link: u64, shape: &Shape, ber: f64, burst: Burst) -> Self {
        let most = NEVER / u64::from(shape.lanes);
        let mut this = Self {
            seed,
            link,
            shape: *shape,
            gap: Gap::new(burst.rate.max(f64::MIN_POSITIVE)),
            length: (burst.mean_bits > 1.0).then(|| Gap::new(1.0 / burst.mean_bits)),
            error: (burst.error > 0.0).then(|| Gap::new(burst.error)),
            symbol_error: shape.code.symbol_error(ber),
            begins: 0,
            count: 0,
            touches: 0,
            good_from: vec![0; shape.lanes as usize],
            stays: Vec::new(),
            bits_drawn: 0,
            beside_drawn: 0,
            mended: 0,
            recent: Vec::new(),
        };
        this.begins = this.gap.before(this.draw(stream::BURSTS, 0));
        this.touches = this.frame_of(this.on_wire(0, this.begins / u64::from(shape.lanes)));
        let bad = burst.bad_share();
        for lane in 0..u64::from(shape.lanes) {
            if unit(draw(seed, link, stream::STARTS, 2 * lane)) < bad {
                // What is left of a geometric stay is as long as all of one, and its first bit is like any other.
                let drawn = draw(seed, link, stream::STARTS, 2 * lane + 1);
                let end = 1 + this.length.map_or(0, |gap| gap.before(drawn)).min(most);
                this.good_from[usize::try_from(lane).unwrap_or(0)] = end;
                let drawn = draw(seed, link, stream::SYMBOLS, this.bits_drawn);
                this.bits_drawn += 1;
                let wrong = this.error.map_or(NEVER, |gap| gap.before(drawn));
                if wrong < end {
                    let frame = this.frame_of(this.on_wire(lane, wrong));
                    this.stays.push(Stay { lane, wrong, frame, end });
                }
            }
        }
        this
    }

    fn draw(&self, stream: u64, count: u64) -> u64 {
        draw(self.seed, self.link, stream, count)
    }

    /// Draws made so far.
    pub(super) const fn draws(&self) -> u64 {
        2 * self.count + self.bits_drawn + self.beside_drawn
    }

    /// Symbols mended before a frame, if no more was judged behind it than by the last call.
    pub(super) fn mended(&self, before: u64) -> u64 {
        let behind = self.recent.iter().filter(|(frame, _)| *frame >= before);
        self.mended - behind.map(|(_, symbols)| symbols).sum::<u64>()
    }

    /// The frame in which a bit of the wire lies: of bits, so also of what is no symbol.
    fn frame_of(&self, bit: u64) -> u64 {
        bit / u64::from(self.shape.bits)
    }

    /// Where on the wire the symbol begins in which a lane's bit lies.
    fn on_wire(&self, lane: u64, bit: u64) -> u64 {
        let (bits, lanes) = (u64::from(self.shape.code.symbol_bits), u64::from(self.shape.lanes));
        (bit / bits * lanes + lane) * bits
    }

    /// The next frame that is lost to bursts, and that it is; or, after [`JUDGED`] frames that are not, the last of
    /// these: a code may mend all that bursts do in any run.
    ///
    /// A burst touches nothing before the first lane's symbol that is sent with its first bit's, so a frame can be
    /// judged once that of the next burst lies behind it.
    pub(super) fn look(&mut self) -> (u64, bool) {
        self.recent.clear();
        loop {
            let mut next = self.stays.iter().map(|s| s.frame).min().unwrap_or(NEVER);
            while self.begins < NEVER && self.touches <= next {
                if let Some(stay) = self.begin() {
                    next = next.min(stay.frame);
                    self.stays.push(stay);
                }
            }
            if next >= NEVER {
                return (NEVER, true);
            }
            let symbols = self.wrong_in(next);
            let before = self.mended;
            let lost = self.decide(symbols);
            self.recent.push((next, self.mended - before));
            if lost || self.recent.len() == JUDGED {
                return (next, lost);
            }
        }
    }

    /// The stay that begins at `begins`, if its lane is good there; and on to the next.
    fn begin(&mut self) -> Option<Stay> {
        let lanes = u64::from(self.shape.lanes);
        let lane = self.begins % lanes;
        let first = self.begins / lanes;
        let frame = self.frame_of(self.on_wire(lane, first));
        let good_from = &mut self.good_from[usize::try_from(lane).unwrap_or(0)];
        let stay = (first >= *good_from).then(|| {
            let shape = draw(self.seed, self.link, stream::SHAPES, self.count);
            let more = self.length.map_or(0, |gap| gap.before(shape)).min(NEVER / lanes);
            *good_from = first + 1 + more;
            // The bit that begins a bad stay is what makes it one: it is wrong.
            Stay { lane, wrong: first, frame, end: *good_from }
        });
        self.count += 1;
        let gap = self.gap.before(self.draw(stream::BURSTS, self.count));
        self.begins = self.begins.saturating_add(1).saturating_add(gap).min(NEVER);
        self.touches = self.frame_of(self.on_wire(0, self.begins / lanes));
        stay
    }

    /// The wrong symbols of a frame before which all is judged, by their places, in no order.
    fn wrong_in(&mut self, frame: u64) -> Vec<u32> {
        let frame_bits = u64::from(self.shape.bits);
        let bits = u64::from(self.shape.code.symbol_bits);
        let all = u64::from(self.shape.code.symbols) * u64::from(self.shape.code.codewords);
        let mut stays = core::mem::take(&mut self.stays);
        let mut symbols = Vec::new();
        for stay in &mut stays {
            while stay.frame == frame && stay.wrong < stay.end {
                let at = self.on_wire(stay.lane, stay.wrong);
                // Frames are of whole symbols but for sync bits and padding, which nothing hurts.
                let within = at % frame_bits / bits;
                if within < all {
                    symbols.push(u32::try_from(within).unwrap_or(u32::MAX));
                }
                // What follows in a symbol that is wrong changes nothing.
                let drawn = self.draw(stream::SYMBOLS, self.bits_drawn);
                self.bits_drawn += 1;
                let right = self.error.map_or(NEVER, |gap| gap.before(drawn));
                stay.wrong = (stay.wrong / bits + 1) * bits + right;
                // Beyond its end it is not asked for, and may be beyond all frames.
                if stay.wrong < stay.end {
                    stay.frame = self.frame_of(self.on_wire(stay.lane, stay.wrong));
                }
            }
        }
        stays.retain(|stay| stay.wrong < stay.end);
        self.stays = stays;
        // A symbol may have the end of one stay and the beginning of the next.
        symbols.sort_unstable();
        symbols.dedup();
        symbols
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
    /// Wrong bits a bit of the wire that bursts add, on average: a stay begins at a good bit only.
    pub fn mean_ber(&self) -> f64 {
        let later = (self.mean_bits - 1.0).max(0.0);
        self.rate * (1.0 + later * self.error) / (1.0 + self.rate * later)
    }

    /// Share of a lane's bits that lie in bad stays.
    pub(super) fn bad_share(&self) -> f64 {
        let mean = self.mean_bits.max(1.0);
        self.rate * mean / (1.0 + self.rate * (mean - 1.0))
    }
}
