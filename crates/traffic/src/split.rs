//! Wide accesses as operations of at most a line.

use base::{Addr, LINE_BYTES};

use crate::error::TraceError;

/// Gives the parts of `size` bytes at `addr` to `put`: all at once if they are at most 64, else
/// cut at the ends of lines. `addr + size` must not overflow.
pub(crate) fn split(
    addr: Addr,
    size: u64,
    mut put: impl FnMut(Addr, u8) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    let (mut at, end) = (addr.0, addr.0 + size);
    while at < end {
        let part =
            if size <= LINE_BYTES { size } else { (end - at).min(LINE_BYTES - at % LINE_BYTES) };
        put(Addr(at), u8::try_from(part).expect("a part is at most a line"))?;
        at += part;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(addr: u64, size: u64) -> Vec<(u64, u8)> {
        let mut out = Vec::new();
        let put = |a: Addr, s| {
            out.push((a.0, s));
            Ok(())
        };
        split(Addr(addr), size, put).expect("no error in put");
        out
    }

    #[test]
    fn accesses_up_to_a_line_stay_whole_and_wider_ones_are_cut_at_lines() {
        assert_eq!(parts(60, 8), [(60, 8)]);
        assert_eq!(parts(32, 64), [(32, 64)]);
        assert_eq!(parts(32, 65), [(32, 32), (64, 33)]);
        assert_eq!(parts(0, 128), [(0, 64), (64, 64)]);
        assert_eq!(parts(5, 0), []);
    }
}
