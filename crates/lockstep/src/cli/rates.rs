//! Numbers of the `sweep` verb: offered loads, and the lengths of requests and replies.

/// Offered loads in flits per terminal and cycle, ascending, each once.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Rates(pub(crate) Vec<f64>);

/// A terminal with many links may send this many flits a cycle.
const RATE_MAX: f64 = 64.0;
/// Loads of a sweep at most.
const COUNT_MAX: usize = 10_000;
/// Flits of a packet at most.
const FLITS_MAX: u32 = 65_535;

/// Reads `0.1,0.2` or `0.1..0.4/0.1`, or a mix.
pub(crate) fn parse(text: &str) -> Result<Rates, String> {
    let mut rates = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            None => rates.push(rate(part)?),
            Some((from, rest)) => {
                let how = || format!("`{part}` is no range: write FROM..TO/STEP");
                let (to, step) = rest.split_once('/').ok_or_else(how)?;
                range(part, rate(from)?, rate(to)?, rate(step)?, &mut rates)?;
            }
        }
        if rates.len() > COUNT_MAX {
            return Err(format!("more than {COUNT_MAX} loads: give fewer"));
        }
    }
    rates.sort_by(f64::total_cmp);
    let same = |(a, b): &(&f64, &f64)| a.to_bits() == b.to_bits();
    if let Some((twice, _)) = rates.iter().zip(rates.iter().skip(1)).find(same) {
        return Err(format!("the load {twice} is given twice"));
    }
    Ok(Rates(rates))
}

/// Adds the loads from `from` on by `step` up to `to`, rounded to a millionth, so that a range gives
/// what a person would write.
fn range(part: &str, from: f64, to: f64, step: f64, rates: &mut Vec<f64>) -> Result<(), String> {
    if to < from {
        return Err(format!("the range `{part}` ends before it begins"));
    }
    for n in 0..=COUNT_MAX {
        let at = ((from + n as f64 * step) * 1e6).round() / 1e6;
        if at > to + 1e-9 {
            return Ok(());
        }
        rates.push(at);
    }
    Err(format!("the range `{part}` has more than {COUNT_MAX} loads: take longer steps"))
}

fn rate(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let rate: f64 = text.parse().map_err(|_| {
        format!("`{text}` is no load: write flits per terminal and cycle, such as 0.25")
    })?;
    if rate > 0.0 && rate <= RATE_MAX {
        Ok(rate)
    } else {
        Err(format!("the load {text} is none: use more than 0 and at most {RATE_MAX}"))
    }
}

/// Reads `REQUEST:REPLY`, in flits.
pub(crate) fn request_reply(text: &str) -> Result<(u32, u32), String> {
    let flits = |text: &str| {
        let flits: Option<u32> = text.trim().parse().ok();
        flits.filter(|n| (1..=FLITS_MAX).contains(n))
    };
    text.split_once(':')
        .and_then(|(request, reply)| Some((flits(request)?, flits(reply)?)))
        .ok_or_else(|| {
            format!("write flits of a request and of a reply, 1 to {FLITS_MAX} each, such as 1:5")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_mix_and_are_sorted() {
        for (text, rates) in [
            ("0.25", &[0.25][..]),
            ("0.3, 0.1,0.2", &[0.1, 0.2, 0.3]),
            ("0.1..0.3/0.1", &[0.1, 0.2, 0.3]),
            ("0.1..0.35/0.1,0.9", &[0.1, 0.2, 0.3, 0.9]),
            ("0.5..0.5/0.1", &[0.5]),
            ("1e-3", &[0.001]),
        ] {
            assert_eq!(parse(text).unwrap().0, rates, "{text}");
        }
        assert_eq!(parse("0.01..0.99/0.01").unwrap().0.len(), 99);
    }

    #[test]
    fn what_is_no_load_is_refused() {
        for (text, says) in [
            ("", "`` is no load"),
            ("0.1,", "`` is no load"),
            ("a", "`a` is no load"),
            ("0", "more than 0"),
            ("-0.1", "more than 0"),
            ("nan", "more than 0"),
            ("inf", "at most 64"),
            ("65", "at most 64"),
            ("0.1,0.1", "0.1 is given twice"),
            ("0.1..0.2", "FROM..TO/STEP"),
            ("0.2..0.1/0.1", "ends before it begins"),
            ("0.1..0.2/0", "more than 0"),
            ("0.1..60/0.000001", "longer steps"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn requests_and_replies_are_two_lengths() {
        assert_eq!(request_reply("1:5"), Ok((1, 5)));
        for text in ["", "1", "1:", "0:1", "1:0", "1:65536", "1:2:3", "a:b"] {
            assert!(request_reply(text).unwrap_err().contains("1:5"), "{text}");
        }
    }
}
