//! Messages about malformed text, each with its line, column and mend.

use std::fmt::Write;

use traffic::Trace;

const CASES: &[&str] = &[
    "",
    "# only a comment",
    "0",
    "load 0x1000 8",
    "65536 fence",
    "99999999999999999999 fence",
    "-1 fence",
    "0 laod 0x1000 8",
    "0 barier 1 2",
    "0 read 0x1000 8",
    "0 frobnicate 1",
    "0 load",
    "0 load 0x1000",
    "0 load 1000h 8",
    "0 load deadbeef 8",
    "0 load 0x 8",
    "0 load 0x1_0000_0000_0000_0000 8",
    "0 load 0x1000 0",
    "0 load 0x1000 65",
    "0 load 0x1000 8 8",
    "0 load 0xfffffffffffffffc 8",
    "0 store 0x1000 1 =256",
    "0 store 0x1000 1 =-129",
    "0 store 0x1000 8 =",
    "0 store 0x1000 8 =x",
    "0 add 0x1000 3 1",
    "0 add 0x103c 8 1",
    "0 add 0x1000 8",
    "0 cas 0x1000 8 1",
    "0 swap 0x1000 2 65536",
    "0 fence 1",
    "0 barrier 1 0",
    "0 barrier 1",
    "0 barrier 4294967296 2",
    "0 think -5",
    "0 think 4294967296",
    "0 copy 0x1000 0x2000 0",
    "0 copy 0x1000 0x1010 64",
    "0 copy 0x1000 0xffffffffffffff00 512",
    "0 copy 0xffffffffffffff00 0x1000 512",
    "@nmae x\n0 fence",
    "@threads 65537\n0 fence",
    "@threads 2\n2 fence",
    "@unordered 1\n0 fence",
    "0 fence\n@unordered",
    "@unorderd\n0 fence",
    "0 fence\n@name late",
    "0 fence\n   0 lod 1 2 # far right",
    "0 fence\n0 load 0x10\u{e9}0 8",
    "0 fence \u{1b}[31m",
];

#[test]
fn each_malformed_line_has_a_message_that_names_place_and_mend() {
    let mut all = String::new();
    for case in CASES {
        let error = Trace::from_text(case.as_bytes(), "t.trace").expect_err(case);
        writeln!(all, "{}\n{error}\n", case.escape_debug()).expect("to a string");
    }
    let long = format!("0 load {} 8", "1".repeat(5000));
    let error = Trace::from_text(long.as_bytes(), "t.trace").expect_err("long");
    writeln!(all, "a line of 5000 characters\n{error}\n").expect("to a string");
    let error = Trace::from_text(&b"0 fence\n0 lo\xffd"[..], "t.trace").expect_err("not UTF-8");
    writeln!(all, "not UTF-8\n{error}").expect("to a string");
    insta::assert_snapshot!(all);
}

#[test]
fn barriers_that_hang_or_disagree_are_found() {
    let check = |text: &str| {
        let trace = Trace::from_text(text.as_bytes(), "t.trace").expect("parse");
        traffic::barriers::check_barriers(&trace).map_err(|e| e.to_string())
    };
    assert_eq!(check("0 barrier 0 2\n1 barrier 0 2\n1 barrier 0 1"), Ok(()));
    assert_eq!(check("0 b 0 2\n0 b 0 2\n1 b 0 2\n2 b 1 2\n1 b 1 2\n2 b 0 2"), Ok(()));
    let hangs = [
        "0 barrier 5 2\n1 fence",
        "0 b 0 2\n0 b 1 2\n1 b 1 2\n1 b 0 2",
        "0 b 0 4294967295",
        "0 b 0 2\n1 b 0 3",
    ];
    let all = hangs.map(|text| check(text).expect_err(text));
    insta::assert_snapshot!(all.join("\n"));
}
