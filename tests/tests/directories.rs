//! Every way of listing sharers, in machines: coherent to the end, and it costs what it should.

use lockstep::prelude::*;
use lockstep::topology::describe::{FabricForm, Listing, Overflow};
use lockstep::topology::units::Size;

const LISTINGS: [Listing; 6] = [
    Listing::FullMap,
    Listing::Limited { pointers: 1, overflow: Overflow::Broadcast },
    Listing::Limited { pointers: 2, overflow: Overflow::Recall },
    Listing::Limited { pointers: 2, overflow: Overflow::Coarse { region: 4 } },
    Listing::Coarse { region: 4 },
    Listing::Coarse { region: 1 },
];

/// A mesh of small caches, so that there are evictions.
fn mesh(dims: &[u32], listing: Listing) -> MachineSpec {
    let mut d = Description::mesh8x8();
    if let FabricForm::Mesh(grid) = &mut d.fabric {
        grid.dims = dims.to_vec();
    }
    d.accelerator.cache.size = Size(4096);
    d.accelerator.cache.ways = 4;
    d.accelerator.home.directory = listing;
    d.elaborate().expect("a sound machine")
}

/// Threads that read the same words, write some of them and count.
fn sharing(threads: u32, steps: u32) -> Trace {
    let op = |thread: u32, step: u32| {
        let draw = base_draw(thread, step);
        let addr = Addr(u64::from(draw % 96) * 64);
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

fn packets(dims: &[u32], listing: Listing, steps: u32) -> u64 {
    let spec = mesh(dims, listing);
    let nodes = u32::try_from(spec.fabric.node_ports.len()).expect("few nodes");
    let trace = sharing(nodes, steps);
    let mut machine = Machine::new(&spec, &trace, Options::default()).expect("a machine");
    machine.run().expect("it comes to rest");
    let summary = machine.summary();
    assert!(summary.checks.clean(), "{listing:?}: {:?}", summary.checks);
    summary.packets
}

/// A coarse vector of single nodes is a full map; lists that name too many send more.
#[test]
fn every_listing_is_coherent_and_those_that_name_too_many_send_more() {
    let [full, broadcast, recall, limited, coarse, single] =
        LISTINGS.map(|listing| packets(&[4, 4], listing, 60));
    assert!(full < limited && limited <= broadcast, "{full} {limited} {broadcast}");
    assert!(full < coarse, "{full} {coarse}");
    assert!(full != recall, "pointers are never recalled");
    assert!(single >= full, "{single} {full}");
}

#[test]
fn every_listing_is_coherent_with_64_nodes() {
    for listing in LISTINGS {
        packets(&[8, 8], listing, 12);
    }
}

#[test]
#[ignore = "deep: machines of 512 and 1024 nodes"]
fn every_listing_is_coherent_with_512_and_1024_nodes() {
    for listing in LISTINGS {
        packets(&[16, 32], listing, 6);
        packets(&[32, 32], listing, 4);
    }
}
