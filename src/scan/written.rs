//! Writes that reach a variable by another way than its name: through references, into elements and parts.
//!
//! `*names.get_mut(1)? = other`, `names[0] = other`, `if let Some(name) = &mut option { *name = other }`: where the place leads
//! back to a variable or a field, what is written is one more value of it.

use std::collections::BTreeSet;

use super::facts::{Callee, Proj, Source};
use super::infer::Infer;
use super::ir::{ExprId, ExprKind, Name};
use super::types::Ty;
use super::world::AdtId;

/// A write into a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    /// The place as written.
    pub(super) place: ExprId,
    /// What is put there; `None` for changes that are not followed.
    pub(super) value: Option<ExprId>,
    pub(super) how: How,
}

/// How a place is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// By an assignment, so that a variable in the place is a reference when it is not the variable itself that gets it.
    Assigned,
    /// By a method that changes what it is called on.
    Changed,
    /// It is given to a call, which may write or not.
    Passed,
    /// It is kept somewhere as a reference: a variable that stands in the place is itself what is written.
    Kept,
}

/// What a write reaches.
enum Reached {
    /// A variable, by the way to it.
    Local(u32, Way),
    Field(AdtId, Name),
    /// Any field: one of our methods gave a reference into the value.
    AnyField(AdtId),
}

/// Where a place was followed from.
#[derive(Clone, Copy)]
struct Way {
    /// Whether what is met is surely the thing itself, not a copy of it.
    is_same: bool,
    /// Whether it is a part of a tuple that is written.
    in_tuple: bool,
    how: How,
    /// The key of the entry of a map that is written.
    key: Option<ExprId>,
}

impl Way {
    /// Whether what is followed from an expression to write into it must be a reference.
    fn is_assigned(&self) -> bool {
        matches!(self.how, How::Assigned | How::Kept)
    }
}

impl Infer<'_, '_> {
    /// Gives variables and fields what is written into them, once all of the fn is known.
    pub(super) fn note_written(&mut self) {
        self.note_passed_places();
        self.note_kept_references();
        for write in std::mem::take(&mut self.writes) {
            let way = Way {
                is_same: write.how == How::Kept,
                in_tuple: false,
                how: write.how,
                key: None,
            };
            let mut reached = Vec::new();
            self.follow(write.place, way, &mut Vec::new(), &mut reached);
            for reached in reached {
                self.put(&reached, write.value);
            }
        }
    }

    /// References that calls are given to write through.
    fn note_passed_places(&mut self) {
        let body = self.body;
        // What stands within `&…` is noted beside it.
        let outer = self.facts.passed.keys().filter(|arg| body.peel(**arg) != **arg);
        let within: BTreeSet<ExprId> = outer.map(|arg| body.peel(*arg)).collect();
        let passed = self.facts.passed.iter().map(|(arg, to)| (*arg, to.call));
        let mut passed: Vec<(ExprId, ExprId)> = passed.filter(|(arg, _)| !within.contains(arg)).collect();
        passed.sort_unstable();
        for (arg, call) in passed {
            let is_ours = |target: &Callee| matches!(target, Callee::Fn(_));
            let place = match &body.expr(call).kind {
                // Fns that are handed on get what the receiver gives.
                ExprKind::Method { receiver, .. }
                    if is_access(self, *receiver) && self.facts.targets(arg).iter().any(is_ours) =>
                {
                    *receiver
                }
                _ if self.may_write_through(arg) => arg,
                _ => continue,
            };
            if self
                .facts
                .targets(call)
                .iter()
                .any(|target| matches!(target, Callee::Sdk(..)))
            {
                continue;
            }
            self.writes.push(Write {
                place,
                value: None,
                how: How::Passed,
            });
        }
    }

    /// Whether an argument may be a reference to write through: `&x` is none, whatever `x` is.
    fn may_write_through(&self, arg: ExprId) -> bool {
        let is_bare = self.body.peel(arg) == arg;
        let is_path = matches!(self.body.expr(arg).kind, ExprKind::Path(_));
        self.is_borrowed(arg)
            || (is_bare && (is_path || is_access(self, arg)))
            || access(self, arg).is_some_and(|method| method.contains("mut"))
    }

