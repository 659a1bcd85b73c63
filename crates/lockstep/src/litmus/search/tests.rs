//! The search against the oracle.

use ::litmus::{Model, Test, allowed, parse};

use coherence::Protocol;

use super::search;

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
