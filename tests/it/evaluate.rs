//! Requests and decisions of `tests/fixtures/evaluate`, each written from the AWS page that it names.

use std::collections::BTreeMap;

use rolefit::catalog::Catalog;
use rolefit::iam::evaluate::{Deciding, Layer, Layers, Outcome, evaluate};
use rolefit::iam::policy::{Document, Policy, PolicyKind};
use rolefit::iam::request::{ContextValue, Request};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The page of the cases that name no other.
    docs: String,
    case: Vec<Case>,
}

/// A request, what is attached, and the answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    why: String,
    docs: Option<String>,
    /// The condition of the one statement of an identity policy, which allows everything else.
    condition: Option<String>,
    /// The one statement of an identity policy.
    statement: Option<String>,
    /// The statements of an identity policy.
    statements: Option<String>,
    #[serde(default)]
    identity: Vec<String>,
    #[serde(default)]
    boundary: Vec<String>,
    #[serde(default)]
    session: Vec<String>,
    #[serde(default)]
    scp: Vec<Vec<String>>,
    #[serde(default)]
    rcp: Vec<Vec<String>>,
    resource_policy: Option<String>,
    trust_policy: Option<String>,
    principal: Option<String>,
    #[serde(default = "get_object")]
    action: String,
    #[serde(default = "object")]
    resource: String,
    resource_account: Option<String>,
    #[serde(default)]
    context: BTreeMap<String, toml::Value>,
    decision: String,
    /// The deciding statement, or `silent` and the layer that would have had to allow.
    because: Option<String>,
    /// A part of the message, for a document that is refused.
    message: Option<String>,
}

fn get_object() -> String {
    "s3:GetObject".to_owned()
}

fn object() -> String {
    "arn:aws:s3:::bucket/object".to_owned()
}

impl Case {
    fn identity(&self) -> Vec<String> {
        let mut documents = self.identity.clone();
        let statement = self.condition.as_ref().map(|condition| {
            format!(r#"{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {condition}}}"#)
        });
        for statements in [&statement, &self.statement, &self.statements]
            .into_iter()
            .flatten()
        {
            documents.push(format!(
                r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#
            ));
        }
        documents
    }

    fn request(&self) -> Request {
        let value = |value: &toml::Value| match value {
            toml::Value::Array(list) => ContextValue::Many(
                list.iter()
                    .map(|item| item.as_str().unwrap().to_owned())
                    .collect(),
            ),
            one => ContextValue::One(one.as_str().unwrap().to_owned()),
        };
        Request {
            principal: self.principal.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            resource_account: self.resource_account.clone(),
            context: self
                .context
                .iter()
                .map(|(key, own)| (key.clone(), value(own)))
                .collect(),
        }
    }

    /// What comes out, or why a document is refused.
    fn outcome(&self) -> Result<Outcome, String> {
        let identity = read(&self.identity(), PolicyKind::Identity)?;
        let boundary = read(&self.boundary, PolicyKind::Identity)?;
        let session = read(&self.session, PolicyKind::Identity)?;
        let scp = levels(&self.scp, PolicyKind::Identity)?;
        let rcp = levels(&self.rcp, PolicyKind::Resource)?;
        let resource = match (&self.resource_policy, &self.trust_policy) {
            (Some(document), _) => Some(one(document, PolicyKind::Resource)?),
            (None, Some(document)) => Some(one(document, PolicyKind::Trust)?),
            (None, None) => None,
        };
        let layers = Layers {
            identity: &identity,
            boundary: &boundary,
            session: &session,
            scp: &scp,
            rcp: &rcp,
            resource: resource.as_ref(),
        };
        Ok(evaluate(&self.request(), &layers))
    }
}

fn one(document: &str, kind: PolicyKind) -> Result<Policy, String> {
    Policy::read(document, kind).map_err(|error| {
        assert!(!error.iam_says().is_empty() && !error.remedy().is_empty());
        assert!(error.at.line > 0 && error.at.column > 0);
        error.to_string()
    })
}

fn read(documents: &[String], kind: PolicyKind) -> Result<Vec<Policy>, String> {
    documents.iter().map(|document| one(document, kind)).collect()
}

fn levels(levels: &[Vec<String>], kind: PolicyKind) -> Result<Vec<Vec<Policy>>, String> {
    levels.iter().map(|documents| read(documents, kind)).collect()
}

fn said(because: &Deciding) -> String {
    let place = |layer: Layer, level: Option<usize>| match level {
        Some(level) => format!("{} {level}", layer.as_str()),
        None => layer.as_str().to_owned(),
    };
    match because {
        Deciding::Statement(found) => {
            let sid = found
                .sid
                .as_ref()
                .map(|sid| format!(" {sid}"))
                .unwrap_or_default();
            format!(
                "{} {} {}{sid}",
                place(found.layer, found.level),
                found.policy,
                found.statement
            )
        }
        Deciding::Silence(layer, level) => format!("silent {}", place(*layer, *level)),
        Deciding::RootUser => "root user".to_owned(),
    }
}

fn files() -> Vec<(String, File)> {
    let mut found: Vec<(String, File)> = std::fs::read_dir("tests/fixtures/evaluate")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let file = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.file_name().unwrap().to_string_lossy().into_owned(), file)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn every_case_is_decided_as_the_documentation_says() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (file, File { docs, case: cases }) in files() {
        for case in cases {
            count += 1;
            let docs = case.docs.as_ref().unwrap_or(&docs);
            assert!(docs.starts_with("https://"), "{file}: {}", case.name);
            let mut complain = |found: String| {
                wrong.push(format!(
                    "{file}: {} ({})\n    expected {}, found {found}",
                    case.name, case.why, case.decision
                ));
            };
            match case.outcome() {
                Ok(outcome) => {
                    let because = said(&outcome.because);
                    if outcome.decision.as_str() != case.decision {
                        complain(format!("{} by {because}", outcome.decision.as_str()));
                    } else if case.because.as_ref().is_some_and(|expected| *expected != because) {
                        complain(format!("because {because}, not {:?}", case.because));
                    }
                }
                Err(message) => {
                    let fits = case.message.as_ref().is_some_and(|part| message.contains(part));
                    if case.decision != "invalid" || !fits {
                        complain(format!("invalid: {message}"));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count >= 600, "{count} cases");
}

#[test]
fn no_two_cases_have_the_same_name() {
    let mut names: Vec<String> = files()
        .into_iter()
        .flat_map(|(_, file)| file.case)
        .map(|case| case.name)
        .collect();
    names.sort();
    let repeated: Vec<&[String]> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(repeated.is_empty(), "{repeated:?}");
}

#[test]
fn every_managed_policy_of_aws_reads_and_prints() {
    let catalog = Catalog::embedded();
    let mut count = 0;
    for name in catalog.managed_policy_names() {
        let document = catalog.managed_policy(name).unwrap().document_json;
        let read = Document::read(&document, PolicyKind::Identity)
            .unwrap_or_else(|error| panic!("{name}: {}: {error}", error.at));
        assert_eq!(read.statements.len(), read.policy.statements.len(), "{name}");
        let printed = read.policy.to_json_pretty();
        assert_eq!(Policy::from_json(&printed).unwrap(), read.policy, "{name}");
        count += 1;
    }
    assert!(count > 1_600, "{count}");
}
