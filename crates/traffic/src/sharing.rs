//! Which lines threads share, and which accesses meet what another thread wrote.
//!
//! Writers are known byte by byte. A line that one thread alone writes needs a mask of its bytes;
//! only a line with a second writer gets a table.

use base::addr::byte_mask;
use base::{Addr, Map, Op, Record, ThreadIdx};

/// Beyond this many lines (1 GiB of footprint) lines are no longer told apart.
const LINES_MAX: usize = 1 << 24;
/// Beyond this many lines with several writers (128 MiB of tables) a further line is taken to be all
/// its last writer's.
const TABLES_MAX: usize = 1 << 20;

/// What the interleaving of the threads tells. An access counts once for each line it touches; an
/// atomic reads and writes; a copy is a read and a write.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Interleaving {
    /// Records that follow one of another thread.
    pub switches: u64,
    /// All accesses.
    pub accesses: u64,
    /// Of those to a line that another thread wrote last, reads of a byte that another thread
    /// wrote last: true communication.
    pub communicated: u64,
    /// Of those to a line that another thread wrote last, pure writes to a byte that another
    /// thread wrote last.
    pub overwritten: u64,
    /// Of those to a line that another thread wrote last, accesses to no byte that another thread
    /// wrote last: false sharing.
    pub false_shared: u64,
    /// The footprint is beyond the count: what meets other threads' writes is an estimate.
    pub capped: bool,
}

impl Interleaving {
    /// Accesses to a line that another thread wrote last.
    pub const fn others(&self) -> u64 {
        self.communicated + self.overwritten + self.false_shared
    }
}

/// Lines by what was done to them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Lines {
    pub(crate) all: u64,
    pub(crate) written: u64,
    pub(crate) shared: u64,
    pub(crate) shared_written: u64,
}

/// A thread, in half the bytes of an index: there are at most 2^16, see `THREADS_MAX`.
type Who = u16;

/// What is known of a line.
struct Use {
    first: Who,
    /// Wrote last; means nothing while `written` is 0.
    writer: Who,
    /// Which bytes were written, by anyone.
    written: u64,
    shared: bool,
    /// Has a table of its writers.
    table: bool,
}

/// Who wrote each byte last, where a byte was written at all.
type Table = [Who; 64];

/// Takes records in global order.
#[derive(Default)]
pub(crate) struct Sharing {
    lines: Map<u64, Use>,
    tables: Map<u64, Box<Table>>,
    told: Interleaving,
    count: Lines,
    lines_capped: bool,
    last: Option<ThreadIdx>,
}

/// A part of an access that lies in one line.
struct Touch {
    thread: Who,
    line: u64,
    mask: u64,
    read: bool,
    write: bool,
}

impl Sharing {
    pub(crate) fn take(&mut self, record: &Record) {
        let thread = record.thread;
        self.told.switches += u64::from(self.last.is_some_and(|last| last != thread));
        self.last = Some(thread);
        match record.op.split().0 {
            Op::Load { addr, size } | Op::Acquire { addr, size, .. } => {
                self.access(thread, addr.0, u64::from(size), (true, false));
            }
            Op::Store { addr, size, .. } | Op::Release { addr, size, .. } => {
                self.access(thread, addr.0, u64::from(size), (false, true));
            }
            Op::Atomic { addr, size, .. } => {
                self.access(thread, addr.0, u64::from(size), (true, true));
            }
            Op::Copy { from, to, bytes } => {
                self.access(thread, from.0, u64::from(bytes), (true, false));
                self.access(thread, to.0, u64::from(bytes), (false, true));
            }
            Op::Fence
            | Op::Order(_)
            | Op::Barrier { .. }
            | Op::Reduce { .. }
            | Op::Think { .. }
            | Op::At { .. }
            | Op::Package(_) => {}
        }
    }

    /// What was seen so far.
    pub(crate) const fn interleaving(&self) -> Interleaving {
        let mut told = self.told;
        told.capped |= self.lines_capped;
        told
    }

    /// Whether some lines were left out.
    pub(crate) const fn capped(&self) -> bool {
        self.lines_capped
    }

    /// The lines that were touched so far.
    pub(crate) const fn lines(&self) -> Lines {
        self.count
    }

    /// `bytes` from `addr` on do not overflow, which every record was checked for.
    fn access(&mut self, thread: ThreadIdx, addr: u64, bytes: u64, (read, write): (bool, bool)) {
        let thread = Who::try_from(thread.0).unwrap_or(Who::MAX);
        let (mut at, mut left) = (Addr(addr), bytes);
        while left > 0 {
            let room = 64 - at.offset();
            let part = u32::try_from(left).unwrap_or(room).min(room);
            let mask = byte_mask(at.offset(), part);
            self.touch(&Touch { thread, line: at.line().0, mask, read, write });
            left -= u64::from(part);
            at.0 = at.0.wrapping_add(u64::from(part));
        }
    }

