//! Values read from JSON that an environment variable holds: `serde_json::from_str(&env::var("CONFIG")?)`.

use std::rc::Rc;

use serde_json::Value as Json;

use crate::usage::Piece;

use super::eval_config::{camel, pascal};
use super::ir::{ExprId, ExprKind, JSON_OBJECT, Name, Span};
use super::value::{Evaluator, Frame, Value, Values, unknown};
use super::world::AdtId;

/// How a field is found in JSON.
enum Step {
    /// It is the value itself.
    Same,
    /// The member of this name.
    Member(String),
}

/// A part of the JSON that an environment variable holds.
#[derive(Clone, Debug, PartialEq)]
pub struct FromJson {
    variable: String,
    /// Keys and list positions from the outermost value inwards.
    path: Vec<String>,
    /// This part of the text that the code uses when the variable is not set.
    default: Option<Json>,
    /// What the code uses when the JSON has no such member.
    absent: Option<String>,
    origin: Option<Span>,
}

impl FromJson {
    /// The whole JSON of a variable; `None` if the text is not one variable's value and nothing else.
    fn parsed(pieces: &[Piece], origin: Option<Span>) -> Option<Self> {
        let [Piece::Env { variable, default }] = pieces else {
            return None;
        };
        Some(Self {
            variable: variable.clone(),
            path: Vec::new(),
            default: default
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok()),
            absent: None,
            origin,
        })
    }

    fn member(&self, key: &str) -> Self {
        let default = self.default.as_ref().and_then(|default| match default {
            Json::Array(items) => items.get(key.parse::<usize>().ok()?),
            whole => whole.get(key),
        });
        let mut path = self.path.clone();
        path.push(key.to_owned());
        Self {
            variable: self.variable.clone(),
            path,
            default: default.cloned(),
            absent: None,
            origin: self.origin,
        }
    }

    /// The same, where `text` stands in for a member that is not there.
    pub(super) fn or(mut self, text: &str) -> Self {
        self.absent.get_or_insert_with(|| text.to_owned());
        self
    }

    /// The part as a piece of a text.
    pub(super) fn piece(&self) -> Piece {
        if self.path.is_empty() {
            return Piece::Hole(format!("it is made from the whole JSON in `{}`", self.variable));
        }
        let default = match &self.default {
            Some(Json::String(text)) => Some(text.clone()),
            Some(Json::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        Piece::EnvMember {
            variable: self.variable.clone(),
            path: self.path.clone(),
            default,
            absent: self.absent.clone(),
        }
    }

    /// Where the variable is read.
    pub(super) fn origin(&self) -> Option<Span> {
        self.origin
    }
}

impl<'x> Evaluator<'x, '_> {
    /// What a fn of `serde_json` makes of a text; `None` if the text is no environment variable's.
    pub(super) fn json_of(&mut self, frame: &Rc<Frame>, last: &str, args: &[ExprId]) -> Option<Values> {
        let [arg] = args else { return None };
        let of_text = matches!(last, "from_str" | "from_slice" | "from_reader");
        if !of_text && last != "from_value" {
            return None;
        }
        let read: Values = self
            .eval(frame, *arg)
            .into_iter()
            .map(|value| match value {
                Value::Text(pieces, origin) if of_text => match FromJson::parsed(&pieces, origin) {
                    Some(json) => Value::Json(json),
                    None => Value::Unknown(format!("it comes from `serde_json::{last}`, which is not read")),
                },
                Value::Json(json) if !of_text => Value::Json(json),
                Value::Object(frame, expr) if self.is_json_object(&frame, expr) => Value::Object(frame, expr),
                Value::Unknown(reason) => Value::Unknown(reason),
                _ => Value::Unknown(format!("it comes from `serde_json::{last}`, which is not read")),
            })
            .collect();
        read.iter()
            .any(|value| matches!(value, Value::Json(_) | Value::Object(..)))
            .then_some(read)
    }

    /// Whether an expression is an object in `json!`.
    pub(super) fn is_json_object(&self, frame: &Frame, expr: ExprId) -> bool {
        let body = self.facts(frame.id).and_then(|facts| facts.body.as_deref());
        matches!(
            body.map(|body| &body.expr(expr).kind),
            Some(ExprKind::Struct { path, .. }) if path.is_single(JSON_OBJECT)
        )
    }

    /// The field of a type that is read from an object in `json!`. What the object has not, it gives no value.
    pub(super) fn json_object_field(
        &mut self,
        frame: &Rc<Frame>,
        expr: ExprId,
        (adt, variant): (AdtId, Option<u32>),
        name: &str,
    ) -> Values {
        let mut values = self.assigned(adt, name);
        let body = self.facts(frame.id).and_then(|facts| facts.body.as_deref());
        let Some(ExprKind::Struct { fields, .. }) = body.map(|body| &body.expr(expr).kind) else {
            return values;
        };
        match self.serde_step(adt, variant, name) {
            Some(Step::Same) => values.push(Value::Object(frame.clone(), expr)),
            Some(Step::Member(key)) => {
                if let Some((_, value)) = fields.iter().find(|(found, _)| **found == *key) {
                    values.extend(self.eval(frame, *value));
                }
            }
            None => values.extend(unknown(format!(
                "the field `{name}` of `{}` is made from JSON in a way that is not followed",
                self.scanned.world.adts[adt].name
            ))),
        }
        values
    }

    /// How serde fills a field from JSON: of a struct, or of a variant of an untagged enum.
    fn serde_step(&self, adt: AdtId, variant: Option<u32>, name: &str) -> Option<Step> {
        let data = &self.scanned.world.adts[adt];
        let reads = data.attrs.derives.iter().any(|derive| &**derive == "Deserialize");
        let variant = match (data.is_enum, variant) {
            (true, Some(variant)) if data.attrs.serde_untagged => data.variants.get(variant as usize),
            (true, _) => None,
            (false, _) => data.variants.first(),
        }?;
        let field = variant.fields.get(variant.field(name)?)?;
        if !reads || data.attrs.serde_own || field.attrs.serde_own {
            return None;
        }
        // A newtype stands for what it holds.
        let same = field.attrs.serde_flatten || (name == "0" && variant.fields.len() == 1);
        Some(match same {
            true => Step::Same,
            false => Step::Member(self.serde_name(adt, name)),
        })
    }

    /// Methods of `serde_json::Value` and of maps that walk into JSON; `None` for all others, and for other values.
    pub(super) fn json_method(
        &mut self,
        frame: &Rc<Frame>,
        receiver: ExprId,
        method: &Name,
        args: &[ExprId],
    ) -> Option<Values> {
        let walks = match (&**method, args) {
            ("get" | "get_mut" | "remove" | "swap_remove" | "pointer" | "pointer_mut", [key]) => Some(*key),
            (
                "as_object" | "as_object_mut" | "as_array" | "as_array_mut" | "values" | "into_values"
                | "values_mut",
                [],
            ) => None,
            _ => return None,
        };
        let values = self.eval(frame, receiver);
        if !values.iter().any(|value| matches!(value, Value::Json(_))) {
            return None;
        }
        Some(match walks {
            Some(key) => {
                let keys = self.eval(frame, key);
                json_members(values, &keys, method.starts_with("pointer"))
            }
            None if method.contains("values") => unknown("it is one of several members of JSON"),
            None => values,
        })
    }

    /// The field of a type that is read from JSON.
    pub(super) fn json_field(
        &mut self,
        json: FromJson,
        (adt, variant): (AdtId, Option<u32>),
        name: &str,
    ) -> Values {
        let mut values = self.assigned(adt, name);
        values.push(match self.serde_step(adt, variant, name) {
            Some(Step::Same) => Value::Json(json),
            Some(Step::Member(key)) => Value::Json(json.member(&key)),
            None => Value::Unknown(format!(
                "the field `{name}` of `{}` is made from the JSON in `{}` in a way that is not followed",
                self.scanned.world.adts[adt].name, json.variable
            )),
        });
        values
    }

    /// What serde calls a field.
    pub(super) fn serde_name(&self, adt: AdtId, name: &str) -> String {
        let data = &self.scanned.world.adts[adt];
        let field = data
            .variants
            .iter()
            .find_map(|variant| variant.fields.get(variant.field(name)?));
        let renamed = field.and_then(|field| field.attrs.serde_rename.clone());
        match (renamed, data.attrs.serde_rename_all.as_deref()) {
            (Some(renamed), _) => renamed.to_string(),
            // There it is for the names of variants.
            _ if data.is_enum => name.to_owned(),
            (None, Some("camelCase")) => camel(name),
            (None, Some("PascalCase")) => pascal(name),
            (None, Some("UPPERCASE" | "SCREAMING_SNAKE_CASE")) => name.to_uppercase(),
            (None, Some("kebab-case")) => name.replace('_', "-"),
            (None, Some("SCREAMING-KEBAB-CASE")) => name.to_uppercase().replace('_', "-"),
            _ => name.to_owned(),
        }
    }
}

