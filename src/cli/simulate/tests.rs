//! What the command decides beside the policies.

use super::*;

fn request(action: &str, resource: &str) -> Request {
    Request {
        action: action.to_owned(),
        resource: resource.to_owned(),
        ..Request::default()
    }
}

#[test]
fn an_action_without_resource_is_requested_on_everything() {
    let asked = |action, resource| without_resource(Catalog::embedded(), request(action, resource)).resource;
    assert_eq!(asked("s3:ListAllMyBuckets", "arn:aws:s3:::*"), "*");
    assert_eq!(asked("s3:GetObject", "arn:aws:s3:::b/x"), "arn:aws:s3:::b/x");
    assert_eq!(asked("x:NoSuchAction", "arn:aws:x:::b"), "arn:aws:x:::b");
}

#[test]
fn what_aws_keeps_for_itself_cannot_be_changed() {
    let kept = |action, resource| reserved(Catalog::embedded(), &request(action, resource)).is_some();
    for (action, resource, expected) in [
        (
            "iam:CreatePolicyVersion",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            true,
        ),
        ("iam:GetPolicy", "arn:aws:iam::aws:policy/ReadOnlyAccess", false),
        (
            "iam:CreatePolicyVersion",
            "arn:aws:iam::123456789012:policy/Own",
            false,
        ),
        (
            "iam:PutRolePolicy",
            "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_x",
            true,
        ),
        (
            "kms:DeleteAlias",
            "arn:aws:kms:us-east-2:123456789012:alias/aws/s3",
            true,
        ),
        (
            "kms:DeleteAlias",
            "arn:aws:kms:us-east-2:123456789012:alias/own",
            false,
        ),
        (
            "sts:AssumeRole",
            "arn:aws:iam::123456789012:role/aws-reserved/x",
            false,
        ),
    ] {
        assert_eq!(kept(action, resource), expected, "{action} on {resource}");
    }
}

#[test]
fn a_key_given_twice_has_several_values() {
    let given = ["a:b=1", "a:c=2", "a:c=3", "a:d=", "a:e=f=g"].map(str::to_owned);
    let context = context(&given).unwrap();
    assert_eq!(context.get("a:b"), Some(&ContextValue::One("1".to_owned())));
    assert_eq!(
        context.get("a:c"),
        Some(&ContextValue::Many(vec!["2".to_owned(), "3".to_owned()]))
    );
    assert_eq!(context.get("a:d"), Some(&ContextValue::One(String::new())));
    assert_eq!(context.get("a:e"), Some(&ContextValue::One("f=g".to_owned())));
    assert!(super::context(&["x".to_owned()]).is_err());
}
