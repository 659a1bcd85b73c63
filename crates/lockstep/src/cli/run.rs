//! `run`: replays a trace on a machine.

use std::io::IsTerminal;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use lockstep::shipped::{DEFAULT_TOPOLOGY, DEFAULT_TRACE};
use machine::{Deal, Latency, Machine, Options, Summary};
use report::{
    CacheTransfers, Checks, DirectoryUse, EngineUse, Histogram, KindLatency, LatencyNs, PackageUse,
    RunReport, Style,
};
use traffic::Trace;

use super::output::Output;
use super::run_checkpoint::{Checkpoints, Flags, interrupted, listen};
use super::{Outcome, input, log, output, progress, run_links};

/// Replays a memory trace on a machine and reports what happened.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep run
  lockstep run --topology nvl72 --trace histogram8
  lockstep run --topology my.ron --trace my.lkst --json result.json
  lockstep run --log barrier=debug
  lockstep run --checkpoint long.checkpoint --checkpoint-every '50 us'
  lockstep run --resume long.checkpoint
Shipped topologies: nvl8, nvl72, mesh8x8, torus4x4x4, fullmesh8.
Shipped traces: jacobi8, histogram8, bfs8.
Ctrl-C writes a checkpoint and what was measured so far, and says how to go on; again, it ends at once.
Exit code: 0 if every check is clean, 1 if not, 2 for bad input or a deadlock, 130 after Ctrl-C.")]
pub(crate) struct Args {
    /// Topology file, or the name of a shipped one
    #[arg(long, value_name = "FILE", default_value = DEFAULT_TOPOLOGY)]
    topology: String,
    /// Trace file, or the name of a shipped one
    #[arg(long, value_name = "FILE", default_value = DEFAULT_TRACE)]
    trace: String,
    /// Threads of the emulator: each steps a part of the machine, cut on long links, where that pays. Results do
    /// not depend on it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Seed of everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Step the components of each instant in an order drawn from this seed; results do not depend
    /// on it
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// Do not check each access as it happens: faster; the audit at the end stays
    #[arg(long)]
    no_check: bool,
    /// Write the result as JSON; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    checkpoints: Flags,
    /// Log events to standard error: a level, or component=level with a component of machine,
    /// agent, barrier, node, link
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    listen();
    log::start(args.log.as_deref())?;
    let spec = input::topology(&args.topology)?;
    let trace = input::trace(&args.trace)?;
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let options = Options {
        seed: args.seed,
        check: !args.no_check,
        shuffle: args.shuffle,
        threads: usize::from(args.threads),
        cut: args.checkpoints.cut()?,
        deal: Deal::Measured,
    };
    let started = now();
    let mut machine = Machine::new(&spec, &trace, options)?;
    let mut checkpoints = Checkpoints::new(&args.checkpoints, &args.topology, &args.trace)?;
    checkpoints.check(&machine, &args.checkpoints)?;
    if let Some(from) = &args.checkpoints.resume {
        checkpoints.resume(&mut machine, from)?;
    }
    let done = replay(&mut machine, &trace, args, &mut checkpoints)
        .with_context(|| format!("the replay of {} on {} stopped", args.trace, args.topology))?;
    let wall_s = now().duration_since(started).as_secs_f64();
    let summary = if done { machine.summary() } else { machine.summary_so_far() };
    let mut report = report(args, &trace, &summary, (spec.flit_bytes, wall_s));
    report.engine = engine(&machine.engine());
    // What was measured is told whether or not the run can be written down.
    let written = if done { Ok(()) } else { checkpoints.write(&machine) };
    if done {
        let carried = (summary.flits_delivered, summary.packets);
        report.counters = super::align::beside(&spec, args.seed, carried, summary.time)?;
    } else {
        let checkpoint = || checkpoints.path().display().to_string();
        let checkpoint = written.is_ok().then(checkpoint);
        report.interrupted = Some(report::Interrupted { at_ns: machine.now().as_ns(), checkpoint });
    }
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        json.write(&report.to_json()?)?;
    }
    if !to_stdout {
        let color = std::io::stdout().is_terminal();
        output::print(&report::render(&report, Style { color }))?;
    }
    if !done {
        output::note(&match written {
            Ok(()) => go_on(args, checkpoints.path()),
            Err(why) => format!("interrupted, and there is nothing to go on with: {why:#}"),
        });
        return Ok(Outcome::Interrupted);
    }
    Ok(if report.checks.clean() { Outcome::Done } else { Outcome::ChecksFailed })
}

