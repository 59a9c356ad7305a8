//! How a policy is attached so that IAM takes it: inline, or in several managed policies, never widened.

use std::collections::BTreeMap;

use crate::iam::policy::limits::Place;
use crate::iam::policy::{Actions, Policy, Resources, Statement};

/// Managed policies that a role may have: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
/// ("Managed policies attached to an IAM role", default).
const MANAGED_OF_A_ROLE: usize = 10;

/// What a symbol is counted as, since the text that will stand there is not known: the longest partition and region,
/// the twelve digits of an account, and 64 characters (a function's name at most) for everything else.
const SYMBOLS: [(&str, usize); 3] = [
    ("AWS::Partition", 10),
    ("AWS::Region", 14),
    ("AWS::AccountId", 12),
];
const ANY_SYMBOL: usize = 64;

/// A policy as it is attached to a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// One inline policy.
    Inline(Policy),
    /// Managed policies that together allow the same.
    Managed(Vec<Policy>),
}

/// The policy does not fit into one role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// More managed policies than a role can have.
    #[error(
        "the policy needs {needed} managed policies of {} characters, and a role can have {MANAGED_OF_A_ROLE}\nhint: {CHOICES}",
        Place::Managed.limit().default
    )]
    Policies {
        /// Managed policies it would take.
        needed: usize,
    },
    /// One action on one resource that is too long by itself.
    #[error(
        "one action on one resource takes {size} characters, and a managed policy can have {}\nhint: {CHOICES}",
        Place::Managed.limit().default
    )]
    Statement {
        /// Characters of the longest.
        size: usize,
    },
}

/// What is left to do about a policy that is too large, none of which can be done without being asked for.
pub const CHOICES: &str = "split the function; name its resources by a common prefix and declare that in `rolefit.toml`; or \
                           ask AWS for a higher quota (a role can have 20 managed policies at most)";

impl Attachment {
    /// The documents.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        match self {
            Self::Inline(policy) => std::slice::from_ref(policy).iter(),
            Self::Managed(policies) => policies.iter(),
        }
    }

    /// Characters that count, over all documents.
    pub fn size(&self) -> usize {
        self.policies().map(size).sum()
    }

    /// Characters that the documents may have together.
    pub fn limit(&self) -> usize {
        match self {
            Self::Inline(_) => Place::InlineRole.limit().default,
            Self::Managed(policies) => Place::Managed.limit().default * policies.len(),
        }
    }
}

/// Characters of a document that count against IAM's quotas, with room for what its symbols will become.
pub fn size(policy: &Policy) -> usize {
    let text = policy.to_json_compact();
    let symbols: usize = text
        .split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(symbol, _)| {
            let room = SYMBOLS
                .iter()
                .find(|(name, _)| *name == symbol)
                .map_or(ANY_SYMBOL, |(_, room)| *room);
            room.saturating_sub(symbol.chars().filter(|c| !c.is_whitespace()).count() + 3)
        })
        .sum();
    policy.size_without_whitespace() + symbols
}

/// How the policy is attached: as it is where that fits, else merged further without changing what it allows, else
/// split over managed policies.
///
/// # Errors
/// When a role cannot have as many managed policies as that takes.
pub fn fit(policy: &Policy) -> Result<Attachment, TooLarge> {
    let inline = Place::InlineRole.limit().default;
    if size(policy) <= inline {
        return Ok(Attachment::Inline(policy.clone()));
    }
    let smaller = merged(policy);
    if size(&smaller) <= inline {
        return Ok(Attachment::Inline(smaller));
    }
    managed(&smaller).map(Attachment::Managed)
}

/// The policy as managed policies that together allow the same.
///
/// # Errors
/// When a role cannot have as many as that takes.
pub fn managed(policy: &Policy) -> Result<Vec<Policy>, TooLarge> {
    let limit = Place::Managed.limit().default;
    if size(policy) <= limit {
        return Ok(vec![policy.clone()]);
    }
    let parts = split(&merged(policy), limit);
    let longest = parts.iter().map(size).max().unwrap_or(0);
    match parts.len() {
        _ if longest > limit => Err(TooLarge::Statement { size: longest }),
        needed if needed > MANAGED_OF_A_ROLE => Err(TooLarge::Policies { needed }),
        _ => Ok(parts),
    }
}

/// Statements that differ only in their resources as one, then those that differ only in their actions: what is allowed
/// stays exactly the same.
fn merged(policy: &Policy) -> Policy {
    let mut statements: Vec<Statement> = Vec::new();
    for statement in &policy.statements {
        let alike = statements.iter_mut().find(|known| {
            known.effect == statement.effect
                && known.actions == statement.actions
                && known.conditions == statement.conditions
        });
        match alike.map(|known| (&mut known.resources, &statement.resources)) {
            Some((Resources::Only(known), Resources::Only(more))) => known.extend(more.iter().cloned()),
            _ => statements.push(statement.clone()),
        }
    }
    let mut joined: Vec<Statement> = Vec::new();
    for statement in statements {
        let alike = joined.iter_mut().find(|known| {
            known.effect == statement.effect
                && known.resources == statement.resources
                && known.conditions == statement.conditions
        });
        match alike.map(|known| (&mut known.actions, &statement.actions)) {
            Some((Actions::Only(known), Actions::Only(more))) => known.extend(more.iter().cloned()),
            _ => joined.push(statement),
        }
    }
    Policy::of(joined)
}

