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

const SOURCES: &str = r#"
Parameters:
  StreamArn: {Type: String}
Resources:
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Role: arn:aws:iam::111122223333:role/elsewhere
      Code: {S3Bucket: b, S3Key: k}
      DeadLetterConfig: {TargetArn: !GetAtt Dead.Arn}
      TracingConfig: {Mode: Active}
      LoggingConfig: {LogGroup: !Ref Logs}
  Script:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.13, Code: {ZipFile: 'pass'}, TracingConfig: {Mode: PassThrough}}
  Live:
    Type: AWS::Lambda::Alias
    Properties: {FunctionName: !Ref Fn, FunctionVersion: '1', Name: live}
  Logs: {Type: AWS::Logs::LogGroup}
  Dead: {Type: AWS::SQS::Queue}
  Failed: {Type: AWS::S3::Bucket}
  Tick: {Type: AWS::Events::Rule, Properties: {ScheduleExpression: rate(1 hour)}}
  ByAlias:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Live
      EventSourceArn: !GetAtt Dead.Arn
      DestinationConfig: {OnFailure: {Destination: !GetAtt Failed.Arn}}
  ByArn:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Sub '${Fn.Arn}:live'
      EventSourceArn: arn:aws:kinesis:eu-west-1:111122223333:stream/s/consumer/c:1
  ByParameter:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !GetAtt Fn.Arn, EventSourceArn: !Ref StreamArn}
  Kafka:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Fn
      SelfManagedEventSource: {Endpoints: {KafkaBootstrapServers: ['k:9092']}}
      SourceAccessConfigurations: [{Type: BASIC_AUTH, URI: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:s-AbCdEf'}]
  MayTick:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref Fn, Principal: events.amazonaws.com, SourceArn: !GetAtt Tick.Arn}
  Url:
    Type: AWS::Lambda::Url
    Properties: {TargetFunctionArn: !Ref Fn, AuthType: NONE}
  Async:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref Fn
      DestinationConfig: {OnSuccess: {Destination: !GetAtt Dead.Arn}}
"#;

#[test]
fn sources_and_settings_come_from_other_resources() {
    let deployments = read_yaml(SOURCES);
    let fun = function(&deployments, "Fn");
    let triggers: Vec<String> = fun
        .triggers
        .iter()
        .map(|trigger| {
            let source = trigger.source.as_deref().unwrap_or("-");
            let source = source.rsplit(':').next().unwrap_or_default();
            let failed = trigger.on_failure.as_deref().unwrap_or("-");
            format!(
                "{} {} {source} {failed} {:?}",
                trigger.name, trigger.kind, trigger.details
            )
        })
        .collect();
    let secret = "arn:${AWS::Partition}:secretsmanager:eu-west-1:111122223333:secret:s-AbCdEf";
    assert_eq!(
        triggers,
        [
            "ByAlias sqs ${Dead} arn:${AWS::Partition}:s3:::${Failed} {}".to_owned(),
            "ByArn kinesis-efo 1 - {}".to_owned(),
            "ByParameter unknown ${StreamArn} - {}".to_owned(),
            format!(r#"Kafka kafka - - {{"AUTH": ["{secret}"], "BASIC_AUTH": ["{secret}"]}}"#),
            "MayTick schedule ${Tick} - {}".replace("${Tick}", "rule/${Tick}"),
            "Url http - - {}".to_owned(),
        ]
    );
    let settings = &fun.runtime_settings;
    assert!(settings.tracing.is_some());
    assert_eq!(settings.destinations.len(), 1);
    assert!(settings.dead_letter.is_some());
    assert_eq!(settings.log_group.as_ref().unwrap().0, "${Logs}");
    assert_eq!(settings.log_group_in_stack.as_deref(), Some("Logs"));
    let script = function(&deployments, "Script");
    assert!(!script.may_be_rust && script.runtime_settings.tracing.is_none());
    assert_eq!(
        gaps(&deployments),
        ["role-not-in-stack 9", "unknown-event-source 35"]
    );
}

#[test]
fn json_and_long_forms_are_the_same_as_yaml() {
    let yaml = read_yaml(
        "Resources:\n  Q: {Type: AWS::SQS::Queue}\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Role: !GetAtt R.Arn\n      Environment: {Variables: {A: !Sub 'x-${Q}', B: !GetAtt Q.QueueName, C: !Join ['/', [!Ref Q, a]]}}\n  R:\n    Type: AWS::IAM::Role\n    Properties: {Policies: [{PolicyName: p, PolicyDocument: {Statement: [{Effect: Allow, Action: 'sqs:SendMessage', Resource: !GetAtt Q.Arn}]}}]}\n",
    );
    let json = read_texts(&[(
        "stack.template.json",
        r#"{"Resources": {"Q": {"Type": "AWS::SQS::Queue"},
  "F": {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": ["R", "Arn"]},
    "Environment": {"Variables": {"A": {"Fn::Sub": ["x-${V}", {"V": {"Ref": "Q"}}]}, "B": {"Fn::GetAtt": "Q.QueueName"},
      "C": {"Fn::Join": ["/", [{"Ref": "Q"}, "a"]]}}}}},
  "R": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": [
    {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Q", "Arn"]}}]}}]}}}}"#,
    )]);
    let texts = |deployments: &Deployments| -> Vec<String> {
        let env = &function(deployments, "F").env;
        env.values().map(|value| value.text.clone()).collect()
    };
    assert_eq!(texts(&yaml), ["x-${Q}", "${Q.QueueName}", "${Q}/a"]);
    assert_eq!(texts(&json), texts(&yaml));
    let statement = |deployments: &Deployments| role(deployments, "F").statements[0].clone();
    assert_eq!(statement(&json).statement, statement(&yaml).statement);
    let origin = statement(&json).origin.location;
    assert_eq!((origin.line, origin.column), (6, 5));
    assert_eq!(json.stacks[0].kind, "cloudformation");
}

#[test]
fn what_cannot_be_told_offline_stays_opaque() {
    let deployments = read_yaml(
        r#"
Parameters: {Stage: {Type: String, Default: dev}}
Mappings: {Tables: {dev: {name: orders}}}
Resources:
  Q: {Type: AWS::SQS::Queue}
  F:
    Type: AWS::Lambda::Function
    Properties:
      Environment:
        Variables:
          A_IMPORT: !ImportValue {'Fn::Sub': '${Stage}-topic'}
          B_MAP: !FindInMap [Tables, !Ref Stage, name]
          C_IF: !If [Big, a, b]
          D_SELECT: !Select [1, !Split ['-', 'a-b-c']]
          E_SECRET: '{{resolve:ssm:/app/key:1}}'
          F_UNSUBSTITUTED: ${Q}
          G_NONE: !Ref AWS::NoValue
          H_NUMBER: 0123
          I_SAME: !If [Big, a, a]
          J_VARIABLE: !Sub '${!aws:username}'
"#,
    );
    let env: Vec<String> = function(&deployments, "F")
        .env
        .iter()
        .map(|(name, value)| format!("{name}={}", value.text))
        .collect();
    assert_eq!(
        env,
        [
            "A_IMPORT=${!ImportValue <Stage>-topic}",
            "B_MAP=${!FindInMap Tables Stage name}",
            "C_IF=${!If Big}",
            "D_SELECT=b",
            "E_SECRET=${!resolve ssm:/app/key:1}",
            "F_UNSUBSTITUTED=${!not-substituted Q}",
            "H_NUMBER=0123",
            "I_SAME=a",
            "J_VARIABLE=${aws:username}",
        ]
    );
}

#[test]
fn a_bad_file_is_a_gap_and_the_rest_goes_on() {
    let good = "Resources: {F: {Type: AWS::Lambda::Function, Properties: {Runtime: provided.al2023}}}\n";
    let deployments = read_texts(&[
        ("a/template.yaml", good),
        (
            "b/template.yaml",
            "Resources:\n  F: {Type: AWS::Lambda::Function\n  G: [\n",
        ),
        (
            "c/template.json",
            "{\"Resources\": {\"F\": {\"Type\": \"AWS::Lambda::Function\",}}",
        ),
        ("d/notes.yaml", "Resources: [AWS::Lambda::Function is a Type]\n"),
        (
            "e/twice.yaml",
            "Resources:\n  F: {Type: AWS::SQS::Queue}\n  F: {Type: AWS::SQS::Queue}\n",
        ),
        ("target/template.yaml", good),
        ("node_modules/x/template.yaml", good),
    ]);
    let files: Vec<&str> = deployments
        .stacks
        .iter()
        .map(|stack| stack.file.as_str())
        .collect();
    assert_eq!(files, ["a/template.yaml", "e/twice.yaml"]);
    let found: Vec<String> = deployments
        .gaps
        .iter()
        .map(|gap| format!("{} {}", gap.code, gap.location.as_ref().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            "unreadable-stack-template b/template.yaml:3",
            "unreadable-stack-template c/template.json:1",
            "duplicate-key e/twice.yaml:3",
        ]
    );
}

#[test]
fn output_of_cdk_is_read_although_it_is_ignored() {
    let template = r#"{"Resources": {"PutOrderFF1F": {"Type": "AWS::Lambda::Function",
        "Properties": {"Runtime": "provided.al2023", "Role": {"Fn::GetAtt": ["PutOrderServiceRole4174", "Arn"]}}},
      "PutOrderServiceRole4174": {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [
        {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]]}]}},
      "PutOrderServiceRoleDefaultPolicy": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "Default",
        "Roles": [{"Ref": "PutOrderServiceRole4174"}], "PolicyDocument": {"Statement": [
          {"Effect": "Allow", "Action": ["s3:GetObject*", "s3:List*"], "Resource": "*"}]}}}}}"#;
    let deployments = read_texts(&[
        (".gitignore", "cdk.out\n"),
        ("infra/cdk.out/Orders.template.json", template),
        ("infra/cdk.out/assembly-Prod/Prod.template.json", template),
        ("infra/cdk.out/manifest.json", "{}"),
    ]);
    let files: Vec<&str> = deployments
        .stacks
        .iter()
        .map(|stack| stack.file.as_str())
        .collect();
    assert_eq!(
        files,
        [
            "infra/cdk.out/Orders.template.json",
            "infra/cdk.out/assembly-Prod/Prod.template.json"
        ]
    );
    assert_eq!(
        lines(role(&deployments, "PutOrderFF1F")),
        [
            r#"managed-policy AWSLambdaBasicExecutionRole 4: {"Effect":"Allow","Action":"managed:AWSLambdaBasicExecutionRole","Resource":"*"}"#,
            r#"inline Default 7: {"Effect":"Allow","Action":["s3:GetObject*","s3:List*"],"Resource":"*"}"#,
        ]
    );
}

