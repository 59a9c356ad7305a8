//! Crates that call AWS for the application: which operations their functions and methods perform, as data in
//! `policy-templates/wrappers`, one file for each crate.
//!
//! The scanner asks by crate and path; it knows nothing of these crates itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::Deserialize;

/// The files as they lie in `policy-templates/wrappers`.
const FILES: &[(&str, &str)] = &[
    (
        "aws-config.toml",
        include_str!("../../policy-templates/wrappers/aws-config.toml"),
    ),
    (
        "aws-sdk-dsql.toml",
        include_str!("../../policy-templates/wrappers/aws-sdk-dsql.toml"),
    ),
    (
        "aws-sdk-rds.toml",
        include_str!("../../policy-templates/wrappers/aws-sdk-rds.toml"),
    ),
    (
        "aws-sdk-s3-transfer-manager.toml",
        include_str!("../../policy-templates/wrappers/aws-sdk-s3-transfer-manager.toml"),
    ),
    (
        "aws-sigv4.toml",
        include_str!("../../policy-templates/wrappers/aws-sigv4.toml"),
    ),
    (
        "aws_secretsmanager_caching.toml",
        include_str!("../../policy-templates/wrappers/aws_secretsmanager_caching.toml"),
    ),
    (
        "coldsnap.toml",
        include_str!("../../policy-templates/wrappers/coldsnap.toml"),
    ),
    (
        "dynamodb-lease.toml",
        include_str!("../../policy-templates/wrappers/dynamodb-lease.toml"),
    ),
    (
        "object_store.toml",
        include_str!("../../policy-templates/wrappers/object_store.toml"),
    ),
    (
        "tough-kms.toml",
        include_str!("../../policy-templates/wrappers/tough-kms.toml"),
    ),
    (
        "tough-ssm.toml",
        include_str!("../../policy-templates/wrappers/tough-ssm.toml"),
    ),
];

/// What a crate that calls AWS does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrapper {
    /// Version of the format.
    pub schema: u32,
    /// `wrapper/<crate>`.
    pub id: String,
    /// Always `wrapper`.
    pub kind: String,
    /// What it is, in a few words.
    pub title: String,
    /// The page that says so.
    pub docs: String,
    /// The package's name.
    #[serde(rename = "crate")]
    pub crate_name: String,
    /// Versions that it was checked with.
    pub versions: String,
    /// The feature of the crate without which it calls nothing.
    pub feature: Option<String>,
    /// Types (and traits) whose values are followed.
    #[serde(default)]
    pub types: BTreeSet<String>,
    /// Functions and methods that call nothing; those of `types` that stand nowhere are gaps.
    #[serde(default)]
    pub quiet: BTreeSet<String>,
    /// Functions and methods that call AWS, or do what cannot be told.
    #[serde(default, rename = "call")]
    pub calls: Vec<WrapperCall>,
    /// Methods whose argument becomes an input of the crate's later calls.
    #[serde(default, rename = "set")]
    pub sets: Vec<WrapperSet>,
    /// Code and what must be found in it.
    #[serde(default, rename = "test")]
    pub tests: Vec<WrapperTest>,
}

/// A function or method that calls AWS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrapperCall {
    /// `Type::method`, the name of a function, or of a struct whose fields are public.
    pub paths: Vec<String>,
    /// What it performs: `service.Operation`.
    #[serde(default)]
    pub operations: Vec<String>,
    /// Member of the operations' input → index of the argument, without the receiver.
    #[serde(default)]
    pub inputs: BTreeMap<String, usize>,
    /// For a struct that code writes out (`paths` has its name): member of the operations' input → its field.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Why it cannot be told what it performs; then it is a gap.
    pub gap: Option<String>,
}

/// A method whose argument becomes an input of later calls.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrapperSet {
    /// `Type::method`.
    pub paths: Vec<String>,
    /// The member.
    pub member: String,
    /// Index of the argument.
    #[serde(default)]
    pub arg: usize,
}

/// Code, and what must be found in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrapperTest {
    /// A `src/main.rs` with the scanner's `//~` notes.
    pub code: String,
}

impl Wrapper {
    /// The crate's name in paths.
    pub fn code_name(&self) -> String {
        self.crate_name.replace('-', "_")
    }

    /// What the function or method `path` performs.
    pub fn call(&self, path: &str) -> Option<&WrapperCall> {
        let named = |call: &&WrapperCall| call.paths.iter().any(|found| found == path);
        self.calls.iter().find(named)
    }

    /// The input that the method `path` sets.
    pub fn set(&self, path: &str) -> Option<&WrapperSet> {
        let named = |set: &&WrapperSet| set.paths.iter().any(|found| found == path);
        self.sets.iter().find(named)
    }

    /// Every operation of its calls.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.calls
            .iter()
            .flat_map(|call| &call.operations)
            .map(String::as_str)
    }
}

/// Every wrapper that is known, by the crate's name in paths.
pub fn wrappers() -> &'static BTreeMap<String, Wrapper> {
    static WRAPPERS: OnceLock<BTreeMap<String, Wrapper>> = OnceLock::new();
    WRAPPERS.get_or_init(|| {
        // A test reads every file, so that none is lost here.
        FILES
            .iter()
            .filter_map(|(_, text)| toml::from_str::<Wrapper>(text).ok())
            .map(|wrapper| (wrapper.code_name(), wrapper))
            .collect()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_built_in_and_valid() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policy-templates/wrappers");
        let found: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let listed: BTreeSet<String> = FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(listed, found);
        for (file, text) in FILES {
            let wrapper: Wrapper = toml::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!((wrapper.schema, wrapper.kind.as_str()), (1, "wrapper"), "{file}");
            assert_eq!(format!("{}.toml", wrapper.crate_name), *file);
            assert_eq!(wrapper.id, format!("wrapper/{}", wrapper.crate_name));
            assert!(
                !wrapper.tests.is_empty() && wrapper.docs.starts_with("https://"),
                "{file}"
            );
            for call in &wrapper.calls {
                assert!(
                    call.gap.is_some() == call.operations.is_empty(),
                    "{file}: {:?}",
                    call.paths
                );
            }
        }
    }
}
