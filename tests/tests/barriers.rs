//! Barriers and reductions by units: exact without load, never early, the same in any order.

use lockstep::base::{Addr, Combine, Fs, Op, Record, ThreadIdx};
use lockstep::machine::{Machine, Options, RunError, Summary};
use lockstep::topology::Description;
use lockstep::topology::describe::{BarrierForm, NodeEventForm, NodeHappening};
use lockstep::topology::spec::MachineSpec;
use lockstep::topology::units::Span;
use lockstep::traffic::Trace;
use proptest::prelude::*;

fn us(count: u64) -> Span {
    Span(Fs(count * 1_000_000_000))
}

/// A machine with units, each an entry for `table` barriers.
fn with_units(mut description: Description, table: u32) -> MachineSpec {
    description.barriers = BarrierForm::Hardware {
        table,
        unit_cycles: None,
        node_cycles: 1,
        timeout: Some(us(1_000)),
    };
    description.elaborate().expect("a sound machine")
}

fn trace(threads: u32, ops: impl IntoIterator<Item = (u32, Op)>) -> Trace {
    // Every thread has a record, so that all are there.
    let first = (0..threads).map(|t| (t, Op::Think { cycles: 0 }));
    let all = first.chain(ops).map(|(t, op)| Record { thread: ThreadIdx(t), op });
    Trace::from_records(all).expect("sound records")
}

fn run(spec: &MachineSpec, trace: &Trace, shuffle: Option<u64>) -> Result<Summary, RunError> {
    let mut machine = Machine::new(spec, trace, Options { shuffle, ..Options::default() })?;
    machine.run()?;
    Ok(machine.summary())
}

fn clean(summary: &Summary) {
    assert!(summary.checks.clean(), "{:?}", summary.checks);
}

/// The cycles of a barrier of `team` on the 8x8 mesh, from the last arrival to the last release, if all
/// arrive at once and nothing else is on the links: one cycle in the node and one on each wire, 4 in each
/// router, up to the router nearest to its farthest member and back down.
fn closed_form(team: &[u32]) -> u32 {
    if team.len() == 1 {
        return 1;
    }
    let far = |x: u32, y: u32| {
        team.iter().map(|t| (t % 8).abs_diff(x) + (t / 8).abs_diff(y)).max().unwrap_or(0)
    };
    let radius = (0..64).map(|r| far(r % 8, r / 8)).min().unwrap_or(0);
    let (node, wire, router) = (1, 1, 4);
    2 * (node + wire) + 2 * radius * (wire + router) + router
}

/// Latency of a barrier in cycles of 1 ns.
fn cycles(summary: &Summary) -> u32 {
    let ns = summary.barrier_use.latency.max_ns();
    assert!((ns - ns.round()).abs() < 1e-9, "{ns} ns are no whole cycles");
    format!("{ns:.0}").parse().expect("a number of cycles")
}

#[test]
fn an_unloaded_barrier_takes_what_its_tree_takes_to_the_cycle() {
    let spec = with_units(Description::mesh8x8(), 16);
    let corners = vec![0, 7, 56, 63];
    let teams = [(0..64).collect(), corners, vec![0, 1], vec![9, 54], vec![5], vec![0, 7, 60]];
    for team in teams {
        let members = u32::try_from(team.len()).expect("few");
        let ops = team.iter().map(|t| (*t, Op::Barrier { id: 3, members }));
        let summary = run(&spec, &trace(64, ops), Some(1)).expect("it ends");
        clean(&summary);
        assert_eq!(summary.barriers, 1);
        assert_eq!(summary.barrier_use.units, Some((1, 1)));
        assert_eq!(cycles(&summary), closed_form(&team), "{team:?}");
    }
    assert_eq!(closed_form(&(0..64).collect::<Vec<_>>()), 88);
}

#[test]
fn arrivals_and_releases_are_flits_on_the_links() {
    let spec = with_units(Description::nvl8(), 16);
    let ops = (0..8).map(|t| (t, Op::Barrier { id: 0, members: 8 }));
    let summary = run(&spec, &trace(8, ops), None).expect("it ends");
    clean(&summary);
    // Up one link and down one link for each node, and no packets.
    assert_eq!((summary.barrier_use.tokens, summary.packets), (16, 0));
    assert_eq!(summary.busiest.iter().map(|l| l.flits).sum::<u64>(), 8);
}

