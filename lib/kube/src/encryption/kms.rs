//! What a KMS provider stores with a value, and opening it once its DEK or seed is known.

#[cfg(feature = "encryption")]
use hkdf::Hkdf;
use located::wire::{Fields, Value};
use sha2::{Digest, Sha256};

#[cfg(feature = "encryption")]
use super::{Decrypted, aescbc, aesgcm};

/// The parts of a KMS value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'v> {
    /// The plugin's id of its key-encryption key (v2 only).
    pub key_id: Option<&'v str>,
    /// The DEK or seed, encrypted by the plugin.
    pub encrypted_dek: &'v [u8],
    /// The plugin's annotations, in stored order (v2 only).
    pub annotations: Vec<(&'v str, &'v [u8])>,
    /// Whether the decrypted DEK source is a seed from which each value's key is derived (v2 from 1.28).
    pub seed: bool,
    data: &'v [u8],
    v1: bool,
}

impl<'v> Envelope<'v> {
    /// v1: big-endian u16 length, encrypted DEK, body (`envelopeTransformer.TransformFromStorage` in apiserver
    /// `pkg/storage/value/encrypt/envelope/envelope.go`, v0.34.0).
    pub(super) fn v1(payload: &'v [u8]) -> Option<Self> {
        let (len, rest) = payload.split_first_chunk::<2>()?;
        let (encrypted_dek, data) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
        Some(Self {
            key_id: None,
            encrypted_dek,
            annotations: Vec::new(),
            seed: false,
            data,
            v1: true,
        })
    }

    /// v2: protobuf `EncryptedObject` (`doDecode` in apiserver `pkg/storage/value/encrypt/envelope/kmsv2/envelope.go`, v0.34.0).
    pub(super) fn v2(payload: &'v [u8]) -> Option<Self> {
        let mut envelope = Self {
            key_id: None,
            encrypted_dek: b"",
            annotations: Vec::new(),
            seed: false,
            data: b"",
            v1: false,
        };
        for field in Fields::new(payload) {
            let field = field.ok()?;
            match (field.number, field.value) {
                (1, Value::Bytes(bytes)) => envelope.data = bytes,
                (2, Value::Bytes(bytes)) => {
                    envelope.key_id = Some(std::str::from_utf8(bytes).ok()?)
                }
                (3, Value::Bytes(bytes)) => envelope.encrypted_dek = bytes,
                (4, Value::Bytes(bytes)) => envelope.annotations.push(entry(bytes)?),
                (5, Value::Varint(kind)) => envelope.seed = kind == 1,
                _ => {}
            }
        }
        Some(envelope)
    }

    /// The ciphertext.
    pub(super) fn data(&self) -> &'v [u8] {
        self.data
    }

    /// SHA-256 of the encrypted DEK: values that share it share a DEK or seed.
    pub fn dek_sha256(&self) -> [u8; 32] {
        Sha256::digest(self.encrypted_dek).into()
    }

    /// Opens with the decrypted DEK or seed; `context` is the full etcd key.
    #[cfg(feature = "encryption")]
    pub(super) fn open(&self, dek: &[u8], context: &[u8]) -> Decrypted {
        if self.v1 {
            // Up to 1.24 kube-apiserver wrote CBC; its reader still tries both in this order.
            return aesgcm::open(dek, self.data, context)
                .or_else(|gcm| aescbc::open(dek, self.data).map_err(|_| gcm));
        }
        if !self.seed {
            return aesgcm::open(dek, self.data, context);
        }
        // `extendedNonceGCM.TransformFromStorage` and `sha256KDFExpandOnly` in apiserver
        // `pkg/storage/value/encrypt/aes/aes_extended_nonce.go`, v0.34.0.
        let (info, data) = self
            .data
            .split_first_chunk::<32>()
            .ok_or("shorter than its key derivation info")?;
        let mut key = [0; 32];
        Hkdf::<Sha256>::from_prk(dek)
            .map_err(|_| "a seed has at least 32 bytes")?
            .expand(info, &mut key)
            .map_err(|_| "key derivation failed")?;
        aesgcm::open(&key, data, context)
    }
}

/// Parses an entry of a protobuf map: key and value.
fn entry(message: &[u8]) -> Option<(&str, &[u8])> {
    let (mut key, mut value) = ("", &b""[..]);
    for field in Fields::new(message) {
        let field = field.ok()?;
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => key = std::str::from_utf8(bytes).ok()?,
            (2, Value::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Some((key, value))
}

#[cfg(all(test, feature = "encryption"))]
mod tests {
    use super::*;

    fn put(number: u8, bytes: &[u8]) -> Vec<u8> {
        [
            &[number << 3 | 2, u8::try_from(bytes.len()).unwrap()],
            bytes,
        ]
        .concat()
    }

    #[test]
    fn a_seeded_v2_value_is_described_and_opens_with_its_seed() {
        let (seed, info, context) = ([5; 32], [6; 32], b"/registry/secrets/a/b");
        let mut key = [0; 32];
        Hkdf::<Sha256>::from_prk(&seed)
            .unwrap()
            .expand(&info, &mut key)
            .unwrap();
        let data = [&info[..], &aesgcm::close(&key, [1; 12], b"{}", context)].concat();
        let annotation = [put(1, b"plugin.example.com/x"), put(2, b"y")].concat();
        let payload = [
            put(1, &data),
            put(2, b"kek-7"),
            put(3, b"wrapped"),
            put(4, &annotation),
            vec![5 << 3, 1],
        ]
        .concat();
        let envelope = Envelope::v2(&payload).unwrap();
        assert_eq!(
            (envelope.key_id, envelope.encrypted_dek, envelope.seed),
            (Some("kek-7"), &b"wrapped"[..], true)
        );
        assert_eq!(envelope.annotations, [("plugin.example.com/x", &b"y"[..])]);
        assert_eq!(envelope.open(&seed, context).unwrap(), b"{}");
        assert!(envelope.open(&[4; 32], context).is_err());
        for end in 0..payload.len() {
            let _ = Envelope::v2(&payload[..end]).map(|envelope| envelope.open(&seed, context));
        }
    }

    #[test]
    fn a_v1_value_opens_with_its_dek() {
        let body = aesgcm::close(&[3; 32], [1; 12], b"{}", b"k");
        let payload = [&[0, 3][..], b"DEK", &body].concat();
        let envelope = Envelope::v1(&payload).unwrap();
        assert_eq!(envelope.encrypted_dek, b"DEK");
        assert_eq!(envelope.open(&[3; 32], b"k").unwrap(), b"{}");
        assert_eq!(Envelope::v1(&[0, 9, 1]), None);
    }
}
