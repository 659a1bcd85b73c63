//! Caches and homes as the machine drives them: tiny arrays, a bounded directory, messages delayed
//! at random, whole lines of data, the checker on all the time and an audit at the end.

use base::rng::draw;
use base::{Line, LineData, NodeIdx, Rmw};
use coherence::{
    Access, Atomics, CacheCtrl, CacheGeometry, Cause, Checker, Config, Directory, HomeCtrl,
    LineWrite, Listing, MsgKind, Mutant, Outbox, Outcome, Outgoing, Overflow, Protocol,
    Replacement, Request, SharedEviction, audit,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};

type Tag = u32;
type Seeded = Config<Option<Mutant>>;

fn initial(line: Line) -> LineData {
    LineData([line.0; 8])
}

/// A system and what it is made to do.
#[derive(Clone, Debug)]
struct Setup {
    nodes: u32,
    lines: u64,
    shape: CacheGeometry,
    cfg: Seeded,
    directory_lines: Option<u32>,
    window: usize,
    seed: u64,
    /// Of each node: line, kind (load, store, atomic), recall instead of an access now and then.
    ops: Vec<(u32, u64, u8)>,
}

struct System {
    setup: Setup,
    caches: Vec<CacheCtrl<LineData, Tag, Option<Mutant>>>,
    homes: Vec<HomeCtrl<LineData, Tag, Option<Mutant>>>,
    checker: Checker<LineData>,
    out: Outbox<LineData, Tag>,
    net: Vec<Outgoing<LineData, Tag>>,
    /// `[token]`: completions seen.
    done: Vec<u32>,
    draws: u64,
    messages: u64,
}

impl System {
    fn new(setup: Setup) -> Self {
        let node = |n| NodeIdx(n);
        let cfg = setup.cfg;
        let caches = (0..setup.nodes).map(|n| CacheCtrl::new(cfg, node(n), &setup.shape)).collect();
        let home = |n| HomeCtrl::new(cfg, node(n), setup.directory_lines, initial);
        Self {
            caches,
            homes: (0..setup.nodes).map(home).collect(),
            checker: Checker::new(initial),
            out: Outbox::default(),
            net: Vec::new(),
            done: vec![0; setup.ops.len()],
            draws: 0,
            messages: 0,
            setup,
        }
    }

    fn random(&mut self, below: usize) -> usize {
        self.draws += 1;
        let span = u64::try_from(below).expect("small");
        usize::try_from(draw(self.setup.seed, 0, 0, self.draws) % span).expect("small")
    }

    fn home_of(&self, line: Line) -> NodeIdx {
        NodeIdx(u32::try_from(line.0 % u64::from(self.setup.nodes)).expect("small"))
    }

    /// Hands the outbox on: messages to the network, the rest to the checker.
    fn collect(&mut self, node: NodeIdx) {
        for change in &self.out.changes {
            self.checker.change(node, change);
        }
        for done in &self.out.completions {
            self.checker.effect(node, done.line, &done.effect);
            assert_eq!(done.tag, done.token, "a completion carries its access's tag");
            assert!(done.reply_tag.is_some() || !done.waited_for_acks);
            self.done[done.token as usize] += 1;
        }
        self.net.append(&mut self.out.messages);
        self.out.clear();
    }

    /// Starts operation `token`; whether it was taken.
    fn start(&mut self, token: usize) -> bool {
        let (node, line, kind) = self.setup.ops[token];
        let (node, line) = (NodeIdx(node), Line(line));
        let token = u32::try_from(token).expect("small");
        let word = LineData::holding(8, u64::from(token) + 1000);
        let access = match kind {
            0 => Access::Load,
            1 => Access::Store(LineWrite::Bytes { mask: 0xff00, data: word }),
            _ => Access::Atomic(LineWrite::Rmw { offset: 16, size: 8, rmw: Rmw::Add(1) }),
        };
        let request = Request { line, home: self.home_of(line), access, token, tag: token };
        match self.caches[node.at()].access(&request, &mut self.out) {
            Outcome::Hit(effect) => {
                // A hit's own state change comes before what it did.
                self.collect(node);
                self.checker.effect(node, line, &effect);
                self.done[token as usize] += 1;
                true
            }
            Outcome::Pending => {
                self.collect(node);
                true
            }
            Outcome::Retry(_) => {
                assert!(self.out.messages.is_empty() && self.out.changes.is_empty());
                false
            }
        }
    }

    /// Delivers one message, any of them.
    fn deliver(&mut self) {
        let at = self.random(self.net.len());
        let m = self.net.swap_remove(at);
        self.messages += 1;
        assert!(self.messages < 200_000, "the system never comes to rest");
        // The end of a transaction, or memory's data for a reader whom no cache could serve.
        let last = matches!(m.msg.kind, MsgKind::CompAck | MsgKind::FarResp | MsgKind::Data);
        assert!(m.cause != Cause::Gathered || last, "gathered for {}", m.msg);
        let at = m.msg.dst.at();
        if m.msg.to_home() {
            self.homes[at].receive(m.line, &m.msg, m.tag, &mut self.out);
        } else {
            self.caches[at].receive(m.line, &m.msg, m.tag, &mut self.out);
        }
        self.collect(m.msg.dst);
    }

