//! The texts of the HTML page, made from the report.

use std::collections::BTreeSet;

use askama::Template;

use super::picture::{self, escape};
use super::{SCRIPT, STYLE, hash};
use crate::catalog::{AccessLevel, Catalog};
use crate::diff::{Lack, Row, Verdict};
use crate::gate::{Finding, Level};
use crate::iam::action::Action;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::Policy;
use crate::report::text::{counted, thousands};
use crate::report::{Assessed, Counts, Report};
use crate::usage::{Because, Gap, Observed};

/// Functions up to which every function's section stands open.
const FEW: usize = 8;

/// The whole page.
#[derive(Template)]
#[template(path = "page.html")]
pub(super) struct Page {
    title: String,
    version: &'static str,
    catalog: String,
    trail: String,
    passed: bool,
    judged: String,
    counts: Counts,
    granted: String,
    needed: String,
    share: usize,
    open: String,
    waived: usize,
    picture: String,
    functions: Vec<FunctionView>,
    groups: Vec<GroupView>,
    gaps: Vec<GapView>,
    style: &'static str,
    script: &'static str,
    style_hash: String,
    script_hash: String,
}

struct FunctionView {
    anchor: String,
    name: String,
    binary: String,
    linked_by: String,
    role: String,
    shared: String,
    place: String,
    known_role: bool,
    open: bool,
    counts: Counts,
    share: usize,
    /// How the role fits, as a bar.
    bar: String,
    riskiest: String,
    rows: Vec<RowView>,
    before: String,
    size_before: String,
    after: String,
    size: String,
    calls: Vec<CallView>,
    uses: Vec<UseView>,
    span: String,
    gaps: Vec<GapView>,
}

struct RowView {
    symbol: &'static str,
    verdict: &'static str,
    action: String,
    resource: String,
    full_resource: String,
    today: String,
    conditions: String,
    access: &'static str,
    writes: bool,
    granted_by: Vec<OriginView>,
    because: Vec<BecauseView>,
    seen: String,
    last: String,
    count: u64,
    confidence: &'static str,
}

struct OriginView {
    name: String,
    place: String,
}

struct BecauseView {
    kind: &'static str,
    place: String,
    words: String,
}

struct CallView {
    operation: String,
    place: String,
    path: String,
}

/// One action's time of use, as parts of the whole time that the trail covers.
struct UseView {
    action: String,
    count: String,
    first: String,
    last: String,
    start: u64,
    width: u64,
}

/// Findings of one level, or the waived ones.
struct GroupView {
    title: String,
    open: bool,
    findings: Vec<FindingView>,
}

struct FindingView {
    level: &'static str,
    symbol: &'static str,
    severity: &'static str,
    anchor: String,
    rule: &'static str,
    name: &'static str,
    function: String,
    message: String,
    places: Vec<String>,
    notes: Vec<String>,
    help: String,
    waived: String,
}

struct GapView {
    code: &'static str,
    message: String,
    place: String,
    hint: String,
}

impl Page {
    pub(super) fn of(report: &Report<'_>, catalog: &Catalog, title: &str) -> Self {
        let open = |level: &str| {
            let of_level = |f: &&Finding| f.waived.is_none() && f.level.as_str() == level;
            report.findings.iter().filter(of_level).count()
        };
        let counts = report.counts();
        let few = report.functions.len() <= FEW;
        Self {
            title: title.to_owned(),
            version: report.version,
            catalog: report.catalog.clone(),
            trail: report
                .trail
                .clone()
                .unwrap_or_else(|| "no CloudTrail usage".to_owned()),
            passed: !report.fails,
            judged: match &report.approved {
                Some(approved) => format!("growth judged against {}", approved.replace('`', "")),
                None => "growth not judged (no lock, no base)".to_owned(),
            },
            counts,
            granted: thousands(counts.granted as u64),
            needed: thousands(counts.needed as u64),
            share: share(counts),
            open: format!(
                "{}, {}",
                counted(open("error"), "error"),
                counted(open("warning"), "warning")
            ),
            waived: report.findings.iter().filter(|f| f.waived.is_some()).count(),
            picture: picture::picture(&report.functions),
            functions: report
                .functions
                .iter()
                .enumerate()
                .map(|(index, assessed)| function(index, assessed, catalog, few))
                .collect(),
            groups: groups(report),
            gaps: report.gaps.iter().map(gap).collect(),
            style: STYLE,
            script: SCRIPT,
            style_hash: hash(STYLE),
            script_hash: hash(SCRIPT),
        }
    }
}

