//! `rolefit generate` in the languages of deployment: what is written, deployed, fits.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::folder::copy;

const DEMO: &str = "docs/demo/orders";
const SAME_APP: &str = "tests/fixtures/deploy/same-app";

fn rolefit(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn summary(folder: &Path) -> Value {
    let output = rolefit(folder, &["diff", ".", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut summary = report["summary"].clone();
    let narrow = report["functions"].as_array().unwrap().iter();
    let narrow = narrow.flat_map(|function| function["grants"].as_array().unwrap());
    summary["narrow"] = narrow.filter(|grant| grant["verdict"] == "narrow").count().into();
    summary
}

fn fits(folder: &Path) {
    let summary = summary(folder);
    for count in ["excess", "missing", "narrow", "gaps"] {
        assert_eq!(summary[count], 0, "{summary}");
    }
}

#[test]
fn roles_written_into_the_demo_leave_nothing_excess_and_nothing_missing() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(DEMO), folder.path());
    let template = folder.path().join("template.yaml");
    let before = std::fs::read_to_string(&template).unwrap();

    let stale = rolefit(folder.path(), &["generate", "--write", "--check"]);
    assert_eq!(stale.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&template).unwrap(), before);

    let written = rolefit(folder.path(), &["generate", "--write"]);
    assert_eq!(
        written.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    let stderr = String::from_utf8(written.stderr).unwrap();
    assert!(!stderr.contains("left:"), "{stderr}");
    fits(folder.path());

    // Everything else is as it was: comments, blank lines, flow mappings, other resources.
    let after = std::fs::read_to_string(&template).unwrap();
    let diff = similar::TextDiff::from_lines(&before, &after);
    let gone: Vec<&str> = diff
        .iter_all_changes()
        .filter(|change| change.tag() == similar::ChangeTag::Delete)
        .map(|change| change.value())
        .collect();
    assert!(
        gone.iter()
            .all(|line| !line.trim().is_empty() && !line.contains('#')),
        "{gone:#?}"
    );
    assert!(gone.iter().all(|line| line.starts_with("      ")), "{gone:#?}");

    let again = rolefit(folder.path(), &["generate", "--write", "--check"]);
    assert_eq!(
        again.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&again.stdout)
    );
    assert_eq!(rolefit(folder.path(), &["check"]).status.code(), Some(0));
}

#[test]
fn a_need_that_is_not_known_for_sure_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(DEMO), folder.path());
    let template = folder.path().join("template.yaml");
    let text = std::fs::read_to_string(&template).unwrap();
    let unlinked = text
        .replace("Binary: payments", "Binary: nowhere")
        .replace("PaymentsFunction", "Mystery");
    std::fs::write(&template, unlinked.replace("-payments", "-mystery")).unwrap();
    let output = rolefit(folder.path(), &["generate", "--write", "--function", "Mystery"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("left: Mystery: it is not linked to a binary"),
        "{stderr}"
    );
    assert!(output.stdout.is_empty());
}

/// `generate --write` for a function of a template: its complaints, and the template afterwards.
fn written(folder: &Path, function: &str) -> (String, String) {
    let output = rolefit(
        folder,
        &["generate", "--write", "--with-gaps", "--function", function],
    );
    let template = std::fs::read_to_string(folder.join("template.yaml")).unwrap();
    (String::from_utf8(output.stderr).unwrap(), template)
}

/// The demo with its template changed, each text for another.
fn changed_demo(changes: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(DEMO), folder.path());
    let template = folder.path().join("template.yaml");
    let mut text = std::fs::read_to_string(&template).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    std::fs::write(&template, text).unwrap();
    folder
}

const PLACE_ORDER_POLICIES: &str =
    "      Policies:\n        - DynamoDBCrudPolicy:\n            TableName: !Ref OrdersTable\n";
const TRUST: &str = "      AssumeRolePolicyDocument: { Statement: [{ Effect: Allow, Action: sts:AssumeRole, \
                     Principal: { Service: [lambda.amazonaws.com, edgelambda.amazonaws.com] } }] }\n";

