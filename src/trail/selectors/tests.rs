//! Selectors against calls: what AWS's pages say of their examples.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::catalog::Catalog;
use crate::usage::OperationId;

fn trail(selectors: &str) -> TrailSettings {
    let text =
        format!(r#"{{"TrailARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit", {selectors}}}"#);
    parse(&text).unwrap().remove(0)
}

fn call(operation: &str, resource: &str) -> Call {
    Call::new(Catalog::embedded(), &OperationId::parse(operation).unwrap()).on(resource)
}

fn word(recorded: &Recorded) -> &'static str {
    match recorded {
        Recorded::Yes(_) => "yes",
        Recorded::Partly(_) => "partly",
        Recorded::No(_) => "no",
    }
}

#[track_caller]
fn check(trail: &TrailSettings, operation: &str, resource: &str, expected: &str) {
    let answer = trail.recorded(&call(operation, resource));
    assert_eq!(word(&answer), expected, "{operation} on {resource}: {answer:?}");
}

const ORDERS: &str = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";

#[test]
fn a_trail_by_default_records_management_events_alone() {
    let trail = trail(
        r#""EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
            "ExcludeManagementEventSources": []}]"#,
    );
    check(&trail, "dynamodb.CreateTable", ORDERS, "yes");
    check(&trail, "kms.Decrypt", "*", "yes");
    check(&trail, "dynamodb.PutItem", ORDERS, "no");
    check(&trail, "s3.GetObject", "arn:aws:s3:::shop/a", "no");
    check(&trail, "cloudwatchlogs.PutLogEvents", "*", "no");
}

#[test]
fn basic_selectors_leave_sources_reads_and_writes_out() {
    let writes = trail(
        r#""EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": true,
            "ExcludeManagementEventSources": ["kms.amazonaws.com"], "DataResources": null}]"#,
    );
    check(&writes, "kms.CreateKey", "*", "no");
    check(&writes, "ssm.PutParameter", "*", "yes");
    check(&writes, "ssm.GetParameter", "*", "no");
    // No source says whether this counts as a read.
    check(&writes, "sts.AssumeRole", "*", "partly");
}

#[test]
fn basic_selectors_name_tables_whole_and_objects_by_their_beginning() {
    let trail = trail(
        r#""EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": false, "DataResources": [
            {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::shop/in/", "arn:aws:s3:::logs/"]},
            {"Type": "AWS::DynamoDB::Table", "Values": ["arn:aws:dynamodb:eu-west-1:111122223333:table/orders"]},
            {"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]}]}]"#,
    );
    check(&trail, "dynamodb.PutItem", ORDERS, "yes");
    check(&trail, "dynamodb.Query", &format!("{ORDERS}/index/by-day"), "yes");
    check(&trail, "dynamodb.PutItem", &format!("{ORDERS}2"), "no");
    check(
        &trail,
        "dynamodb.PutItem",
        "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/orders",
        "partly",
    );
    let answer = trail.recorded(
        &call(
            "dynamodb.PutItem",
            "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/orders",
        )
        .in_region("eu-west-1"),
    );
    assert_eq!(answer, Recorded::Yes("audit".to_owned()));
    check(&trail, "s3.GetObject", "arn:aws:s3:::shop/in/a.json", "yes");
    check(&trail, "s3.GetObject", "arn:aws:s3:::shop/out/a.json", "no");
    check(&trail, "s3.GetObject", "arn:aws:s3:::shop/*", "partly");
    check(&trail, "s3.ListObjectsV2", "arn:aws:s3:::logs", "yes");
    check(
        &trail,
        "lambda.Invoke",
        "arn:aws:lambda:eu-west-1:111122223333:function:other",
        "yes",
    );
    check(
        &trail,
        "sqs.SendMessage",
        "arn:aws:sqs:eu-west-1:111122223333:q",
        "no",
    );
    check(&trail, "dynamodb.CreateTable", ORDERS, "no");
}

/// The example of <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html>, "multiple
/// conditions", with its answers.
#[test]
fn conditions_of_a_field_are_joined_as_aws_says() {
    let trail = trail(
        r#""AdvancedEventSelectors": [{"Name": "S3Select", "FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
            {"Field": "resources.ARN", "Equals": ["arn:aws:s3:::amzn-s3-demo-bucket/object1"],
             "StartsWith": ["arn:aws:s3:::amzn-s3-demo-bucket/"], "EndsWith": ["object3"],
             "NotStartsWith": ["arn:aws:s3:::amzn-s3-demo-bucket/deselect"], "NotEndsWith": ["object5"],
             "NotEquals": ["arn:aws:s3:::amzn-s3-demo-bucket/object6"]}]}]"#,
    );
    for (key, expected) in [
        ("amzn-s3-demo-bucket/object1", "yes"),
        ("amzn-s3-demo-bucket/object2", "yes"),
        ("amzn-s3-demo-bucket1/object3", "yes"),
        ("amzn-s3-demo-bucket/deselectObject4", "no"),
        ("amzn-s3-demo-bucket/object5", "no"),
        ("amzn-s3-demo-bucket/object6", "no"),
        ("other/object1", "no"),
        ("amzn-s3-demo-bucket/*", "partly"),
    ] {
        check(&trail, "s3.GetObject", &format!("arn:aws:s3:::{key}"), expected);
    }
    check(
        &trail,
        "s3.CreateBucket",
        "arn:aws:s3:::amzn-s3-demo-bucket",
        "no",
    );
}

