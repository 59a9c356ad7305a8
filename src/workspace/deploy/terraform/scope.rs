//! What names mean in a module: variables, locals, outputs, and the instances that declarations make.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::node::Mark;
use super::files::Files;
use super::module::{Declaration, Mode, Module};
use super::plan::{self, Plan};
use super::sources::{Source, source_of};
use super::syntax::{Expr, ExprKind, outline};
use super::value::{Kind, Pair, Thing, Val};
use crate::usage::Gap;

/// Gap code of names that are defined by themselves.
const CYCLE: &str = "cyclic-reference";

/// More instances of one declaration are not told apart.
const MOST_INSTANCES: usize = 500;

/// Calls within calls.
const MOST_NESTED_MODULES: usize = 20;

/// Names bound in an expression: `each`, `count`, variables of `for` and of templates.
pub(super) type Bindings = BTreeMap<String, Val>;

/// A module where it is called, or the root.
pub(super) struct Scope {
    pub(super) module: Rc<Module>,
    /// `module.api.`, or empty for the root.
    pub(super) prefix: String,
    /// Folder relative to the root module's, as `path.module` gives it.
    pub(super) path: String,
    /// The instance of the call that made it.
    call: Option<usize>,
    /// Folders of the modules around it, its own included.
    chain: Vec<String>,
}

/// One instance of a declaration.
pub(super) struct Instance {
    pub(super) scope: usize,
    pub(super) declaration: usize,
    pub(super) address: String,
    pub(super) bindings: Bindings,
    /// Why it may not be there: the `count` or `for_each` that cannot be told.
    pub(super) condition: Option<String>,
    /// For a call: the scope of what it calls.
    pub(super) child: Option<usize>,
    /// For a call: where the module comes from.
    pub(super) source: Source,
}

/// Everything that is known while one root module is evaluated.
pub(super) struct Evaluator<'f, 'r> {
    pub(super) files: &'f mut Files<'r>,
    pub(super) scopes: Vec<Scope>,
    pub(super) instances: Vec<Instance>,
    expanded: BTreeMap<(usize, usize), Val>,
    memo: BTreeMap<(usize, String), Val>,
    busy: BTreeSet<(usize, String)>,
    /// Evaluations within evaluations.
    pub(super) depth: usize,
    /// Evaluations so far.
    pub(super) steps: usize,
    /// Root variables and what they are unless somebody says otherwise.
    pub(super) parameters: BTreeMap<String, Option<String>>,
    /// Folders of modules that `terraform init` fetched, by key.
    fetched: BTreeMap<String, String>,
    /// What the deployment will be, where somebody planned it.
    pub(super) plan: Option<&'f Plan>,
}

impl<'f, 'r> Evaluator<'f, 'r> {
    /// An evaluator of the root module in a folder.
    pub(super) fn new(
        files: &'f mut Files<'r>,
        module: Rc<Module>,
        fetched: BTreeMap<String, String>,
        plan: Option<&'f Plan>,
    ) -> Self {
        let scope = Scope {
            chain: vec![module.dir.clone()],
            module,
            prefix: String::new(),
            path: ".".to_owned(),
            call: None,
        };
        Self {
            files,
            scopes: vec![scope],
            instances: Vec::new(),
            expanded: BTreeMap::new(),
            memo: BTreeMap::new(),
            busy: BTreeSet::new(),
            depth: 0,
            steps: 0,
            parameters: BTreeMap::new(),
            fetched,
            plan,
        }
    }

    /// The module of a scope.
    pub(super) fn module(&self, scope: usize) -> Option<Rc<Module>> {
        self.scopes.get(scope).map(|scope| Rc::clone(&scope.module))
    }

    /// The declaration of an instance, with its module.
    pub(super) fn declared(&self, instance: usize) -> Option<(Rc<Module>, usize)> {
        let instance = self.instances.get(instance)?;
        let module = self.module(instance.scope)?;
        module.declarations.get(instance.declaration)?;
        Some((module, instance.declaration))
    }

    /// A value that is worked out once; one that needs itself is a gap.
    pub(super) fn once(
        &mut self,
        scope: usize,
        name: String,
        at: Mark,
        work: impl FnOnce(&mut Self) -> Val,
    ) -> Val {
        let key = (scope, name);
        if let Some(known) = self.memo.get(&key) {
            return known.clone();
        }
        if !self.busy.insert(key.clone()) {
            let message = format!("`{}` is defined by itself", key.1);
            let gap = Gap::new(CYCLE, message).hint("Terraform refuses it too; break the cycle");
            self.files.gap(gap, at);
            return Val::opaque(&format!("cycle {}", key.1), at);
        }
        let value = work(self);
        self.busy.remove(&key);
        self.memo.insert(key, value.clone());
        value
    }

    /// The value of `var.name`.
    pub(super) fn variable(&mut self, scope: usize, name: &str, at: Mark) -> Val {
        self.once(scope, format!("var.{name}"), at, |evaluator| {
            evaluator.variable_now(scope, name, at)
        })
    }

