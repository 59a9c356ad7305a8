//! What files hold, compared with what python-hcl2 finds in them (`tests/oracles/hcl_blocks.py`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::syntax::{Body, Expr, ExprKind};
use super::parse;

fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
        .replace('\r', "\\r");
    format!("\"{escaped}\"")
}

/// A value as the oracle writes it: whatever is no literal is `?`.
fn shown(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Null => "null".to_owned(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Number(value) => value.to_string(),
        ExprKind::Text(text) => quoted(text),
        ExprKind::List(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]", items.join(", "))
        }
        ExprKind::Object(pairs) => {
            let mut pairs: Vec<(String, String)> = pairs
                .iter()
                .map(|(key, value)| (shown(key), shown(value)))
                .collect();
            pairs.sort();
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{key} = {value}"))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        _ => "?".to_owned(),
    }
}

fn lines(path: &str, body: &Body, found: &mut BTreeSet<String>) {
    for attribute in &body.attributes {
        found.insert(format!(
            "{path}: {} = {}",
            attribute.name,
            shown(&attribute.value)
        ));
    }
    for block in &body.blocks {
        let mut name = vec![block.kind.as_str()];
        name.extend(block.labels.iter().map(String::as_str));
        let inner = format!("{path} > {}", name.join(" "));
        found.insert(inner.clone());
        lines(&inner, &block.body, found);
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "tf") {
            found.push(path);
        }
    }
}

/// What only one of the readers finds under a folder, and how many lines both were asked for.
fn differences(folder: &Path, answer: &Path) -> (Vec<String>, usize) {
    let answer = std::fs::read_to_string(answer).unwrap();
    let theirs: BTreeSet<String> = answer.lines().map(str::to_owned).collect();
    let mut paths = Vec::new();
    files(folder, &mut paths);
    let mut ours = BTreeSet::new();
    for path in paths {
        let name = path
            .strip_prefix(folder)
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/");
        // Files that the other reader cannot read have no line.
        if answer.contains(&format!("{name} >")) {
            let text = std::fs::read_to_string(&path).unwrap();
            lines(&name, &parse(&text, 0).unwrap(), &mut ours);
        }
    }
    let odd = |one: &BTreeSet<String>, other: &BTreeSet<String>, mark: &str| -> Vec<String> {
        // A heredoc is a literal for us only.
        let open = |line: &str| line.rsplit_once(" = ").map(|(start, _)| format!("{start} = ?"));
        one.difference(other)
            .filter(|line| open(line).is_none_or(|open| !other.contains(&open) && !line.ends_with(" = ?")))
            .map(|line| format!("{mark} {line}"))
            .collect()
    };
    let mut found = odd(&ours, &theirs, "ours");
    found.extend(odd(&theirs, &ours, "theirs"));
    (found, theirs.len())
}

#[test]
fn files_hold_what_another_reader_finds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/deploy");
    let (found, count) = differences(&folder, &folder.join("hcl-blocks.txt"));
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(count > 250, "{count}");
}

/// The same for files that lie elsewhere: `HCL_FOLDER` and the oracle's answer, `HCL_ANSWER`.
#[test]
#[ignore = "needs files that are not here"]
fn other_files_hold_what_another_reader_finds() {
    let path = |name: &str| PathBuf::from(std::env::var_os(name).unwrap());
    let (found, count) = differences(&path("HCL_FOLDER"), &path("HCL_ANSWER"));
    assert!(
        found.is_empty(),
        "{} of {count}\n{}",
        found.len(),
        found.join("\n")
    );
}
