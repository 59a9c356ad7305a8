//! Terraform and OpenTofu: files are evaluated as far as they settle things, and read as the CloudFormation resources
//! they stand for.
//!
//! Phases: [`files`] finds and parses files ([`hcl`], [`json_syntax`]) into the tree of [`syntax`]; [`module`] makes a
//! module of each folder; [`scope`] and [`eval`] (with [`functions`], [`attributes`], [`policy_document`]) tell what
//! expressions mean; [`lower`] and [`lambda_module`] turn instances into resources of a [`Template`], whose names are
//! Terraform's addresses; [`attach`] reads what only Terraform has. What cannot be told is a symbol or a gap.

mod attach;
mod attributes;
mod eval;
mod files;
mod functions;
mod hcl;
mod json_syntax;
mod lambda_module;
mod lower;
mod module;
mod plan;
mod policy_document;
mod scope;
mod sources;
mod syntax;
mod types;
mod value;

pub(super) use attach::name_log_groups;
pub(crate) use types::{Asked, attribute};

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::template::{Resource, Template};
use crate::usage::Gap;
use crate::workspace::cargo::join;
use files::Files;
use lower::{Made, lower};
use module::{Mode, Module};
use plan::Plan;
use scope::Evaluator;
use sources::{Source, source_of};
use syntax::ExprKind;
use value::Val;

/// Evaluation goes deep where names stand for names; the main thread's stack is not ours to use up.
const STACK_BYTES: usize = 256 * 1024 * 1024;

/// What the Terraform files under a root declare.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// One for each root module that has functions, sorted by file.
    pub(super) templates: Vec<Template>,
    pub(super) gaps: Vec<Gap>,
}

/// Reads every root module among the files.
pub(super) fn read(root: &Path, paths: &BTreeSet<PathBuf>) -> Found {
    let may_matter = |path: &&PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| files::is_configuration(&name) || name.ends_with(".json"))
    };
    let paths: Vec<&PathBuf> = paths.iter().filter(may_matter).collect();
    if paths.is_empty() {
        return Found::default();
    }
    std::thread::scope(|threads| {
        let work = std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(threads, || read_all(root, &paths));
        let done = work.map(|handle| handle.join());
        match done {
            Ok(Ok(found)) => found,
            _ => Found {
                templates: Vec::new(),
                gaps: vec![Gap::new(
                    "unread-deployment",
                    "the Terraform files could not be read: the reader stopped",
                )],
            },
        }
    })
}

fn read_all(root: &Path, paths: &[&PathBuf]) -> Found {
    let mut files = Files::new(root, paths.iter().map(|path| path.as_path()));
    let dirs: Vec<String> = files.folders.keys().cloned().collect();
    let modules: Vec<Rc<Module>> = dirs.iter().filter_map(|dir| files.module(dir)).collect();
    let called = called_dirs(&modules);
    let json = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let plans = plan::find(root, json.map(|path| path.as_path()), &mut files);
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let mut found = Found::default();
    for module in modules {
        // A module that another one calls is read where it is called.
        if called.contains(&module.dir) {
            continue;
        }
        let gaps = files.gaps.len();
        let Some(alone) = read_root(&mut files, root, Rc::clone(&module), None) else {
            continue;
        };
        let own: Vec<&Plan> = plans_of(&plans, &module, &alone);
        if own.is_empty() {
            found.templates.push(alone);
            continue;
        }
        // What the files leave open alone, the plan may settle.
        files.gaps.truncate(gaps);
        let several = own.len() > 1;
        for plan in own {
            used.insert(&plan.file);
            let mut read = read_root(&mut files, root, Rc::clone(&module), Some(plan));
            // Several plans are several deployments of the same module.
            if let Some(template) = read.as_mut().filter(|_| several) {
                if template.file == plan.file {
                    super::stages::tell_apart(template, plan.name());
                } else {
                    super::stages::name(template, plan.name());
                }
            }
            found.templates.extend(read);
        }
    }
    for plan in plans.iter().filter(|plan| !used.contains(plan.file.as_str())) {
        let module = plan::modules(plan, &mut files);
        found
            .templates
            .extend(read_root(&mut files, root, module, Some(plan)));
    }
    found.templates.sort_by(|one, other| one.file.cmp(&other.file));
    found.gaps.append(&mut files.gaps);
    found
}

/// The plans that are plans of a module: they lie in its folder or around it, and have functions of it.
fn plans_of<'p>(plans: &'p [Plan], module: &Module, alone: &Template) -> Vec<&'p Plan> {
    let functions: BTreeSet<String> = alone
        .of_type("AWS::Lambda::Function")
        .map(|resource| plan::without_keys(&resource.id))
        .collect();
    let near = |plan: &&Plan| {
        let (one, other) = (plan.dir(), module.dir.as_str());
        one.is_empty() || one.starts_with(other) || other.starts_with(one)
    };
    plans
        .iter()
        .filter(near)
        .filter(|plan| !plan.functions().is_disjoint(&functions))
        .collect()
}

