//! Tests of the deployment readers on templates of our own; what SAM makes of them was written by its own transform.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod cdk;
mod cloudformation;
mod names;
mod sam;
mod serverless;
mod stages;
mod terraform;
mod trust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::workspace::model::{Role, RoleStatement};

/// The folder of fixtures.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/deploy")
}

/// Every managed policy is one statement that shows its name, except names that start with `Unknown`.
fn managed(name: &str) -> Option<String> {
    (!name.starts_with("Unknown")).then(|| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "managed:{name}", "Resource": "*"}}}}"#
        )
    })
}

/// Reads templates given as text, all in one root.
fn read_texts(files: &[(&str, &str)]) -> Deployments {
    let root = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    read(root.path(), &managed)
}

/// Reads one YAML template.
fn read_yaml(text: &str) -> Deployments {
    read_texts(&[("template.yaml", text)])
}

/// The function of that name.
fn function<'a>(deployments: &'a Deployments, name: &str) -> &'a Function {
    deployments
        .functions
        .iter()
        .find(|function| function.name == name)
        .unwrap()
}

/// The role of the function of that name.
fn role<'a>(deployments: &'a Deployments, name: &str) -> &'a Role {
    function(deployments, name).role.as_ref().unwrap()
}

/// A statement as `kind name line [condition]: json`.
fn line(statement: &RoleStatement) -> String {
    let origin = &statement.origin;
    let condition = origin
        .condition
        .as_ref()
        .map_or(String::new(), |condition| format!(" [{condition}]"));
    format!(
        "{} {} {}{condition}: {}",
        origin.kind,
        origin.name,
        origin.location.line,
        statement.statement.to_json()
    )
}

/// The statements of a role, one a line.
fn lines(role: &Role) -> Vec<String> {
    role.statements.iter().map(line).collect()
}

/// The gaps as `code line`.
fn gaps(deployments: &Deployments) -> Vec<String> {
    deployments
        .gaps
        .iter()
        .map(|gap| {
            let line = gap.location.as_ref().map_or(0, |location| location.line);
            format!("{} {line}", gap.code)
        })
        .collect()
}
