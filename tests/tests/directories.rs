//! Every way of listing sharers, in machines: coherent to the end, and it costs what it should.

use lockstep::prelude::*;
use lockstep::topology::describe::{Atomics, FabricForm, Listing, Overflow};
use lockstep::topology::units::Size;

const LISTINGS: [Listing; 6] = [
    Listing::FullMap,
    Listing::Limited { pointers: 1, overflow: Overflow::Broadcast },
    Listing::Limited { pointers: 2, overflow: Overflow::Recall },
    Listing::Limited { pointers: 2, overflow: Overflow::Coarse { region: 4 } },
    Listing::Coarse { region: 4 },
    Listing::Coarse { region: 1 },
];

/// Entries of each home in the directories that are too small for their lines.
const FEW: u32 = 2;

/// A mesh of small caches, so that there are evictions.
fn mesh(dims: &[u32], listing: Listing, directory_lines: Option<u32>) -> MachineSpec {
    let mut d = Description::mesh8x8();
    if let FabricForm::Mesh(grid) = &mut d.fabric {
        grid.dims = dims.to_vec();
    }
    d.accelerator.cache.size = Size(4096);
    d.accelerator.cache.ways = 4;
    d.accelerator.home.directory = listing.into();
    d.accelerator.home.directory_lines = directory_lines;
    d.accelerator.home.interleave = Size(64);
    // A copy given up for a far atomic may be invalidated on the way; so in the roomy ones atomics are near.
    d.accelerator.atomics = if directory_lines.is_some() { Atomics::Far } else { Atomics::Near };
    d.elaborate().expect("a sound machine")
}

/// Threads that read the same words, write some of them and count.
fn sharing(threads: u32, steps: u32) -> Trace {
    let op = |thread: u32, step: u32| {
        let draw = base_draw(thread, step);
        // Twelve lines of each of eight homes.
        let (home, turn) = (draw % 8, draw / 8 % 12);
        let addr = Addr(u64::from(turn * threads + home) * 64);
        match draw / 96 % 8 {
            0 => Op::Store { addr, size: 8, value: None },
            1 => Op::Atomic { addr, size: 8, rmw: Rmw::Add(1) },
            _ => Op::Load { addr, size: 8 },
        }
    };
    let records = (0..steps).flat_map(|step| {
        (0..threads).map(move |t| Record { thread: ThreadIdx(t), op: op(t, step) })
    });
    Trace::from_records(records).expect("a trace")
}

fn base_draw(thread: u32, step: u32) -> u32 {
    let draw = lockstep::base::rng::draw(7, u64::from(thread), 0, u64::from(step));
    u32::try_from(draw >> 40).expect("24 bits")
}

/// Replays a trace and has everything checked.
fn replay(spec: &MachineSpec, trace: &Trace) -> Summary {
    let mut machine = Machine::new(spec, trace, Options::default()).expect("a machine");
    machine.run().expect("it comes to rest");
    let summary = machine.summary();
    assert!(summary.checks.clean(), "{:?}: {:?}", summary.directory, summary.checks);
    summary
}

fn shared(dims: &[u32], listing: Listing, directory_lines: Option<u32>, steps: u32) -> Summary {
    let spec = mesh(dims, listing, directory_lines);
    let nodes = u32::try_from(spec.fabric.node_ports.len()).expect("few nodes");
    replay(&spec, &sharing(nodes, steps))
}

/// Every organisation, with room for all lines and with too little, is coherent to the end, and its
/// counts are those that it can have.
fn every_organisation_is_coherent(dims: &[u32], steps: u32) {
    let nodes: u64 = dims.iter().map(|n| u64::from(*n)).product();
    for (listing, lines) in LISTINGS.into_iter().flat_map(|l| [(l, None), (l, Some(FEW))]) {
        let summary = shared(dims, listing, lines, steps);
        let d = &summary.directory;
        let pointers = matches!(listing, Listing::Limited { overflow: Overflow::Recall, .. });
        // A coarse vector, even of single nodes, keeps the bit of a node that evicts.
        let exact = pointers || listing == Listing::FullMap;
        let too_many = !exact && listing != Listing::Coarse { region: 1 };
        assert_eq!(d.pointer_recalls > 0, pointers, "{nodes}: {d:?}");
        assert!(d.extra_invalidations < d.invalidations, "{nodes}: {d:?}");
        assert!(!too_many || d.extra_invalidations > 0, "{nodes}: {d:?}");
        if let Some(few) = lines {
            assert!(d.capacity_recalls > 0 && d.lines_max <= few, "{nodes}: {d:?}");
            assert_eq!(d.storage_bits, nodes * u64::from(few * d.entry_bits), "{nodes}: {d:?}");
        } else {
            assert_eq!(d.capacity_recalls, 0, "{nodes}: {d:?}");
            assert!(!exact || d.extra_invalidations == 0, "{nodes}: {d:?}");
        }
    }
}

