//! Counters of nodes, and how they are aligned.

use base::NodeIdx;
use serde::Deserialize;

use crate::clocks::{DriftForm, DriftSpec};
use crate::error::{ErrorKind, Problem};
use crate::spec::{End, LinkTiming, MachineSpec};
use crate::units::{Frequency, Length, Span};
use crate::validate::range;

/// Counters that every node keeps, and how they are aligned over the fabric, as described.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountersForm {
    /// Nominal frequency of each node's oscillator; 1 MHz to 10 GHz.
    pub frequency: Frequency,
    /// Oscillators are off by draws within this many parts in a million, either way; up to 400.
    #[serde(default)]
    pub ppm: u32,
    /// How each oscillator wanders.
    #[serde(default)]
    pub drift: Option<DriftForm>,
    /// Standard deviation of the jitter of each oscillator's edges.
    #[serde(default)]
    pub jitter: Span,
    /// The node whose counter all others follow.
    #[serde(default)]
    pub root: u32,
    /// Nodes that each node serves in the tree; where not given, the root serves all.
    #[serde(default)]
    pub fan_out: Option<u32>,
    /// How often each node measures its offset to the one above it; 1 us to 1 s.
    pub every: Span,
    /// Where packets are stamped.
    #[serde(default)]
    pub timestamps: Timestamps,
    /// In which virtual channels its packets travel.
    #[serde(default)]
    pub channel: Channel,
    /// Parts in a thousand of an offset that are made up for in an interval, and that the rate keeps of
    /// it.
    #[serde(default = "servo")]
    pub servo: (u32, u32),
    /// By how much the links into nodes, but not into the root, are longer than those out of them.
    #[serde(default)]
    pub asymmetry: Length,
}

const fn servo() -> (u32, u32) {
    (700, 300)
}

/// Where packets are stamped.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum Timestamps {
    /// Where a head leaves a node for its link, and where it enters a node's clock.
    #[default]
    Hardware,
    /// By software, which reads its counter within this span before a packet is handed to the interface,
    /// and after it has come out.
    Software(Span),
}

/// In which virtual channels alignment's packets travel.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum Channel {
    /// In those of a message class that carries nothing else.
    #[default]
    Own,
    /// In those of the load.
    Shared,
}

/// Counters and alignment, elaborated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CountersSpec {
    /// Nominal hertz of each oscillator, as a fraction.
    pub hertz: (u64, u64),
    /// Bound of each oscillator's offset, in parts in a million.
    pub ppm: u32,
    /// How each oscillator wanders.
    pub drift: Option<DriftSpec>,
    /// Standard deviation of each edge.
    pub jitter_rms: base::Fs,
    /// The node that all others follow.
    pub root: NodeIdx,
    /// Nodes that each node serves; `None`: the root serves all.
    pub fan_out: Option<u32>,
    /// Between two exchanges of a node.
    pub every: base::Fs,
    /// Where packets are stamped.
    pub timestamps: Timestamps,
    /// In which virtual channels they travel.
    pub channel: Channel,
    /// Proportional and integral parts in a thousand.
    pub servo: (u32, u32),
}

impl CountersSpec {
    /// The node whose counter a node follows; `None` for the root. Nodes are put in the tree by number,
    /// the root first.
    pub fn above(&self, node: NodeIdx) -> Option<NodeIdx> {
        let fan_out = self.fan_out.unwrap_or(u32::MAX);
        // Places in the tree: the root's number and 0 change places.
        let swap = |n: u32| match n {
            0 => self.root.0,
            n if n == self.root.0 => 0,
            n => n,
        };
        let place = swap(node.0);
        (place > 0).then(|| NodeIdx(swap((place - 1) / fan_out)))
    }
}

/// Checks and elaborates; the links' lengths are those of both directions yet.
pub(crate) fn counters(spec: &mut MachineSpec, form: &CountersForm) -> Result<(), Problem> {
    let nodes = spec.fabric.node_ports.len() as u64;
    let (num, den) = form.frequency.0;
    range("counters.frequency", num / den, 1_000_000, 10_000_000_000)?;
    range("counters.ppm", u64::from(form.ppm), 0, 400)?;
    range("counters.root", u64::from(form.root), 0, nodes.saturating_sub(1))?;
    range("counters.fan_out", u64::from(form.fan_out.unwrap_or(1)), 1, nodes.max(1))?;
    range("counters.every", form.every.0.0, 1_000_000_000, base::Fs::PER_SECOND)?;
    range("counters.servo", u64::from(form.servo.0.max(form.servo.1)), 0, 1_000)?;
    if let Some(d) = form.drift {
        range("counters.drift.ppb", u64::from(d.ppb), 1, 100_000)?;
        range("counters.drift.every", d.every.0.0, 1_000_000_000, base::Fs::PER_SECOND)?;
    }
    if let Timestamps::Software(within) = form.timestamps {
        range("counters.timestamps", within.0.0, 0, base::Fs::PER_SECOND / 1_000)?;
    }
    // An edge is off by sqrt(12) deviations at most; a tenth of a period keeps edges in order.
    let period = u128::from(base::Fs::PER_SECOND) * u128::from(den) / u128::from(num);
    let tenth = u64::try_from(period / 10).unwrap_or(u64::MAX);
    range("counters.jitter", form.jitter.0.0, 0, tenth)?;
    let root = NodeIdx(form.root);
    if form.asymmetry.0 > 0 {
        for link in &mut spec.fabric.links {
            let serial =
                matches!(spec.fabric.classes[link.class].timing, LinkTiming::Serial { .. });
            match link.to {
                End::Node(n, _) if n != root && serial => link.length_um += form.asymmetry.0,
                End::Node(n, _) if n != root => {
                    return Err(Problem::new(
                        ErrorKind::Structure,
                        "counters.asymmetry",
                        "wires on a die have no length that could differ",
                        "remove it, or link the nodes by a serial class",
                    ));
                }
                _ => {}
            }
        }
    }
    spec.counters = Some(CountersSpec {
        hertz: form.frequency.0,
        ppm: form.ppm,
        drift: form.drift.map(|d| DriftSpec { ppb: d.ppb, every: d.every.0 }),
        jitter_rms: form.jitter.0,
        root,
        fan_out: form.fan_out,
        every: form.every.0,
        timestamps: form.timestamps,
        channel: form.channel,
        servo: form.servo,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_but_the_root_has_one_above_it_and_all_lead_to_the_root() {
        for (root, fan_out) in [(0, None), (5, None), (0, Some(1)), (3, Some(2)), (19, Some(4))] {
            let c = CountersSpec {
                hertz: (1, 1),
                ppm: 0,
                drift: None,
                jitter_rms: base::Fs::ZERO,
                root: NodeIdx(root),
                fan_out,
                every: base::Fs(1),
                timestamps: Timestamps::Hardware,
                channel: Channel::Own,
                servo: (0, 0),
            };
            assert_eq!(c.above(NodeIdx(root)), None);
            let mut served = [0_u32; 20];
            for n in (0..20).filter(|n| *n != root) {
                let mut at = NodeIdx(n);
                served[c.above(at).expect("not the root").at()] += 1;
                let mut steps = 0;
                while let Some(above) = c.above(at) {
                    (at, steps) = (above, steps + 1);
                    assert!(steps < 20, "a circle at {n}");
                }
                assert_eq!(at, NodeIdx(root));
            }
            assert!(served.iter().all(|s| *s <= fan_out.unwrap_or(19)));
        }
    }
}
