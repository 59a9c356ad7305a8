//! When a role last used an action, as IAM remembers it: a remark of `rolefit explain`, never a reason to remove anything.

use crate::iam::action::ActionPattern;

/// What IAM remembers of a role about the actions that a pattern names.
///
/// # Errors
/// When the account cannot be asked.
#[cfg(not(feature = "live"))]
pub fn remark(_: &str, _: &ActionPattern) -> anyhow::Result<String> {
    anyhow::bail!(
        "this rolefit was built without the part that asks AWS\nhint: build it with the feature `live`"
    )
}

/// What IAM remembers of a role about the actions that a pattern names.
///
/// # Errors
/// When the account cannot be asked.
#[cfg(feature = "live")]
pub fn remark(role: &str, pattern: &ActionPattern) -> anyhow::Result<String> {
    use std::fmt::Write as _;

    use crate::aws::{Account, AwsError};
    use crate::iam::action::Action;

    let accessed = Account::connect()?
        .last_accessed(role)
        .map_err(|error| match &error {
            AwsError::Denied(denied) => anyhow::anyhow!(
                "{denied}\nhint: add to the policy of whoever runs this: {}",
                denied.statement()
            ),
            _ => error.into(),
        })?;
    let mut out = format!("what IAM remembers of {role}: attempts, denied ones too; weak evidence\n");
    let mut tracked = false;
    for row in &accessed {
        let Some(action) = row
            .action
            .as_ref()
            .and_then(|name| Action::parse(&format!("{}:{name}", row.service)))
        else {
            continue;
        };
        if pattern.matches(&action) {
            tracked = true;
            let _ = writeln!(
                out,
                "  {action}  {}",
                tried(row.last.as_deref(), row.region.as_deref())
            );
        }
    }
    if !tracked {
        let named = pattern.to_string();
        let service = named.split(':').next().unwrap_or_default();
        match accessed
            .iter()
            .find(|row| row.action.is_none() && row.service == service)
        {
            Some(row) => {
                let when = tried(row.last.as_deref(), row.region.as_deref());
                let _ = writeln!(out, "  IAM does not track {named}; anything of {service}: {when}");
            }
            None => {
                let _ = writeln!(out, "  the role's policies grant nothing of {service}");
            }
        }
    }
    Ok(out)
}

#[cfg(feature = "live")]
fn tried(last: Option<&str>, region: Option<&str>) -> String {
    match (last, region) {
        (Some(last), Some(region)) => format!("last tried {last} in {region}"),
        (Some(last), None) => format!("last tried {last}"),
        (None, _) => "not tried in the time that IAM looks back".to_owned(),
    }
}
