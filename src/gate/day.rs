//! Days of the Gregorian calendar, as far as waivers and trails need them.

pub use crate::trail::day::number;

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
