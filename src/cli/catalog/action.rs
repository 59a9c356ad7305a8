//! `rolefit catalog action`: what an action is, what it can be abused for, and what needs it.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::unknown;
use crate::catalog::{ActionEntry, Catalog, EscalationPath};
use crate::cli::args::Format;
use crate::cli::{Outcome, show, show_json};
use crate::iam::action::{Action, ActionPattern};

/// How many operations and policies the text lists; the JSON lists all.
const LISTED: usize = 20;

/// An action and all that has to do with it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionV1 {
    /// Always `rolefit-action-v1`.
    schema: &'static str,
    /// The action in AWS's spelling.
    action: String,
    /// `List`, `Read`, `Write`, `Tagging` or `Permissions management`.
    access: String,
    /// Whether it only grants a permission: no operation has its name.
    permission_only: bool,
    /// The resource types that it can be allowed on; none when only `*` allows it.
    resource_types: Vec<ResourceTypeV1>,
    /// Condition keys that it can be limited by, beside those of its resource types.
    condition_keys: Vec<String>,
    /// Actions that AWS lists as ones it can also need.
    dependent_actions: Vec<String>,
    /// What it can be abused for, least first.
    risks: Vec<String>,
    /// Chains of actions, this one among them, that lead to more privileges.
    escalation_paths: Vec<EscalationPathV1>,
    /// Operations that need it.
    operations: Vec<NeedingV1>,
    /// AWS managed policies that allow it; `null` unless asked for.
    managed_policies: Option<Vec<AllowingV1>>,
    /// Page of the Service Authorization Reference.
    docs: Option<String>,
}

/// A resource type of an action.
#[derive(Debug, Serialize, JsonSchema)]
struct ResourceTypeV1 {
    /// Such as `dynamodb:table`.
    name: String,
    arn: String,
    /// Whether the reference marks it as required; several required ones can be alternatives.
    required: bool,
    condition_keys: Vec<String>,
}

/// A way to more privileges.
#[derive(Debug, Serialize, JsonSchema)]
struct EscalationPathV1 {
    id: String,
    name: String,
    category: String,
    severity: String,
}

/// An operation that needs the action.
#[derive(Debug, Serialize, JsonSchema)]
struct NeedingV1 {
    operation: String,
    /// The condition on the inputs; `null` when it always needs it.
    when: Option<String>,
}

/// A managed policy that allows the action.
#[derive(Debug, Serialize, JsonSchema)]
struct AllowingV1 {
    name: String,
    /// On every resource and without conditions.
    everywhere: bool,
}

/// Prints an action, or every action of a pattern.
pub fn run(catalog: &Catalog, text: &str, format: Format, managed_policies: bool) -> anyhow::Result<Outcome> {
    if text.contains(['*', '?']) {
        return list(catalog, text, format);
    }
    let action = Action::parse(text).and_then(|action| catalog.action(&action));
    let Some(entry) = action else {
        let near: Vec<String> = catalog
            .similar_actions(text)
            .iter()
            .map(ToString::to_string)
            .collect();
        let operation = catalog.find_operations(text);
        let error = unknown(catalog, "action", text, &near);
        return Err(match operation.first() {
            Some(operation) => anyhow::anyhow!(
                "{error}\nhint: an operation is called so: `rolefit catalog operation {}`",
                operation.id()
            ),
            None => error,
        });
    };
    let shown = ActionV1::of(catalog, entry, managed_policies);
    match format {
        Format::Json => show_json(&shown)?,
        Format::Text => show(&shown.text())?,
    }
    Ok(Outcome::Passed)
}

/// Prints the actions that a pattern allows.
fn list(catalog: &Catalog, text: &str, format: Format) -> anyhow::Result<Outcome> {
    let pattern = ActionPattern::new(text);
    let entries: Vec<ActionEntry<'_>> = catalog.matching(&pattern).collect();
    if entries.is_empty() {
        return Err(unknown(catalog, "action", text, &[]));
    }
    if format == Format::Json {
        let names: Vec<String> = entries.iter().map(|entry| entry.action().to_string()).collect();
        show_json(&names)?;
        return Ok(Outcome::Passed);
    }
    let mut out = String::new();
    for entry in &entries {
        let action = entry.action();
        let risk = catalog
            .risk(&action)
            .map_or_else(String::new, |risk| format!("  ! {}", risk.as_str()));
        let _ = writeln!(out, "{:<22} {action}{risk}", entry.access_level().as_str());
    }
    let _ = writeln!(out, "{} actions", entries.len());
    show(&out)?;
    Ok(Outcome::Passed)
}

