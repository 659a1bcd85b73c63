//! States as words of 32 bits, so that a state is a handful of them and comparing, hashing and
//! renaming are integer operations.
//!
//! ```text
//! cell     state 4 | acks + 8  4 | value 3 | write 3                          a line in a cache
//! dir      state 4 | wb 1 | comp 1 | owner 3 | requester 3 | sharers 6 | memory 3 | write 3
//!          | coarse 1 | victim 3 | .. | last 3
//! message  .. | kind 5 | line 2 | dst 3 | src 3 | requester 3 | gather 1 | acks 3 | data 3 | write 3
//! ```
//!
//! The first field is the highest of a message and the lowest of a cell or dir. Names are node
//! numbers, 7 for none. A value `v` is `v + 1`, 0 for none; a write likewise, 7 for an increment.

use base::NodeIdx;

use crate::message::{Gather, Message, MsgKind};
use crate::sharers::Sharers;
use crate::state::{CacheLine, CacheState, DirLine, DirState};
use crate::value::ByteWrite;

/// A node's name in schedules, charts and faults.
pub(crate) fn short(node: NodeIdx) -> String {
    format!("n{}", node.0)
}

/// The name of nobody.
pub(crate) const NOBODY: u32 = 7;
/// The code of [`ByteWrite::Increment`].
pub(crate) const INCREMENT: u32 = 7;

/// Where the fields of a message lie: lowest bit; names, values and writes have three bits.
pub(crate) mod msg {
    pub(crate) const WRITE: u32 = 0;
    pub(crate) const DATA: u32 = 3;
    pub(crate) const ACKS: u32 = 6;
    pub(crate) const GATHER: u32 = 9;
    pub(crate) const REQUESTER: u32 = 10;
    pub(crate) const SRC: u32 = 13;
    pub(crate) const DST: u32 = 16;
    pub(crate) const LINE: u32 = 19;
    pub(crate) const KIND: u32 = 21;
}

/// Where the fields of a cell lie.
pub(crate) mod cell {
    pub(crate) const ACKS: u32 = 4;
    pub(crate) const VALUE: u32 = 8;
    pub(crate) const WRITE: u32 = 11;
    pub(crate) const BITS: u32 = 14;
}

/// Where the fields of a directory line lie.
pub(crate) mod dir {
    pub(crate) const STATE_AND_WAITS: u32 = 63;
    pub(crate) const WB: u32 = 4;
    pub(crate) const COMP: u32 = 5;
    pub(crate) const OWNER: u32 = 6;
    pub(crate) const REQUESTER: u32 = 9;
    pub(crate) const SHARERS: u32 = 12;
    pub(crate) const MEMORY: u32 = 18;
    pub(crate) const WRITE: u32 = 21;
    pub(crate) const COARSE: u32 = 24;
    pub(crate) const VICTIM: u32 = 25;
    pub(crate) const LAST: u32 = 29;
}

/// The three bits from `at` up.
#[inline]
pub(crate) const fn three(word: u32, at: u32) -> u32 {
    (word >> at) & 7
}

/// `word` with the three bits from `at` up replaced.
#[inline]
pub(crate) const fn with_three(word: u32, at: u32, to: u32) -> u32 {
    word & !(7 << at) | to << at
}

/// The state of a cell.
#[inline]
pub(crate) fn cell_state(cell: u32) -> CacheState {
    CacheState::ALL[(cell & 15) as usize]
}

/// The state of a directory line.
#[inline]
pub(crate) fn dir_state(dir: u32) -> DirState {
    DirState::ALL[(dir & 15) as usize]
}

/// The kind of a message.
#[inline]
pub(crate) fn kind(word: u32) -> MsgKind {
    MsgKind::ALL[(word >> msg::KIND) as usize]
}

/// Whether a home gets the message.
#[inline]
pub(crate) const fn to_home(word: u32) -> bool {
    match word >> msg::KIND {
        WB..=FWD_ACK_I => true,
        INV_ACK => word >> msg::GATHER & 1 == 1,
        k => k <= FAR || k == COMP_ACK,
    }
}

