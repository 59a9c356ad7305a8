//! Orders in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{EraseOrder, FindOrders, GetOrder, MoveOrder, Order, PutOrder, Status, StoreError};

#[derive(Default)]
pub struct MemoryStore {
    orders: Mutex<BTreeMap<String, Order>>,
}

impl MemoryStore {
    fn orders(&self) -> MutexGuard<'_, BTreeMap<String, Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self, wanted: impl Fn(&Order) -> bool) -> Vec<Order> {
        self.orders()
            .values()
            .filter(|order| wanted(order))
            .cloned()
            .collect()
    }
}

#[async_trait]
impl GetOrder for MemoryStore {
    async fn get(&self, id: &str) -> Result<Option<Order>, StoreError> {
        Ok(self.orders().get(id).cloned())
    }
}

#[async_trait]
impl PutOrder for MemoryStore {
    async fn put(&self, order: &Order) -> Result<(), StoreError> {
        let mut orders = self.orders();
        if orders.contains_key(&order.id) {
            return Err(StoreError::AlreadyExists(order.id.clone()));
        }
        orders.insert(order.id.clone(), order.clone());
        Ok(())
    }
}

#[async_trait]
impl MoveOrder for MemoryStore {
    async fn advance(&self, id: &str, from: Status, to: Status) -> Result<Order, StoreError> {
        let mut orders = self.orders();
        match orders.get_mut(id) {
            Some(order) if order.status == from => {
                order.status = to;
                Ok(order.clone())
            }
            _ => Err(StoreError::WrongStatus {
                id: id.to_owned(),
                expected: from,
            }),
        }
    }
}

#[async_trait]
impl FindOrders for MemoryStore {
    async fn of_customer(&self, customer: &str) -> Result<Vec<Order>, StoreError> {
        Ok(self.all(|order| order.customer == customer))
    }

    async fn with_status(&self, status: Status) -> Result<Vec<Order>, StoreError> {
        Ok(self.all(|order| order.status == status))
    }
}

#[async_trait]
impl EraseOrder for MemoryStore {
    async fn erase(&self, id: &str) -> Result<(), StoreError> {
        self.orders().remove(id);
        Ok(())
    }
}
