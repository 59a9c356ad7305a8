//! Names with holes: what a stack template tells of a deployed name.

/// A deployed name as far as it is known: `orders-*-api`. A `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamePattern(String);

impl NamePattern {
    /// A pattern; `*` is the only special character.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pattern of a stack text: every `${…}` is a hole.
    ///
    /// A text that is `${LogicalId}` alone is a name that CloudFormation makes: `<stack>-<logical id>-<random>`, see
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html>.
    pub fn of_stack_text(text: &str) -> Self {
        if let Some(id) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Self(format!("*-{id}-*"));
        }
        let mut pattern = String::new();
        let mut rest = text;
        while let Some((before, hole)) = rest.split_once("${") {
            pattern.push_str(before);
            pattern.push('*');
            rest = hole.split_once('}').map_or("", |(_, after)| after);
        }
        Self(pattern + rest)
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a deployed name fits.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else {
            return rest.is_empty();
        };
        let Some(mut rest) = rest.strip_suffix(last) else {
            return false;
        };
        for part in parts {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }

    /// How many characters are known: of two patterns that fit, the better one has more.
    pub(super) fn weight(&self) -> usize {
        self.0.bytes().filter(|&byte| byte != b'*').count()
    }
}

#[cfg(test)]
mod tests {
    use super::NamePattern;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, name, fits) in [
            ("orders-prod-api", "orders-prod-api", true),
            ("orders-prod-api", "orders-prod-api-2", false),
            ("orders-*-api", "orders-prod-api", true),
            ("orders-*-api", "orders-prod-api-2", false),
            ("orders-*-api", "orders-api", false),
            ("*-ApiFunctionRole-*", "orders-ApiFunctionRole-4K2V", true),
            ("*", "anything", true),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("a*a", "a", false),
            ("a*b*a", "aba", true),
        ] {
            assert_eq!(NamePattern::new(pattern).matches(name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn stack_texts_become_patterns() {
        for (text, pattern) in [
            ("orders-${Stage}-api", "orders-*-api"),
            ("${ApiFunction}", "*-ApiFunction-*"),
            ("${AWS::StackName}-api", "*-api"),
            ("plain", "plain"),
            ("${A}${B}", "**"),
            ("cut ${A", "cut *"),
        ] {
            assert_eq!(NamePattern::of_stack_text(text).as_str(), pattern, "{text}");
        }
    }
}
