//! Evidence from code.
#![allow(dead_code)]

pub mod cfg;
pub mod expand;
mod format_macro;
pub mod ir;
pub mod lower;
mod lower_expr;
pub mod macro_rules;
pub mod tokens;
