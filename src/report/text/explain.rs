//! `rolefit explain`: why a function has, or has not, an action.

use std::fmt::Write as _;

use super::{BOLD, DIM, pad, paint, thousands};
use crate::diff::{Lack, Row, Verdict};
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::report::{Assessed, Report};
use crate::usage::{Because, BecauseKind, CallSite, Location, Observed};

/// What is asked of a function.
#[derive(Debug)]
pub struct Question<'a> {
    /// The function.
    pub assessed: &'a Assessed<'a>,
    /// What of it.
    pub about: About<'a>,
}

/// What a question is about.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// An action, wildcards allowed.
    Action(&'a ActionPattern),
    /// A line of the code or of the stack template: what it asks for, and what it grants.
    Line {
        /// Path relative to the scanned root.
        file: &'a str,
        /// 1-based.
        line: u32,
    },
}

/// The answer; `None` when the function neither needs nor has anything that matches.
pub fn explain(report: &Report<'_>, question: &Question<'_>) -> Option<String> {
    let mut out = String::new();
    let asked = |row: &Row| match question.about {
        About::Action(action) => named(row, action),
        About::Line { file, line } => at_line(row, question.assessed, file, line),
    };
    for (row, observed) in question.assessed.rows().filter(|(row, _)| asked(row)) {
        explain_row(&mut out, report, question.assessed, row, observed);
    }
    (!out.is_empty()).then_some(out)
}

fn named(row: &Row, asked: &ActionPattern) -> bool {
    let same = |action: &ActionPattern| action.as_str().eq_ignore_ascii_case(asked.as_str());
    let matches = |pattern: &ActionPattern, text: &str| {
        crate::iam::action::Action::parse(text).is_some_and(|action| pattern.matches(&action))
    };
    same(&row.action) || matches(asked, row.action.as_str()) || matches(&row.action, asked.as_str())
}

/// Whether a line asks for the row, grants it, or stands on the way to the call that needs it.
fn at_line(row: &Row, assessed: &Assessed<'_>, file: &str, line: u32) -> bool {
    let here = |location: &Location| location.file == file && location.line == line;
    let on_the_way = |because: &Because| {
        assessed.calls.iter().any(|call| {
            because.kind == BecauseKind::Code
                && because.location.as_ref() == Some(&call.location)
                && because.operation.as_ref() == Some(&call.operation)
                && call.via.iter().any(|frame| here(&frame.location))
        })
    };
    row.because
        .iter()
        .any(|because| because.location.as_ref().is_some_and(here) || on_the_way(because))
        || row.granted_by.iter().any(|origin| here(&origin.location))
}

fn explain_row(
    out: &mut String,
    report: &Report<'_>,
    assessed: &Assessed<'_>,
    row: &Row,
    observed: Option<&Observed>,
) {
    let name = &assessed.function.name;
    let headline = match row.verdict {
        Verdict::Remove => format!("{name} does not need {} on {}", row.action, row.resource.short()),
        Verdict::Unobserved => format!(
            "{name} has {} on {}; nothing tells whether it needs it",
            row.action,
            row.resource.short()
        ),
        _ => format!("{name} needs {} on {}", row.action, row.resource.short()),
    };
    let _ = writeln!(
        out,
        "{}  {}",
        paint(BOLD, &headline),
        paint(DIM, &format!("confidence {}", row.confidence.as_str()))
    );
    for because in &row.because {
        explain_because(out, assessed, because);
    }
    if row.because.is_empty() {
        let reached = assessed.calls.len();
        let _ = writeln!(
            out,
            "  {}none of the SDK calls that its code can reach ({reached}) needs it",
            pad("code", 18)
        );
    }
    for (operator, keys) in &row.conditions {
        for (key, values) in keys {
            let _ = writeln!(
                out,
                "  {}{operator} {key} {}",
                pad("condition", 18),
                values.join(", ")
            );
        }
    }
    for origin in &row.granted_by {
        let injected = origin
            .injected_by
            .as_ref()
            .map(|by| format!(", added by SAM because of {by}"))
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "  {}{}, {}{injected}",
            pad("granted today by", 18),
            origin.name,
            origin.location
        );
    }
    let lack = match &row.lack {
        Some(Lack::Action) => Some("nothing in the role allows the action".to_owned()),
        Some(Lack::Resource(elsewhere)) => {
            let elsewhere: Vec<String> = elsewhere.iter().map(ArnPattern::short).collect();
            Some(format!("the role allows it on {} only", elsewhere.join(", ")))
        }
        Some(Lack::Conditions(origin)) => Some(format!(
            "{}, {}, allows it under conditions that this call never meets",
            origin.name, origin.location
        )),
        Some(Lack::Denied(origin)) => Some(format!("denied by {}, {}", origin.name, origin.location)),
        None => None,
    };
    if let Some(lack) = lack {
        let _ = writeln!(out, "  {}{lack}", pad("not granted", 18));
    }
    if let Some(observed) = observed {
        let about = observed.about();
        let text = match (observed.count, &observed.first, &observed.last) {
            (0, ..) => format!("never; coverage {}", observed.coverage.as_str()),
            (count, Some(first), Some(last)) => {
                format!("{about}{} times, first {first}, last {last}", thousands(count))
            }
            (count, ..) => format!("{about}{} times", thousands(count)),
        };
        let refused = match observed.refused {
            0 => String::new(),
            refused => format!("; refused {about}{} times", thousands(refused)),
        };
        let text = format!("{text}{refused}");
        let _ = writeln!(out, "  {}{text}", pad("observed", 18));
    }
    let _ = writeln!(out, "  {}{}", pad("catalogue", 18), report.catalog);
}

fn explain_because(out: &mut String, assessed: &Assessed<'_>, because: &Because) {
    let call = assessed.calls.iter().find(|call| {
        because.kind == BecauseKind::Code
            && because.location.as_ref() == Some(&call.location)
            && because.operation.as_ref() == Some(&call.operation)
    });
    match call {
        Some(call) => explain_call(out, call, because),
        None => {
            let place = because
                .location
                .as_ref()
                .map(|location| format!("  {location}"))
                .unwrap_or_default();
            let _ = writeln!(out, "  {}{}{place}", pad(because.kind.as_str(), 18), because.note);
        }
    }
}

fn explain_call(out: &mut String, call: &CallSite, because: &Because) {
    for (depth, frame) in call.via.iter().enumerate() {
        let branch = if depth == 0 {
            String::new()
        } else {
            format!("{}└ ", "  ".repeat(depth - 1))
        };
        let _ = writeln!(
            out,
            "  {}{}",
            pad(&format!("{branch}{}", frame.fn_name), 40),
            frame.location
        );
    }
    let branch = if call.via.is_empty() {
        String::new()
    } else {
        format!("{}└ ", "  ".repeat(call.via.len() - 1))
    };
    let method = format!("{branch}Client::{}", call.method);
    let _ = writeln!(
        out,
        "  {}{}  {}, operation {}",
        pad(&method, 40),
        call.location,
        call.crate_name,
        call.operation.name
    );
    if !because.note.is_empty() {
        let _ = writeln!(out, "  {}{}", pad("resource", 18), because.note);
    }
}
