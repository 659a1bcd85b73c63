//! What `check --size` says of the emulator's memory is what the emulator asks the system for.

use std::alloc::System;

use lockstep::base::{Op, Record, ThreadIdx};
use lockstep::machine::{Footprint, Machine, Options};
use lockstep::topology::Description;
use lockstep::topology::spec::MachineSpec;
use lockstep::traffic::Trace;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that `make` asked for and that are still in use when it is done.
fn held<T>(make: impl FnOnce() -> T) -> (usize, T) {
    let region = Region::new(COUNTED);
    let made = make();
    let change = region.change();
    (change.bytes_allocated - change.bytes_deallocated, made)
}

fn spec(name: &str) -> MachineSpec {
    Description::shipped(name).expect("shipped").elaborate().expect("a machine")
}

/// In one test: the count is of the whole process.
#[test]
fn sizes_are_what_is_asked_for_and_a_large_router_stays_small() {
    let only = Record { thread: ThreadIdx(0), op: Op::Fence };
    let trace = Trace::from_records([only]).expect("a trace");
    for name in ["nvl8", "nvl72", "mesh8x8", "torus4x4x4", "clos64", "pod1024"] {
        let spec = spec(name);
        let (description, _copy) = held(|| spec.clone());
        let build = || Machine::new(&spec, &trace, Options::default()).expect("a machine");
        let (all, _machine) = held(build);
        let (counted, told) = ((all - description) as f64, Footprint::of(&spec).machine as f64);
        let off = (told / counted - 1.0).abs();
        assert!(off < 0.1, "{name}: {told} bytes told, {counted} counted");
    }
    // A router of 64 ports with a VC for each of the five classes, its links out included.
    let f = Footprint::of(&spec("pod1024"));
    assert_eq!((f.ports, f.vcs), (64, 5));
    let whole = f.router + f.ports * f.port;
    assert!(whole < 64 << 10, "{whole} bytes");
    assert!(f.node < 64 << 10, "{} bytes", f.node);
}
