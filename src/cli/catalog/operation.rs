//! `rolefit catalog operation`: what an operation needs, on what, when, and what CloudTrail shows of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::bail;
use schemars::JsonSchema;
use serde::Serialize;

use super::unknown;
use crate::catalog::{Catalog, Need, NeededAction, NeededResource, Note, Operation, Recording, Source};
use crate::cli::args::Format;
use crate::cli::{Outcome, show, show_json};
use crate::usage::{Inputs, ResourceHint};

/// An operation and all that it can need.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OperationV1 {
    /// Always `rolefit-operation-v1`.
    schema: &'static str,
    /// Suffix of the SDK crate, dot, API name: `s3.CopyObject`.
    operation: String,
    /// The SDK crate.
    #[serde(rename = "crate")]
    crate_name: String,
    /// Method of the crate's client.
    method: String,
    /// How its actions are known: `overlay`, `unsigned`, `verb-rule`, `same-name`, `link`, `prose`, `likeness` or
    /// `unresolved`.
    provenance: String,
    deprecated: bool,
    /// One entry for each action, condition and resource; none when IAM takes no part.
    actions: Vec<ActionV1>,
    /// The formats of all resources, sorted.
    resources: Vec<String>,
    /// Actions that AWS lists as ones it can also need, without saying when; they are not granted.
    dependent_actions: Vec<String>,
    /// What a service does in the caller's name when the data is encrypted with a customer key.
    forwarded: Vec<ForwardedV1>,
    /// What CloudTrail records of it.
    cloudtrail: CloudTrailV1,
    /// What else there is to know.
    notes: Vec<String>,
    /// Pages that say so.
    docs: Vec<String>,
}

/// An action on a resource.
#[derive(Debug, Serialize, JsonSchema)]
struct ActionV1 {
    action: String,
    /// The condition on the inputs that makes it needed, in words; `null` when it always is.
    when: Option<String>,
    /// The same as data, such as `!VersionId`.
    when_input: Option<String>,
    /// Format of the ARN with `${Variable}`s; `*` when the action takes no resource.
    resource: String,
    /// Type of the resource, such as `dynamodb:table`.
    resource_type: Option<String>,
    /// The input member of each variable of the resource.
    inputs: Vec<InputV1>,
    /// Conditions that the statement carries.
    conditions: crate::iam::policy::Conditions,
    /// Access level: `List`, `Read`, `Write`, `Tagging` or `Permissions management`; `null` for an action that the
    /// reference does not have.
    access: Option<String>,
    /// What it can be abused for.
    risks: Vec<String>,
    /// Why it is not sure that this is the action.
    unverified: Option<String>,
}

/// Where a variable of an ARN comes from.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct InputV1 {
    variable: String,
    /// Path of the input member, such as `TransactItems[].Put.TableName`; `null` when no input names it.
    member: Option<String>,
    /// How the member's text names it, such as `name-or-arn`.
    form: Option<String>,
    /// What it is when the member is not set.
    default: Option<String>,
}

/// Access that a service passes on with the caller's permissions.
#[derive(Debug, Serialize, JsonSchema)]
struct ForwardedV1 {
    actions: Vec<String>,
    /// Value of `kms:ViaService`.
    via_service: String,
    docs: String,
}

/// What CloudTrail records of an operation.
#[derive(Debug, Serialize, JsonSchema)]
struct CloudTrailV1 {
    event_source: String,
    event_name: String,
    /// `management-event`, `data-event` or `never`.
    recorded: &'static str,
    /// Whether a trail with default settings shows it.
    in_default_trail: bool,
    /// Page that says so, where one is known.
    docs: Option<&'static str>,
}

