//! Deployments that are there but in a form that is not read: each is a gap, so that a missing role is no surprise.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::discover::{CDK_OUTPUT, cdk_templates, relative};
use crate::usage::{Gap, Location};

/// Gap code of a deployment that is not read.
const CODE: &str = "unread-deployment";

/// A gap for each deployment among the files that is not read.
pub(super) fn deployments(root: &Path, paths: &BTreeSet<PathBuf>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for path in paths {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let gap = match name {
            "cdk.json" => not_synthesised(path),
            _ => None,
        };
        gaps.extend(gap.map(|gap| gap.at(Location::new(relative(root, path), 1, 1))));
    }
    gaps
}

/// A CDK app without output beside it.
fn not_synthesised(path: &Path) -> Option<Gap> {
    let mut templates = BTreeSet::new();
    let folder = path.parent()?;
    cdk_templates(&folder.join(CDK_OUTPUT), &mut templates);
    templates.is_empty().then(|| {
        Gap::new(
            CODE,
            "this CDK app has no output to read, so its functions are not seen",
        )
        .hint("run `cdk synth`, which writes `cdk.out`")
    })
}
