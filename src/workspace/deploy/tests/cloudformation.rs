//! Plain CloudFormation: roles in four ways, conditions, event sources, and input that is not as it should be.

use super::*;

const ROLE: &str = r#"
Conditions:
  Prod: !Equals [!Ref 'AWS::Region', eu-west-1]
Resources:
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: !GetAtt Role.Arn
      Code: {S3Bucket: b, S3Key: k}
  Role:
    Type: AWS::IAM::Role
    Properties:
      ManagedPolicyArns:
        - arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole
        - !Sub arn:${AWS::Partition}:iam::aws:policy/AmazonS3ReadOnlyAccess
        - !Ref Shared
        - arn:aws:iam::111122223333:policy/elsewhere
        - arn:aws:iam::aws:policy/UnknownAccess
      Policies:
        - PolicyName: own
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
              - Effect: Allow
                Action: [sqs:SendMessage, !If [Prod, sqs:PurgeQueue, !Ref AWS::NoValue]]
                Resource: !If [Prod, !GetAtt Queue.Arn, '*']
              - !If
                - Prod
                - {Effect: Deny, Action: 's3:*', Resource: '*'}
                - !Ref AWS::NoValue
  Queue:
    Type: AWS::SQS::Queue
  Shared:
    Type: AWS::IAM::ManagedPolicy
    Condition: Prod
    Properties:
      PolicyDocument:
        Statement: {Effect: Allow, Action: 'ssm:GetParameter', Resource: !Join ['', ['arn:', !Ref 'AWS::Partition', ':ssm:*:*:parameter/x']]}
  Attached:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: attached
      Roles: [!Ref Role]
      PolicyDocument:
        Statement: [{Effect: Allow, NotAction: 'iam:*', Resource: '*'}]
  RolePolicy:
    Type: AWS::IAM::RolePolicy
    Properties:
      RoleName: !Ref Role
      PolicyName: extra
      PolicyDocument:
        Statement: [{Effect: Allow, Action: 'sns:Publish', Resource: !ImportValue topic}]
"#;

#[test]
fn a_role_has_what_every_way_gives_it() {
    let deployments = read_yaml(ROLE);
    let queue = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Queue}";
    assert_eq!(
        lines(role(&deployments, "Fn")),
        [
            format!(r#"inline own 26 [Prod]: {{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"{queue}"}}"#),
            r#"inline own 26 [not Prod]: {"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}"#.to_owned(),
            format!(r#"inline own 26 [Prod]: {{"Effect":"Allow","Action":"sqs:PurgeQueue","Resource":"{queue}"}}"#),
            r#"inline own 31 [Prod]: {"Effect":"Deny","Action":"s3:*","Resource":"*"}"#.to_owned(),
            r#"managed-policy AWSLambdaBasicExecutionRole 16: {"Effect":"Allow","Action":"managed:AWSLambdaBasicExecutionRole","Resource":"*"}"#.to_owned(),
            r#"managed-policy AmazonS3ReadOnlyAccess 17: {"Effect":"Allow","Action":"managed:AmazonS3ReadOnlyAccess","Resource":"*"}"#.to_owned(),
            r#"managed-policy Shared 40 [Prod]: {"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:${AWS::Partition}:ssm:*:*:parameter/x"}"#.to_owned(),
            r#"inline attached 47: {"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#.to_owned(),
            r#"inline extra 54: {"Effect":"Allow","Action":"sns:Publish","Resource":"${!ImportValue topic}"}"#.to_owned(),
        ]
    );
    assert_eq!(
        gaps(&deployments),
        ["unresolved-policy 19", "unknown-managed-policy 20"]
    );
}
