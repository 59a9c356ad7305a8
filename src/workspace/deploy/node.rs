//! The tree of a stack template: texts, lists, maps and intrinsic functions, each with its place in the file.

/// A place in a file, 1-based.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// Which file, where one stack is written in several (Terraform); 0 is the first.
    pub(crate) file: u16,
}

/// A value and where it starts.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: Mark,
}

/// What a template can hold. Long and short forms of intrinsic functions (`Fn::GetAtt`, `!GetAtt`) are one.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    /// A string, number or boolean as it is written.
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    Ref(String),
    /// Logical id and attribute; attributes may have dots.
    GetAtt(String, String),
    /// Text and the values of its own variables.
    Sub(String, Vec<Entry>),
    /// Separator and what is joined.
    Join(String, Box<Node>),
    /// Condition, value if it holds, value if not.
    If(String, Box<Node>, Box<Node>),
    /// Any other function (`Select`, `Split`, `FindInMap`, `ImportValue`, …), without `Fn::`, and its argument.
    Call(String, Box<Node>),
}

/// A key of a map, with its own place.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Mark,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn new(value: Value, at: Mark) -> Self {
        Self { value, at }
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a map with that key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of a map's key; null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let node = &self.entry(key)?.value;
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    /// Walks down maps.
    pub(crate) fn path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The items of a list, or the value itself where a list of one may be written without brackets.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// The text of a plain string, number or boolean.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is `!Ref AWS::NoValue`, which removes the property that has it.
    pub(crate) fn is_no_value(&self) -> bool {
        matches!(&self.value, Value::Ref(name) if name == "AWS::NoValue")
    }

    /// Whether it is an intrinsic function.
    pub(crate) fn is_function(&self) -> bool {
        !matches!(
            self.value,
            Value::Null | Value::Text(_) | Value::List(_) | Value::Map(_)
        )
    }
}

/// Turns a map of one key `Ref` or `Fn::…` into the function it is, and leaves every other value as it is.
pub(crate) fn fold_long_form(value: Value) -> Value {
    let Value::Map(mut entries) = value else {
        return value;
    };
    let name = match entries.as_slice() {
        [only] if only.key == "Ref" => only.key.clone(),
        [only] => match only.key.strip_prefix("Fn::") {
            Some(name) => name.to_owned(),
            None => return Value::Map(entries),
        },
        _ => return Value::Map(entries),
    };
    match entries.pop() {
        Some(entry) => function(&name, entry.value),
        None => Value::Map(entries),
    }
}

/// The function `name` (without `Fn::` or `!`) applied to `argument`. A malformed one is kept as a `Call`, which no
/// reader takes for a known value.
pub(crate) fn function(name: &str, argument: Node) -> Value {
    let known = match name {
        "Ref" => argument.as_text().map(|text| Value::Ref(text.to_owned())),
        "GetAtt" => get_att(&argument),
        "Sub" => sub(&argument),
        "Join" => join(&argument),
        "If" => condition(&argument),
        _ => None,
    };
    known.unwrap_or_else(|| Value::Call(name.to_owned(), Box::new(argument)))
}

fn get_att(argument: &Node) -> Option<Value> {
    let (id, attribute) = match &argument.value {
        Value::Text(text) => text.split_once('.')?,
        Value::List(parts) => match parts.as_slice() {
            [id, attribute] => (id.as_text()?, attribute.as_text()?),
            _ => return None,
        },
        _ => return None,
    };
    Some(Value::GetAtt(id.to_owned(), attribute.to_owned()))
}

fn sub(argument: &Node) -> Option<Value> {
    match &argument.value {
        Value::Text(text) => Some(Value::Sub(text.clone(), Vec::new())),
        Value::List(parts) => match parts.as_slice() {
            [text] => Some(Value::Sub(text.as_text()?.to_owned(), Vec::new())),
            [text, variables] => Some(Value::Sub(
                text.as_text()?.to_owned(),
                variables.entries().to_vec(),
            )),
            _ => None,
        },
        _ => None,
    }
}

fn join(argument: &Node) -> Option<Value> {
    match argument.items() {
        [separator, items] => Some(Value::Join(
            separator.as_text()?.to_owned(),
            Box::new(items.clone()),
        )),
        _ => None,
    }
}

fn condition(argument: &Node) -> Option<Value> {
    match argument.items() {
        [name, then, otherwise] => Some(Value::If(
            name.as_text()?.to_owned(),
            Box::new(then.clone()),
            Box::new(otherwise.clone()),
        )),
        _ => None,
    }
}
