//! Services, operations and the structures of their inputs, as borrowed views into the catalogue.

use crate::iam::action::Action;
use crate::usage::OperationId;

use super::naming;
use super::stored::{MemberData, OperationData, ServiceData, ServiceEntry, ShapeData, StoredKind, Takes};

pub(super) use super::stored::StoredRule as ActionRule;

/// An AWS service that an SDK crate speaks to.
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    entry: &'a ServiceEntry,
    data: &'a ServiceData,
}

/// An API operation of a service.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    service: Service<'a>,
    data: &'a OperationData,
}

/// A structure or union that inputs use: an operation's input itself, or one nested in it.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    service: Service<'a>,
    data: &'a ShapeData,
}

/// A member of an input structure.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    service: Service<'a>,
    data: &'a MemberData,
}

/// What a member's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberKind {
    /// Text, number, boolean, time stamp, enumeration or bytes.
    Scalar,
    /// A list; its setter adds one element per call, `set_…` takes a whole `Vec`.
    List,
    /// A map; its setter takes a key and a value.
    Map,
    /// A structure or union.
    Structure,
}

impl<'a> Service<'a> {
    pub(super) fn new(entry: &'a ServiceEntry, data: &'a ServiceData) -> Self {
        Self { entry, data }
    }

    /// The SDK crate's name without `aws-sdk-`, such as `dynamodb`.
    pub fn suffix(&self) -> &'a str {
        &self.entry.suffix
    }

    /// The SDK crate's name, such as `aws-sdk-dynamodb`.
    pub fn crate_name(&self) -> String {
        format!("aws-sdk-{}", self.entry.suffix)
    }

    /// The service's folder in botocore, a name that other SDKs use too, such as `stepfunctions`; empty for the services
    /// that botocore lacks.
    pub fn directory(&self) -> &'a str {
        &self.entry.directory
    }

    /// AWS's name of the service, such as `Amazon DynamoDB`.
    pub fn title(&self) -> &'a str {
        &self.entry.title
    }

    /// The prefix of the service's IAM actions, such as `dynamodb`; some operations need actions of other prefixes.
    pub fn iam_prefix(&self) -> &'a str {
        &self.entry.iam_prefix
    }

    /// The prefix of the service's endpoints, which names it in most CloudTrail records.
    pub(super) fn endpoint_prefix(&self) -> &'a str {
        &self.entry.endpoint_prefix
    }

    /// Every operation, sorted by name ignoring case.
    pub fn operations(&self) -> impl Iterator<Item = Operation<'a>> + use<'a> {
        let service = *self;
        self.data
            .operations
            .iter()
            .map(move |data| Operation { service, data })
    }

    /// The operation with this API name, such as `PutItem`.
    pub fn operation(&self, api_name: &str) -> Option<Operation<'a>> {
        self.find_operation(api_name)
            .filter(|operation| operation.name() == api_name)
    }

    /// The operation behind a method of the crate's client, such as `put_item`.
    pub fn operation_of_method(&self, rust_method: &str) -> Option<Operation<'a>> {
        self.find_operation(without_raw(rust_method))
    }

    /// The operation that a waiter polls: `wait_until_bucket_exists` polls `HeadBucket`.
    pub fn operation_of_waiter(&self, rust_method: &str) -> Option<Operation<'a>> {
        let waiter = rust_method.strip_prefix("wait_until_")?;
        let (_, operation) = self
            .data
            .waiters
            .iter()
            .find(|(name, _)| naming::same_folded(self.data.texts.get(*name), waiter))?;
        self.operation(self.data.texts.get(*operation))
    }

    /// The structure with this name, in the API's or the SDK's spelling (`DBInstance`, `DbInstance`).
    ///
    /// Only structures that an operation's input can hold are there.
    pub fn shape(&self, name: &str) -> Option<Shape<'a>> {
        let name = without_raw(name);
        let named = |data: &&ShapeData| self.data.texts.get(data.name) == name;
        let like = |data: &&ShapeData| naming::same_folded(self.data.texts.get(data.name), name);
        let shapes = &self.data.shapes;
        let data = shapes.iter().find(named).or_else(|| shapes.iter().find(like))?;
        Some(Shape { service: *self, data })
    }

    fn find_operation(&self, name: &str) -> Option<Operation<'a>> {
        let texts = &self.data.texts;
        let position = self
            .data
            .operations
            .binary_search_by(|data| naming::compare_folded(texts.get(data.name), name))
            .ok()?;
        Some(Operation {
            service: *self,
            data: self.data.operations.get(position)?,
        })
    }

    fn shape_at(&self, index: u32) -> Option<Shape<'a>> {
        Some(Shape {
            service: *self,
            data: self.data.shapes.get(index as usize)?,
        })
    }
}

impl<'a> Operation<'a> {
    /// Its id, such as `dynamodb.PutItem`.
    pub fn id(&self) -> OperationId {
        OperationId::new(self.service.suffix(), self.name())
    }

