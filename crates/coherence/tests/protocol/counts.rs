//! What homes and caches count, on traces short enough to be counted by hand.

use base::Line;
use coherence::{
    Access, ByteWrite, CacheCounts, Config, Directory, HomeCounts, Listing, SharedEviction,
};

use crate::causes::Bench;

const LINE: Line = Line(5);
const STORE: Access<u8> = Access::Store(ByteWrite::Set(9));

fn with(listing: &str) -> Config {
    let listing: Listing = listing.parse().expect("a listing");
    Config { directory: Directory { listing, nodes: 3 }, ..Config::default() }
}

/// The invalidations that all caches got.
fn invalidations(bench: &Bench) -> CacheCounts {
    bench.caches.iter().fold(CacheCounts::default(), |sum, cache| CacheCounts {
        invalidations: sum.invalidations + cache.counts().invalidations,
        extra_invalidations: sum.extra_invalidations + cache.counts().extra_invalidations,
    })
}

/// Nodes 0 and 1 read, then node 0 writes: of the others, node 1 has a copy, node 2 none.
#[test]
fn a_list_that_names_too_many_invalidates_a_cache_without_a_copy() {
    for (listing, expected) in [
        ("full-map", (1, 0)),
        ("limited:2:recall", (1, 0)),
        ("limited:2:broadcast", (1, 0)),
        ("limited:1:broadcast", (2, 1)),
        ("limited:1:coarse:3", (2, 1)),
        ("limited:1:coarse:2", (1, 0)),
        ("coarse:3", (2, 1)),
        ("coarse:2", (1, 0)),
    ] {
        let mut b = Bench::new(with(listing), None);
        b.run(0, LINE, Access::Load, 1);
        b.run(1, LINE, Access::Load, 2);
        b.run(0, LINE, STORE, 3);
        let CacheCounts { invalidations, extra_invalidations } = invalidations(&b);
        assert_eq!((invalidations, extra_invalidations), expected, "{listing}");
        let counts = HomeCounts { lines_max: 1, write_backs: 1, ..HomeCounts::default() };
        assert_eq!(b.home.counts(), counts, "{listing}");
    }
}

/// The third reader takes a pointer from one of two; the writer then finds one other copy.
#[test]
fn a_pointer_taken_for_a_third_reader_is_a_recall() {
    let mut b = Bench::new(with("limited:2:recall"), None);
    for node in 0..3 {
        b.run(node, LINE, Access::Load, 1);
    }
    assert_eq!(b.home.counts().pointer_recalls, 1);
    assert_eq!(invalidations(&b), CacheCounts { invalidations: 1, extra_invalidations: 0 });
    b.run(2, LINE, STORE, 2);
    assert_eq!(b.home.counts().pointer_recalls, 1);
    assert_eq!(invalidations(&b), CacheCounts { invalidations: 2, extra_invalidations: 0 });
}

/// Room for one line: the second recalls the first from both sharers, the third the second from its
/// owner.
#[test]
fn each_line_beyond_the_room_of_a_directory_is_a_recall() {
    let mut b = Bench::new(with("full-map"), Some(1));
    b.run(0, Line(1), Access::Load, 1);
    b.run(1, Line(1), Access::Load, 2);
    b.run(2, Line(2), STORE, 3);
    b.run(0, Line(3), Access::Load, 4);
    let counts =
        HomeCounts { lines_max: 1, capacity_recalls: 2, write_backs: 2, ..HomeCounts::default() };
    assert_eq!(b.home.counts(), counts);
    assert_eq!(invalidations(&b), CacheCounts { invalidations: 2, extra_invalidations: 0 });
}

/// A copy that was dropped without a word is still on the list.
#[test]
fn a_silent_eviction_leaves_an_extra_invalidation_behind() {
    let cfg = Config { shared_eviction: SharedEviction::Silent, ..with("full-map") };
    let mut b = Bench::new(cfg, None);
    b.run(0, Line(1), Access::Load, 1);
    b.run(1, Line(1), Access::Load, 2);
    for n in 2..4 {
        b.run(1, Line(n), Access::Load, 3);
    }
    b.run(0, Line(1), STORE, 4);
    assert_eq!(invalidations(&b), CacheCounts { invalidations: 1, extra_invalidations: 1 });
}
