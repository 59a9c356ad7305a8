//! Inference of method calls on receivers of every kind, and of what methods put into variables, fields and statics.

use super::dispatch::Found;
use super::facts::{Callee, Source};
use super::infer::{Infer, first_known};
use super::ir::{ExprId, ExprKind, Name, Span, TypeRef};
use super::known_names::{is_common, is_default_giver, is_plain, takes_items};
use super::outside_types::OTHER_SENDER;
use super::types::Ty;
use super::written::{self, How, Write};

impl Infer<'_, '_> {
    /// A method call.
    pub(super) fn method_call(
        &mut self,
        id: ExprId,
        receiver: ExprId,
        method: &Name,
        turbofish: &[TypeRef],
        args: &[ExprId],
        span: Span,
    ) -> Ty {
        let receiver_ty = self.expr(receiver);
        let receiver_ty = self.erase_param(receiver_ty);
        self.note_passed(id, args);
        if let Some(ty) = self.sdk_method(id, receiver, &receiver_ty, method, args, span) {
            return ty;
        }
        let found = self.world.find_method(&receiver_ty, method, self.krate, 0);
        let hidden = matches!(&receiver_ty, Ty::Adt(..)) || args_fit(self, &found, args);
        if hidden && !found.is_empty() {
            let mut types = Vec::new();
            let on = match &receiver_ty {
                Ty::Param(param) => Some(*param),
                _ => None,
            };
            for one in found {
                self.edge_on(id, span, one.callee.clone(), on);
                let mut map = one.map;
                let fish: Vec<Ty> = turbofish.iter().map(|ty| self.resolve(ty)).collect();
                for ty in &fish {
                    self.mention(ty);
                }
                map.extend(self.own_params(one.signature).into_iter().zip(fish));
                let ty = self.call_fn(one.signature, args, map, Some(&receiver_ty));
                self.note_unfixed(id, one.signature, &ty);
                types.push(ty);
            }
            return first_known(types);
        }
        let mut target = receiver_ty.clone();
        for _ in 0..8 {
            let Some(next) = self.world.deref_target(&target) else {
                break;
            };
            if let Some(ty) = self.sdk_method(id, receiver, &next, method, args, span) {
                return ty;
            }
            target = next;
        }
        if let Ty::Proj(base, assoc) = &receiver_ty {
            let candidates = self.world.projection_candidates(base, assoc);
            if let Some(ty) = self.on_candidates(id, receiver, &candidates, method, args, span) {
                return ty;
            }
        }
        self.outside_method(id, receiver, &receiver_ty, method, turbofish, args, span)
    }

    /// A parameter without traits of ours is what its bounds say: `C: Borrow<Client>` is a client.
    pub(super) fn erase_param(&self, ty: Ty) -> Ty {
        let mut ty = ty;
        for _ in 0..8 {
            let Ty::Param(id) = &ty else { break };
            let data = &self.world.params[*id];
            match &data.erased {
                Some(erased) if data.traits.is_empty() && erased.is_interesting() => {
                    ty = erased.clone();
                }
                _ => break,
            }
        }
        ty
    }

    /// A method on an associated type that several impls define: every one counts.
    pub(super) fn on_candidates(
        &mut self,
        id: ExprId,
        receiver: ExprId,
        candidates: &[Ty],
        method: &Name,
        args: &[ExprId],
        span: Span,
    ) -> Option<Ty> {
        let mut types = Vec::new();
        for candidate in candidates {
            if let Some(ty) = self.sdk_method(id, receiver, candidate, method, args, span) {
                types.push(ty);
                continue;
            }
            for one in self.world.find_method(candidate, method, self.krate, 0) {
                self.edge(id, span, one.callee.clone());
                types.push(self.call_fn(one.signature, args, one.map, Some(candidate)));
            }
        }
        (!types.is_empty()).then(|| first_known(types))
    }

