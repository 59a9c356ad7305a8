//! What the scanner must find, told by fixtures: `tests/fixtures/scan/*.rs` hold the code with the answer beside it.
//!
//! `//- path` starts a file (the default is `src/main.rs`; a manifest with the usual SDK crates is added unless one is
//! given). `//~` on the line of a call's method name tells what is found there: `[@binary] operation Member=hint …`,
//! several separated by ` ; `. Hints: `lit:x`, `env:X`, `env:X:default`, `json:X.member`
//! (`=text` if the variable's default has it, `:text` if the code does), `pat:x*`, `ev:path`, `?`, `unset`; alternatives are
//! separated by `|`. Only the members that are named are compared. `//~ unreached operation` is a call that no binary
//! reaches, `//~ assumed operation` one under an assumed role, `//~ gap code` a gap. Whatever is found and not told, or told and not found, fails.
//!
//! `//- deployed.txt` holds a line for each function that runs the binary: its name, and what its environment sets
//! (`put _HANDLER=put`). What is told of `@put` then is what that function reaches.
//!
//! A file may hold many snippets: `//# what it proves` starts one, and each is scanned by itself. What stands before the
//! first one is put behind the `src/main.rs` of each, and a snippet without a `main` gets one that calls its `run`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::catalog::Catalog;
use crate::usage::{Piece, ResourceHint};
use crate::workspace::cargo;
use crate::workspace::model::BinaryId;

use super::{Deployed, Scan, ScanOptions, scan};

const MANIFEST: &str = r#"
[package]
name = "fixture"
version = "0.1.0"
edition = "2024"

[dependencies]
aws-config = "1"
aws-sdk-dynamodb = "1"
aws-sdk-s3 = "1"
aws-sdk-sqs = "1"
aws-sdk-sns = "1"
aws-sdk-eventbridge = "1"
aws-sdk-secretsmanager = "1"
lambda_runtime = "1"
tokio = { version = "1", features = ["full"] }
"#;

/// Splits a fixture into files.
pub(super) fn split(text: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut current = ("src/main.rs".to_owned(), String::new());
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("//- ") {
            if !current.1.trim().is_empty() {
                files.push(current);
            }
            current = (path.trim().to_owned(), String::new());
            continue;
        }
        let _ = writeln!(current.1, "{line}");
    }
    files.push(current);
    if !files.iter().any(|(path, _)| path == "Cargo.toml") {
        files.push(("Cargo.toml".to_owned(), MANIFEST.to_owned()));
    }
    files
}

/// The snippets of a fixture file by name; the whole file if it has none.
fn snippets(name: &str, text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut parts = text.split("\n//# ");
    let prelude = parts.next().unwrap_or_default();
    let snippets: Vec<_> = parts
        .map(|part| {
            let (title, code) = part.split_once('\n').unwrap_or((part, ""));
            let mut files = split(code);
            for (path, text) in &mut files {
                if path == "src/main.rs" {
                    if !text.contains("fn main()") {
                        text.push_str("#[tokio::main] async fn main() { run().await; }\n");
                    }
                    text.push_str(prelude);
                }
            }
            (format!("{name}: {title}"), files)
        })
        .collect();
    match snippets.is_empty() {
        true => vec![(name.to_owned(), split(text))],
        false => snippets,
    }
}

/// Writes the files of a fixture and scans them.
pub(super) fn scan_files(files: &[(String, String)], options: &ScanOptions) -> Scan {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let tree = cargo::read(dir.path());
    let mut result = scan(dir.path(), &tree, Catalog::embedded(), options);
    result.gaps.extend(tree.gaps);
    result
}

/// The functions of `deployed.txt`.
fn deployed(files: &[(String, String)]) -> Vec<Deployed> {
    let lines = files.iter().filter(|(path, _)| path == "deployed.txt");
    lines
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?.to_owned();
            Some(Deployed {
                id: format!("template.yaml#{name}"),
                file: "template.yaml".to_owned(),
                binary: BinaryId {
                    package: "fixture".to_owned(),
                    package_dir: String::new(),
                    binary: "fixture".to_owned(),
                    entry: "src/main.rs".to_owned(),
                },
                variables: words
                    .filter_map(|word| word.split_once('='))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                name,
            })
        })
        .collect()
}

