//! What is new is told in lines.

use super::*;

const KNOWN: [&str; 5] = [
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:ListBucket",
    "s3:PutObject",
    "sqs:SendMessage",
];

fn policy(statements: &str) -> Policy {
    Policy::from_json(&format!(
        r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#
    ))
    .unwrap()
}

fn allow(actions: &str, resources: &str) -> String {
    format!(r#"{{"Effect": "Allow", "Action": {actions}, "Resource": {resources}}}"#)
}

/// Each line in words.
fn lines(new: &str, old: &str) -> Vec<String> {
    let known = KnownActions::new(KNOWN);
    let found = residual(&[policy(new)], &[policy(old)], &Options::default(), Some(&known));
    found.lines.iter().map(shown).collect()
}

fn shown(line: &ResidualLine) -> String {
    let resource = |one: &ResidualResource| match one.except.as_slice() {
        [] => one.pattern.clone(),
        except => format!("{} except {}", one.pattern, except.join(" ")),
    };
    let mut text = line.actions.join(" ");
    if !line.other_than.is_empty() {
        text += &format!(" other than {}", line.other_than.join(" "));
    }
    if let Some(known) = line.known {
        text += &format!(" ({known})");
    }
    let resources: Vec<String> = line.resources.iter().map(resource).collect();
    text += &format!(" on {}", resources.join(", "));
    if !line.conditions.is_empty() {
        text += &format!(" if {:?}", line.conditions);
    }
    if !line.without.is_empty() {
        text += &format!(" without {:?}", line.without);
    }
    if let Some(place) = line.lifted {
        text += &format!(" lifts {}", place.statement);
    }
    if line.witness.is_none() {
        text += " unproven";
    }
    text
}

const GET: &str = r#""s3:GetObject""#;
const IN_B: &str = r#""arn:aws:s3:::b/*""#;

#[test]
fn only_the_resources_that_are_new() {
    let new = allow(
        GET,
        r#"["arn:aws:s3:::a/*", "arn:aws:s3:::b/*", "arn:aws:s3:::c/*"]"#,
    );
    assert_eq!(
        lines(&new, &allow(GET, IN_B)),
        ["s3:GetObject (1) on arn:aws:s3:::a/*, arn:aws:s3:::c/*"]
    );
    assert!(lines(&allow(GET, IN_B), &new).is_empty());
}

#[test]
fn only_the_actions_that_are_new() {
    let old = allow(r#"["s3:GetObject", "s3:GetObjectAcl"]"#, IN_B);
    assert_eq!(
        lines(&allow(r#""s3:*""#, IN_B), &old),
        ["s3:ListBucket s3:PutObject (2) on arn:aws:s3:::b/*"]
    );
    assert_eq!(
        lines(&allow(r#"["s3:GetObject", "s3:Put*"]"#, IN_B), &old),
        ["s3:Put* (1) on arn:aws:s3:::b/*"]
    );
    // No known action is new, but one that AWS has yet to invent may be.
    assert_eq!(
        lines(&allow(r#""s3:Get*""#, IN_B), &old),
        ["s3:Get* (0) on arn:aws:s3:::b/*"]
    );
}

#[test]
fn what_the_old_side_allows_of_a_resource_is_an_exception() {
    let old = [
        allow(GET, IN_B),
        allow(GET, r#"["arn:aws:s3:::b/in/*", "arn:aws:s3:::c/one"]"#),
        allow(r#""s3:PutObject""#, r#""arn:aws:s3:::d/*""#),
    ]
    .join(", ");
    assert_eq!(
        lines(&allow(GET, r#""arn:aws:s3:::*""#), &old),
        ["s3:GetObject (1) on arn:aws:s3:::* except arn:aws:s3:::b/* arn:aws:s3:::c/one"]
    );
}

#[test]
fn of_a_pattern_the_known_actions_count() {
    let old = allow(r#"["s3:GetObject", "s3:GetObjectAcl"]"#, IN_B);
    assert_eq!(
        lines(&allow(r#""s3:Get*""#, r#""arn:aws:s3:::*""#), &old),
        ["s3:Get* (2) on arn:aws:s3:::* except arn:aws:s3:::b/*"]
    );
}

#[test]
fn a_condition_that_is_gone_is_told() {
    let secure = r#"{"Bool": {"aws:SecureTransport": ["true"]}}"#;
    let tls = |resources: &str| {
        format!(
            r#"{{"Effect": "Allow", "Action": "s3:GetObject", "Resource": {resources}, "Condition": {secure}}}"#
        )
    };
    let told = r#"{"Bool": {"aws:SecureTransport": ["true"]}}"#;
    assert_eq!(
        lines(&allow(GET, IN_B), &tls(IN_B)),
        [format!("s3:GetObject (1) on arn:aws:s3:::b/* without {told}")]
    );
    assert_eq!(
        lines(&allow(GET, IN_B), &tls(r#""arn:aws:s3:::other/*""#)),
        ["s3:GetObject (1) on arn:aws:s3:::b/*"]
    );
    assert_eq!(
        lines(&tls(IN_B), &allow(r#""s3:PutObject""#, IN_B)),
        [format!("s3:GetObject (1) on arn:aws:s3:::b/* if {told}")]
    );
}

#[test]
fn a_deny_that_is_gone_is_told() {
    let deny = r#"{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}"#;
    let all = allow(r#""s3:*""#, IN_B);
    assert_eq!(
        lines(&all, &[all.as_str(), deny].join(", ")),
        ["s3:PutObject (1) on arn:aws:s3:::b/* lifts 1"]
    );
    let kept = [all.as_str(), deny].join(", ");
    assert!(lines(&kept, &kept).is_empty());
}

#[test]
fn not_action_and_not_resource_are_told_as_they_are_written() {
    let other_than = r#"{"Effect": "Allow", "NotAction": ["s3:PutObject"], "Resource": "arn:aws:s3:::b/*"}"#;
    assert_eq!(
        lines(other_than, &allow(GET, IN_B)),
        ["* other than s3:PutObject on arn:aws:s3:::b/*"]
    );
    let elsewhere = r#"{"Effect": "Allow", "Action": "s3:GetObject", "NotResource": ["arn:aws:s3:::b/*"]}"#;
    assert_eq!(
        lines(elsewhere, &allow(GET, IN_B)),
        ["s3:GetObject (1) on * except arn:aws:s3:::b/*"]
    );
}
