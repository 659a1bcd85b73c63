//! Words that `verify` takes for directories, networks and symmetries.

use coherence::Listing;
use coherence::model::{Networks, Packages, Symmetry};

pub(super) fn symmetry(text: &str) -> Result<Symmetry, String> {
    let mut symmetry = Symmetry::NONE;
    for word in text.split(',') {
        match word.trim() {
            "caches" => symmetry.caches = true,
            "lines" => symmetry.lines = true,
            "values" => symmetry.values = true,
            other => return Err(format!("`{other}` is not caches, lines or values")),
        }
    }
    Ok(symmetry)
}

/// A directory of one level, or of two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Organisation {
    pub(super) packages: Option<Packages>,
    /// How the fabric's homes list sharers.
    pub(super) listing: Listing,
}

pub(super) fn organisation(text: &str) -> Result<Organisation, String> {
    let Some(levels) = text.strip_prefix("two-level") else {
        return Ok(Organisation { packages: None, listing: text.parse()? });
    };
    let mut parts = levels.strip_prefix(':').unwrap_or(levels).split(',');
    let mut next = |default| parts.next().filter(|part| !part.is_empty()).unwrap_or(default);
    let count = next("2");
    let count = count.parse().map_err(|_| format!("`{count}` is no number of packages"))?;
    let inner = next("full-map").parse()?;
    let listing = next("full-map").parse()?;
    match parts.next() {
        Some(more) => Err(format!("`{more}` is too much: packages, inner and outer listing")),
        None => Ok(Organisation { packages: Some(Packages { count, inner }), listing }),
    }
}

pub(super) fn networks(text: &str) -> Result<Networks, String> {
    match text {
        "shipped" => Ok(Networks::shipped(1)),
        "shipped@levels" => Ok(Networks::shipped(1).with_levels_apart()),
        text => text.parse(),
    }
}
