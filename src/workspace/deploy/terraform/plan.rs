//! Plans and states as `terraform show -json` prints them: what they know wins over what the files say.
//!
//! <https://developer.hashicorp.com/terraform/internals/json-format>. Values that are only known after the deployment are
//! taken from the files beside the plan or, where there are none, from the references in its `configuration`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use serde_json::Value as Json;

use super::super::discover::{decoded, relative};
use super::super::node::Mark;
use super::super::parse::LineStarts;
use super::files::Files;
use super::module::{Declaration, Mode, Module};
use super::syntax::{Attribute, Body, Expr, ExprKind};
use super::value::{Kind, Pair, Val, from_json};
use crate::usage::{Gap, Location};

/// Larger files are not read; plans and states of whole landscapes have tens of megabytes.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// Values within values, deeper than any resource type has them.
const MOST_DEPTH: usize = 60;

/// A plan or state.
#[derive(Debug)]
pub(super) struct Plan {
    /// Path relative to the scanned root.
    pub(super) file: String,
    /// Managed resources by address.
    pub(super) resources: BTreeMap<String, Planned>,
    /// Values of the root's variables.
    pub(super) variables: BTreeMap<String, Json>,
    configuration: Json,
}

/// A resource of a plan.
#[derive(Debug)]
pub(super) struct Planned {
    kind: String,
    name: String,
    /// Address of its module; empty for the root.
    module: String,
    /// What is known of its arguments; what is sensitive is not.
    pub(super) values: Json,
    at: Mark,
}

impl Plan {
    /// Folder of the file.
    pub(super) fn dir(&self) -> &str {
        self.file.rsplit_once('/').map_or("", |(dir, _)| dir)
    }

    /// What people call it: the file's name without its endings.
    pub(super) fn name(&self) -> &str {
        let name = self.file.rsplit('/').next().unwrap_or_default();
        name.split('.').find(|part| !part.is_empty()).unwrap_or(name)
    }

    /// Addresses of functions, without the keys of instances.
    pub(super) fn functions(&self) -> BTreeSet<String> {
        self.resources
            .iter()
            .filter(|(_, planned)| planned.kind == "aws_lambda_function")
            .map(|(address, _)| without_keys(address))
            .collect()
    }

    /// The keys of the instances that a declaration or call has, as they are written behind its address (`[0]`,
    /// `["a"]`, or nothing).
    pub(super) fn keys(&self, address: &str, mode: Mode) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for known in self.resources.keys() {
            let Some(rest) = known.strip_prefix(address) else {
                continue;
            };
            let key = match rest.strip_prefix('[') {
                Some(inner) => match end_of_key(inner) {
                    Some(end) => rest.get(..end + 2).unwrap_or_default(),
                    None => continue,
                },
                None => "",
            };
            let after = rest.get(key.len()..).unwrap_or_default();
            let fits = match mode {
                Mode::Call => after.starts_with('.'),
                _ => after.is_empty(),
            };
            if fits && keys.iter().all(|other| other != key) {
                keys.push(key.to_owned());
            }
        }
        keys
    }
}

/// Where the key that starts after `[` ends, at its `]`.
fn end_of_key(inner: &str) -> Option<usize> {
    match inner.strip_prefix('"') {
        Some(text) => Some(text.find("\"]")? + 2),
        None => inner.find(']'),
    }
}

/// An address without the keys of instances.
pub(super) fn without_keys(address: &str) -> String {
    let mut plain = String::new();
    let mut rest = address;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        rest = end_of_key(after)
            .and_then(|end| after.get(end + 1..))
            .unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// Reads every plan and state among the files.
pub(super) fn find<'p>(
    root: &Path,
    paths: impl Iterator<Item = &'p Path>,
    files: &mut Files<'_>,
) -> Vec<Plan> {
    let mut plans = Vec::new();
    for path in paths {
        let Ok(size) = std::fs::metadata(path).map(|data| data.len()) else {
            continue;
        };
        if size > MAX_BYTES || !looks_like_plan(path) {
            continue;
        }
        let file = relative(root, path);
        let Ok(bytes) = std::fs::read(path) else {
            continue;
        };
        let text = match decoded(&bytes) {
            Ok(text) => text,
            Err(not_text) => {
                let line = u32::try_from(not_text.line).unwrap_or(u32::MAX);
                let gap = Gap::new(
                    "unreadable-stack-template",
                    "this looks like a plan or state of Terraform but is not UTF-8",
                );
                let gap = gap.hint("write it with `terraform show -json`");
                files.gaps.push(gap.at(Location::new(file, line, 1)));
                continue;
            }
        };
        match serde_json::from_str::<Json>(&text) {
            Ok(json) => plans.extend(plan(&file, &text, json, files)),
            Err(error) => {
                let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
                let gap = Gap::new(
                    "unreadable-stack-template",
                    "this looks like a plan or state of Terraform but is no JSON",
                )
                .at(Location::new(file, number(error.line()), number(error.column())))
                .hint("write it with `terraform show -json`");
                files.gaps.push(gap);
            }
        }
    }
    plans
}

