//! Reads what is deployed: stacks, the functions in them, and the role each has today.
//!
//! Phases: [`discover`] finds the files, [`parse`] makes one tree of YAML or JSON, [`template`] reads its sections,
//! [`names`] gives every resource one symbolic ARN, [`roles`] (with [`sam`], [`connectors`] and [`managed`]) collects what
//! each role grants, and [`function`] what each function is. Nothing here needs the network; what cannot be told offline
//! stays a symbol, and what cannot be read is a gap.

pub mod account;
mod branches;
mod cdk;
pub mod cargo_lambda;
mod connectors;
mod discover;
mod function;
mod globals;
mod guards;
mod joined;
mod long_form;
mod makefile;
mod managed;
mod names;
mod node;
mod parse;
mod reading;
mod relocate;
mod resource_types;
mod roles;
mod sam;
mod sam_events;
mod secrets;
mod serverless;
pub mod stages;
mod statements;
mod template;
pub(crate) mod terraform;
pub(crate) mod text;
mod triggers;
mod trust;
mod unread;

use std::collections::BTreeMap;
use std::path::Path;

use crate::usage::{Gap, Location};
use crate::workspace::model::{Function, Stack};
use discover::Candidate;
use function::Declared;
use reading::Reading;
use stages::Stage;
use template::Template;

/// What is deployed.
#[derive(Clone, Debug, Default)]
pub struct Deployments {
    /// Stacks, sorted by file.
    pub stacks: Vec<Stack>,
    /// Functions, in the order of their stacks and templates; `Function::stack` is an index into `stacks`.
    pub functions: Vec<Function>,
    /// What could not be settled.
    pub gaps: Vec<Gap>,
}

/// Reads every stack template under `root`.
///
/// `managed` gives the document (JSON) of a managed policy of AWS by its name, such as `AWSLambdaBasicExecutionRole`.
/// Files that cannot be read are gaps; the rest goes on.
pub fn read(root: &Path, managed: &dyn Fn(&str) -> Option<String>) -> Deployments {
    read_stages(root, managed, &[])
}

/// The same, stacks with sets of parameters once for each set.
pub fn read_stages(root: &Path, managed: &dyn Fn(&str) -> Option<String>, stages: &[Stage]) -> Deployments {
    let found = discover::find(root);
    let mut deployments = Deployments {
        gaps: found.gaps,
        ..Deployments::default()
    };
    let mut services = serverless::read(root, &found.paths, stages);
    deployments.gaps.append(&mut services.gaps);
    let mut templates = Vec::new();
    for candidate in &found.candidates {
        // What a service takes in is no stack of its own.
        if !services.files.contains(&candidate.file) {
            templates.extend(parse_candidate(candidate, &mut deployments.gaps));
        }
    }
    for template in &mut templates {
        cdk::place(root, template);
    }
    templates.append(&mut services.templates);
    joined::join_stacks(&mut templates);
    for template in &stages::expand(templates, stages) {
        read_template(template, managed, &mut deployments);
    }
    let mut terraform = terraform::read(root, &found.paths);
    deployments.gaps.append(&mut terraform.gaps);
    for template in &stages::expand(terraform.templates, stages) {
        read_template(template, managed, &mut deployments);
    }
    name_apart(&mut deployments);
    for function in &mut deployments.functions {
        makefile::read_rule(root, function);
    }
    deployments
        .gaps
        .sort_by(|one, other| (&one.location, one).cmp(&(&other.location, other)));
    deployments
}

/// Reads the text of one stack template; `file` is what locations call it.
pub fn read_text(file: &str, text: &str, managed: &dyn Fn(&str) -> Option<String>) -> Deployments {
    let candidate = Candidate {
        file: file.to_owned(),
        text: text.to_owned(),
    };
    let mut deployments = Deployments::default();
    let templates = parse_candidate(&candidate, &mut deployments.gaps);
    for template in &templates {
        read_template(template, managed, &mut deployments);
    }
    deployments
}

/// The tree of a template in JSON, with the places of its parts; `None` for anything else.
pub(crate) fn json_ast(text: &str) -> Option<jsonc_parser::ast::Value<'_>> {
    parse::json_ast(text).ok().flatten()
}

/// A part of a template in YAML as JSON, intrinsic functions in their long forms.
pub(crate) fn yaml_as_json(text: &str) -> Option<serde_json::Value> {
    let parsed = parse::parse("part.yaml", text).ok()?;
    parsed.documents.first().map(long_form::json)
}

