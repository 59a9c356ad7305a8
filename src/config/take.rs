//! Makes a configuration of a document that was found to be right.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::days;
use super::{
    Check, Config, DeclaredNeed, FeatureChoice, FunctionSettings, NeedPolicy, Observe, Problem, Source,
    Stated, StatedGuard, Synthesis,
};
use crate::diff::risk::Severity;
use crate::gate::{Level, Waiver};
use crate::usage::{Confidence, Location, OperationId};

/// A table of the document, and where it begins.
struct Table<'d, 'i> {
    table: &'d DeTable<'i>,
    span: Range<usize>,
}

/// The configuration, and what of it contradicts itself.
pub fn config(file: &str, text: &str, document: &DeTable<'_>) -> (Config, Vec<Problem>) {
    let place = |offset: usize| place(file, text, offset);
    let mut config = Config {
        file: Some(file.to_owned()),
        ..Config::default()
    };
    if let Some(table) = single(document, "workspace") {
        config.manifest = table.text("manifest").map(|value| Stated {
            value,
            location: place(table.at("manifest")),
        });
        config.templates = table.texts("templates");
        config.registry_sources = table.flag("registry_sources");
    }
    config.sources = repeated(document, "source")
        .map(|table| Source {
            path: table.text("path").unwrap_or_default(),
            kind: table.text("kind"),
            parameters: table.text_table("parameters"),
            parameters_from: table.text("parameters_from"),
            location: place(table.span.start),
        })
        .collect();
    if let Some(table) = single(document, "scan") {
        config.features = FeatureChoice {
            features: table.texts("features").into_iter().collect(),
            all_features: table.flag("all_features"),
            no_default_features: table.flag("no_default_features"),
        };
    }
    if let Some(table) = single(document, "observe") {
        config.observe = Observe {
            usage: table.text("usage"),
            min_days: table.count("min_days"),
            max_age: table.text("max_age").as_deref().and_then(days),
            data_events: table.texts("data_events"),
        };
    }
    if let Some(table) = single(document, "synthesis") {
        config.synthesis = synthesis(&table, &place);
    }
    if let Some(table) = single(document, "check") {
        config.check = self::check(&table);
    }
    config.functions = repeated(document, "function")
        .map(|table| FunctionSettings {
            function: table.text("name").unwrap_or_default(),
            binary: table.text("bin"),
            features: table.texts("features").into_iter().collect(),
            location: place(table.span.start),
        })
        .collect();
    config.needs = repeated(document, "need")
        .filter_map(|table| {
            Some(DeclaredNeed {
                function: table.text("function")?,
                operation: OperationId::parse(&table.text("operation")?)?,
                resource: table.text("resource"),
                account: table.text("account"),
                reason: table.text("reason")?,
                location: place(table.span.start),
            })
        })
        .collect();
    config.guards = repeated(document, "guard")
        .map(|table| StatedGuard {
            path: table.text("path").unwrap_or_default(),
            kind: table.text("kind").unwrap_or_default(),
            function: table.text("function").unwrap_or_else(|| "*".to_owned()),
            service: table.text("service"),
            location: place(table.span.start),
        })
        .collect();
    config.waivers = repeated(document, "ignore")
        .map(|table| {
            let any = |key: &str| table.text(key).unwrap_or_else(|| "*".to_owned());
            Waiver {
                rule: table.text("rule").unwrap_or_default(),
                function: any("function"),
                action: any("action"),
                resource: any("resource"),
                reason: table.text("reason").unwrap_or_default(),
                expires: table.date("expires"),
                owner: table.text("owner"),
                location: place(table.span.start),
                line: None,
            }
        })
        .collect();
    let doubtful = twice(text, document);
    (config, doubtful)
}

fn synthesis(table: &Table<'_, '_>, place: &dyn Fn(usize) -> Location) -> Synthesis {
    let list = "allow_list_bucket_for_404";
    let conditions = "conditions";
    let asked = |key: &str| table.texts(conditions).iter().any(|word| word == key);
    Synthesis {
        need: match table.text("need").as_deref() {
            Some("code") => NeedPolicy::Code,
            Some("observed") => NeedPolicy::Observed,
            Some("code-and-observed") => NeedPolicy::CodeAndObserved,
            _ => NeedPolicy::CodeOrObserved,
        },
        whole_types: table.text("resources").as_deref() == Some("type"),
        list_bucket_for_404: table.flag(list).then(|| place(table.at(list)).line),
        prefix_conditions: asked("s3:prefix").then(|| place(table.at(conditions)).line),
        managed: table.text("attach").as_deref() == Some("managed"),
    }
}

