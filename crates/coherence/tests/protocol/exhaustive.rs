//! Breadth-first search of every reachable state of small systems.

use core::hash::{Hash, Hasher};

use base::map::MixHasher;
use base::{Map, NodeIdx};
use coherence::{ByteWrite, CacheEventKind, CacheState, Config, Coverage, DirEventKind, DirState};

use crate::world::Seeded;
use crate::world::{Act, Done, World};

/// What the cores may do.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) cfg: Seeded,
    pub(crate) caches: u32,
    pub(crate) stores: Vec<ByteWrite>,
    pub(crate) fars: Vec<ByteWrite>,
    pub(crate) drops: bool,
    pub(crate) recalls: bool,
    /// Whether states that differ by the names of caches count once.
    pub(crate) symmetry: bool,
}

impl Model {
    /// Two values, evictions and recalls; no far atomics, no silent evictions.
    pub(crate) fn plain(caches: u32) -> Self {
        Self {
            cfg: Config::default().seeded(None),
            caches,
            stores: vec![ByteWrite::Set(0), ByteWrite::Set(1)],
            fars: Vec::new(),
            drops: false,
            recalls: true,
            symmetry: true,
        }
    }

    /// Everything the tables know.
    pub(crate) fn full(caches: u32) -> Self {
        Self {
            stores: vec![ByteWrite::Increment(2)],
            fars: vec![ByteWrite::Increment(2)],
            drops: true,
            ..Self::plain(caches)
        }
    }

    fn core_acts(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        for n in (0..self.caches).map(NodeIdx) {
            acts.push(Act::Load(n));
            acts.extend(self.stores.iter().map(|w| Act::Store(n, *w)));
            acts.extend(self.fars.iter().map(|w| Act::Far(n, *w)));
            acts.push(Act::Evict(n));
            if self.drops {
                acts.push(Act::Drop(n));
            }
        }
        if self.recalls {
            acts.push(Act::Recall);
        }
        acts
    }

    fn fingerprint(&self, world: &World) -> u64 {
        let hash = |w: &World| {
            let mut h = MixHasher::default();
            w.hash(&mut h);
            h.finish()
        };
        if !self.symmetry {
            return hash(world);
        }
        let mut names: Vec<u32> = (0..self.caches).collect();
        let mut least = u64::MAX;
        permute(&mut names, 0, &mut |names| least = least.min(hash(&world.renamed(names))));
        least
    }
}

fn permute(items: &mut [u32], from: usize, f: &mut impl FnMut(&[u32])) {
    if from == items.len() {
        return f(items);
    }
    for at in from..items.len() {
        items.swap(from, at);
        permute(items, from + 1, f);
        items.swap(from, at);
    }
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) states: usize,
    pub(crate) coverage: Coverage,
    /// The most messages that are delivered from any state until all is quiet.
    pub(crate) longest_drain: u32,
    /// The first broken invariant and the acts that lead to it.
    pub(crate) fault: Option<(String, Vec<Act>)>,
    pub(crate) complete: bool,
}

struct Found {
    world: World,
    from: usize,
    by: Option<Act>,
    /// States that one delivery leads to.
    delivered: Vec<usize>,
}

/// Searches until the model is exhausted, a fault is found or `limit` states are seen.
pub(crate) fn search(model: &Model, limit: usize) -> Report {
    let mut coverage = Coverage::default();
    let start = World::new(model.caches, NodeIdx(model.caches));
    let mut seen = Map::default();
    seen.insert(model.fingerprint(&start), 0);
    let mut found = vec![Found { world: start, from: 0, by: None, delivered: Vec::new() }];
    let core_acts = model.core_acts();
    let mut at = 0;
    while at < found.len() && found.len() < limit {
        let deliveries = found[at].world.net.clone();
        let quiet = found[at].world.is_quiescent();
        let mut moved = false;
        for act in deliveries.into_iter().map(Act::Deliver).chain(core_acts.iter().copied()) {
            let mut next = found[at].world.clone();
            let delivery = matches!(act, Act::Deliver(_));
            match next.apply(model.cfg, &act, &mut coverage) {
                Ok(Done::Disabled) => continue,
                Err(what) => return fault(&found, at, Some(act), what, coverage),
                Ok(Done::Yes) => moved |= delivery,
            }
            let to = *seen.or_insert_with(model.fingerprint(&next), || found.len());
            if to == found.len() {
                found.push(Found { world: next, from: at, by: Some(act), delivered: Vec::new() });
            }
            if delivery {
                found[at].delivered.push(to);
            }
        }
        if !quiet && !moved {
            return fault(&found, at, None, "deadlock".to_owned(), coverage);
        }
        at += 1;
    }
    let complete = at == found.len();
    let longest_drain = if complete { longest_drain(&found) } else { 0 };
    Report { states: found.len(), coverage, longest_drain, fault: None, complete }
}

