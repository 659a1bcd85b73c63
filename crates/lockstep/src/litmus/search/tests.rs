//! The search against the oracle.

use ::litmus::{Model, Test, allowed, parse};

use coherence::Protocol;

use super::{Atomics, BTreeSet, Searched, Setup, one, search, search_scoped};

fn shipped(name: &str) -> Test {
    let path = format!("{}/../../tests/litmus/{name}.litmus", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the test is there");
    parse(&path, &text).expect("the test is sound")
}

#[test]
fn the_search_reaches_nothing_that_a_model_forbids_and_the_weak_outcomes_of_store_buffers() {
    for name in ["SB", "MP", "LB", "S", "R", "2+2W", "CoRR", "CoWR", "X86.SB+rfi-pos", "MP+swp"] {
        let test = shipped(name);
        for model in Model::ALL {
            let allowed = allowed(&test, model).expect("the test is small");
            for protocol in [Protocol::MESI, Protocol::BOTH] {
                let reached =
                    search(&test, model, &[protocol]).expect("the test is small").outcomes;
                assert!(reached.is_subset(&allowed), "{name} under {model}, {protocol}");
                // Under these two the machine is as weak as the model.
                if matches!(model, Model::Sc | Model::Tso) {
                    assert_eq!(reached, allowed, "{name} under {model}, {protocol}");
                }
            }
        }
    }
}

fn written(text: &str) -> Test {
    parse("t.litmus", text).unwrap_or_else(|error| panic!("{error}"))
}

/// Four threads over many locations have more starts than memory holds.
#[test]
fn a_test_with_very_many_starts_is_given_up_before_they_are_listed() {
    let row =
        |n: usize| format!(" MOV [x{n}],$1 | MOV [x{n}],$2 | MOV [x{n}],$3 | MOV [x{n}],$4 ;\n");
    let rows = (0..12).map(row).collect::<Vec<_>>().concat();
    let test = written(&format!("X86 A\n{{}}\n P0 | P1 | P2 | P3 ;\n{rows}exists (x0=1)\n"));
    let setup = Setup::new(&test, Model::Sc, Atomics::Near, Protocol::MESI);
    let mut all = Searched { outcomes: BTreeSet::new(), states: 0, starts: 0 };
    let error = one(&setup, 1000, &mut all).expect_err("it is too large").to_string();
    assert!(error.contains("A: more than") && error.contains("mend: "), "{error}");
    assert!(all.starts <= 1001, "{}", all.starts);
}

/// More loads than a byte's worth of tokens, beside another thread's.
#[test]
fn a_long_thread_is_searched_on_scoped_memory() {
    let rows = (0..70).map(|_| " MOV EAX,[x] | ;\n").collect::<Vec<_>>().concat();
    let text = format!(
        "X86 A\n{{}}\n P0 | P1 ;\n{rows} MOV EBX,EAX | MOV ECX,[y] ;\nexists (0:EBX=0 /\\ 1:ECX=0)\n"
    );
    let reached = search_scoped(&written(&text), 1).expect("it is small").outcomes;
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), [[0, 0]]);
}
