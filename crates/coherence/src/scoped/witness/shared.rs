//! How clocks that several writes share are written down: each by itself.

/// Clocks.
pub(super) mod one {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::super::Clocks;

    pub(in super::super) fn serialize<S: Serializer>(c: &Clocks, to: S) -> Result<S::Ok, S::Error> {
        c.as_ref().serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Clocks, D::Error> {
        Vec::deserialize(from).map(Arc::new)
    }
}

/// Clocks at package scope and at supernode scope, where there are any.
pub(super) mod pair {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::super::Clocks;

    pub(in super::super) fn serialize<S: Serializer>(
        c: &[Option<Clocks>; 2],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        c.each_ref().map(Option::as_deref).serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<[Option<Clocks>; 2], D::Error> {
        let pair = <[Option<Vec<u32>>; 2]>::deserialize(from)?;
        Ok(pair.map(|clocks| clocks.map(Arc::new)))
    }
}
