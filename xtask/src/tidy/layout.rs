//! The layout of the checkout, and the pages that describe it.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::Tree;

/// What the top of the checkout has to hold.
const REQUIRED: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", "README.md", "crates", "tests", "topologies", "traces", "xtask"];
/// What it may hold besides.
const ALLOWED: [&str; 12] = [
    ".cargo",
    ".ci",
    ".git",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "VALIDATION.md",
    "clippy.toml",
    "rustfmt.toml",
    "target",
];

/// Looks at what is where, and at what is described.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = top(tree);
    findings.extend(crates(tree));
    findings.extend(shipped(tree, "topologies"));
    findings.extend(shipped(tree, "traces"));
    findings
}

fn top(tree: &Tree) -> Vec<Finding> {
    let there: BTreeSet<&str> =
        tree.files().iter().filter_map(|f| f.path.split('/').next()).collect();
    let missing = REQUIRED.iter().filter(|name| !there.contains(*name));
    let strange = there.iter().filter(|name| !REQUIRED.contains(name) && !ALLOWED.contains(name));
    missing
        .map(|name| Finding::new(name, 1, "missing at the top of the checkout"))
        .chain(strange.map(|name| {
            Finding::new(name, 1, "not one of the entries that the top of the checkout holds")
        }))
        .collect()
}

/// Every crate is described in ARCHITECTURE.md.
fn crates(tree: &Tree) -> Vec<Finding> {
    const PAGE: &str = "ARCHITECTURE.md";
    let Some(page) = tree.text(PAGE) else { return Vec::new() };
    let names: BTreeSet<&str> = tree
        .files()
        .iter()
        .filter_map(|f| f.path.strip_prefix("crates/")?.split_once('/'))
        .map(|(name, _)| name)
        .collect();
    names
        .into_iter()
        .filter(|name| !page.contains(&format!("`{name}`")))
        .map(|name| Finding::new(PAGE, 1, format!("crate `{name}` is not described")))
        .collect()
}

/// Every file that ships in `folder` is described in a README.md beside it or above.
fn shipped(tree: &Tree, folder: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|f| f.path.split('/').next() == Some(folder)) {
        let mut parts: Vec<&str> = file.path.split('/').collect();
        let Some(name) = parts.pop().filter(|name| *name != "README.md") else { continue };
        let pages = (0..=parts.len()).filter_map(|depth| {
            let above = parts[..depth].iter().copied().chain(["README.md"]);
            tree.text(&above.collect::<Vec<_>>().join("/"))
        });
        let pages: Vec<&str> = pages.collect();
        if !pages.is_empty() && !pages.iter().any(|page| page.contains(name)) {
            let message = "no README.md beside it or above describes it";
            findings.push(Finding::new(&file.path, 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Vec<(&'static str, &'static str)> {
        vec![
            ("Cargo.toml", ""),
            ("Cargo.lock", ""),
            ("README.md", "Shipped: `ring.ron`."),
            ("ARCHITECTURE.md", "| `base` | ids |"),
            ("crates/base/src/lib.rs", ""),
            ("tests/src/lib.rs", ""),
            ("topologies/ring.ron", ""),
            ("traces/README.md", "`lu.ltr` is a trace."),
            ("traces/lu.ltr", ""),
            ("xtask/src/main.rs", ""),
        ]
    }

    #[track_caller]
    fn says(files: &[(&'static str, &'static str)], expected: &[&str]) {
        let found: Vec<String> = check(&Tree::of(files)).iter().map(Finding::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (finding, start) in found.iter().zip(expected) {
            assert!(finding.starts_with(start), "{finding}");
        }
    }

    fn with(file: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
        whole().into_iter().chain([file]).collect()
    }

    #[test]
    fn a_whole_checkout_passes() {
        says(&whole(), &[]);
        says(&with((".ci/run", "")), &[]);
    }

    #[test]
    fn the_top_holds_all_of_its_entries_and_no_other() {
        let without: Vec<_> = whole().into_iter().filter(|(p, _)| *p != "Cargo.lock").collect();
        says(&without, &["Cargo.lock:1: missing"]);
        says(&with(("notes.md", "")), &["notes.md:1: not one of"]);
        says(&with(("docs/a.md", "")), &["docs:1: not one of"]);
    }

    #[test]
    fn a_crate_is_described_in_the_architecture_page() {
        says(&with(("crates/phy/src/lib.rs", "")), &["ARCHITECTURE.md:1: crate `phy`"]);
        let without = with(("crates/phy/src/lib.rs", ""));
        let without: Vec<_> =
            without.into_iter().filter(|(p, _)| *p != "ARCHITECTURE.md").collect();
        says(&without, &[]);
    }

    #[test]
    fn what_ships_is_described_at_the_top_or_beside_it() {
        says(&with(("topologies/torus.ron", "")), &["topologies/torus.ron:1: no README.md"]);
        says(&with(("traces/own/lu.ltr", "")), &[]);
        says(&with(("traces/fft.ltr", "")), &["traces/fft.ltr:1: no README.md"]);
    }
}
