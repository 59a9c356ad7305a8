//! Orders in a DynamoDB table.

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use crate::{EraseOrder, FindOrders, GetOrder, MoveOrder, Order, PutOrder, Status, StoreError};

const BY_CUSTOMER: &str = "by-customer";
const BY_STATUS: &str = "by-status";
const PAGE: i32 = 25;

pub struct DynamoStore {
    client: Client,
    table: String,
}

impl DynamoStore {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }
}

#[async_trait]
impl GetOrder for DynamoStore {
    async fn get(&self, id: &str) -> Result<Option<Order>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("id", text(id))
            .send()
            .await
            .map_err(unavailable)?;
        Ok(found.item.map(serde_dynamo::from_item).transpose()?)
    }
}

#[async_trait]
impl PutOrder for DynamoStore {
    async fn put(&self, order: &Order) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(order)?))
            .condition_expression("attribute_not_exists(id)")
            .send()
            .await
            .map_err(|error| {
                let taken = error
                    .as_service_error()
                    .is_some_and(|service| service.is_conditional_check_failed_exception());
                if taken {
                    StoreError::AlreadyExists(order.id.clone())
                } else {
                    unavailable(error)
                }
            })?;
        Ok(())
    }
}

#[async_trait]
impl MoveOrder for DynamoStore {
    async fn advance(&self, id: &str, from: Status, to: Status) -> Result<Order, StoreError> {
        let moved = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", text(id))
            .update_expression("SET #status = :to")
            .condition_expression("#status = :from")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":from", text(from.as_str()))
            .expression_attribute_values(":to", text(to.as_str()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(|error| {
                let refused = error
                    .as_service_error()
                    .is_some_and(|service| service.is_conditional_check_failed_exception());
                if refused {
                    StoreError::WrongStatus {
                        id: id.to_owned(),
                        expected: from,
                    }
                } else {
                    unavailable(error)
                }
            })?;
        Ok(serde_dynamo::from_item(moved.attributes.unwrap_or_default())?)
    }
}

#[async_trait]
impl FindOrders for DynamoStore {
    async fn of_customer(&self, customer: &str) -> Result<Vec<Order>, StoreError> {
        let newest = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_CUSTOMER)
            .key_condition_expression("customer = :customer")
            .expression_attribute_values(":customer", text(customer))
            .scan_index_forward(false)
            .limit(PAGE)
            .send()
            .await
            .map_err(unavailable)?;
        Ok(serde_dynamo::from_items(newest.items.unwrap_or_default())?)
    }

    async fn with_status(&self, status: Status) -> Result<Vec<Order>, StoreError> {
        let items = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_STATUS)
            .key_condition_expression("#status = :status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status.as_str()))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(unavailable)?;
        Ok(serde_dynamo::from_items(items)?)
    }
}

#[async_trait]
impl EraseOrder for DynamoStore {
    async fn erase(&self, id: &str) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key("id", text(id))
            .send()
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
