//! Memory order: litmus tests on machines, judged by what each model allows, and barriers.

use std::collections::BTreeMap;

use litmus::{Model, Test, allowed, parse};
use lockstep::base::{Addr, Op, Record, ThreadIdx};
use lockstep::coherence::Protocol;
use lockstep::litmus::{Machines, Plan, Verdict, replay, search, search_scoped};
use lockstep::machine::{Machine, Options};
use lockstep::topology::Description;
use lockstep::topology::spec::{MachineSpec, Mode, Protocol as SpecProtocol, RegionSpec};
use lockstep::traffic::Trace;

fn machine(name: &str) -> (String, MachineSpec) {
    let description = Description::shipped(name).expect("it is shipped");
    (name.to_owned(), description.elaborate().expect("a sound machine"))
}

fn machines() -> Vec<(String, MachineSpec)> {
    ["nvl8", "fullmesh8", "mesh8x8", "torus4x4x4"].map(machine).into()
}

fn shipped(name: &str) -> Test {
    let path = tests::workspace_root().join(format!("tests/litmus/{name}.litmus"));
    let text = std::fs::read_to_string(&path).expect("the test is there");
    parse(&path, &text).expect("a sound test")
}

/// Every shipped test by name.
fn all() -> BTreeMap<String, Test> {
    let folder = tests::workspace_root().join("tests/litmus");
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let names = files.filter_map(|file| {
        let name = file.expect("an entry").file_name().into_string().expect("a plain name");
        name.strip_suffix(".litmus").map(str::to_owned)
    });
    names.map(|name| (name.clone(), shipped(&name))).collect()
}

fn verdict(test: &Test, model: Model, machines: &Machines, plan: &Plan) -> Verdict {
    let seen = replay(test, model, machines, plan).expect("sound runs");
    let allowed = allowed(test, model).expect("a small test");
    Verdict::of(test, model, &seen, None, &allowed)
}

#[test]
fn machines_never_show_what_their_model_forbids() {
    let deep = tests::deep();
    let machines = Machines(if deep { machines() } else { vec![machine("nvl8")] });
    let plan = if deep { Plan::default() } else { Plan { rounds: 32, runs: 2, seed: 1 } };
    for (name, test) in all() {
        for model in Model::ALL {
            let verdict = verdict(&test, model, &machines, &plan);
            let forbidden: Vec<_> = verdict.forbidden().map(|o| test.describe(o)).collect();
            assert!(forbidden.is_empty(), "{name} under {model}: {forbidden:?}");
        }
    }
}

/// The same where every access goes to its home.
#[test]
fn uncached_memory_never_shows_what_a_model_forbids() {
    let (name, mut spec) = machine("fullmesh8");
    spec.regions = vec![RegionSpec { lines: 0..u64::MAX, mode: Mode::Uncached }];
    let machines = Machines(vec![(name, spec)]);
    let plan = Plan { rounds: 32, runs: if tests::deep() { 32 } else { 2 }, seed: 1 };
    for (name, test) in all() {
        for model in Model::ALL {
            let verdict = verdict(&test, model, &machines, &plan);
            let forbidden: Vec<_> = verdict.forbidden().map(|o| test.describe(o)).collect();
            assert!(forbidden.is_empty(), "{name} under {model}: {forbidden:?}");
        }
    }
}

/// The owned state and direct transfer give no order away.
#[test]
fn caches_that_serve_each_other_never_show_what_a_model_forbids() {
    let (name, mut spec) = machine("fullmesh8");
    spec.accelerator.protocol = SpecProtocol { owned: true, direct: true };
    let machines = Machines(vec![(name, spec)]);
    let plan = Plan { rounds: 16, runs: if tests::deep() { 64 } else { 1 }, seed: 1 };
    for (name, test) in all() {
        for model in Model::ALL {
            let verdict = verdict(&test, model, &machines, &plan);
            let forbidden: Vec<_> = verdict.forbidden().map(|o| test.describe(o)).collect();
            assert!(forbidden.is_empty(), "{name} under {model}: {forbidden:?}");
        }
    }
}

