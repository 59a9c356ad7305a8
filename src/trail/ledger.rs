//! The ledger of coverage: which days, accounts and regions were read, from where, and what proves that nothing is missing.
//!
//! Everything in it is a set, so that ledgers of several runs are joined in any order and as often as one likes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::completeness::first_hole;
use super::day;
use super::pattern::NamePattern;
use super::roles::{RoleName, in_all};
use super::selectors::KnownTrail;
use crate::usage::{Gap, Location};

/// What was read, apart from the calls themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The days (see [`day::number`]) on which events happened.
    pub days: BTreeMap<Stream, BTreeSet<i64>>,
    /// Spans that a source has given completely.
    pub windows: BTreeSet<Window>,
    /// What the digests of trails prove, by account and region.
    pub proofs: BTreeMap<(String, String), Proof>,
    /// What trails were told to record, as far as somebody said.
    pub trails: BTreeSet<KnownTrail>,
    /// Set when of something only the calls of some roles were read: those for which all of it was. Silence about any other
    /// role says nothing.
    pub only_roles: Option<BTreeSet<RoleName>>,
}

/// A stream of events of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// The account that the trail belongs to.
    pub account: String,
    /// The region of the calls.
    pub region: String,
    /// For data events the event source, such as `s3.amazonaws.com`; `None` for management events.
    pub data: Option<String>,
}

/// A span of time that a source has given completely, as far as it records: every event of the kind in it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// Where the events came from: `lookup`, `athena`, `s3://bucket/prefix` …
    pub source: String,
    /// The account.
    pub account: String,
    /// The region; empty for all.
    pub region: String,
    /// `management`, `data`, or empty for both.
    pub category: String,
    /// Whose events were asked for, such as the name of a session; empty for everyone's.
    pub principal: String,
    /// Begin, `2026-11-04T08:30:00Z`.
    pub from: String,
    /// End, not itself part of the span.
    pub to: String,
}

/// What the digests of one account and region prove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Spans of time for which every object that the trail delivered was read, sorted, without overlap.
    pub complete: Vec<(String, String)>,
    /// How many objects digests name that were not read.
    pub missing: u64,
    /// The names of the first ones of those, sorted, at most 5.
    pub examples: Vec<String>,
}

