//! Kinds whose objects are secret by nature, also where no table says which of their fields is.

use serde_json::Value;

/// Words of a kind that say what its objects are.
const WORDS: &[&str] = &[
    "Secret",
    "Secrets",
    "Token",
    "Tokens",
    "Credential",
    "Credentials",
    "Password",
    "Passwords",
    "Kubeconfig",
];

/// Ends of a kind of more than one word that say the same.
const ENDS: &[&str] = &[
    "ApiKey",
    "APIKey",
    "AccessKey",
    "PrivateKey",
    "KubeConfig",
    "Passphrase",
];

/// Kinds with such a word that have no secret of their own: they refer to one elsewhere, or it is encrypted in them.
const REFERENCES: &[&str] = &[
    "SealedSecret",
    "ExternalSecret",
    "ClusterExternalSecret",
    "PushSecret",
    "ClusterPushSecret",
    "SecretStore",
    "ClusterSecretStore",
    "SecretProviderClass",
    "SecretProviderClassPodStatus",
    "SecretTransformation",
    "VaultStaticSecret",
    "VaultDynamicSecret",
    "VaultPKISecret",
    "HCPVaultSecretsApp",
    "SecretExport",
    "SecretImport",
    "SecretTemplate",
];

/// Kinds of OpenShift's OAuth server. An OAuthClientAuthorization has no secret.
const OAUTH: &[&str] = &["OAuthClient", "OAuthAccessToken", "OAuthAuthorizeToken"];

/// Returns whether the objects of a kind are secret by nature: Secrets, OAuth clients and tokens, and kinds that are named
/// after secrets, tokens, credentials or passwords. An unknown kind with such a name is hidden rather than shown.
///
/// ```
/// use etcd_inspect_kube::secret_kinds::is_secret_kind;
/// assert!(is_secret_kind("Secret") && is_secret_kind("OAuthClient") && is_secret_kind("VendorToken"));
/// assert!(!is_secret_kind("SealedSecret") && !is_secret_kind("Pod"));
/// ```
pub fn is_secret_kind(kind: &str) -> bool {
    let base = kind.strip_suffix("List").unwrap_or(kind);
    OAUTH.contains(&base)
        || (!REFERENCES.contains(&base)
            && (words(base).any(|word| WORDS.contains(&word))
                || ENDS.iter().any(|end| base.ends_with(end))))
}

/// Returns whether the plural of a custom resource is that of a kind that is secret by nature: `vendortokens`.
pub(crate) fn is_secret_plural(plural: &str) -> bool {
    let plural = plural.to_ascii_lowercase();
    let ends = ["secrets", "tokens", "credentials", "passwords"];
    let singular = plural.strip_suffix('s');
    let is_reference = |kind: &str| singular.is_some_and(|name| name.eq_ignore_ascii_case(kind));
    ends.iter().any(|end| plural.ends_with(end))
        && !REFERENCES.iter().any(|kind| is_reference(kind))
}

/// Returns whether every field of an object of that kind is hidden: its schema does not say which of them are secret. `names`:
/// whether its members have names, and not numbers of fields.
pub(crate) fn is_hidden_whole(api_version: &str, kind: &str, names: bool) -> bool {
    is_secret_kind(kind)
        && match kind {
            "Secret" => api_version.contains('/') || !names,
            kind if OAUTH.contains(&kind) => !names,
            _ => true,
        }
}

/// Returns whether the name of an object of that kind is its token: OpenShift before 4.6.
pub(crate) fn is_named_after_token(kind: &str, name: &str) -> bool {
    matches!(kind, "OAuthAccessToken" | "OAuthAuthorizeToken") && !name.starts_with("sha256~")
}

/// Returns whether a member of an object has the number of a field instead of a name.
pub fn has_numbers(object: &Value) -> bool {
    let is_number =
        |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    object
        .as_object()
        .is_some_and(|fields| fields.keys().any(is_number))
}

/// `VendorToken` is `Vendor` and `Token`; `OAuthTOKEN` has no boundary that can be relied on.
fn words(kind: &str) -> impl Iterator<Item = &str> {
    let mut starts: Vec<usize> = kind
        .char_indices()
        .filter(|(at, letter)| *at > 0 && letter.is_ascii_uppercase())
        .map(|(at, _)| at)
        .collect();
    starts.push(kind.len());
    let mut from = 0;
    starts.into_iter().filter_map(move |to| {
        let word = kind.get(from..to);
        from = to;
        word
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_named_after_secrets_are_secret_and_those_that_refer_to_them_are_not() {
        for kind in [
            "Secret",
            "SecretList",
            "MySecret",
            "OAuthAccessToken",
            "APIToken",
            "BasicCredentials",
            "SecretThing",
            "VendorApiKey",
            "KubeConfig",
        ] {
            assert!(is_secret_kind(kind), "{kind}");
        }
        for kind in [
            "",
            "Pod",
            "ExternalSecret",
            "Secretary",
            "OAuthClientAuthorization",
            "Tokenizer",
        ] {
            assert!(!is_secret_kind(kind), "{kind}");
        }
    }

    #[test]
    fn only_the_core_secret_with_names_is_hidden_by_field() {
        assert!(!is_hidden_whole("v1", "Secret", true));
        assert!(is_hidden_whole("v1", "Secret", false));
        assert!(is_hidden_whole("vendor.io/v1", "Secret", true));
        assert!(is_hidden_whole(
            "oauth.openshift.io/v1",
            "OAuthClient",
            false
        ));
        assert!(!is_hidden_whole(
            "oauth.openshift.io/v1",
            "OAuthClient",
            true
        ));
    }

    #[test]
    fn every_kind_that_is_secret_may_hide_something() {
        for kind in WORDS.iter().chain(ENDS).chain(OAUTH) {
            let stored = format!(r#"{{"kind":"Vendor{kind}","spec":{{"data":"x"}}}}"#);
            assert!(crate::mask::Mask::may_hide(stored.as_bytes()), "{kind}");
        }
    }
}
