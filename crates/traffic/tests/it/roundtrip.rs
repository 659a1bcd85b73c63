//! Records come back as they went in, through every form.

use base::{Addr, Combine, Op, Record, Rmw, ThreadIdx};
use proptest::prelude::*;
use traffic::{Form, Trace, Writer, check, write_text};

use crate::{by_thread, merged, records};

fn value(size: u8) -> impl Strategy<Value = u64> {
    let mask = if size >= 8 { u64::MAX } else { (1 << (8 * size)) - 1 };
    prop_oneof![any::<u64>(), 0..4_u64].prop_map(move |v| v & mask)
}

fn addr() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..0x1_0000_u64, (u64::MAX - 200)..]
}

fn atomic() -> impl Strategy<Value = Op> {
    (addr(), 0..4_u32).prop_flat_map(|(a, k)| {
        let size = 1_u8 << k;
        let addr = Addr(a & !(u64::from(size) - 1));
        let rmw = prop_oneof![
            value(size).prop_map(Rmw::Add),
            value(size).prop_map(Rmw::Swap),
            (value(size), value(size)).prop_map(|(expected, new)| Rmw::Cas { expected, new }),
        ];
        rmw.prop_map(move |rmw| Op::Atomic { addr, size, rmw })
    })
}

fn op() -> impl Strategy<Value = Op> {
    let any_op = prop_oneof![
        (addr(), 1..=64_u8).prop_map(|(a, size)| Op::Load { addr: Addr(a), size }),
        (addr(), 1..=64_u8).prop_flat_map(|(a, size)| {
            proptest::option::of(value(size)).prop_map(move |value| Op::Store {
                addr: Addr(a),
                size,
                value,
            })
        }),
        atomic(),
        Just(Op::Fence),
        (any::<u32>(), 1..=u32::MAX).prop_map(|(id, members)| Op::Barrier { id, members }),
        any::<u32>().prop_map(|cycles| Op::Think { cycles }),
        any::<u64>().prop_map(|count| Op::At { count }),
        (any::<u32>(), 1..=u32::MAX, 0..5_usize, any::<u64>()).prop_map(
            |(id, members, how, value)| {
                Op::Reduce { id, members, how: Combine::ALL[how], value }
            }
        ),
        (addr(), addr(), 1..=u32::MAX).prop_map(|(from, to, bytes)| Op::Copy {
            from: Addr(from),
            to: Addr(to),
            bytes
        }),
    ];
    let any_op = (any_op, any::<bool>())
        .prop_map(|(op, within)| if within { op.within_package().unwrap_or(op) } else { op });
    // Addresses too near to the end, copies that overlap: not records.
    any_op.prop_filter("in range", |op| check(op).is_ok())
}

