//! Markdown for a pull request's comment or a step summary: what is wrong, how serious, who asks for it, whether it was
//! used, what could not be seen, and how to accept it; the worst first, within GitHub's limit.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Report;
use super::text::{counted, thousands};
use crate::diff::{Row, Verdict};
use crate::gate::{Finding, Level};
use crate::iam::action::{Action, ActionPattern};
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
    let open = report.findings.iter().filter(|finding| finding.waived.is_none());
    let (growth, rest): (Vec<&Finding>, Vec<&Finding>) = open.partition(|finding| finding.rule.is_growth());
    let (serious, rest): (Vec<&Finding>, Vec<&Finding>) = rest
        .into_iter()
        .partition(|finding| finding.level == Level::Error);
    grown(&mut out, &growth, report);
    if !serious.is_empty() {
        out.push_str(match growth.is_empty() {
            true => "",
            false => "**Other errors**\n\n",
        });
        table(&mut out, &serious, report, Table::Findings);
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
        table(&mut out, &rest, report, Table::Findings);
        out.push_str("</details>\n\n");
    }
    functions(&mut out, report);
    unseen(&mut out, report);
    accept(&mut out, &growth, report);
    out
}

fn headline(report: &Report<'_>) -> String {
    let counts = report.counts();
    let verdict = if report.fails {
        "❌ check failed"
    } else {
        "✅ check passed"
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

/// What nobody approved, or why that is not known.
fn grown(out: &mut String, growth: &[&Finding], report: &Report<'_>) {
    match (&report.approved, growth.is_empty()) {
        (None, true) => {
            out.push_str("Growth was not judged: there is neither a `rolefit.lock` nor a base.\n\n");
        }
        (Some(approved), true) => {
            let _ = writeln!(out, "No role grew beyond {}.\n", named(approved));
        }
        (approved, false) => {
            let approved = approved.as_deref().unwrap_or("what was approved");
            let _ = writeln!(out, "**New: not in {}**\n", named(approved));
            table(out, growth, report, Table::Growth);
        }
    }
}

/// A file or revision as code, whether or not it stands between backticks already.
fn named(source: &str) -> String {
    code(source.trim_matches('`'))
}

/// Which columns a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Growth,
    Findings,
}

fn table(out: &mut String, findings: &[&Finding], report: &Report<'_>, kind: Table) {
    out.push_str(match kind {
        Table::Growth => {
            "| | function | new | risk | granted, asked for | used |\n|---|---|---|---|---|---|\n"
        }
        Table::Findings => "| | function | finding | line | used |\n|---|---|---|---|---|\n",
    });
    let mut left_out = 0;
    for finding in findings {
        let line = match kind {
            Table::Growth => grown_row(finding, report),
            Table::Findings => row(finding, report),
        };
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

/// What is new, how risky it is, which line grants it and which asks for it, whether it was used.
fn grown_row(finding: &Finding, report: &Report<'_>) -> String {
    let (risks, notes): (Vec<&String>, Vec<&String>) =
        finding.notes.iter().partition(|note| note.starts_with("risk "));
    let mut new = format!("**{}** {}", finding.rule.id, words(&finding.message));
    for note in notes {
        let _ = write!(new, "<br>{}", words(note));
    }
    let mut risk = match finding.severity {
        Some(severity) => format!("**{}**", severity.as_str()),
        None => "no known way to abuse it".to_owned(),
    };
    for note in risks {
        let note = note.split_once(": ").map_or(note.as_str(), |(_, note)| note);
        let _ = write!(risk, "<br>{}", words(note));
    }
    format!(
        "| {} | {} | {new} | {risk} | {}<br>{} | {} |\n",
        sign(finding.level),
        finding.function.as_deref().map(code).unwrap_or_default(),
        places(finding),
        asked(finding, report),
        used(finding, report),
    )
}

fn places(finding: &Finding) -> String {
    let places = finding.places.iter().take(3);
    let places: Vec<String> = places.map(|place| code(&place.location.to_string())).collect();
    places.join("<br>")
}

/// Which lines ask for what a growth is about.
fn asked(finding: &Finding, report: &Report<'_>) -> String {
    let rows: Vec<&Row> = concerned(finding, report).map(|(row, _)| row).collect();
    let lines: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| &row.because)
        .filter_map(|because| because.location.as_ref())
        .map(|location| code(&location.to_string()))
        .collect();
    let unread = rows.iter().any(|row| row.verdict == Verdict::Unobserved);
    let shown: Vec<String> = lines.iter().take(3).cloned().collect();
    match lines.len().saturating_sub(shown.len()) {
        _ if shown.is_empty() && unread => "not known whether code asks for it".to_owned(),
        _ if shown.is_empty() => "no code asks for it".to_owned(),
        0 => format!("asked for by {}", shown.join(", ")),
        more => format!("asked for by {} and {more} more", shown.join(", ")),
    }
}

fn sign(level: Level) -> &'static str {
    match level {
        Level::Error => "❌",
        Level::Warning => "⚠️",
        Level::Note => "ℹ️",
    }
}

/// The rows of the comparison that a finding is about, with what the trail saw of them.
fn concerned<'r>(
    finding: &Finding,
    report: &'r Report<'_>,
) -> impl Iterator<Item = (&'r Row, Option<&'r Observed>)> {
    let at = finding.places.first().map(|place| &place.location);
    let growth = finding.rule.is_growth();
    let granted_there = move |row: &Row| row.granted_by.iter().any(|origin| Some(&origin.location) == at);
    let concerns = move |row: &Row| {
        let named = finding.actions.contains(row.action.as_str());
        match row.verdict {
            // All of a new function is new; a managed policy is new as a whole.
            _ if finding.actions.is_empty() => growth && (finding.places.len() == 1 || granted_there(row)),
            Verdict::Add => named && (growth || finding.rule.id.starts_with("RF01")),
            Verdict::Keep if !growth => named && finding.rule.id == "RF005",
            _ => granted_there(row) && (named || growth && covered(row, finding)),
        }
    };
    let rows: Vec<(&Row, Option<&Observed>)> = report
        .functions
        .iter()
        .filter(|assessed| Some(&assessed.function.name) == finding.function.as_ref())
        .flat_map(|assessed| assessed.rows())
        .filter(|(row, _)| concerns(row))
        .collect();
    rows.into_iter()
}

