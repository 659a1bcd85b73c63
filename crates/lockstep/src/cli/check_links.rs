//! What `check` says of framed link classes: what they yield, what they lose, what they need.

use core::fmt;

use base::Fs;
use machine::frame_class;
use phy::FrameClass;
use serde::Serialize;
use topology::spec::{LinkClass, MachineSpec, PhySpec};

/// Bytes of data of the packets that efficiency is told for.
const PACKETS: [u32; 7] = [0, 8, 32, 64, 128, 256, 4096];

/// Frames at most that are drawn to see what bursts do.
const DRAWN: u64 = 10_000_000;

/// What a framed class yields over the longest link of it.
#[derive(Serialize)]
pub(crate) struct FramedClass {
    name: String,
    lanes: u32,
    modulation: &'static str,
    frame_bits: u32,
    frame_ns: f64,
    /// Payload of frames over bits on the wire.
    frame_efficiency: f64,
    payload_bytes_per_s: f64,
    /// Of packets with so many bytes of data, back to back: data over bits on the wire.
    efficiency_by_data_bytes: Vec<(u32, f64)>,
    /// One way, of a flit at the beginning of a frame.
    serialization_ns: f64,
    serdes_ns: f64,
    fec_ns: f64,
    flight_ns: f64,
    /// Chance that a frame is lost, and of how many frames that were drawn with bursts; 0 for the closed form
    /// without.
    frame_loss: f64,
    frames_drawn: u64,
    /// Chance that a codeword is lost to independent errors, and wrong bits that bursts add.
    codeword_loss: f64,
    burst_ber: f64,
    /// Undetected errors in a thousand million hours, of a direction.
    undetected_fit: f64,
    /// Share of the rate that go-back-N leaves: `1 / (1 + p W)`.
    goodput: f64,
    replay_buffer_frames: u32,
    replay_buffer_frames_needed: u64,
    round_trip_ns: f64,
    /// Parts in a million: what both ends may be apart, and what skips and buffer make up for.
    ppm: Option<(u32, Option<u64>)>,
    warnings: Vec<String>,
}

/// Every framed class that is used.
pub(crate) fn of(spec: &MachineSpec) -> Vec<FramedClass> {
    let classes = spec.fabric.classes.iter().enumerate();
    let used = |at: usize| {
        let links = spec.fabric.links.iter().filter(|l| l.class == at);
        links.map(|l| l.length_um).max()
    };
    classes.filter_map(|(at, c)| framed(spec, c, c.phy.as_ref()?, used(at)?)).collect()
}

fn ns(fs: f64) -> f64 {
    fs / 1e6
}

fn framed(spec: &MachineSpec, class: &LinkClass, s: &PhySpec, um: u64) -> Option<FramedClass> {
    let c = frame_class(s, spec.flit_bytes);
    let (num, den) = c.slot_rate(c.lanes)?;
    let frame_fs = f64::from(c.layout.slots) * den as f64 / num as f64 * Fs::PER_SECOND as f64;
    let flight = s.flight_per_m.0 as f64 * um as f64 / 1e6;
    let one_way = frame_fs + s.serdes.0 as f64 + s.fec.0 as f64 + flight;
    let (over, under) = s.efficiency(spec.flit_bytes);
    let frame_efficiency = over as f64 / under as f64;
    let raw = f64::from(s.lanes) * s.lane_bits_per_s as f64;
    let efficiency = |data: u32| {
        let flits = (spec.header_bytes + data).div_ceil(spec.flit_bytes).max(1);
        if c.layout.block.is_none() {
            let packet = f64::from(flits * spec.flit_bytes);
            return (data, frame_efficiency * f64::from(data) / packet);
        }
        let frames = c.layout.slots_of(flits) as f64 / f64::from(c.layout.slots);
        let skips = s.skip.map_or(0.0, |(bits, every)| f64::from(bits) / f64::from(every));
        (data, f64::from(8 * data) / (frames * (f64::from(s.frame_bits()) + skips)))
    };
    // A nak waits for the next frame back; its sender finishes the frame it is in.
    let round = 2.0 * one_way + 2.0 * frame_fs;
    let ack = round + s.replay.ack_delay.0 as f64;
    // Bursts have no closed form here: some million frames are drawn.
    let (loss, frames_drawn) = phy::frame_loss(&c.shape(), &c.noise, 1, DRAWN);
    let missed = 0.5_f64.powi(i32::try_from(s.replay.crc_bits).unwrap_or(64));
    let frames_an_hour = 3600.0 * Fs::PER_SECOND as f64 / frame_fs;
    let mut told = FramedClass {
        name: class.name.clone(),
        lanes: s.lanes,
        modulation: match s.modulation {
            topology::phy::Modulation::Nrz => "NRZ",
            topology::phy::Modulation::Pam4 => "PAM4",
        },
        frame_bits: s.frame_bits(),
        frame_ns: ns(frame_fs),
        frame_efficiency,
        payload_bytes_per_s: raw * frame_efficiency / 8.0,
        efficiency_by_data_bytes: PACKETS.map(efficiency).to_vec(),
        serialization_ns: ns(frame_fs),
        serdes_ns: s.serdes.as_ns(),
        fec_ns: s.fec.as_ns(),
        flight_ns: ns(flight),
        frame_loss: loss,
        frames_drawn,
        codeword_loss: c.code.codeword_loss(s.ber.0),
        burst_ber: c.noise.burst.map_or(0.0, |b| b.mean_ber()),
        undetected_fit: loss * missed * frames_an_hour * 1e9,
        goodput: 1.0 / (1.0 + loss * round / frame_fs),
        replay_buffer_frames: s.replay.buffer_frames,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few frames in a round trip"
        )]
        replay_buffer_frames_needed: (ack / frame_fs).ceil() as u64,
        round_trip_ns: ns(round),
        ppm: s.elastic.map(|e| (2 * e.ppm, s.ppm_budget())),
        warnings: Vec::new(),
    };
    told.warnings = warnings(&told, s, &c);
    Some(told)
}

