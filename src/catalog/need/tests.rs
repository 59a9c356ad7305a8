//! What operations need, by the hand-written golden files and by properties of the whole catalogue.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod files;
mod golden;

mod properties;
