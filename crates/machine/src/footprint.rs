//! How much of the emulator's own memory a machine takes, from the sizes of what it is built from.
//!
//! What is under way (flits, packets, messages, waiting accesses) is on top; it is bounded by credits, MSHRs and
//! windows, and small beside caches. Allocators of routers that are not plain are not counted.

use clock::Domain;
use coherence::{CacheGeometry, Replacement};
use memory::FixedLatency;
use router::{Interface, router_bytes};
use topology::spec::MachineSpec;

use crate::memory_port::MemoryPort;
use crate::network::Wiring;
use crate::node::agent::Agent;
use crate::node::{Cache, Home, Node};
use crate::partition::layout::Layout;
use crate::stats::{Latency, Stats};

/// Bytes of the emulator's memory, by what they are for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Footprint {
    /// Ports of the largest router; all routers are as large.
    pub ports: usize,
    /// VCs of a port.
    pub vcs: usize,
    /// A router with its state of all lanes, without its ports' links.
    pub router: usize,
    /// A port, of a router or a node, with its link out.
    pub port: usize,
    /// Each flit on a link; as many as the far end has buffers for, at most.
    pub flit: usize,
    /// A node with nothing in its cache: interface, controllers, memory; without its ports' links.
    pub node: usize,
    /// What a full cache adds.
    pub cache: usize,
    /// Each line that a home was ever asked for, its value included.
    pub line: usize,
    /// Each thread.
    pub thread: usize,
    /// Statistics, once for each partition.
    pub statistics: usize,
    /// All routers, nodes and links, with empty caches and no threads; in one partition.
    pub machine: usize,
}

impl Footprint {
    /// Of a machine.
    pub fn of(spec: &MachineSpec) -> Self {
        let fabric = &spec.fabric;
        let classes = base::CLASS_COUNT;
        let vcs = u8::try_from(classes * usize::from(spec.router.vcs_per_class)).unwrap_or(u8::MAX);
        let ports = fabric.routers.iter().map(|r| r.ports.len()).max().unwrap_or(0);
        let node_ports = fabric.node_ports.iter().map(Vec::len).max().unwrap_or(0);
        let cache = &spec.accelerator.cache;
        let shape = CacheGeometry {
            sets: cache.sets,
            ways: cache.ways,
            replacement: Replacement::Lru,
            mshrs: cache.mshrs,
        };
        let (empty, full) = Cache::bytes(&shape);
        let (port, unit) = Wiring::BYTES;
        let port = port + Layout::LINK_BYTES;
        let router = router_bytes(ports, vcs) + unit + size_of::<Domain>();
        let memory =
            size_of::<MemoryPort<FixedLatency>>() + FixedLatency::bytes(spec.memory.channels);
        let of_memory = clock::Wheel::COMPONENT_BYTES;
        let interface = size_of::<Interface>() + Interface::bytes(node_ports, vcs);
        let node = size_of::<Node>() + interface + empty + memory + unit + of_memory;
        // Barriers have two histograms of their own.
        let (all_ports, statistics) = (fabric.links.len(), Stats::bytes() + 2 * Latency::bytes());
        Self {
            ports,
            vcs: vcs.into(),
            router,
            port,
            flit: phy::Links::<phy::Lossless>::BYTES.1,
            node,
            cache: full - empty,
            line: Home::LINE_BYTES,
            thread: size_of::<Agent>(),
            statistics,
            machine: statistics
                + fabric.routers.len() * router
                + fabric.node_ports.len() * node
                + all_ports * port,
        }
    }
}
