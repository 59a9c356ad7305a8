//! Markdown for a pull request's comment or a step summary: what is wrong, how serious, who asks for it, whether it was
//! used, what could not be seen, and how to accept it; the worst first, within GitHub's limit.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Report;
use super::text::{counted, thousands};
use crate::diff::{Row, Verdict};
use crate::gate::{Finding, Level};
use crate::usage::{Coverage, Observed};

/// GitHub refuses comments of more characters.
const MOST_CHARACTERS: usize = 65_536;
/// Kept free for the end of the text.
const RESERVE: usize = 1_500;
/// The first line, by which a later run finds its comment.
const MARK: &str = "<!-- rolefit:comment -->";

/// The comment.
pub fn markdown(report: &Report<'_>) -> String {
    let mut out = format!("{MARK}\n### rolefit: {}\n\n", headline(report));
    let open: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|finding| finding.waived.is_none())
        .collect();
    let (serious, rest): (Vec<&Finding>, Vec<&Finding>) = open
        .into_iter()
        .partition(|finding| finding.level == Level::Error);
    if !serious.is_empty() {
        table(&mut out, &serious, report);
    }
    if !rest.is_empty() {
        let warnings = rest
            .iter()
            .filter(|finding| finding.level == Level::Warning)
            .count();
        let _ = writeln!(
            out,
            "<details><summary>{}, {}</summary>\n",
            counted(warnings, "warning"),
            counted(rest.len() - warnings, "note")
        );
        table(&mut out, &rest, report);
        out.push_str("</details>\n\n");
    }
    functions(&mut out, report);
    unseen(&mut out, report);
    accept(&mut out, report);
    out
}

fn headline(report: &Report<'_>) -> String {
    let counts = report.counts();
    let verdict = if report.fails {
        "check failed"
    } else {
        "check passed"
    };
    format!(
        "{verdict}: {} of {} grants not needed, {} missing, {} in {}",
        thousands(counts.excess as u64),
        thousands(counts.granted as u64),
        counts.missing,
        counted(counts.gaps, "gap"),
        counted(report.functions.len(), "function"),
    )
}

fn table(out: &mut String, findings: &[&Finding], report: &Report<'_>) {
    out.push_str("| | function | finding | line | used |\n|---|---|---|---|---|\n");
    let mut left_out = 0;
    for finding in findings {
        let line = row(finding, report);
        if out.len() + line.len() > MOST_CHARACTERS - RESERVE {
            left_out += 1;
        } else {
            out.push_str(&line);
        }
    }
    out.push('\n');
    if left_out > 0 {
        let _ = writeln!(
            out,
            "… {left_out} more; the HTML and JSON reports hold them all.\n"
        );
    }
}

fn row(finding: &Finding, report: &Report<'_>) -> String {
    let sign = match finding.level {
        Level::Error => "❌",
        Level::Warning => "⚠️",
        Level::Note => "ℹ️",
    };
    let function = finding.function.as_deref().map(code).unwrap_or_default();
    let risk = finding
        .severity
        .map(|severity| format!(" ({} risk)", severity.as_str()));
    let mut text = format!(
        "**{}**{} {}",
        finding.rule.id,
        risk.unwrap_or_default(),
        words(&finding.message)
    );
    for note in &finding.notes {
        let _ = write!(text, "<br>{}", words(note));
    }
    let places: Vec<String> = finding
        .places
        .iter()
        .take(3)
        .map(|place| code(&place.location.to_string()))
        .collect();
    format!(
        "| {sign} | {function} | {text} | {} | {} |\n",
        places.join("<br>"),
        used(finding, report)
    )
}

