//! From `syn` to plain data: what attributes decide.

use std::sync::Arc;

use super::ir::{Attrs, Name};
use super::lower::Lowerer;

impl Lowerer<'_> {
    /// What the attributes say.
    pub(super) fn attrs(&mut self, attrs: &[syn::Attribute]) -> Attrs {
        let mut lowered = Attrs::default();
        let (mut registers, mut others) = (false, false);
        for attr in attrs {
            let Some(last) = attr.path().segments.last() else {
                continue;
            };
            let name = last.ident.to_string();
            // `#[typetag::serde]` is a macro, `#[serde(…)]` is read by one.
            let helper = matches!(
                name.as_str(),
                "serde"
                    | "arg"
                    | "clap"
                    | "structopt"
                    | "envconfig"
                    | "default"
                    | "skip"
                    | "from"
                    | "error"
                    | "source"
            );
            if helper && attr.path().segments.len() > 1 {
                lowered.unknown_macro = true;
                // It makes values of the type; whoever holds one calls its methods.
                let first = attr.path().segments.first();
                let is_registry = first.is_some_and(|first| first.ident == "typetag");
                registers |= is_registry;
                others |= !is_registry;
                continue;
            }
            match name.as_str() {
                "derive" => {
                    let _ = attr.parse_nested_meta(|meta| {
                        if let Some(last) = meta.path.segments.last() {
                            lowered.derives.push(self.name(&last.ident));
                        }
                        Ok(())
                    });
                }
                "deref" | "deref_mut" => lowered.derefs = true,
                "macro_export" | "macro_use" => lowered.macro_export = true,
                "serde" | "arg" | "clap" | "structopt" | "envconfig" => {
                    self.meta_values(attr, &mut lowered);
                }
                "path" => {
                    if let syn::Meta::NameValue(pair) = &attr.meta {
                        lowered.path = self.literal_text(&pair.value);
                    }
                }
                "cfg" | "cfg_attr" | "allow" | "expect" | "warn" | "deny" | "forbid" | "doc"
                | "async_trait" | "automock" | "instrument" | "deprecated" | "inline" | "must_use"
                | "main" | "test" | "repr" | "non_exhaustive" | "derive_where" | "no_mangle" | "cold"
                | "track_caller" | "default" | "serde_as" | "skip" | "from" | "error" | "source"
                | "rustfmt" | "serial" | "tracing" | "ignore" | "async_recursion" => {}
                _ => {
                    lowered.unknown_macro = true;
                    others = true;
                }
            }
        }
        lowered.registers = registers && !others;
        lowered
    }

    pub(super) fn meta_values(&mut self, attr: &syn::Attribute, lowered: &mut Attrs) {
        let is_serde = attr.path().is_ident("serde");
        let _ = attr.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            let value = if meta.input.peek(syn::Token![=]) {
                let expr: syn::Expr = meta.value()?.parse()?;
                self.literal_text(&expr)
            } else {
                if meta.input.peek(syn::token::Paren) {
                    let content;
                    syn::parenthesized!(content in meta.input);
                    let _: proc_macro2::TokenStream = content.parse()?;
                }
                None
            };
            match key.as_str() {
                // `rename(deserialize = "…")`.
                "rename" | "rename_all" if is_serde && value.is_none() => lowered.serde_own = true,
                "rename" if is_serde => lowered.serde_rename = value,
                "rename_all" if is_serde => lowered.serde_rename_all = value,
                "flatten" if is_serde => lowered.serde_flatten = true,
                "untagged" if is_serde => lowered.serde_untagged = true,
                "with" | "alias" | "deserialize_with" | "skip" | "skip_deserializing" | "from"
                | "try_from" | "remote"
                    if is_serde =>
                {
                    lowered.serde_own = true;
                }
                "env" | "from" if !is_serde => {
                    lowered.clap_env = Some(value.unwrap_or_else(|| Arc::from("")));
                }
                "default" if is_serde => lowered.serde_default = value,
                "default_value" | "default" | "default_value_t" if !is_serde => {
                    lowered.default_value = value;
                }
                _ => {}
            }
            Ok(())
        });
    }

    pub(super) fn literal_text(&mut self, expr: &syn::Expr) -> Option<Name> {
        match expr {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => Some(self.intern(&text.value())),
            _ => None,
        }
    }
}
