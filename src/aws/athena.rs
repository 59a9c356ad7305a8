//! Queries of Amazon Athena: starts them, waits for them, and reads what they leave in their bucket.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::time::Duration;

use aws_sdk_athena::error::ProvideErrorMetadata;
use aws_sdk_athena::types::{QueryExecution, QueryExecutionState, ResultConfiguration};
use aws_sdk_s3::primitives::ByteStream;
use sha2::{Digest as _, Sha256};

use super::error::{causes, explain};
use super::{Account, AwsError, bucket};
use crate::trail::athena::Columns;
use crate::trail::denial;
use crate::trail::keys::Place;

/// The catalogue that every account has.
const CATALOG: &str = "AwsDataCatalog";
/// Between two looks at a query: at first, and at most.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long Ctrl-C may have to wait.
const BEAT: Duration = Duration::from_millis(200);
/// Attempts at an answer whose body breaks off.
const BODIES: u32 = 5;

/// A workgroup to query in.
#[derive(Debug)]
pub struct Athena<'a> {
    account: &'a Account,
    client: aws_sdk_athena::Client,
    workgroup: String,
    output: Option<String>,
}

/// What a workgroup says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workgroup {
    /// The most bytes that one query may scan.
    pub cutoff: Option<u64>,
    /// Where answers go, if it says so.
    pub output: Option<String>,
    /// Whether it goes by its own settings whatever a query asks for.
    pub enforces: bool,
    /// Whether it keeps answers in a place of Athena's own, where nobody can fetch them as a whole.
    pub keeps_answers: bool,
    /// Whether it is switched off.
    pub disabled: bool,
}

/// A table as the catalogue describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// Its columns, in lower case.
    pub columns: Columns,
    /// Its properties.
    pub properties: BTreeMap<String, String>,
}

/// A query that came to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its number.
    pub id: String,
    /// Where its answer is, `s3://bucket/key`.
    pub answer: String,
    /// The bytes that it scanned.
    pub scanned: u64,
}

/// What a query says of itself while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Whether it waits for its turn.
    pub queued: bool,
    /// The bytes that it scanned so far.
    pub scanned: u64,
}

impl<'a> Athena<'a> {
    /// A workgroup; answers go to `output`, `s3://bucket/folder/`, or to where the workgroup sends them.
    pub fn new(account: &'a Account, workgroup: &str, output: Option<&str>) -> Self {
        Self {
            account,
            client: aws_sdk_athena::Client::new(&account.config),
            workgroup: workgroup.to_owned(),
            output: output.map(str::to_owned),
        }
    }

