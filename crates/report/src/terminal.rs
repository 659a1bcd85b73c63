//! The summary of a run for a person at a terminal.

use std::fmt::Write as _;

use crate::phy;
use crate::{LatencyNs, PackageUse, RunReport};

/// How a summary is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Style {
    /// Use ANSI colours and bold.
    pub color: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn title(self, text: &str) -> String {
        self.paint("1", text)
    }
}

/// Cells of a bar.
const BAR: usize = 28;

/// The summary: what ran, how long, how fast, where the time went, the busiest links, the checks.
pub fn render(report: &RunReport, style: Style) -> String {
    let mut out = String::new();
    header(&mut out, report, style);
    throughput(&mut out, report, style);
    latency(&mut out, report, style);
    breakdown(&mut out, report, style);
    links(&mut out, report, style);
    counters(&mut out, report, style);
    checks(&mut out, report, style);
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

fn header(out: &mut String, r: &RunReport, style: Style) {
    let _ = writeln!(out, "{}  {} on {}", style.title("run"), r.trace, r.topology);
    let _ = writeln!(
        out,
        "     {} records of {} threads; {} accelerators, {} routers; seed {}",
        grouped(r.records),
        r.trace_threads,
        r.nodes,
        r.routers,
        r.seed
    );
    let speed = r.transactions as f64 / r.wall_s.max(1e-9);
    let _ = writeln!(
        out,
        "     {} simulated in {:.2} s: {} accesses a second",
        span(r.time_ns),
        r.wall_s,
        group_digits(&format!("{speed:.0}"))
    );
    engine(out, r);
}

/// On how many threads the machine was stepped, if more than one was given.
fn engine(out: &mut String, r: &RunReport) {
    let e = &r.engine;
    if let Some(why) = &e.why_one {
        let _ = writeln!(out, "     stepped on one thread of {}: {why}", r.threads);
    } else if e.partitions > 1 {
        let _ = writeln!(
            out,
            "     {} partitions, {} cables cut; {} epochs of {:.1} ns, {} of them on several threads; {} looks at \
             the other way, {} changes; imbalance {:.2}, {:.2} s of waiting",
            e.partitions,
            grouped(e.cut_links as u64),
            grouped(e.epochs),
            e.epoch_ns,
            grouped(e.epochs_together),
            grouped(e.looks),
            grouped(e.changes),
            e.imbalance,
            e.waiting_wall_s
        );
    }
}

fn throughput(out: &mut String, r: &RunReport, style: Style) {
    let per_us = |n: u64| n as f64 / (r.time_ns.max(1e-9) / 1e3);
    let _ = writeln!(out, "\n{}", style.title("work"));
    let _ = writeln!(
        out,
        "  {} loads, {} stores, {} atomics, {} barriers: {:.1} accesses a simulated us",
        grouped(r.loads),
        grouped(r.stores),
        grouped(r.atomics),
        grouped(r.barriers),
        per_us(r.transactions)
    );
    let hit = 100.0 * r.cache_hits as f64 / (r.cache_accesses.max(1)) as f64;
    let _ = writeln!(
        out,
        "  {hit:.1} % hit their cache; {} packets, {} flits, {} flit-hops; memory: {} reads, {} writes",
        grouped(r.packets),
        grouped(r.flits_delivered),
        grouped(r.flit_hops),
        grouped(r.memory_reads),
        grouped(r.memory_writes)
    );
    barriers(out, r);
    directory(out, r);
    transfers(out, r);
    scopes(out, r);
}

/// How long barriers by units took, if there are units.
fn barriers(out: &mut String, r: &RunReport) {
    let Some(b) = r.barrier_use.as_ref().filter(|b| b.by_units.is_some()) else { return };
    let _ = writeln!(
        out,
        "  barriers: {} of {} known by units; last arrival to last release {:.1} ns, at most {:.1}; {} tokens",
        b.by_units.unwrap_or(0),
        b.known.unwrap_or(0),
        b.latency_ns.mean,
        b.latency_ns.max,
        grouped(b.tokens)
    );
}

/// How well counters are aligned in as long, if nodes keep any.
fn counters(out: &mut String, r: &RunReport, style: Style) {
    let Some(c) = &r.counters else { return };
    let told = c.series.last().map_or(0.0, |p| p.time_ns);
    let time = if told + c.every_ns < r.time_ns {
        format!("in {} of the run", span(told))
    } else {
        "in as long".to_owned()
    };
    let what = format!("{time} beside as much load, from half the time on");
    let _ = write!(out, "\n{}  {what}\n{}", style.title("counters"), c.settled());
}

/// What the protocol's options did, if it has any.
fn transfers(out: &mut String, r: &RunReport) {
    let t = &r.transfers;
    if !t.extended {
        return;
    }
    let _ = writeln!(
        out,
        "  caches, {}: {} lines from cache to cache, {} written back; saved: {} write-backs, {} reads",
        t.protocol,
        grouped(t.cache_to_cache),
        grouped(t.write_backs),
        grouped(t.write_backs_saved),
        grouped(t.reads_saved)
    );
    if t.forward_misses > 0 {
        let _ = writeln!(out, "  {} forwarded reads found no copy", grouped(t.forward_misses));
    }
}

/// What caches that are kept valid by scopes did.
fn scopes(out: &mut String, r: &RunReport) {
    let Some(s) = &r.scopes else { return };
    let _ = writeln!(
        out,
        "  scopes: {} acquires dropped {} lines, {} releases waited {:.1} ns each; {} write-throughs of \
         {} bytes, {} fills",
        grouped(s.acquires),
        grouped(s.self_invalidations),
        grouped(s.releases),
        s.release_wait_ns,
        grouped(s.write_throughs),
        grouped(s.write_through_bytes),
        grouped(s.fills)
    );
}

/// What the directories' organisation cost, if it cost anything.
fn directory(out: &mut String, r: &RunReport) {
    let d = &r.directory;
    if let Some(p) = &d.packages {
        packages(out, p);
    }
    if let Some(crossings) = d.crossings {
        let _ = writeln!(out, "  {} packets to another package", grouped(crossings));
    }
    if d.packages.is_some()
        || d.recalls > 0
        || d.extra_invalidations > 0
        || d.entries_per_home.is_some()
    {
        let _ = writeln!(
            out,
            "  directory {}: {} bits an entry, {} bits a home, {} in all",
            d.organisation,
            d.entry_bits,
            grouped(d.storage_bits_per_home),
            grouped(d.storage_bits)
        );
    }
    if d.recalls > 0 {
        let (capacity, pointers) = (grouped(d.capacity_recalls), grouped(d.pointer_recalls));
        let _ =
            writeln!(out, "  recalls: {capacity} for want of an entry, {pointers} of a pointer");
    }
    if d.extra_invalidations > 0 {
        let (extra, all) = (grouped(d.extra_invalidations), grouped(d.invalidations));
        let _ = writeln!(out, "  {extra} of {all} invalidations found no copy");
    }
}

/// What homes of packages take, and what they saved.
fn packages(out: &mut String, p: &PackageUse) {
    let _ = writeln!(
        out,
        "  packages of {}: {}, {} bits an entry and {} of data; {} bits of entries a slice, {} in all",
        p.nodes,
        p.organisation,
        p.entry_bits,
        p.data_bits,
        grouped(p.storage_bits_per_home),
        grouped(p.storage_bits)
    );
    let share = 100.0 * p.answered_inside as f64 / p.requests.max(1) as f64;
    let _ = writeln!(
        out,
        "  {} of {} requests answered in the package ({share:.1} %)",
        grouped(p.answered_inside),
        grouped(p.requests)
    );
    let _ = writeln!(
        out,
        "  {} snoops to packages, {} with recalls inside; {} of {} invalidations found no copy",
        grouped(p.snoops),
        grouped(p.snoop_recalls),
        grouped(p.extra_invalidations),
        grouped(p.invalidations)
    );
    if p.capacity_recalls + p.pointer_recalls > 0 {
        let (capacity, pointers) = (grouped(p.capacity_recalls), grouped(p.pointer_recalls));
        let _ = writeln!(
            out,
            "  recalls in packages: {capacity} for want of an entry, {pointers} of a pointer"
        );
    }
}

fn latency(out: &mut String, r: &RunReport, style: Style) {
    let _ = writeln!(out, "\n{}", style.title("latency, ns"));
    let _ = writeln!(
        out,
        "  {:<8} {:>10} {:>10} {:>10} {:>10} {:>12}",
        "", "mean", "p50", "p99", "max", "count"
    );
    let mut row = |name: &str, l: &LatencyNs, count: u64| {
        let _ = writeln!(
            out,
            "  {name:<8} {:>10.1} {:>10.1} {:>10.1} {:>10.1} {:>12}",
            l.mean,
            l.p50,
            l.p99,
            l.max,
            grouped(count)
        );
    };
    row("all", &r.latency_ns, r.transactions);
    for kind in r.kinds.iter().filter(|k| k.count > 0) {
        row(kind.kind, &kind.latency_ns, kind.count);
    }
    let most = r.histogram.count.iter().max().copied().unwrap_or(0).max(1);
    let _ = writeln!(out);
    for (upto, count) in r.histogram.upto_ns.iter().zip(&r.histogram.count) {
        if *count > 0 {
            let share = *count as f64 / most as f64;
            let _ = writeln!(out, "  <= {upto:>9.1} {:<BAR$} {}", bar(share), grouped(*count));
        }
    }
}

fn breakdown(out: &mut String, r: &RunReport, style: Style) {
    let _ = writeln!(out, "\n{}", style.title("where the time goes, mean ns of a transaction"));
    let mean = r.latency_ns.mean.max(1e-12);
    for (part, ns) in r.breakdown_ns.iter().filter(|(_, ns)| *ns > 0.0) {
        let share = ns / mean;
        let _ = writeln!(
            out,
            "  {:<18} {ns:>9.2} {:>5.1} % {}",
            part.replace('_', " "),
            100.0 * share,
            bar(share)
        );
    }
}

fn links(out: &mut String, r: &RunReport, style: Style) {
    if r.busiest_links.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.title("busiest links"));
    for link in &r.busiest_links {
        let over = link.phy.as_ref().map(|p| phy::sparkline(&p.utilization_over_time));
        let _ = writeln!(
            out,
            "  {:<28} {:<12} {:>5.1} % {:<BAR$} {} flits{}",
            link.link,
            link.class,
            100.0 * link.utilization,
            over.unwrap_or_else(|| bar(link.utilization)),
            grouped(link.flits),
            match link.credit_stall_ns {
                Some(ns) if ns > 0.0 => format!(", {} for credits", span(ns)),
                _ => String::new(),
            }
        );
    }
    phy::sections(out, r.phy.as_ref(), &r.sickest_links, style);
}

