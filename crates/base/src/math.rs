//! Logarithms and powers that are the same on every machine, and the greatest common divisor.
//!
//! The logarithm of the standard library is whatever the platform's is, and a last bit that differs
//! would move an arrival by a cycle. Here is only addition, multiplication and division of `f64`,
//! which IEEE 754 rounds in one way, and which the compiler never fuses.

/// The greatest common divisor; of 0 and 0, that is 0.
pub const fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Base-2 logarithm of a positive normal number, to about 2^-52 of the larger of 1 and the result.
///
/// ln m = 2 artanh((m - 1) / (m + 1)), with m between the roots of 1/2 and 2.
pub const fn log2(x: f64) -> f64 {
    const ROOT_2: f64 = core::f64::consts::SQRT_2;
    let (mut exponent, mut m) = parts(x);
    if m > ROOT_2 {
        m /= 2.0;
        exponent += 1.0;
    }
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    // s^21 / 21 is the last term: |s| < 0.172, so what follows is below 2^-60.
    let mut sum = 0.0;
    let mut odd = 21.0;
    while odd > 0.5 {
        sum = sum * square + 1.0 / odd;
        odd -= 2.0;
    }
    exponent + 2.0 * s * sum * core::f64::consts::LOG2_E
}

/// 2 to the power of `y`; 0 below the normal range and infinity beyond it.
pub fn exp2(y: f64) -> f64 {
    if y < -1022.0 {
        return 0.0;
    }
    if y >= 1024.0 {
        return f64::INFINITY;
    }
    let whole = y.floor();
    let part = (y - whole) * core::f64::consts::LN_2;
    // The series of e^part, part < 0.7: 0.7^20 / 20! is below 2^-70.
    let sum = (1..20).rev().fold(1.0, |sum, n| 1.0 + sum * part / f64::from(n));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number between 1 and 2046"
    )]
    let biased = (whole + 1023.0) as u64;
    sum * f64::from_bits(biased << 52)
}

/// Steps of the table of [`log2_unit`].
const STEPS: usize = 64;

/// For each step of the mantissa: one over its middle, and the logarithm of that, negated.
static TABLE: [(f64, f64); STEPS] = table();

/// A draw taken as a number above 0 and at most 1: its upper 53 bits plus one, over 2^53.
#[inline]
pub fn unit(draw: u64) -> f64 {
    scaled(draw) / 9_007_199_254_740_992.0
}

/// 2^53 times [`unit`].
#[inline]
fn scaled(draw: u64) -> f64 {
    #[expect(clippy::cast_possible_wrap, reason = "53 bits; signed converts in one instruction")]
    let scaled = ((draw >> 11) + 1) as i64 as f64;
    scaled
}

/// Base-2 logarithm of [`unit`](fn@unit), to about 2^-44: a step of the table and five terms of the series.
#[inline]
pub fn log2_unit(draw: u64) -> f64 {
    const LOG2_E: f64 = core::f64::consts::LOG2_E;
    const TERMS: [f64; 4] = [LOG2_E / 5.0, -LOG2_E / 4.0, LOG2_E / 3.0, -LOG2_E / 2.0];
    let bits = scaled(draw).to_bits();
    let (inverse, log) = TABLE[(bits >> 46) as usize % STEPS];
    let r = f64::from_bits(bits & MANTISSA | ONE) * inverse - 1.0;
    let series = (((TERMS[0] * r + TERMS[1]) * r + TERMS[2]) * r + TERMS[3]) * r + LOG2_E;
    #[expect(clippy::cast_possible_wrap, reason = "the exponent is 11 bits")]
    let exponent = ((bits >> 52) as i64 - (1023 + 53)) as f64;
    exponent + (log + series * r)
}

/// The largest whole number that is not above `x`, for `x` from 0 to 2^50. It may be one less where
/// `x` is a whole number, or above one by less than its own last bit.
///
/// Adding 2^52 and a half of that leaves no bits for a fraction, so the sum is rounded to the nearest
/// whole number, whose bits are the last ones of the sum: a conversion that need not look for NaN
/// and numbers out of range.
#[inline]
pub fn whole(x: f64) -> u64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    let bits = (x - 0.5 + SHIFT).to_bits();
    bits.wrapping_sub(SHIFT.to_bits())
}

/// The bits of a float's mantissa, and those of 1.0.
const MANTISSA: u64 = (1 << 52) - 1;
const ONE: u64 = 1023 << 52;

/// Exponent and mantissa of a positive normal number, the mantissa from 1 to below 2.
const fn parts(x: f64) -> (f64, f64) {
    let bits = x.to_bits();
    #[expect(clippy::cast_possible_wrap, reason = "the exponent is 11 bits")]
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    (exponent as f64, f64::from_bits(bits & MANTISSA | ONE))
}

const fn table() -> [(f64, f64); STEPS] {
    let mut table = [(0.0, 0.0); STEPS];
    let mut at = 0;
    while at < STEPS {
        let middle = 1.0 + (at as f64 + 0.5) / STEPS as f64;
        let inverse = 1.0 / middle;
        table[at] = (inverse, -log2(inverse));
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: f64, theirs: f64, within: f64) {
        assert!((ours - theirs).abs() <= within * theirs.abs().max(1.0), "{ours} {theirs}");
    }

    #[test]
    fn common_divisors_are_the_greatest() {
        assert_eq!([gcd(12, 18), gcd(18, 12), gcd(7, 0), gcd(0, 7), gcd(0, 0)], [6, 6, 7, 7, 0]);
        assert_eq!(gcd(u128::MAX, 3 << 126), 3);
    }

    #[test]
    fn logarithms_and_powers_agree_with_the_platform() {
        for step in 0..20_000_u32 {
            let x = f64::from(step) * 0.013 + 1e-7;
            close(log2(x), x.log2(), 1e-15);
            let y = f64::from(step) * 0.1 - 1000.0;
            assert!((exp2(y) / y.exp2() - 1.0).abs() < 1e-14, "{y}");
        }
        assert!(log2(1.0).abs() < f64::EPSILON && exp2(-2000.0).abs() < f64::EPSILON);
        assert!(exp2(2000.0).is_infinite());
    }

    #[test]
    fn logarithms_of_draws_agree_with_the_platform() {
        let edges = [0, 1, u64::MAX, u64::MAX - 2048, 1 << 63, (1 << 63) - 1];
        for draw in (0..20_000_u64).map(|n| crate::rng::draw(1, 2, 3, n) >> (n % 60)).chain(edges) {
            close(log2_unit(draw), unit(draw).log2(), 1e-13);
        }
    }

    #[test]
    fn whole_parts_are_those_of_the_platform() {
        for n in [0_u32, 1, 2, 3, 100, 1_000_000, u32::MAX] {
            for part in [0.001, 0.25, 0.5, 0.75, 0.999] {
                assert_eq!(whole(f64::from(n) + part), u64::from(n), "{n} {part}");
            }
        }
        assert_eq!(whole(0.0), 0);
    }

    #[test]
    fn the_bits_are_fixed() {
        // On any machine: if these change, so do the arrivals of every seed.
        let bits = [log2(0.1), exp2(0.1), log2_unit(0x0123_4567_89ab_cdef)].map(f64::to_bits);
        assert_eq!(bits, [0xc00a_934f_0979_a371, 0x3ff1_25fb_ee25_0664, 0xc01f_414f_db49_8219]);
    }
}
