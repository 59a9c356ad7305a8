//! What `--help` teaches beside the options: examples to copy, and what the exit codes mean.
//!
//! The parser of `args` knows the options; [`command`] adds to every command what stands here in [`LESSONS`]. The help of
//! each command is kept in `docs/commands.md`, by a test.

use std::sync::OnceLock;

use clap::CommandFactory as _;

use super::args::Args;
use crate::catalog::Catalog;

/// What is taught of one command.
struct Lesson {
    /// The command's path, such as `catalog info`; empty for `rolefit` alone.
    path: &'static str,
    /// Lines to copy, each with what it does.
    examples: &'static [(&'static str, &'static str)],
    /// Exit codes beside 0 and 2, which mean the same everywhere.
    codes: &'static [(&'static str, &'static str)],
}

const NOTHING: (&str, &str) = ("3", "no function found");

/// Sorted by path.
const LESSONS: &[Lesson] = &[
    Lesson {
        path: "",
        examples: &[
            ("rolefit", "what is here, and what to run next"),
            ("rolefit services/ --function PutOrder", "only one function"),
            ("rolefit check --help", "more about a command"),
        ],
        codes: &[NOTHING],
    },
    Lesson {
        path: "apply",
        examples: &[
            (
                "rolefit apply --function PutOrder --role shop-PutOrderRole-1X2Y --dry-run",
                "what would change",
            ),
            (
                "rolefit apply --function PutOrder --role shop-PutOrderRole-1X2Y --set-from resources.json",
                "with the names that the stack got",
            ),
        ],
        codes: &[("1", "something is open; the role is left as it is")],
    },
    Lesson {
        path: "catalog",
        examples: &[
            ("rolefit catalog info", "how old the data is"),
            (
                "rolefit catalog operation s3.CopyObject",
                "which actions a call needs",
            ),
            ("rolefit catalog action iam:PassRole", "what an action allows"),
        ],
        codes: &[],
    },
    Lesson {
        path: "catalog action",
        examples: &[
            (
                "rolefit catalog action dynamodb:PutItem",
                "level, resources, keys, risk",
            ),
            (
                "rolefit catalog action 's3:Get*' --managed-policies",
                "and AWS's policies that allow it",
            ),
        ],
        codes: &[],
    },
    Lesson {
        path: "catalog build",
        examples: &[
            (
                "rolefit catalog build --from packages --out new",
                "a newer catalogue",
            ),
            (
                "rolefit check --catalog new/catalog.bin",
                "used in place of the one inside",
            ),
        ],
        codes: &[(
            "1",
            "the new data breaks something; nothing is written without --accept",
        )],
    },
    Lesson {
        path: "catalog info",
        examples: &[("rolefit catalog info --format json", "for programs")],
        codes: &[],
    },
    Lesson {
        path: "catalog operation",
        examples: &[
            (
                "rolefit catalog operation s3.CopyObject",
                "as CloudTrail names it",
            ),
            (
                "rolefit catalog operation aws_sdk_s3::Client::copy_object",
                "as Rust code names it",
            ),
        ],
        codes: &[],
    },
    Lesson {
        path: "catalog policy",
        examples: &[
            (
                "rolefit catalog policy AWSLambdaBasicExecutionRole",
                "the document in force",
            ),
            ("rolefit catalog policy ReadOnlyAccess --list", "its versions"),
        ],
        codes: &[],
    },
    Lesson {
        path: "catalog service",
        examples: &[
            (
                "rolefit catalog service dynamodb",
                "its operations and their actions",
            ),
            ("rolefit catalog service", "every service"),
        ],
        codes: &[],
    },
    Lesson {
        path: "check",
        examples: &[
            (
                "rolefit check",
                "what is missing, and what grew beyond rolefit.lock",
            ),
            (
                "rolefit check --base origin/main",
                "what grew in this branch, without a lock",
            ),
            (
                "rolefit check -o sarif=rolefit.sarif -o html=rolefit.html",
                "text here, two files beside it",
            ),
            (
                "rolefit check --fail-on 'RF00*,RF01*'",
                "excess fails the build too",
            ),
        ],
        codes: &[
            ("1", "a rule in `fail_on` is broken; --exit-zero makes it 0"),
            NOTHING,
            (
                "4",
                "nothing failed, but something could not be settled (with --strict)",
            ),
        ],
    },
    Lesson {
        path: "compare",
        examples: &[],
        codes: &[("1", "new access"), ("4", "not proved either way")],
    },
    Lesson {
        path: "completions",
        examples: &[
            (
                "rolefit completions bash > ~/.local/share/bash-completion/completions/rolefit",
                "for Bash",
            ),
            (
                "rolefit completions zsh > ~/.zfunc/_rolefit",
                "for Zsh, with ~/.zfunc in fpath",
            ),
            (
                "rolefit completions fish > ~/.config/fish/completions/rolefit.fish",
                "for fish",
            ),
        ],
        codes: &[],
    },
    Lesson {
        path: "diff",
        examples: &[
            ("rolefit diff --function PutOrder", "one function, row by row"),
            (
                "rolefit diff --usage trail/ -o html=report.html",
                "with CloudTrail; as a page too",
            ),
            ("rolefit diff --exit-code --format json", "for scripts"),
        ],
        codes: &[("1", "there are differences (with --exit-code)"), NOTHING],
    },
    Lesson {
        path: "explain",
        examples: &[
            (
                "rolefit explain PutOrder dynamodb:PutItem",
                "from main to the call",
            ),
            (
                "rolefit explain PutOrder 'dynamodb:*' --path services/orders",
                "every action of a service",
            ),
        ],
        codes: &[],
    },
    Lesson {
        path: "generate",
        examples: &[
            ("rolefit generate --function PutOrder", "one policy document"),
            ("rolefit generate --format terraform", "roles to paste"),
            (
                "rolefit generate --write",
                "put the roles into the stack templates",
            ),
            (
                "rolefit generate --check",
                "in CI: are the written roles up to date?",
            ),
        ],
        codes: &[("1", "something is not up to date (with --check)"), NOTHING],
    },
    Lesson {
        path: "init",
        examples: &[
            ("rolefit init", "write rolefit.toml"),
            (
                "rolefit init --print services/",
                "see what it would say of a folder",
            ),
        ],
        codes: &[NOTHING],
    },
    Lesson {
        path: "lock",
        examples: &[
            ("rolefit lock", "approve the grants of today"),
            (
                "rolefit lock PutOrder && git diff rolefit.lock",
                "of one function; then review it",
            ),
        ],
        codes: &[NOTHING],
    },
    Lesson {
        path: "man",
        examples: &[
            ("rolefit man | man -l -", "read it"),
            (
                "rolefit man -o ~/.local/share/man/man1",
                "a page per command, for `man rolefit-check`",
            ),
        ],
        codes: &[],
    },
    Lesson {
        path: "observe",
        examples: &[
            (
                "rolefit observe --from AWSLogs/",
                "read what is new into `.rolefit/usage.db`",
            ),
            (
                "rolefit observe --from AWSLogs/ --role orders-role",
                "the calls of one role alone",
            ),
            (
                "rolefit observe --from s3://audit-logs --since 2026-08-01",
                "from the trail's bucket",
            ),
            (
                "rolefit observe --from lookup --function orders-api",
                "from the event history, without a trail",
            ),
            (
                "rolefit observe --from athena:s3://org-logs --max-cost 20",
                "from a bucket too large to fetch",
            ),
            (
                "rolefit diff --usage .rolefit/usage.db",
                "then use it, without the objects",
            ),
        ],
        codes: &[
            ("3", "nothing there holds anything of CloudTrail"),
            (
                "4",
                "stopped before the end (Ctrl-C); with --strict: something could not be read",
            ),
        ],
    },
    Lesson {
        path: "observe athena",
        examples: &[
            (
                "rolefit observe athena --location s3://logs/AWSLogs/ --accounts 111122223333 --regions eu-west-1 --since 2026-10-01 --until 2026-10-31",
                "the table, and a month's query",
            ),
            (
                "rolefit observe --from answer.csv",
                "then read what Athena answered",
            ),
        ],
        codes: &[],
    },
    Lesson {
        path: "observe export",
        examples: &[("rolefit observe export -o usage.json", "for CI")],
        codes: &[],
    },
    Lesson {
        path: "observe merge",
        examples: &[(
            "rolefit observe merge --store all.db eu.db us.db",
            "join the stores of two accounts or runs",
        )],
        codes: &[],
    },
    Lesson {
        path: "observe plan",
        examples: &[
            (
                "rolefit observe plan --usage trail/",
                "what the trail does not show, and how to see it",
            ),
            (
                "rolefit observe plan --account 111122223333 --stack-name shop",
                "selectors before there is a trail",
            ),
            (
                "aws cloudtrail get-event-selectors --trail-name main > main.json",
                "what a trail is told to record",
            ),
            (
                "rolefit observe plan --trail-settings main.json --extend main -o selectors.json",
                "and that trail with what it lacks",
            ),
        ],
        codes: &[NOTHING],
    },
    Lesson {
        path: "replay",
        examples: &[
            (
                "rolefit replay --usage trail/",
                "would the generated policies have let all of it pass?",
            ),
            (
                "rolefit replay --usage trail/ --against code",
                "and those that know nothing of the trail?",
            ),
            (
                "rolefit replay --usage trail/ --against current",
                "what is refused today, and why",
            ),
            (
                "rolefit replay --usage trail/ --policy new.json --function PutOrder",
                "a policy of your own",
            ),
        ],
        codes: &[
            ("1", "a recorded request would be refused"),
            ("3", "no function, or no request of one, is found"),
            (
                "4",
                "nothing is refused, but of some requests it cannot be told (with --strict)",
            ),
        ],
    },
    Lesson {
        path: "rollback",
        examples: &[(
            "rolefit rollback --role shop-PutOrderRole-1X2Y",
            "what the role had before",
        )],
        codes: &[("1", "the role has changed since; it is left as it is")],
    },
    Lesson {
        path: "rule",
        examples: &[
            ("rolefit rule", "every rule with its level"),
            ("rolefit rule RF012", "what it means, and what to do"),
        ],
        codes: &[],
    },
    Lesson {
        path: "scan",
        examples: &[
            ("rolefit scan", "operations, with the path from main"),
            (
                "rolefit scan --all --format json",
                "also what nothing reaches; for programs",
            ),
        ],
        codes: &[NOTHING],
    },
    Lesson {
        path: "schema",
        examples: &[(
            "rolefit schema report > rolefit-report-v1.json",
            "of `diff` and `check --format json`",
        )],
        codes: &[],
    },
    Lesson {
        path: "simulate",
        examples: &[],
        codes: &[("1", "denied")],
    },
    Lesson {
        path: "templates",
        examples: &[
            (
                "rolefit templates list event-source/",
                "what is known about event sources",
            ),
            (
                "rolefit templates test --templates our-templates",
                "yours, with their tests",
            ),
        ],
        codes: &[],
    },
    Lesson {
        path: "templates lint",
        examples: &[(
            "rolefit templates lint --templates our-templates",
            "before they are shared",
        )],
        codes: &[("1", "something is wrong with a template")],
    },
    Lesson {
        path: "templates list",
        examples: &[("rolefit templates list runtime/ --format json", "for programs")],
        codes: &[],
    },
    Lesson {
        path: "templates show",
        examples: &[(
            "rolefit templates show event-source/sqs",
            "a start for one of your own",
        )],
        codes: &[],
    },
    Lesson {
        path: "templates test",
        examples: &[("rolefit templates test event-source/", "of some of them")],
        codes: &[("1", "a test fails")],
    },
];