#[test]
fn loops_among_resources_are_a_gap() {
    let deployments = read_yaml(
        "Transform: AWS::LanguageExtensions\nResources:\n  Q: {Type: AWS::SQS::Queue}\n  Fn::ForEach::Queues:\n    - Name\n    - [a, b]\n    - '${Name}': {Type: AWS::SQS::Queue}\n",
    );
    assert_eq!(gaps(&deployments), ["unexpanded-template 4"]);
}

#[test]
fn merge_keys_and_anchors_are_followed() {
    let deployments = read_yaml(
        "x: &base {Runtime: provided.al2023, Handler: bootstrap}\nResources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      <<: *base\n      Handler: other\n",
    );
    assert_eq!(
        function(&deployments, "F").runtime.as_deref(),
        Some("provided.al2023")
    );
}

mod hostile {
    use proptest::prelude::*;

    use super::*;

    fn fragments() -> impl Strategy<Value = String> {
        let pieces = proptest::sample::select(vec![
            "Resources:\n",
            "  F:\n",
            "    Type: AWS::Serverless::Function\n",
            "    Properties:\n",
            "      Policies:\n",
            "        - !If [A, !Sub '${B', [C]]\n",
            "      Role: !GetAtt\n",
            "      Events: {E: {Type: SQS}}\n",
            "      Environment: {Variables: {A: !Sub ['${x}', {x: !Ref Y}]}}\n",
            "  R: {Type: AWS::IAM::Role, Properties: {Policies: [!Ref X]}}\n",
            "Globals: {Function: {Tracing: [Active], VpcConfig: !Ref V}}\n",
            "    Connectors: {C: {Properties: {Destination: [1, {Id: F}]}}}\n",
            "      DeadLetterQueue: {Type: SQS}\n",
            "      Layers: !If [A, B]\n",
            "!!x",
            "- ",
            "{",
            "}}",
            "&a *a",
            "é: \u{1f600}\n",
        ]);
        proptest::collection::vec(pieces, 0..14).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_template_makes_the_reader_panic(text in fragments(), json in any::<bool>()) {
            let file = if json { "t.json" } else { "t.yaml" };
            let candidate = Candidate { file: file.to_owned(), text };
            read_text(&candidate.file, &candidate.text, &managed);
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in any::<String>()) {
            let _ = parse::parse("t.yaml", &text);
            let _ = parse::parse("t.json", &text);
        }
    }

