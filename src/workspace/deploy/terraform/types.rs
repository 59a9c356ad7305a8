//! Which CloudFormation type a Terraform resource is, and which of its attributes name it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

const TABLE: &str = include_str!("types.tsv");

/// What is known of a type of the AWS provider.
#[derive(Debug)]
pub(super) struct Known {
    /// CloudFormation type.
    pub(super) same: &'static str,
    reference: Vec<&'static str>,
    arn: Vec<&'static str>,
    name: Vec<&'static str>,
    /// Argument that gives the physical name.
    pub(super) named: Option<&'static str>,
    /// Argument that names the key.
    pub(super) kms: Option<&'static str>,
}

impl Known {
    /// The symbol, without `${` and `}`, for an attribute of the resource at an address, if the attribute names it.
    pub(super) fn symbol(&self, address: &str, attribute: &str) -> Option<String> {
        if self.reference.contains(&attribute) {
            Some(address.to_owned())
        } else if self.arn.contains(&attribute) {
            Some(format!("{address}.arn"))
        } else if self.name.contains(&attribute) {
            Some(format!("{address}.name"))
        } else {
            None
        }
    }
}

/// What an expression asks a resource for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Its ARN.
    Arn,
    /// What `Ref` returns for the CloudFormation type that is the same: the name of most.
    Reference,
    /// The name in the ARN, where that is something else.
    Name,
}

/// The attribute of a type that gives what is asked for, as an expression would say it.
pub(crate) fn attribute(kind: &str, asked: Asked) -> Option<&'static str> {
    let known = known(kind)?;
    let attributes = match asked {
        Asked::Arn => &known.arn,
        Asked::Reference => &known.reference,
        Asked::Name => &known.name,
    };
    let named = known
        .named
        .filter(|named| asked == Asked::Reference && attributes.contains(named));
    named.or(attributes.first().copied())
}

/// What is known of a type.
pub(super) fn known(kind: &str) -> Option<&'static Known> {
    static TYPES: OnceLock<BTreeMap<&'static str, Known>> = OnceLock::new();
    TYPES
        .get_or_init(|| TABLE.lines().filter_map(row).collect())
        .get(kind)
}

fn row(line: &'static str) -> Option<(&'static str, Known)> {
    if line.starts_with('#') {
        return None;
    }
    let mut columns = line.split('\t');
    let kind = columns.next()?;
    let known = Known {
        same: columns.next()?,
        reference: list(columns.next()?),
        arn: list(columns.next()?),
        name: list(columns.next()?),
        named: present(columns.next()?),
        kms: present(columns.next()?),
    };
    Some((kind, known))
}

fn present(cell: &'static str) -> Option<&'static str> {
    (cell != "-").then_some(cell)
}

fn list(cell: &'static str) -> Vec<&'static str> {
    present(cell).map_or_else(Vec::new, |cell| cell.split(',').collect())
}

#[cfg(test)]
mod tests {
    use super::super::super::resource_types::resource_type;
    use super::*;

    #[test]
    fn every_row_is_sorted_and_has_a_cloudformation_type() {
        let rows: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(rows.is_sorted());
        for line in rows {
            assert_eq!(line.split('\t').count(), 7, "{line}");
            let same = row(line).map_or("", |(_, known)| known.same);
            assert!(resource_type(same).is_some(), "{line}");
        }
    }
}