fn show(hint: &ResourceHint) -> String {
    match hint.pieces.as_slice() {
        [] => "unset".to_owned(),
        [Piece::Literal(text)] => format!("lit:{text}"),
        [
            Piece::Env {
                variable,
                default: None,
            },
        ] => format!("env:{variable}"),
        [
            Piece::Env {
                variable,
                default: Some(default),
            },
        ] => format!("env:{variable}:{default}"),
        [
            Piece::EnvMember {
                variable,
                path,
                default,
                absent,
            },
        ] => {
            let default = default.as_ref().map(|text| format!("={text}"));
            let absent = absent.as_ref().map(|text| format!(":{text}"));
            let (default, absent) = (default.unwrap_or_default(), absent.unwrap_or_default());
            format!("json:{variable}.{}{default}{absent}", path.join("."))
        }
        [Piece::Event { path }] => format!("ev:{path}"),
        [Piece::Hole(_)] => "?".to_owned(),
        pieces => {
            let text: String = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Literal(text) => text.clone(),
                    Piece::Env { variable, .. } => format!("${{{variable}}}"),
                    Piece::EnvMember { variable, path, .. } => format!("${{{variable}.{}}}", path.join(".")),
                    _ => "*".to_owned(),
                })
                .collect();
            format!("pat:{text}")
        }
    }
}

/// One told call: binary (if told), operation, members.
type Told = (Option<String>, String, BTreeMap<String, BTreeSet<String>>);

fn told(note: &str) -> Told {
    let mut words = note.split_whitespace().peekable();
    let binary = words
        .next_if(|word| word.starts_with('@'))
        .map(|word| word[1..].to_owned());
    let operation = words.next().unwrap_or_default().to_owned();
    let members = words
        .map(|word| {
            let (name, hints) = word.split_once('=').expect("Member=hint");
            let hints = hints.split('|').filter(|hint| !hint.is_empty());
            let hints = hints.map(str::to_owned).collect();
            (name.to_owned(), hints)
        })
        .collect();
    (binary, operation, members)
}

/// Whether a note tells something else than a call.
fn is_word(note: &str) -> bool {
    ["gap ", "unreached ", "assumed "]
        .iter()
        .any(|word| note.starts_with(word))
}