#[test]
fn advanced_selectors_tell_names_callers_and_kinds() {
    let trail = trail(
        r#""AdvancedEventSelectors": [
            {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]},
                {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com", "rdsdata.amazonaws.com"]}]},
            {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": ["AWS::SQS::Queue"]},
                {"Field": "eventName", "NotEquals": ["ReceiveMessage"]},
                {"Field": "sessionCredentialFromConsole", "NotEquals": ["true"]}]},
            {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": ["AWS::DynamoDB::Table"]},
                {"Field": "readOnly", "Equals": ["false"]},
                {"Field": "userIdentity.arn", "StartsWith": ["arn:aws:sts::111122223333:assumed-role/orders-role/"]}]},
            {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": ["AWS::SNS::PlatformEndpoint"]}]}]"#,
    );
    check(&trail, "kms.Decrypt", "*", "no");
    check(&trail, "ssm.GetParameter", "*", "yes");
    check(&trail, "sqs.SendMessage", "*", "yes");
    check(&trail, "sqs.ReceiveMessage", "*", "no");
    check(&trail, "sns.Publish", "*", "partly");
    let by = |operation: &str, role: &str| word(&trail.recorded(&call(operation, ORDERS).by_role(role)));
    assert_eq!(by("dynamodb.PutItem", "orders-role"), "yes");
    assert_eq!(by("dynamodb.PutItem", "orders-role-2"), "no");
    assert_eq!(by("dynamodb.PutItem", "*"), "partly");
    assert_eq!(by("dynamodb.GetItem", "orders-role"), "no");
    // PartiQL reads and writes under one name.
    assert_eq!(by("dynamodb.ExecuteStatement", "orders-role"), "partly");
}

#[test]
fn regions_and_global_services_count() {
    let mut trail = trail(r#""EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": true}]"#);
    trail.home_region = Some("eu-west-1".to_owned());
    trail.is_multi_region_trail = Some(false);
    trail.include_global_service_events = Some(false);
    let answer = trail.recorded(&call("ssm.GetParameter", "*").in_region("us-east-1"));
    assert_eq!(
        answer,
        Recorded::No("the trail audit records eu-west-1 alone".to_owned())
    );
    let answer = trail.recorded(&call("ssm.GetParameter", "*").in_region("eu-west-1"));
    assert_eq!(word(&answer), "yes");
    check(&trail, "iam.GetRole", "*", "no");
}

#[test]
fn the_best_trail_counts() {
    let nothing = recorded(&[], &call("ssm.GetParameter", "*"));
    assert_eq!(word(&nothing), "no");
    let data = trail(
        r#""AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}]}]"#,
    );
    let untold =
        parse(r#"{"trailList": [{"TrailARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/old"}]}"#);
    let both = [untold.unwrap().remove(0), data];
    assert_eq!(word(&recorded(&both, &call("s3.GetObject", "*"))), "yes");
    assert_eq!(word(&recorded(&both, &call("sqs.SendMessage", "*"))), "partly");
}

#[test]
fn answers_about_one_trail_become_one() {
    let printed = r#"
{"trailList": [{"Name": "audit", "S3BucketName": "audit-logs", "HomeRegion": "eu-west-1", "IsMultiRegionTrail": true,
  "IncludeGlobalServiceEvents": true, "TrailARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit",
  "LogFileValidationEnabled": true, "HasCustomEventSelectors": false, "IsOrganizationTrail": false}]}
{"IsLogging": false, "StartLoggingTime": "2026-08-27T11:58:03.250000-07:00", "StopLoggingTime": 1793000000,
  "LatestDeliveryError": ""}
{"TrailARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit", "EventSelectors": [
  {"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []}]}"#;
    let trails = parse(printed).unwrap();
    assert_eq!(trails.len(), 1);
    let trail = &trails[0];
    assert_eq!((trail.shown(), trail.account()), ("audit", Some("111122223333")));
    assert_eq!(
        trail.interval(),
        Some(("2026-08-27T18:58:03Z", Some("2026-10-26T07:33:20Z")))
    );
    assert_eq!(trail.event_selectors.len(), 1);
    assert_eq!(trail.latest_delivery_error, None);
    // It goes out and comes back as it is.
    let text = serde_json::to_string(&trails).unwrap();
    assert_eq!(parse(&text).unwrap(), trails);
    assert_eq!(parse(r#"{"Records": []}"#), None);
    assert_eq!(parse("no JSON"), None);
}
