//! The JSON syntax of Terraform (`.tf.json`): objects of blocks and labels, every text a template.
//!
//! <https://developer.hashicorp.com/terraform/language/syntax/json>

use jsonc_parser::ast::{ObjectProp, Value as Json};
use jsonc_parser::common::Ranged;

use super::super::node::Mark;
use super::super::parse::{LineStarts, ParseError, json_ast};
use super::hcl;
use super::syntax::{Attribute, Block, Body, Expr, ExprKind, Part};

/// How many labels the blocks of a module have; every other key of a file is an attribute.
fn labels(kind: &str) -> Option<usize> {
    match kind {
        "terraform" | "locals" | "moved" | "import" | "removed" => Some(0),
        "variable" | "output" | "module" | "provider" | "check" => Some(1),
        "resource" | "data" | "ephemeral" => Some(2),
        _ => None,
    }
}

/// Parses a file; `vars` for one that only sets variables.
pub(super) fn parse(text: &str, file: u16, vars: bool) -> Result<Body, ParseError> {
    let reader = Reader {
        lines: LineStarts::new(text),
        file,
    };
    let root = json_ast(text).map_err(|mut error| {
        error.at.file = file;
        error
    })?;
    let mut body = Body::default();
    if let Some(Json::Object(root)) = &root {
        for property in &root.properties {
            let name = property.name.as_str();
            match labels(name).filter(|_| !vars) {
                Some(depth) => reader.blocks(name, property, depth, &[], &mut body.blocks),
                None => body.attributes.push(reader.attribute(property)),
            }
        }
    }
    Ok(body)
}

struct Reader<'a> {
    lines: LineStarts<'a>,
    file: u16,
}

impl Reader<'_> {
    fn mark(&self, ranged: &impl Ranged) -> Mark {
        Mark {
            file: self.file,
            ..self.lines.mark(ranged.range().start)
        }
    }

    fn blocks(
        &self,
        kind: &str,
        property: &ObjectProp<'_>,
        depth: usize,
        labels: &[String],
        found: &mut Vec<Block>,
    ) {
        let values = match &property.value {
            Json::Array(list) => list.elements.iter().collect(),
            other => vec![other],
        };
        for value in values {
            let Json::Object(object) = value else { continue };
            if depth == 0 {
                found.push(Block {
                    kind: kind.to_owned(),
                    labels: labels.to_vec(),
                    at: self.mark(property),
                    body: Body {
                        attributes: object
                            .properties
                            .iter()
                            .map(|inner| self.attribute(inner))
                            .collect(),
                        blocks: Vec::new(),
                    },
                });
                continue;
            }
            for inner in &object.properties {
                let mut labels = labels.to_vec();
                labels.push(inner.name.as_str().to_owned());
                self.blocks(kind, inner, depth - 1, &labels, found);
            }
        }
    }

    fn attribute(&self, property: &ObjectProp<'_>) -> Attribute {
        Attribute {
            name: property.name.as_str().to_owned(),
            at: self.mark(property),
            value: self.expr(&property.value),
        }
    }

    fn expr(&self, json: &Json<'_>) -> Expr {
        let at = self.mark(json);
        let kind = match json {
            Json::StringLit(text) => template(&text.value, at),
            Json::NumberLit(number) => ExprKind::Number(number.value.parse().unwrap_or_default()),
            Json::BooleanLit(boolean) => ExprKind::Bool(boolean.value),
            Json::NullKeyword(_) => ExprKind::Null,
            Json::Array(list) => ExprKind::List(list.elements.iter().map(|item| self.expr(item)).collect()),
            Json::Object(object) => ExprKind::Object(
                object
                    .properties
                    .iter()
                    .map(|property| {
                        let at = self.mark(property);
                        let kind = template(property.name.as_str(), at);
                        (Expr { kind, at }, self.expr(&property.value))
                    })
                    .collect(),
            ),
        };
        Expr { kind, at }
    }
}

/// A text with its interpolations; one that is nothing but an interpolation is the expression in it. A text that is no
/// template is taken as it is written.
fn template(text: &str, at: Mark) -> ExprKind {
    if !text.contains("${") && !text.contains("%{") {
        return ExprKind::Text(text.to_owned());
    }
    let Ok(mut parts) = hcl::parse_text(text, at) else {
        return ExprKind::Text(text.to_owned());
    };
    match parts.as_slice() {
        [Part::Literal(literal)] => ExprKind::Text(literal.clone()),
        [Part::Value(_)] => match parts.pop() {
            Some(Part::Value(expr)) => expr.kind,
            _ => ExprKind::Null,
        },
        _ => ExprKind::Template(parts),
    }
}
