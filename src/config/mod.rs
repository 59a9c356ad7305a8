//! `rolefit.toml`: what a team states about its functions, read as written and then validated.
//!
//! [`keys`] lists every key; [`check`] finds everything that is wrong with a file at once; [`take`] makes a [`Config`] of
//! one that is right; [`schema`] and [`page`] tell editors and people what may stand in it.

pub mod keys;
mod check;
mod problem;
mod take;
mod page;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::diff::risk::Severity;
use crate::gate::{FAIL_ON, Level, Threshold, Waiver};
use crate::usage::{Confidence, Location, OperationId};

pub use check::rule_glob;
pub use page::page;
pub use problem::{Problem, Problems};
pub use schema::schema;

/// The file's name.
pub const FILE_NAME: &str = "rolefit.toml";
/// Its other name, for those who keep their root tidy.
pub const HIDDEN_FILE_NAME: &str = ".rolefit.toml";

/// Why `rolefit.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what this version understands.
    #[error("{0}")]
    Invalid(Box<Problems>),
}

/// The configuration, validated.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The file, as it is called seen from the scanned root; `None` when there is none.
    pub file: Option<String>,
    /// The folder that its paths are relative to.
    pub folder: PathBuf,
    /// The manifest below which binaries count.
    pub manifest: Option<Stated<String>>,
    /// Folders with policy templates of the team's own; a later one goes before an earlier one.
    pub templates: Vec<String>,
    /// Whether the source of crates outside the workspace that wrap AWS is read.
    pub registry_sources: bool,
    /// The only stack templates that count, if any are named.
    pub sources: Vec<Source>,
    /// What CloudTrail recorded.
    pub observe: Observe,
    /// Cargo features that the code is read with.
    pub features: FeatureChoice,
    /// How the needed policy is made.
    pub synthesis: Synthesis,
    /// When the gate fails.
    pub check: Check,
    /// What is particular about single functions.
    pub functions: Vec<FunctionSettings>,
    /// Needs that no reader can see.
    pub needs: Vec<DeclaredNeed>,
    /// Policies beside the roles that no stack template shows.
    pub guards: Vec<StatedGuard>,
    /// Findings that a team accepts, with the reason.
    pub waivers: Vec<Waiver>,
}

/// A value and where it is stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub location: Location,
}

/// A `[[source]]`: a stack template that counts.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, or a folder with some.
    pub path: String,
    /// What it has to be.
    pub kind: Option<String>,
    /// Values of its parameters.
    pub parameters: BTreeMap<String, String>,
    /// A file with values of parameters, with the environment behind `#`.
    pub parameters_from: Option<String>,
    /// Where it is stated.
    pub location: Location,
}

/// `[observe]`: what CloudTrail recorded.
#[derive(Clone, Debug, Default)]
pub struct Observe {
    /// Trail objects to read when the command line names none.
    pub usage: Option<String>,
    /// The fewest days that a trail shall span.
    pub min_days: Option<u32>,
    /// The most days that its last event may lie back.
    pub max_age: Option<u32>,
    /// Services whose data events it is meant to record.
    pub data_events: Vec<String>,
}

/// `[scan]`: Cargo features that the code is read with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureChoice {
    /// Features to switch on in every package that has them.
    pub features: BTreeSet<String>,
    /// Whether code behind any feature counts.
    pub all_features: bool,
    /// Whether default features are off.
    pub no_default_features: bool,
}

/// `[synthesis]`: how the needed policy is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Synthesis {
    /// Which evidence makes a need.
    pub need: NeedPolicy,
    /// Whether a need is on every resource of its type.
    pub whole_types: bool,
    /// Whether who reads objects may also list the bucket: the line of `rolefit.toml` that says so.
    pub list_bucket_for_404: Option<u32>,
    /// Whether listing buckets is limited by `s3:prefix`: the line of `rolefit.toml` that says so.
    pub prefix_conditions: Option<u32>,
    /// Whether the policy will be attached as a managed one.
    pub managed: bool,
}

/// Which evidence makes a need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NeedPolicy {
    /// The code, or the trail.
    #[default]
    CodeOrObserved,
    /// The code alone.
    Code,
    /// The trail alone.
    Observed,
    /// Both, where the trail would show it.
    CodeAndObserved,
}

/// `[check]`: when the gate fails.
#[derive(Clone, Debug)]
pub struct Check {
    /// Rules whose findings fail the gate (globs, `!` excludes).
    pub fail_on: Vec<String>,
    /// How bad a finding must be to fail it.
    pub min_severity: Severity,
    /// How sure it must be.
    pub min_confidence: Confidence,
    /// Levels in place of the rules' own, by id.
    pub levels: BTreeMap<String, Level>,
    /// Where approved grants are written.
    pub lockfile: Option<String>,
    /// Whether an incomplete analysis fails.
    pub strict: bool,
}

impl Check {
    /// When findings fail the gate.
    pub fn threshold(&self) -> Threshold {
        Threshold {
            fail_on: self.fail_on.clone(),
            min_severity: self.min_severity,
            min_confidence: self.min_confidence,
        }
    }
}

