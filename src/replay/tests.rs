//! Requests, policies and what comes of them.

use super::Side;
use super::SideStatement;
use super::ask::Asked;
use super::judge::{Judge, Judged};
use super::place::Place;
use crate::iam::policy::Policy;
use crate::iam::request::{ContextValue, Request};

fn side(statements: &str) -> Side {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let policy = Policy::from_json(&text).unwrap();
    Side {
        statements: policy
            .statements
            .into_iter()
            .map(|statement| SideStatement {
                statement,
                location: None,
                policy: "p".to_owned(),
                condition: None,
            })
            .collect(),
        unread: Vec::new(),
    }
}

fn asked(action: &str, resource: &str) -> Asked {
    let known = [
        ("aws:RequestedRegion", "eu-west-1"),
        ("aws:ViaAWSService", "false"),
    ];
    Asked {
        request: Request {
            principal: Some("arn:aws:sts::1:assumed-role/r/f".to_owned()),
            action: action.to_owned(),
            resource: resource.to_owned(),
            resource_account: None,
            context: known
                .into_iter()
                .map(|(key, value)| (key.to_owned(), ContextValue::One(value.to_owned())))
                .collect(),
        },
        shown: resource.to_owned(),
        whole: resource == "*" || !resource.contains(['*', '?']),
        only_if: None,
    }
}

/// The verdict in a word, with what it rests on.
fn check(statements: &str, action: &str, resource: &str, expected: &str) {
    let side = side(statements);
    let place = Place::default();
    let judged = Judge::new(&side, None, &place).judge(&asked(action, resource));
    let found = match judged {
        Judged::Allowed { by } => format!("allowed {by}"),
        Judged::AllowedIf { symbols, .. } => {
            let pairs: Vec<String> = symbols
                .iter()
                .map(|(symbol, value)| format!("{symbol}={value}"))
                .collect();
            format!("if {}", pairs.join(","))
        }
        Judged::Refused { by: Some(by) } => format!("denied {by}"),
        Judged::Refused { by: None } => "refused".to_owned(),
        Judged::CannotTell(why) => format!("unknown: {why}"),
    };
    match expected.strip_suffix('…') {
        Some(start) => assert!(found.starts_with(start), "{statements}: {found}"),
        None => assert_eq!(found, expected, "{statements}"),
    }
}

const TABLE: &str = "arn:aws:dynamodb:eu-west-1:1:table/orders";

#[test]
fn statements_decide() {
    let on = |resource: &str| {
        format!(r#"{{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"{resource}"}}"#)
    };
    check(&on(TABLE), "dynamodb:GetItem", TABLE, "allowed 0");
    check(&on(TABLE), "dynamodb:PutItem", TABLE, "refused");
    check(
        &on(TABLE),
        "dynamodb:GetItem",
        &format!("{TABLE}/index/i"),
        "refused",
    );
    check(&on("*"), "dynamodb:GetItem", TABLE, "allowed 0");
    let denied = format!(
        r#"{},{{"Effect":"Deny","Action":"dynamodb:*","Resource":"{TABLE}"}}"#,
        on("*")
    );
    check(&denied, "dynamodb:GetItem", TABLE, "denied 1");
    let except = format!(r#"{{"Effect":"Allow","Action":"dynamodb:*","NotResource":"{TABLE}"}}"#);
    check(&except, "dynamodb:GetItem", TABLE, "refused");
    check(
        &except,
        "dynamodb:GetItem",
        "arn:aws:dynamodb:eu-west-1:1:table/other",
        "allowed 0",
    );
}

#[test]
fn what_the_trail_does_not_tell_is_told() {
    let on =
        |resource: &str| format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"{resource}"}}"#);
    let cut = "arn:aws:s3:::b/labels/*";
    check(&on("arn:aws:s3:::b/*"), "s3:GetObject", cut, "allowed 0");
    check(&on("arn:aws:s3:::b/labels/*"), "s3:GetObject", cut, "allowed 0");
    check(
        &on("arn:aws:s3:::b/labels/*.pdf"),
        "s3:GetObject",
        cut,
        "unknown: the trail does not tell…",
    );
    check(&on("arn:aws:s3:::b/invoices/*"), "s3:GetObject", cut, "refused");
    // A policy's `?` is one character, not whatever was cut.
    check(
        &on("arn:aws:s3:::b/labels/?"),
        "s3:GetObject",
        cut,
        "unknown: the trail does not tell…",
    );
    let denied = format!(
        r#"{},{{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/labels/secret/*"}}"#,
        on("*")
    );
    check(&denied, "s3:GetObject", cut, "unknown: a statement may deny it…");
}

#[test]
fn conditions_hold_fail_or_cannot_be_told() {
    let when = |effect: &str, condition: &str| {
        format!(r#"{{"Effect":"{effect}","Action":"*","Resource":"*","Condition":{condition}}}"#)
    };
    let get = |statements: &str, expected: &str| check(statements, "dynamodb:GetItem", TABLE, expected);
    let region = |value: &str| format!(r#"{{"StringEquals":{{"aws:RequestedRegion":"{value}"}}}}"#);
    get(&when("Allow", &region("eu-west-1")), "allowed 0");
    get(&when("Allow", &region("us-east-1")), "refused");
    get(
        &when("Allow", &region("${Region}")),
        "unknown: it depends on the condition key…",
    );
    let tag = r#"{"StringEqualsIfExists":{"aws:ResourceTag/team":"a"}}"#;
    get(
        &when("Allow", tag),
        "unknown: it depends on the condition key `aws:ResourceTag/team`…",
    );
    let both =
        r#"{"StringEquals":{"aws:RequestedRegion":"us-east-1"},"Bool":{"aws:SecureTransport":"true"}}"#;
    get(&when("Allow", both), "refused");
    let all = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let insecure = r#"{"Bool":{"aws:SecureTransport":"false"}}"#;
    get(
        &format!("{all},{}", when("Deny", insecure)),
        "unknown: a statement may deny it…",
    );
    // A call that no service makes for the function has no `kms:ViaService`, and that is known.
    let via = r#"{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}"#;
    get(&when("Allow", via), "refused");
}

#[test]
fn symbols_are_assumptions() {
    let on = |resource: &str| {
        format!(r#"{{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"{resource}"}}"#)
    };
    let named = |name: &str| on(&format!("arn:aws:dynamodb:eu-west-1:1:table/{name}"));
    check(&named("${Table}"), "dynamodb:GetItem", TABLE, "if Table=orders");
    check(&named("or${A}rs"), "dynamodb:GetItem", TABLE, "if A=de");
    check(&named("other-${A}"), "dynamodb:GetItem", TABLE, "refused");
    check(
        &on("${TableArn}"),
        "dynamodb:GetItem",
        TABLE,
        &format!("if TableArn={TABLE}"),
    );
    check(
        &named("${aws:PrincipalTag/team}"),
        "dynamodb:GetItem",
        TABLE,
        "unknown: it depends on the policy variable…",
    );
    // A statement that needs no assumption goes before.
    check(
        &format!("{},{}", named("${Table}"), named("orders")),
        "dynamodb:GetItem",
        TABLE,
        "allowed 1",
    );
}
