//! A whole trail before attribution: what a folder, a store and a `usage.json` have in common.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::usage::{Gap, OperationId};

use super::Trail;
use super::attribute::{Functions, KnownFunction};
use super::batch::{Batch, ObjectKind};
use super::fold::{Fold, GroupKey};
use super::inputs;
use super::ledger::{Ledger, chain_gaps, file_name, proofs};
use super::observation;

/// Everything that is known of a trail, apart from whose calls they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Whole {
    pub(super) fold: Fold,
    /// How many objects hold records, or something else that trails hold.
    pub(super) objects: usize,
    pub(super) gaps: Vec<Gap>,
    /// Windows and proofs; the days are those of the fold.
    pub(super) ledger: Ledger,
}

impl Whole {
    /// What was read without a store.
    pub(super) fn of_batch(batch: Batch) -> Self {
        let is_trail = |kind: ObjectKind| kind == ObjectKind::Trail;
        let names: BTreeSet<&str> = batch
            .objects
            .iter()
            .map(|(object, kind)| (object, *kind))
            .chain(batch.partly.iter().map(|partly| (&partly.object, partly.kind)))
            .filter(|(_, kind)| is_trail(*kind))
            .map(|(object, _)| file_name(&object.key))
            .collect();
        let proofs = proofs(&batch.digests, |name| names.contains(name));
        let of_chain = chain_gaps(&batch.digests);
        Self {
            objects: batch.trail_objects(),
            ledger: Ledger {
                days: BTreeMap::new(),
                only_roles: batch.only_roles(),
                windows: batch.windows,
                proofs,
                trails: batch.trails,
            },
            gaps: batch
                .gaps
                .into_iter()
                .map(|(_, _, gap)| gap)
                .chain(of_chain)
                .collect(),
            fold: batch.fold,
        }
    }

    /// Names and attributes everything.
    pub(super) fn trail(mut self, catalog: &Catalog, functions: &[KnownFunction]) -> Trail {
        self.fold.settle_alone();
        self.fold.name_anew(catalog);
        let days = self.fold.streams.iter().map(|(stream, days)| {
            let days: BTreeSet<i64> = days.numbers().into_iter().collect();
            (stream.clone(), days)
        });
        self.ledger.days = days.collect();
        let mut trail = observation::finish(self.fold, Functions::new(functions));
        trail.objects = self.objects;
        trail.ledger = self.ledger;
        trail.gaps = self.gaps;
        trail.gaps.sort();
        trail.gaps.dedup();
        trail
    }
}

impl Fold {
    /// Brings the operations of groups to what this catalogue says of their event names: another catalogue may have read
    /// them. Where the names leave several operations possible, the parameters have decided when the event was read.
    pub(super) fn name_anew(&mut self, catalog: &Catalog) {
        let better = better_operations(catalog, self.groups.keys());
        let mut better = better.into_iter();
        self.groups.rename(|key, group| {
            let operation = better.next().flatten()?;
            group.name_inputs(catalog, &operation);
            let operation = Some(operation);
            Some(GroupKey {
                operation,
                ..key.clone()
            })
        });
    }
}

/// The operations that groups should have, for those that should have another one.
pub(super) fn better_operations<'k>(
    catalog: &Catalog,
    keys: impl Iterator<Item = &'k GroupKey>,
) -> Vec<Option<Arc<OperationId>>> {
    let mut known = HashMap::new();
    let better = |key: &'k GroupKey| {
        let name = (&*key.event_source, &*key.event_name, key.operation.as_deref());
        let operation = known.entry(name);
        operation
            .or_insert_with(|| better_operation(catalog, key).map(Arc::new))
            .clone()
    };
    keys.map(better).collect()
}

/// The operation that a group should have, if it is another one.
fn better_operation(catalog: &Catalog, key: &GroupKey) -> Option<OperationId> {
    let possible = catalog.operations_of_event(&key.event_source, &key.event_name);
    let first = possible.first()?;
    let stays = key.operation.as_deref().is_some_and(|operation| {
        // S3 records `ListObjectsV2` as `ListObjects`; the parameters have told which it was.
        let newer = |name: &str| operation.name.strip_suffix("V2") == Some(name);
        possible
            .iter()
            .any(|one| one.id() == *operation || newer(one.name()))
    });
    (!stays).then(|| first.id())
}

impl super::group::Group {
    /// Gives the parameters that were kept as recorded the names of the operation's members.
    fn name_inputs(&mut self, catalog: &Catalog, operation: &OperationId) {
        let service = catalog.service(&operation.service);
        let Some(shape) = service
            .and_then(|service| service.operation(&operation.name))
            .and_then(|operation| operation.input())
        else {
            return;
        };
        for cell in self.cells_mut() {
            for (path, seen) in std::mem::take(&mut cell.inputs) {
                let named = inputs::recorded(&path).map(|key| inputs::member(shape, key));
                match named {
                    None => {
                        cell.inputs.insert(path, seen);
                    }
                    Some(Some(member)) => {
                        cell.inputs.insert(member.name().to_owned(), seen);
                    }
                    Some(None) => {}
                }
            }
        }
    }
}
