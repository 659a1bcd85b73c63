//! Families of fabrics: each module has the form that a RON file fills in and its generator.

pub(crate) mod grid;
mod per_dim;

pub use per_dim::PerDim;
