//! Serverless Framework: what is read of the fixtures, beside each in `expected.txt`; files and the framework's own
//! output say the same.

use std::collections::BTreeSet;

use super::terraform::shown;
use super::*;
use crate::iam::policy::{Actions, Resources};

fn folder(case: &str) -> PathBuf {
    fixtures().join("serverless").join(case)
}

/// Copies a fixture without what the framework compiled.
fn copy_sources(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == ".serverless" {
            continue;
        }
        if entry.path().is_dir() {
            copy_sources(&entry.path(), &to.join(name));
        } else {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// The service as its files alone tell it.
fn read_sources(case: &str) -> Deployments {
    let root = tempfile::tempdir().unwrap();
    copy_sources(&folder(case), root.path());
    read(root.path(), &managed)
}

/// What a role allows and denies, one line for each action and resource, parameters by their defaults.
fn effective(deployments: &Deployments) -> BTreeSet<String> {
    let stack = &deployments.stacks[0];
    let mut lines = BTreeSet::new();
    for function in &deployments.functions {
        // A helper of the framework's own, which only its output has.
        let Some(role) = function
            .role
            .as_ref()
            .filter(|_| !function.name.starts_with("CustomDash"))
        else {
            continue;
        };
        for RoleStatement { statement, origin } in &role.statements {
            let (Actions::Only(actions), Resources::Only(resources)) =
                (&statement.actions, &statement.resources)
            else {
                panic!("{statement:?}");
            };
            for action in actions {
                for resource in resources {
                    lines.insert(format!(
                        "{} {} {:?} {} on {} ({})",
                        function.name,
                        role.id,
                        statement.effect,
                        action.as_str(),
                        stack.with_defaults(resource.as_str()),
                        origin.kind
                    ));
                }
            }
        }
    }
    lines
}

#[test]
fn fixtures_are_read_as_the_text_beside_them_says() {
    for case in ["shared", "roles-plugin", "events", "own-roles"] {
        let made = shown(&read_sources(case));
        let file = folder(case).join("expected.txt");
        if std::env::var_os("RENEW_FIXTURES").is_some() {
            std::fs::write(&file, &made).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(made, expected, "{case}");
    }
}

#[test]
fn files_and_the_output_of_the_framework_say_the_same() {
    let mut compared = 0;
    for case in ["shared", "roles-plugin", "events"] {
        let (files, output) = (read_sources(case), read(&folder(case), &managed));
        let (from_files, from_output) = (effective(&files), effective(&output));
        let missing: Vec<_> = from_output.difference(&from_files).collect();
        let invented: Vec<_> = from_files.difference(&from_output).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "{case}: not read from the files {missing:#?}\nnot in the output {invented:#?}"
        );
        compared += from_output.len();
        for (one, other) in files.functions.iter().zip(&output.functions) {
            let plain = |function: &Function| {
                let stack = &files.stacks[0];
                let env: Vec<String> = function
                    .env
                    .iter()
                    .map(|(name, value)| {
                        format!("{name}={} {}", stack.with_defaults(&value.text), value.location)
                    })
                    .collect();
                let polled: BTreeSet<String> = function
                    .triggers
                    .iter()
                    .filter(|trigger| trigger.polled)
                    .map(|trigger| format!("{} {:?} {:?}", trigger.kind, trigger.source, trigger.on_failure))
                    .collect();
                let settings = &function.runtime_settings;
                (
                    function.name.clone(),
                    stack.with_defaults(&function.deployed_name),
                    function.location.clone(),
                    function.runtime.clone(),
                    function.code.binary.clone(),
                    env,
                    polled,
                    (
                        settings.tracing.is_some(),
                        settings.vpc.is_some(),
                        settings.dead_letter.clone().map(|(arn, _)| arn),
                        settings.log_group_in_stack.clone(),
                        settings.kms_key.clone(),
                    ),
                )
            };
            assert_eq!(plain(one), plain(other), "{case}");
        }
        assert_eq!(gaps(&output), Vec::<String>::new(), "{case}");
    }
    assert!(compared > 80, "{compared}");
}

/// A service with that text behind the usual beginning.
fn service(text: &str) -> Deployments {
    let start = "service: s\nprovider: {name: aws, runtime: provided.al2023}\n";
    read_texts(&[("serverless.yml", &format!("{start}{text}"))])
}

#[test]
fn variables_that_name_each_other_without_end_stop() {
    let ring = "custom: {a: '${self:custom.b}', b: '${self:custom.a}'}\nfunctions:\n  f:\n    handler: bootstrap\n    \
                environment: {X: '${self:custom.a}', Y: '${self:}'}\n";
    let found = service(ring);
    assert!(
        function(&found, "f").env["X"].text.starts_with("${!"),
        "{:?}",
        found.functions
    );
    let mut growing = String::from("custom:\n  v0: x\n");
    for level in 1..60 {
        let below = level - 1;
        growing.push_str(&format!(
            "  v{level}: '${{self:custom.v{below}}}${{self:custom.v{below}}}'\n"
        ));
    }
    growing.push_str("functions: {f: {handler: bootstrap, environment: {X: '${self:custom.v59}'}}}\n");
    assert_eq!(service(&growing).functions.len(), 1);
}

#[test]
fn services_in_bad_shape_are_read_as_far_as_they_go() {
    for text in [
        "functions: 3\n",
        "functions: [a, {f: {handler: x}}, null]\n",
        "functions: {f: null, g: [], h: {events: {sqs: 1}}}\n",
        "functions: {f: {handler: [x], events: [{sqs: null}, {stream: {}}, {s3: {}}, {sns: []}, {kafka: 1}, 7]}}\n",
        "functions: {f: {handler: x, role: {}, environment: [a], vpc: 1, destinations: 1, layers: {}}}\n",
        "functions: ${file(missing.yml)}\n",
        "functions: ${file(../../etc/passwd)}\nresources: [1, {Resources: 2}, {extensions: {A: 3}}]\n",
        "plugins: {modules: 3}\nresources: {Resources: {A: 1, B: {Type: 2}}}\n",
    ] {
        let _ = service(text);
    }
    let broken = read_texts(&[("serverless.yml", "service: [\n")]);
    assert_eq!(gaps(&broken), ["unreadable-stack-template 2"]);
    let other = read_texts(&[("serverless.yml", "service: s\nprovider: {name: google}\n")]);
    assert!(other.functions.is_empty() && other.gaps.is_empty());
}
