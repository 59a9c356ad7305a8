//! Evaluates expressions; what cannot be told becomes a symbol, never a guess.

use std::rc::Rc;

use super::super::node::Mark;
use super::functions;
use super::module::Mode;
use super::scope::{Bindings, Evaluator};
use super::syntax::{Expr, ExprKind, ForExpr, Operator, Part, Step, outline};
use super::value::{Choice, Kind, MOST_TEXT, Pair, Val};

/// Evaluations within evaluations; names that stand for names that stand for names.
const MOST_DEPTH: usize = 300;

/// Evaluations of one root module.
const MOST_STEPS: usize = 2_000_000;

impl Evaluator<'_, '_> {
    /// The value of an expression in a module.
    pub(super) fn eval(&mut self, scope: usize, expr: &Expr, bindings: &Bindings) -> Val {
        self.steps += 1;
        if self.steps > MOST_STEPS || self.depth > MOST_DEPTH {
            return Val::opaque(&format!("too much to work out: {}", outline(expr)), expr.at);
        }
        self.depth += 1;
        let value = self.eval_kind(scope, expr, bindings);
        self.depth -= 1;
        value
    }

    fn eval_kind(&mut self, scope: usize, expr: &Expr, bindings: &Bindings) -> Val {
        let at = expr.at;
        match &expr.kind {
            ExprKind::Null => Val::null(at),
            ExprKind::Bool(value) => Val::new(Kind::Bool(*value), at),
            ExprKind::Number(value) => Val::new(Kind::Number(*value), at),
            ExprKind::Text(text) => Val::text(text.as_str(), at),
            ExprKind::List(items) => {
                let items = items
                    .iter()
                    .map(|item| self.eval(scope, item, bindings))
                    .collect();
                Val::list(items, at)
            }
            ExprKind::Object(pairs) => self.object(scope, pairs, bindings, at),
            // A text that is nothing but `${…}` is the value in it.
            ExprKind::Template(parts) if matches!(parts.as_slice(), [Part::Value(_)]) => {
                match parts.first() {
                    Some(Part::Value(value)) => self.eval(scope, value, bindings),
                    _ => Val::null(at),
                }
            }
            ExprKind::Template(parts) => match self.template(scope, parts, bindings) {
                Some(text) => Val::text(text, at),
                None => Val::opaque(&outline(expr), at),
            },
            ExprKind::Variable(name) => match bindings.get(name) {
                Some(value) => value.clone(),
                None => Val::opaque(name, at),
            },
            ExprKind::Conditional(parts) => {
                let [condition, then, otherwise] = parts.as_ref();
                let decided = self.eval(scope, condition, bindings);
                match decided.as_bool() {
                    Some(true) => self.eval(scope, then, bindings),
                    Some(false) => self.eval(scope, otherwise, bindings),
                    None => {
                        let then = self.eval(scope, then, bindings);
                        let otherwise = self.eval(scope, otherwise, bindings);
                        choice(outline(condition), then, otherwise, at)
                    }
                }
            }
            ExprKind::Call(name, arguments, spread) => {
                self.call(scope, expr, name, arguments, *spread, bindings)
            }
            ExprKind::Access(base, steps) => self.access(scope, expr, base, steps, bindings),
            ExprKind::Not(value) => match self.eval(scope, value, bindings).as_bool() {
                Some(value) => Val::new(Kind::Bool(!value), at),
                None => Val::opaque(&outline(expr), at),
            },
            ExprKind::Negate(value) => match self.eval(scope, value, bindings).as_number() {
                Some(value) => Val::new(Kind::Number(-value), at),
                None => Val::opaque(&outline(expr), at),
            },
            ExprKind::Binary(operator, sides) => {
                let [left, right] = sides.as_ref();
                self.binary(scope, expr, *operator, left, right, bindings)
            }
            ExprKind::For(made) => self.for_expr(scope, expr, made, bindings),
        }
    }

