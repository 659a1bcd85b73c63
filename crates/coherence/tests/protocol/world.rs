//! One line, a few caches, its home, and a network that is a multiset of messages; ghost values and
//! the protocol's invariants: the plainest driver of the tables, to compare the search with.

use base::NodeIdx;
use coherence::{
    ByteWrite, CacheEvent, CacheLine, CacheState, Config, Coverage, DirEvent, DirLine, DirState,
    EACH_SHARER, Effect, Message, MsgKind, Step, cache_step, dir_step,
};

pub(crate) type Seeded = Config<Option<coherence::Mutant>>;

/// What can be done to a world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Load(NodeIdx),
    Store(NodeIdx, ByteWrite),
    Far(NodeIdx, ByteWrite),
    Evict(NodeIdx),
    Drop(NodeIdx),
    Recall,
    /// Delivers this message, if it is in the network.
    Deliver(Message<u8>),
}

/// Whether an act could be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Done {
    Yes,
    /// The act has to wait, or makes no sense here.
    Disabled,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World {
    pub(crate) home: NodeIdx,
    pub(crate) caches: Vec<CacheLine<u8>>,
    pub(crate) dir: DirLine<u8>,
    pub(crate) net: Vec<Message<u8>>,
    /// The last value written.
    pub(crate) golden: u8,
}

impl World {
    /// All caches empty, memory zero.
    pub(crate) fn new(caches: u32, home: NodeIdx) -> Self {
        Self {
            home,
            caches: (0..caches).map(|_| CacheLine::invalid(home)).collect(),
            dir: DirLine::untouched(0),
            net: Vec::new(),
            golden: 0,
        }
    }

    /// Does `act` and checks what it did; `Err` says which invariant broke.
    pub(crate) fn apply(
        &mut self,
        cfg: Seeded,
        act: &Act,
        coverage: &mut Coverage,
    ) -> Result<Done, String> {
        let done = match *act {
            Act::Load(n) => self.cache(cfg, n, CacheEvent::Load, coverage),
            Act::Store(n, w) => self.cache(cfg, n, CacheEvent::Store(w), coverage),
            Act::Far(n, w) => self.cache(cfg, n, CacheEvent::Far(w), coverage),
            Act::Evict(n) if self.state(n) == CacheState::I => Ok(Done::Disabled),
            Act::Evict(n) => self.cache(cfg, n, CacheEvent::Evict, coverage),
            Act::Drop(n) if self.state(n) != CacheState::S => Ok(Done::Disabled),
            Act::Drop(n) => self.cache(cfg, n, CacheEvent::Drop, coverage),
            Act::Recall if self.dir.state == DirState::I => Ok(Done::Disabled),
            Act::Recall => self.home(cfg, DirEvent::Recall { home: self.home }, coverage),
            Act::Deliver(m) => self.deliver(cfg, &m, coverage),
        }?;
        self.check()?;
        Ok(done)
    }

    fn state(&self, n: NodeIdx) -> CacheState {
        self.caches[n.at()].state
    }

    fn deliver(
        &mut self,
        cfg: Seeded,
        m: &Message<u8>,
        coverage: &mut Coverage,
    ) -> Result<Done, String> {
        let Some(at) = self.net.iter().position(|x| x == m) else { return Ok(Done::Disabled) };
        let done = if m.to_home() {
            self.home(cfg, DirEvent::Message(m), coverage)?
        } else {
            self.cache(cfg, m.dst, CacheEvent::Message(m), coverage)?
        };
        if done == Done::Yes {
            self.net.remove(at);
            self.net.sort_unstable_by_key(key);
        }
        Ok(done)
    }

    fn cache(
        &mut self,
        cfg: Seeded,
        n: NodeIdx,
        event: CacheEvent<'_, u8>,
        coverage: &mut Coverage,
    ) -> Result<Done, String> {
        let before = self.caches[n.at()];
        coverage.cache(before.state, event.kind());
        match cache_step(cfg, n, &before, event) {
            Step::Next(next, sends, effect) => {
                self.caches[n.at()] = next;
                self.net.extend(sends);
                self.observe(n, effect)?;
            }
            Step::Stall => return Ok(Done::Disabled),
            Step::Illegal => {
                return Err(format!("illegal: {n} in {:?} got {event:?}", before.state));
            }
        }
        Ok(Done::Yes)
    }

