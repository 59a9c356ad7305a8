//! Functions as the account has them, in the form of a dump: settings, event source mappings, destinations.

use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, FunctionConfiguration, FunctionEventInvokeConfig,
    KafkaSchemaRegistryConfig,
};
use serde_json::{Map, Value, json};

use super::error::explain;
use super::{Account, AwsError};
use crate::workspace::deploy::account::Dumps;

/// A function that the account has.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// ARN of its role.
    pub role: String,
    /// Its settings, as a dump has them.
    pub detail: String,
}

impl Listed {
    /// Puts the function into dumps.
    pub fn add_to(&self, dumps: &mut Dumps) {
        dumps.add(&format!("aws:lambda:function/{}", self.name), &self.detail);
    }
}

impl Account {
    /// Lists every function of the region.
    ///
    /// # Errors
    /// When a call fails.
    pub fn list_functions(&self) -> Result<Vec<Listed>, AwsError> {
        let pages = self.lambda.list_functions().into_paginator().items().send();
        let functions: Vec<FunctionConfiguration> = self
            .runtime
            .block_on(pages.collect::<Result<_, _>>())
            .map_err(explain("lambda.ListFunctions", "*"))?;
        let listed = |each: &FunctionConfiguration| {
            Some(Listed {
                name: each.function_name()?.to_owned(),
                arn: each.function_arn()?.to_owned(),
                role: each.role()?.to_owned(),
                detail: function(each).to_string(),
            })
        };
        Ok(functions.iter().filter_map(listed).collect())
    }

    /// Reads what polls for a function into the dumps. Lambda names no resource in this call, so that `*` is what to
    /// allow.
    ///
    /// # Errors
    /// When a call fails.
    pub fn read_mappings(&self, name: &str, dumps: &mut Dumps) -> Result<(), AwsError> {
        let request = self.lambda.list_event_source_mappings().function_name(name);
        let mappings: Vec<EventSourceMappingConfiguration> = self
            .runtime
            .block_on(request.into_paginator().items().send().collect::<Result<_, _>>())
            .map_err(explain("lambda.ListEventSourceMappings", "*"))?;
        let mappings: Vec<Value> = mappings.iter().map(mapping).collect();
        let label = format!("aws:lambda:event-source-mappings/{name}");
        dumps.add(&label, &json!({"EventSourceMappings": mappings}).to_string());
        Ok(())
    }

    /// Reads the destinations of a function's asynchronous invocations into the dumps.
    ///
    /// # Errors
    /// When a call fails.
    pub fn read_destinations(&self, name: &str, arn: &str, dumps: &mut Dumps) -> Result<(), AwsError> {
        let request = self
            .lambda
            .list_function_event_invoke_configs()
            .function_name(name);
        let configs: Vec<FunctionEventInvokeConfig> = self
            .runtime
            .block_on(request.into_paginator().items().send().collect::<Result<_, _>>())
            .map_err(explain("lambda.ListFunctionEventInvokeConfigs", arn))?;
        let configs: Vec<Value> = configs
            .iter()
            .map(|config| {
                let destinations = config.destination_config();
                let success = destinations.and_then(|both| both.on_success()?.destination());
                let failure = destinations.and_then(|both| both.on_failure()?.destination());
                json!({
                    "FunctionArn": config.function_arn(),
                    "DestinationConfig": {"OnSuccess": target(success), "OnFailure": target(failure)},
                })
            })
            .collect();
        let label = format!("aws:lambda:event-invoke-configs/{name}");
        dumps.add(
            &label,
            &json!({"FunctionEventInvokeConfigs": configs}).to_string(),
        );
        Ok(())
    }
}

/// A destination; without one an object without members, as the AWS CLI prints it.
fn target(arn: Option<&str>) -> Value {
    arn.map_or_else(|| json!({}), |arn| json!({"Destination": arn}))
}

/// What is known, as an object.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let known = members
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(known.collect::<Map<_, _>>())
}

fn text(value: Option<&str>) -> Option<Value> {
    value.map(Value::from)
}

