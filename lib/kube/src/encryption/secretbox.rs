//! NaCl's secretbox, XSalsa20-Poly1305: nonce of 24 bytes, tag of 16, ciphertext.

use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit, StreamCipher};

use super::Decrypted;

const NONCE: usize = 24;
const TAG: usize = 16;
const KEY: usize = 32;

/// Authenticates, then decrypts. The first 32 bytes of key stream are the Poly1305 key, the text begins after them.
pub(super) fn open(key: &[u8], data: &[u8]) -> Decrypted {
    let (nonce, rest) = data
        .split_first_chunk::<NONCE>()
        .ok_or("shorter than its nonce")?;
    let (tag, ciphertext) = rest
        .split_first_chunk::<TAG>()
        .ok_or("shorter than its tag")?;
    let key: &[u8; KEY] = key.try_into().map_err(|_| "bad key length")?;
    // `secretboxTransformer.TransformFromStorage` in apiserver `pkg/storage/value/encrypt/secretbox/secretbox.go`, v0.34.0.
    let mut stream = XSalsa20::new(key.into(), nonce.into());
    let mut mac_key = [0; KEY];
    stream.apply_keystream(&mut mac_key);
    let computed = Poly1305::new((&mac_key).into()).compute_unpadded(ciphertext);
    if computed.as_slice() != tag {
        return Err("authentication failed: wrong key or damaged");
    }
    let mut text = ciphertext.to_vec();
    stream.apply_keystream(&mut text);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(key: &[u8; 32], nonce: [u8; 24], text: &[u8]) -> Vec<u8> {
        let mut stream = XSalsa20::new(key.into(), (&nonce).into());
        let mut mac_key = [0; KEY];
        stream.apply_keystream(&mut mac_key);
        let mut ciphertext = text.to_vec();
        stream.apply_keystream(&mut ciphertext);
        let tag = Poly1305::new((&mac_key).into()).compute_unpadded(&ciphertext);
        [&nonce[..], tag.as_slice(), &ciphertext].concat()
    }

    #[test]
    fn only_the_right_key_and_an_unchanged_text_open() {
        let mut data = close(&[7; 32], [9; 24], b"{\"a\":1}");
        assert_eq!(open(&[7; 32], &data).unwrap(), b"{\"a\":1}");
        assert!(open(&[8; 32], &data).is_err());
        assert_eq!(open(&[7; 16], &data), Err("bad key length"));
        *data.last_mut().unwrap() ^= 1;
        assert!(open(&[7; 32], &data).is_err());
        assert_eq!(open(&[7; 32], &data[..30]), Err("shorter than its tag"));
    }
}