fn some_records() -> impl Strategy<Value = Vec<Record>> {
    let record = (0..5_u32, op()).prop_map(|(t, op)| Record { thread: ThreadIdx(t), op });
    prop::collection::vec(record, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn records_come_back_in_order_from_memory_file_and_text(list in some_records()) {
        let memory = Trace::from_records(list.iter().copied())?;
        let expect = by_thread(&list, memory.threads());
        prop_assert_eq!(&records(&memory)?, &expect);

        // As it was pushed, values cut to their sizes.
        let order = merged(&memory)?;
        prop_assert_eq!(&by_thread(&order, memory.threads()), &expect);
        prop_assert!(order.iter().map(|r| r.thread).eq(list.iter().map(|r| r.thread)));

        let folder = tempfile::tempdir()?;
        let path = folder.path().join("t.lkst");
        prop_assert_eq!(&records(&memory.write_binary(&path)?)?, &expect);
        let opened = Trace::open(&path)?;
        prop_assert_eq!(&records(&opened)?, &expect);
        prop_assert_eq!(&merged(&opened)?, &order);
        prop_assert_eq!(opened.info().form, Form::Binary(traffic::VERSION));

        let mut text = Vec::new();
        write_text(&opened, &mut text)?;
        let path = folder.path().join("t.trace");
        std::fs::write(&path, &text)?;
        let again = Trace::open(&path)?;
        prop_assert_eq!(&records(&again)?, &expect);
        prop_assert_eq!(&merged(&again)?, &order);
        let mut text_again = Vec::new();
        write_text(&again, &mut text_again)?;
        prop_assert_eq!(text_again, text);
        prop_assert_eq!(again.info().form, Form::Text);
    }
}

fn load(thread: u32, at: u64) -> Record {
    Record { thread: ThreadIdx(thread), op: Op::Load { addr: Addr(at), size: 8 } }
}

#[test]
fn a_thread_of_many_chunks_reads_as_one() {
    let list: Vec<Record> = (0..100_000).map(|i| load((i % 3) as u32, i * 8)).collect();
    let trace = Trace::from_records(list.iter().copied()).expect("pack");
    assert_eq!(records(&trace).expect("read"), by_thread(&list, 3));
    assert_eq!(trace.info().records, 100_000);
    assert_eq!(trace.info().thread_records, [33_334, 33_333, 33_333]);
    assert_eq!(merged(&trace).expect("read"), list);
}

#[test]
fn an_interleaving_of_many_chunks_reads_as_one() {
    // Each run is of one record and takes two bytes, so a chunk holds 131072 of them.
    let list: Vec<Record> = (0..400_000).map(|i| load((i % 2) as u32, i * 8)).collect();
    let trace = Trace::from_records(list.iter().copied()).expect("pack");
    assert!(trace.info().order_bytes > 0 && trace.info().ordered);
    for (got, expect) in trace.interleaved().expect("order").zip(&list) {
        assert_eq!(got.expect("read"), *expect);
    }
    assert_eq!(trace.interleaved().expect("order").count(), list.len());
}

#[test]
fn a_trace_without_order_takes_turns_up_to_its_barriers_and_stays_without() {
    let text = "@threads 3\n@unordered\n0 think 1\n0 barrier 7 2\n0 think 2\n0 think 3\n\
                1 think 4\n1 think 5\n1 think 6\n1 barrier 7 2\n1 think 7\n";
    let trace = Trace::from_text(text.as_bytes(), "t.trace").expect("parse");
    let thinks = |trace: &Trace| -> Vec<u32> {
        let cycles = |r: Record| if let Op::Think { cycles } = r.op { Some(cycles) } else { None };
        merged(trace).expect("read").into_iter().filter_map(cycles).collect()
    };
    assert!(!trace.info().ordered);
    assert_eq!(thinks(&trace), [1, 4, 5, 6, 2, 7, 3]);
    assert_eq!(traffic::Description::of(&trace).expect("read").interleaving, None);

    let folder = tempfile::tempdir().expect("folder");
    let packed = trace.write_binary(folder.path().join("t.lkst")).expect("pack");
    assert_eq!((packed.info().ordered, packed.info().order_bytes), (false, 0));
    let mut again = Vec::new();
    write_text(&packed, &mut again).expect("text");
    assert_eq!(String::from_utf8(again).expect("text"), format!("@name t\n{text}"));
}

#[test]
fn an_unordered_trace_that_would_hang_is_read_to_its_end() {
    let text = "@unordered\n0 barrier 1 2\n0 think 1\n1 barrier 2 2\n1 think 2\n1 barrier 3 9\n";
    let trace = Trace::from_text(text.as_bytes(), "t.trace").expect("parse");
    assert_eq!(merged(&trace).expect("read").len(), 5);
}

#[test]
fn a_trace_larger_than_the_spool_reads_from_its_temporary_file() {
    // Values that do not compress: 8 bytes a record at least, so 16 MiB and more.
    let store = |i: u64| Op::Store {
        addr: Addr(base::rng::mix(i) >> 8),
        size: 8,
        value: Some(base::rng::mix(i) ^ 1),
    };
    let list = (0..1_000_000_u64).map(|i| Record { thread: ThreadIdx(0), op: store(i) });
    let trace = Trace::from_records(list).expect("pack");
    assert!(trace.info().file_bytes > 8 << 20);
    let stream = trace.stream(ThreadIdx(0)).expect("thread 0");
    for (i, op) in stream.enumerate() {
        assert_eq!(op.expect("read"), store(i as u64));
    }
}

#[test]
fn streams_of_one_trace_do_not_disturb_each_other_across_os_threads() {
    let list: Vec<Record> = (0..60_000).map(|i| load((i % 4) as u32, i * 64)).collect();
    let folder = tempfile::tempdir().expect("folder");
    let trace = Trace::from_records(list.iter().copied()).expect("pack");
    let trace = trace.write_binary(folder.path().join("t.lkst")).expect("write");
    let expect = by_thread(&list, 4);
    std::thread::scope(|scope| {
        for (t, expect) in expect.iter().enumerate() {
            let stream = trace.stream(ThreadIdx::new(t)).expect("thread");
            scope.spawn(move || {
                let ops: Vec<Op> = stream.map(|op| op.expect("read")).collect();
                assert_eq!(&ops, expect);
            });
        }
    });
}

#[test]
fn threads_without_records_are_kept() {
    let mut writer = Writer::spool("<memory>", "few", "of many").expect("spool");
    writer.reserve_threads(7).expect("few threads");
    writer.push(load(2, 0)).expect("push");
    let trace = writer.finish().expect("finish");
    assert_eq!(trace.info().thread_records, [0, 0, 1, 0, 0, 0, 0]);
    assert_eq!((trace.info().name.as_str(), trace.info().provenance.as_str()), ("few", "of many"));
    let mut text = Vec::new();
    write_text(&trace, &mut text).expect("text");
    let again = Trace::from_text(text.as_slice(), "t.trace").expect("parse");
    assert_eq!(again.info().thread_records, trace.info().thread_records);
    assert_eq!((&again.info().name, &again.info().provenance), (&"few".into(), &"of many".into()));
}

#[test]
fn a_scope_is_written_behind_the_word_and_only_where_there_is_one() {
    let read = |text: &str| {
        Trace::from_text(text.as_bytes(), "t.trace").map(|trace| records(&trace).expect("read"))
    };
    let release = Op::Release { addr: Addr(64), size: 8, value: Some(3) };
    let ops = read("0 release.package 64 8 =3\n0 REL.P 64 8 =3\n0 release.supernode 64 8 =3\n");
    let within = release.within_package().expect("it has a scope");
    assert_eq!(ops.expect("sound"), [[within, within, release]]);
    for bad in ["0 load.package 64 8", "0 think.supernode 3", "0 fence.node"] {
        let said = read(bad).expect_err("it is refused").to_string();
        assert!(said.contains(".package"), "{bad}: {said}");
    }
}

#[test]
fn values_are_cut_to_their_size_when_written() {
    let rmw = Rmw::Add(1_u64.wrapping_neg());
    let op = Op::Atomic { addr: Addr(8), size: 4, rmw };
    let trace = Trace::from_records([Record { thread: ThreadIdx(0), op }]).expect("pack");
    let cut = Op::Atomic { addr: Addr(8), size: 4, rmw: Rmw::Add(0xffff_ffff) };
    assert_eq!(records(&trace).expect("read"), [[cut]]);
}

#[test]
fn short_words_hexadecimal_underscores_and_minus_are_read() {
    let text = "0 L 0x1_000 8 # first\n\n 0\tstore 4096 4 =-1\n0 A 0X1000 1 -128\n0 Fence\n";
    let trace = Trace::from_text(text.as_bytes(), "t.trace").expect("parse");
    let addr = Addr(0x1000);
    let expect = [
        Op::Load { addr, size: 8 },
        Op::Store { addr, size: 4, value: Some(0xffff_ffff) },
        Op::Atomic { addr, size: 1, rmw: Rmw::Add(0x80) },
        Op::Fence,
    ];
    assert_eq!(records(&trace).expect("read"), [expect]);
}

#[test]
fn a_byte_order_mark_and_line_ends_of_cr_lf_change_nothing() {
    let text = "@name dressed\n0 store 0x1000 8 =42\n\n# a comment\n1 load 0x1000 8\n";
    let plain = Trace::from_text(text.as_bytes(), "t.trace").expect("plain");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("t.trace");
    let crlf = text.replace('\n', "\r\n");
    for dressed in [format!("\u{feff}{text}"), crlf.clone(), format!("\u{feff}{crlf}")] {
        std::fs::write(&path, &dressed).expect("write");
        let trace = Trace::open(&path).expect("dressed");
        assert_eq!(trace.info().name, "dressed");
        assert_eq!(merged(&trace).expect("read"), merged(&plain).expect("read"), "{dressed:?}");
    }
    // In the middle of a file it is a word like any other; alone it is no record.
    Trace::from_text("0 fence\n\u{feff}0 fence\n".as_bytes(), "t.trace").expect_err("inside");
    Trace::from_text("\u{feff}".as_bytes(), "t.trace").expect_err("alone");
}

#[test]
fn a_dropped_writer_leaves_nothing_and_a_finished_one_only_its_file() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("t.lkst");
    let names = || {
        let list = std::fs::read_dir(folder.path()).expect("list");
        list.map(|e| e.expect("entry").file_name().into_string().expect("name")).collect::<Vec<_>>()
    };
    let mut writer = Writer::create(&path, "t", "").expect("create");
    writer.push(load(0, 0)).expect("push");
    drop(writer);
    assert_eq!(names(), [""; 0]);
    let mut writer = Writer::create(&path, "t", "").expect("create");
    writer.push(load(0, 0)).expect("push");
    writer.finish().expect("finish");
    assert_eq!(names(), ["t.lkst"]);
}
