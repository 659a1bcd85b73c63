//! Machines described in RON, elaborated into nodes, routers, links and routes.
//!
//! ```text
//! file.ron --parse--> Description --elaborate--> MachineSpec --check--> CheckReport
//! ```
//!
//! A [`Description`] names clocks and link classes and a generator of the fabric ([`describe`]).
//! Elaboration resolves the names, runs the generator and computes the routing ([`routing`]); its
//! result is plain data ([`spec`]). [`check()`] proves what can be proved without running:
//! connectivity and freedom from routing deadlock.
//!
//! This crate knows no clock edges, no protocol and no traffic; it computes what a machine is, not
//! what it does.
//!
//! ```
//! use topology::describe::{Description, FabricForm};
//!
//! let mut small = Description::mesh8x8();
//! if let FabricForm::Mesh(grid) = &mut small.fabric {
//!     grid.dims = vec![4, 2];
//! }
//! let machine = small.elaborate()?;
//! let report = topology::check(&machine)?;
//! assert_eq!((report.nodes, report.diameter), (8, 5));
//! # Ok::<(), topology::TopologyError>(())
//! ```

use std::path::Path;

mod barriers;
pub mod checks;
mod clocks;
pub mod collective;
mod counters;
pub mod describe;
pub mod directory;
mod elaborate;
mod error;
mod families;
mod generate;
pub mod limits;
mod locate;
pub mod names;
mod parse;
mod per_switch;
pub mod phy;
mod pipeline;
pub mod routing;
pub mod schedule;
mod shipped;
pub mod spec;
mod stretch;
pub mod units;
mod validate;
mod wiring;

pub use checks::{CheckReport, check};
pub use describe::Description;
pub use error::{ErrorKind, TopologyError};
pub use shipped::SHIPPED;
pub use stretch::DOUBLINGS_MAX;

use error::Problem;
use spec::MachineSpec;

/// Reads, elaborates and checks a topology file.
///
/// # Errors
/// The first thing that is wrong, placed in the file, with its mend; a machine whose checks fail is
/// refused.
pub fn load(path: impl AsRef<Path>) -> Result<MachineSpec, TopologyError> {
    let (name, text) = read(path.as_ref())?;
    parse(&name, &text)
}

/// As [`load`], with the report that [`check()`] would give, for the price of one proof.
///
/// # Errors
/// As [`load`].
pub fn load_and_check(path: impl AsRef<Path>) -> Result<(MachineSpec, CheckReport), TopologyError> {
    let (name, text) = read(path.as_ref())?;
    parse_and_check(&name, &text)
}

/// Elaborates and checks a topology given as RON text; `name` stands for the file in errors.
///
/// # Errors
/// As [`load`].
pub fn parse(name: &str, text: &str) -> Result<MachineSpec, TopologyError> {
    proved(name, text, checks::prove).map(|(spec, _)| spec)
}

/// As [`parse`], with the report that [`check()`] would give, for the price of one proof.
///
/// # Errors
/// As [`load`].
pub fn parse_and_check(
    name: &str,
    text: &str,
) -> Result<(MachineSpec, CheckReport), TopologyError> {
    proved(name, text, checks::examine)
}

/// The machine, and what `prove` says of it.
fn proved<T>(
    name: &str,
    text: &str,
    prove: fn(&MachineSpec) -> Result<T, Problem>,
) -> Result<(MachineSpec, T), TopologyError> {
    let place = |problem| TopologyError::keyed(name, text, problem);
    let spec = Description::from_ron(name, text)?.build().map_err(place)?;
    let proof = prove(&spec).map_err(place)?;
    Ok((spec, proof))
}

/// What is wrong with the value of `key` in a topology given as RON text, for checks that need more than the
/// description to tell; `name` stands for the file.
pub fn refusal(name: &str, text: &str, key: &str, what: &str, mend: &str) -> TopologyError {
    TopologyError::keyed(name, text, Problem::new(ErrorKind::Structure, key, what, mend))
}

/// Reads a topology file: its name for errors, and its text.
///
/// # Errors
/// If it cannot be read, or is too long.
pub fn text_of(path: impl AsRef<Path>) -> Result<(String, String), TopologyError> {
    read(path.as_ref())
}

fn read(path: &Path) -> Result<(String, String), TopologyError> {
    parse::read(path, &parse::MACHINE).map(|text| (path.display().to_string(), text))
}