/// A digest: the list of the objects that a trail delivered in an hour.
///
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Begin of the hour.
    pub from: String,
    /// Its end.
    pub to: String,
    /// File names of the objects, without folders, with the SHA-256 of what they unpack to, in hexadecimal. Among them are the
    /// digest before this one, as this one tells it, and this one itself, as it was read: so that a chain of digests can be
    /// held together.
    pub listed: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenDigest {
    #[serde(default)]
    aws_account_id: String,
    digest_start_time: String,
    digest_end_time: String,
    #[serde(default, rename = "digestS3Object")]
    digest_object: Option<String>,
    #[serde(default, rename = "previousDigestS3Object")]
    previous_object: Option<String>,
    #[serde(default)]
    previous_digest_hash_value: Option<String>,
    #[serde(default)]
    log_files: Vec<WrittenFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenFile {
    #[serde(rename = "s3Object")]
    object: String,
    #[serde(default)]
    hash_value: Option<String>,
}

impl Digest {
    /// Reads a digest; `key` is the object's own key, which tells the region where the digest does not. `None` for what
    /// is no whole digest.
    pub fn read(key: &str, text: &str) -> Option<Self> {
        let written: WrittenDigest = serde_json::from_str(text).ok()?;
        let region = |key: &str| {
            let mut parts = key.split('/').skip_while(|part| *part != "CloudTrail-Digest");
            parts.nth(1).map(str::to_owned)
        };
        let stated = written.digest_object.as_deref().and_then(region);
        let listed = written.log_files.into_iter().map(|file| {
            let hash = file.hash_value.unwrap_or_default();
            (file_name(&file.object).to_owned(), hash)
        });
        let mut listed: BTreeMap<String, String> = listed.collect();
        // The first digest of a trail follows none.
        if let (Some(object), Some(hash)) = (written.previous_object, written.previous_digest_hash_value) {
            listed.insert(file_name(&object).to_owned(), hash);
        }
        if is_digest(file_name(key)) {
            let own = Sha256::digest(text.as_bytes());
            let own = own.iter().map(|byte| format!("{byte:02x}")).collect();
            listed.insert(file_name(key).to_owned(), own);
        }
        Some(Self {
            account: written.aws_account_id,
            region: stated.or_else(|| region(key)).unwrap_or_default(),
            from: written.digest_start_time,
            to: written.digest_end_time,
            listed,
        })
    }
}

/// Whether a file name is that of a digest.
fn is_digest(name: &str) -> bool {
    name.contains("_CloudTrail-Digest_")
}

/// The names of digests that the digests after them tell another hash of: somebody changed them, and what they prove is
/// nothing. The last ones of a chain are vouched for by none.
pub fn altered(digests: &BTreeMap<String, Digest>) -> BTreeSet<&str> {
    let told = digests.iter().flat_map(|(name, digest)| {
        let before = digest.listed.iter().filter(|(listed, _)| is_digest(listed));
        before.filter(move |(listed, _)| *listed != name)
    });
    let is_other = |(name, hash): &(&String, &String)| {
        let own = digests.get(*name).and_then(|digest| digest.listed.get(*name));
        own.is_some_and(|own| !own.eq_ignore_ascii_case(hash))
    };
    told.filter(is_other).map(|(name, _)| name.as_str()).collect()
}

/// A gap for each digest that was changed.
pub fn chain_gaps(digests: &BTreeMap<String, Digest>) -> Vec<Gap> {
    let gap = |name: &str| {
        let message = format!(
            "the digest `{name}` is not what CloudTrail delivered: the one after it tells another SHA-256"
        );
        Gap::new("trail-object-altered", message)
            .at(Location::new(name, 1, 1))
            .hint("find out who changed it (`aws cloudtrail validate-logs`); what it lists proves nothing")
    };
    altered(digests).into_iter().map(gap).collect()
}

/// The last part of a key: trail objects have names of their own, whatever folder they were copied to.
pub fn file_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// What digests prove when the objects for which `was_read` holds were read.
pub fn proofs(
    digests: &BTreeMap<String, Digest>,
    was_read: impl Fn(&str) -> bool,
) -> BTreeMap<(String, String), Proof> {
    const EXAMPLES: usize = 5;
    let mut missing: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    let mut spans: BTreeMap<(String, String), BTreeSet<(&str, &str)>> = BTreeMap::new();
    let mut holes: BTreeMap<(String, String), BTreeSet<(&str, &str)>> = BTreeMap::new();
    let altered = altered(digests);
    for (name, digest) in digests {
        let place = (digest.account.clone(), digest.region.clone());
        let unread: Vec<&str> = digest
            .listed
            .keys()
            .map(String::as_str)
            .filter(|name| !is_digest(name) && !was_read(name))
            .collect();
        let span = (digest.from.as_str(), digest.to.as_str());
        let is_whole = unread.is_empty() && !altered.contains(name.as_str());
        let spans = if is_whole { &mut spans } else { &mut holes };
        spans.entry(place.clone()).or_default().insert(span);
        missing.entry(place).or_default().extend(unread);
    }
    missing
        .into_iter()
        .map(|(place, names)| {
            // A second digest of an hour (a backfill, or that of another trail) can miss what the first one has.
            let broken = holes.remove(&place).unwrap_or_default();
            let whole = spans.remove(&place).unwrap_or_default();
            let whole = whole.into_iter().filter(|span| !broken.contains(span));
            let proof = Proof {
                complete: joined(whole),
                missing: names.len() as u64,
                examples: names.into_iter().take(EXAMPLES).map(str::to_owned).collect(),
            };
            (place, proof)
        })
        .collect()
}

/// Sorted spans of time, those that touch as one.
fn joined<'s>(spans: impl IntoIterator<Item = (&'s str, &'s str)>) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (from, to) in spans {
        match all.last_mut() {
            Some((_, last)) if last.as_str() >= from => {
                if last.as_str() < to {
                    to.clone_into(last);
                }
            }
            _ => all.push((from.to_owned(), to.to_owned())),
        }
    }
    all
}

