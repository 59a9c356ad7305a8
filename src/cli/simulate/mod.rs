//! `rolefit simulate`: a request against policies, decided as IAM decides it.

mod attached;
mod batch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::args::Format;
use super::{Outcome, say, show, show_json};
use crate::catalog::{AccessLevel, Catalog};
use crate::iam::action::Action;
use crate::iam::evaluate::{Decision, Layer, Layers, Voice, evaluate, layer};
use crate::iam::policy::{Policy, PolicyKind, Statement};
use crate::iam::request::{ContextValue, Request};
use crate::report::simulate::{BecauseV1, LayerV1, NearlyV1, SimulateV1, text, word};
use attached::Attached;

/// A request against policies: the decision, and the statement that decides.
///
/// Decides as IAM does, offline: a Deny anywhere wins; then every layer that is attached must allow. Policies are JSON
/// files, or managed policies of AWS by name or ARN. Nothing is assumed of the request's circumstances: a condition key
/// that is not given with --context is missing, as it would be for IAM. Exits with 0 when the request is allowed and
/// with 1 when it is denied.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolefit simulate --policy role.json --action s3:GetObject --resource arn:aws:s3:::bucket/key
  rolefit simulate --policy ReadOnlyAccess --boundary boundary.json --action dynamodb:Query \\
      --resource arn:aws:dynamodb:eu-west-1:123456789012:table/orders --context aws:SourceIp=203.0.113.7
  rolefit simulate --resource-policy trust.json --principal lambda.amazonaws.com \\
      --action sts:AssumeRole --resource arn:aws:iam::123456789012:role/app")]
