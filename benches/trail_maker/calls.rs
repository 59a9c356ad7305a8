//! Records: who calls what, with which parameters.

use super::random::Random;
use super::{function_name, role_name};

/// Where and when an object was written.
pub struct Place {
    pub account: &'static str,
    pub region: &'static str,
    /// The day of November 2026.
    day: usize,
    hour: usize,
}

impl Place {
    /// Objects lie in the order of time, spread over accounts and regions.
    pub fn of_object(n: usize, objects: usize) -> Self {
        const ACCOUNTS: [&str; 3] = ["111122223333", "444455556666", "777788889999"];
        const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
        let hours = n * 28 * 24 / objects.max(1);
        Self {
            account: ACCOUNTS[n % 3],
            region: REGIONS[n % 2],
            day: 1 + hours / 24,
            hour: hours % 24,
        }
    }

    /// A second of the hour.
    pub fn time(&self, second: usize) -> String {
        format!(
            "2026-11-{:02}T{:02}:{:02}:{:02}Z",
            self.day,
            self.hour,
            second / 60 % 60,
            second % 60
        )
    }

    /// The name under which CloudTrail would store the object.
    pub fn key(&self, kind: &str, unique: &str) -> String {
        let (account, region, day, hour) = (self.account, self.region, self.day, self.hour);
        format!(
            "AWSLogs/{account}/{kind}/{region}/2026/11/{day:02}/{account}_{kind}_{region}_202611{day:02}T{hour:02}05Z_{unique}.json.gz"
        )
    }
}

/// The parts of a record that differ by the call.
struct Call {
    source: &'static str,
    name: &'static str,
    parameters: String,
    response: String,
    resources: String,
    read_only: bool,
    data: bool,
}

impl Call {
    fn of(source: &'static str, name: &'static str, parameters: String) -> Self {
        Self {
            source,
            name,
            parameters,
            response: "null".to_owned(),
            resources: String::new(),
            read_only: ["Get", "List", "Describe", "Query", "Receive", "Head"]
                .iter()
                .any(|prefix| name.starts_with(prefix)),
            data: false,
        }
    }

    fn data(mut self, resources: &[(&str, String)]) -> Self {
        self.data = true;
        self.on(resources)
    }

