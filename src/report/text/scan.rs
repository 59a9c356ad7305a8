//! `rolefit scan`: the operations each function can reach, with place, resource and call path.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{BOLD, DIM, counted, gap_line, pad, paint};
use crate::report::scan::{Scanned, resources};
use crate::usage::{CallSite, Gap};

/// The scan, function by function.
pub fn scan(
    functions: &[Scanned<'_>],
    unreached: &[&CallSite],
    gaps: &[Gap],
    members: &dyn Fn(&CallSite) -> Vec<String>,
) -> String {
    let mut out = String::new();
    for scanned in functions {
        let binary = scanned
            .binary
            .map(|binary| format!("  bin {}  {}", binary.binary, binary.entry))
            .unwrap_or_default();
        let _ = writeln!(out, "{}{}", paint(BOLD, scanned.name), paint(DIM, &binary));
        if scanned.calls.is_empty() {
            let _ = writeln!(out, "  {}", paint(DIM, "no AWS SDK call"));
        }
        for call in scanned.calls {
            let named: Vec<String> = resources(call, &members(call))
                .into_iter()
                .map(|resource| {
                    let value = resource.value.unwrap_or_else(|| "?".to_owned());
                    let sigil = if resource.kind == "env" { "$" } else { "" };
                    format!("{}={sigil}{value}", resource.member)
                })
                .collect();
            let path: Vec<&str> = call.via.iter().map(|frame| frame.fn_name.as_str()).collect();
            let _ = writeln!(
                out,
                "  {}  {}  {}  {}",
                pad(&call.operation.to_string(), 32),
                pad(&call.location.to_string(), 32),
                pad(&named.join(" "), 28),
                paint(DIM, &path.join(" > ")),
            );
        }
        for gap in &scanned.gaps {
            let _ = writeln!(out, "{}", gap_line(gap));
        }
    }
    if !unreached.is_empty() {
        let _ = writeln!(out, "{}", paint(BOLD, "reached by no function"));
        for call in unreached {
            let _ = writeln!(
                out,
                "  {}  {}",
                pad(&call.operation.to_string(), 32),
                call.location
            );
        }
    }
    if !gaps.is_empty() {
        let _ = writeln!(out, "{}", paint(BOLD, "not tied to a function"));
        for gap in gaps {
            let _ = writeln!(out, "{}", gap_line(gap));
        }
    }
    settle(&mut out, functions, gaps);
    let calls: usize = functions.iter().map(|scanned| scanned.calls.len()).sum();
    let unsettled = gaps.len() + functions.iter().map(|scanned| scanned.gaps.len()).sum::<usize>();
    let _ = writeln!(
        out,
        "{}, {}, {}",
        counted(functions.len(), "function"),
        counted(calls, "call"),
        counted(unsettled, "gap")
    );
    out
}

/// What settles the gaps: each advice once, under the code of the gaps that it is for.
fn settle(out: &mut String, functions: &[Scanned<'_>], gaps: &[Gap]) {
    let own = functions.iter().flat_map(|scanned| &scanned.gaps);
    let advice: BTreeSet<(&str, &str)> = own
        .chain(gaps)
        .filter_map(|gap| Some((gap.code, gap.hint.as_deref()?)))
        .collect();
    if advice.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", paint(BOLD, "to settle gaps"));
    for (code, hint) in advice {
        let _ = writeln!(out, "  {}  {hint}", pad(code, 24));
    }
}
