//! The files that the rules look at: those that git tracks, or all of them where there is no git.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// A file with more bytes than this is data, not text for people.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// A file of the checkout.
#[derive(Debug)]
pub(super) struct File {
    /// From the root, with `/` between names.
    pub(super) path: String,
    /// What it holds, if that is text of a length that people read.
    pub(super) text: Option<String>,
}

/// What the file's name ends in behind its last dot, or nothing.
pub(super) fn ending(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// The files of the checkout, sorted by path.
#[derive(Debug, Default)]
pub(super) struct Tree(Vec<File>);

impl Tree {
    /// Reads the checkout at `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut paths = match tracked(root) {
            Some(paths) => paths,
            None => walk(root)?,
        };
        paths.sort();
        // What is deleted but not yet committed is no longer there to be tidy.
        paths.retain(|path| root.join(path).is_file());
        let files = paths.into_iter().map(|path| File { text: text(&root.join(&path)), path });
        Ok(Self(files.collect()))
    }

    /// A tree of samples.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: Some((*text).to_owned()),
        };
        Self(files.iter().map(file).collect())
    }

    /// Every file.
    pub(super) fn files(&self) -> &[File] {
        &self.0
    }

    /// Every file that is text, with its text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|f| Some((f.path.as_str(), f.text.as_deref()?)))
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts().find(|(p, _)| *p == path).map(|(_, text)| text)
    }

    /// Whether `path` is a file, or a folder with files in it. The root is the empty path.
    pub(super) fn holds(&self, path: &str) -> bool {
        path.is_empty()
            || self.0.iter().any(|f| {
                f.path.strip_prefix(path).is_some_and(|r| r.is_empty() || r.starts_with('/'))
            })
    }
}

fn text(file: &Path) -> Option<String> {
    let length = std::fs::metadata(file).ok()?.len();
    if length > TEXT_BYTES_MAX {
        return None;
    }
    std::fs::read_to_string(file).ok().filter(|t| !t.contains('\0'))
}

/// What git tracks; nothing if this is no checkout of git's, or git is not there.
fn tracked(root: &Path) -> Option<Vec<String>> {
    let out = git(root, &["ls-files", "-z"])?;
    let paths: Vec<String> = out.split('\0').filter(|p| !p.is_empty()).map(String::from).collect();
    (!paths.is_empty()).then_some(paths)
}

/// A file's text in the last commit; nothing if it was not there.
pub(super) fn committed(root: &Path, path: &str) -> Option<String> {
    git(root, &["show", &format!("HEAD:./{path}")])
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let out = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Every file below `root` but git's own and what is built.
fn walk(root: &Path) -> Result<Vec<String>> {
    let (mut folders, mut files) = (vec![String::new()], Vec::new());
    while let Some(folder) = folders.pop() {
        let place = root.join(&folder);
        let entries = std::fs::read_dir(&place)
            .with_context(|| format!("cannot list {}", place.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", place.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if path == ".git" || path == "target" {
                continue;
            }
            let kind = entry.file_type().with_context(|| format!("cannot look at {path}"))?;
            if kind.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_of_the_name_alone() {
        for (path, expected) in [("a/b.rs", "rs"), ("a.b/c", ""), ("c", ""), ("a.b.md", "md")] {
            assert_eq!(ending(path), expected, "{path}");
        }
    }

    #[test]
    fn a_tree_holds_its_files_and_their_folders() {
        let tree = Tree::of(&[("crates/a/src/lib.rs", ""), ("README.md", "")]);
        for path in ["", "crates", "crates/a", "crates/a/src/lib.rs", "README.md"] {
            assert!(tree.holds(path), "{path}");
        }
        for path in ["crates/b", "crate", "README", "src/lib.rs"] {
            assert!(!tree.holds(path), "{path}");
        }
    }

    #[test]
    fn without_git_the_folder_is_walked_but_for_what_is_built() {
        let root = std::env::temp_dir().join(format!("xtask-tree-{}", std::process::id()));
        for folder in ["a/b", "target/debug", ".git", "a/target"] {
            std::fs::create_dir_all(root.join(folder)).expect("the temporary folder takes it");
        }
        for file in ["a/b/c.rs", "target/debug/x.rs", ".git/config", "a/target/y.rs", "z.md"] {
            std::fs::write(root.join(file), "text\n").expect("the temporary folder takes it");
        }
        std::fs::write(root.join("data"), b"\xff\0").expect("the temporary folder takes it");
        let tree = Tree(
            walk(&root)
                .expect("the folder can be listed")
                .into_iter()
                .map(|path| File { text: text(&root.join(&path)), path })
                .collect(),
        );
        std::fs::remove_dir_all(&root).expect("the folder can be removed");
        let mut paths: Vec<&str> = tree.files().iter().map(|f| f.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["a/b/c.rs", "a/target/y.rs", "data", "z.md"]);
        assert_eq!(tree.texts().count(), 3, "bytes that are no text have none");
    }
}
