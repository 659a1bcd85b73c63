//! Random programs that fight over few lines, on machines that are tight everywhere, and what must
//! come of them whatever the order in which things happen.
//!
//! A program is a row of phases. In each phase every thread does operations of its own; between
//! phases some of the threads meet at a barrier. Words at the start of some lines are counters:
//! only fetch-adds write them, while stores and copies write around them.

use std::collections::{BTreeMap, BTreeSet};

use lockstep::base::{Addr, Op, Record, Rmw, ThreadIdx};
use lockstep::traffic::Trace;
use proptest::collection::vec;
use proptest::prelude::*;

/// First byte of the lines that hold counters.
const COUNTERS: u64 = 0;
/// First byte of what copies write.
const COPIES: u64 = 1 << 20;
/// Bytes of a counter.
const COUNTER_BYTES: u64 = 8;

/// A program: what each thread does, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// `[thread]`
    pub threads: Vec<Vec<Op>>,
}

/// What must come of a program.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expected {
    /// Operations of any kind.
    pub operations: u64,
    /// Loads, the reading halves of copies among them.
    pub loads: u64,
    /// Stores, the writing halves of copies among them.
    pub stores: u64,
    /// Atomics.
    pub atomics: u64,
    /// Barriers released.
    pub barriers: u64,
    /// Counters: the address of each, and the sum of what was added.
    pub sums: Vec<(Addr, u64)>,
}

/// Operations before they have addresses: small numbers that a shrinker can make smaller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Load { line: u64, offset: u64, size: u8 },
    Store { line: u64, offset: u64, size: u8, value: Option<u64> },
    Add { line: u64, by: u64 },
    Other { line: u64, offset: u64, rmw: Rmw },
    Fence,
    Think(u32),
    Copy { line: u64, offset: u64, to: u64, bytes: u32 },
}

/// Programs of 1 to 16 threads.
pub fn programs() -> impl Strategy<Value = Program> {
    let shape = (1_usize..=16, 1_u64..=6, prop::sample::select(vec![64_u64, 128, 4096, 4160]));
    shape.prop_flat_map(|(threads, lines, stride)| {
        let meet = prop_oneof![2 => Just(u16::MAX), 1 => any::<u16>()];
        let phase = (vec(vec(step(lines), 0..12), threads), meet);
        vec(phase, 1..5).prop_map(move |phases| build(threads, stride, &phases))
    })
}

fn step(lines: u64) -> impl Strategy<Value = Step> {
    let rmw = prop_oneof![
        any::<u64>().prop_map(Rmw::Swap),
        (0_u64..3, 0_u64..3).prop_map(|(expected, new)| Rmw::Cas { expected, new }),
        any::<u64>().prop_map(Rmw::Add),
    ];
    prop_oneof![
        6 => (0..lines, 0_u64..64, 1_u8..=64)
            .prop_map(|(line, offset, size)| Step::Load { line, offset, size }),
        5 => (0..lines, COUNTER_BYTES..64, 1_u8..=64, any::<Option<u64>>())
            .prop_map(|(line, offset, size, value)| Step::Store { line, offset, size, value }),
        4 => (0..lines, 1_u64..1000).prop_map(|(line, by)| Step::Add { line, by }),
        2 => (0..lines, 1_u64..8, rmw)
            .prop_map(|(line, word, rmw)| Step::Other { line, offset: word * 8, rmw }),
        1 => Just(Step::Fence),
        1 => (0_u32..200).prop_map(Step::Think),
        1 => (0..lines, 0_u64..64, 0_u64..256, 1_u32..300)
            .prop_map(|(line, offset, to, bytes)| Step::Copy { line, offset, to, bytes }),
    ]
}

