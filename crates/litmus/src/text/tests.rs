//! The reader: all that is shipped, and errors that help.

use crate::program::{Arch, Fence, Instr, LoadOrder, Operand};
use crate::{Quantifier, parse};

/// The shipped tests, with their names, in order.
fn shipped() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/litmus");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut all: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "litmus"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a text"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn every_shipped_test_is_read_and_bears_its_name() {
    let all = shipped();
    for (name, text) in &all {
        let test = parse(name, text).unwrap_or_else(|error| panic!("{error}"));
        assert!((2..=4).contains(&test.threads.len()), "{name}");
        assert_eq!(test.name, name.trim_start_matches("C.").trim_start_matches("X86."));
    }
    assert!(all.len() > 60, "{} tests", all.len());
}

#[test]
fn a_test_of_each_architecture_is_what_it_says() {
    let arm = "AArch64 A\n\"words\"\nCom=Rf Fr\n{ 0:X1=x; int64_t x=3; 1:X1=x; uint64_t 1:X7; }\n\
               P0 | P1 ;\n LDAR W0,[X1] | L: LDAPR X2,[X1] ;\n DMB ISHST | NOP ;\n\
               (* nested (* words *) *)\nlocations [x;]\n~exists (0:X0=1 \\/ ~(1:X2=0x10))\n";
    let test = parse("a", arm).expect("sound");
    assert_eq!((test.arch, test.initial[0]), (Arch::AArch64, 3));
    assert_eq!(test.observables.len(), 3);
    assert_eq!(test.condition.quantifier, Quantifier::NotExists);
    assert!(matches!(test.threads[0].code[0], Instr::Load { order: LoadOrder::AcquireSc, .. }));
    assert_eq!(test.threads[0].code[1], Instr::Fence(Fence::Stores));
    assert!(test.condition.holds(&[3, 0, 1]) && !test.condition.holds(&[3, 0, 16]));

    let x86 = "X86 B\n{ x=0; }\n P0 | P1 ;\n mov [x],$1 | XCHG [x],EAX ;\nforall (x=1 \\/ x=0)\n";
    let test = parse("b", x86).expect("sound");
    assert!(matches!(test.threads[1].code[0], Instr::Rmw { full: true, .. }));

    let c = "C D\n(* words *)\n{}\nP0(int *x) { WRITE_ONCE(*x, 1); }\n\
             P1(atomic_int *x, int *y) { int r0 = atomic_load_explicit(x, memory_order_acquire);\n\
             if (r0 == 1) { *y = r0 + 1; } else { smp_mb(); } }\nexists (1:r0=1 /\\ y=2)\n";
    let test = parse("d", c).expect("sound");
    assert!(matches!(
        test.threads[0].code[0],
        Instr::Store { value: Operand::Const(1), release: false, .. }
    ));
    let outcomes = crate::allowed(&test, crate::Model::Sc).expect("small");
    assert!(outcomes.iter().any(|o| test.condition.holds(o)));
    assert!(!outcomes.contains(&vec![0, 2]), "{outcomes:?}");
}

/// What is said about a text.
fn fault(text: &str) -> String {
    parse("t.litmus", text).expect_err("it is not sound").to_string()
}

#[test]
fn errors_name_file_line_column_token_and_mend() {
    let cases = [
        (
            "AArch64 a\n{ 0:X1=x; }\n P0 ;\n STXR W2,W0,[X1] ;\nexists (x=0)",
            "t.litmus:4:16: `]`: the thread has no exclusive load of this location before it",
        ),
        (
            "X86_64 a\n{ }\n P0 ;\n movl (%rdi),%eax ;\nexists (x=0)",
            "t.litmus:4:9: `rdi`: the register holds no address of a location",
        ),
        ("", "t.litmus:1:1: end of file: the first word"),
        ("MIPS A\n{}\n", "t.litmus:1:1: `MIPS`"),
        ("X86 A\n{ x=0 y=0; }\n", "t.litmus:2:7: `y`"),
        ("X86 A\n{}\n P0 | P1 ;\n FROB | MFENCE ;\nexists (true)", "t.litmus:4:2: `FROB`"),
        ("X86 A\n{}\n P0 | P1 ;\n MFENCE ;\nexists (true)", "t.litmus:4:9: `;`: `|` is expected"),
        ("X86 A\n{}\n P0 | P1 ;\n MFENCE | MFENCE ;\n", "end of file: the test has no condition"),
        (
            "X86 A\n{}\n P0 | P1 ;\n MOV EAX,[x] | MFENCE ;\nexists (0:EBX=1)",
            "t.litmus:5:11: `EBX`",
        ),
        ("C A\n{}\nexists (true)", "the test has 0 threads"),
        ("AArch64 A\n{}\n P0 | P1 ;\n LDR W0,[X1] | NOP ;\nexists (true)", "t.litmus:4:10: `X1`"),
        (
            "AArch64 A\n{}\n P0 | P1 ;\n L: CBZ W0,L | NOP ;\nexists (true)",
            "t.litmus:4:5: `CBZ`: it branches to `L`, which is not further down",
        ),
        ("C A\n{}\nP0(int *x) { y = READ_ONCE(*z); }\nP1(int *x) {}\nexists (true)", "`z`"),
        (
            "C A\n{}\nP0(int *x) { int r = atomic_load_explicit(x, memory_order_release); }",
            "release",
        ),
        ("X86 A\n{ (* open\n", "t.litmus:2:3: a comment"),
    ];
    for (text, part) in cases {
        let said = fault(text);
        assert!(said.contains(part) && said.contains("\n  mend: "), "{text:?} gives {said}");
    }
}

