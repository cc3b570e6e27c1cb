//! AES-GCM: nonce of 12 bytes, ciphertext, tag of 16. The etcd key is authenticated with it, so a value copied to another
//! key does not open.

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::{Aes128, Aes192, Aes256};

use super::Decrypted;

const NONCE: usize = 12;

/// Decrypts and authenticates; `context` is the full etcd key, prefix included.
pub(super) fn open(key: &[u8], data: &[u8], context: &[u8]) -> Decrypted {
    let (nonce, ciphertext) = data
        .split_first_chunk::<NONCE>()
        .ok_or("shorter than its nonce")?;
    // `gcm.TransformFromStorage` in apiserver `pkg/storage/value/encrypt/aes/aes.go`, v0.34.0.
    let mut text = ciphertext.to_vec();
    macro_rules! decrypt {
        ($aes:ty) => {
            AesGcm::<$aes, U12>::new_from_slice(key)
                .map_err(|_| "bad key length")?
                .decrypt_in_place(nonce.into(), context, &mut text)
        };
    }
    let opened = match key.len() {
        16 => decrypt!(Aes128),
        24 => decrypt!(Aes192),
        32 => decrypt!(Aes256),
        _ => return Err("bad key length"),
    };
    opened
        .map_err(|_| "authentication failed: wrong key, damaged, or moved from another etcd key")?;
    Ok(text)
}

#[cfg(test)]
pub(super) fn close(key: &[u8; 32], nonce: [u8; NONCE], text: &[u8], context: &[u8]) -> Vec<u8> {
    let mut data = text.to_vec();
    let cipher = AesGcm::<Aes256, U12>::new(key.into());
    cipher
        .encrypt_in_place((&nonce).into(), context, &mut data)
        .unwrap();
    [&nonce[..], &data].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_etcd_key_opens() {
        let data = close(&[1; 32], [2; 12], b"{}", b"/registry/secrets/a/b");
        assert_eq!(
            open(&[1; 32], &data, b"/registry/secrets/a/b").unwrap(),
            b"{}"
        );
        assert!(open(&[1; 32], &data, b"/registry/secrets/a/c").is_err());
        assert!(open(&[3; 32], &data, b"/registry/secrets/a/b").is_err());
        assert!(open(&[1; 32], &data[..20], b"/registry/secrets/a/b").is_err());
    }

    // NIST GCM test case 2: key 0, nonce 0, text of 16 zeros.
    #[test]
    fn the_published_vector_opens() {
        let mut data = vec![0; 12];
        data.extend([
            0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92, 0xf3, 0x28, 0xc2, 0xb9, 0x71, 0xb2,
            0xfe, 0x78,
        ]);
        data.extend([
            0xab, 0x6e, 0x47, 0xd4, 0x2c, 0xec, 0x13, 0xbd, 0xf5, 0x3a, 0x67, 0xb2, 0x12, 0x57,
            0xbd, 0xdf,
        ]);
        assert_eq!(open(&[0; 16], &data, b"").unwrap(), [0; 16]);
    }
}
