//! The keyring of a build without ciphers: always empty.

use super::{Closed, Opened, Seal};
use crate::key::Key;

/// No keys: this build has no ciphers (feature `encryption`). Encrypted values are recognised and stay closed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Keyring {}

impl Keyring {
    /// Always true.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Returns `Ok(None)` if the value is not encrypted.
    ///
    /// # Errors
    /// [`Closed`] without any attempt.
    pub fn open(
        &self,
        etcd_key: &[u8],
        _: Option<&Key<'_>>,
        value: &[u8],
    ) -> Result<Option<Opened>, Closed> {
        match Seal::parse(value) {
            Some(seal) => Err(Closed {
                object: String::from_utf8_lossy(etcd_key).into_owned(),
                seal: seal.to_string(),
                tried: Vec::new(),
                configured: Vec::new(),
                flaw: seal.flaw(),
            }),
            None => Ok(None),
        }
    }
}
