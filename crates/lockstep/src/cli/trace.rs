//! `trace`: describes and converts traces.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};
use traffic::describe::Counts;
use traffic::{Description, Form};

use super::output::Output;
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
        /// Write the description as JSON; `-` for standard output, and nothing else there
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
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
        What::Info { file, json } => {
            let trace = input::trace(file)?;
            let json = json.as_deref().map(Output::open).transpose()?;
            let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
            let description = Description::of(&trace)?;
            if let Some(json) = json {
                let text = serde_json::to_string_pretty(&as_json(file, &description))?;
                json.write(&(text + "\n"))?;
            }
            if !to_stdout {
                output::print(&format!("{description}\n"))?;
            }
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
            let output = Output::open(output)?;
            output.stream(|to| Ok(traffic::write_text(&trace, &mut &mut *to)?))?;
        }
    }
    Ok(Outcome::Done)
}

/// A description with the keys of its fields.
fn as_json(file: &str, d: &Description) -> Value {
    let info = &d.info;
    let form = match info.form {
        Form::Text => "text",
        Form::Binary(_) => "binary",
        Form::Memory => "memory",
    };
    json!({
        "trace": file,
        "name": info.name,
        "provenance": info.provenance,
        "form": form,
        "threads": info.threads,
        "records": info.records,
        "file_bytes": info.file_bytes,
        "packed_bytes": info.packed_bytes,
        "raw_bytes": info.raw_bytes,
        "total": counts(&d.total),
        "by_thread": d.threads.iter().map(counts).collect::<Vec<_>>(),
        "barrier_ids": d.barrier_ids,
        "lines": d.lines,
        "written_lines": d.written_lines,
        "shared_lines": d.shared_lines,
        "shared_written_lines": d.shared_written_lines,
        "lines_capped": d.lines_capped,
        "interleaving": d.interleaving.as_ref().map(|i| json!({
            "switches": i.switches,
            "accesses": i.accesses,
            "communicated": i.communicated,
            "overwritten": i.overwritten,
            "false_shared": i.false_shared,
            "capped": i.capped,
        })),
    })
}

fn counts(c: &Counts) -> Value {
    json!({
        "loads": c.loads,
        "stores": c.stores,
        "adds": c.adds,
        "swaps": c.swaps,
        "cases": c.cases,
        "fences": c.fences,
        "barriers": c.barriers,
        "thinks": c.thinks,
        "copies": c.copies,
        "think_cycles": c.think_cycles,
        "read_bytes": c.read_bytes,
        "written_bytes": c.written_bytes,
    })
}
