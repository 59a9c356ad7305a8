//! GitHub workflow commands: the worst findings as annotations of a pull request's lines.
//!
//! <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>

use std::fmt::Write as _;

use super::Report;
use super::place::anchor;
use crate::gate::{Finding, Level};

/// GitHub shows no more annotations of one level from one step.
const MOST_OF_A_LEVEL: usize = 10;

/// One command per finding, the worst first, no more than are shown; a last line tells of the rest.
pub fn github(report: &Report<'_>) -> String {
    let mut out = String::new();
    let mut left_out = 0;
    for level in [Level::Error, Level::Warning, Level::Note] {
        let of_level: Vec<&Finding> = report
            .findings
            .iter()
            .filter(|finding| finding.waived.is_none() && finding.level == level)
            .collect();
        for finding in of_level.iter().take(MOST_OF_A_LEVEL) {
            let _ = writeln!(out, "{}", command(finding, report));
        }
        left_out += of_level.len().saturating_sub(MOST_OF_A_LEVEL);
    }
    if left_out > 0 {
        let _ = writeln!(
            out,
            "{left_out} more findings: GitHub shows ten annotations of each level; the other formats hold them all"
        );
    }
    out
}

fn command(finding: &Finding, report: &Report<'_>) -> String {
    let name = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let place = anchor(finding, report);
    let mut message = finding.message.clone();
    for note in &finding.notes {
        let _ = write!(message, "\nnote: {note}");
    }
    if let Some(help) = &finding.help {
        let _ = write!(message, "\nhelp: {help}");
    }
    format!(
        "::{name} file={},line={},col={},title={}::{}",
        property(&place.location.file),
        place.location.line,
        place.location.column,
        property(&format!("{} {}", finding.rule.id, finding.rule.name)),
        data(&message)
    )
}

/// Text after the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
