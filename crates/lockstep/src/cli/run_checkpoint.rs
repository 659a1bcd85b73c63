//! Checkpoints of `run`: written as it goes and when it is interrupted, and gone on with.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow, bail};
use base::Fs;
use machine::checkpoint::Header;
use machine::{Cut, Machine};
use topology::units::Span;
use traffic::draft;

use super::input;

/// Whether somebody has pressed Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Where a run is written down.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Flags {
    /// Where Ctrl-C and --checkpoint-every write the run down, by rename; TRACE-on-TOPOLOGY.checkpoint where
    /// not given, or the file of --resume
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Write a checkpoint each time so much simulated time has passed, such as "50 us"
    #[arg(long, value_name = "TIME", requires = "checkpoint", value_parser = interval)]
    checkpoint_every: Option<Span>,
    /// Go on with the run that FILE was written of: topology, trace, seed and --no-check as then
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,
}

impl Flags {
    /// Where the machine is to be cut: as it pays, or as it was.
    pub(crate) fn cut(&self) -> anyhow::Result<Cut> {
        let Some(from) = &self.resume else { return Ok(Cut::Auto) };
        let header = Header::read(open(from)?).with_context(|| not_resumed(from))?;
        Ok(Cut::Parts(header.partitions as usize))
    }
}

fn open(from: &Path) -> anyhow::Result<BufReader<File>> {
    let mend = "name a file that `run --checkpoint` has written";
    if from.is_dir() {
        bail!("{}: it is a directory\n  mend: {mend}", not_resumed(from));
    }
    let file = File::open(from);
    Ok(BufReader::new(file.map_err(|e| anyhow!("{}: {e}\n  mend: {mend}", not_resumed(from)))?))
}

fn not_resumed(from: &Path) -> String {
    format!("could not go on with {}", from.display())
}

fn interval(text: &str) -> Result<Span, String> {
    let span = input::span(text)?;
    if span.0 == Fs::ZERO { Err("it must be more than nothing".to_owned()) } else { Ok(span) }
}

/// The checkpoints of a run.
pub(crate) struct Checkpoints {
    path: PathBuf,
    every: Option<Fs>,
    /// When the next is due.
    due: Fs,
}

impl Checkpoints {
    /// Of a run of `trace` on `topology`.
    pub(crate) fn new(flags: &Flags, topology: &str, trace: &str) -> anyhow::Result<Self> {
        let stem = |name: &str| {
            let stem = Path::new(name).file_stem().unwrap_or_default();
            stem.to_string_lossy().into_owned()
        };
        let own = || PathBuf::from(format!("{}-on-{}.checkpoint", stem(trace), stem(topology)));
        let path = flags.checkpoint.clone().or_else(|| flags.resume.clone()).unwrap_or_else(own);
        if flags.checkpoint.is_some() {
            if path.is_dir() {
                bail!(
                    "could not write {}: it is a directory\n  mend: name a file in it",
                    path.display()
                );
            }
            draft::again(&path).map_err(|e| {
                let mend = "check that its folder exists and may be written";
                anyhow!("{}: {e}\n  mend: {mend}", unwritable(&path))
            })?;
        }
        if flags.resume.is_some() {
            draft::sweep(&path);
        }
        let every = flags.checkpoint_every.map(|span| span.0);
        Ok(Self { path, every, due: every.unwrap_or(Fs::NEVER) })
    }

    /// Says at once that a machine cannot be written down, where that was asked for.
    pub(crate) fn check(&self, machine: &Machine, flags: &Flags) -> anyhow::Result<()> {
        if flags.checkpoint.is_some() {
            machine.can_checkpoint().with_context(|| unwritable(&self.path))?;
        }
        Ok(())
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes up the run of a checkpoint.
    pub(crate) fn resume(&mut self, machine: &mut Machine, from: &Path) -> anyhow::Result<()> {
        machine.resume(open(from)?).with_context(|| not_resumed(from))?;
        self.put_off(machine.next_instant());
        Ok(())
    }

    /// When the next checkpoint is due.
    pub(crate) const fn due(&self) -> Fs {
        self.due
    }

    /// Writes a checkpoint if the next thing happens when one is due, or later.
    pub(crate) fn look(&mut self, machine: &mut Machine) -> anyhow::Result<()> {
        let next = machine.next_instant();
        if next < self.due || next == Fs::NEVER {
            return Ok(());
        }
        self.put_off(next);
        self.write(machine)
    }

    /// The next is due at the next whole interval.
    fn put_off(&mut self, now: Fs) {
        if let Some(every) = self.every {
            self.due = Fs((now.0 / every.0).saturating_add(1).saturating_mul(every.0));
        }
    }

    /// Writes a checkpoint: whole, or the one before stays.
    pub(crate) fn write(&self, machine: &Machine) -> anyhow::Result<()> {
        let context = || unwritable(&self.path);
        let mut out = BufWriter::new(draft::again(&self.path).with_context(context)?);
        machine.checkpoint(&mut out).with_context(context)?;
        out.flush().with_context(context)?;
        let file = out.into_inner().map_err(std::io::IntoInnerError::into_error);
        let file = file.with_context(context)?;
        file.as_file().sync_all().with_context(context)?;
        file.persist(&self.path).with_context(context)?;
        Ok(())
    }
}

/// What a run that Ctrl-C ended exits with: 128 and the signal's number.
pub(crate) const INTERRUPTED_CODE: u8 = 130;

/// From now on Ctrl-C is heard by [`interrupted`]; twice, it ends the process.
pub(crate) fn listen() {
    // A second handler is an error, and there is one already.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED_CODE.into());
        }
    });
}

/// Whether the run is to end here.
#[inline]
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

fn unwritable(path: &Path) -> String {
    format!("could not write {}", path.display())
}
