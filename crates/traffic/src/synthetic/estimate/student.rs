//! Quantiles of Student's t.

/// The 0.975 quantile for 1 to 30 degrees of freedom, to five digits (Abramowitz and Stegun, 1964,
/// table 26.10).
const TABLE: [f64; 30] = [
    12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.30600, 2.26216, 2.22814,
    2.20099, 2.17881, 2.16037, 2.14479, 2.13145, 2.11991, 2.10982, 2.10092, 2.09302, 2.08596,
    2.07961, 2.07387, 2.06866, 2.06390, 2.05954, 2.05553, 2.05183, 2.04841, 2.04523, 2.04227,
];

/// The 0.975 quantile of the normal distribution.
const NORMAL: f64 = 1.959_963_984_540_054;

/// The 0.975 quantile of Student's t: half of a 95 % confidence interval, in standard errors.
///
/// Infinite for no degrees of freedom. Beyond the table by the expansion in `1 / degrees`
/// (Abramowitz and Stegun, 26.7.5), good to 1e-6 there.
pub fn student_t_975(degrees: usize) -> f64 {
    let Some(before) = degrees.checked_sub(1) else { return f64::INFINITY };
    if let Some(quantile) = TABLE.get(before) {
        return *quantile;
    }
    let (x, n) = (NORMAL, degrees as f64);
    let (x3, x5, x7) = (x * x * x, x * x * x * x * x, x * x * x * x * x * x * x);
    let first = (x3 + x) / 4.0;
    let second = (5.0 * x5 + 16.0 * x3 + 3.0 * x) / 96.0;
    let third = (3.0 * x7 + 19.0 * x5 + 17.0 * x3 - 15.0 * x) / 384.0;
    x + (first + (second + third / n) / n) / n
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chance of |t| below `t`, in closed form (Abramowitz and Stegun, 26.7.3 and 26.7.4).
    fn within(t: f64, degrees: usize) -> f64 {
        let angle = (t / (degrees as f64).sqrt()).atan();
        let (sin, cos) = angle.sin_cos();
        let odd = degrees % 2 == 1;
        let (mut term, mut sum) = if odd { (cos, 0.0) } else { (1.0, 0.0) };
        let mut k = usize::from(odd);
        while k + 2 <= degrees {
            sum += term;
            k += 2;
            term *= cos * cos * (k as f64 - 1.0) / k as f64;
        }
        if odd { 2.0 / core::f64::consts::PI * (angle + sin * sum) } else { sin * sum }
    }

    #[test]
    fn quantiles_leave_one_in_twenty_outside() {
        for degrees in (1..=200).chain([500, 1000, 9999]) {
            let inside = within(student_t_975(degrees), degrees);
            assert!((inside - 0.95).abs() < 1e-6, "{degrees}: {inside}");
        }
        assert!(student_t_975(0).is_infinite());
    }
}
