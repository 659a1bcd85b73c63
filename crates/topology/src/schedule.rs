//! Static schedules as files: who sends how much to whom, when, and by which way.
//!
//! ```text
//! Schedule(
//!     topology: "mesh4x4.ron",
//!     counter_error_cycles: 1,
//!     transfers: [
//!         (from: 0, to: 5, flits: 4, release: 1),
//!         (from: 5, to: 2, flits: 4, release: 40, after: [0]),
//!         (from: 3, to: 0, flits: 2, release: 1, path: ["r(3,0)", "r(2,0)", "r(1,0)", "r(0,0)"]),
//!     ],
//! )
//! ```
//!
//! A transfer is one packet. It is released when its node's counter has the value `release`, in cycles
//! of the routers' clock. Its way is that of the topology's routing, for a flow of the given number, or
//! the routers of `path`. Whatever a transfer comes `after` has arrived at its node before.
//!
//! Here names and numbers are resolved. When flits are where, and whether that is free of contention, is
//! told by whoever knows the routers' timing.

use std::fmt::Write as _;
use std::path::Path;

use base::{LinkIdx, NodeIdx, PortIdx, RouterIdx};
use serde::Deserialize;

use crate::error::{ErrorKind, Problem, TopologyError};
use crate::names::suggest;
use crate::parse;
use crate::spec::{End, Fabric, MachineSpec};

/// Most transfers of a schedule.
pub const TRANSFERS_MAX: usize = 1 << 20;
/// Most flits of a transfer.
pub const FLITS_MAX: u32 = 4_096;
/// The last cycle in which a transfer may be released.
pub const RELEASE_MAX: u64 = 1 << 40;
/// Most cycles by which a counter may be off.
pub const ERROR_CYCLES_MAX: u32 = 1_000_000;
/// Most routers of a path.
const PATH_MAX: usize = 1_024;

/// The file, as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "Schedule")]
struct Form {
    #[serde(default)]
    topology: Option<String>,
    #[serde(default)]
    counter_error_cycles: u32,
    transfers: Vec<Line>,
}

/// A transfer, as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "Transfer")]
struct Line {
    from: u32,
    to: u32,
    flits: u32,
    #[serde(default)]
    release: Option<u64>,
    #[serde(default)]
    flow: u32,
    #[serde(default)]
    path: Option<Vec<String>>,
    #[serde(default)]
    after: Vec<usize>,
}

/// A packet that is to be sent at a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Its source.
    pub src: NodeIdx,
    /// Its destination, another node.
    pub dst: NodeIdx,
    /// Its length, at least 1.
    pub flits: u32,
    /// The value of its source's counter at which it is released; `None` where that is to be planned.
    pub release: Option<u64>,
    /// The flow by which the topology's routing chooses among equal ways.
    pub flow: u32,
    /// The ports by which it leaves its node and each router, where a way is listed.
    pub path: Option<Vec<PortIdx>>,
    /// Transfers that must have arrived at its source before it is released; all of lower numbers.
    pub after: Vec<usize>,
}

/// A schedule's file.
#[derive(Clone, Debug)]
pub struct ScheduleFile {
    path: String,
    source: String,
    form: Form,
}