/// The roles of which everything was read, for each place of a source that was asked for some roles alone: those whose windows
/// cover every window of that place.
pub(super) fn asked_for_alone(windows: &BTreeSet<Window>) -> Vec<BTreeSet<RoleName>> {
    type Spans<'w> = BTreeSet<(&'w str, &'w str)>;
    let mut places: BTreeMap<[&str; 4], BTreeMap<&str, Spans<'_>>> = BTreeMap::new();
    for window in windows {
        let place = [&window.source, &window.account, &window.region, &window.category];
        let asked = places.entry(place.map(String::as_str)).or_default();
        let spans = asked.entry(window.principal.as_str()).or_default();
        spans.insert((&window.from, &window.to));
    }
    let alone = |asked: &BTreeMap<&str, Spans<'_>>| -> Option<BTreeSet<RoleName>> {
        let all: Spans<'_> = asked.values().flatten().copied().collect();
        let of_everyone = asked.get("").cloned().unwrap_or_default();
        let covers = |spans: &Spans<'_>| all.iter().all(|span| first_hole(spans, *span).is_none());
        // The event history is asked by the names of sessions, not of roles.
        let roles = asked
            .iter()
            .filter_map(|(principal, spans)| {
                let role = principal
                    .starts_with("arn:")
                    .then(|| RoleName::parse(principal))??;
                Some((role, spans | &of_everyone))
            })
            .collect::<Vec<_>>();
        let is_of_some = !roles.is_empty() && !covers(&of_everyone);
        is_of_some.then(|| {
            let read = roles.into_iter().filter(|(_, spans)| covers(spans));
            read.map(|(role, _)| role).collect()
        })
    };
    places.values().filter_map(alone).collect()
}

impl Ledger {
    /// Takes in what another ledger holds.
    pub fn merge(&mut self, other: Self) {
        for (stream, days) in other.days {
            self.days.entry(stream).or_default().extend(days);
        }
        self.windows.extend(other.windows);
        self.proofs.extend(other.proofs);
        self.trails.extend(other.trails);
        self.only_roles = in_all(self.only_roles.iter().chain(&other.only_roles));
    }

    /// Why silence about a role says nothing: only the calls of others were read. The role is told by its name, or by its
    /// logical id in a stack, of which CloudFormation makes the name.
    pub fn not_read_for(&self, role: Option<&str>) -> Option<String> {
        let read = self.only_roles.as_ref()?;
        let is_read = role.is_some_and(|role| {
            let is_id = role.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let made = NamePattern::new(format!("*-{role}-*"));
            read.iter()
                .any(|read| read.name == role || (is_id && made.matches(&read.name)))
        });
        (!is_read).then(|| match read.is_empty() {
            true => "of every role some calls were not read".to_owned(),
            false => {
                let names: Vec<String> = read.iter().map(ToString::to_string).collect();
                format!("only the calls of {} were read", names.join(", "))
            }
        })
    }

    /// Windows of the same kind that touch or overlap, as one.
    pub fn joined_windows(&self) -> Vec<Window> {
        let mut kinds: BTreeMap<Window, BTreeSet<(&str, &str)>> = BTreeMap::new();
        for window in &self.windows {
            let kind = Window {
                from: String::new(),
                to: String::new(),
                ..window.clone()
            };
            kinds.entry(kind).or_default().insert((&window.from, &window.to));
        }
        kinds
            .into_iter()
            .flat_map(|(kind, spans)| {
                joined(spans).into_iter().map(move |(from, to)| Window {
                    from,
                    to,
                    ..kind.clone()
                })
            })
            .collect()
    }