/// Prints an operation.
pub fn run(catalog: &Catalog, text: &str, format: Format) -> anyhow::Result<Outcome> {
    let found = catalog.find_operations(text);
    let operation = match found.as_slice() {
        [] => {
            return Err(unknown(
                catalog,
                "operation",
                text,
                &catalog.similar_operations(text),
            ));
        }
        [only] => *only,
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|operation| operation.id().to_string())
                .collect();
            bail!(
                "`{text}` is several operations\nhint: name one of {}",
                names.join(", ")
            );
        }
    };
    let Some(shown) = OperationV1::of(catalog, operation) else {
        return Err(unknown(catalog, "operation", text, &[]));
    };
    match format {
        Format::Json => show_json(&shown)?,
        Format::Text => show(&shown.text())?,
    }
    Ok(Outcome::Passed)
}

impl OperationV1 {
    fn of(catalog: &Catalog, operation: Operation<'_>) -> Option<Self> {
        let id = operation.id();
        let need = catalog.every_need(&id)?;
        let actions: Vec<ActionV1> = need
            .actions
            .iter()
            .flat_map(|needed| ActionV1::of(catalog, needed))
            .collect();
        let resources: BTreeSet<String> = actions.iter().map(|action| action.resource.clone()).collect();
        Some(Self {
            schema: "rolefit-operation-v1",
            operation: id.to_string(),
            crate_name: operation.service().crate_name(),
            method: operation.method(),
            provenance: need.provenance.as_str().to_owned(),
            deprecated: operation.is_deprecated(),
            resources: resources.into_iter().filter(|resource| resource != "*").collect(),
            actions,
            dependent_actions: dependent_actions(&need),
            forwarded: forwarded(catalog, operation),
            cloudtrail: CloudTrailV1::of(catalog, operation),
            notes: notes(&need),
            docs: docs(&need),
        })
    }

    fn text(&self) -> String {
        let mut out = format!(
            "{}  {}, {}  ({})\n",
            self.operation, self.crate_name, self.method, self.provenance
        );
        if self.deprecated {
            out.push_str("  deprecated\n");
        }
        if self.actions.is_empty() {
            out.push_str("  needs no permission\n");
        }
        self.write_actions(&mut out);
        let mut row = |title: &str, text: &str| {
            let _ = writeln!(out, "  {title:<12}{text}");
        };
        if !self.dependent_actions.is_empty() {
            row(
                "can need",
                &format!("{} (not granted)", self.dependent_actions.join(" ")),
            );
        }
        for forwarded in &self.forwarded {
            let actions = forwarded.actions.join(" ");
            let via = &forwarded.via_service;
            row(
                "encrypted",
                &format!("{actions} by {via}, when a customer key is in use"),
            );
        }
        let trail = &self.cloudtrail;
        let shown = match (trail.recorded, trail.in_default_trail) {
            ("never", _) => "never recorded",
            (_, true) => "in every trail",
            _ => "a data event: not in a trail with default settings",
        };
        row(
            "CloudTrail",
            &format!("{} {}, {shown}", trail.event_source, trail.event_name),
        );
        for note in &self.notes {
            row("note", note);
        }
        for docs in &self.docs {
            row("docs", docs);
        }
        out
    }

    fn write_actions(&self, out: &mut String) {
        let width = |length: fn(&ActionV1) -> usize| self.actions.iter().map(length).max().unwrap_or(0);
        let action_width = width(|action| action.action.len());
        let access_width = width(|action| action.access.as_ref().map_or(1, String::len));
        for action in &self.actions {
            let access = action.access.as_deref().unwrap_or("-");
            let risk = action
                .risks
                .last()
                .map_or_else(String::new, |risk| format!("  ! {risk}"));
            let _ = writeln!(
                out,
                "  {:<action_width$}  {access:<access_width$}  {}{}{risk}",
                action.action,
                action.resource,
                action.from()
            );
            let when = action.when.as_ref().map(|when| format!("when {when}"));
            let unverified = action.unverified.as_ref().map(|why| format!("unverified: {why}"));
            let conditions = action.conditions.iter().flat_map(|(operator, keys)| {
                keys.iter()
                    .map(move |(key, values)| format!("with {operator} {key} = {}", values.join(", ")))
            });
            for line in when.into_iter().chain(conditions).chain(unverified) {
                let _ = writeln!(out, "  {:<action_width$}    {line}", "");
            }
        }
    }
}