/// Whether a file begins as Terraform writes plans and states.
fn looks_like_plan(path: &Path) -> bool {
    use std::io::Read as _;
    let mut start = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(400).read_to_end(&mut start));
    let start = String::from_utf8_lossy(&start);
    read.is_ok() && start.contains("\"format_version\"") && start.contains("\"terraform_version\"")
}

fn plan(file: &str, text: &str, mut json: Json, files: &mut Files<'_>) -> Option<Plan> {
    let number = files.number(file);
    let configuration = json.get_mut("configuration").map(Json::take).unwrap_or_default();
    let values = json.get("planned_values").or_else(|| json.get("values"))?;
    let mut plan = Plan {
        file: file.to_owned(),
        resources: BTreeMap::new(),
        variables: BTreeMap::new(),
        configuration,
    };
    let lines = LineStarts::new(text);
    let place = |address: &str| {
        let quoted = Json::from(address).to_string();
        let found = text
            .find(&format!("\"address\":{quoted}"))
            .or_else(|| text.find(&format!("\"address\": {quoted}")));
        Mark {
            file: number,
            ..lines.mark(found.unwrap_or(0))
        }
    };
    if let Some(module) = values.get("root_module") {
        collect(module, "", &place, 0, &mut plan.resources);
    }
    if let Some(Json::Object(variables)) = json.get("variables") {
        let declared = plan.configuration.pointer("/root_module/variables");
        for (name, variable) in variables {
            let sensitive = declared.and_then(|declared| declared.get(name)?.get("sensitive")?.as_bool());
            if sensitive != Some(true)
                && let Some(value) = variable.get("value")
            {
                plan.variables.insert(name.clone(), value.clone());
            }
        }
    }
    Some(plan)
}

fn collect(
    module: &Json,
    address: &str,
    place: &dyn Fn(&str) -> Mark,
    depth: usize,
    found: &mut BTreeMap<String, Planned>,
) {
    if depth > MOST_DEPTH {
        return;
    }
    let text = |json: &Json, name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
    for resource in list(module.get("resources")) {
        let (Some(kind), Some(name), Some(own)) = (
            text(resource, "type"),
            text(resource, "name"),
            text(resource, "address"),
        ) else {
            continue;
        };
        if text(resource, "mode").as_deref() != Some("managed") {
            continue;
        }
        // Nothing else of a plan is looked at: it may hold secrets.
        if !super::is_lowered(&kind) {
            continue;
        }
        let mut values = resource.get("values").cloned().unwrap_or_default();
        if let Some(sensitive) = resource.get("sensitive_values") {
            redact(&mut values, sensitive, 0);
        }
        let planned = Planned {
            kind,
            name,
            module: address.to_owned(),
            values,
            at: place(&own),
        };
        found.insert(own, planned);
    }
    for child in list(module.get("child_modules")) {
        let own = text(child, "address").unwrap_or_default();
        collect(child, &own, place, depth + 1, found);
    }
}