impl ScheduleFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is not a schedule.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, TopologyError> {
        let source = parse::read(path.as_ref(), &parse::SCHEDULE)?;
        Self::parse(&path.as_ref().display().to_string(), &source)
    }

    /// Parses RON text; `name` stands for the file in errors.
    ///
    /// # Errors
    /// If it is not a schedule.
    pub fn parse(name: &str, source: &str) -> Result<Self, TopologyError> {
        let form: Form = parse::form(name, source, &parse::SCHEDULE)?;
        let this = Self { path: name.to_owned(), source: source.to_owned(), form };
        this.bounds().map_err(|problem| this.place(problem))?;
        Ok(this)
    }

    /// The topology that it is for, by name or by path from the file's directory, if it says so.
    pub fn topology(&self) -> Option<&str> {
        self.form.topology.as_deref()
    }

    /// By how many cycles a counter may be off, either way.
    pub fn counter_error_cycles(&self) -> u32 {
        self.form.counter_error_cycles
    }

    /// Its transfers on a machine.
    ///
    /// # Errors
    /// The first that names a node or a way that is not there.
    pub fn transfers(&self, spec: &MachineSpec) -> Result<Vec<Transfer>, TopologyError> {
        let all = self.form.transfers.iter().enumerate();
        let one = |(i, line): (usize, &Line)| resolve(&spec.fabric, i, line);
        all.map(one).collect::<Result<_, _>>().map_err(|problem| self.place(problem))
    }

    /// An error at a key of the file, such as `transfers[3].release`.
    pub fn error(&self, key: &str, message: String, mend: String) -> TopologyError {
        self.place(Problem::new(ErrorKind::Structure, key, message, mend))
    }

    fn place(&self, problem: Problem) -> TopologyError {
        TopologyError::keyed(&self.path, &self.source, problem)
    }

    /// What can be wrong whatever the machine.
    fn bounds(&self) -> Result<(), Problem> {
        let count = self.form.transfers.len();
        if count == 0 || count > TRANSFERS_MAX {
            let what = format!("{count} transfers: a schedule has 1 to {TRANSFERS_MAX}");
            return Err(Problem::new(ErrorKind::Limit, "transfers", what, "list some, or fewer"));
        }
        let bound = |key: String, value: u64, least: u64, most: u64| {
            let what = format!("{value} is out of range");
            let mend = format!("give {least} to {most}");
            let wrong = value < least || value > most;
            if wrong { Err(Problem::new(ErrorKind::Value, key, what, mend)) } else { Ok(()) }
        };
        let error = u64::from(self.form.counter_error_cycles);
        bound("counter_error_cycles".to_owned(), error, 0, u64::from(ERROR_CYCLES_MAX))?;
        for (i, line) in self.form.transfers.iter().enumerate() {
            let key = |field: &str| format!("transfers[{i}].{field}");
            bound(key("flits"), u64::from(line.flits), 1, u64::from(FLITS_MAX))?;
            bound(key("release"), line.release.unwrap_or(0), 0, RELEASE_MAX)?;
            if line.from == line.to {
                let what = format!("node{} would send to itself", line.from);
                let mend = "name another node; what stays at a node needs no network";
                return Err(Problem::new(ErrorKind::Structure, key("to"), what, mend));
            }
            if line.path.is_some() && line.flow != 0 {
                let what = "a transfer with a path has no flow to choose one by";
                return Err(Problem::new(ErrorKind::Structure, key("flow"), what, "remove it"));
            }
            self.sequence(i, line)?;
        }
        Ok(())
    }

    /// Whether what a transfer comes after is there, and arrives where the transfer starts.
    fn sequence(&self, i: usize, line: &Line) -> Result<(), Problem> {
        for (n, &before) in line.after.iter().enumerate() {
            let key = format!("transfers[{i}].after[{n}]");
            if before >= i {
                let what = format!("transfer {i} cannot come after transfer {before}");
                let mend = "name transfers by number, from 0, that are listed before it";
                return Err(Problem::new(ErrorKind::Structure, key, what, mend));
            }
            let at = self.form.transfers[before].to;
            if at != line.from {
                let what = format!(
                    "transfer {before} arrives at node{at}, but transfer {i} starts at node{}",
                    line.from
                );
                let mend = "a node knows of what arrives at itself: name one that does";
                return Err(Problem::new(ErrorKind::Structure, key, what, mend));
            }
        }
        Ok(())
    }
}

/// A transfer on a machine.
fn resolve(fabric: &Fabric, i: usize, line: &Line) -> Result<Transfer, Problem> {
    let nodes = fabric.node_ports.len();
    let node = |field: &str, n: u32| {
        let wrong = || {
            let what = format!("there is no node{n}");
            let mend = format!("give 0 to {}", nodes.saturating_sub(1));
            Problem::new(ErrorKind::Name, format!("transfers[{i}].{field}"), what, mend)
        };
        ((n as usize) < nodes).then_some(NodeIdx(n)).ok_or_else(wrong)
    };
    let (src, dst) = (node("from", line.from)?, node("to", line.to)?);
    let path = line.path.as_ref().map(|path| way(fabric, i, (src, dst), path)).transpose()?;
    let Line { flits, release, flow, ref after, .. } = *line;
    Ok(Transfer { src, dst, flits, release, flow, path, after: after.clone() })
}