fn checks(out: &mut String, r: &RunReport, style: Style) {
    let c = &r.checks;
    if let Some(interrupted) = &r.interrupted {
        let _ = writeln!(
            out,
            "\n{} at {}",
            style.paint("1;33", "interrupted"),
            span(interrupted.at_ns)
        );
        let (violations, credits) = (c.coherence_violations, c.credits_lost);
        let _ = writeln!(out, "  so far {violations} coherence violations, {credits} credits lost");
        if let Some(checkpoint) = &interrupted.checkpoint {
            let _ = writeln!(out, "  checkpoint {checkpoint}");
        }
        return;
    }
    let verdict =
        if c.clean() { style.paint("32", "clean") } else { style.paint("1;31", "FAILED") };
    let scope = if c.per_access { "every access and the end" } else { "the end only" };
    let _ = writeln!(out, "\n{} {verdict} ({scope})", style.title("checks"));
    let _ = writeln!(
        out,
        "  {} coherence violations, {} flits lost, {} credits lost, {}",
        c.coherence_violations,
        c.flits_lost,
        c.credits_lost,
        if c.quiescent { "quiescent" } else { "NOT quiescent" }
    );
    if c.barrier_violations > 0 {
        let _ = writeln!(out, "  {} barrier violations", c.barrier_violations);
    }
    for finding in &c.findings {
        let _ = writeln!(out, "  - {finding}");
    }
    let _ = writeln!(out, "{} {}", style.title("digest"), r.digest);
}

