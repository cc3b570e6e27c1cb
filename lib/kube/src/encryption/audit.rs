//! The rotation audit: how many values of each resource are closed by which key, and how many are not.

use std::collections::{BTreeMap, BTreeSet};

use super::seal::{Provider, Seal};

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Registry path of the resource.
    pub resource: String,
    /// Who closed the values; `None`: plaintext.
    pub provider: Option<Provider>,
    /// The key's name, or the KMS provider's; empty for plaintext.
    pub key: String,
    /// The KMS plugin's key id, if the values have one.
    pub key_id: Option<String>,
    /// SHA-256 of the encrypted DEK or seed, for KMS values that have one.
    pub dek_sha256: Option<[u8; 32]>,
    /// How many values.
    pub values: u64,
    /// How many of them the keys at hand open; `None`: none was tried.
    pub opened: Option<u64>,
    /// Smallest and largest modification revision among them.
    pub revisions: (i64, i64),
}

type Closer = (Option<Provider>, String, Option<String>, Option<[u8; 32]>);

#[derive(Clone, Debug)]
struct Sum {
    values: u64,
    opened: Option<u64>,
    revisions: (i64, i64),
}

/// Counts values per resource and key.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    rows: BTreeMap<(String, Closer), Sum>,
}

impl Audit {
    /// Counts one value of `resource`, last modified at `revision`; `opens`: whether the keys at hand open it.
    pub fn add(&mut self, resource: &str, value: &[u8], revision: i64, opens: Option<bool>) {
        let closer = match Seal::parse(value) {
            None => (None, String::new(), None, None),
            Some(seal) => {
                // v1 has a DEK a value: grouping by it would say nothing. `TransformToStorage` in apiserver
                // `pkg/storage/value/encrypt/envelope/envelope.go`, v0.34.0, makes one each time.
                let envelope = seal.envelope().filter(|_| seal.provider == Provider::KmsV2);
                let key_id = envelope
                    .as_ref()
                    .and_then(|envelope| envelope.key_id)
                    .map(str::to_owned);
                (
                    Some(seal.provider),
                    seal.name().into_owned(),
                    key_id,
                    envelope.map(|envelope| envelope.dek_sha256()),
                )
            }
        };
        let sum = self
            .rows
            .entry((resource.to_owned(), closer))
            .or_insert(Sum {
                values: 0,
                opened: opens.map(|_| 0),
                revisions: (revision, revision),
            });
        sum.values = sum.values.saturating_add(1);
        if let Some(opens) = opens {
            sum.opened = Some(sum.opened.unwrap_or(0).saturating_add(u64::from(opens)));
        }
        sum.revisions = (sum.revisions.0.min(revision), sum.revisions.1.max(revision));
    }

    /// The rows of resources that have at least one closed value, by resource; plaintext first.
    pub fn rows(&self) -> impl Iterator<Item = AuditRow> {
        let closed: BTreeSet<&str> = self
            .rows
            .keys()
            .filter(|(_, closer)| closer.0.is_some())
            .map(|(resource, _)| resource.as_str())
            .collect();
        self.rows
            .iter()
            .filter(move |((resource, _), _)| closed.contains(resource.as_str()))
            .map(|((resource, closer), sum)| AuditRow {
                resource: resource.clone(),
                provider: closer.0,
                key: closer.1.clone(),
                key_id: closer.2.clone(),
                dek_sha256: closer.3,
                values: sum.values,
                opened: sum.opened,
                revisions: sum.revisions,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_left_beside_closed_values_is_counted_and_untouched_resources_are_not_listed() {
        let mut audit = Audit::default();
        audit.add("secrets", b"k8s\0old", 5, None);
        audit.add("secrets", b"k8s:enc:aescbc:v1:key1:x", 7, Some(true));
        audit.add("secrets", b"k8s:enc:aescbc:v1:key1:y", 9, Some(false));
        audit.add("pods", b"k8s\0pod", 8, None);
        let rows: Vec<_> = audit
            .rows()
            .map(|row| (row.resource, row.key, row.values, row.revisions))
            .collect();
        assert_eq!(
            rows,
            [
                ("secrets".into(), String::new(), 1, (5, 5)),
                ("secrets".into(), "key1".into(), 2, (7, 9))
            ]
        );
    }
}
