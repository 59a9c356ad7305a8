//! `rolefit diff`: need against role in the manner of a plan: `=` keep, `~` narrow, `-` remove, `+` add, `?` unseen.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{BOLD, DIM, GREEN, RED, YELLOW, counted, gap_line, pad, paint, thousands, wrap};
use crate::catalog::AccessLevel;
use crate::catalog::Catalog;
use crate::diff::{Row, Verdict};
use crate::iam::action::Action;
use crate::iam::arn::ArnPattern;
use crate::report::{Assessed, Report};
use crate::usage::{Because, BecauseKind, Coverage, Observed};

/// Width of the column of actions.
const ACTIONS: usize = 46;

/// The comparison, function by function.
pub fn diff(report: &Report<'_>, catalog: &Catalog) -> String {
    let mut out = String::new();
    for assessed in &report.functions {
        function(&mut out, assessed, catalog);
    }
    let counts = report.counts();
    let _ = writeln!(
        out,
        "{}: {} kept, {} narrowed, {} removed, {} added.  {}.  Catalogue {}.  {}.",
        counted(report.functions.len(), "function"),
        counts.kept,
        counts.narrowed,
        counts.excess,
        counts.missing,
        if counts.gaps == 0 {
            "No gaps".to_owned()
        } else {
            counted(counts.gaps, "gap")
        },
        report.catalog,
        report
            .trail
            .clone()
            .unwrap_or_else(|| "No CloudTrail usage".to_owned()),
    );
    out
}

fn function(out: &mut String, assessed: &Assessed<'_>, catalog: &Catalog) {
    let function = assessed.function;
    let mut head = vec![paint(BOLD, &function.name)];
    head.push(match (&function.binary, &function.linked_by) {
        (Some(binary), Some(rule)) => format!("bin {} ({rule})", binary.binary),
        (Some(binary), None) => format!("bin {}", binary.binary),
        (None, _) => "bin not known".to_owned(),
    });
    head.push(match &function.role {
        Some(role) if role.shared_with.is_empty() => format!("role {}  {}", role.id, role.location),
        Some(role) => format!(
            "role {} (shared with {})  {}",
            role.id,
            role.shared_with.join(", "),
            role.location
        ),
        None => format!("no role known  {}", function.location),
    });
    let _ = writeln!(out, "{}\n", head.join("  "));
    let mut services: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for (row, observed) in assessed.rows() {
        let service = row
            .action
            .as_str()
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let lines = services.entry(service).or_default();
        let line = Line::new(row, observed, catalog);
        match lines.iter_mut().find(|present| present.joins(&line)) {
            Some(present) => present.names.extend(line.names),
            None => lines.push(line),
        }
    }
    let width = services
        .values()
        .flatten()
        .map(|line| line.place.chars().count())
        .max()
        .unwrap_or(0)
        .min(52);
    for (service, lines) in &services {
        let _ = writeln!(out, "  {}", paint(BOLD, service));
        for line in lines {
            line.write(out, width);
        }
    }
    for gap in &assessed.gaps {
        let _ = writeln!(out, "{}", gap_line(gap));
    }
    let counts = assessed.counts();
    let unseen = counts.granted - counts.kept - counts.narrowed - counts.excess;
    let unseen = match unseen {
        0 => String::new(),
        unseen => format!(", {} that nothing could see used (?)", thousands(unseen as u64)),
    };
    let _ = match function.role {
        Some(_) => writeln!(
            out,
            "\n  {} granted: {} kept, {} narrowed, {} removed{unseen}, {} added.\n",
            counts.granted, counts.kept, counts.narrowed, counts.excess, counts.missing
        ),
        None => writeln!(out, "\n  {} needed; no role to compare with.\n", counts.needed),
    };
}

/// Rows that differ only in the action, on one line.
struct Line {
    verdict: Verdict,
    names: Vec<String>,
    place: String,
    why: String,
    seen: String,
    mark: &'static str,
}

