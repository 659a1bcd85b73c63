//! The same go-back-N, frame by frame and with sequence numbers on the wire: what the links of this crate
//! know at once is held against what two state machines come to step by step.
//!
//! Both directions have frames of one length, without a gap. A frame has a number of `bits` bits, a
//! mark that changes when its sender goes back, an ack and perhaps a nak. Numbers count frames, idle ones
//! too; when a sender goes back to number `n` it sends the frames with flits again that had `n` or a
//! later number, one after the other, and then goes on. Headers also carry credits for the other direction,
//! as running counts: a header has those of so many VCs, and a receiver believes it if the frame is in
//! sequence.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What can be wrong with the machine itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    Sound,
    /// The sender does not hear naks.
    NakDropped,
    /// Numbers wrap before all frames under way can be told apart.
    SequenceWrap,
    /// The receiver takes whatever comes.
    NoSequenceCheck,
    /// The sender goes back one frame too little.
    GoesBackShort,
    /// The sender forgets a frame when it is acknowledged by another's number.
    AckTooFar,
    /// A header tells the credits that are new in it, not how many there were in all; so those of a frame
    /// that has to be replayed are lost.
    CreditLostOnReplay,
}

/// What the machine is.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Femtoseconds of a frame, and from its end to the receiver.
    pub(super) frame: u64,
    pub(super) latency: u64,
    /// Slots of a frame; a flit takes one.
    pub(super) slots: u64,
    pub(super) bits: u32,
    pub(super) buffer: usize,
    pub(super) ack_every: u64,
    pub(super) ack_delay: u64,
    pub(super) nak_copies: u64,
    pub(super) timeout: u64,
    /// VCs of which a header tells credits, at most.
    pub(super) credits: u64,
    pub(super) fault: Fault,
}

/// A frame on the wire.
#[derive(Clone, Debug)]
struct Frame {
    number: u64,
    mark: bool,
    flits: Vec<u32>,
    /// Frames with flits that the reverse has accepted and acknowledges.
    ack: u64,
    nak: Option<u64>,
    /// Credits given so far.
    credits: u64,
}

/// Flits, or credits, and the frame in which each is accepted.
pub(super) type Accepted = Vec<(u32, u64)>;

/// Frame `k` arrives at `at`, or something that its CRC refuses.
#[derive(Clone, Debug)]
struct Arrival {
    at: u64,
    k: u64,
    frame: Option<Frame>,
}

/// A frame with flits that may have to be sent again.
#[derive(Clone, Debug)]
struct Kept {
    logical: u64,
    flits: Vec<u32>,
}

/// One direction: its sender and, at the far end, its receiver.
#[derive(Clone, Debug, Default)]
struct Side {
    waiting: VecDeque<(u64, u32)>,
    kept: VecDeque<Kept>,
    /// Of `kept`, how many were acknowledged before; and where a replay stands.
    acked: u64,
    again: Option<usize>,
    logical: u64,
    mark: bool,
    /// The end of the frame with which it went back last.
    went_back: u64,
    go_back: Option<u64>,
    expires: Option<(u64, u64)>,
    /// Credits to give: when, of which VC, and their numbers; and those that were, in the order in which they are told.
    returned: Vec<(u64, u8, u32)>,
    given: Vec<u32>,
    // The receiver.
    expected: u64,
    seen_mark: bool,
    discarding: bool,
    naks: u64,
    accepted: Vec<(u64, u64)>,
    told: u64,
}

/// What one run is given: the instants at which flits are handed to the sender of the first direction, and
/// those at which its receiver returns credits, each of a VC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    pub(super) flits: &'a [u64],
    pub(super) credits: &'a [(u64, u8)],
}

/// What comes out: the flits of the first direction, and its credits, which ride in frames of the other.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Out {
    pub(super) flits: Accepted,
    pub(super) credits: Accepted,
}

/// Runs both directions until all flits of the first and its credits have arrived; gives the frame in which
/// each is accepted, flits in the order of acceptance, credits by their numbers.
pub(super) fn run(
    rules: &Rules,
    given: Given<'_>,
    lost: [&BTreeSet<u64>; 2],
    frames_max: u64,
) -> Out {
    let mut sides = [Side::default(), Side::default()];
    sides[0].waiting = given.flits.iter().copied().zip(0..).collect();
    sides[1].returned = given.credits.iter().zip(0..).map(|((at, vc), n)| (*at, *vc, n)).collect();
    let mut arrivals: BTreeMap<u64, [Option<Arrival>; 2]> = BTreeMap::new();
    let mut out = Out::default();
    for k in 0..frames_max {
        let start = k * rules.frame;
        // What has come to the ends by the time that frame k begins.
        while let Some(entry) = arrivals.first_entry().filter(|e| *e.key() <= start) {
            for (way, slot) in entry.remove().into_iter().enumerate() {
                if let Some(arrival) = slot {
                    arrive(rules, &mut sides, way, arrival, &mut out);
                }
            }
        }
        if out.flits.len() == given.flits.len() && out.credits.len() == given.credits.len() {
            break;
        }
        for (way, lost) in lost.iter().enumerate() {
            let frame = send(rules, &mut sides, way, start);
            let ok = !lost.contains(&k);
            let at = start + rules.frame + rules.latency;
            arrivals.entry(at).or_default()[way] =
                Some(Arrival { at, k, frame: ok.then_some(frame) });
        }
    }
    out.credits.sort_unstable();
    out
}

