//! Behaviour of containment.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

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
    assert!(witness.request.action.starts_with("s3:"), "{witness:?}");
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
