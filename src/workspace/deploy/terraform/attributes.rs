//! Attributes of resources, data sources and called modules, looked up when something asks for them.

use super::super::node::Mark;
use super::eval::failed;
use super::lambda_module;
use super::module::Mode;
use super::plan;
use super::policy_document;
use super::scope::{Bindings, Evaluator};
use super::sources::Source;
use super::syntax::{Body, ExprKind};
use super::types::known;
use super::value::{Kind, Pair, Thing, Val};

/// Arguments of every declaration that say nothing of what is made.
const META: &[&str] = &[
    "count",
    "depends_on",
    "for_each",
    "lifecycle",
    "provider",
    "providers",
    "provisioner",
    "source",
    "timeouts",
    "version",
];

impl Evaluator<'_, '_> {
    /// `thing.name`.
    pub(super) fn attribute_of(&mut self, thing: &Thing, name: &str, at: Mark) -> Val {
        let unknown = || Val::unknown(format!("{}.{name}", thing.address), at);
        let Some((module, index)) = self.declared(thing.instance) else {
            return unknown();
        };
        let Some(declaration) = module.declarations.get(index) else {
            return unknown();
        };
        match declaration.mode {
            Mode::Call => self.output(thing, name, at),
            Mode::Data => self.data_attribute(thing, &declaration.kind, name, at),
            Mode::Managed => {
                if declaration.kind == "archive_file" {
                    return self.body_attribute(thing.instance, name).unwrap_or_else(unknown);
                }
                let symbol = known(&declaration.kind).and_then(|known| known.symbol(&thing.address, name));
                match symbol {
                    Some(symbol) => Val::unknown(symbol, at),
                    None => self.body_attribute(thing.instance, name).unwrap_or_else(unknown),
                }
            }
        }
    }

    fn output(&mut self, thing: &Thing, name: &str, at: Mark) -> Val {
        let Some(instance) = self.instances.get(thing.instance) else {
            return Val::unknown(format!("{}.{name}", thing.address), at);
        };
        if let Some(child) = instance.child {
            let Some(module) = self.module(child) else {
                return Val::unknown(format!("{}.{name}", thing.address), at);
            };
            return match module.outputs.get(name) {
                Some(expr) => self.once(child, format!("output.{name}"), at, |evaluator| {
                    evaluator.eval(child, expr, &Bindings::new())
                }),
                None => Val::opaque(&format!("error: `{}` has no output `{name}`", thing.address), at),
            };
        }
        let symbol = match &instance.source {
            Source::Lambda => lambda_module::output(&thing.address, name),
            Source::Resource(wrapper) => wrapper
                .outputs
                .iter()
                .find(|(output, _)| *output == name)
                .and_then(|(_, attribute)| {
                    let address = format!("{}.{}", thing.address, wrapper.inner);
                    let known = known(wrapper.kind)?;
                    let symbol = known.symbol(&address, attribute);
                    Some(symbol.unwrap_or_else(|| format!("{address}.{attribute}")))
                }),
            _ => None,
        };
        Val::unknown(symbol.unwrap_or_else(|| format!("{}.{name}", thing.address)), at)
    }

