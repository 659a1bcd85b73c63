//! A sweep for a person at a terminal.

use std::fmt::Write as _;

use crate::network::{ClassLatency, NetworkStats, Series, TrafficMatrix};
use crate::table::{Side, Table, number};
use crate::terminal::{bar, grouped};
use crate::{Style, SweepPoint, SweepReport};

/// Lines of each section of statistics: the busiest, the fullest, the most stalled.
const LINES: usize = 12;
/// Terminals up to which a traffic matrix is printed.
const MATRIX_MAX: usize = 16;

/// The sweep: a line a rate, then the sections of statistics that there are, then saturation.
pub fn render_sweep(report: &SweepReport, style: Style) -> String {
    let mut out = format!("{}  {} on {}\n", style.title("sweep"), report.traffic, report.topology);
    let first = report.points.first().map(|p| p.seed);
    let seeds = report.points.iter().any(|p| Some(p.seed) != first);
    out += "     rates in flits per terminal and cycle, latencies in cycles\n\n";
    out += &points(report, seeds);
    for point in &report.points {
        for line in &point.follow {
            let _ = writeln!(out, "  {line}");
        }
        if let Some(stats) = &point.stats {
            let _ = write!(out, "\n{}", style.title(&format!("at {}", point.offered)));
            let _ = writeln!(
                out,
                "{}",
                if seeds { format!(", seed {}", point.seed) } else { String::new() }
            );
            sections(&mut out, stats);
        }
    }
    if let Some(found) = &report.saturation {
        let _ = write!(out, "\n{} carried {:.4}", style.title("saturation"), found.carried);
        let _ = match found.refused {
            Some(refused) => {
                writeln!(out, ", not {refused:.4}, where it accepted {:.4}", found.accepted)
            }
            None => writeln!(out, ", the greatest that was offered"),
        };
    }
    out
}

fn points(report: &SweepReport, seeds: bool) -> String {
    use Side::{Left, Right};
    let mut columns = vec![("offered", Right)];
    if seeds {
        columns.push(("seed", Right));
    }
    columns.extend([
        ("accepted", Right),
        ("packet", Right),
        ("+- 95 %", Right),
        ("p50", Right),
        ("p99", Right),
        ("max", Right),
        ("network", Right),
        ("flit", Right),
        ("hops", Right),
        ("packets", Right),
        ("", Left),
    ]);
    let mut table = Table::new(&columns);
    for p in &report.points {
        let mut cells = vec![number(p.offered, 4)];
        if seeds {
            cells.push(p.seed.to_string());
        }
        cells.extend([
            number(p.accepted, 4),
            number(p.packet_latency, 2),
            number(p.latency_ci95, 2),
            p.p50.to_string(),
            p.p99.to_string(),
            p.packet_latency_max.to_string(),
            number(p.network_latency, 2),
            number(p.flit_latency, 2),
            number(p.hops, 3),
            grouped(p.packets),
            state(p).to_owned(),
        ]);
        table.row(cells);
    }
    table.render(2)
}

const fn state(point: &SweepPoint) -> &'static str {
    match (point.saturated, point.drained) {
        (true, _) => "saturated",
        (false, true) => "",
        (false, false) => "not drained",
    }
}

fn sections(out: &mut String, stats: &NetworkStats) {
    for class in &stats.classes {
        histogram(out, class);
    }
    for (title, table) in [
        ("busiest links", links(stats)),
        ("routers that stalled most", routers(stats)),
        ("fullest VCs", vcs(stats)),
    ] {
        if !table.is_empty() {
            let _ = write!(out, "  {title}\n{}", table.render(4));
        }
    }
    if let Some(matrix) = &stats.matrix {
        flows(out, matrix);
    }
    if let Some(series) = &stats.series {
        slices(out, series);
    }
}

fn histogram(out: &mut String, class: &ClassLatency) {
    let _ = writeln!(
        out,
        "  {}: {} packets, mean {}, p50 {}, p99 {}, max {}",
        class.class,
        grouped(class.packets),
        number(class.mean, 2),
        class.p50,
        class.p99,
        class.max
    );
    let most = class.histogram.count.iter().max().copied().unwrap_or(0).max(1);
    let mut table =
        Table::new(&[("up to", Side::Right), ("", Side::Left), ("packets", Side::Right)]);
    for (upto, count) in class.histogram.upto_cycles.iter().zip(&class.histogram.count) {
        if *count > 0 {
            table.row([upto.to_string(), bar(*count as f64 / most as f64), grouped(*count)]);
        }
    }
    if !table.is_empty() {
        out.push_str(&table.render(4));
    }
}

