//! What the command line says of itself: help, manual pages, completions.

use std::collections::BTreeSet;
use std::process::{Command, Output};

fn rolefit(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(args)
        .output()
        .unwrap()
}

#[test]
fn the_help_of_every_command_is_in_the_documents() {
    let folder = tempfile::tempdir().unwrap();
    let output = rolefit(&["man", "-o", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let pages: BTreeSet<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(pages.len() > 20, "{pages:?}");
    let documented = std::fs::read_to_string("docs/commands.md").unwrap();
    for page in &pages {
        let command = page.trim_end_matches(".1").replace('-', " ");
        assert!(
            documented.contains(&format!("```console\n$ {command} --help\n")),
            "add a `console` block with `$ {command} --help` to docs/commands.md"
        );
    }
}

#[test]
fn a_manual_page_has_the_options_examples_and_exit_codes() {
    let output = rolefit(&["man", "check"]);
    let page = String::from_utf8(output.stdout).unwrap();
    for part in [
        ".TH ROLEFIT-CHECK 1",
        "\\-\\-fail\\-on",
        "rolefit check",
        "Exit codes",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(rolefit(&["man", "no-such"]).status.code(), Some(2));
}

#[test]
fn the_version_tells_of_when_the_data_is() {
    let told = |option: &str| String::from_utf8(rolefit(&[option]).stdout).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(told("-V"), format!("rolefit {version}\n"));
    let whole = told("--version");
    assert!(
        whole.starts_with(&format!("rolefit {version}\ncatalogue of 20")),
        "{whole}"
    );
}

#[test]
fn every_shell_has_completions() {
    for (shell, part) in [
        ("bash", "complete -F _rolefit"),
        ("zsh", "#compdef rolefit"),
        ("fish", "complete -c rolefit"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let output = rolefit(&["completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains(part) && script.contains("fail-on"), "{shell}");
    }
}