/// Puts phases together, with a barrier behind each for the threads whose bit is set. The same
/// threads meet at the same barrier, others at another.
fn build(threads: usize, stride: u64, phases: &[(Vec<Vec<Step>>, u16)]) -> Program {
    let mut all = vec![Vec::new(); threads];
    for (steps, meet) in phases {
        let meet = u32::from(*meet) & ((1 << threads) - 1);
        for (thread, steps) in steps.iter().enumerate() {
            all[thread].extend(steps.iter().map(|s| s.op(stride)));
            if meet >> thread & 1 == 1 {
                all[thread].push(Op::Barrier { id: meet, members: meet.count_ones() });
            }
        }
    }
    Program { threads: all }
}

impl Step {
    fn op(self, stride: u64) -> Op {
        let at = |line: u64, offset: u64| Addr(COUNTERS + line * stride + offset);
        match self {
            Self::Load { line, offset, size } => Op::Load { addr: at(line, offset), size },
            Self::Store { line, offset, size, value } => {
                // Into the next line, but never into a counter there.
                let room = if stride == 64 { 64 - offset } else { 64 };
                let room = u8::try_from(room).unwrap_or(u8::MAX);
                Op::Store { addr: at(line, offset), size: size.min(room), value }
            }
            Self::Add { line, by } => Op::Atomic { addr: at(line, 0), size: 8, rmw: Rmw::Add(by) },
            Self::Other { line, offset, rmw } => {
                Op::Atomic { addr: at(line, offset), size: 8, rmw }
            }
            Self::Fence => Op::Fence,
            Self::Think(cycles) => Op::Think { cycles },
            Self::Copy { line, offset, to, bytes } => {
                Op::Copy { from: at(line, offset), to: Addr(COPIES + to), bytes }
            }
        }
    }
}

impl Program {
    /// The program as a trace of records; `None` if it has none.
    ///
    /// # Panics
    /// If it is not sound.
    pub fn trace(&self) -> Option<Trace> {
        let records = self.threads.iter().enumerate().flat_map(|(thread, ops)| {
            let thread = ThreadIdx::new(thread);
            ops.iter().map(move |op| Record { thread, op: *op })
        });
        let records: Vec<Record> = records.collect();
        (!records.is_empty()).then(|| Trace::from_records(records).expect("a sound program"))
    }

    /// What must come of it.
    ///
    /// # Panics
    /// If a barrier lacks members.
    pub fn expected(&self) -> Expected {
        let mut e = Expected::default();
        let mut sums = BTreeMap::new();
        // Arrivals in 720,720ths of a barrier: every number of members up to 16 divides it.
        let mut arrivals = 0;
        for op in self.threads.iter().flatten() {
            e.operations += 1;
            match op.split().0 {
                Op::Load { .. } | Op::Acquire { .. } => e.loads += 1,
                Op::Store { .. } | Op::Release { .. } => e.stores += 1,
                Op::Atomic { addr, rmw, .. } => {
                    e.atomics += 1;
                    if addr.offset() == 0
                        && let Rmw::Add(by) = rmw
                    {
                        *sums.entry(addr).or_insert(0) += by;
                    }
                }
                Op::Copy { from, to, bytes } => {
                    let pieces = pieces(from, to, bytes);
                    e.loads += pieces;
                    e.stores += pieces;
                }
                Op::Barrier { members, .. } | Op::Reduce { members, .. } => {
                    arrivals += 720_720 / u64::from(members);
                }
                Op::Fence | Op::Order(_) | Op::Think { .. } | Op::At { .. } | Op::Package(_) => {}
            }
        }
        assert_eq!(arrivals % 720_720, 0, "every barrier has its members");
        e.barriers = arrivals / 720_720;
        e.sums = sums.into_iter().collect();
        e
    }
}

/// Pieces of a copy: stretches that end where a line of either side ends.
fn pieces(from: Addr, to: Addr, bytes: u32) -> u64 {
    let ends = |first: Addr| {
        let next = 64 - u64::from(first.offset());
        (next..u64::from(bytes)).step_by(64)
    };
    let all: BTreeSet<u64> = ends(from).chain(ends(to)).collect();
    all.len() as u64 + 1
}
