//! A package's home of a line: between the package's caches and the fabric.
//!
//! ```text
//!   caches ── GetS GetM .. ──▶ ┌ inner: DirLine ┐          ┌ outer: CacheLine ┐ ── GetS GetM .. ──▶ fabric's
//!          ◀── Data Inv ..  ── └────────────────┘  bridge  └──────────────────┘ ◀── Data Inv ..  ── home
//! ```
//!
//! Towards the package's caches it is the home of [`dir_step`], towards the fabric one cache of
//! [`cache_step`]: the fabric's directory lists packages. The tables are the same as without packages;
//! what is here is what lies between them:
//!
//! - A request is served inside if the package has what it takes: any copy for `GetS`, the only one for
//!   `GetM`, `Upg` and `Far`. Otherwise it is kept while the fabric is asked, and no other is let in.
//! - A snoop of the fabric is answered when the package's caches have given up what it wants: their only
//!   copy for `FwdGetS`, all for the rest. It is kept while they are recalled; requests wait for it.
//! - Under a shared copy of the package, inner I is served as S without sharers: nobody inside gets the
//!   only copy.
//! - What comes back from an inner owner may be newer than what the fabric gave: the package's copy is then
//!   modified, as if the package had stored.
//! - The package gives up a line (room) when no cache of its has it; [`PackageEvent::Recall`] sees to that.
//!
//! The package keeps the line's data beside its tag: `inner.memory`, which is also the outer copy's value.
//! Caches inside are numbered from 0 within the package, packages from 0 within the fabric.
//!
//! [`dir_step`]: crate::dir_step
//! [`cache_step`]: crate::cache_step

use base::NodeIdx;

use crate::cache_table::{CacheEvent, cache_step};
use crate::config::Config;
use crate::dir_table::{DirEvent, dir_step};
use crate::message::{Message, MsgKind};
use crate::mutant::{Faults, Mutant};
use crate::state::{CacheLine, CacheState, DirLine, DirState, Sends, Step};
use crate::value::Value;

/// The protocol's options at both levels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Levels<F: Faults> {
    /// Between a package's caches and its home.
    pub inner: Config<F>,
    /// Between packages and the fabric's home.
    pub outer: Config<F>,
}

/// The names of a package's home.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PackageHome {
    /// As a home, in messages of the package's caches.
    pub home: NodeIdx,
    /// As a cache, in messages of the fabric: the package's number.
    pub package: NodeIdx,
}

/// A line at its package's home.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub struct PackageLine<V: Value> {
    /// What the package's caches have. Its `memory` is the package's copy of the line, as long as `outer`
    /// holds a value.
    pub inner: DirLine<V>,
    /// What the package has. Its `value` and `write` are none: see `inner`.
    pub outer: CacheLine<V>,
    /// The fabric's snoop that waits for the package's caches.
    pub snoop: Option<Message<V>>,
    /// The request that waits for the fabric.
    pub request: Option<Message<V>>,
}

impl<V: Value> PackageLine<V> {
    /// A line that the package does not have, nor ever had; `home` is the fabric's home of it.
    pub fn untouched(home: NodeIdx, memory: V) -> Self {
        Self {
            inner: DirLine::untouched(memory),
            outer: CacheLine::invalid(home),
            snoop: None,
            request: None,
        }
    }

    /// Whether no transaction is under way at either level.
    pub fn is_stable(&self) -> bool {
        self.inner.state.is_stable()
            && self.outer.state.is_stable()
            && self.snoop.is_none()
            && self.request.is_none()
    }

    /// The package's copy, if it has one and no cache inside may have written since.
    pub fn value(&self) -> Option<V> {
        let current = self.outer.state.is_readable() && self.inner.state != DirState::EM;
        current.then_some(self.inner.memory)
    }
}

