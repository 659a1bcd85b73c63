//! Wiring: nodes, routers and links put together a cable at a time.
//!
//! Ports are numbered in the order in which cables are connected.

use base::{DomainIdx, LinkIdx, NodeIdx, PortIdx, RouterIdx};

use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::spec::{End, Link, LinkClass, LinkTiming, RouterNode};

/// Where a cable is to be plugged in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Plug {
    Node(usize),
    Router(usize),
}

/// The kind of a cable and its length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Index of the link class.
    pub(crate) class: usize,
    /// Micrometres; 0 on a die.
    pub(crate) length_um: u64,
}

/// A fabric in the making.
#[derive(Debug)]
pub(crate) struct Wiring<'a> {
    pub(crate) node_ports: Vec<Vec<LinkIdx>>,
    pub(crate) routers: Vec<RouterNode>,
    pub(crate) links: Vec<Link>,
    /// The fabrics that it is composed of, where there are any: the inner one and the outer one.
    pub(crate) parts: Option<Box<(Wiring<'a>, Wiring<'a>)>>,
    classes: &'a [LinkClass],
    node_clock: DomainIdx,
}

impl<'a> Wiring<'a> {
    /// Nodes without any links yet. Refuses counts beyond the limits.
    pub(crate) fn new(
        key: &str,
        counts: (u64, u64, u64),
        classes: &'a [LinkClass],
        node_clock: DomainIdx,
    ) -> Result<Self, Problem> {
        let (nodes, routers, links) = counts;
        for (count, most, what) in [
            (nodes, limits::NODES_MAX, "accelerators"),
            (routers, limits::ROUTERS_MAX, "routers"),
            (links, limits::LINKS_MAX, "links (each direction counted)"),
        ] {
            if count > most {
                return Err(Problem::new(
                    ErrorKind::Limit,
                    key,
                    match count {
                        u64::MAX => format!("there would be more {what} than can be counted"),
                        _ => format!("{count} {what} are too many"),
                    },
                    format!("use at most {most}"),
                ));
            }
        }
        if nodes < 2 {
            return Err(Problem::new(
                ErrorKind::Value,
                key,
                format!("{nodes} accelerators make no fabric"),
                "use at least 2",
            ));
        }
        let node_ports = (0..nodes).map(|_| Vec::new()).collect();
        Ok(Self {
            node_ports,
            routers: Vec::new(),
            links: Vec::new(),
            parts: None,
            classes,
            node_clock,
        })
    }

    /// Adds a router.
    pub(crate) fn router(&mut self, name: String, clock: DomainIdx) {
        self.routers.push(RouterNode { name, clock, ports: Vec::new() });
    }

    /// Connects two plugs by a cable: two links, one for each direction.
    pub(crate) fn connect(&mut self, key: &str, a: Plug, b: Plug, run: Run) -> Result<(), Problem> {
        let (clock_a, clock_b) = (self.clock(a), self.clock(b));
        let class = &self.classes[run.class];
        if matches!(class.timing, LinkTiming::OnDie { .. }) && clock_a != clock_b {
            return Err(Problem::new(
                ErrorKind::Structure,
                key,
                format!(
                    "the on-die class `{}` would join {} and {}, which have different clocks",
                    class.name,
                    self.name(a),
                    self.name(b)
                ),
                "give both the same clock, or use a Serial class",
            ));
        }
        let forward = LinkIdx::new(self.links.len());
        let from = self.plug(key, a, forward)?;
        let to = self.plug(key, b, forward.reverse())?;
        let Run { class, length_um } = run;
        self.links.push(Link { from, to, class, length_um });
        self.links.push(Link { from: to, to: from, class, length_um });
        Ok(())
    }

    fn plug(&mut self, key: &str, plug: Plug, link: LinkIdx) -> Result<End, Problem> {
        let name = self.name(plug);
        let ports = match plug {
            Plug::Node(n) => &mut self.node_ports[n],
            Plug::Router(r) => &mut self.routers[r].ports,
        };
        if ports.len() as u64 >= limits::PORTS_MAX {
            return Err(Problem::new(
                ErrorKind::Limit,
                key,
                format!("{name} would have more than {} ports", limits::PORTS_MAX),
                "use more routers, or fewer links to each",
            ));
        }
        let port = PortIdx::new(ports.len());
        ports.push(link);
        Ok(match plug {
            Plug::Node(n) => End::Node(NodeIdx::new(n), port),
            Plug::Router(r) => End::Router(RouterIdx::new(r), port),
        })
    }

    fn clock(&self, plug: Plug) -> DomainIdx {
        match plug {
            Plug::Node(_) => self.node_clock,
            Plug::Router(r) => self.routers[r].clock,
        }
    }

    fn name(&self, plug: Plug) -> String {
        match plug {
            Plug::Node(n) => NodeIdx::new(n).to_string(),
            Plug::Router(r) => self.routers[r].name.clone(),
        }
    }
}
