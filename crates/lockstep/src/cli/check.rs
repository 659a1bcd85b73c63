//! `check`: proves what can be proved of topologies without running them.

use std::path::PathBuf;

use anyhow::bail;
use serde::Serialize;
use topology::CheckReport;

use super::check_barriers::Barriers;
use super::check_clocks::Clocks;
use super::check_directory::Directories;
use super::check_events::{self, Rerouted};
use super::check_links::{self, FramedClass};
use super::check_regions::Regions;
use super::check_size::Size;
use super::output::Output;
use super::{Outcome, input, output};

/// Elaborates topologies and proves that every node reaches every other and that no routing
/// deadlock is possible: by channel dependencies without a cycle, or by escapes.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep check nvl72
  lockstep check topologies/*.ron
  lockstep check --size pod1024
With --json, a topology that does not hold is an entry {\"name\": ..., \"error\": ...} in its place
among the reports, with the name as given.
Exit code: 0 if every topology holds, 2 if one does not.")]
pub(crate) struct Args {
    /// Topology files, or names of shipped ones
    #[arg(required = true, value_name = "FILE")]
    topologies: Vec<String>,
    /// Tell how much of the emulator's memory the machine takes
    #[arg(long)]
    size: bool,
    /// Write the reports as a JSON array; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is told of one topology in JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Holds(Box<Report>),
    Fails { name: &'a str, error: String },
}

/// The fabric's report, and the directories'.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    fabric: CheckReport,
    directory: Directories,
    /// Framed link classes that are used.
    framed: Vec<FramedClass>,
    /// What links that go down and come up do to the ways that packets take.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    link_changes: Vec<Rerouted>,
    #[serde(flatten)]
    regions: Regions,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<Size>,
    #[serde(flatten)]
    clocks: Clocks,
    #[serde(flatten)]
    barriers: Barriers,
}

impl Report {
    fn of(name: &str, size: bool) -> anyhow::Result<Self> {
        let (spec, fabric) = input::checked(name)?;
        Ok(Self {
            fabric,
            directory: Directories::of(&spec),
            framed: check_links::of(&spec),
            link_changes: check_events::of(&spec)?,
            regions: Regions::of(&spec),
            size: size.then(|| Size::of(&spec)),
            clocks: Clocks::of(&spec),
            barriers: Barriers::of(&spec)?,
        })
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    let mut entries = Vec::new();
    let mut errors = Vec::new();
    for (at, name) in args.topologies.iter().enumerate() {
        match Report::of(name, args.size) {
            Ok(report) => {
                let gap = if at > 0 { "\n" } else { "" };
                if !to_stdout {
                    let Report { fabric, directory, framed, link_changes, .. } = &report;
                    let Report { regions, size, clocks, barriers, .. } = &report;
                    output::print(&format!(
                        "{gap}{fabric}\n{directory}\n{regions}{clocks}{barriers}"
                    ))?;
                    framed.iter().try_for_each(|f| output::print(&f.to_string()))?;
                    output::print(&check_events::told(link_changes))?;
                    size.iter().try_for_each(|s| output::print(&s.to_string()))?;
                }
                entries.push(Entry::Holds(Box::new(report)));
            }
            Err(error) => {
                let message = super::message(&error);
                if args.topologies.len() > 1 {
                    output::complain(&message, false);
                }
                entries.push(Entry::Fails { name, error: message });
                errors.push(error);
            }
        }
    }
    if let Some(json) = json {
        json.write(&(serde_json::to_string_pretty(&entries)? + "\n"))?;
    }
    match errors.pop() {
        None => Ok(Outcome::Done),
        Some(error) if args.topologies.len() == 1 => Err(error),
        Some(_) => {
            let (failed, all) = (errors.len() + 1, args.topologies.len());
            bail!("{failed} of {all} topologies do not hold")
        }
    }
}