fn check(table: &Table<'_, '_>) -> Check {
    let standard = Check::default();
    Check {
        fail_on: match table.table.get("fail_on") {
            Some(_) => table.texts("fail_on"),
            None => standard.fail_on,
        },
        min_severity: table
            .text("min_severity")
            .and_then(|word| Severity::parse(&word))
            .unwrap_or(standard.min_severity),
        min_confidence: table
            .text("min_confidence")
            .and_then(|word| Confidence::parse(&word))
            .unwrap_or(standard.min_confidence),
        levels: table
            .text_table("levels")
            .into_iter()
            .filter_map(|(rule, level)| Some((rule.to_ascii_uppercase(), Level::parse(&level)?)))
            .collect(),
        lockfile: table.text("lockfile"),
        strict: table.flag("strict"),
    }
}

/// Functions that have several sections.
fn twice(text: &str, document: &DeTable<'_>) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    repeated(document, "function")
        .filter_map(|table| {
            let name = table.text("name")?;
            (!seen.insert(name.clone())).then(|| {
                let rest = text.get(table.span.start..).unwrap_or_default();
                let length = rest.lines().next().unwrap_or_default().len().max(1);
                Problem {
                    span: table.span.start..table.span.start + length,
                    message: format!("`{name}` has several `[[function]]`"),
                    help: Some("bring them together".to_owned()),
                }
            })
        })
        .collect()
}

fn place(file: &str, text: &str, offset: usize) -> Location {
    let before = text.get(..offset.min(text.len())).unwrap_or_default();
    let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
    Location::new(file, u32::try_from(line).unwrap_or(u32::MAX), 1)
}

fn single<'d, 'i>(document: &'d DeTable<'i>, name: &str) -> Option<Table<'d, 'i>> {
    let value = document.get(name)?;
    match value.get_ref() {
        DeValue::Table(table) => Some(Table {
            table,
            span: value.span(),
        }),
        _ => None,
    }
}

fn repeated<'d, 'i>(
    document: &'d DeTable<'i>,
    name: &str,
) -> impl Iterator<Item = Table<'d, 'i>> + use<'d, 'i> {
    let items: Vec<Table<'d, 'i>> = match document.get(name).map(Spanned::get_ref) {
        Some(DeValue::Array(items)) => items
            .iter()
            .filter_map(|item| match item.get_ref() {
                DeValue::Table(table) => Some(Table {
                    table,
                    span: item.span(),
                }),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    items.into_iter()
}

impl Table<'_, '_> {
    fn get(&self, key: &str) -> Option<&DeValue<'_>> {
        self.table.get(key).map(Spanned::get_ref)
    }

    /// Where a key's value stands.
    fn at(&self, key: &str) -> usize {
        self.table
            .get(key)
            .map_or(self.span.start, |value| value.span().start)
    }

    fn text(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            DeValue::String(text) => Some(text.to_string()),
            _ => None,
        }
    }

    fn date(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Datetime(date) => Some(date.to_string()),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some(DeValue::Boolean(true)))
    }

    fn count(&self, key: &str) -> Option<u32> {
        match self.get(key)? {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        }
    }

    fn texts(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some(DeValue::Array(items)) => items
                .iter()
                .filter_map(|item| match item.get_ref() {
                    DeValue::String(text) => Some(text.to_string()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn text_table(&self, key: &str) -> std::collections::BTreeMap<String, String> {
        match self.get(key) {
            Some(DeValue::Table(table)) => table
                .iter()
                .filter_map(|(key, value)| match value.get_ref() {
                    DeValue::String(text) => Some((key.get_ref().to_string(), text.to_string())),
                    _ => None,
                })
                .collect(),
            _ => std::collections::BTreeMap::new(),
        }
    }
}
