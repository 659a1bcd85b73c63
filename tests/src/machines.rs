//! Machines that are tight everywhere: caches of a few lines, directories of a few entries, buffers
//! of a few flits, so that evictions, recalls and waiting for credits happen all the time.

use lockstep::topology::Description;
use lockstep::topology::describe::{
    Atomics, Cable, Consistency, FabricForm, Graph, GraphRouting, PerSwitch, Protocol, Replacement,
};
use lockstep::topology::names::Named;
use lockstep::topology::spec::MachineSpec;
use lockstep::topology::units::Size;
use proptest::prelude::*;

/// A fabric to build a tight machine on.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Shape {
    Shipped(&'static str),
    Mesh(Vec<u32>),
    Torus(Vec<u32>),
    Planes(u32, u32, u32),
    Tiers,
}

/// The knobs of a tight machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tight {
    shape: Shape,
    sets_log2: u32,
    ways_log2: u32,
    plru: bool,
    mshrs: u32,
    directory_lines: Option<u32>,
    buffer_flits: u32,
    window: u32,
    sequential: bool,
    far: bool,
    injection_packets: u32,
    protocol: Protocol,
}

/// Tight machines of every kind; on the shipped fabrics one time in three.
pub fn machines() -> impl Strategy<Value = Tight> {
    let names = ["nvl8", "nvl72", "mesh8x8", "torus4x4x4", "fullmesh8"];
    let shape = prop_oneof![
        3 => prop::sample::select(names.to_vec()).prop_map(Shape::Shipped),
        2 => prop::collection::vec(1_u32..4, 1..4).prop_map(|d| Shape::Mesh(two_or_more(d))),
        2 => prop::collection::vec(1_u32..5, 1..3).prop_map(|d| Shape::Torus(two_or_more(d))),
        1 => (2_u32..7, 1_u32..4, 1_u32..3).prop_map(|(a, s, l)| Shape::Planes(a, s, l)),
        1 => Just(Shape::Tiers),
    ];
    let cache = (0_u32..3, 0_u32..3, any::<bool>(), 2_u32..9);
    let rest = (prop::option::of(1_u32..6), 1_u32..12, 1_u32..=32, any::<bool>(), any::<bool>());
    let protocol = (any::<bool>(), any::<bool>());
    (shape, cache, rest, 1_u32..4, protocol).prop_map(|(shape, cache, rest, injected, protocol)| {
        let (sets_log2, ways_log2, plru, mshrs) = cache;
        let (directory_lines, buffer_flits, window, sequential, far) = rest;
        Tight {
            shape,
            sets_log2,
            ways_log2,
            plru,
            mshrs,
            directory_lines,
            buffer_flits,
            window,
            sequential,
            far,
            injection_packets: injected,
            protocol: Protocol { owned: protocol.0, direct: protocol.1 },
        }
    })
}

/// Extents of at least two accelerators.
fn two_or_more(mut dims: Vec<u32>) -> Vec<u32> {
    dims[0] += 1;
    dims
}

impl Tight {
    /// The machine.
    ///
    /// # Panics
    /// If it does not elaborate.
    pub fn spec(&self) -> MachineSpec {
        let mut d = self.description();
        for (_, class) in &mut d.links.0 {
            class.set_buffer_flits(self.buffer_flits);
        }
        let a = &mut d.accelerator;
        a.window = self.window;
        a.injection_packets = self.injection_packets;
        a.consistency =
            if self.sequential { Consistency::Sequential } else { Consistency::Relaxed };
        a.atomics = if self.far { Atomics::Far } else { Atomics::Near };
        a.protocol = self.protocol;
        a.cache.ways = 1 << self.ways_log2;
        a.cache.size = Size(64 << (self.ways_log2 + self.sets_log2));
        a.cache.replacement = if self.plru { Replacement::TreePlru } else { Replacement::Lru };
        a.cache.mshrs = self.mshrs;
        a.home.directory_lines = self.directory_lines;
        d.elaborate().expect("a sound machine")
    }

    fn description(&self) -> Description {
        match &self.shape {
            Shape::Shipped(name) => Description::shipped(name).expect("it is shipped"),
            Shape::Mesh(to) => {
                let mut d = Description::mesh8x8();
                if let FabricForm::Mesh(grid) = &mut d.fabric {
                    grid.dims.clone_from(to);
                }
                d
            }
            Shape::Torus(to) => {
                let mut d = Description::torus4x4x4();
                if let FabricForm::Torus(grid) = &mut d.fabric {
                    grid.dims.clone_from(to);
                }
                d
            }
            Shape::Planes(accelerators, switches, links) => {
                let mut d = Description::nvl8();
                if let FabricForm::SwitchPlanes(planes) = &mut d.fabric {
                    planes.accelerators = *accelerators;
                    planes.switches = *switches;
                    planes.links_per_pair = PerSwitch::Same(*links);
                }
                d
            }
            Shape::Tiers => {
                let mut d = Description::nvl8();
                d.fabric = FabricForm::Graph(two_tiers());
                d
            }
        }
    }
}

/// Three leaves of two nodes each under two spines.
fn two_tiers() -> Graph {
    let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let nodes = names(&["a0", "a1", "b0", "b1", "c0", "c1"]);
    let routers = names(&["a", "b", "c", "x", "y"]);
    let length = Some("1 m".parse().expect("a length"));
    let cable = |from: &str, to: &str, count| {
        let (from, to, link) = (from.to_owned(), to.to_owned(), "nvlink4".to_owned());
        Cable { from, to, link, length, count }
    };
    let mut links: Vec<Cable> = nodes.iter().map(|n| cable(n, &n[..1], 1)).collect();
    for leaf in ["a", "b", "c"] {
        links.extend([cable(leaf, "x", 1), cable(leaf, "y", 2)]);
    }
    let routers = Named(routers.into_iter().map(|r| (r, "switch".to_owned())).collect());
    Graph { nodes, routers, links, routing: GraphRouting::default() }
}
