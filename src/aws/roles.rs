//! A role as the account has it: inline policies, attached managed policies in their default version, boundary.

use super::{Account, AwsError};
use crate::iam::policy::{Policy, PolicyKind};
use crate::usage::Location;
use crate::workspace::model::{GrantOrigin, Role, RoleStatement, RoleTrust};

impl Account {
    /// The name of the one role that CloudFormation made for a logical id (`stack-<LogicalId>-RANDOM`), or that has this
    /// very name.
    ///
    /// # Errors
    /// When the call fails, or none or several roles fit.
    pub fn role_name(&self, logical_id: &str) -> Result<String, AwsError> {
        let infix = format!("-{logical_id}-");
        let pages = self.iam.list_roles().into_paginator().items().send();
        let roles: Vec<aws_sdk_iam::types::Role> = self
            .runtime
            .block_on(pages.collect::<Result<_, _>>())
            .map_err(AwsError::call("iam.ListRoles"))?;
        let mut names: Vec<String> = roles.iter().map(|role| role.role_name().to_owned()).collect();
        names.retain(|name| name == logical_id || name.contains(&infix));
        match names.as_slice() {
            [name] => Ok(name.clone()),
            [] => Err(AwsError::Role(format!(
                "no role of the account can be `{logical_id}`; name it with --role"
            ))),
            names => Err(AwsError::Role(format!(
                "`{logical_id}` can be {}; name it with --role",
                names.join(" or ")
            ))),
        }
    }

    /// Reads one role.
    ///
    /// # Errors
    /// When a call fails or a policy document is not one that IAM accepts.
    pub fn role(&self, name: &str) -> Result<Role, AwsError> {
        let got = self
            .runtime
            .block_on(self.iam.get_role().role_name(name).send())
            .map_err(AwsError::call("iam.GetRole"))?;
        let boundary = got
            .role()
            .and_then(|role| role.permissions_boundary())
            .and_then(|b| b.permissions_boundary_arn());
        let trust = got
            .role()
            .and_then(|role| role.assume_role_policy_document())
            .map(|document| trust(name, document))
            .transpose()?;
        let mut statements = self.inline(name)?;
        statements.extend(self.attached(name)?);
        Ok(Role {
            id: name.to_owned(),
            origin: "aws".to_owned(),
            location: place(name),
            shared_with: Vec::new(),
            statements,
            boundary: boundary.map(str::to_owned),
            trust,
        })
    }

    fn inline(&self, role: &str) -> Result<Vec<RoleStatement>, AwsError> {
        let pages = self
            .iam
            .list_role_policies()
            .role_name(role)
            .into_paginator()
            .items()
            .send();
        let names: Vec<String> = self
            .runtime
            .block_on(pages.collect::<Result<_, _>>())
            .map_err(AwsError::call("iam.ListRolePolicies"))?;
        let mut statements = Vec::new();
        for name in &names {
            let request = self.iam.get_role_policy().role_name(role).policy_name(name);
            let policy = self
                .runtime
                .block_on(request.send())
                .map_err(AwsError::call("iam.GetRolePolicy"))?;
            statements.extend(read(role, name, "inline", policy.policy_document())?);
        }
        Ok(statements)
    }

    fn attached(&self, role: &str) -> Result<Vec<RoleStatement>, AwsError> {
        let pages = self
            .iam
            .list_attached_role_policies()
            .role_name(role)
            .into_paginator()
            .items()
            .send();
        let policies: Vec<aws_sdk_iam::types::AttachedPolicy> = self
            .runtime
            .block_on(pages.collect::<Result<_, _>>())
            .map_err(AwsError::call("iam.ListAttachedRolePolicies"))?;
        let mut statements = Vec::new();
        for attached in &policies {
            if let (Some(arn), Some(name)) = (attached.policy_arn(), attached.policy_name()) {
                statements.extend(self.managed(role, arn, name)?);
            }
        }
        Ok(statements)
    }

    fn managed(&self, role: &str, arn: &str, name: &str) -> Result<Vec<RoleStatement>, AwsError> {
        let policy = self
            .runtime
            .block_on(self.iam.get_policy().policy_arn(arn).send())
            .map_err(AwsError::call("iam.GetPolicy"))?;
        let version = policy
            .policy()
            .and_then(|policy| policy.default_version_id())
            .unwrap_or("v1")
            .to_owned();
        let got = self
            .runtime
            .block_on(
                self.iam
                    .get_policy_version()
                    .policy_arn(arn)
                    .version_id(version)
                    .send(),
            )
            .map_err(AwsError::call("iam.GetPolicyVersion"))?;
        let document = got
            .policy_version()
            .and_then(|version| version.document())
            .unwrap_or_default();
        read(role, name, "managed-policy", document)
    }
}

fn place(role: &str) -> Location {
    Location::new(format!("aws:iam:role/{role}"), 1, 1)
}

/// The statements of a document; IAM returns documents percent-encoded.
fn read(role: &str, name: &str, kind: &'static str, document: &str) -> Result<Vec<RoleStatement>, AwsError> {
    let policy = Policy::from_json(&percent_decoded(document)).map_err(|error| AwsError::Policy {
        name: name.to_owned(),
        message: error.to_string(),
    })?;
    let origin = GrantOrigin {
        kind,
        name: name.to_owned(),
        location: place(role),
        injected_by: None,
        condition: None,
    };
    Ok(policy
        .statements
        .into_iter()
        .map(|statement| RoleStatement {
            statement,
            origin: origin.clone(),
        })
        .collect())
}

/// Who may assume a role, as IAM returns it.
fn trust(role: &str, document: &str) -> Result<RoleTrust, AwsError> {
    let policy = Policy::read(&percent_decoded(document), PolicyKind::Trust);
    let policy = policy.map_err(|error| AwsError::Policy {
        name: format!("the trust policy of {role}"),
        message: error.to_string(),
    })?;
    Ok(RoleTrust {
        policy,
        location: place(role),
    })
}

/// Undoes RFC 3986 percent-encoding; text that is not encoded comes back as it is.
fn percent_decoded(text: &str) -> String {
    if text.trim_start().starts_with('{') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn documents_are_decoded() {
        assert_eq!(
            percent_decoded("%7B%22a%22%3A%20%22100%25%22%7D"),
            "{\"a\": \"100%\"}"
        );
        assert_eq!(percent_decoded("{\"a\":\"%41\"}"), "{\"a\":\"%41\"}");
        assert_eq!(percent_decoded("50%"), "50%");
    }
}
