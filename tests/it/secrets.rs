//! The value of a secret in the environment of a function occurs in no output, whatever deploys it and whatever the format.

use std::path::Path;
use std::process::Command;

use super::folder::copy;

const FIXTURE: &str = "tests/fixtures/deploy/same-app";

/// The secret, and a part of it that must not be seen either.
const SECRET: &str = "hunter2-SUPERsecret-93f";

/// File of each form, what stands in it, and the same with the secret.
const FORMS: &[(&str, &str, &str, &str)] = &[
    (
        "sam",
        "template.yaml",
        "          TABLE_NAME: !Ref OrdersTable\n",
        "          API_TOKEN: SECRET\n          TABLE_NAME: !Ref OrdersTable\n",
    ),
    (
        "cloudformation",
        "template.yaml",
        "          TABLE_NAME: !Ref OrdersTable\n",
        "          API_TOKEN: SECRET\n          TABLE_NAME: !Ref OrdersTable\n",
    ),
    (
        "terraform",
        "main.tf",
        "      TABLE_NAME = aws_dynamodb_table.orders.name\n",
        "      API_TOKEN = \"SECRET\"\n      TABLE_NAME = aws_dynamodb_table.orders.name\n",
    ),
    (
        "cdk",
        "cdk.out/Orders.template.json",
        "      \"TABLE_NAME\": {",
        "      \"API_TOKEN\": \"SECRET\",\n      \"TABLE_NAME\": {",
    ),
    (
        "serverless",
        "serverless.yml",
        "      TABLE_NAME: !Ref OrdersTable\n",
        "      API_TOKEN: SECRET\n      TABLE_NAME: !Ref OrdersTable\n",
    ),
    (
        "account",
        ".rolefit/functions.json",
        "          \"TABLE_NAME\": \"orders-dev\",",
        "          \"API_TOKEN\": \"SECRET\",\n          \"TABLE_NAME\": \"orders-dev\",",
    ),
];

const COMMANDS: &[&[&str]] = &[
    &["."],
    &["scan", "."],
    &["scan", ".", "--format", "json"],
    &["generate", "."],
    &["generate", ".", "--format", "cfn"],
    &["generate", ".", "--format", "report-json"],
    &["diff", "."],
    &["diff", ".", "--format", "json"],
    &["check", ".", "--verbose"],
    &["check", ".", "--format", "json"],
    &["check", ".", "--format", "sarif"],
    &["check", ".", "--format", "github"],
    &["check", ".", "--format", "gitlab"],
    &["check", ".", "--format", "junit"],
    &["check", ".", "--format", "markdown"],
    &["check", ".", "--format", "html"],
    &["explain", "get-order", "s3:GetObject"],
    &["lock", "."],
];

#[test]
fn no_output_shows_a_secret() {
    for (form, file, plain, secret) in FORMS {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(FIXTURE).join("app"), folder.path());
        copy(&Path::new(FIXTURE).join(form), folder.path());
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(plain), "{form}");
        std::fs::write(&path, text.replace(plain, &secret.replace("SECRET", SECRET))).unwrap();
        // The code makes it part of a resource, the worst case.
        let code = folder.path().join("src/bin/get-order.rs");
        let text = std::fs::read_to_string(&code).unwrap();
        let used = text.replace(
            "format!(\"invoices/{}\", found.count())",
            "format!(\"{}/{}\", std::env::var(\"API_TOKEN\")?, found.count())",
        );
        assert_ne!(text, used);
        std::fs::write(&code, used).unwrap();
        for arguments in COMMANDS {
            let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
                .args(*arguments)
                .current_dir(folder.path())
                .output()
                .unwrap();
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            assert!(
                !text.contains("hunter2") && !text.contains("SUPER"),
                "{form} {arguments:?}: {text}"
            );
            assert!(!text.is_empty(), "{form} {arguments:?}");
        }
        let lock = std::fs::read_to_string(folder.path().join("rolefit.lock")).unwrap_or_default();
        assert!(!lock.contains("hunter2"), "{form}: {lock}");
    }
}
