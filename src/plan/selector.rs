//! Advanced event selectors for calls that no trail shows, as narrow as CloudTrail lets them be.
//!
//! A selector for data events must name one `resources.type`; `userIdentity.arn`, `eventName` and `resources.ARN` narrow it.
//! There are no wildcards: a beginning is `StartsWith`. All selectors of a trail have at most 500 values together.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html>,
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedEventSelector.html>

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Wanted};
use crate::catalog::{Catalog, Recording};
use crate::iam::arn;
use crate::trail::selectors::{AdvancedSelector, BasicSelector, FieldSelector, TrailSettings};

/// The most values that all conditions of a trail may have.
const MOST_VALUES: usize = 500;

/// Selectors, and what is to be known of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    pub(super) selectors: Vec<AdvancedSelector>,
    pub(super) notes: Vec<String>,
}

/// One selector for each type of resource, and one for management events if they are missing.
pub(super) fn selectors(catalog: &Catalog, open: &[&Finding], all_operations: bool) -> Made {
    let mut by_type: BTreeMap<&str, Vec<&Wanted>> = BTreeMap::new();
    let mut management = false;
    for one in open {
        match Recording::of(&one.wanted.operation) {
            Recording::Never => {}
            Recording::Management => management = true,
            Recording::Data { .. } => {
                let kinds = Recording::resource_types(&one.wanted.operation);
                if let Some(kind) = kinds.first() {
                    by_type.entry(kind).or_default().push(&one.wanted);
                }
            }
        }
    }
    let mut made = Made::default();
    if management {
        made.selectors.push(AdvancedSelector {
            name: Some("Management events".to_owned()),
            field_selectors: vec![equals("eventCategory", ["Management".to_owned()])],
        });
        made.notes.push(
            "a trail cannot select management events by name: the first copy of all of them is free, a second one is not"
                .to_owned(),
        );
    }
    for (kind, wanted) in &by_type {
        made.selectors
            .push(of_type(catalog, kind, wanted, all_operations, &mut made.notes));
    }
    let values = |selector: &AdvancedSelector| -> usize {
        let fields = selector.field_selectors.iter();
        fields
            .map(|field| field.equals.len() + field.starts_with.len())
            .sum()
    };
    if made.selectors.iter().map(values).sum::<usize>() > MOST_VALUES {
        made.notes.push(format!(
            "a trail takes at most {MOST_VALUES} values, so the selectors name no callers: they record everybody's calls"
        ));
        for selector in &mut made.selectors {
            selector
                .field_selectors
                .retain(|field| field.field != "userIdentity.arn");
        }
    }
    made
}

fn of_type(
    catalog: &Catalog,
    kind: &str,
    wanted: &[&Wanted],
    all_operations: bool,
    notes: &mut Vec<String>,
) -> AdvancedSelector {
    let mut fields = vec![
        equals("eventCategory", ["Data".to_owned()]),
        equals("resources.type", [kind.to_owned()]),
    ];
    if !all_operations {
        let names: BTreeSet<String> = wanted.iter().map(|one| event_name(catalog, one)).collect();
        fields.push(equals("eventName", names));
    }
    let strangers: BTreeSet<&str> = wanted
        .iter()
        .filter(|one| one.callers.is_empty())
        .map(|one| one.function.as_str())
        .collect();
    let callers: BTreeSet<String> = wanted
        .iter()
        .flat_map(|one| one.callers.iter().cloned())
        .collect();
    match beginnings(kind, wanted) {
        _ if strangers.is_empty() => fields.push(starts_with("userIdentity.arn", callers)),
        Some(arns) => {
            notes.push(format!(
                "the role of {} is not known, so events on {kind} are taken by resource, whoever calls",
                named(&strangers)
            ));
            fields.push(starts_with("resources.ARN", arns));
        }
        None => notes.push(format!(
            "the role of {} is not known, nor are the resources: everybody's calls on every {kind} would be recorded",
            named(&strangers)
        )),
    }
    AdvancedSelector {
        name: Some(name(kind)),
        field_selectors: fields,
    }
}

/// A name that fits the console: at most 1,000 characters, here `Calls on DynamoDB Table`.
fn name(kind: &str) -> String {
    let words: Vec<&str> = kind.split("::").skip(1).collect();
    format!("Calls on {}", words.join(" "))
}

