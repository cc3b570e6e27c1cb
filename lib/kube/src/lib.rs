//! Decodes what kube-apiserver stores in etcd: keys, envelopes, every kind of 1.8 to 1.37, encryption, kubectl's tables.
//!
//! [`Value::parse`] recognises the encoding, [`Value::object`] gives an [`Object`], which becomes JSON, YAML, anything else
//! that serde writes, or a typed object. [`key::Layout`] takes keys apart, [`encryption::Keyring`] opens encrypted values,
//! [`table::Table`] prints what `kubectl get` prints, [`mask::Mask`] hides secrets.
//!
//! Decodes one stored value to JSON:
//!
//! ```
//! use etcd_inspect_kube::{Options, Value};
//!
//! let stored = b"k8s\0\n\x0f\n\x02v1\x12\tNamespace\x12\x0a\n\x08\n\x04shopB\0\x1a\0\"\0";
//! let options = Options { resource_version: Some(7), ..Options::default() };
//! let json = Value::parse(stored)?.object(options)?.to_json()?;
//! assert_eq!(json["kind"], "Namespace");
//! assert_eq!(json["metadata"]["name"], "shop");
//! assert_eq!(json["metadata"]["resourceVersion"], "7");
//! # Ok::<(), etcd_inspect_kube::Error>(())
//! ```
//!
//! Prints pods as `kubectl get pods` does:
//!
//! ```
//! use etcd_inspect_kube::{key::Layout, table::Table};
//!
//! let key = Layout::default();
//! let key = key.parse(b"/registry/pods/shop/web-1").expect("a key of Kubernetes");
//! assert_eq!((key.plural, key.namespace, key.name), ("pods", Some("shop"), "web-1"));
//!
//! let pod = serde_json::json!({
//!     "apiVersion": "v1", "kind": "Pod",
//!     "metadata": {"name": "web-1", "namespace": "shop", "creationTimestamp": "2026-11-21T00:00:00Z"},
//!     "spec": {"containers": [{"name": "web"}]},
//!     "status": {"phase": "Running", "containerStatuses": [{"name": "web", "ready": true, "restartCount": 0, "state": {"running": {}}}]},
//! });
//! let table = Table::of_kind("", "Pod");
//! let now = "2026-11-21T02:00:00Z".parse().expect("a time");
//! assert_eq!(table.headings(false).collect::<Vec<_>>(), ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]);
//! assert_eq!(table.row(&pod, now, false), ["web-1", "1/1", "Running", "0", "120m"]);
//! ```
//!
//! Features, all on by default: `encryption` opens values that are encrypted at rest, `certificates` reads the X.509
//! certificates inside of objects, `typed` brings the types of k8s-openapi.
//!
//! Rules of Kubernetes are cited with the path of their Go file below `staging/src/k8s.io/` of the Kubernetes repository.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "a test may stop at the first surprise"
    )
)]

pub mod apply;
pub mod blame;
mod cbor;
#[cfg(feature = "certificates")]
pub mod certs;
pub mod changed;
pub mod columns;
pub mod crd;
mod decode;
pub mod describe;
pub mod described;
pub mod encryption;
mod envelope;
pub mod field_labels;
mod flat;
mod go_text;
pub mod gotemplate;
pub mod helm;
pub mod jsonpath;
pub mod key;
pub mod mask;
pub mod measured;
pub mod noise;
pub mod nouns;
mod object;
mod parts;
mod read_defaults;
pub mod resources;
pub mod schema;
pub mod secret_kinds;
pub mod selector;
pub mod table;
pub mod written;
pub mod yaml;

pub use decode::fault::VALUE_MEMORY;
pub use decode::line::WriteValue;
pub use envelope::{Unknown, Value, is_stored_by_kubernetes};
pub use flat::{Flat, FlatValue};
pub use located::{Error, FileName, Limits, Place};
pub use object::{MAX_VALUE_DEPTH, Object, Options};
pub use parts::ObjectParts;
pub use read_defaults::{has_read_defaults, set_read_defaults};