pub struct Simulate {
    /// An identity policy of the caller; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<String>,
    /// The caller's permissions boundary.
    #[arg(long, value_name = "FILE")]
    pub boundary: Option<String>,
    /// A session policy; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub session: Vec<String>,
    /// The service control policies of one level (root, organisational unit, account), separated by commas; repeat it
    /// for each level.
    #[arg(long, value_name = "FILES")]
    pub scp: Vec<String>,
    /// The resource control policies of one level, likewise.
    #[arg(long, value_name = "FILES")]
    pub rcp: Vec<String>,
    /// The resource's own policy: a bucket policy, key policy, or the trust policy of a role to assume.
    #[arg(long, value_name = "FILE")]
    pub resource_policy: Option<String>,
    /// The caller: the ARN of a user, role or session, a service such as `lambda.amazonaws.com`, or `anonymous`; some
    /// principal of the resource's account when left out.
    #[arg(long, value_name = "ARN")]
    pub principal: Option<String>,
    /// The action, such as `s3:GetObject`.
    #[arg(long, value_name = "ACTION", required_unless_present = "batch")]
    pub action: Option<String>,
    /// The ARN of the resource, or `*` for an action that takes none.
    #[arg(long, value_name = "ARN", required_unless_present = "batch")]
    pub resource: Option<String>,
    /// The account that owns the resource, where its ARN does not tell.
    #[arg(long, value_name = "ACCOUNT")]
    pub resource_account: Option<String>,
    /// A condition key of the request; repeat a key to give it several values.
    #[arg(long, value_name = "KEY=VALUE")]
    pub context: Vec<String>,
    /// Requests with their policies, one JSON object a line (`-` is standard input); prints one decision a line.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["policy", "boundary", "session", "scp", "rcp", "resource_policy", "principal", "action", "resource", "resource_account", "context"])]
    pub batch: Option<PathBuf>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Decides one request, or every line of a batch.
pub fn run(args: &Simulate) -> anyhow::Result<Outcome> {
    let catalog = Catalog::embedded();
    if let Some(file) = &args.batch {
        return batch::run(catalog, file);
    }
    let (Some(action), Some(resource)) = (&args.action, &args.resource) else {
        bail!("name --action and --resource, or a file of requests with --batch");
    };
    let request = Request {
        principal: args.principal.clone(),
        action: action.clone(),
        resource: resource.clone(),
        resource_account: args.resource_account.clone(),
        context: context(&args.context)?,
    };
    if let Some(wrong) = refused(&request) {
        bail!(wrong);
    }
    let request = without_resource(catalog, request);
    if request.resource != *resource {
        say(&format!(
            "note: `{action}` takes no resource, so policies are asked about `*`"
        ));
    }
    let attached = Attached::read(catalog, args, resource_kind(&request))?;
    for lint in attached.lints() {
        say(&format!("note: {lint}"));
    }
    let answer = answer(catalog, &request, &attached);
    match args.format {
        Format::Text => show(&text(&answer))?,
        Format::Json => show_json(&answer)?,
    }
    Ok(match answer.decision == Decision::Allowed.as_str() {
        true => Outcome::Passed,
        false => Outcome::Findings,
    })
}

/// `KEY=VALUE`s; a key that is given more than once has several values, and `KEY=` one that is empty.
fn context(given: &[String]) -> anyhow::Result<BTreeMap<String, ContextValue>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in given {
        let (key, value) = pair
            .split_once('=')
            .with_context(|| format!("`{pair}` is not KEY=VALUE, such as `aws:SourceIp=203.0.113.7`"))?;
        values.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    let single = |mut list: Vec<String>| match (list.len(), list.pop()) {
        (1, Some(only)) => ContextValue::One(only),
        (_, last) => ContextValue::Many(list.into_iter().chain(last).collect()),
    };
    Ok(values
        .into_iter()
        .map(|(key, list)| (key, single(list)))
        .collect())
}

/// Why a request cannot be one.
fn refused(request: &Request) -> Option<String> {
    let Some(_) = Action::parse(&request.action) else {
        return Some(format!(
            "`{}` is no action; a request is for one action, such as `s3:GetObject`",
            request.action
        ));
    };
    None
}

/// An action that takes no resource is requested on `*`, whatever was named.
fn without_resource(catalog: &Catalog, request: Request) -> Request {
    let entry = Action::parse(&request.action).and_then(|action| catalog.action(&action));
    match entry.is_some_and(|entry| entry.wildcard_only()) {
        true => Request {
            resource: "*".to_owned(),
            ..request
        },
        false => request,
    }
}

/// Whether the resource's own policy is a role's trust policy.
fn resource_kind(request: &Request) -> PolicyKind {
    let action = request.action.to_ascii_lowercase();
    let own = request.resource.splitn(6, ':').nth(5).unwrap_or_default();
    match action.starts_with("sts:") && own.starts_with("role/") {
        true => PolicyKind::Trust,
        false => PolicyKind::Resource,
    }
}

/// What AWS keeps for itself: nobody changes these, whatever policies say.
fn reserved(catalog: &Catalog, request: &Request) -> Option<&'static str> {
    let fields: Vec<&str> = request.resource.splitn(6, ':').collect();
    let &[_, _, service, _, account, own] = fields.as_slice() else {
        return None;
    };
    let action = Action::parse(&request.action)?;
    if action.prefix() != service || action.name() == "PassRole" {
        return None;
    }
    let level = catalog.action(&action)?.access_level();
    if matches!(level, AccessLevel::List | AccessLevel::Read) {
        return None;
    }
    match (service, account) {
        ("iam", "aws") if own.starts_with("policy/") => Some("AWS alone changes its managed policies"),
        ("iam", _) if own.starts_with("role/aws-reserved/") => {
            Some("AWS alone changes the roles under /aws-reserved/")
        }
        ("kms", _) if own.starts_with("alias/aws/") => Some("AWS alone changes the aliases of its own keys"),
        _ => None,
    }
}

