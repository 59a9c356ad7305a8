//! What silence is worth: whether a trail would have shown an operation.

use crate::catalog::{Catalog, Recording};
use crate::usage::{Coverage, OperationId};

use super::selectors::{
    Call, Recorded, TrailSettings, last_start, newest, recorded, stopped_since, unchanged_since,
};

use super::Trail;

/// The worth of silence about one operation, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// How much it says.
    pub level: Coverage,
    /// Why, in words for the reader.
    pub reason: String,
}

impl Trail {
    /// What it says that `operation` was not seen.
    ///
    /// `full` takes the word of a trail's settings, known for as long as silence must last to mean something, and a proof
    /// that all of it was read.
    pub fn coverage(&self, operation: &OperationId) -> Silence {
        self.coverage_of(operation, None, None)
    }

    /// The same for one resource and one role, by its name: what trails were told to record can leave them out, and perhaps not
    /// every role's calls were read. Both may have `*` and `${…}` in the place of what is not known.
    pub fn coverage_of(
        &self,
        operation: &OperationId,
        resource: Option<&str>,
        role: Option<&str>,
    ) -> Silence {
        match self.ledger.not_read_for(role) {
            Some(reason) => Silence {
                level: Coverage::None,
                reason,
            },
            None => self.coverage_where_read(operation, resource, role),
        }
    }

    /// The same for a role of which all calls were read that the trail holds, see [`Ledger::not_read_for`].
    ///
    /// [`Ledger::not_read_for`]: super::ledger::Ledger::not_read_for
    pub fn coverage_where_read(
        &self,
        operation: &OperationId,
        resource: Option<&str>,
        role: Option<&str>,
    ) -> Silence {
        let seen = self.by_events(operation);
        let mut call = Call::new(Catalog::embedded(), operation);
        if let Some(resource) = resource {
            call = call.on(resource);
        }
        if let Some(role) = role {
            call = call.by_role(role);
        }
        let Some(told) = self.by_settings(&call) else {
            return seen;
        };
        let since = told.since();
        let silence = told.join(seen, self.last.as_deref());
        match since {
            Some(since) if silence.level == Coverage::Partial => self.raised(silence, &since, operation),
            _ => silence,
        }
    }

    /// What silence is worth when the settings of a trail were the right ones `since` then: `full`, if everything that the
    /// trail recorded from there on was read.
    fn raised(&self, silence: Silence, since: &str, operation: &OperationId) -> Silence {
        // Before the first event nothing was read.
        let since = self.first.as_deref().map_or(since, |first| since.max(first));
        let data = matches!(Recording::of(operation), Recording::Data { .. });
        let (level, told) = match self.is_complete_since(since, data) {
            Ok(told) => (Coverage::Full, told),
            Err(told) => (silence.level, told),
        };
        Silence {
            level,
            reason: format!("{}; {told}", silence.reason),
        }
    }

