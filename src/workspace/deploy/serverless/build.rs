//! Makes nodes of a stack template.

use super::super::node::{Entry, Mark, Node, Value};

/// A text.
pub(super) fn text(text: impl Into<String>, at: Mark) -> Node {
    Node::new(Value::Text(text.into()), at)
}

/// A list.
pub(super) fn list(items: Vec<Node>, at: Mark) -> Node {
    Node::new(Value::List(items), at)
}

/// A list of texts.
pub(super) fn texts(items: &[&str], at: Mark) -> Node {
    list(items.iter().map(|item| text(*item, at)).collect(), at)
}

/// `Fn::Sub` without variables of its own.
pub(super) fn sub(template: impl Into<String>, at: Mark) -> Node {
    Node::new(Value::Sub(template.into(), Vec::new()), at)
}

/// `Fn::GetAtt … Arn`.
pub(super) fn arn_of(id: &str, at: Mark) -> Node {
    Node::new(Value::GetAtt(id.to_owned(), "Arn".to_owned()), at)
}

/// A map in the making.
#[derive(Debug, Default)]
pub(super) struct Map {
    entries: Vec<Entry>,
}

impl Map {
    /// Adds an entry; null values are as good as none.
    pub(super) fn put(&mut self, key: &str, key_at: Mark, value: Node) -> &mut Self {
        if !matches!(value.value, Value::Null) {
            self.entries.push(Entry {
                key: key.to_owned(),
                key_at,
                value,
            });
        }
        self
    }

    /// Takes the value of another map's key over under a name of its own.
    pub(super) fn take(&mut self, from: &Node, key: &str, name: &str) -> &mut Self {
        if let Some(entry) = from.entry(key) {
            self.put(name, entry.key_at, entry.value.clone());
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn node(self, at: Mark) -> Node {
        Node::new(Value::Map(self.entries), at)
    }
}
