//! Which crate of this workspace may use which, and whether they do.
//!
//! The table is the one of ARCHITECTURE.md. It holds for every kind of dependency: a build script
//! or a test that needs a crate its own may not use crosses crates, and belongs in `tests`.

use std::fmt;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;

/// A crate and the crates it may use.
#[derive(Clone, Copy, Debug)]
struct Rule {
    name: &'static str,
    may_use: &'static [&'static str],
    why: &'static str,
}

const MODEL: &str = "models never depend on each other, they meet in `machine`";

/// The allowed edges. A crate stands below all that it may use: arrows point one way.
const RULES: [Rule; 15] = [
    Rule { name: "base", may_use: &[], why: "it is what all others stand on" },
    Rule { name: "clock", may_use: &["base"], why: "time knows nothing of what it moves" },
    Rule { name: "topology", may_use: &["base"], why: "a machine's shape is known without a run" },
    Rule { name: "phy", may_use: &["base", "clock"], why: MODEL },
    Rule { name: "router", may_use: &["base", "clock"], why: MODEL },
    Rule { name: "coherence", may_use: &["base", "clock"], why: MODEL },
    Rule { name: "memory", may_use: &["base", "clock"], why: MODEL },
    Rule { name: "physical", may_use: &["base", "topology"], why: MODEL },
    Rule { name: "traffic", may_use: &["base", "topology"], why: "work knows no machine" },
    Rule { name: "litmus", may_use: &[], why: "what a model allows is said without a machine" },
    Rule {
        name: "machine",
        may_use: &[
            "base",
            "clock",
            "topology",
            "phy",
            "router",
            "coherence",
            "memory",
            "physical",
            "traffic",
        ],
        why: "results leave the machine as values, whoever shows them",
    },
    Rule { name: "report", may_use: &["base"], why: "it shows values, wherever they come from" },
    Rule {
        name: "lockstep",
        may_use: &[
            "base",
            "clock",
            "topology",
            "phy",
            "router",
            "coherence",
            "memory",
            "physical",
            "traffic",
            "machine",
            "litmus",
            "report",
        ],
        why: "it is the facade of all the crates",
    },
    Rule {
        name: "tests",
        may_use: &[
            "base",
            "clock",
            "topology",
            "phy",
            "router",
            "coherence",
            "memory",
            "physical",
            "traffic",
            "machine",
            "litmus",
            "report",
            "lockstep",
        ],
        why: "it tests what crosses crates",
    },
    Rule { name: "xtask", may_use: &[], why: "it has to work while the crates do not build" },
];

/// One dependency between two crates of the workspace.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Edge {
    from: String,
    to: String,
    kind: String,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} ({} dependency)", self.from, self.to, self.kind)
    }
}

/// Compares the workspace with the table.
///
/// # Errors
/// Every edge or crate that the table does not know, each with its rule.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let metadata = workspace.metadata()?;
    let (crates, edges) = (crates(&metadata), edges(&metadata));
    let mut wrong: Vec<String> = crates.iter().filter_map(misnamed).collect();
    wrong.extend(edges.iter().filter_map(broken));
    for line in &wrong {
        eprintln!("{line}");
    }
    if !wrong.is_empty() {
        bail!("edges finds {} to mend", wrong.len());
    }
    println!("edges: {} between {} crates, all allowed", edges.len(), crates.len());
    Ok(())
}

/// A package's name and the folder of its manifest.
#[derive(Debug)]
struct Package {
    name: String,
    folder: String,
}

fn crates(metadata: &Value) -> Vec<Package> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .map(|p| {
            let manifest = p["manifest_path"].as_str().unwrap_or_default().replace('\\', "/");
            let folder = manifest.rsplit('/').nth(1).unwrap_or_default().to_owned();
            Package { name: p["name"].as_str().unwrap_or_default().to_owned(), folder }
        })
        .collect()
}

/// Every dependency between packages of the workspace, in `cargo metadata`'s order.
fn edges(metadata: &Value) -> Vec<Edge> {
    let packages = || metadata["packages"].as_array().into_iter().flatten();
    let ours: Vec<&str> = packages().filter_map(|p| p["name"].as_str()).collect();
    let mut edges = Vec::new();
    for package in packages() {
        let from = package["name"].as_str().unwrap_or_default();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            // By a dev-dependency on itself a crate has its tests see it with other features.
            if ours.contains(&to) && to != from {
                let kind = dependency["kind"].as_str().unwrap_or("normal").to_owned();
                edges.push(Edge { from: short(from).into(), to: short(to).into(), kind });
            }
        }
    }
    edges
}