impl Line {
    fn new(row: &Row, observed: Option<&Observed>, catalog: &Catalog) -> Self {
        let name = row
            .action
            .as_str()
            .split_once(':')
            .map_or(row.action.as_str(), |(_, name)| name);
        let name = if row.actions > 1 {
            format!("{name} ({} actions)", thousands(row.actions as u64))
        } else {
            name.to_owned()
        };
        let resource = row.resource.short();
        let place = match row.verdict {
            Verdict::Narrow => {
                let today: Vec<String> = row.today.iter().map(ArnPattern::short).collect();
                if today.iter().all(|today| *today == resource) {
                    format!("{resource}, with conditions")
                } else {
                    format!("{} -> {resource}", today.join(", "))
                }
            }
            _ => resource,
        };
        let mark = match Action::parse(row.action.as_str())
            .and_then(|action| catalog.action(&action))
            .map(|entry| entry.access_level())
        {
            _ if row.verdict != Verdict::Remove => "",
            Some(AccessLevel::Write) => "! write",
            Some(AccessLevel::PermissionsManagement) => "! permissions",
            _ => "",
        };
        Self {
            verdict: row.verdict,
            names: vec![name],
            place,
            why: why(row),
            seen: seen(row, observed),
            mark,
        }
    }

    fn joins(&self, other: &Self) -> bool {
        (self.verdict, &self.place, &self.why, &self.seen, self.mark)
            == (other.verdict, &other.place, &other.why, &other.seen, other.mark)
    }

    fn write(&self, out: &mut String, width: usize) {
        let (symbol, style) = match self.verdict {
            Verdict::Keep => ("=", GREEN),
            Verdict::Narrow => ("~", YELLOW),
            Verdict::Remove => ("-", RED),
            Verdict::Add => ("+", RED),
            Verdict::Unobserved => ("?", DIM),
        };
        let tail = [self.mark, self.why.as_str(), self.seen.as_str()]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("  ");
        for (index, names) in wrap(self.names.iter().map(String::as_str), ACTIONS)
            .iter()
            .enumerate()
        {
            if index == 0 {
                let text = format!(
                    "  {symbol} {}  {}  ",
                    pad(names, ACTIONS),
                    pad(&self.place, width)
                );
                let _ = writeln!(out, "{}{}", paint(style, &text), paint(DIM, &tail));
            } else {
                let _ = writeln!(out, "{}", paint(style, &format!("    {names}")));
            }
        }
    }
}

/// The place that asks for a needed grant, or the line that grants an unneeded one.
fn why(row: &Row) -> String {
    match row.verdict {
        Verdict::Remove | Verdict::Unobserved => row
            .granted_by
            .first()
            .map(|origin| format!("{}, {}", origin.name, origin.location))
            .unwrap_or_default(),
        _ => row.because.first().map(reason).unwrap_or_default(),
    }
}

fn reason(because: &Because) -> String {
    let location = because.location.as_ref().map(ToString::to_string);
    match because.kind {
        BecauseKind::Code => location.unwrap_or_default(),
        BecauseKind::Trail => "CloudTrail only".to_owned(),
        _ => [Some(because.note.clone()), location]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// `once`, `3 times`.
fn times(count: u64) -> String {
    if count == 1 {
        "once".to_owned()
    } else {
        format!("{} times", thousands(count))
    }
}

fn seen(row: &Row, observed: Option<&Observed>) -> String {
    match observed {
        Some(observed) if observed.refused > 0 && observed.count == 0 => {
            format!("refused {}{}", observed.about(), times(observed.refused))
        }
        Some(observed) if observed.count > 0 => {
            let last = observed
                .last
                .as_deref()
                .and_then(|last| last.get(..10))
                .unwrap_or_default();
            format!(
                "{}{}, last {last}",
                observed.about(),
                counted(usize::try_from(observed.count).unwrap_or(usize::MAX), "call")
            )
        }
        Some(observed) if observed.coverage == Coverage::None && row.verdict != Verdict::Remove => {
            "not recorded".to_owned()
        }
        Some(observed) if observed.coverage == Coverage::None => "never called, not recorded".to_owned(),
        Some(_) if matches!(row.verdict, Verdict::Remove) => "never called, never observed".to_owned(),
        // What Lambda itself does is not looked for in the trail.
        Some(_)
            if row
                .because
                .iter()
                .all(|because| because.kind != BecauseKind::Code) =>
        {
            String::new()
        }
        Some(_) => "never observed".to_owned(),
        None if row.verdict == Verdict::Remove => "never called".to_owned(),
        None => String::new(),
    }
}
