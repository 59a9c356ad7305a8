//! From the inputs a call sets to the resources it names: environment, stack and trigger fill the holes.

use std::collections::{BTreeMap, BTreeSet};

use super::env_member::{Untold, member};
use super::name::{NO_ALIAS, Value, interpret, is_open, service_of};
use super::runtime::deployed_name;
use crate::catalog::template::Template;
use crate::catalog::{Form, NeededResource, Source};
use crate::iam::arn::ArnPattern;
use crate::usage::{Gap, Inputs, Location, Piece, ResourceHint};
use crate::workspace::model::{Function, Stack};

/// The most combinations of values that one resource is spelled out for; beyond it the resource is widened, with a gap.
const MOST_RESOURCES: usize = 32;

/// Where a function's values come from: its environment, its triggers, the stack it stands in.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The function.
    pub function: &'a Function,
    /// Its stack, if any.
    pub stack: Option<&'a Stack>,
    /// The policy templates in force.
    pub templates: &'a [Template],
}

/// A resource that a need is bound to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound {
    /// The resource.
    pub resource: ArnPattern,
    /// Whether it is exactly what the evidence names.
    pub exact: bool,
    /// How it was found, for the reader: `TABLE_NAME = ${OrdersTable} (template.yaml:13)`.
    pub note: String,
    /// Logical id of the stack resource it is, if it is one.
    pub stack_resource: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    value: Value,
    note: String,
    /// Why the value is wider than it could be, when its beginning is not known.
    widened: Option<String>,
}

impl Candidate {
    fn new(value: Value, note: impl Into<String>) -> Self {
        Self {
            value,
            note: note.into(),
            widened: None,
        }
    }
}

/// Binds one resource of a need. Every resource that the evidence leaves possible is returned; what cannot be told
/// becomes the narrowest pattern of the resource type, with a gap at `location`.
pub fn bind(
    needed: &NeededResource,
    inputs: &Inputs,
    around: Surroundings<'_>,
    location: Option<&Location>,
) -> (Vec<Bound>, Vec<Gap>) {
    let service = service_of(&needed.format);
    let values: Vec<(String, Vec<Candidate>)> = needed
        .variables
        .iter()
        .map(|(variable, source)| (variable.clone(), candidates(source, inputs, around, service)))
        .collect();
    let mut widened: BTreeMap<ArnPattern, BTreeSet<String>> = BTreeMap::new();
    let mut bound = BTreeSet::new();
    for choice in combinations(&values) {
        let (made, reasons) = assemble(&needed.format, &choice, around.stack);
        if !reasons.is_empty() {
            widened.entry(made.resource.clone()).or_default().extend(reasons);
        }
        bound.insert(made);
    }
    let gaps = widened.into_iter().map(|(resource, reasons)| {
        let reasons: Vec<String> = reasons.into_iter().collect();
        unknown_resource(&needed.resource_type, &resource, &reasons.join("; "), location)
    });
    (bound.into_iter().collect(), gaps.collect())
}

fn unknown_resource(kind: &str, resource: &ArnPattern, reason: &str, location: Option<&Location>) -> Gap {
    let gap = Gap::new("unknown-resource", format!("which {kind} is meant cannot be told ({reason}); it can be any of `{resource}`"))
        .hint("name the resource in an environment variable of the stack template, or in a `[[need]]` of rolefit.toml");
    match location {
        Some(location) => gap.at(location.clone()),
        None => gap,
    }
}

/// All choices of one candidate per variable, capped.
fn combinations(values: &[(String, Vec<Candidate>)]) -> Vec<BTreeMap<&str, Candidate>> {
    let mut choices: Vec<BTreeMap<&str, Candidate>> = vec![BTreeMap::new()];
    for (variable, candidates) in values {
        let capped = choices.len() * candidates.len() > MOST_RESOURCES;
        let unknown = [Candidate::new(
            Value::Unknown(format!("more than {MOST_RESOURCES} combinations of values")),
            "",
        )];
        let candidates: &[Candidate] = if capped { &unknown } else { candidates };
        choices = choices
            .iter()
            .flat_map(|choice| {
                candidates.iter().map(move |candidate| {
                    let mut choice = choice.clone();
                    choice.insert(variable.as_str(), candidate.clone());
                    choice
                })
            })
            .collect();
    }
    choices
}

