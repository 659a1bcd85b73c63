//! Files whose checksums are right and whose content is not: what a checksum cannot catch.

use std::path::Path;

use base::{Addr, Op, Record, ThreadIdx};

use super::layout::{Chunk, Header, MAGIC, TRAILER_BYTES, Trailer, encode_index};
use super::source::Source;
use crate::error::{ErrorKind, TraceError};
use crate::trace::Trace;

/// A file of one thread whose parts can be changed before it is sealed.
struct Forged {
    header: Header,
    packed: Vec<u8>,
    chunks: Vec<Vec<Chunk>>,
}

impl Forged {
    /// A sound file with one chunk that holds `raw`.
    fn new(raw: &[u8], records: u32) -> Self {
        let header =
            Header { file_bytes: 0, threads: 1, name: "forged".into(), provenance: String::new() };
        let packed = zstd::bulk::compress(raw, 3).expect("compress");
        let chunk = Chunk {
            offset: header.bytes() as u64,
            packed: u32::try_from(packed.len()).expect("small"),
            raw: u32::try_from(raw.len()).expect("small"),
            records,
            crc: crc32fast::hash(&packed),
        };
        Self { header, packed, chunks: vec![vec![chunk]] }
    }

    fn seal(&self) -> Vec<u8> {
        self.seal_with(&encode_index(&self.chunks))
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

fn read(bytes: Vec<u8>) -> Result<Vec<Op>, TraceError> {
    let trace = Trace::from_source(Path::new("forged").to_owned(), Source::Memory(bytes))?;
    let mut all = Vec::new();
    for thread in 0..trace.threads() {
        for op in trace.stream(ThreadIdx(thread))? {
            all.push(op?);
        }
    }
    Ok(all)
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
        change(&mut forged.chunks[0][0]);
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
    forged.chunks[0][0].raw = 1 << 20;
    assert!(forged.packed.len() < 1 << 17);
    assert_eq!(
        why(forged.seal()),
        "a chunk of thread 0 is damaged: it does not decompress within its length"
    );
}

#[test]
fn overlapping_chunks_and_doubled_ones_are_damaged() {
    let mut forged = sound();
    let chunk = forged.chunks[0][0];
    forged.chunks[0].push(chunk);
    assert_eq!(why(forged.seal()), "the index is damaged: its chunks overlap or leave a gap");
    forged.chunks[0].clear();
    assert_eq!(why(forged.seal()), "the index is damaged: its chunks do not fill the file");
}

#[test]
fn an_index_or_header_with_any_byte_changed_and_sealed_again_never_panics() {
    let forged = sound();
    let index = encode_index(&forged.chunks);
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