#[test]
fn a_function_that_says_who_may_assume_its_role_is_left_as_it_is() {
    let with_trust = format!("{TRUST}{PLACE_ORDER_POLICIES}");
    let folder = changed_demo(&[(PLACE_ORDER_POLICIES, &with_trust)]);
    let before = std::fs::read_to_string(folder.path().join("template.yaml")).unwrap();
    let (stderr, after) = written(folder.path(), "PlaceOrderFunction");
    assert!(
        stderr.contains("left: PlaceOrderFunction: line 168: `AssumeRolePolicyDocument` says who may assume"),
        "{stderr}"
    );
    assert_eq!(before, after);
}

#[test]
fn what_globals_say_of_the_role_counts_as_well() {
    let global = format!("{TRUST}    Timeout: 10\n").replace("      Assume", "    Assume");
    let folder = changed_demo(&[("    Timeout: 10\n", &global)]);
    let before = std::fs::read_to_string(folder.path().join("template.yaml")).unwrap();
    let (stderr, after) = written(folder.path(), "PlaceOrderFunction");
    assert!(
        stderr.contains("`AssumeRolePolicyDocument` says who may assume"),
        "{stderr}"
    );
    assert_eq!(before, after);

    let boundary = "    PermissionsBoundary: !Sub 'arn:aws:iam::${AWS::AccountId}:policy/limit'\n    RolePath: /orders/\n    Timeout: 10\n";
    let folder = changed_demo(&[("    Timeout: 10\n", boundary)]);
    let (stderr, after) = written(folder.path(), "PlaceOrderFunction");
    assert!(!stderr.contains("left:"), "{stderr}");
    let (_, role) = after.split_once("  PlaceOrderFunctionRole:\n").unwrap();
    let role = role.split("\n\n").next().unwrap();
    assert!(
        role.contains("\n      PermissionsBoundary: !Sub 'arn:aws:iam::${AWS::AccountId}:policy/limit'\n"),
        "{role}"
    );
    assert!(role.contains("\n      Path: /orders/\n"), "{role}");
}

#[test]
fn a_function_without_properties_of_its_own_gets_them() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new("tests/oracles/proof/functions"), folder.path());
    let (stderr, after) = written(folder.path(), "ListCarriersFunction");
    assert!(!stderr.contains("left:"), "{stderr}");
    let function = after.split_once("  ListCarriersFunction:\n").unwrap().1;
    let (function, rest) = function.split_once("\n\n").unwrap();
    assert!(
        function.ends_with("\n    Properties:\n      Role: !GetAtt ListCarriersFunctionRole.Arn"),
        "{function}"
    );
    assert!(rest.contains("\n  ListCarriersFunctionRole:\n"), "{rest}");
}

#[test]
fn connectors_stay_and_count_for_what_they_grant() {
    const BUS_POLICY: &str =
        "        - EventBridgePutEventsPolicy:\n            EventBusName: !Ref OrderEvents\n";
    const METADATA: &str = "      BuildProperties: { Binary: place-order }\n";
    let connector = "    Connectors:\n      Bus: { Properties: { Destination: { Id: OrderEvents }, Permissions: [Write] } }\n";
    let with_connector = format!("{METADATA}{connector}");
    let folder = changed_demo(&[(BUS_POLICY, ""), (METADATA, &with_connector)]);
    let (stderr, after) = written(folder.path(), "PlaceOrderFunction");
    assert!(!stderr.contains("left:"), "{stderr}");
    assert!(after.contains(connector), "{after}");
    assert!(
        after.contains("      Role: !GetAtt PlaceOrderFunctionRole.Arn\n"),
        "{after}"
    );

    let more = with_connector.replace("OrderEvents", "OrdersTable");
    let folder = changed_demo(&[(METADATA, &more)]);
    let before = std::fs::read_to_string(folder.path().join("template.yaml")).unwrap();
    let (stderr, after) = written(folder.path(), "PlaceOrderFunction");
    assert!(
        stderr.contains("left over: dynamodb:")
            && stderr.contains("its connectors grant more than its code needs"),
        "{stderr}"
    );
    assert_eq!(before, after);
}

