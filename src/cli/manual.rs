//! `rolefit completions` and `rolefit man`: what a package puts beside the program.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Outcome, help, say, show};

#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub struct Man {
    /// The command to print the page of, such as `catalog info`; `rolefit` itself when left out.
    pub command: Vec<String>,
    /// Write the pages of all commands into this folder instead.
    #[arg(short, long = "output", value_name = "DIR", conflicts_with = "command")]
    pub out: Option<PathBuf>,
}

/// Prints the completions of a shell.
pub fn completions(args: &Completions) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), "rolefit", &mut script);
    show(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Passed)
}

/// Prints the manual page of a command, or writes the pages of all.
pub fn man(args: &Man) -> anyhow::Result<Outcome> {
    let mut whole = help::command().disable_help_subcommand(true);
    whole.build();
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let written = write_all(&whole, folder)?;
        say(&format!("wrote {written} pages to {}", folder.display()));
        return Ok(Outcome::Passed);
    }
    let mut command = &whole;
    for name in &args.command {
        command = command
            .find_subcommand(name)
            .with_context(|| format!("no command `{}`", args.command.join(" ")))?;
    }
    show(&page(command)?)?;
    Ok(Outcome::Passed)
}

/// Writes the page of a command and those of its subcommands; returns how many.
fn write_all(command: &clap::Command, folder: &Path) -> anyhow::Result<usize> {
    let file = folder.join(format!("{}.1", name(command)));
    std::fs::write(&file, page(command)?).with_context(|| format!("cannot write `{}`", file.display()))?;
    let mut written = 1;
    for sub in command.get_subcommands() {
        written += write_all(sub, folder)?;
    }
    Ok(written)
}

/// `rolefit-catalog-info`.
fn name(command: &clap::Command) -> String {
    let name = command.get_display_name().unwrap_or(command.get_name());
    name.to_owned()
}

fn page(command: &clap::Command) -> anyhow::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name(command).to_uppercase())
        .render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
