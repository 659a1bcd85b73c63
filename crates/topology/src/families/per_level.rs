//! A value for every level of a tree: one for all of them, or a list.

use core::fmt;
use core::marker::PhantomData;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IntoDeserializer, SeqAccess, Visitor};

use crate::error::{ErrorKind, Problem};

/// The same value on every level, or one for each, the lowest level first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PerLevel<T> {
    /// The same on every level.
    Same(T),
    /// One for each level.
    Each(Vec<T>),
}

impl<T> PerLevel<T> {
    /// The value of `level`.
    ///
    /// # Panics
    /// If there are fewer levels.
    pub fn of(&self, level: usize) -> &T {
        match self {
            Self::Same(value) => value,
            Self::Each(list) => &list[level],
        }
    }

    /// Refuses a list that is not of `levels` values.
    pub(crate) fn fits(&self, key: &str, levels: usize) -> Result<(), Problem> {
        match self {
            Self::Each(list) if list.len() != levels => Err(Problem::new(
                ErrorKind::Value,
                key,
                format!("{} values are given for {levels} levels of links", list.len()),
                "give one value, or one for each level, the lowest first",
            )),
            _ => Ok(()),
        }
    }

    /// The field as it is called in errors about `level`.
    pub(crate) fn field(&self, field: &str, level: usize) -> String {
        match self {
            Self::Same(_) => field.to_owned(),
            Self::Each(_) => format!("{field}[{level}]"),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for PerLevel<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = PerLevel<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value, or a list with one for each level")
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<PerLevel<T>, E> {
                T::deserialize(n.into_deserializer()).map(PerLevel::Same)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PerLevel<T>, E> {
                T::deserialize(text.into_deserializer()).map(PerLevel::Same)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<PerLevel<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(PerLevel::Each)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}
