//! What the embedded catalogue must answer.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::{AccessLevel, Catalog, CatalogError, MemberKind};
use crate::iam::action::{Action, ActionPattern};

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

#[test]
fn actions_have_levels_and_resource_types() {
    for (action, level, types) in [
        (
            "dynamodb:Query",
            AccessLevel::Read,
            vec![("index", false), ("table", true)],
        ),
        ("s3:ListAllMyBuckets", AccessLevel::List, vec![]),
        (
            "lambda:AddPermission",
            AccessLevel::PermissionsManagement,
            vec![("function", true)],
        ),
        ("SQS:sendmessage", AccessLevel::Write, vec![("queue", true)]),
    ] {
        let entry = catalog().action(&Action::parse(action).unwrap()).unwrap();
        assert_eq!(entry.access_level(), level, "{action}");
        let found: Vec<_> = entry
            .resource_types()
            .map(|resource| (resource.name(), resource.required()))
            .collect();
        assert_eq!(found, types, "{action}");
        assert_eq!(entry.wildcard_only(), types.is_empty());
    }
    let query = catalog().action(&Action::new("dynamodb", "Query")).unwrap();
    let index = query.resource_types().next().unwrap();
    assert_eq!(index.full_name(), "dynamodb:index");
    assert_eq!(index.variables().collect::<Vec<_>>(), ["TableName", "IndexName"]);
    assert!(query.condition_keys().any(|key| key == "dynamodb:LeadingKeys"));
    assert!(query.docs().unwrap().ends_with("list_amazondynamodb.html"));
    let create = catalog()
        .action(&Action::new("lambda", "CreateFunction"))
        .unwrap();
    assert!(
        create
            .dependents()
            .any(|action| action == Action::new("iam", "PassRole"))
    );
    assert!(catalog().action(&Action::new("s3", "HeadObject")).is_none());
}

#[test]
fn patterns_expand_over_the_reference() {
    let expand = |pattern: &str| -> Vec<String> {
        catalog()
            .expand(&ActionPattern::new(pattern))
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(expand("kms:reencrypt*"), ["kms:ReEncryptFrom", "kms:ReEncryptTo"]);
    assert_eq!(expand("s3:GetObject"), ["s3:GetObject"]);
    assert!(expand("nonsense:*").is_empty());
    for pattern in ["*", "*:*", "s3:*", "S3:*", "s3*:Get*"] {
        let pattern = ActionPattern::new(pattern);
        let matching = catalog().matching(&pattern).count();
        assert!(matching > 50, "{pattern}");
        assert_eq!(catalog().count(&pattern), matching, "{pattern}");
    }
    assert_eq!(catalog().count(&ActionPattern::new("*")), 22_321);
}

#[test]
fn managed_policies_are_found_by_arn_and_by_name() {
    let arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    let policy = catalog().managed_policy(arn).unwrap();
    assert_eq!((policy.arn.as_str(), policy.version.as_str()), (arn, "v1"));
    assert!(policy.document_json.contains("logs:PutLogEvents"));
    for name in [
        "AWSLambdaBasicExecutionRole",
        "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "arn:aws-cn:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    ] {
        assert_eq!(catalog().managed_policy(name).as_ref(), Some(&policy), "{name}");
    }
    for wrong in [
        "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole",
        "Nonsense",
        "",
    ] {
        assert_eq!(catalog().managed_policy(wrong), None, "{wrong}");
    }
    assert_eq!(catalog().managed_policy_names().count(), 1611);
    for name in catalog().managed_policy_names() {
        let policy = catalog().managed_policy(name).unwrap();
        assert!(
            serde_json::from_str::<serde_json::Value>(&policy.document_json)
                .is_ok_and(|document| document.get("Statement").is_some()),
            "{name}"
        );
    }
}

#[test]
fn every_version_of_a_managed_policy_is_known() {
    let name = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let versions = catalog().managed_policy_versions(name);
    assert!(versions.len() > 100);
    assert!(versions.iter().any(|version| version.in_force));
    let first = catalog().managed_policy_version(name, "v1").unwrap();
    assert_eq!(
        (first.version.as_str(), first.updated.as_str()),
        ("v1", "2015-02-06")
    );
    // Where the source does not know a version's day, it gives the policy's.
    let later = versions.iter().filter(|version| version.number > 1);
    assert!(
        later
            .clone()
            .all(|version| version.created != Some(first.updated.clone()))
    );
    assert!(first.document_json.contains("\"autoscaling:Describe*\""));
    assert_eq!(
        catalog().managed_policy_version(name, &catalog().managed_policy(name).unwrap().version),
        catalog().managed_policy(name)
    );
    for wrong in ["v0", "v9999", "1", ""] {
        assert_eq!(catalog().managed_policy_version(name, wrong), None, "{wrong}");
    }
    assert!(catalog().managed_policy_versions("Nonsense").is_empty());
    let mut count = 0;
    for name in catalog().managed_policy_names() {
        let versions = catalog().managed_policy_versions(name);
        count += versions.len();
        // The oldest is made of all that came after it.
        let oldest = format!("v{}", versions.first().unwrap().number);
        let found = catalog().managed_policy_version(name, &oldest).unwrap();
        let document: serde_json::Value = serde_json::from_str(&found.document_json).unwrap();
        assert!(document.get("Statement").is_some(), "{name} {oldest}");
    }
    assert_eq!(count, catalog().managed_policy_version_count());
    assert!(count > 6_000);
}

#[test]
fn an_action_takes_resources_of_its_own_types_only() {
    use crate::iam::action::Action;
    use crate::iam::arn::ArnPattern;
    let catalog = Catalog::embedded();
    let bucket = "arn:${AWS::Partition}:s3:::${Documents}";
    let table = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Orders}";
    for (action, resource, expected) in [
        ("s3:GetObject", format!("{bucket}/*"), true),
        ("s3:GetObject", bucket.to_owned(), false),
        ("s3:GetObject", "arn:aws:s3:::*".to_owned(), true),
        ("s3:GetObject", "*".to_owned(), true),
        ("s3:ListBucket", bucket.to_owned(), true),
        ("s3:ListBucket", format!("{bucket}/*"), false),
        ("dynamodb:GetItem", table.to_owned(), true),
        ("dynamodb:GetItem", format!("{table}/index/*"), false),
        ("dynamodb:Query", format!("{table}/index/by-customer"), true),
        ("dynamodb:GetRecords", format!("{table}/stream/*"), true),
        (
            "sqs:SendMessage",
            "arn:aws:sqs:eu-west-1:111122223333:q".to_owned(),
            true,
        ),
        ("sqs:SendMessage", bucket.to_owned(), false),
        ("dynamodb:ListStreams", format!("{table}/stream/*"), false),
    ] {
        let entry = catalog.action(&Action::parse(action).unwrap()).unwrap();
        assert_eq!(
            entry.takes(&ArnPattern::new(&resource)),
            expected,
            "{action} on {resource}"
        );
    }
}

/// Client methods and waiters of published crates; the catalogue is newer than some of them, so it can have more.
#[test]
fn every_method_of_published_crates_is_known() {
    let mut unknown = Vec::new();
    let methods = include_str!("../../tests/fixtures/catalog/methods.tsv");
    for line in methods.lines().skip(1) {
        let mut fields = line.split('\t');
        let service = catalog().service(fields.next().unwrap()).unwrap();
        let method = fields.nth(1).unwrap();
        let known = match service.operation_of_method(method) {
            Some(operation) => operation.method() == method,
            None => service.operation_of_waiter(method).is_some(),
        };
        if !known {
            unknown.push(line);
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(methods.lines().count() > 1000);
}
