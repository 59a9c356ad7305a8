//! What an operation's response names: the same thing as the input of that call, where the member says so.
//!
//! A member of a response is traced back to the call that gave it; where it cannot be (it came through another fn), every
//! reached call of the operation counts. What the member is, the catalogue says (`[[returned]]`), or its name: a member
//! called like an input is that input.

use std::rc::Rc;

use crate::catalog::Returned;

use super::facts::{Callee, Facts, Proj, Source};
use super::ir::{Body, ExprId, ExprKind, Name, Span};
use super::value::{Evaluator, Frame, Value, Values, concat, literal, unknown};
use super::world::SdkId;

/// Steps from a value back to the member of the response that it is.
const MAX_STEPS: usize = 40;

/// A part of a response: the member, where it is taken from, and what stands in its place if it is not there.
struct Part {
    member: Name,
    base: ExprId,
    defaults: Vec<ExprId>,
}

/// A call of the operation whose response is asked for.
struct Asked {
    frame: Rc<Frame>,
    site: ExprId,
}

impl<'x> Evaluator<'x, '_> {
    /// Something that an operation's response gives.
    pub(super) fn response(
        &mut self,
        frame: &Rc<Frame>,
        facts: &'x Facts,
        id: ExprId,
        sdk: SdkId,
        op: &Name,
    ) -> Values {
        let part = facts
            .body
            .as_deref()
            .and_then(|body| part_of_response(facts, body, id));
        if let Some(part) = part
            && let Some(mut values) = self.named_by_response(frame, facts, sdk, op, &part)
        {
            for default in part.defaults {
                values.extend(self.eval(frame, default));
            }
            return values;
        }
        let whole = facts.body.as_deref().map(|body| (body, given_as_it_is(body, id)));
        if let Some((body, whole)) = whole {
            if facts.local_of.contains_key(&whole) {
                return self.path(frame, facts, whole);
            }
            if whole != id && is_branch(&body.expr(whole).kind) {
                return self.eval(frame, whole);
            }
        }
        let sdk = &self.scanned.world.sdks[sdk];
        let name = sdk
            .service
            .and_then(|service| service.operation_of_method(op))
            .map_or_else(|| op.to_string(), |operation| operation.id().to_string());
        unknown(format!("it comes from the response of {name}"))
    }

    /// What a member of a response must be by the inputs of the call; `None` if they do not tell.
    fn named_by_response(
        &mut self,
        frame: &Rc<Frame>,
        facts: &'x Facts,
        sdk: SdkId,
        op: &Name,
        part: &Part,
    ) -> Option<Values> {
        let service = self.scanned.world.sdks[sdk].service;
        let operation = service.and_then(|service| service.operation_of_method(op))?;
        let mut told = operation.returned(&part.member).to_vec();
        if told.is_empty() {
            match operation.member_of_setter(&part.member) {
                Some(same) if !is_place_in_list(&part.member) => {
                    told.push(vec![Returned::Input(same.name().to_owned())]);
                }
                _ => return None,
            }
        }
        let setter_of = |input: &str| {
            let member = operation.input().and_then(|shape| shape.member(input));
            member.map(|member| member.setter())
        };
        let mut values = Vec::new();
        for asked in self.asked(frame, facts, sdk, op, part.base) {
            let spelled = told
                .iter()
                .find_map(|parts| self.spell_returned(&asked, parts, setter_of))?;
            values.extend(spelled);
        }
        // What goes round, from the response into the next call, adds nothing to what went in first.
        (!values.is_empty() || self.is_cut()).then_some(values)
    }

    /// The calls that can have given a response: the one in the same fn, if it is seen, else all that are reached.
    fn asked(&self, frame: &Rc<Frame>, facts: &Facts, sdk: SdkId, op: &Name, base: ExprId) -> Vec<Asked> {
        let own = facts
            .body
            .as_deref()
            .and_then(|body| site_of_response(facts, body, base));
        if let Some(site) = own {
            return vec![Asked {
                frame: frame.clone(),
                site,
            }];
        }
        let mut found = Vec::new();
        for id in self.reach.fns.keys() {
            let sites = self.facts(*id).into_iter().flat_map(|facts| &facts.sites);
            for site in sites.filter(|site| site.sdk == sdk && site.operation == *op) {
                found.push(Asked {
                    frame: Frame::any_caller(*id),
                    site: site.expr,
                });
            }
        }
        found
    }

    /// The text of a returned member, if the call sets all inputs that it is made of.
    fn spell_returned(
        &mut self,
        asked: &Asked,
        parts: &[Returned],
        setter_of: impl Fn(&str) -> Option<String>,
    ) -> Option<Values> {
        let facts = self.facts(asked.frame.id)?;
        let body = facts.body.as_deref()?;
        let span = body.expr(asked.site).span;
        let mut spelled: Vec<Values> = Vec::new();
        for part in parts {
            spelled.push(match part {
                Returned::Text(text) => literal(text, Span::default()),
                Returned::Unknown => unknown("the service makes it up"),
                Returned::Input(input) => {
                    match given_to(facts, body, asked.site, &setter_of(input)?)? {
                        (_, [arg]) => self.eval(&asked.frame, *arg),
                        // An entry of a map, key and value.
                        (setter, _) => vec![Value::Object(asked.frame.clone(), setter)],
                    }
                }
            });
        }
        match spelled.as_slice() {
            [whole] => Some(whole.clone()),
            // Without a value of the input nothing is told of the whole.
            parts if parts.iter().any(Vec::is_empty) => None,
            parts => Some(with_origin_of_inputs(concat(parts, span), parts)),
        }
    }
}

