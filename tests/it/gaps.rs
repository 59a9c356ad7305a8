//! Every gap code that the code can report has its paragraph in `docs/gaps.md`, and no paragraph is left over.

use std::collections::BTreeSet;
use std::path::Path;

/// The codes given to `Gap::new` under `dir`, tests left out.
fn codes(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("\nmod tests {").next().unwrap();
            let local = code.split("code: ").skip(1);
            for rest in code.split("Gap::new(").skip(1).chain(local) {
                let rest = rest.trim_start();
                let name = rest.split(',').next().unwrap();
                let stated = code.split_once(&format!("const {name}: &str = "));
                let literal = stated.map_or(rest, |(_, value)| value).strip_prefix('"');
                found.extend(literal.and_then(|rest| rest.split('"').next()).map(str::to_owned));
            }
        }
    }
}

#[test]
fn every_gap_is_documented() {
    let mut found = BTreeSet::new();
    codes(Path::new("src"), &mut found);
    assert!(found.len() > 20, "{found:?}");
    let text = std::fs::read_to_string("docs/gaps.md").unwrap();
    let documented: BTreeSet<String> = text
        .lines()
        .filter(|line| line.starts_with("**`"))
        .flat_map(|line| {
            line.split("**")
                .nth(1)
                .unwrap_or_default()
                .split('`')
                .skip(1)
                .step_by(2)
        })
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = found.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/gaps.md: {missing:#?}");
}