/// What can happen to a line at its package's home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PackageEvent<'a, V: Value> {
    /// The package wants every copy of its caches back.
    Recall,
    /// The package needs the room, and tells the fabric's home.
    Evict,
    /// The package needs the room, and drops a shared copy without telling.
    Drop,
    /// A message of one of the package's caches.
    Inner(&'a Message<V>),
    /// A message of the fabric.
    Outer(&'a Message<V>),
}

/// What the table says about a line and an event.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::large_enum_variant, reason = "steps are looked at once and dropped")]
pub enum PackageStep<V: Value> {
    /// The line becomes this.
    Next {
        /// The line.
        line: PackageLine<V>,
        /// Messages to the package's caches.
        inner: Sends<V>,
        /// Messages to the fabric.
        outer: Sends<V>,
    },
    /// The event must wait until the line has moved on.
    Stall,
    /// The event cannot happen here: the protocol is broken.
    Illegal,
}

/// The row of the package table for `line` and `event`.
///
/// Pure. Messages that nobody can have sent are [`PackageStep::Illegal`].
pub fn package_step<V: Value, F: Faults>(
    levels: &Levels<F>,
    me: PackageHome,
    line: &PackageLine<V>,
    event: PackageEvent<'_, V>,
) -> PackageStep<V> {
    let row = Row { levels, me, line: *line, inner: Sends::new(), outer: Sends::new() };
    let rows = match event {
        PackageEvent::Recall => recall_rows(row),
        PackageEvent::Evict | PackageEvent::Drop => eviction_rows(row, &event),
        PackageEvent::Inner(m) => match m.kind {
            MsgKind::GetS | MsgKind::GetM | MsgKind::Upg | MsgKind::Far => request_rows(row, m),
            _ => row.at_home(DirEvent::Message(m)).and_then(Row::go_on),
        },
        PackageEvent::Outer(m) => match m.kind {
            MsgKind::Inv | MsgKind::FwdGetS | MsgKind::FwdGetM | MsgKind::FwdInv => {
                snoop_rows(row, m)
            }
            _ => row.at_cache(CacheEvent::Message(m)).and_then(Row::go_on),
        },
    };
    match rows {
        Ok(Row { line, inner, outer, .. }) => PackageStep::Next { line, inner, outer },
        Err(Stop::Stall) => PackageStep::Stall,
        Err(Stop::Illegal) => PackageStep::Illegal,
    }
}

/// A request of one of the package's caches.
fn request_rows<'a, V: Value, F: Faults>(row: Row<'a, V, F>, m: &Message<V>) -> Rows<'a, V, F> {
    let line = &row.line;
    if !line.inner.state.is_stable() || line.snoop.is_some() || line.request.is_some() {
        return Err(Stop::Stall);
    }
    match line.outer.state {
        _ if row.suffices(m.kind) => row.serve(m),
        state if state.is_stable() => row.ask(m),
        _ => Err(Stop::Stall),
    }
}

/// A snoop of the fabric.
fn snoop_rows<'a, V: Value, F: Faults>(mut row: Row<'a, V, F>, m: &Message<V>) -> Rows<'a, V, F> {
    if row.line.snoop.is_some() {
        return Err(Stop::Illegal);
    }
    if row.levels.outer.has(Mutant::PackageAnswersEarly) {
        return row.at_cache(CacheEvent::Message(m));
    }
    row.line.snoop = Some(*m);
    row.go_on()
}

fn recall_rows<V: Value, F: Faults>(row: Row<'_, V, F>) -> Rows<'_, V, F> {
    let held = matches!(row.line.inner.state, DirState::S | DirState::EM);
    if !held || row.line.snoop.is_some() || row.line.request.is_some() {
        return Err(Stop::Stall);
    }
    row.recall()
}

fn eviction_rows<'a, V: Value, F: Faults>(
    row: Row<'a, V, F>,
    event: &PackageEvent<'_, V>,
) -> Rows<'a, V, F> {
    let early = row.levels.outer.has(Mutant::PackageEvictsWithoutRecall);
    let left = row.line.inner.state == DirState::I || early;
    if !left || row.line.snoop.is_some() || row.line.request.is_some() {
        return Err(Stop::Stall);
    }
    match (row.line.outer.state, event) {
        (CacheState::S, PackageEvent::Drop) => row.at_cache(CacheEvent::Drop),
        (CacheState::S | CacheState::E | CacheState::M, PackageEvent::Evict) => {
            row.at_cache(CacheEvent::Evict)
        }
        _ => Err(Stop::Stall),
    }
}

/// Why there is no row.
enum Stop {
    Stall,
    Illegal,
}

type Rows<'a, V, F> = Result<Row<'a, V, F>, Stop>;

/// A row being filled in.
struct Row<'a, V: Value, F: Faults> {
    levels: &'a Levels<F>,
    me: PackageHome,
    line: PackageLine<V>,
    inner: Sends<V>,
    outer: Sends<V>,
}

