//! Figures of aligned counters: published ones beside what comes of their mechanisms here, and what ways of
//! two lengths cost.
//!
//! Published machines are described by what is said of them; nothing is chosen so that a result is met. So rows of
//! them are shown and not held, but for closed forms.

use std::sync::Arc;

use base::Fs;
use machine::align::{Alignment, Load, Sample};
use topology::Description;
use topology::describe::{Channel, CountersForm, DriftForm, Timestamps};
use topology::units::{Frequency, Length, Span};

use super::Quantity;
use super::pending::{Pending, Section, shared};

const SECTION: Section =
    Section { configuration: "counters", quantity: Quantity::Counter, seeds: 1 };

/// Every figure of counters, to be measured.
///
/// # Panics
/// If a row is measured and a shipped machine cannot be built, which tests exclude.
pub fn counters() -> Vec<Pending> {
    let mut rows = hop();
    rows.extend(precision_time_protocol());
    rows.push(unequal_ways());
    rows
}

/// A machine under way, and what was seen of its counters from half the time on.
fn aligned(description: &Description, load: Load, time: Fs) -> (Alignment, Vec<Sample>) {
    let spec = description.elaborate().expect("a shipped machine is sound");
    let alignment = Alignment::new(&spec, 1, load).expect("it keeps counters");
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
///
/// Its links send in frames (ASSUMED, one vector each), and a stamp waits for one. Half a round trip is told. Frames of
/// both directions begin together here, so what comes back waits as long each time, and a wait that is even over a
/// frame of `w` cycles spreads the hop by `w / sqrt(12) / 2`.
fn hop() -> Vec<Pending> {
    let told = shared(|| {
        let description = Description::shipped("aligned8").expect("it ships");
        let (alignment, _) = aligned(&description, Load::default(), Fs::from_ns(10_000_000));
        let (told, tick_fs) = (alignment.exchanges(), 1e15 / 900e6);
        (told.latency_fs / tick_fs, told.latency_sigma_fs / tick_fs)
    });
    let (hop, spread) = (Arc::clone(&told), Arc::clone(&told));
    let latency = Pending::new(
        &SECTION,
        "latency of a hop by aligned counters, aligned8, cycles",
        None,
        "Abts et al., ISCA 2022: about 216",
        move || (216.0, hop.0),
    );
    let sigma = Pending::new(
        &SECTION,
        "its standard deviation, aligned8, cycles",
        None,
        "Abts et al., ISCA 2022: 2.6 to 2.9",
        move || (2.75, spread.1),
    );
    // 2560 bits at 4 x 25 Gb/s and 900 MHz.
    let frame = 2560.0 / 100.0 * 0.9;
    let waits = Pending::new(
        &SECTION,
        "the same by the wait for a frame of 23 cycles",
        Some(0.03),
        "closed form",
        move || (frame / 12.0_f64.sqrt() / 2.0, told.1),
    );
    let beyond = "the link has the published latency; the rest are wires, routers and interfaces of both dies";
    let why = "what makes it is not published: taken are frames of a vector of 320 bytes at 4 x 25 Gb/s; \
               at 28 Gb/s 3.06, at 30 Gb/s 2.74";
    let ticks = "stamps are of whole ticks";
    vec![latency.noted(beyond), sigma.noted(why), waits.noted(ticks)]
}

/// IEEE 1588 over a switch of 10 gigabit Ethernet that does not correct for the time that packets wait in it,
/// beside a load of full frames.
fn precision_time_protocol() -> Vec<Pending> {
    let offset = |timestamps| {
        let mut description = Description::from_ron("ethernet8", ETHERNET).expect("it is sound");
        let drift = Some(DriftForm { ppb: 100, every: Span(Fs::from_ns(10_000_000)) });
        let (every, channel) = (Span(Fs::from_ns(1_000_000)), Channel::Shared);
        let form = form((125_000_000, 1));
        description.counters = Some(CountersForm { timestamps, every, channel, drift, ..form });
        // Frames of 1536 bytes; a link takes 18.9 flits in 1000 edges.
        let load = Load { flits_per_1000_edges: 6, packet_flits: 24 };
        rms_ns(&aligned(&description, load, Fs::from_ns(40_000_000)).1)
    };
    let source = "Linux, drivers/ptp/Kconfig";
    let hardware = Pending::new(
        &SECTION,
        "offset by IEEE 1588, stamps in hardware, ns rms",
        None,
        format!("{source}: a few hundred"),
        move || (300.0, offset(Timestamps::Hardware)),
    );
    let software = Pending::new(
        &SECTION,
        "offset by IEEE 1588, stamps in software, ns rms",
        None,
        format!("{source}: tens of thousands"),
        move || (30_000.0, offset(Timestamps::Software(Span(Fs::from_ns(50_000))))),
    );
    let frames =
        "8 nodes on one switch, 10 Gb/s, 32 % of it frames of 1536 bytes in the same queues";
    let reads = "the same, and software reads its counter up to 50 us away from the packet";
    vec![hardware.noted(frames), software.noted(reads)]
}

/// Eight nodes on a switch. ASSUMED, but for the rate and its coding: half a microsecond for a port's and a
/// cable's delay, and stamps of a clock of 125 MHz, crystals of 50 ppm and an exchange a millisecond above.
const ETHERNET: &str = r#"Machine(
    name: "ethernet8",
    clocks: {"core": "1 GHz"},
    flit: "64 B",
    header: "16 B",
    links: {
        "ethernet": Serial(
            lanes: 1, lane_rate: "10.3125 Gb/s", efficiency: (64, 66),
            serdes: "500 ns", flight: "4.6 ns/m", buffer_flits: 96,
        ),
    },
    accelerator: (
        clock: "core", window: 8, consistency: Relaxed, atomics: Far,
        cache: (size: "64 KiB", ways: 4, replacement: Lru, latency_cycles: 4, mshrs: 8),
        home: (latency_cycles: 4, interleave: "4 KiB"),
    ),
    router: (vcs_per_class: 1, rc_cycles: 1, va_cycles: 1, sa_cycles: 1, st_cycles: 1, credit_cycles: 1),
    memory: (clock: "core", channels: 1, channel_rate: "20 GB/s", interleave: "256 B", latency: "60 ns"),
    fabric: SwitchPlanes(
        accelerators: 8, switches: 1, links_per_pair: 1, link: "ethernet", length: "10 m", clock: "core",
    ),
)"#;

