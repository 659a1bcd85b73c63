//! What a schedule promises is what the network does.

use base::arch::Switching;
use base::rng;
use proptest::prelude::*;
use topology::schedule::RELEASE_MAX;
use topology::spec::MachineSpec;

use super::networks::{FABRICS, drawn, machine, transfers};
use crate::cycle::{CycleNetwork, Next, Offer, Passage, Terminals};
use crate::schedule::{Collective, Dynamic, dynamic, execute, plan, verify};

/// The nodes of a machine, as many as there are.
fn count(spec: &MachineSpec) -> u32 {
    u32::try_from(spec.fabric.node_ports.len()).expect("few")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..Default::default() })]

    /// Every packet of a planned schedule arrives at the very cycle that was planned, and loses nothing.
    #[test]
    fn every_packet_arrives_at_the_cycle_planned(
        drawn in drawn(),
        sends in prop::collection::vec((0_u32..64, 0_u32..64, 1_u32..=8, any::<bool>()), 1..60),
        flows in 1_u32..4,
    ) {
        let spec = drawn.spec();
        let least = spec.fabric.classes.iter().map(|c| c.buffer_flits).min().unwrap_or(1);
        let cut = spec.router.arch.switching == Switching::VirtualCutThrough;
        let sends: Vec<_> = sends
            .into_iter()
            .map(|(s, d, flits, a)| (s, d, if cut { flits.min(least) } else { flits }, a))
            .collect();
        let asked = transfers(count(&spec), &sends);
        let planned = plan(&spec, &asked, 0, flows).expect("planned");
        let again = verify(&spec, &planned.transfers(), 0).expect("free of contention");
        prop_assert_eq!(&again, &planned);
        let run = execute(&spec, &planned, &[]).expect("runs");
        for (i, entry) in planned.entries().iter().enumerate() {
            prop_assert_eq!(run.departures[i], entry.release, "transfer {} leaves", i);
            prop_assert_eq!(run.arrivals[i], entry.arrival, "transfer {} arrives", i);
        }
        prop_assert_eq!(run.losses.to_others(), 0, "{:?}", run.losses);
    }

    /// Where counters are off by no more than the schedule allows, a packet is off by what its node's
    /// counter is, and still loses nothing.
    #[test]
    fn counters_that_are_off_move_packets_by_no_more(
        drawn in drawn(),
        sends in prop::collection::vec((0_u32..64, 0_u32..64, 1_u32..=4, any::<bool>()), 1..40),
        error in 1_u32..6,
        seed in any::<u64>(),
    ) {
        let spec = drawn.spec();
        let least = spec.fabric.classes.iter().map(|c| c.buffer_flits).min().unwrap_or(1);
        let sends: Vec<_> =
            sends.into_iter().map(|(s, d, flits, a)| (s, d, flits.min(least), a)).collect();
        let planned = plan(&spec, &transfers(count(&spec), &sends), error, 2).expect("planned");
        let width = u64::from(2 * error + 1);
        let off = |n: u32| {
            i64::try_from(rng::draw(seed, u64::from(n), 1, 0) % width).unwrap_or(0) - i64::from(error)
        };
        let late: Vec<i64> = (0..count(&spec)).map(off).collect();
        let run = execute(&spec, &planned, &late).expect("runs");
        for (i, entry) in planned.entries().iter().enumerate() {
            let due = entry.arrival.saturating_add_signed(late[entry.transfer.src.at()]);
            prop_assert_eq!(run.arrivals[i], due, "transfer {}", i);
            for before in &entry.transfer.after {
                prop_assert!(run.arrivals[*before] < run.departures[i], "{} before {}", before, i);
            }
        }
        prop_assert_eq!(run.losses.to_others(), 0, "{:?}", run.losses);
    }
}

/// A packet by itself, driven as any other traffic is.
struct Alone {
    offer: Option<(base::NodeIdx, Offer)>,
    arrival: Option<u64>,
}

impl Terminals for Alone {
    fn next(&mut self, node: base::NodeIdx, _: u8, _: u64) -> Next {
        match self.offer.take_if(|(src, _)| *src == node) {
            Some((_, offer)) => Next::Packet(offer),
            None => Next::Wait,
        }
    }

    fn delivered(&mut self, _: &Passage, now: u64) -> Option<(base::NodeIdx, u8)> {
        self.arrival = Some(now);
        None
    }
}

