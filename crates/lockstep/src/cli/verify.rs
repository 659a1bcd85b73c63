//! `verify`: searches every state that the coherence protocol can come to.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{anyhow, bail};
use clap::ValueEnum;
use coherence::model::{
    CounterExample, Evictions, Homes, Limits, Model, Networks, Schedule, Shape, Symmetry, Workload,
    chart, search,
};
use coherence::scoped::model::ScopedSchedule;
use coherence::{Config, Directory, Listing, Mutant, Protocol};

use super::output::Output;
use super::progress::Counter;
use super::room::room;
use super::verify_results::{self as results, Verified};
use super::verify_words::{Organisation, networks, organisation, symmetry};
use super::{Outcome, output, verify_mutants, verify_packages, verify_scoped, verify_tables};

/// Searches every state that the protocol's tables can come to, in any order of events: one writer or
/// many readers, every read sees the last write, nothing gets stuck.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep verify --far
  lockstep verify --caches 2 --lines 2 --threads 2
  lockstep verify --directory limited:1:broadcast --evictions either
  lockstep verify --far --owned --direct
  lockstep verify --directory two-level --far
  lockstep verify --caches 2 --lines 2 --directory-lines 1 --no-recalls
  lockstep verify --mutants
  lockstep verify --tables --owned
  lockstep verify --mutant StalePutWrites --save stale.schedule
  lockstep verify --replay stale.schedule
  lockstep verify --networks 'Req,Fwd|Rsp'
  lockstep verify --mode scoped --caches 2 --ops 3
  lockstep verify --mode scoped --package-nodes 2 --caches 2 --ops 2
  lockstep verify --mode scoped --mutants
