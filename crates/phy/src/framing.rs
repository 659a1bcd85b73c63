//! The bank of framed links: senders by direction, cables by pair.

use std::sync::Arc;

use base::{Flit, Fs, VcIdx};
use clock::Edge;

use crate::account::{Account, Series};
use crate::cable::{Cable, LinkEvent, Trouble, slots};
use crate::errors::{poisson, stream};
use crate::replay::{Placed, Sender};
use crate::{Elastic, FrameClass, Timing, Undetected};

/// A pair of links, `2 k` and `2 k + 1`, that are framed, and what happens to them.
#[derive(Clone, Debug)]
pub struct FramedPair {
    /// The number of its even link among those of the bank.
    pub link: usize,
    /// The number by which what it suffers is drawn; its odd link's is the next. In a bank of all links of
    /// a machine the same as `link`.
    pub name: u64,
    /// What both directions are made of.
    pub class: Arc<FrameClass>,
    /// What happens to them, each at its instant.
    pub events: Vec<(Fs, LinkEvent)>,
}

impl FramedPair {
    /// When the pair is down because it is taken down or has no lanes left for any width, until it is trained
    /// again: from, and to, the end of time for good; in the order of time. Under the seed of
    /// [`Links::framed`](crate::Links::framed), and whatever the load.
    pub fn outages(&self, seed: u64) -> Vec<(Fs, Fs)> {
        let quiet = FrameClass { noise: crate::Noise::default(), ..FrameClass::clone(&self.class) };
        Cable::new(seed, self.name, &Arc::new(quiet), [Fs::ZERO; 2], &self.events).outages()
    }
}

/// One direction.
#[derive(Clone, Debug)]
struct Direction {
    sender: Sender,
    series: Series,
    elastic: Option<Elastic>,
}

base::state!([] Direction { keeps sender, series; each; fixed elastic });

/// All framed links.
#[derive(Clone, Default, Debug)]
pub(crate) struct Framing {
    seed: u64,
    /// `[2 pair + way]`
    directions: Vec<Direction>,
    /// `[pair]`
    cables: Vec<Cable>,
    classes: Vec<Arc<FrameClass>>,
}

base::state!([] Framing { keeps; each directions, cables; fixed seed, classes });

impl Framing {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Adds a pair; gives the number of its even direction here.
    pub(crate) fn add(&mut self, pair: &FramedPair, latency: [Fs; 2]) -> u32 {
        let first = self.directions.len();
        // Acks and naks are counted with buffers that are half full.
        let waits = [0, 1].map(|way| pair.class.elastic(way).map_or(Fs::ZERO, |e| e.nominal()));
        let latency = [latency[0] + waits[0], latency[1] + waits[1]];
        for way in [0, 1] {
            let of = [latency[usize::from(way)], latency[usize::from(1 - way)]];
            let sender = Sender::new(&pair.class, way, of);
            let elastic = pair.class.elastic(way);
            self.directions.push(Direction { sender, series: Series::default(), elastic });
        }
        self.cables.push(Cable::new(self.seed, pair.name, &pair.class, latency, &pair.events));
        self.classes.push(Arc::clone(&pair.class));
        u32::try_from(first).expect("links are bounded at elaboration")
    }

    #[inline]
    pub(crate) fn place(&mut self, at: u32, flit: &Flit, handed: Fs) -> Placed {
        let direction = &mut self.directions[at as usize];
        direction.series.add(handed);
        direction.sender.place(&mut self.cables[at as usize / 2], flit, handed)
    }

    /// When a credit for the direction `at` is told by a frame of its reverse.
    #[inline]
    pub(crate) fn credit(&mut self, at: u32, vc: VcIdx, handed: Fs) -> Fs {
        let back = &mut self.directions[at as usize ^ 1];
        let told = back.sender.credit(&mut self.cables[at as usize / 2], vc, handed);
        match &back.elastic {
            Some(elastic) if told != Fs::NEVER => told + elastic.delay(told),
            _ => told,
        }
    }

    /// How long what has crossed the wire of a direction at an instant waits in its elastic buffer.
    #[inline]
    pub(crate) fn waits(&self, at: u32, arrival: Fs) -> Fs {
        match &self.directions[at as usize].elastic {
            None => Fs::ZERO,
            Some(elastic) => elastic.delay(arrival),
        }
    }

    /// What becomes of a flit that arrives wrong in a direction.
    pub(crate) fn undetected(&self, at: u32) -> Undetected {
        self.classes[at as usize / 2].replay.undetected
    }

    /// The time that a direction's flits take at full width.
    pub(crate) fn busy(&self, at: u32) -> Fs {
        let class = &self.classes[at as usize / 2];
        let used = self.directions[at as usize].sender.slots_used();
        let way = u8::from(at % 2 == 1);
        slots(class, way, class.lanes, Fs::ZERO).instant(Edge(used))
    }

    /// Why a direction is down for good at an instant.
    pub(crate) fn dead(&self, at: u32, instant: Fs) -> Option<Trouble> {
        self.cables[at as usize / 2].dead(instant)
    }

    /// How far what happens to a direction's cable has been worked off.
    pub(crate) fn horizon(&self, at: u32) -> Fs {
        self.cables[at as usize / 2].horizon()
    }

    /// What a direction has done up to an instant, once its cable is worked off up to `horizon` at least.
    pub(crate) fn account(&self, at: u32, until: Fs, horizon: Fs) -> Account {
        let (number, at) = (at, at as usize);
        let (way, direction, class) = (at % 2, &self.directions[at], &self.classes[at / 2]);
        let mut cable = self.cables[at / 2].clone();
        // Only sums are asked for.
        cable.catch_up(until, |cable, at| cable.forget(0, cable.way(0).frame_from(at)));
        cable.advance(until.max(horizon));
        let sent = *direction.sender.sent();
        let active = sent.frames + sent.replays;
        let down = cable.down_time(until);
        let frames_all = cable.way(way).frames_until(until);
        let idle = frames_all.saturating_sub(active);
        let mean = class.code.corrected_a_frame(class.noise.ber) * frames_all as f64;
        let alone = poisson(mean, self.seed, cable.way(way).link(), stream::MENDED);
        let counts = *cable.way(way).counts();
        let bits = u64::from(class.layout.frame_bits);
        let energy = |frames: u64, fj: u64| frames.saturating_mul(bits).saturating_mul(fj);
        let (lanes, lanes_failed) = cable.width();
        Account {
            flits: sent.flits,
            frames: sent.frames,
            slots: direction.sender.slots_used(),
            replays: sent.replays,
            idle,
            frames_all,
            corrected_symbols: alone + cable.way(way).mended_in_bursts(until),
            uncorrectable: counts.uncorrectable,
            undetected: counts.undetected,
            wrong_flits: sent.wrong,
            naks: counts.naks,
            timeouts: counts.timeouts,
            retrains: cable.retrains(),
            lanes,
            lanes_failed,
            down,
            buffer_stalls: sent.buffer_stalls,
            busy: self.busy(number),
            energy_fj: energy(active, class.energy.active_fj_per_bit)
                .saturating_add(energy(idle, class.energy.idle_fj_per_bit)),
            series: (direction.series.slice(), *direction.series.flits()),
            dead: cable.dead(until),
        }
    }
}

/// The fixed latency behind the wire of a direction.
pub(crate) fn behind(timing: &Timing) -> Fs {
    match *timing {
        Timing::Framed { serdes, fec, flight, .. } | Timing::Serial { serdes, fec, flight, .. } => {
            serdes + fec + flight
        }
        Timing::OnDie { .. } => Fs::ZERO,
    }
}