/// A text made of others comes from where its only input comes from.
fn with_origin_of_inputs(values: Values, parts: &[Values]) -> Values {
    let mut origins = parts.iter().flatten().filter_map(|value| match value {
        Value::Text(pieces, Some(span)) if span.line > 0 && !pieces.is_empty() => Some(*span),
        _ => None,
    });
    let (only, another) = (origins.next(), origins.next());
    match (only, another) {
        (Some(origin), None) => values
            .into_iter()
            .map(|value| match value {
                Value::Text(pieces, _) => Value::Text(pieces, Some(origin)),
                other => other,
            })
            .collect(),
        _ => values,
    }
}

/// The call of a setter in the chain behind a site, and its arguments.
fn given_to<'b>(facts: &Facts, body: &'b Body, site: ExprId, setter: &str) -> Option<(ExprId, &'b [ExprId])> {
    let mut given = None;
    let mut at = site;
    for _ in 0..MAX_STEPS {
        let Some(next) = facts.next.get(&at) else { break };
        if let ExprKind::Method { method, args, .. } = &body.expr(*next).kind
            && method.strip_prefix("set_").unwrap_or(method) == setter
        {
            given = (!args.is_empty()).then_some((*next, args.as_slice()));
        }
        at = *next;
    }
    given
}

/// The site whose response a value is, or is a part of, within one fn.
fn site_of_response(facts: &Facts, body: &Body, from: ExprId) -> Option<ExprId> {
    let mut at = from;
    for _ in 0..MAX_STEPS {
        if facts.sites.iter().any(|site| site.expr == at) {
            return Some(at);
        }
        let ours = |callee: &Callee| matches!(callee, Callee::Fn(_) | Callee::Virtual(..));
        if facts.targets(at).iter().any(ours) {
            return None;
        }
        at = match &body.expr(at).kind {
            ExprKind::Same(inner) => *inner,
            ExprKind::Field { base, .. } => *base,
            ExprKind::Method { receiver, .. } => *receiver,
            ExprKind::Path(_) => match facts.local(at)?.sources.as_slice() {
                [Source::Expr(value, _)] => *value,
                _ => return None,
            },
            _ => return None,
        };
    }
    None
}

/// What a value is before `?`, `unwrap` and their like.
fn given_as_it_is(body: &Body, id: ExprId) -> ExprId {
    let mut at = id;
    for _ in 0..MAX_STEPS {
        at = match &body.expr(at).kind {
            ExprKind::Same(inner) => *inner,
            ExprKind::Method { receiver, method, .. } if gives_the_same(method) => *receiver,
            _ => break,
        };
    }
    at
}