const FAR: u32 = MsgKind::Far as u32;
const WB: u32 = MsgKind::Wb as u32;
const FWD_ACK_I: u32 = MsgKind::FwdAckI as u32;
const INV_ACK: u32 = MsgKind::InvAck as u32;
const COMP_ACK: u32 = MsgKind::CompAck as u32;

/// Whether the message is a snoop.
#[inline]
pub(crate) const fn is_snoop(word: u32) -> bool {
    let k = word >> msg::KIND;
    k >= MsgKind::FwdGetS as u32 && k <= MsgKind::Inv as u32
}

fn value(code: u32) -> Option<u8> {
    u8::try_from(code).ok()?.checked_sub(1)
}

pub(crate) fn pack_value(value: Option<u8>) -> Option<u32> {
    match value {
        None => Some(0),
        Some(v) if v < 7 => Some(u32::from(v) + 1),
        Some(_) => None,
    }
}

/// The write that `code` stands for where increments are modulo `values`.
pub(crate) fn write(code: u32, values: u8) -> Option<ByteWrite> {
    if code == INCREMENT {
        Some(ByteWrite::Increment(values))
    } else {
        value(code).map(ByteWrite::Set)
    }
}

pub(crate) fn pack_write(write: Option<ByteWrite>) -> u32 {
    match write {
        None => 0,
        Some(ByteWrite::Set(v)) => u32::from(v.min(5)) + 1,
        Some(ByteWrite::Increment(_)) => INCREMENT,
    }
}

fn name(node: NodeIdx) -> u32 {
    node.0.min(NOBODY)
}

fn named(code: u32) -> Option<NodeIdx> {
    (code != NOBODY).then_some(NodeIdx(code))
}

/// The line in a cache that `word` stands for.
pub(crate) fn unpack_cell(word: u32, home: NodeIdx, values: u8) -> CacheLine<u8> {
    CacheLine {
        state: cell_state(word),
        home,
        acks: i32::try_from(word >> cell::ACKS & 15).unwrap_or(0) - 8,
        value: value(three(word, cell::VALUE)),
        write: write(three(word, cell::WRITE), values),
    }
}

/// None if a count or a value does not fit.
pub(crate) fn pack_cell(line: &CacheLine<u8>) -> Option<u32> {
    let acks = u32::try_from(line.acks + 8).ok().filter(|a| *a < 16)?;
    Some(
        line.state as u32
            | acks << cell::ACKS
            | pack_value(line.value)? << cell::VALUE
            | pack_write(line.write) << cell::WRITE,
    )
}

/// The directory line that `word` stands for; the last write is not part of it.
pub(crate) fn unpack_dir(word: u32, values: u8) -> DirLine<u8> {
    let listed = |n: &u32| word >> (dir::SHARERS + n) & 1 == 1;
    DirLine {
        state: dir_state(word),
        awaits_wb: word >> dir::WB & 1 == 1,
        awaits_comp: word >> dir::COMP & 1 == 1,
        owner: named(three(word, dir::OWNER)),
        requester: named(three(word, dir::REQUESTER)),
        sharers: (0..6).filter(listed).map(NodeIdx).collect(),
        coarse: word >> dir::COARSE & 1 == 1,
        victim: named(three(word, dir::VICTIM)),
        memory: value(three(word, dir::MEMORY)).unwrap_or(0),
        write: write(three(word, dir::WRITE), values),
    }
}

/// Without the last write. None if a value does not fit.
pub(crate) fn pack_dir(line: &DirLine<u8>) -> Option<u32> {
    let who = |n: Option<NodeIdx>| n.map_or(NOBODY, name);
    Some(
        line.state as u32
            | u32::from(line.awaits_wb) << dir::WB
            | u32::from(line.awaits_comp) << dir::COMP
            | who(line.owner) << dir::OWNER
            | who(line.requester) << dir::REQUESTER
            | mask(&line.sharers) << dir::SHARERS
            | u32::from(line.coarse) << dir::COARSE
            | who(line.victim) << dir::VICTIM
            | pack_value(Some(line.memory))? << dir::MEMORY
            | pack_write(line.write) << dir::WRITE,
    )
}

