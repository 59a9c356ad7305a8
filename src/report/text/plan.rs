//! Text of `rolefit observe plan`: what no trail shows, the selectors, the commands, the cost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{BOLD, DIM, GREEN, YELLOW, counted, pad, paint, thousands};
use crate::report::plan::{PlanV1, PlannedV1};

/// The whole answer.
pub fn plan(answer: &PlanV1) -> String {
    let mut out = String::new();
    let by = match answer.judged_by.as_slice() {
        [] => "by what trails record unless they are told otherwise".to_owned(),
        names => format!("by {}", names.join(", ")),
    };
    let _ = writeln!(
        out,
        "{}",
        paint(
            BOLD,
            &format!(
                "what is recorded of {}, {by}",
                counted(answer.functions, "function")
            )
        )
    );
    for (seen, title) in [
        ("no", "not recorded"),
        ("partly", "not recorded for sure"),
        ("never", "no event selector can show"),
        ("yes", "recorded"),
    ] {
        out.push_str(&operations(answer, seen, title));
    }
    if answer.selectors.is_empty() {
        let open = answer.operations.iter().any(|one| one.seen == "partly");
        let text = match open {
            false => "nothing to do: whatever can be recorded is recorded",
            true => "nothing is left out for sure; the rest depends on what is not known",
        };
        let _ = writeln!(out, "\n{}", paint(GREEN, text));
        return out;
    }
    let whose = match &answer.extends {
        Some(trail) => format!(
            "selectors for the trail {trail}: the first {} are what it has, and all of them take the place of that",
            answer.kept
        ),
        None => "selectors for a trail of its own, so that no other trail changes".to_owned(),
    };
    let _ = writeln!(out, "\n{}", paint(BOLD, &whose));
    out.push_str(&selectors(&answer.selectors));
    let _ = writeln!(out);
    for command in &answer.commands {
        let _ = writeln!(out, "  {command}");
    }
    let _ = writeln!(out);
    if !answer.fill_in.is_empty() {
        let _ = writeln!(
            out,
            "{} {} (--account, --stack-name, or a trail with --usage tell them)",
            paint(YELLOW, "to be filled in:"),
            answer.fill_in.join(", ")
        );
    }
    for note in &answer.notes {
        let _ = writeln!(out, "{} {note}", paint(YELLOW, "note:"));
    }
    out.push_str(&cost(answer));
    out
}

/// The selectors as JSON, a condition on each line.
fn selectors(all: &[serde_json::Value]) -> String {
    let one = |selector: &serde_json::Value| {
        let fields = selector
            .get("FieldSelectors")
            .and_then(serde_json::Value::as_array);
        let fields: Vec<String> = fields
            .into_iter()
            .flatten()
            .map(|field| format!("    {field}"))
            .collect();
        let name = selector
            .get("Name")
            .map(|name| format!("\"Name\": {name}, "))
            .unwrap_or_default();
        format!("  {{{name}\"FieldSelectors\": [\n{}\n  ]}}", fields.join(",\n"))
    };
    let all: Vec<String> = all.iter().map(one).collect();
    format!("[\n{}\n]\n", all.join(",\n"))
}

/// The operations of which one thing is said, by the reason.
fn operations(answer: &PlanV1, seen: &str, title: &str) -> String {
    let own: Vec<&PlannedV1> = answer.operations.iter().filter(|one| one.seen == seen).collect();
    if own.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{title}\n");
    let mut by_operation: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for one in &own {
        let key = (one.operation.as_str(), one.reason.as_str());
        by_operation.entry(key).or_default().insert(&one.function);
    }
    let width = own.iter().map(|one| one.operation.chars().count()).max();
    for ((operation, reason), functions) in by_operation {
        let functions: Vec<&str> = functions.into_iter().collect();
        let _ = writeln!(
            out,
            "  {}  {}",
            pad(operation, width.unwrap_or_default()),
            functions.join(", ")
        );
        // That something is recorded as always needs no words.
        if seen != "yes" {
            let _ = writeln!(out, "      {}", paint(DIM, reason));
        }
    }
    out
}

fn cost(answer: &PlanV1) -> String {
    let cost = &answer.cost;
    let price = format!(
        "{:.2} USD for 100,000 data events on {}, {}",
        cost.usd_per_100k, cost.as_of, cost.docs
    );
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rounded count"
    )]
    let known = match (cost.events, cost.usd) {
        (Some(events), Some(usd)) => format!(
            "about {} events in 30 days, {usd:.2} USD ({price})",
            thousands(events.round() as u64)
        ),
        _ => format!("not known ({price})"),
    };
    let unknown = match cost.unknown {
        0 => String::new(),
        1 => "; how often one of the calls is made is not known: say how often functions run with --runs"
            .to_owned(),
        count => format!(
            "; how often {count} of the calls are made is not known: say how often functions run with --runs"
        ),
    };
    format!("{} {known}{unknown}\n", paint(BOLD, "cost:"))
}
