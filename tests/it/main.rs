//! What users see, from the outside: the command line, its documents, the demo, the layers of the code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod demo;
mod documents;
mod gaps;
mod layers;
#[cfg(feature = "live")]
mod live;
mod reports;
mod same_app;
mod schemas;
