//! A packet's stages, cycle by cycle, against the reference's event traces: their facts stand here,
//! and where the traces themselves are at hand they are read too.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base::NodeIdx;
use topology::Description;
use topology::describe::FabricForm;

use super::{Follow, Stage};
use crate::cycle::{CycleNetwork, Next, Offer, Passage, Terminals};

/// Cycle, stage, flit: what the traces and the emulator both tell of.
type Event = (u64, Stage, u32);

/// Stages that the traces name.
const TOLD: [Stage; 6] = [
    Stage::Received,
    Stage::RouteComputed,
    Stage::VcGranted,
    Stage::SwitchGranted,
    Stage::Traversed,
    Stage::Sent,
];

/// A packet from a cycle, node to node.
struct Lone {
    created: u64,
    src: NodeIdx,
    dst: NodeIdx,
    flits: u32,
    sent: bool,
    head: Option<Passage>,
    ejected: Vec<u64>,
}

impl Terminals for Lone {
    fn next(&mut self, node: NodeIdx, _: u8, now: u64) -> Next {
        if node != self.src || self.sent {
            return Next::Wait;
        }
        if now < self.created {
            return Next::At(self.created);
        }
        self.sent = true;
        Next::Packet(Offer { created: now, dst: self.dst, flits: self.flits, tag: 7, next: 0 })
    }

    fn flit_injected(&mut self, passage: &Passage, now: u64) {
        if passage.injected == now {
            self.head = Some(*passage);
        }
    }

    fn flit_ejected(&mut self, _: &Passage, now: u64) {
        self.ejected.push(now);
    }

    fn delivered(&mut self, _: &Passage, _: u64) -> Option<(NodeIdx, u8)> {
        None
    }
}

/// What a lone packet does on the reference's mesh, and when its flits arrive.
fn followed(
    speculative: bool,
    created: u64,
    ends: (u32, u32),
    flits: u32,
) -> (BTreeSet<Event>, Vec<u64>) {
    let mut mesh = Description::mesh8x8();
    mesh.router.vcs_per_class = 4;
    mesh.router.speculative = speculative;
    assert!(matches!(&mesh.fabric, FabricForm::Mesh(_)));
    let spec = mesh.elaborate().unwrap();
    let routing = spec.fabric.routing.clone();
    let mut net = CycleNetwork::new(&spec, routing, 1, 1, Follow::default()).unwrap();
    let (src, dst) = (NodeIdx(ends.0), NodeIdx(ends.1));
    let mut lone = Lone { created, src, dst, flits, sent: false, head: None, ejected: vec![] };
    net.start();
    while net.now() < created + 200 {
        net.cycle(&mut lone);
        if let Some(head) = lone.head.take() {
            assert_eq!((head.injected, head.tag), (created, 7));
            net.watch_mut().follow(head.packet, 7);
        }
    }
    let seen = net.watch().seen();
    assert!(seen.iter().all(|s| s.packet == 7));
    let told = seen.iter().filter(|s| TOLD.contains(&s.stage));
    (told.map(|s| (s.cycle, s.stage, s.flit)).collect(), lone.ejected)
}

/// Stages of `flits` flits over `hops` routers, the first of which receives the head at `first`; a
/// head's grant of a VC and of the switch come so many cycles after it is received. Links of a cycle;
/// body flits follow one by one.
fn stages(first: u64, hops: u64, flits: u32, vc: u64, switch: u64) -> BTreeSet<Event> {
    let mut all = BTreeSet::new();
    for hop in 0..hops {
        let head = first + hop * (switch + 3);
        all.extend([(head, Stage::RouteComputed, 0), (head + vc, Stage::VcGranted, 0)]);
        for flit in 0..flits {
            let at = head + u64::from(flit);
            all.extend([
                (at, Stage::Received, flit),
                (at + switch, Stage::SwitchGranted, flit),
                (at + switch + 1, Stage::Traversed, flit),
                (at + switch + 2, Stage::Sent, flit),
            ]);
        }
    }
    all
}

/// The events of one of the reference's traces, if it is there. Flits are counted from `flit`.
fn trace(name: &str, flit: u32) -> Option<BTreeSet<Event>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("../../../shared/reference/booksim").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        #[expect(clippy::print_stderr, reason = "who runs the tests shall see it")]
        {
            eprintln!("SKIPPED: {} is not there; its facts are tested", path.display());
        }
        return None;
    };
    let words = [
        ("Received flit ", Stage::Received),
        ("Beginning routing for VC", Stage::RouteComputed),
        ("Completed VC allocation", Stage::VcGranted),
        ("Completed switch allocation", Stage::SwitchGranted),
        ("Beginning crossbar traversal for flit ", Stage::Traversed),
        ("Beginning channel traversal for flit ", Stage::Sent),
    ];
    let event = |line: &str| {
        let (cycle, what) = line.split_once(" | ")?;
        let (_, stage) = words.iter().find(|(word, _)| what.contains(word))?;
        if what.contains("ingress") {
            return None; // the link from the source is no router's
        }
        let number = what.split_once("flit ").or_else(|| what.split_once("front: "))?.1;
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        let number: u32 = digits.parse().ok()?;
        Some((cycle.parse().ok()?, *stage, number - flit))
    };
    Some(text.lines().filter_map(event).collect())
}

#[test]
fn stages_of_a_packet_of_one_flit_are_those_of_the_reference() {
    let (seen, ejected) = followed(false, 37, (1, 9), 1);
    assert_eq!(seen, stages(39, 2, 1, 1, 2));
    assert_eq!(
        seen.iter().map(|e| e.0).collect::<Vec<_>>(),
        [39, 39, 40, 41, 42, 43, 44, 44, 45, 46, 47, 48]
    );
    assert_eq!(ejected, [49]);
    if let Some(reference) = trace("trace_mesh8_v4_p1_packet7.txt", 7) {
        assert_eq!(seen, reference);
    }
}

#[test]
fn stages_of_five_flits_follow_each_other() {
    let (seen, ejected) = followed(false, 180, (32, 29), 5);
    // 5 * 7 + 2 = 37 cycles for the head.
    assert_eq!(seen, stages(182, 7, 5, 1, 2));
    assert_eq!(ejected, [217, 218, 219, 220, 221]);
}

#[test]
fn stages_of_a_speculative_packet_of_five_flits_are_those_of_the_reference() {
    let (seen, ejected) = followed(true, 180, (32, 29), 5);
    assert_eq!(seen, stages(182, 7, 5, 1, 1));
    assert_eq!(ejected, [210, 211, 212, 213, 214]);
    if let Some(reference) = trace("trace_mesh8_v4_p5_spec_packet3.txt", 15) {
        assert_eq!(seen, reference);
    }
}
