//! Needs that no policy of the role can meet, since a policy beside it refuses them (RF013): of the resource, the VPC
//! endpoint, the permissions boundary, or the organisation.
//!
//! Only what is certain to refuse is told: a statement denies without a condition that could spare the function, or nothing
//! of what must allow could allow.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::missing::quoted;
use super::rules;
use super::{Case, Finding, Place};
use crate::diff::{Diff, Row};
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::evaluate::{self, Layer, Voice};
use crate::iam::policy::{Actions, Conditions, Effect, Policy, Principals, Resources, Statement};
use crate::iam::request::{ContextValue, Request};
use crate::usage::{BecauseKind, Confidence};
use crate::workspace::deploy::text::{TextPiece, pieces};
use crate::workspace::model::{Guard, GuardKind};

/// Names of services in those of VPC endpoints, where they are not the prefix of the actions.
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html>
const ENDPOINTS: [(&str, &str); 6] = [
    ("email", "ses"),
    ("git-codecommit", "codecommit"),
    ("kinesis-firehose", "firehose"),
    ("kinesis-streams", "kinesis"),
    ("monitoring", "cloudwatch"),
    ("sync-states", "states"),
];

/// How a guard refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Refusal {
    /// A statement denies.
    Denied,
    /// No statement could allow.
    NotAllowed,
}

/// One finding for each guard, way of refusing and resource.
pub fn findings(case: Case<'_>, diff: &Diff) -> Vec<Finding> {
    let mut findings = Vec::new();
    for guard in case.guards {
        let mut groups: BTreeMap<(Refusal, &ArnPattern), Vec<&Row>> = BTreeMap::new();
        for row in diff.rows.iter().filter(|row| !row.because.is_empty()) {
            let subject = Subject { case, guard, row };
            if let Some(refusal) = subject.refused() {
                groups.entry((refusal, &row.resource)).or_default().push(row);
            }
        }
        findings.extend(
            groups
                .iter()
                .map(|((refusal, resource), rows)| finding(case, guard, *refusal, resource, rows)),
        );
    }
    findings
}

fn finding(case: Case<'_>, guard: &Guard, refusal: Refusal, resource: &ArnPattern, rows: &[&Row]) -> Finding {
    let actions: BTreeSet<String> = rows.iter().map(|row| row.action.to_string()).collect();
    let named: Vec<&str> = actions.iter().map(String::as_str).collect();
    let refuses = match refusal {
        Refusal::Denied => "denies",
        Refusal::NotAllowed => "does not allow",
    };
    let message = format!(
        "`{}` needs {} on `{}`, which the {} {refuses}",
        case.function.name,
        quoted(&named),
        resource.short(),
        guard.name
    );
    let mut finding = Finding::new(&rules::REFUSED_ELSEWHERE, Some(&case.function.name), message);
    finding.resources.insert(resource.to_string());
    finding.confidence = rows
        .iter()
        .map(|row| row.confidence)
        .min()
        .unwrap_or(Confidence::High);
    if let Some(condition) = &guard.condition {
        finding.confidence = finding.confidence.min(Confidence::Medium);
        finding
            .notes
            .push(format!("where the condition `{condition}` of the template holds"));
    }
    if let GuardKind::Endpoint { vpc, .. } = &guard.kind
        && (vpc.is_none() || case.function.runtime_settings.networks.is_empty())
    {
        finding.confidence = finding.confidence.min(Confidence::Medium);
        finding
            .notes
            .push("if its subnets lie in the VPC of the endpoint, which cannot be told here".to_owned());
    }
    finding.places.push(Place {
        location: guard.location.clone(),
        label: format!("the {}", guard.name),
    });
    let needed = rows
        .iter()
        .flat_map(|row| &row.because)
        .find_map(|because| because.location.clone());
    finding.places.extend(needed.map(|location| Place {
        location,
        label: "needed here".to_owned(),
    }));
    finding.help = Some(match refusal {
        Refusal::Denied => format!(
            "leave the function out of what the statement denies: add to its condition {}",
            json!({ "ArnNotEquals": { "aws:PrincipalArn": "<ARN of the function's role>" } })
        ),
        Refusal::NotAllowed => format!(
            "add to the {}: {}",
            guard.name,
            statement(guard, &named, resource)
        ),
    });
    finding.actions = actions;
    finding
}

/// What a guard has to allow.
fn statement(guard: &Guard, actions: &[&str], resource: &ArnPattern) -> String {
    let principal = match &guard.kind {
        GuardKind::Endpoint { .. } => Some(json!("*")),
        GuardKind::Key(_) => Some(json!({ "AWS": "<ARN of the function's role>" })),
        _ => None,
    };
    let action = match actions {
        [one] => json!(one),
        several => json!(several),
    };
    let resource = match guard.kind {
        // In a key policy, `*` is the key.
        GuardKind::Key(_) => json!("*"),
        _ => json!(resource.as_str()),
    };
    let mut statement = Map::new();
    statement.insert("Effect".to_owned(), json!("Allow"));
    statement.extend(principal.map(|principal| ("Principal".to_owned(), principal)));
    statement.insert("Action".to_owned(), action);
    statement.insert("Resource".to_owned(), resource);
    Value::Object(statement).to_string()
}

