//! The result of opening one encrypted value.

use std::fmt;

use super::{Provider, SealFlaw};

/// A decrypted value.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// What kube-apiserver encrypted.
    pub plain: Vec<u8>,
    /// The provider of the key that fitted.
    pub provider: Provider,
    /// The configured name of the key that fitted, or the KMS provider's.
    pub key: String,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes opened by {} {}",
            self.plain.len(),
            self.provider,
            self.key
        )
    }
}

/// One key that was tried and did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// `aescbc key1`.
    pub key: String,
    /// Why the cipher refused.
    pub why: &'static str,
}

/// A value that no key opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The etcd key.
    pub object: String,
    /// `aescbc key1`, from the prefix of the value.
    pub seal: String,
    /// Every key tried.
    pub tried: Vec<Attempt>,
    /// Keys that the configuration has for this resource, none of which has the value's prefix.
    pub configured: Vec<String>,
    /// Why no key can open it: it was cut.
    pub flaw: Option<SealFlaw>,
}

impl std::error::Error for Closed {}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.cause())
    }
}

impl Closed {
    /// Whether nothing is known to be wrong with the value: it is whole as far as that is seen, and no key for it was given.
    pub fn lacks_key(&self) -> bool {
        self.flaw.is_none() && self.tried.is_empty()
    }

    /// `encrypted with aescbc key1; tried aescbc key1 (padding is wrong)`: the text without the key.
    pub fn cause(&self) -> String {
        if let Some(flaw) = self.flaw {
            return format!("encrypted with {} and damaged: {flaw}", self.seal);
        }
        let why = if !self.tried.is_empty() {
            let tried: Vec<_> = self
                .tried
                .iter()
                .map(|attempt| format!("{} ({})", attempt.key, attempt.why))
                .collect();
            format!("tried {}", tried.join(", "))
        } else if !self.configured.is_empty() {
            format!(
                "no such key among those configured for it: {}",
                self.configured.join(", ")
            )
        } else {
            "no key for it was given".to_owned()
        };
        format!("encrypted with {}; {why}", self.seal)
    }
}