States are counted up to the names of caches, lines and values, unless --raw is given. A broken promise
is shown as a message-sequence chart, one of the shortest, and saved as a schedule.
With --networks the messages travel in virtual networks of finite FIFOs, one for each network and node,
and homes are at the caches' nodes by turns; 2 caches, 2 lines and 1 value unless told otherwise.
Exit code: 0 if every promise holds (with --mutants: if every fault is found), 1 if not, 2 for bad
input.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Args {
    /// Which caches: the directory's, or those that are kept valid by scopes
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Coherent)]
    mode: Mode,
    /// Operations of each thread, with --mode scoped [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    ops: Option<u8>,
    /// Nodes of a package, with --mode scoped: 1, or 2 in two packages [default: 1]
    #[arg(long, value_name = "N")]
    package_nodes: Option<u32>,
    /// Caches [default: 3, with --networks 2, with --mode scoped 2, a thread each]
    #[arg(long, value_name = "N")]
    caches: Option<u32>,
    /// Lines [default: 1, with --networks 2]
    #[arg(long, value_name = "N")]
    lines: Option<u32>,
    /// Values that a line can have [default: 2, with --networks 1]
    #[arg(long, value_name = "N")]
    values: Option<u8>,
    /// Lines of a cache that may have a transaction under way at a time [default: 2]
    #[arg(long, value_name = "N")]
    mshrs: Option<u32>,
    /// Cores ask for far atomics, too
    #[arg(long)]
    far: bool,
    /// Stores add one instead of setting each value
    #[arg(long)]
    increments: bool,
    /// How copies are given up; with --mode scoped, where nobody is told, whether they are: none or notify
    /// [default: notify]
    #[arg(long, value_name = "HOW", value_enum)]
    evictions: Option<How>,
    /// How homes list sharers: full-map, coarse:K (a bit for K caches), limited:I:broadcast,
    /// limited:I:recall or limited:I:coarse:K (I pointers, and what they overflow into); or
    /// two-level[:P[,INNER[,OUTER]]]: P packages (2) with homes that list their caches as INNER, and a
    /// fabric whose homes list packages as OUTER (full maps) [default: full-map]
    #[arg(long, value_name = "LISTING", value_parser = organisation)]
    directory: Option<Organisation>,
    /// With MOESI's owned state: a dirty owner that serves a reader keeps the line
    #[arg(long)]
    owned: bool,
    /// With direct transfer: a clean owner that serves a reader writes nothing back, and a shared line is
    /// read from the cache that read it last
    #[arg(long)]
    direct: bool,
    /// Lines that the directory of one home tracks at once; a new one beyond that has another
    /// recalled [default: any number]
    #[arg(long, value_name = "N")]
    directory_lines: Option<u32>,
    /// Packages give up lines only as the fabric demands it
    #[arg(long)]
    no_package_evictions: bool,
    /// Homes never recall lines, except for want of room
    #[arg(long)]
    no_recalls: bool,
    /// Count every state, whatever the names
    #[arg(long)]
    raw: bool,
    /// Count states up to the names of these: caches, lines, values, parted by commas
    #[arg(long, value_name = "WHAT", conflicts_with = "raw", value_parser = symmetry)]
    symmetry: Option<Symmetry>,
    /// Also measure how many deliveries it takes at most to come to rest, and that they end
    #[arg(long)]
    drain: bool,
    /// Virtual networks, parted by `|`, of the classes Req, Fwd, RspUp, RspDown and Ack; Rsp for the
    /// last three, rest for all not named, shipped for a network each; with @levels behind it, for each
    /// level of a two-level directory
    #[arg(long, value_name = "MAPPING", value_parser = networks)]
    networks: Option<Networks>,
    /// Messages that a FIFO of a network holds [default: 2]
    #[arg(long, value_name = "N", requires = "networks", value_parser = clap::value_parser!(u32).range(1..=32))]
    depth: Option<u32>,
    /// Seed this fault into the tables
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Hunt every fault that can be seeded, and show where each is found
    #[arg(long, conflicts_with = "replay")]
    mutants: bool,
    /// Print the protocol's tables, state by event, as the functions that machines run have them
    #[arg(long, conflicts_with_all = ["mutants", "replay"])]
    tables: bool,
    /// Replay a schedule, in the tables and in the machine's controllers, instead of searching
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Where the schedule of a broken promise goes [default: counter-example.schedule]
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Threads; results do not depend on them [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    /// Give up after this many states [default: what memory holds]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Give up when the search's tables take this many GiB [default: three quarters of what is free]
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    memory: Option<u64>,
    /// Write the result as JSON; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// No progress
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Mode {
    /// MESI, by a directory
    Coherent,
    /// Valid from acquire to release
    Scoped,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum How {
    /// Never
    None,
    /// Home is told of each
    Notify,
    /// Shared copies without a word
    Silent,
    /// Shared copies with or without a word
    Either,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Errand {
    Tables,
    Replay,
    Mutants,
    Search,
}

impl Args {
    fn errand(&self) -> Errand {
        match (self.tables, &self.replay, self.mutants) {
            (true, ..) => Errand::Tables,
            (_, Some(_), _) => Errand::Replay,
            (.., true) => Errand::Mutants,
            _ => Errand::Search,
        }
    }

    /// Every flag that not all errands know, and whether it is given.
    fn given(&self) -> [(&'static str, bool); 26] {
        [
            ("--ops", self.ops.is_some()),
            ("--package-nodes", self.package_nodes.is_some()),
            ("--caches", self.caches.is_some()),
            ("--lines", self.lines.is_some()),
            ("--values", self.values.is_some()),
            ("--mshrs", self.mshrs.is_some()),
            ("--far", self.far),
            ("--increments", self.increments),
            ("--evictions", self.evictions.is_some()),
            ("--directory", self.directory.is_some()),
            ("--owned", self.owned),
            ("--direct", self.direct),
            ("--directory-lines", self.directory_lines.is_some()),
            ("--no-package-evictions", self.no_package_evictions),
            ("--no-recalls", self.no_recalls),
            ("--raw", self.raw),
            ("--symmetry", self.symmetry.is_some()),
            ("--drain", self.drain),
            ("--networks", self.networks.is_some()),
            ("--mutant", self.mutant.is_some()),
            ("--save", self.save.is_some()),
            ("--threads", self.threads.is_some()),
            ("--limit", self.limit.is_some()),
            ("--memory", self.memory.is_some()),
            ("--json", self.json.is_some()),
            ("--quiet", self.quiet),
        ]
    }

    /// Finds a flag that would say nothing here.
    fn check(&self) -> anyhow::Result<()> {
        let scoped = self.mode == Mode::Scoped;
        let (what, known): (&str, &[&str]) = match (self.errand(), scoped) {
            (Errand::Tables, false) => {
                ("--tables", &["--owned", "--direct", "--directory", "--json"])
            }
            (Errand::Tables, true) => ("--tables of scoped caches", &["--json"]),
            (Errand::Replay, _) => ("--replay", &["--json"]),
            (Errand::Mutants, false) => ("--mutants", &["--threads", "--json"]),
            (Errand::Mutants, true) => ("--mutants of scoped caches", &["--json"]),
            (Errand::Search, true) => (
                "--mode scoped",
                &[
                    "--ops",
                    "--package-nodes",
                    "--caches",
                    "--evictions",
                    "--mutant",
                    "--save",
                    "--limit",
                    "--memory",
                    "--json",
                ],
            ),
            (Errand::Search, false) => ("--mode coherent", &[]),
        };
        let plain = self.errand() == Errand::Search && !scoped;
        let knows = |flag: &str| {
            let all = plain && !["--ops", "--package-nodes"].contains(&flag);
            all || known.contains(&flag) || flag == "--quiet"
        };
        if let Some((flag, _)) =
            self.given().into_iter().find(|(flag, given)| *given && !knows(flag))
        {
            bail!("{flag} says nothing to {what}\n  mend: leave it out");
        }
        if scoped && matches!(self.evictions, Some(How::Silent | How::Either)) {
            bail!("scoped caches tell nobody of evictions\n  mend: use --evictions none or notify");
        }
        Ok(())
    }

    fn threads(&self) -> usize {
        usize::from(self.threads.unwrap_or(1))
    }

    fn organisation(&self) -> Organisation {
        self.directory.unwrap_or(Organisation { packages: None, listing: Listing::FullMap })
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    args.check()?;
    if args.tables {
        return tables(args);
    }
    // A fault that there is not is told before anything is written.
    let model = if args.mode == Mode::Coherent { Some(model(args)?) } else { None };
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let Some(model) = model else { return scoped(args, json) };
    if args.mutants {
        return verify_mutants::run(args.threads(), args.quiet, json);
    }
    if let Some(path) = &args.replay {
        return replay(path, json);
    }
    // A place that was asked for is found fit before the search.
    let place = args.save.as_deref().map(Output::open).transpose()?;
    let memory_bytes = args.memory.map_or_else(room, |gib| gib << 30);
    let (states, threads) = (args.limit.unwrap_or(u64::MAX), args.threads());
    let limits = Limits { states, memory_bytes, threads, drain: args.drain };
    let counter = Counter::new(args.quiet);
    let started = now();
    let report = search(&model, &limits, &|p| counter.show(p.states, p.depth, p.waiting));
    let wall_s = started.elapsed().as_secs_f64();
    counter.clear();
    if !report.complete && report.counter_example.is_none() {
        let (states, depth) = (results::grouped(report.states), report.depth);
        let gib = report.memory_bytes as f64 / (1_u64 << 30) as f64;
        bail!(
            "given up after {states} states, clean up to a depth of {depth}, and {gib:.1} GiB: the rest is not \
             shown\n  mend: give a larger --limit or --memory, or a smaller system"
        );
    }
    let name = args.save.as_deref().unwrap_or(Path::new("counter-example.schedule"));
    let place = || place.map_or_else(|| Output::open(name), Ok);
    let saved = match &report.counter_example {
        Some(found) => Some(save(place()?, found, &model)?),
        None => None,
    };
    let verified = Verified { model: &model, report: &report, wall_s };
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        json.write(&results::to_json(&verified)?)?;
    }
    if !to_stdout {
        output::print(&results::render(&verified))?;
        if let Some(schedule) = saved {
            let drawn = chart(&schedule, &schedule.replay());
            output::print(&format!("\n{drawn}\nsaved as {}\n", name.display()))?;
        }
    }
    let clean = report.counter_example.is_none();
    Ok(if clean { Outcome::Done } else { Outcome::ChecksFailed })
}

/// Prints the tables of the protocol that is asked for.
fn tables(args: &Args) -> anyhow::Result<Outcome> {
    let tables = if args.mode == Mode::Scoped {
        vec![verify_tables::scoped()]
    } else {
        // The same is refused as in a search.
        model(args)?;
        let Organisation { packages, listing } = args.organisation();
        let protocol = Protocol { owned: args.owned, direct: args.direct };
        let mut tables = verify_tables::coherent(protocol, listing);
        tables.extend(packages.map(|_| verify_packages::table(listing)));
        tables
    };
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        json.write(&(serde_json::to_string_pretty(&tables)? + "\n"))?;
    }
    if !to_stdout {
        output::print(&verify_tables::render(&tables))?;
    }
    Ok(Outcome::Done)
}

fn scoped(args: &Args, json: Option<Output>) -> anyhow::Result<Outcome> {
    if args.mutants {
        return verify_scoped::mutants(args.quiet, json);
    }
    if let Some(path) = &args.replay {
        return replay(path, json);
    }
    let asked = verify_scoped::Asked {
        threads: args.caches.unwrap_or(2),
        package_nodes: args.package_nodes.unwrap_or(1),
        ops: args.ops.unwrap_or(2),
        evictions: args.evictions != Some(How::None),
        mutant: args.mutant.clone(),
        save: args.save.clone(),
        limit: args
            .limit
            .unwrap_or_else(|| args.memory.map_or_else(room, |gib| gib << 30) / SCOPED_STATE_BYTES),
        quiet: args.quiet,
    };
    verify_scoped::run(&asked, json)
}

fn model(args: &Args) -> anyhow::Result<Model<Option<Mutant>>> {
    let mutant = args.mutant.as_deref().map(mutant).transpose()?;
    let networks = args.networks.map(|n| n.with_depth(args.depth.unwrap_or(2)));
    let Organisation { packages, listing } = args.organisation();
    let apart = networks.is_none() || packages.is_some();
    let with = |plain, networked| if networks.is_some() { networked } else { plain };
    let shape = Shape {
        caches: args.caches.unwrap_or(if packages.is_some() { 2 } else { with(3, 2) }),
        packages,
        lines: args.lines.unwrap_or(with(1, 2)),
        values: args.values.unwrap_or(if networks.is_some() { 1 } else { 2 }),
        mshrs: args.mshrs.unwrap_or(2),
        homes: if apart { Homes::Apart } else { Homes::Interleaved },
        directory_lines: args.directory_lines,
        networks,
    };
    shape.check().map_err(|what| anyhow!("{what}\n  mend: choose a smaller system"))?;
    let evictions = match args.evictions.unwrap_or(How::Notify) {
        How::None => Evictions::None,
        How::Notify => Evictions::Notify,
        How::Silent => Evictions::Silent,
        How::Either => Evictions::Either,
    };
    let directory = Directory { listing, nodes: shape.listed() };
    directory.check().map_err(|what| anyhow!("{what}\n  mend: choose another --directory"))?;
    let protocol = Protocol { owned: args.owned, direct: args.direct };
    if packages.is_some() && protocol != Protocol::MESI {
        bail!(
            "homes of packages know neither the owned state nor direct transfer\n  mend: leave out --owned and --direct, or choose a --directory of one level"
        );
    }
    if let Some(mutant) = mutant
        && !protocol.includes(mutant.protocol())
    {
        let needed = mutant.protocol();
        let flags = needed.to_string().replace("owned", "--owned").replace("direct", "--direct");
        bail!("{mutant:?} has no row in {protocol} to show in\n  mend: give {flags}, too");
    }
    let (increments, far, recalls) = (args.increments, args.far, !args.no_recalls);
    let package_evictions = !args.no_package_evictions;
    let symmetry = if args.raw { Symmetry::NONE } else { args.symmetry.unwrap_or(Symmetry::ALL) };
    Ok(Model {
        cfg: Config { directory, protocol, ..Config::default() }.seeded(mutant),
        shape,
        workload: Workload { increments, far, evictions, package_evictions, recalls },
        symmetry,
    })
}

/// Keeps the schedule of a counter-example in a file.
fn save(
    place: Output,
    found: &CounterExample,
    model: &Model<Option<Mutant>>,
) -> anyhow::Result<Schedule> {
    let schedule = found.schedule(model);
    place.write(&format!("{schedule}# {}\n", found.fault))?;
    Ok(schedule)
}

/// Replays a schedule and shows what comes of it.
fn replay(path: &Path, json: Option<Output>) -> anyhow::Result<Outcome> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        let mend = "name a schedule, such as one that `verify` saved";
        anyhow!("could not read {}: {e}\n  mend: {mend}", path.display())
    })?;
    if ScopedSchedule::is_meant(&text) {
        return verify_scoped::replay(path, &text, json);
    }
    let schedule: Schedule = text.parse().map_err(|e| anyhow!("{}:{e}", path.display()))?;
    let replay = schedule.replay();
    let controllers = results::in_controllers(&schedule);
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        json.write(&results::replay_json(&replay, &controllers)?)?;
    }
    if !to_stdout {
        output::print(&chart(&schedule, &replay))?;
        output::print(&results::render_replay(&replay, &controllers))?;
    }
    let clean = replay.fault.is_none() && controllers.is_clean();
    Ok(if clean { Outcome::Done } else { Outcome::ChecksFailed })
}

fn mutant(text: &str) -> anyhow::Result<Mutant> {
    let known = Mutant::ALL.into_iter().find(|m| format!("{m:?}") == text);
    known.ok_or_else(|| anyhow!("no fault `{text}`\n  mend: use one of {:?}", Mutant::ALL))
}

/// Bytes of a state of scoped caches that is still to be looked at, about: half of them are at the worst.
const SCOPED_STATE_BYTES: u64 = 2048;
#[expect(clippy::disallowed_methods, reason = "wall time of the search, told beside its result")]
pub(super) fn now() -> Instant {
    Instant::now()
}
