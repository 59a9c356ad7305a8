//! Makes a concrete request of a candidate and has it judged by [`crate::iam::evaluate`], on both sides.
//!
//! The engine's texts are as short as can be; first a plausible request is tried, then the bare one. Where patterns have
//! holes, values are tried that make the patterns match.

use std::collections::{BTreeMap, BTreeSet};

use super::key::KeyValue;
use super::search::Candidate;
use super::template::{Hole, Part, holes, parts};
use super::unit::StatementRef;
use super::{OldSide, Witness};
use crate::iam::arn::ArnPattern;
use crate::iam::evaluate::{self, Layer, Voice};
use crate::iam::policy::{Actions, Policy, PolicyKind, Principals, Resources, Statement};
use crate::iam::request::{ContextValue, Request};

/// Assignments of holes that are tried for one resource.
const MAX_FILLINGS: usize = 64;

/// Ways in which one pattern with holes can match a text that are looked at.
const MAX_CAPTURES: usize = 8;

/// Patterns with holes after which a resource to try is made.
const MAX_OPEN_TEXTS: usize = 8;

/// Values of holes; `None` for a context key that is absent.
type Filling = BTreeMap<Hole, Option<String>>;

/// Both sides, ready to judge requests.
pub(super) struct Court<'a> {
    new: &'a [Policy],
    old: &'a [Policy],
    kind: PolicyKind,
    /// Resource and condition texts with holes, read.
    open_texts: BTreeSet<(Vec<Part>, Option<String>)>,
    holes: BTreeSet<Hole>,
}

impl<'a> Court<'a> {
    pub(super) fn new(new: &'a [Policy], old: &'a [Policy], kind: PolicyKind) -> Self {
        let mut open_texts = BTreeSet::new();
        let mut found = BTreeSet::new();
        for statement in new.iter().chain(old).flat_map(|policy| &policy.statements) {
            each_text(statement, &mut |text, key| {
                if text.contains("${") {
                    let read = parts(text, true);
                    if holes(&read).next().is_some() {
                        found.extend(holes(&read).cloned());
                        open_texts.insert((read, key.map(str::to_lowercase)));
                    }
                }
            });
        }
        Self {
            new,
            old,
            kind,
            open_texts,
            holes: found,
        }
    }

    /// A request that the new side allows and the old side does not, like the candidate.
    pub(super) fn confirm(&self, candidate: &Candidate<'_>) -> Option<Witness> {
        let spelled = Candidate {
            action: self.spelled(candidate),
            ..candidate.clone()
        };
        let candidate = &spelled;
        for resource in self.resources(candidate) {
            for filling in self.fillings(candidate, &resource) {
                let (new, old) = (filled(self.new, &filling), filled(self.old, &filling));
                let resource = fill(&resource, &filling);
                let request = request(candidate, resource, &filling);
                let verdict = self.judge(
                    &request,
                    new.as_deref().unwrap_or(self.new),
                    old.as_deref().unwrap_or(self.old),
                );
                if let Some((allowed_by, old)) = verdict {
                    return Some(Witness {
                        request,
                        allowed_by,
                        old,
                        symbols: symbols(&filling),
                    });
                }
            }
        }
        None
    }

    /// The action as the new Allow spells it, if it does.
    fn spelled(&self, candidate: &Candidate<'_>) -> String {
        let statements = candidate
            .allowed_by
            .origin
            .iter()
            .filter_map(|place| self.new.get(place.policy)?.statements.get(place.statement));
        let mut patterns = statements.flat_map(|statement| match &statement.actions {
            Actions::Only(list) => list.as_slice(),
            Actions::AllExcept(_) => &[],
        });
        let same = patterns.find(|pattern| pattern.as_str().eq_ignore_ascii_case(&candidate.action));
        same.map_or_else(|| candidate.action.clone(), |pattern| pattern.as_str().to_owned())
    }

