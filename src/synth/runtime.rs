//! What Lambda itself does with the role: the policy templates whose `[when]` holds for the function.

use std::collections::BTreeMap;

use super::Surroundings;
use crate::catalog::template::{Arguments, Kind, Template, When};
use crate::iam::action::Action;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Effect, Resources, Statement};
use crate::usage::{Because, BecauseKind, CallSite, Confidence, Gap, Grant, Location};
use crate::workspace::model::{Stack, Trigger};

/// One time that a template applies: once for a function, or once for each trigger or target that fits.
struct Occasion<'a> {
    trigger: Option<&'a Trigger>,
    /// The ARN that fitted: dead-letter target, destination, file system, layer.
    target: Option<&'a str>,
    location: Option<&'a Location>,
}

/// The grants of every built-in template that applies.
pub fn grants(around: Surroundings<'_>, calls: &[CallSite]) -> (Vec<Grant>, Vec<Gap>) {
    let (mut grants, mut gaps) = (Vec::new(), Vec::new());
    for template in around
        .templates
        .iter()
        .filter(|template| matches!(template.kind, Kind::Runtime | Kind::Baseline))
    {
        for occasion in occasions(&template.when, around, calls) {
            match template.instantiate(&arguments(template, &occasion, around)) {
                Ok(statements) if statements.is_empty() && template.when.layer.is_some() => {
                    let message = format!(
                        "{}: what it reads is not told by the stack template",
                        template.title
                    );
                    let place = occasion.location.unwrap_or(&around.function.location);
                    let gap = Gap::new("unstated-extension", message).at(place.clone());
                    gaps.push(gap.hint("state what the extension reads with `[[need]]` in rolefit.toml"));
                }
                Ok(statements) => {
                    let granted = statements
                        .iter()
                        .flat_map(|each| statement(each, template, &occasion, around));
                    grants.extend(granted);
                }
                Err(missing) => {
                    let gap = Gap::new("unknown-runtime-need", format!("{}: {missing}", template.title))
                        .hint("state the permission with `[[need]]` in rolefit.toml");
                    let place = occasion.location.unwrap_or(&around.function.location);
                    gaps.push(gap.at(place.clone()));
                }
            }
        }
    }
    gaps.extend(unknown_layers(around));
    gaps.extend(unknown_targets(around));
    (grants, gaps)
}

/// Layers that no template knows: they may use the role in ways that nothing shows.
fn unknown_layers(around: Surroundings<'_>) -> impl Iterator<Item = Gap> {
    let known = move |arn: &str| {
        around
            .templates
            .iter()
            .filter_map(|template| template.when.layer.as_ref())
            .any(|glob| glob_fits(glob, arn))
    };
    around
        .function
        .runtime_settings
        .layers
        .iter()
        .filter(move |(arn, _)| !known(arn))
        .map(|(arn, location)| {
            Gap::new(
                "unknown-layer",
                format!("the layer `{arn}` may use the function's role; what it needs is not known"),
            )
            .at(location.clone())
            .hint("state what the layer does with `[[need]]` in rolefit.toml")
        })
}

/// Dead-letter targets, destinations and file systems that no template knows, such as a parameter that holds the ARN.
fn unknown_targets(around: Surroundings<'_>) -> Vec<Gap> {
    let settings = &around.function.runtime_settings;
    let dead_letter: Vec<(&str, &Location)> = settings
        .dead_letter
        .iter()
        .map(|(arn, at)| (arn.as_str(), at))
        .collect();
    // A topic of the cluster itself is asked for with the event source.
    let mut destinations = destinations(around);
    destinations.retain(|(target, _)| !target.starts_with("kafka://"));
    let file_systems = pairs(&settings.file_systems);
    let glob_of: [fn(&When) -> Option<&String>; 3] = [
        |when| when.dead_letter.as_ref(),
        |when| when.destination.as_ref(),
        |when| when.file_system.as_ref(),
    ];
    let asked = ["dead-letter target", "destination", "file system"];
    let mut gaps = Vec::new();
    for ((targets, glob), what) in [dead_letter, destinations, file_systems]
        .iter()
        .zip(glob_of)
        .zip(asked)
    {
        let known = |arn: &str| {
            let globs = around
                .templates
                .iter()
                .filter_map(|template| glob(&template.when));
            globs.into_iter().any(|glob| glob_fits(glob, arn))
        };
        for (arn, at) in targets.iter().filter(|(arn, _)| !known(arn)) {
            let message = format!("the {what} `{arn}` cannot be told, so what it needs is not counted");
            gaps.push(Gap::new("unknown-runtime-need", message).at((*at).clone()).hint(
                "name it by the resource or a whole ARN, or state the permission with `[[need]]` in rolefit.toml",
            ));
        }
    }
    gaps
}

