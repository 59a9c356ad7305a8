//! Text of `rolefit compare`: the verdict, the witness as a request, and what is new.

use std::fmt::Write as _;

use super::{BOLD, GREEN, RED, YELLOW, counted, paint};
use crate::iam::policy::Conditions;
use crate::report::compare::{AddedV1, CompareV1, ContextV1, StatementV1, WitnessV1};

/// What is compared, in words.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The old side.
    pub old: &'a str,
    /// The new side.
    pub new: &'a str,
    /// Whether the question is if OLD grants any of a list.
    pub not_granted: bool,
}

/// The whole answer.
pub fn compare(answer: &CompareV1, question: &Question<'_>) -> String {
    let mut out = String::new();
    let Question {
        old,
        new,
        not_granted,
    } = *question;
    let headline = match (answer.verdict, not_granted) {
        ("no-new-access", false) => paint(
            GREEN,
            &format!("no new access: all that {new} allows, {old} allows too (proved)"),
        ),
        ("no-new-access", true) => paint(
            GREEN,
            &format!("not granted: {old} allows nothing of {new} (proved)"),
        ),
        ("new-access", false) => paint(RED, &format!("new access: {new} allows what {old} does not")),
        ("new-access", true) => paint(RED, &format!("granted: {old} allows some of {new}")),
        (_, _) => paint(
            YELLOW,
            &format!("unproven: {}", answer.reason.as_deref().unwrap_or("not decided")),
        ),
    };
    let _ = writeln!(out, "{headline}");
    if let Some(witness) = &answer.witness {
        out.push_str(&request(witness, not_granted));
    }
    if !answer.added.is_empty() {
        let _ = writeln!(out, "{}", paint(BOLD, "added"));
    }
    for added in &answer.added {
        out.push_str(&line(added));
    }
    out
}

fn request(witness: &WitnessV1, not_granted: bool) -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<10} {value}");
    };
    if let Some(role) = &witness.role {
        row("role", role);
    }
    row("request", &format!("{} on {}", witness.action, witness.resource));
    if !witness.allowed_by.policy.is_empty() {
        row("allowed by", &place(&witness.allowed_by));
    }
    match &witness.denied_by {
        _ if not_granted => {}
        Some(statement) => row("denied by", &place(statement)),
        None => row("old side", "no statement allows it"),
    }
    if let Some(principal) = &witness.principal
        && !principal.starts_with("arn:aws:sts::111122223333:assumed-role/example/")
    {
        row("caller", principal);
    } else if witness.principal.is_none() {
        row("caller", "anyone, without credentials");
    }
    for (key, value) in &witness.context {
        let value = match value {
            ContextV1::One(value) => format!("`{value}`"),
            ContextV1::Many(values) => {
                let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
                values.join(", ")
            }
        };
        row("where", &format!("{key} is {value}"));
    }
    for (symbol, value) in &witness.symbols {
        row("if", &format!("${{{symbol}}} is `{value}`"));
    }
    out
}

fn line(added: &AddedV1) -> String {
    let mut out = String::new();
    let actions = match added.other_than.is_empty() {
        true => added.actions.join(", "),
        false => format!("all actions but {}", added.other_than.join(", ")),
    };
    let count = match (
        added.known,
        added.actions.iter().any(|action| action.contains('*')),
    ) {
        (Some(0), true) => "  only actions that do not exist yet".to_owned(),
        (Some(count), true) => format!("  {}", counted(count, "action")),
        _ => String::new(),
    };
    let mark = match &added.unproven {
        None => paint(RED, "+"),
        Some(_) => paint(YELLOW, "?"),
    };
    let _ = writeln!(out, "  {mark} {}{count}", paint(BOLD, &actions));
    for resource in &added.resources {
        let except = match resource.except.is_empty() {
            true => String::new(),
            false => format!("  except {}", resource.except.join(", ")),
        };
        let _ = writeln!(out, "      on      {}{except}", resource.pattern);
    }
    for text in conditions(&added.conditions) {
        let _ = writeln!(out, "      if      {text}");
    }
    for text in conditions(&added.without) {
        let _ = writeln!(out, "      without {text}");
    }
    if let Some(lifted) = &added.lifted {
        let _ = writeln!(out, "      denied  so far by {}", place(lifted));
    }
    if let Some(reason) = &added.unproven {
        let _ = writeln!(out, "      not proved: {reason}");
    }
    let role = added
        .role
        .as_ref()
        .map(|role| format!("{role}, "))
        .unwrap_or_default();
    let _ = writeln!(out, "      from    {role}{}", place(&added.statement));
    out
}

fn conditions(conditions: &Conditions) -> impl Iterator<Item = String> + '_ {
    conditions.iter().flat_map(|(operator, keys)| {
        keys.iter()
            .map(move |(key, values)| format!("{operator} {key} {}", values.join(" or ")))
    })
}

fn place(statement: &StatementV1) -> String {
    let sid = statement
        .sid
        .as_ref()
        .map(|sid| format!(" ({sid})"))
        .unwrap_or_default();
    format!("{} Statement[{}]{sid}", statement.policy, statement.statement)
}
