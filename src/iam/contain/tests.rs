//! Behaviour of containment.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::iam::request::ContextValue;

fn policy(text: &str) -> Policy {
    Policy::from_json(text).unwrap()
}

fn allow(actions: &str, resources: &str, rest: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":{resources}}}{rest}]}}"#
    )
}

fn verdict(new: &str, old: &str) -> Verdict {
    contain(&[policy(new)], &[policy(old)], &Options::default())
}

#[test]
fn a_narrower_policy_adds_nothing_and_a_wider_one_does() {
    let narrow = allow(r#""s3:GetObject""#, r#""arn:aws:s3:::b/in/*""#, "");
    let wide = allow(r#""s3:Get*""#, r#""arn:aws:s3:::b/*""#, "");
    assert_eq!(verdict(&narrow, &wide), Verdict::NoNewAccess);
    let Verdict::NewAccess(witness) = verdict(&wide, &narrow) else {
        panic!("expected a witness")
    };
    assert!(witness.request.action.starts_with("s3:"), "{witness:?}");
}

#[test]
fn a_witness_of_a_set_has_each_value_once() {
    let with = |operator: &str, value: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{{"{operator}":{{"t:k":"{value}"}}}}}}]}}"#
        )
    };
    for (new, old, values) in [
        ("ForAnyValue:StringEquals", "ForAnyValue:StringEquals", vec!["a"]),
        // A set of one value would be a single value, too.
        ("ForAnyValue:StringEquals", "StringEquals", vec!["a", "a"]),
    ] {
        let old_value = if new == old { "b" } else { "a" };
        let Verdict::NewAccess(witness) = verdict(&with(new, "a"), &with(old, old_value)) else {
            panic!("expected a witness: {new} against {old}")
        };
        let found = witness.request.context.get("t:k");
        let expected = ContextValue::Many(values.into_iter().map(str::to_owned).collect());
        assert_eq!(found, Some(&expected), "{new} against {old}");
    }
}

#[test]
fn a_witness_is_an_action_that_there_is() {
    let known = KnownActions::new(["s3:GetBucketAcl", "s3:GetObject", "s3:PutObject"]);
    let named = Options {
        names: Some(&known),
        ..Options::default()
    };
    let new = [policy(&allow(r#""s3:Get*""#, r#""*""#, ""))];
    let old = [policy(&allow(r#""s3:GetBucketAcl""#, r#""*""#, ""))];
    let witness = |options: &Options<'_>| match contain(&new, &old, options) {
        Verdict::NewAccess(witness) => witness.request.action,
        other => panic!("{other:?}"),
    };
    assert_eq!(witness(&named), "s3:GetObject");
    assert_ne!(witness(&Options::default()), "s3:GetObject");
}

#[test]
fn a_variable_in_an_old_deny_is_found_out() {
    let new = allow(r#""s3:GetObject""#, r#""arn:aws:s3:::home/bob/*""#, "");
    let old = allow(
        r#""s3:GetObject""#,
        r#""arn:aws:s3:::home/*""#,
        r#",{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::home/${aws:username}/*"}"#,
    );
    let Verdict::NewAccess(witness) = verdict(&new, &old) else {
        panic!("expected a witness")
    };
    // Spelled as the policy does.
    assert_eq!(witness.request.action, "s3:GetObject");
    assert_eq!(verdict(&old, &old), Verdict::NoNewAccess);
    let all = Options {
        cancel: false,
        ..Options::default()
    };
    assert_eq!(
        contain(&[policy(&old)], &[policy(&old)], &all),
        Verdict::NoNewAccess
    );
}