    /// The days from the first event to the last on which no stream of an account and region holds an event: a trail that
    /// is on nearly always records something.
    pub fn silent_days(&self) -> BTreeMap<(&str, &str), Vec<(i64, i64)>> {
        let mut seen: BTreeMap<(&str, &str), BTreeSet<i64>> = BTreeMap::new();
        for (stream, days) in &self.days {
            let place = (stream.account.as_str(), stream.region.as_str());
            seen.entry(place).or_default().extend(days);
        }
        seen.into_iter()
            .filter_map(|(place, days)| {
                let (first, last) = (*days.first()?, *days.last()?);
                let silent = (first..=last).filter(|day| !days.contains(day));
                let spans = day::spans(silent);
                (!spans.is_empty()).then_some((place, spans))
            })
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::Value;

    use super::*;

    fn digest(from: &str, to: &str, names: &[&str]) -> Digest {
        Digest {
            account: "1".to_owned(),
            region: "eu-west-1".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            listed: names
                .iter()
                .map(|name| ((*name).to_owned(), String::new()))
                .collect(),
        }
    }

    #[test]
    fn sources_that_were_asked_for_some_roles_say_nothing_of_others() {
        let window = |principal: &str, from: u32, to: u32| Window {
            source: "lake:x".to_owned(),
            principal: match principal {
                "" => String::new(),
                name => format!("arn:aws:iam::111122223333:role/service/{name}"),
            },
            from: format!("2026-11-{from:02}T00:00:00Z"),
            to: format!("2026-11-{to:02}T00:00:00Z"),
            ..Window::default()
        };
        let alone = |windows: &[(&str, u32, u32)]| -> Vec<String> {
            let windows = windows.iter().map(|(who, from, to)| window(who, *from, *to));
            let sets = asked_for_alone(&windows.collect());
            let names = |roles: &BTreeSet<RoleName>| -> Vec<String> {
                roles.iter().map(|role| role.name.clone()).collect()
            };
            sets.iter().map(|roles| names(roles).join(",")).collect()
        };
        assert_eq!(alone(&[("", 1, 9)]), [""; 0]);
        assert_eq!(alone(&[("a", 1, 5), ("a", 5, 9)]), ["a"]);
        assert_eq!(alone(&[("a", 1, 9), ("b", 1, 9)]), ["a,b"]);
        // What was not read of one of them, and what was then read of everyone.
        assert_eq!(alone(&[("a", 1, 9), ("b", 1, 5)]), ["a"]);
        assert_eq!(alone(&[("a", 1, 5), ("b", 5, 9)]), [""]);
        assert_eq!(alone(&[("a", 1, 9), ("b", 1, 5), ("", 4, 9)]), ["a,b"]);
        assert_eq!(alone(&[("a", 2, 5), ("", 1, 9)]), [""; 0]);
        // A time that nobody asked for is no hole.
        assert_eq!(alone(&[("a", 1, 3), ("a", 7, 9)]), ["a"]);
    }

    #[test]
    fn digests_prove_hours_whose_objects_were_all_read() {
        let digests = [
            digest("2026-11-04T08", "2026-11-04T09", &["a"]),
            digest("2026-11-04T09", "2026-11-04T10", &[]),
            digest("2026-11-04T10", "2026-11-04T11", &["b", "c"]),
            digest("2026-11-04T11", "2026-11-04T12", &["d"]),
        ];
        let digests = digests.map(|digest| (digest.from.clone(), digest)).into();
        let proofs = proofs(&digests, |name| name != "c");
        let proof = proofs.values().next().unwrap();
        let spans: Vec<(&str, &str)> = proof
            .complete
            .iter()
            .map(|(from, to)| (from.as_str(), to.as_str()))
            .collect();
        assert_eq!(
            spans,
            [
                ("2026-11-04T08", "2026-11-04T10"),
                ("2026-11-04T11", "2026-11-04T12")
            ]
        );
        assert_eq!((proof.missing, proof.examples.clone()), (1, vec!["c".to_owned()]));
    }

    #[test]
    fn a_digest_that_the_next_one_does_not_know_proves_nothing() {
        let name = |hour: u32| format!("1_CloudTrail-Digest_r_audit_r_20261104T{hour:02}0000Z.json.gz");
        let text = |hour: u32, before: Option<(&str, &str)>| {
            let (object, hash) = before.map_or((Value::Null, Value::Null), |(name, hash)| {
                (
                    format!("AWSLogs/1/CloudTrail-Digest/r/2026/11/04/{name}").into(),
                    hash.into(),
                )
            });
            serde_json::json!({"awsAccountId": "1", "digestStartTime": format!("2026-11-04T{:02}", hour - 1),
                "digestEndTime": format!("2026-11-04T{hour:02}"), "digestS3Object": "x/CloudTrail-Digest/r/y",
                "previousDigestS3Object": object, "previousDigestHashValue": hash, "logFiles": []})
            .to_string()
        };
        let chain = |change: &dyn Fn(u32, String) -> String| {
            let mut digests = BTreeMap::new();
            let mut before: Option<(String, String)> = None;
            for hour in 1..=3 {
                let (known, hash) = before.clone().unwrap_or_default();
                let delivered = text(hour, before.is_some().then_some((known.as_str(), hash.as_str())));
                let hash = Sha256::digest(delivered.as_bytes());
                let hash: String = hash.iter().map(|byte| format!("{byte:02X}")).collect();
                before = Some((name(hour), hash));
                let read = Digest::read(&name(hour), &change(hour, delivered)).unwrap();
                digests.insert(name(hour), read);
            }
            digests
        };
        let sound = chain(&|_, text| text);
        assert_eq!(altered(&sound), BTreeSet::new());
        let place = ("1".to_owned(), "r".to_owned());
        let proof = proofs(&sound, |_| true).remove(&place).unwrap();
        assert_eq!(
            (proof.complete, proof.missing),
            (vec![("2026-11-04T00".to_owned(), "2026-11-04T03".to_owned())], 0)
        );
        // Somebody took an object out of the second one's list.
        let forged = chain(&|hour, text| match hour {
            2 => text.replace("\"logFiles\":[]", "\"logFiles\": []"),
            _ => text,
        });
        assert_eq!(altered(&forged), BTreeSet::from([name(2).as_str()]));
        let proof = proofs(&forged, |_| true).remove(&place).unwrap();
        assert_eq!(
            proof.complete,
            [
                ("2026-11-04T00".to_owned(), "2026-11-04T01".to_owned()),
                ("2026-11-04T02".to_owned(), "2026-11-04T03".to_owned())
            ]
        );
        let gaps = chain_gaps(&forged);
        let codes: Vec<&str> = gaps.iter().map(|gap| gap.code).collect();
        assert_eq!(codes, ["trail-object-altered"]);
        // A digest that was not read is no forgery: its hour is missing from the spans.
        let mut cut = sound;
        cut.remove(&name(2));
        assert_eq!(altered(&cut), BTreeSet::new());
        assert_eq!(proofs(&cut, |_| true).remove(&place).unwrap().complete.len(), 2);
    }

    #[test]
    fn a_digest_tells_its_region_by_its_own_key_or_by_the_one_it_states() {
        let text = |object: &str| {
            format!(
                "{{\"awsAccountId\":\"1\",\"digestStartTime\":\"a\",\"digestEndTime\":\"b\",{object}\"logFiles\":[{{\"s3Object\":\
                 \"p/AWSLogs/1/CloudTrail/eu-west-1/x.json.gz\",\"hashValue\":\"ab\"}}]}}"
            )
        };
        let key = "AWSLogs/1/CloudTrail-Digest/eu-west-1/2026/x.json.gz";
        let own = Digest::read(key, &text("")).unwrap();
        assert_eq!(own.region, "eu-west-1");
        assert_eq!(own.listed.get("x.json.gz").unwrap(), "ab");
        let stated = "\"digestS3Object\":\"p/AWSLogs/1/CloudTrail-Digest/us-east-1/y.json.gz\",";
        assert_eq!(Digest::read(key, &text(stated)).unwrap().region, "us-east-1");
        assert_eq!(Digest::read(key, "{}"), None);
    }

    #[test]
    fn windows_that_touch_are_one() {
        let window = |from: &str, to: &str| Window {
            source: "lookup".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            ..Window::default()
        };
        let ledger = Ledger {
            windows: BTreeSet::from([
                window("a", "c"),
                window("b", "d"),
                window("d", "e"),
                window("f", "g"),
            ]),
            ..Ledger::default()
        };
        assert_eq!(ledger.joined_windows(), [window("a", "e"), window("f", "g")]);
    }

    #[test]
    fn days_without_any_event_are_told() {
        let stream = |data: Option<&str>| Stream {
            account: "1".to_owned(),
            region: "r".to_owned(),
            data: data.map(str::to_owned),
        };
        let ledger = Ledger {
            days: BTreeMap::from([
                (stream(None), BTreeSet::from([1, 2, 6])),
                (stream(Some("s3.amazonaws.com")), BTreeSet::from([3])),
            ]),
            ..Ledger::default()
        };
        assert_eq!(ledger.silent_days(), BTreeMap::from([(("1", "r"), vec![(4, 5)])]));
    }
}
