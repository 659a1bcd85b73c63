//! Files whose checksums are right and whose content is not: what a checksum cannot catch.

use std::path::Path;

use base::{Addr, Op, Record, ThreadIdx};

use super::layout::{Chunk, Header, Index, MAGIC, TRAILER_BYTES, Trailer, VERSION};
use super::source::Source;
use crate::error::{ErrorKind, TraceError};
use crate::trace::Trace;

/// A file whose parts can be changed before it is sealed.
struct Forged {
    header: Header,
    packed: Vec<u8>,
    index: Index,
}

impl Forged {
    /// A sound file of one thread without interleaving, with one chunk that holds `raw`.
    fn new(raw: &[u8], records: u32) -> Self {
        Self::of(&[(raw, records)])
    }

    /// The same with one chunk for each thread.
    fn of(threads: &[(&[u8], u32)]) -> Self {
        let header = Header {
            version: VERSION,
            file_bytes: 0,
            threads: ThreadIdx::new(threads.len()).0,
            ordered: false,
            name: "forged".into(),
            provenance: String::new(),
        };
        let mut forged = Self { header, packed: Vec::new(), index: Index::default() };
        for (raw, records) in threads {
            let chunk = forged.chunk(raw, *records);
            forged.index.threads.push(vec![chunk]);
        }
        forged
    }

    /// Adds an interleaving of one chunk that holds `raw`.
    fn ordered(mut self, raw: &[u8], runs: u32) -> Self {
        self.header.ordered = true;
        self.index.order = vec![self.chunk(raw, runs)];
        self
    }

    fn chunk(&mut self, raw: &[u8], records: u32) -> Chunk {
        let packed = zstd::bulk::compress(raw, 3).expect("compress");
        let chunk = Chunk {
            offset: (self.header.bytes() + self.packed.len()) as u64,
            packed: u32::try_from(packed.len()).expect("small"),
            raw: u32::try_from(raw.len()).expect("small"),
            records,
            crc: crc32fast::hash(&packed),
        };
        self.packed.extend(packed);
        chunk
    }

    fn seal(&self) -> Vec<u8> {
        self.seal_with(&self.index.encode())
    }

    fn seal_with(&self, index: &[u8]) -> Vec<u8> {
        let offset = (self.header.bytes() + self.packed.len()) as u64;
        let bytes = index.len() as u64;
        let trailer = Trailer { offset, bytes, crc: crc32fast::hash(index) };
        let file_bytes = offset + bytes + TRAILER_BYTES;
        let header = Header { file_bytes, ..self.header.clone() };
        [header.encode(), self.packed.clone(), index.to_vec(), trailer.encode()].concat()
    }
}

fn open(bytes: Vec<u8>) -> Result<Trace, TraceError> {
    Trace::from_source(Path::new("forged").to_owned(), Source::Memory(bytes))
}

fn read(bytes: Vec<u8>) -> Result<Vec<Op>, TraceError> {
    let trace = open(bytes)?;
    let mut all = Vec::new();
    for thread in 0..trace.threads() {
        for op in trace.stream(ThreadIdx(thread))? {
            all.push(op?);
        }
    }
    Ok(all)
}

/// Thread and operation of each record, in global order.
fn merged(bytes: Vec<u8>) -> Result<Vec<(u32, Op)>, TraceError> {
    open(bytes)?.interleaved()?.map(|r| r.map(|r| (r.thread.0, r.op))).collect()
}

fn why(bytes: Vec<u8>) -> String {
    read(bytes).expect_err("forged").kind.to_string()
}

/// Two loads.
const RAW: [u8; 4] = [0x30, 0x80, 0x20, 0x30];

fn sound() -> Forged {
    Forged::new(&[&RAW[..], &[16]].concat(), 2)
}

#[test]
fn a_sealed_file_reads_so_the_forgeries_below_fail_for_their_own_reason() {
    let load = |at| Op::Load { addr: Addr(at), size: 8 };
    assert_eq!(read(sound().seal()).expect("sound"), [load(2048), load(2056)]);
}

