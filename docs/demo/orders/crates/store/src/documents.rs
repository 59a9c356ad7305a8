//! Names of the documents that belong to an order.

/// Key of the order's invoice in the documents bucket.
pub fn invoice_key(order_id: &str) -> String {
    format!("invoices/{order_id}.txt")
}
