//! Virtual networks with finite buffers.
//!
//! ```text
//!   node ──▶ [ FIFO of network 0 ] ──▶ node's cache and home      one FIFO for each network and node
//!        ──▶ [ FIFO of network 1 ] ──▶
//! ```
//!
//! Each message class travels in one network. A node takes the first message of a FIFO if its cache or
//! home can take it, and if every FIFO that it has to send to in return has room; a request to a
//! blocked line stays where it is and blocks those behind it. What a node sends to itself takes no
//! buffer. If in such a system something is under way and nothing can move, the networks deadlock
//! with this protocol.
//!
//! Where packages have homes, their homes are nodes of their own, and the two levels share the networks or
//! each has its own.
//!
//! Which deadlocks there are depends on where homes are: with homes interleaved among the caches' nodes,
//! a request that waits and a snoop behind it can share a FIFO.

use core::fmt;
use core::str::FromStr;

use base::Class;

use super::code::{self, msg};

/// The network of each class, and how much its FIFOs hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Networks {
    /// `[class]`.
    of: [u8; Class::ALL.len()],
    /// Whether each level of a directory of two has networks of its own.
    levels_apart: bool,
    /// Messages that each FIFO has room for, at least 1.
    pub depth_messages: u32,
}

impl Networks {
    /// The mapping that machines have: a network for each class.
    pub const fn shipped(depth_messages: u32) -> Self {
        Self { of: [0, 1, 2, 3, 4], levels_apart: false, depth_messages }
    }

    /// The same networks with FIFOs for this many messages.
    #[must_use]
    pub const fn with_depth(self, depth_messages: u32) -> Self {
        Self { depth_messages, ..self }
    }

    /// Such networks for each level of a directory of two.
    #[must_use]
    pub const fn with_levels_apart(self) -> Self {
        Self { levels_apart: true, ..self }
    }

    /// How many networks there are.
    pub fn count(&self) -> u32 {
        u32::from(self.of.into_iter().max().unwrap_or(0)) + 1
    }

    /// The FIFO of a message: 0 for what a node sends to itself. A message to or from a cache, one of the
    /// first `caches` names, is of the inner level.
    #[inline]
    pub(crate) fn fifo(&self, message: u32, caches: u32) -> u32 {
        let (src, dst) = (code::three(message, msg::SRC), code::three(message, msg::DST));
        let network = u32::from(self.of[code::kind(message).class().at()]);
        let inner = self.levels_apart && src.min(dst) < caches;
        let level = if inner { self.count() } else { 0 };
        if src == dst { 0 } else { 1 + (level + network) * 8 + dst }
    }

    /// Where messages stand: by FIFO, and in none by content.
    #[inline]
    pub(crate) fn place(&self, message: u32, caches: u32) -> (u32, u32) {
        let fifo = self.fifo(message, caches);
        (fifo, if fifo == 0 { message } else { 0 })
    }
}

/// The network of a class that is in none.
const NONE: u8 = u8::MAX;

/// What stands behind networks that each level has for itself.
const APART: &str = "@levels";

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for network in 0..self.count() {
            let mine = |c: &Class| u32::from(self.of[c.at()]) == network;
            let names: Vec<_> =
                Class::ALL.into_iter().filter(mine).map(|c| format!("{c:?}")).collect();
            write!(f, "{}{}", if network > 0 { "|" } else { "" }, names.join(","))?;
        }
        if self.levels_apart { f.write_str(APART) } else { Ok(()) }
    }
}

impl FromStr for Networks {
    type Err = String;

    /// Networks are parted by `|`, classes by `,` or `+`. `Rsp` is every class of responses that is not
    /// named elsewhere (`RspUp`, `RspDown`, `Ack`), `rest` every class that is not. With `@levels` at the
    /// end each level of a directory of two has such networks of its own. FIFOs are one message deep.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(text) = text.strip_suffix(APART) {
            return Ok(Self { levels_apart: true, ..text.parse()? });
        }
        let mut of = [NONE; Class::ALL.len()];
        let mut groups = Vec::new();
        for (network, names) in (0..).zip(text.split('|')) {
            for name in names.split([',', '+']).map(str::trim) {
                let class =
                    Class::ALL.into_iter().find(|c| format!("{c:?}").eq_ignore_ascii_case(name));
                match class {
                    Some(class) if of[class.at()] == NONE => of[class.at()] = network,
                    Some(class) => return Err(format!("{class:?} is in two networks")),
                    None if name.eq_ignore_ascii_case("rsp") => groups.push((network, 2)),
                    None if name.eq_ignore_ascii_case("rest") => groups.push((network, 0)),
                    None => {
                        return Err(format!(
                            "no class is called `{name}`: there are Req, Fwd, RspUp, RspDown and Ack, Rsp for \
                             the last three, and rest for those not named"
                        ));
                    }
                }
            }
        }
        for (network, first) in groups {
            of[first..].iter_mut().filter(|n| **n == NONE).for_each(|n| *n = network);
        }
        match Class::ALL.into_iter().find(|c| of[c.at()] == NONE) {
            Some(class) => Err(format!("{class:?} is in no network")),
            None => Ok(Self { of, levels_apart: false, depth_messages: 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        text.parse::<Networks>().map(|n| n.to_string())
    }

    #[test]
    fn classes_are_mapped_as_written() {
        assert_eq!(read("Req|rest").as_deref(), Ok("Req|Fwd,RspUp,RspDown,Ack"));
        assert_eq!(read("req+fwd|Rsp").as_deref(), Ok("Req,Fwd|RspUp,RspDown,Ack"));
        assert_eq!(read("Req|Fwd|Rsp|Ack").as_deref(), Ok("Req|Fwd|RspUp,RspDown|Ack"));
        assert_eq!(read("rest").as_deref(), Ok("Req,Fwd,RspUp,RspDown,Ack"));
        assert_eq!(read("req|rest@levels").as_deref(), Ok("Req|Fwd,RspUp,RspDown,Ack@levels"));
        assert_eq!(Networks::shipped(1).to_string(), "Req|Fwd|RspUp|RspDown|Ack");
    }

    #[test]
    fn a_class_in_two_networks_or_in_none_is_told() {
        assert!(read("Req,Req|rest").is_err_and(|e| e.contains("two networks")));
        assert!(read("Req|Rsp").is_err_and(|e| e.contains("Fwd is in no network")));
        assert!(read("Reg|rest").is_err_and(|e| e.contains("`Reg`")));
        assert!(read("").is_err_and(|e| e.contains("``")));
    }
}
