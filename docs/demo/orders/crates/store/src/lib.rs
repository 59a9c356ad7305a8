//! Orders and where they are kept.
//!
//! Functions name the traits they need ([`PutOrder`], [`FindOrders`] …) and are handed a [`DynamoStore`]; their tests
//! use a [`MemoryStore`].

mod documents;
mod dynamo;
mod memory;
mod order;

use async_trait::async_trait;

pub use documents::invoice_key;
pub use dynamo::DynamoStore;
pub use memory::MemoryStore;
pub use order::{Line, Order, Status};

/// Why the store could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("order `{0}` is already there")]
    AlreadyExists(String),
    #[error("order `{id}` is not {expected:?}")]
    WrongStatus { id: String, expected: Status },
    #[error("order cannot be read: {0}")]
    Malformed(#[from] serde_dynamo::Error),
    #[error("the table cannot be reached: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[async_trait]
pub trait GetOrder: Send + Sync {
    /// The order `id`, if there is one.
    async fn get(&self, id: &str) -> Result<Option<Order>, StoreError>;
}

#[async_trait]
pub trait PutOrder: Send + Sync {
    /// Keeps a new order; fails when its id is taken.
    async fn put(&self, order: &Order) -> Result<(), StoreError>;
}

#[async_trait]
pub trait MoveOrder: Send + Sync {
    /// Takes the order `id` from one status to the next; fails when it is in another one.
    async fn advance(&self, id: &str, from: Status, to: Status) -> Result<Order, StoreError>;
}

#[async_trait]
pub trait FindOrders: Send + Sync {
    /// The newest orders of a customer.
    async fn of_customer(&self, customer: &str) -> Result<Vec<Order>, StoreError>;

    /// Every order that is in `status`.
    async fn with_status(&self, status: Status) -> Result<Vec<Order>, StoreError>;
}

#[async_trait]
pub trait EraseOrder: Send + Sync {
    /// Removes an order for good.
    async fn erase(&self, id: &str) -> Result<(), StoreError>;
}

/// Everything a store can do.
pub trait OrderStore: GetOrder + PutOrder + MoveOrder + FindOrders + EraseOrder {}

impl<S: GetOrder + PutOrder + MoveOrder + FindOrders + EraseOrder> OrderStore for S {}
