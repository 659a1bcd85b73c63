//! The form of a directory and its elaboration: its levels, and what suits a number of nodes.

use serde::Deserialize;

use crate::describe::{Listing, Overflow};
use crate::error::{ErrorKind, Problem};
use crate::limits;
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

/// The directory of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum DirectoryForm {
    /// As [`Listing::FullMap`].
    #[default]
    FullMap,
    /// As [`Listing::Limited`].
    Limited {
        /// How many pointers.
        pointers: u16,
        /// What happens when there are more sharers.
        overflow: Overflow,
    },
    /// As [`Listing::Coarse`].
    Coarse {
        /// Nodes of a region.
        region: u16,
    },
    /// Homes of packages list the package's nodes, homes of the fabric list packages.
    TwoLevel {
        /// How homes of packages list nodes.
        inner: Listing,
        /// How homes of the fabric list packages.
        outer: Listing,
        /// Lines that a node's slice of its package's home keeps; any number where not given.
        #[serde(default)]
        package_lines: Option<u32>,
    },
    /// What suits the number of nodes.
    Default,
}

impl From<Listing> for DirectoryForm {
    fn from(listing: Listing) -> Self {
        match listing {
            Listing::FullMap => Self::FullMap,
            Listing::Limited { pointers, overflow } => Self::Limited { pointers, overflow },
            Listing::Coarse { region } => Self::Coarse { region },
        }
    }
}

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
    if spec.accelerator.protocol != spec::Protocol::default() {
        return Err(Problem::new(
            ErrorKind::Structure,
            "accelerator.protocol",
            "homes of packages know neither the owned state nor direct transfer",
            "leave `protocol` out, or choose a directory of one level",
        ));
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

/// Whether every level of a machine's directory can list whoever it has to: [`limits::LISTED_MAX`] at most.
///
/// # Errors
/// What is too many, and the mend.
pub fn listed(spec: &MachineSpec) -> Result<(), (String, String)> {
    let max = limits::LISTED_MAX;
    let nodes = u32::try_from(spec.fabric.node_ports.len()).unwrap_or(u32::MAX);
    let two_level = spec.accelerator.home.packages.is_some();
    let Some(package) = spec.package_nodes.filter(|_| two_level) else {
        let why = format!("it has {nodes} accelerators, and a directory of one level lists {max}");
        let mend = "give it two levels: `directory: Default` in `accelerator.home`, and \
                    `package_nodes: 16` beside `accelerator`";
        return if nodes <= max { Ok(()) } else { Err((why, mend.to_owned())) };
    };
    let packages = nodes / package.max(1);
    if packages > max {
        let why = format!("it has {packages} packages, and homes of the fabric list {max}");
        return Err((
            why,
            format!("make packages larger: `package_nodes: {}`", nodes.div_ceil(max)),
        ));
    }
    if package > max {
        let why = format!("a package has {package} accelerators, and its homes list {max}");
        return Err((why, format!("make packages smaller: `package_nodes: {max}` at most")));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Description;

    fn suited(name: &str, package_nodes: Option<u32>) -> Result<MachineSpec, String> {
        let mut d = Description::shipped(name).expect("it is shipped");
        d.accelerator.home.directory = DirectoryForm::Default;
        d.package_nodes = package_nodes;
        d.elaborate().map_err(|e| e.to_string())
    }

    #[test]
    fn what_suits_the_nodes_is_chosen() {
        let eight = suited("nvl8", None).expect("a machine").accelerator;
        assert_eq!(
            (eight.home.directory, eight.home.directory_lines),
            (spec::Listing::FullMap, None)
        );
        let of_64 = suited("mesh8x8", None).expect("a machine").accelerator;
        let lines = of_64.cache.sets * of_64.cache.ways;
        assert_eq!(of_64.home.directory_lines, Some(2 * lines));
        assert_eq!((of_64.home.directory, of_64.home.packages), (spec::Listing::FullMap, None));
        let pod = suited("pod1024", Some(32)).expect("a machine").accelerator;
        let lines = Some(2 * pod.cache.sets * pod.cache.ways);
        assert_eq!(
            pod.home.packages,
            Some(PackageHomeSpec { directory: spec::Listing::FullMap, lines })
        );
        // 32 packages: 4 pointers of 5 bits, so a vector of at most 20.
        let overflow = spec::Overflow::Coarse { region: 2 };
        assert_eq!(pod.home.directory, spec::Listing::Limited { pointers: 4, overflow });
        let without = suited("pod1024", None).expect_err("it has no packages");
        assert!(without.contains("package_nodes: 8"), "{without}");
    }

    #[test]
    fn each_level_lists_so_many() {
        let of =
            |name, package| listed(&suited(name, package).expect("a machine")).map_err(|e| e.1);
        assert_eq!(of("torus16x16x16", Some(16)), Ok(()));
        assert_eq!(of("torus16x16x16", Some(4)), Ok(()));
        let (small, large) = (of("torus16x16x16", Some(2)), of("torus16x16x16", Some(2048)));
        assert!(small.is_err_and(|mend| mend.contains("package_nodes: 4`")));
        assert!(large.is_err_and(|mend| mend.contains("package_nodes: 1024`")));
        let mut flat = Description::shipped("torus16x16x16").expect("it is shipped");
        flat.accelerator.home.directory = DirectoryForm::FullMap;
        let flat = listed(&flat.elaborate().expect("a machine"));
        assert!(flat.is_err_and(|(_, mend)| mend.contains("directory: Default")));
    }

    #[test]
    fn a_machine_can_be_given_packages_of_a_size_that_divides_it() {
        let spec = suited("nvl72", Some(8)).expect("a machine").with_packages(16, Some(3));
        assert_eq!(spec.package_nodes, Some(12));
        assert_eq!(spec.accelerator.home.packages.map(|p| p.lines), Some(Some(3)));
    }
}
