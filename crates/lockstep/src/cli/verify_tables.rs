//! `verify --tables`: the tables as the Primer prints them, state by event, read off the functions that
//! machines run.
//!
//! Each cell is asked of [`cache_step`], [`dir_step`] or [`scoped_step`] for a line in that state: what is
//! sent, and behind `/` the state that follows if it is another. Where a row depends on more than state and
//! event, as on whether an acknowledgement is the last, there is a column for each case.

use std::fmt::Write as _;

use base::NodeIdx;
use coherence::scoped::model::{Cells, reachable_rows};
use coherence::scoped::{
    Parts, ScopedConfig, ScopedEffect, ScopedEvent, ScopedLine, ScopedState, ScopedStep, Upward,
    scoped_step,
};
use coherence::{
    ByteWrite, CacheEvent, CacheLine, CacheState, Config, DirEvent, DirLine, DirState, Directory,
    EACH_SHARER, Effect, Gather, Listing, Message, MsgKind, Protocol, Sharers, Step, cache_step,
    dir_step,
};
use lockstep::stress::{Rows, coherent_rows};

/// This cache, or at home the cache that asks.
pub(super) const ME: NodeIdx = NodeIdx(1);
/// Another cache: the requester of a snoop, or at home the owner or a sharer.
pub(super) const OTHER: NodeIdx = NodeIdx(2);
/// A third one, which holds nothing.
pub(super) const THIRD: NodeIdx = NodeIdx(3);
pub(super) const HOME: NodeIdx = NodeIdx(9);
/// Nodes that a home lists.
pub(super) const NODES: u32 = 10;
pub(super) const WRITE: ByteWrite = ByteWrite::Set(1);