    /// What the settings of trails say, where they are known.
    fn by_settings(&self, call: &Call) -> Option<Settled> {
        let known = newest(&self.ledger.trails);
        let trails = known.iter().map(|(trail, _)| trail.clone());
        let (stopped, trails): (Vec<TrailSettings>, Vec<TrailSettings>) = trails.partition(|trail| {
            let arn = trail.arn.as_str();
            stopped_since(&self.ledger.trails, arn).is_some()
        });
        if trails.is_empty() && stopped.is_empty() {
            return None;
        }
        let by_running = recorded(&trails, call);
        if !matches!(by_running, Recorded::Yes(_))
            && let Some(told) = self.by_stopped(&stopped, call)
        {
            return Some(Settled::Partly(told));
        }
        Some(match by_running {
            Recorded::No(reason) => Settled::No(reason),
            Recorded::Partly(reason) => Settled::Partly(reason),
            Recorded::Yes(name) => {
                let changed = |(trail, changed): &(TrailSettings, bool)| *changed && trail.shown() == name;
                let of_name = known.iter().find(|(trail, _)| trail.shown() == name);
                let arn = of_name.map_or("", |(trail, _)| trail.arn.as_str());
                let since = unchanged_since(&self.ledger.trails, arn).map(str::to_owned);
                // What was recorded before it was last started is another matter.
                let started =
                    last_start(&self.ledger.trails, arn).filter(|start| Some(*start) > since.as_deref());
                if let (Some(_), Some(started)) = (&since, started) {
                    return Some(Settled::Yes {
                        told: format!(
                            "the trail {name} is told to record it, and does since it was started or changed on {}",
                            day(started)
                        ),
                        since: Some(started.to_owned()),
                    });
                }
                match since {
                    None if known.iter().any(changed) => Settled::Partly(format!(
                        "the trail {name} records it now, and was told otherwise before"
                    )),
                    Some(since) if known.iter().any(changed) => Settled::Yes {
                        told: format!(
                            "the trail {name} is told to record it since {}, and was told otherwise before",
                            day(&since)
                        ),
                        since: Some(since),
                    },
                    since => Settled::Yes {
                        since,
                        told: format!("the trail {name} is told to record it"),
                    },
                }
            }
        })
    }

    /// What trails that are stopped say that would record the call.
    fn by_stopped(&self, stopped: &[TrailSettings], call: &Call) -> Option<String> {
        let records =
            |trail: &&TrailSettings| matches!(trail.recorded(call), Recorded::Yes(_) | Recorded::Partly(_));
        let trail = stopped.iter().find(records)?;
        let since = stopped_since(&self.ledger.trails, &trail.arn)?;
        Some(format!(
            "the trail {} was stopped on {}, and silence since then says nothing",
            trail.shown(),
            day(since)
        ))
    }

    /// What the events of the trail itself say.
    fn by_events(&self, operation: &OperationId) -> Silence {
        let none = |reason: String| Silence {
            level: Coverage::None,
            reason,
        };
        let (Some(first), Some(last)) = (&self.first, &self.last) else {
            return none("the trail holds no events".to_owned());
        };
        let window = format!("{} to {}", day(first), day(last));
        match Recording::of(operation) {
            Recording::Never => none(format!("CloudTrail does not record {operation}")),
            Recording::Data { event_sources } if event_sources.is_disjoint(&self.data_event_sources) => none(
                format!("{operation} is a data event, and the trail holds no data events of its service"),
            ),
            Recording::Data { .. } => Silence {
                level: Coverage::Partial,
                reason: format!(
                    "the trail holds data events of the service from {window}, though perhaps not of every resource"
                ),
            },
            Recording::Management => Silence {
                level: Coverage::Partial,
                reason: format!("the trail holds management events from {window}"),
            },
        }
    }
}

/// What the settings of trails say of a call.
enum Settled {
    No(String),
    Partly(String),
    /// Since it was first asked.
    Yes {
        since: Option<String>,
        told: String,
    },
}

impl Settled {
    /// Since when a trail is known to be told to record the call.
    fn since(&self) -> Option<String> {
        match self {
            Self::Yes { since, .. } => since.clone(),
            Self::No(_) | Self::Partly(_) => None,
        }
    }

    /// Joins it with what the events say. Settings are those of one time and events are facts: what was seen to be recorded
    /// counts, though the settings leave it out; and what no event shows is not proved by settings alone, since nobody knows
    /// since when they hold.
    fn join(self, seen: Silence, last: Option<&str>) -> Silence {
        let Silence { level, reason } = seen;
        match self {
            Self::No(told) if level == Coverage::None => Silence { level, reason: told },
            Self::No(told) => Silence {
                level: level.min(Coverage::Partial),
                reason: format!("{reason}; {told} today"),
            },
            Self::Partly(told) => Silence {
                level: level.min(Coverage::Partial),
                reason: format!("{reason}; {told}"),
            },
            Self::Yes { since, told } if level == Coverage::None => match since {
                // The settings were the same from the first time that somebody asked to the last event.
                Some(since) if last.is_some_and(|last| day(&since) < day(last)) => Silence {
                    level: Coverage::Partial,
                    reason: format!("{told} since {} at least", day(&since)),
                },
                _ => Silence {
                    level: Coverage::None,
                    reason: format!("{reason}, though {told}; since when is not known"),
                },
            },
            Self::Yes { told, .. } => Silence {
                level,
                reason: format!("{reason}; {told}"),
            },
        }
    }
}

