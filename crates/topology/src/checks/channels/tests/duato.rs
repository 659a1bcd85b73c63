//! Adaptive functions: sound ones are proved, and every way to break them is caught.

use base::arch::{Switching, VcReuse};

use super::*;

/// Places of an adaptive function: router, port and group of arrival, destination.
type Place = (RouterIdx, PortIdx, usize, Goal);

/// Packets on group 1 on any port that leads nearer, and as an escape in dimension order on
/// group 0, but where `lost` says so.
fn minimal(spec: &MachineSpec, dims: &[usize], lost: Option<Place>) -> MachineSpec {
    let map = Map::of(spec);
    let order = spec.fabric.routing.clone();
    let dims = dims.to_vec();
    let apart = move |a: usize, b: usize| {
        let mut stride = 1;
        dims.iter().fold(0, |sum, k| {
            let (x, y) = (a / stride % k, b / stride % k);
            stride *= k;
            sum + x.abs_diff(y)
        })
    };
    let mock = map.mock(2, true, nodes(spec));
    let route = move |at: RouterIdx, port: PortIdx, group: usize, goal: Goal| {
        let dst = goal.target as usize;
        if at.at() == dst {
            return vec![step(PortIdx(0), 3, true, goal)];
        }
        let ports = (0..map.0.routers[at.at()].ports.len()).map(PortIdx::new);
        let nearer =
            |p: &PortIdx| map.beyond(at, *p).is_some_and(|r| apart(r, dst) < apart(at.at(), dst));
        let mut steps: Vec<Step> = ports.filter(nearer).map(|p| step(p, 2, false, goal)).collect();
        if lost != Some((at, port, group, goal)) {
            let escape = all(&order, at, port, 0, goal);
            steps.extend(escape.into_iter().map(|s| step(s.port, 1, true, goal)));
        }
        steps
    };
    atomic(with(spec, Mock { route: Arc::new(route), ..mock }))
}

fn atomic(mut spec: MachineSpec) -> MachineSpec {
    spec.router.arch.vc_reuse = VcReuse::Empty;
    spec
}

#[test]
fn minimal_adaptive_routing_with_an_escape_is_proved_by_it() {
    let spec = minimal(&mesh(&[4, 4], 3), &[4, 4], None);
    let found = prove(&spec).expect("sound");
    assert_eq!((found.method, found.legs), (Method::Duato, 16));
    // 48 links between routers and 16 into nodes on 3 VCs; of 3 VCs, group 0 has 2 and group 1 one.
    // Injection is an escape too, on all VCs.
    assert_eq!(found.channels, 5 * 3 * (48 + 16 + 16));
    assert_eq!(found.escape_channels, 5 * (2 * 48 + 3 * 16 + 3 * 16));
    let extended = found.extended_dependencies.expect("few enough");
    assert!(extended > 5 * 4 * 48, "{found:?}");
}

#[test]
fn escapes_need_vcs_of_one_packet_or_cut_through() {
    let mut spec = minimal(&mesh(&[3, 3], 2), &[3, 3], None);
    for (vc_reuse, switching, holds) in [
        (VcReuse::Empty, Switching::Wormhole, true),
        (VcReuse::TailCredit, Switching::Wormhole, true),
        (VcReuse::TailSent, Switching::VirtualCutThrough, true),
        (VcReuse::TailSent, Switching::Wormhole, false),
    ] {
        (spec.router.arch.vc_reuse, spec.router.arch.switching) = (vc_reuse, switching);
        assert_eq!(prove(&spec).is_ok(), holds, "{vc_reuse:?} {switching:?}");
    }
    let problem = prove(&spec).expect_err("wormhole");
    assert_eq!(problem.key, "router");
    assert!(problem.mend.contains("vc_reuse: Empty"));
}

#[test]
fn removing_any_one_escape_step_is_caught() {
    let dims = [3, 2];
    let plain = mesh(&[3, 2], 2);
    let sound = minimal(&plain, &dims, None);
    assert!(prove(&sound).is_ok());
    let mut tried = 0;
    for place in places(&sound) {
        let message = refusal(&minimal(&plain, &dims, Some(place)));
        assert!(message.contains("no step is an escape"), "{message}");
        tried += 1;
    }
    assert!(tried > 100, "{tried}");
}

