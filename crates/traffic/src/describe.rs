//! What a trace holds: records by kind, footprint, sharing. For people.

use std::fmt;

use base::{LINE_BYTES, Map, Op, Record, Rmw};

use crate::error::TraceError;
pub use crate::sharing::Interleaving;
use crate::sharing::Sharing;
use crate::trace::{Form, Info, Trace};

/// Records by kind, and what they move.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Loads.
    pub loads: u64,
    /// Stores.
    pub stores: u64,
    /// Atomic additions.
    pub adds: u64,
    /// Atomic exchanges.
    pub swaps: u64,
    /// Atomic compare-and-exchanges.
    pub cases: u64,
    /// Fences.
    pub fences: u64,
    /// Arrivals at barriers.
    pub barriers: u64,
    /// Pauses.
    pub thinks: u64,
    /// Copies.
    pub copies: u64,
    /// Cycles of all pauses.
    pub think_cycles: u64,
    /// Bytes read, by atomics and copies too.
    pub read_bytes: u64,
    /// Bytes written, by atomics and copies too.
    pub written_bytes: u64,
}

/// A trace in numbers; `Display` lays it out for reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// What the trace says of itself.
    pub info: Info,
    /// Of all threads.
    pub total: Counts,
    /// Of each thread: `[thread]`.
    pub threads: Vec<Counts>,
    /// Distinct barriers.
    pub barrier_ids: u64,
    /// Distinct lines of 64 bytes touched.
    pub lines: u64,
    /// Of those, lines that are written.
    pub written_lines: u64,
    /// Of those, lines that two threads or more touch.
    pub shared_lines: u64,
    /// Of the shared, lines that are also written: what coherence works for.
    pub shared_written_lines: u64,
    /// The footprint is beyond the count: all numbers of lines are lower bounds.
    pub lines_capped: bool,
    /// What the interleaving of the threads tells; `None` where it is not known.
    pub interleaving: Option<Interleaving>,
}

impl Description {
    /// Reads the whole trace in global order. Memory grows with the footprint, up to 2^24 lines, not
    /// with the number of records.
    ///
    /// # Errors
    /// If the trace is damaged.
    pub fn of(trace: &Trace) -> Result<Self, TraceError> {
        let mut sharing = Sharing::default();
        let mut barriers = Map::default();
        let mut threads = vec![Counts::default(); trace.info().thread_records.len()];
        for record in trace.interleaved()? {
            let record = record?;
            let Record { thread, op } = record;
            threads[thread.at()].take(&op);
            sharing.take(&record);
            if let Some((id, ..)) = op.barrier() {
                barriers.insert(id, ());
            }
        }
        let mut total = Counts::default();
        for counts in &threads {
            total.add(counts);
        }
        let lines = sharing.lines();
        Ok(Self {
            info: trace.info().clone(),
            total,
            threads,
            barrier_ids: barriers.len() as u64,
            lines: lines.all,
            written_lines: lines.written,
            shared_lines: lines.shared,
            shared_written_lines: lines.shared_written,
            lines_capped: sharing.capped(),
            interleaving: trace.info().ordered.then(|| sharing.interleaving()),
        })
    }
}

impl Counts {
    /// All records.
    pub const fn records(&self) -> u64 {
        self.loads
            + self.stores
            + self.adds
            + self.swaps
            + self.cases
            + self.fences
            + self.barriers
            + self.thinks
            + self.copies
    }

