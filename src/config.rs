//! `rolefit.toml`: what a team states about its functions, read as written and then validated.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_spanned::Spanned;

use crate::gate::Waiver;
use crate::usage::{Location, OperationId};

/// The file's name in the scanned root.
pub const FILE_NAME: &str = "rolefit.toml";

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
    #[error("`{file}` line {line}: {message}")]
    Invalid {
        /// The file.
        file: String,
        /// 1-based line.
        line: u32,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// The configuration, validated.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Links that a team states: function name → binary.
    pub links: Vec<Link>,
    /// Needs that no reader can see.
    pub needs: Vec<DeclaredNeed>,
    /// Findings that a team accepts, with the reason.
    pub waivers: Vec<Waiver>,
    /// Trail objects to read when the command line names none, relative to the root.
    pub trail: Option<String>,
    /// Folders with policy templates of the team's own, relative to the root; a later one goes before an earlier one.
    pub templates: Vec<String>,
    /// Rules whose findings fail the gate (globs, `!` excludes).
    pub fail_on: Vec<String>,
    /// Whether an incomplete analysis fails.
    pub strict: bool,
    /// Cargo features that the code is read with.
    pub features: FeatureChoice,
}

/// `[scan]`: Cargo features that the code is read with.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FeatureChoice {
    /// Features to switch on in every package that has them.
    #[serde(default)]
    pub features: Vec<String>,
    /// Whether code behind any feature counts.
    #[serde(default)]
    pub all_features: bool,
    /// Whether default features are off.
    #[serde(default)]
    pub no_default_features: bool,
}

/// A `[[function]]`: which binary a function runs.
#[derive(Clone, Debug)]
pub struct Link {
    /// The function's name (logical id or deployed name).
    pub function: String,
    /// The binary's name.
    pub binary: String,
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
    /// Why.
    pub reason: String,
    /// Where it is stated.
    pub location: Location,
}

/// What fails the gate when nothing is configured: missing permissions, creep, escalation, ignored policies, broken
/// waivers. Other excess is reported and does not fail.
pub const FAIL_ON: [&str; 5] = ["RF004", "RF01*", "RF02*", "RF032", "RF09*"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    version: Spanned<u32>,
    #[serde(default)]
    observe: ObserveAsWritten,
    #[serde(default)]
    templates: TemplatesAsWritten,
    #[serde(default)]
    check: CheckAsWritten,
    #[serde(default)]
    scan: FeatureChoice,
    #[serde(default)]
    function: Vec<Spanned<FunctionAsWritten>>,
    #[serde(default)]
    need: Vec<Spanned<NeedAsWritten>>,
    #[serde(default)]
    ignore: Vec<Spanned<IgnoreAsWritten>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObserveAsWritten {
    usage: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplatesAsWritten {
    #[serde(default)]
    folders: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckAsWritten {
    fail_on: Option<Vec<String>>,
    #[serde(default)]
    strict: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FunctionAsWritten {
    name: String,
    bin: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeedAsWritten {
    function: String,
    operation: String,
    resource: Option<String>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IgnoreAsWritten {
    rule: String,
    function: Option<String>,
    action: Option<String>,
    reason: String,
    expires: Option<toml::value::Datetime>,
}

/// Reads `rolefit.toml` in `root`, or the file that was named. Without a file the defaults hold.
pub fn read(root: &Path, named: Option<&Path>) -> Result<Config, ConfigError> {
    let path = named.map_or_else(|| root.join(FILE_NAME), Path::to_path_buf);
    if named.is_none() && !path.is_file() {
        return Ok(parse_default());
    }
    let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read {
        path: path.clone(),
        source,
    })?;
    let file = path.file_name().map_or_else(
        || FILE_NAME.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    parse(&file, &text)
}

fn parse_default() -> Config {
    Config {
        fail_on: FAIL_ON.map(str::to_owned).to_vec(),
        ..Config::default()
    }
}

/// Reads the text of a `rolefit.toml`; `file` is its name for messages.
pub fn parse(file: &str, text: &str) -> Result<Config, ConfigError> {
    let at = |offset: usize| {
        let before = text.get(..offset.min(text.len())).unwrap_or_default();
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        Location::new(file, u32::try_from(line).unwrap_or(u32::MAX), 1)
    };
    let invalid = |offset: usize, message: String| ConfigError::Invalid {
        file: file.to_owned(),
        line: at(offset).line,
        message,
    };
    let written: AsWritten = toml::from_str(text).map_err(|error| {
        invalid(
            error.span().map_or(0, |span| span.start),
            error.message().to_owned(),
        )
    })?;
    if *written.version.get_ref() != 1 {
        let message = format!(
            "version {} is not known; this rolefit reads version 1",
            written.version.get_ref()
        );
        return Err(invalid(written.version.span().start, message));
    }
    let mut config = parse_default();
    config.trail = written.observe.usage;
    config.templates = written.templates.folders;
    config.strict = written.check.strict;
    config.features = written.scan;
    if let Some(fail_on) = written.check.fail_on {
        config.fail_on = fail_on;
    }
    for link in written.function {
        let location = at(link.span().start);
        let FunctionAsWritten { name, bin } = link.into_inner();
        config.links.push(Link {
            function: name,
            binary: bin,
            location,
        });
    }
    for need in written.need {
        let start = need.span().start;
        let NeedAsWritten {
            function,
            operation,
            resource,
            reason,
        } = need.into_inner();
        let operation = OperationId::parse(&operation).ok_or_else(|| {
            invalid(
                start,
                format!("operation `{operation}` is not of the form `dynamodb.PutItem`"),
            )
        })?;
        config.needs.push(DeclaredNeed {
            function,
            operation,
            resource,
            reason,
            location: at(start),
        });
    }
    for waiver in written.ignore {
        let location = at(waiver.span().start);
        let IgnoreAsWritten {
            rule,
            function,
            action,
            reason,
            expires,
        } = waiver.into_inner();
        config.waivers.push(Waiver {
            rule,
            function: function.unwrap_or_else(|| "*".to_owned()),
            action: action.unwrap_or_else(|| "*".to_owned()),
            reason,
            expires: expires.map(|date| date.to_string()),
            location,
        });
    }
    Ok(config)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn states_links_needs_and_waivers() {
        let config = parse(
            "rolefit.toml",
            "version = 1\n[[function]]\nname = \"orders-prod\"\nbin = \"put-order\"\n\n[[need]]\nfunction = \"*\"\n\
             operation = \"s3.GetObject\"\nresource = \"arn:aws:s3:::b/*\"\nreason = \"layer\"\n",
        )
        .unwrap();
        assert_eq!(config.links.first().unwrap().location.line, 2);
        assert_eq!(
            config.needs.first().unwrap().operation.to_string(),
            "s3.GetObject"
        );
        assert!(config.fail_on.contains(&"RF01*".to_owned()));
    }

    #[test]
    fn names_the_line_of_an_unknown_key() {
        let error = parse("rolefit.toml", "version = 1\n\n[check]\nfail_en = []\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("`rolefit.toml` line 4: unknown field `fail_en`"),
            "{error}"
        );
    }

    #[test]
    fn refuses_another_version() {
        assert!(
            parse("rolefit.toml", "version = 2\n")
                .unwrap_err()
                .to_string()
                .contains("version 2 is not known")
        );
    }
}
