//! Ordered values: decimals, dates and addresses, and the few of each that tell all comparisons apart.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::clause::Comparison;

impl Comparison {
    /// Whether `value` stands in this relation to `listed`.
    pub(super) fn holds(self, value: i128, listed: i128) -> bool {
        match self {
            Self::Equal => value == listed,
            Self::Less => value < listed,
            Self::LessOrEqual => value <= listed,
            Self::Greater => value > listed,
            Self::GreaterOrEqual => value >= listed,
        }
    }
}

/// Decimals are kept as multiples of 10⁻¹⁸.
const SCALE: i128 = 1_000_000_000_000_000_000;

/// Reads a plain decimal such as `-12.50`, with at most 17 digits before and after the point.
pub(super) fn number(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| (1..=17).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return None;
    }
    let fraction: i128 = format!("{fraction:0<18}").parse().ok()?;
    let value = whole.parse::<i128>().ok()? * SCALE + fraction;
    Some(if negative { -value } else { value })
}

/// Prints a decimal.
pub(super) fn number_text(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) = (value.abs() / SCALE, value.abs() % SCALE);
    let fraction = format!("{fraction:018}");
    let fraction = fraction.trim_end_matches('0');
    match fraction.is_empty() {
        true => format!("{sign}{whole}"),
        false => format!("{sign}{whole}.{fraction}"),
    }
}

/// Values between, below and above the listed ones, and the listed ones: `unit` is the distance kept from an end
/// and, where there is room, the step that the others are rounded to.
pub(super) fn samples(listed: &BTreeSet<i128>, unit: i128) -> Vec<i128> {
    let mut samples = BTreeSet::new();
    let mut previous: Option<i128> = None;
    for value in listed {
        samples.insert(match previous {
            None => value - unit,
            Some(before) => {
                let half = (value - before) / 2;
                let rounded = half / unit * unit;
                before + if rounded > 0 { rounded } else { half }
            }
        });
        samples.insert(*value);
        previous = Some(*value);
    }
    samples.insert(previous.map_or(0, |last| last + unit));
    samples.into_iter().collect()
}

/// The unit of decimals for [`samples`].
pub(super) const ONE: i128 = SCALE;

/// Reads a date as milliseconds since 1970: ISO 8601 in the W3C profile, or epoch seconds.
/// <https://www.w3.org/TR/NOTE-datetime>
pub(super) fn date(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() > 4 && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.parse::<i128>().ok()? * 1000);
    }
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let mut parts = day.split('-');
    let year: i64 = of_width(parts.next()?, 4)?;
    let month: i64 = parts.next().map_or(Some(1), |part| of_width(part, 2))?;
    let day: i64 = parts.next().map_or(Some(1), |part| of_width(part, 2))?;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let start = i128::from(days_from_civil(year, month, day)) * 86_400_000;
    match time {
        None => Some(start),
        Some(time) => Some(start + time_of_day(time)?),
    }
}

fn of_width(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// `hh:mm[:ss[.fff]]` and a zone (`Z`, `+hh:mm`, `-hh:mm`), in milliseconds.
fn time_of_day(text: &str) -> Option<i128> {
    let zone_at = text.find(['Z', '+', '-'])?;
    let (clock, zone) = text.split_at_checked(zone_at)?;
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign, zone) => {
            let (hours, minutes) = zone.split_once(':')?;
            let minutes = of_width(hours, 2)? * 60 + of_width(minutes, 2)?;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    let mut parts = clock.split(':');
    let hours = of_width(parts.next()?, 2)?;
    let minutes = of_width(parts.next()?, 2)?;
    let seconds = parts.next().unwrap_or("00");
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let seconds = of_width(seconds, 2)?;
    if parts.next().is_some()
        || !(1..=3).contains(&fraction.len())
        || !fraction.bytes().all(|b| b.is_ascii_digit())
        || hours > 23
        || minutes > 59
        || seconds > 60
    {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<3}").parse().ok()?;
    let whole = ((hours * 60 + minutes - offset) * 60 + seconds) * 1000;
    Some(i128::from(whole + fraction))
}

/// Days since 1970-01-01 in the Gregorian calendar (Howard Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Prints a date in ISO 8601, or as epoch seconds outside the years 0 to 9999.
pub(super) fn date_text(milliseconds: i128) -> String {
    let (days, rest) = (
        milliseconds.div_euclid(86_400_000),
        milliseconds.rem_euclid(86_400_000),
    );
    let Some((year, month, day)) = i64::try_from(days).ok().and_then(civil_from_days) else {
        return milliseconds.div_euclid(1000).to_string();
    };
    let (seconds, fraction) = (rest / 1000, rest % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = match fraction {
        0 => String::new(),
        fraction => format!(".{fraction:03}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}{fraction}Z")
}

fn civil_from_days(days: i64) -> Option<(i64, i64, i64)> {
    let days = days.checked_add(719_468)?;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (0..=9999).contains(&year).then_some((year, month, day))
}

/// A block of addresses, first and last inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    v6: bool,
    first: u128,
    last: u128,
}

impl Block {
    /// Reads `a.b.c.d/n`, `x::y/n`, or one address.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let (v6, bits, width) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(v4) => (false, u128::from(v4.to_bits()), 32),
            IpAddr::V6(v6) => (true, v6.to_bits(), 128),
        };
        let host = width
            - prefix.filter(|prefix| *prefix <= width).or(match prefix {
                None => Some(width),
                Some(_) => None,
            })?;
        let mask = match host {
            128 => u128::MAX,
            host => (1 << host) - 1,
        };
        Some(Self {
            v6,
            first: bits & !mask,
            last: bits | mask,
        })
    }

    /// Whether it holds the address.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        let (v6, bits) = match address {
            IpAddr::V4(v4) => (false, u128::from(v4.to_bits())),
            IpAddr::V6(v6) => (true, v6.to_bits()),
        };
        self.v6 == v6 && (self.first..=self.last).contains(&bits)
    }
}

