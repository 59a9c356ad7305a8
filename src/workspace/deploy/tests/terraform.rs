//! Terraform: what is read of the fixtures, beside each in `expected.txt`, and what becomes of bad input.

use std::fmt::Write as _;

use super::*;
use crate::workspace::model::RuntimeSettings;

/// The model as text, for people to check.
fn shown(deployments: &Deployments) -> String {
    let mut text = String::new();
    for function in &deployments.functions {
        writeln!(text, "function {} ({})", function.name, function.location).unwrap();
        writeln!(text, "  deployed as {}", function.deployed_name).unwrap();
        if let Some(runtime) = &function.runtime {
            writeln!(text, "  runtime {runtime}").unwrap();
        }
        if let Some(path) = &function.code.path {
            writeln!(text, "  code {path}").unwrap();
        }
        for (name, value) in &function.env {
            writeln!(text, "  env {name} = {} ({})", value.text, value.location).unwrap();
        }
        for trigger in &function.triggers {
            let polled = if trigger.polled { " polled" } else { "" };
            let source = trigger.source.as_deref().unwrap_or("?");
            writeln!(
                text,
                "  trigger {}{polled} {source} ({})",
                trigger.kind, trigger.location
            )
            .unwrap();
        }
        settings(&function.runtime_settings, &mut text);
        if let Some(role) = &function.role {
            writeln!(text, "  role {} ({})", role.id, role.location).unwrap();
            if let Some(boundary) = &role.boundary {
                writeln!(text, "    boundary {boundary}").unwrap();
            }
            for name in &role.shared_with {
                writeln!(text, "    shared with {name}").unwrap();
            }
            for statement in &role.statements {
                let origin = &statement.origin;
                let condition = origin
                    .condition
                    .as_ref()
                    .map_or(String::new(), |text| format!(" [{text}]"));
                writeln!(
                    text,
                    "    {} {} ({}){condition}",
                    origin.kind, origin.name, origin.location
                )
                .unwrap();
                writeln!(text, "      {}", statement.statement.to_json()).unwrap();
            }
        }
    }
    for gap in &deployments.gaps {
        let place = gap.location.as_ref().map_or(String::new(), ToString::to_string);
        writeln!(text, "gap {} ({place}): {}", gap.code, gap.message).unwrap();
    }
    text
}

fn settings(settings: &RuntimeSettings, text: &mut String) {
    let mut line =
        |what: &str, location: &crate::usage::Location| writeln!(text, "  {what} ({location})").unwrap();
    if let Some(location) = &settings.tracing {
        line("tracing", location);
    }
    if let Some(location) = &settings.vpc {
        line("vpc", location);
    }
    if let Some(location) = &settings.durable {
        line("durable", location);
    }
    for (name, list) in [
        ("dead letter", settings.dead_letter.as_slice()),
        ("destination", &settings.destinations),
        ("file system", &settings.file_systems),
        ("key", settings.kms_key.as_slice()),
        ("layer", &settings.layers),
        ("log group", settings.log_group.as_slice()),
    ] {
        for (value, location) in list {
            line(&format!("{name} {value}"), location);
        }
    }
    if let Some(group) = &settings.log_group_in_stack {
        writeln!(text, "  log group in stack {group}").unwrap();
    }
}

#[test]
fn fixtures_are_read_as_the_text_beside_them_says() {
    let folder = fixtures().join("terraform");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let case = entry.unwrap().path();
        if !case.is_dir() {
            continue;
        }
        let made = shown(&read(&case, &managed));
        let file = case.join("expected.txt");
        if std::env::var_os("RENEW_FIXTURES").is_some() {
            std::fs::write(&file, &made).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(made, expected, "{}", case.display());
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}
