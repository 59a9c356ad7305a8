//! The naming rules of the Rust SDK: crate names from service ids, Rust names from API names.

/// Units and protocols that the SDK treats as one word although their case changes within.
const WHOLE_WORDS: [(&str, &str); 7] = [
    ("KiB", "Kib"),
    ("MiB", "Mib"),
    ("GiB", "Gib"),
    ("TiB", "Tib"),
    ("IPv4", "Ipv4"),
    ("IPv6", "Ipv6"),
    ("TtL", "Ttl"),
];

/// Member names that would clash with a builder's own methods; the SDK adds `_value` to them.
const BUILDER_METHODS: [&str; 5] = ["build", "builder", "default", "send", "customize"];

/// The crate name without `aws-sdk-` for a service id such as `API Gateway` or `SFN`.
pub(crate) fn crate_suffix(service_id: &str) -> String {
    let joined: String = service_id.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let joined = joined.to_ascii_lowercase();
    ["service", "api"]
        .iter()
        .find_map(|ending| joined.strip_suffix(ending))
        .map_or_else(|| joined.clone(), str::to_owned)
}

/// The Rust spelling of an API name: `ListWebACLs` becomes `list_web_acls`.
pub fn snake_case(api_name: &str) -> String {
    let text = WHOLE_WORDS
        .iter()
        .fold(api_name.to_owned(), |text, (from, to)| text.replace(from, to));
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len() + 8);
    for (index, &c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() && index > 0 && starts_word(at(index - 1), &chars, index) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Whether the capital at `index` opens a new word after `before`.
fn starts_word(before: char, chars: &[char], index: usize) -> bool {
    if before.is_ascii_lowercase() || before.is_ascii_digit() {
        return true;
    }
    let next_is_lower = chars.get(index + 1).is_some_and(char::is_ascii_lowercase);
    before.is_ascii_uppercase() && next_is_lower && !is_plural_acronym(chars, index)
}

/// Whether the capital at `index` closes an acronym that only has a plural `s` after it, as in `ACLs` and `ARNsFor`.
fn is_plural_acronym(chars: &[char], index: usize) -> bool {
    chars.get(index + 1) == Some(&'s')
        && chars
            .get(index + 2)
            .is_none_or(|after| !after.is_ascii_lowercase())
}

/// The name of a builder's setter for an input member.
pub(crate) fn setter(member: &str) -> String {
    let name = snake_case(member);
    if BUILDER_METHODS.contains(&name.as_str()) {
        format!("{name}_value")
    } else {
        name
    }
}

/// Whether two names differ in nothing but case and separators, as an API name and its Rust spelling do.
///
/// No two operations of a service and no two members of a structure are the same folded (the build checks it), so a
/// folded look-up finds what an exact one would, whatever the SDK made of acronyms and units.
pub(crate) fn same_folded(a: &str, b: &str) -> bool {
    folded(a).eq(folded(b))
}

/// Orders names so that those which are the same folded are equal.
pub(crate) fn compare_folded(a: &str, b: &str) -> std::cmp::Ordering {
    folded(a).cmp(folded(b))
}

/// The letters and digits of a name, lower case.
fn folded(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_names_follow_the_sdk() {
        for (api, rust) in [
            ("PutItem", "put_item"),
            ("ListObjectsV2", "list_objects_v2"),
            ("ListWebACLs", "list_web_acls"),
            ("ListHITsForQualificationType", "list_hits_for_qualification_type"),
            ("SwapEnvironmentCNAMEs", "swap_environment_cnames"),
            ("DescribeDBInstances", "describe_db_instances"),
            ("MaxRecordSizeInKiB", "max_record_size_in_kib"),
            ("WarmThroughputMiBps", "warm_throughput_mibps"),
            ("MemoryGiBPerVCpu", "memory_gib_per_v_cpu"),
            ("PrivateIPv4Address", "private_ipv4_address"),
            ("SSEKMSKeyId", "ssekms_key_id"),
            ("S3Bucket", "s3_bucket"),
            ("ACL", "acl"),
            ("endpointARNs", "endpoint_arns"),
            ("error_description", "error_description"),
        ] {
            assert_eq!(snake_case(api), rust, "{api}");
            assert!(same_folded(api, rust), "{api}");
        }
    }

    #[test]
    fn crate_names_follow_the_service_id() {
        for (id, suffix) in [
            ("API Gateway", "apigateway"),
            ("CloudWatch Logs", "cloudwatchlogs"),
            ("SFN", "sfn"),
            ("Application Discovery Service", "applicationdiscovery"),
            ("Directory Service Data", "directoryservicedata"),
            ("Resource Groups Tagging API", "resourcegroupstagging"),
            ("ApiGatewayManagementApi", "apigatewaymanagement"),
        ] {
            assert_eq!(crate_suffix(id), suffix, "{id}");
        }
    }
}
