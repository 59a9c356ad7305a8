//! What the embedded catalogue must answer.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::{Catalog, CatalogError, MemberKind};

fn catalog() -> &'static Catalog {
    Catalog::embedded()
}

#[test]
fn every_service_can_be_decoded() {
    assert!(Catalog::from_bytes(super::EMBEDDED.to_vec()).is_ok());
    assert_eq!(catalog().services().count(), 440);
    for service in catalog().services() {
        assert!(service.operations().count() > 0, "{}", service.suffix());
    }
}

#[test]
fn damaged_files_are_refused() {
    let bytes = super::EMBEDDED.to_vec();
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(Catalog::from_bytes(flipped).unwrap_err(), CatalogError::Damaged);
    assert_eq!(
        Catalog::from_bytes(bytes.into_iter().take(60).collect()).unwrap_err(),
        CatalogError::Damaged
    );
    assert_eq!(
        Catalog::from_bytes(b"PK".to_vec()).unwrap_err(),
        CatalogError::NotACatalog
    );
}

#[test]
fn crates_lead_to_services() {
    for (name, prefix) in [
        ("aws-sdk-dynamodb", "dynamodb"),
        ("aws_sdk_eventbridge", "events"),
        ("aws-sdk-sfn", "states"),
        ("aws-sdk-cloudwatchlogs", "logs"),
        ("aws-sdk-cloudwatch", "cloudwatch"),
        ("aws-sdk-rdsdata", "rds-data"),
        ("aws-sdk-cloudwatchevents", "events"),
        ("aws-sdk-transcribestreaming", "transcribe"),
    ] {
        let service = catalog().service_of_crate(name).unwrap();
        assert_eq!(service.iam_prefix(), prefix, "{name}");
        assert_eq!(service.crate_name(), name.replace('_', "-"));
    }
    assert!(catalog().service_of_crate("aws-config").is_none());
    assert!(catalog().service("nonsense").is_none());
}

#[test]
fn methods_and_waiters_lead_to_operations() {
    for (service, method, operation) in [
        ("dynamodb", "put_item", "PutItem"),
        ("s3", "list_objects_v2", "ListObjectsV2"),
        ("wafv2", "list_web_acls", "ListWebACLs"),
        ("cloudwatchevents", "put_events", "PutEvents"),
        (
            "transcribestreaming",
            "start_stream_transcription",
            "StartStreamTranscription",
        ),
    ] {
        let found = catalog()
            .service(service)
            .unwrap()
            .operation_of_method(method)
            .unwrap();
        assert_eq!((found.name(), found.method().as_str()), (operation, method));
    }
    let s3 = catalog().service("s3").unwrap();
    assert!(s3.operation("putobject").is_none());
    assert!(s3.operation_of_method("send").is_none());
    for (service, waiter, operation) in [
        ("s3", "wait_until_bucket_exists", "HeadBucket"),
        ("s3", "wait_until_object_not_exists", "HeadObject"),
        ("dynamodb", "wait_until_table_exists", "DescribeTable"),
        ("lambda", "wait_until_function_active_v2", "GetFunction"),
        (
            "autoscaling",
            "wait_until_group_exists",
            "DescribeAutoScalingGroups",
        ),
    ] {
        let service = catalog().service(service).unwrap();
        assert_eq!(service.operation_of_waiter(waiter).unwrap().name(), operation);
    }
}

#[test]
fn setters_lead_to_members_also_in_nested_structures() {
    let dynamodb = catalog().service("dynamodb").unwrap();
    let put = dynamodb.operation("PutItem").unwrap();
    assert_eq!(put.member_of_setter("table_name").unwrap().name(), "TableName");
    assert_eq!(
        put.member_of_setter("set_table_name").unwrap().name(),
        "TableName"
    );
    assert!(put.has_setter("item") && !put.has_setter("key"));

    let transact = dynamodb.operation("TransactWriteItems").unwrap();
    let items = transact.member_of_setter("transact_items").unwrap();
    assert_eq!(
        (items.kind(), items.shape()),
        (MemberKind::List, Some("TransactWriteItem"))
    );
    let item = items.structure().unwrap();
    let put = item.member_of_setter("put").unwrap().structure().unwrap();
    assert!(put.member("TableName").unwrap().required());

    let batch = dynamodb.operation("BatchWriteItem").unwrap();
    let requests = batch.member_of_setter("request_items").unwrap();
    assert_eq!(
        (requests.kind(), requests.shape()),
        (MemberKind::Map, Some("WriteRequest"))
    );
    assert!(transact.service().shape("AttributeValue").is_some());

    let events = catalog().service("eventbridge").unwrap();
    let entry = events.shape("PutEventsRequestEntry").unwrap();
    assert_eq!(
        entry.member_of_setter("event_bus_name").unwrap().name(),
        "EventBusName"
    );
    let rds = catalog().service("rds").unwrap();
    assert_eq!(
        rds.shape("DbInstanceAutomatedBackup").map(|s| s.name()),
        rds.shape("DBInstanceAutomatedBackup").map(|s| s.name())
    );
}

#[test]
fn variants_of_enumerations_have_their_api_spelling() {
    let s3 = catalog().service("s3").unwrap();
    let acl = s3
        .operation("PutObject")
        .unwrap()
        .member_of_setter("acl")
        .unwrap();
    assert_eq!(acl.enum_value_of_variant("PublicRead"), Some("public-read"));
    let encryption = s3
        .operation("PutObject")
        .unwrap()
        .member_of_setter("server_side_encryption")
        .unwrap();
    assert_eq!(encryption.enum_value_of_variant("AwsKms"), Some("aws:kms"));
    assert_eq!(encryption.enum_value_of_variant("Nonsense"), None);
}
