//! Counters aligned over fabrics: what they are off by is what the fabric does to the packets that measure
//! it, and no more than nodes say themselves.

use lockstep::base::{Fs, Op, Record, ThreadIdx};
use lockstep::machine::align::{Alignment, Load, Sample};
use lockstep::machine::{Machine, Options, Summary};
use lockstep::topology::Description;
use lockstep::topology::describe::{
    Channel, CountersForm, DriftForm, EventForm, Happening, Timestamps,
};
use lockstep::topology::spec::MachineSpec;
use lockstep::topology::units::{Frequency, Length, Span};
use lockstep::traffic::Trace;
use proptest::prelude::*;

fn form() -> CountersForm {
    CountersForm {
        frequency: Frequency((1_000_000_000, 1)),
        ppm: 50,
        drift: Some(DriftForm { ppb: 100, every: Span(Fs::from_ns(1_000_000)) }),
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

fn spec(name: &str, form: CountersForm) -> MachineSpec {
    let mut d = Description::shipped(name).expect("it is shipped");
    d.counters = Some(form);
    d.elaborate().expect("a sound machine")
}

/// Runs for 50 intervals; gives the samples of the second half.
fn settled(spec: &MachineSpec, load: u32, seed: u64) -> Vec<Sample> {
    let load = Load { flits_per_1000_edges: load, packet_flits: 8 };
    let mut alignment = Alignment::new(spec, seed, load).expect("a sound machine");
    alignment.run(Fs::from_ns(1_000_000));
    let samples = alignment.samples();
    assert!(samples.iter().all(|s| s.broken == 0), "a counter is beyond its bound");
    samples[samples.len() / 2..].to_vec()
}

fn worst_ns(samples: &[Sample]) -> f64 {
    samples.iter().map(|s| s.offset_max).fold(0.0, f64::max) / 1e6
}

#[test]
fn on_an_idle_fabric_counters_agree_to_some_ticks() {
    let before = Alignment::new(&spec("nvl8", form()), 1, Load::default()).expect("sound");
    let values = before.values();
    let apart = values.iter().max().unwrap() - values.iter().min().unwrap();
    // They were switched on at any time within 2^24 ticks.
    assert!(apart >> 16 > 1 << 20, "{values:?}");
    let samples = settled(&spec("nvl8", form()), 0, 1);
    // Two ticks of stamps, two periods of clock crossings on each way.
    let worst = worst_ns(&samples);
    assert!(worst < 4.0, "{worst} ns");
}

#[test]
fn what_is_run_in_pieces_is_what_is_run_at_once_and_nothing_is_seen_beyond_the_end() {
    let spec = spec("nvl8", form());
    let load = Load { flits_per_1000_edges: 50, packet_flits: 2 };
    let told = |pieces: &[u64]| {
        let mut alignment = Alignment::new(&spec, 3, load).expect("a sound machine");
        for piece in pieces {
            alignment.run(Fs(*piece));
            let last = alignment.samples().last().map_or(Fs::ZERO, |s| s.at);
            assert!(
                last <= Fs(*piece) && last + Fs::from_ns(20_000) > Fs(*piece),
                "{last} {piece}"
            );
        }
        (alignment.samples().to_vec(), alignment.exchanges(), alignment.carried())
    };
    let end = 130_000_000_000;
    assert_eq!(told(&[7, 20_000_000_000, 20_000_000_001, 77_777_777_777, end]), told(&[end]));
}

/// A link goes down for good, another for a while: exchanges go around, and none is waited for in vain.
#[test]
fn links_that_go_down_do_not_end_an_alignment() {
    let mut d = Description::shipped("nvl8-framed").expect("it is shipped");
    d.counters = Some(form());
    let event = |switch: &str, us: u64, what| EventForm {
        link: ("node0".into(), switch.into()),
        nth: 0,
        at: Span(Fs::from_ns(us * 1_000)),
        what,
    };
    d.events = vec![
        event("switch1", 100, Happening::Down),
        event("switch2", 110, Happening::Down),
        event("switch2", 300, Happening::Up),
    ];
    let load = Load { flits_per_1000_edges: 20, packet_flits: 4 };
    let alignment = Alignment::new(&d.elaborate().expect("sound"), 1, load).expect("it is built");
    let mut alignment = alignment.measured_from(Fs::from_ns(400_000));
    alignment.run(Fs::from_ns(800_000));
    // Seven nodes ask every 20 us.
    assert!(alignment.exchanges().count >= 7 * 19, "{:?}", alignment.exchanges());
    assert!(alignment.samples().iter().all(|s| s.broken == 0));
    assert!(worst_ns(&alignment.samples()[25..]) < 50.0, "{:?}", alignment.samples().last());
}

#[test]
fn ways_that_differ_by_d_leave_an_error_of_half_of_it() {
    // 40 m at 4.6 ns a metre.
    for (metres, root) in [(20, 0), (40, 0), (40, 5)] {
        let form = CountersForm { asymmetry: Length(metres * 1_000_000), root, ..form() };
        let samples = settled(&spec("nvl8", form), 0, 3);
        let half = metres as f64 * 4.6 / 2.0;
        for s in &samples {
            assert!(
                (s.offset_max / 1e6 - half).abs() < 4.0,
                "{} ns, not {half}",
                s.offset_max / 1e6
            );
        }
    }
}

/// Packets of the load hold links for as long as they are: channels of their own do not spare exchanges that.
#[test]
fn load_shows_as_noise_and_channels_of_their_own_take_a_third_of_it_out() {
    let with = |channel, load| {
        let spec = spec("mesh8x8", CountersForm { channel, ..form() });
        let load = Load { flits_per_1000_edges: load, packet_flits: 8 };
        let alignment = Alignment::new(&spec, 1, load).expect("a sound machine");
        let mut alignment = alignment.measured_from(Fs::from_ns(60_000));
        alignment.run(Fs::from_ns(180_000));
        alignment.exchanges().behind_rms_fs / 1e6
    };
    let idle = with(Channel::Shared, 0);
    let (shared, own) = (with(Channel::Shared, 250), with(Channel::Own, 250));
    assert!(shared > 4.0 * idle, "{shared} ns under load, {idle} ns without");
    assert!(
        own < 0.67 * shared,
        "{own} ns in channels of their own, {shared} ns in those of the load"
    );
}

/// Gaps are even draws, so a mean of `n` of them is off by `1 / sqrt(3 n)` of itself.
#[test]
fn the_load_is_the_one_that_is_asked_for() {
    let spec = spec("nvl8", form());
    for (flits_per_1000_edges, packet_flits) in
        [(1, 1), (3, 7), (333, 4), (700, 1), (999, 1), (1000, 2)]
    {
        let load = Load { flits_per_1000_edges, packet_flits };
        let alignment = Alignment::new(&spec, 5, load).expect("a sound machine");
        let mut alignment = alignment.measured_from(Fs::from_ns(5_000));
        alignment.run(Fs::from_ns(45_000));
        let (carried, asked) = (alignment.carried(), f64::from(flits_per_1000_edges));
        let packets = 8.0 * 40e-6 * 1.755e9 * asked / 1000.0 / f64::from(packet_flits);
        let within = 4.0 / (3.0 * packets).sqrt();
        assert!(
            (carried.offered / asked - 1.0).abs() < within,
            "{} flits in 1000 edges, not {asked} to {within}",
            carried.offered
        );
        if asked < 400.0 {
            let lost = 1.0 - carried.arrived / carried.offered;
            assert!(lost.abs() < 0.05, "{} of {} arrived", carried.arrived, carried.offered);
        }
    }
}

/// A nominal frequency of so many digits that no offset of it is an exact period.
#[test]
fn oscillators_of_any_frequency_can_be_off() {
    for (hertz, ppm) in
        [((1_234_567_890, 1), 37), ((123_456_789_012_345, 100_000), 0), ((100_000_000, 3), 400)]
    {
        let form = CountersForm { frequency: Frequency(hertz), ppm, ..form() };
        let worst = worst_ns(&settled(&spec("nvl8", form), 0, 1));
        let tick = 1e9 * hertz.1 as f64 / hertz.0 as f64;
        assert!(worst < 4.0 * tick.max(1.0), "{worst} ns");
    }
}

#[test]
fn software_stamps_are_worse_by_what_software_takes() {
    let within = Span(Fs::from_ns(5_000));
    let form = CountersForm { timestamps: Timestamps::Software(within), ..form() };
    let worst = worst_ns(&settled(&spec("nvl8", form), 0, 1));
    assert!((100.0..10_000.0).contains(&worst), "{worst} ns");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..Default::default() })]
    #[test]
    fn no_counter_is_beyond_its_bound_and_the_order_of_stepping_is_free(
        seed in any::<u64>(), ppm in 0_u32..200, metres in 0_u64..30, load in 0_u32..400,
        fan_out in prop::option::of(1_u32..4), root in 0_u32..8, own in any::<bool>(),
        software in prop::option::of(0_u64..2_000), shuffle in any::<u64>(),
    ) {
        let spec = spec("nvl8", CountersForm {
            ppm,
            root,
            fan_out,
            channel: if own { Channel::Own } else { Channel::Shared },
            timestamps: software.map_or(Timestamps::Hardware, |ns| {
                Timestamps::Software(Span(Fs::from_ns(ns)))
            }),
            asymmetry: Length(metres * 1_000_000),
            ..form()
        });
        let load = Load { flits_per_1000_edges: load, packet_flits: 4 };
        let run = |alignment: Alignment| {
            let mut alignment = alignment;
            alignment.run(Fs::from_ns(400_000));
            let told = (alignment.exchanges(), alignment.carried());
            (alignment.samples().to_vec(), alignment.values(), told)
        };
        let build = || Alignment::new(&spec, seed, load).expect("a sound machine");
        let (a, b) = (run(build()), run(build().shuffled(shuffle)));
        prop_assert!(a.0.iter().all(|s| s.broken == 0));
        prop_assert_eq!(a, b);
    }
}