/// The `LINES` with the greatest key; equal ones in their order.
fn most<T>(all: &[T], key: impl Fn(&T) -> f64) -> Vec<&T> {
    let mut order: Vec<&T> = all.iter().filter(|t| key(t) > 0.0).collect();
    order.sort_by(|a, b| key(b).total_cmp(&key(a)));
    order.truncate(LINES);
    order
}

fn links(stats: &NetworkStats) -> Table {
    use Side::{Left, Right};
    let mut table =
        Table::new(&[("link", Left), ("class", Left), ("busy %", Right), ("flits", Right)]);
    for link in most(&stats.links, |l| l.utilization) {
        let busy = number(100.0 * link.utilization, 1);
        table.row([link.link.clone(), link.class.clone(), busy, grouped(link.flits)]);
    }
    table
}

fn routers(stats: &NetworkStats) -> Table {
    use Side::{Left, Right};
    let mut table = Table::new(&[
        ("router", Left),
        ("moved", Right),
        ("no VC", Right),
        ("no credit", Right),
        ("no switch", Right),
        ("behind", Right),
    ]);
    for r in most(&stats.routers, |r| r.stalled() as f64) {
        let counts = [r.moved, r.vc_allocation, r.credit, r.switch_allocation, r.behind];
        table.row(std::iter::once(r.router.clone()).chain(counts.map(grouped)));
    }
    table
}

fn vcs(stats: &NetworkStats) -> Table {
    use Side::{Left, Right};
    let mut table = Table::new(&[
        ("router", Left),
        ("port", Right),
        ("VC", Right),
        ("mean flits", Right),
        ("most", Right),
        ("of", Right),
    ]);
    for vc in most(&stats.occupancy, |v| v.mean_flits) {
        table.row([
            vc.router.clone(),
            vc.port.to_string(),
            vc.vc.to_string(),
            number(vc.mean_flits, 2),
            vc.max_flits.to_string(),
            vc.depth_flits.to_string(),
        ]);
    }
    table
}

fn flows(out: &mut String, matrix: &TrafficMatrix) {
    let terminals = matrix.flits.len();
    if terminals > MATRIX_MAX {
        let _ = writeln!(out, "  traffic matrix: {terminals} terminals, in --json only");
        return;
    }
    let names: Vec<String> = (0..terminals).map(|n| n.to_string()).collect();
    let mut columns = vec![("from \\ to", Side::Right)];
    columns.extend(names.iter().map(|n| (n.as_str(), Side::Right)));
    let mut table = Table::new(&columns);
    for (from, row) in matrix.flits.iter().enumerate() {
        table.row(std::iter::once(from.to_string()).chain(row.iter().map(u64::to_string)));
    }
    let _ = write!(out, "  flits delivered\n{}", table.render(4));
}