/// The name in the table: packages in `crates/` wear the project's name before their own.
fn short(package: &str) -> &str {
    package.strip_prefix("lockstep-").unwrap_or(package)
}

/// Why a package does not fit the table, if so.
fn misnamed(package: &Package) -> Option<String> {
    let Package { name, folder } = package;
    if !RULES.iter().any(|r| r.name == short(name)) {
        return Some(format!(
            "crate `{name}` is not in the table of edges: give it a row in xtask/src/edges.rs and \
             ARCHITECTURE.md"
        ));
    }
    (short(name) != folder).then(|| {
        format!("crate `{name}` lies in a folder `{folder}`: they have to bear the same name")
    })
}

/// Why an edge may not be, if so.
fn broken(edge: &Edge) -> Option<String> {
    // A crate without a row is told of once, by its name.
    let rule = RULES.iter().find(|r| r.name == edge.from)?;
    if rule.may_use.contains(&edge.to.as_str()) {
        return None;
    }
    let allowed = match rule.may_use {
        [] => "no other crate".to_owned(),
        some => some.join(", "),
    };
    Some(format!("edge {edge}: `{}` may use {allowed}, as {}", rule.name, rule.why))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The metadata of packages that each depend on one other.
    fn sample(packages: &[(&str, &str, &str)]) -> Value {
        let packages: Vec<Value> = packages
            .iter()
            .map(|(name, to, kind)| {
                let kind = if *kind == "normal" { Value::Null } else { (*kind).into() };
                serde_json::json!({
                    "name": name,
                    "manifest_path": format!("/src/crates/{}/Cargo.toml", short(name)),
                    "dependencies": [{"name": to, "kind": kind}, {"name": "serde", "kind": null}],
                })
            })
            .collect();
        serde_json::json!({ "packages": packages })
    }

    #[test]
    fn edges_are_read_with_their_kind_and_foreign_crates_left_out() {
        let found = edges(&sample(&[
            ("lockstep-base", "anyhow", "normal"),
            ("lockstep-phy", "lockstep-base", "normal"),
            ("tests", "lockstep-phy", "dev"),
        ]));
        let shown: Vec<String> = found.iter().map(Edge::to_string).collect();
        assert_eq!(shown, ["phy -> base (normal dependency)", "tests -> phy (dev dependency)"]);
        assert!(found.iter().all(|e| broken(e).is_none()));
    }

    #[test]
    fn a_crate_may_depend_on_itself() {
        assert_eq!(edges(&sample(&[("lockstep-phy", "lockstep-phy", "dev")])), []);
    }

    #[test]
    fn a_model_that_uses_another_is_told_the_rule() {
        for kind in ["normal", "dev", "build"] {
            let metadata = sample(&[
                ("lockstep-router", "lockstep-phy", kind),
                ("lockstep-phy", "serde", "normal"),
            ]);
            let found = edges(&metadata);
            let said = broken(&found[0]).expect("the edge is not allowed");
            assert!(said.contains(&format!("router -> phy ({kind} dependency)")), "{said}");
            assert!(said.contains("`router` may use base, clock, as models never"), "{said}");
        }
    }

    #[test]
    fn a_crate_without_a_row_or_in_a_strange_folder_is_named() {
        let package =
            |name: &str, folder: &str| Package { name: name.into(), folder: folder.into() };
        assert!(misnamed(&package("lockstep-power", "power")).is_some_and(|s| s.contains("a row")));
        assert!(misnamed(&package("lockstep-phy", "link")).is_some_and(|s| s.contains("`link`")));
        assert_eq!(misnamed(&package("lockstep-phy", "phy")), None);
        assert_eq!(misnamed(&package("lockstep", "lockstep")), None);
        assert_eq!(misnamed(&package("xtask", "xtask")), None);
    }

    #[test]
    fn arrows_point_down_only() {
        for (row, rule) in RULES.iter().enumerate() {
            for used in rule.may_use {
                let above = RULES[..row].iter().any(|r| r.name == *used);
                assert!(above, "{} uses {used}, which no earlier row names", rule.name);
            }
        }
    }

    #[test]
    fn models_do_not_know_each_other() {
        let models = ["phy", "router", "coherence", "memory", "physical"];
        for rule in RULES.iter().filter(|r| models.contains(&r.name)) {
            assert!(!rule.may_use.iter().any(|u| models.contains(u)), "{}", rule.name);
        }
    }

    #[test]
    fn the_workspace_keeps_the_table() {
        let workspace = Workspace::find().expect("the checkout is there");
        run(&workspace).expect("every edge is in the table");
    }
}
