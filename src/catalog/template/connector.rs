//! SAM connectors: what the execution role of a function gets for each pair of resource types.

use std::sync::OnceLock;

use serde::Deserialize;

use super::parse::{TemplateError, from_toml, one_or_more};

const FILE: &str = "sam/connectors.toml";
const TEXT: &str = include_str!("../../../policy-templates/sam/connectors.toml");

/// What a connector between two resource types grants.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// Type of the source, such as `AWS::Lambda::Function`.
    pub source: String,
    /// Type of the destination.
    pub destination: String,
    /// Whose role gets the statements.
    pub grants: Grants,
    /// What is granted, with `${arn}` and `${name}` for the other end.
    #[serde(rename = "statement")]
    pub statements: Vec<ConnectorStatement>,
}

/// Whose role a connector gives permissions to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Grants {
    /// The source's.
    Source,
    /// The destination's.
    Destination,
}

/// A statement of a connector.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ConnectorStatement {
    /// `Read` or `Write`.
    pub category: String,
    /// Actions.
    #[serde(deserialize_with = "one_or_more")]
    pub actions: Vec<String>,
    /// Resources.
    #[serde(deserialize_with = "one_or_more")]
    pub resources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "read so that the key is known")]
    schema: u32,
    connector: Vec<Connector>,
}

/// The connector between two types of CloudFormation resources, if it grants a function's role something.
pub fn connector(source: &str, destination: &str) -> Option<&'static Connector> {
    static CONNECTORS: OnceLock<Vec<Connector>> = OnceLock::new();
    CONNECTORS
        .get_or_init(|| read().unwrap_or_default())
        .iter()
        .find(|known| known.source == source && known.destination == destination)
}

fn read() -> Result<Vec<Connector>, TemplateError> {
    let file: File = toml::from_str(TEXT).map_err(|error| from_toml(FILE, TEXT, &error))?;
    Ok(file.connector)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_of_connectors_is_valid() {
        assert_eq!(super::read().map(|connectors| connectors.len()), Ok(10));
    }
}
