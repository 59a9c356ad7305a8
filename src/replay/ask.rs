//! From what the trail saw to requests: which actions on which resources, in which circumstances.

use std::collections::BTreeMap;

use super::place::Place;
use crate::catalog::Catalog;
use crate::iam::request::{ContextValue, Request};
use crate::synth::{Surroundings, expand};
use crate::trail::{Class, Observation};
use crate::usage::Grant;
use crate::workspace::model::Function;

/// One request as far as the trail tells it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The request. Its resource is `*` for an action that takes none.
    pub(super) request: Request,
    /// The resource as it is shown; `*` stands for what the trail does not tell.
    pub(super) shown: String,
    /// Whether the resource is known whole.
    pub(super) whole: bool,
    /// Why the action may not have been needed at all.
    pub(super) only_if: Option<String>,
}

/// What one observation asks for.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    pub(super) requests: Vec<Asked>,
    /// For refused calls: whether the action that AWS names is one that the catalogue expects.
    pub(super) expected: Option<bool>,
}

/// Condition keys of which the trail tells that a request has them or not.
const TOLD: [&str; 10] = [
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:viaawsservice",
    "aws:userid",
    "kms:viaservice",
    "kms:calleraccount",
    "iam:passedtoservice",
    "lambda:sourcefunctionarn",
];

/// The requests behind an observation, or why they are not known.
pub(super) fn ask(
    catalog: &Catalog,
    function: &Function,
    place: &Place,
    observation: &Observation,
) -> Result<Requests, String> {
    let Some(usage) = observation.called() else {
        return Err(format!(
            "the catalogue knows no operation `{}` of `{}`",
            observation.event_name, observation.event_source
        ));
    };
    let around = Surroundings {
        function,
        stack: None,
        templates: &[],
    };
    // A request is what was recorded, not what a stack calls it.
    let (grants, _) = expand::expand(catalog, around, &usage);
    let need = catalog.need(&usage.operation, &usage.inputs);
    let only_if = |grant: &Grant| {
        let action = need
            .as_ref()?
            .actions
            .iter()
            .find(|one| one.action == grant.action)?;
        let when = action.when.as_ref().filter(|when| when.uncertain)?;
        Some(format!(
            "the action is asked for only as {}, which the trail does not tell",
            when.words
        ))
    };
    let mut expected = None;
    let mut requests: Vec<Asked> = Vec::new();
    if let Class::Denied { denial, .. } = &observation.class
        && let Some(action) = &denial.action
    {
        expected = Some(grants.iter().any(|grant| grant.action == *action));
        let named = observation.denied_resources.iter();
        let of_log =
            named.map(|resource| asked(catalog, place, observation, action.as_str(), resource, None));
        requests.extend(of_log);
        if requests.is_empty() {
            let same = grants.iter().filter(|grant| grant.action == *action);
            requests.extend(same.map(|grant| of_grant(catalog, place, observation, grant, only_if(grant))));
        }
        if requests.is_empty() {
            requests.push(asked(catalog, place, observation, action.as_str(), "*", None));
        }
    } else {
        requests.extend(
            grants
                .iter()
                .map(|grant| of_grant(catalog, place, observation, grant, only_if(grant))),
        );
    }
    without_bare_groups(&mut requests);
    Ok(Requests { requests, expected })
}

/// Where a log group is asked for with `:*` behind its name and without, IAM compares the former: the catalogue has both
/// where AWS's pages do not say which.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html>
fn without_bare_groups(requests: &mut Vec<Asked>) {
    let with_content: Vec<(String, String)> = requests
        .iter()
        .filter_map(|one| {
            let group = one.request.resource.strip_suffix(":*")?;
            Some((one.request.action.clone(), group.to_owned()))
        })
        .collect();
    requests.retain(|one| {
        let own = (one.request.action.clone(), one.request.resource.clone());
        !own.0.starts_with("logs:") || !with_content.contains(&own)
    });
}

