#!/usr/bin/env run
#![allow(unused)] const S: &str = r##"x"#"##; fn main() { let _ = concat!("a", 1, 'c', true); let b = b"\xff"; let c = c"x"; S.len(); }
