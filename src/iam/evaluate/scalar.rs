//! Values of conditions that are more than texts: exact decimals, instants, addresses and bytes.

use std::cmp::Ordering;
use std::net::IpAddr;

/// A decimal number of any length, compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    /// Digits without zeros at either end; empty for zero.
    digits: Vec<u8>,
    /// How many digits stand before the decimal point; may be negative.
    point: i64,
}

impl Decimal {
    /// Reads `-12`, `+1.50`, `.5`, `1e3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, i64::from(exponent.parse::<i32>().ok()?)),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if !all.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let mut digits = all.get(leading..).unwrap_or_default().to_vec();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Some(Self {
                negative: false,
                digits,
                point: 0,
            });
        }
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()? + exponent;
        Some(Self {
            negative,
            digits,
            point,
        })
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => (self.point, &self.digits).cmp(&(other.point, &other.digits)),
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Nanoseconds since 1970 began, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(i128);

const NANOS: i128 = 1_000_000_000;

impl Instant {
    /// Reads an ISO 8601 date in one of the forms of W3C's profile (`2026`… only with a month, since a bare number is
    /// an epoch), or seconds since the epoch. Without a zone the time is UTC.
    /// <https://www.w3.org/TR/NOTE-datetime>
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        if unsigned.contains(['-', 'T', 't']) {
            return Self::iso(text);
        }
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let whole: i64 = seconds.parse().ok()?;
        let part = nanos(fraction)?;
        let signed = if seconds.starts_with('-') { -part } else { part };
        Some(Self(i128::from(whole) * NANOS + signed))
    }

    fn iso(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', 't']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year = number(parts.next()?, 4)?;
        let month = parts.next().map_or(Some(1), |part| number(part, 2))?;
        let day = parts.next().map_or(Some(1), |part| number(part, 2))?;
        if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day)
        {
            return None;
        }
        let midnight = i128::from(days_since_epoch(year, month, day)) * 86_400 * NANOS;
        Some(Self(midnight + time.map_or(Some(0), time_of_day)?))
    }
}

/// Nanoseconds from midnight UTC of `hh:mm[:ss[.fraction]][zone]`.
fn time_of_day(text: &str) -> Option<i128> {
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        None => (text, 0),
        Some(at) => (text.get(..at)?, zone(text.get(at..)?)?),
    };
    let mut parts = clock.split(':');
    let hours = number(parts.next()?, 2)?;
    let minutes = number(parts.next()?, 2)?;
    let (seconds, fraction) = match parts.next() {
        None => (0, 0),
        Some(part) => {
            let (whole, fraction) = part.split_once('.').unwrap_or((part, "0"));
            (number(whole, 2)?, nanos(fraction)?)
        }
    };
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some((i128::from(hours * 3600 + minutes * 60 + seconds) - offset) * NANOS + fraction)
}

/// Seconds east of UTC of `Z`, `+hh:mm`, `+hhmm` or `+hh`.
fn zone(text: &str) -> Option<i128> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    let hours = number(digits.get(..2)?, 2)?;
    let minutes = match digits.get(2..)? {
        "" => 0,
        rest => number(rest, 2)?,
    };
    (hours <= 23 && minutes <= 59).then_some(sign * i128::from(hours * 3600 + minutes * 60))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The fraction of a second in nanoseconds; further digits are cut.
fn nanos(fraction: &str) -> Option<i128> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    padded.parse().ok()
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: IpAddr,
    prefix: u32,
}

impl Cidr {
    /// Reads `203.0.113.0/24`, `2001:db8::/32`, or one address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            Some(_) => return None,
            None => widest,
        };
        (prefix <= widest).then_some(Self { address, prefix })
    }

    /// Whether every address of the other block is in this one. Blocks of different families have nothing in common.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        if self.address.is_ipv4() != other.address.is_ipv4() || self.prefix > other.prefix {
            return false;
        }
        let (width, own, others) = match (self.address, other.address) {
            (IpAddr::V4(own), IpAddr::V4(others)) => {
                (32, u128::from(u32::from(own)), u128::from(u32::from(others)))
            }
            (IpAddr::V6(own), IpAddr::V6(others)) => (128, u128::from(own), u128::from(others)),
            _ => return false,
        };
        let shift = width - self.prefix;
        own.checked_shr(shift).unwrap_or(0) == others.checked_shr(shift).unwrap_or(0)
    }
}