/// Compares what a fixture tells with what the scan finds.
fn check(name: &str, files: &[(String, String)]) -> Result<(), String> {
    let options = ScanOptions {
        deployed: deployed(files),
        ..ScanOptions::default()
    };
    let mut result = scan_files(files, &options);
    if !options.deployed.is_empty() {
        let whole = std::mem::take(&mut result.entries);
        for function in &options.deployed {
            let own = result.separated.get(&function.id);
            let mut entry = own.unwrap_or(&whole[0]).clone();
            entry.binary.binary = function.name.clone();
            result.entries.push(entry);
        }
    }
    let mut problems = String::new();
    let mut expected: BTreeMap<(String, u32), Vec<String>> = BTreeMap::new();
    for (path, text) in files {
        for (number, line) in text.lines().enumerate() {
            if let Some((_, notes)) = line.split_once("//~ ") {
                let place = (path.clone(), u32::try_from(number + 1).unwrap());
                let notes = notes.split(" ; ").map(|note| note.trim().to_owned());
                expected.entry(place).or_default().extend(notes);
            }
        }
    }
    let mut found_at: BTreeSet<(String, u32, String)> = BTreeSet::new();
    for entry in &result.entries {
        for site in &entry.call_sites {
            let place = (site.location.file.clone(), site.location.line);
            let notes = expected.get(&place).cloned().unwrap_or_default();
            let operation = site.operation.to_string();
            let matching = notes
                .iter()
                .filter(|note| !is_word(note))
                .map(|note| told(note))
                .filter(|(binary, op, _)| {
                    *op == operation
                        && binary
                            .as_ref()
                            .is_none_or(|binary| *binary == entry.binary.binary)
                })
                .collect::<Vec<_>>();
            let binary = &entry.binary.binary;
            if matching.is_empty() {
                let _ = writeln!(
                    problems,
                    "{}: {operation} is found in `{binary}` but not told",
                    site.location
                );
            }
            for (told_binary, _, members) in matching {
                for (member, hints) in &members {
                    let found: BTreeSet<String> = site
                        .inputs
                        .get(member)
                        .map(|hints| hints.iter().map(show).collect())
                        .unwrap_or_default();
                    if found != *hints {
                        let _ = writeln!(
                            problems,
                            "{}: {operation} {member} is {found:?} in `{binary}`, told {hints:?}",
                            site.location
                        );
                    }
                }
                let key = told_binary.unwrap_or_default();
                found_at.insert((place.0.clone(), place.1, format!("{key} {operation}")));
            }
            if site.via.last().map(|frame| &frame.location) != Some(&site.location) {
                let _ = writeln!(problems, "{}: the path does not end at the call", site.location);
            }
        }
    }
    for site in result.entries.iter().flat_map(|entry| &entry.assumed) {
        let place = (site.location.file.clone(), site.location.line);
        let note = format!("assumed {}", site.operation);
        found_at.insert((place.0.clone(), place.1, note.clone()));
        if !expected.get(&place).is_some_and(|notes| notes.contains(&note)) {
            let _ = writeln!(problems, "{}: {note}, not told", site.location);
        }
    }
    for site in result.unreached() {
        found_at.insert((
            site.location.file.clone(),
            site.location.line,
            format!("unreached {}", site.operation),
        ));
        let place = (site.location.file.clone(), site.location.line);
        let note = format!("unreached {}", site.operation);
        if !expected.get(&place).is_some_and(|notes| notes.contains(&note)) {
            let _ = writeln!(problems, "{}: {note}, not told", site.location);
        }
    }
    let entry_gaps = result.entries.iter().flat_map(|entry| &entry.gaps);
    for gap in entry_gaps.chain(&result.gaps) {
        let place = gap
            .location
            .as_ref()
            .map(|location| (location.file.clone(), location.line))
            .unwrap_or_default();
        let note = format!("gap {}", gap.code);
        found_at.insert((place.0.clone(), place.1, note.clone()));
        if !expected.get(&place).is_some_and(|notes| notes.contains(&note)) {
            let _ = writeln!(problems, "{place:?}: gap {} not told: {}", gap.code, gap.message);
        }
    }
    for (place, notes) in &expected {
        for note in notes {
            let key = if is_word(note) {
                note.clone()
            } else {
                let (binary, operation, _) = told(note);
                format!("{} {operation}", binary.unwrap_or_default())
            };
            if !found_at.contains(&(place.0.clone(), place.1, key)) {
                let _ = writeln!(
                    problems,
                    "{}:{}: `{note}` is told but not found",
                    place.0, place.1
                );
            }
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(format!("{name}:\n{problems}"))
    }
}

#[test]
fn fixtures_tell_what_is_found() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scan");
    let mut paths: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    let only = std::env::var("FIXTURE").unwrap_or_default();
    let failures: Vec<String> = paths
        .iter()
        .filter(|path| path.to_string_lossy().contains(&only))
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            snippets(&path.file_name().unwrap().to_string_lossy(), &text)
        })
        .filter_map(|(name, files)| check(&name, &files).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn wrappers_do_what_their_files_say() {
    for wrapper in crate::catalog::wrapper::wrappers().values() {
        let features = wrapper
            .feature
            .as_ref()
            .map(|name| format!("\"{name}\""))
            .unwrap_or_default();
        let manifest = format!(
            "{MANIFEST}{} = {{ version = \"*\", features = [{features}] }}\n",
            wrapper.crate_name
        )
        .replace(&format!("{} = \"1\"\n", wrapper.crate_name), "");
        for test in &wrapper.tests {
            let files = vec![
                ("src/main.rs".to_owned(), test.code.clone()),
                ("Cargo.toml".to_owned(), manifest.clone()),
            ];
            check(&wrapper.id, &files).unwrap();
        }
    }
}

/// Scans one `src/main.rs` and demands that nothing broke on the way.
fn survives(name: &str, text: &str) -> Scan {
    let files = vec![
        ("src/main.rs".to_owned(), text.to_owned()),
        ("Cargo.toml".to_owned(), MANIFEST.to_owned()),
    ];
    let start = std::time::Instant::now();
    let result = scan_files(&files, &ScanOptions::default());
    let entry_gaps = result.entries.iter().flat_map(|entry| &entry.gaps);
    for gap in entry_gaps.chain(&result.gaps) {
        assert_ne!(gap.code, "scan-failed", "{name}: {}", gap.message);
        assert!(!gap.message.contains("gave up"), "{name}: {}", gap.message);
    }
    assert!(
        start.elapsed().as_secs() < 300,
        "{name} took {:?}",
        start.elapsed()
    );
    result
}

fn has_gap(result: &Scan, code: &str) -> bool {
    let entry_gaps = result.entries.iter().flat_map(|entry| &entry.gaps);
    entry_gaps.chain(&result.gaps).any(|gap| gap.code == code)
}

#[test]
fn torn_files_are_gaps_not_failures() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scan");
    for name in ["traits.rs", "macros.rs", "values.rs", "clients_through_values.rs"] {
        let text = std::fs::read_to_string(dir.join(name)).unwrap();
        for end in (0..text.len()).step_by(211) {
            if text.is_char_boundary(end) {
                survives(&format!("{name} torn at {end}"), &text[..end]);
            }
        }
    }
}

