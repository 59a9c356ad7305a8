//! Values of environment variables that are secrets themselves: they never leave the reader.
//!
//! A variable that *names* a secret (an ARN, a path of Secrets Manager or SSM) is a resource like any other.

/// Beginnings of keys and tokens that their makers mark.
const MARKED: &[&str] = &[
    "-----BEGIN",
    "AIza",
    "AKIA",
    "ASIA",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "sk_live_",
    "sk_test_",
    "xoxb-",
    "xoxp-",
];

/// Ends of names of variables that hold a secret, not the name of one.
const NAMES: &[&str] = &[
    "ACCESS_KEY",
    "API_KEY",
    "APIKEY",
    "CLIENT_SECRET",
    "CREDENTIALS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PRIVATE_KEY",
    "PWD",
    "SECRET_KEY",
    "TOKEN",
];

/// What stands for the value of a variable: itself, or a symbol if it is a secret.
pub(super) fn shown(name: &str, value: String) -> String {
    if is_secret(name, &value) {
        format!("${{!secret {name}}}")
    } else {
        value
    }
}

fn is_secret(name: &str, value: &str) -> bool {
    if MARKED
        .iter()
        .any(|start| value.starts_with(start) && value.len() >= 16)
        || has_password(value)
    {
        return true;
    }
    let names_something = value.contains("${") || value.starts_with("arn:") || value.contains('/');
    if names_something || value.len() < 8 {
        return false;
    }
    let name = name.to_ascii_uppercase().replace('-', "_");
    NAMES.iter().any(|end| name.ends_with(end)) || (name.ends_with("SECRET") && is_random(value))
}

/// `scheme://user:password@host`.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .and_then(|(user, _)| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty() && !password.starts_with("${"))
}

/// Long, with digits and letters: nobody's name for a secret.
fn is_random(value: &str) -> bool {
    value.len() >= 16
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !value.contains([' ', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_names_of_secrets() {
        for (name, value, secret) in [
            ("API_TOKEN", "hunter2-SUPERsecret-93f", true),
            ("db_password", "correct horse", true),
            ("DATABASE_URL", "postgres://app:pw@db.example/orders", true),
            ("DATABASE_URL", "postgres://db.example/orders", false),
            ("KEY", "AKIAIOSFODNN7EXAMPLE", true),
            ("SIGNING_SECRET", "9f86d081884c7d659a2feaa0", true),
            ("DB_SECRET", "orders-database", false),
            ("DB_SECRET", "prod/db", false),
            (
                "TOKEN_SECRET_ARN",
                "arn:aws:secretsmanager:eu-west-1:1:secret:t",
                false,
            ),
            ("API_KEY", "${!resolve ssm:/orders/key}", false),
            ("TOKEN_TABLE", "tokens-of-orders", false),
            ("TABLE_NAME", "orders-2026-production", false),
        ] {
            assert_eq!(is_secret(name, value), secret, "{name}={value}");
        }
    }
}
