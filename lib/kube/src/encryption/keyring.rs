//! Every key at hand, and trying them as kube-apiserver does.

mod load;

use std::fmt;

use super::seal::{Provider, Seal};
use super::{Attempt, Closed, Decrypted, Opened, aescbc, aesgcm, secretbox};
use crate::key::Key;

/// A configured key.
#[derive(Clone)]
struct NamedKey {
    provider: Provider,
    name: String,
    /// Empty for a KMS: the secret is the plugin's.
    secret: Vec<u8>,
}

/// One entry of `resources` in an EncryptionConfiguration.
#[derive(Clone)]
struct ResourceRule {
    resources: Vec<String>,
    keys: Vec<NamedKey>,
}

/// A key-encryption key or a DEK of a KMS.
#[derive(Clone)]
struct KmsKey {
    provider: Option<String>,
    /// SHA-256 of the encrypted DEK it belongs to, if that is known.
    of: Option<[u8; 32]>,
    secret: Vec<u8>,
}

/// Every key at hand: any number of EncryptionConfigurations, and KMS keys.
///
/// ```
/// use etcd_inspect_kube::{encryption::Keyring, key::Layout};
/// let mut keyring = Keyring::default();
/// keyring.add_config(r#"{"kind": "EncryptionConfiguration", "resources": [{"resources": ["secrets"], "providers": [
///     {"aescbc": {"keys": [{"name": "key1", "secret": "QkJCQkJCQkJCQkJCQkJCQg=="}]}}]}]}"#)?;
/// let etcd_key = b"/registry/secrets/shop/web";
/// let closed = keyring.open(etcd_key, Layout::default().parse(etcd_key).as_ref(), b"k8s:enc:aescbc:v1:key1:damaged");
/// assert_eq!(closed.unwrap_err().to_string(),
///     "/registry/secrets/shop/web: encrypted with aescbc key1 and damaged: its ciphertext has 7 bytes, the shortest possible one 32");
/// # Ok::<(), etcd_inspect_kube::encryption::ConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct Keyring {
    /// Newest configuration first.
    configs: Vec<Vec<ResourceRule>>,
    keks: Vec<KmsKey>,
    deks: Vec<KmsKey>,
}

/// Names only: a keyring never prints its secrets.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.configs.iter().flatten().flat_map(|rule| &rule.keys);
        f.debug_list()
            .entries(names.map(|key| format!("{} {}", key.provider, key.name)))
            .finish()
    }
}

impl Keyring {
    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.configs.is_empty() && self.keks.is_empty() && self.deks.is_empty()
    }

    /// Opens a value. Returns `Ok(None)` if it is not encrypted. `key` is the etcd key taken apart, which selects the rule as
    /// kube-apiserver does (the first whose list names the resource); `None` tries the keys of every rule.
    ///
    /// # Errors
    /// [`Closed`] with every key tried.
    pub fn open(
        &self,
        etcd_key: &[u8],
        key: Option<&Key<'_>>,
        value: &[u8],
    ) -> Result<Option<Opened>, Closed> {
        let Some(seal) = Seal::parse(value) else {
            return Ok(None);
        };
        let mut attempts = Attempts::default();
        let mut configured = Vec::new();
        let rules = self.configs.iter().flat_map(|rules| rules_for(rules, key));
        for named in rules.flat_map(|rule| &rule.keys) {
            let label = format!("{} {}", named.provider, named.name);
            if !configured.contains(&label) {
                configured.push(label);
            }
            let Some(result) = named.decrypt(&seal, etcd_key) else {
                continue;
            };
            if let Some(plain) = attempts.record(named.provider, &named.name, result) {
                return Ok(Some(Opened {
                    plain,
                    provider: named.provider,
                    key: named.name.clone(),
                }));
            }
        }
        let name = seal.name();
        for (label, result) in self.open_kms(&seal, &name, etcd_key) {
            if let Some(plain) = attempts.record(seal.provider, &label, result) {
                return Ok(Some(Opened {
                    plain,
                    provider: seal.provider,
                    key: name.into_owned(),
                }));
            }
        }
        Err(Closed {
            object: String::from_utf8_lossy(etcd_key).into_owned(),
            seal: seal.to_string(),
            tried: attempts.0,
            configured,
            flaw: seal.flaw(),
        })
    }

    /// What each KMS key at hand makes of the value.
    fn open_kms(&self, seal: &Seal<'_>, name: &str, etcd_key: &[u8]) -> Vec<(String, Decrypted)> {
        let envelope = seal.envelope();
        if !matches!(seal.provider, Provider::KmsV1 | Provider::KmsV2) {
            return Vec::new();
        }
        let fits = |key: &&KmsKey| {
            key.provider
                .as_deref()
                .is_none_or(|provider| provider == name)
        };
        let keks = self.keks.iter().filter(fits).map(|kek| ("KEK", kek));
        let deks = self.deks.iter().filter(fits).map(|dek| ("DEK", dek));
        let tried = deks
            .chain(keks)
            .enumerate()
            .filter_map(|(at, (kind, key))| {
                let label = format!("{name} {kind} {}", at + 1);
                let Some(envelope) = &envelope else {
                    return Some((label, Err("the KMS envelope is damaged")));
                };
                if kind == "KEK" {
                    // The plugin's own wrapping has no additional data.
                    let dek = aesgcm::open(&key.secret, envelope.encrypted_dek, b"");
                    return Some((
                        label,
                        dek.map_err(|_| "it does not unwrap the DEK")
                            .and_then(|dek| envelope.open(&dek, etcd_key)),
                    ));
                }
                let belongs = key.of.is_none_or(|of| of == envelope.dek_sha256());
                belongs.then(|| (label, envelope.open(&key.secret, etcd_key)))
            });
        tried.collect()
    }
}

