//! Reads botocore's API models: services, operations, input structures, waiters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::BuildError;
use super::packages::Packages;
use super::pins::Role;
use crate::catalog::naming;
use crate::catalog::stored::{MemberData, OperationData, ServiceData, ShapeData, StoredKind, Takes};
use crate::catalog::texts::{Text, TextsBuilder};

/// A service as read, before it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceModel {
    pub(super) suffix: String,
    pub(super) directory: String,
    pub(super) title: String,
    pub(super) iam_prefix: String,
    pub(super) endpoint_prefix: String,
    /// Version of the API, a date.
    pub(super) newest: String,
    pub(super) data: ServiceData,
    /// Documentation of the operations, by name; read for rules, never stored.
    pub(super) prose: BTreeMap<String, String>,
}

/// IAM prefixes that neither signing name nor endpoint prefix gives, by one or the other.
const PREFIX_OVERRIDES: [(&str, &str); 12] = [
    ("IoTSecuredTunneling", "iot"),
    ("awsssoportal", "sso"),
    ("cloudcontrolapi", "cloudformation"),
    ("iot-jobs-data", "iotjobsdata"),
    ("iotdata", "iot"),
    ("monitoring", "cloudwatch"),
    ("mturk-requester", "mechanicalturk"),
    ("partnercentral-account", "partnercentral"),
    ("partnercentral-benefits", "partnercentral"),
    ("partnercentral-channel", "partnercentral"),
    ("partnercentral-selling", "partnercentral"),
    ("tagging", "tag"),
];

/// Every service in botocore, unsorted.
pub(super) fn read(packages: &Packages) -> Result<Vec<ServiceModel>, BuildError> {
    let mut services: BTreeMap<String, ServiceModel> = BTreeMap::new();
    let files = packages.files(Role::Models);
    for (directory, version) in newest_versions(files) {
        let model = read_service(packages, files, &directory, &version)?;
        // Two directories share the crate `pinpointsmsvoice`; they hold the same operations.
        services.entry(model.suffix.clone()).or_insert(model);
    }
    Ok(services.into_values().collect())
}

/// The newest version of each service's model: directory → version.
fn newest_versions(files: &[String]) -> BTreeMap<String, String> {
    files
        .iter()
        .filter_map(|file| {
            let path = file
                .strip_prefix("botocore/data/")?
                .strip_suffix("/service-2.json.gz")?;
            let (directory, version) = path.split_once('/')?;
            Some((directory.to_owned(), version.to_owned()))
        })
        .collect()
}

fn read_service(
    packages: &Packages,
    files: &[String],
    directory: &str,
    version: &str,
) -> Result<ServiceModel, BuildError> {
    let folder = format!("botocore/data/{directory}/{version}");
    let name = format!("{folder}/service-2.json.gz");
    let model = packages.json(Role::Models, &name)?;
    let field = |key: &str| text(&model, &["metadata", key]);
    let id = field("serviceId").ok_or_else(|| packages.unexpected(Role::Models, &name, "no serviceId"))?;
    let endpoint_prefix = field("endpointPrefix").unwrap_or_default();
    let signing_name = field("signingName").unwrap_or(endpoint_prefix);

    let waiters_file = format!("{folder}/waiters-2.json");
    let waiters = match files.binary_search(&waiters_file) {
        Ok(_) => packages.json(Role::Models, &waiters_file)?,
        Err(_) => Value::Null,
    };
    let iam_prefix = iam_prefix(signing_name);
    Ok(ServiceModel {
        suffix: naming::crate_suffix(id),
        directory: directory.to_owned(),
        title: field("serviceFullName").unwrap_or(id).to_owned(),
        endpoint_prefix: endpoint_prefix.to_owned(),
        newest: version.to_owned(),
        prose: object(&model, "operations")
            .into_iter()
            .flatten()
            .filter_map(|(name, operation)| {
                let prose = text(operation, &["documentation"])?;
                Some((name.clone(), prose.to_owned()))
            })
            .collect(),
        data: service_data(&model, &waiters, &iam_prefix)
            .map_err(|reason| packages.unexpected(Role::Models, &name, reason))?,
        iam_prefix,
    })
}