/// Folders of modules that others call; of those that call each other in a ring, all but one are.
fn called_dirs(modules: &[Rc<Module>]) -> BTreeSet<String> {
    let calls: Vec<(&str, String)> = modules
        .iter()
        .flat_map(|module| {
            let calls = module
                .declarations
                .iter()
                .filter(|known| known.mode == Mode::Call);
            calls.filter_map(|call| {
                let ExprKind::Text(text) = &call.body.get("source")?.kind else {
                    return None;
                };
                match source_of(text) {
                    Source::Local(path) => Some((module.dir.as_str(), join(&module.dir, &path))),
                    _ => None,
                }
            })
        })
        .collect();
    let mut called: BTreeSet<String> = BTreeSet::new();
    for (caller, dir) in &calls {
        // A module that calls itself, and the first of a ring, stays a root.
        let in_ring = reaches(&calls, dir, caller, &mut BTreeSet::new());
        if caller != dir && (!in_ring || *caller < dir.as_str()) {
            called.insert(dir.clone());
        }
    }
    called
}

fn reaches<'a>(calls: &'a [(&str, String)], from: &'a str, to: &str, seen: &mut BTreeSet<&'a str>) -> bool {
    if from == to {
        return true;
    }
    if !seen.insert(from) {
        return false;
    }
    calls
        .iter()
        .filter(|(caller, _)| *caller == from)
        .any(|(_, dir)| reaches(calls, dir, to, seen))
}

fn read_root(
    files: &mut Files<'_>,
    root: &Path,
    module: Rc<Module>,
    plan: Option<&Plan>,
) -> Option<Template> {
    let file = match plan {
        Some(plan) if plan.dir() == module.dir || main_file(files, &module).is_none() => plan.file.clone(),
        _ => main_file(files, &module)?,
    };
    let fetched = fetched_modules(root, &module.dir);
    let variables: Vec<String> = module.variables.keys().cloned().collect();
    let mut evaluator = Evaluator::new(files, Rc::clone(&module), fetched, plan);
    for name in variables {
        evaluator.variable(0, &name, super::node::Mark::default());
    }
    expand_everything(&mut evaluator);
    let mut resources = Vec::new();
    for instance in 0..evaluator.instances.len() {
        resources.extend(lowered(&mut evaluator, instance));
    }
    let has_function = resources
        .iter()
        .any(|resource| resource.type_name == "AWS::Lambda::Function");
    if has_function {
        note_unread_modules(&mut evaluator);
        note_archives(&mut evaluator, &mut resources);
    }
    let parameters = evaluator.parameters.clone();
    let names: Arc<[String]> = files.names.as_slice().into();
    has_function.then(|| Template::of_terraform(file, names, parameters, resources))
}

/// The file that stands for the module: `main.tf`, else the first one.
fn main_file(files: &Files<'_>, module: &Module) -> Option<String> {
    let all = files.folders.get(&module.dir)?;
    let main = all.iter().find(|file| {
        file.rsplit('/')
            .next()
            .is_some_and(|name| name.starts_with("main."))
    });
    main.or(all.first()).cloned()
}

/// `.terraform/modules/modules.json`, which `terraform init` writes: key of a call → folder.
fn fetched_modules(root: &Path, dir: &str) -> BTreeMap<String, String> {
    let path = root.join(join(dir, ".terraform/modules/modules.json"));
    let parsed = std::fs::read(path)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let modules = parsed
        .as_ref()
        .and_then(|parsed| parsed.get("Modules")?.as_array());
    modules
        .into_iter()
        .flatten()
        .filter_map(|module| {
            let text = |name: &str| module.get(name).and_then(serde_json::Value::as_str);
            let key = text("Key").filter(|key| !key.is_empty())?;
            Some((key.to_owned(), join(dir, text("Dir")?)))
        })
        .collect()
}

/// Makes the instances of every declaration, those of called modules too.
fn expand_everything(evaluator: &mut Evaluator<'_, '_>) {
    let mut scope = 0;
    while let Some(module) = evaluator.module(scope) {
        for (index, declaration) in module.declarations.iter().enumerate() {
            evaluator.expand(scope, index, declaration.at);
        }
        scope += 1;
    }
}