#[test]
fn a_template_in_flow_style_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(SAME_APP).join("app"), folder.path());
    copy(&Path::new(SAME_APP).join("sam"), folder.path());
    let yaml = folder.path().join("template.yaml");
    assert!(yaml.exists());
    let flow = "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Runtime: provided.al2023, \
                CodeUri: target/lambda/put-order, Policies: AmazonS3FullAccess}}}\n\
                Transform: AWS::Serverless-2016-10-31\n";
    std::fs::write(&yaml, flow).unwrap();
    let output = rolefit(folder.path(), &["generate", "--write", "--with-gaps"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("left: F: "), "{stderr}");
    assert_eq!(std::fs::read_to_string(&yaml).unwrap(), flow);
}

/// A template in JSON, written as people do: a function with `Globals`, one with a role of its own.
const JSON: &str = r#"{
    "Transform": "AWS::Serverless-2016-10-31",
    "Globals": { "Function": { "PermissionsBoundary": { "Fn::Sub": "arn:aws:iam::${AWS::AccountId}:policy/limit" } } },
    "Parameters": { "Bucket": { "Type": "String" } },
    "Resources": {
        "Plain": {
            "Type": "AWS::Serverless::Function",
            "Properties": { "Runtime": "provided.al2023", "CodeUri": "target/lambda/plain",
                "Environment": { "Variables": { "BUCKET": { "Ref": "Bucket" } } },
                "Policies": [ "AmazonS3FullAccess" ],
                "Handler": "bootstrap" }
        },
        "Named" : {
            "Type" : "AWS::Lambda::Function",
            "Properties" : {
                "Runtime" : "provided.al2023",
                "Code" : "target/lambda/named",
                "Handler" : "bootstrap",
                "Environment" : { "Variables" : { "BUCKET" : { "Ref" : "Bucket" } } },
                "Role" : { "Fn::GetAtt" : ["OwnRole", "Arn"] }
            }
        },
        "OwnRole": {
            "Type": "AWS::IAM::Role",
            "Metadata": { "owner": "orders" },
            "Properties": {
                "Path": "/own/",
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "lambda.amazonaws.com" } }
                    ]
                },
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]
            }
        }
    }
}"#;

#[test]
fn roles_are_written_into_templates_in_json() {
    for (ending, mark) in [("\n", ""), ("\r\n", "\u{feff}")] {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "Cargo.toml",
            "[package]\nname = \"worker\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\naws-sdk-s3 = \"1\"\n",
        );
        let main = "async fn work(client: aws_sdk_s3::Client) {\n    let bucket = std::env::var(\"BUCKET\").unwrap();\n    \
             client.put_object().bucket(bucket).key(\"a.txt\").send().await;\n}\nfn main() { work(todo!()); }\n";
        write("src/bin/plain.rs", main);
        write("src/bin/named.rs", main);
        let before = format!("{mark}{}", JSON.replace('\n', ending));
        write("template.json", &before);
        let template = || std::fs::read_to_string(folder.path().join("template.json")).unwrap();

        let stale = rolefit(folder.path(), &["generate", "--write", "--check"]);
        assert_eq!(
            stale.status.code(),
            Some(1),
            "{}",
            String::from_utf8_lossy(&stale.stderr)
        );
        assert_eq!(template(), before);
        let written = rolefit(folder.path(), &["generate", "--write"]);
        let stderr = String::from_utf8(written.stderr).unwrap();
        assert!(written.status.success() && !stderr.contains("left:"), "{stderr}");
        let shown = String::from_utf8(written.stdout).unwrap();
        assert!(shown.contains("+++ b/template.json"), "{shown}");
        let after = template();
        assert!(after.starts_with(&format!("{mark}{{{ending}")) && after.ends_with('}'));
        assert_eq!(after.matches('\n').count(), after.matches(ending).count());
        for kept in [
            "\"Globals\": { \"Function\": { \"PermissionsBoundary\": {",
            "\"Properties\": { \"Runtime\": \"provided.al2023\", \"CodeUri\": \"target/lambda/plain\",",
            "\"Environment\" : { \"Variables\" : {",
            "                \"Path\": \"/own/\",",
            "                \"Role\": { \"Fn::GetAtt\": [\"PlainRole\", \"Arn\"] },",
            "        \"PlainRole\": {",
            "            \"Metadata\": { \"owner\": \"orders\", \"rolefit\": {",
            "src/bin/plain.rs:3 s3.PutObject",
        ] {
            assert!(after.contains(kept), "{kept}\n{after}");
        }
        assert!(!after.contains("AmazonS3FullAccess"), "{after}");
        let whole: Value = serde_json::from_str(after.trim_start_matches(mark)).unwrap();
        let role = &whole["Resources"]["PlainRole"]["Properties"];
        assert_eq!(
            role["PermissionsBoundary"]["Fn::Sub"],
            "arn:aws:iam::${AWS::AccountId}:policy/limit"
        );
        let document = &whole["Resources"]["OwnRole"]["Properties"]["Policies"][0]["PolicyDocument"];
        assert_eq!(
            document["Statement"][1]["Resource"]["Fn::Sub"],
            "arn:${AWS::Partition}:s3:::${Bucket}/a.txt"
        );
        fits(folder.path());
        let again = rolefit(folder.path(), &["generate", "--write", "--check"]);
        assert_eq!(
            again.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&again.stdout)
        );
    }
}

