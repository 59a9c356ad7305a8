//! Times as CloudTrail writes them: `2026-11-04T08:30:00Z`, and days as the keys of its objects have them.

use super::day;

/// A day of the Gregorian calendar, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// The day that `2026-11-04` or a time that begins so names.
    pub fn parse(text: &str) -> Option<Self> {
        day::number(text).map(Self)
    }

    /// The day of a time in seconds since 1970.
    pub fn of_seconds(seconds: i64) -> Self {
        Self(seconds.div_euclid(86_400))
    }

    /// The day `days` later, or earlier.
    pub fn plus(self, days: i64) -> Self {
        Self(self.0 + days)
    }

    /// How many days lie from `earlier` to here.
    pub fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// `2026/11/04`, as in the keys of a trail's objects.
    pub fn in_key(self) -> String {
        day::text(self.0).replace('-', "/")
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&day::text(self.0))
    }
}

/// Seconds since 1970 in CloudTrail's form.
pub fn of_seconds(seconds: i64) -> String {
    let day = Day::of_seconds(seconds);
    let second = seconds.rem_euclid(86_400);
    format!(
        "{day}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// Seconds since 1970 of a time with `Z` or an offset, to the second; `None` for anything else. A day alone is its beginning.
pub fn seconds(text: &str) -> Option<i64> {
    let day = Day::parse(text)?;
    if text.len() == 10 {
        return Some(day.0 * 86_400);
    }
    let clock = text.get(11..19)?;
    let mut parts = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let mut next = |limit: i64| parts.next().flatten().filter(|part| (0..limit).contains(part));
    let second = next(24)? * 3_600 + next(60)? * 60 + next(61)?;
    let rest = text
        .get(19..)?
        .trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match rest.get(..1) {
        None | Some("Z") => 0,
        Some(sign @ ("+" | "-")) => {
            let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
            let minutes =
                digits.get(..2)?.parse::<i64>().ok()? * 60 + digits.get(2..4)?.parse::<i64>().ok()?;
            if sign == "+" { minutes * 60 } else { -minutes * 60 }
        }
        Some(_) => return None,
    };
    Some(day.0 * 86_400 + second - offset)
}

/// A time with any offset in CloudTrail's form.
pub fn utc(text: &str) -> Option<String> {
    seconds(text).map(of_seconds)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn days_go_both_ways() {
        for text in [
            "1970-01-01",
            "2000-02-29",
            "2026-11-04",
            "2026-12-31",
            "2100-03-01",
        ] {
            assert_eq!(Day::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Day::parse("2026-02-28").unwrap().plus(1).to_string(),
            "2026-03-01"
        );
        assert_eq!(Day::parse("2026-11-04T08:00:00Z").unwrap().in_key(), "2026/11/04");
        for wrong in ["2026-02-29", "2026-13-01", "2026-1-1", "soon", ""] {
            assert_eq!(Day::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_of_any_offset_are_one_time() {
        let expected = Some("2026-08-27T18:58:03Z".to_owned());
        for text in [
            "2026-08-27T11:58:03-07:00",
            "2026-08-27T18:58:03Z",
            "2026-08-27T18:58:03.250000+00:00",
            "2026-08-27T20:58:03+0200",
        ] {
            assert_eq!(utc(text), expected, "{text}");
        }
        assert_eq!(seconds("2026-08-27"), seconds("2026-08-27T00:00:00Z"));
        assert_eq!(utc("yesterday"), None);
        assert_eq!(of_seconds(0), "1970-01-01T00:00:00Z");
    }
}
