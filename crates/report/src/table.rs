//! Aligned columns for a terminal.

/// Rows of cells under a heading. Columns are as wide as their widest cell.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<(String, Side)>,
    rows: Vec<Vec<String>>,
}

/// Where a column's cells stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// At the left: words.
    Left,
    /// At the right: numbers.
    Right,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[(&str, Side)]) -> Self {
        let columns = columns.iter().map(|(name, side)| ((*name).to_owned(), *side)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row. Cells beyond the columns are left out, missing ones are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, heading first, each with `indent` spaces before it and none behind.
    pub fn render(&self, indent: usize) -> String {
        let heading: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let all: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let wide = |column: usize| all.iter().map(|r| width(&r[column])).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(wide).collect();
        let mut out = String::new();
        for row in all {
            let mut line = " ".repeat(indent);
            for (at, cell) in row.iter().enumerate() {
                let gap = " ".repeat(widths[at] - width(cell));
                let between = if at > 0 { "  " } else { "" };
                let (before, behind) = match self.columns[at].1 {
                    Side::Left => ("", gap.as_str()),
                    Side::Right => (gap.as_str(), ""),
                };
                line.extend([between, before, cell, behind]);
            }
            out += line.trim_end();
            out.push('\n');
        }
        out
    }
}

/// Characters, which is what a terminal shows of the text that we print.
fn width(cell: &str) -> usize {
    cell.chars().count()
}

/// A number with `digits` digits behind the point, or a dash where there is none.
pub(crate) fn number(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_lines_end_where_their_text_ends() {
        let mut table = Table::new(&[("name", Side::Left), ("n", Side::Right), ("", Side::Left)]);
        table.row(["a", "1"].map(str::to_owned));
        table.row(["längst", "1000", "!", "beyond"].map(str::to_owned));
        assert_eq!(table.render(2), "  name       n\n  a          1\n  längst  1000  !\n");
    }

    #[test]
    fn what_is_no_number_is_a_dash() {
        assert_eq!((number(1.25, 1), number(f64::NAN, 3)), ("1.2".to_owned(), "-".to_owned()));
    }
}
