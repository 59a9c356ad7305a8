//! Requests and decisions.

use super::*;

#[test]
fn nothing_allows_by_itself() {
    let outcome = evaluate(&Request::default(), &Layers::default());
    assert_eq!(outcome.decision, Decision::ImplicitDeny);
    assert_eq!(outcome.because, Deciding::Silence(Layer::Resource, None));
}
