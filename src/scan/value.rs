//! Values: where the text given to a setter comes from, followed backwards on demand through variables, parameters,
//! fields and returns, within what one entry reaches.
//!
//! A value is followed with its calls: a helper that is called twice gives each caller its own result. Where the calls
//! are not known (a parameter of a fn that the evaluation did not come through) all reachable callers count.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::usage::{Location, Piece, ResourceHint};

use super::build::location;
use super::call_site::Scanned;
use super::eval_json::FromJson;
use super::eval_settings::Filled;
use super::facts::Facts;
use super::ir::{ExprId, Name, Span};
use super::reach::Reach;
use super::regions::Regions;
use super::world::{AdtId, FnId};

/// Values beyond which a set counts as unknown.
pub const MAX_VALUES: usize = 8;
/// Nesting of evaluation.
const MAX_DEPTH: usize = 120;
/// Calls on the way to a value.
pub(super) const MAX_CALLS: usize = 8;
/// Expressions looked at for one member.
const MAX_STEPS: usize = 20_000;

/// A fn under evaluation and the call it was entered through.
#[derive(Debug, PartialEq)]
pub struct Frame {
    /// The fn.
    pub id: FnId,
    /// The caller and its call expression, if known.
    pub call: Option<(Rc<Frame>, ExprId)>,
    /// Closures entered inside: the closure, the frame and expressions of its arguments.
    pub closure: Option<(ExprId, Rc<Frame>, Vec<ExprId>)>,
    /// Number of calls below.
    pub depth: usize,
}

impl Frame {
    /// A fn entered by whoever calls it.
    pub fn any_caller(id: FnId) -> Rc<Self> {
        Rc::new(Self {
            id,
            call: None,
            closure: None,
            depth: 0,
        })
    }
}

/// One possible value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, and where it comes from.
    Text(Vec<Piece>, Option<Span>),
    /// A whole number: `+` adds it, where texts are joined.
    Number(i128, Span),
    /// A struct, variant or tuple literal in a frame.
    Object(Rc<Frame>, ExprId),
    /// An SDK structure: the expression that makes its builder.
    Built(FnId, ExprId),
    /// A part of the JSON in an environment variable.
    Json(FromJson),
    /// A variant of an SDK enum.
    Variant(Name),
    /// A closure.
    Closure(Rc<Frame>, ExprId),
    /// A fn.
    FnItem(FnId),
    /// All environment variables, by name.
    Environment,
    /// A part of the event that triggers the function.
    Event(String),
    /// Some instance of one of our types.
    Instance(AdtId),
    /// Not known, and why.
    Unknown(String),
}

/// An expression under evaluation: fn, expression, depth, the call and the closure that led there.
pub(super) type Active = (FnId, ExprId, usize, Option<ExprId>, Option<ExprId>);

/// Possible values.
pub type Values = Vec<Value>;

/// Evaluates expressions for one entry.
pub struct Evaluator<'x, 'a> {
    /// What was read.
    pub scanned: &'x Scanned<'x, 'a>,
    /// What the entry reaches.
    pub reach: &'x Reach,
    /// Reached literals by type.
    pub literals: BTreeMap<AdtId, Vec<(FnId, ExprId)>>,
    /// Reached assignments by type and field.
    pub assigns: BTreeMap<(AdtId, Name), Vec<(FnId, ExprId)>>,
    /// Reached assignments to fields of values of unknown type, by field.
    pub loose_assigns: BTreeMap<Name, Vec<(FnId, ExprId)>>,
    /// Fields that reached code writes into in ways that are not followed.
    pub filled: BTreeSet<(AdtId, Name)>,
    /// What reached code puts into statics.
    pub statics: BTreeMap<FnId, Vec<(FnId, ExprId)>>,
    /// Inputs that wrapper crates are given for their later calls, by the crate's name in paths.
    pub wrapper_sets: BTreeMap<Name, Vec<(Name, FnId, ExprId)>>,
    /// Types that libraries fill from the environment.
    pub filled_types: BTreeMap<AdtId, Filled>,
    /// Expressions under evaluation, and how deep each lies.
    active: FxHashMap<Active, usize>,
    pub(super) active_locals: Vec<((FnId, u32, usize), usize)>,
    /// Fields of types whose literals are being followed.
    pub(super) active_fields: BTreeMap<(AdtId, Option<u32>, String), usize>,
    pub(super) depth: usize,
    /// The outermost evaluation whose being under way has cut the present one short.
    cut: usize,
    /// What expressions of fns entered by whoever calls them are, where nothing was cut short.
    known: FxHashMap<(FnId, ExprId), Values>,
    pub(super) steps: usize,
    /// Sums under evaluation: a variable that is read in its own new value is not known there.
    pub(super) sums: usize,
    /// Whether the keys of maps are asked for, not what stands at them.
    pub(super) asks_keys: bool,
    regions: RefCell<BTreeMap<FnId, Rc<Regions>>>,
}

