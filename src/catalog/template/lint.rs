//! What is wrong with a policy template that its shape does not show: it says so with place and remedy.

use super::parse::TemplateError;
use super::{ExpectedStatement, Kind, Placed, Template, TemplateEffect};
use crate::catalog::Catalog;
use crate::iam::action::{Action, ActionPattern};
use crate::iam::arn::ArnPattern;
use crate::usage::OperationId;

impl Placed {
    /// What is wrong with the template, in the order of the file.
    ///
    /// It must cite its source, have a test that makes every statement, name only actions, operations and resource types
    /// that exist, and, but for grants that a stack template asks for, name resources that its actions take.
    pub fn complaints(&self, catalog: &Catalog) -> Vec<TemplateError> {
        let mut found: Vec<(String, String)> = Vec::new();
        let template = &self.template;
        found.extend(source(template, catalog));
        found.extend(names(template, catalog));
        if template.kind != Kind::Wrapper {
            found.extend(exercised(template));
        }
        if !matches!(template.kind, Kind::Grant | Kind::Wrapper) {
            found.extend(resources(template, catalog));
        }
        let mut complaints: Vec<TemplateError> = found
            .into_iter()
            .map(|(about, message)| TemplateError::at(&self.file, &self.text, &about, message))
            .collect();
        complaints.sort_by_key(|complaint| (complaint.line, complaint.column));
        complaints
    }
}

/// Operations that only sign a token on the spot: no request is sent, and no API model has them.
const LOCAL_OPERATIONS: [&str; 3] = [
    "dsql.GenerateDbConnectAdminAuthToken",
    "dsql.GenerateDbConnectAuthToken",
    "rds.GenerateDbAuthToken",
];

/// Each complaint is about a text of the file.
type Found = (String, String);

/// Where the facts come from: a page, a managed policy, or, for what a team decides itself, the reasons.
fn source(template: &Template, catalog: &Catalog) -> Option<Found> {
    if let Some(origin) = &template.origin {
        let name = &origin.managed_policy;
        let known = match &origin.version {
            Some(version) => catalog.managed_policy_version(name, version).is_some(),
            None => catalog.managed_policy(name).is_some(),
        };
        if !known {
            let version = origin.version.as_deref().unwrap_or("any version");
            return Some((
                name.clone(),
                format!("there is no managed policy `{name}` ({version})"),
            ));
        }
        return None;
    }
    match &template.docs {
        Some(docs) if docs.starts_with("https://") => None,
        Some(docs) => Some((
            docs.clone(),
            "`docs` is no address that begins with https://".to_owned(),
        )),
        None if template.kind == Kind::Baseline => None,
        None => Some((
            template.id.clone(),
            "it does not say where its facts come from: add `docs` or `origin`".to_owned(),
        )),
    }
}

/// Actions, operations and resource types that do not exist.
fn names(template: &Template, catalog: &Catalog) -> Vec<Found> {
    let mut found = Vec::new();
    for action in template
        .statements
        .iter()
        .flat_map(|statement| &statement.actions)
    {
        if catalog.count(&ActionPattern::new(action)) == 0 {
            let near = catalog.similar_actions(action);
            let meant = near
                .first()
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            found.push((action.clone(), format!("there is no action `{action}`{meant}")));
        }
    }
    let called = template.calls.iter().flat_map(|call| &call.operations);
    for operation in template.when.calls.iter().chain(called) {
        let known = OperationId::parse(operation)
            .and_then(|id| catalog.service(&id.service)?.operation(&id.name))
            .is_some();
        if !known && !LOCAL_OPERATIONS.contains(&operation.as_str()) {
            found.push((operation.clone(), format!("there is no operation `{operation}`")));
        }
    }
    for kind in template.params.values().filter_map(|param| param.arn.as_ref()) {
        if !catalog.has_resource_type(kind) {
            found.push((kind.clone(), format!("there is no resource type `{kind}`")));
        }
    }
    found
}