    /// Asks for the workgroup's settings.
    ///
    /// # Errors
    /// When the call fails.
    pub fn workgroup(&self) -> Result<Workgroup, AwsError> {
        let request = self.client.get_work_group().work_group(&self.workgroup);
        let answer = self
            .account
            .runtime
            .block_on(request.send())
            .map_err(explain("athena.GetWorkGroup", &self.arn()))?;
        let group = answer.work_group();
        let settings = group.and_then(|group| group.configuration());
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Workgroup {
            cutoff: settings
                .and_then(|settings| settings.bytes_scanned_cutoff_per_query())
                .and_then(|bytes| u64::try_from(bytes).ok()),
            output: settings
                .and_then(|settings| settings.result_configuration())
                .and_then(|result| text(result.output_location())),
            enforces: settings.and_then(|settings| settings.enforce_work_group_configuration()) == Some(true),
            keeps_answers: settings
                .and_then(|settings| settings.managed_query_results_configuration())
                .is_some_and(|managed| managed.enabled()),
            disabled: group
                .and_then(|group| group.state())
                .is_some_and(|state| state.as_str() == "DISABLED"),
        })
    }

    /// Whether somebody said where answers go.
    pub fn has_output(&self) -> bool {
        self.output.is_some()
    }

    fn arn(&self) -> String {
        let region = self.account.region().unwrap_or("*");
        format!("arn:aws:athena:{region}:*:workgroup/{}", self.workgroup)
    }

    /// What the catalogue says of a table, `DATABASE.TABLE`; `None` when there is none.
    ///
    /// # Errors
    /// When the call fails.
    pub fn table(&self, name: &str) -> Result<Option<Described>, AwsError> {
        let (database, table) = name.split_once('.').unwrap_or(("default", name));
        let request = self
            .client
            .get_table_metadata()
            .catalog_name(CATALOG)
            .database_name(database)
            .table_name(table);
        let answer = match self.account.runtime.block_on(request.send()) {
            Ok(answer) => answer,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(refused(explain("athena.GetTableMetadata", &self.arn())(error))),
        };
        let Some(found) = answer.table_metadata() else {
            return Ok(None);
        };
        let columns = found.columns().iter().chain(found.partition_keys());
        let columns = columns.map(|column| {
            let kind = column.r#type().unwrap_or_default();
            (column.name().to_ascii_lowercase(), kind.to_owned())
        });
        let properties = found.parameters().into_iter().flatten();
        Ok(Some(Described {
            columns: columns.collect(),
            properties: properties
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }))
    }

    /// Runs a statement to its end and tells what it is at; `None` when `tell` ends it: the query is stopped then.
    ///
    /// The same statement with the same `salt` is not run twice: a query that ran before, or that runs since a killed run
    /// started it, is taken up again, with its answer. That is not paid for again.
    ///
    /// # Errors
    /// When a call fails, or the query does, with Athena's reason.
    pub fn run(
        &self,
        statement: &str,
        salt: &str,
        tell: &mut dyn FnMut(Running) -> ControlFlow<()>,
    ) -> Result<Option<Ran>, AwsError> {
        let id = self.start(statement, salt)?;
        let mut pause = PAUSE;
        loop {
            let execution = self.look(&id)?;
            let status = execution.status();
            let scanned = execution
                .statistics()
                .and_then(|statistics| statistics.data_scanned_in_bytes())
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or_default();
            let state = status.and_then(|status| status.state());
            match state {
                Some(QueryExecutionState::Succeeded) => {
                    let answer = execution
                        .result_configuration()
                        .and_then(|result| result.output_location())
                        .unwrap_or_default();
                    return Ok(Some(Ran {
                        id,
                        answer: answer.to_owned(),
                        scanned,
                    }));
                }
                Some(QueryExecutionState::Failed | QueryExecutionState::Cancelled) => {
                    return Err(self.failed(id, &execution));
                }
                _ => {}
            }
            let running = Running {
                queued: state == Some(&QueryExecutionState::Queued),
                scanned,
            };
            let mut left = pause;
            loop {
                if tell(running).is_break() {
                    self.stop(&id)?;
                    return Ok(None);
                }
                if left.is_zero() {
                    break;
                }
                let beat = left.min(BEAT);
                self.account
                    .runtime
                    .block_on(async { tokio::time::sleep(beat).await });
                left -= beat;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn start(&self, statement: &str, salt: &str) -> Result<String, AwsError> {
        let output = self.output.as_deref().unwrap_or_default();
        let hash = Sha256::digest([statement, &self.workgroup, output, salt].join("\n").as_bytes());
        let token: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let result = self
            .output
            .as_ref()
            .map(|output| ResultConfiguration::builder().output_location(output).build());
        let request = self
            .client
            .start_query_execution()
            .query_string(statement)
            .work_group(&self.workgroup)
            .client_request_token(token)
            .set_result_configuration(result);
        let answer = self
            .account
            .runtime
            .block_on(request.send())
            .map_err(|error| refused(explain("athena.StartQueryExecution", &self.arn())(error)))?;
        Ok(answer.query_execution_id().unwrap_or_default().to_owned())
    }

    fn look(&self, id: &str) -> Result<QueryExecution, AwsError> {
        let request = self.client.get_query_execution().query_execution_id(id);
        let answer = self
            .account
            .runtime
            .block_on(request.send())
            .map_err(explain("athena.GetQueryExecution", &self.arn()))?;
        answer.query_execution().cloned().ok_or_else(|| AwsError::Call {
            operation: "athena.GetQueryExecution",
            message: format!("nothing is said of the query {id}"),
        })
    }

    fn stop(&self, id: &str) -> Result<(), AwsError> {
        let request = self.client.stop_query_execution().query_execution_id(id);
        self.account
            .runtime
            .block_on(request.send())
            .map_err(explain("athena.StopQueryExecution", &self.arn()))?;
        Ok(())
    }

    fn failed(&self, id: String, execution: &QueryExecution) -> AwsError {
        let status = execution.status();
        let said = |reason: Option<&str>| reason.filter(|reason| !reason.is_empty()).map(str::to_owned);
        let reason = status.and_then(|status| said(status.state_change_reason()));
        let error = || said(status?.athena_error()?.error_message());
        let reason = reason
            .or_else(error)
            .unwrap_or_else(|| "somebody stopped it, or Athena gives no reason".to_owned());
        refused(AwsError::Query { id, reason })
    }

    /// Opens the answer of a query, to be read piece by piece. `go_on` is asked before each.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn answer<'r>(&'r self, ran: &Ran, go_on: &'r dyn Fn() -> bool) -> Result<Answer<'r>, AwsError> {
        let place = Place::parse(&ran.answer).ok_or_else(|| AwsError::Call {
            operation: "athena.GetQueryExecution",
            message: format!("`{}` is no place of an answer", ran.answer),
        })?;
        // Athena writes to buckets of its own region alone.
        let region = self.account.region().unwrap_or("us-east-1");
        let mut answer = Answer {
            account: self.account,
            client: bucket::client(self.account, region),
            place,
            etag: None,
            size: 0,
            at: 0,
            body: None,
            chunk: Vec::new(),
            used: 0,
            failure: None,
            stopped: false,
            go_on,
        };
        answer.open()?;
        Ok(answer)
    }
}

/// Whether the catalogue says that there is no such table or database.
fn is_missing(error: &impl ProvideErrorMetadata) -> bool {
    let message = error.message().unwrap_or_default();
    error.code() == Some("MetadataException")
        && (message.contains("EntityNotFound")
            || message.contains("not found")
            || message.contains("NotFound"))
}

/// A query runs with the rights of whoever started it: what Athena may not do for them is theirs to allow.
fn refused(error: AwsError) -> AwsError {
    let (operation, message) = match &error {
        AwsError::Query { reason, .. } => ("athena.StartQueryExecution", reason.clone()),
        AwsError::Call { operation, message } => (*operation, message.clone()),
        _ => return error,
    };
    match denial::parse(&message) {
        (denial::Denial { action: Some(_), .. }, resource) => AwsError::Denied(super::Denied {
            operation,
            resource: resource.unwrap_or_else(|| "*".to_owned()),
            message,
        }),
        _ => error,
    }
}

/// An answer that is read piece by piece. What goes wrong ends it; [`Answer::outcome`] says whether it was whole.
pub struct Answer<'r> {
    account: &'r Account,
    client: aws_sdk_s3::Client,
    place: Place,
    etag: Option<String>,
    size: u64,
    at: u64,
    body: Option<ByteStream>,
    chunk: Vec<u8>,
    used: usize,
    failure: Option<AwsError>,
    stopped: bool,
    go_on: &'r dyn Fn() -> bool,
}

