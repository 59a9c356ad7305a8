//! The edits of a template in JSON: spans of its text replaced, its indentation and line endings taken over.

use std::collections::BTreeMap;
use std::ops::Range;

use jsonc_parser::ast::{Object, ObjectProp, Value as Ast};
use serde_json::{Map, Value, json};

use super::super::{Deployable, cloudformation};
use super::{KEPT, NotEdited, free_id, is_of_sam, own_role};
use crate::workspace::deploy;

/// The key in `Metadata` of a role under which the reasons of its statements stand, since JSON knows no comments.
const METADATA: &str = "rolefit";

/// Whether a text is JSON, comments let pass.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{') && deploy::json_ast(text).is_some()
}

/// The template with the generated role for the function.
pub(super) fn edit(text: &str, deployable: &Deployable<'_>) -> Result<String, NotEdited> {
    let unread = || NotEdited::NotFound("Resources".to_owned());
    let root = deploy::json_ast(text).ok_or_else(unread)?;
    let root = root.as_object().ok_or_else(unread)?;
    let template = Template { text, root };
    let resources = template.object(root, "Resources")?.ok_or_else(unread)?;
    let edits = match own_role(deployable.function) {
        Some(role) => template.in_its_role(resources, &role.id, deployable)?,
        None => template.with_a_new_role(resources, deployable)?,
    };
    Ok(template.with(edits))
}

/// A span of the text and what takes its place.
struct Edit {
    span: Range<usize>,
    with: String,
}

struct Template<'t> {
    text: &'t str,
    root: &'t Object<'t>,
}

/// How a value is written where it is put.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Style {
    /// What stands before a key: line ending and indentation, or less where everything is on one line.
    lead: String,
    /// What is indented further, for each step.
    unit: String,
    /// What stands between key and value, such as `: `.
    colon: String,
}

