//! `rolefit.lock`: the grants that a team approved, one a line, so that a change of permissions is a change of a file.
//!
//! [`Lock::of`] takes down what roles grant today, [`Lock::to_toml`] and [`Lock::parse`] are the file, and
//! [`LockedFunction::statements`] is what was approved, for `iam::contain` to judge creep on.

mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
use serde_spanned::Spanned;
use sha2::{Digest, Sha256};

use super::trust::is_lambda_alone;
use crate::catalog::{Catalog, ManagedPolicy};
use crate::iam::policy::{Effect, Policy, PolicyKind, Statement};
use crate::usage::Location;
use crate::workspace::model::{Function, Role};

/// The file's name in the scanned root.
pub const FILE_NAME: &str = "rolefit.lock";

/// Why a lock cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{file}` line {line}: {message}; `rolefit lock` writes the file anew")]
pub struct LockError {
    /// The file.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

/// What was approved, function by function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Functions by the key of [`key`].
    pub functions: BTreeMap<(String, String), LockedFunction>,
}

/// What was approved for one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedFunction {
    /// Where its entry stands in the file.
    pub location: Location,
    /// Statements that allow.
    pub grants: Vec<Statement>,
    /// Statements that deny.
    pub denies: Vec<Statement>,
    /// AWS managed policies.
    pub managed: Vec<LockedPolicy>,
    /// The permissions boundary, if it has one.
    pub boundary: Option<String>,
    /// Who may assume the role, if others may than Lambda alone.
    pub trust: Option<Policy>,
}

/// An attached AWS managed policy at the version that was approved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedPolicy {
    /// Its name.
    pub name: String,
    /// Its version, such as `v3`.
    pub version: String,
    /// SHA-256 of its document in canonical form.
    pub digest: String,
}

/// What a newer lock changes for one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The function's name.
    pub function: String,
    /// Lines that are new.
    pub added: Vec<String>,
    /// Lines that are gone.
    pub removed: Vec<String>,
}

/// How a function is known in the lock: its name and `<file>#<role>`.
pub fn key(function: &Function, role: &Role) -> (String, String) {
    (function.name.clone(), format!("{}#{}", role.origin, role.id))
}

impl LockedPolicy {
    /// An AWS managed policy at its newest version in the catalogue.
    pub fn of(catalog: &Catalog, name: &str) -> Option<Self> {
        catalog.managed_policy(name).map(Self::from)
    }

    /// An AWS managed policy at a version that the catalogue knows.
    pub fn at(catalog: &Catalog, name: &str, version: &str) -> Option<Self> {
        catalog.managed_policy_version(name, version).map(Self::from)
    }

    /// The document that was approved, if the catalogue still has it and it is the same.
    pub fn document(&self, catalog: &Catalog) -> Option<Policy> {
        let policy = catalog.managed_policy_version(&self.name, &self.version)?;
        (digest(&policy.document_json) == self.digest)
            .then(|| Policy::from_json(&policy.document_json).ok())
            .flatten()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (name, version, digest) = (words.next()?, words.next()?, words.next()?);
        (words.next().is_none() && digest.starts_with("sha256:")).then(|| Self {
            name: name.to_owned(),
            version: version.to_owned(),
            digest: digest.to_owned(),
        })
    }
}

impl From<ManagedPolicy> for LockedPolicy {
    fn from(policy: ManagedPolicy) -> Self {
        Self {
            digest: digest(&policy.document_json),
            name: policy.name,
            version: policy.version,
        }
    }
}

