//! The page about `rolefit.toml` in the documentation, made of the list of keys.

use std::fmt::Write as _;

use super::check::{article, header};
use super::keys::{Form, Key, SECTIONS};

const HEAD: &str = "# `rolefit.toml`

<!-- Made from the list of keys in `src/config/keys.rs`; a test keeps it so. -->

Nothing has to be configured: `rolefit.toml` states what cannot be found, and what a team wants otherwise. `rolefit init`
writes one from what it finds. The file is looked for as `rolefit.toml` or `.rolefit.toml` in the scanned folder and
above it, as far as its git repository goes; `--config FILE` or `ROLEFIT_CONFIG` names another, `--no-config` none.

A key that is not listed here is an error, and so is a value that means nothing: all errors are told at once, each with
its line. Editors check the file while you write it: `rolefit schema config > rolefit.schema.json`, and as its first line
`#:schema rolefit.schema.json`.

The file begins with `version = 1`.
";

/// The page, in Markdown.
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    for section in SECTIONS {
        let _ = write!(out, "\n## `{}`\n\n{}\n", header(section), section.doc);
        if section.repeated {
            out.push_str("May stand several times.\n");
        }
        out.push_str("\n| key | is | for |\n| --- | --- | --- |\n");
        for key in section.keys {
            let _ = writeln!(
                out,
                "| `{}`{} | {} | {} |",
                key.name,
                must(key),
                form(key),
                key.doc
            );
        }
        let _ = write!(out, "\n```toml\n{}\n", header(section));
        for key in section.keys {
            let _ = writeln!(out, "{} = {}", key.name, key.example);
        }
        out.push_str("```\n");
    }
    out
}

fn must(key: &Key) -> &'static str {
    match key.required {
        true => " (required)",
        false => "",
    }
}

fn form(key: &Key) -> String {
    match key.form {
        Form::Choice(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        Form::Choices(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("{} out of {}", article(key.form), words.join(", "))
        }
        form => article(form).to_owned(),
    }
}
