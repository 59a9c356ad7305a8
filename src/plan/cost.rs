//! How many events a plan brings in, and what they cost.

use std::collections::BTreeMap;

use super::{Finding, Wanted};
use crate::catalog::price::{AS_OF, Price};
use crate::trail::Trail;

/// Seconds of a month of 30 days.
const MONTH: f64 = 30.0 * 86_400.0;

/// Events of a month, and how they are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Events in 30 days.
    pub events: f64,
    /// `observed` in the trail, or `given`: runs of the function times calls in its code.
    pub basis: &'static str,
}

/// What a plan costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Events in 30 days, of those operations of which the volume is known; `None` if it is of none.
    pub events: Option<f64>,
    /// US dollars for them.
    pub usd: Option<f64>,
    /// Operations of functions of which nothing tells how often they are called.
    pub unknown: usize,
    /// US dollars for 100,000 data events.
    pub usd_per_100k: f64,
    /// The day on which the price was looked up.
    pub as_of: &'static str,
    /// The page that tells it.
    pub docs: &'static str,
}

/// How often an operation is called: as recorded, else as the user says.
pub(super) fn volume(wanted: &Wanted, trail: Option<&Trail>, runs: &BTreeMap<String, u64>) -> Option<Volume> {
    observed(wanted, trail).or_else(|| given(wanted, runs))
}

fn observed(wanted: &Wanted, trail: Option<&Trail>) -> Option<Volume> {
    let trail = trail?;
    let own = trail.observations.iter().filter(|observation| {
        observation.known.as_deref() == Some(wanted.function.as_str())
            && observation.operation.as_ref() == Some(&wanted.operation)
    });
    let count: u64 = own.map(|observation| observation.count).sum();
    let (first, last) = (trail.first.as_deref()?, trail.last.as_deref()?);
    let span = crate::trail::moment::seconds(last)? - crate::trail::moment::seconds(first)?;
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    (count > 0 && span >= 86_400).then(|| Volume {
        events: count as f64 * MONTH / span as f64,
        basis: "observed",
    })
}

fn given(wanted: &Wanted, runs: &BTreeMap<String, u64>) -> Option<Volume> {
    let runs = runs.get(&wanted.function).or_else(|| runs.get("*"))?;
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    let events = *runs as f64 * wanted.calls.max(1) as f64;
    Some(Volume {
        events,
        basis: "given",
    })
}

/// The cost of recording what is not seen; `any` tells whether there is something to record.
pub(super) fn of(open: &[&Finding], any: bool) -> Cost {
    let price = Price::of("cloudtrail-data-event");
    let known: Vec<f64> = open
        .iter()
        .filter_map(|one| one.volume.as_ref().map(|volume| volume.events))
        .collect();
    let events = (any && !known.is_empty()).then(|| known.iter().sum::<f64>());
    Cost {
        usd: events.zip(price).map(|(events, price)| price.cost(events)),
        events,
        unknown: open.len() - known.len(),
        usd_per_100k: price.map_or(0.0, |price| price.cost(100_000.0)),
        as_of: AS_OF,
        docs: price.map_or("", |price| price.docs),
    }
}
