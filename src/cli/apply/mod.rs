//! `rolefit apply` and `rolefit rollback`: the only commands that change an account.

#[cfg(feature = "live")]
mod live;
#[cfg(feature = "live")]
mod saved;

#[cfg(feature = "live")]
pub use live::{apply, rollback};

#[cfg(not(feature = "live"))]
const WITHOUT_LIVE: &str = "this rolefit was built without the feature `live`, so it cannot change the account\n\
     hint: `rolefit generate` prints the policy";

/// Without the parts that ask AWS nothing can be written.
#[cfg(not(feature = "live"))]
pub fn apply(_: &super::args::Apply) -> anyhow::Result<super::Outcome> {
    anyhow::bail!(WITHOUT_LIVE)
}

/// Without the parts that ask AWS nothing can be written.
#[cfg(not(feature = "live"))]
pub fn rollback(_: &super::args::Rollback) -> anyhow::Result<super::Outcome> {
    anyhow::bail!(WITHOUT_LIVE)
}
