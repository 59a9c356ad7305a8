//! What changed from one catalogue to the next, and whether the next one still carries what was written by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::catalog::template::templates;
use crate::catalog::{Catalog, Operation, Provenance};
use crate::iam::action::ActionPattern;
use crate::usage::{Inputs, ResourceHint};

/// What changed, kind by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    kinds: Vec<KindOfChange>,
    /// Why the new catalogue should not take the place of the old one, in words; none when it may.
    pub broken: Vec<String>,
}

/// The changes among things of one kind, such as operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct KindOfChange {
    title: &'static str,
    new: Vec<String>,
    gone: Vec<String>,
    changed: Vec<String>,
}

/// What there is of one kind: name → what is said of it.
type Listed = BTreeMap<String, String>;
/// Lists what a catalogue has of one kind.
type List = fn(&Catalog) -> Listed;

impl Changes {
    /// Compares two catalogues.
    pub fn between(old: &Catalog, new: &Catalog) -> Self {
        let kinds: [(&'static str, List); 7] = [
            ("packages", packages),
            ("services", services),
            ("operations", operations),
            ("actions", access_levels),
            ("resource types of actions", resource_types),
            ("formats of ARNs", arn_formats),
            ("managed policies", managed_policies),
        ];
        let kinds: Vec<KindOfChange> = kinds
            .into_iter()
            .map(|(title, list)| KindOfChange::between(title, &list(old), &list(new)))
            .collect();
        let mut broken = gone(old, new);
        broken.extend(fewer_same_names(old, new));
        broken.extend(unknown_actions(new));
        Self { kinds, broken }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        let nothing =
            |kind: &KindOfChange| kind.new.is_empty() && kind.gone.is_empty() && kind.changed.is_empty();
        self.kinds.iter().all(nothing)
    }

    /// Counts and lines for a reviewer: `+` new, `-` gone, `~` changed.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for kind in &self.kinds {
            let (new, gone, changed) = (kind.new.len(), kind.gone.len(), kind.changed.len());
            let _ = writeln!(out, "{}: {new} new, {gone} gone, {changed} changed", kind.title);
            for (mark, lines) in [('+', &kind.new), ('-', &kind.gone), ('~', &kind.changed)] {
                for line in lines {
                    let _ = writeln!(out, "  {mark} {line}");
                }
            }
        }
        out
    }
}

impl KindOfChange {
    fn between(title: &'static str, old: &Listed, new: &Listed) -> Self {
        let only = |one: &Listed, other: &Listed| -> Vec<String> {
            one.iter()
                .filter(|(name, _)| !other.contains_key(*name))
                .map(|(name, text)| format!("{name}  {text}").trim_end().to_owned())
                .collect()
        };
        let changed = old.iter().filter_map(|(name, before)| {
            let after = new.get(name).filter(|after| *after != before)?;
            Some(format!("{name}  {} → {}", or_nothing(before), or_nothing(after)))
        });
        Self {
            title,
            new: only(new, old),
            gone: only(old, new),
            changed: changed.collect(),
        }
    }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn packages(catalog: &Catalog) -> Listed {
    // Two releases of one package: each is named with its version.
    catalog
        .sources()
        .map(|source| {
            let hash = source.sha256.get(..16).unwrap_or_default();
            (
                format!("{} {}", source.name, source.version),
                format!("sha256 {hash}"),
            )
        })
        .collect()
}

fn services(catalog: &Catalog) -> Listed {
    catalog
        .services()
        .map(|service| (service.suffix().to_owned(), service.iam_prefix().to_owned()))
        .collect()
}

/// Every operation, whatever its service.
fn all_operations(catalog: &Catalog) -> impl Iterator<Item = Operation<'_>> {
    catalog.services().flat_map(|service| service.operations())
}

fn operations(catalog: &Catalog) -> Listed {
    all_operations(catalog)
        .map(|operation| {
            let rule = catalog.provenance(operation).as_str().to_owned();
            (operation.id().to_string(), rule)
        })
        .collect()
}

fn access_levels(catalog: &Catalog) -> Listed {
    catalog
        .matching(&ActionPattern::new("*"))
        .map(|entry| (entry.action().to_string(), entry.access_level().to_string()))
        .collect()
}

fn resource_types(catalog: &Catalog) -> Listed {
    catalog
        .matching(&ActionPattern::new("*"))
        .map(|entry| {
            let types: Vec<String> = entry
                .resource_types()
                .map(|kind| format!("{}{}", kind.name(), if kind.required() { "" } else { "?" }))
                .collect();
            (entry.action().to_string(), types.join(" "))
        })
        .collect()
}

