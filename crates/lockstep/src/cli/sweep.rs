//! `sweep`: latency against offered load, with synthetic traffic on a topology's terminals.

use std::io::IsTerminal;
use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::builder::RangedU64ValueParser;
use lockstep::parallel;
use report::{Saturation, Style, SweepPoint, SweepReport, render_sweep};
use topology::spec::MachineSpec;
use traffic::synthetic::estimate::{Outcome, SaturationSearch};

use super::engine::{self, Job};
use super::output::Output;
use super::rates::{self, Rates};
use super::{input, output, progress};

/// Measures latency against offered load with synthetic traffic.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep sweep mesh8x8 --traffic uniform --rates 0.1,0.2,0.3,0.4
  lockstep sweep mesh8x8 torus4x4x4 --traffic tornado --rates 0.05..0.4/0.05 --csv out.csv
  lockstep sweep mesh8x8 --rates 0.2 --packet-flits 1:0.5,5:0.5 --seeds 5 --threads 2 --json -
  lockstep sweep mesh8x8 --find-saturation
Rates are flits per terminal and cycle, latencies cycles: packet latency from creation (source queue
included) to the tail's ejection, network latency from the head's injection. Only packets created in
the measured window count, and the run drains them all unless it is saturated.
Exit code: 0 if everything was measured, saturated or not; 2 for bad input.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    /// Topology files, or names of shipped ones
    #[arg(required = true, value_name = "FILE")]
    topologies: Vec<String>,
    /// Where packets go, such as uniform, transpose, tornado, hotspot(0:3,5:1@0.2)
    #[arg(long, value_name = "PATTERN", default_value = "uniform")]
    traffic: String,
    /// Offered loads: numbers, or FROM..TO/STEP, by commas
    #[arg(long, value_name = "R,R,..", value_parser = rates::parse, required_unless_present = "find_saturation")]
    rates: Option<Rates>,
    /// Flits of a packet, or LENGTH:WEIGHT,LENGTH:WEIGHT,.. for a mix
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "request_reply")]
    packet_flits: String,
    /// Flits of a request and of its reply: every packet is answered by its destination
    #[arg(long, value_name = "N:N", value_parser = rates::request_reply)]
    request_reply: Option<(u32, u32)>,
    /// When packets are created: bernoulli, periodic, on-off(..) or self-similar(..)
    #[arg(long, value_name = "PROCESS", default_value = "bernoulli")]
    process: String,
    /// Closed loop: a terminal has at most so many packets (with --request-reply, requests)
    /// outstanding
    #[arg(long, value_name = "N")]
    window: Option<NonZeroU32>,
    /// First seed of everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Measure every load with so many seeds, counted on from --seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<u64>::new().range(1..=1000))]
    seeds: u64,
    /// Cycles before the measured window; found from the run itself where not given
    #[arg(long, value_name = "CYCLES", value_parser = RangedU64ValueParser::<u64>::new().range(0..=CYCLES_MAX))]
    warmup: Option<u64>,
    /// Cycles of the measured window
    #[arg(long, value_name = "CYCLES", default_value_t = 30_000, value_parser = RangedU64ValueParser::<u64>::new().range(1..=CYCLES_MAX))]
    measure: u64,
    /// Mean packet latency beyond which a network counts as saturated, in cycles
    #[arg(long, value_name = "CYCLES", default_value_t = 500, value_parser = RangedU64ValueParser::<u64>::new().range(1..=CYCLES_MAX))]
    latency_limit: u64,
    /// Look for the load at which the network saturates, by bisection
    #[arg(long)]
    find_saturation: bool,
    /// Tell what links, routers and VCs did
    #[arg(long)]
    stats: bool,
    /// Tell how many flits went from whom to whom
    #[arg(long)]
    matrix: bool,
    /// Tell rates and latency of every so many cycles
    #[arg(long, value_name = "CYCLES", value_parser = RangedU64ValueParser::<u64>::new().range(1..=CYCLES_MAX))]
    series: Option<u64>,
    /// Tell stage by stage what packets of these numbers do, counted from 0 as the network takes them
    /// up
    #[arg(long, value_name = "PACKET,PACKET", value_delimiter = ',')]
    follow: Vec<u32>,
    /// Loads measured at once; results do not depend on it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Write the points as JSON; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the points as CSV; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

