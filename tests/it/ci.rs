//! The action and every snippet of `docs/ci.md`: well-formed, and their scripts run on the demo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use saphyr::{LoadableYamlNode, Yaml};

use crate::folder::copy;

/// A copy of the demo, a `PATH` with rolefit and stand-ins for `cargo` and `gh`, and what GitHub gives a step.
struct Runner {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl Runner {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["bin", "temp", "work"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        copy(Path::new("docs/demo/orders"), &path("work"));
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rolefit"), path("bin/rolefit")).unwrap();
        for name in ["cargo", "gh"] {
            let log = path(name);
            // Each word on a line of its own, so that words that hold blanks can be told.
            let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >>'{}'\n", log.display());
            let file = path("bin").join(name);
            std::fs::write(&file, script).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&file, mode).unwrap();
        }
        let shown = |name: &str| path(name).display().to_string();
        let env = BTreeMap::from([
            (
                "PATH".to_owned(),
                format!("{}:{}", shown("bin"), std::env::var("PATH").unwrap()),
            ),
            ("RUNNER_TEMP".to_owned(), shown("temp")),
            ("GITHUB_OUTPUT".to_owned(), shown("output")),
            ("GITHUB_STEP_SUMMARY".to_owned(), shown("summary")),
            ("SOURCE_DATE_EPOCH".to_owned(), "1795219200".to_owned()),
        ]);
        Self { folder, env }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs a script as GitHub runs `shell: bash`.
    fn run(&self, script: &str, env: &BTreeMap<String, String>) -> Output {
        Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .current_dir(self.path("work"))
            .env_remove("NO_COLOR")
            .envs(&self.env)
            .envs(env)
            .output()
            .unwrap()
    }

