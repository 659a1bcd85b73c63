//! Why a load cannot be measured.

use base::NodeIdx;
use traffic::synthetic::SyntheticError;

use crate::BuildError;

/// A load that cannot be measured.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The network cannot be built on one clock.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The traffic has no meaning on the machine.
    #[error(transparent)]
    Traffic(#[from] SyntheticError),
    /// A lone packet never arrived.
    #[error(
        "a packet from {from} to {to}, alone in the network, did not arrive in {cycles} cycles"
    )]
    Lost {
        /// Its source.
        from: NodeIdx,
        /// Its destination.
        to: NodeIdx,
        /// Cycles waited.
        cycles: u64,
    },
}