    fn data_attribute(&mut self, thing: &Thing, kind: &str, name: &str, at: Mark) -> Val {
        let pseudo = match (kind, name) {
            ("aws_caller_identity", "account_id" | "id") => Some("AWS::AccountId"),
            ("aws_region", "name" | "id" | "region") => Some("AWS::Region"),
            ("aws_partition", "partition" | "id") => Some("AWS::Partition"),
            ("aws_partition", "dns_suffix") => Some("AWS::URLSuffix"),
            _ => None,
        };
        if let Some(pseudo) = pseudo {
            return Val::unknown(pseudo, at);
        }
        match (kind, name) {
            ("aws_iam_policy_document", "json" | "minified_json") => {
                let scope = self
                    .instances
                    .get(thing.instance)
                    .map_or(0, |instance| instance.scope);
                return self.once(scope, format!("{}.json", thing.address), at, |evaluator| {
                    policy_document::evaluate(evaluator, thing.instance, at)
                });
            }
            ("aws_iam_policy", "arn" | "id") => {
                if let Some(policy) = self
                    .body_attribute(thing.instance, "name")
                    .and_then(|name| name.as_text())
                {
                    return Val::text(format!("arn:aws:iam::aws:policy/{policy}"), at);
                }
            }
            ("local_file", "content") => {
                if let Some(file) = self.body_attribute(thing.instance, "filename")
                    && let Some(text) = self.local_file(&file)
                {
                    return text;
                }
            }
            _ => {}
        }
        let symbol = known(kind)
            .filter(|_| readable_data(kind))
            .and_then(|known| known.symbol(&thing.address, name));
        if let Some(symbol) = symbol {
            return Val::unknown(symbol, at);
        }
        self.body_attribute(thing.instance, name)
            .unwrap_or_else(|| Val::unknown(format!("{}.{name}", thing.address), at))
    }

    fn local_file(&mut self, file: &Val) -> Option<Val> {
        let dir = self.scopes.first()?.module.dir.clone();
        let file = crate::workspace::cargo::join(&dir, &self.settled(&file.as_text()?));
        if !self.files.exists(&file) {
            return None;
        }
        let (text, number) = self.files.text(&file).ok()?;
        let start = Mark {
            line: 1,
            column: 1,
            file: number,
        };
        Some(Val::text(text, start))
    }

    /// What the configuration of an instance says of an attribute or a kind of block; blocks are a list of maps.
    pub(super) fn body_attribute(&mut self, number: usize, name: &str) -> Option<Val> {
        let (module, index) = self.declared(number)?;
        let declaration = module.declarations.get(index)?;
        let instance = self.instances.get(number)?;
        let (scope, bindings, address) = (
            instance.scope,
            instance.bindings.clone(),
            instance.address.clone(),
        );
        let written = match declaration.body.get(name) {
            Some(expr) => {
                let value = self.once(scope, format!("{address}.{name}"), expr.at, |evaluator| {
                    evaluator.eval(scope, expr, &bindings)
                });
                Some(value)
            }
            None => {
                let blocks = self.blocks(scope, &declaration.body, name, &bindings);
                (!blocks.is_empty()).then(|| Val::list(blocks, declaration.at))
            }
        };
        let planned = self
            .plan
            .and_then(|plan| plan.resources.get(&address)?.values.get(name));
        match planned {
            Some(planned) => Some(plan::over(written.as_ref(), planned, declaration.at, 0)),
            None => written,
        }
    }

    /// Everything that the configuration of an instance says, as one map.
    pub(super) fn configuration(&mut self, number: usize) -> Option<Val> {
        let (module, index) = self.declared(number)?;
        let declaration = module.declarations.get(index)?;
        let instance = self.instances.get(number)?;
        let (scope, bindings, address) = (
            instance.scope,
            instance.bindings.clone(),
            instance.address.clone(),
        );
        let written = self.block_value(scope, &declaration.body, &bindings, declaration.at);
        let planned = self.plan.and_then(|plan| plan.resources.get(&address));
        let Some(planned) = planned else {
            return Some(written);
        };
        let merged = plan::over(Some(&written), &planned.values, declaration.at, 0);
        if declaration.kind != "aws_iam_role" || declaration.body.attributes.is_empty() {
            return Some(merged);
        }
        // Plans list in the role what other resources attach to it; those say so themselves.
        let attached = |name: &str| matches!(name, "inline_policy" | "managed_policy_arns");
        let is_written = |name: &str| written.pairs().iter().any(|pair| pair.key == name);
        let pairs = merged.pairs().iter();
        let kept = pairs.filter(|pair| !attached(&pair.key) || is_written(&pair.key));
        Some(Val::map(kept.cloned().collect(), merged.at))
    }