/// The statements over as few documents as first fit in order gives, each within the limit where a single action on a
/// single resource is.
fn split(policy: &Policy, limit: usize) -> Vec<Policy> {
    let mut parts: Vec<Policy> = Vec::new();
    let mut waiting: Vec<Statement> = policy.statements.iter().rev().cloned().collect();
    while let Some(statement) = waiting.pop() {
        if size(&Policy::of(vec![statement.clone()])) > limit
            && let Some((first, second)) = halves(&statement)
        {
            waiting.extend([second, first]);
            continue;
        }
        let place = parts.iter().position(|part| {
            let mut with = part.clone();
            with.statements.push(statement.clone());
            size(&with) <= limit
        });
        match place.and_then(|place| parts.get_mut(place)) {
            Some(part) => part.statements.push(statement),
            None => parts.push(Policy::of(vec![statement])),
        }
    }
    for part in &mut parts {
        distinct(part);
    }
    parts
}

/// Operators of which one value is enough, so that two statements with half of the values each allow the same.
const ANY_OF: [&str; 4] = ["StringEquals", "StringLike", "ArnEquals", "ArnLike"];

/// A statement as two, by its resources where it has several, else by its actions, else by the values of a condition.
fn halves(statement: &Statement) -> Option<(Statement, Statement)> {
    let (mut first, mut second) = (statement.clone(), statement.clone());
    match (&statement.resources, &statement.actions) {
        (Resources::Only(resources), _) if resources.len() > 1 => {
            let (left, right) = resources.split_at_checked(resources.len() / 2)?;
            first.resources = Resources::Only(left.to_vec());
            second.resources = Resources::Only(right.to_vec());
        }
        (_, Actions::Only(actions)) if actions.len() > 1 => {
            let (left, right) = actions.split_at_checked(actions.len() / 2)?;
            first.actions = Actions::Only(left.to_vec());
            second.actions = Actions::Only(right.to_vec());
        }
        _ => {
            let several = |(operator, keys): &(&String, &BTreeMap<String, Vec<String>>)| {
                ANY_OF.contains(&operator.as_str()) && keys.values().any(|values| values.len() > 1)
            };
            let (operator, keys) = statement.conditions.iter().find(several)?;
            let (key, values) = keys.iter().find(|(_, values)| values.len() > 1)?;
            let (left, right) = values.split_at_checked(values.len() / 2)?;
            for (half, values) in [(&mut first, left), (&mut second, right)] {
                let keys = half.conditions.get_mut(operator)?;
                keys.insert(key.clone(), values.to_vec());
            }
        }
    }
    Some((first, second))
}