    fn home(
        &mut self,
        cfg: Seeded,
        event: DirEvent<'_, u8>,
        coverage: &mut Coverage,
    ) -> Result<Done, String> {
        let before = self.dir;
        coverage.dir(before.state, event.kind());
        match dir_step(cfg, &before, event) {
            Step::Next(next, sends, _) => {
                self.dir = next;
                for m in sends {
                    if m.dst == EACH_SHARER {
                        self.net.extend(next.sharers.iter().map(|dst| m.to(dst)));
                    } else {
                        self.net.push(m);
                    }
                }
            }
            Step::Stall => return Ok(Done::Disabled),
            Step::Illegal => {
                return Err(format!("illegal: home in {:?} got {event:?}", before.state));
            }
        }
        Ok(Done::Yes)
    }

    fn observe(&mut self, n: NodeIdx, effect: Effect<u8>) -> Result<(), String> {
        match effect {
            Effect::Load(v) if v != self.golden => {
                Err(format!("{n} read {v}, last written {}", self.golden))
            }
            Effect::Store { old, .. } if old != self.golden => {
                Err(format!("{n} wrote over {old}, last written {}", self.golden))
            }
            Effect::Store { new, .. } => {
                self.golden = new;
                Ok(())
            }
            Effect::Load(_) | Effect::None => Ok(()),
        }
    }

    fn check(&mut self) -> Result<(), String> {
        self.net.sort_unstable_by_key(key);
        let writers = self.caches.iter().filter(|c| c.state.is_writable()).count();
        let readers = self.caches.iter().filter(|c| c.state.is_readable()).count();
        let owners = self.caches.iter().filter(|c| c.state.is_owner()).count();
        ensure(writers == 0 || readers == 1, "a writer and another copy")?;
        ensure(owners <= 1, "two owners")?;
        let answers = |state: CacheState| state.is_readable() || state == CacheState::OmAd;
        let current = |c: &CacheLine<u8>| !answers(c.state) || c.value == Some(self.golden);
        ensure(self.caches.iter().all(current), "a readable copy is stale")?;
        self.check_directory()?;
        for n in 0..self.caches.len() {
            let snoops =
                |m: &&Message<u8>| m.kind.class() == base::Class::Fwd && m.dst == NodeIdx::new(n);
            ensure(self.net.iter().filter(snoops).count() <= 1, "two snoops at one cache")?;
        }
        Ok(())
    }

    fn check_directory(&self) -> Result<(), String> {
        use CacheState::{E, EiA, M, MiA, O, OiA, OmAd, S, SmAd};
        let memory_is_current = self.dir.memory == self.golden;
        let d = &self.dir;
        for (n, c) in self.caches.iter().enumerate() {
            let n = NodeIdx::new(n);
            let (mine, listed) = (d.owner == Some(n), d.sharers.contains(n));
            let fits = match c.state {
                E | M => d.state == DirState::EM && mine,
                O | OmAd => d.state == DirState::O && mine,
                S | SmAd => matches!(d.state, DirState::S | DirState::O) && listed,
                _ => true,
            };
            let owns = match d.state {
                DirState::EM => matches!(c.state, E | EiA | M | MiA),
                DirState::O => matches!(c.state, O | OmAd | OiA),
                _ => true,
            };
            ensure(fits || !d.state.is_stable(), "the directory does not know a copy")?;
            ensure(!mine || owns, "no owner's copy")?;
        }
        let clean = matches!(d.state, DirState::I | DirState::S);
        ensure(!clean || memory_is_current, "memory is stale")
    }

    /// This world with cache `i` renamed to `names[i]`.
    pub(crate) fn renamed(&self, names: &[u32]) -> Self {
        let name = |n: NodeIdx| names.get(n.at()).map_or(n, |to| NodeIdx(*to));
        let mut w = self.clone();
        for (at, c) in self.caches.iter().enumerate() {
            w.caches[names[at] as usize] = *c;
        }
        w.dir.owner = self.dir.owner.map(name);
        w.dir.requester = self.dir.requester.map(name);
        w.dir.sharers = self.dir.sharers.iter().map(name).collect();
        for m in &mut w.net {
            (m.src, m.dst, m.requester) = (name(m.src), name(m.dst), name(m.requester));
        }
        w.net.sort_unstable_by_key(key);
        w
    }
}

type Key = (MsgKind, NodeIdx, NodeIdx, NodeIdx, bool, u16, Option<u8>, Option<ByteWrite>);

fn key(m: &Message<u8>) -> Key {
    let at_home = m.gather == coherence::Gather::Home;
    (m.kind, m.src, m.dst, m.requester, at_home, m.acks, m.data, m.write)
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}