    fn judge(&self, request: &Request, new: &[Policy], old: &[Policy]) -> Option<(StatementRef, OldSide)> {
        let layer = match self.kind {
            PolicyKind::Identity => Layer::Identity,
            PolicyKind::Resource | PolicyKind::Trust => Layer::Resource,
        };
        let place = |statement: evaluate::StatementRef| StatementRef {
            policy: statement.policy,
            statement: statement.statement,
        };
        let Voice::Allows(allowed_by) = evaluate::layer(request, layer, new) else {
            return None;
        };
        let old = match evaluate::layer(request, layer, old) {
            Voice::Allows(_) => return None,
            Voice::Denies(statement) => OldSide::Denies(place(statement)),
            Voice::Silent => OldSide::Silent,
        };
        Some((place(allowed_by), old))
    }

    /// Resources to try: plausible ones in the manner of the new Allow's patterns, then the engine's own.
    fn resources(&self, candidate: &Candidate<'_>) -> Vec<String> {
        let mut tried = Vec::new();
        let prefix = candidate.action.split(':').next().unwrap_or_default();
        if self.kind == PolicyKind::Trust {
            tried.push("arn:aws:iam::111122223333:role/example".to_owned());
        } else if candidate.resource != "*" && candidate.sure {
            let frame = &candidate.allowed_by.frame;
            if !frame.other_resources {
                tried.extend(
                    frame
                        .resources
                        .iter()
                        .take(4)
                        .map(|text| plausible(&parts(text, true), prefix, false)),
                );
            }
            tried.extend(padded(&candidate.resource, prefix));
        }
        if !candidate.sure {
            let of_resources = self.open_texts.iter().filter(|(_, key)| key.is_none());
            for (text, _) in of_resources.take(MAX_OPEN_TEXTS) {
                tried.extend([plausible(text, prefix, false), plausible(text, prefix, true)]);
            }
            tried.extend(padded(&candidate.resource, prefix));
        }
        tried.push(candidate.resource.clone());
        tried.dedup();
        tried
    }

    /// Ways to fill the holes, likely ones first; a single empty one where there are none.
    fn fillings(&self, candidate: &Candidate<'_>, resource: &str) -> Vec<Filling> {
        if self.holes.is_empty() {
            return vec![Filling::new()];
        }
        let mut options: BTreeMap<&Hole, Vec<Option<String>>> = BTreeMap::new();
        for (text, key) in &self.open_texts {
            let words: Vec<&str> = match key.as_deref().map(|key| candidate.context.get(key)) {
                None => vec![resource],
                Some(Some(KeyValue::One(word))) => vec![word],
                Some(Some(KeyValue::Many(words))) => words.iter().map(String::as_str).collect(),
                Some(_) => Vec::new(),
            };
            for word in words {
                for capture in captures(text, word) {
                    for (hole, value) in capture {
                        let Some(hole) = self.holes.get(&hole) else {
                            continue;
                        };
                        let values = options.entry(hole).or_default();
                        if !values.contains(&Some(value.clone())) {
                            values.push(Some(value));
                        }
                    }
                }
            }
        }
        let mut fillings = vec![Filling::new()];
        for hole in &self.holes {
            let mut values = match hole {
                Hole::Variable { key, .. } => match candidate.context.get(key) {
                    Some(KeyValue::One(value)) => vec![Some(value.clone())],
                    Some(_) => vec![None],
                    None => {
                        let mut values = options.remove(hole).unwrap_or_default();
                        values.push(Some("someone".to_owned()));
                        values.push(None);
                        values
                    }
                },
                Hole::Symbol(name) => {
                    let mut values = options.remove(hole).unwrap_or_default();
                    values.retain(|value| value.as_deref() != Some(""));
                    // A principal as a whole is nobody that the documents name.
                    if candidate.caller.as_deref() == Some(&format!("${{{name}}}")) {
                        values.push(Some(format!("arn:aws:iam::999988887777:role/{}", usual(name))));
                    }
                    values.push(Some(usual(name)));
                    values
                }
            };
            values.truncate(4);
            fillings = fillings
                .iter()
                .flat_map(|filling| {
                    values.iter().map(|value| {
                        let mut filling = filling.clone();
                        filling.insert(hole.clone(), value.clone());
                        filling
                    })
                })
                .take(MAX_FILLINGS)
                .collect();
        }
        fillings
    }
}