impl<V: Value, F: Faults> Row<'_, V, F> {
    /// Whether the package has what a request takes.
    fn suffices(&self, kind: MsgKind) -> bool {
        let state = self.line.outer.state;
        let reads = kind == MsgKind::GetS || self.levels.inner.has(Mutant::PackageAdmitsTooWeak);
        if reads { state.is_readable() } else { state.is_writable() }
    }

    /// Whether the package's caches have given up what a snoop wants.
    fn is_clear_for(&self, snoop: MsgKind) -> bool {
        match self.line.inner.state {
            DirState::I => true,
            DirState::S => snoop == MsgKind::FwdGetS,
            _ => false,
        }
    }

    /// Serves a request inside.
    fn serve(mut self, m: &Message<V>) -> Result<Self, Stop> {
        let shared = self.line.outer.state == CacheState::S;
        let nobody = self.line.inner.state == DirState::I;
        if shared && nobody && !self.levels.inner.has(Mutant::PackageGrantsTooMuch) {
            self.line.inner.state = DirState::S;
        }
        self.at_home(DirEvent::Message(m))
    }

    /// Asks the fabric for what a request takes, and keeps the request.
    fn ask(mut self, m: &Message<V>) -> Result<Self, Stop> {
        self.line.request = Some(*m);
        let event = match m.kind {
            MsgKind::GetS => CacheEvent::Load,
            _ => CacheEvent::Store(self.line.inner.memory.kept()),
        };
        self.at_cache(event)
    }

    fn recall(self) -> Result<Self, Stop> {
        let home = self.me.home;
        self.at_home(DirEvent::Recall { home })
    }

    /// Once the line has moved on: the snoop that waits is answered or the copies that it waits for are
    /// recalled, then the request that waits is served.
    fn go_on(mut self) -> Result<Self, Stop> {
        if !self.line.inner.state.is_stable() {
            return Ok(self);
        }
        if let Some(snoop) = self.line.snoop {
            if !self.is_clear_for(snoop.kind) {
                return self.recall();
            }
            self.line.snoop = None;
            self = self.at_cache(CacheEvent::Message(&snoop))?;
        }
        match self.line.request {
            Some(request) if self.suffices(request.kind) => {
                self.line.request = None;
                self.serve(&request)
            }
            _ => Ok(self),
        }
    }

    /// The row of the directory table.
    fn at_home(mut self, event: DirEvent<'_, V>) -> Result<Self, Stop> {
        let before = self.line.inner.state;
        let Step::Next(next, sends, _) = dir_step(self.levels.inner, &self.line.inner, event)
        else {
            let blocked = !before.is_stable();
            return Err(if blocked && is_request(&event) { Stop::Stall } else { Stop::Illegal });
        };
        let brought = match event {
            DirEvent::Message(m) if m.kind == MsgKind::PutM => {
                before == DirState::EM && next.state == DirState::I
            }
            DirEvent::Message(m) => m.kind == MsgKind::Wb,
            DirEvent::Recall { .. } => false,
        };
        let performed = sends.iter().any(|m| m.kind == MsgKind::FarResp);
        self.line.inner = next;
        self.inner.extend(sends);
        let written =
            (brought || performed) && !self.levels.outer.has(Mutant::PackageKeepsDirtyData);
        if written && self.line.outer.state == CacheState::E {
            return self.at_cache(CacheEvent::Store(next.memory.kept()));
        }
        Ok(self)
    }

    /// The row of the cache table.
    fn at_cache(mut self, event: CacheEvent<'_, V>) -> Result<Self, Stop> {
        let mut outer = self.line.outer;
        outer.value = outer.state.holds_value().then_some(self.line.inner.memory);
        let (next, sends) = match cache_step(self.levels.outer, self.me.package, &outer, event) {
            Step::Next(next, sends, _) => (next, sends),
            Step::Stall => return Err(Stop::Stall),
            Step::Illegal => return Err(Stop::Illegal),
        };
        if let Some(value) = next.value {
            self.line.inner.memory = value;
        }
        self.line.outer = CacheLine { value: None, write: None, ..next };
        self.outer.extend(sends);
        Ok(self)
    }
}

fn is_request<V: Value>(event: &DirEvent<'_, V>) -> bool {
    matches!(event, DirEvent::Message(m) if m.kind.class() == base::Class::Req)
}
