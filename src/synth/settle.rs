//! From symbols to what is deployed: the policy with the names that the account knows.

use std::collections::{BTreeMap, BTreeSet};

use super::emit::is_policy_variable;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Policy, Resources};
use crate::workspace::deploy::text::{TextPiece, pieces};
use crate::workspace::model::Stack;

/// How many names may lead to one another: a table's name holds a parameter, and so on.
const MOST_STEPS: usize = 8;

/// Symbols that nothing fills.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not known in the account: {}\nhint: state each with `--set NAME=VALUE` (a physical id, as `aws cloudformation \
     describe-stack-resources` tells it), or all at once with `--set-from FILE`",
    .0.iter().map(|symbol| format!("`${{{symbol}}}`")).collect::<Vec<_>>().join(", ")
)]
pub struct Unsettled(pub BTreeSet<String>);

/// The policy with every symbol filled: by what is known (physical ids by logical id, values by parameter, and
/// `AWS::Region` and the like), else by the name that the stack template gives.
///
/// A physical id may be an ARN, or an address that ends in a name.
///
/// # Errors
/// When a symbol is left; a policy with it would allow nothing.
pub fn settle(
    policy: &Policy,
    stack: Option<&Stack>,
    known: &BTreeMap<String, String>,
) -> Result<Policy, Unsettled> {
    let mut left = BTreeSet::new();
    let mut policy = policy.clone();
    for statement in &mut policy.statements {
        let (Resources::Only(resources) | Resources::AllExcept(resources)) = &mut statement.resources;
        for resource in resources {
            *resource = ArnPattern::new(filled(resource.as_str(), stack, known, &mut left, 0));
        }
        let values = statement
            .conditions
            .values_mut()
            .flat_map(|keys| keys.values_mut());
        for value in values.flatten() {
            *value = filled(value, stack, known, &mut left, 0);
        }
    }
    if left.is_empty() {
        Ok(policy)
    } else {
        Err(Unsettled(left))
    }
}

fn filled(
    text: &str,
    stack: Option<&Stack>,
    known: &BTreeMap<String, String>,
    left: &mut BTreeSet<String>,
    steps: usize,
) -> String {
    let mut out = String::new();
    for piece in pieces(text) {
        let symbol = match piece {
            TextPiece::Plain(plain) => {
                out.push_str(plain);
                continue;
            }
            TextPiece::Symbol(symbol) => symbol,
        };
        let named = || stack?.resources.get(symbol)?.physical_name.clone();
        match known.get(symbol) {
            Some(value) => put(&mut out, value),
            None if is_policy_variable(symbol) => out.push_str(&format!("${{{symbol}}}")),
            None => match named().filter(|_| steps < MOST_STEPS) {
                Some(name) => put(&mut out, &filled(&name, stack, known, left, steps + 1)),
                None => {
                    left.insert(symbol.to_owned());
                }
            },
        }
    }
    out
}

/// Puts a physical id behind what stands there.
fn put(out: &mut String, id: &str) {
    if id.starts_with("arn:") {
        // The id tells all that stands in front of it, too.
        id.clone_into(out);
    } else if let Some((_, path)) = id.split_once("://") {
        out.push_str(path.rsplit('/').next().unwrap_or(path));
    } else {
        // The ARN of a parameter of SSM has one slash where its name begins with one.
        out.push_str(id.strip_prefix('/').filter(|_| out.ends_with('/')).unwrap_or(id));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::workspace::deploy;

    const TEMPLATE: &str = "Parameters:\n  Stage: { Type: String }\nResources:\n  Table: { Type: AWS::DynamoDB::Table, \
                            Properties: { TableName: !Sub 'orders-${Stage}' } }\n  Queue: { Type: AWS::SQS::Queue }\n  Token: \
                            { Type: AWS::SecretsManager::Secret }\n  Sender: { Type: AWS::SSM::Parameter, Properties: \
                            { Name: !Sub '/${Stage}/sender' } }\n";

    fn settled(resource: &str, known: &[(&str, &str)]) -> Result<String, Vec<String>> {
        let read = deploy::read_text("template.yaml", TEMPLATE, &|_| None);
        let json = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "a:B", "Resource": "{resource}"}}]}}"#
        );
        let policy = Policy::from_json(&json).unwrap();
        let known = known
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        match settle(&policy, read.stacks.first(), &known.collect()) {
            Ok(policy) => Ok(policy.to_json()["Statement"][0]["Resource"]
                .as_str()
                .unwrap()
                .to_owned()),
            Err(Unsettled(left)) => Err(left.into_iter().collect()),
        }
    }

    #[test]
    fn names_of_the_template_are_filled_and_filled_in() {
        let table = "arn:aws:dynamodb:eu-west-1:1:table/${Table}/index/x";
        let is = settled(table, &[("Stage", "prod")]);
        assert_eq!(
            is.unwrap(),
            "arn:aws:dynamodb:eu-west-1:1:table/orders-prod/index/x"
        );
        assert_eq!(settled(table, &[]), Err(vec!["Stage".to_owned()]));
        let is = settled(table, &[("Table", "other")]);
        assert_eq!(is.unwrap(), "arn:aws:dynamodb:eu-west-1:1:table/other/index/x");
        let is = settled(
            "arn:aws:ssm:eu-west-1:1:parameter/${Sender}",
            &[("Stage", "prod")],
        );
        assert_eq!(is.unwrap(), "arn:aws:ssm:eu-west-1:1:parameter/prod/sender");
    }

    #[test]
    fn physical_ids_may_be_arns_and_addresses() {
        let is = settled(
            "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Token}",
            &[
                ("AWS::Partition", "aws"),
                ("AWS::Region", "eu-west-1"),
                ("AWS::AccountId", "1"),
                ("Token", "arn:aws:secretsmanager:eu-west-1:1:secret:Token-AbCdEf"),
            ],
        );
        assert_eq!(
            is.unwrap(),
            "arn:aws:secretsmanager:eu-west-1:1:secret:Token-AbCdEf"
        );
        let address = "https://sqs.eu-west-1.amazonaws.com/1/shop-Queue-1X";
        let is = settled("arn:aws:sqs:eu-west-1:1:${Queue}", &[("Queue", address)]);
        assert_eq!(is.unwrap(), "arn:aws:sqs:eu-west-1:1:shop-Queue-1X");
    }

    #[test]
    fn variables_of_iam_stay() {
        let text = "arn:aws:s3:::b/${aws:username}/${*}";
        assert_eq!(settled(text, &[]).unwrap(), text);
    }
}
