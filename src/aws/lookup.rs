//! CloudTrail's event history: management events of the last 90 days of one region, without any trail.
//!
//! Two requests a second, 50 events each, newest first, one attribute:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use aws_sdk_cloudtrail::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudtrail::operation::lookup_events::{LookupEventsError, LookupEventsOutput};
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};

use super::error::{causes, explain};
use super::{Account, AwsError};
use crate::trail::moment;

/// The most events that one request gives.
pub const PER_PAGE: usize = 50;

/// Between the beginnings of requests: two a second are allowed for an account and region.
pub const PAUSE: Duration = Duration::from_millis(500);

/// Pages may go stale before the next one is asked for; so often in a row without an older event it is given up.
const RESTARTS: u32 = 3;

/// Which events are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Those of this user name, which for a Lambda function is the function's name; all, if none.
    pub user_name: Option<String>,
    /// From this second on, since 1970.
    pub from: Option<i64>,
    /// To this second.
    pub to: Option<i64>,
}

/// A page of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// The JSON text of each record, newest first.
    pub records: Vec<String>,
    /// How many events came without a record.
    pub without_record: usize,
    /// The second of the oldest event, since 1970.
    pub oldest: Option<i64>,
    /// Whether an older page follows.
    pub more: bool,
}

impl Account {
    /// Asks for events and gives each page to `take`, which may end it. A page that goes stale begins anew at the oldest
    /// event so far, so that events may come twice.
    ///
    /// # Errors
    /// When a call fails; throttled calls are made again first. What `take` got is whole down to its oldest event.
    pub fn look_up(
        &self,
        asked: &Asked,
        mut take: impl FnMut(EventPage) -> ControlFlow<()>,
    ) -> Result<(), AwsError> {
        let mut asked = asked.clone();
        // A token holds for the very same question alone: where to begin anew is kept apart.
        let (mut token, mut anew, mut stale): (Option<String>, Option<i64>, u32) = (None, asked.to, 0);
        let mut begun: Option<Instant> = None;
        loop {
            if let Some(rest) = begun.and_then(|begun| PAUSE.checked_sub(begun.elapsed())) {
                self.runtime.block_on(async { tokio::time::sleep(rest).await });
            }
            begun = Some(Instant::now());
            let answer = match self.page(&asked, token.take())? {
                Ok(answer) => answer,
                Err(error) if error.code() == Some("InvalidNextTokenException") && stale < RESTARTS => {
                    asked.to = anew;
                    stale += 1;
                    continue;
                }
                Err(error) => return Err(explain("cloudtrail.LookupEvents", "*")(error)),
            };
            let page = read(&answer);
            if page
                .oldest
                .is_some_and(|oldest| anew.is_none_or(|anew| oldest < anew))
            {
                anew = page.oldest;
                stale = 0;
            }
            token = answer.next_token().map(str::to_owned);
            let more = page.more;
            if take(page).is_break() || !more {
                return Ok(());
            }
        }
    }

    fn page(
        &self,
        asked: &Asked,
        token: Option<String>,
    ) -> Result<Result<LookupEventsOutput, SdkError<LookupEventsError>>, AwsError> {
        let attribute = asked.user_name.as_ref().map(|name| {
            LookupAttribute::builder()
                .attribute_key(LookupAttributeKey::Username)
                .attribute_value(name)
                .build()
        });
        let attribute = attribute.transpose().map_err(|error| AwsError::Call {
            operation: "cloudtrail.LookupEvents",
            message: causes(&error),
        })?;
        let request = self
            .cloudtrail
            .lookup_events()
            .max_results(PER_PAGE as i32)
            .set_lookup_attributes(attribute.map(|attribute| vec![attribute]))
            .set_start_time(asked.from.map(DateTime::from_secs))
            .set_end_time(asked.to.map(DateTime::from_secs))
            .set_next_token(token);
        Ok(self.runtime.block_on(request.send()))
    }
}

fn read(answer: &LookupEventsOutput) -> EventPage {
    let events = answer.events();
    let records: Vec<String> = events
        .iter()
        .filter_map(|event| event.cloud_trail_event().map(str::to_owned))
        .collect();
    EventPage {
        without_record: events.len() - records.len(),
        records,
        oldest: events
            .iter()
            .filter_map(|event| event.event_time().map(DateTime::secs))
            .min(),
        more: answer.next_token().is_some(),
    }
}

/// How long it takes to ask for the events of some functions: by how close together the first page's events are.
///
/// `pages` holds each function's first page, `from` and `to` are seconds since 1970.
pub fn estimate(pages: &[EventPage], from: i64, to: i64) -> Estimate {
    let events = pages.iter().map(|page| {
        let here = page.records.len() + page.without_record;
        match page.oldest.filter(|_| page.more) {
            Some(oldest) => {
                let seen = u64::try_from(to - oldest).unwrap_or(0).max(1);
                let whole = u64::try_from(to - from).unwrap_or(0).max(seen);
                here as u64 * whole / seen
            }
            None => here as u64,
        }
    });
    let events: u64 = events.sum();
    let requests = events.div_ceil(PER_PAGE as u64).max(pages.len() as u64);
    Estimate {
        events,
        time: PAUSE * u32::try_from(requests).unwrap_or(u32::MAX),
    }
}

/// What lies ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// About how many events.
    pub events: u64,
    /// About how long.
    pub time: Duration,
}

/// What remains of a span when some spans of it were read before; each in seconds since 1970, the end not part of it.
pub fn unread(from: i64, to: i64, read: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut read = read.to_vec();
    read.sort_unstable();
    let (mut left, mut at) = (Vec::new(), from);
    for (begin, end) in read {
        if begin > at && at < to {
            left.push((at, begin.min(to)));
        }
        at = at.max(end);
    }
    if at < to {
        left.push((at, to));
    }
    left
}

/// The end of what can be counted as read: events of the last minutes may not be there yet.
pub fn settled(now: i64) -> i64 {
    const DELAY: i64 = 15 * 60;
    now - DELAY
}

/// The earliest second that the history reaches back to.
pub fn horizon(now: i64) -> i64 {
    now - 90 * 86_400
}

/// A second since 1970 in words for the reader.
pub fn shown(second: i64) -> String {
    moment::of_seconds(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_not_read_again() {
        assert_eq!(unread(0, 100, &[]), [(0, 100)]);
        assert_eq!(
            unread(0, 100, &[(20, 30), (10, 25), (90, 200)]),
            [(0, 10), (30, 90)]
        );
        assert_eq!(unread(0, 100, &[(0, 100)]), []);
        assert_eq!(unread(50, 100, &[(0, 20)]), [(50, 100)]);
        assert_eq!(unread(0, 10, &[(20, 30)]), [(0, 10)]);
    }

    #[test]
    fn the_first_page_tells_how_many_follow() {
        let full = EventPage {
            records: vec![String::new(); 50],
            oldest: Some(900),
            more: true,
            ..EventPage::default()
        };
        let rare = EventPage {
            records: vec![String::new(); 3],
            oldest: Some(10),
            ..EventPage::default()
        };
        let estimate = estimate(&[full, rare], 0, 1_000);
        assert_eq!(
            (estimate.events, estimate.time),
            (503, Duration::from_millis(5_500))
        );
    }
}
