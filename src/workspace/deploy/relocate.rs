//! Tells a generated tree with the places of what it was generated from.

use super::node::{Entry, Mark, Node, Value};
use super::statements::INJECTED_BY;

/// Gives `made` the places of `source`, part by part: entries of maps by key, items of lists by likeness. What has no
/// counterpart has the place of what is around it.
pub(super) fn relocate(made: &mut Node, source: &Node) {
    made.at = source.at;
    match (&mut made.value, &source.value) {
        (Value::Map(entries), Value::Map(known)) => {
            for entry in entries.iter_mut() {
                match known.iter().find(|known| known.key == entry.key) {
                    Some(known) => {
                        entry.key_at = known.key_at;
                        relocate(&mut entry.value, &known.value);
                    }
                    None => shift_entry(entry, source.at),
                }
            }
            if let Some(mark) = known.iter().find(|entry| entry.key == INJECTED_BY) {
                entries.push(mark.clone());
            }
        }
        (Value::List(items), Value::List(known)) => {
            let mut used = vec![false; known.len()];
            for item in items {
                match closest(item, known, &used) {
                    Some(index) => {
                        if let (Some(known), Some(used)) = (known.get(index), used.get_mut(index)) {
                            *used = true;
                            relocate(item, known);
                        }
                    }
                    None => shift(item, source.at),
                }
            }
        }
        _ => shift(made, source.at),
    }
}

/// The item that has most in common with a node; of equals, one that is not taken yet.
fn closest(node: &Node, known: &[Node], used: &[bool]) -> Option<usize> {
    let mine = leaves(node);
    let scored = known.iter().enumerate().filter_map(|(index, other)| {
        let theirs = leaves(other);
        let common = mine.iter().filter(|leaf| theirs.contains(leaf)).count();
        let all = mine.len().max(theirs.len()).max(1);
        let free = !used.get(index).copied().unwrap_or_default();
        (common > 0).then_some((common * 1000 / all, free, std::cmp::Reverse(index)))
    });
    scored.max().map(|(_, _, std::cmp::Reverse(index))| index)
}

/// Every text in a tree, but for marks of our own.
fn leaves(node: &Node) -> Vec<String> {
    let mut found = Vec::new();
    collect(node, &mut found);
    found.sort();
    found
}

fn collect(node: &Node, found: &mut Vec<String>) {
    match &node.value {
        Value::Null => {}
        Value::Text(text) | Value::Sub(text, _) => found.push(text.clone()),
        Value::Ref(name) => found.push(name.clone()),
        Value::GetAtt(id, attribute) => found.push(format!("{id}.{attribute}")),
        Value::List(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Map(entries) => entries
            .iter()
            .filter(|entry| entry.key != INJECTED_BY)
            .for_each(|entry| collect(&entry.value, found)),
        Value::Join(_, items) | Value::Call(_, items) => collect(items, found),
        Value::If(_, then, otherwise) => {
            collect(then, found);
            collect(otherwise, found);
        }
    }
}

/// Gives a whole tree one place.
pub(super) fn shift(node: &mut Node, at: Mark) {
    place(node, &|_| at);
}

fn shift_entry(entry: &mut Entry, at: Mark) {
    entry.key_at = at;
    shift(&mut entry.value, at);
}

/// The tree with its places in the file of that number.
pub(super) fn in_file(node: Node, file: u16) -> Node {
    placed(node, &|at| Mark { file, ..at })
}

/// The tree with its places changed.
pub(super) fn placed(mut node: Node, to: &impl Fn(Mark) -> Mark) -> Node {
    place(&mut node, to);
    node
}

fn place(node: &mut Node, to: &impl Fn(Mark) -> Mark) {
    node.at = to(node.at);
    let each = |entries: &mut Vec<Entry>| {
        for entry in entries {
            entry.key_at = to(entry.key_at);
            place(&mut entry.value, to);
        }
    };
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| place(item, to)),
        Value::Map(entries) | Value::Sub(_, entries) => each(entries),
        Value::Join(_, inner) | Value::Call(_, inner) => place(inner, to),
        Value::If(_, then, otherwise) => {
            place(then, to);
            place(otherwise, to);
        }
        Value::Null | Value::Text(_) | Value::Ref(_) | Value::GetAtt(..) => {}
    }
}
