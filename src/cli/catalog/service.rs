//! `rolefit catalog service`: the operations of a service, and how their actions are known.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::unknown;
use crate::catalog::{Catalog, Operation, Service};
use crate::cli::args::Format;
use crate::cli::{Outcome, show, show_json};

/// A service and its operations.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServiceV1 {
    /// Always `rolefit-service-v1`.
    schema: &'static str,
    /// Suffix of the SDK crate, which operations begin with.
    service: String,
    /// AWS's name of the service.
    title: String,
    /// The SDK crate.
    #[serde(rename = "crate")]
    crate_name: String,
    /// Prefix of its actions; some operations need actions of other prefixes.
    iam_prefix: String,
    /// Event source of its CloudTrail records.
    event_source: String,
    /// How many operations have their actions by which rule.
    provenance: BTreeMap<String, usize>,
    operations: Vec<OperationRowV1>,
}

/// An operation in the list of its service.
#[derive(Debug, Serialize, JsonSchema)]
struct OperationRowV1 {
    operation: String,
    /// Method of the crate's client.
    method: String,
    provenance: String,
    /// Actions that it can need.
    actions: Vec<String>,
    deprecated: bool,
}

/// Prints a service.
pub fn run(catalog: &Catalog, text: &str, format: Format) -> anyhow::Result<Outcome> {
    let found = catalog.find_services(text);
    let Some(first) = found.first() else {
        let near: Vec<String> = catalog
            .similar_services(text)
            .into_iter()
            .map(str::to_owned)
            .collect();
        return Err(unknown(catalog, "service", text, &near));
    };
    let shown = ServiceV1::of(catalog, *first);
    match format {
        Format::Json => show_json(&shown)?,
        Format::Text => {
            let mut out = shown.text();
            let others: Vec<&str> = found.iter().skip(1).map(|service| service.suffix()).collect();
            if !others.is_empty() {
                let _ = writeln!(out, "\nsee also: {}", others.join(", "));
            }
            show(&out)?;
        }
    }
    Ok(Outcome::Passed)
}

/// Prints every service in one line each.
pub fn list(catalog: &Catalog, format: Format) -> anyhow::Result<Outcome> {
    match format {
        Format::Json => {
            let suffixes: Vec<&str> = catalog.services().map(|service| service.suffix()).collect();
            show_json(&suffixes)?;
        }
        Format::Text => {
            let mut out = String::new();
            for service in catalog.services() {
                let _ = writeln!(
                    out,
                    "{:<38} {:<28} {:>4}  {}",
                    service.crate_name(),
                    service.iam_prefix(),
                    service.operations().count(),
                    service.title()
                );
            }
            show(&out)?;
        }
    }
    Ok(Outcome::Passed)
}

impl ServiceV1 {
    fn of(catalog: &Catalog, service: Service<'_>) -> Self {
        let operations: Vec<OperationRowV1> = service
            .operations()
            .map(|operation| OperationRowV1::of(catalog, operation))
            .collect();
        let mut provenance: BTreeMap<String, usize> = BTreeMap::new();
        for operation in &operations {
            *provenance.entry(operation.provenance.clone()).or_default() += 1;
        }
        let event_source = service.operations().next().map(|first| catalog.event_of(first).0);
        Self {
            schema: "rolefit-service-v1",
            service: service.suffix().to_owned(),
            title: service.title().to_owned(),
            crate_name: service.crate_name(),
            iam_prefix: service.iam_prefix().to_owned(),
            event_source: event_source.unwrap_or_default(),
            provenance,
            operations,
        }
    }

    fn text(&self) -> String {
        let counts: Vec<String> = self
            .provenance
            .iter()
            .map(|(rule, count)| format!("{count} {rule}"))
            .collect();
        let mut out = format!(
            "{}  {}\n  actions       {}:*\n  event source  {}\n  operations    {}: {}\n\n",
            self.crate_name,
            self.title,
            self.iam_prefix,
            self.event_source,
            self.operations.len(),
            counts.join(", ")
        );
        for operation in &self.operations {
            let mark = if operation.deprecated { "  deprecated" } else { "" };
            let _ = writeln!(
                out,
                "  {:<48} {:<11} {}{mark}",
                operation.operation,
                operation.provenance,
                operation.actions.join(" ")
            );
        }
        out
    }
}

impl OperationRowV1 {
    fn of(catalog: &Catalog, operation: Operation<'_>) -> Self {
        let need = catalog.every_need(&operation.id());
        let mut actions: Vec<String> = Vec::new();
        for needed in need.iter().flat_map(|need| &need.actions) {
            let action = needed.action.to_string();
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
        Self {
            operation: operation.id().to_string(),
            method: operation.method(),
            provenance: catalog.provenance(operation).as_str().to_owned(),
            actions,
            deprecated: operation.is_deprecated(),
        }
    }
}