/// Every key that was tried and did not fit, each once.
#[derive(Default)]
struct Attempts(Vec<Attempt>);

impl Attempts {
    /// Returns the plaintext; remembers the failure.
    fn record(&mut self, provider: Provider, name: &str, result: Decrypted) -> Option<Vec<u8>> {
        let why = match result {
            Ok(plain) => return Some(plain),
            Err(why) => why,
        };
        let attempt = Attempt {
            key: format!("{provider} {name}"),
            why,
        };
        if !self.0.contains(&attempt) {
            self.0.push(attempt);
        }
        None
    }
}

impl NamedKey {
    /// Decrypts a value that has this key's prefix; `None` if it has another prefix.
    ///
    /// kube-apiserver also selects by prefix, and tries every key of one name in turn
    /// (`prefixTransformers.TransformFromStorage` in apiserver `pkg/storage/value/transformer.go`, v0.34.0).
    fn decrypt(&self, seal: &Seal<'_>, etcd_key: &[u8]) -> Option<Decrypted> {
        if self.provider != seal.provider {
            return None;
        }
        let payload = seal
            .tail
            .strip_prefix(self.name.as_bytes())?
            .strip_prefix(b":")?;
        Some(match self.provider {
            Provider::Aescbc => aescbc::open(&self.secret, payload),
            Provider::Aesgcm => aesgcm::open(&self.secret, payload, etcd_key),
            Provider::Secretbox => secretbox::open(&self.secret, payload),
            _ => return None,
        })
    }
}

/// The rule that kube-apiserver would use: the first that names the resource (`transformerFromOverrides` in apiserver
/// `pkg/server/options/encryptionconfig/config.go`, v0.34.0).
fn rules_for<'r>(rules: &'r [ResourceRule], key: Option<&Key<'_>>) -> &'r [ResourceRule] {
    let Some(key) = key else { return rules };
    let at = rules
        .iter()
        .position(|rule| rule.resources.iter().any(|name| names(name, key)));
    at.and_then(|at| rules.get(at..=at)).unwrap_or_default()
}