impl ActionV1 {
    /// One entry for each resource.
    fn of(catalog: &Catalog, needed: &NeededAction) -> Vec<Self> {
        let on = |resource: Option<&NeededResource>| Self {
            action: needed.action.to_string(),
            when: needed.when.as_ref().map(|when| when.words.clone()),
            when_input: needed.when.as_ref().map(|when| when.input.clone()),
            resource: resource.map_or_else(|| "*".to_owned(), |resource| resource.format.clone()),
            resource_type: resource.map(|resource| resource.resource_type.clone()),
            inputs: resource
                .into_iter()
                .flat_map(|resource| &resource.variables)
                .map(|(variable, source)| InputV1::of(variable, source))
                .collect(),
            conditions: needed.conditions.clone(),
            access: catalog
                .action(&needed.action)
                .map(|entry| entry.access_level().to_string()),
            risks: catalog
                .risks(&needed.action)
                .iter()
                .map(|risk| risk.as_str().to_owned())
                .collect(),
            unverified: needed.unverified.clone(),
        };
        if needed.resources.is_empty() {
            return vec![on(None)];
        }
        needed
            .resources
            .iter()
            .map(|resource| on(Some(resource)))
            .collect()
    }

    /// The input members that name the resource, in words.
    fn from(&self) -> String {
        let mut members: Vec<&str> = Vec::new();
        for member in self.inputs.iter().filter_map(|input| input.member.as_deref()) {
            if !members.contains(&member) {
                members.push(member);
            }
        }
        match members.as_slice() {
            [] => String::new(),
            members => format!("  from {}", members.join(", ")),
        }
    }
}

impl InputV1 {
    fn of(variable: &str, source: &Source) -> Self {
        let (member, form, default) = match source {
            Source::Input { path, form } => (Some(path.clone()), Some(form.as_str().to_owned()), None),
            Source::Default(default) => (None, None, Some(default.clone())),
            Source::Unknown => (None, None, None),
        };
        Self {
            variable: variable.to_owned(),
            member,
            form,
            default,
        }
    }
}

impl CloudTrailV1 {
    fn of(catalog: &Catalog, operation: Operation<'_>) -> Self {
        let (event_source, event_name) = catalog.event_of(operation);
        let recording = Recording::of(&operation.id());
        Self {
            event_source,
            event_name,
            recorded: recording.as_str(),
            in_default_trail: recording == Recording::Management,
            docs: Recording::docs(operation.service().suffix()),
        }
    }
}

fn dependent_actions(need: &Need) -> Vec<String> {
    let listed = need.notes.iter().filter_map(|note| match note {
        Note::CanAlsoNeed(action) => Some(action.to_string()),
        Note::MayPassRole(_) | Note::Text(_) => None,
    });
    listed.collect()
}

fn notes(need: &Need) -> Vec<String> {
    let notes = need.notes.iter().filter_map(|note| match note {
        Note::CanAlsoNeed(_) => None,
        Note::MayPassRole(member) => Some(format!("{member} may hold a role that is passed on")),
        Note::Text(text) => Some(text.clone()),
    });
    notes.collect()
}

/// The pages that say so, each once, in the order of the actions.
fn docs(need: &Need) -> Vec<String> {
    let mut docs: Vec<String> = Vec::new();
    for page in need.actions.iter().filter_map(|action| action.docs.clone()) {
        if !docs.contains(&page) {
            docs.push(page);
        }
    }
    docs
}

/// What can be forwarded whatever the inputs are.
fn forwarded(catalog: &Catalog, operation: Operation<'_>) -> Vec<ForwardedV1> {
    let anything = Inputs::from([("*".to_owned(), vec![ResourceHint::unknown("any input")])]);
    let forwarded = catalog.forwarded_access(&operation.id(), &anything);
    forwarded
        .into_iter()
        .map(|access| ForwardedV1 {
            actions: access.actions.iter().map(ToString::to_string).collect(),
            via_service: access.via_service,
            docs: access.docs,
        })
        .collect()
}