fn candidates(source: &Source, inputs: &Inputs, around: Surroundings<'_>, service: &str) -> Vec<Candidate> {
    let unknown = |reason: &str| vec![Candidate::new(Value::Unknown(reason.to_owned()), "")];
    match source {
        Source::Default(text) => vec![Candidate::new(
            Value::Name(text.clone()),
            format!("`{text}`, as no input names another"),
        )],
        Source::Unknown => unknown("no input of the operation names it"),
        Source::Input { path, form } => {
            let hints = inputs
                .get(path)
                .into_iter()
                .flatten()
                .filter(|hint| !hint.is_unset());
            let found: BTreeSet<Candidate> = hints
                .map(|hint| candidate(path, *form, hint, around, service))
                .collect();
            match inputs.get(path) {
                _ if !found.is_empty() => found.into_iter().collect(),
                _ if is_open(*form) => vec![Candidate::new(Value::Name("*".to_owned()), "")],
                None => unknown(&format!("{path} is not seen to be set")),
                Some(_) => unknown(&format!("the value of {path} is not known")),
            }
        }
    }
}

/// What one value means as a resource.
fn candidate(
    path: &str,
    form: Form,
    hint: &ResourceHint,
    around: Surroundings<'_>,
    service: &str,
) -> Candidate {
    if let Some(found) = from_trigger(hint, around.function) {
        return found;
    }
    let (text, notes, reasons) = spell(hint, around);
    let note = if notes.is_empty() {
        format!("{path} = `{text}`")
    } else {
        notes.join(", ")
    };
    let known = text.trim_matches(['*', '/', ':', '-', '.', '_']);
    if known.is_empty() {
        // An object key that only the run time knows is no gap: the bucket is what matters.
        let value = match form {
            form if is_open(form) => Value::Name("*".to_owned()),
            _ => Value::Unknown(
                reasons
                    .into_iter()
                    .next()
                    .unwrap_or_else(|| format!("the value of {path} is not known")),
            ),
        };
        return Candidate::new(value, note);
    }
    let widened = reasons
        .into_iter()
        .next()
        .filter(|_| text.starts_with('*') && !is_open(form))
        .or_else(|| (form == Form::Key && text.contains(":alias/")).then(|| NO_ALIAS.to_owned()));
    Candidate {
        value: interpret(&text, form, around.stack, service),
        note,
        widened,
    }
}

/// A payload field that names the source of the function's own trigger.
fn from_trigger(hint: &ResourceHint, function: &Function) -> Option<Candidate> {
    let [Piece::Event { path }] = hint.pieces.as_slice() else {
        return None;
    };
    let lower = path.to_ascii_lowercase();
    let kind = if lower.contains("bucket") {
        "s3"
    } else if lower.contains("event_source_arn") || lower.contains("eventsourcearn") {
        "sqs"
    } else {
        return None;
    };
    let mut sources = function.triggers.iter().filter(|trigger| trigger.kind == kind);
    let trigger = sources.next()?;
    let source = trigger.source.clone()?;
    if sources.next().is_some() {
        return None;
    }
    let note = format!(
        "from the payload of trigger {} ({})",
        trigger.name, trigger.location
    );
    Some(Candidate::new(Value::Arn(source), note))
}

/// A variable that Lambda itself sets.
fn reserved(variable: &str, around: Surroundings<'_>) -> Option<String> {
    match variable {
        "AWS_REGION" | "AWS_DEFAULT_REGION" => Some("${AWS::Region}".to_owned()),
        "AWS_LAMBDA_FUNCTION_NAME" => Some(deployed_name(around)),
        _ => None,
    }
}

/// Spells a hint out as a stack text, `*` for what is not known; with notes for the reader and reasons for the holes.
pub fn spell(hint: &ResourceHint, around: Surroundings<'_>) -> (String, Vec<String>, Vec<String>) {
    let (mut text, mut notes, mut reasons) = (String::new(), Vec::new(), Vec::new());
    for piece in &hint.pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Env { variable, .. } if reserved(variable, around).is_some() => {
                text.push_str(&reserved(variable, around).unwrap_or_default());
                notes.push(format!("{variable}, which Lambda sets"));
            }
            Piece::Env { variable, default } => {
                match (around.function.env.get(variable), around.stack, default) {
                    (Some(value), ..) => {
                        text.push_str(&value.text);
                        notes.push(format!("{variable} = `{}` ({})", value.text, value.location));
                    }
                    (None, None, Some(default)) => {
                        text.push_str(&format!("${{{variable}}}"));
                        notes.push(format!(
                            "{variable}, to be filled in at deployment; default `{default}`"
                        ));
                    }
                    (None, Some(_), Some(default)) => {
                        text.push_str(default);
                        notes.push(format!(
                            "{variable} is not set in the stack template: default `{default}`"
                        ));
                    }
                    (None, None, None) => {
                        text.push_str(&format!("${{{variable}}}"));
                        notes.push(format!("{variable}, to be filled in at deployment"));
                    }
                    (None, Some(_), None) => {
                        text.push('*');
                        reasons.push(format!(
                            "environment variable {variable} is not set in the stack template"
                        ));
                    }
                }
            }
            Piece::EnvMember {
                variable,
                path,
                default,
                absent,
            } => {
                let (told, note) =
                    spell_member(variable, path, default.as_deref(), absent.as_deref(), around);
                match told {
                    Some(told) => {
                        text.push_str(&told);
                        notes.push(note);
                    }
                    None => {
                        text.push('*');
                        reasons.push(note);
                    }
                }
            }
            Piece::Event { path } => {
                text.push('*');
                reasons.push(format!("it comes from the event payload, `{path}`"));
            }
            Piece::Hole(reason) => {
                text.push('*');
                reasons.push(reason.clone());
            }
        }
    }
    (text, notes, reasons)
}

