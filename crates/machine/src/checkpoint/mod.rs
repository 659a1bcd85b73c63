//! Checkpoints: a run written down between two steps, to be gone on with later.
//!
//! ```text
//!   ┌──────┬─────────┬───────────┬────────┬───────────────┬─────┬───────┐
//!   │ mark │ version │ bytes of  │ header │ state, zstd   │ end │ CRC32 │
//!   │ 8 B  │ u32     │ header u32│        │               │ 4 B │ u32   │
//!   └──────┴─────────┴───────────┴────────┴───────────────┴─────┴───────┘
//! ```
//!
//! All integers are little-endian; the CRC is of all bytes before it. The [`Header`] says whose run it is:
//! fingerprints of the machine's description and of the trace, seed, checks, partitions. What does not change
//! in a run is built anew from the description and not written down; threads go on at their place in the trace.
//! A run that goes on from a checkpoint is the run that was not interrupted: the same digest, the same summary.

mod error;
mod fingerprint;

use std::io::{self, Read, Write};

use base::form::Form;
use base::state::{Loader, Saver};
use base::{Fs, RoutingFunction, State};
use memory::MemoryModel;
use serde::{Deserialize, Serialize};

use crate::Machine;
use crate::network::Network;
use crate::node::Node;

pub use error::CheckpointError;
pub(crate) use fingerprint::fingerprint;

/// The first bytes of a checkpoint.
const MARK: [u8; 8] = *b"LKSTCKPT";
/// The last bytes before the CRC.
const END: [u8; 4] = *b"done";
/// Of this form. Raised whenever what is written down changes.
const VERSION: u32 = 2;
/// Mark, version and bytes of the header.
const START_BYTES: usize = 16;
/// End and CRC.
const TAIL_BYTES: usize = 8;
/// How hard zstd tries: checkpoints are large and few are read.
const LEVEL: i32 = 1;

/// Whose run a checkpoint is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// The name in the machine's description.
    pub topology: String,
    /// Hash over the description, its routing tables included.
    pub machine: u128,
    /// Hash over the trace; 0 where the machine was given sources of operations.
    pub trace: u128,
    /// Threads of the trace.
    pub trace_threads: u32,
    /// The run's seed.
    pub seed: u64,
    /// Whether every access is checked.
    pub check: bool,
    /// Partitions that the machine is cut into: [`Cut::Parts`](crate::Cut::Parts) cuts another like it.
    pub partitions: u32,
    /// Hash over what is in which partition.
    layout: u128,
    /// The instant stepped last.
    pub now: Fs,
    /// Operations taken from the trace.
    pub operations: u64,
    /// Changes of links, and of tables with them, that are over.
    changes: u32,
    /// Hash over the names of all that is written down, in its order: another build may have it otherwise.
    form: u64,
}

impl Header {
    /// Reads a checkpoint's header, to build the machine that it is of. All of the checkpoint is looked at.
    ///
    /// # Errors
    /// If it cannot be read, is none, is damaged, or of another version.
    pub fn read(from: impl Read) -> Result<Self, CheckpointError> {
        Ok(parts(&bytes(from)?)?.0)
    }
}

