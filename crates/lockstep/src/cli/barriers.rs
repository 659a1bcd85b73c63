//! `barriers`: how long barriers take, by node count and by who does them.

use std::path::PathBuf;

use anyhow::bail;
use lockstep::barriers::{By, Measured, measure};
use report::{Side, Table};
use serde_json::{Value, json};

use super::output::Output;
use super::{Outcome, input, output};

/// Measures barriers on a machine: by units in its switches, by packets, and by the threads themselves
/// with atomics and flags, one barrier after the other.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep barriers nvl72
  lockstep barriers mesh8x8 --nodes 2,8,64 --by units,dissemination --json barriers.json
Nodes do not halt meanwhile: `node_events` of the topology are left out.
Exit code: 0, 1 if a barrier let a thread go early, 2 for bad input.")]
pub(crate) struct Args {
    /// Topology file, or the name of a shipped one
    #[arg(value_name = "FILE")]
    topology: String,
    /// Numbers of members, each on a node of its own; where not given, powers of two up to all nodes
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    nodes: Vec<u32>,
    /// Who does them: units, packets, central, dissemination, tree
    #[arg(long, value_name = "WHO,...", value_delimiter = ',', value_parser = by)]
    by: Vec<By>,
    /// Barriers of each measurement
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rounds: u64,
    /// Write the result as JSON; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn by(name: &str) -> Result<By, String> {
    let names = By::ALL.map(By::name).join(", ");
    By::ALL.into_iter().find(|b| b.name() == name).ok_or_else(|| format!("use one of {names}"))
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let spec = input::topology(&args.topology)?;
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let all = u32::try_from(spec.fabric.node_ports.len()).unwrap_or(u32::MAX);
    if let Some(many) = args.nodes.iter().find(|n| **n > all) {
        bail!(
            "{} has {all} nodes, not {many}\n  mend: give at most {all} with --nodes",
            args.topology
        )
    }
    let powers = (1..).map(|k| 1_u32 << k).take_while(|n| *n < all).chain([all]);
    let counts: Vec<u32> =
        if args.nodes.is_empty() { powers.collect() } else { args.nodes.clone() };
    let who: Vec<By> = if args.by.is_empty() { By::ALL.to_vec() } else { args.by.clone() };
    let mut measured = Vec::new();
    for nodes in counts {
        for by in &who {
            measured.push(measure(&spec, *by, nodes, args.rounds)?);
        }
    }
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        let rows: Vec<Value> = measured.iter().map(row).collect();
        json.write(&(serde_json::to_string_pretty(&rows)? + "\n"))?;
    }
    if !to_stdout {
        let heading =
            format!("barriers on {}, ns a round ({} rounds)\n", args.topology, args.rounds);
        output::print(&(heading + &table(&measured, &who)))?;
    }
    let sound = measured.iter().all(|m| m.early == 0);
    Ok(if sound { Outcome::Done } else { Outcome::ChecksFailed })
}

fn row(m: &Measured) -> Value {
    json!({
        "by": m.by.name(), "nodes": m.nodes, "round_ns": m.round_ns, "release_ns": m.release_ns,
        "early": m.early, "digest": m.digest,
    })
}

fn table(measured: &[Measured], who: &[By]) -> String {
    let mut columns = vec![("nodes", Side::Right)];
    columns.extend(who.iter().map(|by| (by.name(), Side::Right)));
    let mut table = Table::new(&columns);
    for of in measured.chunks(who.len().max(1)) {
        let cells = of.iter().map(|m| format!("{:.1}", m.round_ns));
        table.row(of.first().map(|m| m.nodes.to_string()).into_iter().chain(cells));
    }
    table.render(2)
}
