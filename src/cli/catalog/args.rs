//! The arguments of `rolefit catalog`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::args::Format;

/// `rolefit catalog`.
#[derive(Debug, clap::Args)]
pub struct Catalog {
    #[command(subcommand)]
    pub command: CatalogCommand,
    /// Another catalogue file than the one inside rolefit, made by `rolefit catalog build`.
    #[arg(long, global = true, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// What the catalogue was made from, how old it is, how much it holds.
    Info {
        /// Output format.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// What an operation needs: actions, resources, and what CloudTrail shows of it.
    ///
    /// Code calls operations (`dynamodb.PutItem`), policies allow actions (`dynamodb:PutItem`). The name may be written
    /// as in code (`put_item`, `aws_sdk_dynamodb::Client::put_item`), as in a policy (`dynamodb:PutItem`) or as other
    /// SDKs write it (`DynamoDB.putItem`).
    Operation {
        /// The operation, such as `s3.CopyObject`.
        operation: String,
        /// Output format.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// What an action is: access level, resource types, condition keys, risk, and the operations that need it.
    Action {
        /// The action, such as `dynamodb:PutItem`; with wildcards, every action that the pattern allows.
        action: String,
        /// Output format.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// Also list the AWS managed policies that allow it.
        #[arg(long)]
        managed_policies: bool,
    },
    /// The operations of a service, and how their actions are known.
    Service {
        /// The SDK crate (`aws-sdk-dynamodb`, `dynamodb`), the IAM prefix or the service's name; every service when left
        /// out.
        service: Option<String>,
        /// Output format.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// The document of an AWS managed policy, in force or as it was.
    Policy {
        /// Its name or ARN, such as `AWSLambdaBasicExecutionRole`.
        name: String,
        /// The version, such as `v3` (default: the one in force).
        #[arg(long, value_name = "VERSION", conflicts_with = "list")]
        version: Option<String>,
        /// List its versions instead.
        #[arg(long)]
        list: bool,
    },
    /// Builds a catalogue file from downloaded packages, and says what changed.
    ///
    /// `src/catalog/fetch-sources.sh DIR` fetches the packages that `src/catalog/pins.tsv` pins.
    Build {
        /// The folder with the packages.
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// The folder to write the catalogue and its text form to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// The catalogue to compare with (default: the one inside rolefit).
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// Take the newest release of each package that is in the folder, whatever its hash.
        #[arg(long)]
        unpinned: bool,
        /// Write the files even if an operation is gone, or an action that hand-written files name.
        #[arg(long)]
        accept: bool,
    },
}
