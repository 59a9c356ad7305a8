//! What the variables of a `serverless.yml` stand for, as far as files tell.
//!
//! Options, environment and stage are known at deployment only: they become parameters of the stack, named as they are
//! written (`${sls:stage}`, `${opt:tenant}`, `${env:TABLE}`), with the fallback as default. What lies in the account
//! (`cf`, `ssm`, `s3`, …) or in a program is an opaque symbol. Addresses are looked up with the defaults.
//! <https://www.serverless.com/framework/docs/guides/variables>

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use super::super::node::{Entry, Mark, Node, Value};
use super::super::parse::parse;
use super::super::relocate::in_file;
use super::super::text::with_defaults;
use super::expression::{Piece, Place, pieces, places};
use crate::usage::{Gap, Location};
use crate::workspace::cargo::join;

/// Variables inside variables beyond which the rest is opaque.
const MAX_DEPTH: usize = 40;

/// Values that may be made of one service; files that name each other again and again reach it.
const MAX_VALUES: usize = 200_000;

/// So many bytes of text with variables count as one value.
const TEXT_FOR_VALUE: usize = 256;

/// Larger files are not read.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// The parameter that stands for the stage.
pub(super) const STAGE: &str = "sls:stage";

/// The stage of a service that names none.
const DEFAULT_STAGE: &str = "dev";

/// Gap code of what a variable hides.
const OPAQUE: &str = "opaque-expression";

/// Fills in the variables of one service.
#[derive(Debug)]
pub(super) struct Variables<'a> {
    root: &'a Path,
    /// Folder of the service, relative to the root.
    dir: String,
    /// The service file as it is written.
    raw: Rc<Node>,
    /// Names of the files by number; the first is the service file.
    pub(super) files: Vec<String>,
    read: BTreeMap<String, Option<Rc<Node>>>,
    /// Values that are given, such as `opt:stage`.
    given: BTreeMap<String, String>,
    /// Parameters that were met, with their defaults.
    pub(super) parameters: BTreeMap<String, Option<String>>,
    pub(super) gaps: Vec<Gap>,
    /// What was done so far.
    values: usize,
    /// The variables whose values are being looked for, each because of the one before it.
    sought: Vec<String>,
    at: Mark,
    told: BTreeSet<String>,
    /// Whether the stage itself is being read.
    settling: bool,
}

impl<'a> Variables<'a> {
    /// `given` are values of options, environment variables and parameters by name (`opt:stage`, `env:TABLE`,
    /// `param:domain`), and of the stage by `sls:stage`.
    pub(super) fn new(root: &'a Path, file: &str, raw: Node, given: BTreeMap<String, String>) -> Self {
        let mut variables = Self {
            root,
            dir: file
                .rsplit_once('/')
                .map_or_else(String::new, |(dir, _)| dir.to_owned()),
            raw: Rc::new(raw),
            files: vec![file.to_owned()],
            read: BTreeMap::new(),
            given,
            parameters: BTreeMap::new(),
            gaps: Vec::new(),
            values: 0,
            sought: Vec::new(),
            at: Mark::default(),
            told: BTreeSet::new(),
            settling: true,
        };
        variables.settle_stage();
        variables.settling = false;
        variables
    }

    /// The stage: what `provider.stage` says without options.
    fn settle_stage(&mut self) {
        for name in [STAGE, "opt:stage"] {
            if let Some(stage) = self.given.get(name).cloned() {
                self.given.insert(STAGE.to_owned(), stage.clone());
                self.given.insert("opt:stage".to_owned(), stage);
                return;
            }
        }
        self.parameters
            .insert(STAGE.to_owned(), Some(DEFAULT_STAGE.to_owned()));
        let written = self.raw.path(&["provider", "stage"]).and_then(Node::as_text);
        let Some(written) = written.map(str::to_owned) else {
            return;
        };
        let stage = self.string(&written, self.raw.at, 0);
        if let Some(stage) = stage.as_text() {
            let stage = self.with_defaults(stage);
            if !stage.contains("${") {
                self.parameters.insert(STAGE.to_owned(), Some(stage));
            }
        }
    }

