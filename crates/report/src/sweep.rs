//! The result of a sweep over offered loads, as data.
//!
//! ```text
//!   SweepReport { topology, traffic, points } ──▶ JSON: an array, one object a rate (and seed)
//!                                             ├─▶ CSV: a line a rate (and seed)
//!                                             └─▶ a table for a terminal
//! ```
//!
//! Rates are flits per terminal and cycle, latencies cycles. The meaning of each figure is that of
//! Dally and Towles, Principles and Practices of Interconnection Networks (2004), chapter 23.

use serde::Serialize;
use serde::ser::Error as _;

use crate::network::NetworkStats;

/// One offered load, measured. A mean of no packets is not a number, and `null` in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SweepPoint {
    /// Offered load: flits per terminal and cycle that sources were told to create.
    pub offered: f64,
    /// Flits per terminal and cycle that arrived in the measured window.
    pub accepted: f64,
    /// Mean cycles from a packet's creation to its tail's ejection: the source queue counts.
    pub packet_latency: f64,
    /// Mean cycles from the head's injection to the tail's ejection.
    pub network_latency: f64,
    /// Mean cycles from a flit's own injection to its ejection.
    pub flit_latency: f64,
    /// Mean routers that a packet visited.
    pub hops: f64,
    /// The network could not carry the offered load: latencies say nothing.
    pub saturated: bool,
    /// Packets behind the latencies.
    pub packets: u64,
    /// Cycles of the whole run: warm-up, measured window and drain.
    pub cycles: u64,
    /// Seed of the run.
    pub seed: u64,
    /// Half the width of the 95 % confidence interval of `packet_latency`, in cycles; not a number
    /// where the run is too short to tell.
    pub latency_ci95: f64,
    /// Flits that routers forwarded in the whole run.
    pub flit_hops: u64,
    /// Wall-clock seconds of the run.
    pub wall_s: f64,
    /// Flits per terminal and cycle that entered the network in the measured window.
    pub injected: f64,
    /// Least packet latency, cycles.
    pub packet_latency_min: u64,
    /// Greatest packet latency, cycles.
    pub packet_latency_max: u64,
    /// Median of the packet latency, cycles.
    pub p50: u64,
    /// 99th percentile of the packet latency, cycles.
    pub p99: u64,
    /// Cycles before the measured window.
    pub warmup_cycles: u64,
    /// Cycles of the measured window.
    pub measured_cycles: u64,
    /// Every packet of the measured window arrived.
    pub drained: bool,
    /// Hash over what was delivered when.
    pub digest: String,
    /// What followed packets did, a line an event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub follow: Vec<String>,
    /// What links, routers and classes did, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<Box<NetworkStats>>,
}

/// The points of one topology under one kind of traffic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SweepReport {
    /// The topology: its file, or the name of a shipped one.
    pub topology: String,
    /// The traffic pattern, as it was given.
    pub traffic: String,
    /// The points by offered load; those of one load by seed.
    pub points: Vec<SweepPoint>,
    /// Where the network saturates, if that was looked for.
    pub saturation: Option<Saturation>,
}

/// Where a network saturates, in flits per terminal and cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Saturation {
    /// The greatest load that was carried.
    pub carried: f64,
    /// The least load that was not, if any.
    pub refused: Option<f64>,
    /// What was accepted at the least load that was not carried.
    pub accepted: f64,
}

/// A point with the names of what it belongs to.
#[derive(Serialize)]
struct Entry<'a> {
    topology: &'a str,
    traffic: &'a str,
    #[serde(flatten)]
    point: &'a SweepPoint,
    #[serde(skip_serializing_if = "Option::is_none")]
    saturation: Option<Saturation>,
}

impl SweepReport {
    /// All points of `reports` as one JSON array, in order, with a newline at the end.
    ///
    /// # Errors
    /// If an offered load is no number, which JSON cannot say.
    pub fn to_json(reports: &[Self]) -> Result<String, serde_json::Error> {
        let mut entries = Vec::new();
        for Self { topology, traffic, points, saturation } in reports {
            for point in points {
                if !point.offered.is_finite() {
                    return Err(serde_json::Error::custom("`offered` is not a finite number"));
                }
                entries.push(Entry { topology, traffic, point, saturation: *saturation });
            }
        }
        serde_json::to_string_pretty(&entries).map(|text| text + "\n")
    }

    /// All points of `reports` as CSV (RFC 4180, lines end with a line feed), heading first. What is
    /// not a number is an empty field.
    pub fn to_csv(reports: &[Self]) -> String {
        let mut out = COLUMNS.join(",") + "\n";
        for report in reports {
            for point in &report.points {
                let names = [quoted(&report.topology), quoted(&report.traffic)];
                let fields: Vec<String> = names.into_iter().chain(fields(point)).collect();
                out += &fields.join(",");
                out.push('\n');
            }
        }
        out
    }
}

