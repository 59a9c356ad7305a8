//! `rolefit catalog info`: sources, dates, hashes, counts, sizes.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::catalog::template::templates;
use crate::catalog::{Catalog, Provenance};
use crate::cli::args::Format;
use crate::cli::{Outcome, show, show_json};
use crate::iam::action::ActionPattern;

/// What a catalogue was made from and holds.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CatalogV1 {
    /// Always `rolefit-catalog-v1`.
    schema: &'static str,
    /// Date of the newest data, `YYYY-MM-DD`.
    date: String,
    /// BLAKE3 of the content, hexadecimal.
    checksum: String,
    /// Size of the file in bytes.
    bytes: usize,
    /// The packages it was built from.
    sources: Vec<SourceV1>,
    /// How much it holds.
    counts: CountsV1,
}

/// A package that the catalogue was built from.
#[derive(Debug, Serialize, JsonSchema)]
struct SourceV1 {
    name: String,
    version: String,
    /// The day it was made, `YYYY-MM-DD`.
    date: Option<String>,
    /// SHA-256 of the package, hexadecimal.
    sha256: String,
    licence: String,
}

/// How much a catalogue holds.
#[derive(Debug, Serialize, JsonSchema)]
struct CountsV1 {
    /// SDK crates.
    services: usize,
    operations: usize,
    /// Operations of which a hand-written file says what they need.
    operations_by_hand: usize,
    /// Operations whose action nothing says.
    operations_unresolved: usize,
    prefixes: usize,
    actions: usize,
    managed_policies: usize,
    managed_policy_versions: usize,
    escalation_paths: usize,
    policy_templates: usize,
}

/// Prints what the catalogue was made from and holds.
pub fn run(catalog: &Catalog, format: Format) -> anyhow::Result<Outcome> {
    let info = CatalogV1::of(catalog);
    match format {
        Format::Json => show_json(&info)?,
        Format::Text => show(&info.text())?,
    }
    Ok(Outcome::Passed)
}

impl CatalogV1 {
    fn of(catalog: &Catalog) -> Self {
        let sources = catalog.sources().map(|source| SourceV1 {
            name: source.name.to_owned(),
            version: source.version.to_owned(),
            date: source.date.map(str::to_owned),
            sha256: source.sha256.to_owned(),
            licence: source.licence.to_owned(),
        });
        Self {
            schema: "rolefit-catalog-v1",
            date: catalog.date().to_owned(),
            checksum: catalog.checksum(),
            bytes: catalog.size(),
            sources: sources.collect(),
            counts: CountsV1::of(catalog),
        }
    }

    fn text(&self) -> String {
        let mut out = format!(
            "catalogue of {}, {} bytes, checksum {}\n\nsources\n",
            self.date,
            self.bytes,
            self.checksum.get(..16).unwrap_or_default()
        );
        for source in &self.sources {
            let _ = writeln!(
                out,
                "  {:<25} {:<15} {:<10}  {:<10}  sha256 {}",
                source.name,
                source.version,
                source.date.as_deref().unwrap_or("-"),
                source.licence,
                source.sha256.get(..16).unwrap_or_default()
            );
        }
        out.push_str("\nholds\n");
        let counts = &self.counts;
        for (count, what) in [
            (counts.services, "services (SDK crates)"),
            (counts.operations, "operations"),
            (
                counts.operations_by_hand,
                "operations that a hand-written file speaks of",
            ),
            (
                counts.operations_unresolved,
                "operations whose action nothing says",
            ),
            (counts.prefixes, "IAM prefixes"),
            (counts.actions, "actions"),
            (counts.managed_policies, "AWS managed policies"),
            (counts.managed_policy_versions, "versions of them"),
            (counts.escalation_paths, "escalation paths"),
            (counts.policy_templates, "policy templates"),
        ] {
            let _ = writeln!(out, "  {count:>6}  {what}");
        }
        out
    }
}

impl CountsV1 {
    fn of(catalog: &Catalog) -> Self {
        let provenances: Vec<Provenance> = catalog
            .services()
            .flat_map(|service| service.operations())
            .map(|operation| catalog.provenance(operation))
            .collect();
        let having = |wanted| provenances.iter().filter(|found| **found == wanted).count();
        Self {
            services: catalog.services().count(),
            operations: provenances.len(),
            operations_by_hand: having(Provenance::Overlay),
            operations_unresolved: having(Provenance::Unresolved),
            prefixes: catalog.prefixes().count(),
            actions: catalog.count(&ActionPattern::new("*")),
            managed_policies: catalog.managed_policy_names().count(),
            managed_policy_versions: catalog.managed_policy_version_count(),
            escalation_paths: catalog.escalation_paths().len(),
            policy_templates: templates().len(),
        }
    }
}
