//! A few caches and lines around the protocol's tables, and what can be done to them.

use base::{Map, NodeIdx};

use super::act::{Act, Flight, Shape, Taken};
use super::ask::ask;
use super::code::{self, msg};
pub(crate) use super::event::{Move, PACKAGE, core_move, line_of};
use super::event::{RECALL, core_bits, core_event, kind_of, line_of_event, of_package};
use super::fault::{Fault, FaultKind};
use super::memo::{Memo, Performed, Verdict};
use super::networks::Networks;
use super::packages::{self, OfPackage, Place};
use super::schedule::write_flight;
use super::world::World;
use crate::cache_table::CacheEvent;
use crate::config::Config;
use crate::coverage::Coverage;
use crate::dir_table::DirEvent;
use crate::directory::Directory;
use crate::message::MsgKind;
use crate::mutant::Faults;
use crate::package_table::{Levels, PackageLine};
use crate::state::{CacheLine, CacheState, DirLine, DirState, Effect};

const DIR_KEY: u64 = 1 << 62;
pub(super) const PACKAGE_KEY: u64 = 1 << 63;
const LAST_MASK: u32 = 7 << code::dir::LAST;

/// A system: the protocol's options and its size. Remembers what the tables said.
#[derive(Clone, Debug)]
pub struct System<F: Faults> {
    pub(super) levels: Levels<F>,
    pub(super) shape: Shape,
    pub(super) memo: Memo,
    /// Lines at packages' homes, with a number that stands for each in keys of the memo.
    pub(super) lines: Map<u64, u32>,
    pub(super) by_number: Vec<[u32; 2]>,
}

impl<F: Faults> System<F> {
    /// A system of `shape` that runs the protocol as `cfg` says; where there are packages, `cfg` has the
    /// directory of the fabric, whose nodes they are.
    ///
    /// # Panics
    /// If the shape is out of bounds; see [`Shape::check`].
    pub fn new(cfg: Config<F>, shape: Shape) -> Self {
        if let Err(what) = shape.check() {
            panic!("{what}");
        }
        let listing = shape.packages.map_or(cfg.directory.listing, |p| p.inner);
        let directory = Directory { listing, nodes: shape.package_caches() };
        let levels = Levels { inner: Config { directory, ..cfg }, outer: cfg };
        Self { levels, shape, memo: Memo::new(), lines: Map::default(), by_number: Vec::new() }
    }

    /// Its size.
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The protocol's options.
    pub const fn config(&self) -> Config<F> {
        self.levels.outer
    }

    /// Caches empty, memory zero, nothing under way.
    pub fn start(&self) -> World {
        let zero = DirLine::untouched(0);
        let cell = code::pack_cell(&CacheLine::invalid(NodeIdx(0))).unwrap_or(0);
        let dir = code::pack_dir(&zero).unwrap_or(0) | 1 << code::dir::LAST;
        let mut words = vec![cell; self.shape.cells()];
        words.resize(self.shape.cells() + self.shape.lines as usize, dir);
        let untouched = packages::pack(&PackageLine::untouched(NodeIdx(0), 0)).unwrap_or_default();
        for _ in 0..self.shape.packages() * self.shape.lines {
            words.extend(untouched);
        }
        World::from_words(&words)
    }

    /// Does `act`, if it can be done, and checks what it performed; see [`check`](Self::check) for
    /// the invariants of the world that it leads to.
    ///
    /// # Errors
    /// The promise that the act breaks.
    pub fn step(&mut self, world: &World, act: Act) -> Result<Taken, Fault> {
        let Some(go) = self.pack(world, &act) else { return Ok(Taken::Waits) };
        let mut next = *world;
        Ok(match self.go(world, go, &mut next)? {
            None => Taken::Waits,
            Some(performed) => Taken::Next(next, effect(performed)),
        })
    }

    /// The line `line` in the cache of node `cache`.
    pub fn cache(&self, world: &World, cache: NodeIdx, line: u32) -> CacheLine<u8> {
        let word = world.words()[self.shape.cell_at(cache.0, line)];
        code::unpack_cell(word, self.shape.inner_home_of(line), self.shape.values)
    }

    /// The line `line` at the home of a package.
    pub fn package(&self, world: &World, package: u32, line: u32) -> PackageLine<u8> {
        packages::unpack(self.package_words(world, package, line), &self.shape, package)
    }

    /// The line `line` at its home.
    pub fn dir(&self, world: &World, line: u32) -> DirLine<u8> {
        code::unpack_dir(self.dir_word(world, line), self.shape.values)
    }

    /// What the last write left in `line`.
    pub fn last_write(&self, world: &World, line: u32) -> u8 {
        last(self.dir_word(world, line)) - 1
    }

