//! Traffic as it is asked for, and what each node sends of it.

use core::num::NonZeroU32;

use base::NodeIdx;

use super::draws::Draws;
use super::error::SyntheticError;
use super::pattern::{Destinations, Pattern, PatternSpec, Shape};
use super::process::{NEVER, Process, ProcessPlan, ProcessSpec};
use super::sizes::{Lengths, PacketSizes};

/// Streams of a node's draws that are not its process's.
const DESTINATIONS: u64 = 16;
const SIZES: u64 = 17;

/// What is sent for each packet that a process injects.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Exchange {
    /// The packet, in class 0.
    OneWay(PacketSizes),
    /// A request in class 0, which its receiver answers with a reply in class 1. The source makes
    /// requests only; replies are up to whoever delivers requests.
    RequestReply {
        /// Flits of a request, 1 to 65535.
        request_flits: u32,
        /// Flits of a reply, 1 to 65535.
        reply_flits: u32,
    },
}

impl Exchange {
    /// Requests and replies of so many flits.
    pub const fn request_reply(request_flits: u32, reply_flits: u32) -> Self {
        Self::RequestReply { request_flits, reply_flits }
    }
}

/// The class of one-way packets and of requests.
pub const CLASS_REQUEST: u8 = 0;
/// The class of replies.
pub const CLASS_REPLY: u8 = 1;

/// Synthetic traffic as it is asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct TrafficSpec {
    /// Where packets go.
    pub pattern: PatternSpec,
    /// When they are sent.
    pub process: ProcessSpec,
    /// Flits a node and cycle, in the mean: all that an exchange brings about, so that with requests
    /// and replies the packet rate is `rate / (request_flits + reply_flits)`.
    pub rate: f64,
    /// How long they are, and whether they are answered.
    pub exchange: Exchange,
    /// Packets that a terminal may have outstanding, in a closed loop: one is outstanding until it,
    /// or the reply to it, has arrived. `None`: open loop, whatever is injected waits at its source.
    pub window: Option<NonZeroU32>,
    /// The seed of all draws.
    pub seed: u64,
}

impl Default for TrafficSpec {
    /// One-flit packets to any node, Bernoulli, 0.1 flits a node and cycle, open loop, seed 1.
    fn default() -> Self {
        Self {
            pattern: PatternSpec::Uniform,
            process: ProcessSpec::Bernoulli,
            rate: 0.1,
            exchange: Exchange::OneWay(PacketSizes::default()),
            window: None,
            seed: 1,
        }
    }
}

/// Synthetic traffic on a machine: what is common to all nodes.
#[derive(Clone, Debug)]
pub struct Traffic {
    pattern: Pattern,
    plan: ProcessPlan,
    sizes: PacketSizes,
    packet_rate: f64,
    reply_flits: Option<u32>,
    window: Option<NonZeroU32>,
    seed: u64,
}

impl TrafficSpec {
    /// The traffic on a machine.
    ///
    /// # Errors
    /// The pattern has no meaning there ([`PatternSpec::on`]), the process cannot have the rate
    /// ([`ProcessSpec::plan`]), or a packet has no length.
    pub fn on(&self, shape: &Shape) -> Result<Traffic, SyntheticError> {
        let pattern = self.pattern.on(shape, self.seed)?;
        let (sizes, reply_flits) = match &self.exchange {
            Exchange::OneWay(sizes) => (sizes.clone(), None),
            Exchange::RequestReply { request_flits, reply_flits } => {
                PacketSizes::one(*reply_flits)?;
                (PacketSizes::one(*request_flits)?, Some(*reply_flits))
            }
        };
        let mean_flits = sizes.mean_flits();
        let packet_rate = self.rate / (mean_flits + f64::from(reply_flits.unwrap_or(0)));
        let plan = self.process.plan(packet_rate, mean_flits)?;
        let (window, seed) = (self.window, self.seed);
        Ok(Traffic { pattern, plan, sizes, packet_rate, reply_flits, window, seed })
    }
}

impl Traffic {
    /// Where packets go.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Packets a node and cycle that processes inject: requests, where there are replies.
    pub fn packet_rate(&self) -> f64 {
        self.packet_rate
    }

    /// Flits of the reply to each packet, if there is one.
    pub fn reply_flits(&self) -> Option<u32> {
        self.reply_flits
    }

    /// Packets that a terminal may have outstanding; `None` in an open loop.
    pub fn window(&self) -> Option<NonZeroU32> {
        self.window
    }

    /// The longest packet of any class, in flits.
    pub fn flits_max(&self) -> u32 {
        self.sizes.flits_max().max(self.reply_flits.unwrap_or(0))
    }

    /// What `node` sends. Sources draw from streams of their own: what one sends does not depend on
    /// any other.
    pub fn source(&self, node: NodeIdx) -> Source {
        let component = u64::from(node.0);
        Source {
            node,
            process: self.plan.start(self.seed, node),
            destinations: Draws::new(self.seed, component, DESTINATIONS),
            lengths: self.sizes.start(Draws::new(self.seed, component, SIZES)),
        }
    }
}

/// A packet that a node has to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The cycle in which it is created.
    pub cycle: u64,
    /// Where it goes.
    pub dst: NodeIdx,
    /// Its length in flits, head and tail included.
    pub flits: u32,
    /// [`CLASS_REQUEST`].
    pub class: u8,
}

/// The packets of one node, in the order of their creation.
#[derive(Clone, Debug)]
pub struct Source {
    node: NodeIdx,
    process: Process,
    destinations: Draws,
    lengths: Lengths,
}

impl Source {
    /// The node whose packets these are.
    pub fn node(&self) -> NodeIdx {
        self.node
    }

    /// The next packet, or `None` if there never is another.
    #[inline]
    pub fn next(&mut self, to: &impl Destinations) -> Option<Arrival> {
        self.next_from(0, to)
    }

    /// The next packet that is created in cycle `from` or later; earlier ones are lost. A closed loop
    /// asks from the cycle in which it may send again.
    #[inline]
    pub fn next_from(&mut self, from: u64, to: &impl Destinations) -> Option<Arrival> {
        let cycle = self.next_cycle(from);
        (cycle != NEVER).then(|| self.arrival(cycle, to))
    }

    /// The cycle of the next packet that is created in cycle `from` or later, or [`NEVER`]: the first
    /// half of [`next_from`](Self::next_from), for whoever wants to know when before what.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub fn next_cycle(&mut self, from: u64) -> u64 {
        self.process.next_arrival(from)
    }

    /// The packet that is created in `cycle`, which [`next_cycle`](Self::next_cycle) gave: the second
    /// half of [`next_from`](Self::next_from).
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub fn arrival(&mut self, cycle: u64, to: &impl Destinations) -> Arrival {
        let dst = to.destination(self.node, self.destinations.next());
        Arrival { cycle, dst, flits: self.lengths.next(), class: CLASS_REQUEST }
    }
}

#[cfg(test)]
mod tests;