fn function(each: &FunctionConfiguration) -> Value {
    let environment = each.environment().map(|environment| {
        let error = environment
            .error()
            .map(|error| json!({"ErrorCode": error.error_code(), "Message": error.message()}));
        object([
            ("Variables", environment.variables().map(|all| json!(all))),
            ("Error", error),
        ])
    });
    let vpc = each
        .vpc_config()
        .map(|vpc| json!({"SubnetIds": vpc.subnet_ids()}));
    let tracing = each.tracing_config().and_then(|tracing| tracing.mode());
    let tracing = tracing.map(|mode| json!({"Mode": mode.as_str()}));
    let dead_letter = each.dead_letter_config().and_then(|config| config.target_arn());
    let dead_letter = dead_letter.map(|arn| json!({"TargetArn": arn}));
    let layers = each.layers().iter().map(|layer| json!({"Arn": layer.arn()}));
    let systems = each
        .file_system_configs()
        .iter()
        .map(|system| json!({"Arn": system.arn()}));
    let group = each.logging_config().and_then(|logging| logging.log_group());
    let group = group.map(|name| json!({"LogGroup": name}));
    object([
        ("FunctionName", text(each.function_name())),
        ("FunctionArn", text(each.function_arn())),
        (
            "Runtime",
            text(each.runtime().map(aws_sdk_lambda::types::Runtime::as_str)),
        ),
        ("Role", text(each.role())),
        ("Version", text(each.version())),
        ("CodeSha256", text(each.code_sha256())),
        ("KMSKeyArn", text(each.kms_key_arn())),
        ("Environment", environment),
        ("VpcConfig", vpc),
        ("TracingConfig", tracing),
        ("DeadLetterConfig", dead_letter),
        ("Layers", Some(Value::Array(layers.collect()))),
        ("FileSystemConfigs", Some(Value::Array(systems.collect()))),
        ("LoggingConfig", group),
        (
            "DurableConfig",
            each.durable_config().map(|_| json!({"ExecutionTimeout": "set"})),
        ),
    ])
}

fn mapping(each: &EventSourceMappingConfiguration) -> Value {
    let accesses = each.source_access_configurations().iter().map(|access| {
        let kind = access
            .r#type()
            .map(aws_sdk_lambda::types::SourceAccessType::as_str);
        json!({"Type": kind, "URI": access.uri()})
    });
    let failure = each
        .destination_config()
        .and_then(|both| both.on_failure()?.destination());
    let managed = each.amazon_managed_kafka_event_source_config().map(|config| {
        object([
            ("ConsumerGroupId", text(config.consumer_group_id())),
            (
                "SchemaRegistryConfig",
                config.schema_registry_config().map(registry),
            ),
        ])
    });
    let own = each.self_managed_kafka_event_source_config().map(|config| {
        object([(
            "SchemaRegistryConfig",
            config.schema_registry_config().map(registry),
        )])
    });
    object([
        ("UUID", text(each.uuid())),
        ("EventSourceArn", text(each.event_source_arn())),
        ("FunctionArn", text(each.function_arn())),
        ("State", text(each.state())),
        ("KMSKeyArn", text(each.kms_key_arn())),
        ("Topics", Some(json!(each.topics()))),
        (
            "DestinationConfig",
            failure.map(|arn| json!({"OnFailure": {"Destination": arn}})),
        ),
        (
            "SourceAccessConfigurations",
            Some(Value::Array(accesses.collect())),
        ),
        (
            "SelfManagedEventSource",
            each.self_managed_event_source().map(|_| json!({"Endpoints": {}})),
        ),
        ("AmazonManagedKafkaEventSourceConfig", managed),
        ("SelfManagedKafkaEventSourceConfig", own),
    ])
}

fn registry(config: &KafkaSchemaRegistryConfig) -> Value {
    let accesses = config
        .access_configs()
        .iter()
        .map(|access| json!({"URI": access.uri()}));
    object([
        ("SchemaRegistryURI", text(config.schema_registry_uri())),
        ("AccessConfigs", Some(Value::Array(accesses.collect()))),
    ])
}
