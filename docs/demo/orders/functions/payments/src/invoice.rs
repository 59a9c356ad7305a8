//! Invoices in the documents bucket.

use std::fmt::Write;

use aws_sdk_s3::primitives::ByteStream;
use lambda_http::Error;
use store::{Order, invoice_key};

pub struct Invoices {
    pub s3: aws_sdk_s3::Client,
    pub bucket: String,
    /// Our name and address, as printed on top.
    pub sender: String,
}

impl Invoices {
    pub async fn write(&self, order: &Order) -> Result<(), Error> {
        self.s3
            .put_object()
            .bucket(&self.bucket)
            .key(invoice_key(&order.id))
            .content_type("text/plain")
            .body(ByteStream::from(self.text(order)?.into_bytes()))
            .send()
            .await?;
        Ok(())
    }

    fn text(&self, order: &Order) -> Result<String, std::fmt::Error> {
        let mut text = format!("{}\n\nInvoice {}\n\n", self.sender, order.id);
        for line in &order.lines {
            writeln!(text, "{:>4} x {}", line.quantity, line.article)?;
        }
        writeln!(text, "\nTotal {:.2} EUR", order.total_cents() as f64 / 100.0)?;
        Ok(text)
    }
}
