//! Text of `rolefit replay`: what would be refused, what cannot be told, and how much passes.

use std::fmt::Write as _;

use super::{BOLD, DIM, GREEN, RED, YELLOW, pad, paint, thousands};
use crate::report::replay::{ReplayStatementV1, ReplayV1, ReplayedFunctionV1, ReplayedV1};

/// Resources, and event ids, that are shown of one kind of request.
const SHOWN: usize = 3;

/// The whole answer; `all` shows requests that pass, too.
pub fn replay(answer: &ReplayV1, all: bool) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", paint(BOLD, &headline(answer)));
    let width = answer.functions.iter().map(|one| one.name.chars().count()).max();
    for function in &answer.functions {
        let _ = writeln!(out);
        out.push_str(&of_function(function, width.unwrap_or_default(), all));
    }
    if !answer.gaps.is_empty() {
        let _ = writeln!(out);
    }
    for gap in &answer.gaps {
        let place = match (&gap.file, gap.line) {
            (Some(file), Some(line)) => format!("  {file}:{line}"),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "  {} {}: {}{place}",
            paint(YELLOW, "gap"),
            gap.code,
            gap.message
        );
    }
    let _ = writeln!(out, "\n{}", conclusion(answer));
    out
}

fn headline(answer: &ReplayV1) -> String {
    let day = |time: &Option<String>| {
        time.as_deref()
            .map_or("?", |time| time.get(..10).unwrap_or(time))
            .to_owned()
    };
    let against = match answer.against.as_str() {
        "generated" => "the generated policies".to_owned(),
        "code" => "the policies generated from the code alone".to_owned(),
        "current" => "the roles of today".to_owned(),
        file => format!("`{file}`"),
    };
    let trail = &answer.trail;
    let window = match (&trail.since, &trail.until) {
        (None, None) => String::new(),
        (since, until) => format!(
            ", of these {}..{}",
            since.as_deref().unwrap_or("the first"),
            until.as_deref().unwrap_or("the last")
        ),
    };
    format!(
        "CloudTrail {}..{}{window} against {against}",
        day(&trail.first),
        day(&trail.last)
    )
}

fn of_function(function: &ReplayedFunctionV1, width: usize, all: bool) -> String {
    let mut out = String::new();
    let (then, now): (Vec<&ReplayedV1>, Vec<&ReplayedV1>) =
        function.requests.iter().partition(|one| one.was_refused());
    let of = |verdict: &str| now.iter().filter(|one| one.verdict == verdict).count();
    let calls: u64 = now.iter().map(|one| one.calls).sum();
    let (refused, unknown) = (of("refused"), of("cannot-tell"));
    let verdict = match (now.len(), refused, unknown) {
        (0, ..) => paint(DIM, "no request recorded"),
        (_, 0, 0) => paint(GREEN, "all pass"),
        (_, 0, unknown) => paint(YELLOW, &format!("{unknown} cannot be told")),
        (_, refused, 0) => paint(RED, &format!("{refused} refused")),
        (_, refused, unknown) => paint(RED, &format!("{refused} refused, {unknown} cannot be told")),
    };
    let numbers = match now.len() {
        0 => String::new(),
        count => format!("{}, {}: ", kinds(count), count_calls(calls)),
    };
    let _ = writeln!(
        out,
        "{}  {numbers}{verdict}",
        paint(BOLD, &pad(&function.name, width))
    );
    for one in now.iter().filter(|one| all || one.verdict != "allowed") {
        out.push_str(&request(one));
    }
    for assumption in assumptions(&now) {
        let _ = writeln!(out, "  {} {assumption}", paint(DIM, "if"));
    }
    if !then.is_empty() {
        let _ = writeln!(out, "  refused when recorded:");
    }
    for one in then {
        out.push_str(&request(one));
    }
    out
}

/// `2 kinds of requests`.
fn kinds(count: usize) -> String {
    match count {
        1 => "1 kind of request".to_owned(),
        count => format!("{} kinds of requests", thousands(count as u64)),
    }
}

fn count_calls(calls: u64) -> String {
    match calls {
        1 => "1 call".to_owned(),
        calls => format!("{} calls", thousands(calls)),
    }
}

/// What has to be so, each once, with how many kinds of requests rest on it.
fn assumptions(requests: &[&ReplayedV1]) -> Vec<String> {
    let mut all: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for assumption in requests.iter().flat_map(|one| &one.assuming) {
        *all.entry(assumption).or_default() += 1;
    }
    all.into_iter()
        .map(|(assumption, count)| match count {
            1 => format!("{assumption}: 1 of them rests on it"),
            count => format!("{assumption}: {count} of them rest on it"),
        })
        .collect()
}