fn slices(out: &mut String, series: &Series) {
    use Side::Right;
    let mut table = Table::new(&[
        ("from cycle", Right),
        ("injected", Right),
        ("accepted", Right),
        ("packet", Right),
        ("in flight", Right),
        ("queued", Right),
    ]);
    for s in &series.slices {
        table.row([
            s.start_cycle.to_string(),
            number(s.injected, 4),
            number(s.accepted, 4),
            number(s.packet_latency, 2),
            s.in_flight_flits.to_string(),
            s.queued_packets.to_string(),
        ]);
    }
    let _ = write!(out, "  every {} cycles\n{}", series.period_cycles, table.render(4));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{CycleHistogram, Slice, StallCauses, VcOccupancy};
    use crate::{BusyLink, Saturation};

    fn point(offered: f64) -> SweepPoint {
        SweepPoint { offered, accepted: offered, seed: 1, drained: true, ..SweepPoint::default() }
    }

    fn report(points: Vec<SweepPoint>) -> SweepReport {
        let (topology, traffic) = ("mesh8x8".to_owned(), "uniform".to_owned());
        SweepReport { topology, traffic, points, saturation: None }
    }

    #[test]
    fn every_rate_is_a_line_and_saturation_is_marked() {
        let saturated = SweepPoint { saturated: true, drained: false, ..point(0.45) };
        let stuck = SweepPoint { drained: false, packet_latency: f64::NAN, ..point(0.5) };
        let text = render_sweep(&report(vec![point(0.1), saturated, stuck]), Style::default());
        let lines: Vec<&str> = text.lines().skip(3).collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].contains("offered") && !lines[0].contains("seed"), "{text}");
        assert!(lines[1].trim_start().starts_with("0.1000") && !lines[1].contains("sat"), "{text}");
        assert!(lines[2].ends_with("saturated"), "{text}");
        assert!(lines[3].ends_with("not drained") && lines[3].contains(" - "), "{text}");
    }

    #[test]
    fn seeds_have_a_column_where_there_are_several() {
        let other = SweepPoint { seed: 77, ..point(0.1) };
        let text = render_sweep(&report(vec![point(0.1), other]), Style::default());
        assert!(text.contains("seed") && text.contains("  77  "), "{text}");
    }

    #[test]
    fn saturation_is_told_from_both_sides() {
        let mut told = report(vec![point(0.1)]);
        told.saturation = Some(Saturation { carried: 0.41, refused: Some(0.43), accepted: 0.42 });
        assert!(
            render_sweep(&told, Style::default())
                .ends_with("saturation carried 0.4100, not 0.4300, where it accepted 0.4200\n")
        );
        told.saturation = Some(Saturation { carried: 1.0, refused: None, accepted: 1.0 });
        assert!(render_sweep(&told, Style::default()).ends_with("the greatest that was offered\n"));
    }

    fn stats() -> NetworkStats {
        let link = |n: u32| BusyLink {
            link: format!("link{n}"),
            class: "wire".to_owned(),
            flits: u64::from(n),
            utilization: f64::from(n) / 100.0,
            ..BusyLink::default()
        };
        let router = |n: u64| StallCauses {
            router: format!("r{n}"),
            moved: 1_000_000,
            credit: n,
            ..StallCauses::default()
        };
        let vc = |n: u32| VcOccupancy {
            router: format!("v{n}"),
            mean_flits: f64::from(n),
            max_flits: n,
            ..VcOccupancy::default()
        };
        NetworkStats {
            classes: vec![ClassLatency {
                class: "request".to_owned(),
                histogram: CycleHistogram { upto_cycles: vec![8, 16, 32], count: vec![2, 0, 4] },
                ..ClassLatency::default()
            }],
            links: (0..40).map(link).collect(),
            routers: vec![router(0), router(9), router(3)],
            occupancy: vec![vc(1), vc(2)],
            matrix: Some(TrafficMatrix { flits: vec![vec![0, 7], vec![8, 0]] }),
            series: Some(Series { period_cycles: 100, slices: vec![Slice::default(); 2] }),
        }
    }

    #[test]
    fn sections_show_the_greatest_first_and_only_so_many() {
        let with = SweepPoint { stats: Some(Box::new(stats())), ..point(0.1) };
        let text = render_sweep(&report(vec![with]), Style::default());
        let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("no `{word}` in {text}"));
        assert!(at("link39") < at("link38"), "{text}");
        assert_eq!(text.matches(" wire ").count(), LINES, "{text}");
        assert!(at("r9 ") < at("r3 ") && !text.contains("r0 "), "{text}");
        assert!(at("v2") < at("v1"), "{text}");
        let steps = |upto: &str| text.lines().filter(|l| l.trim_start().starts_with(upto)).count();
        assert_eq!((steps("8  "), steps("16  "), steps("32  ")), (1, 0, 1), "{text}");
        assert!(text.contains("every 100 cycles") && text.contains("1 000 000"), "{text}");
    }

    #[test]
    fn a_large_matrix_is_left_to_the_json() {
        let matrix = TrafficMatrix { flits: vec![vec![1; 17]; 17] };
        let mut out = String::new();
        flows(&mut out, &matrix);
        assert!(out.contains("17 terminals") && out.lines().count() == 1, "{out}");
    }
}