    /// A method of another crate's type, or on a receiver that nobody knows.
    #[allow(clippy::too_many_arguments, reason = "the parts of one call")]
    pub(super) fn outside_method(
        &mut self,
        id: ExprId,
        receiver: ExprId,
        receiver_ty: &Ty,
        method: &Name,
        turbofish: &[TypeRef],
        args: &[ExprId],
        span: Span,
    ) -> Ty {
        // Adapters of an own iterator or stream hand on what it gives.
        let items = takes_items(method).then(|| self.world.items_of(receiver_ty));
        let items = items.flatten();
        let receiver_ty = items.as_ref().unwrap_or(receiver_ty);
        let element = match (&**method, args) {
            ("fold" | "try_fold", [first, _]) => Some(self.expr(*first)),
            _ => None,
        };
        let types = self.arguments(args, &[], Some(element.as_ref().unwrap_or(receiver_ty)));
        self.note_mutation(receiver, receiver_ty, method, args, &types);
        self.note_derived_setter(receiver_ty, method, args);
        self.note_credentials(method, args, span);
        if matches!(receiver_ty, Ty::Unknown | Ty::External(_) | Ty::Closure(_)) {
            if let Some(ty) = self.fingerprint(id, receiver_ty, method, args, span) {
                return ty;
            }
            if receiver_ty.is_unknown() {
                self.note_unresolved_send(receiver, method, args, span);
            }
            if receiver_ty.is_unknown() && !is_common(method) {
                self.edge(id, span, Callee::Weak(method.clone(), args.len()));
            }
            if receiver_ty.is_unknown() && self.is_unfixed(receiver, 0) {
                self.on_unfixed(id, method, args, span);
            }
        }
        // A method that a macro made for a type of ours may hand on to a client.
        if matches!(receiver_ty, Ty::Adt(..))
            && let Some(ty) = self.fingerprint(id, receiver_ty, method, args, span)
        {
            return ty;
        }
        // A closure's result decides what mapping methods give.
        let from_closure = types.iter().find_map(|ty| match ty {
            Ty::Closure(ret) => Some((**ret).clone()),
            Ty::FnItem(found) => Some(self.world.fns[*found].ret.clone()),
            Ty::SdkFn(sdk, op) => Some(Ty::Fluent(*sdk, op.clone())),
            _ => None,
        });
        let maps = matches!(
            &**method,
            "map"
                | "and_then"
                | "then"
                | "map_ok"
                | "filter_map"
                | "flat_map"
                | "fold"
                | "try_fold"
                | "get_or_init"
                | "get_or_try_init"
                | "map_or"
                | "map_or_else"
                | "with"
                | "spawn"
                | "then_some"
                | "scan"
                | "try_map"
                | "or_else"
                | "unwrap_or_else"
                | "or_insert_with"
                | "get_or_insert_with"
                | "with_borrow"
                | "call_once"
                | "buffer_unordered"
                | "is_some_and"
        );
        if maps && let Some(ret) = from_closure {
            let ret = self.world.close(&ret, self.scope, 0);
            if ret.is_interesting() {
                return ret;
            }
            if matches!(
                &**method,
                "map" | "and_then" | "then" | "map_ok" | "filter_map" | "flat_map" | "map_or" | "map_or_else"
            ) {
                return ret;
            }
        }
        if let Some(written) = turbofish.first() {
            let ty = self.resolve(written);
            if ty.is_interesting() && !matches!(receiver_ty, Ty::Client(_) | Ty::Fluent(..)) {
                self.mention(&ty);
                return ty;
            }
        }
        match receiver_ty {
            Ty::Unknown => {
                // `x.unwrap_or(client)`, `map.entry(k).or_insert(client)`.
                types
                    .into_iter()
                    .find(|ty| matches!(ty, Ty::Client(_) | Ty::Fluent(..)) && is_default_giver(method))
                    .unwrap_or_default()
            }
            Ty::External(Some(name)) if is_plain(name) || name.starts_with(OTHER_SENDER) => {
                receiver_ty.clone()
            }
            Ty::External(_) => {
                if is_default_giver(method) {
                    first_known(types)
                } else {
                    Ty::Unknown
                }
            }
            Ty::Closure(ret) if matches!(&**method, "call" | "await" | "clone") => (**ret).clone(),
            _ if matches!(&**method, "enumerate" | "zip" | "iter" | "into_iter") => receiver_ty.clone(),
            _ => receiver_ty.clone(),
        }
    }

    /// A setter of a builder that a derive makes: what it is given stands in the field of that name.
    fn note_derived_setter(&mut self, receiver_ty: &Ty, method: &Name, args: &[ExprId]) {
        let (Ty::Adt(adt, _), [arg]) = (receiver_ty, args) else {
            return;
        };
        let data = &self.world.adts[*adt];
        let derived = data
            .attrs
            .derives
            .iter()
            .any(|derive| matches!(&**derive, "Builder" | "TypedBuilder"));
        let named = method.strip_prefix("maybe_").unwrap_or(method);
        let field = data
            .variants
            .first()
            .filter(|_| derived)
            .and_then(|variant| variant.fields.iter().find(|field| *field.name == *named));
        if let Some(field) = field {
            self.facts.assigns.push((*adt, field.name.clone(), *arg));
        }
    }

