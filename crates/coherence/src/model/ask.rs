//! Asks the tables, for a pair of a line and an event that was not met before.

use base::NodeIdx;

use super::act::Shape;
use super::code;
use super::event::{FLAG, core_event, line_of_event, of_package};
use super::memo::{Entry, Performed, Verdict};
use super::packages::{self, Numbers, OfPackage, Place};
use crate::cache_table::{CacheEvent, cache_step};
use crate::dir_table::{DirEvent, dir_step};
use crate::message::{EACH_SHARER, Message};
use crate::mutant::Faults;
use crate::package_table::{Levels, PackageEvent, PackageHome, PackageStep, package_step};
use crate::sharers::Sharers;
use crate::state::{Effect, Sends, Step};

/// The step of a line in a cache or at the fabric's home.
#[cold]
pub(crate) fn ask<F: Faults>(
    levels: &Levels<F>,
    shape: &Shape,
    before: u32,
    event: u32,
    place: Place,
) -> Entry {
    let values = shape.values;
    let is_core = event & FLAG != 0;
    let line = line_of_event(event);
    let m = code::unpack_message(if is_core { 0 } else { event }, values);
    let Place::Cache(cache) = place else {
        let numbers = shape.fabric();
        let m = numbers.seen_in(m);
        let home = numbers.seen_in(Message { dst: shape.home_of(line), ..m }).dst;
        let event = if is_core { DirEvent::Recall { home } } else { DirEvent::Message(&m) };
        let step = dir_step(levels.outer, &code::unpack_dir(before, values), event);
        let sharers = |next: &crate::DirLine<u8>| next.sharers;
        return entry(step, (line, numbers), code::pack_dir, sharers);
    };
    let package = cache / shape.package_caches();
    let numbers = shape.inside(package);
    let m = numbers.seen_in(m);
    let me = numbers.seen_in(Message { dst: NodeIdx(cache), ..m }).dst;
    let event = core_event(event, values).unwrap_or(CacheEvent::Message(&m));
    let home = shape.inner_home_of(line);
    let cfg = if shape.packages.is_some() { levels.inner } else { levels.outer };
    let step = cache_step(cfg, me, &code::unpack_cell(before, home, values), event);
    entry(step, (line, numbers), code::pack_cell, |_| Sharers::default())
}

/// The step of a line at a package's home.
#[cold]
pub(crate) fn ask_package<F: Faults>(
    levels: &Levels<F>,
    shape: &Shape,
    before: [u32; 2],
    event: u32,
    package: u32,
) -> Entry {
    let line = line_of_event(event);
    let before = packages::unpack(before, shape, package);
    let (inside, fabric) = (shape.inside(package), shape.fabric());
    let m = code::unpack_message(if event & FLAG != 0 { 0 } else { event }, shape.values);
    let of_cache = m.src.0 < shape.caches;
    let m = if of_cache { inside.seen_in(m) } else { fabric.seen_in(m) };
    let event = match of_package(event) {
        Some(OfPackage::Recall) => PackageEvent::Recall,
        Some(OfPackage::Evict) => PackageEvent::Evict,
        Some(OfPackage::Drop) => PackageEvent::Drop,
        None if of_cache => PackageEvent::Inner(&m),
        None => PackageEvent::Outer(&m),
    };
    let home = NodeIdx(shape.package_caches());
    let me = PackageHome { home, package: NodeIdx(package) };
    let (next, inner, outer) = match package_step(levels, me, &before, event) {
        PackageStep::Next { line, inner, outer } => (line, inner, outer),
        PackageStep::Stall => return Entry::new(Verdict::Stall),
        PackageStep::Illegal => return Entry::new(Verdict::Illegal),
    };
    let mut entry = Entry::new(Verdict::Next);
    let fits = send(&mut entry, &inner, (line, inside), next.inner.sharers)
        && send(&mut entry, &outer, (line, fabric), Sharers::default());
    let Some([first, second]) = packages::pack(&next).filter(|_| fits) else {
        return Entry::new(Verdict::Unbounded);
    };
    (entry.next, entry.more) = (first, second);
    entry
}

/// Packs a step.
fn entry<L>(
    step: Step<L, u8>,
    (line, numbers): (u32, Numbers),
    pack: impl Fn(&L) -> Option<u32>,
    sharers: impl Fn(&L) -> Sharers,
) -> Entry {
    let (next, sends, effect): (L, Sends<u8>, _) = match step {
        Step::Next(next, sends, effect) => (next, sends, effect),
        Step::Stall => return Entry::new(Verdict::Stall),
        Step::Illegal => return Entry::new(Verdict::Illegal),
    };
    let mut entry = Entry::new(Verdict::Next);
    let fits = send(&mut entry, &sends, (line, numbers), sharers(&next));
    let Some(next) = pack(&next).filter(|_| fits) else { return Entry::new(Verdict::Unbounded) };
    entry.next = next;
    entry.performed = match effect {
        Effect::None => Performed::Nothing,
        Effect::Load(v) => Performed::Load(v + 1),
        Effect::Store { old, new } => Performed::Store(old + 1, new + 1),
    };
    entry
}

/// Packs messages, those to each sharer one by one; false if something does not fit.
fn send(
    entry: &mut Entry,
    sends: &Sends<u8>,
    (line, numbers): (u32, Numbers),
    sharers: Sharers,
) -> bool {
    let mut push = |m: Message<u8>| {
        code::pack_message(line, &numbers.named_in(m)).is_some_and(|m| entry.push(m))
    };
    sends.iter().all(|m| match m.dst {
        EACH_SHARER => sharers.iter().all(|to| push(m.to(to))),
        _ => push(*m),
    })
}
