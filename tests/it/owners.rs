//! Buckets of other accounts, which no ARN shows: told by the calls or by `rolefit.toml` (RF043), else not told.

use std::process::Command;

use serde_json::Value;

const TEMPLATE: &str = "Transform: AWS::Serverless-2016-10-31
Parameters:
  Partner: { Type: String }
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: target/lambda/worker
      Environment: { Variables: { OWN: !Ref AWS::AccountId, PARTNER: !Ref Partner, FIXED: '444455556666' } }
";

/// What RF043 says when the function makes these calls: message and help.
fn told(calls: &str, config: &str) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("template.yaml", TEMPLATE);
    write("rolefit.toml", &format!("version = 1\n{config}"));
    write(
        "Cargo.toml",
        "[package]\nname = \"worker\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\naws-sdk-s3 = \"1\"\n",
    );
    write(
        "src/main.rs",
        &format!(
            "fn env(name: &str) -> String {{ std::env::var(name).unwrap() }}\nasync fn work(client: aws_sdk_s3::Client) {{\n    \
             {calls}\n}}\nfn main() {{ work(todo!()); }}\n"
        ),
    );
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["check", ".", "--format", "sarif"])
        .current_dir(folder.path())
        .env_remove("ROLEFIT_CONFIG")
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let results = report["runs"][0]["results"].as_array().unwrap().iter();
    results
        .filter(|result| result["ruleId"] == "RF043")
        .map(|result| {
            let text = result["message"]["text"].as_str().unwrap();
            let (message, help) = text.split_once('\n').unwrap_or((text, ""));
            (message.trim_end_matches('.').to_owned(), help.to_owned())
        })
        .collect()
}

#[test]
fn the_expected_owner_of_a_bucket_tells_its_account() {
    let get = "client.get_object().bucket(\"labels\").key(\"a\")";
    let of = |account: &str, rest: &str| {
        format!(
            "`Worker` needs `s3:GetObject` on `s3:labels/a` of account {account}, which must allow it too{rest}"
        )
    };
    let unless = " if that is not the stack's own";
    for (owner, expected) in [
        (
            ".expected_bucket_owner(\"444455556666\")",
            Some(of("444455556666", unless)),
        ),
        (
            ".expected_bucket_owner(env(\"FIXED\"))",
            Some(of("444455556666", unless)),
        ),
        (
            ".expected_bucket_owner(env(\"PARTNER\"))",
            Some(of("${Partner}", unless)),
        ),
        (".expected_bucket_owner(env(\"OWN\"))", None),
        ("", None),
    ] {
        let told = told(&format!("{get}{owner}.send().await;"), "");
        let messages: Vec<&str> = told.iter().map(|(message, _)| message.as_str()).collect();
        assert_eq!(
            messages,
            expected.iter().map(String::as_str).collect::<Vec<_>>(),
            "{owner}"
        );
        assert!(
            told.iter()
                .all(|(_, help)| help.contains("add to the bucket policy")
                    && help.contains("arn:${AWS::Partition}:s3:::labels/a")),
            "{told:?}"
        );
    }
}

#[test]
fn the_source_of_a_copy_has_an_owner_of_its_own() {
    let told = told(
        "client.copy_object().copy_source(\"theirs/a\").bucket(\"ours\").key(\"b\").expected_source_bucket_owner(\"444455556666\").send().await;",
        "",
    );
    assert!(
        told.len() == 1
            && told[0]
                .0
                .contains("`s3:GetObject` on `s3:theirs/a` of account 444455556666"),
        "{told:?}"
    );
}

#[test]
fn a_stated_need_tells_the_account() {
    let need = "[[need]]\nfunction = \"Worker\"\noperation = \"s3.GetObject\"\nresource = \"arn:aws:s3:::labels/*\"\nreason = \"the layer\"\n";
    assert_eq!(told("", need), []);
    let told = told("", &format!("{need}account = \"444455556666\"\n"));
    assert!(
        told.len() == 1 && told[0].0.contains("on `s3:labels/*` of account 444455556666"),
        "{told:?}"
    );
}
