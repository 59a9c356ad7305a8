//! SAM connectors: what they add to the roles of the functions they join.
//!
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/managing-permissions-connectors.html>

use super::node::{Entry, Mark, Node};
use super::reading::Reading;
use super::roles::Roles;
use super::statements::Source;
use super::template::Resource;
use crate::catalog::template::{Connector, Grants, connector};
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Conditions, Effect, Resources, Statement};
use crate::usage::Gap;
use crate::workspace::model::RoleStatement;

/// One end of a connector.
struct End {
    id: Option<String>,
    type_name: String,
    arn: Option<String>,
    name: Option<String>,
    role: Option<String>,
}

impl Reading<'_> {
    /// Adds what embedded (`Connectors`) and separate (`AWS::Serverless::Connector`) connectors grant.
    pub(crate) fn attach_connectors(&mut self, roles: &mut Roles) {
        let template = self.template;
        for resource in &template.resources {
            if resource.type_name == "AWS::Serverless::Connector" {
                if let Some(source) = resource.properties.get("Source") {
                    let source = self.end(source);
                    let name = &resource.id;
                    self.connect(name, resource.at, source, &resource.properties, roles);
                }
                continue;
            }
            let embedded = resource.node.get("Connectors").map(Node::entries);
            for entry in embedded.unwrap_or(&[]) {
                self.embedded_connector(resource, entry, roles);
            }
        }
    }

    fn embedded_connector(&mut self, resource: &Resource, entry: &Entry, roles: &mut Roles) {
        let Some(properties) = entry.value.get("Properties") else {
            return;
        };
        let source = self.end_of_resource(&resource.id);
        self.connect(&entry.key, entry.key_at, source, properties, roles);
    }

    fn connect(&mut self, name: &str, at: Mark, source: End, properties: &Node, roles: &mut Roles) {
        let permissions: Vec<String> = properties
            .get("Permissions")
            .map(Node::items)
            .unwrap_or(&[])
            .iter()
            .filter_map(|item| self.text(item))
            .collect();
        let destinations = properties.get("Destination").map(Node::items).unwrap_or(&[]);
        for destination in destinations {
            let destination = self.end(destination);
            let Some(known) = connector(&source.type_name, &destination.type_name) else {
                self.unknown_connector(name, at, &source, &destination);
                continue;
            };
            let (own, other) = match known.grants {
                Grants::Source => (&source, &destination),
                Grants::Destination => (&destination, &source),
            };
            let role = own.role.as_ref().and_then(|id| roles.get_mut(id));
            let (Some(role), Some(arn)) = (role, &other.arn) else {
                self.unresolved_connector(name, at);
                continue;
            };
            let statements = self.connector_statements(known, &permissions, arn, other);
            let source = Source {
                kind: "sam-connector",
                name: name.to_owned(),
                injected_by: None,
                condition: None,
            };
            role.statements
                .extend(statements.into_iter().map(|statement| RoleStatement {
                    statement,
                    origin: self.origin(&source, at),
                }));
        }
    }

    fn connector_statements(
        &self,
        connector: &Connector,
        permissions: &[String],
        arn: &str,
        other: &End,
    ) -> Vec<Statement> {
        let name = other.name.as_deref().unwrap_or("*");
        let fill = |text: &str| {
            text.replace("${arn}", arn)
                .replace("${name}", name)
                .replace("${partition}", "${AWS::Partition}")
                .replace("${region}", "${AWS::Region}")
                .replace("${account}", "${AWS::AccountId}")
        };
        connector
            .statements
            .iter()
            .filter(|statement| permissions.contains(&statement.category))
            .map(|statement| Statement {
                sid: None,
                effect: Effect::Allow,
                principals: None,
                actions: Actions::Only(statement.actions.iter().map(ActionPattern::new).collect()),
                resources: Resources::Only(
                    statement
                        .resources
                        .iter()
                        .map(|text| ArnPattern::new(fill(text)))
                        .collect(),
                ),
                conditions: Conditions::new(),
            })
            .collect()
    }

    /// An end that is written as a map: `Id`, or `Type` with `Arn`, `Name` and `RoleName`.
    fn end(&self, node: &Node) -> End {
        if let Some(id) = node.get("Id").and_then(|id| self.text(id)) {
            return self.end_of_resource(&id);
        }
        let of = |key: &str| node.get(key).and_then(|value| self.text(value));
        let role = of("RoleName").and_then(|name| Some(self.stack.resource_named(&name)?.id.clone()));
        End {
            id: None,
            type_name: cloudformation_type(&of("Type").unwrap_or_default()).to_owned(),
            arn: node.get("Arn").and_then(|arn| self.arn(arn)),
            name: of("Name"),
            role,
        }
    }

    fn end_of_resource(&self, id: &str) -> End {
        let resource = self.template.resource(id);
        let role = resource.and_then(|resource| {
            let named = resource
                .properties
                .get("Role")
                .and_then(|node| self.text(node))
                .and_then(|text| Some(self.stack.resource_named(&text)?.id.clone()));
            named.or_else(|| Some(format!("{id}Role")))
        });
        End {
            id: Some(id.to_owned()),
            type_name: resource
                .map(|resource| cloudformation_type(&resource.type_name).to_owned())
                .unwrap_or_default(),
            arn: self
                .stack
                .resources
                .get(id)
                .and_then(|resource| resource.arn.clone()),
            name: Some(format!("${{{id}}}")),
            role,
        }
    }

    /// A pair that gives no execution role of a function anything is nothing to note.
    fn unknown_connector(&mut self, name: &str, at: Mark, source: &End, destination: &End) {
        let function = "AWS::Lambda::Function";
        if source.type_name != function {
            return;
        }
        let to = destination.id.as_deref().unwrap_or(&destination.type_name);
        self.gap(
            Gap::new(
                "unknown-connector",
                format!("what the connector `{name}` to `{to}` grants is not known"),
            ),
            at,
        );
    }

    fn unresolved_connector(&mut self, name: &str, at: Mark) {
        self.gap(
            Gap::new(
                "unresolved-policy",
                format!("the connector `{name}` names a role or resource that is not in this template"),
            )
            .hint("the role may grant more than is counted here"),
            at,
        );
    }
}

/// The CloudFormation type that a SAM type becomes.
fn cloudformation_type(name: &str) -> &str {
    match name {
        "AWS::Serverless::Function" => "AWS::Lambda::Function",
        "AWS::Serverless::SimpleTable" => "AWS::DynamoDB::Table",
        "AWS::Serverless::StateMachine" => "AWS::StepFunctions::StateMachine",
        "AWS::Serverless::Api" => "AWS::ApiGateway::RestApi",
        "AWS::Serverless::HttpApi" => "AWS::ApiGatewayV2::Api",
        other => other,
    }
}
