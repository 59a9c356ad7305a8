//! The operation behind a record's event source and event name.

use crate::catalog::{Catalog, Operation};

/// The operation that a record names, such as `dynamodb.PutItem` for `dynamodb.amazonaws.com` `PutItem`.
pub(super) fn operation_of<'c>(catalog: &'c Catalog, source: &str, name: &str) -> Option<Operation<'c>> {
    catalog.operation_of_event(source, name)
}
