//! Damaged binary files: a named error, or the same records; never a panic, never other records.

use std::fs;
use std::path::PathBuf;

use base::{Addr, Op, Record, Rmw, ThreadIdx};
use traffic::{ErrorKind, Trace, TraceError, Writer};

use crate::{by_thread, merged, records};

fn small() -> Vec<Record> {
    let ops = [
        Op::Load { addr: Addr(0x1000), size: 8 },
        Op::Store { addr: Addr(0x1008), size: 3, value: Some(7) },
        Op::Atomic { addr: Addr(0x1010), size: 4, rmw: Rmw::Cas { expected: 1, new: 2 } },
        Op::Barrier { id: 3, members: 2 },
        Op::Copy { from: Addr(0), to: Addr(4096), bytes: 100 },
        Op::Think { cycles: 9 },
    ];
    let thread = |i: usize| ThreadIdx::new(usize::from(matches!(i, 1 | 2 | 5)));
    ops.iter().enumerate().map(|(i, &op)| Record { thread: thread(i), op }).collect()
}

struct File {
    _folder: tempfile::TempDir,
    path: PathBuf,
    bytes: Vec<u8>,
}

fn file() -> File {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("t.lkst");
    let mut writer = Writer::create(&path, "small", "made by a test").expect("create");
    for record in small() {
        writer.push(record).expect("push");
    }
    writer.finish().expect("finish");
    let bytes = fs::read(&path).expect("read");
    File { _folder: folder, path, bytes }
}

impl File {
    /// All records of these bytes, as a replay reads them: each thread on its own.
    fn streamed(&self, bytes: &[u8]) -> Result<Vec<Vec<Op>>, TraceError> {
        fs::write(&self.path, bytes).expect("write");
        records(&Trace::open(&self.path)?)
    }

    fn with(&self, bytes: &[u8]) -> Result<Vec<Vec<Op>>, TraceError> {
        fs::write(&self.path, bytes).expect("write");
        let trace = Trace::open(&self.path)?;
        let by_thread = records(&trace);
        let merged = merged(&trace)?;
        assert_eq!(merged, small(), "an order that was never written");
        by_thread
    }
}

#[test]
fn a_file_cut_at_any_byte_is_called_cut_short() {
    let file = file();
    for keep in 0..file.bytes.len() {
        let error = file.with(&file.bytes[..keep]).expect_err("cut");
        match *error.kind {
            ErrorKind::Empty if keep == 0 => {}
            ErrorKind::Truncated { found, .. } => assert_eq!(found, keep as u64),
            other => panic!("cut to {keep} bytes: {other}"),
        }
    }
}

#[test]
fn every_flipped_byte_is_noticed_and_named() {
    let file = file();
    for at in 0..file.bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = file.bytes.clone();
            bytes[at] ^= flip;
            for told in [file.with(&bytes), file.streamed(&bytes)] {
                let error = told.expect_err("damaged");
                let named = matches!(
                    *error.kind,
                    ErrorKind::Foreign { .. }
                        | ErrorKind::Newer { .. }
                        | ErrorKind::HeaderDamaged(_)
                        | ErrorKind::TrailerDamaged(_)
                        | ErrorKind::IndexDamaged(_)
                        | ErrorKind::ChunkDamaged { .. }
                        | ErrorKind::OrderDamaged(_)
                        | ErrorKind::Truncated { .. }
                );
                assert!(named, "byte {at} flipped by {flip:#x}: {error}");
            }
        }
    }
    assert_eq!(file.with(&file.bytes).expect("whole again"), by_thread(&small(), 2));
    assert_eq!(file.streamed(&file.bytes).expect("whole again"), by_thread(&small(), 2));
}

#[test]
fn a_damaged_interleaving_is_noticed_by_opening_alone() {
    let file = file();
    let damaged = |at: usize| {
        let mut bytes = file.bytes.clone();
        bytes[at] ^= 1;
        fs::write(&file.path, bytes).expect("write");
        let error = Trace::open(&file.path).err()?;
        matches!(*error.kind, ErrorKind::OrderDamaged(_)).then_some(at)
    };
    let order = Trace::open(&file.path).expect("sound").info().order_bytes;
    let noticed = (0..file.bytes.len()).filter_map(damaged).count();
    assert!(noticed > 0 && noticed as u64 == order, "{noticed} of {order} bytes");
}

#[test]
fn what_follows_the_end_is_called_garbage() {
    let file = file();
    let mut bytes = file.bytes.clone();
    bytes.extend(b"xyz");
    let error = file.with(&bytes).expect_err("longer");
    assert!(matches!(*error.kind, ErrorKind::TrailingGarbage { extra: 3 }), "{error}");
    // The file twice over, end mark and all.
    let error = file.with(&file.bytes.repeat(2)).expect_err("twice");
    assert!(matches!(*error.kind, ErrorKind::TrailingGarbage { .. }), "{error}");
}

#[test]
fn a_later_version_and_foreign_files_are_named() {
    let file = file();
    let mut bytes = file.bytes.clone();
    bytes[8] = 3;
    let error = file.with(&bytes).expect_err("later");
    assert!(matches!(*error.kind, ErrorKind::Newer { version: 3, known: 2 }), "{error}");
    for start in [&b"\x7fELF\x02\x01"[..], b"PK\x03\x04\0", b"\xff\xfe0\0", b"abc\0"] {
        let error = file.with(start).expect_err("foreign");
        assert!(matches!(*error.kind, ErrorKind::Foreign { .. }), "{error}");
    }
}

#[test]
fn what_is_no_file_is_neither_read_nor_replaced() {
    let folder = tempfile::tempdir().expect("folder");
    let error = Trace::open(folder.path()).expect_err("a folder");
    assert!(matches!(*error.kind, ErrorKind::NotAFile), "{error}");
    let error = Writer::create(folder.path(), "", "").expect_err("a folder");
    assert!(matches!(*error.kind, ErrorKind::NotAFile), "{error}");
    #[cfg(unix)]
    {
        let socket = folder.path().join("socket");
        let _open = std::os::unix::net::UnixListener::bind(&socket).expect("socket");
        let error = Writer::create(&socket, "", "").expect_err("a socket");
        assert!(matches!(*error.kind, ErrorKind::NotAFile), "{error}");
        assert!(!fs::metadata(&socket).expect("still there").is_file());
    }
    let error = Trace::open(folder.path().join("none")).expect_err("nothing there");
    assert!(matches!(*error.kind, ErrorKind::Io { .. }), "{error}");
    let error = Writer::spool("<memory>", "", "").expect("spool").finish().expect_err("empty");
    assert!(matches!(*error.kind, ErrorKind::Empty), "{error}");
}