/// Gives statements that came from one their own Sids.
fn distinct(policy: &mut Policy) {
    let mut taken = std::collections::BTreeSet::new();
    for statement in &mut policy.statements {
        let Some(sid) = statement.sid.clone() else {
            continue;
        };
        let free = std::iter::once(sid.clone())
            .chain((2..).map(|number| format!("{sid}{number}")))
            .find(|candidate| !taken.contains(candidate));
        taken.extend(free.clone());
        statement.sid = free;
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use super::*;
    use crate::iam::contain::{Options, Verdict, contain};

    fn policy(tables: usize, actions: &[&str]) -> Policy {
        let statements: Vec<String> = (0..tables)
            .map(|n| {
                let actions: Vec<String> = actions.iter().map(|a| format!("\"dynamodb:{a}\"")).collect();
                format!(
                    "{{\"Sid\":\"T{n}\",\"Effect\":\"Allow\",\"Action\":[{}],\"Resource\":\
                     \"arn:aws:dynamodb:eu-west-1:123456789012:table/a-table-with-a-long-name-number-{n}\"}}",
                    actions.join(",")
                )
            })
            .collect();
        Policy::from_json(&format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}",
            statements.join(",")
        ))
        .unwrap()
    }

    fn same(one: &[Policy], other: &[Policy]) -> bool {
        contain(one, other, &Options::default()) == Verdict::NoNewAccess
            && contain(other, one, &Options::default()) == Verdict::NoNewAccess
    }

    #[test]
    fn a_small_policy_stays_as_it_is() {
        let policy = policy(3, &["GetItem"]);
        let fitted = fit(&policy).unwrap();
        assert_eq!(fitted, Attachment::Inline(policy.clone()));
        assert_eq!(fitted.size(), size(&policy));
        assert_eq!(fitted.limit(), 10_240);
    }

    #[test]
    fn a_large_policy_is_merged_before_it_is_split() {
        let policy = policy(60, &["GetItem", "PutItem", "DeleteItem", "UpdateItem", "Query"]);
        assert!(size(&policy) > 10_240);
        let fitted = fit(&policy).unwrap();
        assert!(matches!(&fitted, Attachment::Inline(smaller) if same(
            std::slice::from_ref(smaller), std::slice::from_ref(&policy))));
    }

    #[test]
    fn a_larger_one_is_split_and_allows_the_same() {
        let policy = policy(160, &["GetItem"]);
        let fitted = fit(&policy).unwrap();
        let Attachment::Managed(parts) = &fitted else {
            panic!("{fitted:?}")
        };
        assert!(parts.len() >= 2, "{}", parts.len());
        assert_eq!(fitted.size(), parts.iter().map(size).sum::<usize>());
        assert_eq!(fitted.limit(), 6_144 * parts.len());
        assert!(parts.iter().all(|part| size(part) <= 6_144));
        assert!(same(parts, std::slice::from_ref(&policy)));
    }

    #[test]
    fn what_no_role_can_hold_is_an_error_with_the_number() {
        let error = fit(&policy(1_000, &["GetItem"])).unwrap_err();
        assert!(matches!(error, TooLarge::Policies { needed } if needed > 10));
        assert!(error.to_string().contains("a role can have 10"), "{error}");
        assert!(error.to_string().contains("split the function"), "{error}");
    }

    #[test]
    fn values_of_a_condition_are_split_last_and_a_single_one_that_is_too_long_is_an_error() {
        let listing = |prefixes: Vec<String>| {
            // What has one value only is never split.
            let condition = serde_json::json!({
                "ArnLike": { "aws:SourceArn": "arn:aws:s3:::b" },
                "StringLike": { "aws:PrincipalTag/team": "a", "s3:prefix": prefixes },
            });
            Policy::from_json(&format!(
                "{{\"Version\":\"2012-10-17\",\"Statement\":{{\"Sid\":\"B\",\"Effect\":\"Allow\",\"Action\":\
                 \"s3:ListBucket\",\"Resource\":\"arn:aws:s3:::b\",\"Condition\":{condition}}}}}"
            ))
            .unwrap()
        };
        let many = listing(
            (0..400)
                .map(|n| format!("a-folder-with-a-long-name/{n:03}/*"))
                .collect(),
        );
        let Attachment::Managed(parts) = fit(&many).unwrap() else {
            panic!()
        };
        assert!(parts.iter().all(|part| size(part) <= 6_144));
        assert!(same(&parts, std::slice::from_ref(&many)));
        let long = fit(&listing(vec!["x".repeat(11_000)])).unwrap_err();
        assert!(
            matches!(long, TooLarge::Statement { size } if size > 11_000),
            "{long}"
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

        /// Whatever the statements are: within the limits, the same is allowed; beyond them, it is said.
        #[test]
        fn what_fits_allows_the_same(
            rows in proptest::collection::vec((0_usize..40, 0_usize..6, proptest::prelude::any::<bool>()), 1..140),
            length in 10_usize..90,
        ) {
            let statements: Vec<String> = rows.iter().enumerate().map(|(n, (table, action, limited))| {
                let action = ["GetItem", "PutItem", "Query", "Scan", "UpdateItem", "DeleteItem"][*action];
                let condition = match limited {
                    true => ",\"Condition\":{\"StringEquals\":{\"aws:RequestedRegion\":\"eu-west-1\"}}",
                    false => "",
                };
                format!(
                    "{{\"Sid\":\"S{n}\",\"Effect\":\"Allow\",\"Action\":\"dynamodb:{action}\",\"Resource\":\
                     \"arn:aws:dynamodb:eu-west-1:123456789012:table/{}-{table}\"{condition}}}",
                    "t".repeat(length)
                )
            }).collect();
            let policy = Policy::from_json(&format!(
                "{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}", statements.join(",")
            )).unwrap();
            let fitted = fit(&policy).unwrap();
            let limit = match &fitted {
                Attachment::Inline(_) => 10_240,
                Attachment::Managed(_) => 6_144,
            };
            proptest::prop_assert!(fitted.policies().all(|part| size(part) <= limit));
            proptest::prop_assert!(fitted.policies().count() <= 10);
            let parts: Vec<Policy> = fitted.policies().cloned().collect();
            proptest::prop_assert!(same(&parts, std::slice::from_ref(&policy)));
        }
    }

    #[test]
    fn symbols_count_as_what_they_may_become() {
        let json =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"a:B","Resource":"RES"}]}"#;
        let with = |resource: &str| size(&Policy::from_json(&json.replace("RES", resource)).unwrap());
        assert_eq!(with("arn:aws:a:::${T}"), with("arn:aws:a:::") + 64);
        assert_eq!(with("arn:aws:a:${AWS::Region}::t"), with("arn:aws:a:::t") + 14);
    }
}