    /// What a step put out, by name.
    fn outputs(&self) -> BTreeMap<String, String> {
        self.text("output")
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

fn yaml(text: &str) -> Yaml<'_> {
    let mut documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

fn text<'y>(node: &'y Yaml<'_>, key: &str) -> Option<&'y str> {
    node.as_mapping_get(key)?.as_str()
}

fn entries(node: &Yaml<'_>) -> BTreeMap<String, String> {
    let mapping = node.as_mapping();
    let pairs = mapping.into_iter().flatten();
    pairs
        .map(|(key, value)| {
            let value = value.as_str().map_or_else(|| format!("{value:?}"), str::to_owned);
            (key.as_str().unwrap().to_owned(), value)
        })
        .collect()
}

/// Runs the action with these inputs in place of its defaults; the exit code of its last step and what it printed.
fn act(runner: &Runner, inputs: &[(&str, &str)], event: &[(&str, &str)]) -> (i32, String) {
    let source = std::fs::read_to_string("action.yml").unwrap();
    let action = yaml(&source);
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let declared = action.as_mapping_get("inputs").unwrap();
    for (name, input) in declared.as_mapping().unwrap() {
        let name = name.as_str().unwrap();
        assert!(text(input, "description").is_some(), "{name}");
        let default = text(input, "default").unwrap_or_default();
        values.insert(format!("inputs.{name}"), default.to_owned());
    }
    for (name, value) in inputs {
        assert!(values.contains_key(&format!("inputs.{name}")), "no input {name}");
        values.insert(format!("inputs.{name}"), (*value).to_owned());
    }
    for (name, value) in event {
        values.insert((*name).to_owned(), (*value).to_owned());
    }
    let (mut code, mut printed) = (0, String::new());
    let steps = action
        .as_mapping_get("runs")
        .and_then(|runs| runs.as_mapping_get("steps"))
        .unwrap();
    for step in steps.as_sequence().unwrap() {
        let Some(script) = text(step, "run") else {
            assert!(text(step, "uses").is_some());
            continue;
        };
        assert!(
            !script.contains("${{"),
            "no input is ever part of a script: {script}"
        );
        assert_eq!(text(step, "shell"), Some("bash"));
        let name = text(step, "name").unwrap();
        let skipped = match name {
            "Install rolefit" => !values["inputs.binary"].is_empty(),
            "Comment on the pull request" => values["inputs.comment"] != "true",
            _ => false,
        };
        if skipped {
            assert!(text(step, "if").is_some(), "{name}");
            continue;
        }
        for (name, value) in runner.outputs() {
            values.insert(format!("steps.check.outputs.{name}"), value);
        }
        let written = step.as_mapping_get("env").map(entries).unwrap_or_default();
        let env = written
            .into_iter()
            .map(|(name, value)| {
                let inner = value
                    .strip_prefix("${{ ")
                    .and_then(|rest| rest.strip_suffix(" }}"));
                let value = inner.map_or(value.clone(), |inner| {
                    values.get(inner).cloned().unwrap_or_default()
                });
                (name, value)
            })
            .collect();
        let output = runner.run(script, &env);
        printed.push_str(&String::from_utf8_lossy(&output.stdout));
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
        code = output.status.code().unwrap();
        if code != 0 {
            break;
        }
    }
    (code, printed)
}

#[test]
fn the_action_installs_checks_and_reports() {
    let runner = Runner::new();
    let (code, printed) = act(
        &runner,
        &[("version", "0.1.0"), ("args", "--strict  --verbose")],
        &[],
    );
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("::error file=template.yaml"), "{printed}");
    assert_eq!(
        runner.text("cargo"),
        "install\n--locked\nrolefit\n--version=0.1.0\n"
    );
    assert!(runner.text("summary").starts_with("<!-- rolefit:comment -->"));
    let outputs = runner.outputs();
    assert_eq!(outputs["exit-code"], "1");
    for name in ["sarif", "markdown", "html"] {
        assert!(Path::new(&outputs[name]).is_file(), "{name}");
    }
}

#[test]
fn the_action_passes_other_exit_codes_on() {
    for (args, expected) in [("--fail-on RF09*", 0), ("--no-such-option", 2)] {
        let runner = Runner::new();
        let (code, printed) = act(&runner, &[("binary", "rolefit"), ("args", args)], &[]);
        assert_eq!(code, expected, "{printed}");
    }
}

#[test]
fn hostile_inputs_are_texts_to_the_action() {
    let runner = Runner::new();
    let trap = runner.path("trap");
    let hostile = format!("$(touch {0}) `touch {0}`; touch {0} #", trap.display());
    for input in ["path", "args", "format", "version", "binary"] {
        let (code, _) = act(&runner, &[(input, hostile.as_str())], &[]);
        assert_ne!(code, 0, "{input}");
        assert!(!trap.exists(), "{input}");
    }
}

#[test]
fn the_action_keeps_one_comment() {
    let runner = Runner::new();
    let event = [
        ("github.repository", "acme/orders"),
        ("github.event.pull_request.number", "7"),
    ];
    let inputs = [("binary", "rolefit"), ("comment", "true")];
    // The stand-in for `gh` lists no comment, so a new one is written.
    act(&runner, &inputs, &event);
    let said = runner.text("gh");
    assert!(
        said.contains("--paginate\nrepos/acme/orders/issues/7/comments\n"),
        "{said}"
    );
    assert!(
        said.contains("--method\nPOST\nrepos/acme/orders/issues/7/comments\n"),
        "{said}"
    );
    // Now it lists one, which is changed.
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >>'{}'\ncase \"$*\" in *paginate*) echo 4711;; esac\n",
        runner.path("gh").display()
    );
    std::fs::write(runner.path("bin/gh"), script).unwrap();
    act(&runner, &inputs, &event);
    assert!(
        runner
            .text("gh")
            .contains("PATCH\nrepos/acme/orders/issues/comments/4711\n")
    );
    // A fork may not comment; that is no reason to fail.
    std::fs::write(runner.path("bin/gh"), "#!/bin/sh\nexit 1\n").unwrap();
    let inputs = [
        ("binary", "rolefit"),
        ("comment", "true"),
        ("args", "--exit-zero"),
    ];
    let (code, printed) = act(&runner, &inputs, &event);
    assert_eq!(code, 0, "{printed}");
    assert!(
        printed.contains("::notice::rolefit may not comment here"),
        "{printed}"
    );
}

/// The `yaml` blocks of `docs/ci.md` with the name of the file in their first line.
fn snippets() -> Vec<(String, String)> {
    let page = std::fs::read_to_string("docs/ci.md").unwrap();
    page.split("```yaml\n")
        .skip(1)
        .map(|rest| {
            let block = rest.split("```").next().unwrap();
            let name = block.lines().next().unwrap().trim_start_matches("# ");
            (name.to_owned(), block.to_owned())
        })
        .collect()
}

#[test]
fn every_snippet_runs_on_the_demo() {
    let mut ran = BTreeMap::new();
    for (file, block) in snippets() {
        let document = yaml(&block);
        let runner = Runner::new();
        let none = BTreeMap::new();
        let mut scripts: Vec<String> = Vec::new();
        match file.as_str() {
            ".github/workflows/rolefit.yml" => {
                let jobs = document.as_mapping_get("jobs").unwrap().as_mapping().unwrap();
                assert!(document.as_mapping_get("permissions").is_some());
                for (_, job) in jobs {
                    for step in job.as_mapping_get("steps").unwrap().as_sequence().unwrap() {
                        if let Some(with) = step.as_mapping_get("with")
                            && text(step, "uses").is_some_and(|uses| uses.contains("/rolefit@"))
                        {
                            let inputs: Vec<String> = entries(with).into_keys().collect();
                            let source = std::fs::read_to_string("action.yml").unwrap();
                            let action = yaml(&source);
                            let declared = entries(action.as_mapping_get("inputs").unwrap());
                            assert!(
                                inputs.iter().all(|input| declared.contains_key(input)),
                                "{inputs:?}"
                            );
                        }
                        scripts.extend(text(step, "run").map(str::to_owned));
                    }
                }
            }
            ".gitlab-ci.yml" => {
                let job = document.as_mapping_get("rolefit").unwrap();
                let lines = job.as_mapping_get("script").unwrap().as_sequence().unwrap();
                scripts.extend(lines.iter().map(|line| line.as_str().unwrap().to_owned()));
            }
            ".pre-commit-config.yaml" => {
                let hook = document
                    .as_mapping_get("repos")
                    .and_then(|repos| {
                        repos
                            .as_sequence_get(0)?
                            .as_mapping_get("hooks")?
                            .as_sequence_get(0)
                    })
                    .unwrap();
                scripts.extend(text(hook, "entry").map(str::to_owned));
                let hooks = std::fs::read_to_string(".pre-commit-hooks.yaml").unwrap();
                let hooks = yaml(&hooks);
                let own = hooks.as_sequence_get(0).unwrap();
                for key in ["id", "entry", "files"] {
                    assert_eq!(text(own, key), text(hook, key), "{key}");
                }
            }
            other => panic!("no test knows how `{other}` is run"),
        }
        for script in &scripts {
            let output = runner.run(script, &none);
            let printed = String::from_utf8_lossy(&output.stderr).into_owned();
            // The demo lacks a permission on purpose.
            let expected = i32::from(script.starts_with("rolefit check"));
            assert_eq!(output.status.code(), Some(expected), "{script}: {printed}");
            for target in script.split_whitespace().filter_map(|word| word.split_once('=')) {
                let written = std::fs::metadata(runner.path("work").join(target.1)).unwrap();
                assert!(written.len() > 0, "{script}");
            }
        }
        *ran.entry(file).or_insert(0) += scripts.len();
    }
    let expected = [
        (".github/workflows/rolefit.yml", 3),
        (".gitlab-ci.yml", 2),
        (".pre-commit-config.yaml", 1),
    ];
    let ran: Vec<(&str, usize)> = ran.iter().map(|(file, count)| (file.as_str(), *count)).collect();
    assert_eq!(ran, expected);
}