/// A coarse vector of single nodes is a full map; lists that name too many send more.
#[test]
fn lists_that_name_too_many_send_more() {
    let [full, broadcast, recall, limited, coarse, single] =
        LISTINGS.map(|listing| shared(&[4, 4], listing, None, 60).packets);
    assert!(full < limited && limited <= broadcast, "{full} {limited} {broadcast}");
    assert!(full < coarse, "{full} {coarse}");
    assert!(full != recall, "pointers are never recalled");
    assert!(single >= full, "{single} {full}");
}

/// One line of a machine of four: node 0 reads, then node 1, then node 0 writes. A list that names all
/// four has nodes 2 and 3 invalidated in vain.
#[test]
fn invalidations_and_bits_are_counted() {
    let addr = Addr(0);
    let barrier = |id| Op::Barrier { id, members: 2 };
    let ops = [
        (0, Op::Load { addr, size: 8 }),
        (0, barrier(0)),
        (1, barrier(0)),
        (1, Op::Load { addr, size: 8 }),
        (1, barrier(1)),
        (0, barrier(1)),
        (0, Op::Store { addr, size: 8, value: None }),
    ];
    let records = ops.map(|(thread, op)| Record { thread: ThreadIdx(thread), op });
    let trace = Trace::from_records(records).expect("a trace");
    let [all_of_4, pairs] = [4, 2].map(|region| Listing::Coarse { region });
    let one = |overflow| Listing::Limited { pointers: 1, overflow };
    for (listing, entry_bits, invalidations, extra) in [
        (Listing::FullMap, 4 + 3, 1, 0),
        (all_of_4, 1 + 3 + 1, 3, 2),
        (pairs, 2 + 3 + 1, 1, 0),
        (one(Overflow::Broadcast), 2 + 3 + 1, 3, 2),
        (one(Overflow::Coarse { region: 4 }), 2 + 3 + 1, 3, 2),
    ] {
        let d = replay(&mesh(&[2, 2], listing, None), &trace).directory;
        assert_eq!((d.invalidations, d.extra_invalidations), (invalidations, extra), "{d:?}");
        assert_eq!((d.entry_bits, d.storage_bits, d.lines_max), (entry_bits, entry_bits.into(), 1));
        assert_eq!((d.capacity_recalls, d.pointer_recalls), (0, 0), "{d:?}");
    }
}

/// Three lines of one home that has room for one, one after the other.
#[test]
fn recalls_for_room_are_counted() {
    let load = |line: u64| Op::Load { addr: Addr(line * 4 * 64), size: 8 };
    let records = (0..3).flat_map(|line| [load(line), Op::Fence]);
    let records = records.map(|op| Record { thread: ThreadIdx(0), op });
    let trace = Trace::from_records(records).expect("a trace");
    let d = replay(&mesh(&[2, 2], Listing::FullMap, Some(1)), &trace).directory;
    assert_eq!((d.capacity_recalls, d.lines_max), (2, 1), "{d:?}");
    assert_eq!((d.storage_bits_per_home, d.storage_bits), (4 + 3, 4 * (4 + 3)), "{d:?}");
}

#[test]
fn every_organisation_is_coherent_with_8_nodes() {
    every_organisation_is_coherent(&[2, 4], 200);
}

#[test]
fn every_organisation_is_coherent_with_64_nodes() {
    every_organisation_is_coherent(&[8, 8], 20);
}

#[test]
#[ignore = "deep: machines of 512 nodes"]
fn every_organisation_is_coherent_with_512_nodes() {
    every_organisation_is_coherent(&[16, 32], 6);
}

#[test]
#[ignore = "deep: machines of 1024 nodes"]
fn every_organisation_is_coherent_with_1024_nodes() {
    every_organisation_is_coherent(&[32, 32], 4);
}
