//! A role as part of a `serverless.yml`: the resource, and the function's `role` that takes the place of the shared one.

use std::fmt::Write as _;

use super::{Deployable, cloudformation};

/// The entries to merge into `serverless.yml`: functions with roles of their own get neither the shared role nor
/// `provider.iam.role.statements`.
///
/// <https://www.serverless.com/framework/docs/providers/aws/guide/iam>
pub fn configuration<'a>(deployables: impl IntoIterator<Item = &'a Deployable<'a>>) -> String {
    let mut functions = String::from("functions:\n");
    let mut resources = String::from("resources:\n  Resources:\n");
    for deployable in deployables {
        let _ = writeln!(
            functions,
            "  {}:\n    role: {}",
            key(&deployable.function.name),
            cloudformation::role_id(deployable)
        );
        for line in cloudformation::role(deployable).lines() {
            let _ = writeln!(resources, "    {line}");
        }
    }
    functions + &resources
}

/// A name as a YAML key.
fn key(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if plain {
        name.to_owned()
    } else {
        format!("'{}'", one_quoted(name))
    }
}

fn one_quoted(name: &str) -> String {
    super::one_line(name).replace('\'', "''")
}
