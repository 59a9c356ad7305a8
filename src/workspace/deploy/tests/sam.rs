//! What SAM makes of a template: compared with its transform, and the lines that findings point at.

use std::collections::BTreeSet;

use super::*;
use crate::iam::policy::{Actions, Resources};

/// Effect, action, resource, condition.
type Granted = BTreeSet<(String, String, String, String)>;

/// Actions that SAM grants and that do not exist, so that our templates leave them out.
const NOT_ACTIONS: &[&str] = &["sqs:ChangeMessageVisibilityBatch", "sqs:DeleteMessageBatch"];

fn ours(role: &Role) -> Granted {
    let mut found = Granted::new();
    for RoleStatement { statement, .. } in &role.statements {
        let (Actions::Only(actions), Resources::Only(resources)) = (&statement.actions, &statement.resources)
        else {
            panic!("not in the fixtures: {statement:?}");
        };
        let condition = statement.to_json()["Condition"].clone();
        for action in actions {
            for resource in resources {
                found.insert((
                    statement.effect.as_str().to_owned(),
                    action.as_str().to_ascii_lowercase(),
                    resource.as_str().to_owned(),
                    sorted(&condition),
                ));
            }
        }
    }
    found
}

fn theirs(stack: &Stack, rows: &serde_json::Value) -> Granted {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    rows.as_array()
        .unwrap()
        .iter()
        .filter(|row| !NOT_ACTIONS.contains(&row[1].as_str().unwrap()))
        .map(|row| {
            (
                text(&row[0]),
                text(&row[1]).to_ascii_lowercase(),
                stack.normalise_arn(&text(&row[2])),
                sorted(&row[3]),
            )
        })
        .collect()
}

/// Conditions as one text: `operator key value` each, sorted.
fn sorted(condition: &serde_json::Value) -> String {
    let mut found = Vec::new();
    for (operator, keys) in condition.as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let values = match values {
                serde_json::Value::Array(list) => list.clone(),
                one => vec![one.clone()],
            };
            for value in values {
                found.push(format!("{operator} {key} {}", value.as_str().unwrap()));
            }
        }
    }
    found.sort();
    found.join(", ")
}

