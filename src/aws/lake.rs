//! Queries of CloudTrail Lake: starts them, waits for them, and gives their rows page by page.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use aws_sdk_cloudtrail::types::QueryStatus;

use super::error::explain;
use super::{Account, AwsError};

/// Between two looks at a query: at first, and at most.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long Ctrl-C may have to wait.
const BEAT: Duration = Duration::from_millis(200);
/// The most rows of a page.
const PER_PAGE: i32 = 1_000;

/// A row: values by the names of columns, in lower case.
pub type Row = BTreeMap<String, String>;

impl Account {
    /// Runs a query over an event data store to its end and gives each page of rows to `take`; the bytes that it scanned, or
    /// `None` when `take` or `tell` ended it: the query is cancelled then.
    ///
    /// # Errors
    /// When a call fails or the query does. A query that runs for more than an hour ends with what it found until then: that
    /// is a failure, too.
    pub fn query_lake(
        &self,
        statement: &str,
        arn: &str,
        tell: &mut dyn FnMut() -> ControlFlow<()>,
        take: &mut dyn FnMut(Vec<Row>) -> ControlFlow<()>,
    ) -> Result<Option<u64>, AwsError> {
        let request = self.cloudtrail.start_query().query_statement(statement);
        let answer = self
            .runtime
            .block_on(request.send())
            .map_err(explain("cloudtrail.StartQuery", arn))?;
        let id = answer.query_id().unwrap_or_default().to_owned();
        let mut pause = PAUSE;
        while !self.is_lake_query_done(&id, arn)? {
            let mut left = pause;
            while !left.is_zero() {
                if tell().is_break() {
                    let request = self.cloudtrail.cancel_query().query_id(&id);
                    self.runtime
                        .block_on(request.send())
                        .map_err(explain("cloudtrail.CancelQuery", arn))?;
                    return Ok(None);
                }
                let beat = left.min(BEAT);
                self.runtime.block_on(async { tokio::time::sleep(beat).await });
                left -= beat;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.lake_rows(&id, arn, take)
    }

    fn is_lake_query_done(&self, id: &str, arn: &str) -> Result<bool, AwsError> {
        let request = self.cloudtrail.describe_query().query_id(id);
        let answer = self
            .runtime
            .block_on(request.send())
            .map_err(explain("cloudtrail.DescribeQuery", arn))?;
        let said = answer.error_message().unwrap_or_default();
        check(id, answer.query_status(), said)
    }

    fn lake_rows(
        &self,
        id: &str,
        arn: &str,
        take: &mut dyn FnMut(Vec<Row>) -> ControlFlow<()>,
    ) -> Result<Option<u64>, AwsError> {
        let mut token = None;
        loop {
            let request = self
                .cloudtrail
                .get_query_results()
                .query_id(id)
                .max_query_results(PER_PAGE)
                .set_next_token(token);
            let answer = self
                .runtime
                .block_on(request.send())
                .map_err(explain("cloudtrail.GetQueryResults", arn))?;
            check(
                id,
                answer.query_status(),
                answer.error_message().unwrap_or_default(),
            )?;
            let rows = answer.query_result_rows().iter().map(|row| {
                // Each column is a map of one name to one value.
                let columns = row.iter().flatten();
                columns
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                    .collect()
            });
            if take(rows.collect()).is_break() {
                return Ok(None);
            }
            token = answer.next_token().map(str::to_owned);
            if token.is_none() {
                let statistics = answer.query_statistics();
                let scanned = statistics.and_then(|statistics| statistics.bytes_scanned());
                return Ok(Some(
                    scanned
                        .and_then(|bytes| u64::try_from(bytes).ok())
                        .unwrap_or_default(),
                ));
            }
        }
    }
}

/// Whether a query has come to its end.
fn check(id: &str, status: Option<&QueryStatus>, said: &str) -> Result<bool, AwsError> {
    let reason = match status {
        Some(QueryStatus::Finished) => return Ok(true),
        Some(QueryStatus::Queued | QueryStatus::Running) => return Ok(false),
        Some(QueryStatus::TimedOut) => {
            "it ran for more than an hour, and its rows are not all of them\nhint: ask for fewer days with `--since` and `--until`"
                .to_owned()
        }
        Some(QueryStatus::Cancelled) => "somebody cancelled it".to_owned(),
        _ if !said.is_empty() => said.to_owned(),
        other => format!("its state is {}", other.map_or("not told", QueryStatus::as_str)),
    };
    Err(AwsError::Query {
        id: id.to_owned(),
        reason,
    })
}
