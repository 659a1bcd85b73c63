//! Reading [`PerSwitch`]: a number, or a list.

use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::describe::PerSwitch;

impl<'de> Deserialize<'de> for PerSwitch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = PerSwitch;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of links, or a list with one for each switch")
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<PerSwitch, E> {
                u32::try_from(n).map(PerSwitch::Same).map_err(|_| E::custom("too many links"))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PerSwitch, A::Error> {
                let mut each = Vec::new();
                while let Some(n) = seq.next_element()? {
                    each.push(n);
                }
                Ok(PerSwitch::Each(each))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
