//! Encryption at rest: which key encrypted a value, and decrypting it if the keys are given.
//!
//! An encrypted value is `k8s:enc:<provider>:<version>:<key name>:` and a payload that only the provider understands.
//! Without keys, the provider and the key name are all that is known ([`Seal`], [`Audit`]). With an EncryptionConfiguration,
//! or with the DEKs of a KMS, [`Keyring::open`] tries the keys in kube-apiserver's order. Nothing is guessed: a key that
//! does not fit is an error that names the object and every key tried.
//!
//! Without the feature `encryption` there are no ciphers: every encrypted value is recognised and stays closed.
//!
//! Source of the rules: apiserver `pkg/storage/value/transformer.go`, v0.34.0, and `pkg/storage/value/encrypt/{aes,secretbox,envelope}`.

#[cfg(feature = "encryption")]
mod aescbc;
#[cfg(feature = "encryption")]
mod aesgcm;
mod audit;
mod closed;
#[cfg(feature = "encryption")]
mod config;
mod flaw;
#[cfg(feature = "encryption")]
mod keyring;
mod kms;
#[cfg(not(feature = "encryption"))]
mod no_keyring;
mod seal;
#[cfg(feature = "encryption")]
mod secretbox;
#[cfg(feature = "encryption")]
mod syntax;

pub use audit::{Audit, AuditRow};
pub use closed::{Attempt, Closed, Opened};
#[cfg(feature = "encryption")]
pub use config::ConfigError;
pub use flaw::SealFlaw;
#[cfg(feature = "encryption")]
pub use keyring::Keyring;
pub use kms::Envelope;
#[cfg(not(feature = "encryption"))]
pub use no_keyring::Keyring;
pub use seal::{Provider, Seal};

/// The plaintext, or why this key does not decrypt it.
#[cfg(feature = "encryption")]
type Decrypted = Result<Vec<u8>, &'static str>;
