//! `rolefit-simulate-v1` and its text: a decision, what decided it, and which layers were silent.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::iam::evaluate::{Deciding, Decision, Outcome, StatementRef, Voice};

/// What decided a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BecauseV1 {
    /// `identity`, `boundary`, `session`, `scp`, `rcp` or `resource-policy`: the layer of the deciding statement, or the
    /// one that would have had to allow.
    pub layer: Option<String>,
    /// The level of an organisation's layer, from 0.
    pub level: Option<usize>,
    /// The policy of the layer, from 0.
    pub policy: Option<usize>,
    /// The statement of the policy, from 0.
    pub statement: Option<usize>,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// One sentence.
    pub reason: String,
}

/// One line of `rolefit simulate --batch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SimulationAnswerV1")]
pub struct AnswerV1 {
    /// The `id` of the question, as it was given; `null` if there was none.
    pub id: serde_json::Value,
    /// `allowed`, `implicit-deny`, `explicit-deny`, or `invalid` where IAM would refuse a policy or the request.
    pub decision: String,
    /// What decided it.
    pub because: BecauseV1,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SimulateV1 {
    /// Always `rolefit-simulate-v1`.
    pub schema: &'static str,
    /// The action.
    pub action: String,
    /// The resource that the policies were asked about; `*` for an action that takes none.
    pub resource: String,
    /// The caller.
    pub principal: Option<String>,
    /// `allowed`, `implicit-deny` or `explicit-deny`.
    pub decision: String,
    /// What decided it.
    pub because: BecauseV1,
    /// What each layer that is attached says.
    pub layers: Vec<LayerV1>,
    /// Statements that speak of the request but for their conditions.
    pub nearly: Vec<NearlyV1>,
}

/// What one layer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SimulatedLayerV1")]
pub struct LayerV1 {
    /// The layer.
    pub layer: String,
    /// The level of an organisation's layer, from 0.
    pub level: Option<usize>,
    /// `allows`, `denies` or `silent`.
    pub says: String,
    /// The file of the statement.
    pub file: Option<String>,
    /// Its line.
    pub line: Option<usize>,
    /// Its `Sid`.
    pub sid: Option<String>,
}

/// A statement whose conditions alone keep it from applying.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(rename = "NearlyApplyingV1")]
pub struct NearlyV1 {
    /// The layer.
    pub layer: String,
    /// The file of the statement.
    pub file: String,
    /// Its line.
    pub line: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// The condition keys that the request lacks, sorted.
    pub missing_keys: Vec<String>,
}

impl BecauseV1 {
    /// The deciding part of an outcome.
    pub fn of(outcome: &Outcome) -> Self {
        let at = |found: &StatementRef| Self {
            layer: Some(found.layer.as_str().to_owned()),
            level: found.level,
            policy: Some(found.policy),
            statement: Some(found.statement),
            sid: found.sid.clone(),
            reason: match outcome.decision {
                Decision::ExplicitDeny => "a statement denies it".to_owned(),
                _ => "a statement allows it, and everything else that must allow it does".to_owned(),
            },
        };
        match &outcome.because {
            Deciding::Statement(found) => at(found),
            Deciding::Silence(layer, level) => Self {
                layer: Some(layer.as_str().to_owned()),
                level: *level,
                ..Self::only("no statement of this layer allows it")
            },
            Deciding::RootUser => Self::only("the root user of an account has full access"),
        }
    }

    /// A reason without a layer.
    pub fn only(reason: impl Into<String>) -> Self {
        Self {
            layer: None,
            level: None,
            policy: None,
            statement: None,
            sid: None,
            reason: reason.into(),
        }
    }
}

/// `allows`, `denies` or `silent`.
pub fn word(voice: &Voice) -> &'static str {
    match voice {
        Voice::Allows(_) => "allows",
        Voice::Denies(_) => "denies",
        Voice::Silent => "silent",
    }
}

/// The answer for people.
pub fn text(answer: &SimulateV1) -> String {
    let mut out = String::new();
    let caller = answer
        .principal
        .as_deref()
        .unwrap_or("a principal of the account");
    let place = |file: Option<&String>, line: Option<usize>| match (file, line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        _ => String::new(),
    };
    let level = |level: Option<usize>| level.map(|level| format!(" {level}")).unwrap_or_default();
    let named = |sid: Option<&String>| sid.map(|sid| format!(" `{sid}`")).unwrap_or_default();
    let _ = writeln!(
        out,
        "{}: {} on {} by {caller}",
        answer.decision, answer.action, answer.resource
    );
    let because = &answer.because;
    let own = because.layer.as_deref().unwrap_or_default();
    let _ = match (because.statement, &because.layer) {
        (Some(_), _) => writeln!(
            out,
            "  because           {own}{}: {}",
            level(because.level),
            because.reason
        ),
        (None, Some(_)) => writeln!(
            out,
            "  because           {own}{}: {}",
            level(because.level),
            because.reason
        ),
        (None, None) => writeln!(out, "  because           {}", because.reason),
    };
    for layer in &answer.layers {
        let _ = writeln!(
            out,
            "  {:<16}  {:<6}  {}{}",
            format!("{}{}", layer.layer, level(layer.level)),
            layer.says,
            place(layer.file.as_ref(), layer.line),
            named(layer.sid.as_ref())
        );
    }
    for nearly in &answer.nearly {
        let missing: Vec<String> = nearly.missing_keys.iter().map(|key| format!("`{key}`")).collect();
        let why = match missing.is_empty() {
            true => "its conditions do not hold".to_owned(),
            false => format!(
                "the request has no {}: give it with --context KEY=VALUE",
                missing.join(", ")
            ),
        };
        let _ = writeln!(
            out,
            "  not applying      {}:{}{}, as {why}",
            nearly.file,
            nearly.line,
            named(nearly.sid.as_ref())
        );
    }
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}