/// Whether the values of an expression are those of others that are seen.
pub(super) fn is_branch(kind: &ExprKind) -> bool {
    matches!(
        kind,
        ExprKind::Block { .. } | ExprKind::If { .. } | ExprKind::Match { .. } | ExprKind::Call { .. }
    )
}

/// Methods that give what they are called on.
fn gives_the_same(method: &str) -> bool {
    matches!(
        method,
        "unwrap"
            | "expect"
            | "to_string"
            | "to_owned"
            | "into"
            | "clone"
            | "cloned"
            | "as_str"
            | "as_deref"
            | "as_ref"
            | "ok_or"
            | "ok_or_else"
            | "context"
            | "with_context"
            | "map_err"
            | "unwrap_or_default"
            | "filter"
            | "take"
    )
}

/// The member that a part of a response is: the last name on the way to it.
fn part_of_response(facts: &Facts, body: &Body, id: ExprId) -> Option<Part> {
    let mut defaults = Vec::new();
    let mut at = id;
    for _ in 0..MAX_STEPS {
        let part = |member: &Name, base: ExprId, defaults: &mut Vec<ExprId>| {
            Some(Part {
                member: member.clone(),
                base,
                defaults: std::mem::take(defaults),
            })
        };
        match &body.expr(at).kind {
            ExprKind::Same(inner) => at = *inner,
            ExprKind::Field { base, name } => return part(name, *base, &mut defaults),
            ExprKind::Method {
                receiver,
                method,
                args,
                ..
            } => match (&**method, args.as_slice()) {
                (same, _) if gives_the_same(same) => at = *receiver,
                ("unwrap_or", [default]) => {
                    defaults.push(*default);
                    at = *receiver;
                }
                ("map" | "and_then", [mapped]) => match mapped_member(facts, body, *mapped) {
                    Some(Some(member)) => return part(&member, *receiver, &mut defaults),
                    Some(None) => at = *receiver,
                    None => return None,
                },
                (_, []) => return part(method, *receiver, &mut defaults),
                _ => return None,
            },
            ExprKind::Path(_) => match facts.local(at)?.sources.as_slice() {
                [Source::Expr(value, projs)] => match projs.last() {
                    Some(Proj::Field(name)) => return part(name, *value, &mut defaults),
                    Some(_) => return None,
                    None => at = *value,
                },
                _ => return None,
            },
            _ => return None,
        }
    }
    None
}

/// What `map(…)` takes of a part of a response: a member, or the part as it is (`None` inside); `None` if it is something
/// else.
fn mapped_member(facts: &Facts, body: &Body, mapped: ExprId) -> Option<Option<Name>> {
    match &body.expr(mapped).kind {
        // `String::from`, `ToOwned::to_owned`, `TableDescription::table_arn`.
        ExprKind::Path(path) => {
            let last = path.segments.last()?.name.clone();
            let same = ["from", "to_owned", "to_string", "into", "clone", "to_str"];
            Some((!same.contains(&&*last)).then_some(last))
        }
        ExprKind::Closure { body: inner, .. } => {
            let mut at = *inner;
            for _ in 0..MAX_STEPS {
                at = match &body.expr(at).kind {
                    ExprKind::Same(inner) => *inner,
                    ExprKind::Field { name, .. } => return Some(Some(name.clone())),
                    ExprKind::Method {
                        receiver,
                        method,
                        args,
                        ..
                    } if args.is_empty() => match &**method {
                        "to_string" | "to_owned" | "into" | "clone" | "as_str" | "as_deref" | "as_ref"
                        | "unwrap" | "unwrap_or_default" => *receiver,
                        _ => return Some(Some(method.clone())),
                    },
                    ExprKind::Path(_) => {
                        let parameter = matches!(
                            facts.local(at)?.sources.as_slice(),
                            [Source::ClosureParam(closure, 0, projs)] if *closure == mapped && projs.is_empty()
                        );
                        return parameter.then_some(None);
                    }
                    _ => return None,
                };
            }
            None
        }
        _ => None,
    }
}

/// Members that say where a list goes on, which is another place in the response than in the input.
fn is_place_in_list(member: &str) -> bool {
    ["token", "marker", "start", "max", "limit", "position"]
        .iter()
        .any(|word| member.contains(word))
}
