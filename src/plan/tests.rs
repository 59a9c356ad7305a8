//! Plans: what is seen, what is selected, and that the selectors select it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn wanted(function: &str, operation: &str, resource: &str, caller: Option<&str>) -> Wanted {
    Wanted {
        function: function.to_owned(),
        operation: OperationId::parse(operation).unwrap(),
        resources: BTreeSet::from([resource.to_owned()]),
        callers: caller.map(str::to_owned).into_iter().collect(),
        role: caller.map(|caller| caller.split('/').nth(1).unwrap().to_owned()),
        calls: 1,
    }
}

const ROLE: &str = "arn:aws:sts::111122223333:assumed-role/put-order/";
const TABLE: &str = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/orders/index/day";

fn make(wanted: Vec<Wanted>, settings: &str, wishes: &Wishes) -> Plan {
    let settings = crate::trail::selectors::parse(settings).unwrap_or_default();
    let known = Known {
        settings: &settings,
        trail: None,
    };
    plan(Catalog::embedded(), wanted, known, wishes).unwrap()
}

/// `field operator values` of each condition, one line for each selector.
fn lines(plan: &Plan) -> Vec<String> {
    let field = |field: &crate::trail::selectors::FieldSelector| {
        let (operator, values) = match (field.equals.is_empty(), field.starts_with.is_empty()) {
            (false, _) => ("=", &field.equals),
            (_, false) => ("^=", &field.starts_with),
            _ => ("!=", &field.not_equals),
        };
        format!("{} {operator} {}", field.field, values.join(","))
    };
    let selectors = plan.selectors.iter();
    selectors
        .map(|selector| {
            let fields: Vec<String> = selector.field_selectors.iter().map(field).collect();
            fields.join("; ")
        })
        .collect()
}

#[test]
fn only_what_is_not_seen_is_selected() {
    let all = vec![
        wanted("F", "dynamodb.Query", TABLE, Some(ROLE)),
        wanted("F", "dynamodb.PutItem", TABLE, Some(ROLE)),
        wanted("F", "kms.Decrypt", "*", Some(ROLE)),
        wanted("F", "cloudwatchlogs.PutLogEvents", "*", Some(ROLE)),
        wanted("F", "eventbridge.PutEvents", "*", Some(ROLE)),
    ];
    let found = make(all.clone(), "", &Wishes::default());
    let seen: Vec<(String, Seen)> = found
        .findings
        .iter()
        .map(|one| (one.wanted.operation.to_string(), one.seen))
        .collect();
    let expected = [
        ("cloudwatchlogs.PutLogEvents", Seen::Never),
        ("dynamodb.PutItem", Seen::No),
        ("dynamodb.Query", Seen::No),
        ("eventbridge.PutEvents", Seen::Never),
        ("kms.Decrypt", Seen::Yes),
    ];
    assert_eq!(seen, expected.map(|(name, seen)| (name.to_owned(), seen)));
    let callers = format!("userIdentity.arn ^= {ROLE}");
    assert_eq!(
        lines(&found),
        [format!(
            "eventCategory = Data; resources.type = AWS::DynamoDB::Table; eventName = PutItem,Query; {callers}"
        )]
    );
    assert!(
        found.notes.is_empty() && found.fill_in.is_empty(),
        "{:?}",
        found.notes
    );
    let wishes = Wishes {
        all_operations: true,
        ..Wishes::default()
    };
    assert_eq!(
        lines(&make(all, "", &wishes)),
        [format!(
            "eventCategory = Data; resources.type = AWS::DynamoDB::Table; {callers}"
        )]
    );
}

#[test]
fn resources_scope_where_the_caller_is_not_known() {
    let plan = make(
        vec![wanted("F", "dynamodb.Query", TABLE, None)],
        "",
        &Wishes::default(),
    );
    assert_eq!(
        lines(&plan),
        [
            "eventCategory = Data; resources.type = AWS::DynamoDB::Table; eventName = Query; \
          resources.ARN ^= arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/orders"
        ]
    );
    assert_eq!(plan.fill_in.len(), 3);
    let unknown = wanted("F", "s3.GetObject", "arn:aws:s3:::${Bucket}/*", None);
    let plan = make(vec![unknown], "", &Wishes::default());
    assert_eq!(
        lines(&plan),
        ["eventCategory = Data; resources.type = AWS::S3::Object; eventName = GetObject"]
    );
    assert!(plan.notes[0].contains("everybody's calls"), "{:?}", plan.notes);
}