/// Addresses that tell these blocks apart: the first of every stretch between two ends.
pub(super) fn addresses(blocks: &[Block]) -> Vec<IpAddr> {
    let mut v4 = BTreeSet::from([0_u128]);
    let mut v6 = BTreeSet::from([0_u128]);
    for block in blocks {
        let (starts, end) = match block.v6 {
            true => (&mut v6, u128::MAX),
            false => (&mut v4, u128::from(u32::MAX)),
        };
        starts.insert(block.first);
        if block.last < end {
            starts.insert(block.last + 1);
        }
    }
    let v4 = v4.into_iter().filter_map(|bits| u32::try_from(bits).ok());
    let v4 = v4.map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)));
    v4.chain(v6.into_iter().map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))))
        .collect()
}

/// The bytes of a base64 text (standard alphabet, padding optional), printed back in canonical form.
pub(super) fn canonical_base64(text: &str) -> Option<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let body = text.trim_end_matches('=');
    if text.len() - body.len() > 2 || body.len() % 4 == 1 {
        return None;
    }
    let mut sextets = body
        .bytes()
        .map(|byte| ALPHABET.iter().position(|letter| *letter == byte))
        .collect::<Option<Vec<usize>>>()?;
    if let Some(last) = sextets.last_mut() {
        // Bits beyond the last whole byte say nothing.
        *last &= match body.len() % 4 {
            2 => 0b11_0000,
            3 => 0b11_1100,
            _ => 0b11_1111,
        };
    }
    let mut out: String = sextets
        .iter()
        .filter_map(|sextet| ALPHABET.get(*sextet).map(|byte| char::from(*byte)))
        .collect();
    while !out.len().is_multiple_of(4) {
        out.push('=');
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::evaluate::scalar::Instant;

    #[test]
    fn decimals_read_and_print() {
        for (text, shown) in [
            ("10", "10"),
            ("-0.50", "-0.5"),
            ("007.25", "7.25"),
            ("0", "0"),
            ("-0", "0"),
        ] {
            assert_eq!(number(text).map(number_text).as_deref(), Some(shown));
        }
        for bad in ["", "x", "1e5", "1.", ".5", "1.2.3"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_read_and_print() {
        for (text, shown) in [
            ("2020-01-01T00:00:01Z", "2020-01-01T00:00:01Z"),
            ("2020-02-29", "2020-02-29T00:00:00Z"),
            ("2020-02", "2020-02-01T00:00:00Z"),
            ("2020-01-01T01:30:00+01:30", "2020-01-01T00:00:00Z"),
            ("2020-01-01T13:05:06.25Z", "2020-01-01T13:05:06.250Z"),
            ("2019-12-31T22:30:00-01:30", "2020-01-01T00:00:00Z"),
            ("1577836800", "2020-01-01T00:00:00Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
        ] {
            assert_eq!(date(text).map(date_text).as_deref(), Some(shown), "{text}");
        }
        for bad in ["", "yesterday", "2020-13-01", "2020-01-01T00:00:00"] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_is_the_one_that_the_evaluation_reads() {
        for day in (-700_000..2_900_000_i128).step_by(397) {
            let milliseconds = day * 86_400_000 + 3_723_000;
            let text = date_text(milliseconds);
            assert_eq!(date(&text), Some(milliseconds), "{text}");
            let epoch = (milliseconds / 1000).to_string();
            assert_eq!(Instant::parse(&text), Instant::parse(&epoch), "{text}");
        }
    }

    #[test]
    fn samples_lie_at_between_and_beside_the_listed_values() {
        for (listed, expected) in [
            (vec![], vec![0]),
            (vec![10], vec![0, 10, 20]),
            (vec![10, 100], vec![0, 10, 50, 100, 110]),
            (vec![10, 15], vec![0, 10, 12, 15, 25]),
            (vec![10, 30], vec![0, 10, 20, 30, 40]),
            (vec![10, 11], vec![0, 10, 11, 21]),
        ] {
            assert_eq!(
                samples(&listed.iter().copied().collect(), 10),
                expected,
                "{listed:?}"
            );
        }
    }

    #[test]
    fn blocks_hold_their_addresses() {
        let block = Block::read("10.1.2.3/8");
        assert!(block.is_some_and(|block| block.holds(IpAddr::V4(Ipv4Addr::new(10, 255, 0, 1)))));
        assert!(Block::read("10.0.0.0/33").is_none());
        assert!(Block::read("::/0").is_some());
        let blocks: Vec<Block> = ["10.0.0.0/8", "10.1.0.0/16"]
            .iter()
            .filter_map(|text| Block::read(text))
            .collect();
        assert_eq!(addresses(&blocks).len(), 6);
    }

    #[test]
    fn base64_has_one_form() {
        assert_eq!(canonical_base64("QQ==").as_deref(), Some("QQ=="));
        assert_eq!(canonical_base64("QR").as_deref(), Some("QQ=="));
        assert_eq!(canonical_base64("Q"), None);
    }
}
