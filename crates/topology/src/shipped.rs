//! The shipped topologies, built in.

use crate::describe::Description;
use crate::error::TopologyError;
use crate::parse;

/// Name and RON text of every shipped topology.
pub const SHIPPED: [(&str, &str); 29] = [
    ("nvl8", include_str!("../../../topologies/nvl8.ron")),
    ("nvl72", include_str!("../../../topologies/nvl72.ron")),
    ("mesh8x8", include_str!("../../../topologies/mesh8x8.ron")),
    ("torus4x4x4", include_str!("../../../topologies/torus4x4x4.ron")),
    ("fullmesh8", include_str!("../../../topologies/fullmesh8.ron")),
    ("torus8x8", include_str!("../../../topologies/torus8x8.ron")),
    ("ring16", include_str!("../../../topologies/ring16.ron")),
    ("cmesh4x4x4", include_str!("../../../topologies/cmesh4x4x4.ron")),
    ("tpu-v4-cube", include_str!("../../../topologies/tpu-v4-cube.ron")),
    ("twisted_torus_4x4x8", include_str!("../../../topologies/twisted_torus_4x4x8.ron")),
    ("fattree4x3", include_str!("../../../topologies/fattree4x3.ron")),
    ("clos64", include_str!("../../../topologies/clos64.ron")),
    ("graph_updown", include_str!("../../../topologies/graph_updown.ron")),
    ("hierarchy_mesh_torus", include_str!("../../../topologies/hierarchy_mesh_torus.ron")),
    ("hierarchy_racks", include_str!("../../../topologies/hierarchy_racks.ron")),
    ("cloudmatrix384", include_str!("../../../topologies/cloudmatrix384.ron")),
    ("pod1024", include_str!("../../../topologies/pod1024.ron")),
    ("torus16x16x16", include_str!("../../../topologies/torus16x16x16.ron")),
    ("hyperx4x4x4", include_str!("../../../topologies/hyperx4x4x4.ron")),
    ("flatbutterfly4x4c4", include_str!("../../../topologies/flatbutterfly4x4c4.ron")),
    ("dragonfly72", include_str!("../../../topologies/dragonfly72.ron")),
    ("slimfly50", include_str!("../../../topologies/slimfly50.ron")),
    ("ub-mesh-rack", include_str!("../../../topologies/ub-mesh-rack.ron")),
    ("nvl8-framed", include_str!("../../../topologies/nvl8-framed.ron")),
    ("mi300x-8", include_str!("../../../topologies/mi300x-8.ron")),
    ("packages64", include_str!("../../../topologies/packages64.ron")),
    ("scoped64", include_str!("../../../topologies/scoped64.ron")),
    ("aligned8", include_str!("../../../topologies/aligned8.ron")),
    ("mesh16x16", include_str!("../../../topologies/mesh16x16.ron")),
];

impl Description {
    /// Reads a description from RON text; `name` stands for the file in errors.
    ///
    /// # Errors
    /// If it is not a description.
    pub fn from_ron(name: &str, text: &str) -> Result<Self, TopologyError> {
        parse::description(name, text)
    }

    /// A shipped topology by name, to be changed and elaborated.
    pub fn shipped(name: &str) -> Option<Self> {
        let (_, text) = SHIPPED.iter().find(|(n, _)| *n == name)?;
        Self::from_ron(name, text).ok()
    }

    /// 8 accelerators behind 4 switches.
    pub fn nvl8() -> Self {
        built_in("nvl8")
    }

    /// 72 accelerators with a link to each of 18 switches.
    pub fn nvl72() -> Self {
        built_in("nvl72")
    }

    /// An 8 by 8 on-die mesh.
    pub fn mesh8x8() -> Self {
        built_in("mesh8x8")
    }

    /// A cube of 64 accelerators as a torus.
    pub fn torus4x4x4() -> Self {
        built_in("torus4x4x4")
    }

    /// 8 accelerators, each linked to the seven others.
    pub fn fullmesh8() -> Self {
        built_in("fullmesh8")
    }
}

fn built_in(name: &str) -> Description {
    Description::shipped(name).expect("every shipped topology parses")
}