fn mask(sharers: &Sharers) -> u32 {
    sharers.iter().filter(|n| n.0 < 6).map(|n| 1 << n.0).sum()
}

/// The message that `word` stands for.
pub(crate) fn unpack_message(word: u32, values: u8) -> Message<u8> {
    let at = |field| NodeIdx(three(word, field));
    Message {
        kind: kind(word),
        src: at(msg::SRC),
        dst: at(msg::DST),
        requester: at(msg::REQUESTER),
        gather: if word >> msg::GATHER & 1 == 1 { Gather::Home } else { Gather::Requester },
        acks: u16::try_from(three(word, msg::ACKS)).unwrap_or(0),
        data: value(three(word, msg::DATA)),
        write: write(three(word, msg::WRITE), values),
    }
}

/// None if a count or a value does not fit.
pub(crate) fn pack_message(line: u32, m: &Message<u8>) -> Option<u32> {
    (m.acks < 8).then_some(())?;
    Some(
        (m.kind as u32) << msg::KIND
            | line << msg::LINE
            | name(m.dst) << msg::DST
            | name(m.src) << msg::SRC
            | name(m.requester) << msg::REQUESTER
            | u32::from(m.gather == Gather::Home) << msg::GATHER
            | u32::from(m.acks) << msg::ACKS
            | pack_value(m.data)? << msg::DATA
            | pack_write(m.write) << msg::WRITE,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let mut m = Message::new(MsgKind::InvAck, NodeIdx(4), NodeIdx(6), NodeIdx(5));
        (m.gather, m.acks, m.data) = (Gather::Home, 7, Some(6));
        m.write = Some(ByteWrite::Increment(3));
        let word = pack_message(3, &m).expect("it fits");
        assert_eq!((unpack_message(word, 3), three(word, msg::LINE) & 3), (m, 3));
        assert!(to_home(word) && !is_snoop(word));
        let line = CacheLine {
            state: CacheState::SmAd,
            home: NodeIdx(6),
            acks: -8,
            value: Some(0),
            write: Some(ByteWrite::Set(5)),
        };
        assert_eq!(unpack_cell(pack_cell(&line).expect("it fits"), NodeIdx(6), 3), line);
        let home = DirLine {
            state: DirState::BAtomic,
            awaits_wb: true,
            awaits_comp: false,
            owner: Some(NodeIdx(5)),
            requester: None,
            sharers: [0, 5].map(NodeIdx).into_iter().collect(),
            coarse: true,
            victim: Some(NodeIdx(2)),
            memory: 6,
            write: None,
        };
        assert_eq!(unpack_dir(pack_dir(&home).expect("it fits"), 3), home);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let mut m = Message::<u8>::new(MsgKind::Data, NodeIdx(0), NodeIdx(1), NodeIdx(1));
        m.acks = 8;
        assert_eq!(pack_message(0, &m), None);
        let line = CacheLine { acks: 8, ..CacheLine::<u8>::invalid(NodeIdx(2)) };
        assert_eq!(pack_cell(&line), None);
    }

    #[test]
    fn who_gets_a_message_agrees_with_the_protocol() {
        for kind in MsgKind::ALL {
            for gather in [Gather::Home, Gather::Requester] {
                let mut m = Message::<u8>::new(kind, NodeIdx(0), NodeIdx(1), NodeIdx(1));
                m.gather = gather;
                let word = pack_message(0, &m).expect("it fits");
                assert_eq!(to_home(word), m.to_home(), "{kind:?}");
                assert_eq!(is_snoop(word), kind.class() == base::Class::Fwd, "{kind:?}");
            }
        }
    }
}