    /// References that are kept elsewhere than in a variable, or given to a call: what is written through them is not followed.
    fn note_kept_references(&mut self) {
        let body = self.body;
        let mut followed: Vec<ExprId> = self.facts.passed.keys().copied().collect();
        for local in &self.facts.locals {
            for source in &local.sources {
                if let Source::Expr(from, _) = source {
                    let mut from = *from;
                    followed.push(from);
                    while let ExprKind::Same(inner) = body.expr(from).kind {
                        from = inner;
                        followed.push(from);
                    }
                }
            }
        }
        for expr in &body.exprs {
            match &expr.kind {
                ExprKind::Method { receiver, .. } => followed.push(body.peel(*receiver)),
                ExprKind::Match { scrutinee, .. } => followed.push(body.peel(*scrutinee)),
                ExprKind::Let { expr, .. } => followed.push(body.peel(*expr)),
                ExprKind::For { iter, .. } => followed.push(body.peel(*iter)),
                _ => {}
            }
        }
        let followed: BTreeSet<ExprId> = followed.into_iter().collect();
        for place in &body.mut_refs {
            if !followed.contains(place) && !followed.contains(&body.peel(*place)) {
                self.writes.push(Write {
                    place: *place,
                    value: None,
                    how: How::Kept,
                });
            }
        }
    }

    fn put(&mut self, reached: &Reached, value: Option<ExprId>) {
        match reached {
            Reached::Local(index, way) => {
                let Some(local) = self.facts.locals.get_mut(*index as usize) else {
                    return;
                };
                match value.filter(|_| !way.in_tuple) {
                    Some(value) => {
                        let parts = way.key.into_iter().chain([value]);
                        local.sources.push(Source::Element(parts.collect()));
                    }
                    None if local.ty.is_interesting() => {}
                    None => local.sources.push(Source::Filled),
                }
            }
            Reached::Field(adt, name) => match value {
                Some(value) => self.facts.assigns.push((*adt, name.clone(), value)),
                None => self.facts.filled_fields.push((*adt, name.clone())),
            },
            Reached::AnyField(adt) => {
                let fields = self.world.adts[*adt].variants.iter();
                let names = fields.flat_map(|variant| variant.fields.iter().map(|field| field.name.clone()));
                self.facts.filled_fields.extend(names.map(|name| (*adt, name)));
            }
        }
    }

    /// Finds what a place leads back to.
    fn follow(&self, place: ExprId, way: Way, seen: &mut Vec<u32>, reached: &mut Vec<Reached>) {
        let body = self.body;
        let place = body.peel(place);
        let same = Way { is_same: true, ..way };
        match &body.expr(place).kind {
            ExprKind::Path(_) => {
                let Some(index) = self.facts.local_of.get(&place).copied() else {
                    return;
                };
                if way.is_same {
                    reached.push(Reached::Local(index, way));
                }
                if seen.contains(&index) {
                    return;
                }
                seen.push(index);
                let local = self.facts.locals.get(index as usize);
                for source in local.map_or(&[][..], |local| &local.sources) {
                    match source {
                        Source::Expr(from, parts) => self.follow_part(*from, parts, way, seen, reached),
                        Source::ClosureParam(closure, _, parts) => {
                            let call = self.facts.passed.get(closure).map(|passed| passed.call);
                            if let Some(call) = call
                                && let ExprKind::Method { receiver, method, .. } = &body.expr(call).kind
                            {
                                let way = if gives_access(method) { same } else { way };
                                self.follow_part(*receiver, parts, way, seen, reached);
                            }
                        }
                        _ => {}
                    }
                }
            }
            ExprKind::Index(base, _) => {
                // An element that is written is written where it is; one that a variable is made of may be a copy.
                let way = if seen.is_empty() { same } else { way };
                self.follow(*base, way, seen, reached);
            }
            ExprKind::Field { base, name } if way.is_same || seen.is_empty() => {
                match self.facts.ty(*base).clone() {
                    Ty::Adt(adt, _) => reached.push(Reached::Field(adt, name.clone())),
                    _ => {
                        let in_tuple = Way {
                            in_tuple: true,
                            ..same
                        };
                        self.follow(*base, in_tuple, seen, reached);
                    }
                }
            }
            ExprKind::Method {
                receiver,
                method,
                args,
                ..
            } => {
                let is_ours = |target: &Callee| matches!(target, Callee::Fn(_) | Callee::Virtual(..));
                if self.facts.targets(place).iter().any(is_ours) {
                    let is_written = way.is_same || way.is_assigned() || gives_access(method);
                    if let (Ty::Adt(adt, _), true) = (self.facts.ty(*receiver), is_written) {
                        reached.push(Reached::AnyField(*adt));
                    }
                } else if gives_access(method) {
                    let key = match (&**method, args.as_slice()) {
                        ("entry", [key]) => Some(*key),
                        _ => way.key,
                    };
                    self.follow(*receiver, Way { key, ..same }, seen, reached);
                } else if hands_on(method) {
                    self.follow(*receiver, way, seen, reached);
                }
            }
            _ => {}
        }
    }

