//! What the search finds of the protocol: nothing wrong, and how much there is.

use coherence::model::{Evictions, Limits, Model, Report, Symmetry, search};
use coherence::{
    CacheEventKind, CacheState, Config, Coverage, DirEventKind, DirState, Protocol, Sound,
};

const QUICK: Limits =
    Limits { states: 10_000_000, memory_bytes: u64::MAX, threads: 1, drain: false };

fn plain(caches: u32, lines: u32) -> Model<Sound> {
    Model::new(Config::default(), caches, lines)
}

/// Everything the tables know.
fn full(caches: u32) -> Model<Sound> {
    let mut model = plain(caches, 1);
    model.workload.far = true;
    model.workload.evictions = Evictions::Either;
    model
}

fn clean(model: &Model<Sound>, limits: &Limits) -> Report {
    let report = search(model, limits, &|_| {});
    assert!(report.counter_example.is_none(), "{:#?}", report.counter_example);
    assert!(report.complete, "{} states were not enough", report.states);
    report
}

fn states(model: &Model<Sound>) -> u64 {
    clean(model, &QUICK).states
}

fn counts(model: &Model<Sound>) -> (u64, Option<u32>) {
    let report = clean(model, &Limits { drain: true, ..QUICK });
    (report.states, report.longest_drain)
}

/// Counts up to the names of caches, and raw: a change of the protocol shows here first.
#[test]
fn two_caches_have_these_states_and_drain_in_at_most_twelve_deliveries() {
    let caches = Model { symmetry: Symmetry::CACHES, ..plain(2, 1) };
    assert_eq!(counts(&caches), (2_716, Some(11)));
    assert_eq!(counts(&Model { symmetry: Symmetry::NONE, ..caches }), (5_376, Some(11)));
    let mut silent = caches;
    silent.workload.evictions = Evictions::Either;
    assert_eq!(counts(&silent), (3_792, Some(12)));
    assert_eq!(counts(&Model { symmetry: Symmetry::NONE, ..silent }), (7_512, Some(12)));
}

#[test]
fn three_caches_are_clean_and_drain_in_at_most_twenty_one_deliveries() {
    let caches = Model { symmetry: Symmetry::CACHES, ..plain(3, 1) };
    assert_eq!(counts(&caches), (35_826, Some(20)));
    assert_eq!(counts(&full(3)), (36_952, Some(21)));
}

/// The options, with far atomics and evictions of every kind.
#[test]
fn the_owned_state_and_direct_transfer_have_these_states() {
    for (protocol, two, three) in [
        (Protocol::MESI, 2_376, 36_952),
        (Protocol::OWNED, 3_730, 82_136),
        (Protocol::DIRECT, 2_823, 47_251),
        (Protocol::BOTH, 4_015, 90_527),
    ] {
        let with = |caches| {
            let mut model = full(caches);
            model.cfg.protocol = protocol;
            counts(&model)
        };
        assert_eq!(with(2), (two, Some(12)), "{protocol}");
        assert_eq!(with(3), (three, Some(21)), "{protocol}");
    }
}

/// The two values of a line have the same part in everything, so half the states are left.
#[test]
fn renaming_two_values_halves_the_states() {
    let caches = Model { symmetry: Symmetry::CACHES, ..plain(3, 1) };
    assert_eq!(states(&caches), 2 * states(&plain(3, 1)));
}

/// With an MSHR for each line, lines know nothing of each other: the states of two are the pairs of
/// the states of one. Swapping the lines leaves the pairs of equals, so by Burnside's lemma
/// `(n^2 + n) / 2` are left; swapping the caches leaves `(n^2 + f^2) / 2`, where `f` states of one line
/// are their own image.
#[test]
fn two_lines_have_the_pairs_of_the_states_of_one() {
    let small = |lines, symmetry| {
        let mut model = Model { symmetry, ..plain(2, lines) };
        model.shape.values = 1;
        model.workload.recalls = false;
        model.workload.evictions = Evictions::None;
        model
    };
    let one = states(&small(1, Symmetry::NONE));
    let renamed = states(&small(1, Symmetry::CACHES));
    let own_image = 2 * renamed - one;
    assert!(one > 100 && own_image > 1, "{one} states, {own_image} of them symmetric");
    assert_eq!(states(&small(2, Symmetry::NONE)), one * one);
    let caches = u64::midpoint(one * one, own_image * own_image);
    assert_eq!(states(&small(2, Symmetry::CACHES)), caches);
    let lines = Symmetry { lines: true, ..Symmetry::NONE };
    assert_eq!(states(&small(2, lines)), one * (one + 1) / 2);
}

