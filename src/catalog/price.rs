//! What AWS asks for recording and reading, for estimates; prices are data with a date.

use std::sync::OnceLock;

const FILE: &str = include_str!("data/prices.tsv");

/// The day on which the prices were looked up.
pub const AS_OF: &str = "2026-11-21";

/// A price, in US dollars of us-east-1.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// Such as `cloudtrail-data-event`.
    pub id: &'static str,
    /// The price of `per` units.
    pub usd: f64,
    /// How many units that buys.
    pub per: f64,
    /// What is counted.
    pub unit: &'static str,
    /// The page that tells it.
    pub docs: &'static str,
}

impl Price {
    /// The price of an id; a test keeps the file readable.
    pub fn of(id: &str) -> Option<&'static Self> {
        prices().iter().find(|price| price.id == id)
    }

    /// What so many units cost.
    pub fn cost(&self, units: f64) -> f64 {
        units / self.per * self.usd
    }
}

fn prices() -> &'static [Price] {
    static PRICES: OnceLock<Vec<Price>> = OnceLock::new();
    PRICES.get_or_init(|| {
        FILE.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(price)
            .collect()
    })
}

fn price(line: &'static str) -> Option<Price> {
    let mut fields = line.split('\t');
    Some(Price {
        id: fields.next()?,
        usd: fields.next()?.parse().ok()?,
        per: fields.next()?.parse().ok()?,
        unit: fields.next()?,
        docs: fields.next()?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_price() {
        let lines = FILE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(prices().len(), lines);
        assert!(FILE.contains(AS_OF));
        assert!(
            prices()
                .iter()
                .all(|price| price.docs.starts_with("https://aws.amazon.com/"))
        );
        let million = Price::of("cloudtrail-data-event").unwrap().cost(1e6);
        assert!((million - 1.0).abs() < 1e-9);
    }
}
