//! Fields that the environment or the command line fills, and what outside fns and methods give.

use std::rc::Rc;

use crate::usage::Piece;

use super::eval::env;
use super::eval_field::{element, join_event};
use super::eval_text::changed;
use super::facts::{Callee, Facts};
use super::ir::{Body, ExprId, ExprKind, Name};
use super::types::Ty;
use super::value::{Evaluator, Frame, Value, Values, literal, unknown};
use super::world::AdtId;

impl<'x> Evaluator<'x, '_> {
    /// A field of a type that is filled from the environment; `None` if the type is not.
    pub(super) fn configured(&mut self, adt: AdtId, name: &str) -> Option<Values> {
        let data = &self.scanned.world.adts[adt];
        let field = data
            .variants
            .first()
            .and_then(|variant| variant.fields.get(variant.field(name)?))?;
        let default = field.attrs.default_value.as_ref().map(ToString::to_string);
        if let Some(variable) = &field.attrs.clap_env {
            let variable = if variable.is_empty() {
                name.to_uppercase()
            } else {
                variable.to_string()
            };
            return Some(vec![env(&variable, default, data_span(field))]);
        }
        let derives_args = data
            .attrs
            .derives
            .iter()
            .any(|derive| matches!(&**derive, "Parser" | "Args" | "StructOpt" | "Clap" | "FromArgs"));
        if derives_args {
            let reason = format!("it is the command-line argument `{name}` (`{}`)", data.name);
            let mut values = unknown(reason);
            values.extend(default.iter().flat_map(|text| literal(text, data_span(field))));
            return Some(values);
        }
        let filled = self.filled_types.get(&adt)?.clone();
        let variables = filled.prefixes.iter().map(|prefix| {
            let variable = super::eval_settings::variable(prefix, field);
            let default = default.as_ref().or_else(|| filled.given.get(name)).cloned();
            env(&variable, default, data_span(field))
        });
        let mut values: Values = variables.collect();
        if let Some(path) = &field.attrs.serde_default {
            let defaults = self.default_of_serde(adt, path);
            values = or_default(values, defaults);
        }
        if filled.defaults {
            let defaults = self.constructed_field(adt, None, name);
            values = or_default(values, defaults);
        }
        if filled.elsewhere {
            values.extend(unknown(format!(
                "the field `{name}` of `{}` may also come from a source of settings that is not read",
                data.name
            )));
        }
        Some(values)
    }

    /// What the fn gives that `#[serde(default = "…")]` names.
    fn default_of_serde(&mut self, adt: AdtId, path: &str) -> Values {
        let world = self.scanned.world;
        let last = path.rsplit("::").next().unwrap_or(path);
        let module = world.adts[adt].scope.module;
        let krate = world.modules[module].krate;
        let mut fitting = world
            .fns
            .iter()
            .filter(|(_, data)| data.krate == krate && *data.item.name == *last && data.params.is_empty())
            .map(|(id, _)| id);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => self.returned(&Frame::any_caller(only)),
            _ => unknown(format!("it is the default that `{path}` gives")),
        }
    }

    /// What a fn of another crate gives.
    pub(super) fn outside(
        &mut self,
        frame: &Rc<Frame>,
        facts: &'x Facts,
        id: ExprId,
        last: &str,
        path: &[Name],
        args: &[ExprId],
    ) -> Values {
        let span = facts
            .body
            .as_deref()
            .map(|body| body.expr(id).span)
            .unwrap_or_default();
        let second_last = path
            .len()
            .checked_sub(2)
            .and_then(|index| path.get(index))
            .map_or("", |name| &**name);
        let is_env = matches!(
            (second_last, last),
            ("env" | "dotenvy" | "dotenv", "var" | "var_os")
        );
        if is_env && let Some(arg) = args.first() {
            let names = self.eval(frame, *arg);
            return env_values(&names, span);
        }
        if matches!((second_last, last), ("env", "vars" | "vars_os")) {
            return vec![Value::Environment];
        }
        if path.first().is_some_and(|first| &**first == "serde_json")
            && let Some(values) = self.json_of(frame, last, args)
        {
            return values;
        }
        if matches!(
            second_last,
            "serde_json" | "serde_yaml" | "toml" | "bincode" | "fs"
        ) {
            return match facts.ty(id) {
                Ty::Adt(adt, _) => vec![Value::Instance(*adt)],
                _ => unknown(format!(
                    "it comes from `{second_last}::{last}`, which is not read"
                )),
            };
        }
        match last {
            "Err" | "None" | "with_capacity" => Vec::new(),
            "Some" | "Ok" | "from" | "new" | "into" | "Borrowed" | "Owned" | "pin" | "clone"
            | "to_string" | "to_owned" | "try_from" | "from_str" | "Box" | "leak" | "from_ref"
            | "from_static" | "from_utf8" | "from_iter" | "once" | "ready" | "as_ref" | "once_with" => {
                match args {
                    [] => {
                        if matches!((second_last, last), ("String", "new")) {
                            literal("", span)
                        } else {
                            Vec::new()
                        }
                    }
                    [arg] => {
                        let values = self.eval(frame, *arg);
                        // `LazyLock::new(|| …)`.
                        if values.iter().any(|value| matches!(value, Value::Closure(..))) {
                            let called = values.clone();
                            return self.apply(frame, id, &[], &called);
                        }
                        values
                    }
                    _ => unknown(format!("it comes from `{last}`, which is not read")),
                }
            }
            "spawn" | "block_on" | "spawn_blocking" | "timeout" => match args.last() {
                Some(arg) => self.eval(frame, *arg),
                None => Vec::new(),
            },
            "default" if matches!(second_last, "String" | "Default") => literal("", span),
            _ => match facts.ty(id) {
                Ty::Adt(adt, _) => vec![Value::Instance(*adt)],
                _ => unknown(format!("it comes from `{last}`, which is not read")),
            },
        }
    }

    /// A method call.
    pub(super) fn method(
        &mut self,
        frame: &Rc<Frame>,
        facts: &'x Facts,
        body: &'x Body,
        id: ExprId,
    ) -> Values {
        let ExprKind::Method {
            receiver,
            method,
            args,
            ..
        } = &body.expr(id).kind
        else {
            return Vec::new();
        };
        let span = body.expr(id).span;
        let mut values = Vec::new();
        let mut ours = false;
        for target in facts.targets(id) {
            match target {
                Callee::Fn(found) => {
                    ours = true;
                    values.extend(self.call_fn(frame, id, *found));
                }
                Callee::Virtual(of_trait, name) => {
                    ours = true;
                    for found in self.implementations(*of_trait, name) {
                        values.extend(self.call_fn(frame, id, found));
                    }
                }
                _ => {}
            }
        }
        if ours {
            return values;
        }
        match facts.ty(*receiver) {
            Ty::SdkType(..) | Ty::Input(..) => {
                if facts.setters.contains(&id) || keeps_structure(method) {
                    return self.eval(frame, *receiver);
                }
                if args.is_empty() {
                    return unknown(format!("it is read back from an SDK structure (`{method}`)"));
                }
            }
            Ty::Response(sdk, op) => return self.response(frame, facts, id, *sdk, op),
            _ => {}
        }
        self.outside_method(frame, id, *receiver, method, args, span, facts)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one call")]
    fn outside_method(
        &mut self,
        frame: &Rc<Frame>,
        id: ExprId,
        receiver: ExprId,
        method: &Name,
        args: &[ExprId],
        span: super::ir::Span,
        facts: &'x Facts,
    ) -> Values {
        if let Some(values) = self.json_method(frame, receiver, method, args) {
            return values;
        }
        if let ("get" | "remove" | "get_mut", [key]) = (&**method, args)
            && self.eval(frame, receiver).contains(&Value::Environment)
        {
            let names = self.eval(frame, *key);
            return env_values(&names, span);
        }
        if &**method == "to_string"
            && let Some(values) = self.shown(frame, facts, receiver)
        {
            return values;
        }
        if matches!(&**method, "concat" | "join")
            && let Some(values) = self.joined(frame, facts, receiver, args, span)
        {
            return values;
        }
        match &**method {
            "to_string" | "to_owned" | "into" | "into_string" | "clone" | "cloned" | "copied" | "as_str"
            | "as_ref" | "as_deref" | "as_mut" | "as_deref_mut" | "borrow" | "take" | "ok" | "ok_or"
            | "ok_or_else" | "map_err" | "context" | "with_context" | "unwrap" | "expect" | "as_bytes"
            | "iter" | "into_iter" | "iter_mut" | "collect" | "first" | "last" | "next" | "get" | "lock"
            | "read" | "write" | "to_str" | "to_string_lossy" | "into_owned" | "filter" | "inspect"
            | "await" | "as_slice" | "to_vec" | "unwrap_unchecked" | "try_into" | "deref" | "pop"
            | "get_or_init" | "inspect_err" | "wrap_err" | "wrap_err_with" | "rev" | "chunks"
            | "peekable" | "flatten" | "values" | "into_values" | "enumerate" | "skip" | "chain"
            | "expect_err" | "boxed" | "into_inner" | "load" | "borrow_mut" | "leak" | "as_os_str"
            | "into_boxed_str" | "to_path_buf" | "and" | "join_all" | "into_string_lossy"
            | "unwrap_or_clone" | "get_mut" | "drain" | "find" | "get_or_try_init" | "force"
            | "into_iter_sorted" | "step_by" | "take_while" | "skip_while" | "par_iter" | "into_par_iter"
            | "expose_secret" | "as_path" | "to_uppercase_first" | "par_chunks" | "by_ref" | "as_inner"
            | "finish" | "wrap" | "into_boxed_slice" => {
                let values = self.eval(frame, receiver);
                if values.is_empty()
                    && matches!(&**method, "get_or_init" | "get_or_try_init")
                    && let Some(arg) = args.first()
                {
                    let called = self.eval(frame, *arg);
                    return self.apply(frame, id, &[], &called);
                }
                values
                    .into_iter()
                    .map(|value| match value {
                        Value::Event(path)
                            if matches!(&**method, "first" | "last" | "next" | "pop" | "find") =>
                        {
                            Value::Event(element(&path))
                        }
                        Value::Number(number, at) if &**method == "to_string" => {
                            Value::Text(vec![Piece::Literal(number.to_string())], Some(at))
                        }
                        other => other,
                    })
                    .collect()
            }
            "trim" | "trim_end" | "trim_start" | "to_lowercase" | "to_uppercase" | "to_ascii_lowercase"
            | "to_ascii_uppercase" => changed(self.eval(frame, receiver), method, None),
            "replace" if args.len() == 2 => {
                let values = self.eval(frame, receiver);
                let told: Vec<Values> = args.iter().map(|arg| self.eval(frame, *arg)).collect();
                match told.as_slice() {
                    [from, to] => changed(values, method, one_literal(from).zip(one_literal(to))),
                    _ => values,
                }
            }
            "unwrap_or" | "or" => self.with_default(frame, receiver, args, id, false),
            "unwrap_or_else" | "or_else" | "or_insert_with" => {
                self.with_default(frame, receiver, args, id, true)
            }
            "unwrap_or_default" => {
                let values = self.eval(frame, receiver);
                values.into_iter().map(|value| add_default(value, "")).collect()
            }
            "map" | "and_then" | "then" | "map_ok" | "filter_map" | "flat_map" | "with" => {
                let Some(arg) = args.first() else {
                    return self.eval(frame, receiver);
                };
                let called = self.eval(frame, *arg);
                let ours = called
                    .iter()
                    .any(|value| matches!(value, Value::Closure(..) | Value::FnItem(_)));
                if ours {
                    return self.apply_to(frame, id, receiver, &called);
                }
                // `map(String::from)`, `map(Into::into)`.
                self.eval(frame, receiver)
            }
            "map_or" | "map_or_else" => {
                let mut values = Vec::new();
                for arg in args {
                    let called = self.eval(frame, *arg);
                    if called
                        .iter()
                        .any(|value| matches!(value, Value::Closure(..) | Value::FnItem(_)))
                    {
                        values.extend(self.apply_to(frame, id, receiver, &called));
                    } else {
                        values.extend(called);
                    }
                }
                values
            }
            "into_parts" | "into_body" | "body" | "payload" => {
                let values = self.eval(frame, receiver);
                match values.iter().any(|value| matches!(value, Value::Event(_))) {
                    true => values,
                    false => unknown(format!("it comes from `{method}`, which is not read")),
                }
            }
            "then_some" => match args.first() {
                Some(arg) => self.eval(frame, *arg),
                None => Vec::new(),
            },
            _ => {
                let values = self.eval(frame, receiver);
                let events: Values = values
                    .iter()
                    .filter_map(|value| match value {
                        Value::Event(path) => Some(Value::Event(join_event(path, &camel(method)))),
                        _ => None,
                    })
                    .collect();
                if !events.is_empty() {
                    return events;
                }
                match facts.ty(id) {
                    Ty::Adt(adt, _) => vec![Value::Instance(*adt)],
                    _ => {
                        let _ = span;
                        unknown(format!("it comes from `{method}`, which is not followed"))
                    }
                }
            }
        }
    }

    /// A closure or fn applied to the receiver of a mapping method.
    fn apply_to(&mut self, frame: &Rc<Frame>, id: ExprId, receiver: ExprId, called: &Values) -> Values {
        let mut values = Vec::new();
        for value in called {
            match value {
                Value::Closure(home, closure) => {
                    values.extend(self.closure_result(home, *closure, frame, &[receiver]));
                }
                Value::FnItem(found) => values.extend(self.call_fn(frame, id, *found)),
                _ => {}
            }
        }
        values
    }

    /// `receiver.unwrap_or(default)` and its lazy twin.
    fn with_default(
        &mut self,
        frame: &Rc<Frame>,
        receiver: ExprId,
        args: &[ExprId],
        id: ExprId,
        lazy: bool,
    ) -> Values {
        let values = self.eval(frame, receiver);
        let mut defaults = Vec::new();
        if let Some(arg) = args.first() {
            defaults = self.eval(frame, *arg);
            if lazy {
                let called = defaults.clone();
                defaults = self.apply(frame, id, &[], &called);
            }
        }
        or_default(values, defaults)
    }
}

