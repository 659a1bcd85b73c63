//! Multicasts and reductions on whole networks.

mod deadlock;
mod folds;
mod multicast;
mod reduction;
mod support;
