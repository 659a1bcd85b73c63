//! Typed indices: a component is an index into its bank, and an index of one kind cannot be used
//! for another.

use core::fmt;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident($raw:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub struct $name(pub $raw);

        impl $name {
            /// The index as a `usize`, for subscripting a bank.
            #[inline]
            pub const fn at(self) -> usize {
                self.0 as usize
            }

            /// The index for position `at` of a bank.
            ///
            /// # Panics
            /// If `at` does not fit; banks are bounded far below that at elaboration.
            #[inline]
            pub fn new(at: usize) -> Self {
                Self(<$raw>::try_from(at).expect("bank index out of range"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

index!(
    /// An endpoint of the fabric: an accelerator with its cache, home slice and memory.
    NodeIdx(u32), "node"
);
index!(
    /// A router (or switch chip) of the fabric.
    RouterIdx(u32), "router"
);
index!(
    /// A port of a router or of a node's network interface, counted from 0 on each.
    PortIdx(u16), "port"
);
index!(
    /// A virtual channel of a port: `class * vcs_per_class + k`.
    VcIdx(u8), "vc"
);
index!(
    /// One direction of a link. Links come in pairs: the reverse of link `l` is `l ^ 1`.
    LinkIdx(u32), "link"
);
index!(
    /// A clock domain of the machine.
    DomainIdx(u16), "domain"
);
index!(
    /// A thread of a trace.
    ThreadIdx(u32), "thread"
);
index!(
    /// A packet in flight: its slot in the machine's packet slab.
    PacketIdx(u32), "packet"
);
index!(
    /// A group of nodes: the members of a multicast, or the contributors of a reduction.
    GroupIdx(u32), "group"
);

impl LinkIdx {
    #[must_use]
    /// The opposite direction of the same cable, which carries this direction's credits.
    #[inline]
    pub const fn reverse(self) -> Self {
        Self(self.0 ^ 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverse_of_a_link_is_its_pair_both_ways() {
        assert_eq!(LinkIdx(6).reverse(), LinkIdx(7));
        assert_eq!(LinkIdx(7).reverse(), LinkIdx(6));
    }

    #[test]
    fn an_index_prints_with_its_kind() {
        assert_eq!(format!("{} {:?}", NodeIdx(3), RouterIdx(4)), "node3 router4");
    }
}