/// Rows with their cells, under a heading; columns without any cell are left out.
#[derive(serde::Serialize)]
pub(super) struct Table {
    pub(super) title: String,
    pub(super) columns: Vec<String>,
    /// Name and cells.
    pub(super) rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// As Markdown, columns aligned.
    fn render(&self) -> String {
        let used = |at: &usize| self.rows.iter().any(|(_, cells)| !cells[*at].is_empty());
        let columns: Vec<usize> = (0..self.columns.len()).filter(used).collect();
        let width = |at: &usize| {
            let cells = self.rows.iter().map(|(_, cells)| &cells[*at]).chain([&self.columns[*at]]);
            cells.map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = columns.iter().map(width).collect();
        let first = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = format!("{}\n\n", self.title);
        let mut line = |name: &str, cells: &[String]| {
            let _ = write!(text, "| {name:<first$} |");
            for (at, width) in columns.iter().zip(&widths) {
                let _ = write!(text, " {:<width$} |", cells[*at]);
            }
            text.push('\n');
        };
        line("", &self.columns);
        let rules: Vec<String> = (0..self.columns.len())
            .map(|at| "-".repeat(columns.iter().position(|c| *c == at).map_or(0, |c| widths[c])))
            .collect();
        line(&"-".repeat(first), &rules);
        self.rows.iter().for_each(|(name, cells)| line(name, cells));
        text.push('\n');
        text
    }
}

/// The tables of the directory protocol with these options, and homes that list sharers so.
pub(super) fn coherent(protocol: Protocol, listing: Listing) -> Vec<Table> {
    let directory = Directory { listing, nodes: NODES };
    let cfg = Config { protocol, directory, ..Config::default() };
    let rows = coherent_rows(protocol, listing, 1);
    vec![cache_table(cfg, &rows), dir_table(cfg, &rows)]
}

/// For people.
pub(super) fn render(tables: &[Table]) -> String {
    tables.iter().fold(format!("{LEGEND}\n"), |text, table| text + &table.render())
}

const LEGEND: &str = "\
What is sent, and behind / the next state; `-`: nothing changes; `stall`: the event waits; blank: no run of three caches
and a line, or of the systems in which faults are hunted, comes there.
Req: the requester of a snoop, or who asks; Dir: home. A read is served from what is sent.
";

fn cache_table(cfg: Config, reached: &Rows) -> Table {
    let states = CacheState::ALL.into_iter().filter(|s| {
        let owned = matches!(s, CacheState::O | CacheState::OmAd | CacheState::OiA);
        cfg.protocol.owned || !owned
    });
    let (columns, events) = cache_events();
    let row = |state: CacheState| {
        let cells = events.iter().map(|(event, acks)| {
            let kind = event.event().kind();
            // Data for a reader come without acknowledgements.
            let counted = matches!(event, Incoming::Message(m) if m.acks > 0);
            let can =
                reached.cache.contains(&(state, kind)) && !(counted && state == CacheState::IsD);
            if can { cache_cell(cfg, state, event, *acks) } else { String::new() }
        });
        (format!("{state:?}"), cells.collect())
    };
    Table { title: format!("Cache, {}", told(cfg)), columns, rows: states.map(row).collect() }
}

/// An event of a cache: of the core, or a message.
enum Incoming {
    Core(CacheEvent<'static, u8>),
    Message(Message<u8>),
}

fn told(cfg: Config) -> String {
    let name =
        if cfg.protocol == Protocol::MESI { "MESI".to_owned() } else { cfg.protocol.to_string() };
    match cfg.directory.listing {
        Listing::FullMap => name,
        listing => format!("{name}, {listing}"),
    }
}

impl Incoming {
    fn event(&self) -> CacheEvent<'_, u8> {
        match self {
            Self::Core(event) => *event,
            Self::Message(msg) => CacheEvent::Message(msg),
        }
    }
}

/// The columns, and for each the event and the acknowledgements that the line still awaits.
fn cache_events() -> (Vec<String>, Vec<(Incoming, i32)>) {
    use MsgKind::{AckCount, Data, DataE, FarResp, FwdGetM, FwdGetS, FwdInv, Inv, InvAck, PutAck};
    let answer = |kind, acks: u16| {
        let mut msg = Message::new(kind, HOME, ME, ME);
        (msg.acks, msg.data) = (acks, kind.carries_data().then_some(5));
        Incoming::Message(msg)
    };
    let snoop = |kind| Incoming::Message(Message::new(kind, HOME, ME, OTHER));
    let mut recall = Message::new(Inv, HOME, ME, HOME);
    recall.gather = Gather::Home;
    let core = |event| Incoming::Core(event);
    let all = [
        ("load", core(CacheEvent::Load), 0),
        ("store", core(CacheEvent::Store(WRITE)), 0),
        ("far atomic", core(CacheEvent::Far(WRITE)), 0),
        ("replacement, told", core(CacheEvent::Evict), 0),
        ("replacement, silent", core(CacheEvent::Drop), 0),
        ("FwdGetS", snoop(FwdGetS), 0),
        ("FwdGetM", snoop(FwdGetM), 0),
        ("FwdInv", snoop(FwdInv), 0),
        ("Inv", snoop(Inv), 0),
        ("Inv, home gathers", Incoming::Message(recall), 0),
        ("PutAck", answer(PutAck, 0), 0),
        ("DataE", answer(DataE, 0), 0),
        ("Data (acks = 0)", answer(Data, 0), 0),
        ("Data (acks > 0)", answer(Data, 2), 0),
        ("AckCount (acks = 0)", answer(AckCount, 0), 0),
        ("AckCount (acks > 0)", answer(AckCount, 2), 0),
        ("InvAck", answer(InvAck, 0), 2),
        ("last InvAck", answer(InvAck, 0), 1),
        ("FarResp", answer(FarResp, 0), 0),
    ];
    all.into_iter().map(|(name, event, acks)| (name.to_owned(), (event, acks))).unzip()
}

fn cache_cell(cfg: Config, state: CacheState, event: &Incoming, acks: i32) -> String {
    let writes = matches!(state, CacheState::ImAd | CacheState::ImA | CacheState::SmAd)
        || matches!(state, CacheState::OmAd | CacheState::IaD);
    let line = CacheLine {
        state,
        home: HOME,
        acks: if state.is_stable() { 0 } else { acks },
        value: state.holds_value().then_some(5),
        write: writes.then_some(WRITE),
    };
    match cache_step(cfg, ME, &line, event.event()) {
        Step::Stall => "stall".to_owned(),
        Step::Illegal => String::new(),
        Step::Next(next, sends, effect) => {
            let done = match effect {
                Effect::None => "",
                Effect::Load(_) | Effect::Store { .. } if sends.is_empty() => "hit",
                Effect::Load(_) => "load",
                Effect::Store { .. } => "store",
            };
            let sent = sends.iter().map(|m| sent(m, OTHER));
            cell(done, sent, &(format!("{state:?}"), format!("{:?}", next.state)))
        }
    }
}

/// A message with whom it goes to.
pub(super) fn sent(msg: &Message<u8>, requester: NodeIdx) -> String {
    let to = match msg.dst {
        HOME => "Dir",
        EACH_SHARER => "sharers",
        to if to == requester => "Req",
        OTHER => "owner",
        _ => "other",
    };
    let acks = if msg.acks > 0 { "(acks)" } else { "" };
    format!("{:?}{acks} to {to}", msg.kind)
}

/// What was done and sent, and the next state if it is another.
fn cell(done: &str, sent: impl Iterator<Item = String>, states: &(String, String)) -> String {
    let words: Vec<String> =
        Some(done.to_owned()).filter(|d| !d.is_empty()).into_iter().chain(sent).collect();
    let mut text = words.join(", ");
    if states.0 != states.1 {
        let _ = write!(text, "/{}", states.1);
    }
    if text.is_empty() { "-".to_owned() } else { text }
}

/// A list of sharers.
fn list(nodes: &[NodeIdx]) -> Sharers {
    let mut sharers = Sharers::default();
    for node in nodes {
        sharers.insert(*node);
    }
    sharers
}

/// A line at home that knows this owner and these sharers.
pub(super) fn at(state: DirState, owner: Option<NodeIdx>, sharers: &[NodeIdx]) -> DirLine<u8> {
    let mut line = DirLine::untouched(5_u8);
    (line.state, line.owner, line.sharers) = (state, owner, list(sharers));
    line
}

/// The same with a transaction of [`ME`] under way.
pub(super) fn blocked(mut line: DirLine<u8>, (wb, comp): (bool, bool)) -> DirLine<u8> {
    (line.awaits_wb, line.awaits_comp, line.requester) = (wb, comp, Some(ME));
    line
}

/// The same in a recall, or a far atomic that is still to be performed.
pub(super) fn taken_back(mut line: DirLine<u8>, wb: bool, far: bool) -> DirLine<u8> {
    line.awaits_wb = wb;
    if far {
        (line.requester, line.awaits_comp, line.write) = (Some(ME), true, Some(WRITE));
    }
    line
}

/// What a home can be, and what it waits for.
fn dir_lines(cfg: Config) -> Vec<(String, DirLine<u8>)> {
    use DirState::{BAtomic, BGetM, BGetMInv, BGetS, BRecall, EM, I, O, S};
    let (me, other) = (Some(ME), Some(OTHER));
    let mut all = vec![
        ("I", at(I, None, &[])),
        ("S", at(S, None, &[ME, OTHER])),
        ("S, one sharer", at(S, None, &[ME])),
        ("EM", at(EM, other, &[])),
    ];
    if cfg.protocol.direct {
        all.push(("S, last reader", at(S, other, &[ME, OTHER])));
    }
    if cfg.protocol.owned {
        all.push(("O", at(O, other, &[ME])));
    }
    let read = at(BGetS, other, &[ME]);
    all.extend([
        ("BGetS, awaits Wb, CompAck", blocked(read, (true, true))),
        ("BGetS, awaits Wb", blocked(read, (true, false))),
        ("BGetS, one copy, awaits CompAck", blocked(at(BGetS, me, &[]), (false, true))),
        ("BGetS, sharers, awaits CompAck", blocked(at(BGetS, None, &[ME, OTHER]), (false, true))),
        ("BGetM", blocked(at(BGetM, me, &[]), (false, true))),
        ("BGetMInv", blocked(at(BGetMInv, me, &[OTHER]), (false, true))),
        ("BRecall, awaits Wb", taken_back(at(BRecall, other, &[]), true, false)),
        ("BRecall, awaits InvAcks", taken_back(at(BRecall, None, &[ME, OTHER]), false, false)),
        ("BRecall, awaits one InvAck", taken_back(at(BRecall, None, &[OTHER]), false, false)),
        ("BAtomic, awaits Wb", taken_back(at(BAtomic, other, &[]), true, true)),
        ("BAtomic, awaits InvAcks", taken_back(at(BAtomic, None, &[OTHER, THIRD]), false, true)),
        ("BAtomic, awaits one InvAck", taken_back(at(BAtomic, None, &[OTHER]), false, true)),
        ("BAtomic, awaits CompAck", blocked(at(BAtomic, None, &[]), (false, true))),
    ]);
    if cfg.protocol.owned {
        let both = at(BRecall, other, &[ME]);
        all.extend([
            ("BGetS, owner stays, awaits CompAck", blocked(read, (false, true))),
            ("BRecall, awaits Wb, InvAck", taken_back(both, true, false)),
            ("BAtomic, awaits Wb, InvAck", taken_back(at(BAtomic, other, &[THIRD]), true, true)),
        ]);
    }
    all.into_iter().map(|(name, line)| (name.to_owned(), line)).collect()
}

fn dir_table(cfg: Config, reached: &Rows) -> Table {
    use MsgKind::{
        CompAck, Far, FwdAckI, FwdAckO, FwdAckS, GetM, GetS, InvAck, PutE, PutM, PutO, PutS, Upg,
        Wb,
    };
    let msg = |kind: MsgKind, src| {
        let mut msg = Message::new(kind, src, HOME, if src == OTHER { ME } else { src });
        msg.data = kind.carries_data().then_some(6);
        msg.write = (kind == Far).then_some(WRITE);
        if kind == InvAck {
            msg.gather = Gather::Home;
        }
        Some(msg)
    };
    let events = [
        ("GetS", msg(GetS, THIRD)),
        ("GetM", msg(GetM, THIRD)),
        ("Upg by a sharer", msg(Upg, ME)),
        ("Upg by none", msg(Upg, THIRD)),
        ("PutS", msg(PutS, ME)),
        ("PutE by the owner", msg(PutE, OTHER)),
        ("PutM by the owner", msg(PutM, OTHER)),
        ("PutO by the owner", msg(PutO, OTHER)),
        ("PutE, PutM by another", msg(PutM, THIRD)),
        ("Far", msg(Far, THIRD)),
        ("recall", None),
        ("Wb", msg(Wb, OTHER)),
        ("FwdAckO", msg(FwdAckO, OTHER)),
        ("FwdAckS", msg(FwdAckS, OTHER)),
        ("FwdAckI", msg(FwdAckI, OTHER)),
        ("InvAck", msg(InvAck, OTHER)),
        ("CompAck", msg(CompAck, ME)),
    ];
    let row = |(name, line): (String, DirLine<u8>)| {
        let cells = events.iter().map(|(name, msg)| {
            let event = msg.as_ref().map_or(DirEvent::Recall { home: HOME }, DirEvent::Message);
            let can = reached.home.contains(&(line.state, event.kind())) && is_of(name, &line);
            if can { dir_cell(cfg, &line, msg.as_ref()) } else { String::new() }
        });
        (name, cells.collect())
    };
    let columns = events.iter().map(|(name, _)| (*name).to_owned()).collect();
    let title = format!("Directory, {}", told(cfg));
    Table { title, columns, rows: dir_lines(cfg).into_iter().map(row).collect() }
}

/// Whether a line has whom the column tells of.
fn is_of(column: &str, line: &DirLine<u8>) -> bool {
    let owned = matches!(line.state, DirState::EM | DirState::O);
    match column {
        "Upg by a sharer" => !line.state.is_stable() || line.sharers.contains(ME),
        "PutE by the owner" | "PutM by the owner" | "PutO by the owner" => {
            !line.state.is_stable() || owned
        }
        _ => true,
    }
}

fn dir_cell(cfg: Config, line: &DirLine<u8>, msg: Option<&Message<u8>>) -> String {
    let event = msg.map_or(DirEvent::Recall { home: HOME }, DirEvent::Message);
    match dir_step(cfg, line, event) {
        Step::Stall => "stall".to_owned(),
        Step::Illegal => String::new(),
        Step::Next(next, sends, effect) => {
            let wrote = next.memory != line.memory && effect == Effect::None;
            let done = match effect {
                Effect::None if wrote => "write memory",
                Effect::None => "",
                _ => "perform",
            };
            // Who asked: of an answer to a blocked line, whose transaction that is.
            let asks = msg.map_or(HOME, |m| line.requester.unwrap_or(m.src));
            let sent = sends.iter().map(|m| sent(m, asks));
            let states = (format!("{:?}", line.state), format!("{:?}", next.state));
            cell(done, sent, &states)
        }
    }
}

/// The table of scoped caches and slices.
pub(super) fn scoped() -> Table {
    let (own, none) = (1_u64, 2_u64);
    let value = Cells([5, 6]);
    let data = |atomic| ScopedEvent::Data { value, atomic };
    let swap = coherence::scoped::model::CellWrite::Set(0, 7);
    let reached: Vec<_> = reachable_rows().iter().collect();
    let events: [(&str, ScopedEvent<Cells>); 13] = [
        ("load, valid", ScopedEvent::Load { mask: own }),
        ("load, not valid", ScopedEvent::Load { mask: none }),
        ("store", ScopedEvent::Store { mask: own, value }),
        ("acquire's load, dirty", ScopedEvent::At { mask: own }),
        ("acquire's load, clean", ScopedEvent::At { mask: none }),
        ("atomic, further up", ScopedEvent::Far),
        ("atomic, here", ScopedEvent::Atomic(swap)),
        ("flush by a release", ScopedEvent::Flush),
        ("replacement", ScopedEvent::Evict),
        ("drop by an acquire", ScopedEvent::Drop),
        ("Data", data(None)),
        ("Ack", ScopedEvent::Ack),
        ("Resp", ScopedEvent::Resp { value }),
    ];
    let row = |state: ScopedState| {
        let cells = events.iter().map(|(_, event)| {
            let can = reached.contains(&(state, event.kind()));
            if can { scoped_cell(state, event) } else { String::new() }
        });
        (format!("{state:?}"), cells.collect())
    };
    Table {
        title: "Scoped cache or slice: a word of the line is valid, in D dirty, in W under way"
            .into(),
        columns: events.iter().map(|(name, _)| (*name).to_owned()).collect(),
        rows: ScopedState::ALL.into_iter().map(row).collect(),
    }
}

fn scoped_cell(state: ScopedState, event: &ScopedEvent<Cells>) -> String {
    use ScopedState::{D, V, W, Wi};
    let word = |on| u64::from(on);
    let line = ScopedLine {
        state,
        valid: word(matches!(state, V | D | W)),
        dirty: word(state == D),
        flight: word(state == W),
        value: Cells([3, 4]),
    };
    debug_assert!(line.valid & !Cells::ALL == 0 && (state != Wi || line.valid == 0));
    match scoped_step(ScopedConfig::new(1), &line, event) {
        ScopedStep::Stall => "stall".to_owned(),
        ScopedStep::Illegal => String::new(),
        ScopedStep::Next(next, up, effect) => {
            let done = match effect {
                ScopedEffect::None => "",
                ScopedEffect::Load(_) => "load",
                ScopedEffect::Stored => "store",
                ScopedEffect::Atomic { .. } => "perform",
            };
            let sent = match (up, event) {
                (Upward::Nothing, _) => None,
                (Upward::Read, _) => Some("Read"),
                (Upward::Through(_), _) => Some("Through"),
                (Upward::Ask, ScopedEvent::At { .. }) => Some("ReadAt"),
                (Upward::Ask, _) => Some("Far"),
            };
            let sent = sent.map(|kind| format!("{kind} up")).into_iter();
            cell(done, sent, &(format!("{state:?}"), format!("{:?}", next.state)))
        }
    }
}

#[cfg(test)]
mod tests;
