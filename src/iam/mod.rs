//! The policy language: actions, ARNs, conditions and policy documents, without any data about AWS.

pub mod action;
pub mod arn;
pub mod operator;
pub mod policy;
pub mod request;
pub mod evaluate;
pub mod contain;
pub mod minimise;
