macro_rules! get { ($c:expr, $($k:literal),* $(,)?) => { $( $c.get_object().bucket("b").key($k).send().await; )* }; (@x $($t:tt)*) => { get!($($t)*) } }
#[tokio::main] async fn main() { let c = aws_sdk_s3::Client::new(&aws_config::load_from_env().await); get!(@x c, "a", "b"); vec![c.list_buckets().send()]; }