/// A need before a guard.
#[derive(Clone, Copy)]
struct Subject<'a> {
    case: Case<'a>,
    guard: &'a Guard,
    row: &'a Row,
}

impl Subject<'_> {
    fn refused(self) -> Option<Refusal> {
        if !self.concerned() {
            return None;
        }
        let statements = || self.guard.policy.statements.iter();
        let denies = |statement: &&Statement| {
            statement.effect == Effect::Deny
                && self.acts(statement)
                && self.is_on(statement)
                && self.speaks_of_role(statement)
                && self.holds(&statement.conditions) == Some(true)
        };
        if statements().any(|statement| denies(&statement)) {
            return Some(Refusal::Denied);
        }
        let lists = statements().any(|statement| statement.effect == Effect::Allow);
        let must_allow = match self.guard.kind {
            // In one account, what the role allows is enough.
            GuardKind::Resource(_) => false,
            GuardKind::Key(_) | GuardKind::Endpoint { .. } | GuardKind::Boundary(_) => true,
            // Beside statements that deny stands one of AWS's that allows everything.
            GuardKind::Organisation => lists,
        };
        let may_allow = |statement: &&Statement| {
            statement.effect == Effect::Allow
                && self.acts(statement)
                && self.may_be_on(statement)
                && self.may_speak_of_role(statement)
                && self.holds(&statement.conditions) != Some(false)
        };
        (must_allow && !statements().any(|statement| may_allow(&statement))).then_some(Refusal::NotAllowed)
    }

    /// Whether the guard has a say in the request.
    fn concerned(self) -> bool {
        match &self.guard.kind {
            GuardKind::Resource(of) => of.iter().any(|arn| self.lies_in(arn)),
            GuardKind::Key(arn) => self.lies_in(arn),
            GuardKind::Boundary(None) => true,
            GuardKind::Boundary(Some(arn)) => {
                let role = self.case.function.role.as_ref();
                role.and_then(|role| role.boundary.as_ref())
                    .is_some_and(|boundary| boundary == arn)
            }
            GuardKind::Organisation => true,
            GuardKind::Endpoint { service, vpc } => self.goes_through(service, vpc.as_deref()),
        }
    }

    fn lies_in(self, arn: &str) -> bool {
        let rest = self.row.resource.as_str().strip_prefix(arn);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
    }

    /// Only what the function's own code calls goes through its network, not what Lambda or another service does.
    fn goes_through(self, service: &str, vpc: Option<&str>) -> bool {
        let settings = &self.case.function.runtime_settings;
        let apart = !settings.networks.is_empty()
            && vpc.is_some_and(|vpc| !settings.networks.iter().any(|network| network == vpc));
        let own = |kind| matches!(kind, BecauseKind::Code | BecauseKind::Trail | BecauseKind::Config);
        let prefix = ENDPOINTS
            .iter()
            .find(|(name, _)| *name == service)
            .map_or(service, |(_, prefix)| prefix);
        let called = self.row.action.as_str().split(':').next();
        settings.vpc.is_some()
            && !apart
            && (service.is_empty() || called.is_some_and(|called| called.eq_ignore_ascii_case(prefix)))
            && !self
                .row
                .conditions
                .values()
                .any(|keys| keys.contains_key("kms:ViaService"))
            && self.row.because.iter().any(|because| own(because.kind))
    }

    fn acts(self, statement: &Statement) -> bool {
        let action: &ActionPattern = &self.row.action;
        evaluate::concerns(statement, action.as_str())
    }

    /// The resource as it is known, and with the names that the template gives.
    fn spellings(self) -> [ArnPattern; 2] {
        let text = self.row.resource.as_str();
        let spelled = self.case.stack.map(|stack| stack.physical_arn(text));
        [
            self.row.resource.clone(),
            ArnPattern::new(spelled.unwrap_or_else(|| text.to_owned())),
        ]
    }

    /// Whether all of the resource is what the statement speaks of.
    fn is_on(self, statement: &Statement) -> bool {
        let spellings = self.spellings();
        match &statement.resources {
            Resources::Only(resources) => resources
                .iter()
                .any(|resource| spellings.iter().any(|spelling| resource.covers(spelling))),
            Resources::AllExcept(except) => !except.iter().any(|resource| self.may_meet(resource)),
        }
    }

    /// Whether some of it may be.
    fn may_be_on(self, statement: &Statement) -> bool {
        match &statement.resources {
            Resources::Only(resources) => resources.iter().any(|resource| self.may_meet(resource)),
            Resources::AllExcept(except) => {
                let spellings = self.spellings();
                !except
                    .iter()
                    .any(|resource| spellings.iter().any(|spelling| resource.covers(spelling)))
            }
        }
    }

    /// Whether a pattern may name some of the resource, whatever their symbols stand for.
    fn may_meet(self, pattern: &ArnPattern) -> bool {
        // A resource of the stack is itself alone; another symbol may stand for any text.
        let by_name = !pieces(pattern.as_str())
            .into_iter()
            .any(|piece| self.is_resource(piece));
        let wide = |pattern: &ArnPattern| {
            let open = |piece| match piece {
                TextPiece::Plain(plain) => plain.to_owned(),
                TextPiece::Symbol(symbol) if !by_name && self.is_resource(piece) => format!("${{{symbol}}}"),
                TextPiece::Symbol(_) => "*".to_owned(),
            };
            ArnPattern::new(pieces(pattern.as_str()).into_iter().map(open).collect::<String>())
        };
        let [own, spelled] = self.spellings();
        let need = if by_name { &spelled } else { &own };
        wide(pattern).intersects(&wide(need))
    }

    fn is_resource(self, piece: TextPiece<'_>) -> bool {
        let resources = self.case.stack.map(|stack| &stack.resources);
        matches!(piece, TextPiece::Symbol(symbol) if resources.is_some_and(|known| known.contains_key(symbol)))
    }

    /// Whether a statement speaks of the function's role for sure.
    fn speaks_of_role(self, statement: &Statement) -> bool {
        match &statement.principals {
            None => true,
            Some(Principals::Only(named)) => named
                .iter()
                .filter(|(kind, _)| matches!(kind.as_str(), "*" | "AWS"))
                .flat_map(|(_, names)| names)
                .any(|name| self.is_role(name)),
            Some(Principals::AllExcept(_)) => false,
        }
    }

    fn may_speak_of_role(self, statement: &Statement) -> bool {
        match &statement.principals {
            Some(Principals::Only(named)) => named
                .iter()
                .filter(|(kind, _)| matches!(kind.as_str(), "*" | "AWS"))
                .flat_map(|(_, names)| names)
                .any(|name| self.is_role(name) || name.contains("${") || self.is_literal_account(name)),
            None | Some(Principals::AllExcept(_)) => true,
        }
    }

    /// Whether a principal is everyone, the own account, or the role.
    fn is_role(self, name: &str) -> bool {
        let role = self.case.function.role.as_ref();
        let arn = role.and_then(|role| self.case.stack?.resources.get(&role.id)?.arn.as_deref());
        let own_account = name == "${AWS::AccountId}"
            || (name.ends_with(":root") && name.contains(":iam::${AWS::AccountId}:"));
        name == "*" || own_account || Some(name) == arn
    }

    /// Whether a principal is an account or role that is written out, which may be the own.
    fn is_literal_account(self, name: &str) -> bool {
        let account = name.split(':').nth(4).unwrap_or(name);
        let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        digits && self.case.account.is_none_or(|own| own == account)
    }

    /// Whether conditions hold in a call of the function; `None` when that cannot be told.
    fn holds(self, conditions: &Conditions) -> Option<bool> {
        let mut all = Some(true);
        for (operator, keys) in conditions {
            for (key, values) in keys {
                let one = [(operator.clone(), [(key.clone(), values.clone())].into())].into();
                match self.one_holds(key, &one) {
                    Some(true) => {}
                    Some(false) => return Some(false),
                    None => all = None,
                }
            }
        }
        all
    }

    fn one_holds(self, key: &str, condition: &Conditions) -> Option<bool> {
        let one = |value: &str| Some(ContextValue::One(value.to_owned()));
        let outside = self.case.function.stack.is_some() && self.case.function.runtime_settings.vpc.is_none();
        // The SDK calls by TLS; a call from outside of any VPC goes through no endpoint.
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        let value = match key.to_ascii_lowercase().as_str() {
            "aws:securetransport" => one("true"),
            "aws:principalisawsservice" => one("false"),
            "aws:principaltype" => one("AssumedRole"),
            "aws:sourcevpc" | "aws:sourcevpce" if outside => None,
            _ => return None,
        };
        let context = value.map(|value| (key.to_owned(), value));
        let request = Request {
            action: "any:Thing".to_owned(),
            resource: "*".to_owned(),
            context: context.into_iter().collect(),
            ..Request::default()
        };
        let policy = Policy::of(vec![Statement {
            sid: None,
            effect: Effect::Allow,
            principals: None,
            actions: Actions::Only(vec![ActionPattern::new("*")]),
            resources: Resources::Only(vec![ArnPattern::any()]),
            conditions: condition.clone(),
        }]);
        Some(matches!(
            evaluate::layer(&request, Layer::Identity, &[policy]),
            Voice::Allows(_)
        ))
    }
}
