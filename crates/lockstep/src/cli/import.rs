//! `import`: turns a trace of another tool into a native one.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::ValueEnum;
use traffic::Writer;
use traffic::import::{self, Options};

use super::{Outcome, output};

/// Turns a trace of another tool into a native one.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  valgrind --tool=lackey --trace-mem=yes --log-file=ls.lackey ls
  lockstep import lackey ls.lackey -o ls.lkst
  lockstep import ramulator 444.namd.gz -o namd.lkst
Input may be gzip; `-` reads standard input.")]
pub(crate) struct Args {
    /// The format of the input
    format: Format,
    /// The file to import; `-` for standard input
    input: PathBuf,
    /// The binary trace to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Cycles that an instruction without data access takes
    #[arg(long, value_name = "N", default_value_t = 1)]
    cycles_per_instruction: u32,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    /// valgrind --tool=lackey --trace-mem=yes
    Lackey,
    /// Ramulator's CPU traces: bubbles, load address, optional write-back address
    Ramulator,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let stdin = args.input == Path::new("-");
    let path = if stdin { PathBuf::from("<standard input>") } else { args.input.clone() };
    let reader: Box<dyn Read> =
        if stdin { Box::new(io::stdin().lock()) } else { Box::new(open(&path)?) };
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let format = args.format.to_possible_value();
    let format = format.as_ref().map_or("", |f| f.get_name());
    let provenance = format!("imported from {} ({format})", path.display());
    let mut writer = Writer::create(&args.output, &name, &provenance)?;
    let cycles_per_instruction = args.cycles_per_instruction;
    let options = Options { path, cycles_per_instruction, ..Options::default() };
    let told = match args.format {
        Format::Lackey => import::import_lackey(reader, &options, &mut writer)?,
        Format::Ramulator => import::import_ramulator(reader, &options, &mut writer)?,
    };
    let trace = writer.finish()?;
    output::note(&format!(
        "{}: {} records from {} lines ({} instructions became think time), {} bytes",
        args.output.display(),
        told.records,
        told.lines,
        told.instructions,
        trace.info().file_bytes
    ));
    Ok(Outcome::Done)
}

fn open(path: &Path) -> anyhow::Result<File> {
    let mend = "name the file to import, or `-` for standard input";
    if path.is_dir() {
        bail!("could not import {}: it is a directory\n  mend: {mend}", path.display());
    }
    File::open(path).map_err(|e| anyhow!("could not open {}: {e}\n  mend: {mend}", path.display()))
}