impl Default for Check {
    fn default() -> Self {
        Self {
            fail_on: FAIL_ON.map(str::to_owned).to_vec(),
            min_severity: Severity::Info,
            min_confidence: Confidence::Low,
            levels: BTreeMap::new(),
            lockfile: None,
            strict: false,
        }
    }
}

/// A `[[function]]`: what is particular about one function.
#[derive(Clone, Debug)]
pub struct FunctionSettings {
    /// The function's name (logical id or deployed name).
    pub function: String,
    /// The binary's name, or `package/binary`.
    pub binary: Option<String>,
    /// Cargo features of its binary beside those of `[scan]`.
    pub features: BTreeSet<String>,
    /// Where it is stated.
    pub location: Location,
}

/// A `[[need]]`: an operation that a function performs out of sight.
#[derive(Clone, Debug)]
pub struct DeclaredNeed {
    /// Function name, or a glob.
    pub function: String,
    /// The operation.
    pub operation: OperationId,
    /// ARN, or `${LogicalId}` of a stack resource; `None` where the operation takes none.
    pub resource: Option<String>,
    /// The account that owns it, where the ARN does not tell.
    pub account: Option<String>,
    /// Why.
    pub reason: String,
    /// Where it is stated.
    pub location: Location,
}

/// A `[[guard]]`: a policy beside the roles that no stack template shows.
#[derive(Clone, Debug)]
pub struct StatedGuard {
    /// The file, or a folder with several that are attached at one place.
    pub path: String,
    /// `scp`, `boundary` or `vpc-endpoint`.
    pub kind: String,
    /// Function name, or a glob.
    pub function: String,
    /// The service of a VPC endpoint.
    pub service: Option<String>,
    /// Where it is stated.
    pub location: Location,
}

/// Where the configuration is read from.
#[derive(Clone, Copy, Debug)]
pub enum Sought<'a> {
    /// `rolefit.toml` or `.rolefit.toml` in the scanned root, or above it within its git repository.
    Found,
    /// This file.
    File(&'a Path),
    /// Nowhere: the defaults hold.
    Nowhere,
}

/// Reads the configuration for the scanned folder `root`. Without a file the defaults hold.
///
/// # Errors
/// When the file cannot be read, or says something that has no meaning: then everything that is wrong with it.
pub fn read(root: &Path, from: Sought<'_>) -> Result<Config, ConfigError> {
    let path = match from {
        Sought::Found => find(root),
        Sought::File(path) => Some(path.to_path_buf()),
        Sought::Nowhere => None,
    };
    let Some(path) = path else {
        return Ok(Config {
            folder: root.to_path_buf(),
            ..Config::default()
        });
    };
    let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read {
        path: path.clone(),
        source,
    })?;
    let mut config = parse(&shown(root, &path), &text)?;
    config.folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    Ok(config)
}

/// The nearest configuration file of a folder: in it, or above it as far as its git repository goes.
pub fn find(root: &Path) -> Option<PathBuf> {
    let named = |folder: &Path| {
        [FILE_NAME, HIDDEN_FILE_NAME]
            .map(|name| folder.join(name))
            .into_iter()
            .find(|path| path.is_file())
    };
    if let Some(own) = named(root) {
        return Some(own);
    }
    let whole = root.canonicalize().ok()?;
    let repository = whole.ancestors().find(|folder| folder.join(".git").exists())?;
    whole
        .ancestors()
        .skip(1)
        .take_while(|folder| folder.starts_with(repository))
        .find_map(named)
}

/// What the file is called in locations: relative to the scanned root where it lies in it or above it.
fn shown(root: &Path, path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let (Ok(root), Ok(whole)) = (root.canonicalize(), path.canonicalize()) else {
        return name.into_owned();
    };
    if let Ok(inner) = whole.strip_prefix(&root) {
        return inner.to_string_lossy().replace('\\', "/");
    }
    let above = whole.parent().and_then(|folder| root.strip_prefix(folder).ok());
    match above {
        Some(below) => format!("{}{name}", "../".repeat(below.components().count())),
        None => name.into_owned(),
    }
}

/// Reads the text of a `rolefit.toml`; `file` is its name for messages.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(file: &str, text: &str) -> Result<Config, ConfigError> {
    let (document, broken) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = broken
        .iter()
        .map(|error| Problem {
            span: error.span().unwrap_or(0..1),
            message: error.message().to_owned(),
            help: None,
        })
        .collect();
    // Where the syntax is broken, what seems to be missing may only not have been read.
    if problems.is_empty() {
        problems = check::problems(text, &document);
    }
    if problems.is_empty() {
        let (config, doubtful) = take::config(file, text, document.get_ref());
        if doubtful.is_empty() {
            return Ok(config);
        }
        problems = doubtful;
    }
    Err(ConfigError::Invalid(Box::new(Problems {
        file: file.to_owned(),
        text: text.to_owned(),
        problems,
    })))
}

impl Config {
    /// A path that the configuration states, from where the program runs.
    pub fn path(&self, stated: &str) -> PathBuf {
        self.folder.join(stated)
    }

    /// The binaries that are stated: function → binary.
    pub fn links(&self) -> BTreeMap<String, String> {
        self.functions
            .iter()
            .filter_map(|one| Some((one.function.clone(), one.binary.clone()?)))
            .collect()
    }
}