#[test]
fn nesting_and_length_have_bounds() {
    let wrap = |expr: String| format!("fn main() {{ let x = {expr}; }}");
    let deep = |open: &str, close: &str, depth: usize| {
        wrap(format!("{}1{}", open.repeat(depth), close.repeat(depth)))
    };
    assert!(has_gap(
        &survives("parentheses", &deep("(", ")", 100_000)),
        "nesting-too-deep"
    ));
    survives("200 parentheses", &deep("(", ")", 200));
    survives("blocks", &deep("{ let a = 1; ", "}", 200));
    assert!(has_gap(
        &survives("nots", &deep("!", "", 100_000)),
        "nesting-too-deep"
    ));
    survives("few nots", &deep("!", "", 3_000));
    survives("sum", &wrap(vec!["a"; 9_000].join(" + ")));
    survives("chain", &wrap(format!("c{}", ".table_name(1)".repeat(5_000))));
    survives("fields", &wrap(format!("c{}", ".f".repeat(9_000))));
    survives(
        "else if",
        &wrap(format!("{} {{}}", "if a {} else ".repeat(1_500))),
    );
    survives(
        "types",
        &format!("type A = {}u8{};", "Vec<".repeat(2_000), ">".repeat(2_000)),
    );
    survives("closures", &wrap(format!("{}1", "|a| ".repeat(3_000))));
    survives("invalid text", "fn main() { \"\u{0}\"; }\u{feff}");
}

#[test]
fn nesting_of_every_kind_has_bounds() {
    let deep = |open: &str, inner: &str, close: &str| {
        let depth = 150;
        let text = format!(
            "fn main() {{ let x = {}{inner}{}; }}",
            open.repeat(depth),
            close.repeat(depth)
        );
        survives(open, &text);
        let depth = 5_000;
        let text = format!(
            "fn main() {{ let x = {}{inner}{}; }}",
            open.repeat(depth),
            close.repeat(depth)
        );
        assert!(has_gap(&survives(open, &text), "nesting-too-deep"), "{open}");
    };
    deep("match 1 { _ => ", "1", "}");
    deep("if a { ", "1", "} else { 2 }");
    deep("m!(", "c.get_object()", ")");
    deep("vec![", "1", "]");
    deep("format!(\"{}\", ", "1", ")");
    deep("async { ", "1", "}.await");
    deep("f(", "1", ")");
    deep("S { a: ", "1", "}");
    let modules = |depth: usize| {
        let text = format!("{}{} fn main() {{}}", "mod m { ".repeat(depth), "}".repeat(depth));
        survives("modules", &text)
    };
    modules(100);
    assert!(has_gap(&modules(5_000), "nesting-too-deep"));
    survives(
        "tuple types",
        &format!(
            "fn f(x: {}u8{}) {{}} fn main() {{}}",
            "(".repeat(200),
            ",)".repeat(200)
        ),
    );
    survives(
        "arms",
        &format!(
            "fn main() {{ match 1 {{ {} _ => {{}} }} }}",
            "1 => {} ".repeat(20_000)
        ),
    );
}

#[test]
fn a_generated_file_of_100_000_lines_is_read() {
    let mut text = String::from("#[tokio::main] async fn main() { last().await; }\n");
    for index in 0..99_990 {
        let _ = writeln!(text, "pub const C{index}: &str = \"{index}\";");
    }
    text.push_str(
        "async fn last() { aws_sdk_s3::Client::new(&aws_config::load_from_env().await).get_object().bucket(C7).send().await.unwrap(); }\n",
    );
    let result = survives("100,000 lines", &text);
    let site = result.entries[0].call_sites.first().unwrap();
    assert_eq!(show(&site.inputs["Bucket"][0]), "lit:7");
}