impl<'x, 'a> Evaluator<'x, 'a> {
    /// An evaluator for what `reach` reaches.
    pub fn new(scanned: &'x Scanned<'x, 'a>, reach: &'x Reach) -> Self {
        let mut literals: BTreeMap<AdtId, Vec<(FnId, ExprId)>> = BTreeMap::new();
        let mut assigns: BTreeMap<(AdtId, Name), Vec<(FnId, ExprId)>> = BTreeMap::new();
        let mut filled_types = BTreeMap::new();
        let mut loose_assigns: BTreeMap<Name, Vec<(FnId, ExprId)>> = BTreeMap::new();
        let mut filled = BTreeSet::new();
        let mut wrapper_sets = BTreeMap::new();
        let mut statics: BTreeMap<FnId, Vec<(FnId, ExprId)>> = BTreeMap::new();
        for id in reach.fns.keys() {
            let Some(facts) = scanned.facts.get(id.0 as usize) else {
                continue;
            };
            for (adt, _, expr) in &facts.literals {
                literals.entry(*adt).or_default().push((*id, *expr));
            }
            for (adt, field, expr) in &facts.assigns {
                assigns
                    .entry((*adt, field.clone()))
                    .or_default()
                    .push((*id, *expr));
            }
            for (field, expr) in &facts.loose_assigns {
                loose_assigns.entry(field.clone()).or_default().push((*id, *expr));
            }
            filled.extend(facts.filled_fields.iter().cloned());
            for (krate, member, expr) in &facts.wrapper_sets {
                let sets: &mut Vec<_> = wrapper_sets.entry(krate.clone()).or_default();
                sets.push((member.clone(), *id, *expr));
            }
            for (target, expr) in &facts.static_values {
                statics.entry(*target).or_default().push((*id, *expr));
            }
            super::eval_settings::filled_types(scanned.world, facts, &mut filled_types);
        }
        Self {
            scanned,
            reach,
            literals,
            assigns,
            loose_assigns,
            filled,
            statics,
            wrapper_sets,
            filled_types,
            active: FxHashMap::default(),
            active_locals: Vec::new(),
            active_fields: BTreeMap::new(),
            depth: 0,
            cut: usize::MAX,
            known: FxHashMap::default(),
            steps: 0,
            sums: 0,
            asks_keys: false,
            regions: RefCell::default(),
        }
    }

    /// The conditional regions of a fn.
    pub(super) fn regions(&self, id: FnId) -> Rc<Regions> {
        let mut known = self.regions.borrow_mut();
        let regions = known.entry(id).or_insert_with(|| {
            let body = self.facts(id).and_then(|facts| facts.body.as_deref());
            Rc::new(body.map(Regions::of).unwrap_or_default())
        });
        regions.clone()
    }

