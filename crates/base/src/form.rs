//! The form of state: a hash over the names of all that is written down, in the order in which it is.
//!
//! postcard writes values without names, so state of one form, read as another's, may well fit: two counters
//! that were exchanged, a field with a new meaning and a new name. The form tells. Components give the names of
//! their fields ([`state!`](crate::state!)); plain data are asked for theirs by a deserializer that has nothing
//! to give but notes what it is asked for.

use core::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};

use crate::rng::mix;

/// How deep plain data are looked into.
const DEPTH_MAX: u32 = 32;

/// Takes in names.
#[derive(Clone, Debug)]
pub struct Form {
    hash: u64,
    /// Enums of the type that is looked at, and how many of their variants were looked into.
    enums: Vec<(&'static str, u32)>,
    depth: u32,
    /// Whether a variant was looked into that was not before.
    new: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self { hash: 0x6a09_e667_f3bc_c908, enums: Vec::new(), depth: 0, new: false }
    }
}

impl Form {
    /// The hash over all names so far.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// Takes in a name.
    pub fn name(&mut self, name: &str) {
        for byte in name.bytes() {
            self.hash = mix(self.hash ^ u64::from(byte));
        }
        self.hash = mix(self.hash ^ 0x100);
    }

    fn names(&mut self, names: &[&str]) {
        for name in names {
            self.name(name);
        }
    }

    /// Takes in what plain data of a type consist of.
    pub fn plain<T: DeserializeOwned>(&mut self) {
        self.enums.clear();
        loop {
            (self.depth, self.new) = (0, false);
            // A type that does not take what it is given has said what it is up to there.
            let _ = T::deserialize(Asked(&mut *self));
            if !self.new {
                return;
            }
        }
    }

    fn deeper(&mut self) -> Result<(), Ended> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(Ended) } else { Ok(()) }
    }

    /// Has so many values asked for.
    fn some<'de, V: Visitor<'de>>(&mut self, left: usize, visitor: V) -> Result<V::Value, Ended> {
        self.deeper()?;
        let value = visitor.visit_seq(Elements { form: self, left });
        self.depth -= 1;
        value
    }

    /// The variant of an enum of so many to look into: each once, then the first.
    fn variant(&mut self, name: &'static str, count: usize) -> u32 {
        if !self.enums.iter().any(|e| e.0 == name) {
            self.enums.push((name, 0));
        }
        let looked = self.enums.iter_mut().find(|e| e.0 == name).map(|e| &mut e.1);
        match looked {
            Some(next) if (*next as usize) < count => {
                *next += 1;
                self.new = true;
                *next - 1
            }
            _ => 0,
        }
    }
}

/// A type did not go on.
#[derive(Clone, Copy, Debug)]
struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the type takes no such value")
    }
}

impl core::error::Error for Ended {}

impl de::Error for Ended {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// What plain data ask for their parts.
struct Asked<'a>(&'a mut Form);

/// Plain values: each is noted by its kind and given as a one.
macro_rules! ones {
    ($($ask:ident $visit:ident $one:expr;)*) => {
        $(fn $ask<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
            self.0.name(stringify!($ask));
            visitor.$visit($one)
        })*
    };
}