fn of_grant(
    catalog: &Catalog,
    place: &Place,
    observation: &Observation,
    grant: &Grant,
    only_if: Option<String>,
) -> Asked {
    let resource = place.spelled(grant.resource.as_str(), &observation.region);
    let mut asked = asked(
        catalog,
        place,
        observation,
        grant.action.as_str(),
        &resource,
        only_if,
    );
    asked.whole &= grant.exact;
    for (operator, keys) in &grant.conditions {
        if !matches!(
            operator.as_str(),
            "StringEquals" | "StringLike" | "ArnEquals" | "ArnLike"
        ) {
            continue;
        }
        for (key, values) in keys {
            if let [value] = values.as_slice() {
                let value = place.spelled(value, &observation.region);
                let context = &mut asked.request.context;
                context.insert(key.clone(), ContextValue::One(value));
            }
        }
    }
    asked
}

fn asked(
    catalog: &Catalog,
    place: &Place,
    observation: &Observation,
    action: &str,
    resource: &str,
    only_if: Option<String>,
) -> Asked {
    let takes_none = crate::iam::action::Action::parse(action)
        .and_then(|action| catalog.action(&action))
        .is_some_and(|entry| entry.wildcard_only());
    let whole = takes_none || !resource.contains(['*', '?']);
    let resource = if takes_none { "*" } else { resource };
    let session = observation.function.as_deref().unwrap_or("session");
    let (account, role) = (&observation.account, &observation.role_name);
    Asked {
        request: Request {
            principal: Some(format!(
                "arn:{}:sts::{account}:assumed-role/{role}/{session}",
                place.partition(&observation.region)
            )),
            action: action.to_owned(),
            resource: resource.to_owned(),
            resource_account: None,
            context: context(place, observation),
        },
        shown: resource.to_owned(),
        whole,
        only_if,
    }
}

/// What the trail tells of the circumstances.
fn context(place: &Place, observation: &Observation) -> BTreeMap<String, ContextValue> {
    let (account, region) = (&observation.account, &observation.region);
    let partition = place.partition(region);
    let mut context = BTreeMap::new();
    let mut set = |key: &str, value: String| {
        if !value.is_empty() {
            context.insert(key.to_owned(), ContextValue::One(value));
        }
    };
    set(
        "aws:PrincipalArn",
        format!("arn:{partition}:iam::{account}:role/{}", observation.role_name),
    );
    set("aws:PrincipalAccount", account.clone());
    set("aws:PrincipalType", "AssumedRole".to_owned());
    set("aws:RequestedRegion", region.clone());
    let class = match &observation.class {
        Class::Denied { caller, .. } => caller.as_ref(),
        class => class,
    };
    let forwarded = matches!(class, Class::ForwardAccess { .. });
    set("aws:ViaAWSService", forwarded.to_string());
    if observation.event_source == "kms.amazonaws.com" {
        set("kms:CallerAccount", account.clone());
    }
    if let (Class::Call, Some(function), Some(home)) = (class, &observation.function, place.region()) {
        let arn = format!("arn:{partition}:lambda:{home}:{account}:function:{function}");
        set("lambda:SourceFunctionArn", arn);
    }
    context
}

/// Whether the trail tells of a condition key, be it that a request does not have it.
pub(super) fn is_told(key: &str, request: &Request) -> bool {
    let lower = key.to_ascii_lowercase();
    let held = request.context.keys().any(|held| held.eq_ignore_ascii_case(key));
    // Which function called is known of calls of its code only, and the session's id hardly ever.
    let open = matches!(
        lower.as_str(),
        "lambda:sourcefunctionarn" | "aws:userid" | "iam:passedtoservice"
    );
    held || (TOLD.contains(&lower.as_str()) && !open)
}

/// The context as it is shown.
pub(super) fn shown(context: &BTreeMap<String, ContextValue>) -> BTreeMap<String, Vec<String>> {
    let values = |value: &ContextValue| match value {
        ContextValue::One(one) => vec![one.clone()],
        ContextValue::Many(many) => many.clone(),
    };
    context
        .iter()
        .map(|(key, value)| (key.clone(), values(value)))
        .collect()
}
