//! What loads may see: orders between threads, told by the values that are read.

use std::collections::BTreeSet;

use lockstep::base::{Addr, Op, Record, ThreadIdx};
use lockstep::machine::{Machine, Options};
use lockstep::topology::Description;
use lockstep::topology::spec::{Consistency, MachineSpec};
use lockstep::traffic::Trace;
use tests::litmus::Act::{Fence, Read, Write};
use tests::litmus::{Setting, Shape};

/// Shapes whose outcomes tell orders apart. Behind the reads, an outcome has the final values.
const SHAPES: [Shape; 7] = [
    Shape {
        name: "store buffering",
        threads: &[&[Write(0, 1), Fence, Read(1)], &[Write(1, 1), Fence, Read(0)]],
        forbidden: |o| o[..2] == [0, 0],
    },
    Shape {
        name: "message passing",
        threads: &[&[Write(0, 1), Fence, Write(1, 1)], &[Read(1), Fence, Read(0)]],
        forbidden: |o| o[..2] == [1, 0],
    },
    Shape {
        name: "load buffering",
        threads: &[&[Read(0), Fence, Write(1, 1)], &[Read(1), Fence, Write(0, 1)]],
        forbidden: |o| o[..2] == [1, 1],
    },
    Shape {
        name: "two plus two writes",
        threads: &[&[Write(0, 1), Fence, Write(1, 2)], &[Write(1, 1), Fence, Write(0, 2)]],
        forbidden: |o| o == [1, 1],
    },
    Shape {
        name: "write to read causality",
        threads: &[&[Write(0, 1)], &[Read(0), Fence, Write(1, 1)], &[Read(1), Fence, Read(0)]],
        forbidden: |o| o[..3] == [1, 1, 0],
    },
    Shape {
        name: "independent reads of independent writes",
        threads: &[
            &[Write(0, 1)],
            &[Write(1, 1)],
            &[Read(0), Fence, Read(1)],
            &[Read(1), Fence, Read(0)],
        ],
        forbidden: |o| o[..4] == [1, 0, 1, 0],
    },
    COHERENCE,
];

/// Holds without fences, as it is about one variable.
const COHERENCE: Shape = Shape {
    name: "coherence of reads",
    threads: &[&[Write(0, 1), Write(0, 2)], &[Read(0), Read(0)]],
    forbidden: |o| o[0] > o[1] || o[2] != 2,
};

/// Machines, each with cycles in which a few accesses pass.
fn machines() -> Vec<(MachineSpec, u64)> {
    let shipped = [("nvl8", 3_000), ("fullmesh8", 2_000), ("mesh8x8", 600), ("torus4x4x4", 3_000)];
    let machine = |(name, cycles)| {
        let description = Description::shipped(name).expect("it is shipped");
        (description.elaborate().expect("a sound machine"), cycles)
    };
    shipped.into_iter().map(machine).collect()
}

/// The outcomes of a shape on every machine, from several places, and in several orders of steps.
fn outcomes(shape: &Shape, consistency: Consistency, fenced: bool) -> BTreeSet<Vec<u64>> {
    let seeds = if tests::deep() { 0..100 } else { 0..3 };
    let mut all = BTreeSet::new();
    for (mut spec, think_max) in machines() {
        spec.accelerator.consistency = consistency;
        for seed in seeds.clone() {
            let setting = Setting { fenced, think_max, rounds: 40, seed };
            all.append(&mut shape.outcomes(&spec, &setting));
        }
    }
    all
}

#[test]
fn sequential_machines_never_show_what_sequential_consistency_forbids() {
    for shape in &SHAPES {
        let seen = outcomes(shape, Consistency::Sequential, false);
        assert!(!seen.iter().any(|o| (shape.forbidden)(o)), "{}: {seen:?}", shape.name);
        assert!(seen.len() > 1, "{}: starting times tell nothing", shape.name);
    }
}

#[test]
fn fences_make_relaxed_machines_sequential() {
    for shape in &SHAPES {
        let seen = outcomes(shape, Consistency::Relaxed, true);
        assert!(!seen.iter().any(|o| (shape.forbidden)(o)), "{}: {seen:?}", shape.name);
        assert!(seen.len() > 1, "{}: starting times tell nothing", shape.name);
    }
}

/// So the two tests above can see what they look for. A copy is done before the next operation
/// begins, so that only a write can be overtaken.
#[test]
fn without_fences_relaxed_machines_let_writes_be_overtaken() {
    for shape in &SHAPES {
        let seen = outcomes(shape, Consistency::Relaxed, false);
        let weak = seen.iter().any(|o| (shape.forbidden)(o));
        let expected = ["store buffering", "message passing", "two plus two writes"];
        assert_eq!(weak, expected.contains(&shape.name), "{}: {seen:?}", shape.name);
    }
}

/// Everybody writes words at many homes and meets; everybody reads all words and meets.
fn exchange(nodes: u32, threads: u32, rounds: u64) -> (Vec<Record>, Vec<(Addr, u64)>) {
    const WORDS: u64 = 3;
    let word = |thread: u32, n: u64| {
        // A line for each, at the next homes over.
        let page = u64::from((thread + 1 + u32::try_from(n).expect("small")) % nodes);
        Addr(page * 4096 + (u64::from(thread) * WORDS + n) * 64)
    };
    let (mut records, mut expected, mut slots) = (Vec::new(), Vec::new(), 1_u64 << 30);
    for thread in 0..threads {
        let mut push = |op| records.push(Record { thread: ThreadIdx(thread), op });
        for round in 1..=rounds {
            for n in 0..WORDS {
                let value = Some(round << 32 | u64::from(thread) << 8 | n);
                push(Op::Store { addr: word(thread, n), size: 8, value });
            }
            push(Op::Barrier { id: 1, members: threads });
            for other in 0..threads {
                for n in 0..WORDS {
                    push(Op::Copy { from: word(other, n), to: Addr(slots), bytes: 8 });
                    expected.push((Addr(slots), round << 32 | u64::from(other) << 8 | n));
                    slots += 64;
                }
            }
            push(Op::Barrier { id: 2, members: threads });
        }
    }
    (records, expected)
}

#[test]
fn behind_a_barrier_everybody_reads_what_everybody_wrote_before_it() {
    for (spec, _) in machines() {
        let nodes = u32::try_from(spec.fabric.node_ports.len()).expect("few nodes");
        for (threads, shuffle) in [(2, None), (5, Some(1)), (8, Some(2))] {
            let (records, expected) = exchange(nodes, threads, 3);
            let trace = Trace::from_records(records).expect("a sound trace");
            let options = Options { shuffle, ..Options::default() };
            let mut machine = Machine::new(&spec, &trace, options).expect("a sound machine");
            machine.run().expect("a sound run");
            let told = format!("{}, {threads} threads", spec.name);
            assert!(machine.summary().checks.clean(), "{told}");
            for (slot, value) in expected {
                assert_eq!(machine.value(slot.line()).word(0, 8), value, "{told}, {slot}");
            }
        }
    }
}
