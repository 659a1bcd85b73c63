//! Routing functions of the shipped topologies.

/// Placeholder until the generators arrive.
#[derive(Clone, Debug)]
pub enum Routing {}