impl Template<'_> {
    fn in_its_role(
        &self,
        resources: &Object<'_>,
        id: &str,
        deployable: &Deployable<'_>,
    ) -> Result<Vec<Edit>, NotEdited> {
        let (role, body) = self.resource(resources, id)?;
        let properties = self
            .object(body, "Properties")?
            .ok_or_else(|| NotEdited::NotFound(format!("{id}.Properties")))?;
        let made = made(deployable, id);
        let Some(Value::Object(new)) = made.get(id).and_then(|role| role.get("Properties")).cloned() else {
            return Err(NotEdited::NotFound(id.to_owned()));
        };
        let attached = new
            .into_iter()
            .filter(|(key, _)| key != "AssumeRolePolicyDocument");
        let mut edits = vec![self.rebuilt(
            properties,
            &["Policies", "ManagedPolicyArns"],
            attached.collect(),
            &self.style_in(body),
        )];
        edits.extend(self.with_reasons(body, deployable)?);
        edits.extend(self.beside(resources, role, made, &[id])?);
        Ok(edits)
    }

    fn with_a_new_role(
        &self,
        resources: &Object<'_>,
        deployable: &Deployable<'_>,
    ) -> Result<Vec<Edit>, NotEdited> {
        let name = &deployable.function.name;
        let (function, body) = self.resource(resources, name)?;
        let properties = self.object(body, "Properties")?;
        let id = free_id(deployable);
        let mut made = made(deployable, &id);
        for (key, value) in self.passed_on(properties, is_of_sam(deployable))? {
            let own = made.get_mut(&id).and_then(|role| role.get_mut("Properties"));
            if let Some(own) = own.and_then(Value::as_object_mut) {
                own.insert(key.to_owned(), value);
            }
        }
        let reference: Map<String, Value> = [("Role".to_owned(), json!({ "Fn::GetAtt": [id, "Arn"] }))]
            .into_iter()
            .collect();
        let mut edits = match properties {
            Some(properties) => vec![self.rebuilt(
                properties,
                &["Role", "Policies", "PermissionsBoundary", "RolePath"],
                reference,
                &self.style_in(body),
            )],
            None => {
                let properties = [("Properties".to_owned(), Value::Object(reference))];
                vec![self.rebuilt(
                    body,
                    &[],
                    properties.into_iter().collect(),
                    &self.style_in(resources),
                )]
            }
        };
        edits.extend(self.beside(resources, function, made, &[])?);
        Ok(edits)
    }

    /// What SAM would have passed on to the role that it made, by the name that it has there: the function's own before
    /// what `Globals` say.
    fn passed_on(
        &self,
        properties: Option<&Object<'_>>,
        of_sam: bool,
    ) -> Result<BTreeMap<&'static str, Value>, NotEdited> {
        let globals = match self.object(self.root, "Globals")?.filter(|_| of_sam) {
            Some(globals) => self.object(globals, "Function")?,
            None => None,
        };
        let mut found = BTreeMap::new();
        for (key, name) in KEPT {
            let mut places = [properties, globals].into_iter().flatten();
            let Some(property) = places.find_map(|place| place.get(key)) else {
                continue;
            };
            if key == "AssumeRolePolicyDocument" {
                let line = self.line(property.range.start);
                return Err(NotEdited::OwnTrust { line });
            }
            let span = span(&property.value);
            let value = self
                .text
                .get(span)
                .and_then(|text| serde_json::from_str(text).ok());
            found.insert(name, value.ok_or_else(|| NotEdited::NotFound(key.to_owned()))?);
        }
        Ok(found)
    }

    /// The reasons of the statements in the metadata of a role that is there already.
    fn with_reasons(
        &self,
        body: &Object<'_>,
        deployable: &Deployable<'_>,
    ) -> Result<Option<Edit>, NotEdited> {
        let reasons = metadata(deployable);
        let style = self.style_in(body);
        Ok(match self.object(body, "Metadata")? {
            Some(metadata) => Some(self.rebuilt(metadata, &[METADATA], reasons, &style)),
            None => {
                let last = body
                    .properties
                    .iter()
                    .find(|property| property.name.as_str() == "Type");
                last.map(|property| Edit {
                    span: property.range.end..property.range.end,
                    with: format!(",{}", style.member("Metadata", &Value::Object(reasons))),
                })
            }
        })
    }

    /// The resources that are made, but for those that stand in the template already, behind one of it.
    fn beside(
        &self,
        resources: &Object<'_>,
        behind: &ObjectProp<'_>,
        made: Map<String, Value>,
        known: &[&str],
    ) -> Result<Vec<Edit>, NotEdited> {
        let style = self.style_in(resources);
        let mut edits = Vec::new();
        let mut new = String::new();
        for (id, resource) in made.iter().filter(|(id, _)| !known.contains(&id.as_str())) {
            match resources.get(id) {
                // Managed policies that an earlier run made.
                Some(present) => edits.push(Edit {
                    span: span(&present.value),
                    with: style.value(resource, &style.lead),
                }),
                None => new.push_str(&format!(",{}", style.member(id, resource))),
            }
        }
        let end = behind.range.end;
        edits.push(Edit {
            span: end..end,
            with: new,
        });
        Ok(edits)
    }

    /// The resource of a logical id, once and an object.
    fn resource<'a>(
        &self,
        resources: &'a Object<'a>,
        id: &str,
    ) -> Result<(&'a ObjectProp<'a>, &'a Object<'a>), NotEdited> {
        let missing = || NotEdited::NotFound(id.to_owned());
        self.once(resources, id)?;
        let property = resources.get(id).ok_or_else(missing)?;
        let body = property.value.as_object().ok_or_else(missing)?;
        Ok((property, body))
    }

    /// The object of a key; a value of another kind cannot be edited.
    fn object<'a>(&self, object: &'a Object<'a>, key: &str) -> Result<Option<&'a Object<'a>>, NotEdited> {
        self.once(object, key)?;
        match object.get(key).map(|property| &property.value) {
            None => Ok(None),
            Some(Ast::Object(inner)) => Ok(Some(inner)),
            Some(_) => Err(NotEdited::NotFound(key.to_owned())),
        }
    }

    /// A key that stands twice has two meanings: CloudFormation takes the last.
    fn once(&self, object: &Object<'_>, key: &str) -> Result<(), NotEdited> {
        let mut found = object
            .properties
            .iter()
            .filter(|property| property.name.as_str() == key);
        match found.nth(1) {
            None => Ok(()),
            Some(second) => Err(NotEdited::Twice {
                line: self.line(second.range.start),
                key: key.to_owned(),
            }),
        }
    }

    fn line(&self, offset: usize) -> usize {
        self.text.get(..offset).unwrap_or_default().matches('\n').count() + 1
    }

    /// The style of members in an object, taken from those that it has.
    fn style_in(&self, object: &Object<'_>) -> Style {
        let lead = self.lead(object, 0).unwrap_or_default();
        let outer = self.lead(self.root, 0).unwrap_or_default();
        let unit = match (indentation(lead), indentation(outer)) {
            // The members of the whole are one step in.
            (Some(_), Some(unit)) => unit,
            (Some(_), None) => "  ",
            (None, _) => "",
        };
        let first = object.properties.first();
        let colon = first.and_then(|first| {
            let from = first.name.as_str().len();
            let between = self.text.get(first.range.start..span(&first.value).start)?;
            between.get(from..)?.find(':').and_then(|at| {
                let key = between.get(..from + at)?.trim_end().len();
                between.get(key..)
            })
        });
        Style {
            lead: lead.to_owned(),
            unit: unit.to_owned(),
            colon: colon.unwrap_or(": ").to_owned(),
        }
    }

    /// What stands before a member: behind the comma of the one before, or the brace.
    fn lead(&self, object: &Object<'_>, index: usize) -> Option<&str> {
        let from = match index
            .checked_sub(1)
            .and_then(|before| object.properties.get(before))
        {
            Some(before) => before.range.end,
            None => object.range.start + 1,
        };
        let between = self.text.get(from..object.properties.get(index)?.range.start)?;
        match index {
            0 => Some(between),
            _ => between.split_once(',').map(|(_, lead)| lead),
        }
    }

    /// An object without some members and with others in the place of the first of them, else at its end. `outer` is the
    /// style of the object that holds it.
    fn rebuilt(&self, object: &Object<'_>, gone: &[&str], new: Map<String, Value>, outer: &Style) -> Edit {
        let mut style = match object.properties.is_empty() {
            true => outer.inner(),
            false => self.style_in(object),
        };
        // What is new stands as what it takes the place of, or as the last.
        let members = &object.properties;
        let place = members
            .iter()
            .position(|member| gone.contains(&member.name.as_str()));
        let place = place.or_else(|| members.len().checked_sub(1));
        if let Some(lead) = place.and_then(|place| self.lead(object, place)) {
            lead.clone_into(&mut style.lead);
        }
        let mut new = Some(
            new.iter()
                .map(|(key, value)| style.member(key, value))
                .collect::<Vec<_>>(),
        );
        let mut members: Vec<String> = Vec::new();
        for (index, property) in object.properties.iter().enumerate() {
            if gone.contains(&property.name.as_str()) {
                members.extend(new.take().into_iter().flatten());
                continue;
            }
            let lead = match members.is_empty() {
                true => self.lead(object, 0),
                false => self.lead(object, index),
            };
            let own = self.text.get(property.range.start..property.range.end);
            members.push(format!("{}{}", lead.unwrap_or_default(), own.unwrap_or_default()));
        }
        members.extend(new.take().into_iter().flatten());
        let end = match object.properties.last() {
            Some(last) => self
                .text
                .get(last.range.end..object.range.end)
                .unwrap_or("}")
                .to_owned(),
            None => format!("{}}}", outer.lead),
        };
        Edit {
            span: object.range.start..object.range.end,
            with: format!("{{{}{}", members.join(","), end.trim_start_matches(',')),
        }
    }

    fn with(&self, mut edits: Vec<Edit>) -> String {
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
        let mut out = String::new();
        let mut at = 0;
        for edit in edits {
            out.push_str(self.text.get(at..edit.span.start).unwrap_or_default());
            out.push_str(&edit.with);
            at = at.max(edit.span.end);
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        out
    }
}

