//! Whatever two policies are, containment answers within its budget and without panic; a policy is contained in itself,
//! and a witness holds on both sides. The input is two policies, with a line `---` between them.

use rolefit::iam::contain::{Options, Verdict, contain};
use rolefit::iam::evaluate::{Layer, Voice, layer};
use rolefit::iam::policy::{Policy, PolicyKind};

/// One run.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some((one, other)) = text.split_once("\n---\n") else {
        return;
    };
    for (kind, place) in [
        (PolicyKind::Identity, Layer::Identity),
        (PolicyKind::Resource, Layer::Resource),
        (PolicyKind::Trust, Layer::Resource),
    ] {
        let (Ok(new), Ok(old)) = (Policy::read(one, kind), Policy::read(other, kind)) else {
            continue;
        };
        let (new, old) = (std::slice::from_ref(&new), std::slice::from_ref(&old));
        let options = Options {
            budget: 2_000_000,
            ..Options::default()
        };
        let whole = Options {
            cancel: false,
            ..options
        };
        match contain(new, old, &options) {
            Verdict::NewAccess(witness) if witness.symbols.is_empty() => {
                let allows = |policies| matches!(layer(&witness.request, place, policies), Voice::Allows(_));
                assert!(allows(new) && !allows(old), "{witness:?}");
            }
            Verdict::Unproven { reason } => assert!(!reason.contains("bug"), "{reason}\n{text}"),
            Verdict::NewAccess(_) | Verdict::NoNewAccess => {}
        }
        for options in [&options, &whole] {
            assert!(!matches!(contain(new, new, options), Verdict::NewAccess(_)));
        }
    }
}
