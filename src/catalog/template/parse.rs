//! Reads a policy template's TOML strictly, and says where and what is wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{Kind, Template};
use crate::catalog::nearest::nearest;

/// Why a file is no policy template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct TemplateError {
    /// The file.
    pub file: String,
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// What is wrong, with a suggestion where there is one.
    pub message: String,
}

impl TemplateError {
    /// What is wrong with a text of the file, at the place where it stands in quotes (else as it is; else at the start).
    pub(super) fn at(file: &str, text: &str, about: &str, message: String) -> Self {
        let offset = text.find(&format!("\"{about}\"")).or_else(|| text.find(about));
        let (line, column) = place(text, offset.unwrap_or(0));
        Self {
            file: file.to_owned(),
            line,
            column,
            message,
        }
    }
}

/// Reads a template. `file` is for messages.
///
/// # Errors
/// When it is not TOML, has unknown keys, lacks required ones, or uses a parameter that it does not declare.
pub fn parse(file: &str, text: &str) -> Result<Template, TemplateError> {
    let template: Template = toml::from_str(text).map_err(|error| from_toml(file, text, &error))?;
    match complaint(&template) {
        Some(message) => Err(TemplateError {
            file: file.to_owned(),
            line: 1,
            column: 1,
            message,
        }),
        None => Ok(template),
    }
}

/// A string or a list of them.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(String),
    /// A list.
    More(Vec<String>),
}

impl OneOrMore {
    /// The strings.
    pub fn to_vec(&self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one.clone()],
            Self::More(list) => list.clone(),
        }
    }
}

/// Reads a string or a list of strings as a list.
pub(super) fn one_or_more<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    Ok(OneOrMore::deserialize(source)?.to_vec())
}

/// An error of the TOML reader with its place and, for an unknown key, the nearest known one.
pub(super) fn from_toml(file: &str, text: &str, error: &toml::de::Error) -> TemplateError {
    let (line, column) = place(text, error.span().map_or(0, |span| span.start));
    TemplateError {
        file: file.to_owned(),
        line,
        column,
        message: with_suggestion(error.message()),
    }
}

/// 1-based line and column of a byte offset.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or("");
    let line_start = before.rfind('\n').map_or(0, |index| index + 1);
    let column = before.get(line_start..).map_or(0, |line| line.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}

fn with_suggestion(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (true, Some(unknown)) = (message.starts_with("unknown "), quoted.next()) else {
        return message.to_owned();
    };
    match nearest(unknown, quoted, 1).first() {
        Some(known) => format!("unknown key `{unknown}`; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

/// What the shape alone does not say is wrong.
fn complaint(template: &Template) -> Option<String> {
    if template.schema != 1 {
        return Some(format!("schema {} is not known, only 1 is", template.schema));
    }
    if template.kind == Kind::Wrapper {
        return template
            .crate_name
            .is_none()
            .then(|| "a wrapper needs `crate`".to_owned());
    }
    if template.statements.is_empty() {
        return Some("it has no `[[statement]]`".to_owned());
    }
    let standard = ["partition", "region", "account", "function.name"];
    for statement in &template.statements {
        if template.kind == Kind::Baseline && statement.reason.is_none() {
            return Some("a statement of kind `baseline` needs a `reason`".to_owned());
        }
        let values = statement
            .condition
            .values()
            .flat_map(|keys| keys.values())
            .flat_map(OneOrMore::to_vec);
        let texts = statement.resources.iter().cloned().chain(values);
        for text in texts {
            for name in text.split("${").skip(1) {
                let name = name.split_once('}').map_or(name, |(name, _)| name);
                let known =
                    standard.contains(&name) || template.params.contains_key(name) || name.contains(':');
                if !known {
                    return Some(format!("`${{{name}}}` is not among its params"));
                }
            }
        }
        if let Some(name) = &statement.only_if
            && !template.params.contains_key(name.trim_start_matches('!'))
        {
            return Some(format!("`if = \"{name}\"` is not among its params"));
        }
    }
    None
}
