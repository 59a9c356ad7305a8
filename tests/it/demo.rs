//! The demo: golden answers.