/// Cycles of a phase at most.
const CYCLES_MAX: u64 = 1_000_000_000;
/// How near the two sides of saturation are brought, in flits per terminal and cycle.
const SATURATION_STEP: f64 = 0.005;

/// What every point of a sweep shares.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Plan {
    /// Traffic pattern, as it was given.
    pub(crate) traffic: String,
    /// Injection process, as it was given.
    pub(crate) process: String,
    /// Packet lengths, as they were given.
    pub(crate) packet_flits: String,
    /// Flits of requests and of replies, where there are any.
    pub(crate) request_reply: Option<(u32, u32)>,
    /// Packets outstanding a terminal; `None`: open loop.
    pub(crate) window: Option<NonZeroU32>,
    /// Cycles before the measured window; `None`: as long as the run needs to settle.
    pub(crate) warmup_cycles: Option<u64>,
    /// Cycles of the measured window.
    pub(crate) measured_cycles: u64,
    /// Mean packet latency beyond which the network counts as saturated.
    pub(crate) latency_limit_cycles: u64,
    /// Whether statistics of links, routers and VCs are wanted.
    pub(crate) stats: bool,
    /// Whether a traffic matrix is wanted.
    pub(crate) matrix: bool,
    /// Cycles of a slice, where a series is wanted.
    pub(crate) series_cycles: Option<u64>,
    /// Packets to follow.
    pub(crate) follow: Vec<u32>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<super::Outcome> {
    let plan = plan(args)?;
    let specs = args.topologies.iter().map(|name| input::topology(name));
    let specs: Vec<MachineSpec> = specs.collect::<anyhow::Result<_>>()?;
    for spec in &specs {
        engine::fits(spec, &plan)?;
        if let Some(note) = thin(spec) {
            output::note(&note);
        }
    }
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let csv = args.csv.as_deref().map(Output::open).transpose()?;
    let to_stdout = [&json, &csv].into_iter().flatten().any(Output::is_stdout);
    let reports = measure(args, &plan, &specs, &engine::measure)?;
    if let Some(json) = json {
        json.write(&SweepReport::to_json(&reports)?)?;
    }
    if let Some(csv) = csv {
        csv.write(&SweepReport::to_csv(&reports))?;
    }
    if !to_stdout {
        let style = Style { color: std::io::stdout().is_terminal() };
        let pages: Vec<String> = reports.iter().map(|r| render_sweep(r, style)).collect();
        output::print(&pages.join("\n"))?;
    }
    Ok(super::Outcome::Done)
}

/// What is to be said of a machine with framed links.
fn thin(spec: &MachineSpec) -> Option<String> {
    let framed = |c: &&topology::spec::LinkClass| c.phy.is_some();
    let names = spec.fabric.classes.iter().filter(framed).map(|c| format!("`{}`", c.name));
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| {
        format!(
            "{}: the framed links {} have their frames, errors, replays and training, so routers are stepped one \
             by one; events, lanes that fail and clocks that differ are left to `run`",
            spec.name,
            names.join(", ")
        )
    })
}