/// When, and how often, a template applies.
fn occasions<'a>(when: &When, around: Surroundings<'a>, calls: &[CallSite]) -> Vec<Occasion<'a>> {
    let function = around.function;
    let settings = &function.runtime_settings;
    let same = |asked: Option<bool>, is: bool| asked.is_none_or(|asked| asked == is);
    let fits = |asked: &Option<String>, text: &str| asked.as_ref().is_none_or(|glob| glob_fits(glob, text));
    let called = |name: &String| calls.iter().any(|call| call.operation.to_string() == *name);
    let holds = fits(&when.function, &function.name)
        && fits(&when.runtime, function.runtime.as_deref().unwrap_or_default())
        && same(when.vpc, settings.vpc.is_some())
        && same(when.tracing, settings.tracing.is_some())
        && same(when.durable, settings.durable.is_some())
        && same(when.kms_key, settings.kms_key.is_some())
        && same(when.log_group_in_stack, settings.log_group_in_stack.is_some())
        && (when.calls.is_empty() || when.calls.iter().any(called))
        && when.uses_crate.is_empty()
        && when.tags.is_empty()
        && !when.opt_in;
    if !holds {
        return Vec::new();
    }
    if !when.event_source.is_empty() {
        return by_trigger(when, around);
    }
    let dead_letter: Vec<(&str, &Location)> = settings
        .dead_letter
        .iter()
        .map(|(arn, at)| (arn.as_str(), at))
        .collect();
    let asked_for = [
        (&when.dead_letter, dead_letter),
        (&when.destination, destinations(around)),
        (&when.file_system, pairs(&settings.file_systems)),
        (&when.layer, pairs(&settings.layers)),
    ];
    if let Some((glob, targets)) = asked_for
        .into_iter()
        .find_map(|(glob, targets)| Some((glob.as_ref()?, targets)))
    {
        let fitting = targets.into_iter().filter(|(arn, _)| glob_fits(glob, arn));
        return fitting
            .map(|(arn, at)| Occasion {
                trigger: None,
                target: Some(arn),
                location: Some(at),
            })
            .collect();
    }
    let location = match (when.tracing, when.vpc, when.durable, when.kms_key) {
        (Some(true), ..) => settings.tracing.as_ref(),
        (_, Some(true), ..) => settings.vpc.as_ref(),
        (_, _, Some(true), _) => settings.durable.as_ref(),
        (.., Some(true)) => settings.kms_key.as_ref().map(|(_, at)| at),
        _ => None,
    };
    vec![Occasion {
        trigger: None,
        target: None,
        location,
    }]
}

fn by_trigger<'a>(when: &When, around: Surroundings<'a>) -> Vec<Occasion<'a>> {
    let fits = |trigger: &&Trigger| {
        when.event_source.contains(&trigger.kind)
            && when
                .event_source_has
                .iter()
                .all(|detail| trigger.details.contains_key(detail))
            && !when
                .event_source_lacks
                .iter()
                .any(|detail| trigger.details.contains_key(detail))
    };
    let occasion = |trigger| Occasion {
        trigger: Some(trigger),
        target: None,
        location: Some(&trigger.location),
    };
    around
        .function
        .triggers
        .iter()
        .filter(fits)
        .map(occasion)
        .collect()
}

/// Destinations of the function and of its event sources.
fn destinations(around: Surroundings<'_>) -> Vec<(&str, &Location)> {
    let function = around.function;
    let of_triggers = function
        .triggers
        .iter()
        .filter_map(|trigger| trigger.on_failure.as_deref().map(|arn| (arn, &trigger.location)));
    pairs(&function.runtime_settings.destinations)
        .into_iter()
        .chain(of_triggers)
        .collect()
}

fn pairs(targets: &[(String, Location)]) -> Vec<(&str, &Location)> {
    targets.iter().map(|(arn, at)| (arn.as_str(), at)).collect()
}

