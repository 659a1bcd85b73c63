//! `trace`: describes and converts traces.

use std::path::PathBuf;

use clap::Subcommand;
use traffic::Description;

use super::{Outcome, input, output};

/// Describes or converts traces.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep trace info jacobi8
  lockstep trace pack traces/example.trace -o example.lkst
  lockstep trace text example.lkst -o -")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// What a trace holds: threads, records, footprint, sharing
    Info {
        /// Trace file, or the name of a shipped one
        file: String,
    },
    /// Writes a trace in binary form
    Pack {
        /// Trace file, or the name of a shipped one
        file: String,
        /// The binary trace to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Writes a trace in text form
    Text {
        /// Trace file, or the name of a shipped one
        file: String,
        /// The text to write; `-` for standard output
        #[arg(short, long, value_name = "FILE", default_value = "-")]
        output: PathBuf,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.what {
        What::Info { file } => {
            let description = Description::of(&input::trace(file)?)?;
            output::print(&format!("{description}\n"))?;
        }
        What::Pack { file, output } => {
            let written = input::trace(file)?.write_binary(output)?;
            let info = written.info();
            output::note(&format!(
                "{}: {} records, {} bytes",
                output.display(),
                info.records,
                info.file_bytes
            ));
        }
        What::Text { file, output } => {
            let trace = input::trace(file)?;
            output::stream(output, |to| Ok(traffic::write_text(&trace, &mut &mut *to)?))?;
        }
    }
    Ok(Outcome::Done)
}
