//! A grid of counts as SVG: heads above, names at the left, signs with numbers in the cells.

use std::fmt::Write as _;

use super::picture::{Kind, escape};
use crate::report::text::thousands;

/// Height of a row.
const STEP: usize = 24;
/// Width of a character of a name and of a number, about.
const NAME: usize = 8;
const DIGIT: usize = 7;
/// Longest name that is shown whole.
const LONGEST: usize = 40;

/// The name of a row or column.
#[derive(Debug)]
pub(super) struct Head {
    name: String,
    /// The function that it leads to, by its place in the report.
    function: Option<usize>,
}

impl Head {
    pub(super) fn plain(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            function: None,
        }
    }

    pub(super) fn linked(name: &str, function: usize) -> Self {
        Self {
            name: name.to_owned(),
            function: Some(function),
        }
    }

    fn shown(&self) -> String {
        cut(&self.name, LONGEST)
    }
}

/// What stands in a cell.
#[derive(Debug)]
pub(super) struct Cell {
    /// How many actions of each kind, the most important last.
    pub(super) counts: Vec<(Kind, usize)>,
    /// The same in words.
    pub(super) words: String,
    /// The function that it is about.
    pub(super) function: Option<usize>,
}

impl Cell {
    /// Leaves the most important count only, where there is no room for all.
    pub(super) fn keep_worst(&mut self) {
        let worst = self.counts.pop();
        self.counts = worst.into_iter().collect();
    }

    fn signs(&self) -> impl Iterator<Item = (Kind, usize, String)> {
        self.counts.iter().map(|(kind, count)| {
            (
                *kind,
                *count,
                format!("{}{}", kind.sign(), thousands(*count as u64)),
            )
        })
    }

    fn width(&self) -> usize {
        self.signs().map(|(.., text)| width_of(&text) + 4).sum()
    }
}

fn width_of(sign: &str) -> usize {
    sign.chars().count() * DIGIT + 8
}

struct Row {
    group: String,
    head: String,
    cells: Vec<Cell>,
}

/// The grid, row by row.
pub(super) struct Grid {
    label: &'static str,
    heads: Vec<Head>,
    rows: Vec<Row>,
    /// Characters of the longest group and row name.
    longest: (usize, usize),
}

/// Where things stand, in units of the drawing.
struct Layout {
    /// Where row names begin, and where they end.
    names: (usize, usize),
    /// Left edge of each column, and of what follows the last.
    columns: Vec<usize>,
    width: usize,
    top: usize,
}

impl Grid {
    pub(super) fn new(label: &'static str, heads: Vec<Head>) -> Self {
        Self {
            label,
            heads,
            rows: Vec::new(),
            longest: (0, 0),
        }
    }

    /// Adds a row; `group` is said once for all rows that belong together.
    pub(super) fn row(&mut self, group: &str, head: &Head, cells: Vec<Cell>) {
        let name = head.shown();
        self.longest.0 = self.longest.0.max(group.chars().count());
        self.longest.1 = self.longest.1.max(name.chars().count());
        let title = format!("<title>{}</title>", escape(&head.name));
        let text = match head.function {
            Some(index) => format!(
                "<a href=\"#f{index}\" data-f=\"f{index}\"><text>{}{title}</text></a>",
                escape(&name)
            ),
            None => format!("<text>{}{title}</text>", escape(&name)),
        };
        self.rows.push(Row {
            group: group.to_owned(),
            head: text,
            cells,
        });
    }

    /// Two drawings of the same width: the heads, which stay in sight while the rows are scrolled, and the rows.
    pub(super) fn draw(&self) -> String {
        let layout = self.layout();
        let mut svg = String::new();
        self.heads_into(&mut svg, &layout);
        let _ = write!(
            svg,
            "<svg class=\"grid\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"group\" aria-label=\"{}\">",
            self.label,
            w = layout.width,
            h = self.rows.len() * STEP + 4
        );
        for (index, row) in self.rows.iter().enumerate() {
            row_into(&mut svg, row, index, &layout);
        }
        svg.push_str("</svg>");
        svg
    }