/// Whether a pattern among the finding's actions stands for the row's.
fn covered(row: &Row, finding: &Finding) -> bool {
    finding.actions.iter().any(|pattern| {
        let pattern = ActionPattern::new(pattern.as_str());
        Action::parse(row.action.as_str()).is_some_and(|action| pattern.matches(&action))
    })
}

fn row(finding: &Finding, report: &Report<'_>) -> String {
    let sign = sign(finding.level);
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
    format!(
        "| {sign} | {function} | {text} | {} | {} |\n",
        places(finding),
        used(finding, report)
    )
}

/// What the trail saw of the finding's actions.
fn used(finding: &Finding, report: &Report<'_>) -> String {
    if report.trail.is_none() {
        return "no trail".to_owned();
    }
    let seen: Vec<&Observed> = concerned(finding, report)
        .filter_map(|(_, observed)| observed)
        .collect();
    let count: u64 = seen.iter().map(|observed| observed.count).sum();
    let refused: u64 = seen.iter().map(|observed| observed.refused).sum();
    let about = seen
        .iter()
        .map(|observed| observed.about())
        .max()
        .unwrap_or_default();
    let last = seen.iter().filter_map(|observed| observed.last.as_deref()).max();
    let coverage = seen.iter().map(|observed| observed.coverage).min();
    let refused = match refused {
        0 => String::new(),
        refused => format!("; refused {about}{} times", thousands(refused)),
    };
    match (count, last, coverage) {
        (_, _, None) => "–".to_owned(),
        (0, _, Some(Coverage::Full)) => format!("never{refused}"),
        (0, _, Some(coverage)) => format!("not seen (coverage {}){refused}", coverage.as_str()),
        (count, last, _) => {
            let last = last.and_then(|last| last.get(..10)).unwrap_or("?");
            format!("{about}{} calls, last {last}{refused}", thousands(count))
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

fn accept(out: &mut String, growth: &[&Finding], report: &Report<'_>) {
    if !growth.is_empty() {
        let functions: BTreeSet<&str> = growth.iter().filter_map(|one| one.function.as_deref()).collect();
        let plain = |name: &&&str| {
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        let names: Vec<&str> = functions.iter().filter(plain).take(20).copied().collect();
        let command = match names.len() == functions.len() {
            true => format!("rolefit lock {}", names.join(" ")),
            false => "rolefit lock".to_owned(),
        };
        let how = match report.approved.as_deref() {
            Some("rolefit.lock") | None => format!("{}, then commit `rolefit.lock`", code(&command)),
            Some(base) => format!(
                "whoever approves this change approves the growth against {}; to have it approved line by line, keep a \
                 `rolefit.lock`",
                named(base)
            ),
        };
        let _ = writeln!(out, "**Approve:** {how}.");
    }
    let open = |finding: &&Finding| finding.waived.is_none() && finding.level > Level::Note;
    if report.findings.iter().any(|finding| open(&finding)) {
        out.push_str(
            "**Fix:** `rolefit generate --function NAME` prints the exact role. **Accept:** an `[[ignore]]` with a `reason` \
             in `rolefit.toml`.\n",
        );
    }
}

/// A code span that nothing can break out of. What a code span in a table cannot hold is spelled out in entities.
fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let blank = text.trim().is_empty();
    if !blank && !text.contains(['`', '|']) && !text.ends_with('\\') {
        return format!("`{text}`");
    }
    let mut out = String::from("<code>");
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, ' ' | '/' | '.' | ',') {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
    }
    out.push_str("</code>");
    out
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
            // Mentions nobody: the space has no width.
            '@' => out.push_str("@&#8203;"),
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