#[test]
fn sam_grants_what_the_transform_grants() {
    let folder = fixtures().join("sam");
    let deployments = read(&folder, &managed);
    let mut compared = 0;
    let mut wrong = Vec::new();
    for stack in &deployments.stacks {
        let golden = folder.join(stack.file.replace(".yaml", ".sam.json"));
        let golden = std::fs::read_to_string(golden).unwrap();
        let golden: BTreeMap<String, serde_json::Value> = serde_json::from_str(&golden).unwrap();
        for (name, rows) in &golden {
            let of_stack = |function: &&Function| {
                function.name == *name && deployments.stacks[function.stack.unwrap()].file == stack.file
            };
            let function = deployments.functions.iter().find(of_stack).unwrap();
            let ours = ours(function.role.as_ref().unwrap());
            let theirs = theirs(stack, rows);
            let excess: Vec<_> = ours.difference(&theirs).collect();
            let missing: Vec<_> = theirs.difference(&ours).collect();
            if !excess.is_empty() || !missing.is_empty() {
                wrong.push(format!(
                    "{} {name}\nonly ours: {excess:#?}\nonly SAM's: {missing:#?}",
                    stack.file
                ));
            }
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(deployments.stacks.len() >= 40, "{}", deployments.stacks.len());
    assert!(compared > 300, "{compared}");
}

#[test]
fn each_statement_points_at_the_line_to_edit() {
    let deployments = read(&fixtures().join("sam"), &managed);
    let source = std::fs::read_to_string(fixtures().join("sam/ordinary.yaml")).unwrap();
    let lines_of_source: Vec<&str> = source.lines().collect();
    let found: Vec<String> = role(&deployments, "RegisterParcel")
        .statements
        .iter()
        .map(|statement| {
            let origin = &statement.origin;
            let line = lines_of_source[origin.location.line as usize - 1].trim();
            let by = origin.injected_by.as_deref().unwrap_or("-");
            format!("{} {} {by} | {line}", origin.kind, origin.name)
        })
        .collect();
    assert_eq!(
        found,
        [
            "sam-injected AWSLambdaBasicExecutionRole AWS::Serverless::Function | RegisterParcel:",
            "sam-injected AWSXrayWriteOnlyAccess Tracing | Tracing: Active",
            "managed-policy AmazonSSMReadOnlyAccess - | - AmazonSSMReadOnlyAccess",
            "sam-policy-template DynamoDBCrudPolicy - | - DynamoDBCrudPolicy:",
            "inline RegisterParcelRolePolicy3 - | - Sid: Keys",
            "inline RegisterParcelRolePolicy3 - | - Effect: Deny",
            "sam-injected AWSLambdaSQSQueueExecutionRole Events.FromQueue | FromQueue:",
            "sam-connector ToArrivals - | ToArrivals:",
        ]
    );
}

#[test]
fn a_function_carries_what_globals_give_it() {
    let deployments = read(&fixtures().join("sam"), &managed);
    let register = function(&deployments, "RegisterParcel");
    let track = function(&deployments, "TrackParcel");
    let env: Vec<String> = register
        .env
        .iter()
        .map(|(name, value)| format!("{name}={} {}", value.text, value.location))
        .collect();
    assert_eq!(
        env,
        [
            "ARRIVALS_URL=${Arrivals} ordinary.yaml:49",
            "PARCELS_TABLE=${Parcels} ordinary.yaml:21",
            "RUST_LOG=debug ordinary.yaml:50",
        ]
    );
    assert_eq!(register.deployed_name, "register-parcel-${Stage}");
    assert_eq!(register.code.binary.as_deref(), Some("register-parcel"));
    assert_eq!(register.code.path.as_deref(), Some(""));
    assert_eq!(register.runtime_settings.layers.len(), 2);
    assert_eq!(
        register.runtime_settings.log_group_in_stack.as_deref(),
        Some("RegisterParcelLogs")
    );
    assert!(register.runtime_settings.tracing.is_some());
    assert!(track.runtime_settings.tracing.is_none());
    assert_eq!(track.runtime_settings.log_group_in_stack, None);
    assert_eq!(track.code.path.as_deref(), Some("target/lambda/track-parcel"));
    let triggers: Vec<String> = register
        .triggers
        .iter()
        .map(|trigger| {
            let source = trigger.source.as_deref().unwrap_or("-");
            format!("{} {} {source} {}", trigger.name, trigger.kind, trigger.polled)
        })
        .collect();
    assert_eq!(
        triggers,
        [
            "FromQueue sqs arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Arrivals} true",
            "Http http - false",
        ]
    );
}

#[test]
fn edges_are_told_apart() {
    let deployments = read(&fixtures().join("sam"), &managed);
    let edges: Vec<&Gap> = deployments
        .gaps
        .iter()
        .filter(|gap| gap.location.as_ref().is_some_and(|at| at.file == "edges.yaml"))
        .collect();
    assert_eq!(edges.len(), 1, "{edges:#?}");
    assert_eq!(edges[0].code, "role-voids-policies");
    assert_eq!(role(&deployments, "WithRole").shared_with, ["MaybeRole"]);
    let edge = function(&deployments, "Edge");
    let settings = &edge.runtime_settings;
    assert!(settings.vpc.is_some() && settings.durable.is_some());
    assert_eq!(
        settings.kms_key.as_ref().unwrap().0,
        "arn:${AWS::Partition}:kms:eu-west-1:111122223333:key/abc"
    );
    assert_eq!(settings.destinations.len(), 2);
    assert_eq!(
        edge.role.as_ref().unwrap().boundary.as_deref(),
        Some("arn:${AWS::Partition}:iam::111122223333:policy/boundary")
    );
    let conditions: BTreeSet<_> = edge
        .role
        .iter()
        .flat_map(|role| &role.statements)
        .filter_map(|statement| statement.origin.condition.as_deref())
        .collect();
    assert_eq!(
        conditions.into_iter().collect::<Vec<_>>(),
        ["HasArchive", "not HasArchive"]
    );
}

#[test]
fn sources_tell_what_polling_needs() {
    let deployments = read(&fixtures().join("sam"), &managed);
    let details = |name: &str| -> Vec<String> {
        let trigger = &function(&deployments, name).triggers[0];
        let details = trigger.details.iter();
        details
            .map(|(name, values)| format!("{name} {}", values.join(" ")))
            .collect()
    };
    let secret = "arn:${AWS::Partition}:secretsmanager:eu-west-1:111122223333:secret:";
    let cluster = "arn:${AWS::Partition}:kafka:eu-west-1:111122223333";
    let credentials =
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Credentials}";
    assert_eq!(
        details("FromKafka"),
        [
            format!("AUTH {secret}k-AbCdEf"),
            "GlueRegistryArn arn:${AWS::Partition}:glue:eu-west-1:111122223333:registry/parcels".to_owned(),
            "GlueRegistryName parcels".to_owned(),
            format!("SASL_SCRAM_512_AUTH {secret}k-AbCdEf"),
            format!("SERVER_ROOT_CA_CERTIFICATE {secret}ca-AbCdEf"),
            "SchemaRegistryConfig arn:${AWS::Partition}:glue:eu-west-1:111122223333:registry/parcels"
                .to_owned(),
            "VPC_SECURITY_GROUP security_group:sg-1".to_owned(),
            "VPC_SUBNET subnet:subnet-1".to_owned(),
        ]
    );
    assert_eq!(
        details("FromMsk"),
        [
            format!("AUTH {credentials}"),
            format!("CLIENT_CERTIFICATE_TLS_AUTH {credentials}"),
            format!("GroupArn {cluster}:group/c/1/*"),
            format!("SCHEMA_REGISTRY_AUTH {secret}r-AbCdEf"),
            "SchemaRegistryConfig https://registry.example.com".to_owned(),
            format!("TopicArn {cluster}:topic/c/1/t"),
        ]
    );
    let topic: Vec<&str> = function(&deployments, "FromTopic")
        .triggers
        .iter()
        .map(|trigger| trigger.kind.as_str())
        .collect();
    assert_eq!(topic, ["sns", "sqs", "dynamodb-stream"]);
}

#[test]
fn every_managed_policy_that_sam_attaches_is_in_the_catalogue() {
    let catalog = crate::catalog::Catalog::embedded();
    let real = |name: &str| catalog.managed_policy(name).map(|policy| policy.document_json);
    let deployments = read(&fixtures().join("sam"), &real);
    let unknown: Vec<&str> = deployments
        .gaps
        .iter()
        .filter(|gap| gap.code != "role-voids-policies")
        .map(|gap| gap.message.as_str())
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}