/// The resources that an instance stands for.
fn lowered(evaluator: &mut Evaluator<'_, '_>, number: usize) -> Vec<Resource> {
    let Some((module, index)) = evaluator.declared(number) else {
        return Vec::new();
    };
    let Some(declaration) = module.declarations.get(index) else {
        return Vec::new();
    };
    let kind = declaration.kind.as_str();
    match declaration.mode {
        Mode::Call => return called(evaluator, number),
        Mode::Data if types::known(kind).is_none() || !attributes::readable_data(kind) => return Vec::new(),
        Mode::Managed if !is_lowered(kind) => return Vec::new(),
        Mode::Data | Mode::Managed => {}
    }
    let Some(values) = evaluator.configuration(number) else {
        return Vec::new();
    };
    let Some(instance) = evaluator.instances.get(number) else {
        return Vec::new();
    };
    let (address, condition) = (instance.address.clone(), instance.condition.clone());
    // What a plan does not have is not made.
    if declaration.mode == Mode::Managed
        && evaluator
            .plan
            .is_some_and(|plan| !plan.resources.contains_key(&address))
    {
        return Vec::new();
    }
    let values = if kind == "aws_lambda_function" {
        with_code(evaluator, number, values)
    } else {
        values
    };
    let made = Made {
        address: &address,
        kind,
        at: declaration.at,
        condition: condition.as_deref(),
        values: &values,
    };
    lower(&made).into_iter().collect()
}

/// Whether a type says anything of functions, roles or what they use.
fn is_lowered(kind: &str) -> bool {
    types::known(kind).is_some()
        || kind.starts_with("aws_lambda_")
        || kind.starts_with("aws_iam_")
        || lower::GUARDS.contains(&kind)
}

/// What a called module stands for where its arguments say it all.
fn called(evaluator: &mut Evaluator<'_, '_>, number: usize) -> Vec<Resource> {
    let Some(instance) = evaluator.instances.get(number) else {
        return Vec::new();
    };
    match (&instance.source, instance.child) {
        (Source::Lambda, _) => lambda_module::resources(evaluator, number),
        (Source::Resource(wrapper), None) => {
            let wrapper = *wrapper;
            let address = format!("{}.{}", instance.address, wrapper.inner);
            let condition = instance.condition.clone();
            let Some(values) = evaluator.configuration(number) else {
                return Vec::new();
            };
            let named = types::known(wrapper.kind).and_then(|known| known.named);
            let mut pairs = values.pairs().to_vec();
            if let (Some(named), Some(pair)) = (named, values.pair(wrapper.named)) {
                let mut pair = pair.clone();
                pair.key = named.to_owned();
                pairs.retain(|known| known.key != named);
                pairs.push(pair);
            }
            let values = Val::map(pairs, values.at);
            let made = Made {
                address: &address,
                kind: wrapper.kind,
                at: values.at,
                condition: condition.as_deref(),
                values: &values,
            };
            lower(&made).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The path of a function's code, as an argument of its own.
fn with_code(evaluator: &mut Evaluator<'_, '_>, number: usize, values: Val) -> Val {
    let Some(filename) = evaluator.body_attribute(number, "filename") else {
        return values;
    };
    let Some(path) = filename.as_text() else {
        return values;
    };
    let path = evaluator.settled(&path);
    let mut pairs = values.pairs().to_vec();
    pairs.push(value::Pair {
        key: "code".to_owned(),
        key_at: filename.at,
        value: Val::text(path, filename.at),
    });
    Val::map(pairs, values.at)
}

/// Puts the file or folder that an archive is made of in the place of the archive.
fn note_archives(evaluator: &mut Evaluator<'_, '_>, resources: &mut [Resource]) {
    let mut archives: BTreeMap<String, String> = BTreeMap::new();
    for number in 0..evaluator.instances.len() {
        let Some((module, index)) = evaluator.declared(number) else {
            continue;
        };
        if module
            .declarations
            .get(index)
            .is_none_or(|known| known.kind != "archive_file")
        {
            continue;
        }
        let mut text = |name: &str| {
            let value = evaluator.body_attribute(number, name)?.as_text()?;
            Some(evaluator.settled(&value))
        };
        let source = text("source_file").or_else(|| text("source_dir"));
        if let (Some(output), Some(source)) = (text("output_path"), source) {
            archives.insert(output, source);
        }
    }
    for resource in resources {
        let entries = match &mut resource.properties.value {
            super::node::Value::Map(entries) => entries,
            _ => continue,
        };
        for entry in entries.iter_mut().filter(|entry| entry.key == "Code") {
            let source = entry.value.as_text().and_then(|path| archives.get(path));
            if let Some(source) = source {
                entry.value = value::text_node(source, entry.value.at);
            }
        }
    }
}

/// A gap for each called module that may make functions or attach policies and is not read.
fn note_unread_modules(evaluator: &mut Evaluator<'_, '_>) {
    for number in 0..evaluator.instances.len() {
        let Some(instance) = evaluator.instances.get(number) else {
            continue;
        };
        let (Source::Remote(source), None) = (&instance.source, instance.child) else {
            continue;
        };
        let message = format!(
            "`{}` calls the module `{source}`, which is not here; functions and policies that it makes are not counted",
            instance.address
        );
        let Some((module, index)) = evaluator.declared(number) else {
            continue;
        };
        let Some(declaration) = module.declarations.get(index) else {
            continue;
        };
        let gap = Gap::new("unread-module", message).hint(
            "run `terraform init`, which fetches it, or put a plan beside the files (`terraform show -json`)",
        );
        evaluator.files.gap(gap, declaration.at);
    }
}
