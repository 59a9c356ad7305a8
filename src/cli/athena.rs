//! `rolefit observe athena`: statements that let Athena read a trail where it lies.

use super::{Outcome, show};
use crate::catalog::price::{AS_OF, Price};
use crate::trail::athena::{Asked, Objects, Shape, query, table};

/// Statements for Amazon Athena: the table, and the query whose answer `observe --from answer.csv` takes in.
///
/// For trails too large to fetch: Athena reads the objects and answers with the calls of roles alone. Run the statements in
/// a workgroup of your own, one span of days after the other, and fetch the CSV that each run leaves in its bucket.
#[derive(Debug, clap::Args)]
pub struct Athena {
    /// Where the objects lie, up to the accounts: `s3://BUCKET/PREFIX/AWSLogs/`, of an organization with `o-…/` behind.
    #[arg(long, value_name = "S3_URL")]
    pub location: String,
    /// The accounts, twelve digits each, separated by commas.
    #[arg(long, value_name = "ACCOUNTS", value_delimiter = ',', required = true)]
    pub accounts: Vec<String>,
    /// The regions, separated by commas.
    #[arg(long, value_name = "REGIONS", value_delimiter = ',', required = true)]
    pub regions: Vec<String>,
    /// The first day.
    #[arg(long, value_name = "DAY")]
    pub since: String,
    /// The last day.
    #[arg(long, value_name = "DAY")]
    pub until: String,
    /// Only the calls of this role (its ARN); may be repeated.
    #[arg(long = "role", value_name = "ARN")]
    pub roles: Vec<String>,
    /// The table, which is made if there is none.
    #[arg(long, value_name = "DATABASE.TABLE", default_value = "rolefit.trail")]
    pub table: String,
    /// Ask for a row for each call, not for one for all calls of an hour that differ in nothing but id and second: for calls too
    /// many for a row of Athena's.
    #[arg(long)]
    pub each_event: bool,
    /// Print the query alone.
    #[arg(long)]
    pub query_only: bool,
}

/// Prints the statements.
pub fn run(args: &Athena) -> anyhow::Result<Outcome> {
    let objects = Objects {
        location: args.location.clone(),
        accounts: args.accounts.clone(),
        regions: args.regions.clone(),
    };
    let asked = Asked {
        since: args.since.clone(),
        until: args.until.clone(),
        roles: args.roles.clone(),
        shape: if args.each_event {
            Shape::Events
        } else {
            Shape::Sums
        },
        ..Asked::default()
    };
    let question = query(&args.table, &objects, &asked)?;
    if args.query_only {
        show(&format!("{question}\n"))?;
        return Ok(Outcome::Passed);
    }
    let (database, _) = args.table.split_once('.').unwrap_or((&args.table, ""));
    let table = table(&args.table, &objects)?;
    let price = Price::of("athena-scan").map_or_else(String::new, |price| {
        format!(
            "-- Athena asks {:.2} USD for each TB that it scans, as stored ({AS_OF}, {}): sum up the sizes of the objects.\n",
            price.cost(1e12),
            price.docs
        )
    });
    show(&format!(
        "{price}CREATE DATABASE IF NOT EXISTS {database};\n\n{table};\n\n{question};\n"
    ))?;
    Ok(Outcome::Passed)
}
