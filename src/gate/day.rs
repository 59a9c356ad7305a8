//! Days of the Gregorian calendar, as far as waivers and trails need them.

/// The number of a day, `YYYY-MM-DD` or the beginning of a time stamp; `None` for what is no date.
pub fn number(date: &str) -> Option<i64> {
    let mut parts = date.get(..10)?.splitn(3, '-');
    let mut next = || parts.next()?.parse::<i64>().ok();
    let (year, month, day) = (next()?, next()?, next()?);
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let february = 28 + i64::from(leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = lengths.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=*length).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    let years: i64 = (1970..year).map(|year| 365 + i64::from(leap(year))).sum();
    let months: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    Some(years + months + day - 1)
}

/// How many days lie from one date to a later one.
pub fn days_until(from: &str, to: &str) -> Option<i64> {
    Some(number(to)? - number(from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted() {
        assert_eq!(number("1970-01-01"), Some(0));
        assert_eq!(number("2026-11-21"), Some(20_778));
        assert_eq!(days_until("2024-02-28", "2024-03-01"), Some(2));
        assert_eq!(
            days_until("2026-11-04T08:30:00Z", "2026-11-18T00:00:00Z"),
            Some(14)
        );
        for wrong in ["2026-13-01", "2026-02-29", "soon", "2026-1-1", ""] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
