//! The policies that the command line names, with the places of their statements.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::Simulate;
use super::{Policies, refused_rcp};
use crate::catalog::Catalog;
use crate::iam::evaluate::Layer;
use crate::iam::policy::{Document, Lint, Policy, PolicyKind, Position};

/// A document and where it was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) file: String,
    pub(super) policy: Policy,
    statements: Vec<Position>,
    lints: Vec<Lint>,
}

impl Read {
    /// The line of a statement.
    pub(super) fn line(&self, statement: usize) -> Option<usize> {
        self.statements.get(statement).map(|position| position.line)
    }

    fn of(file: String, text: &str, kind: PolicyKind) -> anyhow::Result<Self> {
        match Document::read(text, kind) {
            Ok(Document {
                policy,
                statements,
                lints,
            }) => Ok(Self {
                file,
                policy,
                statements,
                lints,
            }),
            Err(error) => bail!(
                "{file}:{}: {error}\n  IAM says: {}\n  hint: {}",
                error.at,
                error.iam_says(),
                error.remedy()
            ),
        }
    }
}

/// Every document that the command line names.
#[derive(Debug)]
pub(super) struct Attached {
    identity: Vec<Read>,
    boundary: Vec<Read>,
    session: Vec<Read>,
    scp: Vec<Vec<Read>>,
    rcp: Vec<Vec<Read>>,
    resource: Vec<Read>,
}

impl Attached {
    pub(super) fn read(catalog: &Catalog, args: &Simulate, resource: PolicyKind) -> anyhow::Result<Self> {
        let all = |names: &[String], kind: PolicyKind| -> anyhow::Result<Vec<Read>> {
            names.iter().map(|name| read(catalog, name, kind)).collect()
        };
        let levels = |levels: &[String], kind: PolicyKind| -> anyhow::Result<Vec<Vec<Read>>> {
            let split = levels
                .iter()
                .map(|level| level.split(',').map(str::to_owned).collect::<Vec<_>>());
            split.map(|names| all(&names, kind)).collect()
        };
        let attached = Self {
            identity: all(&args.policy, PolicyKind::Identity)?,
            boundary: all(args.boundary.as_slice(), PolicyKind::Identity)?,
            session: all(&args.session, PolicyKind::Identity)?,
            scp: levels(&args.scp, PolicyKind::Identity)?,
            rcp: levels(&args.rcp, PolicyKind::Resource)?,
            resource: all(args.resource_policy.as_slice(), resource)?,
        };
        for read in attached.rcp.iter().flatten() {
            if let Some(why) = refused_rcp(&read.policy) {
                bail!("{}: {why}", read.file);
            }
        }
        Ok(attached)
    }

    /// The documents of a layer.
    pub(super) fn of(&self, layer: Layer, level: Option<usize>) -> &[Read] {
        match layer {
            Layer::Identity => &self.identity,
            Layer::Boundary => &self.boundary,
            Layer::Session => &self.session,
            Layer::Resource => &self.resource,
            Layer::Scp => at(&self.scp, level),
            Layer::Rcp => at(&self.rcp, level),
        }
    }

    /// One document of a layer.
    pub(super) fn document(&self, layer: Layer, level: Option<usize>, policy: usize) -> Option<&Read> {
        self.of(layer, level).get(policy)
    }

    /// The document of a layer that has only one.
    pub(super) fn only(&self, layer: Layer, level: Option<usize>) -> Option<&Read> {
        match self.of(layer, level) {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The remarks on all documents, with their places.
    pub(super) fn lints(&self) -> Vec<String> {
        let single = [&self.identity, &self.boundary, &self.session, &self.resource];
        let all = single.into_iter().chain(&self.scp).chain(&self.rcp).flatten();
        all.flat_map(|read| {
            read.lints
                .iter()
                .map(move |lint| format!("{}:{}: {}: {}", read.file, lint.at, lint.path, lint.message))
        })
        .collect()
    }

    pub(super) fn policies(&self) -> Policies {
        let plain = |list: &[Read]| -> Vec<Policy> { list.iter().map(|read| read.policy.clone()).collect() };
        Policies {
            identity: plain(&self.identity),
            boundary: plain(&self.boundary),
            session: plain(&self.session),
            scp: self.scp.iter().map(|level| plain(level)).collect(),
            rcp: self.rcp.iter().map(|level| plain(level)).collect(),
            resource: plain(&self.resource).pop(),
        }
    }
}

fn at(levels: &[Vec<Read>], level: Option<usize>) -> &[Read] {
    level
        .and_then(|level| levels.get(level))
        .map_or(&[], Vec::as_slice)
}

/// Reads a file, or the AWS managed policy of this name or ARN.
fn read(catalog: &Catalog, name: &str, kind: PolicyKind) -> anyhow::Result<Read> {
    if !Path::new(name).exists()
        && let Some(managed) = catalog.managed_policy(name)
    {
        let file = format!("{} {}", managed.arn, managed.version);
        return Read::of(file, &managed.document_json, kind);
    }
    let text = std::fs::read_to_string(name).with_context(|| {
        format!("cannot read `{name}`, which is neither a file nor a managed policy of AWS")
    })?;
    Read::of(name.to_owned(), &text, kind)
}
