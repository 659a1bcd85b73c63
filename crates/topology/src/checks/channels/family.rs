//! The places of packets on legs that adaptive steps join, and how these steps lead from one to
//! another.

use base::{LinkIdx, NodeIdx};

use super::graph::narrow;
use super::legs::Legs;
use crate::error::{ErrorKind, Problem};
use crate::routing::{Goal, Step};
use crate::spec::{End, Fabric};

/// Places (legs times channels) of one family at most: 1 GiB.
const PLACES_MAX: usize = 1 << 28;

/// Channels on legs, seen from one family of legs after the other.
#[derive(Debug)]
pub(super) struct Family<'a> {
    fabric: &'a Fabric,
    groups: usize,
    channels: usize,
    /// `[leg]`: its family, and its position there.
    home: Vec<(u32, u32)>,
    /// `[position * channels + channel]`: the state there, `u32::MAX` where none was met.
    known: Vec<u32>,
    /// Position of the leg, and channel, of every state met.
    pub(super) states: Vec<(u32, u32)>,
    /// Adaptive steps from states to fans: the states on the groups of one link that a step allows.
    pub(super) steps: Vec<(u32, u32)>,
    /// Each fan's groups, and where its states begin in `fanned`.
    fans: Vec<(u8, u32)>,
    /// States of fans, one fan's after the other's.
    fanned: Vec<u32>,
    /// `[position * links + link]`: the latest fan there, `u32::MAX` where there is none.
    latest: Vec<u32>,
    /// Where there is one.
    touched: Vec<u32>,
    /// States and the channels that they are offered as escapes.
    pub(super) escapes: Vec<(u32, u32)>,
}

impl<'a> Family<'a> {
    pub(super) fn new(fabric: &'a Fabric, families: &[Vec<u32>]) -> Self {
        let legs = families.iter().map(Vec::len).sum();
        let mut home = vec![(0, 0); legs];
        for (f, family) in (0_u32..).zip(families) {
            for (position, leg) in (0_u32..).zip(family) {
                home[*leg as usize] = (f, position);
            }
        }
        let groups = fabric.routing.groups();
        Self {
            fabric,
            groups,
            channels: fabric.links.len() * groups,
            home,
            known: Vec::new(),
            states: Vec::new(),
            steps: Vec::new(),
            fans: Vec::new(),
            fanned: Vec::new(),
            latest: Vec::new(),
            touched: Vec::new(),
            escapes: Vec::new(),
        }
    }

    /// How many fans there are.
    pub(super) const fn fans(&self) -> usize {
        self.fans.len()
    }

    /// The states of a fan.
    pub(super) fn fan(&self, fan: u32) -> &[u32] {
        let from = |fan: usize| self.fans.get(fan).map_or(self.fanned.len(), |(_, f)| *f as usize);
        &self.fanned[from(fan as usize)..from(fan as usize + 1)]
    }

    /// Finds every state of a family.
    ///
    /// # Errors
    /// If there may be more than memory allows.
    pub(super) fn visit(&mut self, family: &[u32], legs: &Legs) -> Result<(), Problem> {
        for (position, channel) in self.states.drain(..) {
            self.known[position as usize * self.channels + channel as usize] = u32::MAX;
        }
        self.touched.drain(..).for_each(|at| self.latest[at as usize] = u32::MAX);
        self.steps.clear();
        self.fans.clear();
        self.fanned.clear();
        self.escapes.clear();
        let places = family.len().saturating_mul(self.channels);
        if places > PLACES_MAX {
            return Err(Problem::new(
                ErrorKind::Limit,
                "fabric",
                "adaptive steps join too many legs to be proved free of deadlock here",
                "use fewer nodes, or a routing without intermediate destinations",
            ));
        }
        if self.known.len() < places {
            self.known.resize(places, u32::MAX);
            self.latest.resize(places / self.groups, u32::MAX);
        }
        for (position, leg) in (0_u32..).zip(family) {
            legs.seeds(*leg).for_each(|channel| _ = self.meet(position, channel));
            if legs.is_first(*leg) {
                self.inject(legs, *leg);
            }
        }
        let mut next = 0;
        while let Some(&(position, channel)) = self.states.get(next) {
            let leg = family[position as usize];
            self.pass(legs, narrow(next), leg, channel as usize);
            next += 1;
        }
        Ok(())
    }

    fn inject(&mut self, legs: &Legs, leg: u32) {
        let f = self.fabric;
        for (src, ports) in f.node_ports.iter().enumerate() {
            f.routing.inject_all(NodeIdx::new(src), legs.goal(leg), |step| {
                self.take(legs, leg, None, ports[step.port.at()], step);
            });
        }
    }

    fn pass(&mut self, legs: &Legs, state: u32, leg: u32, channel: usize) {
        let f = self.fabric;
        let End::Router(at, in_port) = f.links[channel / self.groups].to else { return };
        f.routing.route_all(at, in_port, channel % self.groups, legs.goal(leg), |step| {
            self.take(legs, leg, Some(state), f.routers[at.at()].ports[step.port.at()], step);
        });
    }

    fn take(&mut self, legs: &Legs, leg: u32, from: Option<u32>, link: LinkIdx, step: Step) {
        if let (Some(state), true) = (from, step.escape) {
            for group in (0..self.groups).filter(|g| step.groups >> g & 1 == 1) {
                self.escapes.push((state, narrow(link.at() * self.groups + group)));
            }
        }
        // Legs of other families have their own seeds.
        let Some(position) = self.position(legs, leg, step.goal) else { return };
        let fan = self.fan_to(position, link, step.groups);
        if let (Some(state), false) = (from, step.escape) {
            self.steps.push((state, fan));
        }
    }

    /// The fan to the states on `groups` of a link.
    fn fan_to(&mut self, position: u32, link: LinkIdx, groups: u8) -> u32 {
        let at = position as usize * (self.channels / self.groups) + link.at();
        let latest = self.latest[at];
        if self.fans.get(latest as usize).is_some_and(|(of, _)| *of == groups) {
            return latest;
        }
        if latest == u32::MAX {
            self.touched.push(narrow(at));
        }
        let fan = narrow(self.fans.len());
        self.latest[at] = fan;
        self.fans.push((groups, narrow(self.fanned.len())));
        for group in (0..self.groups).filter(|g| groups >> g & 1 == 1) {
            let state = self.meet(position, narrow(link.at() * self.groups + group));
            self.fanned.push(state);
        }
        fan
    }

    /// The position of the leg after a step from `leg`, if it is in the same family.
    fn position(&self, legs: &Legs, leg: u32, goal: Goal) -> Option<u32> {
        let (family, _) = self.home[leg as usize];
        let (of_next, position) = self.home[legs.find(goal)? as usize];
        (family == of_next).then_some(position)
    }

    fn meet(&mut self, position: u32, channel: u32) -> u32 {
        let known = &mut self.known[position as usize * self.channels + channel as usize];
        if *known == u32::MAX {
            *known = narrow(self.states.len());
            self.states.push((position, channel));
        }
        *known
    }
}
