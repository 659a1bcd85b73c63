//! Machines for schedules, drawn.

use proptest::prelude::*;
use topology::Description;
use topology::schedule::Transfer;
use topology::spec::{LinkTiming, MachineSpec};

use base::arch::{Allocation, Arbitration, Switching, VcReuse};
use base::{Fs, NodeIdx};
use topology::describe::{FabricForm, LinkForm};
use topology::names::Named;

/// A machine to be scheduled on.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    fabric: &'static str,
    /// RC, VA, SA, ST, credits.
    stages: [u32; 5],
    vcs: u8,
    /// Latency, interval and buffer of wires to nodes and between routers.
    local: (u32, u32, u32),
    link: (u32, u32, u32),
    arch: (VcReuse, Switching, Allocation, Arbitration),
}

/// Fabrics whose nodes have one port, several, and several to one router.
pub(super) const FABRICS: [&str; 7] = [
    "Mesh(dims: [3, 3], local: \"local\", link: \"link\", clock: \"die\")",
    "Mesh(dims: [4, 2], local: \"local\", link: \"link\", clock: \"die\", routing: O1TURN)",
    "Torus(dims: [4, 3], local: \"local\", link: \"link\", clock: \"die\")",
    "FatTree(arity: 2, levels: 3, local: \"local\", link: \"link\", clock: \"die\")",
    "SwitchPlanes(accelerators: 7, switches: 1, links_per_pair: 1, link: \"local\", clock: \"die\")",
    "SwitchPlanes(accelerators: 5, switches: 3, links_per_pair: 1, link: \"local\", clock: \"die\")",
    "FullMesh(accelerators: 5, local: \"local\", local_links: 2, link: \"link\", clock: \"die\")",
];

/// The machine of one of [`FABRICS`] with routers of so many cycles a stage and VCs.
pub(super) fn machine(fabric: &str, change: impl FnOnce(&mut Description)) -> MachineSpec {
    let (_, text) = topology::SHIPPED.iter().find(|(n, _)| *n == "mesh8x8").expect("shipped");
    let from = text.find("fabric:").expect("a fabric");
    let text = format!("{}fabric: {fabric},\n)", &text[..from]);
    let wire = "\"wire\": OnDie(latency_cycles: 1, interval_cycles: 1, buffer_flits: 8)";
    let wires =
        format!("{}, {}", wire.replace("wire\"", "local\""), wire.replace("wire\"", "link\""));
    let text = text.replace(wire, &wires);
    let mut description = Description::from_ron("test", &text).expect("a description");
    change(&mut description);
    // A fabric without links between routers does not name their class.
    if matches!(description.fabric, FabricForm::SwitchPlanes(_)) {
        description.links.0.retain(|(name, _)| name == "local");
    }
    description.elaborate().expect("a machine")
}

/// Intervals above this stand for a serial link.
const SERIAL: u32 = 3;

/// A serial link that takes a flit of 32 bytes every 1.088 cycles of a nanosecond.
fn serial(latency_ns: u32) -> LinkTiming {
    LinkTiming::Serial {
        lanes: 1,
        lane_bits_per_s: 250_000_000_000,
        efficiency: (512, 544),
        serdes: Fs(u64::from(latency_ns) * 1_000_000),
        fec: Fs::ZERO,
        flight_per_m: Fs::ZERO,
    }
}

impl Drawn {
    pub(super) fn spec(&self) -> MachineSpec {
        let mut spec = machine(self.fabric, |d| {
            let [rc, va, sa, st, credit] = self.stages;
            let (vc_reuse, switching, allocator, arbiter) = self.arch;
            let r = &mut d.router;
            (r.rc_cycles, r.va_cycles, r.sa_cycles, r.st_cycles) = (rc, va, sa, st);
            (r.credit_cycles, r.vcs_per_class) = (credit, self.vcs);
            (r.vc_reuse, r.switching, r.arbiter) = (vc_reuse, switching, arbiter);
            (r.vc_allocator, r.switch_allocator) = (allocator, allocator);
            // Cut-through needs room for a packet of the machine's own, a line with its header.
            let least = if switching == Switching::VirtualCutThrough { 3 } else { 1 };
            let form = |(latency_cycles, interval_cycles, flits): (u32, u32, u32)| {
                LinkForm::OnDie { latency_cycles, interval_cycles, buffer_flits: flits.max(least) }
            };
            let all = [("local", form(self.local)), ("link", form(self.link))];
            d.links = Named(all.into_iter().map(|(n, f)| (n.to_owned(), f)).collect());
        });
        for class in &mut spec.fabric.classes {
            let (latency, interval, _) = if class.name == "local" { self.local } else { self.link };
            if interval > SERIAL {
                class.timing = serial(latency);
            }
        }
        spec
    }
}

/// Machines of all kinds.
pub(super) fn drawn() -> impl Strategy<Value = Drawn> {
    let stages = (0_u32..=3, 1_u32..=3, 1_u32..=3, 1_u32..=3, 0_u32..=2);
    let interval = || prop_oneof![4 => Just(1_u32), 1 => 2_u32..=SERIAL, 1 => Just(SERIAL + 1)];
    let depth = || prop_oneof![1 => 1_u32..=12, 1 => 20_u32..=64];
    let wire = move || (1_u32..=9, interval(), depth());
    let reuse = prop_oneof![
        3 => Just(VcReuse::TailSent),
        1 => Just(VcReuse::TailCredit),
        1 => Just(VcReuse::Empty)
    ];
    let switching =
        prop_oneof![4 => Just(Switching::Wormhole), 1 => Just(Switching::VirtualCutThrough)];
    let allocation = prop_oneof![
        3 => Just(Allocation::InputFirst),
        1 => Just(Allocation::OutputFirst),
        1 => Just(Allocation::Islip { iterations: 2 }),
        1 => Just(Allocation::Wavefront),
    ];
    let arbitration = prop_oneof![3 => Just(Arbitration::RoundRobin), 1 => Just(Arbitration::Matrix), 1 => Just(Arbitration::Age)];
    let arch = (reuse, switching, allocation, arbitration);
    let rest = (prop::sample::select(FABRICS.to_vec()), 1_u8..=2, any::<bool>());
    (rest, stages, wire(), wire(), arch).prop_map(|(rest, stages, local, link, arch)| {
        let (fabric, half, plain) = rest;
        let (rc, va, sa, st, credit) = stages;
        let (va, sa) = if plain { (1, 1) } else { (va, sa) };
        // Rings and XY-YX need two groups of VCs.
        Drawn { fabric, stages: [rc, va, sa, st, credit], vcs: 2 * half, local, link, arch }
    })
}

/// Transfers to be planned among so many nodes: sources, how far on, flits, and whether they wait for
/// something that arrived there.
pub(super) fn transfers(nodes: u32, drawn: &[(u32, u32, u32, bool)]) -> Vec<Transfer> {
    let mut all: Vec<Transfer> = Vec::new();
    for &(src, on, flits, waits) in drawn {
        let src = src % nodes;
        let dst = (src + 1 + on % (nodes - 1)) % nodes;
        let before = all.iter().rposition(|t| waits && t.dst.0 == src);
        all.push(Transfer {
            src: NodeIdx(src),
            dst: NodeIdx(dst),
            flits,
            release: None,
            flow: 0,
            path: None,
            after: before.into_iter().collect(),
        });
    }
    all
}
