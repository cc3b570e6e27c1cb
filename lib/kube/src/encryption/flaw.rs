//! Why the bytes of a closed value are none that its provider writes: no key is needed to see that it was cut.

use std::fmt;

use super::kms::Envelope;
use super::seal::Provider;

/// Shortest ciphertext of AES-CBC: the initialization vector and one block
/// (`cbc.TransformToStorage` in apiserver `pkg/storage/value/encrypt/aes/aes.go`, v0.34.0).
const CBC: usize = 32;
/// Nonce and tag of AES-GCM.
const GCM: usize = 28;
/// Nonce and tag of secretbox.
const SECRETBOX: usize = 40;
/// Key derivation info, nonce and tag of a value whose key is derived from a seed.
const SEEDED: usize = 32 + GCM;

/// What is wrong with the bytes of a closed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SealFlaw {
    /// It ends before the ciphertext begins: within the provider's prefix or the key's name.
    Prefix,
    /// The ciphertext is shorter than any that the provider writes.
    Short {
        /// Bytes that are there.
        len: usize,
        /// Bytes of the shortest.
        least: usize,
    },
    /// The ciphertext is not a whole number of AES blocks.
    Blocks {
        /// Bytes that are there.
        len: usize,
    },
    /// What a KMS provider stores with the ciphertext breaks or is not complete.
    Envelope,
}

impl fmt::Display for SealFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => f.write_str("it ends before its ciphertext begins"),
            Self::Short { len, least } => {
                let bytes = if *len == 1 { "byte" } else { "bytes" };
                write!(
                    f,
                    "its ciphertext has {len} {bytes}, the shortest possible one {least}"
                )
            }
            Self::Blocks { len } => write!(
                f,
                "its ciphertext has {len} bytes, which is not a multiple of 16"
            ),
            Self::Envelope => f.write_str(
                "its KMS envelope (encrypted DEK and ciphertext) breaks or is not complete",
            ),
        }
    }
}

/// Returns what is wrong with the bytes that follow the key's name.
pub(super) fn of_payload(provider: Provider, payload: &[u8]) -> Option<SealFlaw> {
    let len = payload.len();
    let at_least = |least| (len < least).then_some(SealFlaw::Short { len, least });
    match provider {
        Provider::Aescbc if len >= CBC && !len.is_multiple_of(16) => Some(SealFlaw::Blocks { len }),
        Provider::Aescbc => at_least(CBC),
        Provider::Aesgcm => at_least(GCM),
        Provider::Secretbox => at_least(SECRETBOX),
        Provider::KmsV1 => match Envelope::v1(payload) {
            // Up to 1.24 the ciphertext was AES-CBC, which is longer than GCM's.
            Some(envelope) => of_data(&envelope, GCM),
            None => Some(SealFlaw::Envelope),
        },
        Provider::KmsV2 => match Envelope::v2(payload) {
            // `validateEncryptedObject` in apiserver `pkg/storage/value/encrypt/envelope/kmsv2/envelope.go`, v0.34.0.
            Some(envelope) if envelope.key_id.is_none_or(str::is_empty) => Some(SealFlaw::Envelope),
            Some(envelope) => of_data(&envelope, if envelope.seed { SEEDED } else { GCM }),
            None => Some(SealFlaw::Envelope),
        },
        Provider::Unknown => None,
    }
}

fn of_data(envelope: &Envelope<'_>, least: usize) -> Option<SealFlaw> {
    let len = envelope.data().len();
    match envelope.encrypted_dek {
        [] => Some(SealFlaw::Envelope),
        _ => (len < least).then_some(SealFlaw::Short { len, least }),
    }
}

#[cfg(test)]
mod tests {
    use crate::encryption::{Seal, SealFlaw};

    fn flaw(prefix: &str, payload: &[u8]) -> Option<SealFlaw> {
        let value = [prefix.as_bytes(), payload].concat();
        Seal::parse(&value).unwrap().flaw()
    }

    /// A field of protobuf with bytes in it.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let len = u8::try_from(bytes.len()).unwrap();
        [&[number << 3 | 2, len], bytes].concat()
    }

    #[test]
    fn every_provider_has_a_shortest_ciphertext() {
        for (prefix, least) in [("aescbc", 32), ("aesgcm", 28), ("secretbox", 40)] {
            let prefix = format!("k8s:enc:{prefix}:v1:k:");
            let cut = flaw(&prefix, &vec![1; least - 1]);
            let len = least - 1;
            assert_eq!(cut, Some(SealFlaw::Short { len, least }), "{prefix}");
            assert_eq!(flaw(&prefix, &vec![1; least]), None, "{prefix}");
        }
        let odd = flaw("k8s:enc:aescbc:v1:k:", &[1; 33]);
        assert_eq!(odd, Some(SealFlaw::Blocks { len: 33 }));
    }

    #[test]
    fn a_value_cut_within_its_prefix_or_name_is_cut_whoever_wrote_it() {
        let whole = b"k8s:enc:secretbox:v1:key1:";
        for end in b"k8s:enc:".len()..whole.len() {
            let seal = Seal::parse(&whole[..end]).unwrap();
            assert_eq!(seal.flaw(), Some(SealFlaw::Prefix), "{end}");
        }
        assert_eq!(
            flaw("k8s:enc:secretbox:v1:key1:", b""),
            Some(SealFlaw::Short { len: 0, least: 40 })
        );
        // A provider of a later release may write anything.
        assert_eq!(flaw("k8s:enc:new:v1:k:", b"x"), None);
    }

    #[test]
    fn a_kms_envelope_that_does_not_hold_what_it_claims_was_cut() {
        let v1 = [&[0, 3][..], b"DEK", &[7; 28]].concat();
        assert_eq!(flaw("k8s:enc:kms:v1:p:", &v1), None);
        // A name of v1 may contain colons.
        assert_eq!(flaw("k8s:enc:kms:v1:https://vault:8200:", &v1), None);
        for end in 0..v1.len() {
            assert!(flaw("k8s:enc:kms:v1:p:", &v1[..end]).is_some(), "{end}");
        }
        let v2 = [
            field(1, &[7; 60]),
            field(2, b"kek-7"),
            field(3, b"wrapped"),
            vec![5 << 3, 1],
        ]
        .concat();
        assert_eq!(flaw("k8s:enc:kms:v2:p:", &v2), None);
        // The last field is the kind of the DEK: what is left without it is whole.
        for end in (0..v2.len() - 2).chain([v2.len() - 1]) {
            assert!(flaw("k8s:enc:kms:v2:p:", &v2[..end]).is_some(), "{end}");
        }
    }
}