/// Builds the frame of `way` that begins at `start`.
fn send(rules: &Rules, sides: &mut [Side; 2], way: usize, start: u64) -> Frame {
    let (ack, nak) = {
        // What the receiver of the other direction, which sits here, has to say.
        let other = &mut sides[1 - way];
        let told = |n: u64| other.accepted.get(usize::try_from(n).ok()?).map(|(_, t)| *t);
        let mut ack = 0;
        for n in 0..other.accepted.len() as u64 {
            let group = n / rules.ack_every * rules.ack_every + rules.ack_every - 1;
            let due = told(n).is_some_and(|t| t + rules.ack_delay <= start);
            if due || told(group).is_some_and(|t| t <= start) {
                ack = n + 1;
            }
        }
        let nak = (other.naks > 0).then_some(other.expected);
        other.naks = other.naks.saturating_sub(1);
        (ack, nak)
    };
    let side = &mut sides[way];
    if let Some((at, expected)) = side.expires
        && at <= start
    {
        side.expires = None;
        side.go_back = Some(expected);
    }
    if let Some(back) = side.go_back.take() {
        let back = if rules.fault == Fault::GoesBackShort { back + 1 } else { back };
        side.again = Some(side.kept.iter().filter(|k| k.logical < back).count());
        side.went_back = start + rules.frame;
        side.logical = back;
        side.mark = !side.mark;
        side.expires = None;
    }
    let flits = match side.again {
        Some(at) if at < side.kept.len() => {
            side.kept[at].logical = side.logical;
            side.again = Some(at + 1);
            side.kept[at].flits.clone()
        }
        _ => {
            side.again = None;
            fresh(rules, side, start)
        }
    };
    let number = side.logical % (1 << rules.bits);
    side.logical += 1;
    Frame { number, mark: side.mark, flits, ack, nak, credits: count(rules, side, start) }
}

/// The credits that the header of the frame that begins at `start` tells of.
fn count(rules: &Rules, side: &mut Side, start: u64) -> u64 {
    let mut told = BTreeSet::new();
    let before = side.given.len();
    // A VC's count has all of its credits; those wait longest of which one does.
    side.returned.retain(|(at, vc, number)| {
        let room = told.contains(vc) || (told.len() as u64) < rules.credits;
        let tells = *at <= start && room;
        if tells {
            told.insert(*vc);
            side.given.push(*number);
        }
        !tells
    });
    let lossy = rules.fault == Fault::CreditLostOnReplay;
    (side.given.len() - if lossy { before } else { 0 }) as u64
}

/// A new frame: the flits that come in time for its slots, if there is room to keep it.
fn fresh(rules: &Rules, side: &mut Side, start: u64) -> Vec<u32> {
    let mut flits = Vec::new();
    let room = side.kept.len() < rules.buffer;
    for slot in 0..rules.slots {
        let begins = start + slot * rules.frame / rules.slots;
        if room && side.waiting.front().is_some_and(|(t, _)| *t <= begins) {
            flits.extend(side.waiting.pop_front().map(|(_, f)| f));
        }
    }
    if !flits.is_empty() {
        side.kept.push_back(Kept { logical: side.logical, flits: flits.clone() });
    }
    flits
}

/// Something arrives at the end of `way`.
fn arrive(rules: &Rules, sides: &mut [Side; 2], way: usize, arrival: Arrival, out: &mut Out) {
    let Arrival { at, k, frame } = arrival;
    let Some(frame) = frame else {
        let side = &mut sides[way];
        if !side.discarding {
            side.discarding = true;
            side.naks = rules.nak_copies;
            // The sender's timer ran from the end of this frame.
            side.expires = Some((at - rules.latency + rules.timeout, side.expected));
        }
        return;
    };
    // The sender of the other direction sits at this end.
    let other = &mut sides[1 - way];
    if rules.fault != Fault::NakDropped
        && let Some(nak) = frame.nak
        && other.expires.is_some()
    {
        other.go_back = Some(nak);
        other.expires = None;
    }
    let far = if rules.fault == Fault::AckTooFar { frame.ack + 4 } else { frame.ack };
    while other.acked < far && !other.kept.is_empty() {
        other.kept.pop_front();
        other.acked += 1;
        other.again = other.again.map(|at| at.saturating_sub(1));
    }
    let side = &mut sides[way];
    let ours = side.expected % (1 << rules.bits);
    let anew = frame.mark != side.seen_mark;
    side.seen_mark = frame.mark;
    let wrapped = rules.fault == Fault::SequenceWrap && frame.number % 4 == ours % 4;
    if frame.number == ours || wrapped || rules.fault == Fault::NoSequenceCheck {
        side.discarding = false;
        side.expected += 1;
        side.naks = 0;
        if !frame.flits.is_empty() {
            side.accepted.push((k, at));
            out.flits.extend(frame.flits.iter().map(|f| (*f, k)));
        }
        let lossy = rules.fault == Fault::CreditLostOnReplay;
        let told = if lossy { side.told + frame.credits } else { frame.credits };
        while side.told < told {
            out.credits.push((side.given[usize::try_from(side.told).expect("few")], k));
            side.told += 1;
        }
    } else if anew {
        // The replay that it waits for was lost: this is the one behind it.
        side.naks = rules.nak_copies;
        side.expires = Some((side.went_back + rules.timeout, side.expected));
    }
}
