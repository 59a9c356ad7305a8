//! `rolefit compare --batch`: one question a line, one answer a line, in the same order.

use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::sides::{Policies, read_text};
use super::{Compare, UniverseArg};
use super::{known, options};
use crate::catalog::Catalog;
use crate::cli::{Outcome, say, show};
use crate::iam::contain::{KnownActions, Verdict, contain};
use crate::iam::policy::{Policy, PolicyKind};
use crate::report::compare::{CompareLineV1, WitnessV1, reason};

/// A line of the file.
#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    kind: Option<String>,
    old: Value,
    new: Value,
}

/// Answers every line.
pub(super) fn run(file: &Path, args: &Compare, catalog: &Catalog) -> anyhow::Result<Outcome> {
    let text = read_text(file)?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let known = match args.universe {
        UniverseArg::Open => KnownActions::default(),
        UniverseArg::Catalog => known(catalog),
    };
    let answers: Vec<Answer> = lines.par_iter().map(|line| answer(line, args, &known)).collect();
    let mut out = String::new();
    for (number, answer) in answers.iter().enumerate() {
        if answer.unreadable {
            let why = answer.line.reason.as_deref().unwrap_or_default();
            say(&format!("{}:{}: {why}", file.display(), number + 1));
        }
        out.push_str(&serde_json::to_string(&answer.line)?);
        out.push('\n');
    }
    show(&out)?;
    let any = |verdict: &str| answers.iter().any(|answer| answer.line.verdict == verdict);
    Ok(if answers.iter().any(|answer| answer.unreadable) {
        Outcome::Unusable
    } else if any("new-access") {
        Outcome::Findings
    } else if any("unproven") {
        Outcome::Incomplete
    } else if answers.is_empty() {
        Outcome::NothingToCheck
    } else {
        Outcome::Passed
    })
}

struct Answer {
    line: CompareLineV1,
    unreadable: bool,
}

fn answer(line: &str, args: &Compare, known: &KnownActions) -> Answer {
    let refused = |id: Value, why: String| Answer {
        line: CompareLineV1 {
            id,
            verdict: "unproven",
            witness: None,
            reason: Some(why),
        },
        unreadable: true,
    };
    let question: Question = match serde_json::from_str(line) {
        Ok(question) => question,
        Err(error) => return refused(Value::Null, format!("no question: {error}")),
    };
    let id = question.id.clone();
    let read = || -> Result<(Policies, Policies), String> {
        let kind = match question.kind.as_deref() {
            None => super::kind(args.kind),
            Some("identity") => PolicyKind::Identity,
            Some("resource") => PolicyKind::Resource,
            Some("trust") => PolicyKind::Trust,
            Some(other) => return Err(format!("kind `{other}` is not `identity`, `resource` or `trust`")),
        };
        Ok((
            policies("new", &question.new, kind)?,
            policies("old", &question.old, kind)?,
        ))
    };
    let (new, old) = match read() {
        Ok(sides) => sides,
        Err(why) => return refused(id, why),
    };
    let plain = |side: &Policies| side.when(&Default::default());
    let verdict = contain(&plain(&new), &plain(&old), &options(args, known));
    Answer {
        line: CompareLineV1 {
            id,
            verdict: verdict.as_str(),
            witness: match &verdict {
                Verdict::NewAccess(witness) => Some(WitnessV1::new(witness, None, &new, &old)),
                _ => None,
            },
            reason: reason(&verdict),
        },
        unreadable: false,
    }
}

/// A policy, or a list of policies of one layer.
fn policies(name: &str, value: &Value, kind: PolicyKind) -> Result<Policies, String> {
    let documents: Vec<&Value> = match value {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    };
    let mut all = Policies::default();
    for document in documents {
        let text = match document {
            Value::String(text) => text.clone(),
            document => document.to_string(),
        };
        let policy = Policy::read(&text, kind).map_err(|error| format!("{name}: {error}"))?;
        all.named.extend(Policies::one(name.to_owned(), policy).named);
    }
    Ok(all)
}