/// The closed form against the network as sweeps drive it, with the topology's own routing.
#[test]
fn a_course_is_that_of_a_lone_packet_in_a_sweeps_network() {
    for flits in 1..=12 {
        let spec = machine(FABRICS[0], |d| {
            d.links.0.iter_mut().for_each(|(_, l)| l.set_buffer_flits(3));
        });
        let planned = plan(&spec, &transfers(9, &[(0, 7, flits, false)]), 0, 1).expect("planned");
        let mut net =
            CycleNetwork::new(&spec, spec.fabric.routing.clone(), 1, 1, ()).expect("a network");
        let entry = &planned.entries()[0];
        let (src, dst) = (entry.transfer.src, entry.transfer.dst);
        let offer = Offer { created: 0, dst, flits, tag: 0, next: 0 };
        let mut alone = Alone { offer: Some((src, offer)), arrival: None };
        net.start();
        while alone.arrival.is_none() && net.now() < 1_000 {
            net.cycle(&mut alone);
        }
        assert_eq!(alone.arrival, Some(entry.arrival), "{flits} flits");
    }
}

/// Releases that lie as far apart as they may cost no more than those that follow each other, and packets
/// arrive as planned.
#[test]
fn cycles_in_which_nothing_is_under_way_are_not_stepped() {
    let spec = machine(FABRICS[0], |_| {});
    let all = Collective::AllToAll.transfers(&spec, 4, 1).expect("a collective");
    let mut transfers = plan(&spec, &all, 3, 1).expect("planned").transfers();
    let gap = (RELEASE_MAX - 1_000_000) / transfers.len() as u64;
    for (i, transfer) in transfers.iter_mut().enumerate() {
        transfer.release = transfer.release.map(|r| r + gap * i as u64);
    }
    let far = verify(&spec, &transfers, 3).expect("free of contention");
    let late = |n: u32| i64::from(n % 7) - 3;
    let late: Vec<i64> = (0..count(&spec)).map(late).collect();
    let run = execute(&spec, &far, &late).expect("runs");
    for (i, entry) in far.entries().iter().enumerate() {
        let off = late[entry.transfer.src.at()];
        assert_eq!(run.departures[i], entry.release.saturating_add_signed(off), "{i}");
        assert_eq!(run.arrivals[i], entry.arrival.saturating_add_signed(off), "{i}");
    }
    assert_eq!(run.losses.to_others(), 0);
}

/// Nodes that start far apart are waited for.
#[test]
fn who_starts_late_is_not_taken_for_who_waits_in_a_circle() {
    let spec = machine(FABRICS[0], |_| {});
    let all = Collective::AllToAll.transfers(&spec, 1, 1).expect("a collective");
    let planned = plan(&spec, &all, 0, 1).expect("planned");
    let how = Dynamic { start_cycles: 600_000, runs: 1, seed: 1, load: 0.0 };
    let repeats = dynamic(&spec, &planned, how).expect("all arrive");
    assert_eq!(repeats.runs, 1);
}

/// As soon as possible, and not a cycle earlier: no transfer of a plan could be a cycle earlier where it
/// is the last of the list.
#[test]
fn the_last_transfer_of_a_plan_cannot_be_a_cycle_earlier() {
    let spec = machine(FABRICS[0], |_| {});
    for last in 1..40 {
        let all = Collective::AllToAll.transfers(&spec, 3, 1).expect("a collective");
        let planned = plan(&spec, &all[..=last], 0, 1).expect("planned");
        let mut earlier = planned.transfers();
        let Some(release) = earlier[last].release.filter(|r| *r > 0) else { continue };
        earlier[last].release = Some(release - 1);
        let fault = verify(&spec, &earlier, 0).expect_err("something is in the way");
        assert_eq!(fault.transfer, last);
    }
}

#[test]
fn collectives_are_whole_on_every_fabric() {
    for fabric in FABRICS {
        let spec = machine(fabric, |_| {});
        let n = count(&spec) as usize;
        for (collective, transfers) in
            [("all-to-all", n * (n - 1)), ("ring-all-reduce", 2 * n * (n - 1))]
        {
            let collective: Collective = collective.parse().expect("a collective");
            let all = collective.transfers(&spec, 2, 1).expect("transfers");
            assert_eq!(all.len(), transfers, "{collective} on {fabric}");
            let planned = plan(&spec, &all, 0, 2).expect("planned");
            let run = execute(&spec, &planned, &[]).expect("runs");
            let arrivals: Vec<u64> = planned.entries().iter().map(|e| e.arrival).collect();
            assert_eq!(run.arrivals, arrivals, "{collective} on {fabric}");
            assert_eq!(run.losses.to_others(), 0, "{collective} on {fabric}");
        }
    }
}
