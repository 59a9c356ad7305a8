//! Types that libraries fill from the environment: which variables their fields are.
//!
//! `envy` and `figment` read `PREFIX` + field; `figment` with `split` and `config` with `separator` also reach the fields
//! of nested structs. What files and other providers give is not known.

use std::collections::BTreeMap;

use super::facts::{Callee, Facts};
use super::ir::{Body, ExprKind, FieldDef, Name};
use super::types::Ty;
use super::world::{AdtId, World};

/// Nesting of settings.
const MAX_NESTING: usize = 8;

/// How a type is filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// What stands before a field's name in its variable; several if several places fill the type.
    pub prefixes: Vec<String>,
    /// Whether files and the like may give values too.
    pub elsewhere: bool,
    /// Whether the program gives defaults.
    pub defaults: bool,
    /// Defaults that the program gives by key, by field.
    pub given: BTreeMap<String, String>,
}

/// Where one fn reads settings from.
#[derive(Debug, Default)]
struct Reading {
    prefixes: Vec<String>,
    separator: Option<String>,
    elsewhere: bool,
    defaults: bool,
    /// What stands at keys such as `table.name` unless something else is set.
    given: BTreeMap<String, String>,
}

/// Notes the types that a fn fills.
pub(super) fn filled_types(world: &World<'_>, facts: &Facts, out: &mut BTreeMap<AdtId, Filled>) {
    let Some(reading) = facts.body.as_deref().and_then(|body| reading(facts, body)) else {
        return;
    };
    for adt in &facts.mentioned {
        for prefix in &reading.prefixes {
            fill(world, *adt, (prefix, ""), &reading, out, 0);
        }
    }
}

/// The libraries that a fn reads settings with, and what it tells them. `None` if it reads none.
fn reading(facts: &Facts, body: &Body) -> Option<Reading> {
    let is_reader = |target: &Callee| match target {
        Callee::External(path) => {
            let krate = path.first().map(|krate| &**krate);
            krate.is_some_and(|krate| matches!(krate, "envy" | "figment" | "config"))
        }
        _ => false,
    };
    if !facts.targets.values().flatten().any(is_reader) {
        return None;
    }
    let mut reading = Reading::default();
    let mut prefix_separator = None;
    let mut config_prefixes = Vec::new();
    let mut targets: Vec<_> = facts.targets.iter().collect();
    targets.sort_by_key(|(expr, _)| **expr);
    for (expr, targets) in targets {
        for target in targets {
            let Callee::External(path) = target else {
                continue;
            };
            let names: Vec<&str> = path.iter().map(|name| &**name).collect();
            let argument = match &body.expr(*expr).kind {
                ExprKind::Call { args, .. } => args.first().and_then(|arg| text(body, *arg)),
                _ => None,
            };
            match names.as_slice() {
                ["envy", .., "prefixed"] => reading.prefixes.push(argument.unwrap_or_default()),
                ["envy", ..] => reading.prefixes.push(String::new()),
                ["figment", .., "Env", "prefixed"] => reading.prefixes.push(argument.unwrap_or_default()),
                ["figment", .., "Env", "raw"] => reading.prefixes.push(String::new()),
                ["figment", .., "Serialized", _] => reading.defaults = true,
                [
                    "figment",
                    ..,
                    "Json" | "Toml" | "Yaml" | "YamlExtended" | "Data",
                    _,
                ] => {
                    reading.elsewhere = true;
                }
                ["config", .., "Environment", "with_prefix"] => {
                    config_prefixes.push(argument.unwrap_or_default());
                }
                ["config", .., "Environment", "default" | "new"] => config_prefixes.push(String::new()),
                ["config", .., "File", _] => reading.elsewhere = true,
                _ => {}
            }
        }
    }
    for expr in &body.exprs {
        let ExprKind::Method { method, args, .. } = &expr.kind else {
            continue;
        };
        let Some(argument) = args.first().and_then(|arg| text(body, *arg)) else {
            continue;
        };
        match &**method {
            "separator" | "split" => reading.separator = Some(argument),
            "prefix_separator" => prefix_separator = Some(argument),
            "set_default" => match args.get(1).and_then(|value| text(body, *value)) {
                Some(default) => drop(reading.given.insert(argument, default)),
                None => reading.elsewhere = true,
            },
            "set_override" => reading.elsewhere = true,
            _ => {}
        }
    }
    // `config`: what follows the prefix is the prefix separator, else the separator, else `_`.
    let behind = prefix_separator
        .or_else(|| reading.separator.clone())
        .unwrap_or_else(|| "_".to_owned());
    for prefix in config_prefixes {
        let prefix = match prefix.is_empty() {
            true => prefix,
            false => format!("{}{behind}", prefix.to_uppercase()),
        };
        reading.prefixes.push(prefix);
    }
    (!reading.prefixes.is_empty()).then_some(reading)
}

/// Notes a type that is filled with a prefix of variables and one of keys, and the types of its fields.
fn fill(
    world: &World<'_>,
    adt: AdtId,
    (prefix, path): (&str, &str),
    reading: &Reading,
    out: &mut BTreeMap<AdtId, Filled>,
    depth: usize,
) {
    let data = &world.adts[adt];
    let reads = data.attrs.derives.iter().any(|derive| &**derive == "Deserialize");
    if depth > MAX_NESTING || !reads {
        return;
    }
    let filled = out.entry(adt).or_default();
    filled.elsewhere |= reading.elsewhere;
    filled.defaults |= reading.defaults;
    for field in data
        .variants
        .first()
        .into_iter()
        .flat_map(|variant| &variant.fields)
    {
        let key = own_name(field).to_string();
        if let Some(default) = reading.given.get(&format!("{path}{key}")) {
            filled.given.insert(field.name.to_string(), default.clone());
        }
    }
    if filled.prefixes.iter().any(|known| known == prefix) {
        return;
    }
    filled.prefixes.push(prefix.to_owned());
    let (Some(separator), Some(variant)) = (&reading.separator, data.variants.first()) else {
        return;
    };
    for (field, ty) in variant.fields.iter().zip(&variant.types) {
        if let Ty::Adt(inner, _) = ty {
            let prefix = format!("{}{separator}", variable(prefix, field));
            let path = format!("{path}{}.", own_name(field));
            fill(world, *inner, (&prefix, &path), reading, out, depth + 1);
        }
    }
}

/// The variable of a field.
pub(super) fn variable(prefix: &str, field: &FieldDef) -> String {
    format!("{prefix}{}", own_name(field).to_uppercase())
}

/// What a field is called outside the program.
fn own_name(field: &FieldDef) -> &Name {
    field.attrs.serde_rename.as_ref().unwrap_or(&field.name)
}

fn text(body: &Body, expr: super::ir::ExprId) -> Option<String> {
    match &body.expr(body.peel(expr)).kind {
        ExprKind::Str(text) => Some(text.to_string()),
        _ => None,
    }
}
