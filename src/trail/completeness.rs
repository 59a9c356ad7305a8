//! Whether everything was read that trails recorded: the second half of what silence needs to mean something.
//!
//! Events show that a trail was on, never that nothing is missing. Digests show it (they list every object that was
//! delivered), and so does a source that gave a whole span (the event history of an account). Both are told by account and
//! region; silence is worth no more than in the worst of them.

use std::collections::BTreeSet;

use super::Trail;
use super::day;
use super::ledger::Ledger;

/// From how many days without a call on silence counts, when nobody says otherwise.
pub const ENOUGH_DAYS: u32 = 90;

impl Trail {
    /// Whether every event from `since` to the last one was read, and for long enough; the reason is in words for the
    /// reader either way. `data`: whether the calls in question are data events.
    ///
    /// # Errors
    /// The reason why not.
    pub fn is_complete_since(&self, since: &str, data: bool) -> Result<String, String> {
        let Some(last) = self.last.as_deref() else {
            return Err("the trail holds no events".to_owned());
        };
        let enough = i64::from(self.enough_days.unwrap_or(ENOUGH_DAYS));
        let days = day::number(since)
            .zip(day::number(last))
            .map_or(0, |(first, last)| last - first + 1);
        if days < enough {
            return Err(format!("only {days} of {enough} days are covered"));
        }
        let places: BTreeSet<(&str, &str)> = self
            .ledger
            .days
            .keys()
            .map(|stream| (stream.account.as_str(), stream.region.as_str()))
            .collect();
        for (account, region) in places {
            self.ledger.is_whole(account, region, (since, last), data)?;
        }
        Ok(format!(
            "{days} days, and every object of them was read, as digests and sources tell"
        ))
    }
}

impl Ledger {
    /// Whether everything of an account and region was read from one time to another.
    fn is_whole(&self, account: &str, region: &str, span: (&str, &str), data: bool) -> Result<(), String> {
        let place = format!("{account} {region}");
        let proof = self.proofs.get(&(account.to_owned(), region.to_owned()));
        if let Some(proof) = proof.filter(|proof| proof.missing > 0) {
            return Err(format!(
                "{} objects that digests of {place} name were not read",
                proof.missing
            ));
        }
        let proved = proof.into_iter().flat_map(|proof| &proof.complete);
        let windows = self.windows.iter().filter(|window| {
            let category = if data { "data" } else { "management" };
            window.account == account
                && (window.region.is_empty() || window.region == region)
                && (window.category.is_empty() || window.category == category)
                && window.principal.is_empty()
        });
        let mut spans: BTreeSet<(&str, &str)> =
            proved.map(|(from, to)| (from.as_str(), to.as_str())).collect();
        spans.extend(windows.map(|window| (window.from.as_str(), window.to.as_str())));
        match first_hole(&spans, span) {
            None => Ok(()),
            Some(hole) if hole == span.0 && spans.is_empty() => Err(format!(
                "no digest or source proves that nothing of {place} is missing"
            )),
            Some(hole) => Err(format!("nothing proves that {place} is complete from {hole} on")),
        }
    }
}

/// Where the first hole of `wanted` begins that sorted spans leave.
pub(super) fn first_hole<'s>(
    spans: &BTreeSet<(&'s str, &'s str)>,
    wanted: (&'s str, &'s str),
) -> Option<&'s str> {
    let (mut covered, end) = wanted;
    for (from, to) in spans {
        if *from > covered {
            break;
        }
        covered = covered.max(*to);
    }
    (covered < end).then_some(covered)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::trail::ledger::{Proof, Stream, Window};

    fn trail(complete: &[(&str, &str)], missing: u64) -> Trail {
        let stream = Stream {
            account: "1".to_owned(),
            region: "eu-west-1".to_owned(),
            data: None,
        };
        let complete = complete
            .iter()
            .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
        let proof = Proof {
            complete: complete.collect(),
            missing,
            examples: Vec::new(),
        };
        Trail {
            last: Some("2026-11-17T10:00:00Z".to_owned()),
            enough_days: Some(10),
            ledger: Ledger {
                days: BTreeMap::from([(
                    stream,
                    BTreeSet::from([day::number("2026-11-04").unwrap_or_default()]),
                )]),
                proofs: BTreeMap::from([(("1".to_owned(), "eu-west-1".to_owned()), proof)]),
                ..Ledger::default()
            },
            ..Trail::default()
        }
    }

    fn reason(trail: &Trail, since: &str, data: bool) -> String {
        match trail.is_complete_since(since, data) {
            Ok(reason) => format!("yes: {reason}"),
            Err(reason) => format!("no: {reason}"),
        }
    }

    #[test]
    fn digests_or_windows_prove_that_nothing_is_missing() {
        let since = "2026-11-04T00:00:00Z";
        let whole = trail(&[("2026-11-01T00:00:00Z", "2026-11-18T00:00:00Z")], 0);
        assert!(reason(&whole, since, true).starts_with("yes: 14 days"));
        assert_eq!(
            reason(&whole, "2026-11-10T00:00:00Z", true),
            "no: only 8 of 10 days are covered"
        );
        assert!(reason(&whole, "2026-10-30T00:00:00Z", true).contains("complete from 2026-10-30"));
        let missing = trail(&[("2026-11-01T00:00:00Z", "2026-11-18T00:00:00Z")], 2);
        assert!(reason(&missing, since, true).contains("2 objects"));
        let none = trail(&[], 0);
        assert!(reason(&none, since, false).contains("no digest or source proves"));
        let mut looked_up = none.clone();
        looked_up.ledger.windows.insert(Window {
            source: "lookup".to_owned(),
            account: "1".to_owned(),
            category: "management".to_owned(),
            from: since.to_owned(),
            to: "2026-11-18T00:00:00Z".to_owned(),
            ..Window::default()
        });
        assert!(reason(&looked_up, since, false).starts_with("yes"));
        assert!(reason(&looked_up, since, true).starts_with("no"));
        assert!(reason(&Trail::default(), since, true).contains("no events"));
    }

    #[test]
    fn a_hole_is_found() {
        let spans = BTreeSet::from([("a", "c"), ("b", "d"), ("f", "g")]);
        assert_eq!(first_hole(&spans, ("a", "d")), None);
        assert_eq!(first_hole(&spans, ("a", "g")), Some("d"));
        assert_eq!(first_hole(&spans, ("e", "g")), Some("e"));
    }
}
