//! Tests of the account's dumps: what listings of every shape give, and what is missing in them.

use serde_json::{Value, json};

use super::*;
use crate::workspace::deploy::read_text as read_template_text;

fn arn(rest: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:111122223333:{rest}")
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

fn function(name: &str, role: &str) -> Value {
    json!({
        "FunctionName": name, "FunctionArn": arn(&format!("function:{name}")), "Role": role_arn(role),
        "Runtime": "provided.al2023", "Version": "$LATEST"
    })
}

fn document(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}

fn role(name: &str, inline: Value) -> Value {
    json!({"RoleName": name, "Arn": role_arn(name), "RolePolicyList": inline, "AttachedManagedPolicies": []})
}

fn dumps(texts: &[String]) -> Dumps {
    let mut dumps = Dumps::default();
    for (index, text) in texts.iter().enumerate() {
        dumps.add(&format!("{index}.json"), text);
    }
    dumps
}

fn managed(name: &str) -> Option<String> {
    Some(document(&format!("managed:{name}")).to_string())
}

/// `name: action action` of each function, with the codes of its gaps behind.
fn granted(dumps: &Dumps) -> Vec<String> {
    let line = |each: &Deployed| {
        let statements = each.function.role.iter().flat_map(|role| &role.statements);
        let actions: Vec<String> = statements
            .map(|one| one.statement.to_json()["Action"].as_str().unwrap().to_owned())
            .collect();
        let gaps: String = each.gaps.iter().map(|gap| format!(" !{}", gap.code)).collect();
        format!("{}: {}{gaps}", each.function.name, actions.join(" "))
    };
    dumps.functions(&managed).iter().map(line).collect()
}

fn codes(dumps: &Dumps) -> Vec<String> {
    let line = |gap: &Gap| format!("{} {}", gap.code, gap.location.as_ref().unwrap());
    dumps.gaps().iter().map(line).collect()
}

#[test]
fn listings_pages_lists_and_single_items_are_one() {
    let own = role(
        "r",
        json!([{"PolicyName": "p", "PolicyDocument": document("sns:Publish")}]),
    );
    let one = function("one", "r");
    let two = function("two", "r");
    let roles = json!({"RoleDetailList": [own]}).to_string();
    let forms = [
        vec![json!({"Functions": [one, two]}).to_string()],
        vec![format!(
            "{}\n{}",
            json!({"Functions": [one], "NextMarker": "x"}),
            json!({"Functions": [two]})
        )],
        vec![json!([{"Functions": [one], "NextMarker": "x"}, {"Functions": [two]}]).to_string()],
        vec![json!([one, two]).to_string()],
        vec![
            one.to_string(),
            json!({"Configuration": two, "Code": {}, "Tags": {}}).to_string(),
        ],
        vec![format!("\u{feff}{}", json!({"Functions": [one, two, one]}))],
    ];
    for mut texts in forms {
        texts.push(roles.clone());
        let dumps = dumps(&texts);
        assert_eq!(
            granted(&dumps),
            ["one: sns:Publish", "two: sns:Publish"],
            "{texts:?}"
        );
        assert!(codes(&dumps).is_empty(), "{texts:?}");
        let found = dumps.functions(&managed);
        assert_eq!(found[0].function.role.as_ref().unwrap().shared_with, ["two"]);
    }
}

#[test]
fn a_listing_that_was_cut_off_is_a_gap() {
    let cut = dumps(&[json!({"Functions": [], "NextToken": "x"}).to_string()]);
    assert_eq!(codes(&cut), ["unfinished-dump 0.json:1"]);
    let whole = dumps(&[json!({"RoleDetailList": [], "IsTruncated": false, "Marker": "x"}).to_string()]);
    assert!(codes(&whole).is_empty());
}

#[test]
fn documents_come_encoded_in_versions_and_from_aws() {
    let encoded = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3AGetObject%22%2C%22Resource%22%3A%22*%22%7D%7D";
    let mut own = role("r", json!([{"PolicyName": "p", "PolicyDocument": encoded}]));
    let policy = "arn:aws:iam::111122223333:policy/team/p";
    own["AttachedManagedPolicies"] = json!([
        {"PolicyName": "p", "PolicyArn": policy},
        {"PolicyName": "q", "PolicyArn": "arn:aws:iam::111122223333:policy/q"},
        {"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
    ]);
    own["PermissionsBoundary"] =
        json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": policy});
    let versions = json!([
        {"VersionId": "v1", "IsDefaultVersion": false, "Document": document("*")},
        {"VersionId": "v2", "IsDefaultVersion": true, "Document": document("sqs:SendMessage")},
    ]);
    let account = json!({"RoleDetailList": [own], "Policies": [{"PolicyName": "p", "Arn": policy, "PolicyVersionList": versions}]});
    let dumps = dumps(&[account.to_string(), json!([function("f", "r")]).to_string()]);
    assert_eq!(
        granted(&dumps),
        ["f: s3:GetObject sqs:SendMessage managed:ReadOnlyAccess !unresolved-policy"]
    );
    let found = dumps.functions(&managed);
    let role = found[0].function.role.as_ref().unwrap();
    assert_eq!((role.id.as_str(), role.boundary.as_deref()), ("r", Some(policy)));
    assert_eq!(role.statements[1].origin.name, "p");
}

#[test]
fn settings_of_a_function_are_read() {
    let mut one = function("f", "elsewhere");
    one["VpcConfig"] = json!({"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""});
    one["Environment"] =
        json!({"Error": {"ErrorCode": "AccessDeniedException", "Message": "no kms:Decrypt"}});
    let mut two = function("g", "elsewhere");
    two["VpcConfig"] = json!({"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1"});
    two["KMSKeyArn"] = json!("arn:aws:kms:eu-west-1:111122223333:key/k");
    two["Layers"] = json!([{"Arn": arn("layer:x:1"), "CodeSize": 1}]);
    two["FileSystemConfigs"] = json!([{"Arn": "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-1", "LocalMountPath": "/mnt/a"}]);
    two["DurableConfig"] = json!({"ExecutionTimeout": 60});
    two["LoggingConfig"] = json!({"LogGroup": "shared"});
    let around = json!({
        "FunctionEventInvokeConfigs": [{"FunctionArn": arn("function:g:$LATEST"), "DestinationConfig": {"OnSuccess": {}, "OnFailure": {"Destination": "arn:aws:sns:eu-west-1:111122223333:t"}}}],
        "FunctionUrlConfigs": [{"FunctionArn": arn("function:g"), "FunctionUrl": "https://x"}],
        "EventSourceMappings": [
            {"UUID": "u", "FunctionArn": arn("function:g:live"), "EventSourceArn": "arn:aws:kinesis:eu-west-1:111122223333:stream/s", "State": "Disabled", "DestinationConfig": {"OnFailure": {}}},
            {"UUID": "v", "FunctionArn": arn("function:g"), "EventSourceArn": "arn:aws:sqs:eu-west-1:111122223333:q", "State": "Deleting"},
            {"UUID": "w", "FunctionArn": arn("function:gg"), "EventSourceArn": "arn:aws:sqs:eu-west-1:111122223333:q"}
        ],
        "logGroups": [{"logGroupName": "shared"}]
    });
    let dumps = dumps(&[json!({"Functions": [one, two]}).to_string(), around.to_string()]);
    assert_eq!(
        granted(&dumps),
        [
            "f:  !role-not-in-stack !unreadable-environment",
            "g:  !role-not-in-stack"
        ]
    );
    let found = dumps.functions(&managed);
    let settings = &found[1].function.runtime_settings;
    assert!(found[0].function.runtime_settings.vpc.is_none() && settings.vpc.is_some());
    assert!(settings.kms_key.is_some() && settings.durable.is_some());
    assert_eq!(
        (
            settings.layers.len(),
            settings.file_systems.len(),
            settings.destinations.len()
        ),
        (1, 1, 1)
    );
    assert!(settings.log_group_in_stack.is_some());
    let triggers: Vec<String> = found[1]
        .function
        .triggers
        .iter()
        .map(|trigger| format!("{} {} {:?}", trigger.kind, trigger.polled, trigger.on_failure))
        .collect();
    assert_eq!(triggers, ["kinesis true None", "http false None"]);
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let dumps = dumps(&[
        "{\"Functions\": [\n{\"FunctionArn\": 1}, {\"FunctionName\": \"x\", \"FunctionArn\": \"nonsense\"}]}"
            .to_owned(),
        "{\"RoleDetailList\": [{}]".to_owned(),
        "[".repeat(100_000),
        String::new(),
    ]);
    assert_eq!(
        codes(&dumps),
        [
            "unreadable-dump 0.json:2",
            "unreadable-dump 0.json:2",
            "unreadable-dump 1.json:1",
            "unreadable-dump 2.json:1",
        ]
    );
}

#[test]
fn powershells_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = json!([function("f", "r")]).to_string();
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    std::fs::write(folder.path().join("functions.json"), bytes).unwrap();
    let path = folder.path().join("functions.json");
    assert_eq!(read(folder.path(), &[path]).unwrap().functions(&managed).len(), 1);
    let nothing = folder.path().join("other.json");
    std::fs::write(&nothing, "{}").unwrap();
    assert!(matches!(
        read(folder.path(), &[nothing]),
        Err(DumpError::Nothing { .. })
    ));
    assert!(matches!(
        read(folder.path(), &["gone".into()]),
        Err(DumpError::Read { .. })
    ));
}

const STACK: &str = "
Parameters: { Stage: { Type: String, Default: dev } }
Resources:
  Table: { Type: AWS::DynamoDB::Table, Properties: { TableName: !Sub 'orders-${Stage}' } }
  Put:
    Type: AWS::Serverless::Function
    Properties: { FunctionName: !Sub 'put-${Stage}', Runtime: provided.al2023, CodeUri: target/lambda/put/ }
  GetOrderFunction:
    Type: AWS::Serverless::Function
    Properties: { Runtime: provided.al2023, CodeUri: target/lambda/get/ }
";

/// `name <- actions and resources` of each function after joining.
fn joined(functions: &[&str], current: bool) -> Vec<String> {
    let table = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dynamodb:PutItem",
        "Resource": "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-prod"}});
    let roles = json!({"RoleDetailList": [role("r", json!([{"PolicyName": "p", "PolicyDocument": table}]))]});
    let functions: Vec<Value> = functions.iter().map(|name| function(name, "r")).collect();
    let dumps = dumps(&[roles.to_string(), json!(functions).to_string()]);
    let mut deployments =
        read_template_text("template.yaml", STACK, &|_| Some(document("logs:*").to_string()));
    let symbolic = |arn: &str, _: &Stack| arn.contains(":table/orders-").then(|| "the table".to_owned());
    join(&mut deployments, dumps.functions(&managed), current, &symbolic);
    let line = |function: &Function| {
        let role = function.role.as_ref().unwrap();
        let resources: Vec<String> = role
            .statements
            .iter()
            .map(|one| one.statement.to_json()["Resource"].as_str().unwrap().to_owned())
            .collect();
        let kind = deployments.stacks[function.stack.unwrap()].kind;
        format!("{} ({kind}) {} {}", function.name, role.id, resources.join(" "))
    };
    deployments.functions.iter().map(line).collect()
}

