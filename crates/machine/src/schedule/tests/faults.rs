//! Faults are found, named, and seen by the network.

use base::NodeIdx;
use topology::Description;
use topology::schedule::Transfer;

use super::networks::{FABRICS, machine};
use crate::schedule::{Collective, Fault, Trouble, execute, expand, plan, verify};

fn transfer(src: u32, dst: u32, flits: u32, release: u64) -> Transfer {
    Transfer {
        src: NodeIdx(src),
        dst: NodeIdx(dst),
        flits,
        release: Some(release),
        flow: 0,
        path: None,
        after: Vec::new(),
    }
}

fn fault(transfers: &[Transfer], error: u32) -> Fault {
    let spec = machine(FABRICS[0], |_| {});
    verify(&spec, transfers, error).expect_err("a fault")
}

/// On a mesh of 3 by 3, 0 -> 2 and 1 -> 2 share the link from r(1,0) to r(2,0). A head takes 6 cycles from
/// its source to the link behind the first router, and 5 a router from there on.
#[test]
fn two_transfers_on_a_link_in_a_cycle_are_named_with_link_and_cycle() {
    let text = fault(&[transfer(0, 2, 4, 0), transfer(1, 2, 4, 6)], 0).to_string();
    assert_eq!(text, "transfers 0 and 1 are both on the link r(1,0) -> r(2,0) at cycle 12");
    let text = fault(&[transfer(0, 2, 4, 1), transfer(1, 2, 4, 10)], 1).to_string();
    assert!(text.ends_with(", with counters off by up to 1"), "{text}");
}

#[test]
fn transfers_of_a_node_leave_one_after_the_other() {
    let text = fault(&[transfer(0, 1, 4, 0), transfer(0, 3, 4, 3)], 0).to_string();
    assert_eq!(text, "transfers 0 and 1 are both on the link node0 -> r(0,0) at cycle 4");
    let spec = machine(FABRICS[0], |_| {});
    assert!(verify(&spec, &[transfer(0, 1, 4, 0), transfer(0, 3, 4, 4)], 0).is_ok());
}

#[test]
fn a_slow_link_carries_no_more_than_its_width() {
    let spec = machine(FABRICS[0], |d| {
        for (name, link) in &mut d.links.0 {
            if let topology::describe::LinkForm::OnDie { interval_cycles, .. } = link
                && name == "link"
            {
                *interval_cycles = 3;
            }
        }
    });
    let fault = verify(&spec, &[transfer(0, 2, 1, 0), transfer(1, 2, 1, 7)], 0);
    let text = fault.expect_err("too much").to_string();
    assert_eq!(
        text,
        "transfers 0 and 1 are more than the link r(1,0) -> r(2,0) can carry at cycle 13: it takes a \
         flit every 3.000 cycles"
    );
}

#[test]
fn a_release_before_counters_or_what_it_comes_after_allow_is_named() {
    let text = fault(&[transfer(0, 1, 1, 1)], 2).to_string();
    assert_eq!(
        text,
        "transfer 0 is released at 1, before 2: its counter may be ahead by 2, so it would leave before \
         cycle 0"
    );
    let second = Transfer { after: vec![0], ..transfer(1, 2, 1, 12) };
    let text = fault(&[transfer(0, 1, 1, 0), second], 0).to_string();
    assert_eq!(
        text,
        "transfer 1 is released at 12, before 13: transfer 0, which it comes after, arrives at 12"
    );
}

#[test]
fn routers_that_have_no_closed_form_are_refused() {
    let spec = machine(FABRICS[0], |d| d.router.speculative = true);
    let fault = verify(&spec, &[transfer(0, 1, 1, 0)], 0).expect_err("refused");
    assert_eq!(fault.trouble, Trouble::Routers("speculative switch allocation"));
    assert_eq!(fault.field(), None);
}

#[test]
fn framed_links_are_refused_by_their_class() {
    let spec = Description::shipped("nvl8-framed").expect("it ships").elaborate().expect("sound");
    let fault = verify(&spec, &[transfer(0, 1, 1, 0)], 0).expect_err("refused");
    assert!(fault.to_string().contains("links of class `nvlink4` have frames"), "{fault}");
}

/// A plan with one release moved: the verifier names that transfer or one that it meets, and the network,
/// made to run it, shows that the packets meet.
#[test]
fn a_release_that_is_moved_is_found_and_seen_by_the_network() {
    let spec = machine(FABRICS[0], |_| {});
    let all = Collective::AllToAll.transfers(&spec, 4, 1).expect("a collective");
    let planned = plan(&spec, &all, 0, 1).expect("planned");
    let mut found = 0;
    for moved in (0..all.len()).filter(|i| planned.entries()[*i].release > 0) {
        let mut transfers = planned.transfers();
        transfers[moved].release = transfers[moved].release.map(|r| r - 1);
        let (forced, faults) = expand(&spec, &transfers, 0).expect("worked out");
        if faults.is_empty() {
            continue;
        }
        found += 1;
        assert!(
            faults.iter().any(|f| match f.trouble {
                Trouble::Clash { other, .. } => f.transfer == moved || other == moved,
                _ => false,
            }),
            "{moved}: {faults:?}"
        );
        let run = execute(&spec, &forced, &[]).expect("runs");
        let due = forced.entries().iter().map(|e| e.arrival);
        let differs = run.arrivals.iter().zip(due).any(|(came, due)| *came != due);
        assert!(differs || run.losses.to_others() > 0, "{moved} met nobody: {faults:?}");
    }
    assert!(found > 20, "{found} faults");
}
