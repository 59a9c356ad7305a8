//! Containment over the managed policies of AWS: every one is contained in itself, and any pair is decided quickly.

#![allow(clippy::print_stdout, reason = "figures of a run by hand")]

use std::time::{Duration, Instant};

use rolefit::catalog::Catalog;
use rolefit::iam::contain::{Options, Verdict, contain};
use rolefit::iam::policy::Policy;

fn managed() -> Vec<(String, Policy)> {
    let catalog = Catalog::embedded();
    let names = catalog.managed_policy_names();
    names
        .filter_map(|name| {
            let document = catalog.managed_policy(name)?.document_json;
            Some((name.to_owned(), Policy::from_json(&document).unwrap()))
        })
        .collect()
}

fn one(policy: &Policy) -> &[Policy] {
    std::slice::from_ref(policy)
}

/// Pairs drawn by a linear congruential generator: the same ones on every machine.
fn pairs(count: usize, of: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut state: u64 = 20_261_121;
    let mut draw = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % of
    };
    (0..count).map(move |_| (draw(), draw()))
}

#[test]
fn every_managed_policy_is_contained_in_itself() {
    let policies = managed();
    assert!(policies.len() >= 1600, "{}", policies.len());
    for (name, policy) in &policies {
        assert_eq!(
            contain(one(policy), one(policy), &Options::default()),
            Verdict::NoNewAccess,
            "{name}"
        );
    }
}

#[test]
fn a_sample_of_pairs_is_decided() {
    let policies = managed();
    for (new, old) in pairs(500, policies.len()) {
        let verdict = contain(one(&policies[new].1), one(&policies[old].1), &Options::default());
        if let Verdict::Unproven { reason } = verdict {
            panic!("{} in {}: {reason}", policies[new].0, policies[old].0);
        }
    }
}

/// The figures of `docs/performance.md`:
/// `cargo test --release --no-default-features --test it contain_managed -- --ignored --nocapture`.
#[test]
#[ignore = "measures; takes a minute in a release build"]
fn speed() {
    let policies = managed();
    let whole = Options {
        cancel: false,
        ..Options::default()
    };
    for (title, options) in [
        ("in itself", Options::default()),
        ("in itself, nothing cancelled", whole),
    ] {
        let asked = policies
            .iter()
            .map(|(name, policy)| (name.clone(), policy, policy));
        measure(title, asked, &options);
    }
    let asked = pairs(20_000, policies.len()).map(|(new, old)| {
        let (new, old) = (&policies[new], &policies[old]);
        (format!("{} in {}", new.0, old.0), &new.1, &old.1)
    });
    measure("20,000 pairs", asked, &Options::default());
}

/// Time that this thread spent computing, which other work on the machine does not touch; the clock, where the system
/// does not tell.
fn cpu_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = told.and_then(|text| text.split(' ').next()?.parse().ok());
    spent.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

fn measure<'a>(
    title: &str,
    asked: impl Iterator<Item = (String, &'a Policy, &'a Policy)>,
    options: &Options<'_>,
) {
    let mut times: Vec<(Duration, String)> = Vec::new();
    let began = cpu_time();
    let (mut contained, mut more, mut unproven) = (0, 0, Vec::new());
    for (name, new, old) in asked {
        let start = Instant::now();
        let verdict = contain(one(new), one(old), options);
        times.push((start.elapsed(), name.clone()));
        match verdict {
            Verdict::NoNewAccess => contained += 1,
            Verdict::NewAccess(_) => more += 1,
            Verdict::Unproven { reason } => unproven.push(format!("{name}: {reason}")),
        }
    }
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 1000].0;
    let total = cpu_time().saturating_sub(began);
    println!(
        "{title}: {} questions, {contained} contained, {more} more, {} unproven; mean CPU time {:?}; clock p50 {:?}, p99 {:?}, p99.9 {:?}",
        times.len(),
        unproven.len(),
        total / u32::try_from(times.len()).unwrap(),
        at(500),
        at(990),
        at(999),
    );
    times
        .iter()
        .rev()
        .take(6)
        .for_each(|(time, name)| println!("  {time:?} {name}"));
    unproven
        .iter()
        .take(10)
        .for_each(|line| println!("  unproven {line}"));
}
