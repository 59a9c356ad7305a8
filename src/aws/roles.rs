//! Roles as the account has them, in the form of a dump: inline policies, attached managed policies in their default
//! version, boundary.

use serde_json::{Value, json};

use super::error::explain;
use super::{Account, AwsError};
use crate::workspace::deploy::account::Dumps;

impl Account {
    /// The ARN of the one role that CloudFormation made for a logical id (`stack-<LogicalId>-RANDOM`), or that has this
    /// very name.
    ///
    /// # Errors
    /// When the call fails, or none or several roles fit.
    pub fn role_of(&self, logical_id: &str) -> Result<String, AwsError> {
        let infix = format!("-{logical_id}-");
        let pages = self.iam.list_roles().into_paginator().items().send();
        let roles: Vec<aws_sdk_iam::types::Role> = self
            .runtime
            .block_on(pages.collect::<Result<_, _>>())
            .map_err(explain("iam.ListRoles", "*"))?;
        let fits = |name: &str| name == logical_id || name.contains(&infix);
        let fitting: Vec<&aws_sdk_iam::types::Role> =
            roles.iter().filter(|role| fits(role.role_name())).collect();
        let names: Vec<&str> = fitting.iter().map(|role| role.role_name()).collect();
        match fitting.as_slice() {
            [role] => Ok(role.arn().to_owned()),
            [] => Err(AwsError::Role(format!(
                "no role of the account can be `{logical_id}`; name it with --role"
            ))),
            _ => Err(AwsError::Role(format!(
                "`{logical_id}` can be {}; name it with --role",
                names.join(" or ")
            ))),
        }
    }

    /// Reads a role, named by ARN or name, into the dumps; gives its ARN.
    ///
    /// # Errors
    /// When a call fails.
    pub fn read_role(&self, named: &str, dumps: &mut Dumps) -> Result<String, AwsError> {
        let name = named.rsplit('/').next().unwrap_or(named);
        // The path of a role that is only named is not known.
        let arn = match named.starts_with("arn:") {
            true => named.to_owned(),
            false => format!("arn:aws:iam::*:role/{name}"),
        };
        let got = self
            .runtime
            .block_on(self.iam.get_role().role_name(name).send())
            .map_err(explain("iam.GetRole", &arn))?;
        let role = got.role();
        let arn = role.map_or(arn, |role| role.arn().to_owned());
        let mut detail = json!({
            "RoleName": name,
            "Arn": arn,
            "AssumeRolePolicyDocument": role.and_then(|role| role.assume_role_policy_document()),
            "RolePolicyList": self.inline(name, &arn)?,
        });
        let boundary = role
            .and_then(|role| role.permissions_boundary())
            .and_then(|boundary| boundary.permissions_boundary_arn());
        if let (Some(boundary), Some(detail)) = (boundary, detail.as_object_mut()) {
            let boundary = json!({"PermissionsBoundaryArn": boundary});
            detail.insert("PermissionsBoundary".to_owned(), boundary);
        }
        let attached = self.attached(name, &arn)?;
        let listed: Vec<Value> = attached
            .iter()
            .map(|(name, policy, _)| json!({"PolicyName": name, "PolicyArn": policy}))
            .collect();
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("AttachedManagedPolicies".to_owned(), Value::Array(listed));
        }
        dumps.add(&format!("aws:iam:role/{name}"), &detail.to_string());
        for (name, policy, document) in attached {
            let version = json!({"VersionId": "default", "IsDefaultVersion": true, "Document": document});
            let detail = json!({"PolicyName": name, "Arn": policy, "PolicyVersionList": [version]});
            dumps.add(&format!("aws:iam:policy/{name}"), &detail.to_string());
        }
        Ok(arn)
    }

    fn inline(&self, role: &str, arn: &str) -> Result<Vec<Value>, AwsError> {
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
            .map_err(explain("iam.ListRolePolicies", arn))?;
        let mut policies = Vec::new();
        for name in &names {
            let request = self.iam.get_role_policy().role_name(role).policy_name(name);
            let policy = self
                .runtime
                .block_on(request.send())
                .map_err(explain("iam.GetRolePolicy", arn))?;
            policies.push(json!({"PolicyName": name, "PolicyDocument": policy.policy_document()}));
        }
        Ok(policies)
    }

    /// Name, ARN and document of each attached policy.
    fn attached(&self, role: &str, arn: &str) -> Result<Vec<(String, String, String)>, AwsError> {
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
            .map_err(explain("iam.ListAttachedRolePolicies", arn))?;
        let mut attached = Vec::new();
        for policy in &policies {
            if let (Some(arn), Some(name)) = (policy.policy_arn(), policy.policy_name()) {
                attached.push((name.to_owned(), arn.to_owned(), self.managed(arn)?));
            }
        }
        Ok(attached)
    }

    fn managed(&self, arn: &str) -> Result<String, AwsError> {
        let policy = self
            .runtime
            .block_on(self.iam.get_policy().policy_arn(arn).send())
            .map_err(explain("iam.GetPolicy", arn))?;
        let version = policy
            .policy()
            .and_then(|policy| policy.default_version_id())
            .unwrap_or("v1")
            .to_owned();
        let request = self.iam.get_policy_version().policy_arn(arn).version_id(version);
        let got = self
            .runtime
            .block_on(request.send())
            .map_err(explain("iam.GetPolicyVersion", arn))?;
        let document = got.policy_version().and_then(|version| version.document());
        Ok(document.unwrap_or_default().to_owned())
    }
}
