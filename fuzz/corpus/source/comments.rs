// rolefit: operation s3.GetObject Bucket=$B Key=*
fn main() { other(); } // rolefit: nothing
/* /* */ */ fn other() {} #[cfg(feature = "x")] mod y; #[path = "z.rs"] mod z; include!("w.rs");
