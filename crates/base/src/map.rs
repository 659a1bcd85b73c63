//! A hash map that cannot be walked in hash order.
//!
//! hashbrown's iteration order is an accident of the hash and of the history; walking it would let
//! that accident into results. Here iteration is by sorted key or absent.

use core::hash::{BuildHasherDefault, Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::rng::mix;

/// Hashes integers by multiplication and mixing; fixed, so runs repeat.
#[derive(Clone, Copy, Default, Debug)]
pub struct MixHasher(u64);

impl Hasher for MixHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.write_u64(u64::from(*b));
        }
    }
    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }
    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0 ^ word);
    }
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[expect(clippy::disallowed_types, reason = "the one place that wraps it")]
type Inner<K, V> = hashbrown::HashMap<K, V, BuildHasherDefault<MixHasher>>;

/// A map from `K` to `V` with constant-time access and no unordered iteration.
#[derive(Clone, Debug)]
pub struct Map<K, V>(Inner<K, V>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Inner::default())
    }
}

impl<K: Hash + Eq + Ord + Copy, V> Map<K, V> {
    /// An empty map with room for `capacity` entries.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Inner::with_capacity_and_hasher(capacity, BuildHasherDefault::default()))
    }

    /// The value of `key`.
    #[inline]
    pub fn get(&self, key: K) -> Option<&V> {
        self.0.get(&key)
    }

    /// The value of `key`, to change it.
    #[inline]
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.0.get_mut(&key)
    }

    /// The value of `key`, made by `make` if it is not there.
    #[inline]
    pub fn or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.0.entry(key).or_insert_with(make)
    }

    /// Sets the value of `key` and returns the one it replaces.
    #[inline]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Takes `key` out.
    #[inline]
    pub fn remove(&mut self, key: K) -> Option<V> {
        self.0.remove(&key)
    }

    /// Whether `key` is there.
    #[inline]
    pub fn contains(&self, key: K) -> bool {
        self.0.contains_key(&key)
    }

    /// How many entries there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries by ascending key. Sorts: for audits and reports, not for stepping.
    pub fn sorted(&self) -> Vec<(K, &V)> {
        let mut all = Vec::with_capacity(self.0.len());
        for (k, v) in &self.0 {
            all.push((*k, v));
        }
        all.sort_unstable_by_key(|(k, _)| *k);
        all
    }
}

/// As a list of pairs by ascending key.
impl<K: Hash + Eq + Ord + Copy + Serialize, V: Serialize> Serialize for Map<K, V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.sorted())
    }
}

impl<'de, K, V> Deserialize<'de> for Map<K, V>
where
    K: Hash + Eq + Ord + Copy + Deserialize<'de>,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(K, V)>::deserialize(from)?;
        let mut map = Self::with_capacity(pairs.len());
        for (key, value) in pairs {
            map.insert(key, value);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_by_key() {
        let mut m = Map::default();
        for k in [5_u64, 1, 9, 3] {
            m.insert(k, k * 10);
        }
        let keys: Vec<u64> = m.sorted().into_iter().map(|(k, _)| k).collect();
        assert_eq!(keys, [1, 3, 5, 9]);
        assert_eq!(m.remove(5), Some(50));
        assert!(!m.contains(5));
    }
}
