//! Files of seeds, each of which is a case.

use super::{Case, NODES_MAX, topologies};

/// Seeds, with the topologies that each is drawn from.
///
/// ```text
/// # Numbers by spaces or lines.
/// on nvl8 ring16
/// 17 18 203
/// ```
///
/// A case is a function of its seed and of the topologies to choose from. `on` says what these are for the
/// seeds after it, so that a file means the same cases when more topologies ship; seeds before any `on` are
/// drawn from all that ship.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SeedList {
    /// Topologies, by their names, and the seeds that are drawn from them.
    groups: Vec<(Vec<String>, Vec<u64>)>,
}

/// What is wrong with a file of seeds, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{line}:{column}: {what}")]
pub struct SeedError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in bytes.
    pub column: usize,
    /// What is wrong, and how to mend it.
    pub what: String,
}

impl SeedList {
    /// The seeds of a text.
    ///
    /// # Errors
    /// A word that is no number, or behind `on` no topology of at most [`NODES_MAX`] accelerators that
    /// ships; an `on` without names.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        let known = topologies();
        let mut groups = vec![(known.iter().map(|&n| n.to_owned()).collect(), Vec::new())];
        for (number, line) in text.lines().enumerate() {
            let wrong = |word: &str, what| {
                let column = word.as_ptr().addr() - line.as_ptr().addr() + 1;
                SeedError { line: number + 1, column, what }
            };
            let mut words =
                line.split('#').next().unwrap_or_default().split_whitespace().peekable();
            if words.next_if_eq(&"on").is_some() {
                let names: Vec<&str> = words.by_ref().collect();
                if let Some(name) = names.iter().find(|n| !known.contains(n)) {
                    let what = format!(
                        "`{name}` is no shipped topology of one level and at most {NODES_MAX} \
                         accelerators\n  mend: name one of {}",
                        known.join(", ")
                    );
                    return Err(wrong(name, what));
                }
                if names.is_empty() {
                    let what = "`on` names no topology\n  mend: write `on nvl8 ring16`".to_owned();
                    return Err(wrong(line.trim_start(), what));
                }
                groups.push((names.into_iter().map(str::to_owned).collect(), Vec::new()));
            }
            for word in words {
                let seed = word.parse().map_err(|_| {
                    wrong(word, format!("`{word}` is no seed\n  mend: write a decimal number"))
                })?;
                if let Some((_, seeds)) = groups.last_mut() {
                    seeds.push(seed);
                }
            }
        }
        groups.retain(|(_, seeds)| !seeds.is_empty());
        Ok(Self { groups })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|(_, seeds)| seeds.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The case of each, on the topologies of the file or on others instead.
    pub fn cases<'a>(&'a self, instead: &'a [&'a str]) -> impl Iterator<Item = Case> + use<'a> {
        self.groups.iter().flat_map(move |(names, seeds)| {
            let own: Vec<&str> = names.iter().map(String::as_str).collect();
            let names = if instead.is_empty() { own } else { instead.to_vec() };
            seeds.iter().map(move |&seed| Case::draw(seed, &names))
        })
    }
}