/// The command line, with its lessons.
pub fn command() -> clap::Command {
    teach(Args::command().long_version(version()), "")
}

/// What `--version` tells beside the name: the version, and of when the data is.
fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let (version, date) = (env!("CARGO_PKG_VERSION"), Catalog::embedded().date());
        format!("{version}\ncatalogue of {date}; its sources: rolefit catalog info")
    })
}

fn teach(command: clap::Command, path: &str) -> clap::Command {
    let lesson = LESSONS.iter().find(|lesson| lesson.path == path);
    let taught = match (lesson, command.get_after_help().is_some()) {
        (None, _) => command,
        // It has examples of its own.
        (Some(lesson), true) => {
            let own = command.get_after_help().map(ToString::to_string);
            let codes = exit_codes(lesson);
            command.after_long_help(format!("{}\n\n{codes}", own.unwrap_or_default()))
        }
        (Some(lesson), false) => {
            command.after_long_help(format!("{}\n\n{}", examples(lesson), exit_codes(lesson)))
        }
    };
    taught
        .mut_args(|arg| arg.hide_env_values(true))
        .mut_subcommands(|sub| {
            let path = format!("{path} {}", sub.get_name());
            teach(sub, path.trim())
        })
}

fn examples(lesson: &Lesson) -> String {
    let width = lesson.examples.iter().map(|(line, _)| line.chars().count());
    // A long line does not push the words of the others away.
    let width = width.filter(|width| *width <= 52).max().unwrap_or(0);
    let mut text = String::from("Examples:");
    for (line, words) in lesson.examples {
        text.push_str(&format!("\n  {line:width$}  # {words}"));
    }
    text
}

