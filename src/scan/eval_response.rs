//! What an operation's response names: the same thing as the input of that call, where the member says so.

use crate::usage::Piece;

use super::facts::{Facts, Proj, Source};
use super::ir::{Body, ExprId, ExprKind, Name};
use super::value::{Evaluator, Frame, Value, Values, push_piece, unknown};
use super::world::{FnId, SdkId};

/// Steps from a value back to the member of the response that it is.
const MAX_STEPS: usize = 40;

/// Members of responses that hold an address of what the input names: SDK crate, operation's method, member, input.
/// The address ends in `/` and the name (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html>).
const ADDRESSES: &[(&str, &str, &str, &str)] = &[
    ("aws-sdk-sqs", "get_queue_url", "queue_url", "queue_name"),
    ("aws-sdk-sqs", "create_queue", "queue_url", "queue_name"),
];

impl<'x> Evaluator<'x, '_> {
    /// Something that an operation's response gives.
    pub(super) fn response(&mut self, facts: &'x Facts, id: ExprId, sdk: SdkId, op: &Name) -> Values {
        let member = facts
            .body
            .as_deref()
            .and_then(|body| member_of_response(facts, body, id));
        if let Some(member) = member {
            let values = self.named_by_response(sdk, op, &member);
            if !values.is_empty() {
                return values;
            }
        }
        let sdk = &self.scanned.world.sdks[sdk];
        let name = sdk
            .service
            .and_then(|service| service.operation_of_method(op))
            .map_or_else(|| op.to_string(), |operation| operation.id().to_string());
        unknown(format!("it comes from the response of {name}"))
    }

    /// What a member of a response must be by the inputs of every reached call of the operation; nothing if they do not
    /// tell.
    fn named_by_response(&mut self, sdk: SdkId, op: &Name, member: &str) -> Values {
        let data = &self.scanned.world.sdks[sdk];
        let address = ADDRESSES
            .iter()
            .find(|(package, method, told, _)| (*package, *method, *told) == (&*data.package, &**op, member));
        let setter = match address {
            Some((.., input)) => *input,
            None => {
                let operation = data.service.and_then(|service| service.operation_of_method(op));
                let same = operation.and_then(|operation| operation.member_of_setter(member));
                if same.is_none() || is_place_in_list(member) {
                    return Vec::new();
                }
                member
            }
        };
        let mut values = Vec::new();
        for (caller, args) in self.given_to(sdk, op, setter) {
            let Some(arg) = args else { return Vec::new() };
            values.extend(self.eval(&Frame::any_caller(caller), arg));
        }
        match address {
            Some(_) => values.into_iter().map(address_of).collect(),
            None => values,
        }
    }

    /// The argument of a setter in the chain of each reached call of an operation.
    fn given_to(&self, sdk: SdkId, op: &Name, setter: &str) -> Vec<(FnId, Option<ExprId>)> {
        let mut found = Vec::new();
        for id in self.reach.fns.keys() {
            let Some((facts, body)) = self
                .facts(*id)
                .and_then(|facts| Some((facts, facts.body.as_deref()?)))
            else {
                continue;
            };
            for site in &facts.sites {
                if site.sdk != sdk || site.operation != *op {
                    continue;
                }
                let mut given = None;
                let mut at = site.expr;
                for _ in 0..MAX_STEPS {
                    let Some(next) = facts.next.get(&at) else { break };
                    if let ExprKind::Method { method, args, .. } = &body.expr(*next).kind
                        && method.strip_prefix("set_").unwrap_or(method) == setter
                    {
                        given = args.first().copied();
                    }
                    at = *next;
                }
                found.push((*id, given));
            }
        }
        found
    }
}

/// The member that a part of a response is: the last name on the way to it.
fn member_of_response(facts: &Facts, body: &Body, id: ExprId) -> Option<Name> {
    let mut at = id;
    for _ in 0..MAX_STEPS {
        match &body.expr(at).kind {
            ExprKind::Same(inner) => at = *inner,
            ExprKind::Field { name, .. } => return Some(name.clone()),
            ExprKind::Method {
                receiver,
                method,
                args,
                ..
            } => match &**method {
                "unwrap" | "expect" | "to_string" | "to_owned" | "into" | "clone" | "cloned" | "as_str"
                | "as_deref" | "as_ref" | "ok_or" | "ok_or_else" | "context" | "with_context" | "map_err"
                | "unwrap_or_default" => at = *receiver,
                _ if args.is_empty() => return Some(method.clone()),
                _ => return None,
            },
            ExprKind::Path(_) => match facts.local(at)?.sources.as_slice() {
                [Source::Expr(value, projs)] => match projs.last() {
                    Some(Proj::Field(name)) => return Some(name.clone()),
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

/// Members that say where a list goes on, which is another place in the response than in the input.
fn is_place_in_list(member: &str) -> bool {
    ["token", "marker", "start", "max", "limit", "position"]
        .iter()
        .any(|word| member.contains(word))
}

/// The address that ends in a name.
fn address_of(name: Value) -> Value {
    match name {
        Value::Text(pieces, origin) => {
            let mut address = vec![Piece::Hole("it is the address in front of the name".to_owned())];
            push_piece(&mut address, Piece::Literal("/".to_owned()));
            for piece in pieces {
                push_piece(&mut address, piece);
            }
            Value::Text(address, origin)
        }
        other => other,
    }
}
