//! `rolefit catalog`: what the catalogue holds and where it comes from.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use super::args::{Catalog as Args, CatalogCommand, Format};
use super::{Outcome, say, show, show_json};
use crate::catalog::NeededAction;
use crate::catalog::{Catalog, build};
use crate::usage::OperationId;

/// Runs a `catalog` command.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let catalog = Catalog::embedded();
    match &args.command {
        CatalogCommand::Info => info(catalog),
        CatalogCommand::Operation { operation, format } => self::operation(catalog, operation, *format),
        CatalogCommand::Build { from, out } => build_from(from, out),
    }
}

fn info(catalog: &Catalog) -> anyhow::Result<Outcome> {
    let mut out = String::new();
    let _ = writeln!(out, "catalogue {}", catalog.date());
    let operations: usize = catalog
        .services()
        .map(|service| service.operations().count())
        .sum();
    let _ = writeln!(
        out,
        "{} services, {operations} operations",
        catalog.services().count()
    );
    for source in catalog.sources() {
        let _ = writeln!(out, "from {} {}", source.name, source.version);
    }
    show(&out)?;
    Ok(Outcome::Passed)
}

#[derive(Serialize)]
struct OperationV1 {
    schema: &'static str,
    operation: String,
    provenance: String,
    actions: Vec<ActionV1>,
    resources: Vec<String>,
}

#[derive(Serialize)]
struct ActionV1 {
    action: String,
    when: Option<String>,
    when_input: Option<String>,
    resource: String,
}

fn operation(catalog: &Catalog, text: &str, format: Format) -> anyhow::Result<Outcome> {
    let id =
        OperationId::parse(text).with_context(|| format!("`{text}` is not of the form `s3.CopyObject`"))?;
    let need = catalog.every_need(&id).with_context(|| unknown(catalog, &id))?;
    let resource = |action: &NeededAction| match action.resources.first() {
        Some(resource) => resource.format.clone(),
        None => "*".to_owned(),
    };
    let shown = OperationV1 {
        schema: "rolefit-operation-v1",
        operation: id.to_string(),
        provenance: need.provenance.as_str().to_owned(),
        actions: need
            .actions
            .iter()
            .map(|action| ActionV1 {
                action: action.action.to_string(),
                when: action.when.as_ref().map(|when| when.words.clone()),
                when_input: action.when.as_ref().map(|when| when.input.clone()),
                resource: resource(action),
            })
            .collect(),
        resources: need
            .actions
            .iter()
            .flat_map(|action| action.resources.iter().map(|resource| resource.format.clone()))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect(),
    };
    match format {
        Format::Json => show_json(&shown)?,
        Format::Text => {
            let mut out = format!("{} ({})\n", shown.operation, shown.provenance);
            if shown.actions.is_empty() {
                out.push_str("  needs no permission\n");
            }
            for action in &shown.actions {
                let when = action
                    .when
                    .as_ref()
                    .map(|when| format!("  {when}"))
                    .unwrap_or_default();
                let _ = writeln!(out, "  {:<36} {}{when}", action.action, action.resource);
            }
            show(&out)?;
        }
    }
    Ok(Outcome::Passed)
}

/// An unknown name, with the nearest known one.
fn unknown(catalog: &Catalog, id: &OperationId) -> String {
    let nearest = |word: &str, names: Vec<String>| {
        names
            .into_iter()
            .map(|name| {
                (
                    similar::TextDiff::from_chars(word.to_lowercase().as_str(), name.to_lowercase().as_str())
                        .ratio(),
                    name,
                )
            })
            .filter(|(ratio, _)| *ratio > 0.6)
            .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
            .map(|(_, name)| name)
    };
    let suggestion = match catalog.service(&id.service) {
        Some(service) => nearest(
            &id.name,
            service
                .operations()
                .map(|operation| operation.name().to_owned())
                .collect(),
        )
        .map(|name| format!("{}.{name}", id.service)),
        None => nearest(
            &id.service,
            catalog
                .services()
                .map(|service| service.suffix().to_owned())
                .collect(),
        )
        .map(|service| format!("{service}.{}", id.name)),
    };
    match suggestion {
        Some(suggestion) => format!(
            "no operation `{id}` in the catalogue of {}; did you mean `{suggestion}`?",
            catalog.date()
        ),
        None => format!("no operation `{id}` in the catalogue of {}", catalog.date()),
    }
}

fn build_from(from: &Path, out: &Path) -> anyhow::Result<Outcome> {
    let built = build::run(from, false)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    let files = built
        .dumps
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()));
    for (name, bytes) in files.chain([("catalog.bin", built.catalog.as_slice())]) {
        let file = out.join(name);
        std::fs::write(&file, bytes).with_context(|| format!("cannot write `{}`", file.display()))?;
        say(&format!("wrote {}", file.display()));
    }
    Ok(Outcome::Passed)
}
