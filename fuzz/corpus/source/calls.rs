use aws_sdk_s3::Client;
#[derive(Clone)] struct App<K> { client: Client, keep: K }
trait Keep { async fn keep(&self, key: &str); }
impl Keep for Client { async fn keep(&self, key: &str) { let _ = self.put_object().bucket(env()).key(format!("a/{key}")).send().await; } }
fn env() -> String { std::env::var("B").unwrap_or_else(|_| "x".into()) }
#[tokio::main] async fn main() { let c = Client::new(&aws_config::load_from_env().await);
 let app = App { client: c.clone(), keep: c }; app.keep.keep("k").await;
 tokio::join!(async { app.client.get_object().bucket("b").key("k").send().await }, async {}); }
