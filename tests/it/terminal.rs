//! How text looks: colour, links, width, progress, and who decides.

use std::process::{Command, Output};

const DEMO: &str = "docs/demo/orders";
/// What a terminal or a machine may have set; none of it is to be seen unless a test sets it.
const HEEDED: [&str; 8] = [
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "CI",
    "COLORTERM",
    "TERM",
    "FORCE_HYPERLINK",
];

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for name in HEEDED {
        command.env_remove(name);
    }
    command
}

fn rolefit(args: &[&str], set: &[(&str, &str)]) -> Output {
    command(env!("CARGO_BIN_EXE_rolefit"))
        .args(args)
        .envs(set.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a terminal of a width gets to see; standard output and error are one there.
fn at_a_terminal(args: &str, columns: usize, set: &[(&str, &str)]) -> String {
    let line = format!(
        "stty rows 40 cols {columns} && {} {args}",
        env!("CARGO_BIN_EXE_rolefit")
    );
    let output = command("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("TERM", "xterm-256color")
        .envs(set.iter().copied())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("`script` of util-linux stands in for a terminal");
    text(&output.stdout)
}

#[test]
fn colour_is_for_terminals_unless_the_environment_or_the_option_says_so() {
    let styled = |args: &[&str], set: &[(&str, &str)]| {
        let args: Vec<&str> = ["check", DEMO].iter().chain(args).copied().collect();
        text(&rolefit(&args, set).stdout).contains('\u{1b}')
    };
    assert!(!styled(&[], &[]));
    assert!(styled(&[], &[("FORCE_COLOR", "1")]));
    assert!(styled(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(styled(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!styled(&[], &[("FORCE_COLOR", "0")]));
    assert!(!styled(&[], &[("FORCE_COLOR", "1"), ("NO_COLOR", "1")]));
    assert!(!styled(&["--color", "never"], &[("FORCE_COLOR", "1")]));
    assert!(at_a_terminal(&format!("check {DEMO}"), 100, &[]).contains("\u{1b}[1m"));
    assert!(!at_a_terminal(&format!("check {DEMO}"), 100, &[("NO_COLOR", "1")]).contains("\u{1b}[1m"));
}

#[test]
fn rules_are_links_at_a_terminal_that_takes_them_and_nowhere_else() {
    let link = "\u{1b}]8;;https://docs.rs/crate/rolefit/";
    let takes = [("FORCE_HYPERLINK", "1")];
    let shown = at_a_terminal(&format!("check {DEMO}"), 100, &takes);
    assert!(
        shown.contains(link) && shown.contains("docs/rules/RF012.md"),
        "{shown}"
    );
    assert!(!text(&rolefit(&["check", DEMO], &takes).stdout).contains("\u{1b}]8"));
    assert!(!text(&rolefit(&["check", DEMO, "--color", "always"], &takes).stdout).contains("\u{1b}]8"));
}

#[test]
fn long_lines_of_code_are_cut_to_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: String| std::fs::write(folder.path().join(file), text).unwrap();
    write(
        "Cargo.toml",
        "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\naws-sdk-sns = \"1\"\n".into(),
    );
    write(
        "template.yaml",
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  A:\n    Type: AWS::Serverless::Function\n    Metadata: \
         {BuildMethod: rust-cargolambda}\n    Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: .}\n"
            .into(),
    );
    std::fs::create_dir(folder.path().join("src")).unwrap();
    let call = "aws_sdk_sns::Client::new(&config).publish().topic_arn(\"arn:aws:sns:eu-west-1:111122223333:a\").send();";
    write(
        "src/main.rs",
        format!("fn main() {{ {call} let a = [{}]; }}\n", "0, ".repeat(80)),
    );
    let check = format!("check {} --color never --no-progress", folder.path().display());
    let widest = |columns| {
        let shown = at_a_terminal(&check, columns, &[]);
        let code = shown
            .lines()
            .filter(|line| line.contains("Client::new") && line.contains(" | "));
        code.map(|line| line.chars().count())
            .max()
            .unwrap_or_else(|| panic!("{shown}"))
    };
    assert!(
        widest(80) <= 100 && widest(400) > 300,
        "{} {}",
        widest(80),
        widest(400)
    );
}

#[test]
fn quiet_leaves_results_and_errors() {
    let loud = rolefit(&["check", DEMO], &[]);
    let quiet = rolefit(&["check", DEMO, "-q"], &[]);
    assert_eq!(loud.status.code(), quiet.status.code());
    let quiet = text(&quiet.stdout);
    assert!(
        quiet.contains("error[RF012]") && quiet.contains("check failed"),
        "{quiet}"
    );
    assert!(
        !quiet.contains("warning[") && !quiet.contains("--verbose"),
        "{quiet}"
    );
    let verbose = text(&rolefit(&["check", DEMO, "-v"], &[]).stdout);
    assert!(
        verbose.contains("note[") && !text(&loud.stdout).contains("note["),
        "{verbose}"
    );
    let folder = tempfile::tempdir().unwrap();
    let empty = rolefit(&["generate", folder.path().to_str().unwrap(), "-q"], &[]);
    assert_eq!((empty.status.code(), text(&empty.stderr).as_str()), (Some(3), ""));
    assert!(text(&rolefit(&["check", "no-such-folder", "-q"], &[]).stderr).starts_with("error: "));
}

#[test]
fn progress_is_told_to_terminals_only() {
    assert_eq!(text(&rolefit(&["scan", DEMO], &[]).stderr), "");
    for option in ["--no-progress", "--quiet"] {
        let shown = at_a_terminal(&format!("scan {DEMO} {option}"), 100, &[]);
        assert!(!shown.contains("scanning code"), "{shown}");
    }
    // The line is gone before results come: whatever was told is wiped out again.
    let shown = at_a_terminal(&format!("scan {DEMO}"), 100, &[]);
    let told = shown.rfind(" … ");
    assert!(
        told.is_none_or(|told| shown[told..].contains("\r\u{1b}[K")),
        "{shown}"
    );
}