/// Excess in hundredths of what is granted.
fn share(counts: Counts) -> usize {
    (counts.excess * 100).checked_div(counts.granted).unwrap_or(0)
}

fn function(index: usize, assessed: &Assessed<'_>, catalog: &Catalog, open: bool) -> FunctionView {
    let function = assessed.function;
    let counts = assessed.counts();
    let rows: Vec<RowView> = assessed
        .rows()
        .map(|(row, seen)| self::row(row, seen, catalog))
        .collect();
    let (uses, span) = uses(assessed);
    FunctionView {
        anchor: format!("f{index}"),
        name: function.name.clone(),
        binary: function
            .binary
            .as_ref()
            .map_or_else(|| "not known".to_owned(), |binary| binary.binary.clone()),
        linked_by: function.linked_by.clone().unwrap_or_default(),
        role: function
            .role
            .as_ref()
            .map_or_else(String::new, |role| role.id.clone()),
        shared: function
            .role
            .as_ref()
            .map_or_else(String::new, |role| role.shared_with.join(", ")),
        place: function.location.to_string(),
        known_role: function.role.is_some(),
        open,
        counts,
        share: share(counts),
        bar: bar(counts),
        riskiest: riskiest(&rows),
        before: before(assessed).map_or_else(String::new, |policy| policy.to_json_pretty()),
        size_before: before(assessed).map_or_else(String::new, |policy| {
            thousands(policy.size_without_whitespace() as u64)
        }),
        after: assessed.policy.to_json_pretty(),
        size: thousands(assessed.policy.size_without_whitespace() as u64),
        calls: assessed
            .calls
            .iter()
            .map(|call| CallView {
                operation: call.operation.to_string(),
                place: call.location.to_string(),
                path: path(call),
            })
            .collect(),
        uses,
        span,
        gaps: assessed.gaps.iter().map(gap).collect(),
        rows,
    }
}

fn path(call: &crate::usage::CallSite) -> String {
    let frames: Vec<String> = call
        .via
        .iter()
        .map(|frame| format!("{} {}", frame.fn_name, frame.location))
        .collect();
    frames.join(" → ")
}

/// The worst excess in a few words: what changes permissions, then what writes, then what reads.
fn riskiest(rows: &[RowView]) -> String {
    let rank = |row: &&RowView| match (row.access, row.action.contains('*')) {
        ("Permissions management", _) => 0,
        (_, true) => 1,
        ("Write", _) => 2,
        ("Tagging", _) => 3,
        ("Read", _) => 4,
        _ => 5,
    };
    rows.iter()
        .filter(|row| row.verdict == "remove")
        .min_by_key(rank)
        .map_or_else(String::new, |row| format!("{} on {}", row.action, row.resource))
}

/// The role's statements as one document.
fn before(assessed: &Assessed<'_>) -> Option<Policy> {
    let role = assessed.function.role.as_ref()?;
    let statements = role.statements.iter().map(|one| one.statement.clone()).collect();
    Some(Policy::of(statements))
}

/// Width of the bar, in units of the drawing.
const BAR: usize = 160;

/// What is granted and what is missing, as parts of one bar.
fn bar(counts: Counts) -> String {
    let unknown = counts
        .granted
        .saturating_sub(counts.kept + counts.narrowed + counts.excess);
    let parts = [
        ("needed", counts.kept, "kept"),
        ("narrow", counts.narrowed, "narrowed"),
        ("unobserved", unknown, "of unknown use"),
        ("excess", counts.excess, "excess"),
        ("missing", counts.missing, "missing"),
    ];
    let whole: usize = parts.iter().map(|(_, count, _)| count).sum();
    let shown = parts.iter().filter(|(_, count, _)| *count > 0);
    let words: Vec<String> = shown
        .clone()
        .map(|(_, count, word)| format!("{count} {word}"))
        .collect();
    let mut svg = format!(
        "<svg class=\"fit\" viewBox=\"0 0 {BAR} 10\" width=\"{BAR}\" height=\"10\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>\
         <rect class=\"track\" width=\"{BAR}\" height=\"10\" rx=\"3\"/>",
        words.join(", ")
    );
    // Every part can be seen, however small: the large ones give way.
    let least = 4;
    let room = BAR - least * shown.clone().count();
    let mut x = 0;
    for (class, count, _) in shown {
        let width = least + (count * room).checked_div(whole).unwrap_or(0);
        svg.push_str(&format!(
            "<rect class=\"{class}\" x=\"{x}\" width=\"{}\" height=\"10\"/>",
            width.saturating_sub(1)
        ));
        x += width;
    }
    svg.push_str("</svg>");
    svg
}

