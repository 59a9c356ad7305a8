//! Which queries read a trail where it lies: spans of days, accounts and regions, by what is stored there and what was read
//! of it before.

use std::collections::{BTreeMap, BTreeSet};

use crate::trail::ledger::Window;
use crate::trail::moment::Day;

/// Whose events, and where.
pub type Stream = (String, String);

/// The most that one query scans: what a query that fails has to do again.
const MOST_BYTES: u64 = 500_000_000_000;
/// The most days of one query: what is committed at a time.
const MOST_DAYS: i64 = 31;
/// Objects are delivered within some ten minutes; twice that, before the end of a day, its own objects may not hold yet.
const LATE: &str = "T23:40:00Z";
const MIDNIGHT: &str = "T00:00:00Z";
/// Days before today whose objects are read again: an object can be late.
const OPEN_DAYS: i64 = 2;

/// What is stored of a trail: bytes of objects, by the day of their delivery.
pub type Sizes = BTreeMap<Day, BTreeMap<Stream, u64>>;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Span {
    /// The first day of the events.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// Today.
    pub today: Day,
    /// The roles whose calls are asked for (their ARNs); empty for all.
    pub roles: Vec<String>,
}

/// What one query reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// First and last day of the objects.
    pub days: Option<(Day, Day)>,
    /// The accounts and regions.
    pub streams: BTreeSet<Stream>,
    /// What it scans.
    pub bytes: u64,
}

impl Query {
    /// The accounts.
    pub fn accounts(&self) -> Vec<String> {
        let accounts: BTreeSet<&String> = self.streams.iter().map(|(account, _)| account).collect();
        accounts.into_iter().cloned().collect()
    }

    /// The regions.
    pub fn regions(&self) -> Vec<String> {
        let regions: BTreeSet<&String> = self.streams.iter().map(|(_, region)| region).collect();
        regions.into_iter().cloned().collect()
    }

    /// What a query over the same accounts and regions scans on a day, those among them that are not wanted as well.
    fn on(&self, sizes: &BTreeMap<Stream, u64>) -> u64 {
        let (accounts, regions) = (self.accounts(), self.regions());
        let of = |(account, region): &Stream| {
            accounts.binary_search(account).is_ok() && regions.binary_search(region).is_ok()
        };
        sizes
            .iter()
            .filter(|(stream, _)| of(stream))
            .map(|(_, bytes)| bytes)
            .sum()
    }
}

impl Span {
    /// The days of the objects that can hold the events.
    pub fn delivered(&self) -> (Day, Day) {
        (self.from, self.to.plus(1).min(self.today).max(self.from))
    }

    /// The queries that read what was not read before, none of which scans more than `cutoff` bytes, in order of the days.
    ///
    /// # Errors
    /// The day, account and region of which not even the objects of that one day are below `cutoff`, with their bytes.
    pub fn queries(
        &self,
        sizes: &Sizes,
        read: &BTreeSet<Window>,
        cutoff: Option<u64>,
    ) -> Result<Vec<Query>, (Day, Stream, u64)> {
        let streams: BTreeSet<&Stream> = sizes.values().flat_map(BTreeMap::keys).collect();
        let most = cutoff.unwrap_or(MOST_BYTES).min(MOST_BYTES);
        let mut queries: Vec<Query> = Vec::new();
        let (first, last) = self.delivered();
        let empty = BTreeMap::new();
        for day in days(first, last) {
            let stored = sizes.get(&day).unwrap_or(&empty);
            let unread: BTreeSet<Stream> = streams
                .iter()
                .filter(|stream| !self.was_read(day, stream, read))
                .map(|stream| (*stream).clone())
                .collect();
            if unread.is_empty() {
                continue;
            }
            let of_day = Query {
                days: Some((day, day)),
                streams: unread,
                bytes: 0,
            };
            let bytes = of_day.on(stored);
            if bytes > most {
                queries.extend(parts(&of_day, stored, most, cutoff)?);
                continue;
            }
            match queries.last_mut() {
                Some(Query {
                    days: Some((begin, end)),
                    streams,
                    bytes: sum,
                }) if end.plus(1) == day
                    && *streams == of_day.streams
                    && *sum + bytes <= most
                    && day.since(*begin) < MOST_DAYS =>
                {
                    *end = day;
                    *sum += bytes;
                }
                _ => queries.push(Query { bytes, ..of_day }),
            }
        }
        Ok(queries)
    }

