//! The logical ids that the Serverless Framework gives to what it makes.

/// The part of a logical id that a function's (or layer's) name becomes.
pub(super) fn normalized(name: &str) -> String {
    upper_first(&name.replace('-', "Dash").replace('_', "Underscore"))
}

/// The same for names of other things, of which only letters and digits are left.
pub(super) fn alphanumeric(name: &str) -> String {
    let kept: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    upper_first(&kept)
}

/// A word with a capital at its beginning.
pub(super) fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// The logical id of a function.
pub(super) fn function(name: &str) -> String {
    format!("{}LambdaFunction", normalized(name))
}

/// The logical id of a function's log group.
pub(super) fn log_group(name: &str) -> String {
    format!("{}LogGroup", normalized(name))
}

/// The role that functions share.
pub(super) const SHARED_ROLE: &str = "IamRoleLambdaExecution";

/// The role of one function.
pub(super) fn own_role(name: &str) -> String {
    format!("{}{SHARED_ROLE}", normalized(name))
}
