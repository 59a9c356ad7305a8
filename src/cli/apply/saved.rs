//! What a role had before it was written: one numbered file for each change, in `.rolefit/rollback`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The folder of these files, in the scanned root.
const FOLDER: &str = ".rolefit/rollback";
const SCHEMA: &str = "rolefit-rollback-v1";

/// Inline policies: documents by name.
pub type Policies = BTreeMap<String, Value>;

/// A change of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    schema: String,
    /// ARN of the role.
    pub role: String,
    /// The function that the role was written for.
    pub function: String,
    /// Why it was written although something was not settled.
    pub reason: Option<String>,
    /// The inline policies before.
    pub before: Policies,
    /// The inline policies after.
    pub after: Policies,
}

impl Change {
    /// A change that is about to be made.
    pub fn new(
        role: &str,
        function: &str,
        reason: Option<String>,
        before: Policies,
        after: Policies,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            role: role.to_owned(),
            function: function.to_owned(),
            reason,
            before,
            after,
        }
    }

    /// Keeps the change in a file of its own; gives its path.
    pub fn save(&self, root: &Path, role: &str) -> anyhow::Result<PathBuf> {
        let folder = root.join(FOLDER);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        let next = files(root, role)?.last().map_or(1, |(number, _)| number + 1);
        let path = folder.join(format!("{role}.{next}.json"));
        let write = || -> std::io::Result<()> {
            // Two at once must not take the same number.
            let mut file = std::fs::File::options()
                .write(true)
                .create_new(true)
                .open(&path)?;
            file.write_all(format!("{}\n", serde_json::to_string_pretty(self)?).as_bytes())?;
            file.sync_all()
        };
        write().with_context(|| format!("cannot write `{}`; the role is as it was", path.display()))?;
        Ok(path)
    }
}

/// The last change of a role that was not undone, and its file.
pub fn last(root: &Path, role: &str) -> anyhow::Result<Option<(PathBuf, Change)>> {
    let Some((_, path)) = files(root, role)?.pop() else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let change: Change = serde_json::from_str(&text).with_context(|| format!("`{}`", path.display()))?;
    anyhow::ensure!(
        change.schema == SCHEMA,
        "`{}` has the schema `{}`; this rolefit knows `{SCHEMA}`",
        path.display(),
        change.schema
    );
    Ok(Some((path, change)))
}

/// Puts the file of a change that was undone aside.
pub fn put_aside(path: &Path) -> anyhow::Result<()> {
    let aside = path.with_extension("json.undone");
    std::fs::rename(path, &aside).with_context(|| format!("cannot rename `{}`", path.display()))
}

/// The files of a role by number.
fn files(root: &Path, role: &str) -> anyhow::Result<Vec<(u32, PathBuf)>> {
    let folder = root.join(FOLDER);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let number = name
            .as_deref()
            .and_then(|name| name.strip_prefix(role)?.strip_prefix('.')?.strip_suffix(".json"))
            .and_then(|number| number.parse().ok());
        found.extend(number.map(|number| (number, path)));
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn changes_are_numbered_and_the_last_one_is_undone_first() {
        let root = tempfile::tempdir().unwrap();
        let change = |note: &str| {
            let policies = Policies::from([("p".to_owned(), Value::from(note))]);
            Change::new("arn:aws:iam::1:role/r", "f", None, policies, Policies::new())
        };
        assert_eq!(last(root.path(), "r").unwrap(), None);
        change("one").save(root.path(), "r").unwrap();
        change("other").save(root.path(), "r.1").unwrap();
        for number in 2..12 {
            change(&number.to_string()).save(root.path(), "r").unwrap();
        }
        let (path, found) = last(root.path(), "r").unwrap().unwrap();
        assert_eq!(found, change("11"));
        put_aside(&path).unwrap();
        assert_eq!(last(root.path(), "r").unwrap().unwrap().1, change("10"));
    }
}