fn warnings(told: &FramedClass, s: &PhySpec, c: &FrameClass) -> Vec<String> {
    let mut all = Vec::new();
    let mut warn = |text: String| all.push(format!("link class `{}`: {text}", told.name));
    if u64::from(told.replay_buffer_frames) < told.replay_buffer_frames_needed {
        warn(format!(
            "replay.buffer_frames {} cannot cover the round trip of an acknowledgement; it needs {} to run \
             at full rate",
            told.replay_buffer_frames, told.replay_buffer_frames_needed
        ));
    }
    if s.replay.timeout.as_ns() < told.round_trip_ns {
        warn(format!(
            "replay.timeout {} is over before a nak can be back, {:.1} ns",
            s.replay.timeout, told.round_trip_ns
        ));
    }
    if told.frame_loss > 0.01 {
        warn(format!("{:.1} % of all frames are lost", 100.0 * told.frame_loss));
    }
    if c.noise.ber > 0.0 && s.replay.crc_bits == 0 && told.frame_loss > 0.0 {
        warn("replay.crc_bits 0: every lost frame is taken for a good one".to_owned());
    }
    if u64::from(c.code.interleave) < 2 && c.code.corrects() && c.noise.burst.is_some() {
        warn("bursts fall on one codeword; `code: (interleave: ..)` would spread them".to_owned());
    }
    all
}

impl fmt::Display for FramedClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {:<16} framed: {} lanes {}, {} bits in {:.3} ns, {:.4} payload, {:.2} GB/s",
            self.name,
            self.lanes,
            self.modulation,
            self.frame_bits,
            self.frame_ns,
            self.frame_efficiency,
            self.payload_bytes_per_s / 1e9
        )?;
        let by_size = self.efficiency_by_data_bytes.iter();
        let by_size: Vec<_> = by_size.map(|(b, e)| format!("{b} B {e:.3}")).collect();
        writeln!(f, "    efficiency     by data of a packet: {}", by_size.join(", "))?;
        writeln!(
            f,
            "    one way        frame {:.2} ns, serdes {:.2}, fec {:.2}, flight {:.2}: {:.2} ns; {:.2} ns until \
             a nak is back",
            self.serialization_ns,
            self.serdes_ns,
            self.fec_ns,
            self.flight_ns,
            self.serialization_ns + self.serdes_ns + self.fec_ns + self.flight_ns,
            self.round_trip_ns
        )?;
        write!(
            f,
            "    errors         frame lost {:.2e} (codeword {:.2e}), {:.2e} undetected FIT, goodput {:.6}",
            self.frame_loss, self.codeword_loss, self.undetected_fit, self.goodput
        )?;
        if self.burst_ber > 0.0 {
            write!(
                f,
                "; bursts add a bit error rate of {:.2e}, {} frames drawn",
                self.burst_ber,
                super::verify_results::grouped(self.frames_drawn)
            )?;
        }
        writeln!(
            f,
            "\n    replay         {} of {} frames needed",
            self.replay_buffer_frames, self.replay_buffer_frames_needed
        )?;
        match self.ppm {
            None => writeln!(f, "    clocks         common")?,
            Some((apart, None)) => writeln!(f, "    clocks         {apart} ppm apart at most")?,
            Some((apart, Some(budget))) => writeln!(
                f,
                "    clocks         {apart} ppm apart at most; skips and buffer make up for {budget}"
            )?,
        }
        self.warnings.iter().try_for_each(|w| writeln!(f, "  warning: {w}"))
    }
}
