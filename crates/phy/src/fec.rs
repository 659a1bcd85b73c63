//! Forward error correction: what a block code can mend, and how often it cannot.
//!
//! A frame is carried by codewords of `n` symbols of `m` bits; a code of strength `t` mends up to `t`
//! wrong symbols of each. With independent bit errors a symbol is wrong with chance
//! `s = 1 - (1 - BER)^m`, and a codeword is lost with the upper tail of a binomial,
//! `P[Bin(n, s) > t]`. No code at all is `t = 0` over one codeword of the whole frame:
//! `1 - (1 - BER)^bits`.
//!
//! ```
//! use phy::Code;
//!
//! // RS(544,514) over GF(2^10): 15 symbols. 2.8e-8 at a bit error rate of 5e-4.
//! let kp4 = Code { symbols: 544, symbol_bits: 10, strength: 15, codewords: 1, interleave: 1 };
//! assert!((kp4.codeword_loss(5e-4) / 2.8e-8 - 1.0).abs() < 0.02);
//! ```
//!
//! Only the basic operations of `f64` are used, which are the same on every machine.

/// A block code over a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code {
    /// Symbols of a codeword, parity among them.
    pub symbols: u32,
    /// Bits of a symbol.
    pub symbol_bits: u32,
    /// Wrong symbols of a codeword that are mended.
    pub strength: u32,
    /// Codewords of a frame.
    pub codewords: u32,
    /// Codewords among which successive symbols on the wire are dealt out in turn, so that a burst
    /// is shared by them; divides `codewords`.
    pub interleave: u32,
}

impl Code {
    /// Nothing is mended: one codeword of `bits` bits.
    pub const fn none(bits: u32) -> Self {
        Self { symbols: bits, symbol_bits: 1, strength: 0, codewords: 1, interleave: 1 }
    }

    /// Whether it mends anything.
    pub const fn corrects(&self) -> bool {
        self.strength > 0
    }

    /// Chance that a symbol is wrong.
    pub fn symbol_error(&self, ber: f64) -> f64 {
        upper_tail(self.symbol_bits, ber, 0)
    }

    /// Chance that a codeword has more wrong symbols than are mended.
    pub fn codeword_loss(&self, ber: f64) -> f64 {
        upper_tail(self.symbols, self.symbol_error(ber), self.strength)
    }

    /// Chance that any codeword of a frame is lost.
    pub fn frame_loss(&self, ber: f64) -> f64 {
        upper_tail(self.codewords, self.codeword_loss(ber), 0)
    }

    /// Wrong symbols that are mended, mean a frame: those of codewords that are not lost.
    pub fn corrected_a_frame(&self, ber: f64) -> f64 {
        let s = self.symbol_error(ber);
        let mut mean = 0.0;
        each_term(self.symbols, s, self.strength, |k, term| mean += f64::from(k) * term);
        mean * f64::from(self.codewords)
    }
}

/// `P[Bin(n, p) > t]`, summed term by term from `t + 1` on, so small values lose nothing to
/// cancellation.
pub fn upper_tail(n: u32, p: f64, t: u32) -> f64 {
    if t >= n || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    let mean = f64::from(n) * p;
    if f64::from(t) < mean {
        // Most of it lies above: one minus the lower part.
        let mut below = 0.0;
        each_term(n, p, t, |_, term| below += term);
        return (1.0 - below).clamp(0.0, 1.0).max(if t == 0 { first(n, p) } else { 0.0 });
    }
    let odds = p / (1.0 - p);
    let mut term = term_at(n, p, t + 1);
    let mut sum = 0.0;
    for k in t + 1..=n {
        sum += term;
        term *= f64::from(n - k) / f64::from(k + 1) * odds;
        if term < sum * 1e-18 {
            break;
        }
    }
    sum.min(1.0)
}

/// The chance of exactly one, a lower bound of that of any.
fn first(n: u32, p: f64) -> f64 {
    f64::from(n) * p * power(1.0 - p, n - 1)
}

