//! `rolefit init`: a commented `rolefit.toml` from what is found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::args::{Project, Settings};
use super::inputs::{self, Inputs};
use super::replace::replace;
use super::{Outcome, say, show};
use crate::config::{self, FILE_NAME, HIDDEN_FILE_NAME};
use crate::gate::FAIL_ON;
use crate::usage::{Confidence, Gap};
use crate::workspace::model::Function;

/// Writes a commented `rolefit.toml` from what is found: what has to be stated because it is not clear, and what could be.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// A package, a workspace, or a folder with many of each; the file is written into it.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Print the file instead of writing it.
    #[arg(long)]
    pub print: bool,
    /// Write it even if there is one already.
    #[arg(long, conflicts_with = "print")]
    pub force: bool,
}

/// The most functions, and the most gaps, that are listed one by one.
const MOST: usize = 20;

/// Writes the file, or prints it.
pub fn run(args: &Init) -> anyhow::Result<Outcome> {
    let path = args.path.join(FILE_NAME);
    let present = [FILE_NAME, HIDDEN_FILE_NAME]
        .map(|name| args.path.join(name))
        .into_iter()
        .find(|path| path.exists());
    if let Some(present) = present.filter(|_| !args.print && !args.force) {
        bail!(
            "`{}` is there already; `--force` writes `{FILE_NAME}` anew, `--print` shows what would be written",
            present.display()
        );
    }
    let inputs = inputs::read_code(
        &Project {
            path: args.path.clone(),
            settings: Settings {
                no_config: true,
                ..Settings::default()
            },
            ..Project::default()
        },
        false,
    )?;
    if inputs.workspace.functions.is_empty() {
        say("no functions found: neither a stack template nor a binary");
        return Ok(Outcome::NothingToCheck);
    }
    let text = file(&inputs);
    config::parse(FILE_NAME, &text).context("what was made of the project is no valid configuration")?;
    if args.print {
        show(&text)?;
        return Ok(Outcome::Passed);
    }
    replace(&path, &text)?;
    show(&format!(
        "wrote {}; read it, then run `rolefit check`\n",
        path.display()
    ))?;
    Ok(Outcome::Passed)
}

/// The text of the file.
fn file(inputs: &Inputs) -> String {
    let mut out = String::from(
        "# What rolefit cannot find in the code and the stack templates, and what is wanted otherwise than by default.\n\
         # Lines that begin with `#` say what could be stated; every key: `rolefit schema config`.\nversion = 1\n",
    );
    sources(inputs, &mut out);
    trail(inputs, &mut out);
    links(inputs, &mut out);
    gate(&mut out);
    needs(inputs, &mut out);
    out
}

fn sources(inputs: &Inputs, out: &mut String) {
    let packages = inputs.workspace.packages.len();
    let binaries: usize = inputs
        .workspace
        .packages
        .iter()
        .map(|package| package.binaries.len())
        .sum();
    let _ = writeln!(
        out,
        "\n# Found: {packages} Cargo {} with {binaries} {}, {} stack {}.",
        plural(packages, "package"),
        if binaries == 1 { "binary" } else { "binaries" },
        inputs.workspace.stacks.len(),
        plural(inputs.workspace.stacks.len(), "template"),
    );
    if inputs.workspace.stacks.is_empty() {
        out.push_str(
            "# Without a stack template every binary is taken for a function, and its role is not known.\n",
        );
        return;
    }
    out.push_str(
        "# All of them count. To count some only, or to give parameters their values, name them:\n#\n# [[source]]\n",
    );
    for (index, stack) in inputs.workspace.stacks.iter().take(MOST).enumerate() {
        if index > 0 {
            out.push_str("#\n# [[source]]\n");
        }
        let _ = writeln!(out, "# path = {}", quoted(&stack.file));
        let open = stack.parameters.keys().filter(|name| !name.starts_with("AWS::"));
        if let Some(name) = open.take(1).next().filter(|name| is_bare(name)) {
            let _ = writeln!(out, "# parameters = {{ {name} = \"…\" }}");
        }
    }
    let more = inputs.workspace.stacks.len().saturating_sub(MOST);
    if more > 0 {
        let _ = writeln!(out, "# … and {more} more");
    }
    if inputs.root().join("samconfig.toml").is_file() {
        out.push_str("# parameters_from = \"samconfig.toml#default\"\n");
    }
}

/// Folders of the project that hold CloudTrail objects, by their name.
fn trail(inputs: &Inputs, out: &mut String) {
    let found = [
        "AWSLogs",
        "trail",
        "cloudtrail",
        ".rolefit/usage.db",
        ".rolefit/usage.json",
    ]
    .into_iter()
    .find(|name| inputs.root().join(name).exists());
    out.push_str("\n# CloudTrail objects: what functions were seen to do.\n");
    match found {
        Some(name) => {
            let _ = writeln!(out, "[observe]\nusage = {}", quoted(name));
        }
        None => out.push_str(
            "# [observe]\n# usage = \"AWSLogs\"     # a folder, or one file\n# max_age = \"14d\"\n",
        ),
    }
}

