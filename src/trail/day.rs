//! Days of the Gregorian calendar as numbers, so that spans of days can be counted and joined.

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

/// The day of a number, `YYYY-MM-DD`: the reverse of [`number`]. Days before 1970 count as 1970-01-01.
pub fn text(number: i64) -> String {
    // Years begin in March here, so that the leap day is the last one.
    let shifted = number.max(0) + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + later)
}

/// Sorted days as spans without a hole between first and last.
pub fn spans(days: impl IntoIterator<Item = i64>) -> Vec<(i64, i64)> {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for day in days {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 >= day => *last = day,
            _ => spans.push((day, day)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_come_back_as_they_went() {
        for day in 0..60_000 {
            assert_eq!(number(&text(day)), Some(day));
        }
        assert_eq!(text(20_778), "2026-11-21");
    }

    #[test]
    fn spans_end_at_holes() {
        assert_eq!(spans([1, 2, 3, 5, 7, 8]), [(1, 3), (5, 5), (7, 8)]);
        assert_eq!(spans([]), []);
    }
}
