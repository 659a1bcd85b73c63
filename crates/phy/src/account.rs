//! What a framed link has done: counts, energy, use over time.

use base::Fs;

use crate::cable::Trouble;

/// Slices of a link's use over time.
pub const SLICES: usize = 32;

/// Flits by time, in [`SLICES`] slices whose length doubles whenever the run outgrows them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Series {
    flits: [u32; SLICES],
    /// A slice is `2^log` femtoseconds.
    log: u32,
}

impl Default for Series {
    fn default() -> Self {
        // 2^30 fs is about a microsecond.
        Self { flits: [0; SLICES], log: 30 }
    }
}

impl Series {
    #[inline]
    pub(crate) fn add(&mut self, at: Fs) {
        #[expect(clippy::cast_possible_truncation, reason = "compared with the slices at once")]
        let slice = (at.0 >> self.log) as usize;
        match self.flits.get_mut(slice) {
            Some(flits) => *flits += 1,
            None => self.fold(at),
        }
    }

    #[cold]
    #[inline(never)]
    fn fold(&mut self, at: Fs) {
        while at.0 >> self.log >= SLICES as u64 {
            for slice in 0..SLICES / 2 {
                let pair = self.flits[2 * slice].saturating_add(self.flits[2 * slice + 1]);
                self.flits[slice] = pair;
            }
            self.flits[SLICES / 2..].fill(0);
            self.log += 1;
        }
        self.add(at);
    }

    pub(crate) const fn slice(&self) -> Fs {
        Fs(1 << self.log)
    }

    pub(crate) const fn flits(&self) -> &[u32; SLICES] {
        &self.flits
    }
}

/// What one direction of a framed link has done up to an instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Flits handed over.
    pub flits: u64,
    /// Frames that were sent with flits, each once.
    pub frames: u64,
    /// Slots that flits took.
    pub slots: u64,
    /// Frames with flits that were sent again.
    pub replays: u64,
    /// Frames of idle fill.
    pub idle: u64,
    /// Frames on the wire, of any kind.
    pub frames_all: u64,
    /// Symbols that the code mended, idle frames included. Independent errors are not drawn one by one: this
    /// is one draw with the mean that they have.
    pub corrected_symbols: u64,
    /// Frames beyond repair, idle ones included.
    pub uncorrectable: u64,
    /// Those that the CRC let pass, idle ones included.
    pub undetected: u64,
    /// Flits that arrived wrong.
    pub wrong_flits: u64,
    /// Naks that the sender heard.
    pub naks: u64,
    /// Replays that its timer started.
    pub timeouts: u64,
    /// How often the link was trained anew, both directions.
    pub retrains: u64,
    /// Lanes in use.
    pub lanes: u32,
    /// Lanes of both directions that have failed.
    pub lanes_failed: u32,
    /// How long it was down.
    pub down: Fs,
    /// Frames that waited for a place in the replay buffer.
    pub buffer_stalls: u64,
    /// The time that its flits take at full width.
    pub busy: Fs,
    /// Energy in femtojoules.
    pub energy_fj: u64,
    /// Flits by time: the length of a slice, and the flits of each.
    pub series: (Fs, [u32; SLICES]),
    /// Why it is down for good, if it is.
    pub dead: Option<Trouble>,
}

impl Account {
    /// How sick a link is: the greater, the sicker. Down for good, down, trained, replayed, wrong.
    pub fn sickness(&self) -> (bool, u64, u64, u64, u64) {
        (
            self.dead.is_some(),
            self.down.0,
            self.wrong_flits,
            self.replays + self.naks + self.timeouts,
            self.uncorrectable,
        )
    }

    /// Whether there was anything to repair.
    pub fn is_sick(&self) -> bool {
        self.sickness() > (false, 0, 0, 0, 0)
    }
}