fn answer(catalog: &Catalog, request: &Request, attached: &Attached) -> SimulateV1 {
    let policies = attached.policies();
    let outcome = evaluate(request, &policies.layers());
    let (decision, because) = match reserved(catalog, request) {
        Some(why) if outcome.decision == Decision::Allowed => (Decision::ImplicitDeny, BecauseV1::only(why)),
        _ => (outcome.decision, BecauseV1::of(&outcome)),
    };
    let layers = outcome.voices.iter().map(|(layer, level, voice)| {
        let found = match voice {
            Voice::Allows(found) | Voice::Denies(found) => Some(found),
            Voice::Silent => None,
        };
        let read = found.and_then(|found| attached.document(*layer, *level, found.policy));
        let only = attached.only(*layer, *level);
        LayerV1 {
            layer: layer.as_str().to_owned(),
            level: *level,
            says: word(voice).to_owned(),
            file: read.or(only).map(|read| read.file.clone()),
            line: read
                .zip(found)
                .and_then(|(read, found)| read.line(found.statement)),
            sid: found.and_then(|found| found.sid.clone()),
        }
    });
    SimulateV1 {
        schema: "rolefit-simulate-v1",
        action: request.action.clone(),
        resource: request.resource.clone(),
        principal: request.principal.clone(),
        decision: decision.as_str().to_owned(),
        because,
        layers: layers.collect(),
        nearly: nearly(request, attached, &outcome.voices),
    }
}

/// The statements of silent layers that only their conditions keep from allowing.
fn nearly(request: &Request, attached: &Attached, voices: &[(Layer, Option<usize>, Voice)]) -> Vec<NearlyV1> {
    let mut found = BTreeSet::new();
    for (own, level, _) in voices.iter().filter(|(_, _, voice)| *voice == Voice::Silent) {
        for read in attached.of(*own, *level) {
            for (index, statement) in read.policy.statements.iter().enumerate() {
                let bare = Statement {
                    conditions: BTreeMap::new(),
                    ..statement.clone()
                };
                let alone = [Policy {
                    statements: vec![bare],
                    ..read.policy.clone()
                }];
                if statement.conditions.is_empty()
                    || !matches!(layer(request, *own, &alone), Voice::Allows(_))
                {
                    continue;
                }
                found.insert(NearlyV1 {
                    layer: own.as_str().to_owned(),
                    file: read.file.clone(),
                    line: read.line(index).unwrap_or(1),
                    sid: statement.sid.clone(),
                    missing_keys: missing_keys(request, statement),
                });
            }
        }
    }
    found.into_iter().collect()
}

fn missing_keys(request: &Request, statement: &Statement) -> Vec<String> {
    let has = |key: &str| request.context.keys().any(|own| own.eq_ignore_ascii_case(key));
    let keys = statement.conditions.values().flat_map(BTreeMap::keys);
    let missing: BTreeSet<&String> = keys.filter(|key| !has(key)).collect();
    missing.into_iter().cloned().collect()
}

/// Policies in the order in which [`Layers`] borrows them.
#[derive(Debug, Default)]
struct Policies {
    identity: Vec<Policy>,
    boundary: Vec<Policy>,
    session: Vec<Policy>,
    scp: Vec<Vec<Policy>>,
    rcp: Vec<Vec<Policy>>,
    resource: Option<Policy>,
}

impl Policies {
    fn layers(&self) -> Layers<'_> {
        Layers {
            identity: &self.identity,
            boundary: &self.boundary,
            session: &self.session,
            scp: &self.scp,
            rcp: &self.rcp,
            resource: self.resource.as_ref(),
        }
    }
}

/// Why AWS Organizations refuses a resource control policy: beside `RCPFullAWSAccess`, its statements deny everyone
/// something. <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>
fn refused_rcp(policy: &Policy) -> Option<String> {
    use crate::iam::policy::{Actions, Effect, Principals, Resources};
    let everyone = |statement: &Statement| match &statement.principals {
        Some(Principals::Only(set)) => set.iter().all(|(kind, names)| {
            matches!(kind.as_str(), "*" | "AWS") && names.iter().all(|name| name == "*")
        }),
        _ => false,
    };
    let full = |statement: &Statement| {
        matches!(&statement.actions, Actions::Only(list) if list.iter().any(|action| action.as_str() == "*"))
            && matches!(&statement.resources, Resources::Only(list) if list.iter().any(|arn| arn.is_any()))
            && statement.conditions.is_empty()
    };
    policy
        .statements
        .iter()
        .enumerate()
        .find_map(|(index, statement)| {
            if !everyone(statement) {
                return Some(format!(
                    "Statement[{index}]: the principal of a resource control policy is `*`"
                ));
            }
            (statement.effect == Effect::Allow && !full(statement))
                .then(|| format!("Statement[{index}]: a resource control policy has Deny statements only"))
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