#[test]
fn the_stack_describes_what_the_account_has() {
    let stranger = "other (account) r arn:aws:dynamodb:eu-west-1:111122223333:table/orders-prod";
    assert_eq!(
        joined(&["put-prod", "shop-GetOrderFunction-1X2Y3Z", "other"], false),
        [
            "Put (sam) PutRole *",
            "GetOrderFunction (sam) GetOrderFunctionRole *",
            stranger
        ]
    );
    assert_eq!(
        joined(&["put-prod", "shop-GetOrderFunction-1X2Y3Z", "other"], true),
        [
            "Put (sam) r the table",
            "GetOrderFunction (sam) r the table",
            stranger
        ]
    );
    // Two stages of one stack.
    assert_eq!(
        joined(&["put-prod", "put-dev"], true),
        [
            "GetOrderFunction (sam) GetOrderFunctionRole *".to_owned(),
            stranger.replace("other", "put-dev"),
            stranger.replace("other", "put-prod"),
        ]
    );
}

#[test]
fn the_hash_of_the_code_finds_the_artefact() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("app/target/lambda/put");
    std::fs::create_dir_all(&output).unwrap();
    std::fs::write(output.join("bootstrap.zip"), "built").unwrap();
    let mut one = function("anything", "r");
    one["CodeSha256"] = json!("WGqGb5kKtV423s//wgEfFy5EUtUUHJOaVDa6/7oRER0=");
    let mut found = dumps(&[json!([one, function("g", "r")]).to_string()]).functions(&managed);
    note_artefacts(folder.path(), &["app".to_owned()], &mut found);
    let paths = [0, 1].map(|index: usize| found[index].function.code.path.as_deref());
    assert_eq!(paths, [Some("app/target/lambda/put/bootstrap.zip"), None]);
}
