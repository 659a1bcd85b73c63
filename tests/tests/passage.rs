//! Every part of a packet's latency under load: what is fixed stays fixed, to the femtosecond, and
//! what can wait takes at least what it takes without waiting.

use std::cell::Cell;

use lockstep::base::part::PART_COUNT;
use lockstep::base::{Class, DomainIdx, Fs, Head, NodeIdx, Part};
use lockstep::clock::Edge;
use lockstep::topology::Description;
use lockstep::topology::spec::{End, Link, LinkTiming, MachineSpec};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tests::crowd::{Offer, deliver, links};
use tests::machines::machines;

/// Least and most femtoseconds that a part may take.
type Bounds = (u128, u128);

/// No bound.
const ANY: u128 = u128::MAX;

/// The clock at an end of a link.
fn clock(spec: &MachineSpec, end: End) -> DomainIdx {
    match end {
        End::Node(..) => spec.accelerator.clock,
        End::Router(router, _) => spec.fabric.routers[router.at()].clock,
    }
}

/// Femtoseconds of a cycle of a clock: a fraction.
fn cycle(spec: &MachineSpec, clock: DomainIdx) -> (u128, u128) {
    let (numer, denom) = spec.domains[clock.at()].hertz;
    (u128::from(Fs::PER_SECOND) * u128::from(denom), u128::from(numer))
}

/// So many cycles as the difference of two instants, each cut to a femtosecond.
const fn cycles(count: u128, (numer, denom): (u128, u128)) -> Bounds {
    (count * numer / denom, (count * numer).div_ceil(denom))
}

/// What each part of a packet's latency may be.
struct Passage<'a> {
    spec: &'a MachineSpec,
    bounds: [Bounds; PART_COUNT],
}

impl<'a> Passage<'a> {
    /// Whatever else is on its way: by the figures of the description alone.
    fn new(spec: &'a MachineSpec, offer: &Offer) -> Self {
        let mut passage = Self { spec, bounds: [(0, 0); PART_COUNT] };
        let inject = cycles(1, cycle(spec, spec.accelerator.clock)).0;
        passage.add(Part::SourceQueue, (inject, ANY));
        let way = links(spec, &offer.head);
        for (n, at) in way.iter().enumerate() {
            let link = &spec.fabric.links[at.at()];
            if n > 0 {
                passage.router(cycle(spec, clock(spec, link.from)));
            }
            let body = if n + 1 == way.len() { offer.flits - 1 } else { 0 };
            passage.link(link, body.into());
        }
        passage
    }

    fn add(&mut self, part: Part, (least, most): Bounds) {
        let bounds = &mut self.bounds[part as usize];
        *bounds = (bounds.0 + least, bounds.1.saturating_add(most));
    }

    fn router(&mut self, cycle: (u128, u128)) {
        let stages = &self.spec.router;
        let [rc, va, sa, st] =
            [stages.rc_cycles, stages.va_cycles, stages.sa_cycles, stages.st_cycles]
                .map(|count| cycles(count.into(), cycle));
        self.add(Part::Router, rc);
        self.add(Part::Router, st);
        self.add(Part::VcAllocation, (va.0, ANY));
        self.add(Part::SwitchAllocation, (sa.0, ANY));
        self.add(Part::BufferQueue, (0, ANY));
    }

    /// A link, and `body` flits behind the head at its end.
    fn link(&mut self, link: &Link, body: u128) {
        let spec = self.spec;
        let (from, to) = (clock(spec, link.from), clock(spec, link.to));
        let (sender, receiver) = (cycle(spec, from), cycle(spec, to));
        match spec.fabric.classes[link.class].timing {
            LinkTiming::OnDie { latency_cycles, interval_cycles } => {
                self.add(Part::Flight, cycles(latency_cycles.into(), sender));
                self.body(body, cycles(body * u128::from(interval_cycles), sender).0);
            }
            LinkTiming::Serial {
                lanes,
                lane_bits_per_s,
                efficiency,
                serdes,
                fec,
                flight_per_m,
            } => {
                let rate = u128::from(lanes) * u128::from(lane_bits_per_s);
                let rate = rate * u128::from(efficiency.0);
                let bits = u128::from(spec.flit_bytes) * 8 * u128::from(efficiency.1);
                let flit = (bits * u128::from(Fs::PER_SECOND), rate);
                // A link takes a flit when less than a cycle of the one before is still to go.
                let wait = cycles(1, sender).1;
                self.add(Part::Serialization, (cycles(1, flit).0, cycles(1, flit).1 + wait));
                let flight = u128::from(flight_per_m.0) * u128::from(link.length_um) / 1_000_000;
                let fixed = [serdes.0.into(), fec.0.into(), flight];
                for (part, took) in [Part::Serdes, Part::Fec, Part::Flight].into_iter().zip(fixed) {
                    self.add(part, (took, took));
                }
                let edges = if from == to { 0 } else { spec.synchronizer_edges.into() };
                let crossing = (cycles(edges, receiver).0, cycles(edges + 1, receiver).1);
                self.add(Part::ClockCrossing, crossing);
                // Between the edges at which head and tail are seen.
                let apart = cycles(body, flit).0.saturating_sub(cycles(1, receiver).1);
                self.body(body, apart);
            }
        }
    }

