//! AES-CBC: IV of 16 bytes, ciphertext, PKCS#7 padding. Nothing authenticates it.

use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};

use super::Decrypted;

const BLOCK: usize = 16;

/// Decrypts, and takes the padding off as kube-apiserver's reader does: any length from 1 to the whole text, all bytes equal.
///
/// One wrong key in 256 gives a text whose last byte is 1. kube-apiserver would hand that on to its decoder, which fails; so
/// the text must also begin like something that it stores.
pub(super) fn open(key: &[u8], data: &[u8]) -> Decrypted {
    let (iv, ciphertext) = data
        .split_first_chunk::<BLOCK>()
        .ok_or("shorter than its IV")?;
    if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK) {
        return Err("not a whole number of blocks");
    }
    let mut text = ciphertext.to_vec();
    macro_rules! decrypt {
        ($aes:ty) => {{
            let mut cipher =
                cbc::Decryptor::<$aes>::new_from_slices(key, iv).map_err(|_| "bad key length")?;
            let (blocks, _) = aes::cipher::Array::slice_as_chunks_mut(&mut text);
            cipher.decrypt_blocks(blocks);
        }};
    }
    match key.len() {
        16 => decrypt!(Aes128),
        24 => decrypt!(Aes192),
        32 => decrypt!(Aes256),
        _ => return Err("bad key length"),
    }
    // `cbc.TransformFromStorage` in apiserver `pkg/storage/value/encrypt/aes/aes.go`, v0.34.0.
    let pad = *text.last().ok_or("empty")?;
    let keep = text
        .len()
        .checked_sub(pad.into())
        .filter(|_| pad != 0)
        .ok_or("padding is wrong")?;
    if text.iter().skip(keep).any(|byte| *byte != pad) {
        return Err("padding is wrong");
    }
    text.truncate(keep);
    let stored = [&b"k8s\0"[..], b"{", b"\xd9\xd9\xf7"];
    if stored.iter().any(|magic| text.starts_with(magic)) {
        Ok(text)
    } else {
        Err("padding fits, but the text is no Kubernetes object")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // openssl enc -aes-256-cbc -K 4242… -iv 2424… on `{"kind":"Secret"}\n`
    fn closed() -> (Vec<u8>, Vec<u8>) {
        use aes::cipher::BlockModeEncrypt;
        let (key, iv) = ([0x42; 32], [0x24; 16]);
        let mut text = b"{\"kind\":\"Secret\"}\n".to_vec();
        text.resize(32, 14);
        let (blocks, _) = aes::cipher::Array::slice_as_chunks_mut(&mut text);
        cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into()).encrypt_blocks(blocks);
        (key.to_vec(), [&iv[..], &text].concat())
    }

    #[test]
    fn the_right_key_opens_and_a_wrong_one_never_does() {
        let (key, data) = closed();
        assert_eq!(open(&key, &data).unwrap(), b"{\"kind\":\"Secret\"}\n");
        for wrong in 0..=255u8 {
            if wrong != 0x42 {
                assert!(open(&[wrong; 32], &data).is_err());
            }
        }
    }

    #[test]
    fn a_cut_text_says_what_is_missing() {
        let (key, data) = closed();
        assert_eq!(open(&key, &data[..10]), Err("shorter than its IV"));
        assert_eq!(open(&key, &data[..16]), Err("not a whole number of blocks"));
        assert_eq!(open(&key, &data[..40]), Err("not a whole number of blocks"));
        assert!(open(&key, &data[..32]).is_err());
    }
}
