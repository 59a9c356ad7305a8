//! Serverless Framework: `serverless.yml`, and what the framework compiled of it, read as one CloudFormation template.
//!
//! Phases: [`variables`] (with [`expression`]) fills in `${…}`; [`service`] (with [`roles`], [`events`] and [`names`])
//! turns functions into the resources that the framework makes of them; [`compiled`] takes the output of
//! `serverless package` where it is there, with the places of the service file. What cannot be told is a symbol or a gap.

mod build;
mod compiled;
mod events;
mod expression;
mod names;
mod roles;
mod service;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::discover::relative;
use super::node::Node;
use super::parse::parse;
use super::stages::{self, Stage};
use super::template::Template;
use crate::usage::{Gap, Location};
use variables::Variables;

/// Files that describe a service as data.
const SERVICE_FILES: &[&str] = &["serverless.yml", "serverless.yaml", "serverless.json"];

/// Files that describe one as a program.
const PROGRAMS: &[&str] = &[
    "serverless.js",
    "serverless.cjs",
    "serverless.mjs",
    "serverless.ts",
];

/// What the services under a root declare.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// One for each service, sorted by file.
    pub(super) templates: Vec<Template>,
    /// Files that services are written in.
    pub(super) files: BTreeSet<String>,
    pub(super) gaps: Vec<Gap>,
}

/// Reads every service among the files.
pub(super) fn read(root: &Path, paths: &BTreeSet<PathBuf>, stages: &[Stage]) -> Found {
    let mut found = Found::default();
    for path in paths {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if SERVICE_FILES.contains(&name) {
            read_service(root, path, stages, &mut found);
        } else if PROGRAMS.contains(&name) {
            read_program(root, path, &mut found);
        }
    }
    found
}

fn read_service(root: &Path, path: &Path, stages: &[Stage], found: &mut Found) {
    let file = relative(root, path);
    found.files.insert(file.clone());
    let Ok(text) = std::fs::read_to_string(path) else {
        return found
            .gaps
            .push(unreadable(&file, 1, 1, "it cannot be read as text"));
    };
    let parsed = match parse(&file, &text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let gap = unreadable(&file, error.at.line, error.at.column, &error.to_string());
            return found.gaps.push(gap);
        }
    };
    if let Some(duplicate) = &parsed.duplicate {
        let at = Location::new(file.clone(), duplicate.at.line, duplicate.at.column);
        let message = "this key stands twice in its map; the later value counts";
        found.gaps.push(
            Gap::new("duplicate-key", message)
                .at(at)
                .hint("remove one of them"),
        );
    }
    let Some(raw) = parsed.documents.into_iter().next() else {
        return;
    };
    match stages::of(stages, &file).as_slice() {
        [] => read_stage(root, path, &raw, None, found),
        [only] => read_stage(root, path, &raw, Some(only), found),
        several => {
            for stage in several {
                let before = found.templates.len();
                read_stage(root, path, &raw, Some(stage), found);
                for template in found.templates.iter_mut().skip(before) {
                    stages::name(template, &stage.name);
                }
            }
        }
    }
}

/// Reads a service as one stage has it, or as it is without options.
fn read_stage(root: &Path, path: &Path, raw: &Node, stage: Option<&Stage>, found: &mut Found) {
    let file = relative(root, path);
    let mut given = stage.map(given).unwrap_or_default();
    let output = compiled::read(path, root).filter(|output| {
        let wanted = given.get(variables::STAGE);
        wanted.is_none() || wanted == output.stage.as_ref()
    });
    if let Some(output) = &output
        && let Some(stage) = &output.stage
    {
        given.insert(variables::STAGE.to_owned(), stage.clone());
    }
    let mut variables = Variables::new(root, &file, raw.clone(), given);
    let Some(written) = service::template(&mut variables, &file) else {
        return;
    };
    found.files.extend(variables.files.iter().cloned());
    match output {
        // What the file leaves open, the output settles.
        Some(output) => found
            .templates
            .extend(compiled::married(output, &written, &mut found.gaps)),
        None => {
            found.templates.push(written);
            for gap in variables.gaps {
                if !found.gaps.contains(&gap) {
                    found.gaps.push(gap);
                }
            }
        }
    }
}

/// The values of a stage by the names of variables; a name without a source is a parameter or an option.
fn given(stage: &Stage) -> BTreeMap<String, String> {
    let mut given = BTreeMap::new();
    for (name, value) in &stage.parameters {
        let names = match name.as_str() {
            "stage" => vec![variables::STAGE.to_owned()],
            name if name.contains(':') => vec![name.to_owned()],
            name => vec![format!("param:{name}"), format!("opt:{name}")],
        };
        given.extend(names.into_iter().map(|name| (name, value.clone())));
    }
    given
}

/// A service that only its own program knows: its output is read, if it is there.
fn read_program(root: &Path, path: &Path, found: &mut Found) {
    let file = relative(root, path);
    match compiled::read(path, root) {
        Some(output) => found.templates.extend(compiled::alone(output)),
        None => found.gaps.push(
            Gap::new(
                "unread-deployment",
                "this service of the Serverless Framework is a program, so its functions are not seen",
            )
            .at(Location::new(file, 1, 1))
            .hint("run `serverless package`, which writes `.serverless`"),
        ),
    }
}

fn unreadable(file: &str, line: u32, column: u32, why: &str) -> Gap {
    Gap::new(
        "unreadable-stack-template",
        format!("this service of the Serverless Framework cannot be parsed: {why}"),
    )
    .at(Location::new(file.to_owned(), line, column))
    .hint("mend it, or leave the file out with a line in `.ignore`")
}