fn row(row: &Row, seen: Option<&Observed>, catalog: &Catalog) -> RowView {
    let level = Action::parse(row.action.as_str())
        .and_then(|action| catalog.action(&action).map(|entry| entry.access_level()));
    let today = match (&row.lack, row.verdict) {
        (Some(Lack::Conditions(origin)), _) => {
            format!(
                "{} {} allows it under conditions never met",
                origin.name, origin.location
            )
        }
        (Some(Lack::Denied(origin)), _) => format!("denied by {} {}", origin.name, origin.location),
        (Some(Lack::Resource(elsewhere)), _) => format!("only on {}", list(elsewhere)),
        (_, Verdict::Narrow) => list(&row.today),
        _ => String::new(),
    };
    RowView {
        symbol: match row.verdict {
            Verdict::Keep => "=",
            Verdict::Narrow => "~",
            Verdict::Remove => "−",
            Verdict::Add => "+",
            Verdict::Unobserved => "?",
        },
        verdict: row.verdict.as_str(),
        action: if row.actions > 1 {
            format!("{} ({} actions)", row.action, row.actions)
        } else {
            row.action.to_string()
        },
        resource: row.resource.short(),
        full_resource: row.resource.to_string(),
        today,
        conditions: conditions(row),
        access: level.map_or("", AccessLevel::as_str),
        writes: level.is_none_or(|level| {
            matches!(
                level,
                AccessLevel::Write | AccessLevel::PermissionsManagement | AccessLevel::Tagging
            )
        }),
        granted_by: row
            .granted_by
            .iter()
            .map(|origin| OriginView {
                name: origin.name.clone(),
                place: origin.location.to_string(),
            })
            .collect(),
        because: row.because.iter().map(because).collect(),
        seen: seen.map_or_else(String::new, self::seen),
        last: seen
            .and_then(|seen| seen.last.as_deref())
            .map_or_else(String::new, |last| day(last).to_owned()),
        count: seen.map_or(0, |seen| seen.count),
        confidence: row.confidence.as_str(),
    }
}

fn list(resources: &BTreeSet<ArnPattern>) -> String {
    resources
        .iter()
        .map(ArnPattern::short)
        .collect::<Vec<_>>()
        .join(", ")
}

fn conditions(row: &Row) -> String {
    let texts: Vec<String> = row
        .conditions
        .iter()
        .flat_map(|(operator, keys)| {
            keys.iter()
                .map(move |(key, values)| format!("{operator} {key}: {}", values.join(", ")))
        })
        .collect();
    texts.join("; ")
}

fn because(because: &Because) -> BecauseView {
    let operation = because.operation.as_ref().map(ToString::to_string);
    let words: Vec<String> = operation
        .into_iter()
        .chain([because.note.clone()])
        .filter(|part| !part.is_empty())
        .collect();
    BecauseView {
        kind: because.kind.as_str(),
        place: because
            .location
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        words: coded(&words.join(": ")),
    }
}

fn seen(seen: &Observed) -> String {
    let refused = match seen.refused {
        0 => String::new(),
        refused => format!(", refused {}{} times", seen.about(), thousands(refused)),
    };
    match (seen.count, seen.coverage.as_str()) {
        (0, "full") => format!("never{refused}"),
        (0, coverage) => format!("not seen, coverage {coverage}{refused}"),
        (count, _) => format!("{}{} calls{refused}", seen.about(), thousands(count)),
    }
}

/// The day of an RFC 3339 time.
fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

