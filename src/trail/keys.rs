//! Keys of a trail's objects in a bucket: whose they are, of which region and day, and what they hold.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>

use super::moment::Day;

/// A bucket, and the beginning of keys in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The bucket's name.
    pub bucket: String,
    /// The beginning of keys; empty for the whole bucket.
    pub prefix: String,
}

impl Place {
    /// Reads `s3://bucket/prefix`; `None` for what is not that.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let fits = bucket.len() >= 3 && bucket.chars().all(name);
        fits.then(|| Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// What a reader calls an object here.
    pub fn shown(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// What the objects of a folder hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Management and data events.
    Log,
    /// Hourly lists of objects with their hashes.
    Digest,
    /// Sums over five minutes.
    Aggregated,
    /// Calls as endpoints of networks saw them.
    NetworkActivity,
    /// Unusual activity.
    Insight,
}

impl Kind {
    /// The kind that a folder's name tells.
    pub fn of_folder(name: &str) -> Option<Self> {
        match name {
            "CloudTrail" => Some(Self::Log),
            "CloudTrail-Digest" => Some(Self::Digest),
            "CloudTrail-Aggregated" => Some(Self::Aggregated),
            "CloudTrail-NetworkActivity" => Some(Self::NetworkActivity),
            "CloudTrail-Insight" => Some(Self::Insight),
            _ => None,
        }
    }
}

/// What a key tells of its object: `[prefix/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail[-Kind]/REGION/YYYY/MM/DD/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey<'k> {
    /// The account whose events it holds.
    pub account: &'k str,
    /// What it holds.
    pub kind: Kind,
    /// The region.
    pub region: &'k str,
    /// The day of its delivery, which for some events is the day after.
    pub day: Day,
    /// The last part.
    pub name: &'k str,
}

impl<'k> ObjectKey<'k> {
    /// Reads a key; `None` for one that CloudTrail did not make.
    pub fn parse(key: &'k str) -> Option<Self> {
        let mut parts = key.rsplit('/');
        let name = parts.next()?;
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        let region = parts.next()?;
        let kind = Kind::of_folder(parts.next()?)?;
        let account = parts.next().filter(|account| is_account(account))?;
        Some(Self {
            account,
            kind,
            region,
            day: Day::parse(&format!("{year}-{month}-{day}"))?,
            name,
        })
    }

    /// When it was delivered, `20261104T0830Z` of the name.
    pub fn stamp(&self) -> Option<&'k str> {
        self.name.split(['_', '.']).find(|part| {
            let digits = part.bytes().filter(u8::is_ascii_digit).count();
            part.ends_with('Z') && part.contains('T') && digits + 2 == part.len()
        })
    }
}

/// Whether a text is the number of an account.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn places_are_buckets_and_beginnings() {
        let place = Place::parse("s3://audit-logs/o/AWSLogs/").unwrap();
        assert_eq!(
            (place.bucket.as_str(), place.prefix.as_str()),
            ("audit-logs", "o/AWSLogs/")
        );
        assert_eq!(place.to_string(), "s3://audit-logs/o/AWSLogs/");
        assert_eq!(Place::parse("s3://audit-logs").unwrap().prefix, "");
        for wrong in ["trail/", "s3:/audit", "s3://a b/c", "s3://", "https://audit-logs"] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn keys_tell_whose_they_are() {
        let key = "x/AWSLogs/o-abc/111122223333/CloudTrail/eu-west-1/2026/11/04/\
                   111122223333_CloudTrail_eu-west-1_20261104T0830Z_AbCdEfGhIjKlMnOp.json.gz";
        let parsed = ObjectKey::parse(key).unwrap();
        assert_eq!(
            (parsed.account, parsed.region, parsed.kind),
            ("111122223333", "eu-west-1", Kind::Log)
        );
        assert_eq!(parsed.day.to_string(), "2026-11-04");
        assert_eq!(parsed.stamp(), Some("20261104T0830Z"));
        let digest = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/04/\
                      111122223333_CloudTrail-Digest_us-east-1_audit_eu-west-1_20261104T083009Z.json.gz";
        let parsed = ObjectKey::parse(digest).unwrap();
        assert_eq!(
            (parsed.kind, parsed.stamp()),
            (Kind::Digest, Some("20261104T083009Z"))
        );
        for wrong in [
            "AWSLogs/111122223333/Config/eu-west-1/2026/11/04/a.json.gz",
            "AWSLogs/1/CloudTrail/eu-west-1/2026/11/04/a.json.gz",
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/31/a.json.gz",
            "AWSLogs/111122223333/CloudTrail/",
            "a.json.gz",
        ] {
            assert_eq!(ObjectKey::parse(wrong), None, "{wrong}");
        }
    }
}
