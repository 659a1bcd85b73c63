//! From a description of a framed link, and the class behind it, to its figures.

use super::form::FramedForm;
use super::spec::{Block, Burst, Code, Elastic, PhySpec, Replay};
use super::{CLASSES, Chance, Modulation, Undetected, class};
use crate::error::{ErrorKind, Problem};
use crate::names::suggest;
use crate::units::{JoulesPerBit, Room, Span};

impl FramedForm {
    /// Its own fields, and those of `below` where it has none.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        Self {
            class: self.class.clone(),
            lanes: self.lanes.or(below.lanes),
            lane_rate: self.lane_rate.or(below.lane_rate),
            modulation: self.modulation.or(below.modulation),
            frame: self.frame.over(&below.frame),
            block: self.block.over(&below.block),
            code: self.code.over(&below.code),
            serdes: self.serdes.or(below.serdes),
            fec: self.fec.or(below.fec),
            flight: self.flight.or(below.flight),
            reach: self.reach.or(below.reach),
            ber: self.ber.or(below.ber),
            burst: self.burst.over(&below.burst),
            replay: self.replay.over(&below.replay),
            spare_lanes: self.spare_lanes.or(below.spare_lanes),
            widths: self.widths.clone().or_else(|| below.widths.clone()),
            lane_failures_per_hour: self.lane_failures_per_hour.or(below.lane_failures_per_hour),
            skip: self.skip.over(&below.skip),
            elastic: self.elastic.over(&below.elastic),
            energy: self.energy.over(&below.energy),
            buffer_flits: self.buffer_flits.or(below.buffer_flits),
            credits: self.credits.or(below.credits),
        }
    }
}

/// Where a form stands, for what is missing in it.
struct Within<'a> {
    key: &'a str,
    class: Option<&'a str>,
}

impl Within<'_> {
    fn need<T>(&self, field: &str, given: Option<T>) -> Result<T, Problem> {
        given.ok_or_else(|| {
            let of = self.class.map_or_else(
                || "and there is no class behind it".to_owned(),
                |c| format!("and the class `{c}` has none"),
            );
            Problem::new(
                ErrorKind::Value,
                self.key,
                format!("the field `{field}` is missing, {of}"),
                format!("add `{field}: ...` here, or `class: \"...\"` of one that has it"),
            )
        })
    }

    fn bits(&self, field: &str, bytes: Option<u64>) -> Result<u32, Problem> {
        let bytes = self.need(field, bytes)?;
        u32::try_from(bytes.saturating_mul(8)).ok().filter(|b| *b <= 1 << 24).ok_or_else(|| {
            let key = format!("{}.{field}", self.key);
            Problem::new(
                ErrorKind::Limit,
                key,
                format!("{bytes} B are too long for a frame"),
                "use at most 2 MiB",
            )
        })
    }
}

/// The figures of the framed link that is described at `key`, and flits of buffer for each VC.
pub(crate) fn resolve(key: &str, form: &FramedForm) -> Result<(PhySpec, u32), Problem> {
    let whole = match &form.class {
        None => form.clone(),
        Some(name) => {
            let below = class(name).ok_or_else(|| {
                let known = CLASSES.iter().map(|(n, _)| *n);
                let message = format!("there is no link class called `{name}`");
                let key = format!("{key}.class");
                Problem::new(ErrorKind::Name, key, message, suggest(name, known))
            })?;
            // Fewer lanes than the class has leave it the widths below that.
            let mut whole = form.over(&below);
            if let (None, Some(widths), Some(lanes)) =
                (&form.widths, &mut whole.widths, whole.lanes)
            {
                widths.retain(|w| *w < lanes);
            }
            whole
        }
    };
    let at = Within { key, class: form.class.as_deref() };
    let frame = &whole.frame;
    let payload_bits = at.bits("frame.payload", frame.payload.map(|s| s.0))?;
    let slot = if payload_bits.is_multiple_of(32) { 4 } else { 1 };
    let slot_bits = at.bits("frame.slot", Some(frame.slot.map_or(slot, |s| s.0)))?;
    let energy = |e: Option<JoulesPerBit>| e.unwrap_or_default().0;
    let spec = PhySpec {
        class: form.class.clone(),
        lanes: at.need("lanes", whole.lanes)?,
        lane_bits_per_s: at.need("lane_rate", whole.lane_rate)?.0,
        modulation: whole.modulation.unwrap_or(Modulation::Nrz),
        payload_bits,
        header_bits: at.bits("frame.header", Some(frame.header.unwrap_or_default().0))?,
        crc_bits: frame.crc_bits.unwrap_or(0),
        parity_bits: frame.parity_bits.unwrap_or(0),
        sync_bits: frame.sync_bits.unwrap_or(0),
        slot_bits,
        straddle: frame.straddle.unwrap_or(false),
        credits: frame.credits.unwrap_or(u32::MAX),
        block: block(&at, &whole, slot_bits)?,
        code: code(&at, &whole)?,
        serdes: at.need("serdes", whole.serdes)?.0,
        fec: whole.fec.unwrap_or_default().0,
        flight_per_m: base::Fs(at.need("flight", whole.flight)?.0),
        reach_um: whole.reach.map(|r| r.0),
        ber: at.need("ber", whole.ber)?,
        burst: burst(&at, &whole)?,
        replay: replay(&at, &whole)?,
        spare_lanes: whole.spare_lanes.unwrap_or(0),
        widths: whole.widths.clone().unwrap_or_default(),
        lane_failures_per_hour: whole.lane_failures_per_hour.unwrap_or_default(),
        credit_pools: whole.credits,
        skip: skip(&at, &whole)?,
        elastic: elastic(&at, &whole)?,
        energy_fj_per_bit: (energy(whole.energy.active), energy(whole.energy.idle)),
    };
    Ok((spec, at.need("buffer_flits", whole.buffer_flits)?))
}

