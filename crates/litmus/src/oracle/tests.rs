//! The oracle against what the literature says of the shapes.

use crate::{Model, Test, allowed, parse};

/// A shape of `tests/litmus` in the plain form.
fn shape(name: &str) -> Test {
    let path = format!("{}/../../tests/litmus/{name}.litmus", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the test is there");
    parse(&path, &text).expect("the test is sound")
}

/// Whether a model allows the outcome that the test asks for.
fn allows(name: &str, model: Model) -> bool {
    let test = shape(name);
    let outcomes = allowed(&test, model).expect("the test is small");
    outcomes.iter().any(|o| test.condition.holds(o))
}

/// Shapes over several locations, and whether TSO and RCpc release/acquire allow them.
const SHAPES: [(&str, bool, bool); 14] = [
    ("SB", true, true),
    ("MP", false, false),
    ("LB", false, false),
    ("S", false, false),
    ("R", true, true),
    ("2+2W", false, true),
    ("WRC", false, false),
    ("WWC", false, false),
    ("RWC", true, true),
    ("W+RWC", true, true),
    ("IRIW", false, true),
    ("ISA2", false, false),
    ("Z6.3", false, true),
    ("3.SB", true, true),
];

#[test]
fn each_model_allows_of_the_shapes_what_the_literature_says() {
    for (name, tso, ra) in SHAPES {
        assert!(!allows(name, Model::Sc), "{name} under sc");
        assert_eq!(allows(name, Model::Tso), tso, "{name} under tso");
        assert_eq!(allows(name, Model::Ra), ra, "{name} under ra");
        assert!(allows(name, Model::Relaxed), "{name} under relaxed");
    }
}

#[test]
fn full_fences_forbid_every_shape_in_every_model() {
    for (name, ..) in SHAPES {
        for model in Model::ALL {
            assert!(!allows(&format!("{name}+dmb.sys"), model), "{name} under {model}");
        }
    }
}

#[test]
fn every_model_is_coherent() {
    for name in ["CoRR", "CoWW", "CoWR", "CoRW1", "CoRW2", "CoRR2"] {
        for model in Model::ALL {
            assert!(!allows(name, model), "{name} under {model}");
        }
    }
}

#[test]
fn a_stronger_model_allows_no_more() {
    for (name, ..) in SHAPES {
        let of = |model| allowed(&shape(name), model).expect("the test is small");
        let sc = of(Model::Sc);
        for model in [Model::Tso, Model::Ra, Model::Relaxed] {
            assert!(sc.is_subset(&of(model)), "{name} under {model}");
        }
        assert!(of(Model::Tso).is_subset(&of(Model::Ra)), "{name}");
    }
}

#[test]
fn dependencies_and_partial_fences_order_what_they_should() {
    let forbidden =
        ["MP+dmb.st+dmb.ld", "MP+dmb.sy+addr", "LB+data+ctrl", "SB+stlr+ldar", "MP+swp"];
    for name in forbidden {
        assert!(!allows(name, Model::Relaxed), "{name}");
    }
    // Multi-copy atomicity forbids what release and acquire alone would allow.
    assert!(!allows("IRIW+ra", Model::Relaxed) && allows("IRIW+ra", Model::Ra));
    assert!(allows("SB+ra", Model::Relaxed) && !allows("C.SB+sc", Model::Relaxed));
}

#[test]
fn locked_exchanges_are_fences_and_a_store_buffer_answers_its_own_thread() {
    for model in Model::ALL {
        assert!(!allows("X86.SB+xchgs", model), "{model}");
    }
    assert!(allows("X86.SB+rfi-pos", Model::Tso) && !allows("X86.SB+rfi-pos", Model::Sc));
}

#[test]
fn no_increment_is_lost_under_any_model() {
    let test = shape("INC+ldadd");
    for model in Model::ALL {
        let outcomes = allowed(&test, model).expect("the test is small");
        assert!(
            !outcomes.is_empty() && outcomes.iter().all(|o| test.condition.holds(o)),
            "{model}"
        );
    }
}

/// What Arm's model, as simplified by Pulte et al. (POPL 2018), x86-TSO (CACM 53(7), 2010) and C11 say of
/// tests with dependencies, exclusive pairs, compare and swap, locked instructions and fences.
#[test]
fn tests_of_single_mechanisms_are_judged_as_published() {
    use Model::{Relaxed, Tso};
    for (name, model, allowed) in [
        ("MP+dmb.st+addr", Relaxed, false),
        ("MP+dmb.sy+ctrl", Relaxed, true),
        ("MP+dmb.sy+ctrlisb", Relaxed, false),
        ("S+dmb.sy+data", Relaxed, false),
        ("LB+addrs", Relaxed, false),
        ("WRC+data+addr", Relaxed, false),
        ("ISA2+dmb.sy+data+addr", Relaxed, false),
        ("PPOCA", Relaxed, true),
        ("PPOAA", Relaxed, false),
        ("SB+stlr+ldapr", Relaxed, true),
        ("IRIW+ldars", Relaxed, false),
        ("INC+ldxr", Relaxed, false),
        ("MP+stlxr+ldaxr", Relaxed, false),
        ("X86.n6", Tso, true),
        ("X86.n5", Tso, false),
        ("X86.iwp2.8.a", Tso, false),
        ("X86.SB+lock-incs", Tso, false),
        ("X86.SB+att", Tso, true),
        ("X86.ONE+cmpxchg", Tso, false),
        ("C.MP+fences", Relaxed, false),
        ("C.WRC+rel+acqs", Relaxed, false),
        ("C.LB+ctrl+data", Relaxed, false),
        ("C.lock+cmpxchg", Relaxed, false),
    ] {
        assert_eq!(allows(name, model), allowed, "{name} under {model}");
    }
    let one = shape("ONE+cas");
    for model in Model::ALL {
        let outcomes = allowed(&one, model).expect("the test is small");
        assert!(!outcomes.is_empty() && outcomes.iter().all(|o| one.condition.holds(o)), "{model}");
    }
    // An exclusive store may fail whatever happens.
    let pairs = shape("INC+ldxr");
    let outcomes = allowed(&pairs, Relaxed).expect("the test is small");
    assert_eq!(outcomes.iter().filter(|o| o[..3] == [5, 1, 1]).count(), 1, "{outcomes:?}");
}
