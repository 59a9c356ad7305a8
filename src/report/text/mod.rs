//! Text for people: the overview, the scan, the comparison, code frames for findings, explanations.
//!
//! Every function returns the text with ANSI styles; whoever prints it strips them where no terminal listens. A symbol
//! always carries the meaning too, never colour alone.

mod check;
mod compare;
mod diff;
mod explain;
mod overview;
mod plan;
mod replay;
mod scan;

pub use check::{Look, Show, check};
pub use compare::{Question as CompareQuestion, compare};
pub use diff::diff;
pub use explain::{About, Question, explain};
pub use overview::overview;
pub use plan::plan;
pub use replay::replay;
pub use scan::scan;

use anstyle::{AnsiColor, Style};

use crate::usage::Gap;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();

fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// One line for a gap: its code, what is not known, and where.
fn gap_line(gap: &Gap) -> String {
    let place = gap
        .location
        .as_ref()
        .map(|location| format!("  {location}"))
        .unwrap_or_default();
    format!("  {} {}: {}{place}", paint(YELLOW, "gap"), gap.code, gap.message)
}

/// Pads to a width counted in characters.
fn pad(text: &str, width: usize) -> String {
    let length = text.chars().count();
    format!("{text}{}", " ".repeat(width.saturating_sub(length)))
}

/// Words wrapped into lines of at most `width` characters.
fn wrap<'a>(words: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `1 gap`, `2 gaps`.
pub(super) fn counted(count: usize, word: &str) -> String {
    if count == 1 {
        format!("1 {word}")
    } else {
        format!("{} {word}s", thousands(count as u64))
    }
}

/// `41,207`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        assert_eq!(
            [thousands(7), thousands(1234), thousands(1_234_567)],
            ["7", "1,234", "1,234,567"]
        );
    }
}