fn list(json: Option<&Json>) -> &[Json] {
    json.and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// Takes out what is marked as sensitive.
fn redact(values: &mut Json, sensitive: &Json, depth: usize) {
    if depth > MOST_DEPTH {
        return;
    }
    match (values, sensitive) {
        (values, Json::Bool(true)) => *values = Json::from("${!sensitive}"),
        (Json::Object(values), Json::Object(sensitive)) => {
            for (key, sensitive) in sensitive {
                if let Some(value) = values.get_mut(key) {
                    redact(value, sensitive, depth + 1);
                }
            }
        }
        (Json::Array(values), Json::Array(sensitive)) => {
            for (value, sensitive) in values.iter_mut().zip(sensitive) {
                redact(value, sensitive, depth + 1);
            }
        }
        _ => {}
    }
}

/// A value of a plan over what the files say; places are those of the files. Where the files name a resource, the name
/// stays: it is the same thing, and says more than its ARN.
pub(super) fn over(written: Option<&Val>, planned: &Json, at: Mark, depth: usize) -> Val {
    let at = written.map_or(at, |written| written.at);
    if depth > MOST_DEPTH {
        return Val::opaque("too deep", at);
    }
    match planned {
        Json::Null => Val::null(at),
        Json::Bool(value) => Val::new(Kind::Bool(*value), at),
        Json::Number(value) => Val::new(Kind::Number(value.as_f64().unwrap_or_default()), at),
        Json::String(text) => text_over(written, text, at),
        Json::Array(items) => {
            let known = written.map(Val::items).unwrap_or_default();
            let known = if known.len() == items.len() { known } else { &[] };
            let items = items
                .iter()
                .enumerate()
                .map(|(index, item)| over(known.get(index), item, at, depth + 1))
                .collect();
            Val::list(items, at)
        }
        Json::Object(entries) => {
            let mut pairs: Vec<Pair> = written
                .map(Val::pairs)
                .unwrap_or_default()
                .iter()
                // What the plan leaves out is only known afterwards.
                .filter(|pair| !entries.contains_key(&pair.key))
                .cloned()
                .collect();
            for (key, value) in entries {
                let known = written.and_then(|written| written.pairs().iter().find(|pair| pair.key == *key));
                let key_at = known.map_or(at, |pair| pair.key_at);
                pairs.push(Pair {
                    key: key.clone(),
                    key_at,
                    value: over(known.map(|pair| &pair.value), value, key_at, depth + 1),
                });
            }
            Val::map(pairs, at)
        }
    }
}

fn text_over(written: Option<&Val>, text: &str, at: Mark) -> Val {
    match written.map(|written| &written.kind) {
        Some(Kind::Unknown(symbol)) if names_resource(symbol) => {
            written.cloned().unwrap_or_else(|| Val::text(text, at))
        }
        Some(Kind::Json(known)) => match serde_json::from_str::<Json>(text) {
            Ok(json) => Val::new(Kind::Json(Rc::new(over(Some(known), &json, at, 0))), at),
            Err(_) => Val::text(text, at),
        },
        _ if text.trim_start().starts_with('{') => match from_json(text, at) {
            Ok(parsed) => Val::new(Kind::Json(Rc::new(parsed.placed(at))), at),
            Err(_) => Val::text(text, at),
        },
        _ => Val::text(text, at),
    }
}

fn names_resource(symbol: &str) -> bool {
    ["aws_", "module.", "data.aws_"]
        .iter()
        .any(|start| symbol.starts_with(start))
}

/// Modules made of the plan itself, for one that has no files beside it. Returns the folder of the root.
pub(super) fn modules(plan: &Plan, files: &mut Files<'_>) -> Rc<Module> {
    let root = format!("{}#", plan.file);
    let configuration = plan.configuration.get("root_module").unwrap_or(&Json::Null);
    let at = Mark {
        line: 1,
        column: 1,
        file: files.number(&plan.file),
    };
    module(plan, &root, "", configuration, at, files, 0)
}

fn module(
    plan: &Plan,
    dir: &str,
    address: &str,
    configuration: &Json,
    at: Mark,
    files: &mut Files<'_>,
    depth: usize,
) -> Rc<Module> {
    let mut made = Module {
        dir: dir.to_owned(),
        ..Module::default()
    };
    for planned in plan.resources.values() {
        let known = made.find(Mode::Managed, &planned.kind, &planned.name);
        if without_keys(&planned.module) == address && known.is_none() {
            let written = declared(configuration, "managed", &planned.kind, &planned.name);
            made.declarations.push(Declaration {
                mode: Mode::Managed,
                kind: planned.kind.clone(),
                name: planned.name.clone(),
                at: planned.at,
                body: body(written.and_then(|written| written.get("expressions")), planned.at),
            });
        }
    }
    for data in list(configuration.get("resources")) {
        let text = |name: &str| data.get(name).and_then(Json::as_str).unwrap_or_default();
        if text("mode") == "data" {
            made.declarations.push(Declaration {
                mode: Mode::Data,
                kind: text("type").to_owned(),
                name: text("name").to_owned(),
                at,
                body: body(data.get("expressions"), at),
            });
        }
    }
    if let Some(Json::Object(outputs)) = configuration.get("outputs") {
        for (name, output) in outputs {
            if let Some(expression) = output.get("expression") {
                made.outputs.insert(name.clone(), expr("", expression, at, 0));
            }
        }
    }
    for name in calls(plan, address) {
        let child = if address.is_empty() {
            format!("module.{name}")
        } else {
            format!("{address}.module.{name}")
        };
        let call = configuration
            .get("module_calls")
            .and_then(|calls| calls.get(&name));
        let mut body = body(call.and_then(|call| call.get("expressions")), at);
        body.attributes.push(Attribute {
            name: "source".to_owned(),
            at,
            value: literal(&Json::from(format!("./{name}")), at, 0),
        });
        made.declarations.push(Declaration {
            mode: Mode::Call,
            kind: String::new(),
            name: name.clone(),
            at,
            body,
        });
        if depth < MOST_DEPTH {
            let inner = call.and_then(|call| call.get("module")).unwrap_or(&Json::Null);
            module(
                plan,
                &format!("{dir}/{name}"),
                &child,
                inner,
                at,
                files,
                depth + 1,
            );
        }
    }
    let made = Rc::new(made);
    files.know(dir, Rc::clone(&made));
    made
}

fn declared<'j>(configuration: &'j Json, mode: &str, kind: &str, name: &str) -> Option<&'j Json> {
    list(configuration.get("resources")).iter().find(|resource| {
        let is = |key: &str, value: &str| resource.get(key).and_then(Json::as_str) == Some(value);
        is("mode", mode) && is("type", kind) && is("name", name)
    })
}

