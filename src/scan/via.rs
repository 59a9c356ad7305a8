//! The call path that is shown with a call: a shortest one, but through a user of the type that runs.
//!
//! A generic service is shared by all its users, so that the shortest path to a method of one client may begin at the
//! user of another. What makes the value whose method runs tells the users apart.

use std::collections::{BTreeMap, VecDeque};

use super::call_site::Scanned;
use super::facts::Callee;
use super::ir::{ExprId, Span};
use super::reach::Reach;
use super::types::Ty;
use super::world::{AdtId, FnId, Owner};

/// Steps of a path beyond which it is cut.
const MAX_STEPS: usize = 200;

/// A fn and the place in it from which the next step goes.
type Step = (FnId, Span);

impl Scanned<'_, '_> {
    /// The steps from `main` to `id`, outermost first, without `id` itself.
    pub(super) fn steps_to(&self, reach: &Reach, id: FnId) -> Vec<Step> {
        let shortest = chain(reach, id);
        // The method nearest to the call that stands for a generic parameter's.
        let mut at = id;
        let mut chosen = None;
        for (index, (caller, span)) in shortest.iter().enumerate() {
            if self.is_generic(*caller, *span) {
                chosen = Some((at, index));
                break;
            }
            at = *caller;
        }
        let through = chosen.and_then(|(method, index)| {
            let maker = reach.made_in.get(&self.self_type(method)?)?;
            let mut steps = self.by_maker(reach, method, *maker, shortest.get(index..)?)?;
            steps.splice(0..0, shortest.get(..index)?.iter().copied());
            Some(steps)
        });
        let mut steps = through.unwrap_or(shortest);
        steps.truncate(MAX_STEPS);
        steps.reverse();
        steps
    }

    /// The steps up from `method`, innermost first, through the caller nearest to the fn that makes its type; `None` if
    /// the known ones pass there.
    fn by_maker(&self, reach: &Reach, method: FnId, maker: FnId, known: &[Step]) -> Option<Vec<Step>> {
        let up = chain(reach, maker);
        let toward = self.toward(reach, method);
        let users = std::iter::once(maker).chain(up.iter().map(|(id, _)| *id));
        let (index, user) = users.enumerate().find(|(_, user)| toward.contains_key(user))?;
        if user == method || known.iter().any(|(id, _)| *id == user) {
            return None;
        }
        let mut down = Vec::new();
        let mut at = user;
        while let Some((next, span)) = toward.get(&at) {
            down.push((at, *span));
            at = *next;
            if at == method || down.len() > MAX_STEPS {
                break;
            }
        }
        down.reverse();
        down.extend(up.into_iter().skip(index));
        Some(down)
    }

    /// From every fn that leads to `target`: the next step of a shortest path there, and the place of its call.
    fn toward(&self, reach: &Reach, target: FnId) -> BTreeMap<FnId, (FnId, Span)> {
        let mut found: BTreeMap<FnId, (FnId, Span)> = BTreeMap::new();
        let mut queue = VecDeque::from([target]);
        while let Some(at) = queue.pop_front() {
            let calls = reach.callers.get(&at).into_iter().flatten();
            let calls = calls.map(|(caller, expr)| (*caller, self.call_span(*caller, *expr)));
            let made = reach.run_by_makers.get(&at).into_iter().flatten().copied();
            for (caller, span) in calls.chain(made) {
                if caller != target && !found.contains_key(&caller) {
                    found.insert(caller, (at, span));
                    queue.push_back(caller);
                }
            }
        }
        found
    }

    /// Where a call stands: the method's name.
    fn call_span(&self, caller: FnId, expr: ExprId) -> Span {
        let facts = self.facts.get(caller.0 as usize);
        let edges = facts.into_iter().flat_map(|facts| &facts.edges);
        edges
            .filter(|edge| edge.expr == expr)
            .map(|edge| edge.span)
            .next()
            .unwrap_or_else(|| self.world.span(caller))
    }

    /// Whether the call at a place is one on a generic parameter. Behind a trait object, what makes the value tells little.
    fn is_generic(&self, caller: FnId, span: Span) -> bool {
        let facts = self.facts.get(caller.0 as usize);
        facts.is_some_and(|facts| {
            facts.edges.iter().any(|edge| {
                edge.span == span && edge.on.is_some() && matches!(edge.callee, Callee::Virtual(..))
            })
        })
    }

    /// The type whose method a fn is.
    fn self_type(&self, id: FnId) -> Option<AdtId> {
        let Owner::Impl(of) = self.world.fns[id].owner else {
            return None;
        };
        match &self.world.impls[of].self_ty {
            Ty::Adt(adt, _) => Some(*adt),
            _ => None,
        }
    }
}

/// The callers of a fn on its shortest path, innermost first, each with the place of its call.
fn chain(reach: &Reach, id: FnId) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = id;
    while let Some(Some((caller, span))) = reach.fns.get(&at) {
        steps.push((*caller, *span));
        at = *caller;
        if steps.len() > MAX_STEPS {
            break;
        }
    }
    steps
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::ScanOptions;
    use super::super::tests::{scan_files, split};

    /// Two sinks share a generic service that a framework calls.
    const SINKS: &str = r#"
trait Publish { async fn publish(&self); }
struct ToQueue(aws_sdk_sqs::Client);
impl ToQueue { fn new(c: aws_sdk_sqs::Client) -> Self { ToQueue(c) } }
impl Publish for ToQueue { async fn publish(&self) { self.0.send_message().send().await.unwrap(); } }
struct ToTopic(aws_sdk_sns::Client);
impl ToTopic { fn new(c: aws_sdk_sns::Client) -> Self { ToTopic(c) } }
impl Publish for ToTopic { async fn publish(&self) { self.0.publish().send().await.unwrap(); } }
struct Service<C>(C);
impl<C: Publish> Service<C> { fn new(c: C) -> Self { Service(c) } }
impl<C: Publish> tower::Service<u8> for Service<C> {
    type Response = ();
    fn call(&mut self, _: u8) { drop(self.0.publish()); }
}
fn sink<C: Publish>(c: C) { framework::run(Service::new(c)); }
async fn queue_sink() { sink(ToQueue::new(aws_sdk_sqs::Client::new(&aws_config::load_from_env().await))); }
async fn topic_sink() { sink(ToTopic::new(aws_sdk_sns::Client::new(&aws_config::load_from_env().await))); }
#[tokio::main]
async fn main() { queue_sink().await; topic_sink().await; }
"#;

    #[test]
    fn a_path_begins_at_the_user_whose_type_runs() {
        let scan = scan_files(&split(SINKS), &ScanOptions::default());
        let entry = scan.entries.first().unwrap();
        let paths: Vec<(String, Vec<&str>)> = entry
            .call_sites
            .iter()
            .map(|site| {
                let steps = site.via.iter().map(|frame| frame.fn_name.as_str()).collect();
                (site.operation.to_string(), steps)
            })
            .collect();
        let common = ["sink", "Service::new", "Service::call"];
        for (operation, user, publish) in [
            ("sqs.SendMessage", "queue_sink", "ToQueue::publish"),
            ("sns.Publish", "topic_sink", "ToTopic::publish"),
        ] {
            let mut steps = vec!["main", user];
            steps.extend(common);
            steps.push(publish);
            assert!(
                paths.contains(&(operation.to_owned(), steps)),
                "{operation}: {paths:?}"
            );
        }
    }
}
