//! What AWS says: services, operations, the actions they need, resource formats, managed policies, policy templates.
//!
//! The data is one file, `data/catalog.bin`, built from pinned packages by [`build`] and embedded; `--catalog FILE`
//! reads a newer one. Hand-written knowledge lies beside it as text, in `policy-templates/`.

mod naming;
mod texts;
mod stored;
mod service;
mod action_entry;
mod edits;
mod managed_policy;
mod lookup;
mod event_name;
mod recording;
pub mod price;
mod risk;
mod nearest;
pub(crate) use nearest::nearest;
mod search;
pub mod template;
pub mod wrapper;
mod need;
pub mod build;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use action_entry::Prefix;
use stored::{ChunkRange, File, HistoryData, PolicyData, PrefixData, ServiceData, ServiceEntry};

pub use action_entry::{AccessLevel, ActionEntry, ResourceType};
pub use lookup::{Allowing, Needing};
pub use managed_policy::{ManagedPolicy, PolicyVersion};
pub use naming::snake_case;
pub use need::{
    Form, ForwardedAccess, Need, NeededAction, NeededResource, Note, Provenance, Returned, Source, When,
};
pub use recording::Recording;
pub use risk::{EscalationPath, EscalationStep, EscalationTarget, RiskClass, Severity};
pub use service::{Member, MemberKind, Operation, Service, Shape};

/// The embedded catalogue file.
static EMBEDDED: &[u8] = include_bytes!("data/catalog.bin");

/// Why a catalogue file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The file does not begin like a catalogue of this version of rolefit.
    #[error("not a catalogue file that this version of rolefit reads")]
    NotACatalog,
    /// The checksum does not fit, or the content cannot be decoded.
    #[error("the catalogue file is damaged")]
    Damaged,
}

/// Everything AWS says, at one date.
#[derive(Debug)]
pub struct Catalog {
    file: File,
    services: Vec<OnceLock<ServiceData>>,
    prefixes: Vec<OnceLock<PrefixData>>,
    policies: OnceLock<Vec<PolicyData>>,
    history: OnceLock<Vec<HistoryData>>,
    /// Positions of services by the event sources of their records.
    event_sources: OnceLock<BTreeMap<String, Vec<usize>>>,
}

/// A package that the catalogue was built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePackage<'a> {
    /// Its name, such as `botocore`.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The day it was made, `YYYY-MM-DD`, where it tells.
    pub date: Option<&'a str>,
    /// Its file.
    pub file: &'a str,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: &'a str,
    /// Its licence.
    pub licence: &'a str,
}

impl Catalog {
    /// The catalogue that rolefit carries. Reading it takes well under a millisecond; each service is decoded when it
    /// is first asked for.
    pub fn embedded() -> &'static Self {
        static CATALOG: OnceLock<Catalog> = OnceLock::new();
        CATALOG.get_or_init(|| Self::read(Cow::Borrowed(EMBEDDED), false).unwrap_or_else(|_| Self::empty()))
    }

    /// Reads a catalogue file and checks that all of it can be decoded.
    ///
    /// # Errors
    /// When the bytes are not a catalogue of this version, or are damaged.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, CatalogError> {
        let catalog = Self::read(Cow::Owned(bytes), true)?;
        let file = &catalog.file;
        for entry in &file.index.services {
            file.chunk::<ServiceData>(entry.chunk)?;
        }
        for entry in &file.index.prefixes {
            file.chunk::<PrefixData>(entry.chunk)?;
        }
        let policies: Vec<PolicyData> = file.chunk(file.index.policies)?;
        let history: Vec<HistoryData> = file.chunk(file.index.history)?;
        let in_force = policies.iter().map(|policy| policy.chunk);
        let documents: BTreeSet<ChunkRange> = in_force
            .chain(history.iter().map(|policy| policy.chunk))
            .collect();
        for chunk in documents {
            file.raw_chunk(chunk)?;
        }
        Ok(catalog)
    }

    fn read(bytes: Cow<'static, [u8]>, verify: bool) -> Result<Self, CatalogError> {
        Ok(Self::over(File::read(bytes, verify)?))
    }

    /// A catalogue that knows nothing; stands in for an embedded file that cannot be read, which tests exclude.
    fn empty() -> Self {
        Self::over(File::empty())
    }

    fn over(file: File) -> Self {
        Self {
            services: locks(file.index.services.len()),
            prefixes: locks(file.index.prefixes.len()),
            policies: OnceLock::new(),
            history: OnceLock::new(),
            event_sources: OnceLock::new(),
            file,
        }
    }

    /// The date of the newest data, `YYYY-MM-DD`.
    pub fn date(&self) -> &str {
        &self.file.index.date
    }

    /// The packages that it was built from, sorted by name.
    pub fn sources(&self) -> impl Iterator<Item = SourcePackage<'_>> {
        self.file.index.sources.iter().map(|source| SourcePackage {
            name: &source.name,
            version: &source.version,
            date: Some(source.date.as_str()).filter(|date| !date.is_empty()),
            file: &source.file,
            sha256: &source.sha256,
            licence: &source.licence,
        })
    }

    /// Checksum of the catalogue's content, in hexadecimal digits.
    pub fn checksum(&self) -> String {
        self.file.checksum()
    }

    /// Size of the catalogue's file, in bytes.
    pub fn size(&self) -> usize {
        self.file.size()
    }

    /// The service of the crate `aws-sdk-<suffix>`.
    pub fn service(&self, suffix: &str) -> Option<Service<'_>> {
        let position = self
            .file
            .index
            .services
            .binary_search_by(|entry| entry.suffix.as_str().cmp(suffix))
            .ok()?;
        self.service_at(position)
    }

    /// The service of a crate, such as `aws-sdk-dynamodb` or, as Rust paths write it, `aws_sdk_dynamodb`.
    pub fn service_of_crate(&self, crate_name: &str) -> Option<Service<'_>> {
        let suffix = crate_name
            .strip_prefix("aws-sdk-")
            .or_else(|| crate_name.strip_prefix("aws_sdk_"))?;
        self.service(suffix)
    }

    /// Every service, sorted by suffix.
    pub fn services(&self) -> impl Iterator<Item = Service<'_>> {
        (0..self.file.index.services.len()).filter_map(|position| self.service_at(position))
    }

    fn service_at(&self, position: usize) -> Option<Service<'_>> {
        let entry: &ServiceEntry = self.file.index.services.get(position)?;
        let data = self.services.get(position)?.get_or_init(|| {
            let mut data: ServiceData = self.file.chunk(entry.chunk).unwrap_or_default();
            data.texts.index();
            data
        });
        Some(Service::new(entry, data))
    }

    /// The actions of an IAM prefix, given in lower case.
    fn prefix(&self, prefix: &str) -> Option<Prefix<'_>> {
        let position = self
            .file
            .index
            .prefixes
            .binary_search_by(|entry| entry.prefix.as_str().cmp(prefix))
            .ok()?;
        self.prefix_at(position)
    }

    fn prefix_at(&self, position: usize) -> Option<Prefix<'_>> {
        let entry = self.file.index.prefixes.get(position)?;
        let data = self.prefixes.get(position)?.get_or_init(|| {
            let mut data: PrefixData = self.file.chunk(entry.chunk).unwrap_or_default();
            data.texts.index();
            data
        });
        Some(Prefix { entry, data })
    }
}

fn locks<T>(count: usize) -> Vec<OnceLock<T>> {
    std::iter::repeat_with(OnceLock::new).take(count).collect()
}

#[cfg(test)]
mod tests;