/// Release and acquire where memory is kept valid by scopes, with packages of one node and of several.
#[test]
fn scoped_memory_never_shows_what_release_and_acquire_forbid() {
    for package_nodes in [1, 4] {
        let machines = Machines(vec![scoped(package_nodes)]);
        let plan = Plan { rounds: 32, runs: if tests::deep() { 32 } else { 2 }, seed: 1 };
        for (name, test) in all() {
            let verdict = verdict(&test, Model::Ra, &machines, &plan);
            let forbidden: Vec<_> = verdict.forbidden().map(|o| test.describe(o)).collect();
            assert!(forbidden.is_empty(), "{name} in packages of {package_nodes}: {forbidden:?}");
        }
    }
}

/// The same in every order, and what machines show is among it.
#[test]
fn what_scoped_machines_show_the_search_reaches_and_release_and_acquire_allow() {
    let plan = Plan { rounds: 32, runs: 2, seed: 3 };
    let quick = ["SB", "MP", "LB", "S", "2+2W", "INC+ldxr", "ONE+cas", "X86.ONE+cmpxchg"];
    let few = |name: &String| tests::deep() || quick.contains(&name.as_str());
    let names: Vec<String> = all().into_keys().filter(few).collect();
    let cases = [1, 2].into_iter().flat_map(|p| names.iter().map(move |name| (p, name)));
    for (package_nodes, name) in cases {
        let test = shipped(name);
        let allowed = allowed(&test, Model::Ra).expect("a small test");
        let reached = search_scoped(&test, package_nodes).expect("a small test").outcomes;
        let told = |o| format!("{name} in packages of {package_nodes}: {}", test.describe(o));
        for outcome in &reached {
            assert!(allowed.contains(outcome), "{}", told(outcome));
        }
        let machines = Machines(vec![scoped(package_nodes)]);
        let seen = replay(&test, Model::Ra, &machines, &plan).expect("sound runs");
        for outcome in seen.keys() {
            assert!(reached.contains(outcome), "{}", told(outcome));
        }
    }
}

/// What is weak of scoped memory beyond store buffers: writes are seen nearby before they are seen by all.
#[test]
fn the_search_of_scoped_memory_shows_its_weak_outcomes() {
    for name in ["SB", "R", "RWC", "W+RWC", "IRIW", "3.SB"] {
        // Packages make for many more states.
        let most = if tests::deep() || name == "SB" { 2 } else { 1 };
        for package_nodes in 1..=most {
            let test = shipped(name);
            let reached = search_scoped(&test, package_nodes).expect("a small test").outcomes;
            let weak = reached.iter().any(|o| test.condition.holds(o));
            assert!(weak, "{name} in packages of {package_nodes}: {reached:?}");
        }
    }
}

fn scoped(package_nodes: u32) -> (String, MachineSpec) {
    let (name, mut spec) = machine("nvl8");
    spec.regions = vec![RegionSpec { lines: 0..u64::MAX, mode: Mode::Scoped }];
    spec.package_nodes = Some(package_nodes);
    (name, spec)
}

/// Shapes whose weak outcome the machine must show, so that the test above can see what it looks
/// for.
const WEAK: [(&str, Model); 16] = [
    ("SB", Model::Tso),
    ("R", Model::Tso),
    ("RWC", Model::Tso),
    ("3.SB", Model::Tso),
    ("X86.SB+rfi-pos", Model::Tso),
    ("SB", Model::Ra),
    ("R", Model::Ra),
    ("RWC", Model::Ra),
    ("3.SB", Model::Ra),
    ("SB", Model::Relaxed),
    ("MP", Model::Relaxed),
    ("LB", Model::Relaxed),
    ("S", Model::Relaxed),
    ("2+2W", Model::Relaxed),
    ("WRC", Model::Relaxed),
    ("IRIW", Model::Relaxed),
];

#[test]
fn machines_show_the_weak_outcomes_of_their_model() {
    let machines = Machines(machines());
    let plan = Plan { rounds: 64, runs: 8, seed: 1 };
    for (name, model) in WEAK {
        let verdict = verdict(&shipped(name), model, &machines, &plan);
        assert!(verdict.condition_holds(), "{name} under {model}: {:?}", verdict.outcomes);
    }
}

