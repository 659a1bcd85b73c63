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

/// A test in a few lines: locations are named by the columns, registers by the initial values.
fn written(text: &str) -> Test {
    parse("t.litmus", text).unwrap_or_else(|error| panic!("{error}"))
}

/// Every outcome under every model, if they are the same.
fn outcomes(test: &Test) -> Vec<Vec<u64>> {
    let of = |model| allowed(test, model).unwrap_or_else(|error| panic!("{error}"));
    let sc = of(Model::Sc);
    for model in Model::ALL {
        assert_eq!(of(model), sc, "{} under {model}", test.name);
    }
    sc.into_iter().collect()
}

#[test]
fn an_exclusive_store_fails_where_the_thread_came_by_no_load_of_its_pair() {
    let arm = |rows: &str, asks: &str| {
        let init = "0:X1=x; 0:X9=y;";
        written(&format!("AArch64 A\n{{ {init} }}\n P0 ;\n{rows}\nexists ({asks})\n"))
    };
    let jumped = " CBZ W5,L ;\n LDXR W0,[X1] ;\n L: STXR W2,W3,[X1] ;";
    assert_eq!(outcomes(&arm(jumped, "0:X2=1")), [[1]]);
    let twice = " LDXR W0,[X1] ;\n MOV W3,#7 ;\n STXR W2,W3,[X1] ;\n STXR W4,W3,[X1] ;";
    assert_eq!(outcomes(&arm(twice, "0:X2=0 /\\ 0:X4=1 /\\ x=7")), [[0, 1, 7], [1, 1, 0]]);
    let another = " LDXR W0,[X1] ;\n LDXR W0,[X9] ;\n STXR W2,W0,[X1] ;";
    assert_eq!(outcomes(&arm(another, "0:X2=1")), [[1]]);
    // One store a way.
    let either = " MOV W3,#7 ;\n LDXR W0,[X1] ;\n CBZ W0,L ;\n STXR W2,W0,[X1] ;\n B E ;\n \
                  L: STXR W2,W3,[X1] ;\n E: ;";
    assert_eq!(outcomes(&arm(either, "0:X2=0 /\\ x=7")), [[0, 7], [1, 0]]);
}

#[test]
fn flags_are_those_of_the_last_instruction_that_sets_them() {
    // x is 1 if the branch is taken.
    let x86 = |rows: &[&str]| {
        let rows = rows.iter().map(|row| format!(" {row} ;\n")).collect::<Vec<_>>().concat();
        let text = format!(
            "X86 A\n{{ y=3; 0:EBX=3; }}\n P0 ;\n{rows} JE L ;\n JMP E ;\n L: MOV [x],$1 ;\n E: ;\nexists (x=1)\n"
        );
        outcomes(&written(&text)) == [[1]]
    };
    let equal = "CMP EAX,$0";
    assert!(x86(&[equal]) && !x86(&["CMP EAX,$1"]));
    assert!(!x86(&[equal, "INC EAX"]) && x86(&["MOV EAX,$1", "DEC EAX"]));
    assert!(!x86(&[equal, "ADD EBX,$1"]) && x86(&["SUB EBX,$3"]) && x86(&["XOR EBX,EBX"]));
    assert!(!x86(&[equal, "TEST EBX,EBX"]) && x86(&["TEST EAX,EBX"]) && !x86(&["AND EBX,$1"]));
    for lock in ["", "LOCK "] {
        let one = |what: &str, taken: bool| {
            let row = format!("{lock}{what}");
            assert_eq!(x86(&["CMP EAX,$0", &row]), taken, "{row} behind what is equal");
            assert_eq!(x86(&["CMP EAX,$1", &row]), taken, "{row} behind what is not");
        };
        one("INC [y]", false);
        one("ADD [y],$-3", true);
        one("SUB [y],EBX", true);
        one("DEC [x]", false);
        one("XADD [y],EBX", false);
        one("CMPXCHG [x],EBX", true);
        one("CMPXCHG [y],EBX", false);
    }
    // What sets none leaves them.
    assert!(x86(&[equal, "MOV ECX,$4", "XCHG [y],EBX", "MFENCE", "MOV [y],$2"]));
}

#[test]
fn memory_is_computed_with_as_the_processor_does() {
    let x86 = |rows: &str, asks: &str| {
        written(&format!("X86 A\n{{ x=5; }}\n P0 ;\n{rows}\nexists ({asks})\n"))
    };
    let asks = "x=0 /\\ 0:EAX=0 /\\ 0:EBX=0";
    let ends = |rows: &str| outcomes(&x86(rows, asks));
    assert_eq!(ends(" MOV EBX,$2 ;\n XADD [x],EBX ;\n MOV EAX,[x] ;"), [[7, 7, 5]]);
    assert_eq!(ends(" MOV EBX,$2 ;\n LOCK XADD [x],EBX ;\n MOV EAX,[x] ;"), [[7, 7, 5]]);
    assert_eq!(ends(" MOV EBX,$2 ;\n CMPXCHG [x],EBX ;"), [[5, 5, 2]]);
    assert_eq!(ends(" MOV EBX,$2 ;\n MOV EAX,$5 ;\n CMPXCHG [x],EBX ;"), [[2, 5, 2]]);
    assert_eq!(ends(" ADD EAX,[x] ;\n SUB [x],$1 ;\n XOR EBX,[x] ;"), [[4, 5, 4]]);
    // Without LOCK, another's addition is lost.
    let lost = |lock: &str| {
        let row = format!(" {lock} INC [x] | {lock} INC [x] ;");
        let test = written(&format!("X86 A\n{{}}\n P0 | P1 ;\n{row}\nexists (x=1)\n"));
        let outcomes = allowed(&test, Model::Sc).expect("it is small");
        outcomes.iter().any(|o| test.condition.holds(o))
    };
    assert!(lost("") && !lost("LOCK"));
}

