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
use crate::words::{ScheduleError, Text, Words, read};

/// Messages that a FIFO of a schedule's networks can hold.
const NETWORK_DEPTH_MAX: u32 = 32;

impl FromStr for Schedule {
    type Err = ScheduleError;

    /// Comments begin with `#`; empty lines say nothing.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let (shape, listing, protocol) = (Shape::default(), Listing::FullMap, Protocol::MESI);
        read(text, Self { shape, listing, protocol, mutant: None, acts: Vec::new() })
    }
}

impl Text for Schedule {
    const HEADER: &'static str = HEADER;
    const KIND: &'static str = "schedule";
    const KEYS: &'static str = "caches, packages, lines, values, mshrs, homes, networks, directory, directory_lines, \
                                protocol and mutant";

    fn key(&mut self, key: &str, words: &mut Words<'_>) -> Result<bool, ScheduleError> {
        let shape = &mut self.shape;
        match key {
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
            "homes" => shape.homes = words.homes()?,
            "networks" => shape.networks = Some(words.networks()?),
            "directory" => {
                let text = words.next("an organisation such as full-map")?;
                let read = text.parse::<Listing>();
                self.listing =
                    read.map_err(|what| words.error(what, "write such as full-map or coarse:2"))?;
            }
            "protocol" => self.protocol = words.protocol()?,
            "mutant" => self.mutant = Some(words.mutant()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn check(&self) -> Result<(), (String, &'static str)> {
        let directory = Directory { listing: self.listing, nodes: self.shape.listed() };
        let sound = self.shape.check().and(directory.check());
        sound.map_err(|what| (what, "choose a smaller system"))
    }

    fn act(&mut self, words: &mut Words<'_>) -> Result<(), ScheduleError> {
        self.acts.push(act(words, &self.shape)?);
        Ok(())
    }
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
    fn homes(&mut self) -> Result<Homes, ScheduleError> {
        match self.next("`apart`, `interleaved` or `at`")? {
            "apart" => Ok(Homes::Apart),
            "interleaved" => Ok(Homes::Interleaved),
            "at" => Ok(Homes::At(self.node(CACHES_MAX + 1)?.0)),
            other => {
                let what = format!("homes cannot be `{other}`");
                Err(self.error(what, "write `apart`, `interleaved` or `at n0`"))
            }
        }
    }

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