impl<R: RoutingFunction, M: MemoryModel + State> Machine<R, M> {
    /// Writes the run down as it is between two steps: at any instant, or where the machine is cut, between
    /// any two epochs. The caller sees to it that a file is whole or not there, by a rename.
    ///
    /// ```
    /// # use machine::{Machine, Options};
    /// # let spec = topology::Description::nvl8().elaborate()?;
    /// # let trace = traffic::Trace::from_text(&b"0 S 0x40 8\n1 L 0x40 8\n"[..], "two.trace")?;
    /// let mut machine = Machine::new(&spec, &trace, Options::default())?;
    /// for _ in 0..20 {
    ///     machine.step()?;
    /// }
    /// let mut checkpoint = Vec::new();
    /// machine.checkpoint(&mut checkpoint)?;
    ///
    /// let mut resumed = Machine::new(&spec, &trace, Options::default())?;
    /// resumed.resume(&checkpoint[..])?;
    /// machine.run()?;
    /// resumed.run()?;
    /// assert_eq!(resumed.summary().digest, machine.summary().digest);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If `to` does not take it, the machine has what is not written down (clocks that are retuned), or a source of operations depends on what loads read, so that nobody could
    /// bring it to its place again.
    pub fn checkpoint(&self, to: impl Write) -> Result<(), CheckpointError> {
        self.can_checkpoint()?;
        let mut to = Checked { to, crc: crc32fast::Hasher::new() };
        let mut saver = Saver::default();
        saver.put(&self.header());
        let header = saver.take();
        to.write_all(&MARK)?;
        to.write_all(&VERSION.to_le_bytes())?;
        to.write_all(&u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes())?;
        to.write_all(&header)?;
        let mut packer = zstd::Encoder::new(&mut to, LEVEL)?;
        self.save(&mut saver);
        packer.write_all(&saver.take())?;
        packer.finish()?;
        to.write_all(&END)?;
        let crc = to.crc.clone().finalize();
        to.to.write_all(&crc.to_le_bytes())?;
        to.to.flush()?;
        Ok(())
    }

    /// Whether the run can be written down at all, which does not change while it goes on: to be asked before.
    ///
    /// # Errors
    /// What the machine has that a checkpoint does not hold, or that a source of operations depends on what loads
    /// read.
    pub fn can_checkpoint(&self) -> Result<(), CheckpointError> {
        match self.not_kept() {
            Some(what) => Err(CheckpointError::NotKept { what }),
            None if self.nodes().any(Node::observes) => Err(CheckpointError::Observing),
            None => Ok(()),
        }
    }

    /// What the machine has that a checkpoint does not hold.
    fn not_kept(&self) -> Option<&'static str> {
        let tuned = self.spec().domains.iter().any(|d| d.tunable);
        tuned.then_some("clocks that are retuned in a run")
    }

    /// Takes up the run of a checkpoint. The machine must have been built from the same description and
    /// trace with the same seed, checks and number of partitions, and not been stepped; the emulator's threads
    /// and the order of stepping are free.
    ///
    /// # Errors
    /// If `from` is no checkpoint, a damaged one, or of another machine, trace or run; or the trace does not
    /// have the operations that were taken. The machine is then not to be used.
    pub fn resume(&mut self, from: impl Read) -> Result<(), CheckpointError> {
        let bytes = bytes(from)?;
        let (header, packed) = parts(&bytes)?;
        header.fits(&self.header())?;
        let state = zstd::decode_all(packed).map_err(|_| CheckpointError::Damaged)?;
        for p in &mut self.partitions {
            p.net.pass_changes(header.changes);
        }
        let mut loader = Loader::new(&state);
        self.load(&mut loader)?;
        if !loader.is_done() {
            return Err(CheckpointError::Unfit);
        }
        self.find_places()
    }

    /// Brings the threads' sources to where they were.
    fn find_places(&mut self) -> Result<(), CheckpointError> {
        let nodes = self.partitions.iter_mut().flat_map(|p| &mut p.nodes);
        for agent in nodes.flat_map(|n| &mut n.agents) {
            if !agent.find_place()? {
                return Err(CheckpointError::Short { thread: agent.thread() });
            }
        }
        Ok(())
    }

    fn header(&self) -> Header {
        let mut form = Form::default();
        State::form(self, &mut form);
        Header {
            topology: self.spec().name.clone(),
            machine: fingerprint(self.spec()),
            trace: self.trace_fingerprint(),
            trace_threads: self.shared().threads,
            seed: self.options().seed,
            check: self.options().check,
            partitions: u32::try_from(self.partitions.len()).unwrap_or(u32::MAX),
            layout: fingerprint(self.layout()),
            now: self.now(),
            operations: self.operations_taken(),
            changes: self.networks().map(Network::changes_over).max().unwrap_or(0),
            form: form.hash(),
        }
    }
}

