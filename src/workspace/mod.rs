//! Which functions exist: Cargo packages and binaries, deployments, and the links between them.

pub mod model;
pub mod bounds;
pub mod cargo;
pub mod cargo_lock;
pub mod registry;
pub mod deploy;
pub mod artefacts;
pub mod link;