/// How to go on with a run that was interrupted.
fn go_on(args: &Args, checkpoint: &Path) -> String {
    let mut words = vec!["lockstep run".to_owned()];
    words.push(format!("--topology {} --trace {}", quoted(&args.topology), quoted(&args.trace)));
    if args.seed != 1 {
        words.push(format!("--seed {}", args.seed));
    }
    if args.no_check {
        words.push("--no-check".to_owned());
    }
    words.push(format!("--resume {}", quoted(&checkpoint.display().to_string())));
    format!("interrupted; to go on:\n  {}", words.join(" "))
}

/// A word as a POSIX shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[expect(clippy::disallowed_methods, reason = "wall time of the emulator, not of the machine")]
fn now() -> Instant {
    Instant::now()
}

/// Instants, or epochs, between two looks at the progress: at first, and at most.
const GLANCE: (u64, u64) = (16, 8192);

/// Component edges that are to lie between two looks: some hundredths of a second.
const GLANCE_EDGES: Range<u64> = 50_000..200_000;

/// Steps to the next look, after as many in which so many components were stepped: an epoch of a large machine has
/// as many as thousands of instants of a small one, and who presses Ctrl-C waits for the look. It goes by the machine
/// and not by the host's time, as all does that a run comes to.
fn glance(steps: u64, edges: u64) -> u64 {
    if edges < GLANCE_EDGES.start {
        (2 * steps).min(GLANCE.1)
    } else if edges > GLANCE_EDGES.end {
        (steps / 2).max(1)
    } else {
        steps
    }
}

/// Steps to the end of the trace, or to where it is interrupted: false.
fn replay(
    machine: &mut Machine,
    trace: &Trace,
    args: &Args,
    checkpoints: &mut Checkpoints,
) -> anyhow::Result<bool> {
    let bar = progress::bar(trace.info().records, args.quiet);
    let (mut steps, mut edges) = (GLANCE.0, machine.edges());
    while machine.advance(steps, checkpoints.due())? {
        steps = glance(steps, machine.edges() - edges);
        edges = machine.edges();
        checkpoints.look(machine)?;
        if interrupted() {
            bar.finish_and_clear();
            return Ok(false);
        }
        if !bar.is_hidden() {
            bar.set_position(machine.operations_taken());
            bar.set_message(machine.now().to_string());
        }
    }
    bar.finish_and_clear();
    Ok(true)
}

fn report(args: &Args, trace: &Trace, s: &Summary, (flit_bytes, wall_s): (u32, f64)) -> RunReport {
    let names = ["load", "store", "atomic"];
    let kinds = names.into_iter().zip(&s.kinds).map(|(kind, l)| KindLatency {
        kind,
        count: l.count(),
        latency_ns: latency(l),
    });
    let (upto_ns, count) = s.latency.doublings().into_iter().unzip();
    RunReport {
        topology: args.topology.clone(),
        trace: args.trace.clone(),
        seed: s.seed,
        threads: s.threads,
        digest: s.digest.clone(),
        time_ns: s.time.as_ns(),
        edges: s.edges,
        transactions: s.transactions,
        loads: s.loads,
        stores: s.stores,
        atomics: s.atomics,
        barriers: s.barriers,
        barrier_use: barriers(&s.barrier_use),
        counters: None,
        packets: s.packets,
        flits_delivered: s.flits_delivered,
        flit_hops: s.flit_hops,
        latency_ns: latency(&s.latency),
        breakdown_ns: s.breakdown_ns.iter().map(|(p, ns)| (p.name(), *ns)).collect(),
        checks: checks(&s.checks),
        wall_s,
        interrupted: None,
        records: s.operations,
        nodes: s.nodes,
        routers: s.routers,
        trace_threads: trace.threads(),
        cache_accesses: s.line_accesses,
        cache_hits: s.hits,
        memory_reads: s.memory_reads,
        memory_writes: s.memory_writes,
        directory: directory(&s.directory),
        transfers: transfers(&s.transfers),
        scopes: s.scopes.as_ref().map(scopes),
        kinds: kinds.collect(),
        busiest_links: s.busiest.iter().map(|l| run_links::link(l, flit_bytes)).collect(),
        sickest_links: s.sickest.iter().map(|l| run_links::link(l, flit_bytes)).collect(),
        phy: s.phy.as_ref().map(run_links::totals),
        engine: EngineUse::default(),
        histogram: Histogram { upto_ns, count },
    }
}

