//! Routes of several legs: what one leg holds can wait for the channels of the next.

use super::*;

/// Valiant's algorithm: to any node's router in dimension order, from there to the destination. The
/// legs take the groups given, of two.
fn valiant(spec: &MachineSpec, groups: [u8; 2]) -> MachineSpec {
    let n = spec.fabric.node_ports.len();
    let map = Map::of(spec);
    let order = spec.fabric.routing.clone();
    let leg =
        |phase| move |target: usize| Goal { target: u32::try_from(target).expect("few"), phase };
    let route = move |at: RouterIdx, port: PortIdx, _: usize, goal: Goal| {
        let towards = |goal: Goal, steps: &mut Vec<Step>| {
            let node = Goal::node(NodeIdx(goal.target));
            for found in all(&order, at, port, 0, node) {
                let groups = groups[usize::from(goal.phase)];
                steps.push(step(found.port, groups, true, goal));
            }
        };
        let mut steps = Vec::new();
        if goal.phase == 0 && goal.target == at.0 {
            (0..n).map(leg(1)).for_each(|next| towards(next, &mut steps));
        } else {
            towards(goal, &mut steps);
        }
        steps
    };
    let mock = Mock { route: Arc::new(route), ..map.mock(2, false, (0..n).map(leg(0)).collect()) };
    with(spec, mock)
}

#[test]
fn valiant_on_a_mesh_needs_a_group_for_each_leg() {
    let spec = mesh(&[3, 3], 2);
    let found = prove(&valiant(&spec, [1, 2])).expect("sound");
    assert_eq!((found.method, found.legs), (Method::Acyclic, 2 * 9));
    // Injection links in both groups as the mock has it, links between routers on the group of
    // each leg, and the second leg's ejection.
    assert_eq!(found.channels, 5 * (9 * 2 + 24 * 2 + 9));
    for one in [[1, 1], [2, 2], [3, 3]] {
        let message = refusal(&valiant(&spec, one));
        // A turn from Y to X where the legs meet: the shortest circle is around a square or there
        // and back.
        assert!(message.contains("channels wait for each other"), "{message}");
    }
}

#[test]
fn a_cycle_over_two_legs_is_named_channel_by_channel() {
    // On a line, the only way to turn back is at an intermediate destination.
    let spec = mesh(&[3], 2);
    assert!(prove(&valiant(&spec, [1, 2])).is_ok());
    let message = refusal(&valiant(&spec, [1, 1]));
    assert!(message.contains("2 channels wait"), "{message}");
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 4, "{message}");
    assert!(lines[1].contains("r(0) port 1 -> r(1) (VC 0 of each class)"), "{message}");
    assert!(lines[2].contains("waits for r(1) port") && lines[2].contains("-> r(0)"), "{message}");
    assert!(lines[3].contains("waits for r(0) port 1 -> r(1)"), "{message}");
}

#[test]
fn legs_that_follow_each_other_in_circles_are_followed_once() {
    // Each step toggles the phase: legs lead back to legs that were already followed.
    let spec = mesh(&[4, 2], 1);
    let order = spec.fabric.routing.clone();
    let route = move |at: RouterIdx, port: PortIdx, group: usize, goal: Goal| {
        let node = Goal::node(NodeIdx(goal.target));
        let turn = |s: Step| Step { goal: Goal { phase: 1 - goal.phase, ..goal }, ..s };
        all(&order, at, port, group, node).into_iter().map(turn).collect()
    };
    let mock = Mock { route: Arc::new(route), ..Map::of(&spec).mock(1, false, nodes(&spec)) };
    let (plain, toggled) = (prove(&spec).expect("free"), prove(&with(&spec, mock)).expect("free"));
    assert_eq!(toggled.legs, 2 * plain.legs);
    assert_eq!((toggled.channels, toggled.dependencies), (plain.channels, plain.dependencies));
}

#[test]
fn a_target_beyond_any_machine_is_refused() {
    let spec = mesh(&[2, 2], 1);
    let goals = vec![Goal { target: u32::MAX, phase: 0 }];
    let problem = prove(&with(&spec, Map::of(&spec).mock(1, false, goals))).expect_err("too far");
    assert_eq!(problem.kind, ErrorKind::Structure);
}