/// Functions whose binary is not clear, and those whose link rests on names alone.
fn links(inputs: &Inputs, out: &mut String) {
    let functions = &inputs.workspace.functions;
    let unclear: Vec<&Function> = functions
        .iter()
        .filter(|function| function.may_be_rust && function.binary.is_none())
        .collect();
    if !unclear.is_empty() {
        out.push_str(
            "\n# The binaries of these functions are not clear, so their code is not read: choose, and take the `#` away.\n",
        );
        for function in unclear.iter().take(MOST) {
            let _ = writeln!(out, "#\n# {}", function.location);
            let _ = writeln!(out, "# [[function]]\n# name = {}", quoted(&function.name));
            let _ = writeln!(out, "# bin = {}", candidates(inputs, function));
        }
        rest(unclear.len(), "function", out);
    }
    let by_name: Vec<&Function> = functions
        .iter()
        .filter(|function| function.link_confidence == Confidence::Low && function.binary.is_some())
        .collect();
    if !by_name.is_empty() {
        out.push_str("\n# These are linked by their names alone. Stated, the link is sure.\n");
        for function in by_name.iter().take(MOST) {
            let binary = function.binary.as_ref().map_or("", |binary| &binary.binary);
            let _ = writeln!(out, "#\n# [[function]]\n# name = {}", quoted(&function.name));
            let _ = writeln!(out, "# bin = {}", quoted(binary));
        }
        rest(by_name.len(), "function", out);
    }
}

/// The binaries that a function may run: those of packages near its template first.
fn candidates(inputs: &Inputs, function: &Function) -> String {
    let folder = function.code.path.as_deref().unwrap_or_default();
    let mut near = Vec::new();
    let mut far = Vec::new();
    for package in &inputs.workspace.packages {
        for binary in &package.binaries {
            let name = quoted(&format!("{}/{}", package.name, binary.name));
            if package.dir.starts_with(folder) {
                near.push(name);
            } else {
                far.push(name);
            }
        }
    }
    near.append(&mut far);
    let more = match near.len() {
        0 => return "\"…\"     # no binary was found".to_owned(),
        1 => return near.concat(),
        count if count > 8 => format!(", and {} more", count - 8),
        _ => String::new(),
    };
    near.truncate(8);
    let first = near.first().cloned().unwrap_or_default();
    format!("{first}     # one of {}{more}", near.join(", "))
}

fn gate(out: &mut String) {
    let list: Vec<String> = FAIL_ON.iter().map(|glob| quoted(glob)).collect();
    let _ = write!(
        out,
        "\n# What fails `rolefit check`: missing permissions, creep, ways to more privileges, broken waivers. With\n# \
         \"RF001\" and \"RF003\" in the list, permissions beyond the need fail it too.\n[check]\nfail_on = [{}]\n# strict = true     \
         # fail when something could not be settled\n",
        list.join(", ")
    );
}

/// What could not be settled, by kind, with the first places of each.
fn needs(inputs: &Inputs, out: &mut String) {
    let scanned = inputs.scanned();
    let mut kinds: BTreeMap<&str, Vec<&Gap>> = BTreeMap::new();
    for gap in scanned.iter().flat_map(|one| &one.gaps) {
        let known = kinds.entry(gap.code).or_default();
        if gap.code != "unlinked-function" && !known.contains(&gap) {
            known.push(gap);
        }
    }
    kinds.retain(|_, gaps| !gaps.is_empty());
    if kinds.is_empty() {
        return;
    }
    out.push_str(
        "\n# Not settled in the code and the stack templates. What hides there has to be stated:\n#\n",
    );
    for (code, gaps) in kinds.iter().take(MOST) {
        let _ = writeln!(out, "# {code} ({})", gaps.len());
        for gap in gaps.iter().take(3) {
            let place = gap
                .location
                .as_ref()
                .map(|at| format!("{at}: "))
                .unwrap_or_default();
            let _ = writeln!(out, "#   {place}{}", one_line(&gap.message));
        }
    }
    out.push_str(
        "#\n# [[need]]\n# function = \"*\"\n# operation = \"s3.GetObject\"\n# resource = \"arn:aws:s3:::bucket/*\"\n# reason = \
         \"the plugin reads its settings\"\n",
    );
}

fn rest(count: usize, what: &str, out: &mut String) {
    let more = count.saturating_sub(MOST);
    if more > 0 {
        let _ = writeln!(out, "#\n# … and {more} more {}", plural(more, what));
    }
}

fn plural(count: usize, word: &str) -> String {
    match count {
        1 => word.to_owned(),
        _ => format!("{word}s"),
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(one_line(text)).to_string()
}

/// Whether a name may stand before `=` as it is.
fn is_bare(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