/// Every text of a statement that can have a hole, with the context key for values of conditions.
fn each_text(statement: &Statement, visit: &mut dyn FnMut(&str, Option<&str>)) {
    let (Resources::Only(resources) | Resources::AllExcept(resources)) = &statement.resources;
    resources
        .iter()
        .for_each(|resource| visit(resource.as_str(), None));
    for (key, values) in statement.conditions.values().flatten() {
        values.iter().for_each(|value| visit(value, Some(key)));
    }
    if let Some(Principals::Only(set) | Principals::AllExcept(set)) = &statement.principals {
        set.values().flatten().for_each(|name| visit(name, Some("")));
    }
}

/// Ways in which a text with holes matches a word, as values of the holes.
fn captures(text: &[Part], word: &str) -> Vec<BTreeMap<Hole, String>> {
    let word: Vec<char> = word.chars().collect();
    let mut found = Vec::new();
    let mut steps = 10_000;
    capture(text, &word, &mut BTreeMap::new(), &mut found, &mut steps);
    found
}

fn capture(
    text: &[Part],
    word: &[char],
    bound: &mut BTreeMap<Hole, String>,
    found: &mut Vec<BTreeMap<Hole, String>>,
    steps: &mut u32,
) {
    if *steps == 0 || found.len() >= MAX_CAPTURES {
        return;
    }
    *steps -= 1;
    let Some((part, rest)) = text.split_first() else {
        if word.is_empty() && !found.contains(bound) {
            found.push(bound.clone());
        }
        return;
    };
    match part {
        Part::Char(c) => {
            if let Some((first, after)) = word.split_first()
                && first == c
            {
                capture(rest, after, bound, found, steps);
            }
        }
        Part::One => {
            if let Some((_, after)) = word.split_first() {
                capture(rest, after, bound, found, steps);
            }
        }
        Part::Star => {
            for taken in 0..=word.len() {
                capture(rest, word.get(taken..).unwrap_or_default(), bound, found, steps);
            }
        }
        Part::Hole(hole) => {
            if let Some(value) = bound.get(hole) {
                let value: Vec<char> = value.chars().collect();
                if let Some(after) = word.strip_prefix(value.as_slice()) {
                    capture(rest, after, bound, found, steps);
                }
                return;
            }
            for taken in 0..=word.len() {
                let (value, after) = word.split_at_checked(taken).unwrap_or_default();
                bound.insert(hole.clone(), value.iter().collect());
                capture(rest, after, bound, found, steps);
            }
            bound.remove(hole);
        }
    }
}

/// The usual value of a symbol.
fn usual(name: &str) -> String {
    match name {
        "AWS::Partition" => "aws".to_owned(),
        "AWS::Region" => "us-east-1".to_owned(),
        "AWS::AccountId" => "111122223333".to_owned(),
        "AWS::URLSuffix" => "amazonaws.com".to_owned(),
        name => {
            let plain: String = name
                .chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() {
                        c.to_ascii_lowercase()
                    } else {
                        '-'
                    }
                })
                .collect();
            format!("my-{plain}")
        }
    }
}

/// What the symbols were taken to be.
fn symbols(filling: &Filling) -> BTreeMap<String, String> {
    filling
        .iter()
        .filter_map(|(hole, value)| match (hole, value) {
            (Hole::Symbol(name), Some(value)) => Some((name.clone(), value.clone())),
            _ => None,
        })
        .collect()
}

