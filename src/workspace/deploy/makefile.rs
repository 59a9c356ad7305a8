//! `BuildMethod: makefile`: the rule `build-<logical id>` tells which binary a function runs.
//!
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html>

use std::path::Path;

use crate::workspace::model::Function;

/// Notes the binary that the function's rule of the Makefile in its code folder builds or copies.
pub(super) fn read_rule(root: &Path, function: &mut Function) {
    if function.code.build_method.as_deref() != Some("makefile") {
        return;
    }
    let Some(folder) = &function.code.path else {
        return;
    };
    let path = root.join(folder).join("Makefile");
    let Some(makefile) = path
        .is_file()
        .then(|| std::fs::read_to_string(path).ok())
        .flatten()
    else {
        return;
    };
    function.code.makefile_binary = binary_of_rule(&makefile, &function.name);
}

/// The only binary that the recipe of `build-<function>` names.
fn binary_of_rule(makefile: &str, function: &str) -> Option<String> {
    let target = format!("build-{function}");
    let mut lines = makefile.lines().skip_while(|line| {
        line.split_once(':')
            .is_none_or(|(targets, _)| !targets.split_whitespace().any(|name| name == target))
    });
    lines.next()?;
    let recipe = lines.take_while(|line| line.starts_with('\t') || line.trim().is_empty());
    let mut names: Vec<&str> = recipe.flat_map(binaries_in).collect();
    names.dedup();
    match names.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    }
}

/// Names after `--bin`, and of the folders and files that a build puts binaries into.
fn binaries_in(line: &str) -> Vec<&str> {
    let plain = |name: &&str| !name.is_empty() && !name.contains(['$', '*', '(']);
    let mut names = Vec::new();
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        if word == "--bin" {
            names.extend(words.next());
        } else if let Some(name) = word.strip_prefix("--bin=") {
            names.push(name);
        } else if let Some((_, rest)) = word.split_once("target/lambda/") {
            names.extend(rest.split('/').next());
        } else if let Some((_, rest)) = word.split_once("/release/")
            && word.contains("target/")
        {
            names.extend(rest.split('/').next());
        }
    }
    names.retain(plain);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str = "\
build: all

build-Put build-Post:
\tcargo lambda build --release --bin put-order
\tcp ./target/lambda/put-order/bootstrap $(ARTIFACTS_DIR)

build-Get:
\tcp target/aarch64-unknown-linux-musl/release/get-order $(ARTIFACTS_DIR)/bootstrap

build-Many:
\tcargo build --bin a --bin b
";

    #[test]
    fn a_rule_names_its_binary() {
        for (function, expected) in [
            ("Put", Some("put-order")),
            ("Post", Some("put-order")),
            ("Get", Some("get-order")),
            ("Many", None),
            ("Other", None),
        ] {
            assert_eq!(
                binary_of_rule(MAKEFILE, function).as_deref(),
                expected,
                "{function}"
            );
        }
    }
}
