//! A request as IAM sees it: who wants to do what to which resource, and in which circumstances.

use std::collections::BTreeMap;

/// What a condition key holds in a request; a key that the request lacks has no entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextValue {
    /// One value, of a single-valued key.
    One(String),
    /// Any number of values, of a multivalued key.
    Many(Vec<String>),
}

/// A request for one action on one resource. An action that touches several resources is one request each.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/intro-structure.html#intro-structure-request>
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// The ARN of the caller (user, role, assumed-role session, federated user, root), a service (`lambda.amazonaws.com`),
    /// a canonical user id, or `None` for an anonymous caller.
    pub principal: Option<String>,
    /// The action, such as `s3:GetObject`.
    pub action: String,
    /// The ARN of the resource, or `*` for an action that takes none.
    pub resource: String,
    /// The account that owns the resource, twelve digits, where the ARN does not say it.
    pub resource_account: Option<String>,
    /// Condition keys; looked up without regard to case.
    pub context: BTreeMap<String, ContextValue>,
}
