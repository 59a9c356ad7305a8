//! What the trail says, and what its silence says: calls that were never seen, functions that nothing uses, trails that
//! tell too little.

use std::collections::{BTreeMap, BTreeSet};

use super::day::days_until;
use super::missing::quoted;
use super::rules;
use super::{Finding, Place};
use crate::usage::{Confidence, Grant, Location};
use crate::workspace::model::Function;

/// Days after which a function without activity counts as unused, when nobody says otherwise.
const UNUSED_AFTER: i64 = 30;

/// What a trail spans.
#[derive(Clone, Debug, Default)]
pub struct Window<'a> {
    /// Time of the first event.
    pub first: Option<&'a str>,
    /// Time of the last event.
    pub last: Option<&'a str>,
    /// Event sources of which it holds data events.
    pub data_event_sources: BTreeSet<&'a str>,
}

impl Window<'_> {
    /// Days between the first event and the last.
    fn days(&self) -> Option<i64> {
        days_until(self.first?, self.last?)
    }
}

/// What a team expects of a trail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// The fewest days that it shall span.
    pub min_days: Option<u32>,
    /// The most days that its last event may lie back.
    pub max_age: Option<u32>,
    /// Services whose data events it is meant to record, by event source.
    pub data_events: &'a [String],
}

/// What the trail saw of one function.
#[derive(Clone, Copy, Debug)]
pub struct Activity {
    /// How many kinds of calls.
    pub observations: usize,
    /// Whether it would have shown some call that the function's code can make.
    pub would_show: bool,
}

/// A trail that tells less than it is meant to (RF060). `place` is where the trail is named.
pub fn short_trail(
    window: &Window<'_>,
    expected: Expected<'_>,
    today: &str,
    place: Option<&Location>,
) -> Vec<Finding> {
    let mut said = Vec::new();
    if let (Some(least), Some(days)) = (expected.min_days, window.days())
        && days < i64::from(least)
    {
        said.push(format!("the trail spans {days} days, fewer than {least}"));
    }
    if let (Some(most), Some(last)) = (expected.max_age, window.last)
        && let Some(age) = days_until(last, today)
        && age > i64::from(most)
    {
        said.push(format!(
            "the trail's last event is {age} days old, more than {most}"
        ));
    }
    for service in expected.data_events {
        let source = format!("{service}.amazonaws.com");
        if window.first.is_some() && !window.data_event_sources.contains(source.as_str()) {
            said.push(format!("the trail holds no data events of `{service}`"));
        }
    }
    said.into_iter()
        .map(|message| {
            let mut finding = Finding::new(&rules::SHORT_TRAIL, None, message);
            finding.places.extend(place.map(|location| Place {
                location: location.clone(),
                label: "the trail is named here".to_owned(),
            }));
            finding
        })
        .collect()
}

/// A function that did nothing in all the time that the trail spans (RF007).
pub fn unused(
    function: &Function,
    activity: Activity,
    window: &Window<'_>,
    min_days: Option<u32>,
) -> Option<Finding> {
    let days = window.days()?;
    let enough = days >= min_days.map_or(UNUSED_AFTER, i64::from);
    let silent = activity.observations == 0 && activity.would_show;
    (enough && silent).then(|| {
        let message = format!(
            "`{}` made no call in the {days} days of the trail, although it would show some of its calls",
            function.name
        );
        let mut finding = Finding::new(&rules::UNUSED_FUNCTION, Some(&function.name), message);
        finding.confidence = Confidence::Medium;
        finding.places.push(Place {
            location: function.location.clone(),
            label: format!("function `{}`", function.name),
        });
        finding
    })
}

/// What was never seen at one place: the actions, and what the trail records of such calls.
#[derive(Default)]
struct Unseen {
    actions: BTreeSet<String>,
    recorded: BTreeSet<String>,
}

/// Calls of the code that the trail would show and never did (RF006), one finding for each resource; `left_out` tells
/// that the policy does without them, `recorded` what the trail records of a call.
pub fn never_seen(
    function: &Function,
    grants: &[&Grant],
    left_out: bool,
    recorded: &dyn Fn(&Grant) -> BTreeSet<String>,
) -> Vec<Finding> {
    let mut by_place: BTreeMap<(String, Option<&Location>), Unseen> = BTreeMap::new();
    for grant in grants {
        let at = grant
            .because()
            .iter()
            .find_map(|because| because.location.as_ref());
        let unseen = by_place.entry((grant.resource.to_string(), at)).or_default();
        unseen.actions.insert(grant.action.to_string());
        unseen.recorded.extend(recorded(grant));
    }
    by_place
        .into_iter()
        .map(|((resource, at), Unseen { actions, recorded })| {
            let names: Vec<&str> = actions.iter().map(String::as_str).collect();
            let short = crate::iam::arn::ArnPattern::new(&resource).short();
            let message = format!(
                "`{}` can call {} on `{short}`, which the trail never saw",
                function.name,
                quoted(&names)
            );
            let mut finding = Finding::new(&rules::NEVER_OBSERVED, Some(&function.name), message);
            finding.confidence = Confidence::Medium;
            finding.notes.extend(recorded);
            finding.places.extend(at.map(|location| Place {
                location: location.clone(),
                label: "asked for here".to_owned(),
            }));
            if left_out {
                let note = "`synthesis.need` leaves it out of the policy: the call will be refused";
                finding.notes.push(note.to_owned());
            }
            finding.actions = actions;
            finding.resources.insert(resource);
            finding
        })
        .collect()
}

/// What only the trail showed and the policy does without (RF005).
pub fn left_out(function: &Function, grants: &[&Grant]) -> Vec<Finding> {
    grants
        .iter()
        .map(|grant| {
            let message = format!(
                "`{}` was seen to use `{}` on `{}`, which no code explains; the policy leaves it out",
                function.name,
                grant.action,
                grant.resource.short()
            );
            let mut finding = Finding::new(&rules::OBSERVED_ONLY, Some(&function.name), message);
            finding.confidence = grant.confidence;
            finding.actions.insert(grant.action.to_string());
            finding.resources.insert(grant.resource.to_string());
            finding.places.push(Place {
                location: function.location.clone(),
                label: format!("function `{}`", function.name),
            });
            finding
        })
        .collect()
}
