//! Evaluation of parts: tuple positions, fields of literals and of types, fields of the event.

use std::rc::Rc;

use super::facts::Proj;
use super::ir::{ExprId, ExprKind, Name};
use super::types::Ty;
use super::value::{Evaluator, Frame, Value, Values, unknown};
use super::world::AdtId;

impl<'x> Evaluator<'x, '_> {
    /// Parts of values, step by step.
    pub(super) fn project(&mut self, values: Values, projs: &[Proj], ty: &Ty) -> Values {
        let mut values = values;
        let mut ty = ty.clone();
        for proj in projs {
            values = match proj {
                Proj::Field(name) => self.field(values, &ty, name),
                Proj::Tuple(index) => self.tuple_part(values, *index),
                // Cut short, as in `self.a()?.b()?`: whatever makes the type tells.
                Proj::Variant(adt, variant, name) if values.is_empty() => {
                    self.field_of_type(*adt, Some(*variant), name)
                }
                Proj::Variant(adt, variant, name) => self.variant_part(values, *adt, *variant, name),
            };
            ty = Ty::Unknown;
        }
        values
    }

    pub(super) fn tuple_part(&mut self, values: Values, index: usize) -> Values {
        let mut out = Vec::new();
        for value in values {
            match value {
                Value::Object(frame, expr) => {
                    let part = self.facts(frame.id).and_then(|facts| {
                        let body = facts.body.as_deref()?;
                        match &body.expr(expr).kind {
                            ExprKind::Tuple(parts) => parts.get(index).copied(),
                            // A variant with fields; a setter of maps, given a key and a value.
                            ExprKind::Call { args, .. } | ExprKind::Method { args, .. } => {
                                args.get(index).copied()
                            }
                            _ => None,
                        }
                    });
                    match part {
                        Some(part) => out.extend(self.eval(&frame, part)),
                        None => out.extend(unknown("it is part of a value that is not known")),
                    }
                }
                // `event.into_parts()`: payload and context.
                Value::Event(path) if index == 0 || !path.is_empty() => out.push(Value::Event(path)),
                // `enumerate()`, pairs of maps: the second part is the element.
                Value::Text(..) if index == 1 => out.push(value),
                Value::Unknown(reason) => out.push(Value::Unknown(reason)),
                _ => out.extend(unknown("it is part of a value that is not known")),
            }
        }
        out
    }

    pub(super) fn variant_part(&mut self, values: Values, adt: AdtId, variant: u32, name: &str) -> Values {
        let mut out = Vec::new();
        for value in values {
            match value {
                Value::Object(frame, expr) if self.is_json_object(&frame, expr) => {
                    out.extend(self.json_object_field(&frame, expr, (adt, Some(variant)), name));
                }
                Value::Object(frame, expr) => {
                    // Only literals of this variant can match the pattern.
                    let same = self.facts(frame.id).is_some_and(|facts| {
                        facts
                            .literals
                            .iter()
                            .any(|(a, v, e)| *a == adt && *v == variant && *e == expr)
                    });
                    if same {
                        out.extend(self.object_field(&frame, expr, adt, name));
                    }
                }
                Value::Event(path) => out.push(Value::Event(self.event_field(&path, adt, name))),
                Value::Json(json) => out.extend(self.json_field(json, (adt, Some(variant)), name)),
                _ => out.extend(self.field_of_type(adt, Some(variant), name)),
            }
        }
        out
    }

    /// `base.name` for the values of `base`.
    pub(super) fn field(&mut self, values: Values, ty: &Ty, name: &str) -> Values {
        let mut out = Vec::new();
        let adt = match ty {
            Ty::Adt(id, _) => Some(*id),
            _ => None,
        };
        let nothing = values.is_empty();
        for value in values {
            match value {
                Value::Object(frame, expr) => {
                    let own = self.literal_type(&frame, expr);
                    match own.or(adt) {
                        Some(own) => out.extend(self.object_field(&frame, expr, own, name)),
                        None => match name.parse::<usize>() {
                            Ok(index) => {
                                out.extend(self.tuple_part(vec![Value::Object(frame, expr)], index));
                            }
                            Err(_) => out.extend(unknown("it is a field that is not known")),
                        },
                    }
                }
                Value::Event(path) => match adt {
                    Some(adt) => out.push(Value::Event(self.event_field(&path, adt, name))),
                    None => out.push(Value::Event(outside_event_field(&path, name))),
                },
                Value::Json(json) => match adt {
                    Some(adt) => out.extend(self.json_field(json, (adt, None), name)),
                    None if name == "0" => out.push(Value::Json(json)),
                    None => out.extend(unknown("it is a field of JSON whose type is not known")),
                },
                Value::Instance(own) => out.extend(self.field_of_type(own, None, name)),
                Value::Unknown(reason) => match adt {
                    Some(adt) => out.extend(self.field_of_type(adt, None, name)),
                    None => out.push(Value::Unknown(reason)),
                },
                other => match adt {
                    Some(adt) => out.extend(self.field_of_type(adt, None, name)),
                    // `.0` of an erased newtype.
                    None if name == "0" => out.push(other),
                    None => out.extend(unknown("it is a field of a value that is not known")),
                },
            }
        }
        if nothing && let Some(adt) = adt {
            return self.field_of_type(adt, None, name);
        }
        out
    }

    pub(super) fn literal_type(&self, frame: &Frame, expr: ExprId) -> Option<AdtId> {
        self.facts(frame.id)?
            .literals
            .iter()
            .find(|(_, _, found)| *found == expr)
            .map(|(adt, ..)| *adt)
    }

    /// A field of a literal, and what is assigned to that field anywhere.
    pub(super) fn object_field(&mut self, frame: &Rc<Frame>, expr: ExprId, adt: AdtId, name: &str) -> Values {
        if self.is_json_object(frame, expr) {
            return self.json_object_field(frame, expr, (adt, None), name);
        }
        let mut values = self.assigned(adt, name);
        let Some(body) = self.facts(frame.id).and_then(|facts| facts.body.as_deref()) else {
            return values;
        };
        match &body.expr(expr).kind {
            ExprKind::Struct { fields, base, .. } => {
                let given = fields.iter().find(|(field, _)| &**field == name);
                match (given, base) {
                    (Some((_, value)), _) => values.extend(self.eval(frame, *value)),
                    (None, Some(base)) => {
                        let base = self.eval(frame, *base);
                        values.extend(self.field(base, &Ty::Adt(adt, [].into()), name));
                    }
                    (None, None) => {
                        // A newtype around it, or a field behind `Deref`.
                        values.extend(self.behind_deref(frame, adt, expr, name));
                    }
                }
            }
            ExprKind::Call { args, .. } => {
                let part = name.parse::<usize>().ok().and_then(|index| args.get(index));
                match part {
                    Some(part) => values.extend(self.eval(frame, *part)),
                    None => values.extend(self.behind_deref(frame, adt, expr, name)),
                }
            }
            _ => {}
        }
        values
    }

    /// `wrapper.name` where the field is in the target of the wrapper's `Deref`.
    pub(super) fn behind_deref(&mut self, frame: &Rc<Frame>, adt: AdtId, expr: ExprId, name: &str) -> Values {
        let ty = Ty::Adt(adt, [].into());
        let Some(target) = self.scanned.world.deref_target(&ty) else {
            return unknown("it is a field that is not set here");
        };
        let Some(body) = self.facts(frame.id).and_then(|facts| facts.body.as_deref()) else {
            return unknown("it is a field that is not set here");
        };
        let inner: Vec<ExprId> = match &body.expr(expr).kind {
            ExprKind::Struct { fields, .. } => fields.iter().map(|(_, value)| *value).collect(),
            ExprKind::Call { args, .. } => args.to_vec(),
            _ => Vec::new(),
        };
        let values = self.union(frame, &inner);
        self.field(values, &target, name)
    }

    pub(super) fn assigned(&mut self, adt: AdtId, name: &str) -> Values {
        let key: (AdtId, Name) = (adt, Name::from(name));
        let mut values = Vec::new();
        if self.filled.contains(&key) {
            values.extend(unknown("other code writes into it"));
        }
        let typed = self.assigns.get(&key).cloned().unwrap_or_default();
        let loose = self.loose_assigns.get(&key.1).cloned().unwrap_or_default();
        for (id, expr) in typed.into_iter().chain(loose) {
            values.extend(self.eval(&Frame::any_caller(id), expr));
        }
        values
    }

    /// A field of some instance of a type: every reachable literal, and what is known of how it is filled.
    pub(super) fn field_of_type(&mut self, adt: AdtId, variant: Option<u32>, name: &str) -> Values {
        if let Some(values) = self.configured(adt, name) {
            return values;
        }
        let mut values = self.constructed_field(adt, variant, name);
        let from_outside = self.scanned.world.adts[adt]
            .attrs
            .derives
            .iter()
            .any(|derive| matches!(&**derive, "Deserialize" | "FromRow" | "FromArgs"));
        if values.is_empty() || from_outside {
            let ty = self.scanned.world.adts[adt].name.clone();
            values.extend(unknown(format!(
                "it is the field `{name}` of `{ty}`, which is filled at run time"
            )));
        }
        values
    }

    /// A field in every reachable literal of a type, and what is assigned to it.
    pub(super) fn constructed_field(&mut self, adt: AdtId, variant: Option<u32>, name: &str) -> Values {
        let found = self.literals.get(&adt).cloned().unwrap_or_default();
        if found.len() > 24 {
            return unknown("its type is constructed in too many places");
        }
        let key = (adt, variant, name.to_owned());
        if let Some(depth) = self.active_fields.get(&key) {
            // `Self { x, ..self }`: the other literals tell.
            self.cut_by(*depth);
            return Vec::new();
        }
        self.active_fields.insert(key.clone(), self.depth);
        let mut values = self.assigned(adt, name);
        for (id, expr) in found {
            let fits = variant.is_none_or(|variant| {
                self.facts(id).is_some_and(|facts| {
                    facts
                        .literals
                        .iter()
                        .any(|(a, v, e)| *a == adt && *v == variant && *e == expr)
                })
            });
            if fits {
                values.extend(self.object_field(&Frame::any_caller(id), expr, adt, name));
            }
        }
        self.active_fields.remove(&key);
        values
    }

    pub(super) fn event_field(&self, path: &str, adt: AdtId, name: &str) -> String {
        join_event(path, &self.serde_name(adt, name))
    }
}

/// `path.name` of an event.
pub(super) fn join_event(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// One element of an event's list.
pub(super) fn element(path: &str) -> String {
    if path.ends_with("[]") || path.is_empty() {
        path.to_owned()
    } else {
        format!("{path}[]")
    }
}

/// A field of an event type of another crate, in the payload's spelling.
pub(super) fn outside_event_field(path: &str, name: &str) -> String {
    match name {
        // `LambdaEvent { payload, context }`, newtypes.
        "payload" | "0" => path.to_owned(),
        "records" => join_event(path, "Records[]"),
        name => join_event(path, &super::eval_config::camel(name)),
    }
}
