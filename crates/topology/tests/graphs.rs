//! Routings of graphs: up*/down* on random ones, and listed paths.

mod support;

use base::{LinkIdx, NodeIdx};
use proptest::prelude::*;
use support::{Noise, follow, head, routers};
use topology::describe::{Cable, Description, FabricForm, Graph, GraphRouting, SourcePath};
use topology::names::Named;
use topology::spec::{End, Fabric, MachineSpec};
use topology::{ErrorKind, TopologyError, check};

fn cable(from: &str, to: &str, count: u32) -> Cable {
    let (from, to, link) = (from.to_owned(), to.to_owned(), "wire".to_owned());
    Cable { from, to, link, length: None, count }
}

/// Routers `r0`.. with one node `n0`.. each, and cables between routers.
fn graph(routers: usize, links: &[(usize, usize)], routing: GraphRouting) -> Description {
    let mut d = Description::mesh8x8();
    let name = |kind: &str, i: usize| format!("{kind}{i}");
    let mut cables: Vec<Cable> =
        (0..routers).map(|i| cable(&name("n", i), &name("r", i), 1)).collect();
    cables.extend(links.iter().map(|(a, b)| cable(&name("r", *a), &name("r", *b), 1)));
    d.fabric = FabricForm::Graph(Graph {
        nodes: (0..routers).map(|i| name("n", i)).collect(),
        routers: Named((0..routers).map(|i| (name("r", i), "die".to_owned())).collect()),
        links: cables,
        routing,
    });
    d
}

fn ring(n: usize) -> Vec<(usize, usize)> {
    (0..n).map(|i| (i, (i + 1) % n)).collect()
}

fn under(root: &str) -> GraphRouting {
    GraphRouting::UpDown { root: root.to_owned() }
}

fn via(from: &str, to: &str, via: &[&str]) -> SourcePath {
    let via = via.iter().map(ToString::to_string).collect();
    SourcePath { from: from.to_owned(), to: to.to_owned(), via }
}

fn built(d: &Description) -> Result<MachineSpec, TopologyError> {
    let spec = d.elaborate()?;
    check(&spec).map(|_| spec)
}

/// The levels of all routers under `root`, by breadth-first search.
fn levels(f: &Fabric, root: usize) -> Vec<usize> {
    let mut level = vec![usize::MAX; f.routers.len()];
    level[root] = 0;
    let mut queue = std::collections::VecDeque::from([root]);
    while let Some(at) = queue.pop_front() {
        for next in neighbours(f, at) {
            if level[next] == usize::MAX {
                level[next] = level[at] + 1;
                queue.push_back(next);
            }
        }
    }
    level
}

fn neighbours(f: &Fabric, at: usize) -> impl Iterator<Item = usize> {
    f.routers[at].ports.iter().filter_map(|l: &LinkIdx| match f.links[l.at()].to {
        End::Router(r, _) => Some(r.at()),
        End::Node(..) => None,
    })
}

/// Routers on the shortest way up and then down between two routers: all states are searched.
fn shortest_legal(f: &Fabric, level: &[usize], from: usize, to: usize) -> usize {
    let mut front = std::collections::BTreeSet::from([(from, false)]);
    for length in 1.. {
        if front.iter().any(|(at, _)| *at == to) {
            return length;
        }
        let step = |(at, fell): (usize, bool)| {
            neighbours(f, at)
                .map(move |next| (next, (level[next], next) > (level[at], at)))
                .filter(move |(_, falls)| *falls || !fell)
        };
        front = front.into_iter().flat_map(step).collect();
    }
    unreachable!("up to the root and down again is always a way")
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 120,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..Default::default()
    })]

    #[test]
    fn up_down_is_legal_shortest_and_free_of_deadlock_on_any_graph(
        n in 2_usize..9,
        parents in proptest::collection::vec(0_usize..100, 9),
        chords in proptest::collection::vec((0_usize..9, 0_usize..9), 0..9),
        root in 0_usize..9,
        flow: u32,
    ) {
        let root = root % n;
        let mut links: Vec<_> = (1..n).map(|i| (i, parents[i] % i)).collect();
        links.extend(chords.iter().map(|(a, b)| (a % n, b % n)).filter(|(a, b)| a != b));
        let spec = built(&graph(n, &links, under(&format!("r{root}")))).expect("free of deadlock");
        let f = &spec.fabric;
        let level = levels(f, root);
        for (src, dst, flow) in (0..n).flat_map(|s| (0..n).flat_map(move |d| [(s, d, flow), (s, d, !flow)])) {
            let route = routers(f, &follow(f, &head(src, dst, flow), &Noise(0)));
            prop_assert_eq!(route.len(), shortest_legal(f, &level, src, dst));
            let falls: Vec<bool> =
                route.windows(2).map(|w| (level[w[1]], w[1]) > (level[w[0]], w[0])).collect();
            prop_assert!(falls.is_sorted(), "up after down: {:?}", route);
        }
    }
}

#[test]
fn a_ring_that_shortest_paths_deadlock_is_sound_up_and_down() {
    for n in [5, 6, 9] {
        let error = built(&graph(n, &ring(n), GraphRouting::ShortestPath)).expect_err("a ring");
        assert_eq!(error.kind(), ErrorKind::Deadlock);
        built(&graph(n, &ring(n), under("r2"))).expect("no circle closes through r2");
    }
}

