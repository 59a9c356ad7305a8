//! What the account has: its functions and roles, from dumps or live, beside what the project describes.

use std::path::{Path, PathBuf};

use super::args::{Current, Project};
use crate::usage::Gap;
use crate::workspace::deploy::Deployments;
use crate::workspace::deploy::account::{self, Deployed};
use crate::workspace::link::Statements;
use crate::workspace::model::Package;

/// What the project says before the account is asked.
#[cfg_attr(
    not(feature = "live"),
    allow(dead_code, reason = "what is deployed decides what to ask the account for")
)]
pub struct Described<'a> {
    pub root: &'a Path,
    /// Dumps that `rolefit.toml` names.
    pub dumps: Vec<PathBuf>,
    pub packages: &'a [Package],
    pub deployments: &'a Deployments,
    pub statements: &'a Statements,
    pub managed: &'a dyn Fn(&str) -> Option<String>,
}

/// What the account says.
#[derive(Debug, Default)]
pub struct Account {
    pub functions: Vec<Deployed>,
    pub gaps: Vec<Gap>,
    /// Whether its roles are the current ones.
    pub current: bool,
    #[cfg(feature = "live")]
    live: Option<live::Live>,
}

/// Reads the dumps, or asks the account.
#[allow(
    clippy::needless_update,
    reason = "with the feature `live` there is one more field"
)]
pub fn read(project: &Project, described: &Described<'_>) -> anyhow::Result<Account> {
    let mut account = match project.current {
        Current::Aws if project.role.is_some() => Account::default(),
        Current::Aws => ask(project, described)?,
        Current::Dump | Current::Template => {
            let named: Vec<PathBuf> = described.dumps.iter().chain(&project.deploy).cloned().collect();
            let dumps = account::read(described.root, &named)?;
            Account {
                functions: dumps.functions(described.managed),
                gaps: dumps.gaps().to_vec(),
                current: project.current == Current::Dump,
                #[cfg(feature = "live")]
                live: None,
            }
        }
    };
    anyhow::ensure!(
        project.current != Current::Dump || !account.functions.is_empty(),
        "`--current dump` needs the functions of the account: write `aws lambda list-functions` to `{}/functions.json`",
        account::FOLDER
    );
    account::note_artefacts(
        described.root,
        &folders(described.packages),
        &mut account.functions,
    );
    Ok(account)
}

/// The scanned folder and those of the packages.
fn folders(packages: &[Package]) -> Vec<String> {
    let mut folders: Vec<String> = packages.iter().map(|package| package.dir.clone()).collect();
    folders.push(String::new());
    folders.sort();
    folders.dedup();
    folders
}

#[cfg(not(feature = "live"))]
fn ask(_: &Project, _: &Described<'_>) -> anyhow::Result<Account> {
    anyhow::bail!(WITHOUT_LIVE)
}

#[cfg(not(feature = "live"))]
const WITHOUT_LIVE: &str = "this rolefit was built without the feature `live`, so it cannot read the account\n\
     hint: dumps of the account can be read (`--current dump`)";

#[cfg(feature = "live")]
use live::ask;

#[cfg(feature = "live")]
pub use live::read_other_roles;

/// Without the parts that ask AWS there are no other roles to read.
#[cfg(not(feature = "live"))]
pub fn read_other_roles(
    _: &mut Account,
    project: &Project,
    _: &mut crate::workspace::model::Workspace,
    _: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<()> {
    anyhow::ensure!(project.current != Current::Aws, WITHOUT_LIVE);
    Ok(())
}

#[cfg(feature = "live")]
mod live;