/// Every place that packets reach, away from their destination.
fn places(spec: &MachineSpec) -> Vec<Place> {
    let f = &spec.fabric;
    let found = walk::walk(f).expect("arrives");
    let families = found.legs.families();
    let mut view = family::Family::new(f, &families);
    let mut places = Vec::new();
    for of in &families {
        view.visit(of, &found.legs).expect("small");
        for (position, channel) in &view.states {
            let goal = found.legs.goal(of[*position as usize]);
            let (link, group) = (*channel as usize / 2, *channel as usize % 2);
            match f.links[link].to {
                End::Router(at, port) if at.0 != goal.target => {
                    places.push((at, port, group, goal));
                }
                _ => {}
            }
        }
    }
    places
}

/// A ring on which packets go any way they like on group 1, with an escape that is given.
fn ring(escape: impl Fn(usize, usize) -> bool + Send + Sync + 'static, extent: u32) -> MachineSpec {
    let (spec, _) = torus(&[extent]);
    let map = Map::of(&spec);
    let mock = map.mock(2, true, nodes(&spec));
    let k = extent as usize;
    let route = move |at: RouterIdx, _: PortIdx, _: usize, goal: Goal| {
        let (here, dst) = (at.at(), goal.target as usize);
        if here == dst {
            return vec![step(PortIdx(0), 3, true, goal)];
        }
        let (up, down) = (map.port(here, (here + 1) % k), map.port(here, (here + k - 1) % k));
        let sure = if escape(here, dst) { up } else { down };
        let any = [up, down].map(|p| step(p, 2, false, goal));
        [any[0], any[1], step(sure, 1, true, goal)].to_vec()
    };
    atomic(with(&spec, Mock { route: Arc::new(route), ..mock }))
}

#[test]
fn an_escape_that_goes_around_a_ring_is_refused_with_the_ring() {
    // Always up, over the dateline too.
    let message = refusal(&ring(|_, _| true, 4));
    assert!(message.contains("4 channels wait"), "{message}");
    assert!(message.contains("r(3) port 2 -> r(0) (VC 0 of each class)"), "{message}");
}

#[test]
fn an_escape_that_is_sound_alone_is_refused_for_what_adaptive_steps_make_of_it() {
    // As on a line, never over the dateline: escape steps alone have no cycle. But a packet may take
    // an escape up, go around adaptively, and ask for the same escape again.
    let message = refusal(&ring(|here, dst| here < dst, 4));
    assert!(message.contains("waits, past other channels, for"), "{message}");
    // Without adaptive steps the same escape is sound.
    let line = mesh(&[4], 2);
    assert!(prove(&line).is_ok());
}

#[test]
fn a_function_that_does_not_ask_again_waits_for_each_of_its_steps() {
    let spec = minimal(&mesh(&[3, 3], 2), &[3, 3], None);
    let Way::Mock(mock) = spec.fabric.routing.way().clone() else { unreachable!("a mock") };
    let once = with(&spec, Mock { adaptive: false, ..mock });
    let message = refusal(&once);
    assert!(message.contains("4 channels wait"), "{message}");
    assert!(message.contains("VC 1"), "the adaptive group: {message}");
}

#[test]
fn an_adaptive_function_without_cycles_needs_no_escape() {
    // On a line every way is the only one.
    let line = minimal(&mesh(&[5], 2), &[5], None);
    let Way::Mock(mock) = line.fabric.routing.way().clone() else { unreachable!("a mock") };
    let old = Arc::clone(&mock.route);
    let route = move |at, port, group, goal| {
        let steps = old(at, port, group, goal).into_iter();
        steps.map(|s| Step { escape: false, ..s }).collect()
    };
    let mut spec = with(&line, Mock { route: Arc::new(route), ..mock });
    spec.router.arch.vc_reuse = VcReuse::TailSent;
    assert_eq!(prove(&spec).expect("no cycle").method, Method::Acyclic);
}