#[test]
fn what_is_wrong_with_files_costs_only_these() {
    let dir = tempfile::tempdir().unwrap();
    let src = dir.path().join("src");
    std::fs::create_dir_all(src.join("round")).unwrap();
    std::fs::write(dir.path().join("Cargo.toml"), MANIFEST).unwrap();
    let main = b"mod bad; mod gone; mod broken; #[path = \"main.rs\"] mod again; mod link; mod round;
        #[tokio::main] async fn main() {
            bad::go(\"\xff\xfe\").await;
            round::go().await;
        }";
    std::fs::write(src.join("main.rs"), main).unwrap();
    let call = |operation: &str| {
        format!(
            "pub async fn go() {{ aws_sdk_s3::Client::new(&aws_config::load_from_env().await)\
             .{operation}().send().await.unwrap(); }}"
        )
    };
    let mut bad = call("get_object").into_bytes();
    bad.extend_from_slice(b"\npub const RAW: &str = \"\xff\xfe\";\n");
    std::fs::write(src.join("bad.rs"), bad).unwrap();
    std::fs::write(src.join("broken.rs"), "pub fn broken( {").unwrap();
    std::fs::write(
        src.join("round/mod.rs"),
        format!("mod round; {}", call("head_object")),
    )
    .unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&src, src.join("round/round")).unwrap();
        std::os::unix::fs::symlink("link.rs", src.join("link.rs")).unwrap();
    }
    let tree = cargo::read(dir.path());
    let result = scan(dir.path(), &tree, Catalog::embedded(), &ScanOptions::default());
    let operations: Vec<String> = result.entries[0]
        .call_sites
        .iter()
        .map(|site| site.operation.to_string())
        .collect();
    assert_eq!(operations, ["s3.GetObject", "s3.HeadObject"]);
    for code in ["missing-module", "unparsable-file"] {
        assert!(has_gap(&result, code), "{code}");
    }
}

#[test]
fn features_are_switched_on_and_off() {
    let manifest = format!("{MANIFEST}\n[features]\ndefault = [\"a\"]\na = []\nb = []\n");
    let call = |feature: &str, operation: &str| {
        format!(
            "#[cfg(feature = \"{feature}\")] aws_sdk_s3::Client::new(&aws_config::load_from_env().await)\
             .{operation}().send().await.unwrap();\n"
        )
    };
    let main = format!(
        "#[tokio::main] async fn main() {{\n{}{}}}",
        call("a", "get_object"),
        call("b", "put_object")
    );
    let files = [("Cargo.toml", manifest.as_str()), ("src/main.rs", main.as_str())];
    let with = |change: &dyn Fn(&mut ScanOptions)| {
        let mut options = ScanOptions::default();
        change(&mut options);
        entries_and_gaps(&files, &options).0
    };
    assert_eq!(with(&|_| {}), ["src/main.rs s3.GetObject"]);
    assert_eq!(
        with(&|options| options.features = BTreeSet::from(["b".to_owned()])),
        ["src/main.rs s3.GetObject s3.PutObject"]
    );
    assert_eq!(
        with(&|options| options.all_features = true),
        ["src/main.rs s3.GetObject s3.PutObject"]
    );
    assert_eq!(
        with(&|options| options.no_default_features = true),
        ["src/main.rs "]
    );
}

#[test]
fn there_are_enough_answered_snippets() {
    // Counted: each `//# ` snippet, and each fn of the other fixtures that has an answer in it.
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scan");
    let mut count = 0;
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let named = text.matches("\n//# ").count();
        count += match named {
            0 => {
                let starts_fn = |line: &str| {
                    let line = line.trim_start();
                    ["fn ", "async fn ", "pub fn ", "pub async fn "]
                        .iter()
                        .any(|word| line.starts_with(word))
                };
                let (mut answered, mut open) = (0, true);
                for line in text.lines() {
                    open |= starts_fn(line);
                    if line.contains("//~ ") && open {
                        answered += 1;
                        open = false;
                    }
                }
                answered
            }
            named => named,
        };
    }
    assert!(count >= 250, "{count} answered snippets");
}

#[test]
fn macro_bombs_run_out_of_budget() {
    survives(
        "expression",
        "macro_rules! b { ($($t:tt)*) => { b!($($t)* $($t)*) } } fn main() { b!(a b c d); }",
    );
    survives(
        "items",
        "macro_rules! m { () => { m!{} m!{} m!{} m!{} } } m!{} fn main() {}",
    );
    survives(
        "itself",
        "macro_rules! f { ($x:expr) => { f!($x + 1) } } fn main() { f!(1); }",
    );
    survives(
        "definitions",
        "macro_rules! d { ($n:ident) => { macro_rules! $n { () => { d!($n); $n!{} } } $n!{} } } d!(q); fn main() {}",
    );
}

