//! Prints a policy document in one canonical form: fixed key order, lists of one as plain strings.

use serde_json::{Map, Value};

use super::check::is_taken;
use super::{Actions, Policy, PolicyKind, PrincipalSet, Principals, Resources, Statement, Version};

impl Policy {
    /// The document as it was declared: key order is `Version, Statement`, and within a statement `Sid, Effect,
    /// Principal, Action, Resource, Condition`.
    pub fn to_json(&self) -> Value {
        let mut document = object([
            ("Version", Some(Value::from(self.version.as_str()))),
            (
                "Statement",
                Some(Value::Array(
                    self.statements.iter().map(|one| one.json_in(self.kind)).collect(),
                )),
            ),
        ]);
        if self.version == Version::V2008 {
            with_plain_dollars(&mut document);
        }
        document
    }

    /// The document over several lines, indented by two spaces, without a newline at the end.
    pub fn to_json_pretty(&self) -> String {
        escaped(&format!("{:#}", self.to_json()))
    }

    /// The document on one line without any blank between tokens.
    pub fn to_json_compact(&self) -> String {
        escaped(&self.to_json().to_string())
    }

    /// Characters that count against IAM's size quotas, which leave out white space; [`Place`](super::limits::Place)
    /// has the quotas.
    pub fn size_without_whitespace(&self) -> usize {
        super::limits::Place::Managed.size(&self.to_json_compact())
    }
}

impl Statement {
    /// The statement as JSON in version 2012-10-17, keys in the order `Sid, Effect, Principal, Action, Resource,
    /// Condition`.
    pub fn to_json(&self) -> Value {
        self.json_in(PolicyKind::Identity)
    }

    /// A trust policy has no `Resource`; its statements speak of `*`.
    fn json_in(&self, kind: PolicyKind) -> Value {
        let named = kind != PolicyKind::Trust
            || !matches!(&self.resources, Resources::Only(list) if matches!(list.as_slice(), [one] if one.is_any()));
        let principals = self.principals.as_ref().map(|principals| match principals {
            Principals::Only(set) => ("Principal", principals_json(set)),
            Principals::AllExcept(set) => ("NotPrincipal", principals_json(set)),
        });
        let (principal_key, principals) = match principals {
            Some((key, json)) => (key, Some(json)),
            None => ("Principal", None),
        };
        let (action_key, actions) = match &self.actions {
            Actions::Only(list) => ("Action", list),
            Actions::AllExcept(list) => ("NotAction", list),
        };
        let (resource_key, resources) = match &self.resources {
            Resources::Only(list) => ("Resource", list),
            Resources::AllExcept(list) => ("NotResource", list),
        };
        object([
            ("Sid", self.sid.as_deref().map(Value::from)),
            ("Effect", Some(Value::from(self.effect.as_str()))),
            (principal_key, principals),
            (
                action_key,
                Some(one_or_list(actions.iter().map(|item| item.as_str()))),
            ),
            (
                resource_key,
                named.then(|| one_or_list(resources.iter().map(|item| item.as_str()))),
            ),
            (
                "Condition",
                (!self.conditions.is_empty()).then(|| self.conditions_json()),
            ),
        ])
    }

    fn conditions_json(&self) -> Value {
        let operators = self.conditions.iter().map(|(operator, keys)| {
            let keys = keys
                .iter()
                .map(|(key, values)| (key.clone(), one_or_list(values.iter().map(String::as_str))))
                .collect();
            (operator.clone(), Value::Object(keys))
        });
        Value::Object(operators.collect())
    }
}

fn principals_json(set: &PrincipalSet) -> Value {
    if set.contains_key("*") {
        return Value::from("*");
    }
    let kinds = set
        .iter()
        .map(|(kind, names)| (kind.clone(), one_or_list(names.iter().map(String::as_str))));
    Value::Object(kinds.collect())
}

