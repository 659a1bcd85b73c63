//! What `schedule` prints.

use std::fmt::Write as _;

use lockstep::schedule::Row;
use machine::schedule::{Fault, Losses, Schedule, Spread};
use report::{Side, Table};
use serde_json::{Value, json};
use topology::schedule::link_name;
use topology::spec::MachineSpec;

/// Everything there is to tell.
pub(crate) struct Report<'a> {
    pub(crate) spec: &'a MachineSpec,
    pub(crate) schedule: &'a Schedule,
    /// Whether it was planned here.
    pub(crate) planned: bool,
    pub(crate) faults: &'a [Fault],
    pub(crate) forced: Option<Forced>,
    pub(crate) rows: &'a [Row],
    pub(crate) seed: u64,
    pub(crate) start_cycles: u64,
}

/// What a run of a schedule with faults came to.
pub(crate) struct Forced {
    /// Transfers that did not arrive when they should: number, due, came.
    pub(crate) off: Vec<(usize, u64, u64)>,
    pub(crate) losses: Losses,
}

/// Faults and late transfers that are told one by one.
const SHOWN: usize = 10;

pub(crate) fn text(r: &Report<'_>) -> String {
    let entries = r.schedule.entries();
    let mut out = format!(
        "{}: {} transfers, {}; the last arrives at cycle {}\n",
        r.spec.name,
        entries.len(),
        match (r.faults.len(), r.planned) {
            (0, true) => "planned free of contention".to_owned(),
            (0, false) => "free of contention".to_owned(),
            (n, _) => format!("{n} at fault"),
        },
        r.schedule.completion()
    );
    if let Some((link, cycles)) = r.schedule.busiest() {
        let name = link_name(&r.spec.fabric, link);
        let _ = writeln!(out, "busiest link: {name}, {cycles} cycles");
    }
    for fault in r.faults.iter().take(SHOWN) {
        let _ = writeln!(out, "  {fault}");
    }
    if let Some(forced) = &r.forced {
        out += &forced_text(forced, entries.len());
    }
    if r.rows.is_empty() {
        return out;
    }
    let runs = r.rows.first().map_or(0, |row| row.repeats.runs);
    let _ = writeln!(
        out,
        "\n{runs} runs each; without a schedule nodes start within {} cycles. In cycles:\n",
        r.start_cycles
    );
    out + &table(r.rows)
}

fn forced_text(forced: &Forced, all: usize) -> String {
    let Losses { vc, switch, behind, .. } = forced.losses;
    let mut out = format!(
        "\nrun all the same: {} of {all} transfers did not arrive when planned\n  lost {vc} requests for \
         VCs and {switch} for the switch; {behind} cycles behind others\n",
        forced.off.len()
    );
    for (transfer, due, came) in forced.off.iter().take(SHOWN) {
        let _ = writeln!(out, "  transfer {transfer}: planned for {due}, arrived at {came}");
    }
    out
}

fn table(rows: &[Row]) -> String {
    let columns = [
        "arrival range max",
        "sigma mean",
        "delay mean",
        "max",
        "sigma",
        "completion min",
        "mean",
        "max",
        "lost",
    ];
    let right = columns.iter().map(|name| (*name, Side::Right));
    let all: Vec<(&str, Side)> = [("", Side::Left)].into_iter().chain(right).collect();
    let mut table = Table::new(&all);
    for Row { name, repeats: r, .. } in rows {
        let one = |x: f64| format!("{x:.1}");
        let two = |x: f64| format!("{x:.2}");
        table.row([
            name.clone(),
            one(r.arrival_range.max),
            two(r.arrival_sigma.mean),
            two(r.delay.mean),
            one(r.delay.max),
            two(r.delay.sigma),
            one(r.completion.min),
            one(r.completion.mean),
            one(r.completion.max),
            r.losses.to_string(),
        ]);
    }
    let about = "  arrival: of one transfer, from run to run; delay: in the network, beyond a lone packet's\n";
    table.render(2) + about
}

fn spread(s: Spread) -> Value {
    json!({ "min": s.min, "mean": s.mean, "max": s.max, "sigma": s.sigma })
}

pub(crate) fn json(r: &Report<'_>) -> serde_json::Result<String> {
    let entries = r.schedule.entries();
    let transfers: Vec<Value> = entries
        .iter()
        .map(|e| {
            json!({
                "from": e.transfer.src.0, "to": e.transfer.dst.0, "flits": e.transfer.flits,
                "release": e.release, "arrival": e.arrival, "links": e.hops.len(),
            })
        })
        .collect();
    let faults: Vec<Value> = r
        .faults
        .iter()
        .map(|f| json!({ "transfer": f.transfer, "message": f.to_string() }))
        .collect();
    let rows: Vec<Value> = r.rows.iter().map(row).collect();
    let forced = r.forced.as_ref().map(|f| {
        let late: Vec<Value> = f
            .off
            .iter()
            .map(|(i, due, came)| json!({ "transfer": i, "planned": due, "arrival": came }))
            .collect();
        json!({
            "off": late, "vc_lost": f.losses.vc, "switch_lost": f.losses.switch,
            "behind_cycles": f.losses.behind,
        })
    });
    let busiest = r
        .schedule
        .busiest()
        .map(|(link, cycles)| json!({ "link": link_name(&r.spec.fabric, link), "cycles": cycles }));
    let all = json!({
        "topology": r.spec.name, "seed": r.seed, "planned": r.planned,
        "counter_error_cycles": r.schedule.error_cycles(), "start_cycles": r.start_cycles,
        "completion_cycles": r.schedule.completion(), "busiest": busiest,
        "flit_hops": r.schedule.flit_hops(), "faults": faults, "forced": forced,
        "rows": rows, "transfers": transfers,
    });
    serde_json::to_string_pretty(&all).map(|text| text + "\n")
}

fn row(row: &Row) -> Value {
    let r = &row.repeats;
    json!({
        "name": row.name, "routing": row.routing, "load": row.load,
        "error_cycles": row.error_cycles, "runs": r.runs, "kept": row.kept(),
        "arrival_range": spread(r.arrival_range), "arrival_sigma": spread(r.arrival_sigma),
        "latency": spread(r.latency), "delay": spread(r.delay),
        "completion": spread(r.completion), "losses": r.losses,
    })
}
