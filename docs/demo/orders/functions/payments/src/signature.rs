//! The signature by which the payment provider proves that a message is its own.

use aws_sdk_secretsmanager::Client;
use hmac::{Hmac, KeyInit, Mac};
use lambda_http::Error;
use setup::require_env;
use sha2::Sha256;

pub struct Signature {
    secret: String,
}

impl Signature {
    /// Fetches the secret we share with the provider.
    pub async fn load(config: &aws_config::SdkConfig) -> Result<Self, Error> {
        let client = Client::new(config);
        let answer = client
            .get_secret_value()
            .secret_id(require_env("WEBHOOK_SECRET_ARN")?)
            .send()
            .await?;
        let secret = answer.secret_string.ok_or("the webhook secret is empty")?;
        Ok(Self { secret })
    }

    /// Whether `signed`, in hexadecimal digits, is the signature of `body`.
    pub fn fits(&self, body: &[u8], signed: Option<&[u8]>) -> bool {
        let Some(signed) = signed.and_then(|digits| hex::decode(digits).ok()) else {
            return false;
        };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else {
            return false;
        };
        mac.update(body);
        mac.verify_slice(&signed).is_ok()
    }
}