    /// The tail comes at least so long after the head.
    fn body(&mut self, flits: u128, apart: u128) {
        if flits > 0 {
            self.add(Part::Serialization, (apart, ANY));
        }
    }
}

/// Holds every part of every packet against its bounds; gives the time that packets waited in
/// routers behind others.
fn check(spec: &MachineSpec, offers: &[Offer], seed: u64) -> Result<u64, TestCaseError> {
    let mut waited = 0;
    for (offer, told) in offers.iter().zip(deliver(spec, offers, seed)) {
        let passage = Passage::new(spec, offer);
        let parts = told.timeline.parts();
        for part in Part::ALL {
            let took = u128::from(parts[part as usize]);
            let (least, most) = passage.bounds[part as usize];
            prop_assert!(
                (least..=most).contains(&took),
                "{part:?} of {offer:?}: {took} fs, not {least} to {most}"
            );
        }
        let sum: u64 = parts.iter().sum();
        prop_assert_eq!(Fs(sum), told.received - told.offered, "{:?}", offer);
        waited += parts[Part::BufferQueue as usize];
    }
    Ok(waited)
}

/// Packets before they know the machine.
fn crowds() -> impl Strategy<Value = Vec<(u64, u32, u32, u32, usize, u32)>> {
    let last = prop::sample::select(vec![1_u64, 40, 400]);
    last.prop_flat_map(|last| {
        let packet = (0..last, any::<u32>(), any::<u32>(), any::<u32>(), 0_usize..5, 1_u32..=9);
        prop::collection::vec(packet, 1..150)
    })
}

fn offer(nodes: u32, of: (u64, u32, u32, u32, usize, u32)) -> Offer {
    let (start, src, away, flow, class, flits) = of;
    let src = src % nodes;
    let dst = (src + 1 + away % (nodes - 1)) % nodes;
    let head =
        Head { src: NodeIdx(src), dst: NodeIdx(dst), flow, class: Class::ALL[class], state: 0 };
    Offer { start: Edge(start), head, flits }
}

#[test]
fn under_any_load_pipelines_and_wires_take_what_they_take_and_waiting_is_told_apart() {
    let config = Config {
        cases: if tests::deep() { 5_000 } else { 400 },
        rng_seed: if tests::deep() { RngSeed::Random } else { RngSeed::Fixed(13) },
        failure_persistence: None,
        ..Config::default()
    };
    let waited = Cell::new(0);
    let cases = (machines(), crowds(), any::<u64>());
    let result = TestRunner::new(config).run(&cases, |(tight, crowd, seed)| {
        let spec = tight.spec();
        let nodes = u32::try_from(spec.fabric.node_ports.len()).expect("few nodes");
        let offers: Vec<Offer> = crowd.into_iter().map(|of| offer(nodes, of)).collect();
        waited.set(waited.get() + check(&spec, &offers, seed)?);
        Ok(())
    });
    if let Err(told) = result {
        panic!("{told}");
    }
    assert!(waited.get() > 0, "packets stand in each other's way");
}

#[test]
fn when_everybody_sends_to_one_node_only_waiting_grows() {
    for name in ["nvl8", "fullmesh8", "mesh8x8", "torus4x4x4"] {
        let description = Description::shipped(name).expect("it is shipped");
        let spec = description.elaborate().expect("a sound machine");
        let nodes = u32::try_from(spec.fabric.node_ports.len()).expect("few nodes");
        let to_last = |n: u32| {
            let head = Head {
                state: 0,
                src: NodeIdx(n % (nodes - 1)),
                dst: NodeIdx(nodes - 1),
                flow: n.wrapping_mul(0x9e37_79b9),
                class: Class::Req,
            };
            Offer { start: Edge((n / nodes).into()), head, flits: 1 + n % 5 }
        };
        let offers: Vec<Offer> = (0..20 * nodes).map(to_last).collect();
        let waited = check(&spec, &offers, 3);
        assert!(waited.as_ref().is_ok_and(|fs| *fs > 0), "{name}: {waited:?}");
    }
}