#[test]
fn flags_locks_and_addresses_are_used_as_they_can_be() {
    let arm = |rows: &str| {
        fault(&format!("AArch64 A\n{{ 0:X1=x; 0:X4=y; }}\n P0 ;\n{rows}\nexists (x=0)"))
    };
    let x86 = |rows: &str| fault(&format!("X86 A\n{{ 0:EDI=x; }}\n P0 ;\n{rows}\nexists (x=0)"));
    let flags = "the flags may be those of no instruction of the test";
    let lock = "LOCK does not go with this";
    let address = "an address is used as a value";
    let bare = arm(" B.EQ L ;\n L: ;");
    assert!(bare.contains(&format!("t.litmus:4:2: `B.EQ`: {flags}")), "{bare}");
    let jumped = arm(" CBZ W0,L ;\n CMP W0,#1 ;\n L: B.NE M ;\n M: ;");
    assert!(jumped.contains(&format!("t.litmus:6:5: `B.NE`: {flags}")), "{jumped}");
    assert!(x86(" JNE L ;\n L: ;").contains(&format!("t.litmus:4:2: `JNE`: {flags}")));
    for row in ["MOV [x],$1", "NOP", "MFENCE", "INC EAX", "CMP [x],$1", "XOR [x],EAX", "JMP L"] {
        let said = x86(&format!(" LOCK {row} ;\n L: ;"));
        let word = row.split(' ').next().expect("a word");
        assert!(said.contains(&format!("t.litmus:4:7: `{word}`: {lock}")), "{said}");
    }
    for row in ["STR X1,[X4]", "CMP X1,#0", "ADD W0,X1,#1", "CBZ X1,L", "SWP X1,W0,[X4]"] {
        let said = arm(&format!(" {row} ;\n L: ;"));
        assert!(said.contains("address is"), "{row}: {said}");
    }
    assert!(x86(" MOV [y],EDI ;").contains(address) && x86(" CMP EDI,$0 ;").contains(address));
    // An address that depends on the way taken is none that is known.
    let either = " CBZ W0,L ;\n MOV X1,X4 ;\n L: STR W0,[X1] ;";
    assert!(arm(either).contains("the register holds no address of a location"));
}

