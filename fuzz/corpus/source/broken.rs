fn main() { let c = aws_sdk_s3::Client::new(&x; c.get_object( }
