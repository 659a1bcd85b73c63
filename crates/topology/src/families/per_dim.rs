//! A value for each dimension of a fabric: one for all, or a list.

use core::fmt;
use core::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, StrDeserializer, U64Deserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::error::{ErrorKind, Problem};

/// One value for all dimensions, or a list with one for each: `"wire"` or `["wire", "cable"]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PerDim<T> {
    /// The same in every dimension.
    Same(T),
    /// A value for each dimension, first dimension first.
    Each(Vec<T>),
}

impl<T> PerDim<T> {
    /// The value of every one of `dims` dimensions; `key` is of the list in errors.
    pub(crate) fn of(&self, key: &str, dims: usize) -> Result<Vec<&T>, Problem> {
        match self {
            Self::Same(all) => Ok(vec![all; dims]),
            Self::Each(list) if list.len() == dims => Ok(list.iter().collect()),
            Self::Each(list) => Err(Problem::new(
                ErrorKind::Value,
                key,
                format!("{} values are given for {dims} dimensions", list.len()),
                "give one value, or one for each dimension",
            )),
        }
    }
}

impl<T> PerDim<T> {
    /// The value of dimension `d`, below the dimensions for which [`of`](Self::of) was right.
    pub(crate) fn at(&self, d: usize) -> &T {
        match self {
            Self::Same(all) => all,
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
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for PerDim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = PerDim<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value, or a list with one for each dimension")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(StrDeserializer::new(text)).map(PerDim::Same)
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<Self::Value, E> {
                T::deserialize(U64Deserializer::new(n)).map(PerDim::Same)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(PerDim::Same)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
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
