//! Inference of patterns: variables get the parts of the value that is taken apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::facts::{Local, Proj, Source};
use super::infer::Infer;
use super::ir::{Name, Pat, PatId, Path};
use super::types::Ty;
use super::world::{AdtId, Def};

impl Infer<'_, '_> {
    pub(super) fn bind_empty(&mut self, pat: PatId, ty: &Ty) {
        let body = self.body;
        match body.pat(pat) {
            Pat::Bind(name, _) => {
                self.new_local(name, ty.clone(), None);
            }
            Pat::Tuple(parts) => {
                for (index, part) in parts {
                    let part_ty = match (ty, index) {
                        (Ty::Tuple(types), Some(index)) => types.get(*index).cloned().unwrap_or_default(),
                        _ => Ty::Unknown,
                    };
                    self.bind_empty(*part, &part_ty);
                }
            }
            Pat::Same(inner, _) => self.bind_empty(*inner, ty),
            _ => {}
        }
    }

    pub(super) fn new_local(&mut self, name: &Name, ty: Ty, source: Option<Source>) {
        let index = self.facts.locals.len();
        let mut ty = ty;
        if !ty.is_interesting()
            && let Some(prior) = self.prior.get(index)
            && prior.is_interesting()
        {
            ty = prior.clone();
        }
        self.facts.locals.push(Local {
            ty,
            sources: source.into_iter().collect(),
            depth: self.variables.depth(),
        });
        self.variables
            .bind(name, u32::try_from(index).unwrap_or(u32::MAX));
    }

    /// Binds the variables of a pattern to the parts of a value.
    pub(super) fn bind(&mut self, pat: PatId, ty: &Ty, source: &Source) {
        let body = self.body;
        match body.pat(pat) {
            Pat::Bind(name, sub) => {
                // A lower-case constant pattern is rare; upper-case names are constants or unit variants.
                if sub.is_none()
                    && name.chars().next().is_some_and(char::is_uppercase)
                    && self
                        .world
                        .resolve_path(self.scope.module, &Path::single(name), false)
                        .is_some()
                {
                    return;
                }
                self.new_local(name, ty.clone(), Some(source.clone()));
                if let Some(sub) = sub {
                    self.bind(*sub, ty, source);
                }
            }
            Pat::Same(inner, written) => {
                let written = written.as_ref().map(|ty| self.resolve(ty));
                let ty = match written {
                    Some(written) if written.is_interesting() => written,
                    _ => ty.clone(),
                };
                self.bind(*inner, &ty, source);
            }
            Pat::Tuple(parts) => {
                for (index, part) in parts {
                    let (part_ty, part_source) = match (ty, index) {
                        (Ty::Tuple(types), Some(index)) => (
                            types.get(*index).cloned().unwrap_or_default(),
                            project(source, Proj::Tuple(*index)),
                        ),
                        (_, Some(index)) => (ty.clone(), project(source, Proj::Tuple(*index))),
                        _ => (Ty::Unknown, project(source, Proj::Tuple(usize::MAX))),
                    };
                    self.bind(*part, &part_ty, &part_source);
                }
            }
            Pat::Slice(parts) => {
                for part in parts {
                    self.bind(*part, ty, source);
                }
            }
            Pat::Or(cases) => {
                for case in cases {
                    self.bind_alternative(*case, ty, source);
                }
            }
            Pat::TupleStruct(path, parts) => {
                let target = self.pattern_target(path);
                for (index, part) in parts {
                    let index_name: Name = match index {
                        Some(index) => Arc::from(index.to_string()),
                        None => Arc::from("?"),
                    };
                    let (part_ty, part_source) = match target {
                        Some((adt, variant)) => (
                            self.variant_field(ty, adt, variant, &index_name),
                            project(source, Proj::Variant(adt, variant, index_name)),
                        ),
                        // `Some(x)`, `Ok(x)`, `State(x)`: the content.
                        None if path.last_name() == "Err" => {
                            (Ty::EXTERNAL, project(source, Proj::Tuple(usize::MAX)))
                        }
                        None => (ty.clone(), source.clone()),
                    };
                    self.bind(*part, &part_ty, &part_source);
                }
            }
            Pat::Struct(path, fields) => {
                let target = self.pattern_target(path);
                for (name, part) in fields {
                    let (part_ty, part_source) = match target {
                        Some((adt, variant)) => (
                            self.variant_field(ty, adt, variant, name),
                            project(source, Proj::Variant(adt, variant, name.clone())),
                        ),
                        None => (
                            self.field_type(ty, name, 0),
                            project(source, Proj::Field(name.clone())),
                        ),
                    };
                    self.bind(*part, &part_ty, &part_source);
                }
            }
            Pat::Any | Pat::Text(_) | Pat::Wild => {}
        }
    }