#[test]
fn circles_end() {
    let mut modules = String::from("fn main() { m0::thing(); }\n");
    for index in 0..60 {
        let _ = writeln!(
            modules,
            "mod m{index} {{ {} pub fn f{index}() {{}} }}",
            (0..60)
                .map(|other| format!("pub use super::m{other}::*;"))
                .collect::<String>()
        );
    }
    survives("globs", &modules);
    survives(
        "types",
        "type A = B; type B = A; trait T { type X; } struct S; impl T for S { type X = <S as T>::X; }
         trait U: V {} trait V: U { fn v(&self); }
         impl std::ops::Deref for S { type Target = S; fn deref(&self) -> &S { self } }
         fn f<F: U>(a: A, s: S, u: F, x: <S as T>::X) { a.get_item(); s.scan().x; u.v(); u.w(); x.query(); }
         fn main() { f(1, S, 2, 3); }",
    );
    survives(
        "aliases",
        "type A = A::B; type C = D::X; type D = C::Y; fn main() { A::x(); C::y().get_item(); let A { a } = D {}; }",
    );
    survives(
        "literals",
        "struct S { a: String, b: String }
         impl S { fn a(self) -> Self { S { a: String::new(), ..self } } fn b(self) -> Self { S { b: self.a.clone(), ..self.a() } } }
         #[tokio::main] async fn main() { let c = aws_sdk_s3::Client::new(&x().await); let s = make().a().b();
           c.get_object().bucket(s.a).key(s.b).send().await; }",
    );
    survives(
        "values",
        "fn a(n: &str) -> String { b(n) } fn b(n: &str) -> String { if true { a(n) } else { c(n) } }
         fn c(n: &str) -> String { format!(\"{}{}\", a(n), b(n)) }
         #[tokio::main] async fn main() { let c = aws_sdk_s3::Client::new(&x().await);
           let mut n = String::new(); n = a(&n); n = b(&n);
           c.get_object().bucket(a(&n)).key(n).send().await; }",
    );
}

#[test]
fn output_does_not_depend_on_threads() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scan");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        for (file, text) in split(&std::fs::read_to_string(&path).unwrap()) {
            files.push((format!("{stem}/{file}"), text));
        }
    }
    let show = |threads: usize| {
        let options = ScanOptions {
            threads: Some(threads),
            ..ScanOptions::default()
        };
        format!("{:#?}", scan_files(&files, &options))
    };
    let first = show(1);
    assert!(first.len() > 10_000);
    for threads in [1, 2, 3, 8] {
        assert!(show(threads) == first, "output differs with {threads} threads");
    }
}

/// Entries and packages without one, by name.
fn entries_and_gaps(files: &[(&str, &str)], options: &ScanOptions) -> (Vec<String>, Vec<String>) {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    let result = scan_files(&files, options);
    let entries = result.entries.iter().map(|entry| {
        let operations: Vec<String> = entry
            .call_sites
            .iter()
            .map(|site| site.operation.to_string())
            .collect();
        format!("{} {}", entry.binary.entry, operations.join(" "))
    });
    let gaps = result
        .gaps
        .iter()
        .map(|gap| format!("{} {}", gap.code, gap.message));
    (entries.collect(), gaps.collect())
}

#[test]
fn examples_are_entries_when_asked_for() {
    let call = |operation: &str| {
        format!(
            "#[tokio::main] async fn main() {{ aws_sdk_s3::Client::new(&aws_config::load_from_env().await)\
             .{operation}().send().await.unwrap(); }}"
        )
    };
    let manifest = "[package]\nname = \"e\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dev-dependencies]\n\
                    aws-config = \"1\"\naws-sdk-s3 = \"1\"\n[[example]]\nname = \"named\"\npath = \"other/named.rs\"\n";
    let (one, folder, named) = (call("get_object"), call("put_object"), call("head_object"));
    let mut files = vec![
        ("Cargo.toml", manifest),
        ("src/lib.rs", ""),
        ("examples/one.rs", one.as_str()),
        ("examples/folder/main.rs", folder.as_str()),
        ("other/named.rs", named.as_str()),
    ];
    let options = ScanOptions {
        examples: true,
        ..ScanOptions::default()
    };
    let told = vec![
        "examples/folder/main.rs s3.PutObject".to_owned(),
        "other/named.rs s3.HeadObject".to_owned(),
        "examples/one.rs s3.GetObject".to_owned(),
    ];
    assert_eq!(entries_and_gaps(&files, &options).0, told);
    files.push(("src/main.rs", "fn main() {}"));
    let (entries, gaps) = entries_and_gaps(&files, &options);
    assert!(told.iter().all(|entry| entries.contains(entry)), "{entries:?}");
    assert_eq!(entries.len(), 4);
    assert_eq!(gaps, Vec::<String>::new());
    let (entries, _) = entries_and_gaps(&files, &ScanOptions::default());
    assert_eq!(entries, ["src/main.rs "]);
}

