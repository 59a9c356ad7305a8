//! Which account owns the buckets that calls name, where the code or `rolefit.toml` says so: a bucket's ARN does not.

use super::inputs::Inputs;
use crate::gate::Owner;
use crate::synth::Surroundings;
use crate::synth::bind::spell;
use crate::usage::CallSite;

/// The inputs that name the expected owner, and whether it is that of the source of a copy. S3 refuses the call when
/// another account owns the bucket. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>
const EXPECTED: [(&str, bool); 2] = [
    ("ExpectedBucketOwner", false),
    ("ExpectedSourceBucketOwner", true),
];

/// The owners that a function's calls expect, and those of its `[[need]]` entries.
pub fn of(inputs: &Inputs, around: Surroundings<'_>, calls: &[CallSite]) -> Vec<Owner> {
    let mut owners = Vec::new();
    for call in calls {
        for (input, of_source) in EXPECTED {
            for hint in call.inputs.get(input).into_iter().flatten() {
                let (account, _, unknown) = spell(hint, around);
                if unknown.is_empty() && !account.is_empty() {
                    owners.push(Owner {
                        location: call.location.clone(),
                        operation: call.operation.clone(),
                        of_source,
                        account,
                    });
                }
            }
        }
    }
    owners.extend(inputs.config.needs.iter().filter_map(|need| {
        Some(Owner {
            location: need.location.clone(),
            operation: need.operation.clone(),
            of_source: false,
            account: need.account.clone()?,
        })
    }));
    owners
}
