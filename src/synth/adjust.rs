//! What a team may want otherwise of the synthesised need: which evidence counts, how exact resources are, listing for
//! a clear answer about objects that are not there.

use std::collections::{BTreeMap, BTreeSet};

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

/// Actions that read an object, and are refused with 403 where listing is not allowed and the object is not there.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
const READS: [&str; 3] = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes"];

/// Whether a grant lets objects be read, so that listing their bucket changes how S3 answers for those that are not there.
pub fn reads_objects(grant: &Grant) -> bool {
    READS.contains(&grant.action.to_string().as_str())
}

/// `s3:ListBucket` for every bucket whose objects are read: without it, S3 answers 403 instead of 404. The reason is the
/// given one, with the reads that it is for.
pub fn with_listing(mut grants: Vec<Grant>, because: &Because) -> Vec<Grant> {
    let Some(list) = Action::parse("s3:ListBucket") else {
        return grants;
    };
    let mut readings: BTreeMap<ArnPattern, Vec<&Grant>> = BTreeMap::new();
    for grant in grants.iter().filter(|grant| reads_objects(grant)) {
        readings.entry(bucket(&grant.resource)).or_default().push(grant);
    }
    let added: Vec<Grant> = readings
        .into_iter()
        .map(|(bucket, readings)| listing(&list, bucket, &readings, because))
        .collect();
    grants.extend(added);
    merge::normalise(grants)
}

/// `list` on a bucket, as sure as the surest of the reads that it is for.
fn listing(list: &Action, on: ArnPattern, readings: &[&Grant], because: &Because) -> Grant {
    let confidence = readings.iter().map(|grant| grant.confidence).max();
    let because = Because {
        note: format!("{}{}", because.note, reads(readings)),
        ..because.clone()
    };
    let known = !on.as_str().contains(['*', '?']);
    let mut grant = Grant::new(list.clone(), on, confidence.unwrap_or(Confidence::Low), because);
    grant.exact = known || readings.iter().any(|reading| reading.exact);
    let spelled = readings.iter().find_map(|reading| reading.spelled_out.as_ref());
    grant.spelled_out = spelled.map(bucket).filter(|spelled| *spelled != grant.resource);
    grant
}

/// The first of the reads, and how many more there are.
fn reads(readings: &[&Grant]) -> String {
    let places: BTreeSet<String> = readings
        .iter()
        .flat_map(|grant| grant.because())
        .filter_map(|because| match (&because.operation, &because.location) {
            (Some(operation), Some(at)) => Some(format!("{operation} at {at}")),
            (Some(operation), None) => Some(operation.to_string()),
            (None, _) => None,
        })
        .collect();
    let more = match places.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = places.first();
    first.map_or_else(String::new, |first| format!("; for {first}{more}"))
}

/// The bucket, or access point, of an object's ARN: what stands before the first slash outside of symbols, or before the
/// step `/object/` of an access point. A pattern without a slash fits buckets as it is.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html>
fn bucket(object: &ArnPattern) -> ArnPattern {
    let text = object.as_str();
    if let Some((point, _)) = text
        .split_once("/object/")
        .filter(|(point, _)| point.contains(":accesspoint/"))
    {
        return ArnPattern::new(point);
    }
    let mut inside = false;
    let slash = text.char_indices().find(|(_, c)| {
        match c {
            '{' => inside = true,
            '}' => inside = false,
            _ => {}
        }
        *c == '/' && !inside
    });
    let bucket = slash.and_then(|(at, _)| text.get(..at)).unwrap_or(text);
    ArnPattern::new(bucket)
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

    fn listed(grants: Vec<Grant>) -> Vec<Grant> {
        let because = Because {
            kind: BecauseKind::Config,
            operation: None,
            location: None,
            note: "asked for".to_owned(),
        };
        let mut grants = with_listing(grants, &because);
        grants.retain(|grant| grant.action.to_string() == "s3:ListBucket");
        grants
    }

    #[test]
    fn buckets_are_listed_once() {
        use BecauseKind::Code;
        let listed = listed(vec![
            grant("s3:GetObject", "arn:aws:s3:::${Docs}/a/*", &[Code]),
            grant("s3:GetObject", "arn:aws:s3:::${Docs}/b", &[Code]),
            grant("s3:PutObject", "arn:aws:s3:::${Other}/b", &[Code]),
        ]);
        assert_eq!(lines(&listed), ["s3:ListBucket arn:aws:s3:::${Docs}"]);
    }

    #[test]
    fn listing_says_which_reads_it_is_for() {
        let read = |line: u32, operation: &str| {
            let mut read = grant(
                "s3:GetObject",
                &format!("arn:aws:s3:::b/{line}"),
                &[BecauseKind::Config],
            );
            read.also(&[Because {
                kind: BecauseKind::Code,
                operation: crate::usage::OperationId::parse(operation),
                location: Some(crate::usage::Location::new("src/main.rs", line, 1)),
                note: String::new(),
            }]);
            read
        };
        let reads = vec![
            read(3, "s3.GetObject"),
            read(5, "s3.HeadObject"),
            read(7, "s3.GetObject"),
        ];
        let notes = |listed: &[Grant]| -> Vec<String> {
            let because = listed.iter().flat_map(|grant| grant.because());
            because.map(|because| because.note.clone()).collect()
        };
        assert_eq!(
            notes(&listed(reads)),
            ["asked for; for s3.GetObject at src/main.rs:3 and 2 more"]
        );
        assert_eq!(
            notes(&listed(vec![read(3, "s3.GetObject")])),
            ["asked for; for s3.GetObject at src/main.rs:3"]
        );
    }

    #[test]
    fn an_access_point_is_listed_itself() {
        let point = "arn:aws:s3:eu-west-1:111122223333:accesspoint/reports";
        let object = format!("{point}/object/2026/*");
        let listed = listed(vec![grant("s3:GetObject", &object, &[BecauseKind::Code])]);
        assert_eq!(lines(&listed), [format!("s3:ListBucket {point}")]);
    }

    #[test]
    fn listing_is_as_sure_as_the_read_and_known_by_the_same_names() {
        let mut read = grant("s3:GetObject", "arn:aws:s3:::${Docs}/*", &[BecauseKind::Code]);
        read.confidence = Confidence::Medium;
        read.spelled_out = Some(ArnPattern::new("arn:aws:s3:::docs-dev/*"));
        let listed = listed(vec![read]);
        let listed = listed.first().unwrap();
        assert_eq!(listed.confidence, Confidence::Medium);
        assert!(listed.exact);
        let spelled = listed.spelled_out.as_ref().map(ArnPattern::as_str);
        assert_eq!(spelled, Some("arn:aws:s3:::docs-dev"));
    }

    #[test]
    fn a_bucket_that_is_not_known_is_not_said_to_be_exact() {
        let mut read = grant("s3:GetObject", "arn:aws:s3:::*/*", &[BecauseKind::Trail]);
        read.exact = false;
        let listed = listed(vec![read]);
        assert_eq!(lines(&listed), ["s3:ListBucket arn:aws:s3:::*"]);
        assert!(!listed.first().unwrap().exact);
    }
}
