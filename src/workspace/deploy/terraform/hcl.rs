//! Parses HCL (`.tf`, `.tofu`, `.tfvars`, and templates in texts) into our tree.

use hcl_edit::Span;
use hcl_edit::expr::{BinaryOperator, Expression, ObjectKey, TraversalOperator, UnaryOperator};
use hcl_edit::structure::{BlockLabel, Structure};
use hcl_edit::template::{Directive, Element, Strip, Template};

use super::super::node::Mark;
use super::super::parse::{LineStarts, ParseError};
use super::syntax::{Attribute, Block, Body, Expr, ExprKind, ForExpr, ForTemplate, Operator, Part, Step};

/// Parses a file; `file` is its number in the places that are noted.
pub(super) fn parse(text: &str, file: u16) -> Result<Body, ParseError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = LineStarts::new(text);
    let body = hcl_edit::parser::parse_body(text).map_err(|error| parse_error(&error, file))?;
    let reader = Reader {
        lines,
        file,
        fixed: None,
    };
    Ok(reader.body(&body))
}

/// Parses a file that is a template, as `templatefile` reads it.
pub(super) fn parse_template(text: &str, file: u16) -> Result<Vec<Part>, ParseError> {
    let lines = LineStarts::new(text);
    let template = hcl_edit::parser::parse_template(text).map_err(|error| parse_error(&error, file))?;
    let reader = Reader {
        lines,
        file,
        fixed: None,
    };
    Ok(reader.parts(&template))
}

/// Parses a text of the JSON syntax, which is a template; everything in it stands where the text stands.
pub(super) fn parse_text(text: &str, at: Mark) -> Result<Vec<Part>, ParseError> {
    let template = hcl_edit::parser::parse_template(text).map_err(|error| ParseError {
        at,
        ..parse_error(&error, at.file)
    })?;
    let reader = Reader {
        lines: LineStarts::new(text),
        file: at.file,
        fixed: Some(at),
    };
    Ok(reader.parts(&template))
}

/// Parses one expression; everything in it stands at `at`.
pub(super) fn parse_expr(text: &str, at: Mark) -> Result<Expr, ParseError> {
    let expr = hcl_edit::parser::parse_expr(text).map_err(|error| parse_error(&error, at.file))?;
    let reader = Reader {
        lines: LineStarts::new(text),
        file: at.file,
        fixed: Some(at),
    };
    Ok(reader.expr(&expr))
}

fn parse_error(error: &hcl_edit::parser::Error, file: u16) -> ParseError {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    ParseError {
        message,
        at: Mark {
            line: number(error.location().line()),
            column: number(error.location().column()),
            file,
        },
    }
}

struct Reader<'a> {
    lines: LineStarts<'a>,
    file: u16,
    /// The place of everything, where the text has no lines of its own.
    fixed: Option<Mark>,
}

