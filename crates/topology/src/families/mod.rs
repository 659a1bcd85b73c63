//! Families of fabrics: each module has the form that a RON file fills in and its generator.

pub(crate) mod dragonfly;
pub(crate) mod grid;
pub(crate) mod hyperx;
mod per_dim;
pub(crate) mod slimfly;

pub use dragonfly::{Arrangement, Dragonfly, DragonflyRouting};
pub use hyperx::{HyperX, HyperXRouting};
pub use per_dim::PerDim;
pub use slimfly::{SlimFly, SlimFlyRouting};

const fn one() -> u32 {
    1
}