    /// The messages under way.
    pub fn flights(&self, world: &World) -> impl Iterator<Item = Flight> {
        let (words, values) = (world.words()[self.shape.fixed()..].to_vec(), self.shape.values);
        words
            .into_iter()
            .map(move |w| Flight { line: line_of(w), msg: code::unpack_message(w, values) })
    }

    /// Whether nothing is under way.
    pub fn is_quiescent(&self, world: &World) -> bool {
        let (cells, rest) = world.words().split_at(self.shape.cells());
        let (homes, packages) = rest.split_at(self.shape.lines as usize);
        world.words().len() == self.shape.fixed()
            && homes.iter().all(|d| code::dir_state(*d).is_stable())
            && cells.iter().all(|c| code::cell_state(*c).is_stable())
            && packages.chunks_exact(2).all(|p| packages::is_stable(p[0], p[1]))
    }

    /// The rows of the tables taken so far. A row that stalled is counted as well.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for (key, hits) in self.memo.met() {
            if key & PACKAGE_KEY != 0 {
                self.package_coverage(key & !PACKAGE_KEY, hits, &mut coverage);
                continue;
            }
            let (state, event) = (halves(key & !DIR_KEY).0, halves(key).1);
            let m = code::unpack_message(event & !core_bits::FLAG, self.shape.values);
            if key & DIR_KEY != 0 {
                let event = if event & core_bits::FLAG == 0 {
                    DirEvent::Message(&m)
                } else {
                    DirEvent::Recall { home: NodeIdx(0) }
                };
                coverage.dir_times(code::dir_state(state), event.kind(), hits);
            } else {
                let event = self.core_event(event).unwrap_or(CacheEvent::Message(&m));
                coverage.cache_times(code::cell_state(state), event.kind(), hits);
            }
        }
        coverage
    }

    /// Does a packed move and leaves the world that it leads to in `next`; see [`step`](Self::step).
    /// None if the move has to wait; `next` is then of no use.
    #[inline]
    pub(crate) fn go(
        &mut self,
        world: &World,
        go: Move,
        next: &mut World,
    ) -> Result<Option<Performed>, Fault> {
        let (event, consumed) = match go {
            Move::Core(event) => (event, None),
            Move::Deliver(at) => (world.words()[at], Some(at)),
        };
        if consumed.is_some_and(|at| self.is_behind(world, at)) {
            return Ok(None);
        }
        let core = consumed.is_none();
        let line = line_of_event(event);
        let dir_at = self.shape.cells() + line as usize;
        let place = self.place(event);
        let (at, before) = match place {
            Place::Package(package) => {
                return self.go_package(world, (event, consumed), package, next);
            }
            Place::Home => (dir_at, world.words()[dir_at] & !LAST_MASK),
            Place::Cache(cache) => {
                let at = self.shape.cell_at(cache, line);
                (at, world.words()[at])
            }
        };
        let at_home = place == Place::Home;
        if at_home && !core && self.awaits_room(world, event) {
            return Ok(None);
        }
        let key = u64::from(before) << 32 | u64::from(event) | if at_home { DIR_KEY } else { 0 };
        let (levels, shape) = (&self.levels, self.shape);
        let entry = self.memo.get(key, || ask(levels, &shape, before, event, place));
        match entry.verdict {
            Verdict::Next => {}
            Verdict::Stall => return Ok(None),
            Verdict::Illegal => return Err(self.illegal(before, event, at_home)),
            Verdict::Unbounded => return Err(unbounded()),
        }
        if core
            && !at_home
            && shape.lines > shape.mshrs
            && !may_start(&shape, world, before, entry.next, event & 7)
        {
            return Ok(None);
        }
        if !pass_on(&shape, world, consumed, entry.sends(), next)? {
            return Ok(None);
        }
        let performed = entry.performed;
        let words = next.words_mut();
        words[at] = if at_home { entry.next | words[at] & LAST_MASK } else { entry.next };
        observe(&mut words[dir_at], performed, event, core)?;
        Ok(Some(performed))
    }

    /// Where an event takes place.
    #[inline]
    fn place(&self, event: u32) -> Place {
        if event & core_bits::FLAG != 0 {
            return match kind_of(event) {
                RECALL => Place::Home,
                PACKAGE => Place::Package(event & 7),
                _ => Place::Cache(event & 7),
            };
        }
        let to = code::three(event, msg::DST);
        match to.checked_sub(self.shape.caches) {
            _ if self.shape.packages.is_none() => {
                if code::to_home(event) {
                    Place::Home
                } else {
                    Place::Cache(to)
                }
            }
            None => Place::Cache(to),
            Some(package) if package < self.shape.packages() => Place::Package(package),
            Some(_) => Place::Home,
        }
    }

    /// Whether the message at a place in the world is not the first of its FIFO.
    #[inline]
    fn is_behind(&self, world: &World, at: usize) -> bool {
        let Some(networks) = &self.shape.networks else { return false };
        let fifo = |at: usize| networks.fifo(world.words()[at], self.shape.caches);
        at > self.shape.fixed() && fifo(at) != 0 && fifo(at - 1) == fifo(at)
    }

    /// Whether a message under way is a request that needs an entry of a full directory.
    #[inline]
    fn awaits_room(&self, world: &World, message: u32) -> bool {
        let Some(most) = self.shape.directory_lines else { return false };
        let takes_entry = matches!(
            code::kind(message),
            MsgKind::GetS | MsgKind::GetM | MsgKind::Upg | MsgKind::Far
        );
        let tracked = |line| code::dir_state(self.dir_word(world, line)) != DirState::I;
        let line = line_of(message);
        let home = self.shape.home_of(line);
        let mates = (0..self.shape.lines).filter(|l| self.shape.home_of(*l) == home);
        let inside = NodeIdx(code::three(message, msg::DST)) != home;
        takes_entry
            && !inside
            && !tracked(line)
            && mates.filter(|l| tracked(*l)).count() >= most as usize
    }

    /// Whether home has to recall `line`, or another of its lines, as a request waits for room.
    pub(crate) fn wanted_for_room(&self, world: &World, line: u32) -> bool {
        let home = self.shape.home_of(line);
        code::dir_state(self.dir_word(world, line)) != DirState::I
            && world.words()[self.shape.fixed()..].iter().any(|message| {
                self.shape.home_of(line_of(*message)) == home && self.awaits_room(world, *message)
            })
    }

    /// The packed form of `act`; none if it cannot be done in `world`.
    fn pack(&self, world: &World, act: &Act) -> Option<Move> {
        let core = |kind, cache: NodeIdx, line, write| {
            let shape = &self.shape;
            let fits = line < shape.lines && cache.0 < shape.caches;
            fits.then(|| core_move(kind, cache.0, line, code::pack_write(write)))
        };
        match *act {
            Act::Load { cache, line } => core(0, cache, line, None),
            Act::Store { cache, line, write } => core(1, cache, line, Some(write)),
            Act::Far { cache, line, write } => core(2, cache, line, Some(write)),
            Act::Evict { cache, line } => {
                let held = self.cache(world, cache, line).state != CacheState::I;
                core(3, cache, line, None).filter(|_| held)
            }
            Act::Drop { cache, line } => {
                let shared = self.cache(world, cache, line).state == CacheState::S;
                core(4, cache, line, None).filter(|_| shared)
            }
            Act::Recall { line } => {
                let tracked = self.dir(world, line).state != DirState::I;
                core(RECALL, NodeIdx(0), line, None).filter(|_| tracked)
            }
            Act::PackageRecall { package, line } => {
                self.package_act(OfPackage::Recall, package, line)
            }
            Act::PackageEvict { package, line } => {
                self.package_act(OfPackage::Evict, package, line)
            }
            Act::PackageDrop { package, line } => self.package_act(OfPackage::Drop, package, line),
            Act::Deliver(flight) => {
                let word = code::pack_message(flight.line, &flight.msg)?;
                let messages = &world.words()[self.shape.fixed()..];
                let at = messages.iter().position(|w| *w == word)?;
                Some(Move::Deliver(self.shape.fixed() + at))
            }
        }
    }

    /// The act that a packed move stands for.
    pub(crate) fn act(&self, world: &World, go: Move) -> Act {
        let event = match go {
            Move::Core(event) => event,
            Move::Deliver(at) => {
                let word = world.words()[at];
                let msg = code::unpack_message(word, self.shape.values);
                return Act::Deliver(Flight { line: line_of(word), msg });
            }
        };
        let (cache, line) = (NodeIdx(event & 7), event >> core_bits::LINE & 3);
        let package = cache.0;
        match of_package(event) {
            Some(OfPackage::Recall) => return Act::PackageRecall { package, line },
            Some(OfPackage::Evict) => return Act::PackageEvict { package, line },
            Some(OfPackage::Drop) => return Act::PackageDrop { package, line },
            None => {}
        }
        match self.core_event(event) {
            Some(CacheEvent::Load) => Act::Load { cache, line },
            Some(CacheEvent::Store(write)) => Act::Store { cache, line, write },
            Some(CacheEvent::Far(write)) => Act::Far { cache, line, write },
            Some(CacheEvent::Evict) => Act::Evict { cache, line },
            Some(CacheEvent::Drop) => Act::Drop { cache, line },
            _ => Act::Recall { line },
        }
    }

    fn dir_word(&self, world: &World, line: u32) -> u32 {
        world.words()[self.shape.cells() + line as usize]
    }

    fn core_event(&self, event: u32) -> Option<CacheEvent<'static, u8>> {
        core_event(event, self.shape.values)
    }

    pub(super) fn message(&self, event: u32) -> String {
        let (line, msg) = (line_of(event), code::unpack_message(event, self.shape.values));
        let mut what = String::new();
        let _ = write_flight(&mut what, &Flight { line, msg }, Some(&self.shape));
        what
    }

    #[cold]
    fn illegal(&self, before: u32, event: u32, at_home: bool) -> Fault {
        let values = self.shape.values;
        let what = match core_event(event, values) {
            Some(core) => format!("{core:?}"),
            None if event & core_bits::FLAG != 0 => "a recall".to_owned(),
            None => self.message(event),
        };
        let who = if at_home {
            format!("home in {:?}", code::dir_state(before))
        } else {
            let who =
                if event & core_bits::FLAG == 0 { code::three(event, msg::DST) } else { event & 7 };
            format!("n{who} in {:?}", code::cell_state(before))
        };
        Fault::new(FaultKind::Illegal, format!("{who} got {what}"))
    }
}

