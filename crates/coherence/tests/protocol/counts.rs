//! What homes and caches count, on traces short enough to be counted by hand.

use base::Line;
use coherence::{
    Access, ByteWrite, CacheCounts, Config, Directory, HomeCounts, Listing, Protocol,
    SharedEviction,
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
        transfers: 0,
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
        let CacheCounts { invalidations, extra_invalidations, .. } = invalidations(&b);
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
    assert_eq!(
        invalidations(&b),
        CacheCounts { invalidations: 1, extra_invalidations: 0, transfers: 0 }
    );
    b.run(2, LINE, STORE, 2);
    assert_eq!(b.home.counts().pointer_recalls, 1);
    assert_eq!(
        invalidations(&b),
        CacheCounts { invalidations: 2, extra_invalidations: 0, transfers: 0 }
    );
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
    assert_eq!(
        invalidations(&b),
        CacheCounts { invalidations: 2, extra_invalidations: 0, transfers: 0 }
    );
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
    assert_eq!(
        invalidations(&b),
        CacheCounts { invalidations: 1, extra_invalidations: 1, transfers: 0 }
    );
}

/// Node 0 writes; nodes 1 and 2 read; node 0 gives the line up and node 1 reads it again. What memory
/// sees, and from where each reader has its data, is what the options are about.
#[test]
fn the_options_leave_memory_alone() {
    for (protocol, write_backs, transfers, reads_saved, write_backs_saved) in [
        // The first reader's data are written back; the second reader is served from memory.
        (Protocol::MESI, 1, 1, 0, 0),
        // The owner serves both, and what it gives up is written once.
        (Protocol::OWNED, 1, 2, 0, 2),
        // The first reader's data are written back, and it serves the second.
        (Protocol::DIRECT, 1, 2, 1, 0),
        (Protocol::BOTH, 1, 2, 0, 2),
    ] {
        let mut b = Bench::new(Config { protocol, ..Config::default() }, None);
        b.run(0, LINE, STORE, 1);
        b.run(1, LINE, Access::Load, 2);
        b.run(2, LINE, Access::Load, 3);
        // Two other lines in its place.
        b.run(0, Line(7), Access::Load, 4);
        b.run(0, Line(8), Access::Load, 5);
        assert_eq!(b.home.memory(LINE), 9, "{protocol}");
        let counts = b.home.counts();
        let sent: u64 = b.caches.iter().map(|cache| cache.counts().transfers).sum();
        assert_eq!((counts.write_backs, sent), (write_backs, transfers), "{protocol}");
        let saved = (counts.reads_saved(), counts.write_backs_saved());
        assert_eq!(saved, (reads_saved, write_backs_saved), "{protocol}");
    }
}

/// The last reader has dropped its copy without a word: memory serves after all.
#[test]
fn a_forwarder_without_a_copy_is_a_miss() {
    let shared_eviction = SharedEviction::Silent;
    let cfg = Config { protocol: Protocol::DIRECT, shared_eviction, ..Config::default() };
    let mut b = Bench::new(cfg, None);
    b.run(0, LINE, Access::Load, 1);
    b.run(1, LINE, Access::Load, 2);
    for n in 7..9 {
        b.run(1, Line(n), Access::Load, 3);
    }
    b.run(2, LINE, Access::Load, 4);
    let counts = b.home.counts();
    assert_eq!((counts.forwards, counts.forward_misses, counts.reads_saved()), (1, 1, 0));
    // A clean owner had served the first reader.
    assert_eq!((counts.write_backs, counts.write_backs_saved()), (0, 1));
}
