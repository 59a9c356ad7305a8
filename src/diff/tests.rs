//! Verdicts, as short lines: what a role of these statements means for these needs.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use super::*;
use crate::iam::policy::Statement;
use crate::usage::{BecauseKind, Location};

const TABLE: &str = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Orders}";

fn need(action: &str, resource: &str) -> Grant {
    let because = Because {
        kind: BecauseKind::Code,
        operation: None,
        location: None,
        note: String::new(),
    };
    Grant::new(
        Action::parse(action).unwrap(),
        ArnPattern::new(resource),
        Confidence::High,
        because,
    )
}

/// A role of statements written `Effect action,action resource,resource Operator|key|value`, the condition optional.
fn role(statements: &[&str]) -> Role {
    let statements = statements
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let mut words = text.split(' ');
            let effect = if words.next() == Some("Deny") {
                Effect::Deny
            } else {
                Effect::Allow
            };
            let actions: Vec<_> = words.next().unwrap().split(',').map(ActionPattern::new).collect();
            let resources: Vec<_> = words.next().unwrap().split(',').map(ArnPattern::new).collect();
            let statement = Statement {
                sid: None,
                effect,
                principals: None,
                actions: Actions::Only(actions),
                resources: Resources::Only(resources),
                conditions: words.next().map(conditions).unwrap_or_default(),
            };
            let location = Location::new("template.yaml", u32::try_from(index).unwrap() + 1, 1);
            let name = format!("policy{index}");
            let origin = GrantOrigin {
                kind: "inline",
                name,
                location,
                injected_by: None,
                condition: None,
            };
            RoleStatement { statement, origin }
        })
        .collect();
    Role {
        id: "Role".to_owned(),
        origin: "template.yaml".to_owned(),
        location: Location::new("template.yaml", 1, 1),
        shared_with: Vec::new(),
        statements,
        boundary: None,
        trust: None,
    }
}

/// `Operator|key|value`.
fn conditions(text: &str) -> Conditions {
    let mut parts = text.split('|').map(str::to_owned);
    let (operator, key) = (parts.next().unwrap(), parts.next().unwrap());
    BTreeMap::from([(operator, BTreeMap::from([(key, parts.collect())]))])
}

/// Every row as `verdict action resource`, with the count of a wildcard.
fn rows(needs: &[Grant], statements: &[&str]) -> Vec<String> {
    let silence = Silence::MeansUnneeded(Confidence::High);
    let diff = compare(Catalog::embedded(), needs, &role(statements), silence);
    let count = |row: &Row| {
        if row.actions > 1 {
            " +".to_owned()
        } else {
            String::new()
        }
    };
    diff.rows
        .iter()
        .map(|row| {
            format!(
                "{} {} {}{}",
                row.verdict.as_str(),
                row.action,
                row.resource.short(),
                count(row)
            )
        })
        .collect()
}

#[test]
fn an_exact_grant_is_kept() {
    let found = rows(
        &[need("dynamodb:PutItem", TABLE)],
        &[&format!("Allow dynamodb:PutItem {TABLE}")],
    );
    assert_eq!(found, ["keep dynamodb:PutItem table/Orders"]);
}

#[test]
fn a_wider_resource_is_narrowed() {
    let found = rows(&[need("dynamodb:PutItem", TABLE)], &["Allow dynamodb:PutItem *"]);
    assert_eq!(found, ["narrow dynamodb:PutItem table/Orders"]);
}

#[test]
fn the_wider_of_two_grants_is_excess_beside_an_exact_one() {
    let exact = format!("Allow dynamodb:PutItem {TABLE}");
    let found = rows(
        &[need("dynamodb:PutItem", TABLE)],
        &[&exact, "Allow dynamodb:PutItem *"],
    );
    assert_eq!(
        found,
        ["remove dynamodb:PutItem *", "keep dynamodb:PutItem table/Orders"]
    );
}

#[test]
fn a_wildcard_keeps_what_is_needed_and_loses_the_rest() {
    let found = rows(
        &[need("dynamodb:PutItem", TABLE)],
        &[&format!("Allow dynamodb:* {TABLE}")],
    );
    assert_eq!(
        found,
        [
            "keep dynamodb:PutItem table/Orders",
            "remove dynamodb:* table/Orders +"
        ]
    );
}

#[test]
fn the_right_action_on_another_resource_is_missing() {
    let index = format!("{TABLE}/index/by-customer");
    let needs = [need("dynamodb:Query", &index)];
    let diff = compare(
        Catalog::embedded(),
        &needs,
        &role(&[&format!("Allow dynamodb:Query {TABLE}")]),
        Silence::MeansUnneeded(Confidence::High),
    );
    let missing = diff.with(Verdict::Add).next().unwrap();
    assert_eq!(
        missing.lack,
        Some(Lack::Resource([ArnPattern::new(TABLE)].into()))
    );
    assert_eq!(diff.with(Verdict::Remove).count(), 1);
}

#[test]
fn a_denied_need_is_missing_though_it_is_allowed() {
    let needs = [need("dynamodb:PutItem", TABLE)];
    let role = role(&["Allow dynamodb:* *", "Deny dynamodb:Put* *"]);
    let diff = compare(
        Catalog::embedded(),
        &needs,
        &role,
        Silence::MeansUnneeded(Confidence::High),
    );
    assert!(
        matches!(&diff.with(Verdict::Add).next().unwrap().lack, Some(Lack::Denied(origin)) if origin.name == "policy1")
    );
}

