//! What barriers promise, followed from outside: every arrival and every release of a run is told here,
//! whoever does the barrier, and judged by counts alone.

use base::{Fs, Map, Share, ThreadIdx, join};
use std::collections::VecDeque;

use crate::node::barrier::BarrierError;
use crate::stats::Latency;

/// Findings that are kept in words.
const FINDINGS: usize = 8;

/// Something that a thread does at a barrier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) at: Fs,
    pub(crate) id: u32,
    pub(crate) thread: ThreadIdx,
    pub(crate) what: What,
}

/// See [`Event`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// It arrives and brings a share.
    Arrives { members: u32, share: Share },
    /// It is released, and told what came of the shares.
    Goes(Share),
}

/// A round of a barrier that all have arrived at, and some of whose members are still to be released.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Met {
    left: u32,
    last: Fs,
    share: Share,
}

/// One barrier.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Meeting {
    members: u32,
    arrived: Vec<ThreadIdx>,
    since: Fs,
    share: Share,
    met: VecDeque<Met>,
    /// Who came to the first round, in order.
    team: Vec<ThreadIdx>,
    /// Whether others come as well: then who met whom is not known here, and so what they are to be told.
    open: bool,
}

/// Members that waited too long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Overdue {
    pub(crate) id: u32,
    pub(crate) members: u32,
    pub(crate) arrived: Vec<ThreadIdx>,
    pub(crate) since: Fs,
    /// When the time was over.
    pub(crate) at: Fs,
}

/// What barriers did in a run.
#[derive(Clone, Debug, Default)]
pub struct BarrierUse {
    /// From the last member's arrival to the last one's release.
    pub latency: Latency,
    /// From the first member's arrival to the last one's.
    pub gathering: Latency,
    /// Barriers that had room in the units, and those whose members were known; none without units.
    pub units: Option<(usize, usize)>,
    /// Tokens of units that travelled the links.
    pub tokens: u64,
}

/// All barriers of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meetings {
    open: Map<u32, Meeting>,
    timeout: Option<Fs>,
    /// No member has waited too long up to this instant.
    pub(crate) deadline: Fs,
    pub(crate) latency: Latency,
    pub(crate) gathering: Latency,
    /// Releases that should not have been, and the first few in words.
    pub(crate) violations: u64,
    pub(crate) findings: Vec<String>,
}

base::state!([] Meetings {
    keeps open, deadline, latency, gathering, violations, findings;
    each;
    fixed timeout
});

impl Meetings {
    pub(crate) fn new(timeout: Option<Fs>) -> Self {
        Self { timeout, deadline: Fs::NEVER, ..Self::default() }
    }

    /// Takes in an event; events are told in the order of time.
    ///
    /// # Errors
    /// If members disagree on their number, or on what is combined.
    pub(crate) fn take(&mut self, e: &Event) -> Result<(), BarrierError> {
        let meeting = self.open.or_insert_with(e.id, Meeting::default);
        match e.what {
            What::Arrives { members, share } => {
                if meeting.arrived.is_empty() {
                    (meeting.members, meeting.since, meeting.share) = (members, e.at, share);
                    if let Some(timeout) = self.timeout {
                        self.deadline = self.deadline.min(e.at + timeout);
                    }
                } else {
                    meeting.agree(e, members, share)?;
                }
                meeting.open |= meeting.is_stranger(e.thread);
                meeting.arrived.push(e.thread);
                if meeting.arrived.len() >= meeting.members as usize {
                    if meeting.team.is_empty() {
                        meeting.team.clone_from(&meeting.arrived);
                        meeting.team.sort_unstable();
                    }
                    self.gathering.add(e.at.since(meeting.since).0);
                    let share = meeting.share;
                    meeting.met.push_back(Met { left: members, last: e.at, share });
                    meeting.arrived.clear();
                }
            }
            What::Goes(share) => self.goes(e, share),
        }
        Ok(())
    }

    fn goes(&mut self, e: &Event, share: Share) {
        let Some(meeting) = self.open.get_mut(e.id) else { return };
        let Some(met) = meeting.met.front_mut() else {
            let (id, missing) = (e.id, meeting.members as usize - meeting.arrived.len());
            return self.finding(format!(
                "{} is released from barrier {id} at {} with {missing} members missing",
                e.thread, e.at
            ));
        };
        met.left -= 1;
        let (met, told) = (*met, share.map(|s| s.1));
        if met.left == 0 {
            meeting.met.pop_front();
            self.latency.add(e.at.since(met.last).0);
        }
        if !meeting.open && met.share.map(|s| s.1) != told {
            let due = met.share.map(|s| s.1);
            let (id, thread) = (e.id, e.thread);
            self.finding(format!("{thread} is told {told:?} by reduction {id}, not {due:?}"));
        }
    }

    fn finding(&mut self, what: String) {
        self.violations += 1;
        if self.findings.len() < FINDINGS {
            self.findings.push(what);
        }
    }