    fn block_value(&mut self, scope: usize, body: &Body, bindings: &Bindings, at: Mark) -> Val {
        let mut pairs = Vec::new();
        for attribute in &body.attributes {
            if META.contains(&attribute.name.as_str()) {
                continue;
            }
            let value = self.eval(scope, &attribute.value, bindings);
            pairs.push(Pair {
                key: attribute.name.clone(),
                key_at: attribute.at,
                value: if failed(&value) {
                    Val::opaque(&super::syntax::outline(&attribute.value), attribute.value.at)
                } else {
                    value
                },
            });
        }
        let mut names: Vec<(String, Mark)> = Vec::new();
        for block in &body.blocks {
            let name = match (block.kind.as_str(), block.labels.first()) {
                ("dynamic", Some(label)) => label.clone(),
                (kind, _) => kind.to_owned(),
            };
            if !META.contains(&name.as_str()) && names.iter().all(|(known, _)| *known != name) {
                names.push((name, block.at));
            }
        }
        for (name, key_at) in names {
            let blocks = self.blocks(scope, body, &name, bindings);
            pairs.push(Pair {
                key: name,
                key_at,
                value: Val::list(blocks, key_at),
            });
        }
        Val::map(pairs, at)
    }

    /// The blocks of one name, `dynamic` ones expanded.
    fn blocks(&mut self, scope: usize, body: &Body, name: &str, bindings: &Bindings) -> Vec<Val> {
        let mut found = Vec::new();
        for block in &body.blocks {
            if block.kind == name {
                found.push(self.block_value(scope, &block.body, bindings, block.at));
            } else if block.kind == "dynamic" && block.labels.first().is_some_and(|label| label == name) {
                self.dynamic(scope, &block.body, name, bindings, block.at, &mut found);
            }
        }
        found
    }

    fn dynamic(
        &mut self,
        scope: usize,
        body: &Body,
        name: &str,
        bindings: &Bindings,
        at: Mark,
        found: &mut Vec<Val>,
    ) {
        let Some(content) = body.blocks_of("content").next() else {
            return;
        };
        let iterator = match body.get("iterator").map(|expr| &expr.kind) {
            Some(ExprKind::Variable(name) | ExprKind::Text(name)) => name.clone(),
            _ => name.to_owned(),
        };
        let Some(for_each) = body.get("for_each") else {
            return;
        };
        let values = self.eval(scope, for_each, bindings);
        for (key, value) in keyed(&values, name, at) {
            let mut bindings = bindings.clone();
            let pair = |key: &str, value: Val| Pair {
                key: key.to_owned(),
                key_at: at,
                value,
            };
            let each = Val::map(vec![pair("key", key), pair("value", value)], at);
            bindings.insert(iterator.clone(), each);
            found.push(self.block_value(scope, &content.body, &bindings, content.at));
        }
    }
}

/// Data sources that stand for one resource whose ARN follows from its name; roles and policies have content of their own.
pub(super) fn readable_data(kind: &str) -> bool {
    !kind.starts_with("aws_iam_") && !kind.starts_with("aws_lambda_")
}

/// Keys and values that a dynamic block is made for. Where they cannot be told, one that stands for any.
fn keyed(values: &Val, name: &str, at: Mark) -> Vec<(Val, Val)> {
    match &values.kind {
        Kind::Map(pairs) => pairs
            .iter()
            .map(|pair| (Val::text(pair.key.as_str(), pair.key_at), pair.value.clone()))
            .collect(),
        Kind::List(items) => items.iter().map(|item| (item.clone(), item.clone())).collect(),
        Kind::Null => Vec::new(),
        Kind::Choice(choice) => {
            let mut both = keyed(&choice.then, name, at);
            both.extend(keyed(&choice.otherwise, name, at));
            both
        }
        _ => vec![(
            Val::opaque(&format!("{name}.key"), at),
            Val::opaque(&format!("{name}.value"), at),
        )],
    }
}