    /// Whether the objects of a day were read before, for every role that is asked for.
    fn was_read(&self, day: Day, (account, region): &Stream, read: &BTreeSet<Window>) -> bool {
        if day > self.today.plus(-OPEN_DAYS) {
            return false;
        }
        let span = if day > self.to {
            (format!("{}{LATE}", self.to), format!("{day}{MIDNIGHT}"))
        } else {
            (format!("{day}{MIDNIGHT}"), format!("{day}{LATE}"))
        };
        let covered = |principal: &str| {
            read.iter().any(|window| {
                window.account == *account
                    && window.region == *region
                    && (window.principal.is_empty() || window.principal == principal)
                    && window.from <= span.0
                    && span.1 <= window.to
            })
        };
        match self.roles.as_slice() {
            [] => covered(""),
            roles => roles.iter().all(|role| covered(role)),
        }
    }

    /// What a query has given completely, up to `settled`.
    pub fn windows(
        &self,
        query: &Query,
        read: &BTreeSet<Window>,
        source: &str,
        settled: &str,
    ) -> Vec<Window> {
        let Some((first, last)) = query.days else {
            return Vec::new();
        };
        let to = if last > self.to {
            format!("{last}{MIDNIGHT}")
        } else {
            format!("{last}{LATE}")
        };
        let to = to.min(settled.to_owned());
        let principals = match self.roles.as_slice() {
            [] => vec![String::new()],
            roles => roles.to_vec(),
        };
        let mut windows = Vec::new();
        for stream in &query.streams {
            // The last minutes of the day before were delivered on that day and on this one.
            let before = first.plus(-1);
            let from = if first > self.from && self.was_read(before, stream, read) {
                format!("{before}{LATE}")
            } else {
                format!("{first}{MIDNIGHT}")
            };
            for principal in &principals {
                let (account, region) = stream.clone();
                windows.push(Window {
                    source: source.to_owned(),
                    account,
                    region,
                    category: String::new(),
                    principal: principal.clone(),
                    from: from.clone(),
                    to: to.clone(),
                });
            }
        }
        windows.retain(|window| window.from < window.to);
        windows
    }
}

/// Cuts a day that is too much for one query by account, and accounts that are too much by region.
fn parts(
    day: &Query,
    stored: &BTreeMap<Stream, u64>,
    most: u64,
    cutoff: Option<u64>,
) -> Result<Vec<Query>, (Day, Stream, u64)> {
    let mut queries: Vec<Query> = Vec::new();
    for account in day.accounts() {
        let of_account = |(own, _): &&Stream| *own == account;
        let whole = Query {
            streams: day.streams.iter().filter(of_account).cloned().collect(),
            ..day.clone()
        };
        let bytes = whole.on(stored);
        if bytes <= most {
            queries.push(Query { bytes, ..whole });
            continue;
        }
        for stream in whole.streams {
            let bytes = stored.get(&stream).copied().unwrap_or_default();
            if let (Some(cutoff), Some((at, _))) = (cutoff, day.days)
                && bytes > cutoff
            {
                return Err((at, stream, bytes));
            }
            queries.push(Query {
                streams: BTreeSet::from([stream]),
                bytes,
                ..day.clone()
            });
        }
    }
    Ok(queries)
}

fn days(first: Day, last: Day) -> impl Iterator<Item = Day> {
    (0..=last.since(first)).map(move |at| first.plus(at))
}

