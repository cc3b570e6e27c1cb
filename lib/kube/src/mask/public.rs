//! Fields that are named as secrets are, and have none in them by the schema of their kind.

use serde_json::{Map, Value};

/// What is taken out of an object while its secrets are hidden.
pub(super) struct Public(Option<Value>);

impl Public {
    /// The ciphertexts of a SealedSecret: they are made to be public.
    pub(super) fn take(kind: &str, object: &mut Map<String, Value>) -> Self {
        let sealed = (kind == "SealedSecret").then(|| ciphertexts(object));
        let sealed = sealed.flatten().filter(|all| is_sealed(all));
        Self(sealed.map(std::mem::take))
    }

    /// Puts it back.
    pub(super) fn put(self, object: &mut Map<String, Value>) {
        if let (Some(taken), Some(place)) = (self.0, ciphertexts(object)) {
            *place = taken;
        }
    }
}

fn ciphertexts(object: &mut Map<String, Value>) -> Option<&mut Value> {
    object.get_mut("spec")?.get_mut("encryptedData")
}

/// Whether all are what `kubeseal` writes: base64 that begins with the length of an RSA key, and never as short as a password.
fn is_sealed(all: &Value) -> bool {
    const SHORTEST: usize = 200;
    all.as_object().is_some_and(|all| {
        all.values().filter_map(Value::as_str).all(|text| {
            text.starts_with("Ag")
                && text.len() >= SHORTEST
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        })
    })
}

/// Whether `secretKey` of these fields is the name of a key in a Secret: in an ExternalSecret, beside where its value comes from.
pub(super) fn has_reference(fields: &Map<String, Value>) -> bool {
    ["remoteRef", "sourceRef"]
        .iter()
        .any(|source| fields.get(*source).is_some_and(Value::is_object))
}
