//! `rolefit simulate --batch`: one request with its policies a line in, one decision a line out.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Policies, refused, refused_rcp, reserved, resource_kind, without_resource};
use crate::catalog::Catalog;
use crate::cli::{Outcome, show};
use crate::iam::evaluate::{Decision, evaluate};
use crate::iam::policy::{Policy, PolicyKind};
use crate::iam::request::{ContextValue, Request};
use crate::report::simulate::{AnswerV1, BecauseV1};

/// A line.
#[derive(Debug, Deserialize)]
struct Question<'a> {
    #[serde(default)]
    id: Value,
    #[serde(borrow)]
    request: Asked<'a>,
    #[serde(borrow, default)]
    identity: Documents<'a>,
    #[serde(borrow, default)]
    boundary: Documents<'a>,
    #[serde(borrow, default)]
    session: Documents<'a>,
    #[serde(borrow, default)]
    scp: Option<Vec<Documents<'a>>>,
    #[serde(borrow, default)]
    rcp: Option<Vec<Documents<'a>>>,
    #[serde(borrow, default)]
    resource_policy: Option<&'a RawValue>,
}

/// Policy documents as they are written; `null` for none.
type Documents<'a> = Option<Vec<&'a RawValue>>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    principal: Option<String>,
    action: String,
    resource: Option<String>,
    #[serde(alias = "resource_account")]
    resource_account: Option<String>,
    #[serde(borrow, default)]
    context: Option<BTreeMap<String, &'a RawValue>>,
}

/// Answers every line of a file (`-` is standard input), in order. Wrong lines are answered `invalid` and make the run
/// end with 2 when they are not even JSON.
pub(super) fn run(catalog: &Catalog, file: &Path) -> anyhow::Result<Outcome> {
    let input: Box<dyn std::io::BufRead> = match file.as_os_str().to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => {
            let opened =
                std::fs::File::open(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            Box::new(std::io::BufReader::new(opened))
        }
    };
    let mut unreadable = false;
    let mut out = String::new();
    for line in input.split(b'\n') {
        let line = line.with_context(|| format!("cannot read `{}`", file.display()))?;
        let line = String::from_utf8_lossy(&line);
        if line.trim().is_empty() {
            continue;
        }
        let answer = match serde_json::from_str::<Question<'_>>(&line) {
            Ok(question) => answer(catalog, &question),
            Err(error) => {
                unreadable = true;
                let id = serde_json::from_str::<Value>(&line)
                    .ok()
                    .and_then(|line| line.get("id").cloned());
                invalid(
                    id.unwrap_or_default(),
                    None,
                    format!("the line is no question: {error}"),
                )
            }
        };
        out.push_str(&serde_json::to_string(&answer)?);
        out.push('\n');
        if out.len() > 1 << 16 {
            show(&out)?;
            out.clear();
        }
    }
    show(&out)?;
    Ok(match unreadable {
        true => Outcome::Unusable,
        false => Outcome::Passed,
    })
}

fn invalid(id: Value, layer: Option<(&str, usize)>, reason: String) -> AnswerV1 {
    AnswerV1 {
        id,
        decision: "invalid".to_owned(),
        because: BecauseV1 {
            layer: layer.map(|(layer, _)| layer.to_owned()),
            policy: layer.map(|(_, policy)| policy),
            ..BecauseV1::only(reason)
        },
    }
}

fn answer(catalog: &Catalog, question: &Question<'_>) -> AnswerV1 {
    let id = question.id.clone();
    let request = match request(&question.request) {
        Ok(request) => request,
        Err(why) => return invalid(id, None, why),
    };
    if let Some(why) = refused(&request) {
        return invalid(id, None, why);
    }
    let request = without_resource(catalog, request);
    let policies = match policies(question, resource_kind(&request)) {
        Ok(policies) => policies,
        Err((layer, policy, why)) => return invalid(id, Some((layer, policy)), why),
    };
    let outcome = evaluate(&request, &policies.layers());
    let (decision, because) = match reserved(catalog, &request) {
        Some(why) if outcome.decision == Decision::Allowed => (Decision::ImplicitDeny, BecauseV1::only(why)),
        _ => (outcome.decision, BecauseV1::of(&outcome)),
    };
    AnswerV1 {
        id,
        decision: decision.as_str().to_owned(),
        because,
    }
}

/// The layer, the policy of it, and why IAM would refuse that.
type Refusal = (&'static str, usize, String);

fn policies(question: &Question<'_>, resource: PolicyKind) -> Result<Policies, Refusal> {
    let levels = |name: &'static str, levels: &Option<Vec<Documents<'_>>>, kind: PolicyKind| {
        let levels = levels.iter().flatten();
        levels
            .map(|level| read(name, level, kind))
            .collect::<Result<Vec<_>, _>>()
    };
    let own = question.resource_policy.filter(|raw| raw.get() != "null");
    let own = read("resource-policy", &own.map(|raw| vec![raw]), resource)?;
    let rcp = levels("rcp", &question.rcp, PolicyKind::Resource)?;
    for (index, policy) in rcp.iter().flat_map(|level| level.iter().enumerate()) {
        if let Some(why) = refused_rcp(policy) {
            return Err(("rcp", index, why));
        }
    }
    Ok(Policies {
        identity: read("identity", &question.identity, PolicyKind::Identity)?,
        boundary: read("boundary", &question.boundary, PolicyKind::Identity)?,
        session: read("session", &question.session, PolicyKind::Identity)?,
        scp: levels("scp", &question.scp, PolicyKind::Identity)?,
        rcp,
        resource: own.into_iter().next(),
    })
}

fn read(layer: &'static str, documents: &Documents<'_>, kind: PolicyKind) -> Result<Vec<Policy>, Refusal> {
    let documents = documents.iter().flatten().enumerate();
    documents
        .map(|(index, raw)| {
            // A document may also be given as the text that IAM's own interface has.
            let text = serde_json::from_str::<String>(raw.get());
            let text = text.as_deref().unwrap_or(raw.get());
            Policy::read(text, kind)
                .map_err(|error| (layer, index, format!("{error} (IAM says: {})", error.iam_says())))
        })
        .collect()
}

fn request(asked: &Asked<'_>) -> Result<Request, String> {
    let mut context = BTreeMap::new();
    for (key, raw) in asked.context.iter().flatten() {
        if let Some(value) = value(raw).map_err(|why| format!("context `{key}`: {why}"))? {
            context.insert(key.clone(), value);
        }
    }
    Ok(Request {
        principal: asked.principal.clone(),
        action: asked.action.clone(),
        resource: asked.resource.clone().unwrap_or_else(|| "*".to_owned()),
        resource_account: asked
            .resource_account
            .clone()
            .filter(|account| !account.is_empty()),
        context,
    })
}

/// A value of the context; numbers and booleans count as they are written, and `null` as missing.
fn value(raw: &RawValue) -> Result<Option<ContextValue>, String> {
    let text = raw.get().trim();
    if text == "null" {
        return Ok(None);
    }
    if text.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let items = items.into_iter().map(scalar).collect::<Result<_, _>>()?;
        return Ok(Some(ContextValue::Many(items)));
    }
    scalar(raw).map(|value| Some(ContextValue::One(value)))
}

fn scalar(raw: &RawValue) -> Result<String, String> {
    let text = raw.get().trim();
    match text.chars().next() {
        Some('"') => serde_json::from_str(text).map_err(|error| error.to_string()),
        Some('{' | '[' | 'n') | None => Err(format!("`{text}` is no text, number or boolean")),
        Some(_) => Ok(text.to_owned()),
    }
}
