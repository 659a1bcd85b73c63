//! `check`: proves what can be proved of topologies without running them.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{Outcome, input, output};

/// Elaborates topologies and proves that every node reaches every other and that no routing
/// deadlock is possible.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep check nvl72
  lockstep check topologies/*.ron
Exit code: 0 if every topology holds, 2 if one does not.")]
pub(crate) struct Args {
    /// Topology files, or names of shipped ones
    #[arg(required = true, value_name = "FILE")]
    topologies: Vec<String>,
    /// Write the reports as a JSON array; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut failed = 0;
    let mut reports = Vec::new();
    let to_stdout = args.json.as_deref().is_some_and(|p| p == Path::new("-"));
    for (at, name) in args.topologies.iter().enumerate() {
        let report = input::topology(name).and_then(|spec| Ok(topology::check(&spec)?));
        match report {
            Ok(report) => {
                let gap = if at > 0 { "\n" } else { "" };
                if !to_stdout {
                    output::print(&format!("{gap}{report}\n"))?;
                }
                reports.push(report);
            }
            Err(error) if args.topologies.len() == 1 => return Err(error),
            Err(error) => {
                failed += 1;
                output::complain(&super::message(&error), false);
            }
        }
    }
    if let Some(path) = &args.json {
        output::write(path, &(serde_json::to_string_pretty(&reports)? + "\n"))?;
    }
    if failed > 0 {
        bail!("{failed} of {} topologies do not hold", args.topologies.len());
    }
    Ok(Outcome::Done)
}
