//! Members of the JSON that an environment variable holds in the stack template, its symbols kept.

use serde_json::Value as Json;

use crate::workspace::deploy::text::{TextPiece, pieces};

/// Why a member cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Untold {
    /// The JSON has no such member, or null.
    Absent,
    /// Something else; the words follow the variable's name.
    Because(String),
}

/// What opens and closes the number of a symbol while JSON is parsed: private-use characters, which no name has.
const MARKS: [char; 2] = ['\u{e000}', '\u{e001}'];

/// The text of a member. A symbol may stand inside a text (`"${Orders}"`) or for a whole value (`${Limit}`).
pub(super) fn member(text: &str, path: &[String]) -> Result<String, Untold> {
    let because = |reason: &str| Untold::Because(reason.to_owned());
    if text.contains(MARKS) {
        return Err(because("holds characters that are not read"));
    }
    let (marked, symbols) = marked(text);
    let whole: Json = serde_json::from_str(&marked).map_err(|_| because("is no JSON"))?;
    let mut value = &whole;
    for step in path {
        value = match value {
            Json::Object(members) => members.get(step).ok_or(Untold::Absent)?,
            Json::Array(items) => {
                let index = step.parse::<usize>();
                let index = index.map_err(|_| because("has a list where the code takes a member"))?;
                items.get(index).ok_or(Untold::Absent)?
            }
            Json::String(text) if text.contains(MARKS) => {
                return Err(because("has a part that only the deployment fills in"));
            }
            _ => return Err(Untold::Absent),
        };
    }
    match value {
        Json::String(text) => Ok(unmarked(text, &symbols)),
        Json::Number(number) => Ok(number.to_string()),
        Json::Bool(value) => Ok(value.to_string()),
        Json::Null => Err(Untold::Absent),
        Json::Array(_) | Json::Object(_) => Err(because("has a list or an object there")),
    }
}

/// The text with a marked number for each symbol, quoted where it stands outside texts; and the symbols.
fn marked(text: &str) -> (String, Vec<&str>) {
    let [open, close] = MARKS;
    let (mut marked, mut symbols) = (String::new(), Vec::new());
    let (mut inside, mut escaped) = (false, false);
    for piece in pieces(text) {
        match piece {
            TextPiece::Plain(plain) => {
                for c in plain.chars() {
                    match c {
                        _ if escaped => escaped = false,
                        '\\' if inside => escaped = true,
                        '"' => inside = !inside,
                        _ => {}
                    }
                }
                marked.push_str(plain);
            }
            TextPiece::Symbol(symbol) => {
                let quote = if inside { "" } else { "\"" };
                marked.push_str(&format!("{quote}{open}{}{close}{quote}", symbols.len()));
                symbols.push(symbol);
            }
        }
    }
    (marked, symbols)
}

fn unmarked(text: &str, symbols: &[&str]) -> String {
    let [open, close] = MARKS;
    let mut whole = text.to_owned();
    for (number, symbol) in symbols.iter().enumerate() {
        whole = whole.replace(&format!("{open}{number}{close}"), &format!("${{{symbol}}}"));
    }
    whole
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn told(text: &str, path: &[&str]) -> Result<String, Untold> {
        let path: Vec<String> = path.iter().map(|step| (*step).to_owned()).collect();
        member(text, &path)
    }

    #[test]
    fn symbols_in_texts_and_for_values_are_kept() {
        let text = r#"{"table": "${Orders}", "dead": {"queues": ["a", "dlq-${Stage}-${!Join(\",\" x)}"]}, "limit": ${Limit}, "n": 5}"#;
        assert_eq!(told(text, &["table"]).unwrap(), "${Orders}");
        assert_eq!(
            told(text, &["dead", "queues", "1"]).unwrap(),
            r#"dlq-${Stage}-${!Join(\",\" x)}"#
        );
        let quoted = r#"{"say": "\"${Name}\"", "then": ${Limit}}"#;
        assert_eq!(told(quoted, &["say"]).unwrap(), r#""${Name}""#);
        assert_eq!(told(quoted, &["then"]).unwrap(), "${Limit}");
        assert_eq!(told(text, &["limit"]).unwrap(), "${Limit}");
        assert_eq!(told(text, &["n"]).unwrap(), "5");
    }

    #[test]
    fn what_is_not_there_is_told_apart_from_what_cannot_be_read() {
        assert_eq!(told(r#"{"a": null}"#, &["a"]), Err(Untold::Absent));
        assert_eq!(told(r#"{"a": "b"}"#, &["c"]), Err(Untold::Absent));
        for (text, path) in [
            ("${Config}", ["table"].as_slice()),
            ("orders", &["table"]),
            ("{\"table\": ", &["table"]),
            (r#"{"table": {"name": "x"}}"#, &["table"]),
            (r#"{"tables": ["x"]}"#, &["tables", "name"]),
            ("", &["table"]),
        ] {
            assert!(matches!(told(text, path), Err(Untold::Because(_))), "{text}");
        }
    }
}
