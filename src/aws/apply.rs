//! Inline policies of a role, read and written: the only calls that change an account.

use std::collections::BTreeMap;

use super::error::explain;
use super::{Account, AwsError};
use crate::workspace::deploy::account::percent_decoded;

/// A role and its inline policies.
#[derive(Clone, Debug)]
pub struct RoleInline {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The documents by policy name, as JSON.
    pub policies: BTreeMap<String, String>,
}

impl Account {
    /// Reads a role's inline policies.
    ///
    /// # Errors
    /// When a call fails.
    pub fn read_inline(&self, role: &str) -> Result<RoleInline, AwsError> {
        let arn = format!("arn:aws:iam::*:role/{role}");
        let got = self
            .runtime
            .block_on(self.iam.get_role().role_name(role).send())
            .map_err(explain("iam.GetRole", &arn))?;
        let arn = got.role().map_or(arn, |role| role.arn().to_owned());
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
            .map_err(explain("iam.ListRolePolicies", &arn))?;
        let mut policies = BTreeMap::new();
        for name in names {
            let request = self.iam.get_role_policy().role_name(role).policy_name(&name);
            let policy = self
                .runtime
                .block_on(request.send())
                .map_err(explain("iam.GetRolePolicy", &arn))?;
            policies.insert(name, percent_decoded(policy.policy_document()));
        }
        Ok(RoleInline {
            name: role.to_owned(),
            arn,
            policies,
        })
    }

    /// Writes an inline policy of a role, in place of the one of that name.
    ///
    /// # Errors
    /// When the call fails.
    pub fn put_inline(&self, role: &RoleInline, policy: &str, document: &str) -> Result<(), AwsError> {
        let request = self
            .iam
            .put_role_policy()
            .role_name(&role.name)
            .policy_name(policy)
            .policy_document(document);
        self.runtime
            .block_on(request.send())
            .map_err(explain("iam.PutRolePolicy", &role.arn))?;
        Ok(())
    }

    /// Deletes an inline policy of a role.
    ///
    /// # Errors
    /// When the call fails.
    pub fn delete_inline(&self, role: &RoleInline, policy: &str) -> Result<(), AwsError> {
        let request = self
            .iam
            .delete_role_policy()
            .role_name(&role.name)
            .policy_name(policy);
        self.runtime
            .block_on(request.send())
            .map_err(explain("iam.DeleteRolePolicy", &role.arn))?;
        Ok(())
    }
}

/// The name in a role's ARN.
pub fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
