//! Adds what SDK crates have and botocore has not: two services and a few waiters, from `supplement.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::BuildError;
use super::botocore::ServiceModel;
use crate::catalog::naming;
use crate::catalog::stored::{MemberData, OperationData, ServiceData, ShapeData, StoredKind};
use crate::catalog::texts::TextsBuilder;

const SUPPLEMENT: &str = include_str!("supplement.toml");

/// The file.
#[derive(Debug, Deserialize)]
struct Supplement {
    service: Vec<ExtraService>,
    alias: Vec<Alias>,
    waiter: Vec<ExtraWaiter>,
}

/// A service with its operations and their input members.
#[derive(Debug, Deserialize)]
struct ExtraService {
    suffix: String,
    title: String,
    iam_prefix: String,
    endpoint_prefix: String,
    operations: BTreeMap<String, Vec<String>>,
}

/// A crate that speaks to another crate's service.
#[derive(Debug, Deserialize)]
struct Alias {
    suffix: String,
    title: String,
    of: String,
    without: Vec<String>,
}

/// A waiter of a service that is there.
#[derive(Debug, Deserialize)]
struct ExtraWaiter {
    service: String,
    name: String,
    operation: String,
}

/// Adds the supplement to the services read from botocore.
pub(super) fn add(services: &mut Vec<ServiceModel>) -> Result<(), BuildError> {
    let wrong = |reason: String| BuildError::Inconsistent(format!("supplement.toml: {reason}"));
    let supplement: Supplement = toml::from_str(SUPPLEMENT).map_err(|error| wrong(error.to_string()))?;
    for waiter in &supplement.waiter {
        let service = services
            .iter_mut()
            .find(|service| service.suffix == waiter.service)
            .ok_or_else(|| wrong(format!("no service `{}`", waiter.service)))?;
        add_waiter(&mut service.data, waiter);
    }
    for alias in supplement.alias {
        let original = services
            .iter()
            .find(|service| service.suffix == alias.of)
            .ok_or_else(|| wrong(format!("no service `{}`", alias.of)))?;
        services.push(aliased(original, alias));
    }
    services.extend(supplement.service.into_iter().map(extra_service));
    Ok(())
}

fn add_waiter(data: &mut ServiceData, waiter: &ExtraWaiter) {
    let mut texts = TextsBuilder::from(std::mem::take(&mut data.texts));
    data.waiters
        .push((texts.add(&waiter.name), texts.add(&waiter.operation)));
    data.texts = texts.finish();
}

fn aliased(original: &ServiceModel, alias: Alias) -> ServiceModel {
    let mut model = ServiceModel {
        suffix: alias.suffix,
        title: alias.title,
        ..original.clone()
    };
    let texts = &model.data.texts;
    model
        .data
        .operations
        .retain(|operation| !alias.without.iter().any(|name| name == texts.get(operation.name)));
    model
}

fn extra_service(extra: ExtraService) -> ServiceModel {
    let mut texts = TextsBuilder::default();
    let mut data = ServiceData::default();
    for (name, members) in &extra.operations {
        let input = u32::try_from(data.shapes.len()).ok();
        data.operations.push(OperationData {
            name: texts.add(name),
            input,
            ..OperationData::default()
        });
        data.shapes.push(ShapeData {
            name: texts.add(&format!("{name}Request")),
            is_union: false,
            members: members
                .iter()
                .map(|member| MemberData {
                    name: texts.add(member),
                    kind: StoredKind::OtherScalar,
                    ..MemberData::default()
                })
                .collect(),
        });
    }
    data.texts = texts.finish();
    let texts = &data.texts;
    data.operations
        .sort_by(|a, b| naming::compare_folded(texts.get(a.name), texts.get(b.name)));
    ServiceModel {
        suffix: extra.suffix,
        directory: String::new(),
        title: extra.title,
        iam_prefix: extra.iam_prefix,
        endpoint_prefix: extra.endpoint_prefix,
        data,
        ..ServiceModel::default()
    }
}
