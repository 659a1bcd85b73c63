//! Families of fabrics: for each, the form in which a file describes it and the generator of its
//! cables.

pub mod graph;
pub mod hierarchy;
pub mod per_level;
pub mod tree;