/// The day of a time stamp.
fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::trail::selectors::KnownTrail;

    #[test]
    fn silence_is_worth_what_the_trail_records() {
        let trail = Trail {
            first: Some("2026-11-04T00:00:00Z".to_owned()),
            last: Some("2026-11-17T00:00:00Z".to_owned()),
            data_event_sources: BTreeSet::from(["dynamodb.amazonaws.com".to_owned()]),
            ..Trail::default()
        };
        let check = |operation: &str, level: Coverage, reason: &str| {
            let coverage = trail.coverage(&OperationId::parse(operation).unwrap());
            assert_eq!(coverage.level, level, "{operation}");
            assert!(
                coverage.reason.contains(reason),
                "{operation}: {}",
                coverage.reason
            );
        };
        check("dynamodb.PutItem", Coverage::Partial, "2026-11-04 to 2026-11-17");
        check("dynamodb.CreateTable", Coverage::Partial, "management events");
        check("s3.GetObject", Coverage::None, "no data events");
        check("cloudwatchlogs.PutLogEvents", Coverage::None, "does not record");
        let mut trail = trail;
        let mut told = |asked: &str, selectors: &str| {
            let text = format!(
                "{{\"TrailARN\": \"arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit\", {selectors}}}"
            );
            let settings = crate::trail::selectors::parse(&text).unwrap().remove(0);
            let asked = asked.to_owned();
            trail.ledger.trails.insert(KnownTrail { asked, settings });
            let silence = |operation: &str, resource: &str| {
                let operation = OperationId::parse(operation).unwrap();
                let silence = trail.coverage_of(&operation, Some(resource), None);
                (silence.level, silence.reason)
            };
            (
                silence("s3.GetObject", "arn:aws:s3:::shop/a"),
                silence("s3.GetObject", "arn:aws:s3:::other/a"),
                silence("kms.Decrypt", "*"),
            )
        };
        let selectors = "\"AdvancedEventSelectors\": [{\"FieldSelectors\": [{\"Field\": \"eventCategory\", \"Equals\": [\"Data\"]}, \
             {\"Field\": \"resources.type\", \"Equals\": [\"AWS::S3::Object\"]}, \
             {\"Field\": \"resources.ARN\", \"StartsWith\": [\"arn:aws:s3:::shop/\"]}]}]";
        let (shop, other, key) = told("", selectors);
        assert_eq!(shop.0, Coverage::None, "{shop:?}");
        assert!(shop.1.contains("since when is not known"), "{shop:?}");
        assert_eq!(other.0, Coverage::None);
        assert!(other.1.contains("leave s3.GetObject out"), "{other:?}");
        // The trail holds management events all the same: it was told so once.
        assert_eq!(key.0, Coverage::Partial, "{key:?}");
        let (shop, _, _) = told("2026-11-10T00:00:00Z", selectors);
        assert_eq!(shop.0, Coverage::Partial, "{shop:?}");
        assert!(shop.1.contains("since 2026-11-10"), "{shop:?}");
        let (shop, _, _) = told(
            "2026-11-12T00:00:00Z",
            "\"EventSelectors\": [{\"ReadWriteType\": \"All\"}]",
        );
        assert_eq!(shop.0, Coverage::None, "{shop:?}");
        let silent = Trail::default().coverage(&OperationId::new("s3", "CreateBucket"));
        assert_eq!(silent.level, Coverage::None);
    }

    #[test]
    fn silence_counts_from_the_last_change_of_selectors_on() {
        let mut trail = Trail {
            first: Some("2026-11-01T00:00:00Z".to_owned()),
            last: Some("2026-11-17T00:00:00Z".to_owned()),
            ..Trail::default()
        };
        let told = |asked: &str, kind: &str| {
            let text = format!(
                "{{\"TrailARN\": \"arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit\", \"EventSelectors\": \
                 [{{\"ReadWriteType\": \"{kind}\", \"IncludeManagementEvents\": true}}]}}"
            );
            KnownTrail {
                asked: asked.to_owned(),
                settings: crate::trail::selectors::parse(&text).unwrap().remove(0),
            }
        };
        let worth = |trail: &Trail| {
            let silence = trail.coverage(&OperationId::new("dynamodb", "CreateTable"));
            (silence.level, silence.reason)
        };
        trail
            .ledger
            .trails
            .insert(told("2026-11-03T00:00:00Z", "ReadOnly"));
        assert_eq!(worth(&trail).0, Coverage::Partial);
        assert!(
            worth(&trail).1.contains("leave dynamodb.CreateTable out"),
            "{:?}",
            worth(&trail)
        );
        // An event of the trail tells that it was changed in between.
        trail.ledger.trails.insert(told("2026-11-09T00:00:00Z", "All"));
        let (level, reason) = worth(&trail);
        assert_eq!(level, Coverage::Partial);
        assert!(
            reason.contains("is told to record it since 2026-11-09, and was told otherwise before"),
            "{reason}"
        );
        // Enough days, but not since then.
        trail.enough_days = Some(10);
        assert!(
            worth(&trail).1.contains("only 9 of 10 days"),
            "{:?}",
            worth(&trail)
        );
        // What has no time may be older or newer: nobody knows since when it holds.
        trail.ledger.trails.insert(told("", "WriteOnly"));
        assert!(
            worth(&trail)
                .1
                .contains("records it now, and was told otherwise before")
        );
    }

    #[test]
    fn silence_is_worth_all_when_settings_and_digests_say_so() {
        use crate::trail::ledger::{Proof, Stream};
        let place = ("111122223333".to_owned(), "eu-west-1".to_owned());
        let text = "{\"TrailARN\": \"arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit\", \
                    \"EventSelectors\": [{\"ReadWriteType\": \"All\", \"IncludeManagementEvents\": true}]}";
        let settings = crate::trail::selectors::parse(text).unwrap().remove(0);
        let mut trail = Trail {
            first: Some("2026-08-01T00:00:00Z".to_owned()),
            last: Some("2026-11-17T00:00:00Z".to_owned()),
            ..Trail::default()
        };
        let stream = Stream {
            account: place.0.clone(),
            region: place.1.clone(),
            data: None,
        };
        trail.ledger.days.insert(stream, BTreeSet::new());
        trail.ledger.trails.insert(KnownTrail {
            asked: "2026-07-15T00:00:00Z".to_owned(),
            settings,
        });
        let worth = |trail: &Trail| {
            let silence = trail.coverage(&OperationId::new("dynamodb", "CreateTable"));
            (silence.level, silence.reason)
        };
        let (level, reason) = worth(&trail);
        assert_eq!(level, Coverage::Partial);
        assert!(reason.contains("no digest or source proves"), "{reason}");
        let complete = (
            "2026-07-30T00:00:00Z".to_owned(),
            "2026-11-18T00:00:00Z".to_owned(),
        );
        trail.ledger.proofs.insert(
            place,
            Proof {
                complete: vec![complete],
                ..Proof::default()
            },
        );
        let (level, reason) = worth(&trail);
        assert_eq!(level, Coverage::Full, "{reason}");
        assert!(reason.contains("109 days, and every object"), "{reason}");
        trail.enough_days = Some(120);
        let (level, reason) = worth(&trail);
        assert_eq!(level, Coverage::Partial);
        assert!(reason.contains("only 109 of 120 days"), "{reason}");
    }
}
