#![doc = "Gives every serverless function written in Rust an IAM role that fits."]
//!
//! ```text
//!  Workspace ─► Function ─► CallSite ──► Usage ──► Grant ──► Policy ──► Diff ──► Verdict ──► Report
//!  (cargo,      (a Lambda   (scan)         ▲      (+ why)    (iam)    (vs role)  (gate)     (rendered)
//!   deploy)      function)  TrailEvent ────┘         ▲
//!                           (trail)      Template ───┘      (what no code shows: logs, event sources, VPC, tracing …)
//!             Gap ─────────────────────────────────────────────────────► Verdict
//! ```
//!
//! As a library, the crate offers [`project`] (what the functions of a project need, for tests of that project) and [`iam`]
//! (the policy language). The other modules are public for the program, its tests and its benches; they may change at any
//! time.
//!
//! The modules stand in reading order: a module uses only modules above it (`tests/layers.rs` keeps it so).

#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::unreachable,
        reason = "a test that cannot go on fails"
    )
)]

pub mod iam;
pub mod usage;
pub mod catalog;
pub mod workspace;
pub mod scan;
pub mod trail;
pub mod synth;
pub mod diff;
pub mod gate;
pub mod replay;
pub mod plan;
pub mod report;
pub mod config;
#[cfg(feature = "live")]
pub mod aws;
pub mod cli;
pub mod project;
