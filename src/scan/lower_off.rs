//! Code that features keep out: what of it seems to call AWS is told, since a build with the feature would need it.

use std::collections::BTreeSet;

use crate::workspace::registry::SourcePaths;

use super::files::{Wanted, module_base, module_files};
use super::ir::{Name, Span};
use super::lower::Lowerer;

/// An item that a feature keeps out.
pub struct Off {
    /// Where its attribute stands.
    pub span: Span,
    /// The module whose file has to be looked at, with its `#[path]`; `None` if the item itself seems to call AWS.
    pub module: Option<(Name, Option<Name>)>,
}

/// Where attributes start.
fn start_of(attrs: &[syn::Attribute]) -> proc_macro2::Span {
    attrs
        .first()
        .map_or_else(proc_macro2::Span::call_site, |attr| attr.pound_token.span)
}

impl Lowerer<'_> {
    /// Notes an item that a feature keeps out, if it looks as if it called AWS.
    pub(super) fn note_off(&mut self, item: &syn::Item, attrs: &[syn::Attribute]) {
        if let syn::Item::Mod(item) = item
            && item.content.is_none()
        {
            if self.origins.is_none() && self.cfg.off_by_feature(attrs) {
                let path = self.attrs(attrs).path;
                let module = Some((self.name(&item.ident), path));
                let span = self.span(start_of(attrs));
                self.off.push(Off { span, module });
            }
            return;
        }
        self.note_off_code(item, attrs);
    }

    /// The same for any piece of code.
    fn note_off_code(&mut self, code: &dyn quote::ToTokens, attrs: &[syn::Attribute]) {
        if self.origins.is_some() || !self.cfg.off_by_feature(attrs) {
            return;
        }
        let text = code.to_token_stream().to_string();
        if (text.contains("aws_sdk_") && may_send(&text))
            || text.contains(". send ()")
            || names_one_of(&text, &self.cfg.off_crates)
        {
            let span = self.span(start_of(attrs));
            self.off.push(Off { span, module: None });
        }
    }

    /// Whether a part of an item, with these attributes, is kept; if a feature keeps it out, that is noted.
    pub(super) fn keeps_part(&mut self, part: &dyn quote::ToTokens, attrs: &[syn::Attribute]) -> bool {
        let kept = self.keeps(attrs);
        if !kept {
            self.note_off_code(part, attrs);
        }
        kept
    }
}

impl Off {
    /// Whether what the feature keeps out seems to call AWS: for a module its files are searched.
    pub(super) fn calls_aws(&self, root: SourcePaths<'_>, file: &Wanted, crates: &BTreeSet<String>) -> bool {
        let Some((name, path)) = &self.module else {
            return true;
        };
        let files = module_files(&file.base, &file.path, name, path.as_deref());
        let Some(found) = files.iter().find(|path| root.of(path).is_file()) else {
            return false;
        };
        let below = ignore::WalkBuilder::new(root.of(&module_base(found)))
            .standard_filters(false)
            .build()
            .flatten()
            .map(ignore::DirEntry::into_path)
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        std::iter::once(root.of(found)).chain(below).any(|path| {
            std::fs::read(path).is_ok_and(|bytes| {
                let text = String::from_utf8_lossy(&bytes);
                let sdk = text.contains("aws_sdk_") || text.contains("aws_config");
                (sdk && may_send(&text)) || names_one_of(&text, crates)
            })
        })
    }
}

/// Whether a text has what a call needs: a client, or the end of a request. Code about errors and types alone has not.
fn may_send(text: &str) -> bool {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let mut words = words.filter(|word| !word.is_empty());
    words.any(|word| {
        matches!(
            word,
            "Client"
                | "client"
                | "send"
                | "send_with"
                | "into_paginator"
                | "presigned"
                | "customize"
                | "wait"
        ) || word.starts_with("aws_config")
            || word.starts_with("wait_until_")
            || word.ends_with("FluentBuilder")
            || word.ends_with("Client")
    })
}

/// Whether a text has a path into one of these crates.
fn names_one_of(text: &str, crates: &BTreeSet<String>) -> bool {
    let is_path = |rest: &str| rest.trim_start().starts_with("::");
    let is_end = |c: char| !(c.is_alphanumeric() || c == '_');
    crates.iter().any(|name| {
        text.match_indices(name.as_str()).any(|(at, found)| {
            let (before, behind) = (text.get(..at), text.get(at + found.len()..));
            before.is_some_and(|before| before.is_empty() || before.ends_with(is_end))
                && behind.is_some_and(is_path)
        })
    })
}