/// The bytes of a base64 text; padding may be left out.
pub(crate) fn bytes(base64: &str) -> Option<Vec<u8>> {
    let text = base64.trim_end_matches('=');
    if base64.len() - text.len() > 2 || text.len() % 4 == 1 {
        return None;
    }
    let mut decoded = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            decoded.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
        held &= 0xff;
    }
    Some(decoded)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_base64_with_and_without_padding() {
        for (text, expected) in [
            ("", Some(&[][..])),
            ("QQ==", Some(b"A")),
            ("QQ", Some(b"A")),
            ("QUI=", Some(b"AB")),
            ("QUJD", Some(b"ABC")),
            ("QUJDREVG", Some(b"ABCDEF")),
            ("+/+/", Some(&[0xfb, 0xff, 0xbf])),
            ("az09", Some(&[0x6b, 0x3d, 0x3d])),
            ("Q", None),
            ("QQ===", None),
            ("Q-==", None),
        ] {
            assert_eq!(bytes(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn decimals_compare_exactly() {
        let order =
            |one: &str, other: &str| Decimal::parse(one).unwrap().cmp(&Decimal::parse(other).unwrap());
        for (one, other, expected) in [
            ("10", "9", Ordering::Greater),
            ("1.50", "1.5", Ordering::Equal),
            ("-1", "1", Ordering::Less),
            ("-2", "-10", Ordering::Greater),
            ("-0", "0", Ordering::Equal),
            ("007", "7", Ordering::Equal),
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("0.1", "0.10000000000000000001", Ordering::Less),
            ("1e3", "1000", Ordering::Equal),
            (".5", "0.05", Ordering::Greater),
            ("100", "12", Ordering::Greater),
        ] {
            assert_eq!(order(one, other), expected, "{one} to {other}");
        }
        for bad in ["", "-", "ten", "1,5", "0x10", "1.2.3", " 1", "e5"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn instants_of_both_spellings() {
        let instant = |text: &str| Instant::parse(text).unwrap();
        for (one, other) in [
            ("1970-01-01T00:00:00Z", "0"),
            ("2019-07-16T12:00:00Z", "1563278400"),
            ("2019-07-16T14:00:00+02:00", "1563278400"),
            ("2019-07-16", "2019-07-16T00:00Z"),
            ("2019-07", "2019-07-01T00:00:00.000Z"),
            ("2000-02-29", "951782400"),
            ("1969-12-31T23:59:59Z", "-1"),
            ("2019-07-16T12:00:00", "1563278400"),
        ] {
            assert_eq!(instant(one), instant(other), "{one} and {other}");
        }
        assert!(instant("2019-07-16T12:00:00.5Z") > instant("1563278400"));
        for bad in [
            "",
            "yesterday",
            "2019-13-01",
            "2019-02-29",
            "2019-07-16T25:00Z",
            "2019-7-1",
            "12:00",
        ] {
            assert_eq!(Instant::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn blocks_hold_addresses_of_their_family() {
        for (block, address, expected) in [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.7/24", "203.0.113.1", true),
            ("203.0.113.7", "203.0.113.7", true),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "10.0.0.1", false),
            ("2001:db8::/32", "2001:DB8:0:0::7", true),
            ("2001:db8::1", "2001:db8::2", false),
        ] {
            let holds = Cidr::parse(block).unwrap().holds(&Cidr::parse(address).unwrap());
            assert_eq!(holds, expected, "{block} and {address}");
        }
        for bad in [
            "203.0.113.0/33",
            "203.0.113",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "x",
        ] {
            assert_eq!(Cidr::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn base64_is_bytes() {
        assert_eq!(bytes("QmluYXJ5").unwrap(), b"Binary");
        assert_eq!(bytes("QQ==").unwrap(), bytes("QQ").unwrap());
        assert_eq!(bytes("QQ=").unwrap(), b"A");
        for bad in ["Q", "Q Q=", "QQ===", "é"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }
}