/// The IAM prefix for a signing name.
fn iam_prefix(signing_name: &str) -> String {
    PREFIX_OVERRIDES
        .iter()
        .find(|(name, _)| *name == signing_name)
        .map_or(signing_name, |(_, prefix)| prefix)
        .to_owned()
}

fn service_data(model: &Value, waiters: &Value, iam_prefix: &str) -> Result<ServiceData, String> {
    let shapes = object(model, "shapes").ok_or("no shapes")?;
    let operations = object(model, "operations").ok_or("no operations")?;
    let mut reader = ShapeReader::new(shapes, operations);
    let mut data = ServiceData::default();
    for (name, operation) in operations {
        data.operations
            .push(reader.operation(name, operation, iam_prefix));
    }
    sort_operations(&mut data.operations, operations.keys());
    if let Some(waiters) = object(waiters, "waiters") {
        for (name, waiter) in waiters {
            let operation = text(waiter, &["operation"]).ok_or("a waiter without operation")?;
            data.waiters
                .push((reader.texts.add(name), reader.texts.add(operation)));
        }
    }
    data.shapes = reader.shapes()?;
    check_folds(operations.keys().map(String::as_str))?;
    data.enumerations = reader.enumerations;
    data.texts = reader.texts.finish();
    Ok(data)
}

/// Sorts operations by folded name; `names` are the names in the operations' order.
fn sort_operations<'a>(operations: &mut Vec<OperationData>, names: impl Iterator<Item = &'a String>) {
    let mut paired: Vec<(&String, OperationData)> = names.zip(operations.drain(..)).collect();
    paired.sort_by(|(a, _), (b, _)| naming::compare_folded(a, b));
    operations.extend(paired.into_iter().map(|(_, operation)| operation));
}

/// Names that look-ups by folded name could mix up.
fn check_folds<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut names: Vec<&str> = names.collect();
    names.sort_by(|a, b| naming::compare_folded(a, b));
    match names
        .windows(2)
        .find(|pair| matches!(pair, [a, b] if naming::same_folded(a, b)))
    {
        Some(pair) => Err(format!("names differ in case only: {pair:?}")),
        None => Ok(()),
    }
}

/// Turns the model's shapes into stored ones, those reachable from inputs only.
struct ShapeReader<'m> {
    model: &'m Map<String, Value>,
    /// Position of each structure in the stored list.
    positions: BTreeMap<&'m str, u32>,
    texts: TextsBuilder,
    enumerations: Vec<Vec<Text>>,
    enumeration_positions: BTreeMap<&'m str, u32>,
}

impl<'m> ShapeReader<'m> {
    fn new(model: &'m Map<String, Value>, operations: &'m Map<String, Value>) -> Self {
        let mut structures = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = operations
            .values()
            .filter_map(|operation| text(operation, &["input", "shape"]))
            .collect();
        while let Some(name) = open.pop() {
            if !seen.insert(name) {
                continue;
            }
            let Some(shape) = model.get(name) else {
                continue;
            };
            if let Some(members) = object(shape, "members") {
                structures.insert(name);
                open.extend(members.values().filter_map(|m| text(m, &["shape"])));
            }
            for part in ["member", "key", "value"] {
                open.extend(text(shape, &[part, "shape"]));
            }
        }
        Self {
            model,
            positions: structures.into_iter().zip(0..).collect(),
            texts: TextsBuilder::default(),
            enumerations: Vec::new(),
            enumeration_positions: BTreeMap::new(),
        }
    }

