//! The rules that every store keeps, tried on the one in memory.

use store::{
    EraseOrder, FindOrders, GetOrder, Line, MemoryStore, MoveOrder, Order, PutOrder, Status, StoreError,
};

fn order(id: &str) -> Order {
    Order {
        id: id.to_owned(),
        customer: "ada".to_owned(),
        status: Status::Placed,
        placed_at: "2026-11-04T08:30:00Z".parse().unwrap(),
        lines: vec![Line {
            article: "beans".to_owned(),
            quantity: 2,
            unit_price_cents: 1_450,
        }],
    }
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let store = MemoryStore::default();
    store.put(&order("1")).await.unwrap();
    assert!(matches!(
        store.put(&order("1")).await,
        Err(StoreError::AlreadyExists(_))
    ));
}

#[tokio::test]
async fn an_order_moves_only_from_where_it_is() {
    let store = MemoryStore::default();
    store.put(&order("1")).await.unwrap();
    let paid = store.advance("1", Status::Placed, Status::Paid).await.unwrap();
    assert_eq!((paid.status, paid.total_cents()), (Status::Paid, 2_900));
    assert!(matches!(
        store.advance("1", Status::Placed, Status::Paid).await,
        Err(StoreError::WrongStatus { .. })
    ));
}

#[tokio::test]
async fn orders_are_found_by_customer_and_status_until_erased() {
    let store = MemoryStore::default();
    store.put(&order("1")).await.unwrap();
    assert_eq!(store.of_customer("ada").await.unwrap().len(), 1);
    assert_eq!(store.with_status(Status::Placed).await.unwrap().len(), 1);
    store.erase("1").await.unwrap();
    assert_eq!(store.get("1").await.unwrap(), None);
}
