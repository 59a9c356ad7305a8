//! What names mean in a module: variables, locals, outputs, and the instances that declarations make.

mod expand;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::node::Mark;
use super::files::Files;
use super::module::{Mode, Module};
use super::plan::{self, Plan};
use super::sources::Source;
use super::syntax::{Expr, ExprKind};
use super::value::{Kind, Pair, Val};
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
}