    /// The first barrier by time, then by id, at which a member had waited too long before `now`.
    pub(crate) fn overdue(&mut self, now: Fs) -> Option<Overdue> {
        let timeout = self.timeout?;
        let open = self.open.sorted().into_iter().filter(|(_, m)| !m.arrived.is_empty());
        let Some((since, id)) = open.map(|(id, m)| (m.since, id)).min() else {
            self.deadline = Fs::NEVER;
            return None;
        };
        self.deadline = since + timeout;
        let m = self.open.get(id).filter(|_| self.deadline < now)?;
        let (members, arrived) = (m.members, m.arrived.clone());
        Some(Overdue { id, members, arrived, since, at: self.deadline })
    }
}

impl Meeting {
    /// Whether a thread is none of those who came to the first round.
    fn is_stranger(&self, thread: ThreadIdx) -> bool {
        !self.team.is_empty() && self.team.binary_search(&thread).is_err()
    }

    /// Whether a later arrival fits the earlier ones; combines what they bring.
    fn agree(&mut self, e: &Event, members: u32, share: Share) -> Result<(), BarrierError> {
        if members != self.members {
            return Err(BarrierError::members(e.id, e.thread, members, self.members));
        }
        let joined = join(self.share, share);
        self.share = joined.ok_or_else(|| BarrierError::shares(e.id, e.thread))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use base::Combine;

    use super::*;

    fn event(at: u64, thread: u32, what: What) -> Event {
        Event { at: Fs(at), id: 7, thread: ThreadIdx(thread), what }
    }

    fn arrives(at: u64, thread: u32, word: u64) -> Event {
        event(at, thread, What::Arrives { members: 2, share: Some((Combine::Max, word)) })
    }

    fn goes(at: u64, thread: u32, word: u64) -> Event {
        event(at, thread, What::Goes(Some((Combine::Max, word))))
    }

    #[test]
    fn a_round_is_timed_from_the_last_arrival_to_the_last_release() {
        let mut m = Meetings::new(None);
        for e in [arrives(3, 0, 1), arrives(10, 1, 5), goes(20, 1, 5), arrives(21, 1, 2)] {
            m.take(&e).unwrap();
        }
        m.take(&goes(30, 0, 5)).unwrap();
        assert_eq!((m.violations, m.latency.count(), m.gathering.count()), (0, 1, 1));
        assert!((m.latency.max_ns() - 20e-6).abs() < 1e-12);
    }

    #[test]
    fn an_early_release_and_a_wrong_word_are_found() {
        let mut m = Meetings::new(None);
        m.take(&arrives(3, 0, 1)).unwrap();
        m.take(&goes(4, 0, 1)).unwrap();
        assert_eq!(m.violations, 1);
        m.take(&arrives(5, 1, 9)).unwrap();
        m.take(&goes(6, 0, 1)).unwrap();
        assert_eq!(m.violations, 2);
        assert!(m.findings[0].contains("1 members missing"), "{:?}", m.findings);
    }

    /// Two of four meet, whoever comes first where they are gathered: here 0 and 3, then 1 and 2.
    #[test]
    fn who_meets_whom_is_not_guessed_where_more_come_than_meet() {
        let mut m = Meetings::new(None);
        for e in [arrives(3, 0, 1), arrives(4, 1, 2), arrives(5, 2, 4), arrives(6, 3, 8)] {
            m.take(&e).unwrap();
        }
        for e in [goes(20, 3, 8), goes(21, 1, 4), goes(22, 0, 8), goes(23, 2, 4)] {
            m.take(&e).unwrap();
        }
        assert_eq!((m.violations, m.latency.count()), (0, 2), "{:?}", m.findings);
        m.take(&goes(24, 2, 4)).unwrap();
        assert_eq!(m.violations, 1, "nobody has arrived");
    }

    #[test]
    fn the_time_is_over_after_the_timeout_and_not_before() {
        let mut m = Meetings::new(Some(Fs(100)));
        m.take(&arrives(3, 0, 1)).unwrap();
        assert_eq!((m.deadline, m.overdue(Fs(103))), (Fs(103), None));
        let overdue = m.overdue(Fs(104)).unwrap();
        assert_eq!((overdue.id, overdue.at, overdue.arrived), (7, Fs(103), vec![ThreadIdx(0)]));
        m.take(&arrives(50, 1, 1)).unwrap();
        assert_eq!((m.overdue(Fs(1000)), m.deadline), (None, Fs::NEVER));
    }

    #[test]
    fn members_must_agree_on_what_they_bring() {
        let mut m = Meetings::new(None);
        m.take(&arrives(3, 0, 1)).unwrap();
        let bare = event(4, 1, What::Arrives { members: 2, share: None });
        assert!(m.take(&bare).unwrap_err().to_string().contains("barrier 7"));
    }
}
