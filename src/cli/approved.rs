//! What was approved before: `rolefit.lock`, another git revision, or an earlier report.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::catalog::Catalog;
use crate::config::Config;
use crate::gate::creep::Approved;
use crate::gate::lock::{FILE_NAME, Lock};
use crate::report::json;
use crate::workspace::deploy::{self, stages::Stage};

/// Where the lock lies: in `root`, unless the configuration says otherwise.
pub fn lock_path(root: &Path, config: &Config) -> PathBuf {
    match &config.check.lockfile {
        Some(stated) => config.path(stated),
        None => root.join(FILE_NAME),
    }
}

/// The lock, if there is one.
pub fn lock(root: &Path, config: &Config) -> anyhow::Result<Option<Approved>> {
    let path = lock_path(root, config);
    let Some(text) = lock_text(&path)? else {
        return Ok(None);
    };
    let name = config.check.lockfile.as_deref().unwrap_or(FILE_NAME);
    Ok(Some(Approved {
        lock: Lock::parse(name, &text)?,
        source: name.to_owned(),
        is_lock: true,
    }))
}

/// What the lock says, if there is one.
pub fn lock_text(path: &Path) -> anyhow::Result<Option<String>> {
    if !path.exists() {
        return Ok(None);
    }
    anyhow::ensure!(path.is_file(), "`{}` is not a file", path.display());
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(Some(text))
}

/// The roles as another git revision describes them.
///
/// `stages` are the sets of parameters that stacks are deployed with today.
pub fn revision(
    root: &Path,
    revision: &str,
    catalog: &Catalog,
    stages: &[Stage],
) -> anyhow::Result<Approved> {
    let archive = archive(root, revision)?;
    let folder = Folder::new()?;
    unpack(&archive, &folder.0).with_context(|| format!("the tree of `{revision}` cannot be unpacked"))?;
    let managed = |name: &str| catalog.managed_policy(name).map(|policy| policy.document_json);
    let deployments = deploy::read_stages(&folder.0, &managed, stages);
    if let Some(gap) = deployments
        .gaps
        .iter()
        .find(|gap| gap.code == "unreadable-stack-template")
    {
        bail!("the base `{revision}` cannot be compared with: {}", gap.message);
    }
    Ok(Approved {
        lock: Lock::of(catalog, &deployments.functions),
        source: format!("`{revision}`"),
        is_lock: false,
    })
}

/// The roles as an earlier `--format json` report has them.
pub fn report(path: &Path) -> anyhow::Result<Approved> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let lock = json::roles(&text).with_context(|| format!("`{}`", path.display()))?;
    Ok(Approved {
        lock,
        source: format!("`{}`", path.display()),
        is_lock: false,
    })
}

/// The scanned folder at a revision, as a tar archive.
fn archive(root: &Path, revision: &str) -> anyhow::Result<Vec<u8>> {
    if revision.starts_with('-') {
        bail!("`{revision}` is no git revision");
    }
    let prefix = git(root, &["rev-parse", "--show-prefix"])?;
    let prefix = String::from_utf8_lossy(&prefix).trim().to_owned();
    let tree = format!("{revision}:{prefix}");
    git(root, &["archive", "--format=tar", &tree]).with_context(|| {
        format!("the base `{revision}` is not there; in CI, fetch it first (`fetch-depth: 0`)")
    })
}

fn git(root: &Path, args: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(args)
        .output()
        .context("`git` cannot be run")?;
    if !output.status.success() {
        bail!("git: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// Writes the archive's plain files; links lead nowhere in a tree of another revision and are left out.
fn unpack(archive: &[u8], folder: &Path) -> anyhow::Result<()> {
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?.into_owned();
        if path
            .components()
            .any(|part| !matches!(part, std::path::Component::Normal(_)))
        {
            continue;
        }
        let target = folder.join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        std::fs::write(target, content)?;
    }
    Ok(())
}

/// A folder of its own that is gone afterwards.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let nanoseconds = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        let name = format!("rolefit-base-{}-{nanoseconds}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot make the folder `{}`", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
