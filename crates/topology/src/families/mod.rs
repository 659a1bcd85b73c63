//! Families of fabrics: each module has the form that a RON file fills in and its generator.

pub(crate) mod dragonfly;
pub(crate) mod graph;
pub(crate) mod grid;
pub(crate) mod hierarchy;
pub(crate) mod hyperx;
mod per_dim;
pub(crate) mod slimfly;
pub(crate) mod tree;

pub use dragonfly::{Arrangement, Dragonfly, DragonflyRouting};
pub use graph::{GraphRouting, SourcePath};
pub use hierarchy::{GatewayChoice, Hierarchy};
pub use hyperx::{HyperX, HyperXRouting};
pub use per_dim::PerDim;
pub use slimfly::{SlimFly, SlimFlyRouting};
pub use tree::{Clos, FatTree, UpRouting};

const fn one() -> u32 {
    1
}
