//! Pages and schemas that are made from the program's own lists are what those lists say now.
//! `RENEW_DOCS=1 cargo test --test it generated` writes them anew.

use std::collections::BTreeSet;
use std::path::Path;

use rolefit::config;
use rolefit::gate::rules;

/// Compares a file with what it should hold; returns its name if it does not.
fn stale(file: &str, expected: &str) -> Option<String> {
    if std::env::var_os("RENEW_DOCS").is_some() {
        std::fs::create_dir_all(Path::new(file).parent().unwrap()).unwrap();
        std::fs::write(file, expected).unwrap();
    }
    let text = std::fs::read_to_string(file).unwrap_or_default();
    (text != expected).then(|| file.to_owned())
}

#[test]
fn pages_of_rules_and_keys_are_up_to_date() {
    let mut found: Vec<Option<String>> = rules::RULES
        .iter()
        .map(|rule| stale(&format!("docs/rules/{}.md", rule.id), &rules::page(rule)))
        .collect();
    found.push(stale("docs/rules/README.md", &rules::index()));
    found.push(stale("docs/configuration.md", &config::page()));
    let schema = format!("{:#}\n", config::schema());
    found.push(stale("docs/schemas/rolefit-config-v1.json", &schema));
    let found: Vec<String> = found.into_iter().flatten().collect();
    assert!(found.is_empty(), "not up to date: {found:?}");
}

#[test]
fn no_page_is_left_over() {
    let known: BTreeSet<String> = rules::RULES
        .iter()
        .map(|rule| format!("{}.md", rule.id))
        .chain(["README.md".to_owned()])
        .collect();
    for folder in ["docs/rules", "src/gate/rules"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            assert!(known.contains(&name) || name.ends_with(".rs"), "{folder}/{name}");
        }
    }
}

#[test]
fn the_rule_list_is_json_too() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["rule", "RF001", "--format", "json"])
        .output()
        .unwrap();
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list["rules"][0]["name"], "unused-permission");
    let unknown = std::process::Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["rule", "unused-permision"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("did you mean `unused-permission`?"), "{said}");
}
