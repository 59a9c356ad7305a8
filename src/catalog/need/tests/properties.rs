//! What holds of the needs of every operation in the catalogue.

use crate::catalog::action_entry::variables;
use crate::catalog::{Catalog, Note, Provenance, Source};
use crate::usage::Inputs;

#[test]
fn every_operation_has_sound_needs() {
    let catalog = Catalog::embedded();
    let mut wrong = Vec::new();
    for operation in catalog.services().flat_map(|service| service.operations()) {
        let id = operation.id();
        let need = catalog.every_need(&id).unwrap();
        for needed in &need.actions {
            // Only an action that says so may be missing from the reference.
            if catalog.action(&needed.action).is_none() && needed.unverified.is_none() {
                wrong.push(format!("{id}: {}", needed.action));
            }
            // Only the hand-written files can say that an action which takes resources is needed on none.
            let takes = catalog
                .action(&needed.action)
                .is_some_and(|entry| !entry.wildcard_only());
            if takes && needed.resources.is_empty() && need.provenance != Provenance::Overlay {
                wrong.push(format!("{id}: {} on nothing", needed.action));
            }
            for resource in &needed.resources {
                let names = resource.variables.iter().map(|(name, _)| name.as_str());
                if !variables(&resource.format).eq(names) {
                    wrong.push(format!("{id}: {resource:?}"));
                }
                for (_, source) in &resource.variables {
                    if let Source::Input { path, .. } = source {
                        let head = path.split(['.', '[', '{']).next().unwrap_or_default();
                        if operation.members().all(|member| member.name() != head) {
                            wrong.push(format!("{id}: no input {path}"));
                        }
                    }
                }
            }
        }
        // Nothing at all is needed only where a source says that.
        let silent = need.actions.is_empty() && !need.notes.iter().any(|note| matches!(note, Note::Text(_)));
        if silent && !matches!(need.provenance, Provenance::Overlay | Provenance::Unsigned) {
            wrong.push(format!("{id} needs nothing ({})", need.provenance.as_str()));
        }
        // Unknown inputs never need less than known ones: some action remains.
        let blind = catalog.need(&id, &Inputs::new()).unwrap();
        if blind.actions.is_empty() != need.actions.is_empty() {
            wrong.push(format!("{id} needs nothing without inputs"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn most_operations_name_their_resources() {
    let catalog = Catalog::embedded();
    let (mut all, mut named) = (0_u32, 0_u32);
    for operation in catalog.services().flat_map(|service| service.operations()) {
        let need = catalog.every_need(&operation.id()).unwrap();
        for needed in &need.actions {
            let takes = catalog
                .action(&needed.action)
                .is_some_and(|entry| !entry.wildcard_only());
            let is_named = needed.resources.iter().any(|resource| {
                let known = |(_, source): &(String, Source)| *source != Source::Unknown;
                resource.variables.is_empty() || resource.variables.iter().any(known)
            });
            all += u32::from(takes);
            named += u32::from(takes && is_named);
        }
    }
    // A lower bound that changes of the rule must not fall below without a reason.
    assert!(named * 100 >= all * 86, "{named} of {all}");
}
