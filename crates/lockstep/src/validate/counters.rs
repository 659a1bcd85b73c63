//! Figures of aligned counters: published ones beside what comes of their mechanisms here, and what ways of
//! two lengths cost.
//!
//! Published machines are described by what is said of them; nothing is chosen so that a result is met. So these
//! rows are shown and not held, but for the closed form.

use base::Fs;
use machine::align::{Alignment, Load, Sample};
use topology::Description;
use topology::describe::{Channel, CountersForm, DriftForm, Timestamps};
use topology::units::{Frequency, Length, Span};

use super::{Quantity, Row, Verdict};

/// Every figure of counters, measured.
///
/// # Panics
/// If a shipped machine cannot be built, which tests exclude.
pub fn counters() -> Vec<Row> {
    let mut rows = hop();
    rows.extend(precision_time_protocol());
    rows.push(unequal_ways());
    rows
}

/// A machine under way, and what was seen of its counters from half the time on.
fn aligned(description: &Description, time: Fs) -> (Alignment, Vec<Sample>) {
    let spec = description.elaborate().expect("a shipped machine is sound");
    let alignment = Alignment::new(&spec, 1, Load::default()).expect("it keeps counters");
    let half = Fs(time.0 / 2);
    let mut alignment = alignment.measured_from(half);
    alignment.run(time);
    let settled = alignment.samples().iter().filter(|s| s.at >= half).copied().collect();
    (alignment, settled)
}

/// Root of the mean square of all offsets, in nanoseconds.
fn rms_ns(samples: &[Sample]) -> f64 {
    let squares: f64 = samples.iter().map(|s| s.offset_rms * s.offset_rms).sum();
    (squares / samples.len() as f64).sqrt() / 1e6
}

/// The hop of a machine whose counters are aligned in hardware.
fn hop() -> Vec<Row> {
    let description = Description::shipped("aligned8").expect("it ships");
    let (alignment, _) = aligned(&description, Fs::from_ns(10_000_000));
    let (told, tick_fs) = (alignment.exchanges(), 1e15 / 900e6);
    let latency = row(
        "latency of a hop by aligned counters, aligned8, cycles",
        (216.0, told.latency_fs / tick_fs),
        None,
        "Abts et al., ISCA 2022: about 216",
    );
    let sigma = row(
        "its standard deviation, aligned8, cycles",
        (2.75, told.latency_sigma_fs / tick_fs),
        None,
        "Abts et al., ISCA 2022: 2.6 to 2.9",
    );
    let beyond = "the link has the published latency; the rest are wires, routers and interfaces of both dies";
    let only =
        "clock crossings and stamps of whole ticks alone: the published spread has more causes";
    vec![Row { note: Some(beyond.into()), ..latency }, Row { note: Some(only.into()), ..sigma }]
}

/// IEEE 1588 as it is by default: an exchange a second. Stamps of a 125 MHz clock, as gigabit Ethernet has.
/// ASSUMED: crystals of 50 ppm that wander by 0.1 ppm, and software that reads its counter within 50 us.
fn precision_time_protocol() -> Vec<Row> {
    let offset = |timestamps| {
        let mut description = Description::nvl8();
        description.counters = Some(CountersForm {
            timestamps,
            every: Span(Fs(Fs::PER_SECOND)),
            ..form((125_000_000, 1))
        });
        rms_ns(&aligned(&description, Fs(100 * Fs::PER_SECOND)).1)
    };
    let source = "Linux, drivers/ptp/Kconfig";
    let hardware = row(
        "offset by IEEE 1588, stamps in hardware, ns rms",
        (300.0, offset(Timestamps::Hardware)),
        None,
        &format!("{source}: a few hundred"),
    );
    let software = row(
        "offset by IEEE 1588, stamps in software, ns rms",
        (30_000.0, offset(Timestamps::Software(Span(Fs::from_ns(50_000))))),
        None,
        &format!("{source}: tens of thousands"),
    );
    vec![hardware, software]
}

/// Links into nodes that are 40 m longer than those out of them: counters are off by half of what that
/// takes, give or take the stamps' ticks and the clock crossings.
fn unequal_ways() -> Row {
    let mut description = Description::nvl8();
    let asymmetry = Length(40_000_000);
    description.counters = Some(CountersForm { asymmetry, ..form((1_000_000_000, 1)) });
    let (_, samples) = aligned(&description, Fs::from_ns(1_000_000));
    // 4.6 ns a metre; the root is off by nothing.
    let half = 40.0 * 4.6 / 2.0;
    let all = half * (7.0_f64 / 8.0).sqrt();
    row(
        "offset by ways that differ by 40 m, nvl8, ns rms",
        (all, rms_ns(&samples)),
        Some(0.04),
        "half of 40 m x 4.6 ns/m, of 7 in 8 nodes",
    )
}

fn form(hertz: (u64, u64)) -> CountersForm {
    CountersForm {
        frequency: Frequency(hertz),
        ppm: 50,
        drift: Some(DriftForm { ppb: 100, every: Span(Fs::from_ns(10_000_000)) }),
        jitter: Span(Fs(2_000)),
        root: 0,
        fan_out: None,
        every: Span(Fs::from_ns(20_000)),
        timestamps: Timestamps::Hardware,
        channel: Channel::Own,
        servo: (700, 300),
        asymmetry: Length(0),
    }
}

fn row(what: &str, (reference, emulated): (f64, f64), tolerance: Option<f64>, source: &str) -> Row {
    let error = (emulated - reference) / reference;
    let verdict = match tolerance {
        None => Verdict::Shown,
        Some(tolerance) if error.abs() <= tolerance => Verdict::Meets,
        Some(_) => Verdict::Missed,
    };
    Row {
        what: what.to_owned(),
        reference,
        emulated,
        error,
        tolerance,
        source: source.to_owned(),
        verdict,
        configuration: "counters",
        quantity: Quantity::Counter,
        offered: None,
        spread: None,
        seeds: 1,
        note: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_counters_are_measured_and_the_closed_form_is_met() {
        let rows = counters();
        assert_eq!(rows.len(), 5);
        assert!(rows.iter().all(|r| r.emulated.is_finite() && r.emulated > 0.0), "{rows:?}");
        assert_eq!(rows[4].verdict, Verdict::Meets, "{:?}", rows[4]);
        // Hardware is better than software by orders of magnitude, as both are published to be.
        assert!(rows[2].emulated < 1_000.0 && rows[3].emulated > 5_000.0, "{rows:?}");
    }
}
