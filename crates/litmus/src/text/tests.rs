//! The reader: all that is shipped, and errors that help.

use crate::program::{Arch, Fence, Instr, LoadOrder, Operand};
use crate::{Quantifier, parse};

#[test]
fn every_shipped_test_is_read_and_bears_its_name() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/litmus");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "litmus") {
            let text = std::fs::read_to_string(&path).expect("a text");
            let test = parse(&path, &text).unwrap_or_else(|error| panic!("{error}"));
            assert!((2..=4).contains(&test.threads.len()), "{path:?}");
            count += 1;
        }
    }
    assert!(count > 60, "{count} tests");
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
            "t.litmus:4:16: `]`: the thread has no exclusive load of this location just before it",
        ),
        (
            "X86 a\n{ }\n P0 ;\n ADD [x],$1 ;\nexists (x=0)",
            "t.litmus:4:11: `1`: memory is added to by two accesses where there is no LOCK",
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
            "`L`, which is not further",
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

mod laws {
    use proptest::prelude::*;

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
    }
}