/// `value[key]` for JSON among `values`, for each key; with `pointer`, keys are JSON pointers (RFC 6901).
pub(super) fn json_members(values: Values, keys: &Values, pointer: bool) -> Values {
    let mut members = Vec::new();
    for value in values {
        let Value::Json(json) = value else {
            members.push(match value {
                Value::Unknown(reason) => Value::Unknown(reason),
                _ => Value::Unknown("it is part of a value that is not known".to_owned()),
            });
            continue;
        };
        if keys.is_empty() {
            members.push(computed(&json));
        }
        for key in keys {
            members.push(match key {
                Value::Number(index, _) => Value::Json(json.member(&index.to_string())),
                Value::Text(pieces, _) => match pieces.as_slice() {
                    [Piece::Literal(text)] if pointer => {
                        let steps = text.split('/').skip(1);
                        Value::Json(steps.fold(json.clone(), |json, step| {
                            json.member(&step.replace("~1", "/").replace("~0", "~"))
                        }))
                    }
                    [Piece::Literal(text)] => Value::Json(json.member(text)),
                    _ => computed(&json),
                },
                _ => computed(&json),
            });
        }
    }
    members
}

fn computed(json: &FromJson) -> Value {
    Value::Unknown(format!(
        "it is a member of the JSON in `{}` whose name is computed",
        json.variable
    ))
}
