//! Barriers by units and packets, timeouts and halts, on machines that are cut: as in one piece.

use lockstep::base::{Addr, Combine, Fs, NodeIdx, Op, Record, ThreadIdx, rng};
use lockstep::machine::{Cut, Deal, Machine, OpSource, Options};
use lockstep::topology::Description;
use lockstep::topology::spec::{BarrierSpec, MachineSpec, NodeEventSpec, NodeHappening, UnitSpec};
use lockstep::traffic::{Trace, TraceError};
use proptest::prelude::*;
use tests::machines::machines;
use tests::parts::{cuts, same, told};

/// What is drawn of barriers.
#[derive(Clone, Debug)]
struct Meets {
    /// Entries of the units' tables; barriers beyond go by packets, with no units all do.
    table: Option<u32>,
    cycles: (u32, u32),
    timeout: Option<Fs>,
    /// A node, and when it halts.
    halt: Option<(u32, Fs)>,
    /// Teams by bits of their threads.
    teams: Vec<u32>,
    rounds: u64,
}

fn meets() -> impl Strategy<Value = Meets> {
    let table = prop_oneof![4 => (1_u32..6).prop_map(Some), 1 => Just(None)];
    let ns = |range: std::ops::Range<u64>| range.prop_map(Fs::from_ns);
    // Some are too short for any machine here, some for the larger, some for none.
    let timeout = prop_oneof![
        3 => Just(None), 1 => ns(1..300).prop_map(Some), 1 => ns(300..4_000).prop_map(Some),
        1 => Just(Some(Fs::from_ns(10_000_000)))
    ];
    let halt = prop_oneof![4 => Just(None), 1 => (0_u32..12, ns(0..3_000)).prop_map(Some)];
    let teams = prop::collection::vec(1_u32..1 << 12, 1..6);
    (table, (1_u32..7, 1_u32..4), timeout, halt, teams, 1_u64..5).prop_map(
        |(table, cycles, timeout, halt, teams, rounds)| Meets {
            table,
            cycles,
            timeout,
            halt,
            teams,
            rounds,
        },
    )
}

impl Meets {
    fn on(&self, mut spec: MachineSpec) -> MachineSpec {
        let nodes = u32::try_from(spec.fabric.node_ports.len()).expect("few");
        let (node_cycles, unit_cycles) = self.cycles;
        let units = self.table.map(|table| UnitSpec { table, unit_cycles, node_cycles });
        spec.barriers = BarrierSpec { units, timeout: self.timeout };
        spec.node_events = self
            .halt
            .iter()
            .map(|(node, at)| NodeEventSpec {
                node: NodeIdx(node % nodes),
                at: *at,
                what: NodeHappening::Halts,
            })
            .collect();
        spec
    }

    /// Threads that load, store and think, and meet in teams.
    fn trace(&self, seed: u64) -> Trace {
        let mut ops: Vec<(u32, Op)> = (0..12).map(|t| (t, Op::Think { cycles: 0 })).collect();
        for round in 0..self.rounds {
            for t in 0..12_u32 {
                let draw = |k| rng::draw(seed, u64::from(t), round, k);
                for k in 0..draw(0) % 5 {
                    let addr = Addr(draw(10 + k) % 1024 * 64);
                    let store = Op::Store { addr, size: 8, value: None };
                    let load = Op::Load { addr, size: 8 };
                    ops.push((t, if draw(20 + k) % 2 == 0 { load } else { store }));
                }
                ops.push((t, Op::Think { cycles: u32::try_from(draw(1) % 300).unwrap_or(0) }));
                for (id, team) in (0..).zip(&self.teams).filter(|(_, team)| *team >> t & 1 != 0) {
                    let (members, value) = (team.count_ones(), draw(2 + u64::from(id)));
                    let how = Combine::ALL[id as usize % 5];
                    ops.push((t, Op::Reduce { id: id * 7, members, how, value }));
                }
            }
        }
        let records = ops.into_iter().map(|(t, op)| Record { thread: ThreadIdx(t), op });
        Trace::from_records(records).expect("sound records")
    }
}

