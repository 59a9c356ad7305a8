//! Points in time and sets of days, small enough to be kept by the million.

use std::fmt;

use super::sorted::SortedMap;

/// A second, as the number whose digits are year, month, day, hour, minute and second: `20261104083000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Time(pub(super) u64);

impl Time {
    /// Reads the form that CloudTrail writes (`2026-11-04T08:30:00Z`), and what re-exports make of it: a blank for the
    /// `T`, fractions of seconds, ` UTC`. `None` for any other, such as local times.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (head, rest) = text.as_bytes().split_first_chunk::<19>()?;
        let [
            y0,
            y1,
            y2,
            y3,
            b'-',
            m0,
            m1,
            b'-',
            d0,
            d1,
            b'T' | b' ',
            h0,
            h1,
            b':',
            n0,
            n1,
            b':',
            s0,
            s1,
        ] = *head
        else {
            return None;
        };
        let digits = [y0, y1, y2, y3, m0, m1, d0, d1, h0, h1, n0, n1, s0, s1];
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let join = |number: u64, digit: &u8| number * 10 + u64::from(digit - b'0');
        let number = digits.iter().fold(0, join);
        if rest == b"Z" {
            return Some(Self(number));
        }
        let fraction = rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'.');
        let zone = rest.get(fraction.count()..).unwrap_or_default();
        matches!(zone, b"" | b"Z" | b"+00:00" | b" UTC").then_some(Self(number))
    }

    /// Whether both are on the same day.
    pub(super) fn is_same_day(self, other: Self) -> bool {
        self.0 / 1_000_000 == other.0 / 1_000_000
    }

    /// The month, counted from the year 0, and the day in it.
    fn month_and_day(self) -> Option<(u16, u32)> {
        let day = self.0 / 1_000_000 % 100;
        let month = self.0 / 100_000_000 % 100;
        let year = self.0 / 10_000_000_000;
        let valid = (1..=12).contains(&month) && (1..=31).contains(&day);
        let months = u16::try_from(year * 12 + month.checked_sub(1)?).ok()?;
        Some((months, u32::try_from(day).ok()?)).filter(|_| valid)
    }
}

impl Time {
    /// The form that CloudTrail writes, `2026-11-04T08:30:00Z`.
    pub(super) fn text(self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// Writes the same behind `text`.
    pub(super) fn write(self, text: &mut String) {
        const DIGITS: [usize; 14] = [18, 17, 15, 14, 12, 11, 9, 8, 6, 5, 3, 2, 1, 0];
        let (mut form, mut rest) = (*b"0000-00-00T00:00:00Z", self.0);
        for at in DIGITS {
            if let Some(digit) = form.get_mut(at) {
                *digit += (rest % 10) as u8;
            }
            rest /= 10;
        }
        text.push_str(str::from_utf8(&form).unwrap_or_default());
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Option<Time>,
    pub(super) last: Option<Time>,
}

impl Span {
    /// Widens the span so that it holds `time`, if that is known.
    pub(super) fn widen(&mut self, time: Option<Time>) {
        if let Some(time) = time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.widen(other.first);
        self.widen(other.last);
    }
}

/// A set of days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Days {
    /// Month, counted from the year 0 → its days, a bit each: day 1 is the lowest.
    months: SortedMap<u16, u32>,
}

impl Days {
    pub(super) fn insert(&mut self, time: Time) {
        if let Some((month, day)) = time.month_and_day() {
            let bit = 1 << (day - 1);
            self.months.update(&month, |days| *days |= bit, || (month, bit));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.months.merge(other.months, |mine, days| *mine |= days);
    }

    /// How many days.
    pub(super) fn count(&self) -> u32 {
        self.months.values().map(|days| days.count_ones()).sum()
    }

    /// Months, counted from the year 0, with a bit for each day.
    #[allow(dead_code, reason = "the form in which stores keep it")]
    pub(super) fn months(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.months.iter().map(|(month, days)| (*month, *days))
    }

    /// The days as numbers, in order; see [`super::day::number`].
    pub(super) fn numbers(&self) -> Vec<i64> {
        let days = |(month, days): (u16, u32)| {
            (1..=31)
                .filter(move |day| days & (1 << (day - 1)) != 0)
                .filter_map(move |day| {
                    super::day::number(&format!("{:04}-{:02}-{day:02}", month / 12, month % 12 + 1))
                })
        };
        self.months().flat_map(days).collect()
    }

    /// A set of its months.
    #[allow(dead_code, reason = "the form in which stores keep it")]
    pub(super) fn of_months(months: impl IntoIterator<Item = (u16, u32)>) -> Self {
        let months = months
            .into_iter()
            .map(|(month, days)| (month, days & 0x7fff_ffff));
        Self {
            months: months.filter(|(_, days)| *days != 0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_in_several_forms() {
        let normal = Some("2023-01-09T16:01:21Z".to_owned());
        let told = |text: &str| Time::parse(text).map(|time| time.to_string());
        assert_eq!(told("2023-01-09T16:01:21Z"), normal);
        assert_eq!(told("2023-01-09 16:01:21"), normal);
        assert_eq!(told("2023-01-09 16:01:21 UTC"), normal);
        assert_eq!(told("2023-01-09 16:01:21.000 UTC"), normal);
        assert_eq!(told("2023-01-09T16:01:21.345Z"), normal);
        assert_eq!(told("2023-01-09T16:01:21+00:00"), normal);
        for other in [
            "2023-01-09T16:01:21+02:00",
            "2023-01-09T16:01:21éa",
            "2023-01-09T16:0é:21",
            "yesterday",
            "",
        ] {
            assert_eq!(told(other), None, "{other}");
        }
    }

    #[test]
    fn days_are_a_set() {
        let mut days = Days::default();
        for text in [
            "2026-11-30T08:00:00Z",
            "2026-11-30T09:00:00Z",
            "2026-12-01T00:00:00Z",
            "2026-12-31T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-12-00T00:00:00Z",
        ] {
            days.insert(Time::parse(text).unwrap_or(Time(0)));
        }
        assert_eq!(days.count(), 3);
        assert_eq!(Days::of_months(days.months()), days);
        let mut twice = days.clone();
        twice.merge(days.clone());
        assert_eq!(twice, days);
    }
}