/// Whether `secrets`, `leases.coordination.k8s.io`, `*.apps`, `*.` or `*.*` means that resource.
fn names(name: &str, key: &Key<'_>) -> bool {
    let (plural, group) = name.split_once('.').unwrap_or((name, ""));
    let in_group = key
        .builtin
        .map_or(key.group == group, |resource| resource.in_group(group));
    match (plural, group) {
        ("*", "*") => true,
        ("*", _) => in_group,
        _ => plural == key.plural && in_group,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::key::Layout;

    const KEY: &[u8] = b"/registry/secrets/shop/web";

    fn gcm(name: &str, secret: [u8; 32]) -> Vec<u8> {
        [
            format!("k8s:enc:aesgcm:v1:{name}:").as_bytes(),
            &aesgcm::close(&secret, [1; 12], b"{}", KEY),
        ]
        .concat()
    }

    fn config(resource: &str, keys: &[(&str, [u8; 32])]) -> String {
        let keys: Vec<_> = keys
            .iter()
            .map(|(name, secret)| {
                format!(
                    "      - name: {name:?}\n        secret: {}\n",
                    STANDARD.encode(secret)
                )
            })
            .collect();
        format!(
            "apiVersion: v1\nkind: EncryptionConfig\nresources:\n- resources: [{resource:?}]\n  providers:\n  - aesgcm:\n      keys:\n{}  - identity: {{}}\n",
            keys.concat()
        )
    }

    fn open(keyring: &Keyring, value: &[u8]) -> Result<Option<Opened>, Closed> {
        keyring.open(KEY, Layout::default().parse(KEY).as_ref(), value)
    }

    #[test]
    fn the_key_that_fits_is_named_even_with_a_colon_in_its_name() {
        let mut keyring = Keyring::default();
        keyring
            .add_config(&config("secrets", &[("a:b", [1; 32]), ("a", [2; 32])]))
            .unwrap();
        assert_eq!(
            open(&keyring, &gcm("a:b", [1; 32])).unwrap().unwrap().key,
            "a:b"
        );
        assert_eq!(
            open(&keyring, &gcm("a", [2; 32])).unwrap().unwrap().key,
            "a"
        );
        assert_eq!(open(&keyring, b"k8s\0plain").unwrap(), None);
    }

    #[test]
    fn two_keys_of_one_name_are_both_tried_and_a_wrong_key_names_them() {
        let mut keyring = Keyring::default();
        keyring
            .add_config(&config("*.", &[("k", [1; 32]), ("k", [2; 32])]))
            .unwrap();
        assert_eq!(
            open(&keyring, &gcm("k", [2; 32])).unwrap().unwrap().plain,
            b"{}"
        );
        let closed = open(&keyring, &gcm("k", [3; 32])).unwrap_err();
        assert_eq!(closed.object, "/registry/secrets/shop/web");
        assert_eq!(closed.tried[0].key, "aesgcm k");
    }

    #[test]
    fn a_key_for_another_resource_or_name_is_not_tried() {
        let mut keyring = Keyring::default();
        assert!(
            open(&keyring, &gcm("k", [1; 32]))
                .unwrap_err()
                .to_string()
                .ends_with("no key for it was given")
        );
        keyring
            .add_config(&config("configmaps", &[("k", [1; 32])]))
            .unwrap();
        assert!(
            open(&keyring, &gcm("k", [1; 32]))
                .unwrap_err()
                .tried
                .is_empty()
        );
        keyring
            .add_config(&config("secrets", &[("other", [1; 32])]))
            .unwrap();
        let text = open(&keyring, &gcm("k", [1; 32])).unwrap_err().to_string();
        assert!(
            text.ends_with("no such key among those configured for it: aesgcm other"),
            "{text}"
        );
    }

    #[test]
    fn resource_names_match_as_kube_apiserver_matches_them() {
        let layout = Layout::default();
        let lease = layout.parse(b"/registry/leases/a/b").unwrap();
        let widget = layout.parse(b"/registry/example.com/widgets/a/b").unwrap();
        for (name, on_lease, on_widget) in [
            ("leases.coordination.k8s.io", true, false),
            ("leases", false, false),
            ("*.coordination.k8s.io", true, false),
            ("widgets.example.com", false, true),
            ("*.", false, false),
            ("*.*", true, true),
        ] {
            assert_eq!(
                (names(name, &lease), names(name, &widget)),
                (on_lease, on_widget),
                "{name}"
            );
        }
    }

    #[test]
    fn a_kms_value_opens_with_the_kek_of_a_local_plugin() {
        let dek = [4; 32];
        let kek: [u8; 32] = Sha256::digest(b"kmsv2-local-kek").into();
        let wrapped = aesgcm::close(&kek, [2; 12], &dek, b"");
        let body = aesgcm::close(&dek, [1; 12], b"{}", KEY);
        let len = u16::try_from(wrapped.len()).unwrap().to_be_bytes();
        let value = [&b"k8s:enc:kms:v1:local:"[..], &len, &wrapped, &body].concat();
        let mut keyring = Keyring::default();
        keyring
            .add_kms_keys("keks:\n- provider: elsewhere\n  sha256_of: kmsv2-local-kek\n")
            .unwrap();
        assert!(open(&keyring, &value).unwrap_err().tried.is_empty());
        keyring
            .add_kms_keys("keks:\n- sha256_of: kmsv2-local-kek\n")
            .unwrap();
        let opened = open(&keyring, &value).unwrap().unwrap();
        assert_eq!(
            (opened.plain.as_slice(), opened.key.as_str()),
            (&b"{}"[..], "local")
        );
    }

    #[test]
    fn a_kms_file_may_hold_nothing_but_a_key() {
        let body = aesgcm::close(&[4; 32], [1; 12], b"{}", KEY);
        let value = [&b"k8s:enc:kms:v1:local:\0\x01w"[..], &body].concat();
        for file in [
            vec![4; 32],
            format!("{}\n", STANDARD.encode([4; 32])).into_bytes(),
        ] {
            let mut keyring = Keyring::default();
            keyring.add_kms_file(&file).unwrap();
            assert!(open(&keyring, &value).unwrap().is_some());
        }
        assert!(Keyring::default().add_kms_file(b"\xff\xff").is_err());
        assert!(Keyring::default().add_kms_file(b"deks: []").is_ok());
    }

    #[test]
    fn a_file_that_is_no_configuration_is_refused() {
        let mut keyring = Keyring::default();
        for text in ["", "kind: Pod\n", "a: [", "{}"] {
            assert!(keyring.add_config(text).is_err(), "{text}");
        }
        let short = "kind: EncryptionConfiguration\nresources:\n- providers:\n  - secretbox:\n      keys:\n      - {name: k, secret: AAAA}\n";
        assert!(
            keyring
                .add_config(short)
                .unwrap_err()
                .to_string()
                .contains("\"k\"")
        );
    }
}