fn named(functions: &BTreeSet<&str>) -> String {
    let quoted: Vec<String> = functions.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn event_name(catalog: &Catalog, wanted: &Wanted) -> String {
    let operation = &wanted.operation;
    catalog
        .service(&operation.service)
        .and_then(|service| service.operation(&operation.name))
        .map_or_else(|| operation.name.clone(), |known| catalog.event_of(known).1)
}

/// What is known of the beginnings of the resources' ARNs; `None` if of one nothing beyond the service is.
fn beginnings(kind: &str, wanted: &[&Wanted]) -> Option<BTreeSet<String>> {
    let begin = |arn: &String| {
        let arn = match kind {
            "AWS::DynamoDB::Table" => arn.split("/index/").next().unwrap_or_default(),
            _ => arn,
        };
        let wild = arn.find(['*', '?']).unwrap_or(arn.len());
        let begin = arn.get(..wild).unwrap_or_default();
        // A symbol of the account can be filled in, one of a name that is made at deployment cannot.
        let open = begin.replace("${AWS::", "").find("${").is_some();
        let names_one = arn::fields(begin).is_some_and(|[.., own]| !own.is_empty());
        (!open && names_one).then(|| begin.to_owned())
    };
    if wanted.iter().any(|one| one.resources.is_empty()) {
        return None;
    }
    wanted
        .iter()
        .flat_map(|one| one.resources.iter().map(begin))
        .collect()
}

fn equals(field: &str, values: impl IntoIterator<Item = String>) -> FieldSelector {
    FieldSelector {
        field: field.to_owned(),
        equals: values.into_iter().collect(),
        ..FieldSelector::default()
    }
}

fn starts_with(field: &str, values: impl IntoIterator<Item = String>) -> FieldSelector {
    FieldSelector {
        field: field.to_owned(),
        starts_with: values.into_iter().collect(),
        ..FieldSelector::default()
    }
}

/// What a trail selects today as advanced selectors: they take the place of what it has.
pub(super) fn present(trail: &TrailSettings) -> Vec<AdvancedSelector> {
    if !trail.advanced_event_selectors.is_empty() {
        return trail.advanced_event_selectors.clone();
    }
    let basic = match trail.event_selectors.is_empty() {
        true => vec![BasicSelector::default()],
        false => trail.event_selectors.clone(),
    };
    basic.iter().flat_map(advanced).collect()
}

/// A basic selector in the words of the advanced ones.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html>
fn advanced(basic: &BasicSelector) -> Vec<AdvancedSelector> {
    let kind = match basic.read_write_type.as_str() {
        "ReadOnly" => Some("true"),
        "WriteOnly" => Some("false"),
        _ => None,
    };
    let read_only = || kind.map(|kind| equals("readOnly", [kind.to_owned()]));
    let mut found = Vec::new();
    if basic.include_management_events {
        let mut fields = vec![equals("eventCategory", ["Management".to_owned()])];
        fields.extend(read_only());
        if !basic.exclude_management_event_sources.is_empty() {
            fields.push(FieldSelector {
                field: "eventSource".to_owned(),
                not_equals: basic.exclude_management_event_sources.clone(),
                ..FieldSelector::default()
            });
        }
        found.push(AdvancedSelector {
            name: Some("Management events".to_owned()),
            field_selectors: fields,
        });
    }
    for of in &basic.data_resources {
        let mut fields = vec![
            equals("eventCategory", ["Data".to_owned()]),
            equals("resources.type", [of.r#type.clone()]),
        ];
        fields.extend(read_only());
        // `arn:aws:lambda` means every function.
        let all = of
            .values
            .iter()
            .any(|value| value.trim_end_matches(':').matches(':').count() <= 2);
        if !all {
            let values = of.values.iter().cloned();
            fields.push(match of.r#type.as_str() {
                "AWS::S3::Object" => starts_with("resources.ARN", values),
                _ => equals("resources.ARN", values),
            });
        }
        found.push(AdvancedSelector {
            name: Some(name(&of.r#type)),
            field_selectors: fields,
        });
    }
    found
}

/// The symbols in the values of selectors.
pub(super) fn symbols(selectors: &[AdvancedSelector]) -> BTreeSet<String> {
    let fields = selectors.iter().flat_map(|selector| &selector.field_selectors);
    let values = fields.flat_map(|field| field.equals.iter().chain(&field.starts_with));
    values
        .flat_map(|value| value.split("${").skip(1))
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| format!("${{{name}}}"))
        .collect()
}

/// The selector with every beginning cut at its first symbol, to be judged: whatever is filled in fits then.
pub(super) fn with_holes(selector: &AdvancedSelector) -> AdvancedSelector {
    let mut selector = selector.clone();
    for field in &mut selector.field_selectors {
        for value in &mut field.starts_with {
            if let Some(at) = value.find("${") {
                value.truncate(at);
            }
        }
    }
    selector
}