/// Digest, statistics and errors, timeouts among them, whatever the cut, the threads and the order.
#[test]
fn barriers_are_the_same_for_any_cut_any_threads_and_any_order() {
    let inputs = (machines(), meets(), cuts(), 1_usize..5, any::<u64>(), any::<u64>());
    let [cut, crossed, ended] = [const { std::cell::Cell::new(0_u32) }; 3];
    let result =
        tests::laws([80, 1500], 31).run(&inputs, |(tight, meets, how, threads, seed, order)| {
            let (spec, trace) = (meets.on(tight.spec()), meets.trace(seed));
            let shuffle = (order % 3 != 0).then_some(order);
            let deal = if order % 2 == 0 { Deal::Together } else { Deal::InTurn };
            let options = Options { seed, threads, shuffle, cut: how, check: order % 4 != 0, deal };
            let parts = same(&spec, &trace, options).map_err(TestCaseError::fail)?;
            let mut machine = Machine::new(&spec, &trace, options).expect("it was built before");
            let result = machine.run();
            let tokens = machine.summary().barrier_use.tokens > 0;
            cut.set(cut.get() + u32::from(parts > 1));
            crossed.set(crossed.get() + u32::from(parts > 1 && tokens && result.is_ok()));
            ended.set(ended.get() + u32::from(parts > 1 && result.is_err()));
            Ok(())
        });
    if let Err(told) = result {
        panic!("{told}");
    }
    let told = [cut.get(), crossed.get(), ended.get()];
    assert!(told[0] > 30 && told[1] > 15 && told[2] > 4, "cut, with tokens, ended: {told:?}");
}

#[test]
fn shipped_machines_with_units_run_the_same_in_parts() {
    let mut cut = 0;
    for (at, (name, _)) in lockstep::topology::SHIPPED.into_iter().enumerate() {
        let spec = Description::shipped(name).expect("it is shipped").elaborate().expect("sound");
        if spec.fabric.node_ports.len() > if tests::deep() { 400 } else { 80 } {
            continue;
        }
        let (timeout, halt) = (Some(Fs::from_ns(900_000)), None);
        let teams = vec![0xfff, 0x0f3, 0x801];
        let meets = Meets { table: Some(2), cycles: (1, 4), timeout, halt, teams, rounds: 2 };
        let options = Options {
            threads: 1 + at % 3,
            cut: Cut::Parts([2, 3, 5, 8][at % 4]),
            ..Options::default()
        };
        let options = Options { shuffle: Some(7), check: at % 2 == 0, ..options };
        let found = same(&meets.on(spec), &meets.trace(5), options);
        cut += u32::from(found.unwrap_or_else(|e| panic!("{name}: {e}")) > 1);
    }
    assert!(cut >= 10, "{cut} machines are cut");
}

/// A run in parts that is written down with tokens under way goes on as the one in one piece.
#[test]
fn tokens_are_written_down_and_taken_up() {
    let spec = Description::nvl8().elaborate().expect("sound");
    let timeout = Some(Fs::from_ns(900_000));
    let teams = vec![0xff, 0x33, 0xfff];
    let meets = Meets { table: Some(2), cycles: (1, 4), timeout, halt: None, teams, rounds: 4 };
    let (spec, trace) = (meets.on(spec), meets.trace(3));
    let mut whole = Machine::new(&spec, &trace, Options::default()).expect("a machine");
    whole.run().expect("it ends");
    let expected = told(&whole.summary());
    let options =
        Options { threads: 2, cut: Cut::Parts(3), deal: Deal::Together, ..Options::default() };
    let mut under_way = 0;
    for at in (50..2_000).step_by(77).map(Fs::from_ns) {
        let mut first = Machine::new(&spec, &trace, options).expect("a machine");
        first.run_until(at).expect("no error");
        under_way += u32::from(first.summary().barrier_use.tokens > 0);
        let mut file = Vec::new();
        first.checkpoint(&mut file).expect("written down");
        let mut second = Machine::new(&spec, &trace, options).expect("a machine");
        second.resume(&file[..]).expect("taken up");
        second.run().expect("it ends");
        assert_eq!(told(&second.summary()), expected, "at {at}");
    }
    assert!(under_way > 5, "{under_way} had tokens");
}

