//! Under whose credentials a client acts: its value is followed back to the configuration that it was made from, and
//! that to the provider of its credentials.
//!
//! Only what is surely made from an assumed role counts as somebody else's; whatever cannot be followed is the
//! function's own.

use std::collections::BTreeSet;

use super::facts::{Callee, Facts, Source};
use super::ir::{ExprId, ExprKind, Span};
use super::types::Ty;
use super::value::Evaluator;
use super::world::{FnId, World};

/// Expressions looked at for one client.
const MAX_STEPS: usize = 2_000;

/// Whose credentials a client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// The function's role.
    Own,
    /// A role that is assumed; where its gap stands.
    Role(Span),
    /// Nobody can tell.
    Unknown,
}

/// The assumed roles that the client `expr` of `id` surely acts under: where their gaps stand. Empty if it may act under
/// the function's own role.
pub fn assumed_roles(evaluator: &Evaluator<'_, '_>, id: FnId, expr: ExprId) -> BTreeSet<Span> {
    let mut walk = Walk {
        evaluator,
        visited: BTreeSet::new(),
        found: BTreeSet::new(),
        provider: None,
    };
    walk.expr(id, expr);
    let roles: Option<BTreeSet<Span>> = walk
        .found
        .iter()
        .map(|who| match who {
            Who::Role(span) => Some(*span),
            _ => None,
        })
        .collect();
    roles.unwrap_or_default()
}

/// Whether any reached code makes credentials of an assumed role at all.
pub fn has_roles(facts: &Facts) -> bool {
    facts.gaps.iter().any(|gap| gap.code == "assumed-role")
}

struct Walk<'e, 'x, 'a> {
    evaluator: &'e Evaluator<'x, 'a>,
    visited: BTreeSet<(FnId, ExprId, Option<Span>)>,
    found: BTreeSet<Who>,
    /// The `credentials_provider(…)` whose argument is being followed.
    provider: Option<Span>,
}