    fn layout(&self) -> Layout {
        let begin = match self.longest.0 {
            0 => 4,
            longest => longest * NAME + 20,
        };
        let end = begin + self.longest.1 * NAME + 12;
        let mut columns = vec![end];
        let mut right = end;
        for column in 0..self.heads.len() {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
            right += cells.map(Cell::width).max().unwrap_or(0).max(30) + 8;
            columns.push(right);
        }
        let longest = self.heads.iter().map(|head| head.shown().chars().count()).max();
        // The heads rise by half their length and lean out by seven eighths of it.
        let length = longest.unwrap_or(0) * NAME;
        let lean = self.heads.last().map_or(0, |head| head.shown().chars().count()) * NAME * 7 / 8;
        Layout {
            names: (begin, end),
            width: right + lean.saturating_sub(20) + 8,
            columns,
            top: length / 2 + 18,
        }
    }

    fn heads_into(&self, svg: &mut String, layout: &Layout) {
        let _ = write!(
            svg,
            "<svg class=\"grid heads\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" aria-hidden=\"true\">",
            w = layout.width,
            h = layout.top
        );
        for (head, x) in self.heads.iter().zip(&layout.columns) {
            let text = format!(
                "<text transform=\"translate({} {}) rotate(-30)\">{}<title>{}</title></text>",
                x + 12,
                layout.top - 8,
                escape(&head.shown()),
                escape(&head.name)
            );
            let _ = match head.function {
                Some(index) => write!(
                    svg,
                    "<a href=\"#f{index}\" tabindex=\"-1\" data-f=\"f{index}\">{text}</a>"
                ),
                None => write!(svg, "{text}"),
            };
        }
        svg.push_str("</svg>");
    }
}

fn row_into(svg: &mut String, row: &Row, index: usize, layout: &Layout) {
    let y = index * STEP;
    let _ = write!(svg, "<g class=\"r\" transform=\"translate(0 {y})\">");
    if !row.group.is_empty() {
        let _ = write!(
            svg,
            "<path class=\"rule\" d=\"M0 .5H{}\"/><text class=\"group\" x=\"4\" y=\"17\">{}</text>",
            layout.width,
            escape(&row.group)
        );
    }
    let right = layout.columns.last().copied().unwrap_or(layout.width);
    let _ = write!(
        svg,
        "<rect class=\"band\" x=\"{}\" y=\"1\" width=\"{}\" height=\"{}\"/><g transform=\"translate({} 17)\">{}</g>",
        layout.names.0.saturating_sub(4),
        right.saturating_sub(layout.names.0) + 4,
        STEP - 1,
        layout.names.0,
        row.head
    );
    for (cell, x) in row.cells.iter().zip(&layout.columns) {
        if !cell.counts.is_empty() {
            cell_into(svg, cell, *x);
        }
    }
    svg.push_str("</g>");
}

fn cell_into(svg: &mut String, cell: &Cell, left: usize) {
    let function = cell
        .function
        .map(|index| format!(" data-f=\"f{index}\""))
        .unwrap_or_default();
    let _ = write!(svg, "<g{function}><title>{}</title>", escape(&cell.words));
    let mut x = left + 4;
    for (kind, count, text) in cell.signs() {
        let width = width_of(&text);
        let much = match count {
            0..10 => "",
            10..50 => " some",
            _ => " much",
        };
        let _ = write!(
            svg,
            "<g class=\"sign {}{much}\"><rect x=\"{x}\" y=\"4\" width=\"{width}\" height=\"17\" rx=\"4\"/><text x=\"{}\" y=\"16.5\">{text}</text></g>",
            kind.class(),
            x + width / 2
        );
        x += width + 4;
    }
    svg.push_str("</g>");
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most - 1).collect();
    format!("{head}…")
}