    /// The stage as a text: given, or the parameter.
    pub(super) fn stage(&self) -> String {
        self.given
            .get(STAGE)
            .cloned()
            .unwrap_or_else(|| format!("${{{STAGE}}}"))
    }

    /// The value at a path of the service file, variables filled in.
    pub(super) fn get(&mut self, path: &[&str]) -> Option<Node> {
        let raw = Rc::clone(&self.raw);
        let found = self.walk(&raw, path, 0)?;
        (!matches!(found.value, Value::Null)).then_some(found)
    }

    /// A text with the defaults of the parameters in it.
    pub(super) fn with_defaults(&self, text: &str) -> String {
        with_defaults(text, &self.parameters)
    }

    /// Walks down maps and lists, filling in only what is on the way and at its end.
    fn walk(&mut self, node: &Node, path: &[&str], depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        let Some((first, rest)) = path.split_first() else {
            return Some(self.fill(node, depth));
        };
        match &node.value {
            Value::Text(text) if text.contains("${") => {
                let made = self.string(text, node.at, depth + 1);
                if matches!(&made.value, Value::Text(made) if made == text) {
                    return None;
                }
                self.walk(&made, path, depth + 1)
            }
            Value::Map(_) => self.walk(&node.entry(first)?.value.clone(), rest, depth),
            // Parts of a map may stand in a list of files.
            Value::List(items) => match first.parse::<usize>() {
                Ok(index) => self.walk(items.get(index)?, rest, depth),
                Err(_) => items.iter().find_map(|item| self.walk(item, path, depth + 1)),
            },
            _ => None,
        }
    }

