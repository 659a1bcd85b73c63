//! `verify --tables --directory two-level`: the table of a package's home, read off [`package_step`].
//!
//! A row is what the package's caches have (as their home knows it), under what the package has (as the fabric
//! knows it), and what is waited for.

use std::fmt::Write as _;

use base::NodeIdx;
use coherence::{
    CacheLine, CacheState, Config, DirState, Directory, Gather, Levels, Listing, Message, MsgKind,
    PackageEvent, PackageHome, PackageLine, PackageStep, package_step,
};

use super::verify_tables::{HOME, ME, NODES, OTHER, THIRD, Table, WRITE, at, sent, taken_back};

/// The package as a cache of the fabric, and another one.
const PACKAGE: NodeIdx = NodeIdx(4);
const ELSEWHERE: NodeIdx = NodeIdx(5);

type Line = PackageLine<u8>;

/// An event, and the acknowledgements of other packages that the line still awaits.
enum Event {
    Recall,
    Evict,
    Drop,
    Inner(Message<u8>),
    Outer(Message<u8>, i32),
}

/// The table, where the fabric's homes list packages so.
pub(super) fn table(listing: Listing) -> Table {
    let outer = Config { directory: Directory { listing, nodes: NODES }, ..Config::default() };
    let levels = Levels { inner: Config::default(), outer };
    let events = events();
    let row = |(name, line): (&str, Line)| {
        let cells = events.iter().map(|(column, event)| cell(&levels, &line, column, event));
        (name.to_owned(), cells.collect())
    };
    Table {
        title: "Home of a package: its caches' copies, under the package's own; `up`: to the fabric. Blank: the \
                package does not foresee it"
            .to_owned(),
        columns: events.iter().map(|(name, _)| (*name).to_owned()).collect(),
        rows: lines().into_iter().map(row).collect(),
    }
}

/// A line of which the package has this, and its caches that.
fn under(outer: CacheState, inner: coherence::DirLine<u8>) -> Line {
    let value = None;
    Line {
        outer: CacheLine { state: outer, value, ..CacheLine::invalid(HOME) },
        inner,
        ..Line::untouched(HOME, 5)
    }
}

/// The same with a request of one of its caches that waits for the fabric.
fn asks(line: Line, kind: MsgKind) -> Line {
    Line { request: Some(inside(kind, ME)), ..line }
}

/// The same with a snoop of the fabric that waits for the package's caches.
fn snooped(line: Line, kind: MsgKind) -> Line {
    Line { snoop: Some(snoop(kind)), ..line }
}

fn lines() -> Vec<(&'static str, Line)> {
    use CacheState::{E, EiA, I, ImA, ImAd, IsD, M, MiA, S, SiA, SmAd};
    let none = || at(DirState::I, None, &[]);
    let shared = || at(DirState::S, None, &[ME, OTHER]);
    let owned = || at(DirState::EM, Some(OTHER), &[]);
    let recalled = |from| match from {
        DirState::EM => taken_back(at(DirState::BRecall, Some(OTHER), &[]), true, false),
        _ => taken_back(at(DirState::BRecall, None, &[OTHER]), false, false),
    };
    vec![
        ("I", under(I, none())),
        ("I under S", under(S, none())),
        ("S under S", under(S, shared())),
        ("I under E", under(E, none())),
        ("S under E", under(E, shared())),
        ("EM under E", under(E, owned())),
        ("I under M", under(M, none())),
        ("S under M", under(M, shared())),
        ("EM under M", under(M, owned())),
        ("I under IsD, for a GetS", asks(under(IsD, none()), MsgKind::GetS)),
        ("I under ImAd, for a GetM", asks(under(ImAd, none()), MsgKind::GetM)),
        ("I under ImA, for a GetM", asks(under(ImA, none()), MsgKind::GetM)),
        ("S under SmAd, for an Upg", asks(under(SmAd, shared()), MsgKind::Upg)),
        (
            "BRecall under E, for a FwdGetS",
            snooped(under(E, recalled(DirState::EM)), MsgKind::FwdGetS),
        ),
        (
            "BRecall under M, for a FwdGetM",
            snooped(under(M, recalled(DirState::EM)), MsgKind::FwdGetM),
        ),
        ("BRecall under S, for an Inv", snooped(under(S, recalled(DirState::S)), MsgKind::Inv)),
        ("BRecall under M", under(M, recalled(DirState::EM))),
        ("I under SiA", under(SiA, none())),
        ("I under EiA", under(EiA, none())),
        ("I under MiA", under(MiA, none())),
    ]
}

/// A message of a cache of the package.
fn inside(kind: MsgKind, src: NodeIdx) -> Message<u8> {
    let mut msg = Message::new(kind, src, HOME, if src == OTHER { ME } else { src });
    msg.data = kind.carries_data().then_some(6);
    msg.write = (kind == MsgKind::Far).then_some(WRITE);
    if kind == MsgKind::InvAck {
        msg.gather = Gather::Home;
    }
    msg
}

/// A snoop of the fabric's home.
fn snoop(kind: MsgKind) -> Message<u8> {
    Message::new(kind, HOME, PACKAGE, ELSEWHERE)
}

/// An answer of the fabric.
fn answer(kind: MsgKind, acks: u16) -> Message<u8> {
    let mut msg = Message::new(kind, HOME, PACKAGE, PACKAGE);
    (msg.acks, msg.data) = (acks, kind.carries_data().then_some(7));
    msg
}