/// Store buffering with the kernel's `cmpxchg` between store and load.
#[test]
fn a_compare_and_exchange_of_the_kernel_that_fails_is_no_fence() {
    let test = |expected: u32| {
        let thread = |number, own, other, mine| {
            format!(
                "P{number}(int *{own}, int *{other}, int *{mine}) {{ WRITE_ONCE(*{own}, 1); \
                 int r1 = cmpxchg({mine}, {expected}, 6); int r0 = READ_ONCE(*{other}); }}\n"
            )
        };
        let (p0, p1) = (thread(0, "x", "y", "v"), thread(1, "y", "x", "w"));
        written(&format!("C A\n{{}}\n{p0}{p1}exists (0:r0=0 /\\ 1:r0=0)\n"))
    };
    let weak = |expected| {
        let test = test(expected);
        let outcomes = allowed(&test, Model::Relaxed).expect("it is small");
        outcomes.iter().any(|o| test.condition.holds(o))
    };
    assert!(weak(5), "it fails");
    assert!(!weak(0), "it succeeds");
}

/// Store buffering with fences between store and load, under total store order: x86-TSO, CACM 53(7), 2010, 3.1.
#[test]
fn only_full_fences_empty_a_store_buffer() {
    let weak = |fence: &str| {
        let text = format!(
            "X86 A\n{{}}\n P0 | P1 ;\n MOV [x],$1 | MOV [y],$1 ;\n {fence} | {fence} ;\n LFENCE | LFENCE ;\n \
             MOV EAX,[y] | MOV EAX,[x] ;\nexists (0:EAX=0 /\\ 1:EAX=0)\n"
        );
        let test = written(&text);
        let outcomes = allowed(&test, Model::Tso).expect("it is small");
        outcomes.iter().any(|o| test.condition.holds(o))
    };
    assert!(weak("NOP") && weak("SFENCE") && !weak("MFENCE"));
}

/// Store buffering with an atomic of Arm on a location of the thread's own between store and load: herdtools7, `aarch64.cat`.
#[test]
fn only_an_atomic_that_acquires_and_releases_is_a_full_fence() {
    let weak = |between: &str| {
        let row = |row: &str| format!(" {row} | {row} ;\n");
        let text = format!(
            "AArch64 A\n{{ 0:X1=x; 0:X2=y; 1:X1=y; 1:X2=x; 0:X3=z; 1:X3=t; 0:X4=1; 1:X4=1; }}\n P0 | P1 ;\n{}{}{}\
             exists (0:X6=0 /\\ 1:X6=0)\n",
            row("STR W4,[X1]"),
            row(between),
            row("LDR W6,[X2]")
        );
        let test = written(&text);
        let outcomes = allowed(&test, Model::Relaxed).expect("it is small");
        outcomes.iter().any(|o| test.condition.holds(o))
    };
    for name in ["LDADD", "SWP"] {
        for (order, orders) in [("", false), ("A", false), ("L", false), ("AL", true)] {
            let between = format!("{name}{order} W4,W5,[X3]");
            assert_eq!(weak(&between), !orders, "{between}");
        }
    }
    assert!(!weak("CASAL W7,W4,[X3]") && weak("CASAL W4,W7,[X3]"), "one that fails writes nothing");
}

#[test]
fn tests_that_are_too_large_are_an_error() {
    let arm = |rows: &str| {
        let init = (0..4).map(|t| format!("{t}:X1=x; {t}:X2=y;")).collect::<Vec<_>>().concat();
        let (heads, tail) = (" P0 | P1 | P2 | P3 ;", "exists (0:X0=1)");
        let row = |row: &str| format!(" {row} | {row} | {row} | {row} ;\n");
        let rows = rows.lines().map(row).collect::<Vec<_>>().concat();
        written(&format!("AArch64 A\n{{ {init} }}\n{heads}\n{rows}{tail}\n"))
    };
    let said = |test: &Test| {
        Model::ALL.map(|model| allowed(test, model).expect_err("it is too large").to_string())
    };
    // Each load doubles the runs; 30 of them would never be listed.
    let many = "LDR W0,[X1]\n".repeat(30) + "LDADD W0,W5,[X1]\nADD W0,W0,#1\nSTR W0,[X1]";
    for said in said(&arm(&many)) {
        assert!(
            said.contains("too many combinations of values") && said.contains("mend: "),
            "{said}"
        );
    }
    for said in said(&arm(&"LDR W0,[X1]\n".repeat(65))) {
        assert!(said.contains("65 accesses and fences, of at most 64"), "{said}");
    }
    for said in said(&arm(&"LDR W0,[X1]\n".repeat(17))) {
        assert!(said.contains("68 accesses and fences, of at most 64"), "{said}");
    }
}