/// Of the document as rolefit prints it, so that white space does not count.
fn digest(document: &str) -> String {
    let canonical =
        Policy::from_json(document).map_or_else(|_| document.to_owned(), |policy| policy.to_json_compact());
    let mut hex = String::from("sha256:");
    for byte in Sha256::digest(canonical.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

impl Lock {
    /// What the roles of these functions grant today.
    pub fn of<'a>(catalog: &Catalog, functions: impl IntoIterator<Item = &'a Function>) -> Self {
        let entry = |function: &'a Function| {
            let role = function.role.as_ref()?;
            Some((key(function, role), LockedFunction::of(catalog, role)))
        };
        Self {
            functions: functions.into_iter().filter_map(entry).collect(),
        }
    }

    /// Functions whose grants differ between two locks, with the lines added and removed.
    pub fn changes(&self, newer: &Self) -> Vec<Change> {
        let keys: BTreeSet<&(String, String)> = self.functions.keys().chain(newer.functions.keys()).collect();
        keys.into_iter()
            .filter_map(|key| {
                let (before, after) = (self.lines(key), newer.lines(key));
                let change = Change {
                    function: key.0.clone(),
                    added: after.difference(&before).cloned().collect(),
                    removed: before.difference(&after).cloned().collect(),
                };
                (before != after).then_some(change)
            })
            .collect()
    }

    fn lines(&self, key: &(String, String)) -> BTreeSet<String> {
        let Some(function) = self.functions.get(key) else {
            return BTreeSet::new();
        };
        let denies = function
            .denies
            .iter()
            .flat_map(line::lines)
            .map(|line| format!("deny {line}"));
        let managed = function
            .managed
            .iter()
            .map(|policy| format!("{} {}", policy.name, policy.version));
        let boundary = function
            .boundary
            .iter()
            .map(|boundary| format!("boundary {boundary}"));
        let trust = function
            .trust
            .iter()
            .map(|trust| format!("trust {}", trust.to_json_compact()));
        function
            .grants
            .iter()
            .flat_map(line::lines)
            .chain(denies)
            .chain(managed)
            .chain(boundary)
            .chain(trust)
            .collect()
    }

    /// The file: sorted, one grant a line, the same bytes for the same roles.
    pub fn to_toml(&self, version: &str, catalog: &str) -> String {
        let mut out = format!(
            "# rolefit.lock: grants approved per function. Written by `rolefit lock`; review the diff, do not edit.\n\
             version = 1\nrolefit = {version:?}\ncatalog = {catalog:?}\n"
        );
        for ((name, role), function) in &self.functions {
            let _ = write!(
                out,
                "\n[[function]]\nname = {}\nrole = {}\n",
                quoted(name),
                quoted(role)
            );
            if let Some(boundary) = &function.boundary {
                let _ = writeln!(out, "boundary = {}", quoted(boundary));
            }
            if let Some(trust) = &function.trust {
                let _ = writeln!(out, "trust = {}", quoted(&trust.to_json_compact()));
            }
            let managed = function
                .managed
                .iter()
                .map(|policy| format!("{} {} {}", policy.name, policy.version, policy.digest));
            list(
                &mut out,
                "grants",
                function.grants.iter().flat_map(line::lines).collect(),
                true,
            );
            list(
                &mut out,
                "denies",
                function.denies.iter().flat_map(line::lines).collect(),
                false,
            );
            list(&mut out, "managed", managed.collect(), false);
        }
        out
    }

    /// Reads the text of a lock; `file` is its name for messages.
    ///
    /// # Errors
    /// Names the line that cannot be understood.
    pub fn parse(file: &str, text: &str) -> Result<Self, LockError> {
        let error = |offset: usize, message: String| LockError {
            file: file.to_owned(),
            line: line_of(text, offset),
            message,
        };
        let written: AsWritten = toml::from_str(text).map_err(|parse| {
            error(
                parse.span().map_or(0, |span| span.start),
                parse.message().to_owned(),
            )
        })?;
        if *written.version.get_ref() != 1 {
            let message = format!("version {} is not known", written.version.get_ref());
            return Err(error(written.version.span().start, message));
        }
        let mut functions = BTreeMap::new();
        for entry in written.function {
            let start = entry.span().start;
            let entry = entry.into_inner();
            let statements = |lines: &[Spanned<String>], effect| {
                lines
                    .iter()
                    .map(|text| {
                        line::statement(text.get_ref(), effect)
                            .map_err(|message| error(text.span().start, message))
                    })
                    .collect::<Result<Vec<_>, _>>()
            };
            let managed = entry.managed.iter().map(|text| {
                LockedPolicy::parse(text.get_ref()).ok_or_else(|| {
                    error(
                        text.span().start,
                        "expected a policy's name, its version and `sha256:…`".to_owned(),
                    )
                })
            });
            let trust = entry.trust.as_ref().map(|text| {
                Policy::read(text.get_ref(), PolicyKind::Trust)
                    .map_err(|problem| error(text.span().start, problem.to_string()))
            });
            let function = LockedFunction {
                location: Location::new(file, line_of(text, start), 1),
                grants: statements(&entry.grants, Effect::Allow)?,
                denies: statements(&entry.denies, Effect::Deny)?,
                managed: managed.collect::<Result<_, _>>()?,
                boundary: entry.boundary,
                trust: trust.transpose()?,
            };
            let name = entry.name.clone();
            if functions.insert((entry.name, entry.role), function).is_some() {
                return Err(error(start, format!("`{name}` stands twice with the same role")));
            }
        }
        Ok(Self { functions })
    }
}