impl ActionV1 {
    fn of(catalog: &Catalog, entry: ActionEntry<'_>, managed_policies: bool) -> Self {
        let action = entry.action();
        let texts = |keys: Vec<&str>| keys.into_iter().map(str::to_owned).collect();
        let resource_types = entry.resource_types().map(|kind| ResourceTypeV1 {
            name: kind.full_name(),
            arn: kind.arn_format().to_owned(),
            required: kind.required(),
            condition_keys: texts(kind.condition_keys().collect()),
        });
        let operations = catalog
            .operations_needing(&action)
            .into_iter()
            .map(|needing| NeedingV1 {
                operation: needing.operation.to_string(),
                when: needing.when,
            });
        Self {
            schema: "rolefit-action-v1",
            access: entry.access_level().to_string(),
            permission_only: entry.is_permission_only(),
            resource_types: resource_types.collect(),
            condition_keys: texts(entry.condition_keys().collect()),
            dependent_actions: entry.dependents().map(|action| action.to_string()).collect(),
            risks: catalog
                .risks(&action)
                .iter()
                .map(|risk| risk.as_str().to_owned())
                .collect(),
            escalation_paths: catalog
                .escalation_paths_with(&action)
                .into_iter()
                .map(EscalationPathV1::of)
                .collect(),
            operations: operations.collect(),
            managed_policies: managed_policies.then(|| {
                let allowing = catalog.managed_policies_allowing(&action).into_iter();
                allowing
                    .map(|allowing| AllowingV1 {
                        name: allowing.policy,
                        everywhere: allowing.everywhere,
                    })
                    .collect()
            }),
            docs: entry.docs(),
            action: action.to_string(),
        }
    }

    fn text(&self) -> String {
        let mut out = format!("{}  {}\n", self.action, self.access);
        let mut row = |title: &str, text: &str| {
            let _ = writeln!(out, "  {title:<12}{text}");
        };
        if self.permission_only {
            row("permission", "no operation has its name");
        }
        if self.resource_types.is_empty() {
            row("resource", "* (it takes no resource)");
        }
        for kind in &self.resource_types {
            let optional = if kind.required { "" } else { "  optional" };
            row("resource", &format!("{}  {}{optional}", kind.name, kind.arn));
        }
        if !self.condition_keys.is_empty() {
            row("conditions", &self.condition_keys.join(" "));
        }
        if !self.risks.is_empty() {
            row("risk", &self.risks.join(", "));
        }
        for path in &self.escalation_paths {
            row(
                "escalation",
                &format!("{}  {}  {}", path.severity, path.id, path.name),
            );
        }
        if !self.dependent_actions.is_empty() {
            row("can need", &self.dependent_actions.join(" "));
        }
        for needing in self.operations.iter().take(LISTED) {
            let when = needing
                .when
                .as_ref()
                .map_or_else(String::new, |when| format!("  when {when}"));
            row("needed by", &format!("{}{when}", needing.operation));
        }
        more(&mut row, "needed by", self.operations.len(), "operations");
        for policies in self.managed_policies.iter() {
            for policy in policies.iter().take(LISTED) {
                let limited = if policy.everywhere {
                    ""
                } else {
                    "  on some resources or with conditions"
                };
                row("granted by", &format!("{}{limited}", policy.name));
            }
            more(&mut row, "granted by", policies.len(), "AWS managed policies");
        }
        for docs in self.docs.iter() {
            row("docs", docs);
        }
        out
    }
}

/// Says how many were left out.
fn more(row: &mut impl FnMut(&str, &str), title: &str, count: usize, what: &str) {
    if count > LISTED {
        row(
            title,
            &format!("… {} more {what}; `--format json` lists all", count - LISTED),
        );
    }
}

impl EscalationPathV1 {
    fn of(path: &EscalationPath) -> Self {
        Self {
            id: path.id.clone(),
            name: path.name.clone(),
            category: path.category.clone(),
            severity: path.severity.as_str().to_owned(),
        }
    }
}
