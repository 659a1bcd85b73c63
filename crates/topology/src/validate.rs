//! Value checks of the sections of a machine: every number within what a model can build.
//!
//! They look at the elaborated sections, so machines made in code and machines read from files pass
//! the same gate; the keys they name are those of the file.

mod arch;

use base::CLASS_COUNT;

use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::spec::{
    AcceleratorSpec, CacheSpec, ClockSpec, LinkClass, LinkTiming, Listing, MachineSpec, MemorySpec,
    Overflow, Replacement, RouterSpec,
};

/// Refuses a number outside `least..=most`.
pub(crate) fn range(key: &str, value: u64, least: u64, most: u64) -> Result<(), Problem> {
    let field = key.rsplit('.').next().unwrap_or(key);
    if value < least {
        let message = format!("`{field}` of {value} is too small");
        return Err(Problem::new(ErrorKind::Value, key, message, format!("use at least {least}")));
    }
    if value > most {
        let message = format!("`{field}` of {value} is too large");
        return Err(Problem::new(ErrorKind::Limit, key, message, format!("use at most {most}")));
    }
    Ok(())
}

fn cycles(key: &str, value: u32, least: u64) -> Result<(), Problem> {
    range(key, u64::from(value), least, limits::CYCLES_MAX)
}

fn entries(key: &str, value: u32, least: u64) -> Result<(), Problem> {
    range(key, u64::from(value), least, limits::ENTRIES_MAX)
}

/// A multiple of the line size.
fn lines(key: &str, bytes: u64) -> Result<(), Problem> {
    if bytes == 0 || !bytes.is_multiple_of(base::LINE_BYTES) {
        return Err(Problem::new(
            ErrorKind::Value,
            key,
            format!("{bytes} B is not a whole number of 64-byte lines"),
            "use a multiple of 64 B",
        ));
    }
    Ok(())
}

/// All sections but the fabric.
pub(crate) fn sections(spec: &MachineSpec) -> Result<(), Problem> {
    frame(spec)?;
    domains(&spec.domains)?;
    accelerator(&spec.accelerator)?;
    router(&spec.router)?;
    memory(&spec.memory)?;
    for class in &spec.fabric.classes {
        link_class(class, spec.flit_bytes)?;
    }
    arch::arch(spec)?;
    delays(spec)?;
    let known = spec.domains.len();
    for (key, clock) in
        [("accelerator.clock", spec.accelerator.clock), ("memory.clock", spec.memory.clock)]
    {
        if clock.at() >= known {
            let message = format!("{clock} is not among the {known} clock domains");
            return Err(Problem::new(ErrorKind::Name, key, message, "add the domain"));
        }
    }
    Ok(())
}

fn frame(spec: &MachineSpec) -> Result<(), Problem> {
    if spec.name.trim().is_empty() || spec.name.chars().any(char::is_control) {
        let mend = "give the machine a printable name";
        return Err(Problem::new(
            ErrorKind::Value,
            "name",
            "the name is empty or unprintable",
            mend,
        ));
    }
    if spec.domains.len() > limits::DOMAINS_MAX {
        let message = format!("{} clock domains are too many", spec.domains.len());
        let mend = format!("use at most {}", limits::DOMAINS_MAX);
        return Err(Problem::new(ErrorKind::Limit, "clocks", message, mend));
    }
    range("synchronizer_edges", u64::from(spec.synchronizer_edges), 0, 64)?;
    range("flit", u64::from(spec.flit_bytes), 1, 4096)?;
    range("header", u64::from(spec.header_bytes), 1, 4096)
}

/// Each clock by itself; whatever compares clocks comes after it.
pub(crate) fn domains(clocks: &[ClockSpec]) -> Result<(), Problem> {
    for (i, clock) in clocks.iter().enumerate() {
        domain(clock, clocks[..i].iter().any(|c| c.name == clock.name))?;
    }
    Ok(())
}

fn domain(clock: &ClockSpec, twice: bool) -> Result<(), Problem> {
    let key = format!("clocks.\"{}\"", clock.name);
    let (num, den) = clock.hertz;
    if twice {
        let message = format!("the clock domain `{}` is defined twice", clock.name);
        return Err(Problem::new(ErrorKind::Name, key, message, "rename one of them"));
    }
    let most = u128::from(den) * 1_000_000_000_000;
    if num == 0 || den == 0 || u128::from(num) < u128::from(den) || u128::from(num) > most {
        let message = format!("the frequency {num}/{den} Hz is out of range");
        return Err(Problem::new(ErrorKind::Value, key, message, "use 1 Hz to 1000 GHz"));
    }
    // The period in femtoseconds is kept as a fraction of two 64-bit numbers.
    if base::period::period(clock.hertz).is_err() {
        let message = format!("the period of {num}/{den} Hz is too fine a fraction");
        return Err(Problem::new(ErrorKind::Value, key, message, "round the frequency"));
    }
    range(&format!("{key}.phase"), clock.phase.0, 0, base::Fs::PER_SECOND)?;
    crate::clocks::clock(clock)
}

