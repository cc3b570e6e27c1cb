//! The prefix of a closed value.

use std::borrow::Cow;
use std::fmt;

use super::kms::Envelope;

/// Who closed a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Provider {
    /// AES-CBC with PKCS#7 padding.
    Aescbc,
    /// AES-GCM.
    Aesgcm,
    /// XSalsa20-Poly1305.
    Secretbox,
    /// KMS plugin, protocol v1: a DEK a value.
    KmsV1,
    /// KMS plugin, protocol v2: a DEK or seed for many values.
    KmsV2,
    /// `k8s:enc:` and something that no kube-apiserver up to 1.37 writes.
    Unknown,
}

impl Provider {
    /// The prefixes of apiserver `pkg/server/options/encryptionconfig/config.go`, v0.34.0.
    const ALL: [(Self, &'static str); 5] = [
        (Self::Aescbc, "k8s:enc:aescbc:v1:"),
        (Self::Aesgcm, "k8s:enc:aesgcm:v1:"),
        (Self::Secretbox, "k8s:enc:secretbox:v1:"),
        (Self::KmsV1, "k8s:enc:kms:v1:"),
        (Self::KmsV2, "k8s:enc:kms:v2:"),
    ];
}

/// `aescbc`, as the EncryptionConfiguration spells it; `kms v1`.
impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aescbc => "aescbc",
            Self::Aesgcm => "aesgcm",
            Self::Secretbox => "secretbox",
            Self::KmsV1 => "kms v1",
            Self::KmsV2 => "kms v2",
            Self::Unknown => "unknown",
        })
    }
}

/// The prefix of a closed value, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal<'v> {
    /// Who closed it.
    pub provider: Provider,
    /// Name of the key, or of the KMS provider, up to the next colon. A configured name may contain colons, so with a
    /// configuration at hand its names are compared instead. Only KMS v2 refuses them: `validateKMSConfigName` in apiserver
    /// `pkg/apis/apiserver/validation/validation_encryption.go`, v0.34.0.
    pub name: &'v [u8],
    /// What follows the provider's prefix, name included.
    pub(super) tail: &'v [u8],
    /// What follows the name.
    payload: &'v [u8],
}

impl<'v> Seal<'v> {
    /// The seal of a value; Returns `None` if it is not encrypted.
    ///
    /// ```
    /// use etcd_inspect_kube::encryption::Seal;
    /// let seal = Seal::parse(b"k8s:enc:aescbc:v1:key1:\x01\x02").expect("a closed value");
    /// assert_eq!(seal.to_string(), "aescbc key1");
    /// assert_eq!(Seal::parse(b"k8s\0"), None);
    /// ```
    pub fn parse(value: &'v [u8]) -> Option<Self> {
        let after = value.strip_prefix(b"k8s:enc:")?;
        let known = Provider::ALL.iter().find_map(|(provider, prefix)| {
            Some((*provider, value.strip_prefix(prefix.as_bytes())?))
        });
        let (provider, tail) = known.unwrap_or((Provider::Unknown, after));
        // Without a colon there is no name: the value was cut, or another program wrote it.
        let (name, payload) = match memchr::memchr(b':', tail) {
            Some(colon) => (tail.get(..colon)?, tail.get(colon + 1..)?),
            None => (b"".as_slice(), tail),
        };
        Some(Self {
            provider,
            name,
            tail,
            payload,
        })
    }

    /// The key's name as text.
    pub fn name(&self) -> Cow<'v, str> {
        String::from_utf8_lossy(self.name)
    }

    /// What a KMS value says of its key: id, annotations, the encrypted DEK. `None`: another provider, or damaged.
    pub fn envelope(&self) -> Option<Envelope<'v>> {
        match self.provider {
            Provider::KmsV1 => Envelope::v1(self.payload),
            Provider::KmsV2 => Envelope::v2(self.payload),
            _ => None,
        }
    }
}

/// `aescbc key1`.
impl fmt::Display for Seal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.provider, self.name())
    }
}