#[test]
fn libraries_that_binaries_use_are_no_gaps() {
    let library = |name: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n\
             aws-config = \"1\"\naws-sdk-s3 = \"1\"\n"
        )
    };
    let (store, lonely) = (library("store"), library("lonely"));
    let code = "pub async fn used(c: &aws_sdk_s3::Client) { c.get_object().send().await.unwrap(); }
                pub async fn unused(c: &aws_sdk_s3::Client) { c.delete_bucket().send().await.unwrap(); }";
    let files = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\", \"functions/*\"]\n[workspace.dependencies]\nstore = { path = \"crates/store\" }\n",
        ),
        ("crates/store/Cargo.toml", store.as_str()),
        ("crates/store/src/lib.rs", code),
        ("crates/lonely/Cargo.toml", lonely.as_str()),
        ("crates/lonely/src/lib.rs", "pub fn nothing() {}"),
        (
            "functions/f/Cargo.toml",
            "[package]\nname = \"f\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nstore.workspace = true\n",
        ),
        (
            "functions/f/src/main.rs",
            "#[tokio::main] async fn main() { store::used(&client()).await; }",
        ),
    ];
    let (entries, gaps) = entries_and_gaps(&files, &ScanOptions::default());
    assert_eq!(entries, ["functions/f/src/main.rs s3.GetObject"]);
    assert_eq!(gaps, ["no-entry package `lonely` has no binary of its own"]);
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    let result = scan_files(&files, &ScanOptions::default());
    let unreached: Vec<String> = result
        .unreached()
        .iter()
        .map(|site| format!("{} {}", site.location, site.operation))
        .collect();
    assert_eq!(unreached, ["crates/store/src/lib.rs:2 s3.DeleteBucket"]);
}

#[test]
fn built_binaries_are_no_dependencies() {
    let files = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"main\", \"tool\"]\n[workspace.dependencies]\n\
             tool = { path = \"tool\", artifact = [\"bin:tool\"] }\n",
        ),
        (
            "main/Cargo.toml",
            "[package]\nname = \"main\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n\
             aws-config = \"1\"\ntool.workspace = true\n",
        ),
        ("main/src/main.rs", "fn main() {}"),
        (
            "tool/Cargo.toml",
            "[package]\nname = \"tool\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n\
             modyne = \"0.3\"\naws-config = \"1\"\n",
        ),
        ("tool/src/main.rs", "fn main() {}"),
    ];
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    let result = scan_files(&files, &ScanOptions::default());
    let gaps = result.entries.iter().map(|entry| {
        let codes: Vec<&str> = entry.gaps.iter().map(|gap| gap.code).collect();
        format!("{} {}", entry.binary.binary, codes.join(" "))
    });
    assert_eq!(gaps.collect::<Vec<_>>(), ["main ", "tool unmodelled-dependency"]);
}

/// The codes of the gaps of a package with these lines in its manifest, and with `features` on.
fn gaps_of(lines: &str, features: &[&str]) -> Vec<String> {
    let manifest = format!(
        "[package]\nname = \"p\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{lines}\n\
         [dependencies.aws-sdk-s3]\nversion = \"1\"\n"
    );
    let files = [
        ("Cargo.toml".to_owned(), manifest),
        ("src/main.rs".to_owned(), "fn main() {}".to_owned()),
    ];
    let options = ScanOptions {
        features: features.iter().map(|feature| (*feature).to_owned()).collect(),
        ..ScanOptions::default()
    };
    let result = scan_files(&files, &options);
    let gaps = result.entries.iter().flat_map(|entry| &entry.gaps);
    gaps.map(|gap| gap.message.clone()).collect()
}