    fn on(mut self, resources: &[(&str, String)]) -> Self {
        let parts: Vec<String> = resources
            .iter()
            .map(|(kind, arn)| format!(r#"{{"type":"{kind}","ARN":"{arn}"}}"#))
            .collect();
        self.resources = format!(r#""resources":[{}],"#, parts.join(","));
        self
    }
}

/// One record.
pub fn record(random: &mut Random, place: &Place, functions: usize) -> String {
    let function = random.below(functions);
    let time = place.time(random.below(3_600));
    match random.below(100) {
        0..45 => function_call(random, place, function, &time),
        45..48 => platform(random, place, function, &time),
        48..72 => service(random, place, function, &time),
        72..84 => other_role(random, place, &time),
        _ => person(random, place, &time),
    }
}

/// What a function does: six of the kinds of calls, always the same for one function.
fn function_call(random: &mut Random, place: &Place, function: usize, time: &str) -> String {
    let kind = (function * 7 + [0, 0, 0, 1, 1, 2, 3, 4, 5][random.below(9)]) % 14;
    let call = call_of_kind(random, place, function, kind);
    let identity = function_identity(random, place, function, time, "");
    let error = match random.below(200) {
        0..3 => {
            let (service, _) = call.source.split_once('.').unwrap_or((call.source, ""));
            format!(
                r#""errorCode":"AccessDenied","errorMessage":"User: arn:aws:sts::{0}:assumed-role/{1}/{2} is not authorized to perform: {service}:{3} on resource: arn:aws:{service}:{4}:{0}:example/thing because no identity-based policy allows the {service}:{3} action","#,
                place.account,
                role_name(function),
                function_name(function),
                call.name,
                place.region,
            )
        }
        3 => r#""errorCode":"ThrottlingException","errorMessage":"Rate exceeded","#.to_owned(),
        _ => String::new(),
    };
    assemble(random, place, time, &identity, &call, &error, SDK_AGENT)
}

const SDK_AGENT: &str = "aws-sdk-rust/1.3.11 ua/2.1 api/example/1.102.0 os/linux lang/rust/1.94.1 md/http#hyper-1.x m/E,b app/example-service";
const WORKER_AGENT: &str = "awslambda-worker/1.0 rusoto/0.48.0 rust/1.94.1 linux";

fn call_of_kind(random: &mut Random, place: &Place, function: usize, kind: usize) -> Call {
    let (account, region) = (place.account, place.region);
    let area = function_name(function);
    let area = area.split('-').next().unwrap_or_default();
    let table = || format!("arn:aws:dynamodb:{region}:{account}:table/{area}-table");
    let bucket = format!("example-{area}-{account}");
    let item = |random: &mut Random, name| {
        let parameters = format!(
            r##"{{"tableName":"{area}-table","key":{{"pk":"HIDDEN_DUE_TO_SECURITY_REASONS","sk":"HIDDEN_DUE_TO_SECURITY_REASONS"}},"returnConsumedCapacity":"TOTAL","expressionAttributeNames":{{"#a":"status","#b":"updated"}},"consistentRead":{}}}"##,
            random.below(2) == 0
        );
        Call::of("dynamodb.amazonaws.com", name, parameters).data(&[("AWS::DynamoDB::Table", table())])
    };
    let object = |random: &mut Random, name| {
        let key = format!(
            "{}/2026/11/{:02}/{}.json",
            ["in", "out", "labels"][function % 3],
            random.below(28) + 1,
            random.uuid()
        );
        let parameters = format!(
            r#"{{"bucketName":"{bucket}","Host":"{bucket}.s3.{region}.amazonaws.com","key":"{key}","x-id":"{name}"}}"#
        );
        Call::of("s3.amazonaws.com", name, parameters).data(&[
            ("AWS::S3::Object", format!("arn:aws:s3:::{bucket}/{key}")),
            ("AWS::S3::Bucket", format!("arn:aws:s3:::{bucket}")),
        ])
    };
    match kind {
        0 => item(random, "GetItem"),
        1 => item(random, "UpdateItem"),
        2 => object(random, "GetObject"),
        3 => object(random, "PutObject"),
        4 => {
            let parameters = format!(
                r#"{{"tableName":"{area}-table","indexName":"by-status","keyConditionExpression":"HIDDEN_DUE_TO_SECURITY_REASONS","limit":{},"scanIndexForward":false}}"#,
                random.below(100)
            );
            Call::of("dynamodb.amazonaws.com", "Query", parameters).data(&[("AWS::DynamoDB::Table", table())])
        }
        5 => {
            let name = ["database", "gateway", "signing"][random.below(3)];
            Call::of("secretsmanager.amazonaws.com", "GetSecretValue", format!(r#"{{"secretId":"arn:aws:secretsmanager:{region}:{account}:secret:{area}/{name}-a1B2c3"}}"#))
        }
        6 => {
            let parameters = format!(
                r#"{{"queueUrl":"https://sqs.{region}.amazonaws.com/{account}/{area}-queue","messageBody":"HIDDEN_DUE_TO_SECURITY_REASONS"}}"#
            );
            let mut call = Call::of("sqs.amazonaws.com", "SendMessage", parameters)
                .data(&[("AWS::SQS::Queue", format!("arn:aws:sqs:{region}:{account}:{area}-queue"))]);
            call.response = format!(r#"{{"mD5OfMessageBody":"{}","messageId":"{}"}}"#, random.hex(32), random.uuid());
            call
        }
        7 => Call::of("ssm.amazonaws.com", "GetParametersByPath", format!(r#"{{"path":"/{area}/prod/","recursive":true,"withDecryption":true,"maxResults":10}}"#)),
        8 => {
            let parameters = format!(
                r#"{{"entries":[{{"source":"example.{area}","detailType":"changed","detail":"HIDDEN_DUE_TO_SECURITY_REASONS","eventBusName":"{area}-bus"}}]}}"#
            );
            Call::of("events.amazonaws.com", "PutEvents", parameters)
        }
        9 => Call::of("kms.amazonaws.com", "Decrypt", format!(r#"{{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{{"tenant":"{}"}}}}"#, random.below(40)))
            .on(&[("AWS::KMS::Key", format!("arn:aws:kms:{region}:{account}:key/0b7c3f4e-52d1-4a86-9a3d-{:012x}", function))]),
        10 => Call::of("sns.amazonaws.com", "Publish", format!(r#"{{"topicArn":"arn:aws:sns:{region}:{account}:{area}-topic","message":"HIDDEN_DUE_TO_SECURITY_REASONS"}}"#))
            .data(&[("AWS::SNS::Topic", format!("arn:aws:sns:{region}:{account}:{area}-topic"))]),
        11 => Call::of("sts.amazonaws.com", "AssumeRole", format!(r#"{{"roleArn":"arn:aws:iam::444455556666:role/{area}-partner","roleSessionName":"{area}","durationSeconds":900}}"#)),
        12 => {
            let call = Call::of("s3.amazonaws.com", "ListObjects", format!(r#"{{"list-type":"2","bucketName":"{bucket}","prefix":"in/","Host":"{bucket}.s3.{region}.amazonaws.com","encoding-type":"url"}}"#));
            let resources = format!(r#""resources":[{{"type":"AWS::S3::Object","ARNPrefix":"arn:aws:s3:::{bucket}/in/"}},{{"accountId":"{account}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::{bucket}"}}],"#);
            Call { resources, data: true, ..call }
        }
        _ => Call::of("ec2.amazonaws.com", "DescribeInstances", format!(r#"{{"maxResults":100,"instancesSet":{{"items":[{{"instanceId":"i-{:017x}"}}]}},"filterSet":{{"items":[{{"name":"tag:area","valueSet":{{"items":[{{"value":"{area}"}}]}}}}]}}}}"#, random.below(500))),
    }
}

/// What Lambda does with the role, or S3 for the function.
fn platform(random: &mut Random, place: &Place, function: usize, time: &str) -> String {
    let name = function_name(function);
    let (account, region) = (place.account, place.region);
    match random.below(3) {
        0 => {
            let identity = function_identity(random, place, function, time, "");
            let stream = format!("2026/11/01/[$LATEST]{}", random.hex(32));
            let parameters = format!(r#"{{"logGroupName":"/aws/lambda/{name}","logStreamName":"{stream}"}}"#);
            let call = Call::of("logs.amazonaws.com", "CreateLogStream", parameters);
            assemble(random, place, time, &identity, &call, "", WORKER_AGENT)
        }
        1 => {
            let identity = function_identity(random, place, function, time, "AWS Internal");
            let parameters = format!(
                r#"{{"encryptionContext":{{"aws:s3:arn":"arn:aws:s3:::example-{account}"}},"keySpec":"AES_256"}}"#
            );
            let call = Call::of("kms.amazonaws.com", "GenerateDataKey", parameters).on(&[(
                "AWS::KMS::Key",
                format!("arn:aws:kms:{region}:{account}:key/5c1d3f4e-52d1-4a86-9a3d-6d1f5e2a9c10"),
            )]);
            assemble(random, place, time, &identity, &call, "", "AWS Internal")
        }
        _ => {
            let identity = function_identity(random, place, function, time, "");
            let parameters = format!(
                r#"{{"encryptionContext":{{"aws:lambda:FunctionArn":"arn:aws:lambda:{region}:{account}:function:{name}"}},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}}"#
            );
            let call = Call::of("kms.amazonaws.com", "Decrypt", parameters).on(&[(
                "AWS::KMS::Key",
                format!("arn:aws:kms:{region}:{account}:key/77aa3f4e-52d1-4a86-9a3d-6d1f5e2a9c10"),
            )]);
            assemble(
                random,
                place,
                time,
                &identity,
                &call,
                "",
                "aws-internal/3 aws-sdk-java/1.12.780",
            )
        }
    }
}

/// A service's own call.
fn service(random: &mut Random, place: &Place, function: usize, time: &str) -> String {
    let account = place.account;
    let service = random.one(&["lambda", "ec2", "config", "elasticloadbalancing", "ecs-tasks"]);
    let identity = format!(r#"{{"type":"AWSService","invokedBy":"{service}.amazonaws.com"}}"#);
    let role = role_name(function);
    let session = function_name(function);
    let parameters = format!(
        r#"{{"roleArn":"arn:aws:iam::{account}:role/{role}","roleSessionName":"{session}","durationSeconds":3600}}"#
    );
    let mut call = Call::of("sts.amazonaws.com", "AssumeRole", parameters)
        .on(&[("AWS::IAM::Role", format!("arn:aws:iam::{account}:role/{role}"))]);
    call.response = format!(
        r#"{{"credentials":{{"accessKeyId":"ASIA{}","sessionToken":"{}","expiration":"Nov 30, 2026, 1:00:00 PM"}},"assumedRoleUser":{{"assumedRoleId":"AROA{role}:{session}","arn":"arn:aws:sts::{account}:assumed-role/{role}/{session}"}}}}"#,
        random.capitals(16),
        random.letters(320),
    );
    assemble(
        random,
        place,
        time,
        &identity,
        &call,
        "",
        &format!("{service}.amazonaws.com"),
    )
}

/// A role that is no function's: continuous integration, an inventory, a person.
fn other_role(random: &mut Random, place: &Place, time: &str) -> String {
    let (role, session) = (
        random.one(&[
            "deploy-pipeline",
            "inventory",
            "AWSReservedSSO_Administrator_0a1b2c3d",
            "backup-service",
        ]),
        random.one(&[
            "release-2026",
            "scanner-7",
            "jane.doe@example.com",
            "i-0f1e2d3c4b5a69788",
        ]),
    );
    let identity = role_identity(random, place, role, session, time, "", "");
    let (source, name) = *random.one(&[
        &("ec2.amazonaws.com", "DescribeNetworkInterfaces"),
        &("lambda.amazonaws.com", "UpdateFunctionConfiguration20150331v2"),
        &("iam.amazonaws.com", "ListAttachedRolePolicies"),
        &("config.amazonaws.com", "PutEvaluations"),
        &("cloudformation.amazonaws.com", "DescribeStackEvents"),
    ]);
    let call = Call::of(source, name, free_parameters(random));
    assemble(
        random,
        place,
        time,
        &identity,
        &call,
        "",
        "aws-cli/2.32.1 md/awscrt#0.27.6 ua/2.1 os/linux#6.8 md/arch#x86_64 lang/python#3.13.7",
    )
}

/// A user, or nobody that is known.
fn person(random: &mut Random, place: &Place, time: &str) -> String {
    let account = place.account;
    let user = random.one(&["ops", "legacy-app", "monitoring"]);
    let identity = format!(
        r#"{{"type":"IAMUser","principalId":"AIDA{user}","arn":"arn:aws:iam::{account}:user/{user}","accountId":"{account}","accessKeyId":"AKIA{user}","userName":"{user}"}}"#
    );
    let (source, name) = *random.one(&[
        &("s3.amazonaws.com", "GetBucketAcl"),
        &("monitoring.amazonaws.com", "DescribeAlarms"),
        &("ec2.amazonaws.com", "DescribeInstances"),
        &("rds.amazonaws.com", "DescribeDBInstances"),
        &("sts.amazonaws.com", "GetCallerIdentity"),
    ]);
    let call = Call::of(source, name, free_parameters(random));
    assemble(
        random,
        place,
        time,
        &identity,
        &call,
        "",
        "Boto3/1.42.97 md/Botocore#1.42.97 ua/2.1 os/linux#5.10 md/arch#x86_64 lang/python#3.13.7",
    )
}

/// Parameters of every length: mostly short, now and then a document of kilobytes within a text.
fn free_parameters(random: &mut Random) -> String {
    match random.below(100) {
        0..60 => format!(r#"{{"maxResults":{}}}"#, random.below(1_000)),
        60..90 => format!(
            r#"{{"name":"thing-{}","filterSet":{{"items":[{{"name":"vpc-id","valueSet":{{"items":[{{"value":"vpc-{}"}}]}}}}]}}}}"#,
            random.below(50),
            random.hex(17)
        ),
        _ => {
            let statements: Vec<String> = (0..4 + random.below(12))
                .map(|n| format!(r#"{{\"Sid\":\"S{n}\",\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\"],\"Resource\":\"arn:aws:s3:::example-{}/*\"}}"#, random.below(1_000)))
                .collect();
            format!(
                r#"{{"policyName":"inline","policyDocument":"{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}"}}"#,
                statements.join(",")
            )
        }
    }
}

fn function_identity(
    random: &mut Random,
    place: &Place,
    function: usize,
    time: &str,
    invoked_by: &str,
) -> String {
    let (account, region) = (place.account, place.region);
    let name = function_name(function);
    let scope = format!(
        r#","inScopeOf":{{"issuerType":"AWS::Lambda::Function","credentialsIssuedTo":"arn:aws:lambda:{region}:{account}:function:{name}","credentialsIssuedToVersion":"arn:aws:lambda:{region}:{account}:function:{name}:{}"}}"#,
        1 + function % 3
    );
    // Records of calls that Lambda makes by itself, and old ones, do not name the function.
    let scope = if random.below(10) == 0 { "" } else { &scope };
    role_identity(
        random,
        place,
        &role_name(function),
        &name,
        time,
        invoked_by,
        scope,
    )
}

fn role_identity(
    random: &mut Random,
    place: &Place,
    role: &str,
    session: &str,
    time: &str,
    invoked_by: &str,
    scope: &str,
) -> String {
    let account = place.account;
    // A role's id follows from its name, an execution environment keeps its key for hours.
    let id: String = role
        .bytes()
        .map(|byte| char::from(b'A' + byte % 26))
        .cycle()
        .take(17)
        .collect();
    let key = format!("ASIA{id:.10}{:06X}", random.below(8) * 4_099);
    let invoked_by = match invoked_by {
        "" => String::new(),
        by => format!(r#","invokedBy":"{by}""#),
    };
    format!(
        r#"{{"type":"AssumedRole","principalId":"AROA{id}:{session}","arn":"arn:aws:sts::{account}:assumed-role/{role}/{session}","accountId":"{account}","accessKeyId":"{key}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA{id}","arn":"arn:aws:iam::{account}:role/service/{role}","accountId":"{account}","userName":"{role}"}},"attributes":{{"creationDate":"{time}","mfaAuthenticated":"false"}}}}{invoked_by}{scope}}}"#
    )
}

fn assemble(
    random: &mut Random,
    place: &Place,
    time: &str,
    identity: &str,
    call: &Call,
    error: &str,
    agent: &str,
) -> String {
    let Call {
        source,
        name,
        parameters,
        response,
        resources,
        read_only,
        data,
    } = call;
    let (account, region) = (place.account, place.region);
    let category = if *data { "Data" } else { "Management" };
    let (request, event, management) = (random.uuid(), random.uuid(), !data);
    let additional = if *data && *source == "s3.amazonaws.com" {
        format!(
            r#""additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"{}","bytesTransferredOut":{}}},"#,
            random.letters(76),
            random.below(100_000)
        )
    } else {
        String::new()
    };
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{identity},"eventTime":"{time}","eventSource":"{source}","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"10.{}.{}.{}","userAgent":"{agent}",{error}"requestParameters":{parameters},"responseElements":{response},{additional}"requestID":"{request}","eventID":"{event}","readOnly":{read_only},{resources}"eventType":"AwsApiCall","managementEvent":{management},"recipientAccountId":"{account}","eventCategory":"{category}","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{source}"}}}}"#,
        random.below(256),
        random.below(256),
        random.below(256),
    )
}