/// When each action was used, scaled to the time between the first and the last use of any.
fn uses(assessed: &Assessed<'_>) -> (Vec<UseView>, String) {
    let seen: Vec<(&Row, &Observed, u64, u64)> = assessed
        .rows()
        .filter_map(|(row, seen)| {
            let seen = seen?;
            Some((
                row,
                seen,
                days(seen.first.as_deref()?)?,
                days(seen.last.as_deref()?)?,
            ))
        })
        .collect();
    let (Some(from), Some(to)) = (
        seen.iter().map(|(.., first, _)| *first).min(),
        seen.iter().map(|(.., last)| *last).max(),
    ) else {
        return (Vec::new(), String::new());
    };
    let whole = (to - from).max(1);
    let views = seen
        .iter()
        .map(|(row, seen, first, last)| UseView {
            action: format!("{} on {}", row.action, row.resource.short()),
            count: format!("{}{}", seen.about(), thousands(seen.count)),
            first: seen.first.as_deref().map(day).unwrap_or_default().to_owned(),
            last: seen.last.as_deref().map(day).unwrap_or_default().to_owned(),
            start: (first - from) * 280 / whole,
            width: ((last - first) * 280 / whole).max(4),
        })
        .collect();
    (views, format!("{} days", to - from + 1))
}

/// Days since year 0 of the date that an RFC 3339 time begins with (civil calendar).
fn days(time: &str) -> Option<u64> {
    let mut parts = day(time).split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, date) = (parts.next()??, parts.next()??, parts.next()??);
    let shifted = if month > 2 { year } else { year.checked_sub(1)? };
    let month = (month + 9) % 12;
    Some(shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + (month * 153 + 2) / 5 + date)
}

/// The findings by level, those that hold first.
fn groups(report: &Report<'_>) -> Vec<GroupView> {
    let mut groups = Vec::new();
    for level in [Level::Error, Level::Warning, Level::Note] {
        let of_level = |finding: &&Finding| finding.waived.is_none() && finding.level == level;
        let findings: Vec<FindingView> = report
            .findings
            .iter()
            .filter(of_level)
            .map(|finding| self::finding(finding, report))
            .collect();
        groups.push(GroupView {
            title: counted(findings.len(), level.as_str()),
            open: level == Level::Error || (level == Level::Warning && findings.len() <= FEW),
            findings,
        });
    }
    let waived = report.findings.iter().filter(|finding| finding.waived.is_some());
    let findings: Vec<FindingView> = waived.map(|finding| self::finding(finding, report)).collect();
    groups.push(GroupView {
        title: format!("{} waived", thousands(findings.len() as u64)),
        open: false,
        findings,
    });
    groups.retain(|group| !group.findings.is_empty());
    groups
}

fn finding(finding: &Finding, report: &Report<'_>) -> FindingView {
    let function = report
        .functions
        .iter()
        .position(|assessed| Some(&assessed.function.name) == finding.function.as_ref());
    FindingView {
        level: finding.level.as_str(),
        symbol: match finding.level {
            Level::Error => "✗",
            Level::Warning => "!",
            Level::Note => "i",
        },
        severity: finding.severity.map_or("", |severity| severity.as_str()),
        anchor: function.map_or_else(|| "functions".to_owned(), |index| format!("f{index}")),
        rule: finding.rule.id,
        name: finding.rule.name,
        function: finding.function.clone().unwrap_or_default(),
        message: coded(&finding.message),
        places: finding
            .places
            .iter()
            .map(|place| coded(&format!("`{}` {}", place.location, place.label)))
            .collect(),
        notes: finding.notes.iter().map(|note| coded(note)).collect(),
        help: coded(finding.help.as_deref().unwrap_or_default()),
        waived: finding.waived.clone().unwrap_or_default(),
    }
}

fn gap(gap: &Gap) -> GapView {
    GapView {
        code: gap.code,
        message: coded(&gap.message),
        place: gap
            .location
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        hint: coded(gap.hint.as_deref().unwrap_or_default()),
    }
}

/// HTML of a text whose code stands between backticks.
fn coded(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let part = |(index, part): (usize, &&str)| match index % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    };
    parts.iter().enumerate().map(part).collect()
}
