//! Logs to records.

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

/// Converts all logs of `folder`.
pub(super) fn convert(
    folder: &Path,
    options: &Options,
    writer: &mut Writer,
) -> Result<(), CaptureError> {
    let logged = threads(folder)?;
    let survey = Survey::of(folder, &logged, options.limit)?;
    let layout = survey.pages.layout();
    for &thread in &logged {
        let mut out = Out {
            thread: ThreadIdx(thread),
            layout: &layout,
            cycles_per_block: options.cycles_per_block,
            writer,
        };
        if survey.created.binary_search(&thread).is_ok() {
            out.put(meeting(thread, false))?;
        }
        for event in Log::open(folder, thread)? {
            match event? {
                // A thread that never came to run cannot be met.
                Event::Create { thread } if logged.binary_search(&thread).is_err() => {}
                other => out.event(&other)?,
            }
        }
        if survey.joined.binary_search(&thread).is_ok() {
            out.put(meeting(thread, true))?;
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
struct Survey {
    pages: Pages,
    /// Threads that another created, sorted.
    created: Vec<u32>,
    /// Threads that another joined, sorted.
    joined: Vec<u32>,
}

impl Survey {
    fn of(folder: &Path, logged: &[u32], limit: u64) -> Result<Self, CaptureError> {
        let mut survey = Self { pages: Pages::default(), created: Vec::new(), joined: Vec::new() };
        let (mut events, mut accesses) = (0_u64, 0_u64);
        for &thread in logged {
            for event in Log::open(folder, thread)? {
                let event = event?;
                events += 1;
                for (addr, bytes) in event.touches().into_iter().flatten() {
                    survey.pages.touch(addr, bytes);
                    accesses += 1;
                }
                match event {
                    Event::Create { thread: other } | Event::Join { thread: other }
                        if other == 0 || other >= THREADS_MAX =>
                    {
                        let why = "it names no thread";
                        return Err(CaptureError::DamagedLog { thread, why });
                    }
                    Event::Create { thread } => survey.created.push(thread),
                    Event::Join { thread } => survey.joined.push(thread),
                    _ => {}
                }
            }
        }
        if accesses == 0 {
            return Err(CaptureError::NothingRecorded);
        }
        if limit > 0 && events > limit {
            return Err(CaptureError::Limit { limit });
        }
        survey.created.sort_unstable();
        survey.joined.sort_unstable();
        Ok(survey)
    }
}

/// Writes one thread.
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
            Event::Create { thread } => self.put(meeting(thread, false)),
            Event::Join { thread } => self.put(meeting(thread, true)),
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