#[test]
fn a_chunk_that_lies_about_itself_is_damaged() {
    let with = |change: fn(&mut Chunk)| {
        let mut forged = sound();
        change(&mut forged.index.threads[0][0]);
        why(forged.seal())
    };
    let all = [
        with(|c| c.records = 1),
        with(|c| c.records = 3),
        with(|c| c.records = 0),
        with(|c| c.records = u32::MAX),
        with(|c| c.raw = 4),
        with(|c| c.raw = 6),
        with(|c| c.raw = u32::MAX),
        with(|c| c.packed -= 1),
        with(|c| c.packed = u32::MAX),
        with(|c| c.offset = 0),
        with(|c| c.offset = u64::MAX),
        why(Forged::new(&[0x3f; 40], 1).seal()),
        why(Forged::new(&[0xf0, 65, 2], 1).seal()),
        why(Forged::new(&[0x07, 1, 0], 1).seal()),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_bomb_does_not_unfold_beyond_its_stated_length() {
    let mut forged = Forged::new(&vec![6; 100 << 20], 1 << 20);
    forged.index.threads[0][0].raw = 1 << 20;
    assert!(forged.packed.len() < 1 << 17);
    assert_eq!(
        why(forged.seal()),
        "a chunk of thread 0 is damaged: it does not decompress within its length"
    );
}

#[test]
fn overlapping_chunks_and_doubled_ones_are_damaged() {
    let mut forged = sound();
    let chunk = forged.index.threads[0][0];
    forged.index.threads[0].push(chunk);
    assert_eq!(why(forged.seal()), "the index is damaged: its chunks overlap or leave a gap");
    forged.index.threads[0].clear();
    assert_eq!(why(forged.seal()), "the index is damaged: its chunks do not fill the file");
}

#[test]
fn an_index_or_header_with_any_byte_changed_and_sealed_again_never_panics() {
    let forged = sound();
    let index = forged.index.encode();
    let expect = read(forged.seal()).expect("sound");
    for at in 0..index.len() {
        for flip in [1, 2, 0x10, 0x7f, 0x80, 0xff] {
            let mut changed = index.clone();
            changed[at] ^= flip;
            if let Ok(ops) = read(forged.seal_with(&changed)) {
                assert_eq!(ops, expect, "index byte {at} by {flip:#x}");
            }
        }
    }
    let whole = forged.seal();
    let body = forged.header.bytes() - 4;
    for at in MAGIC.len()..body {
        for flip in [1, 2, 0x10, 0x7f, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] ^= flip;
            let crc = crc32fast::hash(&changed[..body]);
            changed[body..body + 4].copy_from_slice(&crc.to_le_bytes());
            // A changed name is another name; everything else must be noticed.
            match read(changed) {
                Ok(ops) => assert_eq!(ops, expect, "header byte {at} by {flip:#x}"),
                Err(e) => assert!(!e.to_string().is_empty()),
            }
        }
    }
}

#[test]
fn a_name_that_steers_a_terminal_is_refused_and_one_given_by_a_writer_made_plain() {
    let mut forged = sound();
    forged.header.name = "\x1b[2J..".into();
    assert_eq!(
        why(forged.seal()),
        "the header is damaged: its name or provenance is not plain text"
    );
    let mut writer = super::writer::Writer::spool("<memory>", "a\nb\x1b", "").expect("spool");
    let op = Op::Fence;
    writer.push(Record { thread: ThreadIdx(0), op }).expect("push");
    assert_eq!(writer.finish().expect("finish").info().name, "a b");
}

#[test]
fn a_file_that_was_never_finished_says_so() {
    let mut bytes = sound().seal();
    bytes[16..24].fill(0);
    let body = sound().header.bytes() - 4;
    let crc = crc32fast::hash(&bytes[..body]);
    bytes[body..body + 4].copy_from_slice(&crc.to_le_bytes());
    let error = read(bytes).expect_err("unfinished");
    assert!(matches!(*error.kind, ErrorKind::Unfinished), "{error}");
}

/// Three records of thread 0 and two of thread 1, pauses of 1 to 5 cycles.
const THREE: [u8; 6] = [8, 1, 8, 2, 8, 3];
const TWO: [u8; 4] = [8, 4, 8, 5];

fn of_two_threads() -> Forged {
    Forged::of(&[(&THREE, 3), (&TWO, 2)])
}

/// Threads and pauses, in order.
fn pauses(bytes: Vec<u8>) -> Result<Vec<(u32, u32)>, TraceError> {
    let pause = |(thread, op)| match op {
        Op::Think { cycles } => (thread, cycles),
        other => panic!("{other:?} was never written"),
    };
    Ok(merged(bytes)?.into_iter().map(pause).collect())
}

#[test]
fn runs_give_the_order_and_without_them_threads_take_turns() {
    let order = [1, 1, 0, 2, 1, 1, 0, 1];
    let told = pauses(of_two_threads().ordered(&order, 4).seal()).expect("sound");
    assert_eq!(told, [(1, 4), (0, 1), (0, 2), (1, 5), (0, 3)]);
    let told = pauses(of_two_threads().seal()).expect("sound");
    assert_eq!(told, [(0, 1), (1, 4), (0, 2), (1, 5), (0, 3)]);
}

#[test]
fn an_order_that_contradicts_itself_or_the_records_is_damaged() {
    let why = |raw: &[u8], runs| {
        let error = merged(of_two_threads().ordered(raw, runs).seal()).expect_err("forged");
        error.kind.to_string()
    };
    let mut all = vec![
        why(&[0, 3, 1, 1], 2),
        why(&[0, 3], 1),
        why(&[0, 4, 1, 2], 2),
        why(&[0, 3, 1, 2, 1, 1], 3),
        why(&[0, 3, 2, 2], 2),
        why(&[0, 3, 0xff, 0xff, 0xff, 0xff, 0x7f, 2], 2),
        why(&[0, 3, 1, 0, 1, 2], 3),
        why(&[0, 3, 1, 2], 1),
        why(&[0, 3, 1, 2], 3),
        why(&[0, 3, 1, 0x82], 2),
        why(&[0xff; 40], 2),
    ];
    let with = |change: fn(&mut Forged)| {
        let mut forged = of_two_threads().ordered(&[0, 3, 1, 2], 2);
        change(&mut forged);
        merged(forged.seal()).expect_err("forged").kind.to_string()
    };
    all.extend([
        with(|f| f.header.ordered = false),
        with(|f| f.index.order[0].crc ^= 1),
        with(|f| f.index.order[0].raw = 3),
        with(|f| f.index.order[0].raw = 5),
        with(|f| f.index.order[0].records = 0),
        with(|f| f.index.order[0].offset += 1),
        with(|f| f.index.order.push(f.index.order[0])),
        with(|f| f.index.order.clear()),
    ]);
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn an_order_with_any_byte_changed_or_cut_and_sealed_again_never_loses_a_record() {
    let raw = [1, 1, 0, 2, 1, 1, 0, 1];
    let expect = read(of_two_threads().seal()).expect("sound");
    let (mut sound, mut damaged) = (0, 0);
    let mut try_one = |raw: &[u8], runs, what: &str| {
        let file = of_two_threads().ordered(raw, runs).seal();
        if let Ok(ops) = read(file.clone()) {
            assert_eq!(ops, expect, "{what}");
        }
        match merged(file) {
            Ok(mut records) => {
                // Another order of the same records, each thread's own order kept.
                records.sort_by_key(|(thread, _)| *thread);
                assert!(records.iter().map(|(_, op)| op).eq(&expect), "{what}");
                sound += 1;
            }
            Err(error) => {
                let named =
                    matches!(*error.kind, ErrorKind::OrderDamaged(_) | ErrorKind::IndexDamaged(_));
                assert!(named, "{what}: {error}");
                damaged += 1;
            }
        }
    };
    for at in 0..raw.len() {
        for flip in 1..=u8::MAX {
            let mut changed = raw;
            changed[at] ^= flip;
            try_one(&changed, 4, &format!("byte {at} by {flip:#x}"));
        }
        for runs in 0..6 {
            try_one(&raw[..at], runs, &format!("{runs} runs cut to {at} bytes"));
        }
    }
    try_one(&raw, 4, "whole");
    assert!(sound > 0 && damaged > 1000, "{sound} sound, {damaged} damaged");
}

#[test]
fn an_index_with_an_order_and_any_byte_changed_gives_the_same_or_a_named_error() {
    let forged = of_two_threads().ordered(&[0, 2, 1, 2, 0, 1], 3);
    let (index, expect) = (forged.index.encode(), merged(forged.seal()).expect("sound"));
    for at in 0..index.len() {
        for flip in 1..=u8::MAX {
            let mut changed = index.clone();
            changed[at] ^= flip;
            match merged(forged.seal_with(&changed)) {
                Ok(records) => assert_eq!(records, expect, "index byte {at} by {flip:#x}"),
                Err(error) => {
                    let named = matches!(
                        *error.kind,
                        ErrorKind::IndexDamaged(_)
                            | ErrorKind::OrderDamaged(_)
                            | ErrorKind::ChunkDamaged { .. }
                    );
                    assert!(named, "index byte {at} by {flip:#x}: {error}");
                }
            }
        }
    }
}