impl Style {
    /// The style one step further in.
    fn inner(&self) -> Self {
        Self {
            lead: format!("{}{}", self.lead, self.unit),
            ..self.clone()
        }
    }

    fn on_one_line(&self) -> bool {
        !self.lead.contains('\n')
    }

    /// A member with what stands before it.
    fn member(&self, key: &str, value: &Value) -> String {
        let key = Value::from(key);
        format!(
            "{}{key}{}{}",
            self.lead,
            self.colon,
            self.value(value, &self.lead)
        )
    }

    /// A value whose key has `lead` before it. Intrinsic functions stay on one line.
    fn value(&self, value: &Value, lead: &str) -> String {
        let inner = format!("{lead}{}", self.unit);
        match value {
            Value::Object(members) if !self.on_one_line() && !is_intrinsic(members) => {
                let style = Self {
                    lead: inner,
                    ..self.clone()
                };
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| style.member(key, value))
                    .collect();
                match members.is_empty() {
                    true => "{}".to_owned(),
                    false => format!("{{{}{lead}}}", members.join(",")),
                }
            }
            Value::Array(items) if !self.on_one_line() && !items.is_empty() => {
                let items: Vec<String> = items
                    .iter()
                    .map(|item| format!("{inner}{}", self.value(item, &inner)))
                    .collect();
                format!("[{}{lead}]", items.join(","))
            }
            value => self.flat(value),
        }
    }

    /// A value on one line.
    fn flat(&self, value: &Value) -> String {
        let gap = if self.colon.ends_with(' ') { " " } else { "" };
        match value {
            Value::Object(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| {
                        format!("{}{}{}", Value::from(key.as_str()), self.colon, self.flat(value))
                    })
                    .collect();
                match members.is_empty() {
                    true => "{}".to_owned(),
                    false => format!("{{{gap}{}{gap}}}", members.join(&format!(",{gap}"))),
                }
            }
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| self.flat(item)).collect();
                format!("[{}]", items.join(&format!(",{gap}")))
            }
            value => value.to_string(),
        }
    }
}

