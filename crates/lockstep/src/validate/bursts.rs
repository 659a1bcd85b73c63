//! What PCIe 6's three interleaved codes lose to first errors that go on: added up without drawing anything.
//!
//! A first error lies at a bit of a lane with chance `rate`, and the next bit of the lane is wrong, too, with
//! chance `again`, and so on. Byte `j` of lane `l` in a frame is byte `16 j + l` of the wire, so of codeword `(j + l)
//! mod 3`. A frame is lost if a codeword has two wrong bytes: where a burst reaches over four bytes of its lane, or
//! two bursts meet in a codeword. Three bursts in a frame, a thousandth of that, are left out.

/// Lanes, and bytes of a lane in a frame.
const LANES: usize = 16;
const BYTES: usize = 16;
/// Codewords that bytes are dealt to in turn.
const CODEWORDS: usize = 3;
/// Bits before a frame at which what reaches into it may begin.
const BEFORE: i32 = 512;

/// Frames lost to single bursts, and to two that meet.
pub(super) fn lost(rate: f64, again: f64) -> (f64, f64) {
    // [first byte][last byte]: bursts of a lane and frame that touch just these.
    let mut spans = [[0.0; BYTES]; BYTES];
    for start in -BEFORE..8 * 16 {
        let first = start.max(0) / 8;
        // Of bursts from here, those that reach a byte, and go no further than that.
        let reaches = |byte: i32| again.powi((8 * byte - start).max(0));
        for last in first..16 {
            let beyond = if last == 15 { 0.0 } else { reaches(last + 1) };
            let [first, last] = [first, last].map(|b| usize::try_from(b).unwrap_or(0));
            spans[first][last] += rate * (reaches(i32::try_from(last).unwrap_or(0)) - beyond);
        }
    }
    let all = || (0..BYTES).flat_map(|first| (first..BYTES).map(move |last| (first, last)));
    let long = |(first, last): &(usize, usize)| last - first >= CODEWORDS;
    let single: f64 = all().filter(long).map(|(f, l)| spans[f][l]).sum::<f64>() * LANES as f64;
    let short: Vec<(usize, usize)> = all().filter(|s| !long(s)).collect();
    let mut two = 0.0;
    for a in 0..LANES {
        for b in 0..LANES {
            for one in &short {
                for other in &short {
                    if meet((a, *one), (b, *other)) {
                        two += spans[one.0][one.1] * spans[other.0][other.1] / 2.0;
                    }
                }
            }
        }
    }
    (single, two)
}

/// Whether two bursts, each a lane and its bytes, hurt a codeword twice.
fn meet(one: (usize, (usize, usize)), other: (usize, (usize, usize))) -> bool {
    let bytes = |(lane, (first, last)): (usize, (usize, usize))| {
        (first..=last).map(move |byte| byte * LANES + lane)
    };
    let twice = |byte: usize| bytes(other).any(|b| b != byte && b % CODEWORDS == byte % CODEWORDS);
    bytes(one).any(twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_of_a_bit_only_meet() {
        let (single, two) = lost(1e-6, 0.0);
        assert!(single.abs() < 1e-18, "{single}");
        // 2,048 places, of which as many pairs share a codeword and no byte: about a third.
        let pairs = 2048.0 * 2048.0 / 2.0 * 1e-12;
        assert!((two / pairs - (1.0 / 3.0 - 1.0 / 256.0)).abs() < 2e-4, "{two} {pairs}");
    }

    #[test]
    fn a_burst_must_reach_over_four_bytes_of_its_lane() {
        // From the first bit of a byte 24 bits on, from the last 17; bursts that begin before the last three bytes
        // of a lane, or before the frame.
        let again = 0.75_f64;
        let within: f64 = (0..13 * 8).map(|s| again.powi(24 - s % 8)).sum();
        let before: f64 = (1..=512).map(|s| again.powi(s + 24)).sum();
        let (single, _) = lost(1e-6, again);
        assert!((single / (16e-6 * (within + before)) - 1.0).abs() < 1e-9, "{single}");
    }
}
