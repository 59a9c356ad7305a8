//! Keeps the layer order of `src/lib.rs`: a module uses only modules above it, and readers never see the policy side.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The module list of `lib.rs`, in order.
fn modules() -> Vec<String> {
    let text = std::fs::read_to_string("src/lib.rs").unwrap();
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

/// The top-level module a file belongs to.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix("src").unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Modules that a source names by `crate::module`.
fn uses(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    code.split("crate::")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect()
        })
        .collect()
}

#[test]
fn a_module_uses_only_modules_above_it() {
    let order = modules();
    assert!(order.len() > 5, "{order:?}");
    let rank = |module: &str| order.iter().position(|other| other == module);
    for file in files(Path::new("src")) {
        let module = module_of(&file);
        let Some(own) = rank(&module) else { continue };
        for used in uses(&std::fs::read_to_string(&file).unwrap()) {
            if let Some(other) = rank(&used) {
                assert!(
                    other <= own,
                    "{} uses `{used}`, which stands below `{module}` in lib.rs",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn readers_and_diff_stay_apart() {
    for (module, forbidden) in [
        ("scan", "trail"),
        ("trail", "scan"),
        ("scan", "synth"),
        ("trail", "synth"),
        ("diff", "synth"),
        ("gate", "synth"),
    ] {
        for file in files(Path::new("src"))
            .into_iter()
            .filter(|file| module_of(file) == module)
        {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(
                !uses(&text).contains(forbidden),
                "{} uses `{forbidden}`",
                file.display()
            );
        }
    }
}
