//! The clock; `SOURCE_DATE_EPOCH` stands in where runs must repeat.

use crate::trail::day;

/// Today as `YYYY-MM-DD`, for the expiry of waivers.
pub fn today() -> String {
    day::text(i64::try_from(seconds() / 86_400).unwrap_or(i64::MAX))
}

/// Now, in seconds since 1970.
pub fn seconds() -> u64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    fixed.unwrap_or(now)
}