fn engine(e: &machine::EngineUse) -> EngineUse {
    EngineUse {
        partitions: e.partitions,
        why_one: e.why.map(str::to_owned),
        epoch_ns: e.epoch.as_ns(),
        cut_links: e.cut_links,
        epochs: e.epochs.0,
        epochs_together: e.epochs.1,
        looks: e.looks.0,
        changes: e.looks.1,
        imbalance: e.imbalance,
        waiting_wall_s: e.waiting.as_secs_f64(),
    }
}

fn latency(l: &Latency) -> LatencyNs {
    LatencyNs {
        mean: l.mean_ns(),
        p50: l.quantile_ns(0.5),
        p99: l.quantile_ns(0.99),
        max: l.max_ns(),
    }
}

fn directory(d: &machine::DirectoryUse) -> DirectoryUse {
    DirectoryUse {
        organisation: d.organisation.clone(),
        entry_bits: d.entry_bits,
        entries_per_home: d.entries_per_home,
        lines_max: d.lines_max,
        storage_bits_per_home: d.storage_bits_per_home,
        storage_bits: d.storage_bits,
        recalls: d.capacity_recalls + d.pointer_recalls,
        capacity_recalls: d.capacity_recalls,
        pointer_recalls: d.pointer_recalls,
        invalidations: d.invalidations,
        extra_invalidations: d.extra_invalidations,
        packages: d.packages.as_ref().map(packages),
        crossings: d.crossings,
    }
}

fn packages(p: &machine::PackageUse) -> PackageUse {
    PackageUse {
        nodes: p.nodes,
        organisation: p.organisation.clone(),
        entry_bits: p.entry_bits,
        data_bits: p.data_bits,
        entries_per_home: p.entries_per_home,
        lines_max: p.lines_max,
        storage_bits_per_home: p.storage_bits_per_home,
        storage_bits: p.storage_bits,
        requests: p.requests,
        answered_inside: p.answered_inside,
        snoops: p.snoops,
        snoop_recalls: p.snoop_recalls,
        capacity_recalls: p.capacity_recalls,
        pointer_recalls: p.pointer_recalls,
        invalidations: p.invalidations,
        extra_invalidations: p.extra_invalidations,
    }
}

fn transfers(t: &machine::CacheTransfers) -> CacheTransfers {
    CacheTransfers {
        protocol: t.protocol.clone(),
        extended: t.protocol != "MESI",
        cache_to_cache: t.cache_to_cache,
        write_backs: t.write_backs,
        write_backs_saved: t.write_backs_saved,
        reads_saved: t.reads_saved,
        forward_misses: t.forward_misses,
    }
}

fn barriers(b: &machine::BarrierUse) -> Option<report::BarrierUse> {
    (b.latency.count() > 0).then(|| report::BarrierUse {
        latency_ns: latency(&b.latency),
        gathering_ns: b.gathering.mean_ns(),
        by_units: b.units.map(|u| u.0),
        known: b.units.map(|u| u.1),
        tokens: b.tokens,
    })
}

fn scopes(s: &machine::ScopeUse) -> report::ScopeUse {
    report::ScopeUse {
        package_nodes: s.package_nodes,
        acquires: s.acquires,
        acquire_wait_ns: s.acquire_wait_ns,
        releases: s.releases,
        release_wait_ns: s.release_wait_ns,
        self_invalidations: s.self_invalidations,
        fills: s.fills,
        hits: s.hits,
        write_throughs: s.write_throughs,
        write_through_bytes: s.write_through_bytes,
        evictions: s.evictions,
    }
}

fn checks(c: &machine::Checks) -> Checks {
    Checks {
        coherence_violations: c.coherence_violations,
        barrier_violations: c.barrier_violations,
        flits_lost: c.flits_lost,
        credits_lost: c.credits_lost,
        quiescent: c.quiescent,
        per_access: c.per_access,
        findings: c.findings.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_takes_them() {
        let plain = ["nvl8", "../a-b_c/d.ron", "x=1,2", "50%", "c@d:e+f"];
        assert!(plain.iter().all(|word| quoted(word) == *word));
        assert_eq!(quoted("two words.ron"), "'two words.ron'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$(x)*~"), "'$(x)*~'");
    }
}