#[cold]
pub(super) fn unbounded() -> Fault {
    Fault::new(FaultKind::Unbounded, "a count or value does not fit")
}

/// Makes `next` the world without the message that is consumed, and with those that are sent; false if
/// they have to wait for room.
#[inline]
pub(super) fn pass_on(
    shape: &Shape,
    world: &World,
    consumed: Option<usize>,
    sends: &[u32],
    next: &mut World,
) -> Result<bool, Fault> {
    next.copy_from(world);
    if let Some(at) = consumed {
        next.remove(at);
    }
    let fixed = shape.fixed();
    for sent in sends {
        let place = match &shape.networks {
            None => next.words()[fixed..].partition_point(|w| w < sent),
            Some(networks) => match room((networks, shape.caches), &next.words()[fixed..], *sent) {
                Some(place) => place,
                None => return Ok(false),
            },
        };
        if !next.insert(fixed + place, *sent) {
            return Err(Fault::new(FaultKind::Unbounded, "too many messages are under way"));
        }
    }
    Ok(true)
}

/// The place of a message to be sent among `messages`; none if its FIFO is full.
fn room((networks, caches): (&Networks, u32), messages: &[u32], sent: u32) -> Option<usize> {
    let to = networks.place(sent, caches);
    let place = messages.partition_point(|w| networks.place(*w, caches) <= to);
    let ahead =
        messages[..place].iter().rev().take_while(|w| networks.fifo(**w, caches) == to.0).count();
    (to.0 == 0 || ahead < networks.depth_messages as usize).then_some(place)
}