/// Methods that give the structure or its builder again.
fn keeps_structure(method: &str) -> bool {
    matches!(
        method,
        "build"
            | "clone"
            | "cloned"
            | "unwrap"
            | "expect"
            | "into"
            | "as_ref"
            | "as_mut"
            | "to_owned"
            | "ok"
            | "borrow"
            | "deref"
            | "iter"
            | "into_iter"
            | "next"
            | "first"
            | "last"
            | "take"
            | "collect"
            | "map_err"
            | "ok_or"
            | "ok_or_else"
            | "context"
            | "with_context"
            | "flatten"
            | "to_vec"
    )
}

fn data_span(_field: &super::ir::FieldDef) -> super::ir::Span {
    super::ir::Span::default()
}

/// Environment variables with these names.
pub(super) fn env_values(names: &Values, span: super::ir::Span) -> Values {
    names
        .iter()
        .map(|name| match name {
            Value::Text(pieces, _) => match pieces.as_slice() {
                [Piece::Literal(name)] => env(name, None, span),
                _ => Value::Unknown("it is an environment variable whose name is computed".to_owned()),
            },
            _ => Value::Unknown("it is an environment variable whose name is not known".to_owned()),
        })
        .collect()
}

/// Values, and what stands in their place where they are not there: the default of environment variables, if it is one
/// text, else more values.
pub(super) fn or_default(values: Values, defaults: Values) -> Values {
    let is_env = |value: &Value| match value {
        Value::Text(pieces, _) => matches!(pieces.as_slice(), [Piece::Env { .. }]),
        Value::Json(_) => true,
        _ => false,
    };
    if let Some(text) = one_literal(&defaults)
        && !values.is_empty()
        && values.iter().all(is_env)
    {
        return values.into_iter().map(|value| add_default(value, text)).collect();
    }
    let mut all = values;
    all.extend(defaults);
    all
}

fn add_default(value: Value, text: &str) -> Value {
    match value {
        Value::Text(mut pieces, origin) => {
            if let [Piece::Env { default, .. }] = pieces.as_mut_slice()
                && default.is_none()
            {
                *default = Some(text.to_owned());
            }
            Value::Text(pieces, origin)
        }
        Value::Json(json) => Value::Json(json.or(text)),
        other => other,
    }
}

/// The text, if it is one literal for sure.
fn one_literal(values: &Values) -> Option<&str> {
    match values.as_slice() {
        [Value::Text(pieces, _)] => match pieces.as_slice() {
            [Piece::Literal(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// `event_source_arn` as `eventSourceArn`.
pub(super) fn camel(name: &str) -> String {
    let pascal = pascal(name);
    let mut chars = pascal.chars();
    chars
        .next()
        .map(|first| first.to_lowercase().collect::<String>() + chars.as_str())
        .unwrap_or_default()
}

/// `event_source_arn` as `EventSourceArn`.
pub(super) fn pascal(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut chars = word.chars();
            chars
                .next()
                .map(|first| first.to_uppercase().collect::<String>() + chars.as_str())
                .unwrap_or_default()
        })
        .collect()
}