/// Every shipped test in every order of the protocol's steps: under the model of its architecture, with the protocol's
/// options off and on; at length under every model.
#[test]
fn no_order_of_the_protocols_steps_shows_what_a_model_forbids() {
    for (name, test) in all() {
        for model in Model::ALL.into_iter().filter(|m| tests::deep() || *m == Model::of(test.arch))
        {
            let allowed = allowed(&test, model).expect("a small test");
            let small = tests::deep() || test.threads.len() < 4;
            let protocols =
                if small { vec![Protocol::MESI, Protocol::BOTH] } else { vec![Protocol::MESI] };
            let searched = search(&test, model, &protocols).expect("a small test");
            let forbidden = searched.outcomes.difference(&allowed).next();
            assert!(
                forbidden.is_none(),
                "{name} under {model}: {:?}",
                forbidden.map(|o| test.describe(o))
            );
        }
    }
}

/// The machine is one of the things that the search allows it to be.
#[test]
fn what_machines_show_the_search_reaches() {
    let machines = Machines(vec![machine("fullmesh8")]);
    let plan = Plan { rounds: 64, runs: 4, seed: 5 };
    for name in ["SB", "MP", "LB", "S", "R", "2+2W", "CoRR", "MP+dmb.st+dmb.ld", "INC+ldadd"] {
        let test = shipped(name);
        for model in Model::ALL {
            let seen = replay(&test, model, &machines, &plan).expect("sound runs");
            let reached = search(&test, model, &[Protocol::MESI]).expect("a small test").outcomes;
            for outcome in seen.keys() {
                assert!(reached.contains(outcome), "{name} {model}: {}", test.describe(outcome));
            }
        }
    }
}

/// Everybody writes words at many homes and meets; everybody reads all words and meets.
fn exchange(nodes: u32, threads: u32, rounds: u64) -> (Vec<Record>, Vec<(Addr, u64)>) {
    const WORDS: u64 = 3;
    let word = |thread: u32, n: u64| {
        // A line for each, at the next homes over.
        let page = u64::from((thread + 1 + u32::try_from(n).expect("small")) % nodes);
        Addr(page * 4096 + (u64::from(thread) * WORDS + n) * 64)
    };
    let (mut records, mut expected, mut slots) = (Vec::new(), Vec::new(), 1_u64 << 30);
    for thread in 0..threads {
        let mut push = |op| records.push(Record { thread: ThreadIdx(thread), op });
        for round in 1..=rounds {
            for n in 0..WORDS {
                let value = Some(round << 32 | u64::from(thread) << 8 | n);
                push(Op::Store { addr: word(thread, n), size: 8, value });
            }
            push(Op::Barrier { id: 1, members: threads });
            for other in 0..threads {
                for n in 0..WORDS {
                    push(Op::Copy { from: word(other, n), to: Addr(slots), bytes: 8 });
                    expected.push((Addr(slots), round << 32 | u64::from(other) << 8 | n));
                    slots += 64;
                }
            }
            push(Op::Barrier { id: 2, members: threads });
        }
    }
    (records, expected)
}

#[test]
fn behind_a_barrier_everybody_reads_what_everybody_wrote_before_it() {
    for (_, spec) in machines() {
        let nodes = u32::try_from(spec.fabric.node_ports.len()).expect("few nodes");
        for (threads, shuffle) in [(2, None), (5, Some(1)), (8, Some(2))] {
            let (records, expected) = exchange(nodes, threads, 3);
            let trace = Trace::from_records(records).expect("a sound trace");
            let options = Options { shuffle, ..Options::default() };
            let mut machine = Machine::new(&spec, &trace, options).expect("a sound machine");
            machine.run().expect("a sound run");
            let told = format!("{}, {threads} threads", spec.name);
            assert!(machine.summary().checks.clean(), "{told}");
            for (slot, value) in expected {
                assert_eq!(machine.value(slot.line()).word(0, 8), value, "{told}, {slot}");
            }
        }
    }
}