/// The templates in a file; what cannot be read is a gap.
fn parse_candidate(candidate: &Candidate, gaps: &mut Vec<Gap>) -> Vec<Template> {
    let Candidate { file, text } = candidate;
    let parsed = match parse::parse(file, text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let location = Location::new(file.clone(), error.at.line, error.at.column);
            gaps.push(
                Gap::new(
                    "unreadable-stack-template",
                    format!("this looks like a stack template but cannot be parsed: {error}"),
                )
                .at(location)
                .hint("mend it, or leave the file out with a line in `.ignore`"),
            );
            return Vec::new();
        }
    };
    let templates: Vec<Template> = parsed
        .documents
        .iter()
        .filter_map(|document| Template::from_node(file, document))
        .collect();
    for template in &templates {
        if let Some(duplicate) = &parsed.duplicate {
            let at = template.location(duplicate.at);
            gaps.push(
                Gap::new(
                    "duplicate-key",
                    "this key stands twice in its map; the later value counts, as CloudFormation reads it",
                )
                .at(at)
                .hint("remove one of them"),
            );
        }
    }
    templates
}

fn read_template(
    template: &Template,
    managed: &dyn Fn(&str) -> Option<String>,
    deployments: &mut Deployments,
) {
    let mut stack = names::stack(template);
    let mut reading = Reading::new(template, &stack, managed);
    reading.note_unexpanded();
    let declared = reading.declared();
    let named = reading.named_roles(&declared);
    let mut roles = reading.written_roles(&named);
    for function in declared.iter().filter(|declared| declared.is_sam()) {
        reading.generate_role(function, &mut roles);
    }
    reading.attach_policies(&named, &mut roles);
    reading.attach_connectors(&mut roles);
    reading.attach_terraform(&named, &mut roles);
    let triggers = reading.resource_triggers();
    let mut functions: Vec<Function> = declared
        .iter()
        .map(|declared| reading.function(declared, &triggers, &roles))
        .collect();
    if template.kind == "terraform" {
        terraform::name_log_groups(&mut functions);
    }
    note_sharing(&mut functions);
    for function in &mut functions {
        function.stack = Some(deployments.stacks.len());
    }
    let boundaries: Vec<&str> = functions
        .iter()
        .filter_map(|function| function.role.as_ref()?.boundary.as_deref())
        .collect();
    let guards = reading.guards(&boundaries);
    deployments.gaps.append(&mut reading.gaps);
    stack.guards = guards;
    deployments.functions.append(&mut functions);
    deployments.stacks.push(stack);
}

impl Reading<'_> {
    /// Loops and includes among the resources: what they make is not seen.
    fn note_unexpanded(&mut self) {
        let template = self.template;
        for (name, at) in &template.unexpanded {
            self.gap(
                Gap::new(
                    "unexpanded-template",
                    format!("`{name}` makes resources that cannot be told without deploying"),
                )
                .hint("read the expanded template instead (`aws cloudformation get-template --template-stage Processed`)"),
                *at,
            );
        }
    }

    /// The role that SAM makes, unless the function names one in every case; then SAM drops `Policies` without a word.
    fn generate_role(&mut self, function: &Declared<'_>, roles: &mut roles::Roles) {
        if let Some(named) = function.role()
            && function::branches_cover(named)
        {
            if let Some(entry) = function.properties.entry("Policies") {
                let id = &function.resource.id;
                self.gap(
                    Gap::new(
                        "role-voids-policies",
                        format!("`{id}` has `Role`, so SAM ignores its `Policies`"),
                    )
                    .hint("put the statements into the role, or remove `Role`"),
                    entry.key_at,
                );
            }
            return;
        }
        let role = self.generated_role(function.resource, &function.properties);
        roles.insert(role.id.clone(), role);
    }
}

/// Gives functions of several stacks that have the same short name their long ones.
fn name_apart(deployments: &mut Deployments) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for function in &deployments.functions {
        *count.entry(function.name.clone()).or_default() += 1;
    }
    let full: BTreeMap<(Option<usize>, String), String> = deployments
        .functions
        .iter()
        .filter(|function| count.get(&function.name).is_some_and(|count| *count > 1))
        .filter_map(|function| {
            let full = function.full_name.clone()?;
            Some(((function.stack, function.name.clone()), full))
        })
        .collect();
    for function in &mut deployments.functions {
        let stack = function.stack;
        let renamed = |name: &String| full.get(&(stack, name.clone())).cloned();
        if let Some(role) = &mut function.role {
            for other in &mut role.shared_with {
                if let Some(name) = renamed(other) {
                    *other = name;
                }
            }
        }
        if let Some(name) = renamed(&function.name) {
            function.name = name;
        }
    }
}

/// Tells each role which other functions have it.
fn note_sharing(functions: &mut [Function]) {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for function in functions.iter() {
        if let Some(role) = &function.role {
            let names = users.entry(role.id.clone()).or_default();
            names.push(function.name.clone());
        }
    }
    for function in functions {
        if let Some(role) = &mut function.role {
            let others = users.get(&role.id).into_iter().flatten();
            role.shared_with = others.filter(|name| **name != function.name).cloned().collect();
        }
    }
}

#[cfg(test)]
mod tests;
