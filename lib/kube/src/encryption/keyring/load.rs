//! Keys from files: EncryptionConfigurations, and the keys of a KMS.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD};
use serde_saphyr::Spanned;
use sha2::{Digest, Sha256};

use super::super::config::{self, Config, ConfigError, KeyConfig, KmsKeysConfig};
use super::super::seal::Provider;
use super::{Keyring, KmsKey, NamedKey, ResourceRule};

impl Keyring {
    /// Adds an EncryptionConfiguration, YAML or JSON, current or legacy kind. Of several the one added last is tried first.
    ///
    /// # Errors
    /// [`ConfigError`] if the text is something else or a secret has the wrong length.
    pub fn add_config(&mut self, text: &str) -> Result<(), ConfigError> {
        let mut rules = Vec::new();
        for entry in Config::parse(text)?.resources {
            let mut keys = Vec::new();
            for provider in entry.providers {
                for (kind, list) in [
                    (Provider::Aescbc, provider.aescbc),
                    (Provider::Aesgcm, provider.aesgcm),
                    (Provider::Secretbox, provider.secretbox),
                ] {
                    for key in list.into_iter().flat_map(|list| list.keys) {
                        keys.push(named(kind, key)?);
                    }
                }
                if let Some(kms) = provider.kms {
                    let kind = if kms.api_version == "v2" {
                        Provider::KmsV2
                    } else {
                        Provider::KmsV1
                    };
                    keys.push(NamedKey {
                        provider: kind,
                        name: kms.name,
                        secret: Vec::new(),
                    });
                }
            }
            rules.push(ResourceRule {
                resources: entry.resources,
                keys,
            });
        }
        self.configs.insert(0, rules);
        Ok(())
    }

    /// Adds the keys of a KMS, YAML or JSON:
    ///
    /// ```yaml
    /// keks:                       # keys of plugins that wrap a DEK with AES-GCM, nonce first
    ///   - provider: local         # optional: only for this KMS provider
    ///     key: <base64>           # 16, 24 or 32 bytes
    ///   - sha256_of: passphrase   # or: the key is the SHA-256 of this text
    /// deks:                       # DEKs (v1, v2 up to 1.27) and seeds (v2), decrypted by the plugin
    ///   - provider: local         # optional
    ///     encrypted_sha256: <hex> # optional: of the encrypted DEK it belongs to, as `meta --encryption` prints it
    ///     key: <base64>
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] if the text is something else.
    pub fn add_kms_keys(&mut self, text: &str) -> Result<(), ConfigError> {
        let file: KmsKeysConfig = config::parse(text)?;
        for kek in file.keks {
            let secret = match (kek.key, kek.sha256_of) {
                (Some(key), None) => secret("kek", &key)?,
                (None, Some(text)) => Sha256::digest(text.as_bytes()).to_vec(),
                (Some(key), Some(_)) => return Err(bad("kek", &key, "has both key and sha256_of")),
                (None, None) => {
                    return Err(ConfigError::Alone(
                        "a kek needs key or sha256_of".to_owned(),
                    ));
                }
            };
            self.keks.push(KmsKey {
                provider: kek.provider,
                of: None,
                secret,
            });
        }
        for dek in file.deks {
            let of = match dek.encrypted_sha256 {
                Some(text) => Some(
                    sha256_hex(&text)
                        .ok_or_else(|| bad("dek", &dek.key, "encrypted_sha256 is 64 hex digits"))?,
                ),
                None => None,
            };
            self.deks.push(KmsKey {
                provider: dek.provider,
                of,
                secret: secret("dek", &dek.key)?,
            });
        }
        Ok(())
    }

    /// Adds the content of a KMS file: the form of [`add_kms_keys`](Self::add_kms_keys), or nothing but one key, as bytes or in
    /// base64, which is then tried as KEK, as DEK and as seed.
    ///
    /// # Errors
    /// As [`add_kms_keys`](Self::add_kms_keys).
    pub fn add_kms_file(&mut self, bytes: &[u8]) -> Result<(), ConfigError> {
        let text = std::str::from_utf8(bytes).map(str::trim).ok();
        let word = text.filter(|text| !text.contains([':', '{', '\n', ' ']));
        let decoded = word.and_then(|word| PADDED_OR_NOT.decode(word).ok());
        let is_key = |bytes: &[u8]| matches!(bytes.len(), 16 | 24 | 32);
        let length = decoded.as_ref().map(Vec::len);
        let alone = decoded.filter(|key| is_key(key)).or_else(|| {
            (is_key(bytes) && text.is_none_or(|text| !text.contains(':'))).then(|| bytes.to_vec())
        });
        if let Some(secret) = alone {
            let key = KmsKey {
                provider: None,
                of: None,
                secret,
            };
            self.keks.push(key.clone());
            self.deks.push(key);
            return Ok(());
        }
        match (text, length) {
            (_, Some(length)) => Err(ConfigError::Alone(format!(
                "one key in base64 of {length} bytes: a key has 16, 24 or 32"
            ))),
            (Some(text), None) if text.contains(':') => self.add_kms_keys(text),
            (Some(text), None) => Err(ConfigError::Alone(format!(
                "{} without a field: neither one key in base64 nor YAML with keks and deks",
                match text.lines().count() {
                    1 => "1 line".to_owned(),
                    lines => format!("{lines} lines"),
                }
            ))),
            (None, None) => Err(ConfigError::Alone(format!(
                "{} bytes that are no text: a key has 16, 24 or 32",
                bytes.len()
            ))),
        }
    }
}

/// Base64 as people copy it, with its padding or without.
const PADDED_OR_NOT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn named(provider: Provider, key: KeyConfig) -> Result<NamedKey, ConfigError> {
    let secret = secret(&key.name, &key.secret)?;
    let fits = match provider {
        Provider::Secretbox => secret.len() == 32,
        _ => matches!(secret.len(), 16 | 24 | 32),
    };
    if !fits {
        return Err(bad(
            &key.name,
            &key.secret,
            &format!(
                "the secret has {} bytes: a secretbox key has 32 bytes, an AES key 16, 24 or 32",
                secret.len()
            ),
        ));
    }
    Ok(NamedKey {
        provider,
        name: key.name,
        secret,
    })
}

fn secret(name: &str, text: &Spanned<String>) -> Result<Vec<u8>, ConfigError> {
    STANDARD
        .decode(text.value.trim())
        .map_err(|_| bad(name, text, "the secret is not standard base64"))
}

fn bad(name: &str, at: &Spanned<String>, why: &str) -> ConfigError {
    ConfigError::Secret {
        name: name.to_owned(),
        line: at.referenced.line(),
        why: why.to_owned(),
    }
}

fn sha256_hex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(out)
}