fn exit_codes(lesson: &Lesson) -> String {
    let mut codes = vec![("0", "done"), ("2", "wrong usage, configuration or input")];
    codes.extend_from_slice(lesson.codes);
    if lesson.codes.iter().any(|(code, _)| *code == "1") {
        codes.retain(|(code, _)| *code != "0");
        codes.push(("0", "none of these"));
    }
    codes.sort_unstable();
    let mut text = String::from("Exit codes:");
    for (code, words) in codes {
        text.push_str(&format!("\n  {code}  {words}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command's path, with whether it is a command of its own and not a group of some.
    fn paths(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        found.push(path.to_owned());
        for sub in command.get_subcommands() {
            paths(sub, format!("{path} {}", sub.get_name()).trim(), found);
        }
    }

    #[test]
    fn every_command_has_a_purpose_examples_and_exit_codes() {
        let mut found = Vec::new();
        paths(&Args::command(), "", &mut found);
        for path in found {
            let mut taught = command();
            let taught = path.split_whitespace().fold(&mut taught, |command, name| {
                command
                    .find_subcommand_mut(name)
                    .unwrap_or_else(|| unreachable!("{name}"))
            });
            assert!(taught.get_about().is_some(), "`{path}` has no purpose");
            let after = taught
                .get_after_long_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            for part in ["Examples:\n  rolefit", "Exit codes:\n"] {
                assert!(after.contains(part), "add `{path}` to LESSONS");
            }
        }
        assert!(
            LESSONS
                .windows(2)
                .all(|pair| matches!(pair, [a, b] if a.path < b.path))
        );
    }

    #[test]
    fn the_parser_is_sound() {
        command().debug_assert();
    }
}