    fn touch(&mut self, touch: &Touch) {
        let &Touch { thread, line, .. } = touch;
        self.told.accesses += 1;
        if self.lines_capped {
            return;
        }
        let fresh =
            || Use { first: thread, writer: thread, written: 0, shared: false, table: false };
        let known = self.lines.or_insert_with(line, fresh);
        let before = (known.shared, known.written != 0);
        known.shared |= known.first != thread;
        if known.written != 0 && known.writer != thread {
            let others = match self.tables.get(line) {
                Some(table) if known.table => others(table, known.written, thread),
                _ => known.written,
            };
            self.told.count(touch, others);
        }
        if touch.write {
            let second = known.written != 0 && known.writer != thread && !known.table;
            if second && self.tables.len() < TABLES_MAX {
                self.tables.insert(line, Box::new([known.writer; 64]));
                known.table = true;
            } else if second {
                self.told.capped = true;
            }
            if known.table
                && let Some(table) = self.tables.get_mut(line)
            {
                for (byte, writer) in table.iter_mut().enumerate() {
                    if touch.mask >> byte & 1 != 0 {
                        *writer = thread;
                    }
                }
            }
            known.writer = thread;
            known.written |= touch.mask;
        }
        self.count.changed(before, (known.shared, known.written != 0));
        self.count.all = self.lines.len() as u64;
        self.lines_capped = self.lines.len() >= LINES_MAX;
    }
}

impl Lines {
    /// A line that was or was not shared and written is now or is not.
    fn changed(&mut self, before: (bool, bool), now: (bool, bool)) {
        self.shared += u64::from(now.0 && !before.0);
        self.written += u64::from(now.1 && !before.1);
        self.shared_written += u64::from(now.0 && now.1 && !(before.0 && before.1));
    }
}

impl Interleaving {
    /// An access to a line that another thread wrote last; `others` are the bytes that other
    /// threads wrote last.
    const fn count(&mut self, touch: &Touch, others: u64) {
        if touch.mask & others == 0 {
            self.false_shared += 1;
        } else if touch.read {
            self.communicated += 1;
        } else {
            self.overwritten += 1;
        }
    }
}

/// Those of the bytes `written` that others than `thread` wrote last.
fn others(table: &Table, written: u64, thread: Who) -> u64 {
    let differ = |mask, (byte, writer): (usize, &Who)| mask | u64::from(*writer != thread) << byte;
    table.iter().enumerate().fold(0, differ) & written
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A byte that was not written has no writer.
    fn told(list: &[(u32, Op)]) -> Interleaving {
        let mut sharing = Sharing::default();
        for &(thread, op) in list {
            sharing.take(&Record { thread: ThreadIdx(thread), op });
        }
        sharing.interleaving()
    }

    fn load(at: u64) -> Op {
        Op::Load { addr: Addr(at), size: 8 }
    }

    fn store(at: u64) -> Op {
        Op::Store { addr: Addr(at), size: 8, value: None }
    }

    #[test]
    fn a_read_of_anothers_bytes_communicates_and_one_beside_them_shares_falsely() {
        let all = told(&[(0, store(0)), (1, load(0)), (1, load(8)), (1, load(64)), (0, load(0))]);
        assert_eq!((all.communicated, all.false_shared, all.overwritten), (1, 1, 0));
        assert_eq!((all.accesses, all.switches), (5, 2));
    }

    #[test]
    fn writes_over_anothers_bytes_and_beside_them_differ() {
        // Thread 1 writes beside, so the line is its own: its read of byte 0 is of the copy it has.
        let all = told(&[(0, store(0)), (1, store(8)), (1, load(0)), (0, store(8)), (1, load(8))]);
        assert_eq!((all.false_shared, all.overwritten, all.communicated), (1, 1, 1));
    }

    #[test]
    fn a_table_of_writers_agrees_with_a_map_of_all_bytes() {
        // Accesses of up to a line and a half to four lines, by five threads.
        let pick = |i: u64, what: u64, below: u64| base::rng::draw(7, i, what, 0) % below;
        let mut list = Vec::new();
        for i in 0..20_000 {
            let (addr, size) = (Addr(pick(i, 1, 192)), 1 + pick(i, 2, 64).min(63));
            let size = u8::try_from(if pick(i, 3, 2) == 0 { size } else { size.min(4) }).unwrap();
            let op = match pick(i, 4, 2) {
                0 => Op::Load { addr, size },
                _ => Op::Store { addr, size, value: None },
            };
            list.push((u32::try_from(pick(i, 5, 5)).unwrap(), op));
        }
        let mut bytes: BTreeMap<u64, u32> = BTreeMap::new();
        let mut last: BTreeMap<u64, u32> = BTreeMap::new();
        let mut expect = Interleaving::default();
        for &(thread, op) in &list {
            let (Op::Load { addr, size } | Op::Store { addr, size, .. }) = op else { continue };
            let write = matches!(op, Op::Store { .. });
            let touched = addr.0..addr.0 + u64::from(size);
            for line in addr.0 / 64..=(touched.end - 1) / 64 {
                expect.accesses += 1;
                let here = touched.start.max(64 * line)..touched.end.min(64 * line + 64);
                if last.get(&line).is_some_and(|&l| l != thread) {
                    let other = here.clone().any(|b| bytes.get(&b).is_some_and(|&w| w != thread));
                    let of_kind = match (other, write) {
                        (false, _) => &mut expect.false_shared,
                        (true, false) => &mut expect.communicated,
                        (true, true) => &mut expect.overwritten,
                    };
                    *of_kind += 1;
                }
                if write {
                    bytes.extend(here.map(|b| (b, thread)));
                    last.insert(line, thread);
                }
            }
        }
        expect.switches = list.windows(2).filter(|w| w[0].0 != w[1].0).count() as u64;
        assert_eq!(told(&list), expect);
        assert!(expect.false_shared > 100 && expect.communicated > 100 && expect.overwritten > 100);
    }
}