/// Every number of cycles, as time: slow clocks make long delays of few cycles.
fn delays(spec: &MachineSpec) -> Result<(), Problem> {
    let (a, r) = (&spec.accelerator, &spec.router);
    let mut all = vec![
        ("accelerator.cache.latency_cycles".to_owned(), a.cache.latency_cycles),
        ("accelerator.home.latency_cycles".to_owned(), a.home.latency_cycles),
        ("router.rc_cycles".to_owned(), r.rc_cycles),
        ("router.va_cycles".to_owned(), r.va_cycles),
        ("router.sa_cycles".to_owned(), r.sa_cycles),
        ("router.st_cycles".to_owned(), r.st_cycles),
        ("router.credit_cycles".to_owned(), r.credit_cycles),
    ];
    for class in &spec.fabric.classes {
        if let LinkTiming::OnDie { latency_cycles, interval_cycles } = class.timing {
            let key = |field: &str| format!("links.\"{}\".{field}", class.name);
            all.push((key("latency_cycles"), latency_cycles));
            all.push((key("interval_cycles"), interval_cycles));
        }
    }
    // Frequencies are at least 1 Hz, so whole hertz bound them from below.
    let changes = spec.domains.iter().flat_map(|c| c.changes.iter().map(|(_, hertz)| hertz));
    let all_hertz = spec.domains.iter().map(|c| &c.hertz).chain(changes);
    let slowest = all_hertz.map(|hertz| hertz.0 / hertz.1).min().unwrap_or(1);
    let most = slowest.saturating_mul(limits::CYCLES_SECONDS_MAX);
    match all.into_iter().find(|(_, cycles)| u64::from(*cycles) > most) {
        Some((key, cycles)) => {
            let message = format!(
                "{cycles} cycles of the slowest clock, {slowest} Hz, are more than {} s",
                limits::CYCLES_SECONDS_MAX
            );
            Err(Problem::new(ErrorKind::Limit, key, message, "use fewer cycles or faster clocks"))
        }
        None => Ok(()),
    }
}

fn accelerator(a: &AcceleratorSpec) -> Result<(), Problem> {
    range("accelerator.window", u64::from(a.window), 1, limits::WINDOW_MAX)?;
    entries("accelerator.injection_packets", a.injection_packets, 1)?;
    cycles("accelerator.home.latency_cycles", a.home.latency_cycles, 1)?;
    lines("accelerator.home.interleave", a.home.interleave_bytes)?;
    if let Some(n) = a.home.directory_lines {
        range("accelerator.home.directory_lines", u64::from(n), 1, 1 << 30)?;
    }
    cache(&a.cache)
}

pub(crate) fn listing(listing: Listing) -> Result<(), Problem> {
    let region = |nodes: u16| range("accelerator.home.directory.region", u64::from(nodes), 1, 1024);
    match listing {
        Listing::FullMap => Ok(()),
        Listing::Coarse { region: nodes } => region(nodes),
        Listing::Limited { pointers, overflow } => {
            // The owner and its first reader are listed together.
            let least = if overflow == Overflow::Recall { 2 } else { 1 };
            range("accelerator.home.directory.pointers", u64::from(pointers), least, 1024)?;
            if let Overflow::Coarse { region: nodes } = overflow { region(nodes) } else { Ok(()) }
        }
    }
}

fn cache(c: &CacheSpec) -> Result<(), Problem> {
    cycles("accelerator.cache.latency_cycles", c.latency_cycles, 1)?;
    entries("accelerator.cache.mshrs", c.mshrs, 2)?;
    range("accelerator.cache.ways", u64::from(c.ways), 1, 64)?;
    if c.replacement == Replacement::TreePlru && !c.ways.is_power_of_two() {
        return Err(Problem::new(
            ErrorKind::Value,
            "accelerator.cache.ways",
            format!("tree pseudo-LRU cannot order {} ways", c.ways),
            "use a power of two, or `replacement: Lru`",
        ));
    }
    if !c.sets.is_power_of_two() {
        return Err(Problem::new(
            ErrorKind::Value,
            "accelerator.cache.size",
            format!("{} sets are not a power of two", c.sets),
            "make size / (64 B * ways) a power of two",
        ));
    }
    Ok(())
}

fn router(r: &RouterSpec) -> Result<(), Problem> {
    range("router.vcs_per_class", u64::from(r.vcs_per_class), 1, limits::VCS_MAX)?;
    cycles("router.rc_cycles", r.rc_cycles, 0)?;
    cycles("router.va_cycles", r.va_cycles, 1)?;
    cycles("router.sa_cycles", r.sa_cycles, 1)?;
    cycles("router.st_cycles", r.st_cycles, 1)?;
    cycles("router.credit_cycles", r.credit_cycles, 0)
}

