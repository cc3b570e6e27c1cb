//! EncryptionConfiguration as kube-apiserver reads it, and our own file for the keys of a KMS.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::syntax;

/// Why a file of keys could not be used. No text of the file is in it, but for names of keys: it may be a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Neither YAML nor JSON, or without the fields that it must have.
    #[error("{0}")]
    Syntax(String),
    /// Another kind of file. `EncryptionConfig` is accepted because the documentation once had that name: `addKnownTypes` in
    /// apiserver `pkg/apis/apiserver/v1/register.go`, v0.34.0.
    #[error("kind is not EncryptionConfiguration (or EncryptionConfig)")]
    Kind,
    /// A secret that cannot be a key.
    #[error("line {line}, key {name:?}: {why}")]
    Secret {
        /// The key's name.
        name: String,
        /// The line of the secret.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A file that is neither a key nor YAML.
    #[error("{0}")]
    Alone(String),
}

#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub resources: Vec<ResourceConfig>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ResourceConfig {
    #[serde(default)]
    pub resources: Vec<String>,
    #[serde(default)]
    pub providers: Vec<ProviderConfig>,
}

/// Exactly one of them is set.
#[derive(Debug, Deserialize)]
pub(super) struct ProviderConfig {
    pub aescbc: Option<KeysConfig>,
    pub aesgcm: Option<KeysConfig>,
    pub secretbox: Option<KeysConfig>,
    pub kms: Option<KmsConfig>,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeysConfig {
    #[serde(default)]
    pub keys: Vec<KeyConfig>,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeyConfig {
    pub name: String,
    pub secret: Spanned<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct KmsConfig {
    #[serde(default, rename = "apiVersion")]
    pub api_version: String,
    pub name: String,
}

/// The file that `--kms-keys` names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KmsKeysConfig {
    /// Key-encryption keys of plugins that wrap a DEK with AES-GCM, nonce first.
    #[serde(default)]
    pub keks: Vec<KekConfig>,
    /// DEKs (v1, and v2 up to 1.27) and seeds (v2) that somebody had the plugin decrypt.
    #[serde(default)]
    pub deks: Vec<DekConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KekConfig {
    pub provider: Option<String>,
    /// Base64 of 16, 24 or 32 bytes.
    pub key: Option<Spanned<String>>,
    /// Or a text whose SHA-256 is the key.
    pub sha256_of: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DekConfig {
    pub provider: Option<String>,
    /// Hex SHA-256 of the encrypted DEK that it belongs to; without it the DEK is tried on every value.
    pub encrypted_sha256: Option<String>,
    /// Base64 of the DEK or seed.
    pub key: Spanned<String>,
}

/// YAML or JSON: every JSON text is YAML.
pub(super) fn parse<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, ConfigError> {
    serde_saphyr::from_str(text).map_err(|error| ConfigError::Syntax(syntax::reason(text, &error)))
}

impl Config {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = parse(text)?;
        match config.kind.as_str() {
            "EncryptionConfiguration" | "EncryptionConfig" => Ok(config),
            _ => Err(ConfigError::Kind),
        }
    }
}
