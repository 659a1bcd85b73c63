//! Logs to records.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::path::Path;

use base::{Addr, Op, Record, Rmw, ThreadIdx};

use super::raw::{Event, Log, threads};
use super::rebase::{Layout, Pages};
use super::{CaptureError, Options};
use crate::binary::writer::Writer;
use crate::check::THREADS_MAX;
use crate::error::TraceError;
use crate::split::split;

/// The program's own barriers follow two for each thread.
const FIRST_BARRIER: u32 = 2 * THREADS_MAX;
const MUTEX_BYTES: u8 = 4;

/// Converts all logs of `folder`, merged by the numbers of their events.
pub(super) fn convert(
    folder: &Path,
    options: &Options,
    writer: &mut Writer,
) -> Result<(), CaptureError> {
    let logged = threads(folder)?;
    let survey = Survey::of(folder, &logged, options.limit)?;
    let layout = survey.pages.layout();
    let cycles_per_block = options.cycles_per_block;
    let mut out = Out { thread: ThreadIdx(0), layout: &layout, cycles_per_block, writer };
    let mut merge = Merge::of(folder, &survey.first);
    while let Some((thread, event)) = merge.next_event()? {
        let met = match event {
            Event::Create { thread } => merge.may_meet(thread, false)?,
            Event::Join { thread } => merge.may_meet(thread, true)?,
            _ => true,
        };
        if met {
            out.thread = ThreadIdx(thread);
            out.event(&event)?;
        }
    }
    Ok(())
}

/// The barrier at which a thread meets its creator, or the one that joins it.
const fn meeting(thread: u32, end: bool) -> Op {
    // Thread 0 is not created, so numbering starts with thread 1.
    Op::Barrier { id: 2 * (thread - 1) + end as u32, members: 2 }
}

/// What must be known before the first record is written.
#[derive(Default)]
struct Survey {
    pages: Pages,
    /// Each thread that has a log, and the number of its first event.
    first: Vec<(u32, Option<u64>)>,
}

impl Survey {
    fn of(folder: &Path, logged: &[u32], limit: u64) -> Result<Self, CaptureError> {
        let mut survey = Self::default();
        let (mut events, mut accesses) = (0_u64, 0_u64);
        for &thread in logged {
            let mut log = Log::new(folder, thread);
            survey.first.push((thread, log.peek()?));
            for numbered in log {
                let event = numbered?.event;
                events += 1;
                for (addr, bytes) in event.touches().into_iter().flatten() {
                    survey.pages.touch(addr, bytes);
                    accesses += 1;
                }
                if let Event::Create { thread: other } | Event::Join { thread: other } = event
                    && (other == 0 || other >= THREADS_MAX)
                {
                    let why = "it names no thread";
                    return Err(CaptureError::DamagedLog { thread, why });
                }
            }
        }
        if accesses == 0 {
            return Err(CaptureError::NothingRecorded);
        }
        if limit > 0 && events > limit {
            return Err(CaptureError::Limit { limit });
        }
        Ok(survey)
    }
}

/// Gives the events of all threads in the order of their numbers. Holds one block of each thread
/// that has begun and not ended.
struct Merge {
    /// In the order of threads.
    sources: Vec<Source>,
    /// The number of the next event of each source that has one.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
}

struct Source {
    thread: u32,
    log: Log,
    /// Gave an event.
    begun: bool,
    /// Has further events.
    more: bool,
}

impl Merge {
    fn of(folder: &Path, first: &[(u32, Option<u64>)]) -> Self {
        let mut merge = Self { sources: Vec::new(), heads: BinaryHeap::new() };
        for &(thread, sequence) in first {
            let at = merge.sources.len();
            merge.heads.extend(sequence.map(|n| Reverse((n, at))));
            let (log, more) = (Log::new(folder, thread), sequence.is_some());
            merge.sources.push(Source { thread, log, begun: false, more });
        }
        merge
    }