/// JSON with the characters that IAM does not take written as escapes; they can only stand in its strings.
fn escaped(json: &str) -> String {
    if json.chars().all(is_taken) {
        return json.to_owned();
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match is_taken(c) {
            true => out.push(c),
            false => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out
}

/// Takes back what reading a document of the older version did: see [`Document::read`](super::Document::read).
fn with_plain_dollars(json: &mut Value) {
    match json {
        Value::String(text) => *text = text.replace("${$}{", "${"),
        Value::Array(items) => items.iter_mut().for_each(with_plain_dollars),
        Value::Object(members) => members.values_mut().for_each(with_plain_dollars),
        _ => {}
    }
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

fn one_or_list<'a>(items: impl Iterator<Item = &'a str>) -> Value {
    let mut list: Vec<Value> = items.map(Value::from).collect();
    match (list.len(), list.pop()) {
        (1, Some(only)) => only,
        (_, last) => Value::Array(list.into_iter().chain(last).collect()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::option;
    use proptest::prelude::*;

    use super::super::{ActionPattern, ArnPattern, Effect};
    use super::*;

    const PRINTED: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Read",
      "Effect": "Allow",
      "Action": [
        "s3:GetObject",
        "s3:ListBucket"
      ],
      "Resource": "*",
      "Condition": {
        "Bool": {
          "aws:SecureTransport": "true"
        }
      }
    }
  ]
}"#;

    #[test]
    fn a_document_prints_in_one_form() {
        let shuffled = r#"{"Statement": {"Condition": {"Bool": {"aws:SecureTransport": ["true"]}}, "Resource": ["*"],
            "Action": ["s3:GetObject", "s3:ListBucket"], "Effect": "Allow", "Sid": "Read"}, "Version": "2012-10-17"}"#;
        let policy = Policy::from_json(shuffled).unwrap();
        assert_eq!(policy.to_json_pretty(), PRINTED);
        let without = PRINTED.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(policy.to_json_compact(), without);
        assert_eq!(policy.size_without_whitespace(), without.len());
    }

    fn conditions() -> impl Strategy<Value = super::super::Conditions> {
        let operator = (
            prop_oneof![Just(""), Just("ForAnyValue:"), Just("ForAllValues:")],
            prop_oneof![
                Just("StringEquals"),
                Just("StringNotLike"),
                Just("ArnLike"),
                Just("bool"),
                Just("IpAddress")
            ],
            prop_oneof![Just(""), Just("IfExists")],
        );
        btree_map(
            operator.prop_map(|(set, name, suffix)| format!("{set}{name}{suffix}")),
            btree_map("[a-z]{2,5}:[A-Za-z/]{1,8}", vec(any::<String>(), 0..3), 0..3),
            0..3,
        )
    }

    fn principals() -> impl Strategy<Value = Principals> {
        let named = btree_map(
            prop_oneof![
                Just("AWS"),
                Just("Service"),
                Just("Federated"),
                Just("CanonicalUser")
            ],
            vec(
                "[*]|[0-9]{12}|arn:aws:iam::[0-9]{12}:role/[A-Za-z]{1,5}|[a-z]{2,5}[.]amazonaws[.]com",
                1..3,
            ),
            1..3,
        );
        let named = named.prop_map(|set| {
            set.into_iter()
                .map(|(kind, names)| (kind.to_owned(), names))
                .collect()
        });
        let everyone = Just(PrincipalSet::from([("*".to_owned(), vec!["*".to_owned()])]));
        (any::<bool>(), prop_oneof![named.boxed(), everyone.boxed()]).prop_map(|(only, set)| match only {
            true => Principals::Only(set),
            false => Principals::AllExcept(set),
        })
    }

    fn statement(kind: PolicyKind) -> impl Strategy<Value = Statement> {
        let action = match kind {
            PolicyKind::Trust => "sts:[A-Z*?][A-Za-z*?]{0,8}",
            _ => "[*]|[a-z0-9]{1,6}:[A-Z*?][A-Za-z*?]{0,8}",
        };
        (
            any::<bool>(),
            any::<bool>(),
            vec(action, 1..4),
            any::<bool>(),
            vec(
                "[*]|arn:aws:s3:::[a-z*:/${}]{0,20}|arn:[*]:x[a-z]{1,3}(:[a-z*${}]{0,9}){0,4}",
                1..4,
            ),
            conditions(),
            principals(),
        )
            .prop_map(
                move |(allow, only, actions, only_these, resources, conditions, principals)| {
                    let actions = actions.into_iter().map(ActionPattern::new).collect();
                    let resources = match kind {
                        PolicyKind::Trust => vec![ArnPattern::any()],
                        _ => resources.into_iter().map(ArnPattern::new).collect(),
                    };
                    let principals = match (kind, principals) {
                        (PolicyKind::Identity, _) => None,
                        (PolicyKind::Trust, Principals::AllExcept(set)) => Some(Principals::Only(set)),
                        (_, principals) => Some(principals),
                    };
                    Statement {
                        sid: None,
                        principals,
                        effect: if allow { Effect::Allow } else { Effect::Deny },
                        actions: if only {
                            Actions::Only(actions)
                        } else {
                            Actions::AllExcept(actions)
                        },
                        resources: match only_these || kind == PolicyKind::Trust {
                            true => Resources::Only(resources),
                            false => Resources::AllExcept(resources),
                        },
                        conditions,
                    }
                },
            )
    }

    fn policy() -> impl Strategy<Value = Policy> {
        let kind = prop_oneof![
            Just(PolicyKind::Identity),
            Just(PolicyKind::Resource),
            Just(PolicyKind::Trust)
        ];
        kind.prop_flat_map(|kind| {
            (
                Just(kind),
                any::<bool>(),
                vec((option::of("[A-Za-z0-9]{0,8}"), statement(kind)), 1..4),
            )
        })
        .prop_map(|(kind, newer, numbered)| {
            let mut statements = Vec::new();
            for (index, (sid, statement)) in numbered.into_iter().enumerate() {
                let sid = sid.map(|sid| format!("{sid}{index}"));
                statements.push(Statement { sid, ..statement });
            }
            let policy = Policy {
                kind,
                version: Version::V2012,
                statements,
            };
            match newer {
                true => policy,
                // What an older document can say is what comes out of reading one.
                false => {
                    let text = policy.to_json_compact().replacen("2012-10-17", "2008-10-17", 1);
                    Policy::read(&text, kind).unwrap()
                }
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(policy in policy()) {
            prop_assert_eq!(&Policy::read(&policy.to_json_pretty(), policy.kind).unwrap(), &policy);
            prop_assert_eq!(&Policy::read(&policy.to_json_compact(), policy.kind).unwrap(), &policy);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = Policy::from_json(&text);
        }
    }
}