    /// Values that methods put into a variable.
    pub(super) fn note_mutation(
        &mut self,
        receiver: ExprId,
        receiver_ty: &Ty,
        method: &Name,
        args: &[ExprId],
        types: &[Ty],
    ) {
        let place = self.body.peel(receiver);
        if let Some(value) = written::change(method, args) {
            self.writes.push(Write {
                place: receiver,
                value,
                how: How::Changed,
            });
        }
        let Some(index) = self.facts.local_of.get(&place).copied() else {
            self.note_place_mutation(place, receiver_ty, method, args);
            return;
        };
        let depth = self.depth();
        let Some(local) = self.facts.locals.get_mut(index as usize) else {
            return;
        };
        match (&**method, args) {
            ("push_str", [arg]) => {
                let surely = local.depth == depth;
                local.sources.push(Source::Appended(*arg, surely));
            }
            ("entry", [key]) => local.sources.push(Source::Entry(*key)),
            ("clone_from", [arg]) => local.sources.push(Source::Expr(*arg, Vec::new())),
            ("fill" | "resize" | "clone_from_slice" | "copy_from_slice", [.., last]) => {
                local.sources.push(Source::Element(vec![*last]));
            }
            ("fill_with" | "resize_with", _) if !receiver_ty.is_interesting() => {
                local.sources.push(Source::Filled);
            }
            ("push", [arg])
                if matches!(&self.body.expr(*arg).kind, ExprKind::Str(text) if text.chars().count() == 1)
                    && !receiver_ty.is_interesting() =>
            {
                let surely = local.depth == depth;
                local.sources.push(Source::Appended(*arg, surely));
            }
            (method, _)
                if (method == "split_off" || written::rewrites(method)) && !receiver_ty.is_interesting() =>
            {
                local.sources.push(Source::Filled);
            }
            (
                "push" | "insert" | "extend" | "push_back" | "set" | "replace" | "append" | "push_front"
                | "extend_from_slice",
                args,
            ) if args.len() == 1 || (!args.is_empty() && &**method != "replace") => {
                local.sources.push(Source::Element(args.to_vec()));
                if !receiver_ty.is_interesting()
                    && let Some(ty) = types.iter().rev().find(|ty| ty.is_interesting())
                {
                    local.ty = ty.clone();
                }
            }
            _ => {}
        }
    }

    /// Values that methods put into fields and statics.
    pub(super) fn note_place_mutation(
        &mut self,
        place: ExprId,
        receiver_ty: &Ty,
        method: &Name,
        args: &[ExprId],
    ) {
        let body = self.body;
        // `text.replace(a, b)` gives a new text; only `cell.replace(x)` puts one in.
        let puts = !(&**method == "replace" && args.len() > 1)
            && matches!(
                &**method,
                "push"
                    | "insert"
                    | "extend"
                    | "push_back"
                    | "set"
                    | "replace"
                    | "append"
                    | "push_front"
                    | "extend_from_slice"
                    | "get_or_init"
                    | "get_or_try_init"
                    | "store"
                    | "get_or_insert_with"
                    | "insert_mut"
                    | "init"
                    | "set_default"
            );
        let writes = matches!(
            &**method,
            "push_str" | "insert_str" | "truncate" | "retain" | "write_fmt" | "write_str" | "replace_range"
        );
        match &body.expr(place).kind {
            // Structures of the SDK in a list tell what an input holds.
            ExprKind::Field { base, name }
                if !receiver_ty.is_interesting() || matches!(receiver_ty, Ty::SdkType(..)) =>
            {
                let Ty::Adt(id, _) = self.facts.ty(*base).clone() else {
                    return;
                };
                match args.last() {
                    Some(last) if puts => self.facts.assigns.push((id, name.clone(), *last)),
                    _ if writes => self.facts.filled_fields.push((id, name.clone())),
                    _ => {}
                }
            }
            ExprKind::Path(_) if puts => {
                let target = self.facts.targets(place).iter().find_map(|target| match target {
                    Callee::Fn(id) if self.world.fns[*id].is_const => Some(*id),
                    _ => None,
                });
                if let (Some(id), Some(last)) = (target, args.last()) {
                    self.facts.static_values.push((id, *last));
                }
            }
            _ => {}
        }
    }
}

/// Whether methods of traits on outside types can be meant: as many arguments as the method takes.
pub(super) fn args_fit(infer: &Infer<'_, '_>, found: &[Found], args: &[ExprId]) -> bool {
    found.iter().all(|one| {
        let data = &infer.world.fns[one.signature];
        data.item.param_types.len() == args.len() + usize::from(data.item.has_self)
    })
}
