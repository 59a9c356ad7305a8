//! `rolefit explain`: a line, a refusal from a log, and why an action is not needed.

use std::process::{Command, Output};

fn explain(arguments: &[&str]) -> (String, String, Option<i32>) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["explain", "--path", "docs/demo/orders"])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn refusal(session: &str, action: &str, resource: &str, reason: &str) -> String {
    format!(
        "AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/orders-Role-ABC/{session} is not authorized \
         to perform: {action} on resource: {resource} {reason}"
    )
}

const INDEX: &str = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-prod/index/by-customer";

#[test]
fn a_line_of_code_tells_what_it_asks_for() {
    for place in [
        "crates/store/src/dynamo.rs:104",
        "docs/demo/orders/crates/store/src/dynamo.rs:104:9",
    ] {
        let (out, _, code) = explain(&[place]);
        assert_eq!(code, Some(0));
        assert!(
            out.starts_with("ApiFunction needs dynamodb:Query on table/OrdersTable/index/by-customer"),
            "{out}"
        );
    }
    // A line on the way to the call tells the same.
    let (out, ..) = explain(&["functions/api/src/routes.rs:26"]);
    assert!(out.contains("needs dynamodb:Query"), "{out}");
}

#[test]
fn a_line_of_the_template_tells_what_it_grants() {
    let (out, ..) = explain(&["template.yaml:211"]);
    assert!(
        out.contains("ShipWorkerFunction needs dynamodb:UpdateItem"),
        "{out}"
    );
    assert!(
        out.contains("ShipWorkerFunction does not need dynamodb:PutItem"),
        "{out}"
    );
}

#[test]
fn a_line_without_a_call_names_those_that_have_one() {
    let (out, err, code) = explain(&["crates/store/src/dynamo.rs:1"]);
    assert_eq!((out.as_str(), code), ("", Some(0)));
    assert!(
        err.contains("calls in this file are at the lines 32, 46, 71, 104, 120"),
        "{err}"
    );
    let (_, err, code) = explain(&["nowhere.rs:3"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("no file `nowhere.rs`"), "{err}");
    // The end of a path is enough where only one file has it; a file without a line is asked for one.
    let (out, ..) = explain(&["dynamo.rs:46"]);
    assert!(out.contains("needs dynamodb:PutItem"), "{out}");
    let (_, err, code) = explain(&["main.rs:5"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("may be one of several: functions/"), "{err}");
    for subject in ["crates/store/src/dynamo.rs", "crates/store/src/dynamo.rs:last"] {
        let (_, err, code) = explain(&[subject]);
        assert_eq!(code, Some(2));
        assert!(
            err.contains("name a line of it, `crates/store/src/dynamo.rs:LINE`"),
            "{err}"
        );
    }
    let (_, err, code) = explain(&["template.yaml:99999"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("has") && err.contains("lines"), "{err}");
}

#[test]
fn an_action_that_is_not_needed_is_so_for_a_reason() {
    let (out, ..) = explain(&["ApiFunction", "--why-not", "s3:GetObjectVersion"]);
    assert!(
        out.contains("s3.GetObject needs it only when VersionId is set"),
        "{out}"
    );
    assert!(
        out.contains("granted all the same on s3:DocumentsBucket/* by S3ReadPolicy"),
        "{out}"
    );
    let (out, ..) = explain(&["ApiFunction", "--why-not", "s3:DeleteObject"]);
    assert!(
        out.contains("operations that need it: s3.DeleteObject; its code reaches none of them"),
        "{out}"
    );
    let (out, ..) = explain(&["ApiFunction", "--why-not", "dynamodb:GetItem"]);
    assert!(out.starts_with("ApiFunction does need dynamodb:GetItem"), "{out}");
    let (out, ..) = explain(&["ApiFunction", "--why-not", "DynamoDB:getitem"]);
    assert!(out.starts_with("ApiFunction does need dynamodb:GetItem"), "{out}");
    let (_, err, code) = explain(&["ApiFunction", "--why-not", "nonsense"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("`nonsense` is no action"), "{err}");
}

#[test]
fn a_refusal_from_a_log_finds_its_function_and_its_remedy() {
    let because = "because no identity-based policy allows the dynamodb:Query action";
    let (out, ..) = explain(&[
        "--denied",
        &refusal("orders-prod-api", "dynamodb:Query", INDEX, because),
    ]);
    assert!(out.starts_with("ApiFunction was refused dynamodb:Query"), "{out}");
    assert!(
        out.contains("no identity-based policy allows it\n  the role lacks it: `rolefit generate"),
        "{out}"
    );

    let granted = refusal("orders-prod-api", "dynamodb:GetItem", INDEX, because);
    let (out, ..) = explain(&["--denied", &granted]);
    assert!(
        out.contains("what is deployed is older than this template"),
        "{out}"
    );

    let foreign = refusal("orders-prod-api", "ses:SendEmail", "*", because);
    let (out, ..) = explain(&["--denied", &foreign]);
    assert!(
        out.contains("no code of ApiFunction that can be seen makes this call"),
        "{out}"
    );

    let above = "with an explicit deny in a service control policy";
    let (out, ..) = explain(&[
        "--denied",
        &refusal("orders-prod-api", "dynamodb:Query", INDEX, above),
    ]);
    assert!(
        out.contains("no change of the role's own policies helps: the service control policy"),
        "{out}"
    );

    let (out, err, _) = explain(&[
        "--denied",
        &refusal("unknown", "dynamodb:PutItem", INDEX, because),
    ]);
    assert!(err.contains("no function here is deployed as `unknown`"), "{err}");
    assert!(out.contains("PlaceOrderFunction was refused"), "{out}");
}

#[test]
fn a_message_without_an_action_says_what_is_expected() {
    let (_, err, code) = explain(&["--denied", "something went wrong"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("names no action"), "{err}");
    let (_, err, _) = explain(&[
        "--denied",
        "You are not authorized. Encoded authorization failure message: abc",
    ]);
    assert!(err.contains("aws sts decode-authorization-message"), "{err}");
}