/// Whether an object is `Ref` or `Fn::…`.
fn is_intrinsic(members: &Map<String, Value>) -> bool {
    let mut keys = members.keys();
    matches!((keys.next(), keys.next()), (Some(key), None) if key == "Ref" || key.starts_with("Fn::"))
}

/// The indentation in what stands before a key; `None` where it is on the line of the one before.
fn indentation(lead: &str) -> Option<&str> {
    lead.rsplit_once('\n').map(|(_, indentation)| indentation)
}

fn span(value: &Ast<'_>) -> Range<usize> {
    use jsonc_parser::common::Ranged as _;
    let range = value.range();
    range.start..range.end
}

/// The role and what stands beside it, by logical id, as the YAML has them; reasons as metadata.
fn made(deployable: &Deployable<'_>, id: &str) -> Map<String, Value> {
    let yaml = cloudformation::role_named(deployable, id);
    let Some(Value::Object(mut resources)) = deploy::yaml_as_json(&yaml) else {
        return Map::new();
    };
    if let Some(Value::Object(role)) = resources.get_mut(id) {
        let properties = role.remove("Properties");
        role.insert("Metadata".to_owned(), Value::Object(metadata(deployable)));
        role.extend(properties.map(|properties| ("Properties".to_owned(), properties)));
    }
    resources
}

fn metadata(deployable: &Deployable<'_>) -> Map<String, Value> {
    let statements = deployable
        .attachment
        .policies()
        .flat_map(|policy| &policy.statements);
    let reasons: Map<String, Value> = statements
        .filter_map(|statement| {
            let reason = Some(deployable.reason(statement)).filter(|reason| !reason.is_empty())?;
            Some((statement.sid.clone()?, Value::from(reason)))
        })
        .collect();
    let about = json!({ "about": deployable.heading, "reasons": reasons });
    [(METADATA.to_owned(), about)].into_iter().collect()
}
