//! Elaboration of a directory: its levels, and what suits a number of nodes.

use crate::describe::{DirectoryForm, Listing, Overflow};
use crate::error::{ErrorKind, Problem};
use crate::spec::{self, MachineSpec, PackageHomeSpec};
use crate::validate::{self, range};

const KEY: &str = "accelerator.home.directory";

/// Nodes up to which a full map of all lines is small: an entry is 11 bits of a line's 512.
const FULL_MAP_NODES: usize = 8;
/// Nodes up to which a full map is worth its bits if it has entries for cached lines only.
const SPARSE_NODES: usize = 64;
/// Entries for each line of the caches. ASSUMED: twice as many leave few lines recalled (Gupta et al. 1990).
const SPARSE_FACTOR: u32 = 2;
/// Pointers of an entry before it turns coarse: most lines have few sharers (Gupta et al. 1990).
const POINTERS: u16 = 4;

/// Writes the directory of a machine with its nodes into its spec, and checks it.
pub(crate) fn fill_in(spec: &mut MachineSpec, form: DirectoryForm) -> Result<(), Problem> {
    let one = |home: &mut spec::HomeSpec, l: Listing| home.directory = listing(l);
    let home = &mut spec.accelerator.home;
    match form {
        DirectoryForm::FullMap => one(home, Listing::FullMap),
        DirectoryForm::Limited { pointers, overflow } => {
            one(home, Listing::Limited { pointers, overflow });
        }
        DirectoryForm::Coarse { region } => one(home, Listing::Coarse { region }),
        DirectoryForm::TwoLevel { inner, outer, package_lines } => {
            one(home, outer);
            let directory = listing(inner);
            home.packages = Some(PackageHomeSpec { directory, lines: package_lines });
        }
        DirectoryForm::Default => suit(spec),
    }
    let home = &spec.accelerator.home;
    validate::listing(home.directory)?;
    let Some(packages) = home.packages else { return Ok(()) };
    validate::listing(packages.directory)?;
    if let Some(lines) = packages.lines {
        range("accelerator.home.directory.package_lines", u64::from(lines), 1, 1 << 30)?;
    }
    if spec.package_nodes.is_none() {
        return Err(Problem::new(
            ErrorKind::Structure,
            KEY,
            "a directory of two levels needs packages",
            "say how many nodes a package has: `package_nodes: 8` beside `accelerator`",
        ));
    }
    Ok(())
}

/// 8 nodes: a full map. 64: one with entries for cached lines only. More: two levels of these, 4 pointers to
/// packages and then a coarse vector.
fn suit(spec: &mut MachineSpec) {
    let nodes = spec.fabric.node_ports.len();
    let cache = &spec.accelerator.cache;
    let sparse = cache.sets.saturating_mul(cache.ways).saturating_mul(SPARSE_FACTOR);
    let home = &mut spec.accelerator.home;
    home.directory = spec::Listing::FullMap;
    if nodes <= FULL_MAP_NODES {
        return;
    }
    home.directory_lines = home.directory_lines.or(Some(sparse));
    if nodes <= SPARSE_NODES {
        return;
    }
    home.packages =
        Some(PackageHomeSpec { directory: spec::Listing::FullMap, lines: Some(sparse) });
    let package = spec.package_nodes.unwrap_or(1).max(1);
    let packages = u32::try_from(nodes).unwrap_or(u32::MAX) / package;
    // A vector that takes no more bits than the pointers.
    let bits = u32::from(POINTERS) * packages.max(2).next_power_of_two().trailing_zeros();
    let region = u16::try_from(packages.div_ceil(bits).max(1)).unwrap_or(u16::MAX);
    home.directory =
        spec::Listing::Limited { pointers: POINTERS, overflow: spec::Overflow::Coarse { region } };
}

/// A listing.
fn listing(listing: Listing) -> spec::Listing {
    match listing {
        Listing::FullMap => spec::Listing::FullMap,
        Listing::Coarse { region } => spec::Listing::Coarse { region },
        Listing::Limited { pointers, overflow } => spec::Listing::Limited {
            pointers,
            overflow: match overflow {
                Overflow::Broadcast => spec::Overflow::Broadcast,
                Overflow::Recall => spec::Overflow::Recall,
                Overflow::Coarse { region } => spec::Overflow::Coarse { region },
            },
        },
    }
}