    /// The same for a part of what a variable is bound to.
    fn follow_part(
        &self,
        from: ExprId,
        parts: &[Proj],
        way: Way,
        seen: &mut Vec<u32>,
        reached: &mut Vec<Reached>,
    ) {
        let way = Way {
            is_same: way.is_assigned() || self.is_borrowed(from) || is_access(self, from),
            ..way
        };
        match parts.iter().find(|part| !matches!(part, Proj::Tuple(_))) {
            _ if !way.is_same && !self.is_local(from) => {}
            Some(_) if !way.is_same && way.how == How::Passed => {}
            Some(Proj::Variant(adt, _, name)) => reached.push(Reached::Field(*adt, name.clone())),
            Some(Proj::Field(name)) => {
                if let Ty::Adt(adt, _) = self.facts.ty(from) {
                    reached.push(Reached::Field(*adt, name.clone()));
                }
            }
            _ => {
                let in_tuple = way.in_tuple || !parts.is_empty();
                self.follow(from, Way { in_tuple, ..way }, seen, reached);
            }
        }
    }

    /// Whether an expression is `&mut …`.
    fn is_borrowed(&self, mut expr: ExprId) -> bool {
        while let ExprKind::Same(inner) = self.body.expr(expr).kind {
            if self.body.mut_refs.contains(&inner) {
                return true;
            }
            expr = inner;
        }
        false
    }

    fn is_local(&self, expr: ExprId) -> bool {
        self.facts.local_of.contains_key(&self.body.peel(expr))
    }
}

/// What a method changes of its receiver: what it puts in, or `None` for changes that are not followed.
pub(super) fn change(method: &str, args: &[ExprId]) -> Option<Option<ExprId>> {
    match (method, args) {
        (
            "push" | "push_back" | "push_front" | "insert" | "extend" | "append" | "extend_from_slice"
            | "set" | "replace" | "fill" | "clone_from" | "clone_from_slice" | "copy_from_slice" | "resize"
            | "get_or_insert" | "or_insert",
            [.., last],
        ) if !(method == "replace" && args.len() > 1) => Some(Some(*last)),
        ("push_str" | "fill_with" | "resize_with" | "get_or_insert_with" | "or_insert_with", _) => Some(None),
        _ => rewrites(method).then_some(None),
    }
}

/// Methods that change the text or list that they are called on into one that is not followed.
pub(super) fn rewrites(method: &str) -> bool {
    matches!(
        method,
        "insert_str"
            | "truncate"
            | "retain"
            | "write_fmt"
            | "write_str"
            | "replace_range"
            | "read_line"
            | "read_to_string"
            | "make_ascii_lowercase"
            | "make_ascii_uppercase"
    )
}

/// Whether an expression ends in a method that gives a reference to write through, and in what hands it on.
fn is_access(infer: &Infer<'_, '_>, expr: ExprId) -> bool {
    infer.is_borrowed(expr) || access(infer, expr).is_some()
}

/// That method.
fn access<'i>(infer: &Infer<'i, '_>, expr: ExprId) -> Option<&'i str> {
    match &infer.body.expr(infer.body.peel(expr)).kind {
        ExprKind::Method { method, .. } if gives_access(method) => Some(method),
        ExprKind::Method { receiver, method, .. } if hands_on(method) => access(infer, *receiver),
        _ => None,
    }
}

/// Methods that give a reference to write through.
fn gives_access(method: &str) -> bool {
    method.contains("mut")
        || matches!(
            method,
            "lock"
                | "try_lock"
                | "write"
                | "try_write"
                | "entry"
                | "or_insert"
                | "or_insert_with"
                | "or_default"
                | "get_or_insert"
                | "get_or_insert_with"
                | "and_modify"
        )
}

/// Methods that hand on such a reference.
fn hands_on(method: &str) -> bool {
    matches!(
        method,
        "unwrap"
            | "expect"
            | "ok"
            | "ok_or"
            | "ok_or_else"
            | "unwrap_or_else"
            | "next"
            | "next_back"
            | "last"
            | "nth"
            | "find"
            | "enumerate"
            | "zip"
            | "rev"
            | "skip"
            | "take"
            | "step_by"
            | "filter"
            | "flatten"
            | "by_ref"
            | "peekable"
            | "chain"
            | "into_iter"
    )
}
