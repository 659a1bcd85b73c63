//! Reads schedules.

use core::str::FromStr;

use base::NodeIdx;

use super::act::{Act, CACHES_MAX, Flight, Homes, LINES_MAX, Shape, VALUES_MAX};
use super::networks::Networks;
use super::schedule::{HEADER, Schedule};
use crate::config::Protocol;
use crate::directory::{Directory, Listing};
use crate::message::{Gather, Message, MsgKind};
use crate::mutant::Mutant;
use crate::value::ByteWrite;
use crate::words::{ScheduleError, Words};

/// Messages that a FIFO of a schedule's networks can hold.
const NETWORK_DEPTH_MAX: u32 = 32;

impl FromStr for Schedule {
    type Err = ScheduleError;

    /// Comments begin with `#`; empty lines say nothing.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(n, text)| Words::new(n + 1, text))
            .filter(|w| !w.ended());
        let first = lines.next().unwrap_or_else(|| Words::new(1, ""));
        if first.rest() != HEADER {
            return Err(
                first.error("this is no schedule", format!("begin the file with `{HEADER}`"))
            );
        }
        let mut schedule = system(&mut lines)?;
        let mut last = first.line;
        for mut words in lines {
            last = words.line;
            if words.rest() == "end" {
                return Ok(schedule);
            }
            schedule.acts.push(act(&mut words, &schedule.shape)?);
        }
        Err(Words::new(last, "").error("the schedule does not end", "put `end` after the last act"))
    }
}

/// The keys up to `begin`.
fn system<'a>(lines: &mut impl Iterator<Item = Words<'a>>) -> Result<Schedule, ScheduleError> {
    let (mut shape, mut listing, mut mutant) = (Shape::default(), Listing::FullMap, None);
    let mut protocol = Protocol::MESI;
    let mut last = 1;
    for mut words in lines {
        last = words.line;
        let key = words.next("a key")?;
        match key {
            "begin" => {
                words.finish()?;
                let directory = Directory { listing, nodes: shape.listed() };
                return match shape.check().and(directory.check()) {
                    Ok(()) => Ok(Schedule { shape, listing, protocol, mutant, acts: Vec::new() }),
                    Err(what) => Err(words.error(what, "choose a smaller system")),
                };
            }
            "caches" => shape.caches = words.number(CACHES_MAX)?,
            "packages" => {
                let read = words.rest().parse();
                shape.packages = Some(read.map_err(|what: String| {
                    words.error(
                        what,
                        "write their number and directory, such as `packages 2 full-map`",
                    )
                })?);
                words.skip();
            }
            "lines" => shape.lines = words.number(LINES_MAX)?,
            "values" => {
                shape.values = u8::try_from(words.number(u32::from(VALUES_MAX))?).unwrap_or(1);
            }
            "mshrs" => shape.mshrs = words.number(LINES_MAX)?,
            "directory_lines" => shape.directory_lines = Some(words.number(LINES_MAX)?),
            "homes" => {
                shape.homes = match words.next("`apart`, `interleaved` or `at`")? {
                    "apart" => Homes::Apart,
                    "interleaved" => Homes::Interleaved,
                    "at" => Homes::At(words.node(CACHES_MAX + 1)?.0),
                    other => {
                        return Err(words.error(
                            format!("homes cannot be `{other}`"),
                            "write `apart`, `interleaved` or `at n0`",
                        ));
                    }
                }
            }
            "networks" => {
                shape.networks = Some(words.networks()?);
            }
            "directory" => {
                let text = words.next("an organisation such as full-map")?;
                let read = text.parse::<Listing>();
                listing =
                    read.map_err(|what| words.error(what, "write such as full-map or coarse:2"))?;
            }
            "protocol" => protocol = words.protocol()?,
            "mutant" => mutant = Some(words.mutant()?),
            other => {
                let mend = "the keys are caches, packages, lines, values, mshrs, homes, networks, directory, directory_lines, protocol and mutant; acts follow `begin`";
                return Err(words.error(format!("no key is called `{other}`"), mend));
            }
        }
        words.finish()?;
    }
    Err(Words::new(last, "").error("the acts are missing", "write `begin`, the acts and `end`"))
}

fn act(words: &mut Words<'_>, shape: &Shape) -> Result<Act, ScheduleError> {
    let verb = words.next("an act")?;
    if !matches!(verb, "load" | "store" | "far" | "evict" | "drop" | "recall" | "deliver") {
        let mend = "the acts are load, store, far, evict, drop, recall and deliver";
        return Err(words.error(format!("no act is called `{verb}`"), mend));
    }
    let of_package = matches!(verb, "recall" | "evict" | "drop") && words.rest().starts_with('p');
    let package = if of_package { words.package(shape)? } else { 0 };
    let cache = match verb {
        "recall" | "deliver" => NodeIdx(0),
        _ if of_package => NodeIdx(0),
        _ => words.node(shape.caches)?,
    };
    words.literally("line")?;
    let line = words.number_from(0, shape.lines - 1)?;
    let act = match verb {
        "recall" if of_package => Act::PackageRecall { package, line },
        "evict" if of_package => Act::PackageEvict { package, line },
        "drop" if of_package => Act::PackageDrop { package, line },
        "load" => Act::Load { cache, line },
        "store" => Act::Store { cache, line, write: words.write(shape)? },
        "far" => Act::Far { cache, line, write: words.write(shape)? },
        "evict" => Act::Evict { cache, line },
        "drop" => Act::Drop { cache, line },
        "recall" => Act::Recall { line },
        _ => Act::Deliver(Flight { line, msg: message(words, shape, line)? }),
    };
    words.finish()?;
    Ok(act)
}

