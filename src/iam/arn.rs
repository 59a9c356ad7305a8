//! ARNs and the patterns of a statement's `Resource`, with `${Symbol}` parts that a stack fills in at deployment.

use std::fmt;

/// A resource as a statement names it: `*`, or an ARN whose parts may hold wildcards and `${Symbol}`s.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArnPattern(String);

impl ArnPattern {
    /// Wraps the text of a resource.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `*`: every resource.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `*` alone.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl fmt::Display for ArnPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