fn events() -> Vec<(&'static str, Event)> {
    use MsgKind::{
        AckCount, CompAck, Data, DataE, Far, FwdGetM, FwdGetS, FwdInv, GetM, GetS, Inv, InvAck,
        PutAck, PutE, PutM, PutS, Upg, Wb,
    };
    let inner = |kind, src| Event::Inner(inside(kind, src));
    let outer = |msg| Event::Outer(msg, 0);
    vec![
        ("GetS", inner(GetS, THIRD)),
        ("GetM", inner(GetM, THIRD)),
        ("Upg by a sharer", inner(Upg, ME)),
        ("Far", inner(Far, THIRD)),
        ("PutS", inner(PutS, ME)),
        ("PutE by the owner", inner(PutE, OTHER)),
        ("PutM by the owner", inner(PutM, OTHER)),
        ("Wb", inner(Wb, OTHER)),
        ("InvAck", inner(InvAck, OTHER)),
        ("CompAck", inner(CompAck, ME)),
        ("recall", Event::Recall),
        ("replacement, told", Event::Evict),
        ("replacement, silent", Event::Drop),
        ("up: FwdGetS", outer(snoop(FwdGetS))),
        ("up: FwdGetM", outer(snoop(FwdGetM))),
        ("up: FwdInv", outer(snoop(FwdInv))),
        ("up: Inv", outer(snoop(Inv))),
        ("up: DataE", outer(answer(DataE, 0))),
        ("up: Data (acks = 0)", outer(answer(Data, 0))),
        ("up: Data (acks > 0)", outer(answer(Data, 2))),
        ("up: AckCount (acks = 0)", outer(answer(AckCount, 0))),
        ("up: AckCount (acks > 0)", outer(answer(AckCount, 2))),
        ("up: last InvAck", Event::Outer(answer(InvAck, 0), 1)),
        ("up: PutAck", outer(answer(PutAck, 0))),
    ]
}

/// Whether a line has whom the column tells of.
fn is_of(column: &str, line: &Line) -> bool {
    let inner = &line.inner;
    match column {
        "Upg by a sharer" => inner.state == DirState::S || line.outer.state == CacheState::SmAd,
        "PutE by the owner" | "PutM by the owner" => {
            !inner.state.is_stable() || inner.state == DirState::EM
        }
        // A reader's data come without acknowledgements.
        "up: Data (acks > 0)" => line.outer.state != CacheState::IsD,
        _ => true,
    }
}

fn cell(levels: &Levels<coherence::Sound>, line: &Line, column: &str, event: &Event) -> String {
    if !is_of(column, line) {
        return String::new();
    }
    let mut line = *line;
    let event = match event {
        Event::Recall => PackageEvent::Recall,
        Event::Evict => PackageEvent::Evict,
        Event::Drop => PackageEvent::Drop,
        Event::Inner(msg) => PackageEvent::Inner(msg),
        Event::Outer(msg, acks) => {
            line.outer.acks = *acks;
            PackageEvent::Outer(msg)
        }
    };
    let me = PackageHome { home: HOME, package: PACKAGE };
    match package_step(levels, me, &line, event) {
        PackageStep::Stall => "stall".to_owned(),
        PackageStep::Illegal => String::new(),
        PackageStep::Next { line: next, inner, outer } => {
            let asks = line.request.or(line.snoop).map_or(THIRD, |m| m.requester);
            let inside = inner.iter().map(|m| sent(m, if m.dst == ME { ME } else { asks }));
            let up = outer.iter().map(|m| format!("up {}", sent(m, ELSEWHERE)));
            let mut text = inside.chain(up).collect::<Vec<_>>().join(", ");
            let states = |l: &Line| format!("{:?} under {:?}", l.inner.state, l.outer.state);
            if states(&next) != states(&line) {
                let _ = write!(text, "/{}", states(&next));
            }
            if text.is_empty() { "-".to_owned() } else { text }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(row: &str, column: &str) -> String {
        let table = table(Listing::FullMap);
        let at = table.columns.iter().position(|c| c == column).expect("the column is there");
        let (_, cells) = table.rows.iter().find(|(name, _)| name == row).expect("the row is there");
        cells[at].clone()
    }

    #[test]
    fn a_package_serves_inside_what_it_may_and_asks_the_fabric_for_the_rest() {
        assert_eq!(cell("I", "GetS"), "up GetS to Dir/I under IsD");
        assert_eq!(cell("S under S", "GetS"), "Data to Req/BGetS under S");
        assert_eq!(cell("S under S", "GetM"), "up Upg to Dir/S under SmAd");
        assert_eq!(cell("I under E", "GetM"), "Data to Req/BGetM under E");
        assert_eq!(cell("EM under M", "up: FwdGetM"), "FwdInv to owner/BRecall under M");
        assert_eq!(cell("I under M", "up: FwdGetM"), "up Data to Req/I under I");
        assert_eq!(cell("BRecall under M, for a FwdGetM", "GetS"), "stall");
        assert_eq!(cell("I under IsD, for a GetS", "up: Data (acks > 0)"), "");
    }

    #[test]
    fn every_row_has_something_that_can_happen() {
        for (name, cells) in table(Listing::FullMap).rows {
            assert!(cells.iter().any(|c| !c.is_empty() && c != "stall"), "{name}");
        }
    }
}