/// The policies with their symbols replaced; variables are left to the request. `None` when nothing is to be replaced.
fn filled(policies: &[Policy], filling: &Filling) -> Option<Vec<Policy>> {
    if !filling.keys().any(|hole| matches!(hole, Hole::Symbol(_))) {
        return None;
    }
    let mut policies = policies.to_vec();
    for statement in policies.iter_mut().flat_map(|policy| &mut policy.statements) {
        let (Resources::Only(resources) | Resources::AllExcept(resources)) = &mut statement.resources;
        for resource in resources {
            *resource = ArnPattern::new(fill(resource.as_str(), filling));
        }
        for value in statement
            .conditions
            .values_mut()
            .flat_map(|keys| keys.values_mut())
            .flatten()
        {
            *value = fill(value, filling);
        }
        if let Some(Principals::Only(set) | Principals::AllExcept(set)) = &mut statement.principals {
            for name in set.values_mut().flatten() {
                *name = fill(name, filling);
            }
        }
    }
    Some(policies)
}

/// The text with its symbols replaced.
fn fill(text: &str, filling: &Filling) -> String {
    let mut out = text.to_owned();
    for (hole, value) in filling {
        if let (Hole::Symbol(name), Some(value)) = (hole, value) {
            out = out.replace(&format!("${{{name}}}"), value);
        }
    }
    out
}

fn request(candidate: &Candidate<'_>, resource: String, filling: &Filling) -> Request {
    let mut context: BTreeMap<String, ContextValue> = BTreeMap::new();
    for (key, value) in &candidate.context {
        match value {
            KeyValue::Absent => continue,
            KeyValue::One(value) => context.insert(key.clone(), ContextValue::One(value.clone())),
            KeyValue::Many(values) => context.insert(key.clone(), ContextValue::Many(values.clone())),
        };
    }
    for (hole, value) in filling {
        if let (Hole::Variable { key, .. }, Some(value)) = (hole, value) {
            context
                .entry(key.clone())
                .or_insert_with(|| ContextValue::One(value.clone()));
        }
    }
    Request {
        principal: candidate.caller.as_deref().map(|caller| fill(caller, filling)),
        action: candidate.action.clone(),
        resource,
        resource_account: None,
        context,
    }
}

/// A resource that looks real and that the pattern names; with or without the defaults of variables.
fn plausible(read: &[Part], prefix: &str, defaults_hold: bool) -> String {
    let defaults = ["arn", "aws", prefix, "us-east-1", "111122223333"];
    if read.iter().all(|part| *part == Part::Star) {
        return format!("arn:aws:{prefix}:us-east-1:111122223333:example");
    }
    let mut fields: Vec<&[Part]> = super::template::fields(read, 6);
    let star = [Part::Star];
    fields.resize(6, &star);
    let fields: Vec<String> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| match (*field, defaults.get(index)) {
            ([Part::Star], Some(default)) => (*default).to_owned(),
            (field, _) => field
                .iter()
                .map(|part| match part {
                    Part::Char(c) => c.to_string(),
                    Part::One => "x".to_owned(),
                    Part::Star => "example".to_owned(),
                    Part::Hole(Hole::Symbol(name)) => usual(name),
                    Part::Hole(Hole::Variable { default, .. }) => match default {
                        Some(default) if defaults_hold => default.clone(),
                        _ => "someone".to_owned(),
                    },
                })
                .collect(),
        })
        .collect();
    fields.join(":")
}

/// The engine's own resource with its empty fields filled.
fn padded(resource: &str, prefix: &str) -> Option<String> {
    let defaults = ["arn", "aws", prefix, "us-east-1", "111122223333", "example"];
    let fields: Vec<&str> = resource.splitn(6, ':').collect();
    let filled = fields.iter().zip(defaults).map(|(field, default)| match *field {
        "" => default,
        field => field,
    });
    (fields.len() == 6).then(|| filled.collect::<Vec<_>>().join(":"))
}