    /// Runs everything, each node's operations in its own order, and comes to rest.
    fn run(&mut self) {
        let nodes = self.setup.nodes as usize;
        let mut todo: Vec<Vec<usize>> = vec![Vec::new(); nodes];
        for (token, (node, ..)) in self.setup.ops.iter().enumerate().rev() {
            todo[*node as usize].push(token);
        }
        loop {
            let node = self.random(nodes);
            if self.random(3) == 0 && !self.net.is_empty() {
                self.deliver();
            } else if self.random(20) == 0 {
                let lines = usize::try_from(self.setup.lines).expect("small");
                let line = Line(u64::try_from(self.random(lines)).expect("small"));
                let home = self.home_of(line);
                self.homes[home.at()].recall(line, 0, &mut self.out);
                self.collect(home);
            } else if let Some(&token) = todo[node].last() {
                let outstanding =
                    self.caches[node].pending().map(|p| p.tokens.len()).sum::<usize>();
                if outstanding < self.setup.window && self.start(token) {
                    todo[node].pop();
                } else if !self.net.is_empty() {
                    self.deliver();
                } else {
                    assert!(self.start(token), "refused although nothing is under way");
                    todo[node].pop();
                }
            } else if todo.iter().all(Vec::is_empty) {
                break;
            }
        }
        while !self.net.is_empty() {
            self.deliver();
        }
    }

    fn waits(&self) -> String {
        let caches = self.caches.iter().flat_map(CacheCtrl::pending).map(|p| p.to_string());
        let homes = self.homes.iter().flat_map(HomeCtrl::blocked).map(|b| b.to_string());
        caches.chain(homes).collect::<Vec<_>>().join("\n")
    }

    fn check(&self) {
        assert_eq!(self.waits(), "", "something waits for ever");
        assert_eq!(self.checker.violations(), [], "incoherent");
        let caches: Vec<_> = self.caches.iter().collect();
        let homes: Vec<_> = self.homes.iter().collect();
        assert_eq!(audit(&caches, &homes, |line| self.checker.golden(line)), []);
        assert!(self.done.iter().all(|n| *n == 1), "completions: {:?}", self.done);
        for line in (0..self.setup.lines).map(Line) {
            let atomics =
                self.setup.ops.iter().filter(|(_, l, kind)| *l == line.0 && *kind > 1).count();
            let count = self.checker.golden(line).word(16, 8) - line.0;
            assert_eq!(count, u64::try_from(atomics).expect("small"), "increments of {line}");
        }
        for home in &self.homes {
            assert!(self.setup.directory_lines.is_none_or(|most| home.tracked() <= most));
        }
    }
}

fn setups() -> impl Strategy<Value = Setup> {
    let shape = (0..2_u32, 0..3_u32, any::<bool>(), 2..5_u32).prop_map(|(s, w, lru, mshrs)| {
        let replacement = if lru { Replacement::Lru } else { Replacement::TreePlru };
        CacheGeometry { sets: 1 << s, ways: 1 << w, replacement, mshrs }
    });
    let protocol =
        (any::<bool>(), any::<bool>()).prop_map(|(owned, direct)| Protocol { owned, direct });
    let cfg = (any::<bool>(), any::<bool>(), protocol).prop_map(|(far, silent, protocol)| Config {
        protocol,
        atomics: if far { Atomics::Far } else { Atomics::Near },
        shared_eviction: if silent { SharedEviction::Silent } else { SharedEviction::Notify },
        ..Config::default().seeded(None)
    });
    let listing = prop_oneof![
        Just(Listing::FullMap),
        (1..3_u16).prop_map(|region| Listing::Coarse { region }),
        (2..4_u16, 0..4_u16).prop_map(|(pointers, region)| Listing::Limited {
            pointers: pointers - u16::from(region > 0),
            overflow: match region {
                0 => Overflow::Recall,
                3 => Overflow::Broadcast,
                region => Overflow::Coarse { region },
            },
        }),
    ];
    let directory = (prop_oneof![Just(None), (1..4_u32).prop_map(Some)], listing);
    (2..5_u32, 1..9_u64).prop_flat_map(move |(nodes, lines)| {
        let ops = prop::collection::vec((0..nodes, 0..lines, 0..3_u8), 1..200);
        let rest = (shape.clone(), cfg.clone(), directory.clone(), 1..10_usize, any::<u64>());
        (rest, ops).prop_map(move |((shape, cfg, directory, window, seed), ops)| Setup {
            nodes,
            lines,
            shape,
            cfg: Config { directory: Directory { listing: directory.1, nodes }, ..cfg },
            directory_lines: directory.0,
            window,
            seed,
            ops,
        })
    })
}

/// Fixed seeds: a failure stays one until it is mended.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn every_access_is_coherent_and_completes_once(setup in setups()) {
        let mut system = System::new(setup);
        system.run();
        system.check();
    }
}

/// The checker, the audit and the controllers' own assertions see each fault, too.
#[test]
fn every_fault_is_seen_from_outside_the_controllers() {
    // Those of packages' homes are seen in replays of schedules and in machines.
    for mutant in Mutant::ALL.into_iter().filter(|m| !m.needs_packages()) {
        let mut runner = TestRunner::new(config(1));
        let seen = (0..1500).any(|_| {
            let mut setup = setups().new_tree(&mut runner).expect("a setup").current();
            let (needed, drawn) = (mutant.protocol(), setup.cfg.protocol);
            setup.cfg.protocol = Protocol {
                owned: needed.owned || drawn.owned && !needed.direct,
                direct: needed.direct || drawn.direct && !needed.owned,
            };
            setup.cfg.mutant = Some(mutant);
            let outcome = std::panic::catch_unwind(move || {
                let mut system = System::new(setup);
                system.run();
                system.check();
            });
            outcome.is_err()
        });
        assert!(seen, "{mutant:?} goes unseen");
    }
}
