//! Three-valued evaluation of `#[cfg(…)]`: what is surely off is dropped, what cannot be told is kept.

use std::collections::BTreeSet;

use super::skim::TEST_ATTRIBUTES;

/// The settings that conditions are evaluated with.
#[derive(Clone, Debug, Default)]
pub struct CfgContext {
    /// Features that are on; `None` if they cannot be told.
    pub features: Option<BTreeSet<String>>,
    /// Whether every feature is on.
    pub every_feature: bool,
    /// Optional dependencies that no feature brings in and that call AWS, by their names in code.
    pub off_crates: BTreeSet<String>,
}

impl CfgContext {
    /// Whether an item with these attributes is kept, and whether it is a test.
    pub fn keeps(&self, attrs: &[syn::Attribute]) -> bool {
        attrs.iter().all(|attr| {
            if attr.path().is_ident("cfg") {
                return attr
                    .parse_args::<syn::Meta>()
                    .ok()
                    .and_then(|meta| self.evaluate(&meta, 0))
                    .unwrap_or(true);
            }
            // `#[test]`, `#[tokio::test]`, `#[rstest]`: the last segment tells.
            let last = attr.path().segments.last().map(|last| last.ident.to_string());
            !last.is_some_and(|last| TEST_ATTRIBUTES.contains(&last.as_str()))
        })
    }

    /// Whether switching features on would bring in an item with these attributes that is out now.
    pub fn off_by_feature(&self, attrs: &[syn::Attribute]) -> bool {
        let open = Self {
            every_feature: true,
            ..Self::default()
        };
        !self.keeps(attrs) && open.keeps(attrs)
    }

    /// The value of one condition; `None` if it cannot be told.
    fn evaluate(&self, meta: &syn::Meta, depth: usize) -> Option<bool> {
        if depth > 30 {
            return None;
        }
        match meta {
            syn::Meta::Path(path) if path.is_ident("test") => Some(false),
            syn::Meta::Path(path) if path.is_ident("doctest") || path.is_ident("doc") => Some(false),
            syn::Meta::Path(path) if path.is_ident("unix") => Some(true),
            syn::Meta::Path(path) if path.is_ident("windows") => Some(false),
            syn::Meta::List(list) => {
                let parts = list
                    .parse_args_with(
                        syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated,
                    )
                    .ok()?;
                let values: Vec<_> = parts.iter().map(|part| self.evaluate(part, depth + 1)).collect();
                if list.path.is_ident("not") {
                    values.first().copied().flatten().map(|value| !value)
                } else if list.path.is_ident("all") {
                    all(&values)
                } else if list.path.is_ident("any") {
                    let flipped: Vec<_> = values.iter().map(|v| v.map(|v| !v)).collect();
                    all(&flipped).map(|value| !value)
                } else {
                    None
                }
            }
            syn::Meta::NameValue(pair) => {
                let syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) = &pair.value
                else {
                    return None;
                };
                let text = text.value();
                if pair.path.is_ident("feature") && self.every_feature {
                    Some(true)
                } else if pair.path.is_ident("feature") {
                    self.features.as_ref().map(|features| features.contains(&text))
                } else if pair.path.is_ident("target_os") {
                    Some(text == "linux")
                } else if pair.path.is_ident("target_family") {
                    Some(text == "unix")
                } else {
                    None
                }
            }
            _ => None,
        }
    }
}

/// False if any part is false, unknown if any is unknown.
fn all(values: &[Option<bool>]) -> Option<bool> {
    if values.contains(&Some(false)) {
        Some(false)
    } else if values.contains(&None) {
        None
    } else {
        Some(true)
    }
}