/// The terms of a binomial from 0 to `most`.
fn each_term(n: u32, p: f64, most: u32, mut visit: impl FnMut(u32, f64)) {
    if p >= 1.0 {
        if most >= n {
            visit(n, 1.0);
        }
        return;
    }
    let odds = p / (1.0 - p);
    let mut term = power(1.0 - p, n);
    for k in 0..=most.min(n) {
        visit(k, term);
        term *= f64::from(n - k) / f64::from(k + 1) * odds;
    }
}

/// `C(n, k) p^k (1 - p)^(n - k)`.
fn term_at(n: u32, p: f64, k: u32) -> f64 {
    let chosen = (0..k).fold(1.0, |all, i| all * p * f64::from(n - i) / f64::from(k - i));
    chosen * power(1.0 - p, n - k)
}

/// `x^n` by squaring.
pub(crate) fn power(mut x: f64, mut n: u32) -> f64 {
    let mut all = 1.0;
    while n > 0 {
        if n & 1 == 1 {
            all *= x;
        }
        x *= x;
        n >>= 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(symbols: u32, symbol_bits: u32, strength: u32) -> Code {
        Code { symbols, symbol_bits, strength, codewords: 1, interleave: 1 }
    }

    fn near(got: f64, told: f64, within: f64) {
        assert!((got / told - 1.0).abs() < within, "{got:e} against {told:e}");
    }

    #[test]
    fn codeword_losses_are_the_published_ones() {
        // Derived independently and confirmed by the low-latency FEC specification's 6.2e-10.
        let kp4 = code(544, 10, 15);
        for (ber, loss) in [(1e-3, 1.5e-4), (5e-4, 2.8e-8), (3.77e-4, 5.6e-10)] {
            near(kp4.codeword_loss(ber), loss, 0.04);
        }
        near(kp4.codeword_loss(1e-4), 1.4e-18, 0.04);
        // The figure, of two digits, is 5.0e-10; the exact sum over 272 symbols is 5.279e-10.
        near(code(272, 10, 7).codeword_loss(1e-4), 5.279_355_6e-10, 1e-6);
        near(code(272, 10, 7).codeword_loss(5e-5), 2.3e-12, 0.03);
        for (t, ber, loss) in
            [(4, 1e-5, 8.6e-13), (2, 1e-5, 1.7e-7), (4, 1e-6, 8.7e-18), (2, 1e-6, 1.7e-10)]
        {
            near(code(128, 8, t).codeword_loss(ber), loss, 0.03);
        }
    }

    #[test]
    fn without_a_code_any_wrong_bit_loses_the_frame() {
        near(Code::none(2048).frame_loss(1e-15), 2.05e-12, 0.002);
        near(Code::none(5120).frame_loss(1e-12), 5.1e-9, 0.005);
        near(Code::none(544).frame_loss(1e-8), 5.4e-6, 0.01);
        near(Code::none(5440).frame_loss(1e-2), 1.0, 1e-12);
        assert!(Code::none(8).frame_loss(0.0).abs() < f64::MIN_POSITIVE);
    }

    #[test]
    fn what_is_mended_is_nearly_all_that_is_wrong_while_losses_are_rare() {
        let kp4 = code(544, 10, 15);
        near(kp4.corrected_a_frame(1e-4), 544.0 * kp4.symbol_error(1e-4), 1e-6);
        assert!(kp4.corrected_a_frame(1e-2) < 1e-3 * 544.0 * kp4.symbol_error(1e-2));
    }

    proptest! {
        #[test]
        fn tails_are_the_sums_of_their_terms(n in 1_u32..300, p in 1e-9_f64..0.9, t in 0_u32..300) {
            let mut below = 0.0;
            each_term(n, p, t, |_, term| below += term);
            let tail = upper_tail(n, p, t);
            prop_assert!((below + tail - 1.0).abs() < 1e-9, "{} + {}", below, tail);
            prop_assert!(tail <= upper_tail(n, p, t.saturating_sub(1)) + 1e-15);
        }
    }
}