/// Whatever the timeout, who is missing and what keeps it is told as it was at that instant.
#[test]
fn a_timeout_finds_a_cut_machine_as_it_was_then() {
    let spec = Description::nvl8().elaborate().expect("sound");
    let mut timed_out = 0;
    for ns in (20..2_000).step_by(60) {
        let (timeout, teams) = (Some(Fs::from_ns(ns)), vec![0xfff, 0x0ff]);
        let table = (ns % 120 == 20).then_some(2);
        let meets = Meets { table, cycles: (1, 4), timeout, halt: None, teams, rounds: 3 };
        let (spec, trace) = (meets.on(spec.clone()), meets.trace(ns));
        let options = Options { threads: 2, cut: Cut::Parts(3), ..Options::default() };
        assert_eq!(same(&spec, &trace, options), Ok(3), "{ns} ns");
        let mut machine = Machine::new(&spec, &trace, options).expect("a machine");
        timed_out += u32::from(machine.run().is_err());
    }
    assert!(timed_out > 5, "{timed_out} timed out");
}

/// A thread that says of some barriers that it comes to them, and goes by its operations.
struct Told {
    ops: Vec<Op>,
    comes_to: Vec<(u32, u32)>,
}

impl OpSource for Told {
    fn refill(&mut self, batch: &mut Vec<Op>) -> Result<(), TraceError> {
        batch.append(&mut self.ops);
        Ok(())
    }

    fn barriers(&self) -> Result<Vec<(u32, u32)>, TraceError> {
        Ok(self.comes_to.clone())
    }
}

/// Threads that come to barriers of which they had not said so: the first of them is told, wherever it is, and
/// before whatever else goes wrong later.
#[test]
fn the_first_stranger_at_a_unit_is_told_however_a_machine_is_cut() {
    let mut spec = Description::nvl8().elaborate().expect("sound");
    let units = UnitSpec { table: 8, unit_cycles: 4, node_cycles: 1 };
    spec.barriers = BarrierSpec { units: Some(units), timeout: None };
    // By thread: when it comes to a barrier that is not its own, and to which.
    let strangers = [
        vec![(0, 4_000, 1), (1, 3_000, 2), (6, 200, 0), (7, 2_000, 4)],
        vec![(0, 200, 1), (7, 3_000, 4)],
        // Too large, and later than the stranger.
        vec![(0, 4_000, 99), (7, 2_000, 4)],
        // Too large, and before.
        vec![(0, 2_000, 99), (7, 4_000, 4)],
        // At one instant.
        vec![(0, 500, 2), (3, 500, 0), (5, 500, 4), (7, 500, 1)],
    ];
    let due = [0, 1, 4, 99, 0];
    for (strangers, due) in strangers.iter().zip(due) {
        let error = |options| {
            let source = |t: u32| {
                let own = (t / 2, 2);
                let mut ops = Vec::new();
                for (_, cycles, id) in strangers.iter().filter(|s| s.0 == t) {
                    let members = if *id == 99 { 64 } else { 2 };
                    ops.extend([Op::Think { cycles: *cycles }, Op::Barrier { id: *id, members }]);
                }
                ops.extend([Op::Think { cycles: 9_000 }, Op::Barrier { id: own.0, members: 2 }]);
                Box::new(Told { ops, comes_to: vec![own, (4, 2)][..=usize::from(t < 2)].into() })
                    as Box<dyn OpSource>
            };
            let sources = (0..8).map(source).collect();
            let mut machine = Machine::of_sources(&spec, sources, options).expect("a machine");
            (machine.run().expect_err("a stranger comes").to_string(), machine.engine().partitions)
        };
        let (whole, _) = error(Options::default());
        assert!(whole.starts_with(&format!("barrier {due} ")), "{due}: {whole}");
        for shuffle in [None, Some(5), Some(6)] {
            for parts in [1, 2, 4] {
                let options = Options { threads: 2, cut: Cut::Parts(parts), ..Options::default() };
                let told = error(Options { shuffle, deal: Deal::Together, ..options });
                assert_eq!(told, (whole.clone(), parts), "{due}: {shuffle:?}");
            }
        }
    }
}