/// Links into nodes that are 40 m longer than those out of them: counters are off by half of what that
/// takes, give or take the stamps' ticks and the clock crossings.
fn unequal_ways() -> Pending {
    let offset = || {
        let mut description = Description::nvl8();
        let asymmetry = Length(40_000_000);
        description.counters = Some(CountersForm { asymmetry, ..form((1_000_000_000, 1)) });
        let (_, samples) = aligned(&description, Load::default(), Fs::from_ns(1_000_000));
        rms_ns(&samples)
    };
    // 4.6 ns a metre; the root is off by nothing.
    let half = 40.0 * 4.6 / 2.0;
    let all = half * (7.0_f64 / 8.0).sqrt();
    Pending::new(
        &SECTION,
        "offset by ways that differ by 40 m, nvl8, ns rms",
        Some(0.04),
        "half of 40 m x 4.6 ns/m, of 7 in 8 nodes",
        move || (all, offset()),
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

#[cfg(test)]
mod tests {
    use super::super::{Row, Verdict};
    use super::*;

    #[test]
    fn figures_of_counters_are_measured_and_closed_forms_are_met() {
        let rows: Vec<Row> = counters().into_iter().map(Pending::measure).collect();
        assert_eq!(rows.len(), 6);
        assert!(rows.iter().all(|r| r.emulated.is_finite() && r.emulated > 0.0), "{rows:?}");
        for held in [&rows[2], &rows[5]] {
            assert_eq!(held.verdict, Verdict::Meets, "{held:?}");
        }
        // A few hundred, and software is worse by orders of magnitude, as both are published to be.
        assert!((100.0..1_000.0).contains(&rows[3].emulated), "{:?}", rows[3]);
        assert!(rows[4].emulated > 10.0 * rows[3].emulated, "{:?}", rows[4]);
    }
}