    fn object(&mut self, scope: usize, written: &[(Expr, Expr)], bindings: &Bindings, at: Mark) -> Val {
        let mut pairs: Vec<Pair> = Vec::new();
        for (key, value) in written {
            let key_value = self.eval(scope, key, bindings);
            let name = key_value
                .as_text()
                .unwrap_or_else(|| format!("${{!{}}}", outline(key)));
            let value = self.eval(scope, value, bindings);
            pairs.retain(|pair| pair.key != name);
            pairs.push(Pair {
                key: name,
                key_at: key.at,
                value,
            });
        }
        Val::map(pairs, at)
    }

    /// The text of a template; `None` where a part has none.
    pub(super) fn template(&mut self, scope: usize, parts: &[Part], bindings: &Bindings) -> Option<String> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value(expr) => {
                    let value = self.eval(scope, expr, bindings);
                    let piece = match value.as_text() {
                        Some(piece) => piece,
                        None => format!("${{!{}}}", outline(expr).replace(['{', '}'], "|")),
                    };
                    text.push_str(&piece);
                }
                Part::If(condition, then, otherwise) => {
                    let holds = self.eval(scope, condition, bindings).as_bool()?;
                    let parts = if holds { then } else { otherwise };
                    text.push_str(&self.template(scope, parts, bindings)?);
                }
                Part::For(made) => {
                    let collection = self.eval(scope, &made.collection, bindings);
                    for (key, value) in entries(&collection)? {
                        let bindings =
                            inner(bindings, made.key_name.as_deref(), &made.value_name, key, value);
                        text.push_str(&self.template(scope, &made.parts, &bindings)?);
                    }
                }
            }
            if text.len() > MOST_TEXT {
                return None;
            }
        }
        Some(text)
    }

    fn for_expr(&mut self, scope: usize, expr: &Expr, made: &ForExpr, bindings: &Bindings) -> Val {
        let collection = self.eval(scope, &made.collection, bindings);
        let Some(entries) = entries(&collection) else {
            return Val::opaque(&outline(&made.collection), expr.at);
        };
        let mut items = Vec::new();
        let mut pairs: Vec<Pair> = Vec::new();
        for (key, value) in entries {
            let bindings = inner(bindings, made.key_name.as_deref(), &made.value_name, key, value);
            if let Some(condition) = &made.condition
                && self.eval(scope, condition, &bindings).as_bool() == Some(false)
            {
                continue;
            }
            let value = self.eval(scope, &made.value, &bindings);
            let Some(key) = &made.key else {
                items.push(value);
                continue;
            };
            let name = self.eval(scope, key, &bindings).as_text().unwrap_or_default();
            match pairs.iter_mut().find(|pair| pair.key == name) {
                Some(pair) if made.grouping => {
                    let grouped = pair.value.items().iter().cloned().chain([value]).collect();
                    pair.value = Val::list(grouped, expr.at);
                }
                Some(pair) => pair.value = value,
                None => pairs.push(Pair {
                    key: name,
                    key_at: key.at,
                    value: if made.grouping {
                        Val::list(vec![value], expr.at)
                    } else {
                        value
                    },
                }),
            }
        }
        if made.key.is_some() {
            Val::map(pairs, expr.at)
        } else {
            Val::list(items, expr.at)
        }
    }

    fn binary(
        &mut self,
        scope: usize,
        expr: &Expr,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        bindings: &Bindings,
    ) -> Val {
        let left = self.eval(scope, left, bindings);
        let right = self.eval(scope, right, bindings);
        let (one, other) = (left.as_number(), right.as_number());
        let numbers = one.zip(other);
        let kind = match operator {
            Operator::Equal => left.equals(&right).map(Kind::Bool),
            Operator::NotEqual => left.equals(&right).map(|same| Kind::Bool(!same)),
            Operator::And => match (left.as_bool(), right.as_bool()) {
                (Some(false), _) | (_, Some(false)) => Some(Kind::Bool(false)),
                (Some(true), Some(true)) => Some(Kind::Bool(true)),
                _ => None,
            },
            Operator::Or => match (left.as_bool(), right.as_bool()) {
                (Some(true), _) | (_, Some(true)) => Some(Kind::Bool(true)),
                (Some(false), Some(false)) => Some(Kind::Bool(false)),
                _ => None,
            },
            Operator::LessEqual => numbers.map(|(one, other)| Kind::Bool(one <= other)),
            Operator::GreaterEqual => numbers.map(|(one, other)| Kind::Bool(one >= other)),
            Operator::Less => numbers.map(|(one, other)| Kind::Bool(one < other)),
            Operator::Greater => numbers.map(|(one, other)| Kind::Bool(one > other)),
            Operator::Plus => numbers.map(|(one, other)| Kind::Number(one + other)),
            Operator::Minus => numbers.map(|(one, other)| Kind::Number(one - other)),
            Operator::Times => numbers.map(|(one, other)| Kind::Number(one * other)),
            Operator::Divide => numbers
                .filter(|(_, other)| *other != 0.0)
                .map(|(one, other)| Kind::Number(one / other)),
            Operator::Modulo => numbers
                .filter(|(_, other)| *other != 0.0)
                .map(|(one, other)| Kind::Number(one % other)),
        };
        match kind {
            Some(kind) => Val::new(kind, expr.at),
            None => Val::opaque(&outline(expr), expr.at),
        }
    }

    fn call(
        &mut self,
        scope: usize,
        expr: &Expr,
        name: &str,
        arguments: &[Expr],
        spread: bool,
        bindings: &Bindings,
    ) -> Val {
        let mut values: Vec<Val> = Vec::new();
        for argument in arguments {
            let value = self.eval(scope, argument, bindings);
            if name == "try" && !failed(&value) {
                return value;
            }
            values.push(value);
        }
        if name == "can" {
            let fails = values.first().is_none_or(failed);
            return Val::new(Kind::Bool(!fails), expr.at);
        }
        if spread && let Some(last) = values.pop() {
            values.extend(last.items().iter().cloned());
        }
        let made = match name {
            "file" | "templatefile" | "fileexists" => self.file_function(scope, name, &values, expr.at),
            _ => functions::call(name, &values, expr.at),
        };
        made.unwrap_or_else(|| Val::opaque(&outline(expr), expr.at))
    }

    /// `file`, `templatefile` and `fileexists`: paths are relative to the root module's folder.
    fn file_function(&mut self, scope: usize, name: &str, values: &[Val], at: Mark) -> Option<Val> {
        let path = values.first()?.as_text()?;
        let dir = self.scopes.first()?.module.dir.clone();
        let path = self.settled(&path);
        if path.contains("${") || path.starts_with('/') {
            return None;
        }
        let file = crate::workspace::cargo::join(&dir, &path);
        if name == "fileexists" {
            return Some(Val::new(Kind::Bool(self.files.exists(&file)), at));
        }
        if !self.files.exists(&file) {
            return None;
        }
        let (text, number) = self.files.text(&file).ok()?;
        let start = Mark {
            line: 1,
            column: 1,
            file: number,
        };
        if name == "file" {
            return Some(Val::text(text, start));
        }
        let parts = super::hcl::parse_template(&text, number).ok()?;
        let bindings: Bindings = values
            .get(1)
            .map(Val::pairs)
            .unwrap_or_default()
            .iter()
            .map(|pair| (pair.key.clone(), pair.value.clone()))
            .collect();
        let made = self.template(scope, &parts, &bindings)?;
        if made.lines().count() == text.lines().count() {
            return Some(Val::text(made, start));
        }
        // Lines of what loops made are none of the file.
        Some(match super::value::from_json(&made, start) {
            Ok(value) => Val::new(Kind::Json(Rc::new(value.placed(start))), start),
            Err(_) => Val::text(made, start),
        })
    }

    /// A text with what the root's variables are unless somebody says otherwise; for paths and look-ups, never for output.
    pub(super) fn settled(&self, text: &str) -> String {
        if !text.contains("${var.") {
            return text.to_owned();
        }
        let mut settled = text.to_owned();
        for (symbol, value) in &self.parameters {
            if let Some(value) = value {
                settled = settled.replace(&format!("${{{symbol}}}"), value);
            }
        }
        settled
    }

    fn access(&mut self, scope: usize, expr: &Expr, base: &Expr, steps: &[Step], bindings: &Bindings) -> Val {
        let (value, rest) = match &base.kind {
            ExprKind::Variable(name) if !bindings.contains_key(name) => {
                let (value, used) = self.named(scope, expr, name, steps);
                (value, steps.get(used..).unwrap_or_default())
            }
            _ => (self.eval(scope, base, bindings), steps),
        };
        let mut value = self.walk(scope, value, rest, bindings);
        // A text that is only mentioned here is edited where it is written; a list or a policy keeps its own places.
        if matches!(value.kind, Kind::Unknown(_) | Kind::Thing(_)) {
            value.at = expr.at;
        }
        value
    }

    /// What the first names of a traversal mean, and how many steps they take.
    fn named(&mut self, scope: usize, expr: &Expr, name: &str, steps: &[Step]) -> (Val, usize) {
        let at = expr.at;
        let step = |index: usize| match steps.get(index) {
            Some(Step::Attribute(name)) => Some(name.as_str()),
            _ => None,
        };
        let unknown = || Val::opaque(&format!("error: {}", outline(expr)), at);
        let (Some(first), second) = (step(0), step(1)) else {
            return (unknown(), steps.len());
        };
        match name {
            "var" => (self.variable(scope, first, at), 1),
            "local" => (self.local(scope, first, at).unwrap_or_else(unknown), 1),
            "path" => {
                let path = match first {
                    "module" => self.scopes.get(scope).map(|scope| scope.path.clone()),
                    "root" | "cwd" => Some(".".to_owned()),
                    _ => None,
                };
                (path.map_or_else(unknown, |path| Val::text(path, at)), 1)
            }
            "terraform" | "tofu" => (Val::unknown(format!("terraform.{first}"), at), 1),
            "each" | "count" | "self" => (Val::opaque(&outline(expr), at), steps.len()),
            "module" => {
                let found = self.thing(scope, Mode::Call, "", first, at);
                (found.unwrap_or_else(unknown), 1)
            }
            "data" => {
                let found = second.and_then(|name| self.thing(scope, Mode::Data, first, name, at));
                (found.unwrap_or_else(unknown), 2)
            }
            kind => {
                let found = self.thing(scope, Mode::Managed, kind, first, at);
                (found.unwrap_or_else(unknown), 1)
            }
        }
    }

    fn walk(&mut self, scope: usize, value: Val, steps: &[Step], bindings: &Bindings) -> Val {
        let mut value = value;
        let mut rest = steps;
        while let Some((step, after)) = rest.split_first() {
            rest = after;
            value = match step {
                Step::Attribute(name) => self.attribute(&value, name),
                Step::Index(index) => {
                    let index = self.eval(scope, index, bindings);
                    self.index(&value, &index)
                }
                Step::Splat => {
                    if value.is_unknown() {
                        return Val::opaque(&format!("{}[*]", shown(&value)), value.at);
                    }
                    let items: Vec<Val> = value.items().to_vec();
                    let items = items
                        .into_iter()
                        .map(|item| self.walk(scope, item, after, bindings))
                        .collect();
                    return Val::list(items, value.at);
                }
            };
        }
        value
    }

    /// `value.name`.
    pub(super) fn attribute(&mut self, value: &Val, name: &str) -> Val {
        let at = value.at;
        match &value.kind {
            Kind::Map(pairs) => match pairs.iter().find(|pair| pair.key == name) {
                Some(pair) => pair.value.clone(),
                None => Val::opaque(&format!("error: no `{name}`"), at),
            },
            Kind::Thing(thing) => {
                let thing = Rc::clone(thing);
                self.attribute_of(&thing, name, at)
            }
            Kind::Unknown(symbol) => Val::unknown(format!("{symbol}.{name}"), at),
            Kind::Choice(made) => {
                let made = Rc::clone(made);
                let then = self.attribute(&made.then, name);
                let otherwise = self.attribute(&made.otherwise, name);
                choice(made.condition.clone(), then, otherwise, at)
            }
            Kind::List(items) if name.parse::<usize>().is_ok() => {
                let index = name.parse().unwrap_or(usize::MAX);
                items
                    .get(index)
                    .cloned()
                    .unwrap_or_else(|| Val::opaque("error: no such item", at))
            }
            _ => Val::opaque(&format!("error: no `{name}`"), at),
        }
    }

    /// `value[index]`.
    fn index(&mut self, value: &Val, index: &Val) -> Val {
        let at = value.at;
        match &value.kind {
            Kind::List(items) => {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a place in a list"
                )]
                let found = index
                    .as_number()
                    .filter(|number| *number >= 0.0)
                    .and_then(|number| items.get(number as usize));
                let missing = || {
                    if index.is_unknown() {
                        Val::opaque(&format!("[{}]", shown(index)), at)
                    } else {
                        Val::opaque("error: no such item", at)
                    }
                };
                found.cloned().unwrap_or_else(missing)
            }
            Kind::Map(pairs) => {
                let key = index.as_text().unwrap_or_default();
                let settled = self.settled(&key);
                let found = pairs.iter().find(|pair| pair.key == key || pair.key == settled);
                match found {
                    Some(pair) => pair.value.clone(),
                    None if key.contains("${") => Val::opaque(&format!("[{key}]"), at),
                    None => Val::opaque(&format!("error: no `{key}`"), at),
                }
            }
            Kind::Unknown(symbol) => {
                let index = index.as_text().unwrap_or_default().replace(['{', '}'], "|");
                Val::unknown(format!("{symbol}[{index}]"), at)
            }
            // One instance whose number nobody knows stands for each of them.
            Kind::Thing(_) => value.clone(),
            Kind::Choice(made) => {
                let made = Rc::clone(made);
                let then = self.index(&made.then, index);
                let otherwise = self.index(&made.otherwise, index);
                choice(made.condition.clone(), then, otherwise, at)
            }
            _ => Val::opaque("error: no such item", at),
        }
    }
}