fn arn_formats(catalog: &Catalog) -> Listed {
    catalog
        .matching(&ActionPattern::new("*"))
        .flat_map(|entry| entry.resource_types().collect::<Vec<_>>())
        .map(|kind| (kind.full_name(), kind.arn_format().to_owned()))
        .collect()
}

fn managed_policies(catalog: &Catalog) -> Listed {
    catalog
        .managed_policy_names()
        .filter_map(|name| Some((name.to_owned(), catalog.managed_policy(name)?.version)))
        .collect()
}

/// Services and operations that are gone: code that calls them would be told that they do not exist.
fn gone(old: &Catalog, new: &Catalog) -> Vec<String> {
    let mut broken: Vec<String> = Vec::new();
    for service in old.services() {
        let Some(same) = new.service(service.suffix()) else {
            broken.push(format!("service `{}` is gone", service.suffix()));
            continue;
        };
        for operation in service.operations() {
            if same.operation(operation.name()).is_none() {
                let by_hand = match old.provenance(operation) {
                    Provenance::Overlay => ", which policy-templates/operations speaks of,",
                    _ => "",
                };
                broken.push(format!("operation `{}`{by_hand} is gone", operation.id()));
            }
        }
    }
    broken
}

/// A service whose actions are suddenly called otherwise is a change of prefix, or of the source.
fn fewer_same_names(old: &Catalog, new: &Catalog) -> Option<String> {
    let count = |catalog: &Catalog| {
        all_operations(catalog)
            .filter(|operation| catalog.provenance(*operation) == Provenance::SameName)
            .count()
    };
    let (before, after) = (count(old), count(new));
    (after < before).then(|| format!("{after} operations have an action of their name, {before} had"))
}

/// Actions that hand-written files name and that the new reference lacks; those marked as unverified may be missing.
fn unknown_actions(new: &Catalog) -> Vec<String> {
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    let anything = Inputs::from([("*".to_owned(), vec![ResourceHint::unknown("any input")])]);
    for operation in all_operations(new) {
        let id = operation.id();
        let by_hand = new.provenance(operation) == Provenance::Overlay;
        let need = by_hand.then(|| new.every_need(&id)).flatten();
        let needed = need
            .iter()
            .flat_map(|need| &need.actions)
            .filter(|needed| needed.unverified.is_none())
            .map(|needed| needed.action.clone());
        let forwarded = new.forwarded_access(&id, &anything);
        let forwarded = forwarded.iter().flat_map(|access| access.actions.clone());
        for action in needed
            .chain(forwarded)
            .filter(|action| new.action(action).is_none())
        {
            unknown.insert(format!(
                "policy-templates/operations: `{action}`, for `{id}`, is no action"
            ));
        }
    }
    for template in templates() {
        for action in template
            .statements
            .iter()
            .flat_map(|statement| &statement.actions)
        {
            if new.count(&ActionPattern::new(action)) == 0 {
                unknown.insert(format!(
                    "policy template `{}`: `{action}` is no action",
                    template.id
                ));
            }
        }
    }
    unknown.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(pairs: &[(&str, &str)]) -> Listed {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn a_catalogue_has_not_changed_from_itself() {
        let catalog = Catalog::embedded();
        let changes = Changes::between(catalog, catalog);
        assert!(changes.is_empty(), "{}", changes.text());
        assert_eq!(changes.broken, Vec::<String>::new());
        assert!(changes.text().starts_with("packages: 0 new, 0 gone, 0 changed\n"));
    }

    #[test]
    fn changes_are_told_by_name() {
        let old = listed(&[("a:Gone", "Read"), ("a:Same", "List"), ("a:Type", "")]);
        let new = listed(&[("a:New", "Write"), ("a:Same", "List"), ("a:Type", "thing")]);
        let changes = Changes {
            kinds: vec![KindOfChange::between("actions", &old, &new)],
            broken: Vec::new(),
        };
        assert_eq!(
            changes.text(),
            "actions: 1 new, 1 gone, 1 changed\n  + a:New  Write\n  - a:Gone  Read\n  ~ a:Type  nothing → thing\n"
        );
        assert!(!changes.is_empty());
    }

    #[test]
    fn a_catalogue_without_what_is_written_by_hand_is_broken() {
        let (full, empty) = (Catalog::embedded(), Catalog::empty());
        let changes = Changes::between(full, &empty);
        for expected in [
            "service `dynamodb` is gone",
            "0 operations have an action of their name, ",
            "policy template `baseline/logs`: `logs:PutLogEvents` is no action",
        ] {
            let told = |line: &&String| line.starts_with(expected);
            assert!(changes.broken.iter().any(|line| told(&line)), "{expected}");
        }
        assert_eq!(Changes::between(&empty, full).broken, Vec::<String>::new());
    }
}
