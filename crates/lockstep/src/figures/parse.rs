//! Reads the table of figures: comma-separated, comments with `#`, one line of column names.

use std::fmt;
use std::str::FromStr;

use base::RouterArch;
use base::arch::Allocation;
use topology::spec::RouterSpec;

use super::configuration::{Configuration, RoutingName, Shape};
use super::{Figure, Mode};

/// A line that cannot be read.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Unreadable {
    line: usize,
    message: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// The columns, all required, in this order.
const COLUMNS: [&str; 29] = [
    "configuration",
    "topology",
    "k",
    "n",
    "link_cycles",
    "routing",
    "vcs",
    "buffer_flits",
    "packet_flits",
    "traffic",
    "vc_allocator",
    "sw_allocator",
    "speculative",
    "routing_delay",
    "credit_delay",
    "mode",
    "warmup_cycles",
    "measured_cycles",
    "offered",
    "seed",
    "packet_latency",
    "packet_latency_min",
    "packet_latency_max",
    "network_latency",
    "flit_latency",
    "injected",
    "accepted",
    "hops",
    "saturated",
];

/// The configurations with their figures, in the order of the table.
pub(super) fn table(text: &'static str) -> Result<Vec<Configuration>, Unreadable> {
    let mut configurations: Vec<Configuration> = Vec::new();
    let mut headed = false;
    for (line, content) in (1..).zip(text.lines()) {
        if content.starts_with('#') || content.is_empty() {
            continue;
        }
        let fields: Vec<&'static str> = content.split(',').collect();
        let wrong = |message: String| Unreadable { line, message };
        if fields.len() != COLUMNS.len() {
            let (there, all) = (fields.len(), COLUMNS.len());
            return Err(wrong(format!("{there} fields are not the {all} columns")));
        }
        if !headed {
            headed = true;
            if fields != COLUMNS {
                return Err(wrong("the column names are not the expected ones".to_owned()));
            }
            continue;
        }
        let row = Row(&fields);
        let (configuration, figure) =
            row.configuration().and_then(|c| Ok((c, row.figure()?))).map_err(wrong)?;
        add(&mut configurations, configuration, figure).map_err(wrong)?;
    }
    Ok(configurations)
}

/// Adds a figure to its configuration, which must be the last one or a new one.
fn add(
    all: &mut Vec<Configuration>,
    configuration: Configuration,
    figure: Figure,
) -> Result<(), String> {
    let name = configuration.name;
    if let Some(last) = all.last_mut().filter(|c| c.name == name) {
        let before = Configuration { figures: Vec::new(), ..last.clone() };
        if before != configuration {
            return Err(format!("`{name}` differs from the row before"));
        }
        if last.figures.last().is_some_and(|f| f.offered > figure.offered) {
            return Err(format!("the loads of `{name}` do not ascend"));
        }
        last.figures.push(figure);
        return Ok(());
    }
    if all.iter().any(|c| c.name == name) {
        return Err(format!("the rows of `{name}` do not stand together"));
    }
    all.push(Configuration { figures: vec![figure], ..configuration });
    Ok(())
}

