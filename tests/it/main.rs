//! What users see, from the outside: the command line, its documents, the demo, the layers of the code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on fails"
)]

#[cfg(feature = "live")]
mod apply;
mod ci;
mod commands;
mod conditions;
mod configuration;
mod account;
mod contain;
mod contain_cases;
mod contain_managed;
mod coverage;
mod creep;
mod demo;
mod documents;
mod emit;
mod evaluate;
mod explain;
mod folder;
mod fuzz;
mod gaps;
mod generated;
mod guards;
mod hostile;
mod json_variables;
mod layers;
#[cfg(feature = "live")]
mod cloud;
#[cfg(feature = "live")]
mod live;
#[cfg(feature = "live")]
mod observe_live;
#[cfg(feature = "live")]
mod observe_queries;
mod network;
mod observe;
mod observe_plan;
mod own_policy;
mod owners;
mod malformed;
mod registry_sources;
mod replay;
mod reports;
mod rules;
mod runtime;
mod same_app;
mod same_name;
mod schemas;
mod secrets;
mod stages;
mod sdk_names;
mod terminal;