#[test]
fn a_trail_is_extended_without_losing_what_it_has() {
    let settings = r#"{"TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main","EventSelectors":[
        {"ReadWriteType":"WriteOnly","IncludeManagementEvents":true,"ExcludeManagementEventSources":["kms.amazonaws.com"],
         "DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3:::files/"]},
                          {"Type":"AWS::Lambda::Function","Values":["arn:aws:lambda"]}]}]}"#;
    let all = vec![
        wanted("F", "dynamodb.PutItem", TABLE, Some(ROLE)),
        wanted("F", "s3.PutObject", "arn:aws:s3:::files/a/*", Some(ROLE)),
        wanted("F", "s3.GetObject", "arn:aws:s3:::files/a/*", Some(ROLE)),
    ];
    let wishes = Wishes {
        extend: Some("main".to_owned()),
        ..Wishes::default()
    };
    let found = make(all.clone(), settings, &wishes);
    assert_eq!(found.kept, 3);
    assert_eq!(
        lines(&found),
        [
            "eventCategory = Management; readOnly = false; eventSource != kms.amazonaws.com".to_owned(),
            "eventCategory = Data; resources.type = AWS::S3::Object; readOnly = false; resources.ARN ^= arn:aws:s3:::files/"
                .to_owned(),
            "eventCategory = Data; resources.type = AWS::Lambda::Function; readOnly = false".to_owned(),
            format!(
                "eventCategory = Data; resources.type = AWS::DynamoDB::Table; eventName = PutItem; userIdentity.arn ^= {ROLE}"
            ),
            format!(
                "eventCategory = Data; resources.type = AWS::S3::Object; eventName = GetObject; userIdentity.arn ^= {ROLE}"
            ),
        ]
    );
    let settings = crate::trail::selectors::parse(settings).unwrap();
    let known = Known {
        settings: &settings,
        trail: None,
    };
    let wishes = Wishes {
        extend: Some("other".to_owned()),
        ..Wishes::default()
    };
    let refused = plan(Catalog::embedded(), all, known, &wishes).unwrap_err();
    assert_eq!(refused, "there is no trail `other`; found: main");
}

#[test]
fn what_a_plan_selects_is_recorded_then() {
    // Every data event that any selector takes.
    let catalog = Catalog::embedded();
    for operation in [
        "s3.GetObject",
        "sqs.SendMessage",
        "sns.Publish",
        "lambda.Invoke",
        "kinesis.PutRecord",
    ] {
        let found = make(
            vec![wanted(
                "F",
                operation,
                "*",
                Some("arn:aws:sts::${AWS::AccountId}:assumed-role/put-order/"),
            )],
            "",
            &Wishes::default(),
        );
        assert!(found.notes.is_empty(), "{operation}: {:?}", found.notes);
        assert_eq!(found.fill_in, BTreeSet::from(["${AWS::AccountId}".to_owned()]));
        let filled = AdvancedSelector {
            field_selectors: found.selectors[0]
                .field_selectors
                .iter()
                .map(|field| {
                    let mut field = field.clone();
                    for value in &mut field.starts_with {
                        *value = value.replace("${AWS::AccountId}", "111122223333");
                    }
                    field
                })
                .collect(),
            name: None,
        };
        let trail = TrailSettings {
            arn: "arn:aws:cloudtrail:eu-west-1:111122223333:trail/plan".to_owned(),
            advanced_event_selectors: vec![filled],
            ..TrailSettings::default()
        };
        let call = Call::new(catalog, &OperationId::parse(operation).unwrap()).by_role("put-order");
        assert!(matches!(trail.recorded(&call), Recorded::Yes(_)), "{operation}");
        let other = Call::new(catalog, &OperationId::parse(operation).unwrap()).by_role("another");
        assert!(matches!(trail.recorded(&other), Recorded::No(_)), "{operation}");
    }
}

#[test]
fn a_plan_has_its_price() {
    let wishes = Wishes {
        runs: BTreeMap::from([("*".to_owned(), 1_000_000), ("G".to_owned(), 10)]),
        ..Wishes::default()
    };
    let all = vec![
        wanted("F", "sqs.SendMessage", "*", Some(ROLE)),
        wanted("G", "sqs.SendMessage", "*", Some(ROLE)),
    ];
    let cost = make(all.clone(), "", &wishes).cost;
    assert_eq!(cost.events, Some(1_000_010.0));
    assert!((cost.usd.unwrap() - 1.00001).abs() < 1e-9);
    assert_eq!(make(all, "", &Wishes::default()).cost.unknown, 2);
}
