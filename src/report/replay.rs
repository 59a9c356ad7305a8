//! `rolefit-replay-v1`: recorded requests and what the policies say of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::replay::{Answer, Recorded, Side, SideStatement, Verdict};

/// The answer of `rolefit replay`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplayV1 {
    /// Always `rolefit-replay-v1`.
    pub schema: &'static str,
    /// Version of rolefit.
    pub rolefit: &'static str,
    /// Date of the catalogue.
    pub catalog: String,
    /// `generated`, `code`, `current`, or the file of a policy.
    pub against: String,
    /// What was read.
    pub trail: ReplayTrailV1,
    /// All of it in numbers.
    pub summary: ReplaySummaryV1,
    /// One entry for each function, in the order of the project.
    pub functions: Vec<ReplayedFunctionV1>,
    /// What could not be settled.
    pub gaps: Vec<ReplayGapV1>,
}

/// The trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplayTrailV1 {
    /// How many events were read.
    pub events: u64,
    /// Time of the first.
    pub first: Option<String>,
    /// Time of the last.
    pub last: Option<String>,
    /// The beginning of the window, if one was asked for.
    pub since: Option<String>,
    /// Its end.
    pub until: Option<String>,
}

/// Numbers. Requests are counted as listed; calls are those of the observations behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplaySummaryV1 {
    /// Functions that the trail saw.
    pub functions: usize,
    /// Kinds of requests: one action of one observation.
    pub requests: usize,
    /// Recorded calls behind them.
    pub calls: u64,
    /// Kinds of requests that pass.
    pub allowed: usize,
    /// Among these, those that pass only if a symbol stands for what was recorded.
    pub assumed: usize,
    /// Kinds of requests that would be refused.
    pub refused: usize,
    /// Kinds of requests of which it cannot be told.
    pub cannot_tell: usize,
    /// Kinds of requests that were refused when they were recorded; they are in none of the numbers above.
    pub refused_then: usize,
    /// Among these, those that pass now.
    pub pass_now: usize,
    /// `pass`, `fail` or `incomplete`.
    pub result: &'static str,
}

/// One function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplayedFunctionV1 {
    /// Its name, or `role NAME` for calls of a role that several functions share, when nothing tells which one called.
    pub name: String,
    /// Its role, if it is known.
    pub role: Option<String>,
    /// The requests: refused ones first, then those of which it cannot be told, then the others; what was refused when
    /// it was recorded comes last.
    pub requests: Vec<ReplayedV1>,
}

/// Requests of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ReplayedRequestV1")]
pub struct ReplayedV1 {
    /// The name under which the function was recorded.
    pub deployed: Option<String>,
    /// The operation, such as `dynamodb.PutItem`; `null` when the catalogue knows none.
    pub operation: Option<String>,
    /// As recorded.
    pub event_source: String,
    /// As recorded.
    pub event_name: String,
    /// `function`, `forward-access` (a service called for the function), `lambda` (its own work with the role) or
    /// `event-source` (polling, network).
    pub caller: &'static str,
    /// The action that was judged.
    pub action: Option<String>,
    /// The resources of which the same is said, sorted; `*` for an action that takes none, and in place of what the trail
    /// does not tell.
    pub resources: Vec<String>,
    /// The region of the calls.
    pub region: String,
    /// What the trail tells of the circumstances, by condition key.
    pub context: BTreeMap<String, Vec<String>>,
    /// How many calls the observation is made of.
    pub calls: u64,
    /// Whether that is an estimate.
    pub calls_estimated: bool,
    /// Time of the first.
    pub first: String,
    /// Time of the last.
    pub last: String,
    /// Ids of some of the events, newest first.
    pub events: Vec<String>,
    /// What came of the calls then: `went-through`, `failed` (for another reason than permissions) or `refused`.
    pub recorded: &'static str,
    /// What AWS said of a refusal.
    pub log: Option<ReplayLogV1>,
    /// `allowed`, `refused` or `cannot-tell`.
    pub verdict: &'static str,
    /// The statement that allows or denies.
    pub by: Option<ReplayStatementV1>,
    /// In words.
    pub reason: String,
    /// What has to be so for the request to pass.
    pub assuming: Vec<String>,
    /// Statements that allow the action on something else or under other conditions.
    pub nearest: Vec<ReplayStatementV1>,
}

