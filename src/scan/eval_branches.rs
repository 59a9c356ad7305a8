//! Evaluation of branches that decide on an environment variable, and of texts joined from lists.

use std::rc::Rc;

use crate::usage::Piece;

use super::eval_config::or_default;
use super::facts::{Facts, Source};
use super::ir::{Body, ExprId, ExprKind, Pat, PatId, Span};
use super::value::{Evaluator, Frame, Value, Values, concat};

impl<'x> Evaluator<'x, '_> {
    /// `match env::var(…) { Ok(found) => found, Err(_) => default }`: the variable and its default. `None` if it is not that.
    pub(super) fn variable_or_other_arm(
        &mut self,
        frame: &Rc<Frame>,
        body: &'x Body,
        scrutinee: ExprId,
        arms: &[(PatId, Option<ExprId>, ExprId)],
    ) -> Option<Values> {
        let [(first, None, one), (second, None, other)] = arms else {
            return None;
        };
        let (present, absent) = match (
            binds_what_is_there(body, *first),
            binds_what_is_there(body, *second),
        ) {
            (true, false) if takes_what_is_not_there(body, *second) => (*one, *other),
            (false, true) if takes_what_is_not_there(body, *first) => (*other, *one),
            _ => return None,
        };
        self.variable_or(frame, scrutinee, present, absent)
    }

    /// `if let Ok(found) = env::var(…) { found } else { default }`, the same way.
    pub(super) fn variable_or_else(
        &mut self,
        frame: &Rc<Frame>,
        body: &'x Body,
        cond: ExprId,
        then: ExprId,
        els: Option<ExprId>,
    ) -> Option<Values> {
        let ExprKind::Let { pat, expr } = &body.expr(body.peel(cond)).kind else {
            return None;
        };
        if !binds_what_is_there(body, *pat) {
            return None;
        }
        self.variable_or(frame, *expr, then, els?)
    }

    /// The variable that `asked` is, if `present` is that variable as it is; with `absent` as its default.
    fn variable_or(
        &mut self,
        frame: &Rc<Frame>,
        asked: ExprId,
        present: ExprId,
        absent: ExprId,
    ) -> Option<Values> {
        let variables = self.eval(frame, asked);
        let is_variable = |value: &Value| match value {
            Value::Text(pieces, _) => matches!(pieces.as_slice(), [Piece::Env { .. }]),
            _ => false,
        };
        if variables.is_empty() || !variables.iter().all(is_variable) {
            return None;
        }
        if self.eval(frame, present) != variables {
            return None;
        }
        let defaults = self.eval(frame, absent);
        Some(or_default(variables, defaults))
    }

    /// `[a, b].concat()` and `[a, b].join(separator)` of a list whose parts are all written where it is made. `None` for
    /// other lists.
    pub(super) fn joined(
        &mut self,
        frame: &Rc<Frame>,
        facts: &'x Facts,
        list: ExprId,
        args: &[ExprId],
        span: Span,
    ) -> Option<Values> {
        let body = facts.body.as_deref()?;
        let mut list = body.peel(list);
        if let Some(local) = facts.local(list) {
            let [Source::Expr(value, projs)] = local.sources.as_slice() else {
                return None;
            };
            list = body.peel(*value);
            if !projs.is_empty() {
                return None;
            }
        }
        let ExprKind::Array(parts) = &body.expr(list).kind else {
            return None;
        };
        // `["x"; 3]` is written once, too.
        if parts.len() < 2 {
            return None;
        }
        let mut texts: Vec<Values> = Vec::new();
        for part in parts {
            if let (Some(separator), false) = (args.first(), texts.is_empty()) {
                texts.push(self.eval(frame, *separator));
            }
            texts.push(self.eval(frame, *part));
        }
        Some(concat(&texts, span))
    }
}

/// `Ok(name)` and `Some(name)`.
fn binds_what_is_there(body: &Body, pat: PatId) -> bool {
    match body.pat(pat) {
        Pat::Same(inner, _) => binds_what_is_there(body, *inner),
        Pat::TupleStruct(path, parts) => match parts.as_slice() {
            [(_, part)] => matches!(path.last_name(), "Ok" | "Some") && is_name(body, *part),
            _ => false,
        },
        _ => false,
    }
}

fn is_name(body: &Body, pat: PatId) -> bool {
    match body.pat(pat) {
        Pat::Same(inner, _) => is_name(body, *inner),
        Pat::Bind(name, None) => !name.starts_with(char::is_uppercase),
        _ => false,
    }
}

/// `Err(…)` whatever it says, `None`, `_`.
fn takes_what_is_not_there(body: &Body, pat: PatId) -> bool {
    match body.pat(pat) {
        Pat::Same(inner, _) => takes_what_is_not_there(body, *inner),
        Pat::Any => true,
        Pat::Bind(name, None) => &**name == "None",
        Pat::TupleStruct(path, _) => path.last_name() == "Err",
        _ => false,
    }
}