impl Walk<'_, '_, '_> {
    fn world(&self) -> &World<'_> {
        self.evaluator.scanned.world
    }

    fn lost(&mut self) {
        self.found.insert(Who::Unknown);
    }

    fn expr(&mut self, id: FnId, expr: ExprId) {
        if !self.visited.insert((id, expr, self.provider)) {
            return;
        }
        if self.visited.len() > MAX_STEPS {
            return self.lost();
        }
        let evaluator = self.evaluator;
        let Some(facts) = evaluator.facts(id) else {
            return self.lost();
        };
        let Some(body) = facts.body.as_deref() else {
            return self.lost();
        };
        match &body.expr(expr).kind {
            ExprKind::Same(inner) | ExprKind::Cast(inner, _) | ExprKind::Index(inner, _) => {
                self.expr(id, *inner)
            }
            ExprKind::Path(_) => self.path(id, facts, expr),
            ExprKind::Field { base, name } => self.field(id, facts, *base, name),
            ExprKind::Method {
                receiver,
                method,
                args,
                ..
            } => {
                if let ("credentials_provider" | "set_credentials_provider", [given]) =
                    (&**method, args.as_slice())
                {
                    let span = body.expr(expr).span;
                    return self.provided(id, *given, span);
                }
                let ours = self.callees(facts.targets(expr));
                if ours.is_empty() {
                    self.expr(id, *receiver);
                    for arg in args {
                        if matches!(body.expr(body.peel(*arg)).kind, ExprKind::Closure { .. })
                            || facts.ty(*arg).is_interesting()
                        {
                            self.expr(id, *arg);
                        }
                    }
                }
                ours.into_iter().for_each(|callee| self.returned(callee));
            }
            ExprKind::Call { callee, args } => self.call(id, facts, expr, *callee, args),
            ExprKind::Block { tail, .. } => {
                tail.iter().for_each(|tail| self.expr(id, *tail));
                let early = facts.inner_returns.get(&expr).into_iter().flatten();
                early.for_each(|early| self.expr(id, *early));
            }
            ExprKind::If { then, els, .. } => {
                self.expr(id, *then);
                els.iter().for_each(|els| self.expr(id, *els));
            }
            ExprKind::Match { arms, .. } => arms.iter().for_each(|(_, _, value)| self.expr(id, *value)),
            ExprKind::Closure { body, .. } => self.expr(id, *body),
            ExprKind::Array(parts) | ExprKind::Tuple(parts) | ExprKind::AnyOf(parts) => {
                parts.iter().for_each(|part| self.expr(id, *part));
            }
            ExprKind::Return(_) | ExprKind::Break(_) | ExprKind::Never(_) => {}
            ExprKind::Str(_) | ExprKind::Lit(_) | ExprKind::CompileEnv(_) | ExprKind::Format(_) => {}
            _ => self.lost(),
        }
    }

    /// The argument of `credentials_provider(…)`.
    fn provided(&mut self, id: FnId, given: ExprId, span: Span) {
        let before = (std::mem::take(&mut self.found), self.provider.replace(span));
        self.expr(id, given);
        if self.found.is_empty() {
            self.lost();
        }
        self.found.extend(before.0);
        self.provider = before.1;
    }

    fn callees(&self, targets: &[Callee]) -> Vec<FnId> {
        targets
            .iter()
            .flat_map(|target| match target {
                Callee::Fn(id) => vec![*id],
                Callee::Virtual(of_trait, name) => self.evaluator.implementations(*of_trait, name),
                _ => Vec::new(),
            })
            .collect()
    }

    fn returned(&mut self, id: FnId) {
        let Some(facts) = self.evaluator.facts(id) else {
            return self.lost();
        };
        let Some(body) = facts.body.as_deref() else {
            return self.lost();
        };
        self.expr(id, body.root);
        facts.returns.iter().for_each(|early| self.expr(id, *early));
    }

    fn call(&mut self, id: FnId, facts: &Facts, expr: ExprId, callee: ExprId, args: &[ExprId]) {
        let targets = facts.targets(expr);
        let ours = self.callees(targets);
        if !ours.is_empty() {
            return ours.into_iter().for_each(|callee| self.returned(callee));
        }
        let makes_client = targets
            .iter()
            .any(|target| matches!(target, Callee::Sdk(Ty::Client(_), _)));
        if makes_client {
            // A client whose configuration names no provider has the function's credentials.
            let before = std::mem::take(&mut self.found);
            args.iter().for_each(|arg| self.expr(id, *arg));
            if self.found.is_empty() {
                self.found.insert(Who::Own);
            }
            self.found.extend(before);
            return;
        }
        if let Some(place) = self.provider
            && let Some(who) = self.provider_call(facts, expr, args, place)
        {
            self.found.insert(who);
            return;
        }
        if targets.is_empty() {
            self.expr(id, callee);
        }
        args.iter().for_each(|arg| self.expr(id, *arg));
    }

    /// What a call on the way to a provider makes.
    fn provider_call(&self, facts: &Facts, expr: ExprId, args: &[ExprId], place: Span) -> Option<Who> {
        let assumes = facts
            .sites
            .iter()
            .find(|site| site.expr == expr && site.library.is_some() && &*site.operation == "assume_role");
        if let Some(site) = assumes {
            return Some(Who::Role(site.span));
        }
        let name = facts.targets(expr).iter().find_map(|target| match target {
            Callee::External(path) => path.last().cloned(),
            Callee::Sdk(_, name) => Some(name.clone()),
            _ => None,
        })?;
        let from_sts = args.iter().any(|arg| self.is_of_assumed_role(facts, *arg));
        match &*name {
            "new" | "from_keys" if from_sts => Some(Who::Role(place)),
            "from_keys" => Some(Who::Unknown),
            "default_provider" => Some(Who::Own),
            _ if args.is_empty() => Some(Who::Unknown),
            _ => None,
        }
    }

    /// Whether a value is part of the answer of an `AssumeRole` call.
    fn is_of_assumed_role(&self, facts: &Facts, expr: ExprId) -> bool {
        let world = self.world();
        let is_sts = |ty: &Ty| match ty {
            Ty::Response(sdk, op) => {
                world.sdks[*sdk].package == "aws-sdk-sts" && op.starts_with("assume_role")
            }
            Ty::SdkType(sdk, name) => world.sdks[*sdk].package == "aws-sdk-sts" && &**name == "Credentials",
            _ => false,
        };
        let Some(body) = facts.body.as_deref() else {
            return false;
        };
        let mut at = expr;
        for _ in 0..40 {
            if is_sts(facts.ty(at)) {
                return true;
            }
            at = match &body.expr(at).kind {
                ExprKind::Same(inner) | ExprKind::Cast(inner, _) => *inner,
                ExprKind::Method { receiver, .. } => *receiver,
                ExprKind::Field { base, .. } => *base,
                ExprKind::Path(_) => match facts.local(at).map(|local| local.sources.as_slice()) {
                    Some([Source::Expr(value, _)]) => *value,
                    _ => return false,
                },
                _ => return false,
            };
        }
        false
    }

    fn path(&mut self, id: FnId, facts: &Facts, expr: ExprId) {
        if let Some(local) = facts.local(expr) {
            if local.sources.is_empty() {
                self.lost();
            }
            for source in &local.sources {
                match source {
                    Source::Expr(value, _) => self.expr(id, *value),
                    Source::Param(position, _) => self.parameter(id, *position),
                    Source::Element(parts) => parts.iter().for_each(|part| self.expr(id, *part)),
                    Source::ClosureParam(..) => self.lost(),
                    Source::Entry(_) | Source::Appended(..) | Source::Filled => {}
                }
            }
            return;
        }
        let targets = facts.targets(expr).to_vec();
        for target in &targets {
            match target {
                Callee::Fn(found) => {
                    self.returned(*found);
                    for (home, put) in self.evaluator.statics.get(found).cloned().unwrap_or_default() {
                        self.expr(home, put);
                    }
                }
                Callee::External(path) if path.last().is_some_and(|last| &**last == "None") => {
                    self.found.insert(Who::Own);
                }
                _ => self.lost(),
            }
        }
        if targets.is_empty() {
            self.lost();
        }
    }

    fn field(&mut self, id: FnId, facts: &Facts, base: ExprId, name: &super::ir::Name) {
        let Ty::Adt(adt, _) = facts.ty(base) else {
            return self.expr(id, base);
        };
        let evaluator = self.evaluator;
        let mut seen = false;
        for (home, literal) in evaluator.literals.get(adt).cloned().unwrap_or_default() {
            let Some(body) = evaluator.facts(home).and_then(|facts| facts.body.clone()) else {
                continue;
            };
            let value = match &body.expr(literal).kind {
                ExprKind::Struct { fields, .. } => {
                    fields.iter().find(|(field, _)| field == name).map(|(_, v)| *v)
                }
                ExprKind::Call { args, .. } => {
                    name.parse::<usize>().ok().and_then(|at| args.get(at).copied())
                }
                _ => None,
            };
            if let Some(value) = value {
                seen = true;
                self.expr(home, value);
            }
        }
        let assigned = evaluator.assigns.get(&(*adt, name.clone())).cloned();
        for (home, value) in assigned.unwrap_or_default() {
            seen = true;
            self.expr(home, value);
        }
        if !seen {
            self.lost();
        }
    }

    fn parameter(&mut self, id: FnId, position: usize) {
        let evaluator = self.evaluator;
        let callers = evaluator.reach.callers.get(&id).cloned().unwrap_or_default();
        if callers.is_empty() {
            self.lost();
        }
        let has_self = self.world().fns[id].item.has_self;
        for (caller, call) in callers {
            let Some(body) = evaluator.facts(caller).and_then(|facts| facts.body.clone()) else {
                self.lost();
                continue;
            };
            let arg = match &body.expr(call).kind {
                ExprKind::Call { args, .. } => args.get(position).copied(),
                ExprKind::Method { receiver, args, .. } if has_self => match position.checked_sub(1) {
                    None => Some(*receiver),
                    Some(position) => args.get(position).copied(),
                },
                ExprKind::Method { args, .. } => args.get(position).copied(),
                _ => None,
            };
            match arg {
                Some(arg) => self.expr(caller, arg),
                None => self.lost(),
            }
        }
    }
}