#[test]
fn brackets_and_casts_of_c_are_told_apart() {
    let value = |e: &str| {
        let text =
            format!("C A\n{{}}\nP0(int *x) {{ int r0 = 3; int r1 = {e}; }}\nexists (0:r1=0)");
        let test = parse("t", &text).unwrap_or_else(|error| panic!("{e}: {error}"));
        crate::allowed(&test, crate::Model::Sc)
            .expect("it is small")
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(value("(r0)"), [[3]]);
    assert_eq!(value("(int)(r0 + 1)"), [[4]]);
    assert_eq!(value("!(r0 == 3)"), [[0]]);
    assert_eq!(value("(r0 != 3) + !(r0 - 3)"), [[1]]);
    assert_eq!(value("(int)READ_ONCE(*x)"), [[0]]);
}

#[test]
fn what_is_too_deep_or_too_long_is_an_error() {
    let deep = |open: &str, close: &str| format!("{}x=0{}", open.repeat(5000), close.repeat(5000));
    let x86 =
        |condition: &str| fault(&format!("X86 A\n{{}}\n P0 ;\n MOV [x],$1 ;\nexists {condition}"));
    assert!(x86(&deep("(", ")")).contains("more than 64 levels deep"));
    assert!(x86(&deep("~", "")).contains("more than 64 levels deep"));
    assert!(x86(&format!("(x=0{})", " /\\ x=0".repeat(5000))).contains("more than 1024 parts"));
    let c = |body: &str| fault(&format!("C A\n{{}}\nP0(int *x) {{ {body} }}\nexists (x=0)"));
    for body in [
        format!("int r = {}1", "(".repeat(5000)),
        format!("int r = {}1", "!".repeat(5000)),
        format!("int r = {}*x", "(int)".repeat(5000)),
        format!("int r = READ_ONCE({}*x", "(".repeat(5000)),
        "{".repeat(5000),
        "if (1) ".repeat(5000),
    ] {
        assert!(c(&body).contains("more than 64 levels deep"), "{}", c(&body));
    }
    let long = " MOV [x],$1 ;\n".repeat(5000);
    let said = fault(&format!("X86 A\n{{}}\n P0 ;\n{long}exists (x=0)"));
    assert!(said.contains("P0 has more than 4096 instructions"), "{said}");
}

/// Source: Arm, *A64 Instruction Set Architecture*, release 2026-03: where the register for what was found is the zero
/// register, nothing is acquired.
#[test]
fn an_atomic_that_keeps_nothing_acquires_nothing() {
    let acquires = |row: &str| {
        let text = format!("AArch64 A\n{{ 0:X1=x; }}\n P0 ;\n {row} ;\nexists (x=0)");
        let test = parse("t", &text).unwrap_or_else(|error| panic!("{error}"));
        matches!(test.threads[0].code[0], Instr::Rmw { acquire: true, .. })
    };
    for (kept, not) in [
        ("CASA W0,W2,[X1]", "CASA WZR,W2,[X1]"),
        ("CASAL W0,W2,[X1]", "CASAL XZR,X2,[X1]"),
        ("SWPA W2,W0,[X1]", "SWPA W2,WZR,[X1]"),
        ("LDADDAL W2,W0,[X1]", "LDADDAL W2,WZR,[X1]"),
    ] {
        assert!(acquires(kept) && !acquires(not), "{kept}, {not}");
    }
}

mod laws {
    use proptest::prelude::*;

    use super::shipped;

    /// A text with a few of its characters or words gone, doubled, or replaced.
    fn mutated(text: &str, changes: &[(u8, prop::sample::Index, prop::sample::Index)]) -> String {
        let mut words: Vec<String> =
            text.split_inclusive(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
        for (kind, at, from) in changes {
            let (at, from) = (at.index(words.len()), from.index(words.len()));
            match kind {
                0 => drop(words.remove(at)),
                1 => words.insert(at, words[from].clone()),
                2 => words.swap(at, from),
                3 => words[at] = words[from].clone(),
                4 => words.truncate(at + 1),
                5 => drop(words[at].pop()),
                6 => words[at].push(['(', '\u{e9}', '"', '{', '}', '|', ':', '0', '#'][from % 9]),
                _ => {
                    let odd = ["0xffffffffffffffff", "-", "X30", "[", "4294967296", "P3"];
                    odd[from % 6].clone_into(&mut words[at]);
                }
            }
            if words.is_empty() {
                words.push(String::new());
            }
        }
        words.concat()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_text_makes_the_reader_panic(
            head in prop::sample::select(vec!["X86 A\n{", "AArch64 A\n{ 0:X1=x;", "C A\n{}\nP0("]),
            words in prop::collection::vec(prop::sample::select(vec![
                "P0", "P1", "|", ";", "}", "{", "(", ")", "*", "x", "0", ":", "X1", "EAX", "=", "MOV",
                "LDR", "[", "]", ",", "exists", "~", "/\\", "if", "else", "int", "READ_ONCE", "(*",
                "EOR", "W2", "CBZ", "L", "\n", "#", "-", "locations", "B",
            ]), 0..60),
        ) {
            let _ = crate::parse("t", &format!("{head} {}", words.join(" ")));
        }

        /// Neither the reader nor, of what it takes, the oracle.
        #[test]
        fn no_change_of_a_shipped_test_makes_the_reader_panic(
            file in any::<prop::sample::Index>(),
            changes in prop::collection::vec((0_u8..8, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..8),
        ) {
            let all = shipped();
            let (_, text) = file.get(&all);
            if let Ok(test) = crate::parse("t", &mutated(text, &changes)) {
                let _ = crate::allowed(&test, crate::Model::Relaxed);
            }
        }
    }
}
