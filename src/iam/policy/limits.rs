//! How large a policy may be, by where it is attached.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html> and
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>

/// Where a document is attached, as far as its size goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A customer managed policy.
    Managed,
    /// All inline policies of a role together.
    InlineRole,
    /// All inline policies of a group together.
    InlineGroup,
    /// All inline policies of a user together.
    InlineUser,
    /// A trust policy.
    Trust,
    /// All session policies together.
    Session,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
    /// A bucket policy.
    Bucket,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Characters that are no white space.
    NonWhitespace,
    /// Characters.
    Characters,
    /// Bytes.
    Bytes,
}

/// How large a document may be in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Where.
    pub place: Place,
    /// What is counted.
    pub unit: Unit,
    /// How many, unless AWS was asked for more.
    pub default: usize,
    /// How many at most.
    pub most: usize,
}

const fn limit(place: Place, unit: Unit, default: usize, most: usize) -> Limit {
    Limit {
        place,
        unit,
        default,
        most,
    }
}

/// The limit of every place.
pub const LIMITS: [Limit; 9] = [
    limit(Place::Managed, Unit::NonWhitespace, 6_144, 6_144),
    limit(Place::InlineRole, Unit::NonWhitespace, 10_240, 10_240),
    limit(Place::InlineGroup, Unit::NonWhitespace, 5_120, 5_120),
    limit(Place::InlineUser, Unit::NonWhitespace, 2_048, 2_048),
    limit(Place::Trust, Unit::NonWhitespace, 2_048, 8_192),
    limit(Place::Session, Unit::Characters, 2_048, 2_048),
    limit(Place::Scp, Unit::Characters, 5_120, 5_120),
    limit(Place::Rcp, Unit::Characters, 5_120, 5_120),
    limit(Place::Bucket, Unit::Bytes, 20_480, 20_480),
];

impl Place {
    /// The limit.
    pub fn limit(self) -> Limit {
        let found = LIMITS.into_iter().find(|limit| limit.place == self);
        found.unwrap_or(limit(self, Unit::NonWhitespace, 6_144, 6_144))
    }

    /// What a document counts there. White space inside strings is white space too: AWS only says that it is not counted.
    pub fn size(self, document: &str) -> usize {
        match self.limit().unit {
            Unit::NonWhitespace => document.chars().filter(|c| !c.is_whitespace()).count(),
            Unit::Characters => document.chars().count(),
            Unit::Bytes => document.len(),
        }
    }

    /// What AWS answers to documents that are too large together; `None` when they fit.
    pub fn exceeded<'a>(self, documents: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let size: usize = documents.into_iter().map(|document| self.size(document)).sum();
        let limit = self.limit();
        (size > limit.default).then(|| match self {
            Self::Trust => format!("Cannot exceed quota for ACLSizePerRole: {}", limit.default),
            Self::InlineRole | Self::InlineGroup | Self::InlineUser => {
                format!("Maximum policy size of {} bytes exceeded", limit.default)
            }
            Self::Managed => format!("Cannot exceed quota for PolicySize: {}", limit.default),
            Self::Session | Self::Scp | Self::Rcp | Self::Bucket => {
                format!("the policy has {size}, but at most {} are allowed", limit.default)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_counts_in_organisations_only() {
        let document = "{ \"Sid\": \"a b\" }";
        assert_eq!(Place::Managed.size(document), 12);
        assert_eq!(Place::Scp.size(document), document.len());
        assert_eq!(Place::Bucket.size("é"), 2);
    }

    #[test]
    fn what_is_too_large_is_said_as_aws_says_it() {
        let document = "x".repeat(6_145);
        assert_eq!(
            Place::Managed.exceeded([document.as_str()]).as_deref(),
            Some("Cannot exceed quota for PolicySize: 6144")
        );
        assert_eq!(Place::InlineRole.exceeded([document.as_str()]), None);
        assert!(
            Place::InlineRole
                .exceeded([document.as_str(), document.as_str()])
                .is_some()
        );
    }

    #[test]
    fn every_place_has_its_limit() {
        for limit in LIMITS {
            assert_eq!(limit.place.limit(), limit);
            assert!(limit.default <= limit.most);
        }
    }
}
