//! Names in a description: maps that keep the file's order, lookups that suggest what was meant.

use core::fmt;
use core::marker::PhantomData;
use std::collections::BTreeSet;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Named things, in the order of the file; a name occurs once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Named<T> {
    /// The place of `name`, if there is one of that name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(n, _)| n == name)
    }

    /// The thing called `name`.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.0.iter_mut().find(|(n, _)| n == name).map(|(_, t)| t)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(n, _)| n.as_str())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map such as {\"name\": ...}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut seen = BTreeSet::new();
                let mut all = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format!(
                            "`{name}` is defined twice\nremove or rename one of them"
                        )));
                    }
                    all.push((name, map.next_value()?));
                }
                Ok(Named(all))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// The candidate closest to `given`, if one is close enough to have been meant.
pub(crate) fn closest<'a>(
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const LONG: usize = 64;
    if given.len() > LONG {
        return None;
    }
    let reach = (given.chars().count() / 3).max(1);
    let given = given.to_lowercase();
    let edits = |c: &str| {
        let c = c.to_lowercase();
        let begun = given.len() >= 3 && (c.starts_with(&given) || given.starts_with(&c));
        let edits = distance(&given, &c);
        (edits <= reach || begun).then_some(edits)
    };
    candidates
        .into_iter()
        .filter(|c| (1..=LONG).contains(&c.len()))
        .filter_map(|c| edits(c).map(|d| (d, c)))
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// The mend for an unknown name: the closest one, or all there are.
pub(crate) fn suggest<'a>(
    given: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> String {
    const SHOWN: usize = 16;
    if let Some(meant) = closest(given, candidates.clone()) {
        return format!("did you mean `{meant}`?");
    }
    let mut list: Vec<String> = candidates.take(SHOWN + 1).map(|c| format!("`{c}`")).collect();
    if list.is_empty() {
        return "there are none to name".to_owned();
    }
    if list.len() > SHOWN {
        list.truncate(SHOWN);
        list.push("...".to_owned());
    }
    format!("use one of {}", list.join(", "))
}

/// Edits (insert, delete, replace, swap of neighbours) from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    let mut d = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i * width + j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = usize::from(a[i - 1] != b[j - 1]);
                let mut least = (d[(i - 1) * width + j] + 1)
                    .min(d[i * width + j - 1] + 1)
                    .min(d[(i - 1) * width + j - 1] + change);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(d[(i - 2) * width + j - 2] + 1);
                }
                least
            };
        }
    }
    d[a.len() * width + b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_is_suggested_and_a_far_one_is_not() {
        let names = ["nvlink4", "wire", "buffer_flits"];
        assert_eq!(closest("nvlnik4", names), Some("nvlink4"));
        assert_eq!(closest("buffer_flit", names), Some("buffer_flits"));
        assert_eq!(closest("xyz", names), None);
        assert_eq!(
            suggest("xyz", names.into_iter()),
            "use one of `nvlink4`, `wire`, `buffer_flits`"
        );
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(distance("lanes", "lnaes"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