    fn variable_now(&mut self, scope: usize, name: &str, at: Mark) -> Val {
        let Some((module, call)) = self
            .scopes
            .get(scope)
            .map(|scope| (Rc::clone(&scope.module), scope.call))
        else {
            return Val::opaque(name, at);
        };
        let variable = module.variables.get(name);
        let Some(call) = call else {
            if let Some(planned) = self.plan.and_then(|plan| plan.variables.get(name)) {
                return plan::over(None, planned, variable.map_or(at, |variable| variable.at), 0);
            }
            let given = module.set.get(name);
            let default = given.or_else(|| variable.and_then(|variable| variable.default.as_ref()));
            let value = default.map(|default| self.eval(scope, default, &Bindings::new()));
            return self.root_variable(name, value, variable.map_or(at, |variable| variable.at));
        };
        let given = self.argument(call, name);
        let value = match given {
            Some(value) if !value.is_null() => value,
            given => match variable.and_then(|variable| variable.default.as_ref()) {
                Some(default) => self.eval(scope, default, &Bindings::new()),
                None => given.unwrap_or_else(|| Val::unknown(format!("var.{name}"), at)),
            },
        };
        match variable.and_then(|variable| variable.type_of.as_ref()) {
            Some(type_of) => self.with_optionals(scope, type_of, value),
            None => value,
        }
    }

    /// A variable of the root: a text stays a symbol, since every deployment may set another one.
    fn root_variable(&mut self, name: &str, value: Option<Val>, at: Mark) -> Val {
        let symbol = format!("var.{name}");
        match value {
            None => {
                self.parameters.insert(symbol.clone(), None);
                Val::unknown(symbol, at)
            }
            Some(value) => match &value.kind {
                Kind::Text(text) if !text.is_empty() => {
                    self.parameters.insert(symbol.clone(), Some(text.to_string()));
                    Val::unknown(symbol, value.at)
                }
                _ => {
                    let module = self.module(0);
                    let type_of = module.as_ref().and_then(|module| {
                        let variable = module.variables.get(name)?;
                        variable.type_of.as_ref()
                    });
                    match type_of {
                        Some(type_of) => self.with_optionals(0, type_of, value),
                        None => value,
                    }
                }
            },
        }
    }

    /// What a call gives for a variable.
    pub(super) fn argument(&mut self, call: usize, name: &str) -> Option<Val> {
        let (module, index) = self.declared(call)?;
        let declaration = module.declarations.get(index)?;
        let instance = self.instances.get(call)?;
        let (scope, bindings) = (instance.scope, instance.bindings.clone());
        let expr = declaration.body.get(name)?;
        Some(self.eval(scope, expr, &bindings))
    }

    /// The value with what `optional(…)` in its type adds.
    fn with_optionals(&mut self, scope: usize, type_of: &Expr, value: Val) -> Val {
        let ExprKind::Call(name, arguments, _) = &type_of.kind else {
            return value;
        };
        match (name.as_str(), arguments.first(), &value.kind) {
            ("optional", Some(inner), _) => self.with_optionals(scope, inner, value),
            ("map", Some(inner), Kind::Map(pairs)) => {
                let pairs = pairs
                    .iter()
                    .map(|pair| Pair {
                        value: self.with_optionals(scope, inner, pair.value.clone()),
                        ..pair.clone()
                    })
                    .collect();
                Val::map(pairs, value.at)
            }
            ("list" | "set", Some(inner), Kind::List(items)) => {
                let items = items
                    .iter()
                    .map(|item| self.with_optionals(scope, inner, item.clone()))
                    .collect();
                Val::list(items, value.at)
            }
            ("object", Some(inner), Kind::Map(_)) => {
                let ExprKind::Object(fields) = &inner.kind else {
                    return value;
                };
                let mut pairs = value.pairs().to_vec();
                for (key, field) in fields {
                    let ExprKind::Text(key) = &key.kind else { continue };
                    self.fill_field(scope, key, field, value.at, &mut pairs);
                }
                Val::map(pairs, value.at)
            }
            _ => value,
        }
    }

    fn fill_field(&mut self, scope: usize, key: &str, field: &Expr, at: Mark, pairs: &mut Vec<Pair>) {
        if let Some(pair) = pairs.iter_mut().find(|pair| pair.key == key)
            && !pair.value.is_null()
        {
            let value = pair.value.clone();
            pair.value = self.with_optionals(scope, field, value);
            return;
        }
        let ExprKind::Call(name, arguments, _) = &field.kind else {
            return;
        };
        if name != "optional" {
            return;
        }
        let value = match arguments.get(1) {
            Some(default) => self.eval(scope, default, &Bindings::new()),
            None => Val::null(at),
        };
        pairs.retain(|pair| pair.key != key);
        pairs.push(Pair {
            key: key.to_owned(),
            key_at: at,
            value,
        });
    }

    /// The value of `local.name`.
    pub(super) fn local(&mut self, scope: usize, name: &str, at: Mark) -> Option<Val> {
        let module = self.module(scope)?;
        let expr = module.locals.get(name)?;
        Some(self.once(scope, format!("local.{name}"), at, |evaluator| {
            evaluator.eval(scope, expr, &Bindings::new())
        }))
    }

    /// What a declaration stands for: its one instance, a list of instances, or a map of them.
    pub(super) fn thing(
        &mut self,
        scope: usize,
        mode: Mode,
        kind: &str,
        name: &str,
        at: Mark,
    ) -> Option<Val> {
        let module = self.module(scope)?;
        let index = module.find(mode, kind, name)?;
        Some(self.expand(scope, index, at))
    }

    /// The instances of a declaration.
    pub(super) fn expand(&mut self, scope: usize, index: usize, at: Mark) -> Val {
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
            if !keys.is_empty() || (declaration.mode == Mode::Managed && super::is_lowered(&declaration.kind))
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
