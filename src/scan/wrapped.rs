//! Calls of crates that call AWS for the application: what `policy-templates/wrappers` says of them.

use std::sync::Arc;

use crate::catalog::wrapper::{Wrapper, WrapperCall, wrappers};
use crate::usage::OperationId;

use super::facts::{LocalGap, Site, SiteKind};
use super::infer::Infer;
use super::ir::{ExprId, Name, Path, Span};
use super::known_names::is_common;
use super::types::Ty;
use super::world::{Def, SdkId, World};

impl World<'_> {
    /// The wrapper that a crate is, if it is one and calls AWS as it is built here.
    pub(super) fn wrapper(&self, krate: &str) -> Option<&'static Wrapper> {
        self.wrapped
            .contains(krate)
            .then(|| wrappers().get(krate))
            .flatten()
    }

    /// The SDK crate of a service.
    fn sdk_of_service(&self, service: &str) -> Option<SdkId> {
        let package = format!("aws-sdk-{service}");
        self.sdks
            .iter()
            .find(|(_, sdk)| sdk.package == package)
            .map(|(id, _)| id)
    }
}

/// What the arguments of a call say of the operations' inputs.
fn given(call: &WrapperCall, args: &[ExprId]) -> Vec<(Name, ExprId)> {
    let inputs = call.inputs.iter();
    inputs
        .filter_map(|(member, at)| Some((Name::from(member.as_str()), *args.get(*at)?)))
        .collect()
}

impl Infer<'_, '_> {
    /// A call of a fn or associated fn of a wrapper: `path` begins with the crate's name.
    pub(super) fn wrapped_call(
        &mut self,
        id: ExprId,
        path: &[Name],
        args: &[ExprId],
        span: Span,
    ) -> Option<Ty> {
        let (krate, inner) = path.split_first()?;
        let wrapper = self.world.wrapper(krate)?;
        let name = inner.last()?;
        let owner = inner.len().checked_sub(2).and_then(|at| inner.get(at));
        let owned = owner.map(|owner| format!("{owner}::{name}"));
        let call = owned
            .as_deref()
            .and_then(|path| wrapper.call(path))
            .or_else(|| wrapper.call(name));
        if let Some(call) = call {
            self.wrapped_sites(id, wrapper, call, given(call, args), span);
        }
        let of_type = owner.is_some_and(|owner| wrapper.types.contains(&**owner));
        match (of_type, call) {
            (true, _) => Some(Ty::Wrapper(krate.clone())),
            (false, Some(_)) => Some(Ty::EXTERNAL),
            (false, None) => None,
        }
    }

    /// A struct of a wrapper, written out: what its values call when others use them.
    pub(super) fn wrapped_literal(
        &mut self,
        id: ExprId,
        path: &Path,
        fields: &[(Name, ExprId)],
    ) -> Option<Ty> {
        let Some(Def::External(full)) = self.world.resolve_path(self.scope.module, path, true) else {
            return None;
        };
        let (krate, inner) = full.split_first()?;
        let wrapper = self.world.wrapper(krate)?;
        let call = wrapper.call(inner.last()?)?;
        let given = call.fields.iter().filter_map(|(member, field)| {
            let (_, value) = fields.iter().find(|(name, _)| **name == **field)?;
            Some((Name::from(member.as_str()), *value))
        });
        let span = self.body.expr(id).span;
        self.wrapped_sites(id, wrapper, call, given.collect(), span);
        Some(Ty::Wrapper(krate.clone()))
    }

    /// A method of a value that a wrapper gave.
    pub(super) fn wrapped_method(
        &mut self,
        id: ExprId,
        krate: &Name,
        method: &Name,
        args: &[ExprId],
        span: Span,
    ) -> Option<Ty> {
        let wrapper = self.world.wrapper(krate)?;
        let paths = || wrapper.types.iter().map(|owner| format!("{owner}::{method}"));
        if let Some(call) = paths().find_map(|path| wrapper.call(&path)) {
            self.exprs(args);
            self.wrapped_sites(id, wrapper, call, given(call, args), span);
            return Some(Ty::Wrapper(krate.clone()));
        }
        if let Some(set) = paths().find_map(|path| wrapper.set(&path)) {
            self.exprs(args);
            if let Some(value) = args.get(set.arg) {
                let set = (krate.clone(), Name::from(set.member.as_str()), *value);
                self.facts.wrapper_sets.push(set);
            }
            return Some(Ty::Wrapper(krate.clone()));
        }
        let quiet = wrapper.quiet.contains("*") || paths().any(|path| wrapper.quiet.contains(&path));
        if !quiet && !is_common(method) {
            self.facts.gaps.push(LocalGap {
                code: "unmodelled-call",
                span,
                message: format!("what `{method}()` of `{}` calls is not known", wrapper.crate_name),
                hint: Some("declare what it needs in `rolefit.toml` or by a `// rolefit:` comment"),
            });
        }
        None
    }

    fn wrapped_sites(
        &mut self,
        id: ExprId,
        wrapper: &Wrapper,
        call: &WrapperCall,
        given: Vec<(Name, ExprId)>,
        span: Span,
    ) {
        if let Some(gap) = &call.gap {
            self.facts.gaps.push(LocalGap {
                code: "raw-request",
                span,
                message: gap.clone(),
                hint: Some("declare what it needs in `rolefit.toml` or by a `// rolefit:` comment"),
            });
        }
        for operation in &call.operations {
            self.library_site(id, operation, &wrapper.crate_name, given.clone(), span);
            if operation == "sts.AssumeRole" {
                self.facts.gaps.push(LocalGap {
                    code: "assumed-role",
                    span,
                    message: "clients built from this provider act under the assumed role".to_owned(),
                    hint: Some("the assumed role needs what they call, not the function's own"),
                });
            }
        }
    }

    /// A call that no method of a client shows.
    fn library_site(
        &mut self,
        expr: ExprId,
        operation: &str,
        library: &str,
        given: Vec<(Name, ExprId)>,
        span: Span,
    ) {
        let Some(operation) = OperationId::parse(operation) else {
            return;
        };
        let Some(sdk) = self.world.sdk_of_service(&operation.service) else {
            return;
        };
        let method: Name = Arc::from(crate::catalog::snake_case(&operation.name));
        let known = self.facts.sites.iter();
        if known
            .into_iter()
            .any(|site| site.expr == expr && site.sdk == sdk && site.operation == method)
        {
            return;
        }
        self.facts.sites.push(Site {
            expr,
            span,
            sdk,
            operation: method.clone(),
            method,
            kind: SiteKind::Library,
            library: Some(Name::from(library)),
            given,
        });
    }
}