fn request(one: &ReplayedV1) -> String {
    let mut out = String::new();
    let word = match one.verdict {
        "allowed" => paint(GREEN, if one.was_refused() { "passes now" } else { "passes" }),
        "refused" if one.was_refused() => paint(RED, "still refused"),
        "refused" => paint(RED, "refused"),
        _ => paint(YELLOW, "unknown"),
    };
    let named = one.action.as_deref().unwrap_or(&one.event_name);
    let on = match one.resources.as_slice() {
        [] => String::new(),
        [first, rest @ ..] => match rest.len() {
            0 => format!(" on {first}"),
            more => format!(" on {first} and {more} more"),
        },
    };
    let _ = writeln!(out, "  {word} {named}{on}");
    let mut row = |text: &str| {
        let _ = writeln!(out, "      {text}");
    };
    let place = |own: &ReplayStatementV1| {
        let sid = own.sid.as_ref().map(|sid| format!("`{sid}`"));
        let line = match (&own.file, own.line) {
            (Some(file), Some(line)) => Some(format!("{file}:{line}")),
            _ => None,
        };
        let words: Vec<String> = [line, sid].into_iter().flatten().collect();
        match words.is_empty() {
            true => format!("statement {} of {}", own.statement, own.policy),
            false => words.join(" "),
        }
    };
    let because = match (&one.by, one.nearest.as_slice()) {
        (Some(own), _) => format!("{}: {}", one.reason, place(own)),
        (None, []) => one.reason.clone(),
        (None, nearest) => {
            let places: Vec<String> = nearest.iter().take(SHOWN).map(place).collect();
            format!(
                "{}; the action is allowed elsewhere by {}",
                one.reason,
                places.join(", ")
            )
        }
    };
    row(&because);
    if let Some(log) = &one.log {
        row(&said(log, one.verdict));
    }
    for resource in one.resources.iter().skip(1).take(SHOWN) {
        row(&format!("also {resource}"));
    }
    let day = |time: &str| time.get(..10).unwrap_or(time).to_owned();
    let by = match one.caller {
        "forward-access" => ", made by a service for the function",
        "lambda" => ", made by Lambda itself",
        "event-source" => ", made by Lambda for an event source",
        _ => "",
    };
    let failed = if one.recorded == "failed" {
        ", all failed"
    } else {
        ""
    };
    let about = if one.calls_estimated { "about " } else { "" };
    row(&format!(
        "{about}{} by {}{by}, {} to {}{failed}",
        count_calls(one.calls),
        one.operation.as_deref().unwrap_or(&one.event_source),
        day(&one.first),
        day(&one.last)
    ));
    let events: Vec<&str> = one.events.iter().take(SHOWN).map(String::as_str).collect();
    if !events.is_empty() {
        row(&format!("{} {}", paint(DIM, "events"), events.join(", ")));
    }
    out
}

/// What AWS said, and whether it agrees.
fn said(log: &crate::report::replay::ReplayLogV1, verdict: &str) -> String {
    let decided = match (&log.policy, log.explicit) {
        (Some(policy), true) => format!("an explicit deny in a {policy}"),
        (Some(policy), false) => format!("no {policy} allows it"),
        (None, _) => "no reason is given".to_owned(),
    };
    let mut text = format!("the log says: {decided}");
    if verdict == "allowed"
        && log
            .policy
            .as_deref()
            .is_some_and(|policy| policy != "identity-based policy")
    {
        text.push_str("; this is not up to the role's policies alone");
    }
    if log.expected == Some(false)
        && let Some(action) = &log.action
    {
        let _ = write!(
            text,
            "; it names `{action}`, which the catalogue does not expect here"
        );
    }
    text
}

fn conclusion(answer: &ReplayV1) -> String {
    let summary = &answer.summary;
    let then = match summary.refused_then {
        0 => String::new(),
        then => format!(
            "; refused when recorded: {then}, of which {} pass now",
            summary.pass_now
        ),
    };
    let text = match (summary.result, summary.requests) {
        (_, 0) if summary.refused_then == 0 => {
            "nothing to replay: the trail shows no request of these functions".to_owned()
        }
        ("pass", _) => format!(
            "pass: all {} ({}) would be allowed{then}",
            kinds(summary.requests),
            count_calls(summary.calls)
        ),
        ("fail", _) if summary.refused == 0 => format!(
            "fail: {} refused when recorded, and would be again; of {} that went through, {} cannot be told",
            match summary.refused_then - summary.pass_now {
                1 => "1 kind of request was".to_owned(),
                count => format!("{} were", kinds(count)),
            },
            kinds(summary.requests),
            summary.cannot_tell
        ),
        ("fail", _) => format!(
            "fail: {} of {} would be refused, {} cannot be told{then}",
            summary.refused,
            kinds(summary.requests),
            summary.cannot_tell
        ),
        _ => format!(
            "incomplete: {} of {} would be allowed, {} cannot be told{then}",
            summary.allowed,
            kinds(summary.requests),
            summary.cannot_tell
        ),
    };
    let style = match summary.result {
        "pass" => GREEN,
        "fail" => RED,
        _ => YELLOW,
    };
    paint(style, &text)
}
