//! `rolefit catalog policy`: the document of an AWS managed policy, in force or as it was.

use std::fmt::Write as _;

use anyhow::Context as _;

use super::unknown;
use crate::catalog::Catalog;
use crate::cli::{Outcome, say, show};

/// Prints a document, or the list of versions.
pub fn run(catalog: &Catalog, name: &str, version: Option<&str>, list: bool) -> anyhow::Result<Outcome> {
    let in_force = catalog
        .managed_policy(name)
        .ok_or_else(|| unknown(catalog, "managed policy", name, &catalog.similar_policies(name)))?;
    let versions = catalog.managed_policy_versions(name);
    if list {
        let mut out = format!("{}\n", in_force.arn);
        for version in &versions {
            let mark = if version.in_force { "  in force" } else { "" };
            let created = version.created.as_deref().unwrap_or("-");
            let _ = writeln!(out, "  v{:<4} {created:<10}{mark}", version.number);
        }
        show(&out)?;
        return Ok(Outcome::Passed);
    }
    let policy = match version {
        None => in_force,
        Some(version) => catalog.managed_policy_version(name, version).with_context(|| {
            let (first, last) = (versions.first(), versions.last());
            let known = |version: Option<&crate::catalog::PolicyVersion>| {
                version.map_or_else(String::new, |version| format!("v{}", version.number))
            };
            format!(
                "`{}` has no version `{version}`; known are {} of them from {} to {}\nhint: `rolefit catalog policy {} --list` lists them",
                in_force.name,
                versions.len(),
                known(first),
                known(last),
                in_force.name
            )
        })?,
    };
    let of = Some(policy.updated.as_str()).filter(|day| !day.is_empty());
    let of = of.map_or_else(String::new, |day| format!(" of {day}"));
    say(&format!("{} {}{of}", policy.arn, policy.version));
    let document: serde_json::Value = serde_json::from_str(&policy.document_json)?;
    show(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    Ok(Outcome::Passed)
}