    /// Facts of a fn.
    pub fn facts(&self, id: FnId) -> Option<&'x Facts> {
        self.scanned.facts.get(id.0 as usize).map(|facts| &**facts)
    }

    /// The values of an expression.
    pub fn eval(&mut self, frame: &Rc<Frame>, expr: ExprId) -> Values {
        let plain = (frame.call.is_none() && frame.closure.is_none()).then_some((frame.id, expr));
        if let Some(values) = plain.and_then(|key| self.known.get(&key)) {
            return values.clone();
        }
        self.steps += 1;
        if self.steps > MAX_STEPS || self.depth > MAX_DEPTH {
            self.cut = 0;
            return vec![Value::Unknown("it is followed too far".to_owned())];
        }
        let key = (
            frame.id,
            expr,
            frame.depth,
            frame.call.as_ref().map(|(_, call)| *call),
            frame.closure.as_ref().map(|(closure, ..)| *closure),
        );
        if let Some(depth) = self.active.get(&key) {
            // A value that depends on itself adds nothing; a sum that does is not known.
            self.cut = self.cut.min(*depth);
            return match self.sums {
                0 => Vec::new(),
                _ => unknown("it is computed from its own value"),
            };
        }
        self.depth += 1;
        self.active.insert(key, self.depth);
        let outer = std::mem::replace(&mut self.cut, usize::MAX);
        let values = limit(self.eval_kind(frame, expr));
        // What is cut short only by itself or by what lies inside is whole.
        if self.cut >= self.depth {
            self.cut = usize::MAX;
            if let Some(key) = plain {
                self.known.insert(key, values.clone());
            }
        }
        self.cut = self.cut.min(outer);
        self.depth -= 1;
        self.active.remove(&key);
        values
    }

    /// Notes that the evaluation at `depth`, being under way, cuts the present one short.
    pub(super) fn cut_by(&mut self, depth: usize) {
        self.cut = self.cut.min(depth);
    }

    /// The keys of a map.
    pub(super) fn keys(&mut self, frame: &Rc<Frame>, map: ExprId) -> Values {
        let known = std::mem::take(&mut self.known);
        self.asks_keys = true;
        let entries = self.eval(frame, map);
        self.asks_keys = false;
        self.known = known;
        let mut keys = Vec::new();
        for entry in entries {
            match entry {
                // What was inserted tells its key already.
                Value::Text(..) => keys.push(entry),
                entry => keys.extend(self.tuple_part(vec![entry], 0)),
            }
        }
        limit(keys)
    }

    /// Whether something in the present evaluation depends on what is under evaluation outside.
    pub(super) fn is_cut(&self) -> bool {
        self.cut < usize::MAX
    }

    /// Starts counting anew, for one member of one site.
    pub fn reset(&mut self) {
        self.steps = 0;
        self.depth = 0;
        self.sums = 0;
        self.cut = usize::MAX;
        self.active.clear();
        self.active_locals.clear();
        self.active_fields.clear();
    }

    /// The frame of a callee, entered from `call` in `frame`.
    pub fn enter(&self, frame: &Rc<Frame>, call: ExprId, id: FnId) -> Option<Rc<Frame>> {
        if frame.depth >= MAX_CALLS {
            return None;
        }
        Some(Rc::new(Frame {
            id,
            call: Some((frame.clone(), call)),
            closure: None,
            depth: frame.depth + 1,
        }))
    }

    /// A place for reports.
    pub fn place(&self, span: Span) -> Location {
        location(self.scanned.files, span)
    }

    /// Values as hints of a text member.
    pub fn hints(&self, values: &Values) -> Vec<ResourceHint> {
        // An empty text is what a variable starts with, never the name of anything.
        let is_empty = |value: &Value| match value {
            Value::Text(pieces, _) => pieces
                .iter()
                .all(|piece| matches!(piece, Piece::Literal(text) if text.is_empty())),
            _ => false,
        };
        let all_empty = !values.is_empty() && values.iter().all(is_empty);
        if all_empty {
            return vec![ResourceHint::unknown(
                "it starts as an empty text, and what is put into it later is not seen",
            )];
        }
        let mut hints: Vec<ResourceHint> = values
            .iter()
            .filter(|value| !is_empty(value))
            .map(|value| match value {
                Value::Text(pieces, origin) if !pieces.is_empty() => ResourceHint {
                    pieces: pieces.clone(),
                    origin: origin.filter(|span| span.line > 0).map(|span| self.place(span)),
                },
                Value::Text(..) => ResourceHint::literal(""),
                Value::Number(number, span) => ResourceHint {
                    origin: Some(self.place(*span)),
                    ..ResourceHint::literal(number.to_string())
                },
                Value::Event(path) if path.is_empty() => {
                    ResourceHint::unknown("it is made from the whole event")
                }
                Value::Event(path) => ResourceHint {
                    pieces: vec![Piece::Event { path: path.clone() }],
                    origin: None,
                },
                Value::Json(json) => ResourceHint {
                    pieces: vec![json.piece()],
                    origin: json
                        .origin()
                        .filter(|span| span.line > 0)
                        .map(|span| self.place(span)),
                },
                Value::Unknown(reason) => ResourceHint::unknown(reason.clone()),
                Value::Variant(name) => ResourceHint::literal(name.to_string()),
                Value::Built(..) => ResourceHint::unknown("it is a structure"),
                Value::Environment => ResourceHint::unknown("it is made from all environment variables"),
                Value::Object(..) | Value::Instance(_) => {
                    ResourceHint::unknown("it is made from a value of the program's own type")
                }
                Value::Closure(..) | Value::FnItem(_) => {
                    ResourceHint::unknown("it is the result of a fn that is not followed")
                }
            })
            .collect();
        if hints.is_empty() {
            hints.push(ResourceHint::unknown("nothing is known of its value"));
        }
        hints.sort();
        hints.dedup();
        hints
    }
}

