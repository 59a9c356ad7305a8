//! `Fn::If` whose condition nobody knows offline: every value it can take, each with the condition under which it stands.

use super::node::{Entry, Node, Value};

/// Conditions beyond which the combinations in one value are not told apart any more.
const MAX_CONDITIONS: usize = 6;

/// A value and the conditions under which it stands, such as `IsProd` or `not IsProd and HasKey`; `None` is always.
#[derive(Clone, Debug)]
pub(crate) struct Branch<'a> {
    pub(crate) condition: Option<String>,
    pub(crate) node: &'a Node,
}

/// The values a node can take. `AWS::NoValue` and null give none.
pub(crate) fn branches(node: &Node) -> Vec<Branch<'_>> {
    let mut found = Vec::new();
    collect(node, None, &mut found);
    found
}

fn collect<'a>(node: &'a Node, condition: Option<String>, found: &mut Vec<Branch<'a>>) {
    match &node.value {
        Value::Null => {}
        Value::Ref(_) if node.is_no_value() => {}
        Value::If(name, then, otherwise) => {
            let not = format!("not {name}");
            for (part, value) in [(name, then), (&not, otherwise)] {
                let both = and(condition.as_deref(), Some(part));
                if !never(both.as_deref()) {
                    collect(value, both, found);
                }
            }
        }
        _ => found.push(Branch { condition, node }),
    }
}

/// The items of a list that may itself, or whose items may, depend on conditions.
pub(crate) fn items(node: &Node) -> Vec<Branch<'_>> {
    branches(node)
        .into_iter()
        .flat_map(|list| {
            let condition = list.condition;
            list.node.items().iter().flat_map(move |item| {
                let condition = condition.clone();
                branches(item).into_iter().map(move |branch| Branch {
                    condition: and(condition.as_deref(), branch.condition.as_deref()),
                    node: branch.node,
                })
            })
        })
        .collect()
}

/// Both conditions, each part once.
pub(crate) fn and(first: Option<&str>, second: Option<&str>) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in first
        .into_iter()
        .chain(second)
        .flat_map(|text| text.split(" and "))
    {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    (!parts.is_empty()).then(|| parts.join(" and "))
}

/// Whether a condition asks for something and its opposite.
pub(crate) fn never(condition: Option<&str>) -> bool {
    let parts: Vec<&str> = condition.map_or_else(Vec::new, |text| text.split(" and ").collect());
    parts
        .iter()
        .filter_map(|part| part.strip_prefix("not "))
        .any(|name| parts.contains(&name))
}

/// The node once for each combination of the conditions inside it, with every `Fn::If` decided; `None` when there are
/// too many conditions to tell apart.
pub(crate) fn variants(node: &Node) -> Option<Vec<(Option<String>, Node)>> {
    let mut names = Vec::new();
    condition_names(node, &mut names);
    if names.len() > MAX_CONDITIONS {
        return None;
    }
    let combinations = 0..1_usize << names.len();
    Some(
        combinations
            .map(|bits| {
                let holds = |name: &str| {
                    let index = names.iter().position(|known| known == name);
                    index.is_some_and(|index| bits >> index & 1 == 0)
                };
                let label = names.iter().fold(None, |label: Option<String>, name| {
                    let part = if holds(name) {
                        name.clone()
                    } else {
                        format!("not {name}")
                    };
                    and(label.as_deref(), Some(&part))
                });
                (label, decided(node, &holds))
            })
            .collect(),
    )
}

fn condition_names(node: &Node, names: &mut Vec<String>) {
    match &node.value {
        Value::If(name, then, otherwise) => {
            if !names.contains(name) {
                names.push(name.clone());
            }
            condition_names(then, names);
            condition_names(otherwise, names);
        }
        Value::List(items) => items.iter().for_each(|item| condition_names(item, names)),
        Value::Map(entries) => entries
            .iter()
            .for_each(|entry| condition_names(&entry.value, names)),
        _ => {}
    }
}

fn decided(node: &Node, holds: &impl Fn(&str) -> bool) -> Node {
    let value = match &node.value {
        Value::If(name, then, otherwise) => {
            return decided(if holds(name) { then } else { otherwise }, holds);
        }
        Value::List(items) => Value::List(
            items
                .iter()
                .map(|item| decided(item, holds))
                .filter(|item| !item.is_no_value())
                .collect(),
        ),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|entry| Entry {
                    value: decided(&entry.value, holds),
                    ..entry.clone()
                })
                .filter(|entry| !entry.value.is_no_value())
                .collect(),
        ),
        other => other.clone(),
    };
    Node::new(value, node.at)
}