/// The ports of a way that is listed by its routers.
fn way(
    fabric: &Fabric,
    i: usize,
    (src, dst): (NodeIdx, NodeIdx),
    names: &[String],
) -> Result<Vec<PortIdx>, Problem> {
    if names.is_empty() || names.len() > PATH_MAX {
        let what = format!("{} routers: a path has 1 to {PATH_MAX}", names.len());
        let mend = "list the routers in order, or leave the path out";
        return Err(Problem::new(ErrorKind::Limit, format!("transfers[{i}].path"), what, mend));
    }
    let mut ports = Vec::with_capacity(names.len() + 1);
    let mut here = format!("node{}", src.0);
    let mut out: &[LinkIdx] = &fabric.node_ports[src.at()];
    for n in 0..=names.len() {
        let key = format!("transfers[{i}].path[{}]", n.min(names.len() - 1));
        let leads =
            |to: &dyn Fn(End) -> bool| out.iter().position(|link| to(fabric.links[link.at()].to));
        let (port, name) = if let Some(name) = names.get(n) {
            let at = router(fabric, &key, name)?;
            (leads(&|end| matches!(end, End::Router(r, _) if r == at)), name.clone())
        } else {
            let port = leads(&|end| matches!(end, End::Node(n, _) if n == dst));
            (port, format!("node{}", dst.0))
        };
        let Some(port) = port else {
            let what = format!("the path does not exist: {here} has no link to {name}");
            let mend = neighbours(fabric, out);
            return Err(Problem::new(ErrorKind::Connectivity, key, what, mend));
        };
        ports.push(PortIdx::new(port));
        if let End::Router(r, _) = fabric.links[out[port].at()].to {
            out = &fabric.routers[r.at()].ports;
        }
        here = name;
    }
    Ok(ports)
}

fn router(fabric: &Fabric, key: &str, name: &str) -> Result<RouterIdx, Problem> {
    let found = fabric.routers.iter().position(|r| r.name == name);
    found.map(RouterIdx::new).ok_or_else(|| {
        let mend = suggest(name, fabric.routers.iter().map(|r| r.name.as_str()));
        Problem::new(ErrorKind::Name, key, format!("there is no router `{name}`"), mend)
    })
}

/// Where links lead, as a mend.
fn neighbours(fabric: &Fabric, links: &[LinkIdx]) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<String> =
        links.iter().map(|link| end_name(fabric, fabric.links[link.at()].to)).collect();
    names.dedup();
    let more = if names.len() > SHOWN { ", .." } else { "" };
    names.truncate(SHOWN);
    format!("its links lead to {}{more}", names.join(", "))
}

fn end_name(fabric: &Fabric, end: End) -> String {
    match end {
        End::Node(n, _) => format!("node{}", n.0),
        End::Router(r, _) => fabric.routers[r.at()].name.clone(),
    }
}

/// What a link is called where schedules speak of it.
pub fn link_name(fabric: &Fabric, link: LinkIdx) -> String {
    let l = &fabric.links[link.at()];
    format!("{} -> {}", end_name(fabric, l.from), end_name(fabric, l.to))
}

/// A schedule as the text of a file, with paths as routers' names.
pub fn write(
    fabric: &Fabric,
    topology: Option<&str>,
    counter_error_cycles: u32,
    transfers: &[Transfer],
) -> String {
    let mut out = "Schedule(\n".to_owned();
    if let Some(name) = topology {
        let _ = writeln!(out, "    topology: {name:?},");
    }
    if counter_error_cycles > 0 {
        let _ = writeln!(out, "    counter_error_cycles: {counter_error_cycles},");
    }
    out += "    transfers: [\n";
    for t in transfers {
        let _ = write!(out, "        (from: {}, to: {}, flits: {}", t.src.0, t.dst.0, t.flits);
        if let Some(release) = t.release {
            let _ = write!(out, ", release: {release}");
        }
        if t.flow != 0 && t.path.is_none() {
            let _ = write!(out, ", flow: {}", t.flow);
        }
        if let Some(path) = &t.path {
            let _ = write!(out, ", path: {:?}", routers_of(fabric, t.src, path));
        }
        if !t.after.is_empty() {
            let _ = write!(out, ", after: {:?}", t.after);
        }
        out += "),\n";
    }
    out + "    ],\n)\n"
}

/// The names of the routers that a way goes by.
fn routers_of(fabric: &Fabric, src: NodeIdx, path: &[PortIdx]) -> Vec<String> {
    let mut out: &[LinkIdx] = &fabric.node_ports[src.at()];
    let mut names = Vec::new();
    for port in path {
        let Some(link) = out.get(port.at()) else { break };
        if let End::Router(r, _) = fabric.links[link.at()].to {
            names.push(fabric.routers[r.at()].name.clone());
            out = &fabric.routers[r.at()].ports;
        }
    }
    names
}