impl Reader<'_> {
    fn mark(&self, spanned: &impl Span) -> Mark {
        if let Some(at) = self.fixed {
            return at;
        }
        let start = spanned.span().map_or(0, |span| span.start);
        Mark {
            file: self.file,
            ..self.lines.mark(start)
        }
    }

    fn body(&self, body: &hcl_edit::structure::Body) -> Body {
        let mut read = Body::default();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => read.attributes.push(Attribute {
                    name: attribute.key.as_str().to_owned(),
                    at: self.mark(&attribute.key),
                    value: self.expr(&attribute.value),
                }),
                Structure::Block(block) => read.blocks.push(Block {
                    kind: block.ident.as_str().to_owned(),
                    labels: block.labels.iter().map(label).collect(),
                    at: self.mark(&block.ident),
                    body: self.body(&block.body),
                }),
            }
        }
        read
    }

    fn expr(&self, expr: &Expression) -> Expr {
        let at = self.mark(expr);
        let boxed = |expr| Box::new(self.expr(expr));
        let kind = match expr {
            Expression::Null(_) => ExprKind::Null,
            Expression::Bool(value) => ExprKind::Bool(*value.value()),
            Expression::Number(value) => ExprKind::Number(value.value().as_f64().unwrap_or_default()),
            Expression::String(value) => ExprKind::Text(value.value().clone()),
            Expression::Array(items) => ExprKind::List(items.iter().map(|item| self.expr(item)).collect()),
            Expression::Object(object) => ExprKind::Object(
                object
                    .iter()
                    .map(|(key, value)| (self.key(key), self.expr(value.expr())))
                    .collect(),
            ),
            Expression::StringTemplate(template) => ExprKind::Template(self.parts(template)),
            Expression::HeredocTemplate(heredoc) => {
                // The text starts in the line after `<<EOF`.
                let at = Mark {
                    line: at.line.saturating_add(1),
                    column: 1,
                    ..at
                };
                let parts = self.parts(&heredoc.template);
                return match parts.as_slice() {
                    [] => Expr {
                        kind: ExprKind::Text(String::new()),
                        at,
                    },
                    [Part::Literal(text)] => Expr {
                        kind: ExprKind::Text(text.clone()),
                        at,
                    },
                    _ => Expr {
                        kind: ExprKind::Template(parts),
                        at,
                    },
                };
            }
            Expression::Parenthesis(inner) => return self.expr(inner.inner()),
            Expression::Variable(name) => ExprKind::Variable(name.as_str().to_owned()),
            Expression::Conditional(parts) => ExprKind::Conditional(Box::new([
                self.expr(&parts.cond_expr),
                self.expr(&parts.true_expr),
                self.expr(&parts.false_expr),
            ])),
            Expression::FuncCall(call) => ExprKind::Call(
                call.name.name.as_str().to_owned(),
                call.args.iter().map(|argument| self.expr(argument)).collect(),
                call.args.expand_final(),
            ),
            Expression::Traversal(traversal) => ExprKind::Access(
                boxed(&traversal.expr),
                traversal
                    .operators
                    .iter()
                    .map(|operator| self.step(operator.value(), at))
                    .collect(),
            ),
            Expression::UnaryOp(operation) => match operation.operator.value() {
                UnaryOperator::Not => ExprKind::Not(boxed(&operation.expr)),
                UnaryOperator::Neg => ExprKind::Negate(boxed(&operation.expr)),
            },
            Expression::BinaryOp(operation) => ExprKind::Binary(
                operator(*operation.operator.value()),
                Box::new([self.expr(&operation.lhs_expr), self.expr(&operation.rhs_expr)]),
            ),
            Expression::ForExpr(expr) => ExprKind::For(Box::new(self.for_expr(expr))),
        };
        Expr { kind, at }
    }

    fn for_expr(&self, expr: &hcl_edit::expr::ForExpr) -> ForExpr {
        let intro = &expr.intro;
        ForExpr {
            key_name: intro.key_var.as_ref().map(|name| name.as_str().to_owned()),
            value_name: intro.value_var.as_str().to_owned(),
            collection: self.expr(&intro.collection_expr),
            key: expr.key_expr.as_ref().map(|key| self.expr(key)),
            value: self.expr(&expr.value_expr),
            grouping: expr.grouping,
            condition: expr.cond.as_ref().map(|condition| self.expr(&condition.expr)),
        }
    }

    fn key(&self, key: &ObjectKey) -> Expr {
        match key {
            ObjectKey::Ident(name) => Expr {
                kind: ExprKind::Text(name.as_str().to_owned()),
                at: self.mark(name),
            },
            ObjectKey::Expression(expr) => match expr {
                Expression::Variable(name) => Expr {
                    kind: ExprKind::Text(name.as_str().to_owned()),
                    at: self.mark(name),
                },
                expr => self.expr(expr),
            },
        }
    }

    fn step(&self, operator: &TraversalOperator, at: Mark) -> Step {
        match operator {
            TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => Step::Splat,
            TraversalOperator::GetAttr(name) => Step::Attribute(name.as_str().to_owned()),
            TraversalOperator::Index(index) => Step::Index(self.expr(index)),
            #[allow(clippy::cast_precision_loss, reason = "no list is that long")]
            TraversalOperator::LegacyIndex(index) => Step::Index(Expr {
                kind: ExprKind::Number(*index.value() as f64),
                at,
            }),
        }
    }

    fn parts(&self, template: &Template) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let mut strip_next = false;
        for element in template {
            let (part, strip) = match element {
                Element::Literal(text) => {
                    let text = text.value().as_str();
                    let text = if strip_next { text.trim_start() } else { text };
                    strip_next = false;
                    parts.push(Part::Literal(text.to_owned()));
                    continue;
                }
                Element::Interpolation(value) => (Part::Value(self.expr(&value.expr)), value.strip),
                Element::Directive(directive) => self.directive(directive),
            };
            if strip.strip_start()
                && let Some(Part::Literal(before)) = parts.last_mut()
            {
                before.truncate(before.trim_end().len());
            }
            strip_next = strip.strip_end();
            parts.push(part);
        }
        parts
    }

    fn directive(&self, directive: &Directive) -> (Part, Strip) {
        match directive {
            Directive::If(directive) => (
                Part::If(
                    Box::new(self.expr(&directive.if_expr.cond_expr)),
                    self.parts(&directive.if_expr.template),
                    directive
                        .else_expr
                        .as_ref()
                        .map_or_else(Vec::new, |otherwise| self.parts(&otherwise.template)),
                ),
                Strip::None,
            ),
            Directive::For(directive) => {
                let intro = &directive.for_expr;
                let part = Part::For(Box::new(ForTemplate {
                    key_name: intro.key_var.as_ref().map(|name| name.as_str().to_owned()),
                    value_name: intro.value_var.as_str().to_owned(),
                    collection: self.expr(&intro.collection_expr),
                    parts: self.parts(&intro.template),
                }));
                (part, Strip::None)
            }
        }
    }
}

fn label(label: &BlockLabel) -> String {
    match label {
        BlockLabel::Ident(name) => name.as_str().to_owned(),
        BlockLabel::String(text) => text.value().clone(),
    }
}

fn operator(operator: BinaryOperator) -> Operator {
    match operator {
        BinaryOperator::Eq => Operator::Equal,
        BinaryOperator::NotEq => Operator::NotEqual,
        BinaryOperator::LessEq => Operator::LessEqual,
        BinaryOperator::GreaterEq => Operator::GreaterEqual,
        BinaryOperator::Less => Operator::Less,
        BinaryOperator::Greater => Operator::Greater,
        BinaryOperator::Plus => Operator::Plus,
        BinaryOperator::Minus => Operator::Minus,
        BinaryOperator::Mul => Operator::Times,
        BinaryOperator::Div => Operator::Divide,
        BinaryOperator::Mod => Operator::Modulo,
        BinaryOperator::And => Operator::And,
        BinaryOperator::Or => Operator::Or,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
