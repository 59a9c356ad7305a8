//! The instances that declarations make, and the modules that calls open.

use std::rc::Rc;

use super::super::super::node::Mark;
use super::super::module::{Declaration, Mode};
use super::super::sources::{Source, source_of};
use super::super::syntax::{Expr, outline};
use super::super::value::{Kind, Pair, Thing, Val};
use super::{Bindings, CYCLE, Evaluator, Instance, MOST_INSTANCES, MOST_NESTED_MODULES, Scope};
use crate::usage::Gap;

impl Evaluator<'_, '_> {
    /// The instances of a declaration.
    pub(in super::super) fn expand(&mut self, scope: usize, index: usize, at: Mark) -> Val {
        if let Some(known) = self.expanded.get(&(scope, index)) {
            return known.clone();
        }
        let Some(module) = self.module(scope) else {
            return Val::null(at);
        };
        let Some(declaration) = module.declarations.get(index) else {
            return Val::null(at);
        };
        let name = format!("instances of {}", declaration.address());
        let value = self.once(scope, name, declaration.at, |evaluator| {
            evaluator.expand_now(scope, index, declaration)
        });
        self.expanded.insert((scope, index), value.clone());
        value
    }

    fn expand_now(&mut self, scope: usize, index: usize, declaration: &Declaration) -> Val {
        let at = declaration.at;
        let prefix = self.scopes.get(scope).map_or("", |scope| scope.prefix.as_str());
        let address = format!("{prefix}{}", declaration.address());
        let none = Bindings::new();
        if let Some(plan) = self.plan.filter(|_| declaration.mode != Mode::Data) {
            let keys = plan.keys(&address, declaration.mode);
            if !keys.is_empty()
                || (declaration.mode == Mode::Managed && super::super::is_lowered(&declaration.kind))
            {
                return self.expand_planned(scope, index, declaration, &address, keys);
            }
        }
        if let Some(count) = declaration.body.get("count") {
            let value = self.eval(scope, count, &none);
            let number = value.as_number().filter(|number| *number >= 0.0);
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count of things"
            )]
            return match number.map(|number| number as usize) {
                Some(number) => {
                    if number > MOST_INSTANCES {
                        self.too_many(&address, count.at);
                    }
                    let items = (0..number.min(MOST_INSTANCES))
                        .map(|number| {
                            let bindings = bound(
                                "count",
                                &[("index", Val::new(Kind::Number(number as f64), at))],
                                at,
                            );
                            self.instance(scope, index, format!("{address}[{number}]"), bindings, None, at)
                        })
                        .collect();
                    Val::list(items, at)
                }
                None => {
                    let condition = format!("count of {address} = {}", outline(count));
                    let symbol = Val::unknown("count.index", at);
                    let bindings = bound("count", &[("index", symbol)], at);
                    self.instance(scope, index, address, bindings, Some(condition), at)
                }
            };
        }
        let Some(for_each) = declaration.body.get("for_each") else {
            return self.instance(scope, index, address, none, None, at);
        };
        let value = self.eval(scope, for_each, &none);
        let keyed: Option<Vec<(String, Val)>> = match &value.kind {
            Kind::Map(pairs) => Some(
                pairs
                    .iter()
                    .map(|pair| (pair.key.clone(), pair.value.clone()))
                    .collect(),
            ),
            Kind::List(items) => {
                let keyed: Vec<(String, Val)> = items
                    .iter()
                    .filter_map(|item| Some((item.as_text()?, item.clone())))
                    .collect();
                (keyed.len() == items.len()).then_some(keyed)
            }
            Kind::Null => Some(Vec::new()),
            _ => None,
        };
        let Some(mut keyed) = keyed else {
            self.unexpanded(&address, declaration, for_each);
            let condition = format!("for_each of {address} = {}", outline(for_each));
            let symbols = [
                ("key", Val::unknown(format!("{address}.each.key"), at)),
                ("value", Val::unknown(format!("{address}.each.value"), at)),
            ];
            let bindings = bound("each", &symbols, at);
            return self.instance(scope, index, address, bindings, Some(condition), at);
        };
        if keyed.len() > MOST_INSTANCES {
            self.too_many(&address, for_each.at);
            keyed.truncate(MOST_INSTANCES);
        }
        let pairs = keyed
            .into_iter()
            .map(|(key, value)| {
                let plain = key.replace(['{', '}', '"'], "");
                let bindings = bound(
                    "each",
                    &[("key", Val::text(key.as_str(), value.at)), ("value", value)],
                    at,
                );
                Pair {
                    value: self.instance(
                        scope,
                        index,
                        format!("{address}[\"{plain}\"]"),
                        bindings,
                        None,
                        at,
                    ),
                    key,
                    key_at: at,
                }
            })
            .collect();
        Val::map(pairs, at)
    }

    /// The instances that a plan has, whatever the files say of their number.
    fn expand_planned(
        &mut self,
        scope: usize,
        index: usize,
        declaration: &Declaration,
        address: &str,
        keys: Vec<String>,
    ) -> Val {
        let at = declaration.at;
        let values = declaration
            .body
            .get("for_each")
            .map(|for_each| self.eval(scope, for_each, &Bindings::new()));
        let mut items: Vec<(usize, Val)> = Vec::new();
        let mut pairs = Vec::new();
        for key in keys {
            let whole = format!("{address}{key}");
            let inner = key.trim_start_matches('[').trim_end_matches(']');
            if key.is_empty() {
                return self.instance(scope, index, whole, Bindings::new(), None, at);
            }
            if let Ok(number) = inner.parse::<usize>() {
                #[allow(clippy::cast_precision_loss, reason = "a count of things")]
                let count = Val::new(Kind::Number(number as f64), at);
                let bindings = bound("count", &[("index", count)], at);
                items.push((number, self.instance(scope, index, whole, bindings, None, at)));
                continue;
            }
            let name = inner.trim_matches('"').to_owned();
            let value = match values.as_ref().map(|values| &values.kind) {
                Some(Kind::Map(pairs)) => pairs
                    .iter()
                    .find(|pair| pair.key == name)
                    .map(|pair| pair.value.clone()),
                Some(Kind::List(_)) => Some(Val::text(name.as_str(), at)),
                _ => None,
            };
            let value = value.unwrap_or_else(|| Val::opaque(&format!("{address}.each.value"), at));
            let each = [("key", Val::text(name.as_str(), at)), ("value", value)];
            let bindings = bound("each", &each, at);
            pairs.push(Pair {
                value: self.instance(scope, index, whole, bindings, None, at),
                key: name,
                key_at: at,
            });
        }
        if pairs.is_empty() {
            items.sort_by_key(|(number, _)| *number);
            Val::list(items.into_iter().map(|(_, item)| item).collect(), at)
        } else {
            Val::map(pairs, at)
        }
    }

    fn too_many(&mut self, address: &str, at: Mark) {
        let message = format!("`{address}` makes more than {MOST_INSTANCES} instances; the rest is not read");
        self.files.gap(Gap::new("unexpanded-template", message), at);
    }

    fn unexpanded(&mut self, address: &str, declaration: &Declaration, for_each: &Expr) {
        let matters = declaration.mode == Mode::Call
            || declaration.kind.starts_with("aws_lambda_")
            || declaration.kind.starts_with("aws_iam_");
        if !matters {
            return;
        }
        let message = format!(
            "`{address}` is made once for each of `{}`, which cannot be told without a plan",
            outline(for_each)
        );
        let gap = Gap::new("unexpanded-template", message).hint(
            "put a plan beside the files: `terraform plan -out p && terraform show -json p > plan.json`",
        );
        self.files.gap(gap, for_each.at);
    }

    fn instance(
        &mut self,
        scope: usize,
        declaration: usize,
        address: String,
        bindings: Bindings,
        condition: Option<String>,
        at: Mark,
    ) -> Val {
        let number = self.instances.len();
        self.instances.push(Instance {
            scope,
            declaration,
            address: address.clone(),
            bindings,
            condition,
            child: None,
            source: Source::None,
        });
        self.open(number);
        let thing = Thing {
            address,
            instance: number,
        };
        Val::new(Kind::Thing(Rc::new(thing)), at)
    }

    /// Makes the scope of what a call calls, if it is a module that can be read.
    fn open(&mut self, number: usize) {
        let Some((module, index)) = self.declared(number) else {
            return;
        };
        let Some(declaration) = module.declarations.get(index) else {
            return;
        };
        if declaration.mode != Mode::Call {
            return;
        }
        let Some((address, scope)) = self
            .instances
            .get(number)
            .map(|instance| (instance.address.clone(), instance.scope))
        else {
            return;
        };
        let text = declaration
            .body
            .get("source")
            .map(|source| self.eval(scope, source, &Bindings::new()));
        let text = text.and_then(|text| text.as_text()).unwrap_or_default();
        let dir = match source_of(&text) {
            Source::Local(path) => crate::workspace::cargo::join(&module.dir, &path),
            source => {
                let key = fetched_key(&address);
                let fetched = self.fetched.get(&key).cloned();
                let readable = matches!(source, Source::Remote(_));
                if let Some(instance) = self.instances.get_mut(number) {
                    instance.source = source;
                }
                match fetched.filter(|_| readable) {
                    Some(dir) => dir,
                    None => return,
                }
            }
        };
        self.open_module(number, scope, &dir, &address, declaration);
    }

    fn open_module(
        &mut self,
        number: usize,
        parent: usize,
        dir: &str,
        address: &str,
        declaration: &Declaration,
    ) {
        let Some((chain, root)) = self.scopes.get(parent).map(|scope| {
            (
                scope.chain.clone(),
                scope.chain.first().cloned().unwrap_or_default(),
            )
        }) else {
            return;
        };
        if chain.iter().any(|known| known == dir) || chain.len() > MOST_NESTED_MODULES {
            let gap = Gap::new(CYCLE, format!("`{address}` calls a module that it is in"));
            self.files.gap(
                gap.hint("Terraform refuses it too; break the cycle"),
                declaration.at,
            );
            return;
        }
        let Some(module) = self.files.module(dir) else {
            let gap = Gap::new(
                "unread-module",
                format!("`{address}` calls the module in `{dir}`, where no Terraform file is"),
            );
            self.files.gap(
                gap.hint("functions and policies that it makes are not counted"),
                declaration.at,
            );
            return;
        };
        let scope = Scope {
            module,
            prefix: format!("{address}."),
            path: path_between(&root, dir),
            call: Some(number),
            chain: chain.into_iter().chain([dir.to_owned()]).collect(),
        };
        let child = self.scopes.len();
        self.scopes.push(scope);
        if let Some(instance) = self.instances.get_mut(number) {
            instance.child = Some(child);
        }
    }
}

/// `module.a["x"].module.b` → `a.b`, as `.terraform/modules/modules.json` has it.
fn fetched_key(address: &str) -> String {
    let names = address
        .split("module.")
        .filter(|part| !part.is_empty())
        .map(|part| part.split(['[', '.']).next().unwrap_or_default());
    names.collect::<Vec<_>>().join(".")
}

/// The way from one folder to another, both relative to the same root.
fn path_between(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = to.split('/').filter(|part| !part.is_empty()).collect();
    let shared = from
        .iter()
        .zip(&to)
        .take_while(|(one, other)| one == other)
        .count();
    let up = from.iter().skip(shared).map(|_| "..");
    let parts: Vec<&str> = up.chain(to.iter().skip(shared).copied()).collect();
    if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}

fn bound(name: &str, pairs: &[(&str, Val)], at: Mark) -> Bindings {
    let pairs = pairs
        .iter()
        .map(|(key, value)| Pair {
            key: (*key).to_owned(),
            key_at: at,
            value: value.clone(),
        })
        .collect();
    Bindings::from([(name.to_owned(), Val::map(pairs, at))])
}