fn memory(m: &MemorySpec) -> Result<(), Problem> {
    range("memory.channels", u64::from(m.channels), 1, 1024)?;
    lines("memory.interleave", m.interleave_bytes)?;
    range("memory.latency", m.access_latency.0, 1, base::Fs::PER_SECOND)?;
    range("memory.channel_rate", m.channel_bytes_per_s, 125_000, 125_000_000_000_000)
}

fn link_class(class: &LinkClass, flit_bytes: u32) -> Result<(), Problem> {
    let key = |field: &str| format!("links.\"{}\".{field}", class.name);
    entries(&key("buffer_flits"), class.buffer_flits, 1)?;
    match &class.timing {
        LinkTiming::OnDie { latency_cycles, interval_cycles } => {
            cycles(&key("latency_cycles"), *latency_cycles, 1)?;
            cycles(&key("interval_cycles"), *interval_cycles, 1)
        }
        LinkTiming::Serial { lanes, lane_bits_per_s, efficiency, serdes, fec, flight_per_m } => {
            let (num, den) = efficiency;
            range(&key("lanes"), u64::from(*lanes), 1, 1024)?;
            range(&key("lane_rate"), *lane_bits_per_s, 1_000_000, 1_000_000_000_000_000)?;
            range(&key("serdes"), serdes.0, 0, base::Fs::PER_SECOND)?;
            range(&key("fec"), fec.0, 0, base::Fs::PER_SECOND)?;
            range(&key("flight"), flight_per_m.0, 0, 1_000_000_000)?;
            if *num == 0 || num > den || *den > 1 << 32 {
                return Err(Problem::new(
                    ErrorKind::Value,
                    key("efficiency"),
                    format!("an efficiency of {num}/{den} is not above 0 and at most 1"),
                    "give payload bits and raw bits, such as (512, 544)",
                ));
            }
            let bits = u128::from(flit_bytes) * 8 * u128::from(*den);
            let payload = u128::from(*lanes) * u128::from(*lane_bits_per_s) * u128::from(*num);
            let flit_fs = bits * u128::from(base::Fs::PER_SECOND) / payload;
            if flit_fs == 0 || flit_fs > u128::from(base::Fs::PER_SECOND) {
                return Err(Problem::new(
                    ErrorKind::Value,
                    key("efficiency"),
                    format!("a flit takes {flit_fs} fs to serialize"),
                    "make it 1 fs to 1 s by lanes, lane_rate and efficiency",
                ));
            }
            Ok(())
        }
    }
}

/// Packages are whole, and there is a whole number of them.
fn packages(spec: &MachineSpec) -> Result<(), Problem> {
    let Some(package) = spec.package_nodes else { return Ok(()) };
    let nodes = spec.fabric.node_ports.len() as u64;
    range("package_nodes", u64::from(package), 1, nodes)?;
    if nodes.is_multiple_of(u64::from(package)) {
        return Ok(());
    }
    let less = (1..=u64::from(package)).rev().find(|n| nodes.is_multiple_of(*n)).unwrap_or(1);
    Err(Problem::new(
        ErrorKind::Value,
        "package_nodes",
        format!("{nodes} accelerators are no whole number of packages of {package}"),
        format!("use a divisor of {nodes}, such as {less}"),
    ))
}

/// The size of everything that a machine allocates in proportion to more than one number.
pub(crate) fn totals(spec: &MachineSpec) -> Result<(), Problem> {
    packages(spec)?;
    // Where the VCs of all classes are more than a port has, there is one class.
    let of_class = u64::from(spec.router.vcs_per_class);
    let of_all = CLASS_COUNT as u64 * of_class;
    let vcs = if of_all > limits::VCS_MAX { of_class } else { of_all };
    let depth = |class: usize| u64::from(spec.fabric.classes[class].buffer_flits);
    let slots: u64 = spec.fabric.links.iter().map(|l| depth(l.class) * vcs).sum();
    if slots > limits::BUFFER_FLITS_MAX {
        return Err(Problem::new(
            ErrorKind::Limit,
            "links",
            format!("the buffers of all links together hold {slots} flits"),
            format!("use smaller buffer_flits: at most {} together", limits::BUFFER_FLITS_MAX),
        ));
    }
    let cache = &spec.accelerator.cache;
    let per_node = u64::from(cache.sets) * u64::from(cache.ways);
    let lines = per_node * spec.fabric.node_ports.len() as u64;
    if lines > limits::CACHE_LINES_MAX {
        return Err(Problem::new(
            ErrorKind::Limit,
            "accelerator.cache.size",
            format!("the caches of all nodes together hold {lines} lines"),
            format!("use smaller caches: at most {} lines together", limits::CACHE_LINES_MAX),
        ));
    }
    Ok(())
}