fn message(words: &mut Words<'_>, shape: &Shape, line: u32) -> Result<Message<u8>, ScheduleError> {
    let name = words.next("a message")?;
    let kind = MsgKind::ALL.into_iter().find(|k| format!("{k:?}") == name);
    let kind = kind.ok_or_else(|| {
        words.error(format!("no message is called `{name}`"), format!("one of {:?}", MsgKind::ALL))
    })?;
    let src = words.party(shape, line)?;
    words.literally("->")?;
    let dst = words.party(shape, line)?;
    words.literally("for")?;
    let mut msg = Message::new(kind, src, dst, words.party(shape, line)?);
    while !words.ended() {
        match words.next("")? {
            "gather" => {
                words.literally("home")?;
                msg.gather = Gather::Home;
            }
            "acks" => msg.acks = u16::try_from(words.number(7)?).unwrap_or(0),
            "value" => msg.data = Some(words.value(shape)?),
            "set" => msg.write = Some(ByteWrite::Set(words.value(shape)?)),
            "add" => msg.write = Some(ByteWrite::Increment(shape.values)),
            other => {
                let mend = "a message carries `gather home`, `acks N`, `value V`, `set V` or `add`";
                return Err(words.error(format!("a message carries no `{other}`"), mend));
            }
        }
    }
    Ok(msg)
}

impl Words<'_> {
    fn value(&mut self, shape: &Shape) -> Result<u8, ScheduleError> {
        let value = self.number_from(0, u32::from(shape.values) - 1)?;
        Ok(u8::try_from(value).unwrap_or(0))
    }

    fn write(&mut self, shape: &Shape) -> Result<ByteWrite, ScheduleError> {
        match self.next("`set V` or `add`")? {
            "set" => Ok(ByteWrite::Set(self.value(shape)?)),
            "add" => Ok(ByteWrite::Increment(shape.values)),
            other => {
                Err(self
                    .error(format!("nothing is written by `{other}`"), "write `set V` or `add`"))
            }
        }
    }

    /// The options of the protocol, up to the end of the line.
    fn protocol(&mut self) -> Result<Protocol, ScheduleError> {
        let mut protocol = Protocol::MESI;
        while protocol == Protocol::MESI || !self.ended() {
            match self.next("owned, direct or both")? {
                "owned" => protocol.owned = true,
                "direct" => protocol.direct = true,
                other => {
                    let what = format!("`{other}` is no option of the protocol");
                    return Err(self.error(what, "write owned, direct or both"));
                }
            }
        }
        Ok(protocol)
    }

    fn mutant(&mut self) -> Result<Mutant, ScheduleError> {
        let name = self.next("a mutant")?;
        let known = Mutant::ALL.into_iter().find(|m| format!("{m:?}") == name);
        let mend = || format!("one of {:?}", Mutant::ALL);
        known.ok_or_else(|| self.error(format!("no mutant is called `{name}`"), mend()))
    }

    /// A node below `below`.
    fn node(&mut self, below: u32) -> Result<NodeIdx, ScheduleError> {
        let found = self.next("a node")?;
        let number = found.strip_prefix('n').and_then(|n| n.parse().ok()).filter(|n| *n < below);
        let mend = format!("write n0 to n{}", below - 1);
        number.map(NodeIdx).ok_or_else(|| self.error(format!("`{found}` is no node here"), mend))
    }

    fn networks(&mut self) -> Result<Networks, ScheduleError> {
        let text = self.next("a mapping such as Req|rest")?;
        let networks = text.parse::<Networks>();
        let mut networks =
            networks.map_err(|what| self.error(what, "write a mapping such as Req|rest"))?;
        self.literally("depth")?;
        networks.depth_messages = self.number(NETWORK_DEPTH_MAX)?;
        Ok(networks)
    }

    /// A package.
    fn package(&mut self, shape: &Shape) -> Result<u32, ScheduleError> {
        let found = self.next("a package")?;
        let number = found.strip_prefix('p').and_then(|n| n.parse().ok());
        number.filter(|n| *n < shape.packages()).ok_or_else(|| {
            let mend = format!("the system has {} packages, from p0", shape.packages());
            self.error(format!("`{found}` is no package here"), mend)
        })
    }

    /// A node, or the home of `line`.
    fn party(&mut self, shape: &Shape, line: u32) -> Result<NodeIdx, ScheduleError> {
        if self.rest().split_whitespace().next() == Some("home") {
            self.next("home")?;
            return Ok(shape.home_of(line));
        }
        if self.rest().starts_with('p') {
            return Ok(NodeIdx(shape.caches + self.package(shape)?));
        }
        self.node(CACHES_MAX + 1)
    }
}
