//! The prefix of a closed value.

use std::borrow::Cow;
use std::fmt;

use super::flaw::{self, SealFlaw};
use super::kms::Envelope;

/// What every closed value begins with.
const ENCRYPTED: &str = "k8s:enc:";

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
    /// Name of the key, or of the KMS provider. It may contain colons, as those of k3s and RKE2 do
    /// (`aescbckey-2021-12-10T22:54:38Z`), so with a configuration at hand its names are compared instead. Only KMS v2 refuses them: `validateKMSConfigName` in apiserver
    /// `pkg/apis/apiserver/validation/validation_encryption.go`, v0.34.0.
    pub name: &'v [u8],
    /// What follows the provider's prefix, name included.
    pub(super) tail: &'v [u8],
    /// What follows the name.
    payload: &'v [u8],
    /// Whether a colon ends the name.
    is_named: bool,
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
        let after = value.strip_prefix(ENCRYPTED.as_bytes())?;
        let known = Provider::ALL.iter().find_map(|(provider, prefix)| {
            Some((*provider, value.strip_prefix(prefix.as_bytes())?))
        });
        let (provider, tail) = known.unwrap_or((Provider::Unknown, after));
        // Without a colon there is no name: the value was cut, or another program wrote it.
        let colon = name_len(provider, tail);
        let (name, payload) = match colon {
            Some(colon) => (tail.get(..colon)?, tail.get(colon + 1..)?),
            None => (b"".as_slice(), tail),
        };
        Some(Self {
            provider,
            name,
            tail,
            payload,
            is_named: colon.is_some(),
        })
    }

    /// Why the bytes are none that the provider writes: the value was cut. `None`: nothing is seen without the key.
    pub fn flaw(&self) -> Option<SealFlaw> {
        let is_begun = match self.provider {
            // Too short to tell the provider.
            Provider::Unknown => Provider::ALL.iter().any(|(_, prefix)| {
                let after = prefix.strip_prefix(ENCRYPTED).unwrap_or_default();
                after.as_bytes().starts_with(self.tail)
            }),
            _ => !self.is_named,
        };
        if is_begun {
            return Some(SealFlaw::Prefix);
        }
        flaw::of_payload(self.provider, self.payload)
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

/// The length of the key's name: up to a colon. Of several colons before the ciphertext the right one is that after a time,
/// which k3s and RKE2 append; else the one after which AES-CBC has whole blocks, or KMS v1 a whole envelope; else the first.
fn name_len(provider: Provider, tail: &[u8]) -> Option<usize> {
    let readable = tail
        .iter()
        .take_while(|byte| byte.is_ascii_graphic())
        .count();
    let colons: Vec<usize> = memchr::memchr_iter(b':', tail.get(..readable)?).collect();
    let is_whole = |colon: &&usize| {
        matches!(provider, Provider::Aescbc | Provider::KmsV1)
            && (tail.get(**colon + 1..))
                .is_some_and(|payload| flaw::of_payload(provider, payload).is_none())
    };
    let after_time = |colon: &&usize| tail.get(..**colon).is_some_and(ends_with_time);
    let found = colons
        .iter()
        .find(after_time)
        .or_else(|| colons.iter().find(is_whole));
    found.or(colons.first()).copied()
}

/// Whether a name ends with `T22:54:38Z`.
fn ends_with_time(name: &[u8]) -> bool {
    let form = b"T00:00:00Z";
    let end = name
        .len()
        .checked_sub(form.len())
        .and_then(|at| name.get(at..));
    end.is_some_and(|end| {
        end.iter().zip(form).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        })
    })
}

/// `aescbc key1`.
impl fmt::Display for Seal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.provider, self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_contain_colons() {
        let value = |name: &str, len: usize| {
            [
                format!("k8s:enc:aescbc:v1:{name}:").as_bytes(),
                &vec![b'\x01'; len],
            ]
            .concat()
        };
        for (name, len) in [
            ("key1", 32),
            ("aescbckey-2021-12-10T22:54:38Z", 48),
            ("a:b", 64),
            ("aescbckey-2021-12-10T22:54:38Z", 3),
        ] {
            let value = value(name, len);
            let seal = Seal::parse(&value).unwrap();
            assert_eq!(seal.name(), name);
            assert_eq!(seal.flaw().is_none(), len >= 32, "{name}");
        }
    }
}