/// One of two values; the value itself where both are the same, or where the other one cannot be.
fn choice(condition: String, then: Val, otherwise: Val, at: Mark) -> Val {
    if then.equals(&otherwise) == Some(true) || failed(&otherwise) {
        return then;
    }
    if failed(&then) {
        return otherwise;
    }
    let made = Choice {
        condition,
        then,
        otherwise,
    };
    Val::new(Kind::Choice(Rc::new(made)), at)
}

/// Whether Terraform would stop with an error here.
pub(super) fn failed(value: &Val) -> bool {
    matches!(&value.kind, Kind::Unknown(symbol) if symbol.starts_with("!error"))
}

fn shown(value: &Val) -> String {
    value
        .as_text()
        .unwrap_or_default()
        .replace("${", "")
        .replace(['{', '}'], "")
}

/// Keys and values of a collection.
fn entries(value: &Val) -> Option<Vec<(Val, Val)>> {
    match &value.kind {
        #[allow(clippy::cast_precision_loss, reason = "no list is that long")]
        Kind::List(items) => Some(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| (Val::new(Kind::Number(index as f64), item.at), item.clone()))
                .collect(),
        ),
        Kind::Map(pairs) => Some(
            pairs
                .iter()
                .map(|pair| (Val::text(pair.key.as_str(), pair.key_at), pair.value.clone()))
                .collect(),
        ),
        Kind::Null => Some(Vec::new()),
        Kind::Choice(choice) => {
            // What may be there is taken as there; its statements are not known to be conditional then.
            let mut both = entries(&choice.then)?;
            both.extend(entries(&choice.otherwise)?);
            Some(both)
        }
        _ => None,
    }
}

fn inner(bindings: &Bindings, key_name: Option<&str>, value_name: &str, key: Val, value: Val) -> Bindings {
    let mut inner = bindings.clone();
    if let Some(name) = key_name {
        inner.insert(name.to_owned(), key);
    }
    inner.insert(value_name.to_owned(), value);
    inner
}