#[test]
fn fewer_mshrs_than_lines_leave_fewer_states() {
    let mut model = plain(2, 2);
    model.shape.values = 1;
    model.workload.recalls = false;
    model.workload.evictions = Evictions::None;
    let two = states(&model);
    model.shape.mshrs = 1;
    assert!(states(&model) < two);
}

/// Everything that is found is the same, whoever looks.
#[test]
fn results_do_not_depend_on_threads() {
    let told = |threads| {
        let r = clean(&full(3), &Limits { threads, drain: true, ..QUICK });
        (r.states, r.transitions, r.depth, r.longest_drain, r.coverage)
    };
    let one = told(1);
    assert_eq!(one, told(2));
    assert_eq!(one, told(5));
}

#[test]
fn four_caches_are_clean() {
    assert_eq!(states(&plain(4, 1)), 167_152);
}

#[test]
#[ignore = "deep: 3.4 million states of four caches"]
fn four_caches_are_clean_with_every_option() {
    for (protocol, count) in Protocol::ALL.into_iter().zip([390_385, 1_169_363, 519_196, 1_298_144])
    {
        let mut model = full(4);
        model.cfg.protocol = protocol;
        assert_eq!(states(&model), count, "{protocol}");
    }
}

#[test]
#[ignore = "deep: 15 million states"]
fn two_caches_with_two_lines_are_clean_with_every_option() {
    for (protocol, count) in
        Protocol::ALL.into_iter().zip([1_807_876, 5_464_102, 2_101_194, 5_791_386])
    {
        let mut model = plain(2, 2);
        model.cfg.protocol = protocol;
        assert_eq!(states(&model), count, "{protocol}");
    }
}

#[test]
fn a_search_that_is_cut_short_says_so() {
    let report = search(&plain(3, 1), &Limits { states: 1000, ..QUICK }, &|_| {});
    assert!(!report.complete && report.counter_example.is_none());
    assert!(report.states > 1000);
}

type Rows<S, E> = Vec<(S, E)>;

/// Rows that a search took, stalls aside.
fn taken(coverage: &Coverage) -> (Rows<CacheState, CacheEventKind>, Rows<DirState, DirEventKind>) {
    let core = |e| e <= CacheEventKind::Drop;
    let requests = |e| e <= DirEventKind::Recall;
    let cache = coverage.cache_rows();
    let dir = coverage.dir_rows();
    (
        cache.into_iter().filter(|(s, e)| s.is_stable() || !core(*e)).collect(),
        dir.into_iter().filter(|(s, e)| s.is_stable() || !requests(*e)).collect(),
    )
}

type CacheRows = Vec<(CacheState, Vec<CacheEventKind>)>;
type HomeRows = Vec<(DirState, Vec<DirEventKind>)>;

/// MESI, written down a second time.
fn mesi() -> (CacheRows, HomeRows) {
    use CacheEventKind as C;
    use CacheState as L;
    use DirEventKind as H;
    use DirState as D;
    let cache = vec![
        (L::I, vec![C::Load, C::Store, C::Far, C::Inv]),
        (L::S, vec![C::Load, C::Store, C::Far, C::Evict, C::Drop, C::Inv]),
        (L::E, vec![C::Load, C::Store, C::Far, C::Evict, C::FwdGetS, C::FwdGetM, C::FwdInv]),
        (L::M, vec![C::Load, C::Store, C::Far, C::Evict, C::FwdGetS, C::FwdGetM, C::FwdInv]),
        (L::IsD, vec![C::Inv, C::Data, C::DataE]),
        (L::ImAd, vec![C::Inv, C::InvAck, C::Data]),
        (L::ImA, vec![C::InvAck]),
        (L::SmAd, vec![C::Inv, C::InvAck, C::AckCount]),
        (L::MiA, vec![C::FwdGetS, C::FwdGetM, C::FwdInv, C::PutAck]),
        (L::EiA, vec![C::FwdGetS, C::FwdGetM, C::FwdInv, C::PutAck]),
        (L::SiA, vec![C::Inv, C::PutAck]),
        (L::IiA, vec![C::Inv, C::PutAck]),
        (L::IaD, vec![C::Inv, C::FarResp]),
    ];
    let requests = [H::GetS, H::GetM, H::Upg, H::PutS, H::PutE, H::PutM, H::Far];
    let dir = vec![
        (D::I, requests.to_vec()),
        (D::S, [&requests[..], &[H::Recall]].concat()),
        (D::EM, [&requests[..], &[H::Recall]].concat()),
        (D::BGetS, vec![H::Wb, H::CompAck]),
        (D::BGetM, vec![H::CompAck]),
        (D::BGetMInv, vec![H::CompAck]),
        (D::BRecall, vec![H::Wb, H::InvAck]),
        (D::BAtomic, vec![H::Wb, H::InvAck, H::CompAck]),
    ];
    (cache, dir)
}

