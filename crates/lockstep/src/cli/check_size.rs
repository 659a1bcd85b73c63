//! What `check --size` says of the emulator's memory.

use core::fmt;

use machine::Footprint;
use serde::Serialize;
use topology::spec::MachineSpec;

/// Bytes that a machine takes in the emulator.
#[derive(Serialize)]
pub(crate) struct Size {
    /// A router with its state of all VCs of all ports, without its links.
    router_bytes: usize,
    /// A router with its ports and their links out.
    router_with_ports_bytes: usize,
    /// A port with its link out.
    port_bytes: usize,
    /// Each flit on a link.
    flit_bytes: usize,
    /// A node with an empty cache, without its links.
    node_bytes: usize,
    /// What a full cache adds.
    cache_bytes: usize,
    /// Each line that a home was ever asked for.
    line_bytes: usize,
    /// Each thread of a trace.
    thread_bytes: usize,
    /// The machine with empty caches.
    machine_bytes: usize,
    #[serde(skip)]
    shape: (usize, usize),
}

impl Size {
    /// That of `spec`.
    pub(crate) fn of(spec: &MachineSpec) -> Self {
        let f = Footprint::of(spec);
        Self {
            router_bytes: f.router,
            router_with_ports_bytes: f.router + f.ports * f.port,
            port_bytes: f.port,
            flit_bytes: f.flit,
            node_bytes: f.node,
            cache_bytes: f.cache,
            line_bytes: f.line,
            thread_bytes: f.thread,
            machine_bytes: f.machine,
            shape: (f.ports, f.vcs),
        }
    }
}

/// In KiB.
fn kib(bytes: usize) -> f64 {
    bytes as f64 / 1024.0
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ports, vcs) = self.shape;
        writeln!(
            f,
            "  emulator         {:.1} KiB a router of {ports} ports x {vcs} VCs, {:.1} with its links ({} B a port, \
             {} B a flit on a link)",
            kib(self.router_bytes),
            kib(self.router_with_ports_bytes),
            self.port_bytes,
            self.flit_bytes
        )?;
        writeln!(
            f,
            "                   {:.1} KiB a node, {:.1} more with a full cache; {} B a line at home, {} B a thread",
            kib(self.node_bytes),
            kib(self.cache_bytes),
            self.line_bytes,
            self.thread_bytes
        )?;
        let mib = kib(self.machine_bytes) / 1024.0;
        writeln!(f, "                   {mib:.1} MiB the machine with empty caches")
    }
}
