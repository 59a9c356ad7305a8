//! The curated resource types: what `Ref` returns, how the ARN is made, which attributes and properties name it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::workspace::model::RefValue;

const TABLE: &str = include_str!("resource_types.tsv");

/// What is known of a resource type.
#[derive(Debug)]
pub(crate) struct ResourceType {
    /// What `Ref` returns.
    pub(crate) ref_returns: RefValue,
    /// `service:region:account:rest`, see the head of the table.
    pub(crate) arn: &'static str,
    /// Attributes that are the ARN.
    pub(crate) arn_attributes: Vec<&'static str>,
    /// Attributes that are the name (or id) in the ARN.
    pub(crate) name_attributes: Vec<&'static str>,
    /// Property that gives the physical name, dotted.
    pub(crate) name_property: Option<&'static str>,
    /// Property that names the key that encrypts it, dotted.
    pub(crate) kms_property: Option<&'static str>,
}

/// The resource type of that name, if it is one of the curated ones.
pub(crate) fn resource_type(name: &str) -> Option<&'static ResourceType> {
    static TYPES: OnceLock<BTreeMap<&'static str, ResourceType>> = OnceLock::new();
    TYPES
        .get_or_init(|| TABLE.lines().filter_map(row).collect())
        .get(name)
}

fn row(line: &'static str) -> Option<(&'static str, ResourceType)> {
    if line.starts_with('#') {
        return None;
    }
    let mut columns = line.split('\t');
    let name = columns.next()?;
    let ref_returns = match columns.next()? {
        "arn" => RefValue::Arn,
        "name" => RefValue::Name,
        "url" => RefValue::Url,
        "id" => RefValue::Id,
        _ => return None,
    };
    let arn = columns.next()?;
    let arn_attributes = list(columns.next()?);
    let name_attributes = list(columns.next()?);
    Some((
        name,
        ResourceType {
            ref_returns,
            arn,
            arn_attributes,
            name_attributes,
            name_property: present(columns.next()?),
            kms_property: present(columns.next()?),
        },
    ))
}

fn present(cell: &'static str) -> Option<&'static str> {
    (cell != "-").then_some(cell)
}

fn list(cell: &'static str) -> Vec<&'static str> {
    present(cell).map_or_else(Vec::new, |cell| cell.split(',').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let row = row(line);
            assert!(row.is_some(), "{line}");
            assert_eq!(line.split('\t').count(), 7, "{line}");
            let colons = row.map_or(0, |(_, row)| row.arn.matches(':').count());
            assert!(colons >= 3, "{line}");
        }
    }

    #[test]
    fn rows_are_sorted() {
        let names: Vec<&str> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert!(names.is_sorted_by_key(|name| name.to_ascii_lowercase()));
    }
}
