//! Dumps of the account, wherever they are named.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::folder::copy;

const FIXTURE: &str = "tests/fixtures/deploy/same-app";

/// `name role` of the functions that the account has, with some arguments; what was said where that failed.
fn functions(root: &Path, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["diff", "--format", "json"])
        .args(arguments)
        .arg(root)
        .output()
        .unwrap();
    let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
        return vec![String::from_utf8_lossy(&output.stderr).into_owned()];
    };
    let functions = report["functions"].as_array().unwrap().iter();
    functions
        .map(|function| {
            format!(
                "{} {}",
                function["name"].as_str().unwrap(),
                function["role"]["id"].as_str().unwrap_or("-")
            )
        })
        .collect()
}

#[test]
fn dumps_are_read_wherever_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let fixture = Path::new(FIXTURE);
    copy(&fixture.join("app"), root);
    copy(&fixture.join("account/.rolefit"), &root.join("dumps"));
    let without = ["get-order -", "put-order -"];
    let with = ["get-order-dev get-order-dev", "put-order-dev put-order-dev"];
    assert_eq!(functions(root, &[]), without);
    let dumps = root.join("dumps");
    assert_eq!(functions(root, &["--deploy", dumps.to_str().unwrap()]), with);
    let source = "version = 1\n[[source]]\nkind = \"aws-dump\"\npath = \"dumps\"\n";
    std::fs::write(root.join("rolefit.toml"), source).unwrap();
    assert_eq!(functions(root, &[]), with);
    // A stack beside it counts, unless the account is to be the current one.
    copy(&fixture.join("sam"), root);
    let described = [
        "PutOrderFunction PutOrderFunctionRole",
        "GetOrderFunction GetOrderFunctionRole",
    ];
    assert_eq!(functions(root, &[]), described);
    let current = ["PutOrderFunction put-order-dev", "GetOrderFunction get-order-dev"];
    assert_eq!(functions(root, &["--current", "dump"]), current);
    std::fs::write(root.join("rolefit.toml"), "version = 1\n").unwrap();
    let said = functions(root, &["--current", "dump"]).join("");
    assert!(
        said.contains("`--current dump` needs the functions of the account"),
        "{said}"
    );
    let said = functions(root, &["--deploy", "gone.json"]).join("");
    assert!(said.contains("cannot read `gone.json`"), "{said}");
}
