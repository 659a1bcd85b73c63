//! A value for all dimensions, or a list with one for each.

use core::fmt;
use core::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer, U64Deserializer};
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use crate::error::{ErrorKind, Problem};

/// A value for all dimensions, or a list with one for each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PerDim<T> {
    /// The same for all.
    Same(T),
    /// One for each, first dimension first.
    Each(Vec<T>),
}

impl<T> PerDim<T> {
    /// The value of dimension `d`.
    ///
    /// # Panics
    /// If a list is too short; generators refuse such.
    pub(crate) fn of(&self, d: usize) -> &T {
        match self {
            Self::Same(value) => value,
            Self::Each(list) => &list[d],
        }
    }

    /// The key of dimension `d`'s value, for errors.
    pub(crate) fn key(&self, field: &str, d: usize) -> String {
        match self {
            Self::Same(_) => field.to_owned(),
            Self::Each(_) => format!("{field}[{d}]"),
        }
    }

    /// Refuses a list that is not as long as there are dimensions.
    pub(crate) fn fits(&self, key: &str, dims: usize) -> Result<(), Problem> {
        match self {
            Self::Each(list) if list.len() != dims => Err(Problem::new(
                ErrorKind::Value,
                key,
                format!("{} values are given for {dims} dimensions", list.len()),
                "give one value, or one for each dimension",
            )),
            _ => Ok(()),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for PerDim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = PerDim<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value, or a list with one for each dimension")
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<PerDim<T>, E> {
                T::deserialize(U64Deserializer::new(n)).map(PerDim::Same)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PerDim<T>, E> {
                T::deserialize(StrDeserializer::new(text)).map(PerDim::Same)
            }
            fn visit_borrowed_str<E: serde::de::Error>(
                self,
                text: &'de str,
            ) -> Result<PerDim<T>, E> {
                T::deserialize(BorrowedStrDeserializer::new(text)).map(PerDim::Same)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PerDim<T>, A::Error> {
                let mut each = Vec::new();
                while let Some(value) = seq.next_element()? {
                    each.push(value);
                }
                Ok(PerDim::Each(each))
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}