impl LockedFunction {
    fn of(catalog: &Catalog, role: &Role) -> Self {
        let managed: BTreeSet<LockedPolicy> = managed_names(catalog, role)
            .into_iter()
            .filter_map(|name| LockedPolicy::of(catalog, name))
            .collect();
        let by_aws: BTreeSet<&str> = managed.iter().map(|policy| policy.name.as_str()).collect();
        let own = |effect: Effect| {
            role.statements
                .iter()
                .filter(|one| one.statement.effect == effect && !by_aws.contains(one.origin.name.as_str()))
                .map(|one| one.statement.clone())
                .collect()
        };
        Self {
            location: Location::new(FILE_NAME, 1, 1),
            grants: own(Effect::Allow),
            denies: own(Effect::Deny),
            managed: managed.iter().cloned().collect(),
            boundary: role.boundary.clone(),
            trust: role
                .trust
                .as_ref()
                .filter(|trust| !is_lambda_alone(&trust.policy))
                .map(|trust| trust.policy.clone()),
        }
    }

    /// Everything approved, managed policies at their approved versions; `Err` names one whose document is not known.
    pub fn statements(&self, catalog: &Catalog) -> Result<Vec<Statement>, &LockedPolicy> {
        let mut statements: Vec<Statement> = self.grants.iter().chain(&self.denies).cloned().collect();
        for policy in &self.managed {
            statements.extend(policy.document(catalog).ok_or(policy)?.statements);
        }
        Ok(statements)
    }
}

/// Names of AWS's managed policies that a role carries: origins whose statements are those of AWS's document, as a policy
/// of the stack's own may have the same name.
pub fn managed_names<'a>(catalog: &Catalog, role: &'a Role) -> BTreeSet<&'a str> {
    let mut origins: BTreeMap<&str, Vec<&Statement>> = BTreeMap::new();
    for one in &role.statements {
        if matches!(
            one.origin.kind,
            "managed-policy" | "sam-injected" | "serverless-injected"
        ) {
            origins.entry(&one.origin.name).or_default().push(&one.statement);
        }
    }
    let by_aws = |name: &str, statements: &[&Statement]| {
        let document = catalog.managed_policy(name)?;
        let policy = Policy::from_json(&document.document_json).ok()?;
        statements
            .iter()
            .all(|statement| policy.statements.contains(statement))
            .then_some(())
    };
    origins
        .iter()
        .filter_map(|(name, statements)| by_aws(name, statements).map(|()| *name))
        .collect()
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A list, one item a line, sorted and each once.
fn list(out: &mut String, key: &str, mut items: Vec<String>, even_empty: bool) {
    items.sort();
    items.dedup();
    if items.is_empty() {
        if even_empty {
            let _ = writeln!(out, "{key} = []");
        }
        return;
    }
    let _ = writeln!(out, "{key} = [");
    for item in items {
        let _ = writeln!(out, "  {},", quoted(&item));
    }
    out.push_str("]\n");
}

fn line_of(text: &str, offset: usize) -> u32 {
    let before = text.get(..offset.min(text.len())).unwrap_or_default();
    u32::try_from(before.bytes().filter(|&byte| byte == b'\n').count() + 1).unwrap_or(u32::MAX)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    version: Spanned<u32>,
    #[serde(rename = "rolefit")]
    _rolefit: String,
    #[serde(rename = "catalog")]
    _catalog: String,
    #[serde(default)]
    function: Vec<Spanned<FunctionAsWritten>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FunctionAsWritten {
    name: String,
    role: String,
    boundary: Option<String>,
    trust: Option<Spanned<String>>,
    grants: Vec<Spanned<String>>,
    #[serde(default)]
    denies: Vec<Spanned<String>>,
    #[serde(default)]
    managed: Vec<Spanned<String>>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::workspace::deploy;
    use std::path::Path;

    const DEMO: &str = "docs/demo/orders";

    fn demo() -> Lock {
        let catalog = Catalog::embedded();
        let read = deploy::read(Path::new(DEMO), &|name| {
            catalog.managed_policy(name).map(|policy| policy.document_json)
        });
        Lock::of(catalog, &read.functions)
    }

    #[test]
    fn the_file_reads_back_as_the_roles() {
        let lock = demo();
        assert_eq!(lock.functions.len(), 6);
        let text = lock.to_toml("0.1.0", "2026-11-17");
        let again = Lock::parse(FILE_NAME, &text).unwrap();
        assert_eq!(again.to_toml("0.1.0", "2026-11-17"), text);
        for (key, function) in &lock.functions {
            assert!(
                again.functions[key].statements(Catalog::embedded()).is_ok(),
                "{key:?}"
            );
            assert_eq!(again.functions[key].managed, function.managed);
        }
        assert!(text.contains("AWSLambdaBasicExecutionRole v"));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let text = "version = 1\nrolefit = \"0\"\ncatalog = \"x\"\n[[function]]\nname = \"f\"\nrole = \"t#r\"\ngrants = [\n  \"s3:GetObject\",\n]\n";
        let error = Lock::parse(FILE_NAME, text).unwrap_err();
        assert_eq!((error.line, error.file.as_str()), (8, "rolefit.lock"));
    }
}
