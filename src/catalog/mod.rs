//! What AWS says: services, operations, the actions they need, resource formats, managed policies, policy templates.

pub mod template;