/// Windows of one source, with those that touch or overlap as one.
pub fn joined(windows: BTreeSet<Window>) -> BTreeSet<Window> {
    let ledger = crate::trail::ledger::Ledger {
        windows,
        ..Default::default()
    };
    ledger.joined_windows().into_iter().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn stream(account: &str, region: &str) -> Stream {
        (account.to_owned(), region.to_owned())
    }

    fn span(from: &str, to: &str) -> Span {
        Span {
            from: day(from),
            to: day(to),
            today: day("2026-11-20"),
            roles: Vec::new(),
        }
    }

    /// So many bytes on each day.
    fn sizes(from: &str, to: &str, stored: &[(&str, &str, u64)]) -> Sizes {
        let of_day: BTreeMap<Stream, u64> = stored
            .iter()
            .map(|(account, region, bytes)| (stream(account, region), *bytes))
            .collect();
        days(day(from), day(to))
            .map(|day| (day, of_day.clone()))
            .collect()
    }

    fn shown(queries: &[Query]) -> Vec<String> {
        let shown = |query: &Query| {
            let (first, last) = query.days.unwrap();
            let (accounts, regions) = (query.accounts().join("+"), query.regions().join("+"));
            format!("{first}..{last} {accounts} {regions} {}", query.bytes)
        };
        queries.iter().map(shown).collect()
    }

    #[test]
    fn what_was_read_is_not_asked_for_again() {
        let span = span("2026-11-04", "2026-11-08");
        let sizes = sizes("2026-11-01", "2026-11-20", &[("1", "a", 10)]);
        let mut read = BTreeSet::new();
        let queries = span.queries(&sizes, &read, Some(35)).unwrap();
        // Events of the last day are delivered on the next one, too.
        assert_eq!(
            shown(&queries),
            ["2026-11-04..2026-11-06 1 a 30", "2026-11-07..2026-11-09 1 a 30"]
        );
        let done = span.windows(&queries[0], &read, "athena", "2026-11-20T00:00:00Z");
        assert_eq!(done.len(), 1);
        assert_eq!(
            (done[0].from.as_str(), done[0].to.as_str()),
            ("2026-11-04T00:00:00Z", "2026-11-06T23:40:00Z")
        );
        read.extend(done);
        let left = span.queries(&sizes, &read, Some(35)).unwrap();
        assert_eq!(shown(&left), shown(&queries[1..]));
        read.extend(span.windows(&left[0], &read, "athena", "2026-11-20T00:00:00Z"));
        let read = joined(read);
        assert_eq!(read.len(), 1);
        let whole = read.first().unwrap();
        assert_eq!(whole.to, "2026-11-09T00:00:00Z");
        assert_eq!(span.queries(&sizes, &read, None).unwrap(), []);
        // One day more needs the objects of that day and of the next.
        let longer = Span {
            to: day("2026-11-09"),
            ..span.clone()
        };
        assert_eq!(
            shown(&longer.queries(&sizes, &read, None).unwrap()),
            ["2026-11-09..2026-11-10 1 a 20"]
        );
        // Another role's calls are among those of all; those of one role are not all.
        let of_role = Span {
            roles: vec!["r".to_owned()],
            ..span.clone()
        };
        assert_eq!(of_role.queries(&sizes, &read, None).unwrap(), []);
        let read = joined(
            of_role
                .windows(&queries[0], &BTreeSet::new(), "athena", "2027")
                .into_iter()
                .collect(),
        );
        assert_eq!(span.queries(&sizes, &read, None).unwrap().len(), 1);
    }

    #[test]
    fn the_last_days_are_read_again() {
        let span = span("2026-11-17", "2026-11-20");
        let sizes = sizes("2026-11-01", "2026-11-20", &[("1", "a", 10)]);
        let queries = span.queries(&sizes, &BTreeSet::new(), None).unwrap();
        assert_eq!(shown(&queries), ["2026-11-17..2026-11-20 1 a 40"]);
        let done = span.windows(&queries[0], &BTreeSet::new(), "athena", "2026-11-20T11:40:00Z");
        assert_eq!(done[0].to, "2026-11-20T11:40:00Z");
        let left = span.queries(&sizes, &done.into_iter().collect(), None).unwrap();
        assert_eq!(shown(&left), ["2026-11-19..2026-11-20 1 a 20"]);
    }

    #[test]
    fn days_that_are_too_much_are_cut() {
        let span = span("2026-11-04", "2026-11-04");
        let stored = [("1", "a", 10), ("1", "b", 10), ("2", "a", 10), ("3", "c", 50)];
        let sizes = sizes("2026-11-04", "2026-11-04", &stored);
        let queries = span.queries(&sizes, &BTreeSet::new(), Some(60)).unwrap();
        assert_eq!(
            shown(&queries),
            [
                "2026-11-04..2026-11-04 1 a+b 20",
                "2026-11-04..2026-11-04 2 a 10",
                "2026-11-04..2026-11-04 3 c 50",
                "2026-11-05..2026-11-05 1+2+3 a+b+c 0"
            ]
        );
        let (at, of, bytes) = span.queries(&sizes, &BTreeSet::new(), Some(20)).unwrap_err();
        assert_eq!((at, of, bytes), (day("2026-11-04"), stream("3", "c"), 50));
    }

    #[test]
    fn an_account_that_joins_later_is_read_alone() {
        let span = span("2026-11-04", "2026-11-05");
        let old = sizes("2026-11-04", "2026-11-06", &[("1", "a", 10)]);
        let queries = span.queries(&old, &BTreeSet::new(), None).unwrap();
        let read: BTreeSet<Window> = span
            .windows(&queries[0], &BTreeSet::new(), "athena", "2027")
            .into_iter()
            .collect();
        let new = sizes("2026-11-04", "2026-11-06", &[("1", "a", 10), ("2", "b", 7)]);
        assert_eq!(
            shown(&span.queries(&new, &read, None).unwrap()),
            ["2026-11-04..2026-11-06 2 b 21"]
        );
    }
}
