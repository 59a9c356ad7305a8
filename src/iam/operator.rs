//! Condition operators: what a name such as `ForAnyValue:StringLikeIfExists` is made of.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

/// An operator's own comparison, without quantifier and suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are AWS's")]
pub enum Comparison {
    StringEquals,
    StringNotEquals,
    StringEqualsIgnoreCase,
    StringNotEqualsIgnoreCase,
    StringLike,
    StringNotLike,
    NumericEquals,
    NumericNotEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateNotEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    Bool,
    BinaryEquals,
    IpAddress,
    NotIpAddress,
    ArnEquals,
    ArnNotEquals,
    ArnLike,
    ArnNotLike,
    Null,
}

/// How an operator goes over the values of a multivalued key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantifier {
    /// `ForAllValues:`.
    All,
    /// `ForAnyValue:`.
    Any,
}

/// A condition operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator {
    /// The set operator, if there is one.
    pub quantifier: Option<Quantifier>,
    /// The comparison.
    pub comparison: Comparison,
    /// Whether a missing key fulfils it.
    pub if_exists: bool,
}

/// Every comparison, by its name in AWS's spelling.
pub const COMPARISONS: [(&str, Comparison); 27] = [
    ("StringEquals", Comparison::StringEquals),
    ("StringNotEquals", Comparison::StringNotEquals),
    ("StringEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase),
    ("StringNotEqualsIgnoreCase", Comparison::StringNotEqualsIgnoreCase),
    ("StringLike", Comparison::StringLike),
    ("StringNotLike", Comparison::StringNotLike),
    ("NumericEquals", Comparison::NumericEquals),
    ("NumericNotEquals", Comparison::NumericNotEquals),
    ("NumericLessThan", Comparison::NumericLessThan),
    ("NumericLessThanEquals", Comparison::NumericLessThanEquals),
    ("NumericGreaterThan", Comparison::NumericGreaterThan),
    ("NumericGreaterThanEquals", Comparison::NumericGreaterThanEquals),
    ("DateEquals", Comparison::DateEquals),
    ("DateNotEquals", Comparison::DateNotEquals),
    ("DateLessThan", Comparison::DateLessThan),
    ("DateLessThanEquals", Comparison::DateLessThanEquals),
    ("DateGreaterThan", Comparison::DateGreaterThan),
    ("DateGreaterThanEquals", Comparison::DateGreaterThanEquals),
    ("Bool", Comparison::Bool),
    ("BinaryEquals", Comparison::BinaryEquals),
    ("IpAddress", Comparison::IpAddress),
    ("NotIpAddress", Comparison::NotIpAddress),
    ("ArnEquals", Comparison::ArnEquals),
    ("ArnNotEquals", Comparison::ArnNotEquals),
    ("ArnLike", Comparison::ArnLike),
    ("ArnNotLike", Comparison::ArnNotLike),
    ("Null", Comparison::Null),
];

impl Operator {
    /// Reads an operator's name without regard to case; `None` for a name that AWS does not know.
    pub fn parse(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let (quantifier, rest) = match lower.split_once(':') {
            Some(("forallvalues", rest)) => (Some(Quantifier::All), rest),
            Some(("foranyvalue", rest)) => (Some(Quantifier::Any), rest),
            Some(_) => return None,
            None => (None, lower.as_str()),
        };
        let (plain, if_exists) = match rest.strip_suffix("ifexists") {
            Some(plain) => (plain, true),
            None => (rest, false),
        };
        let (_, comparison) = COMPARISONS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(plain))?;
        if *comparison == Comparison::Null && if_exists {
            return None;
        }
        Some(Self {
            quantifier,
            comparison: *comparison,
            if_exists,
        })
    }
}

impl Comparison {
    /// Whether it holds when no listed value fits (`StringNotEquals`, `NotIpAddress`, …).
    pub fn is_negated(self) -> bool {
        matches!(
            self,
            Self::StringNotEquals
                | Self::StringNotEqualsIgnoreCase
                | Self::StringNotLike
                | Self::NumericNotEquals
                | Self::DateNotEquals
                | Self::NotIpAddress
                | Self::ArnNotEquals
                | Self::ArnNotLike
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_regard_to_case() {
        assert_eq!(
            Operator::parse("foranyvalue:STRINGLIKEifExists"),
            Some(Operator {
                quantifier: Some(Quantifier::Any),
                comparison: Comparison::StringLike,
                if_exists: true,
            })
        );
        for bad in [
            "StringMatches",
            "ForSomeValues:StringLike",
            "NullIfExists",
            "BinaryNotEquals",
            "",
            "IfExists",
        ] {
            assert_eq!(Operator::parse(bad), None, "{bad}");
        }
    }
}
