//! What happens to single links at given times.

use base::{Fs, LinkIdx};
use serde::Deserialize;

use crate::error::{ErrorKind, Problem};
use crate::names::suggest;
use crate::spec::{End, Link, MachineSpec, RouterNode};
use crate::units::Span;

/// Something that happens to a link, as described.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventForm {
    /// The ends, as reports name them: `("node0", "switch1")`. A lane is one of the direction from the
    /// first to the second.
    pub link: (String, String),
    /// Which of several parallel links, from 0.
    #[serde(default)]
    pub nth: u32,
    /// When.
    pub at: Span,
    /// What.
    pub what: Happening,
}

/// What happens to a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Happening {
    /// A lane fails for good, by its number; spares come last.
    LaneFails(u32),
    /// The link is trained anew.
    Retrain,
    /// The link goes down until it is brought up.
    Down,
    /// The link may come up: training begins.
    Up,
}

/// Something that happens to a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventSpec {
    /// The direction from the first end to the second.
    pub link: LinkIdx,
    /// When.
    pub at: Fs,
    /// What.
    pub what: Happening,
}

/// The links, by their even ones, that are down from the start and stay so. Names that stand for nothing
/// are for [`events`] to refuse.
pub(crate) fn down_from_start(
    routers: &[RouterNode],
    links: &[Link],
    forms: &[EventForm],
) -> Vec<usize> {
    let same = |a: &EventForm, b: &EventForm| {
        let turned = (b.link.1.clone(), b.link.0.clone());
        (a.link == b.link || a.link == turned) && a.nth == b.nth
    };
    let stays = |f: &&EventForm| {
        let up = |g: &EventForm| g.what == Happening::Up && same(f, g);
        f.what == Happening::Down && f.at.0 == Fs::ZERO && !forms.iter().any(up)
    };
    let find = |f: &EventForm| {
        let joins = |l: &usize| {
            name(routers, links[*l].from) == f.link.0 && name(routers, links[*l].to) == f.link.1
        };
        (0..links.len()).filter(joins).nth(f.nth as usize).map(|l| l & !1)
    };
    forms.iter().filter(stays).filter_map(find).collect()
}

/// Resolves the names of links.
pub(crate) fn events(spec: &MachineSpec, forms: &[EventForm]) -> Result<Vec<EventSpec>, Problem> {
    let one = |(at, form)| event(spec, at, form);
    forms.iter().enumerate().map(one).collect()
}

fn event(spec: &MachineSpec, at: usize, form: &EventForm) -> Result<EventSpec, Problem> {
    let (from, to) = (&form.link.0, &form.link.1);
    let (routers, links) = (&spec.fabric.routers, &spec.fabric.links);
    let joins =
        |l: &usize| name(routers, links[*l].from) == *from && name(routers, links[*l].to) == *to;
    let key = |field: &str| format!("events[{at}].{field}");
    let found = (0..links.len()).filter(joins).nth(form.nth as usize);
    let Some(found) = found else {
        let count = (0..links.len()).filter(joins).count();
        if count > 0 {
            let what = format!("there are {count} links from {from} to {to}, counted from 0");
            return Err(Problem::new(
                ErrorKind::Name,
                key("nth"),
                what,
                format!("use at most {}", count - 1),
            ));
        }
        let begins = |l: &Link| name(routers, l.from) == *from;
        let ends: Vec<String> =
            links.iter().filter(|l| begins(l)).map(|l| name(routers, l.to)).take(16).collect();
        let mend = if ends.is_empty() {
            let all: Vec<String> = links.iter().map(|l| name(routers, l.from)).collect();
            suggest(from, all.iter().map(String::as_str).take(64))
        } else {
            suggest(to, ends.iter().map(String::as_str))
        };
        let what = format!("there is no link from {from} to {to}");
        return Err(Problem::new(ErrorKind::Name, key("link"), what, mend));
    };
    let class = &spec.fabric.classes[links[found].class];
    let Some(phy) = &class.phy else {
        let what = format!(
            "the link from {from} to {to} is of the class `{}`, which has no frames",
            class.name
        );
        let mend = "events happen to links of `Framed` classes";
        return Err(Problem::new(ErrorKind::Structure, key("link"), what, mend));
    };
    if let Happening::LaneFails(lane) = form.what
        && lane >= phy.lanes + phy.spare_lanes
    {
        let what = format!("there are {} lanes and {} spares", phy.lanes, phy.spare_lanes);
        let mend = format!("use a lane from 0 to {}", phy.lanes + phy.spare_lanes - 1);
        return Err(Problem::new(ErrorKind::Value, key("what"), what, mend));
    }
    Ok(EventSpec { link: LinkIdx::new(found), at: form.at.0, what: form.what })
}

/// What a link's end is called in reports.
fn name(routers: &[RouterNode], end: End) -> String {
    match end {
        End::Node(n, _) => n.to_string(),
        End::Router(r, _) => routers[r.at()].name.clone(),
    }
}