impl Answer<'_> {
    /// Its bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether all of it was read: `false` when somebody asked to stop.
    ///
    /// # Errors
    /// Why it broke off.
    pub fn outcome(self) -> Result<bool, AwsError> {
        match self.failure {
            Some(failure) => Err(failure),
            None if !self.stopped && self.at < self.size => Err(AwsError::Call {
                operation: "s3.GetObject",
                message: format!("the answer ends at byte {} of {}", self.at, self.size),
            }),
            None => Ok(!self.stopped),
        }
    }

    /// Asks for what is left.
    fn open(&mut self) -> Result<(), AwsError> {
        let arn = format!("arn:aws:s3:::{}/{}", self.place.bucket, self.place.prefix);
        let range = (self.at > 0).then(|| format!("bytes={}-", self.at));
        let request = self
            .client
            .get_object()
            .bucket(&self.place.bucket)
            .key(&self.place.prefix)
            .set_range(range)
            .set_if_match(self.etag.clone());
        let answer = self
            .account
            .runtime
            .block_on(request.send())
            .map_err(explain("s3.GetObject", &arn))?;
        if self.at == 0 {
            self.etag = answer.e_tag().map(str::to_owned);
            self.size = answer
                .content_length()
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or_default();
        }
        self.body = Some(answer.body);
        Ok(())
    }

    /// The next piece; empty at the end.
    fn next(&mut self) -> Result<(), AwsError> {
        let mut wait = PAUSE;
        for attempt in 1.. {
            if self.body.is_none() {
                self.open()?;
            }
            let Some(body) = &mut self.body else { break };
            let next = self.account.runtime.block_on(body.next());
            match next {
                None => {
                    self.chunk.clear();
                    break;
                }
                Some(Ok(chunk)) => {
                    self.chunk.clear();
                    self.chunk.extend_from_slice(&chunk);
                    self.at += self.chunk.len() as u64;
                    break;
                }
                Some(Err(_)) if attempt < BODIES => {
                    self.body = None;
                    self.account
                        .runtime
                        .block_on(async { tokio::time::sleep(wait).await });
                    wait *= 2;
                }
                Some(Err(error)) => {
                    return Err(AwsError::Call {
                        operation: "s3.GetObject",
                        message: format!("the body breaks off, {BODIES} times: {}", causes(&error)),
                    });
                }
            }
        }
        self.used = 0;
        Ok(())
    }
}

impl Read for Answer<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.used == self.chunk.len() {
            self.stopped |= !(self.go_on)();
            if self.stopped || self.failure.is_some() {
                return Ok(0);
            }
            if let Err(error) = self.next() {
                self.failure = Some(error);
                return Ok(0);
            }
        }
        let left = self.chunk.get(self.used..).unwrap_or_default();
        let count = left.len().min(room.len());
        if let (Some(to), Some(from)) = (room.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.used += count;
        Ok(count)
    }
}

impl std::fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("place", &self.place)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
