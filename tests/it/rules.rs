//! Every rule fires where it should; those about creep, configuration and waivers do in the tests of those.

use serde_json::Value;

/// `rule function` of the findings about this template, beside a small binary `worker`.
fn judged(template: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("src")).unwrap();
    std::fs::write(
        path("Cargo.toml"),
        "[package]\nname = \"worker\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\naws-sdk-dynamodb = \"1\"\n",
    )
    .unwrap();
    std::fs::write(
        path("src/main.rs"),
        "async fn run(client: aws_sdk_dynamodb::Client) {\n    client.query().table_name(std::env::var(\"TABLE\").unwrap())\n        \
         .index_name(\"by-day\").send().await;\n}\nfn main() { run(todo!()); }\n",
    )
    .unwrap();
    std::fs::write(path("template.yaml"), template).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args([
            "check",
            folder.path().to_str().unwrap(),
            "--no-config",
            "--format",
            "json",
        ])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            format!(
                "{} {}",
                finding["rule"].as_str().unwrap(),
                finding["function"].as_str().unwrap_or("-")
            )
        })
        .collect()
}

/// A SAM template with one function, which runs the binary, with these properties and further resources.
fn sam(properties: &str, resources: &str) -> String {
    format!(
        "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\nResources:\n  Worker:\n    Type: \
         AWS::Serverless::Function\n    Properties:\n      Runtime: provided.al2023\n      Handler: bootstrap\n      CodeUri: \
         target/lambda/worker\n      Environment: {{Variables: {{TABLE: !Ref Orders}}}}\n{properties}  Orders:\n    Type: \
         AWS::DynamoDB::Table\n{resources}"
    )
}

fn role(name: &str, statement: &str) -> String {
    format!(
        "  {name}:\n    Type: AWS::IAM::Role\n    Properties:\n      Policies:\n        - PolicyName: own\n          PolicyDocument:\n            \
         Version: '2012-10-17'\n            Statement: [{statement}]\n"
    )
}

fn fires(rule: &str, template: &str) {
    let found = judged(template);
    assert!(
        found.iter().any(|one| one.starts_with(rule)),
        "{rule}: {found:?}\n{template}"
    );
}

fn statement(actions: &str, resource: &str) -> String {
    format!("{{Effect: Allow, Action: [{actions}], Resource: {resource}}}")
}

fn own_policy(actions: &str, resource: &str) -> String {
    let statement = statement(actions, resource);
    format!("      Policies:\n        - Statement: [{statement}]\n")
}

#[test]
fn excess_fires() {
    fires(
        "RF001 Worker",
        &sam(
            &own_policy("'sqs:SendMessage'", "'arn:aws:sqs:eu-west-1:1:q'"),
            "",
        ),
    );
    fires("RF002 Worker", &sam(&own_policy("'sqs:*'", "'*'"), ""));
    fires("RF003 Worker", &sam(&own_policy("'dynamodb:Query'", "'*'"), ""));
}

#[test]
fn escalation_fires_when_every_step_is_there_and_nothing_denies_it() {
    let steps = "'iam:PassRole', 'lambda:CreateFunction', 'lambda:InvokeFunction'";
    fires("RF004 Worker", &sam(&own_policy(steps, "'*'"), ""));
    let one = judged(&sam(&own_policy("'iam:PassRole'", "'*'"), ""));
    assert!(!one.contains(&"RF004 Worker".to_owned()), "{one:?}");
    let denied = format!(
        "      Policies:\n        - Statement:\n            - {}\n            - {{Effect: Deny, Action: 'iam:PassRole', Resource: '*'}}\n",
        statement(steps, "'*'")
    );
    let denied = judged(&sam(&denied, ""));
    assert!(!denied.contains(&"RF004 Worker".to_owned()), "{denied:?}");
}

#[test]
fn lack_fires() {
    fires("RF010 Worker", &sam("", ""));
    let bare = role("Own", &statement("'dynamodb:Query'", "'*'"));
    fires("RF011 Worker", &sam("      Role: !GetAtt Own.Arn\n", &bare));
    fires(
        "RF012 Worker",
        &sam(&own_policy("'dynamodb:Query'", "!GetAtt Orders.Arn"), ""),
    );
}

#[test]
fn what_is_odd_about_roles_fires() {
    let own = role("Own", &statement("'dynamodb:Query'", "'*'"));
    let second = "  Second:\n    Type: AWS::Serverless::Function\n    Properties: {Runtime: python3.12, Handler: a.b, CodeUri: py, \
                  Role: !GetAtt Own.Arn}\n";
    let shared = sam("      Role: !GetAtt Own.Arn\n", &format!("{own}{second}"));
    fires("RF030 Worker", &shared);
    fires("RF031 Worker", &sam("      Tracing: Active\n", ""));
    let both = format!(
        "      Role: !GetAtt Own.Arn\n{}",
        own_policy("'sqs:SendMessage'", "'*'")
    );
    fires("RF032", &sam(&both, &own));
}

#[test]
fn what_is_not_known_fires() {
    fires("RF040", &sam("      Policies: [NoSuchManagedPolicy]\n", ""));
    let unlinked = sam("", "")
        .replace("target/lambda/worker", "s3://bucket/code.zip")
        .replace("  Worker:", "  Zzz:");
    fires("RF041 Zzz", &unlinked);
    fires("RF042 worker", &unlinked);
}

#[test]
fn a_resource_of_another_account_fires() {
    let elsewhere = "arn:aws:dynamodb:eu-west-1:444455556666:table/orders";
    let template = sam("", "").replace("!Ref Orders", &format!("'{elsewhere}'"));
    fires("RF043 Worker", &template);
    let own = judged(&sam("", ""));
    assert!(!own.contains(&"RF043 Worker".to_owned()), "{own:?}");
}

/// Every rule is named in a test that makes it fire.
#[test]
fn no_rule_is_left_without_a_test() {
    let tests: String = ["rules", "conditions", "configuration", "creep", "demo", "guards"]
        .iter()
        .map(|name| std::fs::read_to_string(format!("tests/it/{name}.rs")).unwrap())
        .collect();
    for rule in rolefit::gate::rules::RULES {
        let named = [format!("\"{}\"", rule.id), format!("\"{} ", rule.id)];
        assert!(named.iter().any(|named| tests.contains(named)), "{}", rule.id);
    }
}