    /// A value with every variable in it filled in.
    fn fill(&mut self, node: &Node, depth: usize) -> Node {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            self.tell_endless(node.at);
            return Node::new(Value::Text("${!too-deep}".to_owned()), node.at);
        }
        let value = match &node.value {
            Value::Text(text) => return self.string(text, node.at, depth),
            Value::List(items) => Value::List(items.iter().map(|item| self.fill(item, depth + 1)).collect()),
            Value::Map(entries) => Value::Map(self.entries(entries, depth)),
            Value::Sub(text, variables) => self.substitution(text, variables, node.at, depth),
            Value::Join(separator, items) => Value::Join(
                self.text(separator, node.at, depth),
                Box::new(self.fill(items, depth + 1)),
            ),
            Value::If(condition, then, otherwise) => Value::If(
                condition.clone(),
                Box::new(self.fill(then, depth + 1)),
                Box::new(self.fill(otherwise, depth + 1)),
            ),
            Value::Call(name, argument) => {
                Value::Call(name.clone(), Box::new(self.fill(argument, depth + 1)))
            }
            Value::Ref(name) => Value::Ref(self.text(name, node.at, depth)),
            Value::GetAtt(id, attribute) => Value::GetAtt(self.text(id, node.at, depth), attribute.clone()),
            Value::Null => Value::Null,
        };
        Node::new(value, node.at)
    }

    fn entries(&mut self, entries: &[Entry], depth: usize) -> Vec<Entry> {
        entries
            .iter()
            .map(|entry| Entry {
                key: self.text(&entry.key, entry.key_at, depth),
                key_at: entry.key_at,
                value: self.fill(&entry.value, depth + 1),
            })
            .collect()
    }

    /// A text that has to stay a text.
    fn text(&mut self, text: &str, at: Mark, depth: usize) -> String {
        if !text.contains("${") {
            return text.to_owned();
        }
        match self.string(text, at, depth).value {
            Value::Text(text) => self.with_defaults(&text),
            _ => text.to_owned(),
        }
    }

    /// `Fn::Sub`: its own symbols stay; what cannot be told becomes a variable of its own.
    fn substitution(&mut self, text: &str, variables: &[Entry], at: Mark, depth: usize) -> Value {
        let mut entries = self.entries(variables, depth);
        let mut made = String::new();
        for piece in pieces(text) {
            let inner = match piece {
                Piece::Plain(plain) => {
                    made.push_str(&plain);
                    continue;
                }
                Piece::Variable(inner) => inner,
            };
            let value = self.variable(&inner, at, depth + 1);
            match &value.value {
                Value::Text(text) if !text.contains("${!") => made.push_str(text),
                _ => {
                    let key = format!("Variable{}", entries.len());
                    made.push_str(&format!("${{{key}}}"));
                    entries.push(Entry {
                        key,
                        key_at: at,
                        value,
                    });
                }
            }
        }
        Value::Sub(made, entries)
    }

    /// A text with its variables filled in: any value where it is one variable, a text or a join of texts otherwise.
    fn string(&mut self, text: &str, at: Mark, depth: usize) -> Node {
        if !text.contains("${") {
            return Node::new(Value::Text(text.to_owned()), at);
        }
        self.values += text.len() / TEXT_FOR_VALUE;
        if self.values > MAX_VALUES {
            self.tell_endless(at);
            return Node::new(Value::Text("${!too-deep}".to_owned()), at);
        }
        let mut parts = Vec::new();
        let all = pieces(text);
        let alone = all.len() == 1;
        for piece in all {
            parts.push(match piece {
                Piece::Plain(plain) => Node::new(Value::Text(plain), at),
                Piece::Variable(inner) if alone => return self.variable(&inner, at, depth + 1),
                Piece::Variable(inner) => {
                    let value = self.variable(&inner, at, depth + 1);
                    match value.value {
                        Value::Null | Value::Map(_) | Value::List(_) => opaque(&inner, at),
                        _ => value,
                    }
                }
            });
        }
        let texts: Option<String> = parts.iter().map(Node::as_text).collect();
        let value = match texts {
            Some(text) => Value::Text(text),
            None => Value::Join(String::new(), Box::new(Node::new(Value::List(parts), at))),
        };
        Node::new(value, at)
    }

    /// The value of the first place that has one.
    fn variable(&mut self, inner: &str, at: Mark, depth: usize) -> Node {
        self.values += 1;
        let endless = self.sought.iter().any(|sought| sought == inner);
        if endless || depth > MAX_DEPTH || self.values > MAX_VALUES {
            self.tell_endless(at);
            return opaque(inner, at);
        }
        self.sought.push(inner.to_owned());
        let value = self.first_value(inner, at, depth);
        self.sought.pop();
        value
    }

    fn first_value(&mut self, inner: &str, at: Mark, depth: usize) -> Node {
        self.at = at;
        let mut open: Option<String> = None;
        for place in places(inner) {
            let found = match place {
                Place::Literal(text) => Some(Node::new(Value::Text(text), at)),
                Place::Nested(inner) => Some(self.variable(&inner, at, depth + 1)),
                Place::Source {
                    kind,
                    arguments,
                    address,
                } => match self.source(&kind, &arguments, &address, depth) {
                    Sourced::Value(value) => Some(value),
                    Sourced::Missing => None,
                    Sourced::Open(name) => {
                        open.get_or_insert(name);
                        None
                    }
                },
            };
            let Some(value) = found else { continue };
            // What a deployment gives goes before the fallback, which is its default.
            return match (open, value.as_text()) {
                (Some(name), Some(text)) => {
                    let default = self.with_defaults(text);
                    self.parameter(&name, Some(default).filter(|text| !text.contains("${")), at)
                }
                _ => value,
            };
        }
        match open {
            Some(name) => self.parameter(&name, None, at),
            None => opaque(inner, at),
        }
    }

    /// The symbol of a value that a deployment gives.
    fn parameter(&mut self, name: &str, default: Option<String>, at: Mark) -> Node {
        let name = if name == "opt:stage" { STAGE } else { name };
        if name == STAGE {
            if self.settling && default.is_some() {
                self.parameters.insert(name.to_owned(), default);
            }
            return Node::new(Value::Text(self.stage()), at);
        }
        // Two fallbacks that differ are none.
        let default = match self.parameters.get(name) {
            Some(known) if default.is_some() && *known != default => None,
            Some(known) => known.clone(),
            None => default,
        };
        self.parameters.insert(name.to_owned(), default);
        Node::new(Value::Text(format!("${{{name}}}")), at)
    }

    fn source(&mut self, kind: &str, arguments: &str, address: &str, depth: usize) -> Sourced {
        let at = self.at;
        let address = self.text(address, at, depth);
        match kind {
            "self" => {
                let path: Vec<&str> = address.split('.').filter(|part| !part.is_empty()).collect();
                let path = if path.as_slice() == ["service", "name"] {
                    vec!["service"]
                } else {
                    path
                };
                if path.as_slice() == ["provider", "stage"] {
                    return self.stage_value(at);
                }
                let raw = Rc::clone(&self.raw);
                Sourced::of(self.walk(&raw, &path, depth + 1))
            }
            "opt" | "env" => self.given_or_open(kind, &address),
            "sls" if address == "stage" => self.stage_value(at),
            "sls" => Sourced::Value(opaque(&format!("{kind}:{address}"), at)),
            "param" => self.named_parameter(&address, depth),
            "aws" => match address.as_str() {
                "accountId" => Sourced::Value(Node::new(Value::Ref("AWS::AccountId".to_owned()), at)),
                "region" => Sourced::Value(Node::new(Value::Ref("AWS::Region".to_owned()), at)),
                _ => Sourced::Value(opaque(&format!("{kind}:{address}"), at)),
            },
            "file" => {
                let file = self.text(arguments, at, depth);
                self.of_file(&file, &address, depth)
            }
            "strToBool" => Sourced::Value(self.string(arguments, at, depth + 1)),
            _ => {
                let arguments = self.text(arguments, at, depth);
                let arguments = if arguments.is_empty() {
                    arguments
                } else {
                    format!("({arguments})")
                };
                Sourced::Value(opaque(&format!("{kind}{arguments}:{address}"), at))
            }
        }
    }

    fn stage_value(&mut self, at: Mark) -> Sourced {
        let stage = self.stage();
        Sourced::Value(Node::new(Value::Text(stage), at))
    }

    fn given_or_open(&self, kind: &str, address: &str) -> Sourced {
        let name = format!("{kind}:{address}");
        match self.given.get(&name) {
            Some(value) => Sourced::Value(Node::new(Value::Text(value.clone()), self.at)),
            None => Sourced::Open(name),
        }
    }

    /// `${param:…}`: given, else of the stage, else the default.
    fn named_parameter(&mut self, address: &str, depth: usize) -> Sourced {
        let name = format!("param:{address}");
        if let Some(value) = self.given.get(&name) {
            return Sourced::Value(Node::new(Value::Text(value.clone()), self.at));
        }
        let stage = self.with_defaults(&self.stage());
        let raw = Rc::clone(&self.raw);
        for path in [
            ["params", stage.as_str(), address].as_slice(),
            &["stages", stage.as_str(), "params", address],
            &["params", "default", address],
            &["stages", "default", "params", address],
        ] {
            if let Some(value) = self.walk(&raw, path, depth + 1) {
                return Sourced::Value(value);
            }
        }
        Sourced::Open(name)
    }

    fn of_file(&mut self, file: &str, address: &str, depth: usize) -> Sourced {
        let at = self.at;
        let whole = format!("file({file}):{address}");
        let path = join(&self.dir, file.trim_start_matches("./"));
        let outside = file.starts_with(['/', '~']) || path.starts_with("..") || file.contains("${");
        if outside {
            self.tell(
                &format!("the file `{file}` is not read, as it does not lie in the scanned folder"),
                "what it holds is not known; compile the service (`serverless package`), or read the live role",
                at,
            );
            return Sourced::Value(opaque(&whole, at));
        }
        let node = match self.file(&path) {
            Some(node) => node,
            None if !self.root.join(&path).exists() => return Sourced::Missing,
            None => return Sourced::Value(opaque(&whole, at)),
        };
        let parts: Vec<&str> = address.split('.').filter(|part| !part.is_empty()).collect();
        Sourced::of(self.walk(&node, &parts, depth + 1))
    }

    /// A file's tree; `None` where it is not there or is no data.
    fn file(&mut self, path: &str) -> Option<Rc<Node>> {
        if let Some(known) = self.read.get(path) {
            return known.clone();
        }
        let node = self.read_file(path).map(Rc::new);
        self.read.insert(path.to_owned(), node.clone());
        node
    }

    fn read_file(&mut self, path: &str) -> Option<Node> {
        let full = self.root.join(path);
        let at = self.at;
        if !full.is_file() {
            return None;
        }
        let ending = path.rsplit('.').next().unwrap_or_default();
        if matches!(ending, "js" | "cjs" | "mjs" | "ts") {
            self.tell(
                &format!("`{path}` is a program, and what it returns is not known"),
                "compile the service (`serverless package`), whose output is read instead",
                at,
            );
            return None;
        }
        let small = std::fs::metadata(&full).is_ok_and(|data| data.len() <= MAX_BYTES);
        let text = small.then(|| std::fs::read_to_string(&full).ok()).flatten();
        let Some(text) = text else {
            self.tell(
                &format!("`{path}` cannot be read"),
                "make it a text file of at most 8 MB",
                at,
            );
            return None;
        };
        if !matches!(ending, "yml" | "yaml" | "json") {
            return Some(Node::new(Value::Text(text.trim_end().to_owned()), at));
        }
        let number = u16::try_from(self.files.len()).unwrap_or(u16::MAX);
        self.files.push(path.to_owned());
        match parse(path, &text) {
            Ok(parsed) => parsed
                .documents
                .into_iter()
                .next()
                .map(|node| in_file(node, number)),
            Err(error) => {
                let location = Location::new(path.to_owned(), error.at.line, error.at.column);
                self.gaps.push(
                    Gap::new(
                        "unreadable-stack-template",
                        format!("the service reads this file, but it cannot be parsed: {error}"),
                    )
                    .at(location)
                    .hint("mend it; what it adds to the service is not counted"),
                );
                None
            }
        }
    }

    fn tell_endless(&mut self, at: Mark) {
        self.tell(
            "the variables go too deep",
            "variables that name each other without end are left open",
            at,
        );
    }

    fn tell(&mut self, message: &str, hint: &str, at: Mark) {
        if !self.told.insert(message.to_owned()) {
            return;
        }
        let file = self.files.get(usize::from(at.file)).cloned().unwrap_or_default();
        let location = Location::new(file, at.line, at.column);
        self.gaps
            .push(Gap::new(OPAQUE, message.to_owned()).at(location).hint(hint));
    }
}

/// What a source has.
enum Sourced {
    Value(Node),
    /// Nothing: the next place counts.
    Missing,
    /// Only a deployment knows; the name of the parameter.
    Open(String),
}

impl Sourced {
    fn of(found: Option<Node>) -> Self {
        match found {
            Some(node) if !matches!(node.value, Value::Null) => Self::Value(node),
            _ => Self::Missing,
        }
    }
}

/// A symbol for what cannot be told; it equals only itself.
fn opaque(inner: &str, at: Mark) -> Node {
    let name: String = inner.replace("${", "<").replace(['{', '}'], ">");
    Node::new(Value::Text(format!("${{!{name}}}")), at)
}