/// What AWS said of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplayLogV1 {
    /// The action that AWS names.
    pub action: Option<String>,
    /// The kind of policy that decided, in AWS's words.
    pub policy: Option<String>,
    /// Whether a statement denied it.
    pub explicit: bool,
    /// Whether the catalogue expects this action of the operation; `null` when AWS names none.
    pub expected: Option<bool>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ReplayStatementV1 {
    /// The policy, or its file.
    pub policy: String,
    /// Its position among all statements that were asked, from 0.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Where it stands.
    pub file: Option<String>,
    /// The line.
    pub line: Option<u32>,
}

/// A gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplayGapV1 {
    /// Its code.
    pub code: String,
    /// What is not known.
    pub message: String,
    /// Where.
    pub file: Option<String>,
    /// The line.
    pub line: Option<u32>,
}

impl ReplayedV1 {
    /// The answer, with the statements of the side that was asked.
    pub fn of(answer: Answer, side: &Side) -> Self {
        let at = |index: &usize| {
            let own = side.statements.get(*index);
            own.map(|own| ReplayStatementV1::of(*index, own))
        };
        let none = Vec::new;
        let (by, reason, assuming, nearest) = match &answer.verdict {
            Verdict::Allowed { by, assuming } => {
                let reason = match assuming.is_empty() {
                    true => "a statement allows it".to_owned(),
                    false => format!("a statement allows it if {}", assuming.join(" and ")),
                };
                (at(by), reason, assuming.clone(), none())
            }
            Verdict::Refused { by: Some(by), .. } => {
                (at(by), "a statement denies it".to_owned(), Vec::new(), none())
            }
            Verdict::Refused { by: None, nearest } => {
                let nearest: Vec<ReplayStatementV1> = nearest.iter().filter_map(at).collect();
                let reason = match nearest.is_empty() {
                    true => "no statement allows the action",
                    false => "no statement allows it on this resource",
                };
                (None, reason.to_owned(), Vec::new(), nearest)
            }
            Verdict::CannotTell(why) => (None, why.clone(), Vec::new(), none()),
        };
        let log = match &answer.recorded {
            Recorded::Refused(denial) => Some(ReplayLogV1 {
                action: denial.action.as_ref().map(ToString::to_string),
                policy: denial.policy.clone(),
                explicit: denial.explicit,
                expected: answer.expected,
            }),
            _ => None,
        };
        Self {
            recorded: answer.recorded.as_str(),
            verdict: answer.verdict.as_str(),
            log,
            by,
            reason,
            assuming,
            nearest,
            deployed: answer.deployed,
            operation: answer.operation.map(|operation| operation.to_string()),
            event_source: answer.event_source,
            event_name: answer.event_name,
            caller: answer.caller,
            action: answer.action,
            resources: answer.resources,
            region: answer.region,
            context: answer.context,
            calls: answer.calls,
            calls_estimated: answer.estimated,
            first: answer.first,
            last: answer.last,
            events: answer.events,
        }
    }

    /// Whether it was refused when it was recorded.
    pub fn was_refused(&self) -> bool {
        self.recorded == "refused"
    }
}

impl ReplayStatementV1 {
    fn of(index: usize, own: &SideStatement) -> Self {
        Self {
            policy: own.policy.clone(),
            statement: index,
            sid: own.statement.sid.clone(),
            file: own.location.as_ref().map(|location| location.file.clone()),
            line: own.location.as_ref().map(|location| location.line),
        }
    }
}

impl ReplaySummaryV1 {
    /// Counts. Against the role of today, what was refused and still is counts as refused too: `denied_today`.
    pub fn of(functions: &[ReplayedFunctionV1], gaps: usize, denied_today: bool) -> Self {
        let mut summary = Self {
            functions: functions.len(),
            ..Self::default()
        };
        let mut fails = false;
        for one in functions.iter().flat_map(|function| &function.requests) {
            if one.was_refused() {
                summary.refused_then += 1;
                summary.pass_now += usize::from(one.verdict == "allowed");
                fails |= denied_today && one.verdict == "refused";
                continue;
            }
            summary.requests += 1;
            summary.calls += one.calls;
            match one.verdict {
                "allowed" => summary.allowed += 1,
                "refused" => summary.refused += 1,
                _ => summary.cannot_tell += 1,
            }
            summary.assumed += usize::from(!one.assuming.is_empty());
        }
        summary.result = match (fails || summary.refused > 0, summary.cannot_tell + gaps > 0) {
            (true, _) => "fail",
            (false, true) => "incomplete",
            (false, false) => "pass",
        };
        summary
    }
}