    /// Its service.
    pub fn service(&self) -> Service<'a> {
        self.service
    }

    /// Its API name, such as `PutItem`.
    pub fn name(&self) -> &'a str {
        self.service.data.texts.get(self.data.name)
    }

    /// The client's method that sends it, such as `put_item`.
    pub fn method(&self) -> String {
        naming::snake_case(self.name())
    }

    /// Whether AWS calls it deprecated.
    pub fn is_deprecated(&self) -> bool {
        self.data.deprecated
    }

    /// Whether it is sent without a signature, so that IAM takes no part.
    pub fn is_unsigned(&self) -> bool {
        self.data.unsigned
    }

    /// Whether the SDK asks for the endpoint first, which is an operation of its own.
    pub(super) fn discovers_endpoint(&self) -> bool {
        self.data.discovers_endpoint
    }

    /// How the build found its actions.
    pub(super) fn rule(&self) -> ActionRule {
        self.data.rule
    }

    /// The actions that the build found, but for the one of the same name.
    pub(super) fn actions(&self) -> impl Iterator<Item = Action> + use<'a> {
        let texts = &self.service.data.texts;
        self.data
            .actions
            .iter()
            .filter_map(move |&action| Action::parse(texts.get(action)))
    }

    /// The path of its HTTP request, for services whose permissions are about paths.
    pub(super) fn http_path(&self) -> Option<&'a str> {
        let (_, path) = self.data.http?;
        Some(self.service.data.texts.get(path))
    }

    /// Its input structure; some operations take none.
    pub fn input(&self) -> Option<Shape<'a>> {
        self.service.shape_at(self.data.input?)
    }

    /// Whether its builder has this setter (`table_name` or `set_table_name`).
    pub fn has_setter(&self, rust_setter: &str) -> bool {
        self.member_of_setter(rust_setter).is_some()
    }

    /// The input member that a setter sets (`table_name` or `set_table_name`).
    pub fn member_of_setter(&self, rust_setter: &str) -> Option<Member<'a>> {
        self.input()?.member_of_setter(rust_setter)
    }

    /// The members of its input, in the order of the API model.
    pub fn members(&self) -> impl Iterator<Item = Member<'a>> + use<'a> {
        self.input().into_iter().flat_map(|input| input.members())
    }
}

impl<'a> Shape<'a> {
    /// Its name in the API model, such as `PutRequest`.
    pub fn name(&self) -> &'a str {
        self.service.data.texts.get(self.data.name)
    }

    /// Whether it is a union (a Rust `enum`, one variant per member). The source does not mark every one: DynamoDB's
    /// `AttributeValue` is a plain structure there.
    pub fn is_union(&self) -> bool {
        self.data.is_union
    }

    /// Its members, in the order of the API model.
    pub fn members(&self) -> impl Iterator<Item = Member<'a>> + use<'a> {
        let service = self.service;
        self.data.members.iter().map(move |data| Member { service, data })
    }

    /// The member with this API name.
    pub fn member(&self, api_name: &str) -> Option<Member<'a>> {
        self.members().find(|member| member.name() == api_name)
    }

    /// The member that a builder's setter sets: `table_name`, or its twin `set_table_name`.
    pub fn member_of_setter(&self, rust_setter: &str) -> Option<Member<'a>> {
        let setter = without_raw(rust_setter);
        let named = |name: &str| {
            self.members().find(|member| {
                naming::same_folded(member.name(), name)
                    || naming::same_folded(&naming::setter(member.name()), name)
            })
        };
        named(setter).or_else(|| named(setter.strip_prefix("set_")?))
    }
}

impl<'a> Member<'a> {
    /// Its API name, such as `TableName`.
    pub fn name(&self) -> &'a str {
        self.service.data.texts.get(self.data.name)
    }

    /// The name of its setter on the Rust builder, such as `table_name`.
    pub fn setter(&self) -> String {
        naming::setter(self.name())
    }

    /// What its value is.
    pub fn kind(&self) -> MemberKind {
        match self.data.kind {
            StoredKind::Text | StoredKind::OtherScalar => MemberKind::Scalar,
            StoredKind::TextList | StoredKind::List => MemberKind::List,
            StoredKind::Map => MemberKind::Map,
            StoredKind::Structure => MemberKind::Structure,
        }
    }

    /// Whether it holds a text (an enumeration included), or a list of texts.
    pub fn is_text(&self) -> bool {
        matches!(self.data.kind, StoredKind::Text | StoredKind::TextList)
    }

    /// Whether the API demands it.
    pub fn required(&self) -> bool {
        self.data.required
    }

    /// Whether the model says that its text, or each text in its list, is the ARN of an IAM role.
    pub fn takes_role_arn(&self) -> bool {
        self.data.takes == Takes::RoleArn
    }

    /// Whether the model says that its text, or each text in its list, can be an ARN.
    pub fn takes_arn(&self) -> bool {
        self.data.takes != Takes::Any
    }

    /// The structure that it is, or that its elements (list) or values (map) are, through nested lists and maps.
    pub fn structure(&self) -> Option<Shape<'a>> {
        self.service.shape_at(self.data.shape?)
    }

    /// The name of [`Self::structure`].
    pub fn shape(&self) -> Option<&'a str> {
        self.structure().map(|shape| shape.name())
    }

    /// The values of its enumeration (or of its elements'), in the API's spelling; none when it is not one.
    pub fn enum_values(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let data = self.service.data;
        self.data
            .enumeration
            .and_then(|index| data.enumerations.get(index as usize))
            .into_iter()
            .flatten()
            .map(|&text| data.texts.get(text))
    }

    /// The API's spelling of a variant of the SDK's `enum`: `PublicRead` is `public-read`. A few variants have names of
    /// their own in the SDK, which no source of the catalogue tells; of them nothing is known.
    pub fn enum_value_of_variant(&self, rust_variant: &str) -> Option<&'a str> {
        let named = |name: &str| self.enum_values().find(|value| naming::same_folded(value, name));
        // `Self` cannot be a variant, and `Unknown` is the SDK's own.
        let renamed = || match rust_variant {
            "SelfValue" => named("Self"),
            "UnknownValue" => named("Unknown"),
            _ => None,
        };
        named(rust_variant).or_else(renamed)
    }
}

/// A Rust identifier without the `r#` of keywords.
fn without_raw(identifier: &str) -> &str {
    identifier.strip_prefix("r#").unwrap_or(identifier)
}