/// What the trail saw of the finding's actions.
fn used(finding: &Finding, report: &Report<'_>) -> String {
    let at = finding.places.first().map(|place| &place.location);
    let concerns = |row: &Row| {
        finding.actions.contains(row.action.as_str())
            && match row.verdict {
                Verdict::Add => finding.rule.id.starts_with("RF01"),
                Verdict::Keep => finding.rule.id == "RF005",
                _ => row.granted_by.iter().any(|origin| Some(&origin.location) == at),
            }
    };
    let seen: Vec<&Observed> = report
        .functions
        .iter()
        .filter(|assessed| Some(&assessed.function.name) == finding.function.as_ref())
        .flat_map(|assessed| assessed.rows())
        .filter(|(row, _)| concerns(row))
        .filter_map(|(_, observed)| observed)
        .collect();
    let count: u64 = seen.iter().map(|observed| observed.count).sum();
    let refused: u64 = seen.iter().map(|observed| observed.refused).sum();
    let last = seen.iter().filter_map(|observed| observed.last.as_deref()).max();
    let coverage = seen.iter().map(|observed| observed.coverage).min();
    let refused = match refused {
        0 => String::new(),
        refused => format!("; refused {} times", thousands(refused)),
    };
    match (count, last, coverage) {
        (_, _, None) => String::new(),
        (0, _, Some(Coverage::Full)) => format!("never{refused}"),
        (0, _, Some(coverage)) => format!("not seen (coverage {}){refused}", coverage.as_str()),
        (count, last, _) => {
            let last = last.and_then(|last| last.get(..10)).unwrap_or("?");
            format!("{} calls, last {last}{refused}", thousands(count))
        }
    }
}

fn functions(out: &mut String, report: &Report<'_>) {
    let mut table = String::from(
        "<details><summary>Every function</summary>\n\n| function | granted | needed | excess | missing | gaps |\n|---|--:|--:|--:|--:|--:|\n",
    );
    let mut left_out = 0;
    for assessed in &report.functions {
        let counts = assessed.counts();
        let known = |count: usize| match assessed.function.role {
            Some(_) => thousands(count as u64),
            None => "–".to_owned(),
        };
        let line = format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            code(&assessed.function.name),
            known(counts.granted),
            counts.needed,
            known(counts.excess),
            known(counts.missing),
            counts.gaps
        );
        if out.len() + table.len() + line.len() > MOST_CHARACTERS - RESERVE {
            left_out += 1;
        } else {
            table.push_str(&line);
        }
    }
    if left_out > 0 {
        let _ = writeln!(
            table,
            "\n… {}, see the HTML report.",
            counted(left_out, "more function")
        );
    }
    table.push_str("\n</details>\n\n");
    out.push_str(&table);
}

/// What no reader could see: gaps, and what the trail does not record.
fn unseen(out: &mut String, report: &Report<'_>) {
    let codes: BTreeSet<&str> = report
        .functions
        .iter()
        .flat_map(|assessed| &assessed.gaps)
        .chain(&report.gaps)
        .map(|gap| gap.code)
        .collect();
    let gaps = if codes.is_empty() {
        "nothing in the code or the stack templates".to_owned()
    } else {
        let codes: Vec<String> = codes.iter().map(|code| self::code(code)).collect();
        format!("{} ({})", counted(report.counts().gaps, "gap"), codes.join(", "))
    };
    let trail = match &report.trail {
        Some(trail) => words(trail),
        None => "no CloudTrail usage was given".to_owned(),
    };
    let _ = writeln!(out, "**Not seen:** {gaps}. **Use:** {trail}.\n");
}

fn accept(out: &mut String, report: &Report<'_>) {
    if report
        .findings
        .iter()
        .any(|finding| finding.waived.is_none() && finding.level > Level::Note)
    {
        out.push_str(
            "**Fix:** `rolefit generate --function NAME` prints the exact role. **Accept:** an `[[ignore]]` with a `reason` \
             in `rolefit.toml`.\n",
        );
    }
}

/// A code span that nothing can break out of.
fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| match c {
            '`' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    format!("`{}`", text.replace('|', "\\|"))
}

/// Words with code spans between backticks: outside of them, whatever Markdown or HTML would read is escaped.
fn words(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let balanced = parts.len() % 2 == 1;
    let mut out = String::new();
    for (index, part) in parts.iter().enumerate() {
        if balanced && index % 2 == 1 {
            out.push_str(&code(part));
        } else {
            out.push_str(&plain(part));
        }
    }
    out
}

fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '|' | '*' | '_' | '[' | ']' | '#' | '~' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