    fn next_event(&mut self) -> Result<Option<(u32, Event)>, CaptureError> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(None) };
        let Reverse((_, at)) = *head;
        let source = &mut self.sources[at];
        let numbered = source.log.next().transpose()?;
        let next = source.log.peek()?;
        (source.begun, source.more) = (true, next.is_some());
        match next {
            Some(next) => *head = Reverse((next, at)),
            None => {
                PeekMut::pop(head);
            }
        }
        Ok(numbered.map(|n| (source.thread, n.event)))
    }

    /// Whether `thread`, which is being created or (`end`) joined, has a log: one that never came
    /// to run cannot be met.
    fn may_meet(&self, thread: u32, end: bool) -> Result<bool, CaptureError> {
        let Ok(at) = self.sources.binary_search_by_key(&thread, |s| s.thread) else {
            return Ok(false);
        };
        let why = match (end, &self.sources[at]) {
            (false, Source { begun: true, .. }) => "it runs before it is created",
            (true, Source { more: true, .. }) => "it runs on after it is joined",
            _ => return Ok(true),
        };
        Err(CaptureError::DamagedLog { thread, why })
    }
}

/// Writes the events of one thread after another.
struct Out<'a> {
    thread: ThreadIdx,
    layout: &'a Layout,
    cycles_per_block: u32,
    writer: &'a mut Writer,
}

impl Out<'_> {
    fn put(&mut self, op: Op) -> Result<(), TraceError> {
        self.writer.push(Record { thread: self.thread, op })
    }

    /// The current thread creates or joins `other`: both arrive at their barrier.
    fn meet(&mut self, other: u32, end: bool) -> Result<(), TraceError> {
        let op = meeting(other, end);
        self.put(op)?;
        self.writer.push(Record { thread: ThreadIdx(other), op })
    }

    fn event(&mut self, event: &Event) -> Result<(), TraceError> {
        match *event {
            Event::Read { addr, bytes } => {
                split(self.at(addr), bytes, |addr, size| self.put(Op::Load { addr, size }))
            }
            Event::Write { addr, bytes } => self.store(addr, bytes, None),
            Event::Set { addr, bytes, value } => self.store(addr, bytes, Some(value)),
            Event::Add { addr, size, by } => self.atomic(addr, size, Rmw::Add(by)),
            Event::Swap { addr, size, new } => self.atomic(addr, size, Rmw::Swap(new)),
            Event::Cas { addr, size, expected, new } => {
                self.atomic(addr, size, Rmw::Cas { expected, new })
            }
            Event::Fence => self.put(Op::Fence),
            Event::Barrier { number, members } => {
                self.put(Op::Barrier { id: FIRST_BARRIER.saturating_add(number), members })
            }
            Event::Copy { from, to, bytes } => self.copy(from, to, bytes),
            Event::Lock { addr } => {
                self.atomic(addr, MUTEX_BYTES, Rmw::Cas { expected: 0, new: 1 })?;
                self.put(Op::Fence)
            }
            Event::Unlock { addr } => {
                self.put(Op::Fence)?;
                self.atomic(addr, MUTEX_BYTES, Rmw::Swap(0))
            }
            Event::Create { thread } => self.meet(thread, false),
            Event::Join { thread } => self.meet(thread, true),
            Event::Blocks { count } => self.think(count),
        }
    }

    fn at(&self, addr: u64) -> Addr {
        Addr(self.layout.moved(addr))
    }

    fn store(&mut self, addr: u64, bytes: u64, value: Option<u64>) -> Result<(), TraceError> {
        split(self.at(addr), bytes, |addr, size| self.put(Op::Store { addr, size, value }))
    }

    fn atomic(&mut self, addr: u64, size: u8, rmw: Rmw) -> Result<(), TraceError> {
        self.put(Op::Atomic { addr: self.at(addr), size, rmw })
    }

    fn copy(&mut self, from: u64, to: u64, bytes: u64) -> Result<(), TraceError> {
        let (from, to) = (self.at(from), self.at(to));
        let mut done = 0;
        while done < bytes {
            let part = u32::try_from(bytes - done).unwrap_or(u32::MAX);
            self.put(Op::Copy { from: Addr(from.0 + done), to: Addr(to.0 + done), bytes: part })?;
            done += u64::from(part);
        }
        Ok(())
    }

    fn think(&mut self, blocks: u64) -> Result<(), TraceError> {
        let mut left = blocks.saturating_mul(u64::from(self.cycles_per_block));
        // A limit on everything: more than 2^38 cycles in a row are no trace of memory.
        left = left.min(64 * u64::from(u32::MAX));
        while left > 0 {
            let cycles = u32::try_from(left).unwrap_or(u32::MAX);
            self.put(Op::Think { cycles })?;
            left -= u64::from(cycles);
        }
        Ok(())
    }
}
