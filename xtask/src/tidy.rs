//! The house style, as tests over the files that git tracks.
//!
//! Each rule is a function from the [`Tree`] of files to its [`Finding`]s, in a module of its own;
//! none of them touches the disk, so each is tested over small samples.

mod layout;
mod lengths;
mod links;
mod ratchet;
mod source;
mod text;
mod tree;
mod words;

use std::fmt;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use tree::Tree;

/// One thing to mend. `line` counts from 1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Holds every rule against the checkout.
///
/// # Errors
/// How many findings there are, after telling each.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(workspace.root())?;
    let committed = tree::committed(workspace.root(), ratchet::LIST);
    let mut findings = findings(&tree, committed.as_deref());
    findings.sort();
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy finds {} to mend", findings.len());
    }
    println!("tidy: {} files, nothing to mend", tree.files().len());
    Ok(())
}

/// All that the rules find. `committed` is the list of exceptions as last committed.
fn findings(tree: &Tree, committed: Option<&str>) -> Vec<Finding> {
    let mut all = ratchet::check(tree, &lengths::measure(tree), committed);
    all.extend(text::check(tree));
    all.extend(words::check(tree));
    all.extend(links::check(tree));
    all.extend(layout::check(tree));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_where_and_what() {
        assert_eq!(Finding::new("a/b.rs", 3, "mend it").to_string(), "a/b.rs:3: mend it");
    }

    #[test]
    fn every_rule_is_asked() {
        let long = format!("fn f() {{\n{}}}\t\ntodo!();\n", "x();\n".repeat(80));
        let page = concat!("[gone](gone.md) /wo", "rk/x\n");
        let tree = Tree::of(&[("crates/a/src/lib.rs", &long), ("README.md", page)]);
        let found: Vec<String> = findings(&tree, None).iter().map(Finding::to_string).collect();
        for part in [
            "function `f` has 82 lines",
            "tab",
            "trailing whitespace",
            "todo!",
            "no module docs",
            "gone.md",
            "workplace",
            "missing",
        ] {
            assert!(found.iter().any(|f| f.contains(part)), "no `{part}` in {found:#?}");
        }
    }
}