/// Barriers at once whose members overlap, with words to be combined, behind traffic of all kinds.
fn busy(threads: u32, teams: &[Vec<u32>], rounds: u64, seed: u64) -> Trace {
    let mut ops = Vec::new();
    for round in 0..rounds {
        for t in 0..threads {
            let draw = |k| lockstep::base::rng::draw(seed, u64::from(t), round, k);
            for k in 0..draw(0) % 6 {
                let addr = Addr(draw(10 + k) % 4096 * 64);
                let load = Op::Load { addr, size: 8 };
                let store = Op::Store { addr, size: 8, value: None };
                ops.push((t, if draw(20 + k) % 2 == 0 { load } else { store }));
            }
            ops.push((t, Op::Think { cycles: u32::try_from(draw(1) % 200).unwrap_or(0) }));
            for (id, team) in (0..).zip(teams).filter(|(_, team)| team.contains(&t)) {
                let members = u32::try_from(team.len()).unwrap_or(0);
                let how = Combine::ALL[id as usize % 5];
                let value = draw(2 + u64::from(id));
                ops.push((t, Op::Reduce { id: id * 7, members, how, value }));
            }
        }
    }
    trace(threads, ops)
}

/// By units, by packets, in any order of stepping: nobody is released early, everybody is, and all are told
/// the fold; the audit judges that by counts of its own.
fn keep_their_promise(description: &Description, threads: u32, teams: &[Vec<u32>], seed: u64) {
    let trace = busy(threads, teams, 3, seed);
    let spec = with_units(description.clone(), 2);
    let one = run(&spec, &trace, None).unwrap_or_else(|e| panic!("{}: {e}", spec.name));
    clean(&one);
    let rounds = 3 * teams.len() as u64;
    assert_eq!(one.barriers, rounds, "{}", spec.name);
    let units = teams.len().min(2);
    assert_eq!(one.barrier_use.units, Some((units, teams.len())));
    for shuffle in [1, seed] {
        let other = run(&spec, &trace, Some(shuffle)).expect("it ends");
        assert_eq!(other.digest, one.digest, "{}", spec.name);
    }
    let packets = description.elaborate().expect("a sound machine");
    let by_packets = run(&packets, &trace, Some(seed)).expect("it ends");
    clean(&by_packets);
    assert_eq!((by_packets.barriers, by_packets.barrier_use.tokens), (rounds, 0));
}