    fn take(&mut self, op: &Op) {
        let (op, _) = op.split();
        let (read, written) = match op {
            Op::Load { size, .. } | Op::Acquire { size, .. } => (u64::from(size), 0),
            Op::Store { size, .. } | Op::Release { size, .. } => (0, u64::from(size)),
            Op::Atomic { size, .. } => (u64::from(size), u64::from(size)),
            Op::Copy { bytes, .. } => (u64::from(bytes), u64::from(bytes)),
            Op::Fence
            | Op::Order(_)
            | Op::Barrier { .. }
            | Op::Reduce { .. }
            | Op::Think { .. }
            | Op::At { .. }
            | Op::Package(_) => (0, 0),
        };
        self.read_bytes = self.read_bytes.saturating_add(read);
        self.written_bytes = self.written_bytes.saturating_add(written);
        match op {
            Op::Load { .. } | Op::Acquire { .. } => self.loads += 1,
            Op::Store { .. } | Op::Release { .. } => self.stores += 1,
            Op::Atomic { rmw: Rmw::Add(_), .. } => self.adds += 1,
            Op::Atomic { rmw: Rmw::Swap(_), .. } => self.swaps += 1,
            Op::Atomic { rmw: Rmw::Cas { .. }, .. } => self.cases += 1,
            Op::Fence | Op::Order(_) | Op::Package(_) => self.fences += 1,
            Op::Barrier { .. } | Op::Reduce { .. } => self.barriers += 1,
            // Waits for a time as a pause does.
            Op::At { .. } => self.thinks += 1,
            Op::Think { cycles } => {
                self.thinks += 1;
                self.think_cycles = self.think_cycles.saturating_add(u64::from(cycles));
            }
            Op::Copy { .. } => self.copies += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.loads += other.loads;
        self.stores += other.stores;
        self.adds += other.adds;
        self.swaps += other.swaps;
        self.cases += other.cases;
        self.fences += other.fences;
        self.barriers += other.barriers;
        self.thinks += other.thinks;
        self.copies += other.copies;
        self.think_cycles = self.think_cycles.saturating_add(other.think_cycles);
        self.read_bytes = self.read_bytes.saturating_add(other.read_bytes);
        self.written_bytes = self.written_bytes.saturating_add(other.written_bytes);
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = &self.info;
        writeln!(f, "{}", info.name)?;
        if !info.provenance.is_empty() {
            writeln!(f, "  {}", info.provenance)?;
        }
        let form = match info.form {
            Form::Text => "text".to_owned(),
            Form::Binary(version) => format!("binary, version {version}"),
            Form::Memory => "in memory".to_owned(),
        };
        writeln!(f, "  form       {form}")?;
        writeln!(f, "  threads    {}", info.threads)?;
        writeln!(f, "  records    {}", grouped(info.records))?;
        if info.file_bytes > 0 {
            let each = info.file_bytes as f64 / info.records.max(1) as f64;
            writeln!(f, "  file       {}, {each:.2} bytes a record", sized(info.file_bytes))?;
        }
        let ratio = info.raw_bytes as f64 / info.packed_bytes.max(1) as f64;
        writeln!(
            f,
            "  packed     {} from {} (ratio {ratio:.1})",
            sized(info.packed_bytes),
            sized(info.raw_bytes)
        )?;
        self.fmt_memory(f)?;
        self.fmt_interleaving(f)?;
        self.fmt_kinds(f)?;
        self.fmt_threads(f)
    }
}

impl Description {
    fn fmt_memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = &self.total;
        writeln!(f, "  read       {}", sized(total.read_bytes))?;
        writeln!(f, "  written    {}", sized(total.written_bytes))?;
        writeln!(f, "  computing  {} cycles, all threads together", grouped(total.think_cycles))?;
        writeln!(
            f,
            "  barriers   {} arrivals at {} barriers",
            grouped(total.barriers),
            grouped(self.barrier_ids)
        )?;
        let least = if self.lines_capped { "at least " } else { "" };
        writeln!(
            f,
            "  footprint  {least}{} lines of {LINE_BYTES} bytes, {}",
            grouped(self.lines),
            sized(self.lines * LINE_BYTES)
        )?;
        for (what, lines) in [
            ("written", self.written_lines),
            ("shared by two threads or more", self.shared_lines),
            ("shared and written", self.shared_written_lines),
        ] {
            let percent = 100.0 * lines as f64 / self.lines.max(1) as f64;
            writeln!(f, "             {least}{} {what} ({percent:.1} %)", grouped(lines))?;
        }
        Ok(())
    }

    fn fmt_interleaving(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(told) = &self.interleaving else {
            return writeln!(f, "  order      known within each thread only");
        };
        let each = self.info.records as f64 / (told.switches as f64 + 1.0);
        writeln!(
            f,
            "  order      of all threads: {} changes of thread, each {each:.1} records, {}",
            grouped(told.switches),
            sized(self.info.order_bytes)
        )?;
        let about = if told.capped { "about " } else { "" };
        writeln!(
            f,
            "  others     {about}{} of {} accesses touch a line that another thread wrote last",
            grouped(told.others()),
            grouped(told.accesses)
        )?;
        for (what, accesses) in [
            ("read what another wrote: communication", told.communicated),
            ("write over what another wrote", told.overwritten),
            ("touch other bytes of the line: false sharing", told.false_shared),
        ] {
            let percent = 100.0 * accesses as f64 / told.accesses.max(1) as f64;
            writeln!(f, "             {about}{} {what} ({percent:.1} %)", grouped(accesses))?;
        }
        Ok(())
    }

    fn fmt_kinds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = &self.total;
        writeln!(f, "  kinds")?;
        for (kind, count) in [
            ("load", t.loads),
            ("store", t.stores),
            ("add", t.adds),
            ("swap", t.swaps),
            ("cas", t.cases),
            ("fence", t.fences),
            ("barrier", t.barriers),
            ("think", t.thinks),
            ("copy", t.copies),
        ] {
            if count > 0 {
                let percent = 100.0 * count as f64 / t.records().max(1) as f64;
                writeln!(f, "    {kind:<8} {:>13}  {percent:>5.1} %", grouped(count))?;
            }
        }
        Ok(())
    }

    fn fmt_threads(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        writeln!(
            f,
            "  {:<7} {:>13} {:>13} {:>13} {:>11} {:>9} {:>14}",
            "thread", "records", "loads", "stores", "atomics", "barriers", "think cycles"
        )?;
        for (thread, c) in self.threads.iter().take(SHOWN).enumerate() {
            writeln!(
                f,
                "  {thread:<7} {:>13} {:>13} {:>13} {:>11} {:>9} {:>14}",
                grouped(c.records()),
                grouped(c.loads),
                grouped(c.stores),
                grouped(c.adds + c.swaps + c.cases),
                grouped(c.barriers),
                grouped(c.think_cycles)
            )?;
        }
        if self.threads.len() > SHOWN {
            writeln!(f, "  and {} more", self.threads.len() - SHOWN)?;
        }
        Ok(())
    }
}

/// A number with its thousands apart.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// Bytes in the unit that suits them.
fn sized(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}
