//! How barriers are done, and nodes that stop in the middle of them.

use base::{Fs, NodeIdx};
use serde::Deserialize;

use crate::error::{ErrorKind, Problem};
use crate::names::suggest;
use crate::spec::{MachineSpec, RouterSpec};
use crate::units::Span;
use crate::validate::range;

/// Entries of a unit's table that a machine may have.
const TABLE_MAX: u64 = 4_096;

/// How barriers and reductions are done, as described.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum BarrierForm {
    /// By packets: an arrival to the node `id mod nodes`, and from there a release to each member.
    Packets {
        /// How long members wait for the last before the run ends with an error; for good where not given.
        #[serde(default)]
        timeout: Option<Span>,
    },
    /// By units in nodes and switches, along a tree of links.
    Hardware {
        /// Barriers that a unit has room for; those beyond go by packets.
        #[serde(default = "sixteen")]
        table: u32,
        /// Router cycles from a token's arrival to what follows from it on the link; where not given, those
        /// that a head takes.
        #[serde(default)]
        unit_cycles: Option<u32>,
        /// The same at nodes, in accelerator cycles.
        #[serde(default = "one")]
        node_cycles: u32,
        /// As of `Packets`.
        #[serde(default)]
        timeout: Option<Span>,
    },
}

const fn one() -> u32 {
    1
}
const fn sixteen() -> u32 {
    16
}

impl Default for BarrierForm {
    fn default() -> Self {
        Self::Packets { timeout: None }
    }
}

/// How barriers and reductions are done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BarrierSpec {
    /// The units; none where barriers go by packets.
    pub units: Option<UnitSpec>,
    /// How long members wait for the last before the run ends with an error; `None`: for good.
    pub timeout: Option<Fs>,
}

/// The barrier and reduction units of nodes and switches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnitSpec {
    /// Barriers that a unit has room for.
    pub table: u32,
    /// Router cycles from a token's arrival to what follows from it on the link, at least 1.
    pub unit_cycles: u32,
    /// Accelerator cycles from a thread's arrival to a token on the link, and from a token's arrival to the
    /// threads' release, at least 1.
    pub node_cycles: u32,
}

impl UnitSpec {
    /// What `Hardware()` describes: units that are as fast as heads.
    pub fn plain(router: &RouterSpec) -> Self {
        Self { table: sixteen(), unit_cycles: router.head_cycles(), node_cycles: one() }
    }
}

/// Something that happens to a node, as described.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeEventForm {
    /// Its name in reports, such as `"node3"`.
    pub node: String,
    /// When.
    pub at: Span,
    /// What.
    pub what: NodeHappening,
}

/// What happens to a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum NodeHappening {
    /// Its threads stop for good. Cache, home and interface go on, and what is under way arrives.
    Halts,
}

/// Something that happens to a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeEventSpec {
    /// Which.
    pub node: NodeIdx,
    /// When.
    pub at: Fs,
    /// What.
    pub what: NodeHappening,
}

/// Checks a description and fills in what it leaves open.
pub(crate) fn barriers(spec: &MachineSpec, form: BarrierForm) -> Result<BarrierSpec, Problem> {
    let timeout = match form {
        BarrierForm::Packets { timeout } | BarrierForm::Hardware { timeout, .. } => timeout,
    };
    if timeout.is_some_and(|t| t.0 == Fs::ZERO) {
        return Err(Problem::new(
            ErrorKind::Value,
            "barriers.timeout",
            "a timeout of no time ends every run",
            "give the longest time that the first member may have to wait for the last, or leave it out",
        ));
    }
    let timeout = timeout.map(|t| t.0);
    let BarrierForm::Hardware { table, unit_cycles, node_cycles, .. } = form else {
        return Ok(BarrierSpec { units: None, timeout });
    };
    let unit_cycles = unit_cycles.unwrap_or_else(|| spec.router.head_cycles());
    range("barriers.table", u64::from(table), 1, TABLE_MAX)?;
    range("barriers.unit_cycles", u64::from(unit_cycles), 1, crate::limits::CYCLES_MAX)?;
    range("barriers.node_cycles", u64::from(node_cycles), 1, crate::limits::CYCLES_MAX)?;
    Ok(BarrierSpec { units: Some(UnitSpec { table, unit_cycles, node_cycles }), timeout })
}

/// Resolves the names of nodes.
pub(crate) fn node_events(
    spec: &MachineSpec,
    forms: &[NodeEventForm],
) -> Result<Vec<NodeEventSpec>, Problem> {
    let count = spec.fabric.node_ports.len();
    let one = |(at, form): (usize, &NodeEventForm)| {
        let named = |n: &usize| NodeIdx::new(*n).to_string() == form.node;
        let Some(node) = (0..count).find(named) else {
            let all: Vec<String> = (0..count).map(|n| NodeIdx::new(n).to_string()).collect();
            let mend = suggest(&form.node, all.iter().map(String::as_str));
            let what = format!("there is no node {}", form.node);
            return Err(Problem::new(
                ErrorKind::Name,
                format!("node_events[{at}].node"),
                what,
                mend,
            ));
        };
        Ok(NodeEventSpec { node: NodeIdx::new(node), at: form.at.0, what: form.what })
    };
    forms.iter().enumerate().map(one).collect()
}