/// The columns of the CSV: keys of the JSON.
const COLUMNS: [&str; 24] = [
    "topology",
    "traffic",
    "offered",
    "seed",
    "accepted",
    "injected",
    "packet_latency",
    "latency_ci95",
    "packet_latency_min",
    "packet_latency_max",
    "p50",
    "p99",
    "network_latency",
    "flit_latency",
    "hops",
    "saturated",
    "drained",
    "packets",
    "cycles",
    "warmup_cycles",
    "measured_cycles",
    "flit_hops",
    "wall_s",
    "digest",
];

/// The fields behind the names, in the order of [`COLUMNS`].
fn fields(p: &SweepPoint) -> [String; 22] {
    [
        plain(p.offered),
        p.seed.to_string(),
        plain(p.accepted),
        plain(p.injected),
        plain(p.packet_latency),
        plain(p.latency_ci95),
        p.packet_latency_min.to_string(),
        p.packet_latency_max.to_string(),
        p.p50.to_string(),
        p.p99.to_string(),
        plain(p.network_latency),
        plain(p.flit_latency),
        plain(p.hops),
        p.saturated.to_string(),
        p.drained.to_string(),
        p.packets.to_string(),
        p.cycles.to_string(),
        p.warmup_cycles.to_string(),
        p.measured_cycles.to_string(),
        p.flit_hops.to_string(),
        plain(p.wall_s),
        p.digest.clone(),
    ]
}

fn plain(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

/// A field in quotes where it needs them.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn report() -> SweepReport {
        let point = |offered, seed| SweepPoint { offered, seed, ..SweepPoint::default() };
        SweepReport {
            topology: "mesh8x8".to_owned(),
            traffic: "hotspot(0:3,5:1@0.2)".to_owned(),
            points: vec![point(0.1, 1), point(0.1, 2), point(0.25, 1)],
            saturation: None,
        }
    }

    #[test]
    fn json_is_an_array_whose_objects_have_every_key_of_the_contract() {
        let reports = [report(), report()];
        let json: Value = serde_json::from_str(&SweepReport::to_json(&reports).unwrap()).unwrap();
        let all = json.as_array().unwrap();
        assert_eq!(all.len(), 6);
        for key in [
            "offered",
            "accepted",
            "packet_latency",
            "network_latency",
            "flit_latency",
            "hops",
            "saturated",
            "packets",
            "cycles",
            "seed",
            "latency_ci95",
            "flit_hops",
            "wall_s",
            "topology",
            "traffic",
        ] {
            assert!(all.iter().all(|o| o.get(key).is_some()), "{key}");
        }
        assert_eq!((&all[1]["seed"], &all[2]["offered"]), (&Value::from(2), &Value::from(0.25)));
        assert!(all[0].get("stats").is_none() && all[0].get("saturation").is_none());
    }

    #[test]
    fn what_could_not_be_told_is_null_but_a_load_is_a_number() {
        let mut told = report();
        told.points[0].latency_ci95 = f64::NAN;
        let text = SweepReport::to_json(std::slice::from_ref(&told)).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        assert!(json[0]["latency_ci95"].is_null() && json[1]["latency_ci95"].is_number());
        told.points[1].offered = f64::INFINITY;
        assert!(SweepReport::to_json(&[told]).is_err());
    }

    #[test]
    fn csv_has_a_field_for_every_column_and_quotes_commas() {
        let text = SweepReport::to_csv(&[report()]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        let rest = lines[1].strip_prefix("mesh8x8,\"hotspot(0:3,5:1@0.2)\",").unwrap();
        assert_eq!(rest.split(',').count() + 2, lines[0].split(',').count());
        assert!(rest.starts_with("0.1,1,") && lines[3].contains(",0.25,1,"));
    }

    #[test]
    fn csv_fields_stand_under_their_names() {
        let mut report = report();
        report.traffic = "uniform".to_owned();
        let json: Value =
            serde_json::from_str(&SweepReport::to_json(&[marked(&mut report)]).unwrap()).unwrap();
        let text = SweepReport::to_csv(&[report]);
        let lines: Vec<&str> = text.lines().collect();
        for (name, field) in lines[0].split(',').zip(lines[1].split(',')) {
            let told = json[0][name].as_str().map_or(json[0][name].to_string(), str::to_owned);
            assert_eq!(told.trim_end_matches(".0"), field, "{name}");
        }
    }

    /// Every figure of the first point another one.
    fn marked(report: &mut SweepReport) -> SweepReport {
        report.points[0] = SweepPoint {
            offered: 0.5,
            accepted: 1.5,
            packet_latency: 2.5,
            network_latency: 3.5,
            flit_latency: 4.5,
            hops: 5.5,
            saturated: true,
            packets: 6,
            cycles: 7,
            seed: 8,
            latency_ci95: 9.5,
            flit_hops: 10,
            wall_s: 11.5,
            injected: 12.5,
            packet_latency_min: 13,
            packet_latency_max: 14,
            p50: 15,
            p99: 16,
            warmup_cycles: 17,
            measured_cycles: 18,
            drained: false,
            digest: "d1".to_owned(),
            follow: Vec::new(),
            stats: None,
        };
        report.clone()
    }
}