/// A bar of up to [`BAR`] cells for a share of 1.
pub(crate) fn bar(share: f64) -> String {
    let eighths = (share.clamp(0.0, 1.0) * BAR as f64 * 8.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 8 * BAR"
    )]
    let cells = eighths as usize;
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][cells % 8];
    "█".repeat(cells / 8) + part
}

/// Digits in groups of three.
pub(crate) fn grouped(n: u64) -> String {
    group_digits(&n.to_string())
}

fn group_digits(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A span of nanoseconds in the unit that suits it.
fn span(ns: f64) -> String {
    match ns {
        ns if ns >= 1e9 => format!("{:.3} s", ns / 1e9),
        ns if ns >= 1e6 => format!("{:.3} ms", ns / 1e6),
        ns if ns >= 1e3 => format!("{:.3} us", ns / 1e3),
        ns => format!("{ns:.3} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_group_in_threes() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1 234 567");
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(1.0).chars().count(), BAR);
        assert_eq!(bar(7.0).chars().count(), BAR);
        assert_eq!(bar(0.5).chars().count(), BAR / 2);
    }

    #[test]
    fn a_directory_is_told_of_where_it_cost_something() {
        let mut report = RunReport::default();
        let quiet = render(&report, Style::default());
        assert!(!quiet.contains("directory") && !quiet.contains("recalls"), "{quiet}");
        report.directory.organisation = "limited:2:recall".to_owned();
        (report.directory.recalls, report.directory.pointer_recalls) = (1200, 1200);
        (report.directory.invalidations, report.directory.extra_invalidations) = (30, 7);
        let text = render(&report, Style::default());
        for line in [
            "directory limited:2:recall: 0 bits an entry, 0 bits a home, 0 in all",
            "recalls: 0 for want of an entry, 1 200 of a pointer",
            "7 of 30 invalidations found no copy",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn transfers_are_told_of_where_the_protocol_has_options() {
        let mut report = RunReport::default();
        assert!(!render(&report, Style::default()).contains("caches"));
        let t = &mut report.transfers;
        (t.protocol, t.extended) = ("owned direct".to_owned(), true);
        (t.cache_to_cache, t.write_backs_saved, t.forward_misses) = (1200, 34, 5);
        let text = render(&report, Style::default());
        for line in [
            "caches, owned direct: 1 200 lines from cache to cache, 0 written back; saved: 34 write-backs, 0 reads",
            "5 forwarded reads found no copy",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_failed_check_is_loud_and_says_what() {
        let mut report = RunReport::default();
        report.checks.findings.push("node3: line 0x40 is stale".to_owned());
        let text = render(&report, Style::default());
        assert!(text.contains("FAILED") && text.contains("node3: line 0x40 is stale"), "{text}");
    }
}