/// The plan, checked for what one flag cannot see of another.
fn plan(args: &Args) -> anyhow::Result<Plan> {
    let stdout = [&args.json, &args.csv].into_iter().flatten().filter(|p| p.as_os_str() == "-");
    if stdout.count() > 1 {
        bail!(
            "JSON and CSV cannot both go to standard output\n  mend: name a file for one of them"
        );
    }
    if args.seed.checked_add(args.seeds).is_none() {
        bail!(
            "there are no {} seeds from {} on\n  mend: give a smaller --seed",
            args.seeds,
            args.seed
        );
    }
    if let Some(period) = args.series.filter(|period| *period > args.measure) {
        bail!(
            "slices of {period} cycles do not fit into a measured window of {}\n  mend: give a \
             shorter --series, or a longer --measure",
            args.measure
        );
    }
    Ok(Plan {
        traffic: args.traffic.clone(),
        process: args.process.clone(),
        packet_flits: args.packet_flits.clone(),
        request_reply: args.request_reply,
        window: args.window,
        warmup_cycles: args.warmup,
        measured_cycles: args.measure,
        latency_limit_cycles: args.latency_limit,
        stats: args.stats,
        matrix: args.matrix,
        series_cycles: args.series,
        follow: args.follow.clone(),
    })
}