/// Statements that no test makes, and tests that fail.
fn exercised(template: &Template) -> Vec<Found> {
    if template.tests.is_empty() {
        return vec![(template.id.clone(), "it has no `[[test]]`".to_owned())];
    }
    let mut found: Vec<Found> = Vec::new();
    for statement in &template.statements {
        let alone = Template {
            statements: vec![statement.clone()],
            ..template.clone()
        };
        let made = alone.tests.iter().any(|test| {
            let made = alone.instantiate(&test.arguments());
            made.is_ok_and(|statements| !statements.is_empty())
        });
        if !made {
            let action = statement.actions.first().cloned().unwrap_or_default();
            found.push((
                action.clone(),
                format!("no test makes the statement with `{action}`"),
            ));
        }
    }
    found.extend(
        template
            .failed_tests()
            .into_iter()
            .map(|failure| ("[[test]]".to_owned(), failure)),
    );
    found
}

/// Actions on resources that they do not take, as the tests have them.
fn resources(template: &Template, catalog: &Catalog) -> Vec<Found> {
    if template.effect == TemplateEffect::Deny {
        return Vec::new();
    }
    let misfit = |expected: &ExpectedStatement| -> Vec<Found> {
        let entries = expected.actions.iter().filter_map(|action| {
            let entry = catalog.action(&Action::parse(action)?)?;
            let fits = |text: &String| entry.takes(&ArnPattern::new(text));
            (!expected.resources.iter().any(fits)).then_some(action)
        });
        entries
            .map(|action| {
                let resources = expected.resources.join(", ");
                (
                    action.clone(),
                    format!("`{action}` cannot be allowed on {resources}"),
                )
            })
            .collect()
    };
    template
        .tests
        .iter()
        .flat_map(|test| &test.expect)
        .flat_map(misfit)
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::{TemplateSet, parse};
    use super::*;

    fn placed(text: &str) -> Placed {
        Placed {
            template: parse("t.toml", text).unwrap(),
            file: "t.toml".to_owned(),
            text: text.to_owned(),
            built_in: false,
            instead_of: None,
        }
    }

    fn told(text: &str) -> Vec<String> {
        let complaints = placed(text).complaints(Catalog::embedded());
        complaints.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_is_wrong_with_the_built_in_templates() {
        let complaints: Vec<String> = TemplateSet::built_in()
            .iter()
            .flat_map(|placed| placed.complaints(Catalog::embedded()))
            .map(|complaint| complaint.to_string())
            .collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let text = r#"schema = 1
id = "x/y"
kind = "runtime"
title = "T"
[when]
calls = "sqs.SendMesage"
[params.queue]
arn = "sqs:queues"
[[statement]]
actions = ["sqs:SendMessag", "sqs:SendMessage"]
resources = "${queue}"
[[test]]
given = { queue = "arn:aws:s3:::b" }
expect = [{ actions = ["sqs:SendMessage", "sqs:SendMessag"], resources = "arn:aws:s3:::b" }]
"#;
        assert_eq!(
            told(text),
            [
                "t.toml:2:6: it does not say where its facts come from: add `docs` or `origin`",
                "t.toml:6:9: there is no operation `sqs.SendMesage`",
                "t.toml:8:7: there is no resource type `sqs:queues`",
                "t.toml:10:12: there is no action `sqs:SendMessag`; did you mean `sqs:SendMessage`?",
                "t.toml:10:30: `sqs:SendMessage` cannot be allowed on arn:aws:s3:::b",
            ]
        );
        let untested = text.split("[[test]]").next().unwrap();
        assert!(
            told(untested)
                .iter()
                .any(|line| line == "t.toml:2:6: it has no `[[test]]`")
        );
        let failing = text.replace("[{ actions = [\"sqs:SendMessage\", ", "[{ actions = [");
        assert!(
            told(&failing)
                .iter()
                .any(|line| line.contains("t.toml:12:1: x/y: test 1: expected"))
        );
    }
}