#[test]
fn a_resource_that_the_action_does_not_take_grants_nothing() {
    let both = format!("Allow dynamodb:GetItem,dynamodb:Query {TABLE},{TABLE}/index/*");
    let found = rows(&[need("dynamodb:GetItem", TABLE)], &[&both]);
    assert_eq!(
        found,
        [
            "keep dynamodb:GetItem table/Orders",
            "remove dynamodb:Query table/Orders",
            "remove dynamodb:Query table/Orders/index/*"
        ]
    );
}

#[test]
fn where_the_need_is_vague_the_roles_own_resource_is_kept() {
    let mut vague = need("s3:GetObject", "arn:${AWS::Partition}:s3:::*/*");
    vague.exact = false;
    let found = rows(
        &[vague],
        &["Allow s3:GetObject,s3:PutObject arn:aws:s3:::documents/*"],
    );
    assert_eq!(
        found,
        [
            "keep s3:GetObject s3:documents/*",
            "remove s3:PutObject s3:documents/*"
        ]
    );
}

#[test]
fn without_code_nothing_is_called_excess() {
    let role = role(&["Allow s3:GetObject *"]);
    let diff = compare(Catalog::embedded(), &[], &role, Silence::MeansNothing);
    assert_eq!(
        diff.rows.iter().map(|row| row.verdict).collect::<Vec<_>>(),
        [Verdict::Unobserved]
    );
}

#[test]
fn an_unknown_action_of_the_role_is_a_row_of_its_own() {
    assert_eq!(
        rows(&[], &["Allow s3:NoSuchAction *"]),
        ["remove s3:NoSuchAction *"]
    );
}

#[test]
fn a_vague_need_is_settled_by_the_roles_own_resource() {
    let mut vague = need("s3:GetObject", "arn:${AWS::Partition}:s3:::*/*");
    vague.exact = false;
    let needs = [vague, need("dynamodb:PutItem", TABLE)];
    let role = role(&["Allow s3:GetObject arn:aws:s3:::documents/*"]);
    let diff = compare(
        Catalog::embedded(),
        &needs,
        &role,
        Silence::MeansUnneeded(Confidence::High),
    );
    let settled: Vec<String> = diff
        .settled(&needs)
        .iter()
        .map(|grant| format!("{} {}", grant.action, grant.resource.short()))
        .collect();
    assert_eq!(
        settled,
        ["s3:GetObject s3:documents/*", "dynamodb:PutItem table/Orders"]
    );
}

#[test]
fn an_index_is_no_table_even_for_a_vague_need() {
    let mut vague = need(
        "dynamodb:Scan",
        "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/*",
    );
    vague.exact = false;
    let found = rows(
        &[vague],
        &[&format!("Allow dynamodb:Scan {TABLE},{TABLE}/index/*")],
    );
    assert_eq!(
        found,
        [
            "keep dynamodb:Scan table/Orders",
            "remove dynamodb:Scan table/Orders/index/*"
        ]
    );
}

#[test]
fn a_grant_under_a_condition_is_kept_with_less_confidence() {
    let silence = Silence::MeansUnneeded(Confidence::High);
    let needs = [need("dynamodb:PutItem", TABLE)];
    let conditional = format!("Allow dynamodb:PutItem {TABLE} StringEquals|aws:PrincipalOrgID|o-1");
    let diff = compare(Catalog::embedded(), &needs, &role(&[&conditional]), silence);
    let row = diff.rows.first().unwrap();
    assert_eq!(
        (row.verdict, row.confidence, row.conditions.len(), diff.rows.len()),
        (Verdict::Keep, Confidence::Medium, 1, 1)
    );
    let found = rows(
        &needs,
        &[&conditional, &format!("Allow dynamodb:PutItem {TABLE}")],
    );
    assert_eq!(
        found,
        [
            "keep dynamodb:PutItem table/Orders",
            "remove dynamodb:PutItem table/Orders"
        ],
        "the unconditional one is what is needed"
    );
}

#[test]
fn conditions_are_compared_in_meaning() {
    let via = |operator: &str| conditions(&format!("{operator}|kms:ViaService|s3.eu-west-1.amazonaws.com"));
    let key = "arn:aws:kms:eu-west-1:111122223333:key/k";
    let mut grant = need("kms:Decrypt", key);
    grant.conditions = via("StringEquals");
    for (condition, expected) in [
        ("StringLike|kms:ViaService|s3.eu-west-1.amazonaws.com", "keep"),
        ("StringLike|KMS:viaservice|s3.eu-west-1.amazonaws.com", "keep"),
        ("StringLike|kms:ViaService|s3.*.amazonaws.com", "narrow"),
        (
            "StringEquals|kms:ViaService|sqs.eu-west-1.amazonaws.com",
            "remove",
        ),
    ] {
        let found = rows(
            std::slice::from_ref(&grant),
            &[&format!("Allow kms:Decrypt {key} {condition}")],
        );
        assert_eq!(
            found.first().unwrap().split(' ').next(),
            Some(expected),
            "{condition}: {found:?}"
        );
        assert_eq!(found.len(), if expected == "remove" { 2 } else { 1 }, "{found:?}");
    }
}
