//! `rolefit catalog`: what the catalogue holds and where it comes from.

mod action;
mod args;
mod build;
mod info;
mod operation;
mod policy;
mod service;

use anyhow::anyhow;

pub use action::ActionV1;
pub use args::{Catalog as Args, CatalogCommand};
pub use info::CatalogV1;
pub use operation::OperationV1;
pub use service::ServiceV1;

use super::Outcome;

/// Runs a `catalog` command.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let catalog = super::inputs::catalog(args.catalog.as_deref())?;
    match &args.command {
        CatalogCommand::Info { format } => info::run(catalog, *format),
        CatalogCommand::Operation { operation, format } => operation::run(catalog, operation, *format),
        CatalogCommand::Action {
            action,
            format,
            managed_policies,
        } => action::run(catalog, action, *format, *managed_policies),
        CatalogCommand::Service { service, format } => match service {
            Some(service) => service::run(catalog, service, *format),
            None => service::list(catalog, *format),
        },
        CatalogCommand::Policy { name, version, list } => {
            policy::run(catalog, name, version.as_deref(), *list)
        }
        CatalogCommand::Build {
            from,
            out,
            against,
            unpinned,
            accept,
        } => {
            let against = super::inputs::catalog(against.as_deref())?;
            build::run(from, out, against, *unpinned, *accept)
        }
    }
}

/// The error that something is not in the catalogue, with what may have been meant.
fn unknown(catalog: &crate::catalog::Catalog, what: &str, text: &str, near: &[String]) -> anyhow::Error {
    let meant = match near {
        [] => String::new(),
        [one] => format!("\nhint: did you mean `{one}`?"),
        more => format!("\nhint: did you mean one of `{}`?", more.join("`, `")),
    };
    anyhow!("no {what} `{text}` in the catalogue of {}{meant}", catalog.date())
}
