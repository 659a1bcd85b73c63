//! What becomes of the values.

use base::{GroupIdx, NodeIdx};
use machine::cycle::Fold;
use topology::collective::{Group, GroupRules};

use crate::support::{Script, mesh, network, nodes};

#[test]
fn each_reduction_has_its_own_fold() {
    let group = |root| Group::Reduction { root: NodeIdx(root), members: nodes(16) };
    let groups = [group(0), group(5), group(10)];
    let mut net = network(&mesh(&[4, 4], 2, 8), &groups, GroupRules::default());
    net.set_fold(GroupIdx(1), Fold::Min);
    net.set_fold(GroupIdx(2), Fold::Max);
    net.set_fold(GroupIdx(3), Fold::Max); // There is none.
    let mut script = Script::default();
    for g in 0..3 {
        (0..16).for_each(|n| script.send(n, GroupIdx(g).address(), 1, 0, g * 16 + n));
    }
    assert!(script.run(&mut net));
    let values = |g| nodes(16).into_iter().map(move |n| Script::value(n, GroupIdx(g), 0));
    let expect = [values(0).sum::<u64>(), values(1).min().unwrap(), values(2).max().unwrap()];
    for (g, expect) in (0..).zip(expect) {
        let found = script.reduced.iter().find(|r| r.group == GroupIdx(g)).map(|r| r.value);
        assert_eq!(found, Some(expect), "group {g}");
    }
}