    #[test]
    fn deep_and_wide_input_is_refused_or_read() {
        let deep = format!("Resources: {}1{}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(parse::parse("t.yaml", &deep).is_err());
        assert!(parse::parse("t.json", &format!("{}1", "[".repeat(20_000))).is_err());
        let laughs = (0..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, index| {
            format!("{text}a{0}: &a{0} [*a{index}, *a{index}]\n", index + 1)
        });
        assert!(parse::parse("t.yaml", &laughs).is_err());
    }
}

#[test]
fn what_always_comes_with_the_role_is_not_conditional() {
    let template = "Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt R.Arn}}\n  R: {Type: AWS::IAM::Role, Condition: Prod}\n  P:\n    Type: AWS::IAM::Policy\n    Condition: Prod\n    Properties: {PolicyName: p, Roles: [!Ref R], PolicyDocument: {Statement: [{Effect: Allow, Action: 'a:b', Resource: '*'}]}}\n";
    let condition = |template: &str| {
        let deployments = read_yaml(template);
        role(&deployments, "F").statements[0].origin.condition.clone()
    };
    assert_eq!(condition(template), None);
    let always = template.replace("Role, Condition: Prod", "Role");
    assert_eq!(condition(&always).as_deref(), Some("Prod"));
}

#[test]
fn a_policy_that_cannot_be_read_is_a_gap_and_not_a_broader_grant() {
    let with = |statement: &str| {
        let text = format!(
            "Resources:\n  F: {{Type: AWS::Lambda::Function, Properties: {{Role: !GetAtt R.Arn}}}}\n  R:\n    Type: AWS::IAM::Role\n    Properties: {{Policies: [{{PolicyName: p, PolicyDocument: {{Statement: [{statement}]}}}}]}}\n"
        );
        let deployments = read_yaml(&text);
        (role(&deployments, "F").statements.len(), gaps(&deployments))
    };
    let gap = || vec!["unreadable-policy 5".to_owned()];
    let fine = "{Effect: Allow, Action: 'a:b', Resource: '*'}";
    assert_eq!(with(fine), (1, vec![]));
    for (statement, read) in [
        ("!Ref X", 0),
        ("{Effect: !Ref X, Action: 'a:b', Resource: '*'}", 0),
        ("{Effect: Allow, Action: 'a:b'}", 0),
        (
            "{Effect: Allow, Action: 'a:b', NotAction: 'a:c', Resource: '*'}",
            0,
        ),
        (
            "{Effect: Allow, Action: 'a:b', Resource: '*', Condition: !Ref X}",
            1,
        ),
        (
            "{Effect: Allow, Action: 'a:b', Resource: '*', Condition: {StringEquals: !Ref X}}",
            1,
        ),
        ("{Effect: Allow, Action: ['a:b', {c: d}], Resource: '*'}", 1),
    ] {
        assert_eq!(with(statement), (read, gap()), "{statement}");
    }
}

#[test]
fn what_cloudformation_accepts_is_read() {
    let deployments = read_yaml(
        r#"
Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Role: !GetAtt R.Arn
      Handler: one
      Handler: two
  R:
    Type: AWS::IAM::Role
    Properties:
      Policies: [{
        "PolicyName": "brackets",
        "PolicyDocument": {"Statement": [
    {"Effect": "Allow", "Action": [
      "a:b"
    ], "Resource": "*"}
      ]}
      },
      {"PolicyName": "text", "PolicyDocument": !Sub '{
      "Version": "2012-10-17",
      "Statement": [{"Effect": "Allow", "Action": "a:c", "Resource": "${Q.Arn}"}]
      }'}
      ]
  Q: {Type: AWS::SQS::Queue}
"#,
    );
    assert_eq!(
        lines(role(&deployments, "F")),
        [
            r#"inline brackets 15: {"Effect":"Allow","Action":"a:b","Resource":"*"}"#,
            r#"inline text 20: {"Effect":"Allow","Action":"a:c","Resource":"arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Q}"}"#,
        ]
    );
    let brackets = &role(&deployments, "F").statements[0].origin.location;
    assert_eq!(brackets.column, 5);
    assert_eq!(gaps(&deployments), ["duplicate-key 8"]);
}

#[test]
fn deployments_that_are_not_read_are_gaps() {
    let deployments = read_texts(&[
        ("a/cdk.json", "{}"),
        ("b/cdk.json", "{}"),
        (
            "b/cdk.out/B.template.json",
            r#"{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}"#,
        ),
        ("c/serverless.ts", "export default {}\n"),
    ]);
    let found: Vec<String> = deployments
        .gaps
        .iter()
        .map(|gap| format!("{} {}", gap.code, gap.location.as_ref().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            "unread-deployment a/cdk.json:1",
            "unread-deployment c/serverless.ts:1",
        ]
    );
}

#[test]
fn a_synthesised_cdk_app_is_read() {
    let deployments = read(&fixtures().join("cdk"), &managed);
    assert_eq!(gaps(&deployments), Vec::<String>::new());
    let register = function(&deployments, "RegisterParcel3FFB5CC1");
    let sources: Vec<_> = register
        .triggers
        .iter()
        .filter_map(|trigger| trigger.source.as_deref())
        .collect();
    assert_eq!(
        sources,
        ["arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${ArrivalsD4970207}"]
    );
    assert_eq!(register.env["TABLE_NAME"].text, "${TableCD117FA1}");
    assert!(register.runtime_settings.tracing.is_some());
    let policy = "inline RegisterParcelServiceRoleDefaultPolicy2E7D4B86";
    let found: Vec<String> = lines(role(&deployments, "RegisterParcel3FFB5CC1"))
        .iter()
        .map(|line| {
            let (origin, statement) = line.split_once(": ").unwrap();
            let resource = statement.split_once(r#""Resource":"#).unwrap().1;
            format!("{origin} {resource}")
        })
        .collect();
    assert_eq!(
        found,
        [
            r#"managed-policy AWSLambdaBasicExecutionRole 52 "*"}"#.to_owned(),
            format!(r#"{policy} 72 "*"}}"#),
            format!(
                r#"{policy} 80 "arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/${{TableCD117FA1}}"}}"#
            ),
            format!(
                r#"{policy} 103 "arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/${{TableCD117FA1}}"}}"#
            ),
            format!(
                r#"{policy} 118 ["arn:${{AWS::Partition}}:s3:::${{LabelsBA41E4AA}}","arn:${{AWS::Partition}}:s3:::${{LabelsBA41E4AA}}/*"]}}"#
            ),
            format!(
                r#"{policy} 148 "arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:${{ArrivalsD4970207}}"}}"#
            ),
            format!(r#"{policy} 164 "*"}}"#),
        ]
    );
}

#[test]
fn roles_of_other_things_are_left_alone() {
    let text = "Parameters: {Given: {Type: String}}\nResources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: ROLE}}\n  Own: {Type: AWS::IAM::Role}\n  Glue:\n    Type: AWS::IAM::Role\n    Properties: {ManagedPolicyArns: [!Ref Given, 'arn:aws:iam::aws:policy/UnknownAccess']}\n  P:\n    Type: AWS::IAM::Policy\n    Properties: {PolicyName: p, Roles: [!Ref Given], PolicyDocument: {Statement: []}}\n";
    let gaps_with = |role: &str| gaps(&read_yaml(&text.replace("ROLE", role)));
    assert_eq!(gaps_with("!GetAtt Own.Arn"), Vec::<String>::new());
    assert_eq!(
        gaps_with("!Ref Given"),
        ["role-not-in-stack 3", "unresolved-policy 10"]
    );
}