/// What the owned state adds.
fn owned() -> (CacheRows, HomeRows) {
    use CacheEventKind as C;
    use CacheState as L;
    use DirEventKind as H;
    use DirState as D;
    let snoops = [C::Inv, C::FwdGetS, C::FwdGetM, C::FwdInv];
    let cache = vec![
        (L::O, [&[C::Load, C::Store, C::Far, C::Evict], &snoops[..]].concat()),
        (L::OmAd, [&snoops[..], &[C::InvAck, C::AckCount]].concat()),
        (L::OiA, [&snoops[..], &[C::PutAck]].concat()),
    ];
    let requests =
        [H::GetS, H::GetM, H::Upg, H::PutS, H::PutE, H::PutM, H::PutO, H::Far, H::Recall];
    let dir = vec![
        (D::I, vec![H::PutO]),
        (D::S, vec![H::PutO]),
        (D::EM, vec![H::PutO]),
        (D::O, requests.to_vec()),
        (D::BGetS, vec![H::FwdAckO]),
    ];
    (cache, dir)
}

/// What direct transfer adds: a sharer is asked, and may have lost its copy.
fn direct() -> (CacheRows, HomeRows) {
    use CacheState as L;
    let asked = [L::S, L::SmAd, L::I, L::IsD, L::ImAd, L::SiA, L::IaD];
    let cache = asked.map(|state| (state, vec![CacheEventKind::FwdGetS])).to_vec();
    (cache, vec![(DirState::BGetS, vec![DirEventKind::FwdAckS, DirEventKind::FwdAckI])])
}

fn sorted<S: Ord + Copy, E: Ord + Copy>(rows: Vec<(S, Vec<E>)>) -> Rows<S, E> {
    let mut rows: Vec<_> =
        rows.into_iter().flat_map(|(s, es)| es.into_iter().map(move |e| (s, e))).collect();
    rows.sort_unstable();
    rows
}

/// The whole protocol, written down a second time: what may be reached, and nothing else.
#[test]
fn the_rows_reached_are_exactly_those_of_the_protocol() {
    for protocol in Protocol::ALL {
        let (mut cache, mut dir) = mesi();
        for (on, rows) in [(protocol.owned, owned()), (protocol.direct, direct())] {
            cache.extend(if on { rows.0 } else { Vec::new() });
            dir.extend(if on { rows.1 } else { Vec::new() });
        }
        let mut rows = (sorted(cache), sorted(dir));
        if protocol == Protocol::BOTH {
            // Whoever serves a reader keeps the line or has it clean.
            rows.1.retain(|row| *row != (DirState::BGetS, DirEventKind::Wb));
        }
        let with = |caches| {
            let mut model = full(caches);
            model.cfg.protocol = protocol;
            taken(&clean(&model, &QUICK).coverage)
        };
        assert_eq!(with(3), rows, "{protocol}");
        let (cache, home) = with(2);
        // It takes a third cache for a stale Put of an owner to find the line owned, or shared, by two more.
        let third = [
            (DirState::S, DirEventKind::PutM),
            (DirState::S, DirEventKind::PutO),
            (DirState::O, DirEventKind::PutE),
        ];
        let kept = |row: &_| !protocol.owned || !third.contains(row);
        let rest: Vec<_> = rows.1.into_iter().filter(kept).collect();
        assert_eq!((cache, home), (rows.0, rest), "{protocol}");
    }
}