/// Names of the modules that a module calls.
fn calls(plan: &Plan, address: &str) -> BTreeSet<String> {
    let prefix = if address.is_empty() {
        "module.".to_owned()
    } else {
        format!("{address}.module.")
    };
    plan.resources
        .values()
        .filter_map(|planned| {
            let plain = without_keys(&planned.module);
            let rest = plain.strip_prefix(&prefix)?;
            rest.split('.').next().map(str::to_owned)
        })
        .collect()
}

/// `expressions` of the configuration as a body; blocks are lists of objects, as in the JSON syntax.
fn body(expressions: Option<&Json>, at: Mark) -> Body {
    let Some(Json::Object(expressions)) = expressions else {
        return Body::default();
    };
    let attributes = expressions
        .iter()
        .map(|(name, value)| Attribute {
            name: name.clone(),
            at,
            value: expr(name, value, at, 0),
        })
        .collect();
    Body {
        attributes,
        blocks: Vec::new(),
    }
}

fn expr(name: &str, json: &Json, at: Mark, depth: usize) -> Expr {
    let make = |kind| Expr { kind, at };
    if depth > MOST_DEPTH {
        return make(ExprKind::Null);
    }
    if let Some(value) = json.get("constant_value") {
        return literal(value, at, depth);
    }
    if json.get("references").is_some() {
        return references(name, list(json.get("references")), at);
    }
    match json {
        Json::Array(items) => make(ExprKind::List(
            items.iter().map(|item| expr("", item, at, depth + 1)).collect(),
        )),
        Json::Object(entries) if entries.is_empty() => make(ExprKind::Null),
        Json::Object(entries) => make(ExprKind::Object(
            entries
                .iter()
                .map(|(key, value)| {
                    let name = make(ExprKind::Text(key.clone()));
                    (name, expr(key, value, at, depth + 1))
                })
                .collect(),
        )),
        _ => make(ExprKind::Null),
    }
}

/// What an expression refers to. One reference is taken as the value itself, except in lists of resources, where
/// something may stand around it: there the expression as a whole is unknown too.
fn references(name: &str, references: &[Json], at: Mark) -> Expr {
    let texts: Vec<&str> = references.iter().filter_map(Json::as_str).collect();
    let longest = texts.iter().filter(|text| {
        let inner = |other: &&&str| {
            other
                .strip_prefix(**text)
                .is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        !texts.iter().any(|other| inner(&other))
    });
    let mut accesses: Vec<Expr> = longest
        .filter_map(|text| super::hcl::parse_expr(text, at).ok())
        .collect();
    let unknown = |accesses: Vec<Expr>| Expr {
        kind: ExprKind::Call("an expression of".to_owned(), accesses, false),
        at,
    };
    if matches!(name, "resources" | "not_resources") {
        accesses.push(unknown(accesses.clone()));
        return Expr {
            kind: ExprKind::List(accesses),
            at,
        };
    }
    match accesses.pop() {
        Some(only) if accesses.is_empty() => only,
        Some(last) => {
            accesses.push(last);
            unknown(accesses)
        }
        None => unknown(accesses),
    }
}

fn literal(json: &Json, at: Mark, depth: usize) -> Expr {
    let kind = match json {
        _ if depth > MOST_DEPTH => ExprKind::Null,
        Json::Null => ExprKind::Null,
        Json::Bool(value) => ExprKind::Bool(*value),
        Json::Number(value) => ExprKind::Number(value.as_f64().unwrap_or_default()),
        Json::String(text) => ExprKind::Text(text.clone()),
        Json::Array(items) => ExprKind::List(items.iter().map(|item| literal(item, at, depth + 1)).collect()),
        Json::Object(entries) => ExprKind::Object(
            entries
                .iter()
                .map(|(key, value)| {
                    let kind = ExprKind::Text(key.clone());
                    (Expr { kind, at }, literal(value, at, depth + 1))
                })
                .collect(),
        ),
    };
    Expr { kind, at }
}
