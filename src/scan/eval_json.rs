//! Values read from JSON that an environment variable holds: `serde_json::from_str(&env::var("CONFIG")?)`.

use std::rc::Rc;

use serde_json::Value as Json;

use crate::usage::Piece;

use super::eval_config::{camel, pascal};
use super::ir::{ExprId, Name, Span};
use super::value::{Evaluator, Frame, Value, Values, unknown};
use super::world::AdtId;

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
                Value::Unknown(reason) => Value::Unknown(reason),
                _ => Value::Unknown(format!("it comes from `serde_json::{last}`, which is not read")),
            })
            .collect();
        read.iter()
            .any(|value| matches!(value, Value::Json(_)))
            .then_some(read)
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
    pub(super) fn json_field(&mut self, json: FromJson, adt: AdtId, name: &str) -> Values {
        let data = &self.scanned.world.adts[adt];
        let reads = data.attrs.derives.iter().any(|derive| &**derive == "Deserialize");
        let (field, count) = match data.variants.as_slice() {
            [only] => {
                let field = only.field(name).and_then(|index| only.fields.get(index));
                (field, only.fields.len())
            }
            _ => (None, 0),
        };
        let mut values = self.assigned(adt, name);
        let Some(field) =
            field.filter(|field| reads && !data.is_enum && !data.attrs.serde_own && !field.attrs.serde_own)
        else {
            values.extend(unknown(format!(
                "the field `{name}` of `{}` is made from the JSON in `{}` in a way that is not followed",
                data.name, json.variable
            )));
            return values;
        };
        // A newtype stands for what it holds.
        let same = field.attrs.serde_flatten || (name == "0" && count == 1);
        values.push(Value::Json(match same {
            true => json,
            false => json.member(&self.serde_name(adt, name)),
        }));
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