/// Sorts out doubles and cuts sets that are too wide.
pub fn limit(values: Values) -> Values {
    let mut kept: Values = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    let is_told = |value: &Value| matches!(value, Value::Text(..) | Value::Number(..) | Value::Json(_));
    if kept.len() > MAX_VALUES && kept.iter().any(is_told) {
        return vec![Value::Unknown(format!(
            "it has more than {MAX_VALUES} possible values"
        ))];
    }
    if kept.len() > MAX_VALUES * 4 {
        return vec![Value::Unknown("it has too many possible values".to_owned())];
    }
    kept
}

/// A value nobody can tell.
pub fn unknown(reason: impl Into<String>) -> Values {
    vec![Value::Unknown(reason.into())]
}

/// Literal text.
pub fn literal(text: &str, span: Span) -> Values {
    vec![Value::Text(vec![Piece::Literal(text.to_owned())], Some(span))]
}

/// Every combination of texts, one after the other.
pub fn concat(parts: &[Values], span: Span) -> Values {
    let mut results: Vec<(Vec<Piece>, Option<Span>)> = vec![(Vec::new(), None)];
    for part in parts {
        let mut choices: Vec<(Vec<Piece>, Option<Span>)> = part.iter().map(as_pieces).collect();
        if choices.is_empty() || results.len() * choices.len() > MAX_VALUES {
            choices = vec![(
                vec![Piece::Hole("it has several possible values".to_owned())],
                None,
            )];
        }
        let mut next = Vec::new();
        for (pieces, origin) in &results {
            for (more, more_origin) in &choices {
                let mut pieces = pieces.clone();
                for piece in more {
                    push_piece(&mut pieces, piece.clone());
                }
                let has_env = more
                    .iter()
                    .any(|piece| matches!(piece, Piece::Env { .. } | Piece::EnvMember { .. }));
                let origin = if has_env { *more_origin } else { *origin };
                next.push((pieces, origin));
            }
        }
        results = next;
    }
    results
        .into_iter()
        .map(|(pieces, origin)| Value::Text(pieces, origin.or(Some(span))))
        .collect()
}

/// What `left + right` gives: joined texts, or the sum of numbers. Where one side is a number and the other is not known,
/// the sum is not known either.
pub fn add(left: Values, right: Values, span: Span) -> Values {
    let nothing = || unknown("it is computed from a value that is not known");
    let left = if left.is_empty() { nothing() } else { left };
    let right = if right.is_empty() { nothing() } else { right };
    let is_number = |value: &Value| matches!(value, Value::Number(..));
    let is_text = |value: &Value| matches!(value, Value::Text(..) | Value::Json(_));
    if !left
        .iter()
        .chain(&right)
        .any(|value| is_number(value) || is_text(value))
    {
        return nothing();
    }
    if !left.iter().chain(&right).any(is_number) {
        return concat(&[left, right], span);
    }
    let mut sums = Vec::new();
    for left in &left {
        for right in &right {
            sums.push(match (left, right) {
                (Value::Number(left, _), Value::Number(right, _)) => match left.checked_add(*right) {
                    Some(sum) => Value::Number(sum, span),
                    None => Value::Unknown("it is a sum out of bounds".to_owned()),
                },
                _ => Value::Unknown("it is computed from a value that is not known".to_owned()),
            });
        }
    }
    limit(sums)
}

fn as_pieces(value: &Value) -> (Vec<Piece>, Option<Span>) {
    match value {
        Value::Text(pieces, origin) => (pieces.clone(), *origin),
        Value::Number(number, span) => (vec![Piece::Literal(number.to_string())], Some(*span)),
        Value::Event(path) => (vec![Piece::Event { path: path.clone() }], None),
        Value::Json(json) => (vec![json.piece()], json.origin()),
        Value::Unknown(reason) => (vec![Piece::Hole(reason.clone())], None),
        _ => (
            vec![Piece::Hole(
                "it is made from a value of the program's own type".to_owned(),
            )],
            None,
        ),
    }
}

/// Adds a piece; neighbouring literals join.
pub fn push_piece(pieces: &mut Vec<Piece>, piece: Piece) {
    if let (Some(Piece::Literal(last)), Piece::Literal(text)) = (pieces.last_mut(), &piece) {
        last.push_str(text);
        return;
    }
    if matches!(&piece, Piece::Literal(text) if text.is_empty()) && !pieces.is_empty() {
        return;
    }
    pieces.push(piece);
}
