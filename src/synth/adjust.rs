//! What a team may want otherwise of the synthesised need: which evidence counts, how exact resources are, listing for
//! a clear answer about objects that are not there.

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::iam::action::Action;
use crate::iam::arn::ArnPattern;
use crate::usage::{Because, BecauseKind, Confidence, Grant};

use super::merge;

/// Which grants rest on which evidence.
#[derive(Clone, Debug, Default)]
pub struct Sorted {
    /// Grants that stay.
    pub kept: Vec<Grant>,
    /// Grants of the code that are left out.
    pub unseen: Vec<Grant>,
    /// Grants of the trail that are left out.
    pub unexplained: Vec<Grant>,
}

/// Leaves out grants that rest on the code alone where `unseen` says so, and, unless `observed`, those that rest on the
/// trail alone. What Lambda needs, what templates say and what is declared stays.
pub fn by_evidence(grants: Vec<Grant>, observed: bool, unseen: &dyn Fn(&Grant) -> bool) -> Sorted {
    let mut sorted = Sorted::default();
    for grant in grants {
        if !observed && rests_on(&grant, BecauseKind::Trail) {
            sorted.unexplained.push(grant);
        } else if rests_on(&grant, BecauseKind::Code) && unseen(&grant) {
            sorted.unseen.push(grant);
        } else {
            sorted.kept.push(grant);
        }
    }
    sorted
}

/// Whether every reason of a grant is of this kind.
pub fn rests_on(grant: &Grant, kind: BecauseKind) -> bool {
    grant.because().iter().all(|because| because.kind == kind)
}

/// Every grant on all resources of the type that it names; those whose type is not known stay as they are.
pub fn on_whole_types(catalog: &Catalog, grants: Vec<Grant>) -> Vec<Grant> {
    let widened = grants.into_iter().map(|grant| {
        let whole = catalog
            .action(&grant.action)
            .and_then(|entry| entry.type_of(&grant.resource));
        match whole {
            Some(whole) if whole != grant.resource => {
                let mut grant = grant.on(whole);
                grant.exact = false;
                grant.spelled_out = None;
                grant
            }
            _ => grant,
        }
    });
    merge::normalise(widened.collect())
}

/// `s3:ListBucket` for every bucket whose objects are read: without it, S3 answers 403 instead of 404.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
pub fn with_listing(mut grants: Vec<Grant>, because: &Because) -> Vec<Grant> {
    let reads = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes"];
    let buckets: BTreeSet<ArnPattern> = grants
        .iter()
        .filter(|grant| reads.contains(&grant.action.to_string().as_str()))
        .filter_map(|grant| bucket(&grant.resource))
        .collect();
    let Some(list) = Action::parse("s3:ListBucket") else {
        return grants;
    };
    let added = buckets
        .into_iter()
        .map(|bucket| Grant::new(list.clone(), bucket, Confidence::High, because.clone()));
    grants.extend(added);
    merge::normalise(grants)
}

/// The bucket of an object's ARN: what stands before the first slash outside of symbols.
fn bucket(object: &ArnPattern) -> Option<ArnPattern> {
    let text = object.as_str();
    let mut inside = false;
    let slash = text.char_indices().find(|(_, c)| {
        match c {
            '{' => inside = true,
            '}' => inside = false,
            _ => {}
        }
        *c == '/' && !inside
    });
    let (at, _) = slash?;
    text.get(..at).map(ArnPattern::new)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn grant(action: &str, resource: &str, kinds: &[BecauseKind]) -> Grant {
        let because = |kind: &BecauseKind| Because {
            kind: *kind,
            operation: None,
            location: None,
            note: String::new(),
        };
        let first = because(kinds.first().unwrap());
        let mut grant = Grant::new(
            Action::parse(action).unwrap(),
            ArnPattern::new(resource),
            Confidence::High,
            first,
        );
        grant.also(&kinds.iter().map(because).collect::<Vec<_>>());
        grant
    }

    fn lines(grants: &[Grant]) -> Vec<String> {
        grants
            .iter()
            .map(|grant| format!("{} {}", grant.action, grant.resource))
            .collect()
    }

    const TABLE: &str = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";

    #[test]
    fn evidence_is_told_apart() {
        use BecauseKind::{Code, Runtime, Trail};
        let grants = || {
            vec![
                grant("dynamodb:PutItem", TABLE, &[Code]),
                grant("dynamodb:GetItem", TABLE, &[Code, Trail]),
                grant("dynamodb:Scan", TABLE, &[Trail]),
                grant(
                    "sqs:ReceiveMessage",
                    "arn:aws:sqs:eu-west-1:111122223333:q",
                    &[Runtime],
                ),
            ]
        };
        let counts = |observed, unseen: bool| {
            let sorted = by_evidence(grants(), observed, &|_| unseen);
            (sorted.kept.len(), sorted.unseen.len(), sorted.unexplained.len())
        };
        assert_eq!(counts(true, false), (4, 0, 0), "code or observed");
        assert_eq!(counts(false, false), (3, 0, 1), "code");
        assert_eq!(counts(true, true), (3, 1, 0), "observed");
        assert_eq!(counts(false, true), (2, 1, 1), "code and observed");
    }

    #[test]
    fn whole_types_keep_the_kind_of_resource() {
        let index = format!("{TABLE}/index/by-customer");
        let widened = on_whole_types(
            Catalog::embedded(),
            vec![
                grant("dynamodb:Query", TABLE, &[BecauseKind::Code]),
                grant("dynamodb:Query", &index, &[BecauseKind::Code]),
                grant("s3:ListAllMyBuckets", "*", &[BecauseKind::Code]),
            ],
        );
        let lines = lines(&widened);
        assert!(lines.iter().any(|line| line.ends_with(":table/*")), "{lines:?}");
        assert!(lines.contains(&"s3:ListAllMyBuckets *".to_owned()), "{lines:?}");
        assert!(!lines.concat().contains("orders"), "{lines:?}");
    }

    #[test]
    fn buckets_are_listed_once() {
        let because = Because {
            kind: BecauseKind::Config,
            operation: None,
            location: None,
            note: "asked for".to_owned(),
        };
        let grants = with_listing(
            vec![
                grant("s3:GetObject", "arn:aws:s3:::${Docs}/a/*", &[BecauseKind::Code]),
                grant("s3:GetObject", "arn:aws:s3:::${Docs}/b", &[BecauseKind::Code]),
                grant("s3:PutObject", "arn:aws:s3:::${Other}/b", &[BecauseKind::Code]),
            ],
            &because,
        );
        let listed: Vec<String> = lines(&grants)
            .into_iter()
            .filter(|line| line.starts_with("s3:ListBucket"))
            .collect();
        assert_eq!(listed, ["s3:ListBucket arn:aws:s3:::${Docs}"]);
    }
}