/// The code of the last write to a line; never 0.
#[inline]
pub(crate) fn last(dir: u32) -> u8 {
    (dir >> code::dir::LAST).to_le_bytes()[0]
}

pub(super) fn halves(key: u64) -> (u32, u32) {
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
    (half(key >> 32), half(key))
}

/// Whether a core's move on the line `before`, which becomes `after`, finds an MSHR.
fn may_start(shape: &Shape, world: &World, before: u32, after: u32, cache: u32) -> bool {
    let (before, after) = (code::cell_state(before), code::cell_state(after));
    if !before.is_stable() || after.is_stable() {
        return true;
    }
    let cells = &world.words()[shape.cell_at(cache, 0)..shape.cell_at(cache + 1, 0)];
    let busy = cells.iter().filter(|c| !code::cell_state(**c).is_stable()).count();
    busy < shape.mshrs as usize
}

/// Compares an access with the last write, and takes note of a write.
#[inline]
fn observe(dir: &mut u32, performed: Performed, event: u32, core: bool) -> Result<(), Fault> {
    let who = || code::short(NodeIdx(if core { event & 7 } else { code::three(event, msg::DST) }));
    let golden = last(*dir);
    match performed {
        Performed::Load(v) if v != golden => Err(Fault::new(
            FaultKind::StaleLoad,
            format!("{} read {}, the last write left {}", who(), v - 1, golden - 1),
        )),
        Performed::Store(old, _) if old != golden => Err(Fault::new(
            FaultKind::StaleStore,
            format!("{} wrote over {}, the last write left {}", who(), old - 1, golden - 1),
        )),
        Performed::Store(_, new) => {
            *dir = *dir & !LAST_MASK | u32::from(new) << code::dir::LAST;
            Ok(())
        }
        Performed::Load(_) | Performed::Nothing => Ok(()),
    }
}

fn effect(performed: Performed) -> Effect<u8> {
    match performed {
        Performed::Nothing => Effect::None,
        Performed::Load(v) => Effect::Load(v - 1),
        Performed::Store(old, new) => Effect::Store { old: old - 1, new: new - 1 },
    }
}