#[test]
fn dependencies_that_are_off_are_no_gaps() {
    let told = ["`opendal` is not read: its S3 service calls S3 by plain HTTP"];
    // Optional, and no feature brings it in; then one does.
    let optional = "[features]\nhdfs = [\"dep:opendal\"]\n[dependencies]\n\
                    opendal = { version = \"0.54\", features = [\"services-s3\"], optional = true }";
    assert_eq!(gaps_of(optional, &[]), [""; 0]);
    assert_eq!(gaps_of(optional, &["hdfs"]), told);
    assert_eq!(gaps_of(optional, &["opendal"]), told);
    // Its S3 service is off; a feature of the package switches it on; in old versions it is a default.
    let plain = |spec: &str| {
        format!("[features]\ns3 = [\"opendal/services-s3\"]\n[dependencies]\nopendal = {{ {spec} }}")
    };
    let bare = plain("version = \"0.54\", default-features = false, features = [\"services-webhdfs\"]");
    assert_eq!(gaps_of(&bare, &[]), [""; 0]);
    assert_eq!(gaps_of(&bare, &["s3"]), told);
    assert_eq!(gaps_of(&plain("version = \"0.54\""), &[]), [""; 0]);
    assert_eq!(gaps_of(&plain("version = \"0.44\""), &[]), told);
    assert_eq!(
        gaps_of(&plain("version = \"0.44\", default-features = false"), &[]),
        [""; 0]
    );
    assert_eq!(
        gaps_of(&plain("git = \"https://example.org/opendal\""), &[]),
        told
    );
    // Others call AWS whatever is on.
    assert_eq!(
        gaps_of(
            "[dependencies]\nrust-s3 = { version = \"0.35\", default-features = false }",
            &[]
        ),
        ["`rust-s3` is not read: it calls S3 by plain HTTP"]
    );
}

#[test]
fn advice_for_a_crate_from_git_is_to_vendor_it() {
    let lock = "version = 4\n[[package]]\nname = \"fixture\"\nversion = \"0.1.0\"\n\
                dependencies = [\"wraps\", \"plain\"]\n\
                [[package]]\nname = \"wraps\"\nversion = \"0.1.0\"\n\
                source = \"git+https://example.org/wraps#0123\"\ndependencies = [\"aws-sdk-s3\"]\n\
                [[package]]\nname = \"plain\"\nversion = \"0.1.0\"\n\
                source = \"registry+https://example.org/index\"\ndependencies = [\"aws-sdk-s3\"]\n";
    let manifest = MANIFEST.replace(
        "[dependencies]",
        "[dependencies]\nwraps = { git = \"x\" }\nplain = \"0.1\"",
    );
    let files = [
        ("Cargo.toml".to_owned(), manifest),
        ("Cargo.lock".to_owned(), lock.to_owned()),
        ("src/main.rs".to_owned(), "fn main() {}".to_owned()),
    ];
    let result = scan_files(&files, &ScanOptions::default());
    let hint = |name: &str| {
        let named = format!("`{name}` is not read");
        let gaps = &result.entries[0].gaps;
        let gap = gaps.iter().find(|gap| gap.message.starts_with(&named)).unwrap();
        gap.hint.clone().unwrap()
    };
    assert!(hint("wraps").contains("cargo vendor"), "{}", hint("wraps"));
    assert!(
        hint("plain").starts_with("have its source read"),
        "{}",
        hint("plain")
    );
}

#[test]
fn a_crate_of_a_registry_has_the_features_that_its_users_ask_for() {
    let package = |dir: &str, outside: bool, text: &str| {
        let table = text.parse::<toml::Table>().unwrap();
        let mut package = cargo::CargoPackage {
            name: dir.to_owned(),
            dir: dir.to_owned(),
            outside,
            ..cargo::CargoPackage::default()
        };
        for (name, features) in table {
            let features = features.as_array().unwrap().iter();
            let features = features.map(|text| text.as_str().unwrap().to_owned()).collect();
            package.features.insert(name, features);
        }
        package
    };
    let uses = |default_features: bool| cargo::CargoDependency {
        code_name: "lib".to_owned(),
        package: "lib".to_owned(),
        path: Some("lib".to_owned()),
        version: None,
        features: vec!["small".to_owned()],
        default_features,
        optional: false,
        kind: cargo::DependencyKind::Normal,
    };
    let on = |outside: bool, default_features: bool| {
        let mut app = package("app", false, "");
        app.dependencies.push(uses(default_features));
        let lib = package("lib", outside, "default = [\"big\"]\nbig = []\nsmall = []");
        let tree = cargo::CargoTree {
            packages: vec![app, lib],
            ..cargo::CargoTree::default()
        };
        let cfgs = super::features::cfgs(&tree, &ScanOptions::default());
        let on = cfgs[1].features.clone().unwrap();
        on.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(on(true, false), "small");
    assert_eq!(on(true, true), "big default small");
    // A member of the workspace is built for itself, too.
    assert_eq!(on(false, false), "big default small");
}
