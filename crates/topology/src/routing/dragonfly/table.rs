//! The groups of a dragonfly, and the links between them.

use base::PortIdx;

use crate::error::{ErrorKind, Problem};
use crate::families::dragonfly::Dragonfly as Form;
use crate::limits;
use crate::spec::{End, Link, RouterNode};

/// A link that leaves a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exit {
    router: u32,
    port: u16,
    lands: u32,
}

impl Exit {
    /// The router that has it.
    pub(super) const fn router(self) -> usize {
        self.router as usize
    }

    /// Its port there.
    pub(super) const fn port(self) -> PortIdx {
        PortIdx(self.port)
    }

    /// The router at the other end.
    pub(super) const fn lands(self) -> usize {
        self.lands as usize
    }
}

/// Who is in which group, and how one leaves it.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    /// `[router]`: its group.
    of: Vec<u32>,
    /// `[router]`: its place in its group.
    place: Vec<u16>,
    count: usize,
    /// The first port of a router to the others of its group, and the first to other groups.
    first: (u16, u16),
    /// `[router][group]`: where its own links to the group are in `exits`, or all of its group's
    /// where it has none.
    ranges: Vec<(u32, u32)>,
    /// By group, other group, router and port.
    exits: Vec<Exit>,
}

impl Groups {
    pub(super) fn new(
        form: &Form,
        routers: &[RouterNode],
        links: &[Link],
    ) -> Result<Self, Problem> {
        let (a, count) = (form.routers_per_group as usize, form.groups() as usize);
        let entries = routers.len() as u64 * count as u64;
        if entries > limits::TABLE_ENTRIES_MAX {
            return Err(Problem::new(
                ErrorKind::Limit,
                "fabric",
                format!("a table of {} routers and {count} groups is too large", routers.len()),
                format!("use less: {} times one another at most", limits::TABLE_ENTRIES_MAX),
            ));
        }
        let small = |n: usize| u32::try_from(n).expect("routers are bounded");
        let port = |n: usize| u16::try_from(n).expect("ports are bounded");
        let peers = (form.nodes_per_router * form.local_links) as usize;
        let mut this = Self {
            of: (0..routers.len()).map(|r| small(r / a)).collect(),
            place: (0..routers.len()).map(|r| port(r % a)).collect(),
            count,
            first: (port(peers), port(peers + a - 1)),
            ranges: vec![(0, 0); routers.len() * count],
            exits: Vec::new(),
        };
        for group in 0..count {
            this.read(group * a..(group + 1) * a, routers, links);
        }
        Ok(this)
    }

    /// Adds the exits of the group with these `members`.
    fn read(&mut self, members: core::ops::Range<usize>, routers: &[RouterNode], links: &[Link]) {
        let mut all: Vec<(usize, Exit)> = Vec::new();
        for r in members.clone() {
            for (p, link) in routers[r].ports.iter().enumerate() {
                if let End::Router(far, _) = links[link.at()].to
                    && self.of(far.at()) != self.of(r)
                {
                    let exit = Exit {
                        router: u32::try_from(r).expect("routers are bounded"),
                        port: PortIdx::new(p).0,
                        lands: far.0,
                    };
                    all.push((self.of(far.at()), exit));
                }
            }
        }
        all.sort_by_key(|(group, exit)| (*group, exit.router, exit.port));
        for of_group in all.chunk_by(|(a, _), (b, _)| a == b) {
            let group = of_group[0].0;
            let here = self.exits.len();
            for r in members.clone() {
                let own = of_group.iter().filter(|(_, e)| e.router() == r).count();
                let before = of_group.iter().filter(|(_, e)| e.router() < r).count();
                let (from, size) = if own == 0 { (0, of_group.len()) } else { (before, own) };
                let small = |n: usize| u32::try_from(n).expect("links are bounded");
                self.ranges[r * self.count + group] = (small(here + from), small(size));
            }
            self.exits.extend(of_group.iter().map(|(_, e)| *e));
        }
    }

    /// How many groups there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The group of a router.
    #[inline]
    pub(super) fn of(&self, router: usize) -> usize {
        self.of[router] as usize
    }

    /// The links by which packets at `router` go to another group: its own where it has any.
    #[inline]
    pub(super) fn exits(&self, router: usize, group: usize) -> &[Exit] {
        let (from, size) = self.ranges[router * self.count + group];
        &self.exits[from as usize..(from + size) as usize]
    }

    /// The port of `at` to another router of its group.
    #[inline]
    pub(super) fn peer(&self, at: usize, other: usize) -> PortIdx {
        let (here, there) = (self.place[at], self.place[other]);
        PortIdx(self.first.0 + there - u16::from(there > here))
    }

    /// Whether a port leads to another group.
    #[inline]
    pub(super) const fn global(&self, port: PortIdx) -> bool {
        port.0 >= self.first.1
    }
}
