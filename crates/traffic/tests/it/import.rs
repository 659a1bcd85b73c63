//! Imports of lackey and Ramulator.

use std::fmt::Write as _;
use std::io::Write as _;

use base::{Addr, Op};
use traffic::import::{Imported, Options, import_lackey, import_ramulator};
use traffic::{Trace, TraceError, Writer};

use crate::records;

fn lackey(text: &[u8]) -> Result<(Trace, Imported), TraceError> {
    let mut writer = Writer::spool("<memory>", "", "")?;
    let told = import_lackey(text, &Options::default(), &mut writer)?;
    Ok((writer.finish()?, told))
}

fn ramulator(text: &[u8]) -> Result<(Trace, Imported), TraceError> {
    let mut writer = Writer::spool("<memory>", "", "")?;
    let told = import_ramulator(text, &Options::default(), &mut writer)?;
    Ok((writer.finish()?, told))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text).expect("to memory");
    out.finish().expect("to memory")
}

fn load(at: u64, size: u8) -> Op {
    Op::Load { addr: Addr(at), size }
}

fn store(at: u64, size: u8) -> Op {
    Op::Store { addr: Addr(at), size, value: None }
}

const LACKEY: &str = "==5542== Lackey, an example Valgrind tool\n\
==5542== Command: /bin/true\n\
I  0401ab70,3\n\
I  0401ab73,5\n \
S 1fff000778,8\n\
I  0401b770,1\n \
M 1fff000770,4\n \
L 04222c3e,512\n\
--5542-- warning: something\n\
I  0401b770,1\n";

#[test]
fn lackey_instructions_become_think_time_and_wide_accesses_are_cut() {
    let (trace, told) = lackey(LACKEY.as_bytes()).expect("import");
    let ops = records(&trace).expect("read").remove(0);
    let start = [
        Op::Think { cycles: 2 },
        store(0x1f_ff00_0778, 8),
        Op::Think { cycles: 1 },
        load(0x1f_ff00_0770, 4),
        store(0x1f_ff00_0770, 4),
        load(0x422_2c3e, 2),
        load(0x422_2c40, 64),
    ];
    assert_eq!(ops[..start.len()], start);
    assert_eq!(ops.last(), Some(&load(0x422_2e00, 62)));
    assert_eq!(ops.len(), 5 + 9);
    assert_eq!(told, Imported { lines: 10, skipped: 3, instructions: 4, records: 14 });
}

#[test]
fn ramulator_bubbles_think_and_writebacks_store() {
    let (trace, told) = ramulator(b"0 11003072\n2 0x7fff1200 64\n\n14 100\n").expect("import");
    let expect = [
        load(11_003_072, 64),
        Op::Think { cycles: 2 },
        load(0x7fff_1200, 64),
        store(64, 64),
        Op::Think { cycles: 14 },
        load(64, 64),
    ];
    assert_eq!(records(&trace).expect("read"), [expect]);
    assert_eq!(told, Imported { lines: 4, skipped: 1, instructions: 16, records: 6 });
}

#[test]
fn gzip_is_undone_on_the_way() {
    let plain = records(&lackey(LACKEY.as_bytes()).expect("import").0).expect("read");
    let packed = records(&lackey(&gzip(LACKEY.as_bytes())).expect("import").0).expect("read");
    assert_eq!(plain, packed);
    let (trace, _) = ramulator(&gzip(b"1 64\n")).expect("import");
    assert_eq!(trace.info().records, 2);
}

#[test]
fn a_byte_order_mark_and_line_ends_of_cr_lf_change_nothing() {
    let dressed = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let plain = lackey(LACKEY.as_bytes()).expect("plain");
    for text in [dressed(LACKEY).into_bytes(), gzip(dressed(LACKEY).as_bytes())] {
        let (trace, told) = lackey(&text).expect("dressed");
        assert_eq!(told, plain.1);
        assert_eq!(records(&trace).expect("read"), records(&plain.0).expect("read"));
    }
    let text = "3 20734016\n1 20846400 20841280\n";
    let (plain, dressed) = (ramulator(text.as_bytes()), ramulator(dressed(text).as_bytes()));
    let (plain, dressed) = (plain.expect("plain"), dressed.expect("dressed"));
    assert_eq!(dressed.1, plain.1);
    assert_eq!(records(&dressed.0).expect("read"), records(&plain.0).expect("read"));
}

#[test]
fn malformed_imports_have_messages_that_name_place_and_mend() {
    let long = "1".repeat(10_000);
    let gz = gzip(b"1 64\n2 128\n");
    let mut all = String::new();
    let lackeys: [&[u8]; 14] = [
        b"",
        b"==1== nothing else\n",
        b"I  0401ab70,3\n",
        b"hello from the program\n",
        b" L 1000\n",
        b" L xyz,8\n",
        b" L 1000,\n",
        b" L 1000,0\n",
        b" L 1000,99999999999999999999\n",
        b" L 11112222333344445,8\n",
        b" S ffffffffffffffff,8\n",
        b" S +1000,8\n",
        b"\x7fELF\x02\x01\x01\0\0",
        long.as_bytes(),
    ];
    for text in lackeys {
        let error = lackey(text).expect_err("malformed");
        let shown: String = String::from_utf8_lossy(text).chars().take(40).collect();
        writeln!(all, "lackey: {}\n{error}\n", shown.escape_debug()).expect("to a string");
    }
    let ramulators: [&[u8]; 10] = [
        b"",
        b"\n\n",
        b"5\n",
        b"x 100\n",
        b"1 100 200 300\n",
        b"5000000000 64\n",
        b"1 0xffffffffffffffff\n",
        b"1 99999999999999999999999\n",
        b"-1 64\n",
        &gz[..gz.len() - 4],
    ];
    for text in ramulators {
        let error = ramulator(text).expect_err("malformed");
        let shown = String::from_utf8_lossy(text).escape_debug().to_string();
        let shown = if text.starts_with(b"\x1f\x8b") { "gzip cut short" } else { &shown };
        writeln!(all, "ramulator: {shown}\n{error}\n").expect("to a string");
    }
    insta::assert_snapshot!(all);
}