/// Every point of every topology, then saturation where it is looked for.
fn measure(
    args: &Args,
    plan: &Plan,
    specs: &[MachineSpec],
    engine: &(impl Fn(&Job<'_>) -> anyhow::Result<SweepPoint> + Sync),
) -> anyhow::Result<Vec<SweepReport>> {
    let rates = args.rates.as_ref().map_or(&[][..], |rates| &rates.0);
    let mut jobs = Vec::new();
    for spec in specs {
        for offered in rates {
            for seed in args.seed..args.seed + args.seeds {
                jobs.push(Job { spec, plan, offered: *offered, seed });
            }
        }
    }
    let bar = progress::count(jobs.len() as u64, "loads", args.quiet);
    let points = parallel::map(usize::from(args.threads), jobs.len(), |at| {
        let job = &jobs[at];
        let point = engine(job);
        bar.inc(1);
        point.with_context(|| format!("{} at {} could not be measured", job.spec.name, job.offered))
    });
    bar.finish_and_clear();
    let mut points = points.into_iter();
    let each = rates.len() * usize::try_from(args.seeds)?;
    let mut reports = Vec::new();
    for (name, spec) in args.topologies.iter().zip(specs) {
        let points: anyhow::Result<Vec<SweepPoint>> = points.by_ref().take(each).collect();
        let mut report = SweepReport {
            topology: name.clone(),
            traffic: plan.traffic.clone(),
            points: points?,
            saturation: None,
        };
        if args.find_saturation {
            let at = |offered| engine(&Job { spec, plan, offered, seed: args.seed });
            let (found, probes) = saturation(at)?;
            report.saturation = Some(found);
            if report.points.is_empty() {
                report.points = probes;
            }
        }
        reports.push(report);
    }
    Ok(reports)
}

/// Brackets the load at which the network saturates, from a load of 1 down, by bisection; the loads
/// tried come with it, in order of load.
fn saturation(
    mut at: impl FnMut(f64) -> anyhow::Result<SweepPoint>,
) -> anyhow::Result<(Saturation, Vec<SweepPoint>)> {
    let search = SaturationSearch::new(0.0, 1.0, SATURATION_STEP)?;
    let mut probes = Vec::new();
    let bracket = search.run(|rate| {
        if rate <= 0.0 {
            // Nothing is carried without a run.
            return Ok(Outcome { saturated: false, accepted: 0.0 });
        }
        let point = at(rate)?;
        let outcome = Outcome { saturated: point.saturated, accepted: point.accepted };
        probes.push(point);
        anyhow::Ok(outcome)
    })?;
    probes.sort_by(|a, b| a.offered.total_cmp(&b.offered));
    let last = bracket.saturated.or(bracket.stable);
    let found = Saturation {
        carried: bracket.stable.map_or(0.0, |p| p.rate),
        refused: bracket.saturated.map(|p| p.rate),
        accepted: last.map_or(0.0, |p| p.outcome.accepted),
    };
    Ok((found, probes))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser, Debug)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(words: &str) -> Result<Args, String> {
        let words = std::iter::once("sweep").chain(words.split_whitespace());
        Command::try_parse_from(words).map(|c| c.args).map_err(|e| e.to_string())
    }

    fn refused(words: &str) -> String {
        match parsed(words) {
            Err(error) => error,
            Ok(args) => plan(&args).expect_err(words).to_string(),
        }
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let args = parsed("mesh8x8 --rates 0.1").unwrap();
        assert_eq!(
            plan(&args).unwrap(),
            Plan {
                traffic: "uniform".to_owned(),
                process: "bernoulli".to_owned(),
                packet_flits: "1".to_owned(),
                request_reply: None,
                window: None,
                warmup_cycles: None,
                measured_cycles: 30_000,
                latency_limit_cycles: 500,
                stats: false,
                matrix: false,
                series_cycles: None,
                follow: Vec::new(),
            }
        );
        assert_eq!((args.seed, args.seeds, args.threads), (1, 1, 1));
    }

    #[test]
    fn every_flag_lands_where_it_belongs() {
        let args = parsed(
            "a.ron b.ron --traffic tornado --process on-off(0.1,0.2) --request-reply 1:5 --window 4 \
             --rates 0.1,0.2 --seed 7 --seeds 3 --warmup 10 --measure 20 --latency-limit 99 --stats \
             --matrix --series 5 --threads 2 --find-saturation --json a.json --csv -",
        )
        .unwrap();
        let plan = plan(&args).unwrap();
        assert_eq!((plan.traffic.as_str(), plan.process.as_str()), ("tornado", "on-off(0.1,0.2)"));
        assert_eq!((plan.request_reply, plan.window), (Some((1, 5)), NonZeroU32::new(4)));
        assert_eq!((plan.warmup_cycles, plan.measured_cycles), (Some(10), 20));
        assert_eq!((plan.latency_limit_cycles, plan.series_cycles), (99, Some(5)));
        assert!(plan.stats && plan.matrix && args.find_saturation);
        assert_eq!((args.topologies.len(), args.seed, args.seeds, args.threads), (2, 7, 3, 2));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (words, says) in [
            ("mesh8x8", "--rates"),
            ("--rates 0.1", "FILE"),
            ("mesh8x8 --rates 0", "more than 0"),
            ("mesh8x8 --rates 0.1 --seeds 0", "--seeds"),
            ("mesh8x8 --rates 0.1 --measure 0", "--measure"),
            ("mesh8x8 --rates 0.1 --window 0", "--window"),
            ("mesh8x8 --rates 0.1 --threads 0", "--threads"),
            ("mesh8x8 --rates 0.1 --latency-limit 0", "--latency-limit"),
            ("mesh8x8 --rates 0.1 --packet-flits 2 --request-reply 1:5", "cannot be used with"),
            ("mesh8x8 --rates 0.1 --json - --csv -", "cannot both go to standard output"),
            ("mesh8x8 --rates 0.1 --measure 10 --series 11", "do not fit"),
            ("mesh8x8 --rates 0.1 --seed 18446744073709551615", "no 1 seeds"),
        ] {
            let error = refused(words);
            assert!(error.contains(says), "{words}: {error}");
        }
    }

    fn specs(names: &[&str]) -> Vec<MachineSpec> {
        names.iter().map(|name| input::topology(name).unwrap()).collect()
    }

    #[test]
    fn points_stand_with_their_topology_by_load_and_seed() {
        let args = parsed("nvl8 fullmesh8 --rates 0.2,0.1 --seed 5 --seeds 3 --threads 3").unwrap();
        let engine = |job: &Job<'_>| {
            let digest = job.spec.name.clone();
            let Job { offered, seed, .. } = *job;
            Ok(SweepPoint { offered, seed, digest, ..SweepPoint::default() })
        };
        let plan = plan(&args).unwrap();
        let reports = measure(&args, &plan, &specs(&["nvl8", "fullmesh8"]), &engine).unwrap();
        for (report, name) in reports.iter().zip(["nvl8", "fullmesh8"]) {
            assert_eq!((report.topology.as_str(), report.traffic.as_str()), (name, "uniform"));
            let told: Vec<_> = report.points.iter().map(|p| (p.offered, p.seed)).collect();
            let expected = [(0.1, 5), (0.1, 6), (0.1, 7), (0.2, 5), (0.2, 6), (0.2, 7)];
            assert_eq!(told, expected, "{name}");
            assert!(report.points.iter().all(|p| p.digest == name), "{report:?}");
        }
        assert_eq!(reports.len(), 2);
    }

    #[test]
    fn runs_do_not_depend_on_the_threads_that_make_them() {
        let digests = |threads: u32| {
            let words = "nvl8 mesh8x8 --rates 0.1,0.3 --seeds 2 --warmup 200 --measure 300";
            let args = parsed(&format!("{words} --threads {threads}")).unwrap();
            let (plan, specs) = (plan(&args).unwrap(), specs(&["nvl8", "mesh8x8"]));
            let reports = measure(&args, &plan, &specs, &engine::measure).unwrap();
            let points = reports.into_iter().flat_map(|r| r.points);
            points.map(|p| (p.digest, p.cycles, p.packets)).collect::<Vec<_>>()
        };
        let one = digests(1);
        assert_eq!(one.len(), 8);
        assert_eq!(one, digests(3));
        let distinct: std::collections::BTreeSet<_> = one.iter().collect();
        assert_eq!(distinct.len(), 8, "loads and seeds differ");
    }

    #[test]
    fn a_load_that_cannot_be_measured_is_named() {
        let args = parsed("nvl8 --rates 0.1,0.2").unwrap();
        let engine = |job: &Job<'_>| {
            anyhow::ensure!(job.offered < 0.15, "it got stuck");
            Ok(SweepPoint::default())
        };
        let error = measure(&args, &plan(&args).unwrap(), &specs(&["nvl8"]), &engine).unwrap_err();
        assert_eq!(format!("{error:#}"), "nvl8 at 0.2 could not be measured: it got stuck");
    }

    #[test]
    fn without_rates_the_probes_of_the_search_are_the_points() {
        let args = parsed("nvl8 --find-saturation").unwrap();
        let engine = |job: &Job<'_>| knee(0.5)(job.offered);
        let reports = measure(&args, &plan(&args).unwrap(), &specs(&["nvl8"]), &engine).unwrap();
        assert_eq!(reports[0].points.len(), 9);
        assert!(reports[0].saturation.is_some_and(|s| s.carried <= 0.5 && s.refused > Some(0.5)));
    }

    /// A network that carries up to a knee and then that much.
    fn knee(at: f64) -> impl FnMut(f64) -> anyhow::Result<SweepPoint> {
        move |offered| {
            let (saturated, accepted) = (offered > at, offered.min(at));
            Ok(SweepPoint { offered, accepted, saturated, ..SweepPoint::default() })
        }
    }

    #[test]
    fn saturation_is_bracketed_from_both_sides() {
        for at in [0.001, 0.13, 0.42, 0.87, 0.999] {
            let (found, probes) = saturation(knee(at)).unwrap();
            let refused = found.refused.unwrap();
            assert!(found.carried <= at && at < refused, "{at}: {found:?}");
            assert!(refused - found.carried <= SATURATION_STEP, "{at}: {found:?}");
            assert!((found.accepted - at).abs() < 1e-12, "{at}: {found:?}");
            assert_eq!(probes.len(), 9);
            assert!(probes.is_sorted_by(|a, b| a.offered < b.offered));
        }
        let (found, probes) = saturation(knee(1.0)).unwrap();
        assert_eq!((found.refused, probes.len()), (None, 1));
    }
}
