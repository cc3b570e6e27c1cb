//! Encryption at rest: which key closed a value, and opening it when the keys are given.
//!
//! A closed value is `k8s:enc:<provider>:<version>:<key name>:` and a payload that only the provider understands. Without
//! keys the provider and the key name are all that can be said ([`Seal`], [`Audit`]); with an EncryptionConfiguration, or
//! with the DEKs of a KMS, [`Keyring::open`] tries the keys as kube-apiserver does. Nothing is guessed: a key that does not
//! fit is an error that names the object and every key tried.
//!
//! Source of the rules: kube-apiserver `storage/value/transformer.go`, `encrypt/{aes,secretbox,envelope}`.

mod aescbc;
mod aesgcm;
mod audit;
mod config;
mod keyring;
mod kms;
mod seal;
mod secretbox;

pub use audit::{Audit, AuditRow};
pub use config::ConfigError;
pub use keyring::{Attempt, Closed, Keyring, Opened};
pub use kms::Envelope;
pub use seal::{Provider, Seal};

/// What a cipher says of one key.
type Tried = Result<Vec<u8>, &'static str>;