    /// A case of `a | b`: names that earlier cases bound get one more source.
    pub(super) fn bind_alternative(&mut self, pat: PatId, ty: &Ty, source: &Source) {
        let before = self.variables.count();
        self.bind(pat, ty, source);
        for (newer, older) in self.variables.unite(before) {
            let added = self.facts.locals.get(newer as usize);
            let added = added.map(|local| local.sources.clone()).unwrap_or_default();
            if let Some(local) = self.facts.locals.get_mut(older as usize) {
                local.sources.extend(added);
            }
        }
    }

    /// The struct or variant that a pattern or literal path names.
    pub(super) fn pattern_target(&self, path: &Path) -> Option<(AdtId, u32)> {
        if path.qself.is_none() && path.segments.first().is_some_and(|s| &*s.name == "Self") {
            let Some(Ty::Adt(id, _)) = &self.scope.self_ty else {
                return None;
            };
            return match path.segments.get(1) {
                None => Some((*id, 0)),
                Some(variant) => {
                    let index = self.world.adts[*id]
                        .variants
                        .iter()
                        .position(|found| found.name == variant.name)?;
                    Some((*id, u32::try_from(index).ok()?))
                }
            };
        }
        match self.world.resolve_path(self.scope.module, path, true)? {
            Def::Adt(id) => Some((id, 0)),
            Def::Variant(id, index) => Some((id, index)),
            Def::Alias(id) => {
                let alias = &self.world.aliases[id];
                match self.world.resolve_type(&alias.scope, &alias.target, 0) {
                    Ty::Adt(id, _) => Some((id, 0)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub(super) fn variant_field(&self, ty: &Ty, adt: AdtId, variant: u32, name: &str) -> Ty {
        let data = &self.world.adts[adt];
        let Some(variant) = data.variants.get(variant as usize) else {
            return Ty::Unknown;
        };
        let found = variant
            .field(name)
            .and_then(|index| variant.types.get(index))
            .cloned()
            .unwrap_or_default();
        match ty {
            Ty::Adt(id, args) if *id == adt => {
                let map: BTreeMap<_, _> = data.params.iter().copied().zip(args.iter().cloned()).collect();
                self.world.substitute(&found, &map, 0)
            }
            _ => found,
        }
    }

    /// The type of `base.name`.
    pub(super) fn field_type(&self, base: &Ty, name: &str, depth: usize) -> Ty {
        if depth > 12 {
            return Ty::Unknown;
        }
        match base {
            Ty::Adt(id, _) => {
                let data = &self.world.adts[*id];
                let has = data
                    .variants
                    .first()
                    .is_some_and(|variant| !data.is_enum && variant.field(name).is_some());
                if has {
                    return self.variant_field(base, *id, 0, name);
                }
                match self.world.deref_target(base) {
                    Some(target) => self.field_type(&target, name, depth + 1),
                    None => Ty::Unknown,
                }
            }
            Ty::Tuple(parts) => match name.parse::<usize>() {
                Ok(index) => parts.get(index).cloned().unwrap_or_default(),
                Err(_) => Ty::Unknown,
            },
            // `.0` of an erased wrapper, `.payload` of an event: still the content.
            Ty::Client(_) | Ty::Fluent(..) | Ty::Input(..) | Ty::Response(..) | Ty::Dyn(_) => base.clone(),
            Ty::SdkType(..) => base.clone(),
            Ty::Param(id) => match &self.world.params[*id].erased {
                Some(erased) if erased != base => {
                    let erased = erased.clone();
                    self.field_type(&erased, name, depth + 1)
                }
                _ => Ty::Unknown,
            },
            _ => Ty::Unknown,
        }
    }
}

/// The same source, one part further in.
pub(super) fn project(source: &Source, part: Proj) -> Source {
    let mut source = source.clone();
    match &mut source {
        Source::Param(_, parts) | Source::Expr(_, parts) | Source::ClosureParam(_, _, parts) => {
            parts.push(part);
        }
        Source::Element(_) | Source::Entry(_) | Source::Appended(..) | Source::Filled => {}
    }
    source
}