/// Spells out a member of the JSON in a variable, with a note; `None` with the reason if it cannot be told.
fn spell_member(
    variable: &str,
    path: &[String],
    default: Option<&str>,
    absent: Option<&str>,
    around: Surroundings<'_>,
) -> (Option<String>, String) {
    let name = format!("{variable}.{}", path.join("."));
    match (around.function.env.get(variable), around.stack, default) {
        (Some(value), ..) => match (member(&value.text, path), absent) {
            (Ok(told), _) => {
                let note = format!("{name} = `{told}` ({})", value.location);
                (Some(told), note)
            }
            (Err(Untold::Absent), Some(absent)) => (
                Some(absent.to_owned()),
                format!(
                    "{name} is not in the JSON of the stack template ({}): default `{absent}`",
                    value.location
                ),
            ),
            (Err(Untold::Absent), None) => (
                None,
                format!(
                    "the JSON in environment variable {variable} has no member {} ({})",
                    path.join("."),
                    value.location
                ),
            ),
            (Err(Untold::Because(reason)), _) => (
                None,
                format!(
                    "{name} cannot be told: environment variable {variable} {reason} ({})",
                    value.location
                ),
            ),
        },
        (None, None, _) => {
            let symbol = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            (
                Some(format!("${{{symbol}}}")),
                format!("{name}, to be filled in at deployment"),
            )
        }
        (None, Some(_), Some(default)) => (
            Some(default.to_owned()),
            format!("{variable} is not set in the stack template: default `{default}` for {name}"),
        ),
        (None, Some(_), None) => (
            None,
            format!("environment variable {variable} is not set in the stack template"),
        ),
    }
}

/// Fills the format in. Returns the resource and the reasons for every part that had to be widened.
fn assemble(format: &str, choice: &BTreeMap<&str, Candidate>, stack: Option<&Stack>) -> (Bound, Vec<String>) {
    let mut text = format
        .replace("${Partition}", "${AWS::Partition}")
        .replace("${Region}", "${AWS::Region}")
        .replace("${Account}", "${AWS::AccountId}");
    let mut reasons = Vec::new();
    for (variable, candidate) in choice {
        let placeholder = format!("${{{variable}}}");
        reasons.extend(candidate.widened.clone());
        match &candidate.value {
            Value::Name(name) => text = text.replace(&placeholder, name),
            Value::Arn(arn) => {
                let tail = text
                    .split_once(&placeholder)
                    .map_or("", |(_, tail)| tail)
                    .to_owned();
                // An object behind an access point: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html
                let step = if arn.contains(":accesspoint/") && tail == "/${ObjectName}" {
                    "/object"
                } else {
                    ""
                };
                text = format!("{arn}{step}{tail}");
            }
            Value::Unknown(reason) => {
                text = text.replace(&placeholder, "*");
                reasons.push(reason.clone());
            }
        }
    }
    let mut notes: Vec<&str> = choice
        .values()
        .map(|c| c.note.as_str())
        .filter(|note| !note.is_empty())
        .collect();
    notes.dedup();
    let resource = stack.map_or_else(|| text.clone(), |stack| stack.normalise_arn(&text));
    let stack_resource = stack.and_then(|stack| {
        let named = |resource: &&crate::workspace::model::StackResource| {
            resource.arn.as_ref().is_some_and(|arn| {
                text == *arn
                    || text
                        .strip_prefix(arn.as_str())
                        .is_some_and(|rest| rest.starts_with(['/', ':']))
            })
        };
        stack
            .resources
            .values()
            .find(named)
            .map(|resource| resource.id.clone())
    });
    let bound = Bound {
        resource: ArnPattern::new(resource),
        exact: reasons.is_empty(),
        note: notes.join("; "),
        stack_resource,
    };
    (bound, reasons)
}