#[test]
fn on_every_shipped_topology_barriers_keep_their_promise() {
    for (name, _) in lockstep::topology::SHIPPED {
        let description = Description::shipped(name).expect("it ships");
        let nodes = description.elaborate().expect("it is sound").fabric.node_ports.len();
        if nodes > 100 {
            continue;
        }
        let nodes = u32::try_from(nodes).expect("few");
        let third = (0..nodes).filter(|t| t % 3 == 1).collect();
        let teams = [(0..nodes).collect(), third, vec![0, nodes - 1, nodes + 2]];
        keep_their_promise(&description, nodes + 3, &teams, u64::from(nodes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_members_of_any_barriers_at_once_are_released_in_time(
        which in 0..4_usize,
        members in prop::collection::vec(prop::collection::vec(any::<bool>(), 20), 1..5),
        seed in any::<u64>(),
    ) {
        let names = ["nvl8", "ring16", "hierarchy_mesh_torus", "nvl8-framed"];
        let description = Description::shipped(names[which]).expect("it ships");
        let team = |bits: Vec<bool>| {
            let of: Vec<u32> = (0..20).filter(|t| bits[*t as usize]).collect();
            if of.is_empty() { vec![3] } else { of }
        };
        let teams: Vec<Vec<u32>> = members.into_iter().map(team).collect();
        keep_their_promise(&description, 20, &teams, seed);
    }
}

#[test]
fn a_node_that_halts_is_named_by_the_timeout() {
    let mut description = Description::nvl8();
    description.node_events =
        vec![NodeEventForm { node: "node5".into(), at: us(2), what: NodeHappening::Halts }];
    let spec = with_units(description, 4);
    let late = |t| if t == 5 { 10_000_000 } else { 100 };
    let ops = (0..8)
        .flat_map(|t| [(t, Op::Think { cycles: late(t) }), (t, Op::Barrier { id: 9, members: 8 })]);
    let error = run(&spec, &trace(8, ops), Some(3)).expect_err("node5 never arrives");
    let RunError::BarrierTimeout { id: 9, members: 8, missing: 1, since, at, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(at, since + us(1_000).0);
    let said = error.to_string();
    assert!(said.contains("thread5 on node5: its node halted at 2.000 us\n"), "{said}");
}

/// Where there is no timeout, the end of all that can happen names it.
#[test]
fn a_node_that_halts_is_named_where_nobody_waits_for_a_timeout() {
    let mut description = Description::shipped("nvl72").expect("it ships");
    description.node_events =
        vec![NodeEventForm { node: "node50".into(), at: us(2), what: NodeHappening::Halts }];
    let spec = description.elaborate().expect("sound");
    let ops = (0..72).flat_map(|t| {
        let barrier = Op::Barrier { id: 9, members: 72 };
        [(t, Op::Think { cycles: 10_000 }), (t, barrier)]
    });
    let said = run(&spec, &trace(72, ops), None).expect_err("node50 never arrives").to_string();
    assert!(said.contains("  halted: thread50 on node50, at 2.000 us\n"), "{said}");
    assert!(said.contains("threads: thread3 waits at barrier 9 for 72 members"), "{said}");
}

#[test]
fn a_thread_that_computes_too_long_is_named_with_the_time_that_it_takes() {
    let spec = with_units(Description::nvl8(), 4);
    let late = |t| if t == 5 { 3_510_000 } else { 100 };
    let ops = (0..8)
        .flat_map(|t| [(t, Op::Think { cycles: late(t) }), (t, Op::Barrier { id: 9, members: 8 })]);
    let error = run(&spec, &trace(8, ops), Some(3)).expect_err("it comes after 2 ms");
    let said = error.to_string();
    assert!(said.contains("thread5 thinks until 2.000 ms (operation 2) on node5\n"), "{said}");
}

#[test]
fn a_thread_that_ends_early_is_named_though_others_go_on() {
    let spec = with_units(Description::nvl8(), 4);
    let two = (0..8).flat_map(|t| (0..2).map(move |_| (t, Op::Barrier { id: 9, members: 8 })));
    // Thread 2 arrives once only; thread 8, a stranger, computes for 3 ms.
    let mut ops: Vec<(u32, Op)> = two.collect();
    ops.remove(5);
    ops.extend((0..40).map(|_| (8, Op::Think { cycles: 130_000 })));
    let error = run(&spec, &trace(9, ops), None).expect_err("thread2 does not come back");
    let said = error.to_string();
    assert!(said.contains("barrier 9 timed out"), "{said}");
    assert!(said.contains("thread2 on node2: it has ended"), "{said}");
    assert!(!said.contains("thread3 on"), "{said}");
}

#[test]
fn members_that_combine_otherwise_are_an_error() {
    let spec = with_units(Description::nvl8(), 4);
    let reduce = |how| Op::Reduce { id: 1, members: 2, how, value: 5 };
    let ops = [(0, reduce(Combine::Sum)), (1, reduce(Combine::Min))];
    let error = run(&spec, &trace(2, ops), None).expect_err("they differ");
    assert!(error.to_string().contains("combines otherwise"), "{error}");
}

#[test]
fn barriers_beyond_the_table_go_by_packets() {
    let spec = with_units(Description::nvl8(), 1);
    let both = (0..8).flat_map(|t| (0..2).map(move |id| (t, Op::Barrier { id, members: 8 })));
    let summary = run(&spec, &trace(8, both), None).expect("it ends");
    clean(&summary);
    assert_eq!(summary.barrier_use.units, Some((1, 2)));
    assert!(summary.packets > 0 && summary.barrier_use.tokens == 16, "{}", summary.packets);
}

#[test]
fn tokens_and_packets_contend_for_links() {
    let slow = |traffic: bool| {
        let spec = with_units(Description::shipped("ring16").expect("it ships"), 4);
        let ops = (0..16).flat_map(|t| {
            let base = u64::from(t) * 0x10_0000;
            let copy = Op::Copy { from: Addr(base), to: Addr(base + 0x4_0000), bytes: 1 << 14 };
            let wait = Op::Think { cycles: 400 };
            let work = if traffic && t % 2 == 0 { copy } else { wait };
            let members = 8;
            let meet = Op::Barrier { id: 0, members };
            if t % 2 == 1 { vec![(t, work), (t, meet)] } else { vec![(t, work)] }
        });
        let summary = run(&spec, &trace(16, ops), None).expect("it ends");
        clean(&summary);
        summary.barrier_use.latency.max_ns()
    };
    let (alone, crowded) = (slow(false), slow(true));
    // Seven routers from the best root to the farthest member; on each link a token waits for one flit at most.
    assert!((alone - f64::from(2 * (1 + 1) + 2 * 7 * (1 + 4) + 4)).abs() < 1e-9, "{alone} ns");
    assert!(
        crowded > alone && crowded <= alone + 2.0 * 8.0,
        "{crowded} ns with traffic, {alone} ns without"
    );
}