/// `*:sqs:*` fits an ARN of SQS; symbols count as text.
fn glob_fits(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

/// Values of the template's parameters, as far as they are known.
fn arguments(template: &Template, occasion: &Occasion<'_>, around: Surroundings<'_>) -> Arguments {
    let mut known: Arguments = BTreeMap::new();
    known.insert("function.name".to_owned(), vec![deployed_name(around)]);
    // A parameter may take its value from another one, so that those without come last.
    let derived = |from: &str| from.starts_with("resource(");
    let (later, first): (Vec<_>, Vec<_>) = template
        .params
        .iter()
        .partition(|(_, param)| param.from.as_deref().is_some_and(derived));
    for (name, param) in first.into_iter().chain(later) {
        let Some(from) = &param.from else { continue };
        let values = values(from, &known, occasion, around);
        if !values.is_empty() {
            known.insert(name.clone(), values);
        }
    }
    known
}

/// The values behind one `from`; the README of `policy-templates/` has the list.
fn values(from: &str, known: &Arguments, occasion: &Occasion<'_>, around: Surroundings<'_>) -> Vec<String> {
    let function = around.function;
    let source = || occasion.trigger.and_then(|trigger| trigger.source.clone());
    if let Some(variable) = from.strip_prefix("env.") {
        return function
            .env
            .get(variable)
            .map(|value| value.text.clone())
            .into_iter()
            .collect();
    }
    if let Some((param, property)) = from
        .strip_prefix("resource(")
        .and_then(|rest| rest.split_once(")."))
    {
        let named = known.get(param).into_iter().flatten();
        let key = |arn: &String| {
            (property == "kms_key")
                .then(|| key_of(around.stack?, arn))
                .flatten()
        };
        return named.filter_map(key).collect();
    }
    let value = match from {
        "esm.EventSourceArn" | "trigger.source" => source(),
        "esm.StreamArn" => source().map(|arn| arn.split("/consumer/").next().unwrap_or_default().to_owned()),
        "function.name" => Some(deployed_name(around)),
        "function.log_group" => Some(log_group(around)),
        "function.kms_key" => function
            .runtime_settings
            .kms_key
            .as_ref()
            .map(|(key, _)| key.clone()),
        "function.dead_letter" | "function.file_system" | "destination" => occasion.target.map(str::to_owned),
        _ => {
            let detail = from.strip_prefix("esm.").unwrap_or(from);
            return occasion
                .trigger
                .and_then(|trigger| trigger.details.get(detail))
                .cloned()
                .unwrap_or_default();
        }
    };
    value.into_iter().collect()
}

/// The customer key of the stack resource that an ARN names.
fn key_of(stack: &Stack, arn: &str) -> Option<String> {
    let owner = stack.resources.values().find(|resource| {
        resource.arn.as_ref().is_some_and(|own| {
            arn == own
                || arn
                    .strip_prefix(own)
                    .is_some_and(|rest| rest.starts_with(['/', ':']))
        })
    });
    owner.and_then(|resource| resource.kms_key.clone())
}

/// The name the function has once deployed. Where CloudFormation makes it, it is stack, logical id and a random ending,
/// and parts of them where that is longer than the 64 characters of a function's name; naming the function itself
/// instead would make role and function wait for each other.
pub(super) fn deployed_name(around: Surroundings<'_>) -> String {
    /// A logical id up to this length is left whole beside a stack name of up to 26 characters.
    const WHOLE: usize = 24;
    let function = around.function;
    if around.stack.is_none() || function.deployed_name != format!("${{{}}}", function.name) {
        return function.deployed_name.clone();
    }
    match function.name.get(..WHOLE) {
        Some(start) if start != function.name => format!("*{}*", start.get(..WHOLE - 4).unwrap_or(start)),
        _ => format!("${{AWS::StackName}}-{}-*", function.name),
    }
}

fn log_group(around: Surroundings<'_>) -> String {
    match &around.function.runtime_settings.log_group {
        Some((name, _)) => name.clone(),
        None => format!("/aws/lambda/{}", deployed_name(around)),
    }
}

/// The grants of one statement; a denial grants nothing.
fn statement(
    statement: &Statement,
    template: &Template,
    occasion: &Occasion<'_>,
    around: Surroundings<'_>,
) -> Vec<Grant> {
    let (Actions::Only(actions), Resources::Only(resources), Effect::Allow) =
        (&statement.actions, &statement.resources, statement.effect)
    else {
        return Vec::new();
    };
    let because = Because {
        kind: if occasion.trigger.is_some() {
            BecauseKind::Trigger
        } else {
            BecauseKind::Runtime
        },
        operation: None,
        location: Some(occasion.location.unwrap_or(&around.function.location).clone()),
        note: match occasion.trigger {
            Some(trigger) => format!("{}: {}", template.title, trigger.name),
            None => template.title.clone(),
        },
    };
    let mut grants = Vec::new();
    for action in actions.iter().filter_map(|action| Action::parse(action.as_str())) {
        for resource in resources {
            let resource = around.stack.map_or_else(
                || resource.clone(),
                |stack| ArnPattern::new(stack.normalise_arn(resource.as_str())),
            );
            let mut grant = Grant::new(action.clone(), resource, Confidence::High, because.clone());
            grant.conditions.clone_from(&statement.conditions);
            grants.push(grant);
        }
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::glob_fits;

    #[test]
    fn targets_are_told_by_their_service() {
        let queue = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${DeadLetters}";
        assert!(glob_fits("*:sqs:*", queue));
        assert!(!glob_fits("*:sns:*", queue));
    }
}