/// The fields of a row.
struct Row<'a>(&'a [&'static str]);

impl Row<'_> {
    fn text(&self, column: &str) -> &'static str {
        let at = COLUMNS.iter().position(|c| *c == column);
        at.and_then(|at| self.0.get(at)).copied().unwrap_or_default()
    }

    fn number<T: FromStr>(&self, column: &str) -> Result<T, String> {
        let text = self.text(column);
        text.parse().map_err(|_| format!("`{text}` is no value of `{column}`"))
    }

    fn real(&self, column: &str) -> Result<f64, String> {
        let value: f64 = self.number(column)?;
        if value.is_finite() { Ok(value) } else { Err(format!("`{column}` is not finite")) }
    }

    fn flag(&self, column: &str) -> Result<bool, String> {
        self.choose(column, &[("0", false), ("1", true)])
    }

    fn choose<T: Copy>(&self, column: &str, choices: &[(&str, T)]) -> Result<T, String> {
        let text = self.text(column);
        let found = choices.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| format!("`{text}` is no known `{column}`"))
    }

    fn configuration(&self) -> Result<Configuration, String> {
        let (k, n): (u32, u32) = (self.number("k")?, self.number("n")?);
        let dims = vec![k; n as usize];
        let shape = match self.text("topology") {
            "mesh" => Shape::Mesh(dims),
            "torus" => Shape::Torus(dims),
            "fattree" => Shape::FatTree { k, n },
            other => return Err(format!("`{other}` is no known `topology`")),
        };
        let routing = self.choose(
            "routing",
            &[
                ("dor", RoutingName::DimensionOrder),
                ("dim_order", RoutingName::DimensionOrder),
                ("adaptive_xy_yx", RoutingName::AdaptiveXyYx),
                ("valiant", RoutingName::Valiant),
                ("nca", RoutingName::NearestCommonAncestor),
            ],
        )?;
        Ok(Configuration {
            name: self.text("configuration"),
            shape,
            link_cycles: self.number("link_cycles")?,
            routing,
            router: self.router()?,
            buffer_flits: self.number("buffer_flits")?,
            traffic: self.text("traffic"),
            packet_flits: self.number("packet_flits")?,
            figures: Vec::new(),
        })
    }

    fn router(&self) -> Result<RouterSpec, String> {
        let allocators = [
            ("separable_input_first", Allocation::InputFirst),
            ("islip", Allocation::Islip { iterations: 1 }),
        ];
        Ok(RouterSpec {
            vcs_per_class: self.number("vcs")?,
            rc_cycles: self.number("routing_delay")?,
            va_cycles: 1,
            sa_cycles: 1,
            st_cycles: 1,
            credit_cycles: self.number("credit_delay")?,
            arch: RouterArch {
                speculative: self.flag("speculative")?,
                vc_allocator: self.choose("vc_allocator", &allocators)?,
                switch_allocator: self.choose("sw_allocator", &allocators)?,
                ..RouterArch::default()
            },
        })
    }

    fn figure(&self) -> Result<Figure, String> {
        let hops = if self.text("hops").is_empty() { None } else { Some(self.real("hops")?) };
        Ok(Figure {
            offered: self.real("offered")?,
            seed: self.number("seed")?,
            mode: self
                .choose("mode", &[("latency", Mode::Latency), ("throughput", Mode::Throughput)])?,
            warmup_cycles: self.number("warmup_cycles")?,
            measured_cycles: self.number("measured_cycles")?,
            packet_latency: self.real("packet_latency")?,
            packet_latency_min: self.number("packet_latency_min")?,
            packet_latency_max: self.number("packet_latency_max")?,
            network_latency: self.real("network_latency")?,
            flit_latency: self.real("flit_latency")?,
            injected: self.real("injected")?,
            accepted: self.real("accepted")?,
            hops,
            saturated: self.flag("saturated")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = super::super::BOOKSIM_CSV;

    /// The table with one replacement, as text that lives long enough.
    fn broken(find: &str, put: &str) -> Result<Vec<Configuration>, Unreadable> {
        assert!(TEXT.contains(find), "nothing to break: {find}");
        table(TEXT.replacen(find, put, 1).leak())
    }

    #[test]
    fn the_shipped_table_reads() {
        let all = table(TEXT).unwrap();
        assert_eq!(all.len(), 16);
        assert_eq!(all.iter().map(|c| c.figures.len()).sum::<usize>(), 190);
        let unmeasured = all.iter().flat_map(|c| &c.figures).filter(|f| !f.measured());
        assert_eq!(unmeasured.count(), 8);
        for c in &all {
            for f in &c.figures {
                assert_eq!(f.saturated, f.hops.is_none(), "{} at {}", c.name, f.offered);
            }
        }
    }

    #[test]
    fn fields_land_where_they_belong() {
        let all = table(TEXT).unwrap();
        let five = all.iter().find(|c| c.name == "mesh8_uni_v4_p5").unwrap();
        assert_eq!((five.packet_flits, five.buffer_flits, five.router.vcs_per_class), (5, 8, 4));
        let f = five.figures.iter().find(|f| f.offered.to_bits() == 0.4_f64.to_bits()).unwrap();
        let told = [f.packet_latency, f.network_latency, f.flit_latency, f.injected, f.accepted];
        let known = [189.315, 107.901, 99.2541, 0.400_176, 0.400_185];
        assert!(told.iter().zip(known).all(|(a, b)| (a - b).abs() < 1e-12), "{told:?}");
        assert_eq!((f.packet_latency_min, f.packet_latency_max, f.seed), (11, 3948, 1));
        assert_eq!((f.warmup_cycles, f.measured_cycles, f.saturated), (10_000, 70_000, false));
        let islip = all.iter().find(|c| c.name == "mesh8_uni_v4_p1_islip").unwrap();
        assert_eq!(islip.router.arch.switch_allocator, Allocation::Islip { iterations: 1 });
    }

    #[test]
    fn a_damaged_table_is_refused_with_its_line() {
        for (find, put, line, says) in [
            ("accepted,hops", "hops,accepted", 3, "column names"),
            (",0.002,1,", ",x,1,", 4, "`x` is no value of `offered`"),
            (",0.002,1,", ",nan,1,", 4, "`offered` is not finite"),
            (",0.002,1,", ",", 4, "27 fields"),
            ("fattree,4", "fatree,4", 4, "`fatree` is no known `topology`"),
            (",0.01,1,", ",0.001,1,", 5, "do not ascend"),
            ("nca,4,8,1,uniform", "nca,2,8,1,uniform", 5, "differs from the row before"),
        ] {
            let error = broken(find, put).unwrap_err();
            assert!(error.message.contains(says), "{error} for {says}");
            assert_eq!(error.line, line, "{error}");
        }
    }

    #[test]
    fn rows_of_a_configuration_stand_together() {
        let first = TEXT.lines().nth(3).unwrap();
        let error = table(format!("{TEXT}{first}\n").leak()).unwrap_err();
        assert!(error.message.contains("do not stand together"), "{error}");
    }
}