/// A run in which the threads of some nodes wait for a count.
fn wait(spec: &MachineSpec, nodes: &[u32], count: u64, threads: usize) -> Summary {
    let record = |n: u32, op| Record { thread: ThreadIdx(n), op };
    let others = (0..8).filter(|n| !nodes.contains(n)).map(|n| record(n, Op::Fence));
    let waits = nodes.iter().map(|n| record(*n, Op::At { count }));
    let trace = Trace::from_records(others.chain(waits)).expect("sound records");
    let options = Options { threads, ..Options::default() };
    let mut machine = Machine::new(spec, &trace, options).expect("a sound machine");
    machine.run().expect("it ends");
    machine.summary()
}

#[test]
fn a_send_is_released_when_its_nodes_aligned_counter_has_the_count() {
    let aligned = spec("nvl8", form());
    for count in [100_000, 1_000_000] {
        let released: Vec<f64> =
            (0..8).map(|n| wait(&aligned, &[n], count, 1).time.as_ns()).collect();
        // The root's oscillator is off by up to 50 ppm, and goes at 1 GHz.
        let due = count as f64;
        assert!((released[0] - due).abs() < due * 51e-6 + 2.0, "{released:?}");
        // Left to themselves, counters would be up to 100 ppm apart: 10 and 100 ns.
        let most = released.iter().copied().fold(f64::MIN, f64::max);
        let least = released.iter().copied().fold(f64::MAX, f64::min);
        assert!(most - least < 5.0, "{count}: {released:?}");
    }
}

#[test]
fn where_nodes_keep_no_counters_a_count_is_of_their_own_edges() {
    let plain = Description::nvl8().elaborate().expect("a sound machine");
    let time = wait(&plain, &[3], 100_000, 1).time.as_ns();
    assert!((time - 100_000.0 / 1.755).abs() < 1.0, "{time} ns at 1.755 GHz");
}

#[test]
fn counts_are_come_to_alike_on_any_threads() {
    let aligned = spec("nvl8", form());
    let nodes = [0, 1, 2, 3, 4, 5, 6, 7];
    let one = wait(&aligned, &nodes, 250_000, 1);
    let two = wait(&aligned, &nodes, 250_000, 2);
    assert_eq!((one.time, one.digest), (two.time, two.digest));
}
