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
    /// Leaves the most important count only, where there is no room for all; what is missing hides no excess.
    pub(super) fn keep_worst(&mut self) {
        let most = match self.counts.as_slice() {
            [.., (Kind::Excess, _), (Kind::Missing, _)] => 2,
            _ => 1,
        };
        self.counts.drain(..self.counts.len().saturating_sub(most));
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

enum Line {
    /// What the rows below it belong to.
    Group(String),
    Row {
        head: Head,
        cells: Vec<Cell>,
    },
}

/// The grid, line by line.
pub(super) struct Grid {
    label: &'static str,
    heads: Vec<Head>,
    lines: Vec<Line>,
}

impl Grid {
    pub(super) fn new(label: &'static str, heads: Vec<Head>) -> Self {
        Self {
            label,
            heads,
            lines: Vec::new(),
        }
    }

    pub(super) fn group(&mut self, name: &str) {
        self.lines.push(Line::Group(name.to_owned()));
    }

    pub(super) fn row(&mut self, head: Head, cells: Vec<Cell>) {
        self.lines.push(Line::Row { head, cells });
    }

    /// Three drawings: the heads and the names of the rows, which stay in sight while the third, the cells, is scrolled.
    pub(super) fn draw(&self) -> String {
        let columns = self.columns();
        let right = columns.last().copied().unwrap_or(0);
        // The heads lean out to the right by seven eighths of their length.
        let lean = self.heads.last().map_or(0, |head| head.shown().chars().count()) * NAME * 7 / 8;
        let width = right + lean.saturating_sub(20) + 8;
        let mut out = String::from("<div class=\"picture\"><div class=\"corner\"></div>");
        self.draw_heads(&mut out, &columns, width);
        self.draw_names(&mut out);
        self.draw_cells(&mut out, &columns, width);
        out.push_str("</div>");
        out
    }

    /// Left edge of each column, and of what follows the last.
    fn columns(&self) -> Vec<usize> {
        let mut columns = vec![0];
        let mut right = 0;
        for column in 0..self.heads.len() {
            let cells = self.lines.iter().filter_map(|line| match line {
                Line::Row { cells, .. } => cells.get(column),
                Line::Group(_) => None,
            });
            right += cells.map(Cell::width).max().unwrap_or(0).max(30) + 8;
            columns.push(right);
        }
        columns
    }

    fn draw_heads(&self, out: &mut String, columns: &[usize], width: usize) {
        let longest = self.heads.iter().map(|head| head.shown().chars().count()).max();
        // They rise by half their length.
        let height = longest.unwrap_or(0) * NAME / 2 + 18;
        begin(out, "heads", width, height, "");
        for (head, x) in self.heads.iter().zip(columns) {
            let turn = format!(" transform=\"translate({} {}) rotate(-30)\"", x + 12, height - 8);
            head_into(out, head, &turn);
        }
        out.push_str("</svg>");
    }

    fn draw_names(&self, out: &mut String) {
        let width = self.lines.iter().map(|line| match line {
            Line::Group(name) => name.chars().count() * NAME + 8,
            Line::Row { head, .. } => head.shown().chars().count() * NAME + 24,
        });
        let more = " preserveAspectRatio=\"xMinYMin slice\"";
        begin(out, "names", width.max().unwrap_or(0), self.height(), more);
        let grouped = self.lines.iter().any(|line| matches!(line, Line::Group(_)));
        for (index, line) in self.lines.iter().enumerate() {
            let y = index * STEP + 17;
            match line {
                Line::Group(name) => {
                    rule_into(out, index, 2000);
                    let _ = write!(
                        out,
                        "<text class=\"group\" x=\"4\" y=\"{y}\">{}</text>",
                        escape(name)
                    );
                }
                Line::Row { head, .. } => {
                    let x = if grouped { 16 } else { 4 };
                    head_into(out, head, &format!(" x=\"{x}\" y=\"{y}\""));
                }
            }
        }
        out.push_str("</svg>");
    }

    fn draw_cells(&self, out: &mut String, columns: &[usize], width: usize) {
        let more = format!(" role=\"img\" aria-label=\"{}\"", self.label);
        begin(out, "cells", width, self.height(), &more);
        let right = columns.last().copied().unwrap_or(width);
        for (index, line) in self.lines.iter().enumerate() {
            let Line::Row { cells, .. } = line else {
                rule_into(out, index, right);
                continue;
            };
            let _ = write!(
                out,
                "<g class=\"r\" transform=\"translate(0 {})\"><rect class=\"band\" width=\"{right}\" height=\"{STEP}\"/>",
                index * STEP
            );
            for (cell, x) in cells.iter().zip(columns) {
                if !cell.counts.is_empty() {
                    cell_into(out, cell, *x);
                }
            }
            out.push_str("</g>");
        }
        out.push_str("</svg>");
    }

    fn height(&self) -> usize {
        self.lines.len() * STEP + 4
    }
}

/// A line above all groups but the first.
fn rule_into(out: &mut String, index: usize, right: usize) {
    if index > 0 {
        let _ = write!(out, "<path class=\"rule\" d=\"M0 {}.5H{right}\"/>", index * STEP);
    }
}

fn begin(out: &mut String, class: &str, width: usize, height: usize, more: &str) {
    let _ = write!(
        out,
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\"{more}>"
    );
}

/// The name, as a link where it is a function's.
fn head_into(out: &mut String, head: &Head, at: &str) {
    let shown = head.shown();
    let title = match shown == head.name {
        true => String::new(),
        false => format!("<title>{}</title>", escape(&head.name)),
    };
    let text = format!("<text{at}>{}{title}</text>", escape(&shown));
    let _ = match head.function {
        Some(index) => write!(out, "<a href=\"#f{index}\" data-f=\"f{index}\">{text}</a>"),
        None => write!(out, "{text}"),
    };
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
