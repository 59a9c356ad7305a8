//! Terraform configuration as a tree of our own, the same for HCL and for its JSON syntax, each part with its place.

use super::super::node::Mark;

/// The content of a file or block.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub(super) attributes: Vec<Attribute>,
    pub(super) blocks: Vec<Block>,
}

/// `name = value`.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) at: Mark,
    pub(super) value: Expr,
}

/// `kind "label" … { … }`.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) kind: String,
    pub(super) labels: Vec<String>,
    pub(super) at: Mark,
    pub(super) body: Body,
}

impl Body {
    /// The value of an attribute.
    pub(super) fn get(&self, name: &str) -> Option<&Expr> {
        let attribute = self.attributes.iter().find(|attribute| attribute.name == name)?;
        Some(&attribute.value)
    }

    /// The blocks of one kind.
    pub(super) fn blocks_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Block> + 'a {
        self.blocks.iter().filter(move |block| block.kind == kind)
    }
}

/// An expression and where it starts.
#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub(super) kind: ExprKind,
    pub(super) at: Mark,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub(super) enum ExprKind {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Expr>),
    /// Keys that are bare words are texts.
    Object(Vec<(Expr, Expr)>),
    Template(Vec<Part>),
    Variable(String),
    Conditional(Box<[Expr; 3]>),
    /// Function, arguments, and whether the last one is a list of arguments (`...`).
    Call(String, Vec<Expr>, bool),
    Access(Box<Expr>, Vec<Step>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<[Expr; 2]>),
    For(Box<ForExpr>),
}

/// Operators of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    LessEqual,
    GreaterEqual,
    Less,
    Greater,
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
    And,
    Or,
}

/// `.name`, `[index]` and their like.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Attribute(String),
    Index(Expr),
    Splat,
}

/// A piece of a template.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Literal(String),
    Value(Expr),
    If(Box<Expr>, Vec<Part>, Vec<Part>),
    For(Box<ForTemplate>),
}

/// `[for …]` and `{for …}`.
#[derive(Clone, Debug)]
pub(super) struct ForExpr {
    pub(super) key_name: Option<String>,
    pub(super) value_name: String,
    pub(super) collection: Expr,
    /// For maps: the key.
    pub(super) key: Option<Expr>,
    pub(super) value: Expr,
    pub(super) grouping: bool,
    pub(super) condition: Option<Expr>,
}

/// `%{for …}`.
#[derive(Clone, Debug)]
pub(super) struct ForTemplate {
    pub(super) key_name: Option<String>,
    pub(super) value_name: String,
    pub(super) collection: Expr,
    pub(super) parts: Vec<Part>,
}

/// An expression in one line without braces, to name what cannot be told.
pub(super) fn outline(expr: &Expr) -> String {
    let mut text = String::new();
    write(expr, &mut text);
    if text.chars().count() > MOST_OUTLINE {
        text = text.chars().take(MOST_OUTLINE).collect::<String>() + "…";
    }
    text
}

/// Longer outlines are cut.
const MOST_OUTLINE: usize = 120;

fn write(expr: &Expr, text: &mut String) {
    if text.len() > 4 * MOST_OUTLINE {
        return;
    }
    match &expr.kind {
        ExprKind::Null => text.push_str("null"),
        ExprKind::Bool(value) => text.push_str(&value.to_string()),
        ExprKind::Number(value) => text.push_str(&value.to_string()),
        ExprKind::Text(value) => push_plain(value, text),
        ExprKind::List(items) => {
            text.push('[');
            write_list(items, text);
            text.push(']');
        }
        ExprKind::Object(_) | ExprKind::For(_) => text.push('…'),
        ExprKind::Template(parts) => {
            for part in parts {
                match part {
                    Part::Literal(value) => push_plain(value, text),
                    Part::Value(value) => {
                        text.push('<');
                        write(value, text);
                        text.push('>');
                    }
                    Part::If(..) | Part::For(_) => text.push('…'),
                }
            }
        }
        ExprKind::Variable(name) => text.push_str(name),
        ExprKind::Conditional(parts) => {
            let [condition, then, otherwise] = parts.as_ref();
            write(condition, text);
            text.push_str(" ? ");
            write(then, text);
            text.push_str(" : ");
            write(otherwise, text);
        }
        ExprKind::Call(name, arguments, _) => {
            text.push_str(name);
            text.push('(');
            write_list(arguments, text);
            text.push(')');
        }
        ExprKind::Access(base, steps) => {
            write(base, text);
            for step in steps {
                match step {
                    Step::Attribute(name) => {
                        text.push('.');
                        text.push_str(name);
                    }
                    Step::Index(index) => {
                        text.push('[');
                        write(index, text);
                        text.push(']');
                    }
                    Step::Splat => text.push_str("[*]"),
                }
            }
        }
        ExprKind::Not(value) => {
            text.push('!');
            write(value, text);
        }
        ExprKind::Negate(value) => {
            text.push('-');
            write(value, text);
        }
        ExprKind::Binary(operator, sides) => {
            let [left, right] = sides.as_ref();
            write(left, text);
            text.push_str(operator.written());
            write(right, text);
        }
    }
}

fn write_list(items: &[Expr], text: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        write(item, text);
    }
}

fn push_plain(value: &str, text: &mut String) {
    for c in value.chars() {
        text.push(match c {
            '{' | '}' => '|',
            c if c.is_control() => ' ',
            c => c,
        });
    }
}

impl Operator {
    fn written(self) -> &'static str {
        match self {
            Self::Equal => " == ",
            Self::NotEqual => " != ",
            Self::LessEqual => " <= ",
            Self::GreaterEqual => " >= ",
            Self::Less => " < ",
            Self::Greater => " > ",
            Self::Plus => " + ",
            Self::Minus => " - ",
            Self::Times => " * ",
            Self::Divide => " / ",
            Self::Modulo => " % ",
            Self::And => " && ",
            Self::Or => " || ",
        }
    }
}
