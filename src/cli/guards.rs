//! `[[guard]]` of `rolefit.toml`: policies beside the roles that no stack template shows, read from files.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::catalog::Catalog;
use crate::config::{Config, StatedGuard};
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Policy, PolicyKind};
use crate::usage::Location;
use crate::workspace::model::{Function, Guard, GuardKind, Stack};

/// A guard that is stated, and the functions it is for.
#[derive(Debug)]
pub struct Stated {
    /// Name of the functions; `*` stands for any text.
    function: String,
    guard: Guard,
}

/// Reads what is stated.
pub fn read(config: &Config) -> anyhow::Result<Vec<Stated>> {
    config.guards.iter().map(|stated| one(config, stated)).collect()
}

fn one(config: &Config, stated: &StatedGuard) -> anyhow::Result<Stated> {
    let at = &stated.location;
    let (kind, called, grammar) = match stated.kind.as_str() {
        "boundary" => (
            GuardKind::Boundary(None),
            "permissions boundary",
            PolicyKind::Identity,
        ),
        "vpc-endpoint" => {
            let service = stated.service.clone().unwrap_or_default();
            let kind = GuardKind::Endpoint { service, vpc: None };
            (kind, "policy of the VPC endpoint", PolicyKind::Resource)
        }
        _ => (
            GuardKind::Organisation,
            "service control policy",
            PolicyKind::Identity,
        ),
    };
    let path = config.path(&stated.path);
    let mut policy = Policy {
        kind: grammar,
        ..Policy::default()
    };
    for file in files(&path).with_context(|| format!("{at}: cannot read `{}`", stated.path))? {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{at}: cannot read `{}`", file.display()))?;
        let read = Policy::read(&document(text), grammar);
        let read = read.with_context(|| format!("{at}: `{}` is no such policy", file.display()))?;
        policy.statements.extend(read.statements);
    }
    Ok(Stated {
        function: stated.function.clone(),
        guard: Guard {
            name: format!("{called} `{}`", stated.path),
            kind,
            policy,
            location: at.clone(),
            condition: None,
        },
    })
}

/// The file, or those of the folder that end in `.json`, sorted.
fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The policy document in what `aws organizations describe-policy` prints; any other text as it is.
fn document(text: String) -> String {
    let printed: Option<Value> = serde_json::from_str(&text).ok();
    let content = printed
        .as_ref()
        .and_then(|value| value.pointer("/Policy/Content")?.as_str());
    content.map_or(text.clone(), str::to_owned)
}

/// Every guard that may have a say about a function: of its stack, stated, and the boundary if AWS manages it.
pub fn of<'a>(
    catalog: &Catalog,
    stated: &'a [Stated],
    function: &Function,
    stack: Option<&'a Stack>,
    managed: &'a mut Option<Guard>,
) -> Vec<&'a Guard> {
    let boundary = function
        .role
        .as_ref()
        .and_then(|role| Some((role, role.boundary.as_ref()?)));
    *managed = boundary.and_then(|(role, arn)| {
        let name = arn.split_once(":iam::aws:policy/")?.1;
        let document = catalog.managed_policy(name)?.document_json;
        Some(Guard {
            name: format!("permissions boundary `{name}`"),
            kind: GuardKind::Boundary(Some(arn.clone())),
            policy: Policy::from_json(&document).ok()?,
            location: Location::clone(&role.location),
            condition: None,
        })
    });
    let fits = |one: &&Stated| ArnPattern::new(&one.function).covers(&ArnPattern::new(&function.name));
    let of_stack = stack.map(|stack| stack.guards.as_slice()).unwrap_or_default();
    let stated = stated.iter().filter(fits).map(|one| &one.guard);
    of_stack.iter().chain(stated).chain(managed.as_ref()).collect()
}