impl<'de> de::Deserializer<'de> for Asked<'_> {
    type Error = Ended;

    ones! {
        deserialize_bool visit_bool true;
        deserialize_u8 visit_u8 1;
        deserialize_u16 visit_u16 1;
        deserialize_u32 visit_u32 1;
        deserialize_u64 visit_u64 1;
        deserialize_u128 visit_u128 1;
        deserialize_i8 visit_i8 1;
        deserialize_i16 visit_i16 1;
        deserialize_i32 visit_i32 1;
        deserialize_i64 visit_i64 1;
        deserialize_i128 visit_i128 1;
        deserialize_f32 visit_f32 1.0;
        deserialize_f64 visit_f64 1.0;
        deserialize_char visit_char 'a';
        deserialize_str visit_str "";
        deserialize_string visit_str "";
        deserialize_bytes visit_bytes &[];
        deserialize_byte_buf visit_bytes &[];
        deserialize_identifier visit_u32 0;
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Ended> {
        Err(Ended)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.0.name("option");
        self.0.deeper()?;
        let value = visitor.visit_some(Asked(&mut *self.0));
        self.0.depth -= 1;
        value
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.0.name("unit");
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Ended> {
        self.0.name(name);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Ended> {
        self.0.name(name);
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.0.name("list");
        self.0.some(1, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Ended> {
        self.0.name("tuple");
        self.0.some(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Ended> {
        self.0.name(name);
        self.0.some(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.0.name("map");
        self.0.deeper()?;
        let value = visitor.visit_map(Elements { form: &mut *self.0, left: 1 });
        self.0.depth -= 1;
        value
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Ended> {
        self.0.name(name);
        self.0.names(fields);
        self.0.some(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Ended> {
        self.0.name(name);
        self.0.names(variants);
        let at = self.0.variant(name, variants.len());
        visitor.visit_enum(Variant { form: self.0, at })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// So many elements of a list, or entries of a map.
struct Elements<'a> {
    form: &'a mut Form,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = Ended;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Ended> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Asked(&mut *self.form)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_> {
    type Error = Ended;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Ended> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Ended> {
        seed.deserialize(Asked(&mut *self.form))
    }
}

/// A variant of an enum.
struct Variant<'a> {
    form: &'a mut Form,
    at: u32,
}

impl<'de> de::EnumAccess<'de> for Variant<'_> {
    type Error = Ended;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Ended> {
        let at: de::value::U32Deserializer<Ended> = self.at.into_deserializer();
        Ok((seed.deserialize(at)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_> {
    type Error = Ended;

    fn unit_variant(self) -> Result<(), Ended> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Ended> {
        self.form.deeper()?;
        let value = seed.deserialize(Asked(&mut *self.form));
        self.form.depth -= 1;
        value
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Ended> {
        self.form.some(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Ended> {
        self.form.names(fields);
        self.form.some(fields.len(), visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! form {
        ($type:ty: $($item:item)*) => {{
            $(#[derive(serde::Deserialize)]
            #[expect(dead_code, reason = "only its form matters")]
            $item)*
            let mut form = Form::default();
            form.plain::<$type>();
            form.hash()
        }};
    }

    #[test]
    fn names_order_and_depth_count() {
        let all = [
            form!(A: struct A { x: u64, y: u64 }),
            form!(A: struct A { y: u64, x: u64 }),
            form!(A: struct A { x: u64, z: u64 }),
            form!(A: struct A { x: u64, y: u32 }),
            form!(A: struct A { x: u64 }),
            form!(Vec<A>: struct A { x: u64, y: u64 }),
            form!(Option<A>: struct A { x: u64, y: u64 }),
            form!((A, A): struct A { x: u64, y: u64 }),
            form!(B: struct A { x: u64, y: u64 } enum B { P, Q(A) }),
            form!(B: struct A { x: u64, z: u64 } enum B { P, Q(A) }),
            form!(B: struct A { x: u64, z: u64 } enum B { Q(A), P }),
            form!(B: enum B { P, Q { a: u8 } }),
            form!(B: enum B { P, Q { b: u8 } }),
            form!(std::collections::BTreeMap<u8, B>: enum B { P, Q { b: u8 } }),
        ];
        let different: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(form!(A: struct A { x: u64, y: u64 }), form!(A: struct A { x: u64, y: u64 }));
    }

    #[test]
    fn a_type_that_holds_itself_is_looked_into_so_far() {
        let own = form!(A: struct A { x: u8, next: Option<Box<A>> });
        assert_ne!(own, form!(A: struct A { y: u8, next: Option<Box<A>> }));
    }
}