fn block(at: &Within<'_>, form: &FramedForm, slot_bits: u32) -> Result<Option<Block>, Problem> {
    let b = &form.block;
    if *b == super::BlockForm::default() {
        return Ok(None);
    }
    let slots = |field: &str, bytes: Option<u64>| {
        let bits = at.bits(field, bytes)?;
        if bits.is_multiple_of(slot_bits) {
            return Ok(bits / slot_bits);
        }
        let what = format!("{} B are no whole number of slots of {} B", bits / 8, slot_bits / 8);
        let mend = "make it a multiple of frame.slot, or frame.slot smaller";
        Err(Problem::new(ErrorKind::Value, format!("{}.{field}", at.key), what, mend))
    };
    let unit = slots("block.unit", b.unit.map(|s| s.0))?;
    let room = |r: Option<Room>| r.map(|r| r.0);
    Ok(Some(Block {
        unit_slots: unit,
        slots: at.need("block.units", b.units)?.saturating_mul(unit),
        header_slots: slots("block.header", room(b.header))?,
        next_header_slots: slots("block.next_header", room(b.next_header.or(b.header)))?,
        check_slots: slots("block.check", room(b.check))?,
    }))
}

fn code(at: &Within<'_>, form: &FramedForm) -> Result<Option<Code>, Problem> {
    let c = &form.code;
    let strength = match c.strength {
        None if *c == super::CodeForm::default() => return Ok(None),
        Some(0) => return Ok(None),
        given => at.need("code.strength", given)?,
    };
    Ok(Some(Code {
        symbols: at.need("code.symbols", c.symbols)?,
        symbol_bits: at.need("code.symbol_bits", c.symbol_bits)?,
        strength,
        codewords: c.codewords.unwrap_or(1),
        interleave: c.interleave.unwrap_or(1),
    }))
}

fn burst(at: &Within<'_>, form: &FramedForm) -> Result<Option<Burst>, Problem> {
    let b = &form.burst;
    if *b == super::BurstForm::default() || b.rate == Some(Chance(0.0)) {
        return Ok(None);
    }
    Ok(Some(Burst {
        rate: at.need("burst.rate", b.rate)?,
        mean_bits: at.need("burst.mean_bits", b.mean_bits)?,
        error: b.error.unwrap_or(Chance(0.5)),
    }))
}

fn replay(at: &Within<'_>, form: &FramedForm) -> Result<Replay, Problem> {
    let r = &form.replay;
    let span = |s: Option<Span>| s.unwrap_or_default().0;
    Ok(Replay {
        crc_bits: at.need("replay.crc_bits", r.crc_bits)?,
        undetected: r.undetected.unwrap_or(Undetected::Poison),
        sequence_bits: r.sequence_bits.unwrap_or(12),
        buffer_frames: at.need("replay.buffer_frames", r.buffer_frames)?,
        ack_every: r.ack_every.unwrap_or(1),
        ack_delay: span(r.ack_delay),
        nak_copies: r.nak_copies.unwrap_or(1),
        timeout: at.need("replay.timeout", r.timeout)?.0,
        retries: at.need("replay.retries", r.retries)?,
        retrain: at.need("replay.retrain", r.retrain)?.0,
    })
}

fn skip(at: &Within<'_>, form: &FramedForm) -> Result<Option<(u32, u32)>, Problem> {
    let s = &form.skip;
    if *s == super::SkipForm::default() || s.bits == Some(0) {
        return Ok(None);
    }
    Ok(Some((at.need("skip.bits", s.bits)?, at.need("skip.every_frames", s.every_frames)?)))
}

fn elastic(at: &Within<'_>, form: &FramedForm) -> Result<Option<Elastic>, Problem> {
    let e = &form.elastic;
    if *e == super::ElasticForm::default() {
        return Ok(None);
    }
    Ok(Some(Elastic {
        ppm: at.need("elastic.ppm", e.ppm)?,
        buffer_bits: at.need("elastic.buffer_bits", e.buffer_bits)?,
    }))
}

/// The figures of a framed link, checked for flits of 4 bytes.
///
/// # Errors
/// The first thing that is wrong, in words.
pub fn resolved(form: &FramedForm) -> Result<PhySpec, String> {
    let (spec, _) = resolve("links", form).map_err(|p| format!("{}: {}", p.key, p.message))?;
    super::values("link", &spec, 4).map_err(|p| format!("{}: {}", p.key, p.message))?;
    Ok(spec)
}