#[test]
fn listed_paths_are_taken_and_others_are_shortest() {
    // A square with a diagonal: 0-1-2-3 around and 0-2.
    let links = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)];
    let paths = vec![via("n0", "n2", &["r0", "r1", "r2"]), via("n1", "n1", &["r1"])];
    let spec = built(&graph(4, &links, GraphRouting::Source { paths })).expect("right");
    let f = &spec.fabric;
    for flow in 0..50 {
        let way = |s, d| routers(f, &follow(f, &head(s, d, flow), &Noise(0)));
        assert_eq!(way(0, 2), [0, 1, 2], "as listed");
        assert_eq!(way(2, 0), [2, 0], "the other direction is not listed");
        assert_eq!(way(1, 3), way(1, 3));
        assert_eq!((way(1, 3).len(), way(1, 1)), (3, vec![1]));
    }
}

#[test]
fn parallel_links_of_a_listed_path_are_all_used() {
    let mut d = graph(2, &[(0, 1), (0, 1), (0, 1)], GraphRouting::Source { paths: Vec::new() });
    d.name = "parallel".to_owned();
    let spec = built(&d).expect("right");
    let mut used = std::collections::BTreeMap::new();
    for flow in 0..3_000 {
        *used.entry(follow(&spec.fabric, &head(0, 1, flow), &Noise(0))[1].0).or_insert(0) += 1;
    }
    assert!(used.len() == 3 && used.values().all(|n| (850..1_150).contains(n)), "{used:?}");
}

#[test]
fn listed_paths_around_a_ring_are_refused_with_the_cycle_named() {
    let name = |i: usize| format!("r{}", i % 4);
    let around = (0..4).map(|i| SourcePath {
        from: format!("n{i}"),
        to: format!("n{}", (i + 2) % 4),
        via: (0..3).map(|hop| name(i + hop)).collect(),
    });
    let paths: Vec<_> = around.collect();
    let routing = GraphRouting::Source { paths: paths.clone() };
    let error = built(&graph(4, &ring(4), routing)).expect_err("a circle");
    assert_eq!(error.kind(), ErrorKind::Deadlock);
    assert!(error.message().contains("4 channels"), "{error}");
    for i in 0..4 {
        assert!(error.message().contains(&format!("-> {} (VC", name(i))), "{error}");
    }
    // Three of them leave a gap. What is proved is the paths, not what others might have made of them.
    let mut open = paths;
    open[3] = via("n3", "n1", &["r3", "r2", "r1"]);
    built(&graph(4, &ring(4), GraphRouting::Source { paths: open })).expect("no circle");
}

#[test]
fn wrong_routings_name_the_key_and_the_mend() {
    let source = |paths: &[SourcePath]| GraphRouting::Source { paths: paths.to_vec() };
    let p = "fabric.routing.paths[0]";
    let good = via("n0", "n1", &["r0", "r1"]);
    let cases = [
        (under("hub"), "fabric.routing.root".to_owned(), "no router called `hub`"),
        (source(&[via("n9", "n1", &[])]), format!("{p}.from"), "no node called `n9`"),
        (source(&[via("n0", "n11", &[])]), format!("{p}.to"), "no node called `n11`"),
        (source(&[via("n0", "n1", &["r0", "r7"])]), format!("{p}.via[1]"), "called `r7`"),
        (source(&[via("n0", "n1", &["r0", "r1", "r0"])]), format!("{p}.via[2]"), "twice"),
        (source(&[via("n0", "n2", &["r0", "r2"])]), format!("{p}.via"), "`r0` has no link to `r2`"),
        (source(&[via("n0", "n1", &["r1"])]), format!("{p}.via"), "`n0` has no link to `r1`"),
        (source(&[via("n0", "n1", &["r0"])]), format!("{p}.via"), "`r0` has no link to `n1`"),
        (source(&[good.clone(), good]), "fabric.routing.paths[1]".to_owned(), "two paths"),
    ];
    for (routing, key, message) in cases {
        let error = graph(4, &ring(4), routing).elaborate().expect_err(message);
        assert_eq!(error.key(), key, "{error}");
        assert!(error.message().contains(message) && !error.mend().is_empty(), "{error}");
    }
}

#[test]
fn the_irregular_graph_that_ships_is_routed_and_would_deadlock_by_shortest_paths() {
    let mut d = Description::shipped("graph_updown").expect("shipped");
    let spec = built(&d).expect("right");
    for (src, dst) in (0..8).flat_map(|s| (0..8).map(move |d| (s, d))) {
        let route = follow(&spec.fabric, &head(src, dst, 7), &Noise(0));
        let end = spec.fabric.links[route.last().expect("a link").0.at()].to;
        assert!(matches!(end, End::Node(n, _) if n == NodeIdx::new(dst)));
    }
    let FabricForm::Graph(g) = &mut d.fabric else { unreachable!("a graph") };
    g.routing = GraphRouting::ShortestPath;
    assert_eq!(built(&d).expect_err("rings").kind(), ErrorKind::Deadlock);
}