/// The application in Terraform, with its own roles taken out and the generated ones put in.
fn terraform(format: &str) {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(SAME_APP).join("app"), folder.path());
    copy(&Path::new(SAME_APP).join("terraform"), folder.path());
    let out = tempfile::tempdir().unwrap();
    let arguments = [
        "generate",
        ".",
        "--format",
        format,
        "--out-dir",
        out.path().to_str().unwrap(),
    ];
    let output = rolefit(folder.path(), &arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "tf") {
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, without_roles(&text)).unwrap();
        }
    }
    copy(out.path(), folder.path());
    fits(folder.path());
    let check = [&arguments[..], &["--check"]].concat();
    assert_eq!(rolefit(folder.path(), &check).status.code(), Some(0));
    std::fs::write(out.path().join("rolefit-shared.tf"), "").unwrap();
    std::fs::write(out.path().join("rolefit-shared.tf.json"), "").unwrap();
    assert_eq!(rolefit(folder.path(), &check).status.code(), Some(1));
}

fn without_roles(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        inside |= line.starts_with("resource \"aws_iam_") || line.starts_with("data \"aws_iam_");
        if !inside {
            out.push_str(line);
        }
        if line.starts_with('}') || (inside && line.trim_end().ends_with("{}")) {
            inside = false;
        }
    }
    out
}

#[test]
fn roles_in_terraform_leave_nothing_excess_and_nothing_missing() {
    terraform("terraform");
}

#[test]
fn roles_in_terraforms_json_leave_nothing_excess_and_nothing_missing() {
    terraform("terraform-json");
}

/// The application in the Serverless Framework, its functions with the generated roles in the place of their own.
#[test]
fn roles_in_a_serverless_service_leave_nothing_excess_and_nothing_missing() {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(SAME_APP).join("app"), folder.path());
    copy(&Path::new(SAME_APP).join("serverless"), folder.path());
    let output = rolefit(folder.path(), &["generate", ".", "--format", "serverless"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = String::from_utf8(output.stdout).unwrap();
    let (functions, resources) = printed.split_once("resources:\n  Resources:\n").unwrap();
    let file = folder.path().join("serverless.yml");
    let mut service = std::fs::read_to_string(&file).unwrap();
    for (function, own) in [
        ("put-order", "PutOrderFunctionRole"),
        ("get-order", "GetOrderFunctionRole"),
    ] {
        let (_, role) = functions
            .split_once(&format!("  {function}:\n    role: "))
            .unwrap();
        let role = role.lines().next().unwrap();
        service = service.replace(&format!("    role: {own}\n"), &format!("    role: {role}\n"));
    }
    let kept: String = service
        .lines()
        .filter(|line| !line.contains("file(roles.yml)"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(&file, kept + resources).unwrap();
    fits(folder.path());
}
