use std::sync::{Arc, LazyLock}; use aws_sdk_dynamodb as ddb;
static C: LazyLock<Option<Arc<ddb::Client>>> = LazyLock::new(|| None);
enum E { A(ddb::Client), B { c: Box<dyn Fn(&ddb::Client) -> i32> } }
impl std::ops::Deref for E { type Target = ddb::Client; fn deref(&self) -> &ddb::Client { match self { E::A(c) => c, _ => todo!() } } }
async fn f<T: AsRef<E>>(t: T) where T: Clone { if let E::A(c) = t.as_ref() { c.query().table_name("t").set_index_name(Some("i".to_owned())).into_paginator().send(); } }
fn main() { let x: fn() = main; x(); }
