//! Every request matrix of small sizes, in several states of the pointers.

use std::collections::BTreeMap;

use base::arch::{Allocation, Arbitration};

use super::{Bench, kinds};
use crate::alloc::{Allocator, AnyAllocator, Key, Matching};

/// Whether an allocator of this kind leaves no pair that could still be granted.
fn is_maximal(kind: Allocation, side: u8) -> bool {
    match kind {
        Allocation::Wavefront => true,
        Allocation::Islip { iterations } => iterations >= side,
        Allocation::InputFirst | Allocation::OutputFirst => false,
    }
}

/// What is wrong with the grants for the request matrix `bits`, bit `input * side + output`.
fn fault(bits: u32, side: usize, matching: &Matching, maximal: bool) -> Option<&'static str> {
    let asks = |input: usize, output: usize| bits >> (input * side + output) & 1 == 1;
    let (mut inputs, mut outputs) = (0_u32, 0_u32);
    for (input, output) in matching.pairs() {
        if !asks(input, output) {
            return Some("granted without a request");
        }
        if inputs >> input & 1 == 1 || outputs >> output & 1 == 1 {
            return Some("granted twice");
        }
        if matching.input_of(output) != Some(input) || matching.output_of(input) != Some(output) {
            return Some("the two directions differ");
        }
        inputs |= 1 << input;
        outputs |= 1 << output;
    }
    if bits != 0 && inputs == 0 {
        return Some("someone asks and nobody is granted");
    }
    let could = (0..side * side).any(|at| {
        let (input, output) = (at / side, at % side);
        asks(input, output) && inputs >> input & 1 == 0 && outputs >> output & 1 == 0
    });
    (maximal && could).then_some("not maximal")
}

fn decide(bench: &mut Bench<AnyAllocator>, bits: u32, side: usize) {
    bench.requests.clear();
    let mut rest = bits;
    while rest != 0 {
        let at = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        bench.requests.add(at / side, at % side, Key::EQUAL, 0);
    }
    bench.allocator.allocate(&bench.requests, &mut bench.matching);
}

/// Holds every matrix of `side` against an allocator in its present state.
fn check(kind: (Allocation, Arbitration), bench: &mut Bench<AnyAllocator>, side: u8) {
    let maximal = is_maximal(kind.0, side);
    let side = usize::from(side);
    for bits in 0..1_u32 << (side * side) {
        decide(bench, bits, side);
        let fault = fault(bits, side, &bench.matching, maximal);
        assert_eq!(fault, None, "{kind:?}, requests {bits:b}, {:?}", bench.allocator);
    }
}

#[test]
fn every_matrix_of_3_is_matched_in_every_state_that_two_commits_lead_to() {
    for kind in kinds(3) {
        let fresh = AnyAllocator::new(kind.0, kind.1, 3, 3);
        let mut states = BTreeMap::from([(format!("{fresh:?}"), fresh)]);
        for _ in 0..2 {
            for state in states.values().cloned().collect::<Vec<_>>() {
                // The single requests and three dense ones.
                for bits in (0..9).map(|at| 1 << at).chain([0b111_111_111, 0b110_011_101, 0b111]) {
                    let mut bench = Bench::new(state.clone(), 3, 3);
                    decide(&mut bench, bits, 3);
                    bench.allocator.commit(&bench.matching);
                    states.insert(format!("{:?}", bench.allocator), bench.allocator);
                }
            }
        }
        assert!(states.len() >= 3);
        for state in states.into_values() {
            check(kind, &mut Bench::new(state, 3, 3), 3);
        }
    }
}

#[test]
fn every_matrix_of_4_is_matched() {
    for kind in kinds(4) {
        let mut bench = Bench::any(kind, 4, 4);
        for bits in [0b0001_0011_0110_1101, 0b1111_0001_1000_0100] {
            decide(&mut bench, bits, 4);
            bench.allocator.commit(&bench.matching);
        }
        check(kind, &mut bench, 4);
    }
}

#[test]
fn what_is_checked_can_fail() {
    let mut bench = Bench::any((Allocation::InputFirst, Arbitration::RoundRobin), 2, 2);
    // Both inputs propose output 0; output 1 could go to input 1.
    decide(&mut bench, 0b1111, 2);
    assert_eq!(fault(0b1111, 2, &bench.matching, true), Some("not maximal"));
    assert_eq!(fault(0b1111, 2, &bench.matching, false), None);
    assert_eq!(fault(0b1110, 2, &bench.matching, false), Some("granted without a request"));
    bench.matching.clear();
    assert_eq!(fault(1, 2, &bench.matching, false), Some("someone asks and nobody is granted"));
}

#[test]
fn a_commit_of_nothing_changes_nothing() {
    for kind in kinds(4) {
        let mut bench = Bench::any(kind, 4, 4);
        decide(&mut bench, 0xffff, 4);
        bench.allocator.commit(&bench.matching);
        let before = bench.allocator.clone();
        decide(&mut bench, 0xffff, 4);
        for input in 0..4 {
            bench.matching.revoke(input);
        }
        bench.allocator.commit(&bench.matching);
        assert_eq!(bench.allocator, before, "{kind:?}");
    }
}