impl Header {
    /// Whether a run can go on from the checkpoint.
    fn fits(&self, run: &Self) -> Result<(), CheckpointError> {
        let foreign = |what, found: String, wanted: String, mend: &str| {
            let mend = mend.to_owned();
            Err(CheckpointError::Foreign { what, found, wanted, mend })
        };
        if self.machine != run.machine {
            let name = |h: &Self| format!("{} ({:016x})", h.topology, h.machine >> 64);
            let mend =
                format!("give the topology that it was made with, {}, unchanged", self.topology);
            return foreign("topology", name(self), name(run), &mend);
        }
        if (self.trace, self.trace_threads) != (run.trace, run.trace_threads) {
            let name = |h: &Self| format!("{:016x}, {} threads", h.trace >> 64, h.trace_threads);
            return foreign(
                "trace",
                name(self),
                name(run),
                "give the trace that it was made with, unchanged",
            );
        }
        if self.seed != run.seed {
            let mend = format!("add `--seed {}`", self.seed);
            return foreign("seed", self.seed.to_string(), run.seed.to_string(), &mend);
        }
        if self.check != run.check {
            let word = |check| if check { "on" } else { "off" }.to_owned();
            let mend = if self.check { "leave `--no-check` out" } else { "add `--no-check`" };
            return foreign("checks of each access", word(self.check), word(run.check), mend);
        }
        if self.layout != run.layout {
            let mend = "build the machine with as many partitions as it was cut into";
            let count = |h: &Self| format!("{} partitions ({:016x})", h.partitions, h.layout >> 64);
            return foreign("cut", count(self), count(run), mend);
        }
        // Of one machine, or what it has would be named otherwise.
        if self.form == run.form { Ok(()) } else { Err(CheckpointError::Unfit) }
    }
}

/// Writes, and sums up what was written.
struct Checked<W> {
    to: W,
    crc: crc32fast::Hasher,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.crc.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// All of a checkpoint. What does not begin as one is not read on: it may have no end.
fn bytes(mut from: impl Read) -> Result<Vec<u8>, CheckpointError> {
    let mut bytes = Vec::new();
    from.by_ref().take(MARK.len() as u64).read_to_end(&mut bytes)?;
    if MARK.starts_with(&bytes) {
        from.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The header of a checkpoint that is whole, and its packed state.
fn parts(bytes: &[u8]) -> Result<(Header, &[u8]), CheckpointError> {
    let mark = &bytes[..bytes.len().min(MARK.len())];
    if mark.is_empty() || !MARK.starts_with(mark) {
        return Err(CheckpointError::NotOne);
    }
    let Some(body) = bytes.len().checked_sub(TAIL_BYTES).filter(|b| *b >= START_BYTES) else {
        return Err(CheckpointError::Truncated);
    };
    let (body, tail) = bytes.split_at(body);
    let (end, crc) = tail.split_at(END.len());
    if crc32fast::hash(&bytes[..bytes.len() - 4]).to_le_bytes() != crc {
        return Err(if end == END { CheckpointError::Damaged } else { CheckpointError::Truncated });
    }
    let word = |at: usize| {
        let word = body[at..at + 4].try_into().unwrap_or_default();
        u32::from_le_bytes(word)
    };
    if word(8) != VERSION {
        return Err(CheckpointError::Version { found: word(8), known: VERSION });
    }
    let header = START_BYTES.checked_add(word(12) as usize).filter(|end| *end <= body.len());
    let header_end = header.ok_or(CheckpointError::Damaged)?;
    let header = postcard::from_bytes(&body[START_BYTES..header_end]);
    Ok((header.map_err(|_| CheckpointError::Unfit)?, &body[header_end..]))
}