fn fault(
    found: &[Found],
    mut at: usize,
    last: Option<Act>,
    what: String,
    coverage: Coverage,
) -> Report {
    let mut acts: Vec<Act> = last.into_iter().collect();
    while let Some(by) = found[at].by {
        acts.push(by);
        at = found[at].from;
    }
    acts.reverse();
    let fault = Some((what, acts));
    Report { states: found.len(), coverage, longest_drain: 0, fault, complete: false }
}

/// The longest path of deliveries; panics if deliveries alone can go in circles.
fn longest_drain(found: &[Found]) -> u32 {
    let mut length: Vec<Option<u32>> = vec![None; found.len()];
    let mut open = vec![false; found.len()];
    for root in 0..found.len() {
        let mut stack = vec![root];
        while let Some(&at) = stack.last() {
            let below = &found[at].delivered;
            if length[at].is_some() {
                stack.pop();
            } else if open[at] {
                let longest = below.iter().filter_map(|b| length[*b].map(|l| l + 1)).max();
                length[at] = Some(longest.unwrap_or(0));
                stack.pop();
            } else {
                open[at] = true;
                for b in below {
                    assert!(length[*b].is_some() || !open[*b], "deliveries go in circles");
                    stack.push(*b);
                }
            }
        }
    }
    length.into_iter().flatten().max().unwrap_or(0)
}

fn clean(model: &Model) -> Report {
    let report = search(model, 2_000_000);
    assert!(report.fault.is_none(), "{:#?}", report.fault);
    assert!(report.complete);
    report
}

fn states(model: &Model) -> (usize, u32) {
    let report = clean(model);
    (report.states, report.longest_drain)
}

/// Counts of this model, with symmetry and without: a change of the protocol shows here first.
#[test]
fn two_caches_have_these_states_and_drain_in_at_most_twelve_deliveries() {
    let plain = Model::plain(2);
    assert_eq!(states(&plain), (2_716, 11));
    assert_eq!(states(&Model { symmetry: false, ..plain.clone() }), (5_376, 11));
    let drops = Model { drops: true, ..plain };
    assert_eq!(states(&drops), (3_792, 12));
    assert_eq!(states(&Model { symmetry: false, ..drops }), (7_512, 12));
}

#[test]
fn three_caches_are_clean_and_drain_in_at_most_twenty_deliveries() {
    assert_eq!(states(&Model::plain(3)), (35_826, 20));
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

/// The whole protocol, written down a second time: what may be reached, and nothing else.
#[test]
fn the_rows_reached_are_exactly_those_of_the_protocol() {
    use CacheEventKind as C;
    use CacheState as L;
    use DirEventKind as H;
    use DirState as D;
    let cache: Vec<(CacheState, Vec<CacheEventKind>)> = vec![
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
    let dir: Vec<(DirState, Vec<DirEventKind>)> = vec![
        (D::I, requests.to_vec()),
        (D::S, [&requests[..], &[H::Recall]].concat()),
        (D::EM, [&requests[..], &[H::Recall]].concat()),
        (D::BGetS, vec![H::Wb, H::CompAck]),
        (D::BGetM, vec![H::CompAck]),
        (D::BGetMInv, vec![H::CompAck]),
        (D::BRecall, vec![H::Wb, H::InvAck]),
        (D::BAtomic, vec![H::Wb, H::InvAck, H::CompAck]),
    ];
    let cache: Vec<_> =
        cache.into_iter().flat_map(|(s, es)| es.into_iter().map(move |e| (s, e))).collect();
    let dir: Vec<_> =
        dir.into_iter().flat_map(|(s, es)| es.into_iter().map(move |e| (s, e))).collect();
    let report = clean(&Model::full(2));
    assert_eq!(taken(&report.coverage), (cache.clone(), dir.clone()));
    let three = clean(&Model { drops: false, ..Model::full(3) });
    let (more_cache, more_dir) = taken(&three.coverage);
    assert!(more_cache.iter().all(|row| cache.contains(row)), "a third cache finds a new row");
    assert!(more_dir.iter().all(|row| dir.contains(row)), "a third cache finds a new row");
}
