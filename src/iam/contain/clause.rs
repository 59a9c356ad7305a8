//! Condition clauses: one operator on one key with its values, as a statement writes it.

use crate::iam::policy::Conditions;

/// How numbers and dates are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What an operator asks of one value, before negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Test {
    /// Text, with wildcards if `like`, in either case if `fold`.
    Text {
        like: bool,
        fold: bool,
    },
    /// The six fields of an ARN.
    Arn,
    Number(Comparison),
    Date(Comparison),
    Bool,
    Binary,
    Address,
    /// An operator that the policy language does not have: nothing is known of it.
    Unknown,
}

/// Set operator in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Quantifier {
    /// None: for keys with a single value.
    Single,
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// What a clause asks of its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ask {
    /// `Null`: holds when the key is absent / present, as listed.
    Null { absent: bool, present: bool },
    /// Any other operator.
    Value {
        test: Test,
        /// `…Not…`: no listed value may match.
        negated: bool,
        quantifier: Quantifier,
        /// `…IfExists`.
        if_exists: bool,
        /// The listed values, sorted.
        values: Vec<String>,
        /// For an unknown operator its name, which tells it from others.
        name: String,
    },
}

/// One operator on one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Clause {
    /// In lower case.
    pub(super) key: String,
    pub(super) ask: Ask,
}

impl Clause {
    /// The clauses of a condition block, sorted and without repetitions.
    pub(super) fn of(conditions: &Conditions) -> Vec<Self> {
        let mut clauses: Vec<Self> = conditions
            .iter()
            .flat_map(|(operator, keys)| {
                keys.iter().map(|(key, values)| Self {
                    key: key.to_lowercase(),
                    ask: ask(operator, values),
                })
            })
            .collect();
        clauses.sort();
        clauses.dedup();
        clauses
    }

    /// What the clause says when the key is absent; `None` when nobody knows.
    pub(super) fn when_absent(&self) -> Option<bool> {
        match &self.ask {
            Ask::Null { absent, .. } => Some(*absent),
            Ask::Value {
                test: Test::Unknown, ..
            } => None,
            Ask::Value {
                negated,
                quantifier,
                if_exists,
                ..
            } => Some(match quantifier {
                Quantifier::Single => *negated || *if_exists,
                Quantifier::All => true,
                Quantifier::Any => *if_exists,
            }),
        }
    }

    /// The set operator, of any operator but `Null`.
    pub(super) fn quantifier(&self) -> Option<Quantifier> {
        match &self.ask {
            Ask::Null { .. } => None,
            Ask::Value { quantifier, .. } => Some(*quantifier),
        }
    }
}

fn ask(operator: &str, values: &[String]) -> Ask {
    let lowered = operator.to_ascii_lowercase();
    let (quantifier, rest) = match lowered.split_once(':') {
        Some(("forallvalues", rest)) => (Quantifier::All, rest),
        Some(("foranyvalue", rest)) => (Quantifier::Any, rest),
        _ => (Quantifier::Single, lowered.as_str()),
    };
    let (if_exists, base) = match rest.strip_suffix("ifexists") {
        Some(base) => (true, base),
        None => (false, rest),
    };
    let mut values = values.to_vec();
    values.sort();
    values.dedup();
    if base == "null" && quantifier == Quantifier::Single && !if_exists {
        let listed = |wanted: &str| values.iter().any(|value| value.eq_ignore_ascii_case(wanted));
        return Ask::Null {
            absent: listed("true"),
            present: listed("false"),
        };
    }
    let known = test(base);
    let (test, negated) = known.unwrap_or((Test::Unknown, false));
    Ask::Value {
        test,
        negated,
        quantifier,
        if_exists,
        values,
        name: match known {
            Some(_) => String::new(),
            None => lowered,
        },
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
fn test(base: &str) -> Option<(Test, bool)> {
    let text = |like, fold| Test::Text { like, fold };
    Some(match base {
        "stringequals" => (text(false, false), false),
        "stringnotequals" => (text(false, false), true),
        "stringequalsignorecase" => (text(false, true), false),
        "stringnotequalsignorecase" => (text(false, true), true),
        "stringlike" => (text(true, false), false),
        "stringnotlike" => (text(true, false), true),
        "arnequals" | "arnlike" => (Test::Arn, false),
        "arnnotequals" | "arnnotlike" => (Test::Arn, true),
        "numericnotequals" => (Test::Number(Comparison::Equal), true),
        "datenotequals" => (Test::Date(Comparison::Equal), true),
        "bool" => (Test::Bool, false),
        "binaryequals" => (Test::Binary, false),
        "ipaddress" => (Test::Address, false),
        "notipaddress" => (Test::Address, true),
        other => {
            if let Some(rest) = other.strip_prefix("numeric") {
                (Test::Number(comparison(rest)?), false)
            } else {
                (Test::Date(comparison(other.strip_prefix("date")?)?), false)
            }
        }
    })
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "equals" => Comparison::Equal,
        "lessthan" => Comparison::Less,
        "lessthanequals" => Comparison::LessOrEqual,
        "greaterthan" => Comparison::Greater,
        "greaterthanequals" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}
