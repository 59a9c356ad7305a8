//! Every way to mention a resource gives the same symbolic ARN.

use super::*;

const TEMPLATE: &str = r#"
Parameters:
  Stage: {Type: String, Default: dev}
  Bus: {Type: String}
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: !Sub 'orders-${Stage}'}
  Inbox:
    Type: AWS::SQS::Queue
    Properties: {QueueName: inbox, KmsMasterKeyId: !Ref KeyName}
  News:
    Type: AWS::SNS::Topic
  Files:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub 'files-${AWS::AccountId}'
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - ServerSideEncryptionByDefault: {SSEAlgorithm: aws:kms, KMSMasterKeyID: !GetAtt Key.Arn}
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: app/db}
  Setting:
    Type: AWS::SSM::Parameter
    Properties: {Name: /app/setting}
  Events:
    Type: AWS::Events::EventBus
    Properties: {Name: !Ref Bus}
  Key:
    Type: AWS::KMS::Key
  KeyName:
    Type: AWS::KMS::Alias
    Properties: {AliasName: alias/app, TargetKeyId: !Ref Key}
  Plain:
    Type: AWS::SQS::Queue
    Properties: {KmsMasterKeyId: alias/aws/sqs}
"#;

fn stack() -> Stack {
    read_yaml(TEMPLATE).stacks.remove(0)
}

/// Shortens the parts that every ARN has.
fn short(arn: &str) -> String {
    arn.replace("arn:${AWS::Partition}:", "")
        .replace("${AWS::Region}:${AWS::AccountId}", "~")
}

#[test]
fn mentions_become_one() {
    let stack = stack();
    for (text, expected) in [
        ("${Orders.Arn}", "dynamodb:~:table/${Orders}"),
        ("${Orders.Arn}/index/*", "dynamodb:~:table/${Orders}/index/*"),
        ("${Orders.StreamArn}", "dynamodb:~:table/${Orders}/stream/*"),
        (
            "arn:aws:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Orders}",
            "dynamodb:~:table/${Orders}",
        ),
        (
            "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-dev/index/by-date",
            "dynamodb:~:table/${Orders}/index/by-date",
        ),
        (
            "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/orders-${Stage}",
            "dynamodb:~:table/${Orders}",
        ),
        (
            "arn:aws:dynamodb:*:*:table/orders-dev",
            "dynamodb:*:*:table/${Orders}",
        ),
        (
            "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-dev2",
            "dynamodb:eu-west-1:111122223333:table/orders-dev2",
        ),
        (
            "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-*",
            "dynamodb:eu-west-1:111122223333:table/orders-*",
        ),
        ("${News}", "sns:~:${News}"),
        ("${News.TopicArn}:*", "sns:~:${News}:*"),
        (
            "arn:aws:sns:${AWS::Region}:${AWS::AccountId}:${News.TopicName}",
            "sns:~:${News}",
        ),
        ("${Inbox}", "${Inbox}"),
        ("arn:aws:sqs:*:*:inbox", "sqs:*:*:${Inbox}"),
        ("arn:aws:s3:::files-${AWS::AccountId}/in/*", "s3:::${Files}/in/*"),
        ("${Secret}", "secretsmanager:~:secret:${Secret}"),
        (
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:app/db-??????",
            "secretsmanager:~:secret:${Secret}",
        ),
        (
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:app/db-*",
            "secretsmanager:eu-west-1:111122223333:secret:app/db-*",
        ),
        (
            "arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:parameter/app/setting",
            "ssm:~:parameter/${Setting}",
        ),
        (
            "arn:aws:events:${AWS::Region}:${AWS::AccountId}:event-bus/${Bus}",
            "events:~:event-bus/${Events}",
        ),
        (
            "arn:aws:sqs:eu-west-1:111122223333:elsewhere",
            "sqs:eu-west-1:111122223333:elsewhere",
        ),
        ("*", "*"),
        ("arn:aws:s3:::*", "s3:::*"),
        ("${!ImportValue net}", "${!ImportValue net}"),
        ("", ""),
    ] {
        let once = stack.normalise_arn(text);
        assert_eq!(short(&once), expected, "{text}");
        assert_eq!(stack.normalise_arn(&once), once, "a second time: {text}");
    }
}

#[test]
fn a_text_names_a_resource_or_none() {
    let stack = stack();
    for (text, expected) in [
        ("${Orders}", Some("Orders")),
        ("${Orders.Arn}", Some("Orders")),
        ("orders-${Stage}", Some("Orders")),
        ("orders-dev", Some("Orders")),
        ("orders-prod", None),
        ("${Orders.StreamArn}", None),
        (
            "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-dev",
            Some("Orders"),
        ),
        (
            "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-dev/index/x",
            None,
        ),
        ("${Inbox}", Some("Inbox")),
        ("${Inbox.QueueUrl}", Some("Inbox")),
        (
            "https://sqs.eu-west-1.amazonaws.com/111122223333/inbox",
            Some("Inbox"),
        ),
        ("${Bus}", Some("Events")),
        ("app/db", Some("Secret")),
        ("${Stage}", None),
        ("", None),
    ] {
        let found = stack.resource_named(text).map(|resource| resource.id.as_str());
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn customer_keys_are_known_by_arn_id_and_alias() {
    let stack = stack();
    let key = |id: &str| stack.resources[id].kms_key.as_deref().map(short);
    assert_eq!(key("Files").as_deref(), Some("kms:~:key/${Key}"));
    assert_eq!(key("Inbox").as_deref(), Some("kms:~:key/${Key}"));
    assert_eq!(key("Plain"), None);
}

#[test]
fn physical_names_can_be_put_back() {
    let stack = stack();
    let arn = stack.normalise_arn("${Orders.Arn}/index/*");
    assert_eq!(
        short(&stack.physical_arn(&arn)),
        "dynamodb:~:table/orders-${Stage}/index/*"
    );
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn texts() -> impl Strategy<Value = String> {
        let pieces = proptest::sample::select(vec![
            "arn:",
            "aws",
            "${AWS::Partition}",
            ":",
            "dynamodb",
            "sqs",
            "s3",
            "${AWS::Region}",
            "${AWS::AccountId}",
            "*",
            "table/",
            "${Orders}",
            "${Orders.Arn}",
            "orders-",
            "${Stage}",
            "dev",
            "/index/*",
            "inbox",
            "${Inbox.QueueName}",
            "${News}",
            "${Secret}",
            "-??????",
            "app/db",
            "${",
            "}",
            "${!x y}",
            "parameter",
            "/app/setting",
            "${Bus}",
        ]);
        proptest::collection::vec(pieces, 0..10).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn bringing_to_one_name_is_done_once(text in texts()) {
            let stack = stack();
            let once = stack.normalise_arn(&text);
            prop_assert_eq!(stack.normalise_arn(&once), once);
        }

        #[test]
        fn a_text_without_mentions_stays(text in "[a-z:/*?-]{0,40}") {
            let stack = stack();
            prop_assume!(!text.starts_with("arn:"));
            prop_assert_eq!(stack.normalise_arn(&text), text);
        }
    }
}
