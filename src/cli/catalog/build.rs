//! `rolefit catalog build`: makes a catalogue file from packages, and says what changed.

use std::path::Path;

use anyhow::Context as _;

use crate::catalog::Catalog;
use crate::catalog::build::{self, Built, Changes};
use crate::cli::{Outcome, say, show};

/// Builds, compares, writes.
pub fn run(
    from: &Path,
    out: &Path,
    against: &Catalog,
    unpinned: bool,
    accept: bool,
) -> anyhow::Result<Outcome> {
    let built = build::run(from, unpinned)?;
    let made = Catalog::from_bytes(built.catalog.clone()).context("the catalogue that was built")?;
    let changes = Changes::between(against, &made);
    if changes.is_empty() {
        say(&format!("no changes against the catalogue of {}", against.date()));
    } else {
        say(&format!("changes against the catalogue of {}:", against.date()));
        show(&changes.text())?;
    }
    for reason in &changes.broken {
        say(&format!("broken: {reason}"));
    }
    if !changes.broken.is_empty() && !accept {
        say(
            "nothing was written\nhint: correct the hand-written files, or write it all the same with `--accept`",
        );
        return Ok(Outcome::Findings);
    }
    write(&built, out)?;
    Ok(Outcome::Passed)
}

fn write(built: &Built, out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    let files = built
        .dumps
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()));
    for (name, bytes) in files.chain([("catalog.bin", built.catalog.as_slice())]) {
        let file = out.join(name);
        std::fs::write(&file, bytes).with_context(|| format!("cannot write `{}`", file.display()))?;
        say(&format!("wrote {}", file.display()));
    }
    Ok(())
}