    fn operation(&mut self, name: &str, operation: &'m Value, iam_prefix: &str) -> OperationData {
        let http = (iam_prefix == "apigateway")
            .then(|| {
                let method = text(operation, &["http", "method"])?;
                let path = text(operation, &["http", "requestUri"])?;
                Some((self.texts.add(method), self.texts.add(path)))
            })
            .flatten();
        OperationData {
            name: self.texts.add(name),
            input: text(operation, &["input", "shape"]).and_then(|shape| self.positions.get(shape).copied()),
            http,
            deprecated: operation.get("deprecated") == Some(&Value::Bool(true)),
            unsigned: text(operation, &["authtype"]) == Some("none"),
            discovers_endpoint: operation
                .pointer("/endpointdiscovery/required")
                .is_some_and(|required| required == &Value::Bool(true)),
            ..OperationData::default()
        }
    }

    /// Every structure, in the order of `positions`.
    fn shapes(&mut self) -> Result<Vec<ShapeData>, String> {
        let names: Vec<&'m str> = self.positions.keys().copied().collect();
        names.into_iter().map(|name| self.shape(name)).collect()
    }

    fn shape(&mut self, name: &'m str) -> Result<ShapeData, String> {
        let shape = self.model.get(name).ok_or("a shape is missing")?;
        let members = object(shape, "members").ok_or("a structure without members")?;
        check_folds(members.keys().map(String::as_str))?;
        let required: BTreeSet<&str> = shape
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let members = members
            .iter()
            .map(|(member, value)| self.member(member, value, required.contains(member.as_str())))
            .collect::<Result<_, _>>()?;
        Ok(ShapeData {
            name: self.texts.add(name),
            is_union: shape.get("union") == Some(&Value::Bool(true)),
            members,
        })
    }

    fn member(&mut self, name: &str, member: &'m Value, required: bool) -> Result<MemberData, String> {
        let target = text(member, &["shape"]).ok_or("a member without shape")?;
        let (kind, core) = self.peel(target);
        Ok(MemberData {
            name: self.texts.add(name),
            kind,
            required,
            shape: self.positions.get(core).copied(),
            enumeration: self.enumeration(core),
            takes: if matches!(kind, StoredKind::Text | StoredKind::TextList) {
                self.takes(core)
            } else {
                Takes::Any
            },
        })
    }

    /// The kind of a shape, and the shape inside its lists and maps.
    fn peel(&self, name: &'m str) -> (StoredKind, &'m str) {
        let inner = |part: &str| {
            let shape = self.model.get(name)?;
            Some(self.peel(text(shape, &[part, "shape"])?))
        };
        match self.model.get(name).and_then(|shape| text(shape, &["type"])) {
            Some("structure") => (StoredKind::Structure, name),
            Some("string") => (StoredKind::Text, name),
            Some("list") => match inner("member") {
                Some((StoredKind::Text, core)) => (StoredKind::TextList, core),
                Some((_, core)) => (StoredKind::List, core),
                None => (StoredKind::List, name),
            },
            Some("map") => (StoredKind::Map, inner("value").map_or(name, |(_, core)| core)),
            _ => (StoredKind::OtherScalar, name),
        }
    }

    fn enumeration(&mut self, name: &'m str) -> Option<u32> {
        if let Some(&position) = self.enumeration_positions.get(name) {
            return Some(position);
        }
        let values = self.model.get(name)?.get("enum")?.as_array()?;
        let values = values
            .iter()
            .filter_map(Value::as_str)
            .map(|value| self.texts.add(value))
            .collect();
        let position = u32::try_from(self.enumerations.len()).ok()?;
        self.enumerations.push(values);
        self.enumeration_positions.insert(name, position);
        Some(position)
    }

    /// What a text shape's pattern accepts.
    fn takes(&self, name: &str) -> Takes {
        let pattern = self
            .model
            .get(name)
            .and_then(|shape| text(shape, &["pattern"]))
            .unwrap_or_default();
        if !pattern.contains("arn") {
            Takes::Any
        } else if pattern.contains("iam") && pattern.contains("role/") {
            Takes::RoleArn
        } else {
            Takes::Arn
        }
    }
}

/// The object under `key`.
fn object<'v>(value: &'v Value, key: &str) -> Option<&'v Map<String, Value>> {
    value.get(key)?.as_object()
}

/// The text under a path of keys.
fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}
